//! What needs a session of its own refuses a connection that has none, before anything is changed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{panic, thread};

use migrate::{Error, Migrator, Phase};

use crate::pooler::{Pooler, Setup};
use crate::scenery::{MIGRATIONS, orders_number};

const TABLE: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, label text)";

/// Runs `work` while as many clients as `count` are busy with short transactions.
fn beside<T>(pooler: &Pooler, count: usize, work: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let mut client = pooler.client();
                while !ended.load(Ordering::Relaxed) {
                    client.batch_execute("BEGIN; SELECT pg_sleep(0.002); COMMIT").expect("a transaction");
                }
            });
        }
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(work));
        ended.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}

fn assert_pooled<T>(outcome: Result<T, Error>, what: &str) {
    match outcome {
        Err(error @ Error::Pooled { .. }) => {
            let said = error.to_string();
            for part in ["no session of its own: ", "nothing further was changed", "`pool_mode=session`"] {
                assert!(said.contains(part), "{what}: {said}");
            }
        }
        Err(error) => panic!("{what}: {error}"),
        Ok(_) => panic!("{what}: not refused"),
    }
}

fn assert_refused(pooler: &Pooler, what: &str) {
    assert_pooled(pooler.source().connect_direct("deploy"), what);
    let begun = Instant::now();
    let mut client = pooler.source().connect("deploy").expect("a connection");
    assert_pooled(pooler.source().require_direct(&mut client, begun), what);
}

#[test]
fn a_source_that_leads_to_a_pool_of_transactions_is_refused_whatever_it_is_like() {
    for size in [1, 2, 5] {
        for in_turns in [false, true] {
            let Some(pooler) = Pooler::start(&Setup { mode: "transaction", size, in_turns }) else { return };
            let what = format!("{size} connections, in turns: {in_turns}");
            assert_refused(&pooler, &format!("{what}, new"));
            pooler.warm();
            assert_refused(&pooler, &format!("{what}, idle"));
            for count in [1, 4] {
                beside(&pooler, count, || assert_refused(&pooler, &format!("{what}, beside {count}")));
            }
        }
    }
}

#[test]
fn a_pool_whose_connections_are_all_in_use_is_refused_rather_than_waited_for() {
    let Some(pooler) = Pooler::start(&Setup { mode: "transaction", size: 2, in_turns: false }) else { return };
    let mut client = pooler.source().connect("deploy").expect("a connection");
    let begun = Instant::now();
    let mut others = pooler.all();
    // It frees one while the first question is asked, and takes it back.
    let first = others.pop().expect("one of them");
    drop(first);
    assert_pooled(pooler.source().require_direct(&mut client, begun), "one connection is left");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_source_that_leads_to_a_pool_of_statements_is_refused() {
    for (size, in_turns) in [(1, false), (3, false), (3, true)] {
        let Some(pooler) = Pooler::start(&Setup { mode: "statement", size, in_turns }) else { return };
        assert_refused(&pooler, "new");
    }
}

#[test]
fn a_pool_of_sessions_is_as_good_as_the_server() {
    for size in [1, 3] {
        let Some(pooler) = Pooler::start(&Setup { mode: "session", size, in_turns: false }) else { return };
        let begun = Instant::now();
        let mut client = pooler.source().connect_direct("deploy").expect("a session of its own");
        // The second connection waits where there is no more than one, and is not waited for without end.
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        client.batch_execute(TABLE).expect("a table");
        let report = Migrator::new(&MIGRATIONS).run(&mut client).expect("a run");
        assert!(report.is_complete(), "{report}");
        drop(client);
        // And so it is with a connection that has served others.
        let mut client = pooler.source().connect_direct("deploy").expect("a session of its own");
        let row = client.query_one("SELECT current_setting('migrate.probe', true)", &[]).expect("a row");
        assert!(row.get::<_, Option<String>>(0).is_none_or(|mark| mark.is_empty()), "nothing is left of the test");
    }
}

#[test]
fn a_connection_that_others_share_is_refused_before_anything_is_changed() {
    for (mode, in_turns) in [("transaction", true), ("statement", false), ("statement", true)] {
        let Some(pooler) = Pooler::start(&Setup { mode, size: 3, in_turns }) else { return };
        pooler
            .server
            .connect()
            .and_then(|mut direct| Ok(direct.batch_execute(TABLE).expect("a table")))
            .expect("a table");
        if mode == "transaction" {
            pooler.warm();
        }
        let migrator = Migrator::new(&MIGRATIONS);
        assert_pooled(migrator.run(&mut pooler.client()), mode);
        assert_pooled(migrator.advance(&mut pooler.client(), &orders_number::PLAN, Phase::Switch), mode);
        assert_pooled(migrator.revert(&mut pooler.client(), "orders_number"), mode);
        assert_pooled(migrator.hold(&mut pooler.client(), "orders_number"), mode);
        assert_pooled(migrator.release(&mut pooler.client(), "orders_number"), mode);
        let mut direct = pooler.server.connect().expect("a connection");
        let left = direct.query_one("SELECT to_regnamespace('migrate') IS NULL", &[]).expect("a row");
        assert!(left.get::<_, bool>(0), "{mode}: the state was made");
        let locks = direct.query_one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", &[]).expect("a row");
        assert_eq!(locks.get::<_, i64>(0), 0, "{mode}: a lock stayed with the pooler");
        crate::pooled_reading::assert_untouched(&pooler);
    }
}

#[test]
fn a_statement_of_another_client_under_the_same_name_is_a_sign_too() {
    let Some(pooler) = Pooler::start(&Setup { mode: "transaction", size: 1, in_turns: false }) else { return };
    let mut other = pooler.client();
    // The driver names its statements with `s` and the number that it is at in this process.
    let taken: Vec<String> = (0..2_000).map(|number| format!("PREPARE s{number} AS SELECT 1")).collect();
    other.batch_execute(&taken.join("; ")).expect("statements");
    assert_pooled(Migrator::new(&MIGRATIONS).run(&mut pooler.client()), "names");
}
