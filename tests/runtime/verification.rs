//! A comparison of both sides that somebody asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use migrate::testing::ScratchDatabase;
use migrate::{Closed, Error, Event, Migrator, Phase, Plan, Side};
use postgres::Client;

use crate::database;
use crate::observed::{run, value};

mod plans {
    migrate::plan! { pub mod early; stage dual_write; table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const PLAN: &Plan = &plans::early::PLAN;

const ROWS: u64 = 4_000;

fn sale() -> (ScratchDatabase, Client) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        &format!(
            "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, other integer); \
             INSERT INTO sale SELECT g, g / 8.0, 0 FROM generate_series(1, {ROWS}) g"
        ),
    );
    (database, client)
}

fn migrator() -> Migrator {
    database::migrator(PLAN)
}

/// Writes past the sync, as nobody should.
fn past_the_sync(client: &mut Client, statement: &str) {
    run(
        client,
        &format!(
            "BEGIN; ALTER TABLE sale DISABLE TRIGGER \"~migrate_sync_u\"; {statement}; \
             ALTER TABLE sale ENABLE ALWAYS TRIGGER \"~migrate_sync_u\"; COMMIT"
        ),
    );
}

#[test]
fn both_sides_are_compared_beside_writers_of_both_before_and_after_the_switch() {
    let (database, mut client) = sale();
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = ["total = total + 1", "total_cents = total_cents + 7", "other = other + 1"]
        .into_iter()
        .map(|set| {
            let (mut writer, stop) = (database.connect().expect("a connection"), Arc::clone(&stop));
            thread::spawn(move || {
                let mut writes = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    run(&mut writer, &format!("UPDATE sale SET {set} WHERE id = {}", fastrand::u64(1..=ROWS)));
                    writes += 1;
                }
                writes
            })
        })
        .collect();
    for side in [Side::Old, Side::New] {
        if side == Side::New {
            migrator().advance(&mut client, PLAN, Phase::Switch).expect("a switch");
        }
        assert_eq!(migrator().side(&mut client, PLAN).expect("a side"), side);
        let found = migrator().verify(&mut client, "early").expect("a comparison");
        assert!(found.closed.is_empty(), "{found:?}");
        // Rows that a writer moves behind the windows are agreed upon by the sync; those moved ahead are met twice.
        assert!(found.rows + ROWS / 4 >= ROWS, "{found:?}");
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.join().expect("a writer") > 0);
    }
    let told = "SELECT count(*) FROM migrate.history WHERE event ~ '^verified [0-9]+ rows$' AND took > interval '0'";
    assert_eq!(value(&mut client, told), "2");
}

#[test]
fn a_row_that_disagrees_is_named_by_its_key_and_one_that_is_not_filled_is_filled() {
    let (_database, mut client) = sale();
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    run(&mut client, "ALTER TABLE sale ALTER total_cents DROP NOT NULL");
    let checks = "SELECT coalesce(string_agg(format('ALTER TABLE sale DROP CONSTRAINT %I', conname), '; '), '') FROM pg_constraint \
                  WHERE conrelid = 'sale'::regclass AND contype = 'c'";
    let drop = value(&mut client, checks);
    run(&mut client, &drop);
    past_the_sync(&mut client, "UPDATE sale SET total_cents = NULL WHERE id = 17");
    let found = migrator().verify(&mut client, "early").expect("a comparison");
    assert!(found.closed.is_empty() && found.rows == ROWS, "{found:?}");
    assert_eq!(value(&mut client, "SELECT total_cents FROM sale WHERE id = 17"), "213");
    past_the_sync(&mut client, "UPDATE sale SET total = 99 WHERE id = 23");
    let found = migrator().verify(&mut client, "early").expect("a comparison");
    let [Closed::Mismatches { count: 1, rows }] = &found.closed[..] else { panic!("{found:?}") };
    assert_eq!(rows[0].key, r#"{"id": 23}"#);
    assert_eq!(rows[0].value.as_deref(), Some(r#"{"total": "99.00", "total_cents": "288"}"#));
    let shown = found.to_string();
    assert!(shown.contains(r#"sale {"id": 23}: the two sides disagree; value {"total": "99.00", "total_c"#), "{shown}");
    // Where values are not to be kept they are not.
    let mut settings = migrate::Settings::default();
    settings.keep_values = false;
    let bare = migrator().settings(settings).verify(&mut client, "early").expect("a comparison").to_string();
    assert!(bare.contains("the two sides disagree") && !bare.contains("99.00"), "{bare}");
    // It says so again for as long as it is so, and no longer.
    assert_eq!(migrator().verify(&mut client, "early").expect("a comparison").closed.len(), 1);
    run(&mut client, "UPDATE sale SET total = 100 WHERE id = 23");
    assert!(migrator().verify(&mut client, "early").expect("a comparison").closed.is_empty());
}

/// Begins a comparison, and has it cut short; answers how many rows were compared.
fn cut_short(database: &ScratchDatabase) -> u64 {
    let mut client = database.connect().expect("a connection");
    let mut settings = migrate::Settings::default();
    settings.batch_target = std::time::Duration::from_micros(100);
    let (batches, pid) = (Arc::new(AtomicU32::new(0)), value(&mut client, "SELECT pg_backend_pid()"));
    let (count, killer) = (Arc::clone(&batches), std::sync::Mutex::new(database.connect().expect("a connection")));
    let cut = database::migrator(PLAN).settings(settings.clone()).observe(move |event| {
        if matches!(event, Event::Batch { rows: 1.., .. }) && count.fetch_add(1, Ordering::SeqCst) == 0 {
            run(&mut killer.lock().expect("the killer"), &format!("SELECT pg_terminate_backend({pid})"));
        }
    });
    cut.verify(&mut client, "early").expect_err("its session was ended");
    let mut client = database.connect().expect("a connection");
    let before = value(&mut client, "SELECT sum(rows_done) FROM migrate.cursor WHERE step < 0").parse().expect("rows");
    assert!(before > 0 && before < ROWS, "{before}");
    before
}

/// Compares; answers how many rows that were.
fn compared(client: &mut Client) -> u64 {
    let rows = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let compared = Arc::clone(&rows);
    let rest = database::migrator(PLAN).observe(move |event| {
        if let Event::Batch { rows, .. } = event {
            compared.fetch_add(*rows, Ordering::SeqCst);
        }
    });
    let found = rest.verify(client, "early").expect("a comparison");
    assert!(found.closed.is_empty() && found.rows == ROWS, "{found:?}");
    rows.load(Ordering::SeqCst)
}

#[test]
fn one_that_is_cut_short_is_gone_on_with() {
    let (database, mut client) = sale();
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    let before = cut_short(&database);
    assert_eq!(compared(&mut client), ROWS - before);
}

/// What was written past the sync meanwhile may be among the rows that were compared.
#[test]
fn one_that_is_cut_short_begins_anew_where_the_sync_was_mended_since() {
    let (database, mut client) = sale();
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    cut_short(&database);
    run(&mut client, "DROP TRIGGER \"~migrate_sync_u\" ON sale");
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    assert_eq!(compared(&mut client), ROWS);
}

#[test]
fn where_there_are_no_two_sides_it_says_so() {
    let (_database, mut client) = sale();
    assert!(matches!(migrator().verify(&mut client, "early"), Err(Error::NotStarted { .. })));
    run(&mut client, "INSERT INTO sale VALUES (0, 9999999999, 0)");
    let plans: Migrator = migrator().observe(|_| {});
    assert!(plans.run(&mut client).expect("a run").is_complete());
    migrator().revert(&mut client, PLAN).expect("a revert");
    let error = migrator().verify(&mut client, "early").expect_err("one side");
    assert!(error.to_string().contains("plan `early` cannot be verified: it is reverted"), "{error}");
}
