//! `hold` and `release`.

use crate::program::Program;

#[test]
fn a_held_plan_stays_until_it_is_released() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let said = shop.run(&["hold", "orders_number", "--by", "ben", "--why", "a sale is on"]);
    assert_eq!((said.code, said.out.as_str()), (0, "orders_number: held at dual_write until it is released\n"));
    assert_eq!(shop.ask(&["hold", "orders_number"])["held_at"], "dual_write");

    let said = shop.at("switch", &["status"]);
    assert!(said.out.contains("closed  an operator holds it at dual_write"), "{said:?}");
    let said = shop.at("switch", &["up", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let plan = &said.json()["plans"][0];
    assert_eq!((&plan["position"], &plan["closed"][0]["gate"]), (&"dual_write".into(), &"held".into()));
    assert_eq!(shop.run(&["up"]).code, 0, "the first build wants no more than that");

    let said = shop.run(&["release", "orders_number"]);
    assert_eq!((said.code, said.out.as_str()), (0, "orders_number: released\n"));
    assert_eq!(shop.ask(&["release", "orders_number"])["held"], false);
    assert_eq!(shop.at("switch", &["up"]).code, 0);

    let said = shop.run(&["history"]);
    assert!(said.out.contains("  held at dual_write by ben (role "), "{said:?}");
    assert!(said.out.contains(": a sale is on\n"), "{said:?}");
    assert!(said.out.contains("  released by anna (role "), "{said:?}");
}

#[test]
fn an_order_ends_a_hold_and_the_history_tells() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let _ = shop.ask(&["hold", "orders_number"]);
    let answer = shop.ask(&["up", "--plan", "orders_number", "--to", "switch"]);
    assert_eq!(answer["plans"][0]["position"], "switch");
    assert!(shop.run(&["history"]).out.contains("  held at switch by anna"), "the hold has moved on");
}

#[test]
fn a_plan_that_is_finished_is_not_held() {
    let shop = Program::new();
    assert_eq!(shop.at("contract", &["up", "--soak", "0"]).code, 0);
    let said = shop.run(&["hold", "orders_number"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.error, "error: plan `orders_number` cannot be held: it is finished\n");
}

/// A hold asks for no leader: it comes while a run is at work, and the run stops after its step.
#[test]
fn a_run_at_work_stops_at_a_hold() {
    use std::sync::{Arc, Mutex};

    migrate::plan! {
        mod orders_number;
        stage dual_write;
        table orders { label: text => number: integer { up label::integer; down number::text; lossy "as written"; } }
    }
    static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_number];

    let shop = Program::new();
    let (url, held) = (shop.database.url().to_owned(), Arc::new(Mutex::new(None)));
    let holding = Arc::clone(&held);
    let migrator = migrate::Migrator::new(&MIGRATIONS).observe(move |event| {
        let mut held = holding.lock().expect("the hold");
        if let migrate::Event::StepDone { .. } = event
            && held.is_none()
        {
            *held = Some(crate::program::run("dual_write", Some(&url), &["hold", "orders_number"]));
        }
    });
    let report = migrator.run(&mut shop.client()).expect("a run");
    let held = held.lock().expect("the hold").take().expect("a step was done");
    assert_eq!(held.code, 0, "{held:?}");
    assert!(held.out.contains("held at expand"), "{held:?}");
    let plan = report.plan("orders_number").expect("the plan");
    assert_eq!(plan.position, migrate::Position::After(migrate::Phase::Expand));
    assert!(matches!(plan.closed[..], [migrate::Closed::Held { at: Some(migrate::Phase::Expand) }]), "{report}");
}
