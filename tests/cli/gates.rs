//! `acknowledge`, `instances` and `baseline`, and what `status` and `history` tell of services.

use migrate::testing::ScratchDatabase;
use postgres::{Client, NoTls};

use crate::program::Program;

/// A session of nobody's that has used the table.
fn stranger(database: &ScratchDatabase) -> Client {
    let mut config: postgres::Config = database.url().parse().expect("an address");
    config.application_name("psql");
    let mut client = config.connect(NoTls).expect("a connection");
    client.batch_execute("SELECT FROM orders").expect("a look");
    client
}

fn instance(shop: &Program, silent: u32) {
    shop.sql(&format!(
        "INSERT INTO migrate.instance (id, application, version, host, process, tag, session_names, plans, stages, lease, \
                                       grace, beat_at) \
         OVERRIDING SYSTEM VALUE VALUES (7, 'shop', '1.2', 'here', 1, 'shop@1.2/7', '{{}}', '{{orders_number}}', '{{switch}}', \
                                         '30 s', '1 hour', clock_timestamp() - interval '{silent} s')"
    ));
}

#[test]
fn a_session_in_the_way_is_shown_and_acknowledged_and_the_word_taken_back() {
    let shop = Program::new();
    let _session = stranger(&shop.database);
    let said = shop.at("contract", &["up", "--soak", "0", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let gate = &said.json()["plans"][0]["closed"][0];
    assert_eq!(gate["gate"], "sessions", "{gate}");
    let key = gate["evidence"]["sessions"][0]["key"].as_str().expect("a word").to_owned();
    assert!(key.starts_with("session:psql@"), "{key}");

    let said = shop.run(&["acknowledge", "orders_number", &key, "--by", "ben", "--why", "only looks"]);
    assert_eq!((said.code, said.out), (0, format!("orders_number: {key} closes its gates no more\n")));
    let status = shop.ask(&["status"]);
    assert_eq!(status["plans"][0]["acknowledged"][0], key.as_str());
    assert!(status["plans"][0]["waited_for"][0].as_str().expect("a wait").contains(&key), "{status}");
    let said = shop.run(&["status"]);
    assert!(said.out.contains(&format!("note    acknowledged: {key}")) && said.out.contains("waited  "), "{said:?}");

    let said = shop.run(&["acknowledge", "orders_number", &key, "--withdraw"]);
    assert_eq!((said.code, said.out), (0, format!("orders_number: {key} closes its gates again\n")));
    assert_eq!(shop.at("contract", &["up", "--soak", "0"]).code, 1);
    assert_eq!(shop.ask(&["acknowledge", "orders_number", "session:psql"])["acknowledged"], true);
    let said = shop.at("contract", &["up", "--soak", "0"]);
    assert!(said.code == 0 && said.out.starts_with("orders_number: finished"), "{said:?}");

    let said = shop.run(&["history"]);
    assert!(said.out.contains(&format!("  acknowledged: {key} by ben (role ")), "{said:?}");
    assert!(said.out.contains(&format!("  no longer acknowledged: {key} by anna (role ")), "{said:?}");
}

#[test]
fn a_word_that_is_none_is_refused_with_those_that_are() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let said = shop.run(&["acknowledge", "orders_number", "psql"]);
    assert!(said.code == 1 && said.error.contains("`session:NAME@ROLE`"), "{said:?}");
    let said = shop.run(&["acknowledge", "orders_numbre", "session:psql"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(said.error, "error: plan `orders_numbre` has never started in this database\n");
}

#[test]
fn live_instances_are_listed_and_a_suspect_one_is_dead_by_an_operators_word() {
    let shop = Program::new();
    assert_eq!(shop.run(&["instances"]).out, "no instance is live\n");
    let _ = shop.ask(&["up"]);
    instance(&shop, 1);
    let said = shop.run(&["acknowledge", "orders_number", "instance:7"]);
    assert!(said.code == 1 && said.error.contains("its lease of 30 s is not over"), "{said:?}");
    shop.sql("DELETE FROM migrate.instance");
    instance(&shop, 60);
    let said = shop.run(&["instances"]);
    assert!(said.out.starts_with("7  shop@1.2/7  process 1 on here, since "), "{said:?}");
    assert!(said.out.ends_with(", suspect: its lease is over, sessions: 0; orders_number at switch\n"), "{said:?}");
    let listed = &shop.ask(&["instances"])["instances"][0];
    assert_eq!((&listed["suspect"], &listed["plans"]["orders_number"]), (&true.into(), &"switch".into()), "{listed}");
    let status = shop.ask(&["status"]);
    let expected = serde_json::json!({ "build": "shop@1.2", "stage": "switch", "instances": 1 });
    assert_eq!((&status["instances"], &status["plans"][0]["builds"][0]), (&1.into(), &expected));
    assert!(shop.run(&["status"]).out.contains("live    shop@1.2 at stage switch: 1"));
    let said = shop.run(&["acknowledge", "orders_number", "instance:7"]);
    let expected = "orders_number: instance:7 is off the list, and 0 of its sessions were ended\n";
    assert_eq!((said.code, said.out.as_str()), (0, expected));
    assert_eq!(shop.run(&["instances"]).out, "no instance is live\n");
}

#[test]
fn status_shows_the_leader_at_work_and_what_ended_the_last_pass() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    shop.sql("UPDATE migrate.leader SET trouble = 'the disk is full'");
    let mut leader = stranger(&shop.database);
    leader.batch_execute(&format!("SELECT pg_advisory_lock({})", i64::from_be_bytes(*b"migrate\0"))).expect("the lead");
    let said = shop.run(&["status"]);
    assert!(said.out.contains("(psql, idle") && said.out.contains("is at work\n"), "{said:?}");
    assert!(said.out.contains("the last pass ended early: the disk is full\n"), "{said:?}");
    let status = shop.ask(&["status"]);
    assert_eq!((&status["at_work"]["application"], &status["trouble"]), (&"psql".into(), &"the disk is full".into()));
}

#[test]
fn history_tells_instance_time_and_locks() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    shop.sql(
        "INSERT INTO migrate.history (plan, event, step, instance, took, lock_waited, lock_holders) \
         VALUES ('orders_number', 'done', 'a step', 7, '1.5 s', '0.25 s', '{\"session 12 (psql)\"}')",
    );
    let said = shop.run(&["history", "--limit", "1"]);
    assert!(
        said.out.contains("done `a step` in 1.500 s after 0.250 s for its lock, held by session 12 (psql)"),
        "{said:?}"
    );
    let entry = &shop.ask(&["history", "--limit", "1"])["history"][0];
    assert_eq!(
        (&entry["instance"], &entry["seconds"], &entry["lock_waited_seconds"]),
        (&7.into(), &1.5.into(), &0.25.into())
    );
    assert_eq!(entry["lock_holders"][0], "session 12 (psql)");
}

#[test]
fn a_database_made_in_the_new_shape_is_recorded_as_finished() {
    let shop = Program::new();
    let said = shop.at("contract", &["baseline"]);
    assert!(said.code == 1 && said.error.contains("column public.orders.label is still there"), "{said:?}");
    shop.sql("ALTER TABLE orders DROP COLUMN label, ADD COLUMN number integer");
    let said = shop.at("contract", &["up"]);
    assert!(said.code == 2 && said.error.contains("`baseline orders_number`"), "{said:?}");
    let said = shop.run(&["baseline", "orders_number"]);
    assert!(said.code == 1 && said.error.contains("is at stage dual_write in this build"), "{said:?}");
    let said = shop.at("contract", &["baseline", "--why", "from a dump"]);
    assert_eq!((said.code, said.out.as_str()), (0, "recorded as finished: orders_number\n"), "{said:?}");
    let said = shop.at("contract", &["up"]);
    assert!(said.code == 0 && said.out.starts_with("orders_number: finished"), "{said:?}");
    assert!(shop.run(&["history"]).out.ends_with(": from a dump\n"));
    assert!(shop.run(&["baseline"]).out.starts_with("this build has no plan at `stage contract`"));
}
