//! `status`, `up` and `history`.

use crate::program::Program;

#[test]
fn a_new_database_has_nothing_started_and_stays_untouched() {
    let shop = Program::new();
    let said = shop.run(&["status"]);
    assert_eq!((said.code, said.out.as_str()), (0, "orders_number: not started, side old\n"), "{said:?}");
    let answer = shop.ask(&["status"]);
    assert_eq!(answer["plans"][0]["position"], "not_started");
    assert_eq!(shop.ask(&["history"])["history"], serde_json::json!([]));
    let state = "SELECT to_regnamespace('migrate') IS NULL";
    assert!(shop.client().query_one(state, &[]).expect("an answer").get::<_, bool>(0), "nothing was written");
}

#[test]
fn up_goes_to_the_stage_and_the_history_says_who_and_why() {
    let shop = Program::new();
    let said = shop.run(&["up", "--why", "release 7"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("orders_number: dual_write done, side old\n    done    "), "{said:?}");

    let answer = shop.ask(&["up"]);
    assert_eq!(answer["complete"], true);
    let plan = &answer["plans"][0];
    assert_eq!((&plan["position"], &plan["side"]), (&"dual_write".into(), &"old".into()));
    assert_eq!(plan["done"], serde_json::json!([]), "all was done before");
    assert_eq!(shop.ask(&["status"])["plans"][0]["position"], "dual_write");

    let history = shop.ask(&["history"]);
    let entries = history["history"].as_array().expect("entries");
    assert_eq!(entries[0]["event"], "started");
    for entry in entries {
        assert_eq!((&entry["by"], &entry["why"]), (&"anna".into(), &"release 7".into()), "{entry}");
        assert_eq!(entry["application"], "migrate");
    }
    let statements = entries.iter().filter_map(|entry| entry["statements"].as_array()).flatten();
    let all: Vec<&str> = statements.filter_map(|sql| sql.as_str()).collect();
    assert!(all.iter().any(|sql| sql.contains("ALTER TABLE")), "{all:#?}");

    let said = shop.run(&["history", "orders_number", "--limit", "2"]);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 2, "{said:?}");
    assert!(lines[1].contains("Z  orders_number  done `") && lines[1].ends_with(": release 7"), "{said:?}");
    assert!(lines[0] < lines[1], "the newest is last: {said:?}");
}

#[test]
fn a_closed_gate_exits_with_one_and_shows_its_evidence() {
    let shop = Program::new();
    shop.sql("INSERT INTO orders VALUES (4, 'four')");
    let said = shop.run(&["up"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("closed  1 rows do not convert"), "{said:?}");
    let said = shop.run(&["up", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let answer = said.json();
    assert_eq!(answer["complete"], false);
    let gate = &answer["plans"][0]["closed"][0];
    assert_eq!((&gate["gate"], &gate["evidence"]["count"]), (&"failed_rows".into(), &1.into()), "{gate}");
    assert_eq!(gate["evidence"]["rows"][0]["sqlstate"], "22P02");

    shop.sql("UPDATE orders SET label = '4' WHERE id = 4");
    assert_eq!(shop.run(&["up"]).code, 0);
}

#[test]
fn one_plan_is_carried_to_a_phase() {
    let shop = Program::new();
    let answer = shop.ask(&["up", "--plan", "orders_number", "--to", "expand"]);
    assert_eq!(answer["plans"][0]["position"], "expand");
    let answer = shop.ask(&["up", "--plan", "orders_number", "--to", "switch"]);
    assert_eq!((&answer["plans"][0]["position"], &answer["plans"][0]["side"]), (&"switch".into(), &"new".into()));
}

#[test]
fn contract_waits_for_its_soak() {
    let shop = Program::new();
    assert_eq!(shop.at("switch", &["up"]).code, 0);
    let said = shop.at("contract", &["up", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.json()["plans"][0]["closed"][0]["gate"], "soak");
    let said = shop.at("contract", &["up", "--soak", "0"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("orders_number: finished, side new\n"), "{said:?}");
}

#[test]
fn what_an_operator_types_stays_on_its_line() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let _ = shop.ask(&["hold", "orders_number", "--why", "first\nsecond\u{1b}[2J"]);
    let said = shop.run(&["history", "--limit", "1"]);
    assert!(said.out.ends_with(": first second [2J\n"), "{said:?}");
}
