//! Statements that wait without a limit: who blocks them is told, and a cancel does not end the run.

use std::sync::{Arc, Mutex};
use std::thread;

use migrate::testing::ScratchServer;
use migrate::{BlockerKind, Event, Migrator};
use postgres::{Client, NoTls};

use super::{TABLE, dual_write};
use crate::database;
use crate::observed::{run, value};

/// What a proof waits for, and no read or write does.
const LOCK: &str = "BEGIN; LOCK TABLE till IN SHARE UPDATE EXCLUSIVE MODE";

/// What was told while the proof was blocked.
#[derive(Debug, Default)]
struct Told {
    blocked: Vec<(BlockerKind, String)>,
    behind: Vec<String>,
    retried: u32,
}

/// A runner whose statements are watched, and whose proof is blocked by `blocker` until `enough` was told.
fn blocked(
    url: &str,
    mut blocker: Client,
    block: &'static str,
    unblock: &'static str,
    mut on_blocked: impl FnMut(&Told) -> bool + Send + 'static,
) -> (Migrator, Arc<Mutex<Told>>) {
    let (url, told) = (url.to_owned(), Arc::new(Mutex::new(Told::default())));
    let seen = Arc::clone(&told);
    let mut act = move |event: &Event<'_>| {
        let mut told = seen.lock().expect("the test");
        match event {
            Event::StepStarted { step: "prove public.till", .. } => run(&mut blocker, block),
            Event::StatementBlocked { step: "prove public.till", blockers, behind, .. } => {
                told.blocked.extend(blockers.iter().map(|b| (b.kind.clone(), b.application.clone())));
                told.behind.extend(behind.iter().map(|b| b.application.clone()));
                if on_blocked(&told) {
                    run(&mut blocker, unblock);
                }
            }
            Event::Retried { .. } => told.retried += 1,
            _ => {}
        }
    };
    let act = Mutex::new(move |event: &Event<'_>| act(event));
    let migrator = database::migrator(&dual_write::money::PLAN)
        .watcher(move || Ok(Client::connect(&url, NoTls).expect("a connection")))
        .observe(move |event| (act.lock().expect("the test"))(event));
    (migrator, told)
}

#[test]
fn a_blocked_proof_says_who_blocks_it_and_who_waits_behind_it() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TABLE);
    let mut blocker = database.connect().expect("a connection");
    run(&mut blocker, "SET application_name = 'schema tool'");
    let mut second = database.connect().expect("a connection");
    let mut second = Some(move || {
        run(&mut second, "SET application_name = 'second tool'; ANALYZE till");
    });
    let (migrator, told) = blocked(database.url(), blocker, LOCK, "COMMIT", move |told| {
        second.take().map(thread::spawn);
        !told.behind.is_empty()
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    let told = told.lock().expect("the test");
    assert_eq!(told.blocked[0], (BlockerKind::Session, "schema tool".to_owned()));
    assert_eq!(told.behind, ["second tool"]);
}

#[test]
fn a_prepared_transaction_that_blocks_a_proof_is_told_by_its_name() {
    // The prepared transactions of a server are in one list, and some servers have none.
    let server = ScratchServer::builder().start_own().expect("a server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    run(&mut client, TABLE);
    let blocker = database.connect().expect("a connection");
    let prepare = "BEGIN; LOCK TABLE till IN SHARE UPDATE EXCLUSIVE MODE; PREPARE TRANSACTION 'half done'";
    let (migrator, told) = blocked(database.url(), blocker, prepare, "ROLLBACK PREPARED 'half done'", |_| true);
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(told.lock().expect("the test").blocked, [(BlockerKind::Prepared, "half done".to_owned())]);
}

#[test]
fn a_proof_that_is_cancelled_is_tried_again() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TABLE);
    let blocker = database.connect().expect("a connection");
    let mut operator = database.connect().expect("a connection");
    let pid = value(&mut client, "SELECT pg_backend_pid()");
    let (migrator, told) = blocked(database.url(), blocker, LOCK, "COMMIT", move |told| {
        if told.retried == 0 {
            run(&mut operator, &format!("SELECT pg_cancel_backend({pid})"));
        }
        told.retried == 1
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(told.lock().expect("the test").retried, 1);
}
