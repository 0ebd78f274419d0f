//! What other tools get wrong in how they run, reproduced there (MEASURED.md, chapter 9) and held here;
//! `rivals.rs` has what they get wrong with rows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use migrate::{Error, Event, Migrations, Migrator, Phase, Plan, Position, Settings};
use postgres::{Client, NoTls};

use crate::database;
use crate::observed::{self, refused, run};
use crate::phases::{self, MONEY, TILL};

/// A runner that calls back at the events of `plan`.
fn watched(plan: &'static Plan, watch: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Migrator {
    database::migrator(plan).observe(watch)
}

/// The gap between a check and a trigger, or between a column and its trigger, is where writes are lost.
#[test]
fn no_write_of_a_supported_shape_fails_between_any_two_steps() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let writer = Arc::new(Mutex::new(database.connect().expect("a connection")));
    let (written, next) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(1));
    let count = Arc::clone(&written);
    let migrator = watched(MONEY.contract, move |event| {
        if !matches!(event, Event::StepStarted { .. } | Event::StepDone { .. } | Event::Batch { .. }) {
            return;
        }
        let mut writer = writer.lock().expect("the writer");
        let exists = |writer: &mut Client, column: &str| {
            let sql =
                format!("SELECT count(*) FROM pg_attribute WHERE attrelid = 'till'::regclass AND attname = '{column}'");
            observed::value(writer, &sql) == "1"
        };
        for (column, value) in [("total", "1.5"), ("total_cents", "150")] {
            if exists(&mut writer, column) {
                let id = next.fetch_add(1, Ordering::SeqCst);
                run(
                    &mut writer,
                    &format!(
                        "INSERT INTO till (id, {column}) VALUES ({id}, {value}); UPDATE till SET {column} = {column} + 1 WHERE id = {id}; UPDATE till SET note = 'n' WHERE id = 1001"
                    ),
                );
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
    assert!(written.load(Ordering::SeqCst) > 25, "{} writes", written.load(Ordering::SeqCst));
    assert_eq!(
        observed::value(&mut client, "SELECT count(*) FROM till WHERE id < 1000 AND total_cents NOT IN (250, 151)"),
        "0"
    );
}

/// There the error of creating the trigger was dropped, and the backfill ran without it.
#[test]
fn where_the_trigger_cannot_be_made_nothing_is_filled() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    database::forbid_triggers(&mut client, "'no triggers'");
    let before = observed::schema(&mut client);
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let migrator = watched(MONEY.dual_write, move |event| {
        if let Event::StepStarted { step, .. } = event {
            seen.lock().expect("the test").push((*step).to_owned());
        }
    });
    let error = migrator.run(&mut client).expect_err("no triggers").to_string();
    assert!(error.contains("P0001 no triggers"), "{error}");
    assert_eq!(*steps.lock().expect("the test"), ["expand public.till"]);
    assert_eq!(observed::schema(&mut client), before);
}

/// There a lock timeout in the last step was saved as done.
#[test]
fn a_lock_that_is_not_to_be_had_leaves_every_step_to_be_tried_again() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let mut writer = database.connect().expect("a connection");
    // Each step that takes the table's lock meets a session that holds the table.
    for step in ["expand", "require", "not null", "retire", "drop"] {
        let (url, name) = (database.url().to_owned(), format!("{step} public.till"));
        let holding = Arc::new(Mutex::new(None));
        let held = Arc::clone(&holding);
        let mut short = Settings::default();
        short.lock_deadline = Duration::from_millis(150);
        short.soak = Duration::ZERO;
        let stopped = watched(MONEY.contract, move |event| {
            if matches!(event, Event::StepStarted { step, .. } if *step == name) {
                let mut other = Client::connect(&url, NoTls).expect("a connection");
                run(&mut other, "BEGIN; SELECT FROM till");
                *held.lock().expect("the test") = Some(other);
            }
        })
        .settings(short);
        let error = stopped.run(&mut client).expect_err("the table is held");
        assert!(matches!(error, Error::LockNotAvailable { .. }), "{step}: {error}");
        // The application goes on beside the lock that was not to be had.
        let column = if step == "drop" { "total_cents" } else { "total" };
        run(&mut writer, &format!("UPDATE till SET {column} = {column} + 1 WHERE id = 1001"));
        let mut other = holding.lock().expect("the test").take().expect("that step was reached");
        run(&mut other, "COMMIT");
    }
    let report = database::migrator(MONEY.contract).run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
    assert_eq!(observed::rows(&mut client, "SELECT total_cents FROM till WHERE id = 1001"), ["100501"]);
}

/// Under the lock of every step, and while nothing is there yet.
#[test]
fn status_and_side_answer_while_a_run_is_on() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let url = database.url().to_owned();
    let answers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&answers);
    let asked = database::migrator(MONEY.contract);
    let migrator = watched(MONEY.contract, move |event| {
        let Event::Committing { step, .. } = event else { return };
        // The step waits for these answers: one that waited for the step would end with an error.
        let mut other = Client::connect(&url, NoTls).expect("a connection");
        let mut holder = Client::connect(&url, NoTls).expect("a connection");
        if !["backfill public.till", "verify public.till", "prove public.till", "switch"].contains(step) {
            // The step takes its lock with the commit; until then somebody else can hold it in its place.
            run(&mut holder, "BEGIN; LOCK TABLE till IN ACCESS EXCLUSIVE MODE NOWAIT");
        }
        let status = asked.status(&mut other).unwrap_or_else(|error| panic!("{step}: {error}"));
        let side = asked.side(&mut other, MONEY.contract).unwrap_or_else(|error| panic!("{step}: {error}"));
        seen.lock().expect("the test").push(((*step).to_owned(), status.plans[0].position, side));
    });
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    let answers = answers.lock().expect("the test");
    for step in ["expand public.till", "not null public.till", "retire public.till", "drop public.till"] {
        assert!(answers.iter().any(|(seen, ..)| seen == step), "{step} is not in {answers:?}");
    }
}

/// The proof reads the table beside writers; PostgreSQL takes the flag from the proven check.
#[test]
fn not_null_is_proven_beside_open_writers() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let writer = Arc::new(Mutex::new(database.connect().expect("a connection")));
    let proven = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&proven);
    let migrator = watched(MONEY.dual_write, move |event| {
        let mut writer = writer.lock().expect("the writer");
        match event {
            Event::StepStarted { step: "prove public.till", .. } => {
                run(&mut writer, "BEGIN; UPDATE till SET total = 5 WHERE id = 1001")
            }
            Event::StepDone { step: "prove public.till", .. } => {
                run(&mut writer, "UPDATE till SET total = 6 WHERE id = 1002; COMMIT");
                count.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
    });
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(proven.load(Ordering::SeqCst), 1);
    assert_eq!(
        observed::rows(&mut client, "SELECT total_cents FROM till WHERE id IN (1001, 1002) ORDER BY id"),
        ["500", "600"]
    );
    assert_eq!(refused(&mut client, "UPDATE till SET total_cents = NULL"), "23502");
}

#[test]
fn a_failed_run_lets_the_leaders_lock_go() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let mut other = database.connect().expect("a connection");
    database::migrator(MONEY.dual_write).run(&mut client).expect_err("there is no table");
    run(&mut client, TILL);
    let mut settings = Settings::default();
    settings.leader_wait = Duration::ZERO;
    let report = database::migrator(MONEY.dual_write).settings(settings).run(&mut other).expect("a run");
    assert!(report.leader.is_none() && report.is_complete(), "{report}");
}

#[test]
fn eight_replicas_at_once_all_come_up_and_do_each_step_once() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let sessions: Vec<Client> = (0..8).map(|_| database.connect().expect("a connection")).collect();
    let barrier = std::sync::Barrier::new(sessions.len());
    let complete = thread::scope(|scope| {
        let replicas: Vec<_> = sessions
            .into_iter()
            .map(|mut session| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    database::migrator(MONEY.dual_write).run(&mut session).expect("a run").is_complete()
                })
            })
            .collect();
        replicas.into_iter().map(|replica| replica.join().expect("a replica")).filter(|done| *done).count()
    });
    assert_eq!(complete, 8);
    let steps = observed::rows(&mut client, "SELECT step FROM migrate.history WHERE event = 'done' ORDER BY id");
    assert_eq!(steps, ["expand", "backfill", "require", "prove", "not null"].map(|step| format!("{step} public.till")));
}

#[test]
fn an_older_build_starts_against_a_newer_ledger() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    run(&mut client, "CREATE TABLE person (id bigint PRIMARY KEY, nick text)");
    static NEWER: Migrations = migrate::migrations![newer::money, newer::names];
    mod newer {
        migrate::plan! { pub mod money; stage switch; table till (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        } }
        migrate::plan! { pub mod names; stage contract; table person (id: bigint) { nick: text => nickname: text; } }
    }
    assert!(
        Migrator::new(&NEWER)
            .instance(database::tests())
            .soak(Duration::ZERO)
            .run(&mut client)
            .expect("a run")
            .is_complete()
    );
    let before = observed::schema(&mut client);
    // A build that knows one plan at an earlier stage, and one that knows none.
    static NONE: Migrations = migrate::migrations![];
    let report = database::migrator(MONEY.dual_write).run(&mut client).expect("a run");
    assert_eq!((report.plans[0].position, report.is_complete()), (Position::After(Phase::Switch), true), "{report}");
    let report = Migrator::new(&NONE).instance(database::tests()).run(&mut client).expect("a run");
    assert_eq!((report.unknown, report.plans.len()), (vec!["money".to_owned()], 0));
    assert_eq!(observed::schema(&mut client), before);
    // After the contract too: what the database has done is no error for who did not do it.
    assert!(database::migrator(MONEY.contract).run(&mut client).expect("a run").is_complete());
    let report = database::migrator(MONEY.dual_write).run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished);
}

/// There a line end or a space more made another migration of it.
#[test]
fn a_plan_written_with_other_spaces_comments_and_spelling_is_the_same_plan() {
    mod again {
        migrate::plan! {
            /// Money, again.
            pub mod money;
            stage switch; // one release later

            table till(id:int8){
                /* in euro */ total:decimal(12,2) not null=>total_cents:int8 not null{
                    up round( total*1_00 )::int8;
                    down total_cents/100.0;
                }
            }
        }
    }
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    phases::carry(&MONEY, &mut client, Phase::DualWrite);
    let report = database::migrator(&again::money::PLAN).run(&mut client).expect("the same plan");
    assert_eq!(report.plans[0].position, Position::After(Phase::Switch), "{report}");
}
