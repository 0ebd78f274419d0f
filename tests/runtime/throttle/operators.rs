//! What operators have jobs keep to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use migrate::{Closed, Limit, Phase};

use super::{CENTS, LONG, ROWS, after, filled_once, limited, migrator, sale, settings};
use crate::database;
use crate::observed::{run, value};

#[test]
fn a_pause_ends_the_run_with_who_and_why_until_it_is_over() {
    let database = database::fresh();
    let mut client = sale(&database);
    let (limiting, operator) = (limited(&database, 20_000.0), Mutex::new(database.connect().expect("a connection")));
    let pausing = after(3, move || {
        let paused = database::migrator(CENTS).decided_by("anna").reason("the sale begins").pause(
            &mut operator.lock().expect("the operator"),
            Some("cents"),
            None,
        );
        paused.expect("a pause");
    });
    let migrator = migrator(&database, settings()).observe(move |event| {
        limiting(event);
        pausing(event);
    });
    for _ in 0..2 {
        let report = migrator.run(&mut client).expect("a run");
        let closed = &report.plans[0].closed;
        let [Closed::Paused { pause }] = &closed[..] else { panic!("{report}") };
        assert_eq!(
            (pause.by.as_deref(), pause.reason.as_deref(), pause.left),
            (Some("anna"), Some("the sale begins"), None)
        );
    }
    let status = migrator.status(&mut client).expect("a status");
    let job = status.plans[0].job.as_ref().expect("a job");
    assert!(job.rows > 0 && job.rows < ROWS && job.blocks_done < job.blocks && job.now.is_none(), "{job}");
    assert!(status.to_string().contains("its jobs are paused by anna (the sale begins)"), "{status}");
    // The pause of all plans is another one.
    assert!(!migrator.resume(&mut client, None).expect("an answer"));
    assert!(migrator.resume(&mut client, Some("cents")).expect("an answer"));
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    filled_once(&mut client);
    let told = "SELECT string_agg(event || ' ' || coalesce(decided_by, '-'), ', ' ORDER BY id) FROM migrate.history \
                WHERE event IN ('jobs paused', 'jobs resumed')";
    assert_eq!(value(&mut client, told), "jobs paused anna, jobs resumed -");
}

#[test]
fn a_pause_of_all_plans_lapses_by_itself() {
    let database = database::fresh();
    let mut client = sale(&database);
    let migrator = migrator(&database, settings());
    let refused = migrator.pause(&mut client, None, None).expect_err("nothing to pause");
    assert!(refused.to_string().contains("no plan has started"), "{refused}");
    let mut operator = database.connect().expect("a connection");
    let held = migrator.run(&mut client).expect("a run");
    assert!(held.is_complete(), "{held}");
    migrator.revert(&mut client, CENTS).expect("a revert");
    migrator.release(&mut client, CENTS).expect("a release");
    migrator.pause(&mut operator, None, Some(Duration::from_secs(2))).expect("a pause");
    let begun = Instant::now();
    let report = migrator.run(&mut client).expect("a run");
    assert!(matches!(&report.plans[0].closed[..], [Closed::Paused { pause }] if pause.left.is_some()), "{report}");
    while !migrator.run(&mut client).expect("a run").is_complete() {
        assert!(begun.elapsed() < LONG);
        thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
    filled_once(&mut client);
}

#[test]
fn a_limit_of_rows_holds_all_sessions_together_and_is_taken_back_while_it_runs() {
    let database = database::fresh();
    let mut client = sale(&database);
    let mut operator = database.connect().expect("a connection");
    let migrator = migrator(&database, settings());
    // A run makes the state; the limit is there before the backfill.
    run(&mut operator, "ALTER TABLE sale ADD CONSTRAINT early CHECK (total >= 0) NOT VALID");
    let paused = after(1, {
        let operator = Mutex::new(database.connect().expect("a connection"));
        move || {
            let limit = Limit::NONE.rows_per_second(20_000.0);
            let mut operator = operator.lock().expect("the operator");
            database::migrator(CENTS).limit(&mut operator, None, limit, None).expect("a limit");
        }
    });
    let migrator = migrator.observe(paused);
    let begun = Instant::now();
    let finished = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&finished);
    let other = thread::spawn(move || {
        let mut shown = String::new();
        while !done.load(Ordering::SeqCst) {
            let status = database::migrator(CENTS).status(&mut operator).expect("a status").to_string();
            if status.contains("20000 rows/s, 100 %") || status.contains("an operator allows its jobs 20000 rows/s") {
                shown = status;
            }
            thread::sleep(Duration::from_millis(20));
        }
        shown
    });
    let report = migrator.run(&mut client).expect("a run");
    let took = begun.elapsed();
    finished.store(true, Ordering::SeqCst);
    let shown = other.join().expect("the operator");
    assert!(report.is_complete(), "{report}");
    filled_once(&mut client);
    // 120,000 rows are filled and compared; those of the first quarter of a second are not limited yet.
    assert!(took >= Duration::from_millis(2500), "{took:?}");
    assert!(shown.contains("an operator allows its jobs 20000 rows/s"), "{shown}");
}

#[test]
fn a_comparison_on_demand_keeps_to_a_limit_is_seen_in_status_and_stands_still_for_a_pause() {
    let database = database::fresh();
    let mut client = sale(&database);
    let mut operator = database.connect().expect("a connection");
    let migrator = migrator(&database, settings());
    assert!(migrator.advance(&mut client, CENTS, Phase::DualWrite).expect("a run").is_complete());
    migrator.limit(&mut operator, None, Limit::NONE.rows_per_second(10_000.0), None).expect("a limit");
    let comparing = thread::spawn(move || {
        let begun = Instant::now();
        let found = migrator.verify(&mut client, "cents").expect("a comparison");
        (found, begun.elapsed(), migrator, client)
    });
    let mut status = || database::migrator(CENTS).status(&mut operator).expect("a status").to_string();
    let mut shown = status();
    while !shown.contains("verify public.sale on demand: ") && !comparing.is_finished() {
        thread::sleep(Duration::from_millis(20));
        shown = status();
    }
    assert!(shown.contains("held back: an operator allows 10000 rows/s"), "{shown}");
    let mut other = database.connect().expect("a connection");
    database::migrator(CENTS).pause(&mut other, Some("cents"), None).expect("a pause");
    let (found, took, migrator, mut client) = comparing.join().expect("who compares");
    assert!(matches!(found.closed[..], [Closed::Paused { .. }]) && found.rows < ROWS, "{found:?}");
    assert!(took < LONG, "{took:?}");
    // Nobody is at work on it any more.
    assert!(!status().contains("on demand"), "{}", status());
    migrator.limit(&mut client, None, Limit::NONE, None).expect("no limit");
    migrator.resume(&mut client, Some("cents")).expect("no pause");
    let found = migrator.verify(&mut client, "cents").expect("a comparison");
    assert!(found.closed.is_empty() && found.rows == ROWS, "{found:?}");
}
