//! Autovacuum on the table: it makes way, for any owner of the table, and no application waits meanwhile.
//! Against wraparound it is let finish.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use migrate::testing::{ScratchDatabase, ScratchServer, ScratchServerBuilder};
use migrate::{BlockerKind, Event, Migrator};
use postgres::Client;

use super::dual_write;
use crate::database;
use crate::observed::{run, value};
use crate::role::Role;

/// A server whose autovacuum comes at once.
fn eager() -> ScratchServerBuilder {
    ScratchServer::builder().setting("autovacuum_naptime", "1s").setting("autovacuum_vacuum_threshold", "0")
}

/// A table on which a vacuum takes 0.1 s a page. It is not vacuumed before it is told to.
fn slow_table(client: &mut Client, rows: u32) {
    run(
        client,
        &format!(
            "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL) \
                 WITH (autovacuum_enabled = off, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1); \
             INSERT INTO till SELECT g, g FROM generate_series(1, {rows}) g; UPDATE till SET total = total + 1"
        ),
    );
}

fn wait_for_worker(client: &mut Client) {
    let working = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 'till'::regclass";
    let begun = std::time::Instant::now();
    while value(client, working) == "0" {
        assert!(begun.elapsed() < Duration::from_secs(60), "no worker comes");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Writes to the table until the value drops; a write that takes half a second fails.
fn writing<T>(database: &ScratchDatabase, work: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut client = database.connect().expect("a connection");
        let writer = scope.spawn(|| {
            run(&mut client, "SET statement_timeout = '500ms'");
            while !ended.load(Ordering::SeqCst) {
                run(&mut client, "UPDATE till SET total = total + 1 WHERE id = 1");
                thread::sleep(Duration::from_millis(5));
            }
            client
        });
        let value = work();
        ended.store(true, Ordering::SeqCst);
        writer.join().expect("the writer is never kept waiting");
        value
    })
}

/// What was told of: the workers that made way, and what kinds of blockers were waited for.
#[derive(Default)]
struct Told {
    cancelled: Vec<String>,
    waited: Vec<BlockerKind>,
}

fn told_by(migrator: Migrator) -> (Migrator, Arc<Mutex<Told>>) {
    let told = Arc::new(Mutex::new(Told::default()));
    let seen = Arc::clone(&told);
    let migrator = migrator.observe(move |event| {
        let mut told = seen.lock().expect("the test");
        match event {
            Event::AutovacuumCancelled { table, worker } => {
                assert_eq!(worker.kind, BlockerKind::Autovacuum);
                told.cancelled.push((*table).to_owned());
            }
            Event::LockWaited { blockers, .. } => told.waited.extend(blockers.iter().map(|b| b.kind.clone())),
            _ => {}
        }
    });
    (migrator, told)
}

#[test]
fn autovacuum_makes_way_even_for_a_role_that_may_cancel_nobody() {
    let server = eager().start_own().expect("a server");
    for privileged in [true, false] {
        let database = server.database().expect("a database");
        let mut admin = database.connect().expect("a connection");
        slow_table(&mut admin, 60_000);
        let role = Role::new(&database, "runner");
        let mut client = if privileged { database.connect().expect("a connection") } else { role.connect(&database) };
        run(&mut admin, &format!("GRANT CREATE ON DATABASE {} TO {}", database.name(), role.name()));
        run(&mut admin, &format!("GRANT CREATE ON SCHEMA public TO {0}; ALTER TABLE till OWNER TO {0}", role.name()));
        run(&mut admin, "ALTER TABLE till SET (autovacuum_enabled = on)");
        wait_for_worker(&mut admin);
        let (migrator, told) = told_by(database::migrator(&dual_write::money::PLAN));
        let report = writing(&database, || migrator.run(&mut client).expect("a run"));
        assert!(report.is_complete(), "{report}");
        let told = told.lock().expect("the test");
        assert!(told.cancelled.contains(&"\"public\".\"till\"".to_owned()), "{:?}", told.cancelled);
    }
}

#[test]
fn a_vacuum_that_somebody_typed_is_waited_for() {
    let server = ScratchServer::builder().setting("autovacuum", "off").start_own().expect("a server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    slow_table(&mut client, 1000);
    let mut vacuum = database.connect().expect("a connection");
    let mut admin = database.connect().expect("a connection");
    thread::scope(|scope| {
        let typed = scope.spawn(move || {
            run(&mut vacuum, "SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1");
            run(&mut vacuum, "VACUUM till");
        });
        wait_for_worker(&mut admin);
        let (migrator, told) = told_by(database::migrator(&dual_write::money::PLAN));
        assert!(migrator.run(&mut client).expect("a run").is_complete());
        typed.join().expect("the vacuum went through");
        let told = told.lock().expect("the test");
        assert!(told.cancelled.is_empty() && told.waited.contains(&BlockerKind::Session), "{:?}", told.waited);
    });
}

#[test]
fn a_vacuum_against_wraparound_is_waited_for_and_named() {
    let server = eager().setting("autovacuum_freeze_max_age", "100000").start_own().expect("a server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    slow_table(&mut client, 2000);
    let frozen = "SELECT relfrozenxid FROM pg_class WHERE oid = 'till'::regclass";
    let before = value(&mut client, frozen);
    run(&mut client, "SET synchronous_commit = off");
    run(&mut client, "DO $$ BEGIN FOR i IN 1..100500 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
    let working = "SELECT count(*) FROM pg_stat_activity \
                   WHERE query LIKE '%till (to prevent wraparound)%' AND backend_type = 'autovacuum worker'";
    while value(&mut client, working) == "0" {
        thread::sleep(Duration::from_millis(10));
    }
    let (migrator, told) = told_by(database::migrator(&dual_write::money::PLAN));
    let report = writing(&database, || migrator.run(&mut client).expect("a run"));
    assert!(report.is_complete(), "{report}");
    let told = told.lock().expect("the test");
    assert!(told.cancelled.is_empty(), "{:?}", told.cancelled);
    assert!(told.waited.contains(&BlockerKind::WraparoundVacuum), "{:?}", told.waited);
    assert_ne!(value(&mut client, frozen), before, "the vacuum has done its work");
}
