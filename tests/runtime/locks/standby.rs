//! A hot standby, where every strong lock is replayed: its queries are looked at before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use migrate::testing::ScratchServer;
use migrate::{BlockerKind, Error, Event, Settings};

use super::{TABLE, dual_write};
use crate::database;
use crate::observed::{run, value};

#[test]
fn a_query_on_a_standby_is_waited_for_and_not_cancelled() {
    let primary = ScratchServer::builder().start_own().expect("a server");
    // A lock that is replayed while somebody reads the table ends the reader at once.
    let standby = primary.standby().setting("max_standby_streaming_delay", "0").start().expect("a standby");
    let database = primary.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    run(&mut client, TABLE);
    standby.catch_up().expect("a standby");
    let mut reader = standby.connect_to(&database).expect("a connection");
    run(&mut reader, "SET application_name = 'report'; BEGIN; SELECT count(*) FROM till");
    // A transaction that is younger than the stall budget is taken to end by itself.
    while value(&mut reader, "SELECT clock_timestamp() - transaction_timestamp() > interval '150 ms'") == "f" {
        thread::sleep(Duration::from_millis(10));
    }
    let mut settings = Settings::default();
    settings.replicas = vec![standby.url_of(&database)];

    // It is given up where the query goes on for too long, and says which it is.
    settings.lock_deadline = Duration::from_millis(400);
    let migrator = database::migrator(&dual_write::money::PLAN).settings(settings.clone());
    let error = migrator.run(&mut client).expect_err("no lock");
    assert!(matches!(error, Error::LockNotAvailable { .. }), "{error}");
    for word in ["on standby", "report", "idle in transaction"] {
        assert!(error.to_string().contains(word), "{error}");
    }

    // Otherwise it is waited for.
    settings.lock_deadline = Duration::from_secs(60);
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    let migrator = database::migrator(&dual_write::money::PLAN).settings(settings).observe(move |event| {
        if let Event::LockWaited { blockers, .. } = event {
            assert!(matches!(blockers[0].kind, BlockerKind::StandbySession { .. }), "{blockers:?}");
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let runner = thread::spawn(move || migrator.run(&mut client));
    while told.load(Ordering::SeqCst) < 1 {
        thread::sleep(Duration::from_millis(10));
    }
    standby.catch_up().expect("the replay is not held up");
    assert_eq!(value(&mut reader, "SELECT count(*) FROM till"), "100", "the reader was not cancelled");
    run(&mut reader, "COMMIT");
    let report = runner.join().expect("the runner").expect("a run");
    assert!(report.is_complete(), "{report}");
    standby.catch_up().expect("a standby");
    assert_eq!(value(&mut reader, "SELECT total_cents FROM till WHERE id = 7"), "700");
}

#[test]
fn a_standby_that_cannot_be_asked_is_named_and_stops_no_lock() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TABLE);
    let mut settings = Settings::default();
    let nowhere = "host=/nowhere/at/all user=me password=secret".to_owned();
    settings.replicas = vec![nowhere, database.url().to_owned(), "port=none".to_owned()];
    // Jobs do stand still for them, where they are not told otherwise.
    settings.replica_lag = Duration::MAX;
    assert!(!format!("{settings:?}").contains("secret"));
    let (told, reasons) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let migrator = database::migrator(&dual_write::money::PLAN).settings(settings).observe(move |event| {
        if let Event::ReplicaUnknown { replica, reason } = event {
            told.lock().expect("the test").send(format!("{replica}: {reason}")).expect("the test");
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    drop(migrator);
    let reasons: Vec<String> = reasons.iter().collect();
    assert_eq!(reasons.len(), 3, "each is told once in a run: {reasons:?}");
    for words in ["on /nowhere/at/all port 5432 as \"me\": cannot connect: ", "it is no standby", "unreadable address"]
    {
        assert!(reasons.iter().any(|reason| reason.contains(words)), "{words}: {reasons:?}");
    }
    assert!(reasons.iter().all(|reason| !reason.contains("secret")), "{reasons:?}");
}
