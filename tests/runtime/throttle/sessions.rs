//! Several sessions at one job.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use migrate::Event;

use super::{LONG, filled_once, migrator, sale, settings};
use crate::database;
use crate::observed::{run, value};

#[test]
fn several_sessions_fill_and_compare_each_row_once() {
    let database = database::fresh();
    let mut client = sale(&database);
    let seen: Arc<Mutex<HashSet<(String, ThreadId)>>> = Arc::default();
    let heard = Arc::clone(&seen);
    let mut settings = settings();
    settings.workers = 3;
    let migrator = migrator(&database, settings).observe(move |event| {
        if let Event::Batch { step, .. } = event {
            heard.lock().expect("the threads").insert((step.to_string(), thread::current().id()));
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    filled_once(&mut client);
    let seen = seen.lock().expect("the threads");
    for step in ["backfill public.sale", "verify public.sale"] {
        assert!(seen.iter().filter(|(name, _)| name == step).count() > 1, "{step}: {seen:?}");
    }
}

#[test]
fn a_session_that_is_ended_takes_nothing_with_it() {
    let database = database::fresh();
    let mut client = sale(&database);
    let own: i32 = client.query_one("SELECT pg_backend_pid()", &[]).expect("a process").get(0);
    let killer = Mutex::new(database.connect().expect("a connection"));
    let (lead, ended) = (thread::current().id(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&ended);
    let migrator = migrator(&database, settings()).observe(move |event| {
        let of_the_backfill = matches!(event, Event::Committing { step: "backfill public.sale", .. });
        if of_the_backfill && thread::current().id() != lead && count.load(Ordering::SeqCst) == 0 {
            // The one that is about to commit.
            let sql = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid NOT IN ({own}, pg_backend_pid()) \
                   AND state = 'idle in transaction' AND query LIKE '%~migrate%'"
            );
            let ended: u32 = value(&mut killer.lock().expect("the killer"), &sql).parse().expect("a number");
            count.fetch_add(ended, Ordering::SeqCst);
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(ended.load(Ordering::SeqCst), 1);
    filled_once(&mut client);
}

/// The other session is held at the board, and is not to be waited for until its patience ends.
#[test]
fn an_error_of_the_session_with_the_lead_ends_the_others_that_stand_still() {
    let database = database::fresh();
    let mut client = sale(&database);
    let own = value(&mut client, "SELECT pg_backend_pid()");
    let mut settings = settings();
    let (stands, batches) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_held, have_begun) = (Arc::clone(&stands), Arc::clone(&batches));
    settings.hold_while = Some(Arc::new(move || {
        let hold = have_begun.load(Ordering::SeqCst);
        is_held.store(hold, Ordering::SeqCst);
        hold.then(|| "it is noon".to_owned())
    }));
    let (lead, mut killer) = (thread::current().id(), database.connect().expect("a connection"));
    let migrator = migrator(&database, settings).observe(move |event| {
        if let Event::Batch { .. } = event {
            if thread::current().id() != lead {
                batches.store(true, Ordering::SeqCst);
            }
            // Slowly, so that the hold comes before the end.
            thread::sleep(Duration::from_millis(20));
        }
    });
    let begun = Instant::now();
    let ending = thread::spawn(move || {
        while !stands.load(Ordering::SeqCst) {
            assert!(begun.elapsed() < LONG, "it is not held");
            thread::sleep(Duration::from_millis(20));
        }
        run(&mut killer, &format!("SELECT pg_terminate_backend({own})"));
    });
    migrator.run(&mut client).expect_err("its session was ended");
    ending.join().expect("who ends it");
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
}
