//! Plans that nobody knows, rights that are missing, words that are no command.

use crate::program::{Program, run};

#[test]
fn a_plan_that_nobody_knows_is_named() {
    let shop = Program::new();
    let unknown = "error: plan `orders_numbre` has never started in this database\n";
    for round in ["before", "after"] {
        for command in ["revert", "hold", "release", "history"] {
            let said = shop.run(&[command, "orders_numbre"]);
            assert_eq!((said.code, said.error.as_str()), (2, unknown), "{command} {round}: {said:?}");
        }
        let said = shop.run(&["up", "--plan", "orders_numbre", "--to", "switch"]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.error.ends_with("no plan `orders_numbre`\nhelp: its plans are orders_number\n"), "{said:?}");
        let _ = shop.ask(&["up"]);
    }
}

#[test]
fn a_build_that_uses_the_old_columns_does_not_drop_them() {
    let shop = Program::new();
    let said = shop.run(&["up", "--plan", "orders_number", "--to", "contract", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let error = said.json()["error"].to_string();
    assert!(error.contains("cannot advance to contract: this build is at stage dual_write"), "{error}");
}

#[test]
fn a_missing_right_is_named_with_the_way_out() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let role = format!("clerk_{}", shop.database.name().trim_start_matches("migrate_scratch_"));
    shop.sql(&format!("CREATE ROLE {role} LOGIN"));
    let url = shop.database.url_as(&role);
    // Where nothing is to be done, `up` needs no right to see that.
    assert_eq!(run("dual_write", Some(&url), &["up"]).code, 0);
    let commands: [&[&str]; 6] = [
        &["status"],
        &["up", "--plan", "orders_number", "--to", "switch"],
        &["history"],
        &["hold", "orders_number"],
        &["release", "orders_number"],
        &["revert", "orders_number", "--yes"],
    ];
    let said = commands.map(|command| run("dual_write", Some(&url), command));
    shop.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    for said in said {
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.error.contains("42501 permission denied for"), "{said:?}");
        assert!(said.error.ends_with("help: connect as the role that runs the migrations\n"), "{said:?}");
    }
}

#[test]
fn words_that_are_no_order_are_refused() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let said = shop.run(&["up", "--to", "switch"]);
    assert_eq!(said.code, 2, "a phase without a plan: {said:?}");
    let said = shop.run(&["up", "--plan", "orders_number", "--to", "swich"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.error.contains("[possible values: expand, dual_write, switch, contract]"), "{said:?}");
}
