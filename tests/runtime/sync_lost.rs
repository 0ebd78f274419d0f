//! Somebody takes the sync triggers off, or switches them off, while a plan is in flight: they are put
//! back, and what was written past them is found before it could be lost.

use std::sync::atomic::{AtomicBool, Ordering};

use migrate::{Closed, Error, Phase};
use postgres::Client;

use crate::database;

mod dual_write {
    migrate::plan! { pub mod money; stage dual_write;
        table till (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        }
    }
}

fn till(client: &mut Client) {
    client
        .batch_execute(
            "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); \
             INSERT INTO till SELECT g, g FROM generate_series(1, 500) g",
        )
        .expect("a table");
}

fn totals(client: &mut Client, id: i64) -> String {
    client.query_one("SELECT total::text FROM till WHERE id = $1", &[&id]).expect("a row").get(0)
}

#[test]
fn a_revert_waits_for_what_was_written_past_the_triggers() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    till(&mut client);
    let migrator = database::migrator(&dual_write::money::PLAN);
    migrator.advance(&mut client, &dual_write::money::PLAN, Phase::Switch).expect("a switch");
    client
        .batch_execute("ALTER TABLE till DISABLE TRIGGER ALL; UPDATE till SET total_cents = 777 WHERE id = 7")
        .expect("a write past the triggers");
    let refused = migrator.revert(&mut client, "money").expect_err("the old side does not have the write");
    assert!(matches!(refused, Error::NotRevertible { .. }), "{refused}");
    assert!(refused.to_string().contains(r#"{"id": 7}"#), "{refused}");
    // The triggers are back: written again, the row is whole, and the way back is free.
    client.batch_execute("UPDATE till SET total_cents = 778 WHERE id = 7").expect("a write");
    assert_eq!(totals(&mut client, 7), "7.78");
    migrator.revert(&mut client, "money").expect("a revert");
    assert_eq!(totals(&mut client, 7), "7.78");
}

#[test]
fn contract_waits_for_what_was_written_past_the_triggers() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    till(&mut client);
    let migrator = database::migrator(&dual_write::money::PLAN);
    migrator.advance(&mut client, &dual_write::money::PLAN, Phase::Switch).expect("a switch");
    client
        .batch_execute("DROP TRIGGER \"~migrate_sync_u\" ON till; UPDATE till SET total = 5 WHERE id = 7")
        .expect("a write past the triggers");
    let report = migrator.advance(&mut client, &dual_write::money::PLAN, Phase::Switch).expect("a run");
    let [Closed::Mismatches { count: 1, rows, .. }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert_eq!(rows[0].key, r#"{"id": 7}"#);
}

#[test]
fn rows_that_came_past_the_triggers_are_filled_before_they_are_required() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    till(&mut client);
    let url = database.url().to_owned();
    let loaded = AtomicBool::new(false);
    // Between the backfill and the proof somebody loads a row with all triggers off, once.
    let migrator = database::migrator(&dual_write::money::PLAN).observe(move |event| {
        if let migrate::Event::StepDone { step, .. } = event
            && step.starts_with("backfill ")
            && !loaded.swap(true, Ordering::Relaxed)
        {
            let mut other = Client::connect(&url, postgres::NoTls).expect("a connection");
            other
                .batch_execute(
                    "ALTER TABLE till DISABLE TRIGGER ALL; \
                     INSERT INTO till (id, total) SELECT coalesce(max(id), 0) + 1, 9 FROM till",
                )
                .expect("a load");
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    let loaded: i64 = client.query_one("SELECT total_cents FROM till WHERE id = 501", &[]).expect("the row").get(0);
    assert_eq!(loaded, 900);
    // And they are on again.
    client.batch_execute("UPDATE till SET total = 8 WHERE id = 501").expect("a write");
    let followed: i64 = client.query_one("SELECT total_cents FROM till WHERE id = 501", &[]).expect("the row").get(0);
    assert_eq!(followed, 800);
}
