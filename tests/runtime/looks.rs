//! Instances look where the plans are once a second, while others start and revert them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use migrate::Plan;
use migrate::testing::ScratchDatabase;
use postgres::Client;

use crate::database;
use crate::observed::{run, value};

mod plans {
    migrate::plan! { pub mod come_and_gone; stage dual_write; table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const PLAN: &Plan = &plans::come_and_gone::PLAN;

/// What a beat asks.
const LOOK: &str = "SELECT name, status, conflicts FROM migrate.look('{come_and_gone}', '{}', '{contract}', true)";

fn sale() -> (ScratchDatabase, Client) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL)");
    run(&mut client, "INSERT INTO sale SELECT g, g FROM generate_series(1, 10) g");
    assert!(database::migrator(PLAN).run(&mut client).expect("a run").is_complete());
    (database, client)
}

#[test]
fn a_sequence_that_is_being_dropped_fails_no_look_and_holds_none_up() {
    let (database, mut client) = sale();
    let (mut other, mut watcher) =
        (database.connect().expect("a connection"), database.connect().expect("a connection"));
    let pid = value(&mut other, "SELECT pg_backend_pid()");
    run(&mut client, "BEGIN; DROP SEQUENCE migrate.come_and_gone_conflicts");
    run(&mut other, "SET statement_timeout = '20s'");
    assert_eq!(value(&mut other, LOOK), "come_and_gone|running|0");
    // And where it is gone by the time it is had.
    let looking = thread::spawn(move || other.query(LOOK, &[]).map(|rows| rows.len()));
    let waits = format!("SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted");
    while value(&mut watcher, &waits) == "0" && !looking.is_finished() {}
    run(&mut client, "COMMIT");
    assert_eq!(looking.join().expect("the other session").expect("a look"), 1);
}

#[test]
fn plans_that_come_and_go_fail_no_look() {
    let (database, mut client) = sale();
    let stop = Arc::new(AtomicBool::new(false));
    let looking: Vec<_> = (0..2)
        .map(|_| {
            let (mut other, stop) = (database.connect().expect("a connection"), Arc::clone(&stop));
            thread::spawn(move || {
                let mut looks = 0;
                while !stop.load(Ordering::Relaxed) {
                    other.query(LOOK, &[]).expect("a look");
                    looks += 1;
                }
                looks
            })
        })
        .collect();
    let migrator = database::migrator(PLAN);
    for _ in 0..10 * database::scale() {
        migrator.revert(&mut client, PLAN).expect("a revert");
        migrator.release(&mut client, PLAN).expect("a release");
        let report = migrator.run(&mut client).expect("a run");
        assert!(report.is_complete(), "{report}");
    }
    stop.store(true, Ordering::Relaxed);
    for other in looking {
        assert!(other.join().expect("one who looks") > 0_u32);
    }
}
