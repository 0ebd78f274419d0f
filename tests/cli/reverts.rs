//! `revert`.

use crate::program::Program;

/// Whether the new column is there.
fn has_number(shop: &Program) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM pg_attribute \
               WHERE attrelid = 'orders'::regclass AND attname = 'number' AND NOT attisdropped)";
    shop.client().query_one(sql, &[]).expect("an answer").get(0)
}

#[test]
fn a_revert_brings_the_old_shape_back_and_holds_it() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let said = shop.run(&["revert", "orders_number", "--why", "too slow"]);
    assert_eq!((said.code, said.out.as_str()), (0, "orders_number: reverted, and held until it is released\n"));
    assert!(!has_number(&shop));
    assert!(shop.run(&["history"]).out.ends_with(": too slow\n"));
    assert_eq!(shop.run(&["up"]).code, 1, "it is held");
    assert_eq!(shop.run(&["release", "orders_number"]).code, 0);
    assert_eq!(shop.run(&["up"]).code, 0);
    assert!(has_number(&shop));
}

#[test]
fn columns_that_may_be_in_use_are_not_dropped_without_a_word() {
    let shop = Program::new();
    let _ = shop.ask(&["up", "--plan", "orders_number", "--to", "switch"]);
    let said = shop.run(&["revert", "orders_number"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error.contains("drops its new columns, and the new side is the one in use"), "{said:?}");
    assert!(has_number(&shop), "nothing was changed");

    let answer = shop.ask(&["revert", "orders_number", "--to", "dual_write"]);
    assert_eq!((&answer["reverted_to"], &answer["held"]), (&"dual_write".into(), &true.into()));
    assert_eq!(shop.ask(&["status"])["plans"][0]["side"], "old");

    let said = shop.at("switch", &["revert", "orders_number"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error.contains("this build is at stage switch"), "{said:?}");
    let said = shop.at("switch", &["revert", "orders_number", "--yes", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["reverted_to"], serde_json::Value::Null);
    assert!(!has_number(&shop));
}

#[test]
fn what_is_dropped_cannot_be_reverted() {
    let shop = Program::new();
    assert_eq!(shop.at("contract", &["up", "--soak", "0"]).code, 0);
    let said = shop.at("contract", &["revert", "orders_number", "--yes"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error.contains("`orders_number` cannot be reverted: it is finished"), "{said:?}");
}

#[test]
fn a_plan_is_not_taken_back_to_where_it_has_not_been() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let _ = shop.ask(&["hold", "orders_number"]);
    let said = shop.run(&["revert", "orders_number", "--to", "switch"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error.ends_with("it has not come to the end of switch, only to that of dual_write\n"), "{said:?}");
    assert!(shop.at("switch", &["status"]).out.contains("holds it at dual_write"), "the hold is as it was");
    let _ = shop.ask(&["revert", "orders_number"]);
    let said = shop.run(&["revert", "orders_number", "--to", "expand"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error.ends_with("its first phase is not done\n"), "{said:?}");
}

#[test]
fn a_reverted_plan_is_held_again() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let _ = shop.ask(&["revert", "orders_number"]);
    let _ = shop.ask(&["release", "orders_number"]);
    let _ = shop.ask(&["revert", "orders_number"]);
    assert_eq!(shop.run(&["up"]).code, 1, "it is held");
    let _ = shop.ask(&["release", "orders_number"]);
    assert_eq!(shop.ask(&["hold", "orders_number"])["held_at"], serde_json::Value::Null);
    assert_eq!(shop.run(&["up"]).code, 1, "it is held");
}

/// The plan is under way in the database, and no plan of the program has its name.
#[test]
fn a_plan_of_another_program_is_reverted_by_name_and_with_a_word() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    shop.sql("UPDATE migrate.plan SET name = 'orders_other'");
    assert_eq!(shop.ask(&["status"])["unknown"], serde_json::json!(["orders_other"]));
    let said = shop.run(&["revert", "orders_other"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error.contains("this program does not know the plan"), "{said:?}");
    assert!(has_number(&shop), "nothing was changed");
}
