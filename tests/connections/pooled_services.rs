//! A service needs sessions of its own too: behind a pool of transactions it does not start, and leaves nothing there.

use std::time::{Duration, Instant};

use migrate::{Error, Migrator, Phase, Side};

use crate::pooler::{Pooler, Setup};
use crate::scenery::{MIGRATIONS, orders_number};

const TABLE: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, label text)";

fn migrator() -> Migrator {
    Migrator::new(&MIGRATIONS).soak(Duration::ZERO)
}

#[test]
fn a_service_behind_a_pool_of_transactions_is_refused_and_is_on_no_list() {
    for mode in ["transaction", "statement"] {
        // Where it takes turns, what is done to a session can't be undone by asking for it on the same connection.
        for (size, in_turns) in [(1, false), (3, false), (2, true), (3, true), (4, true), (5, true)] {
            let Some(pooler) = Pooler::start(&Setup { mode, size, in_turns }) else { return };
            let mut direct = pooler.direct.connect().expect("a connection");
            direct.batch_execute(TABLE).expect("a table");
            if in_turns && mode == "transaction" {
                pooler.warm();
            }
            // In a database that nobody has migrated, and in one where there is nothing to do.
            for state in ["new", "migrated"] {
                let error = migrator().start(pooler.source()).expect_err("a pooler");
                assert!(matches!(error, Error::Pooled { .. }), "{mode}, {size}, {state}: {error}");
                if state == "new" {
                    let exists = "SELECT to_regclass('migrate.plan') IS NOT NULL";
                    let exists: bool = direct.query_one(exists, &[]).expect("an answer").get(0);
                    assert!(!exists, "{mode}, {size}: something was changed");
                    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
                    let locks: i64 = direct.query_one(locks, &[]).expect("the locks").get(0);
                    assert_eq!(locks, 0, "{mode}, {size}: a lock stayed with the pooler");
                    let service = migrator().start(pooler.direct.url()).expect("the server's own address");
                    service.wait(Phase::DualWrite, Duration::from_secs(30)).expect("filled");
                    service.stop();
                }
            }
            let live = "SELECT count(*) FROM migrate.instance WHERE state = 'live'";
            let begun = Instant::now();
            while direct.query_one(live, &[]).expect("the list").get::<_, i64>(0) > 0 {
                assert!(begun.elapsed() < Duration::from_secs(90), "{mode}, {size}: it is on the list");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn a_service_behind_a_pool_of_sessions_is_served() {
    let Some(pooler) = Pooler::start(&Setup { mode: "session", size: 10, in_turns: false }) else { return };
    pooler.direct.connect().expect("a connection").batch_execute(TABLE).expect("a table");
    pooler.warm();
    let service = migrator().start(pooler.source()).expect("a service");
    service.wait(Phase::DualWrite, Duration::from_secs(30)).expect("filled");
    assert_eq!(service.side(&orders_number::PLAN), Side::Old);
    service.stop();
}
