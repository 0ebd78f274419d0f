//! A table that a long transaction holds: the runner asks for nothing that others would have to wait
//! behind, says who holds it, and goes on when it is free.

mod autovacuum;
mod bar;
mod lost_commit;
mod standby;
mod traffic;
mod tree;
mod unprivileged;
mod watch;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use migrate::testing::ScratchDatabase;
use migrate::{Error, Event, Settings};
use postgres::Client;

use crate::database;
use crate::observed::value;

mod dual_write {
    migrate::plan! { pub mod money; stage dual_write;
        table till (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        }
    }
}

const TABLE: &str = "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); \
                     INSERT INTO till SELECT g, g FROM generate_series(1, 100) g";

fn with_the_table() -> (ScratchDatabase, Client) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    client.batch_execute(TABLE).expect("a table");
    (database, client)
}

#[test]
fn a_long_reader_is_waited_for_without_a_request_that_others_queue_behind() {
    let (database, mut client) = with_the_table();
    let mut reader = database.connect().expect("a connection");
    reader.batch_execute("SET application_name = 'report'; BEGIN; SELECT count(*) FROM till").expect("a reader");
    let told = Arc::new(AtomicU32::new(0));
    let runner = {
        let told = Arc::clone(&told);
        let migrator = database::migrator(&dual_write::money::PLAN).observe(move |event| {
            if let Event::LockWaited { blockers, .. } = event {
                assert!(blockers.iter().any(|blocker| blocker.application == "report"), "{blockers:?}");
                told.fetch_add(1, Ordering::SeqCst);
            }
        });
        thread::spawn(move || migrator.run(&mut client))
    };
    // Until the runner has told of its wait twice, which takes it two seconds, nobody ever sees a lock
    // that is not granted, and reads and writes of the table go through.
    let mut watcher = database.connect().expect("a connection");
    let mut looks = 0;
    while told.load(Ordering::SeqCst) < 2 {
        let waiting: i64 = watcher
            .query_one("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'", &[])
            .expect("a look")
            .get(0);
        assert_eq!(waiting, 0, "somebody waits for a table lock");
        watcher.batch_execute("UPDATE till SET total = total + 1 WHERE id = 1").expect("a write");
        looks += 1;
    }
    assert!(looks > 50, "only {looks} looks");
    reader.batch_execute("COMMIT").expect("the reader's end");
    let report = runner.join().expect("the runner").expect("a run");
    assert!(report.is_complete(), "{report}");
}

/// While a transaction that holds the table is open it is not looked at each time whether it still does.
#[test]
fn a_transaction_that_lets_the_table_go_and_goes_on_is_not_waited_for() {
    let (database, mut client) = with_the_table();
    let mut holder = database.connect().expect("a connection");
    holder.batch_execute("BEGIN; SAVEPOINT report; SELECT count(*) FROM till").expect("a reader");
    let holder = Mutex::new(holder);
    let migrator = database::migrator(&dual_write::money::PLAN).observe(move |event| {
        if let Event::LockWaited { .. } = event {
            // Its transaction stays open to the end of the test.
            holder.lock().expect("the holder").batch_execute("ROLLBACK TO SAVEPOINT report").expect("another report");
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
    assert_eq!(value(&mut client, open), "1");
}

#[test]
fn a_table_that_never_comes_free_is_given_up_with_the_name_of_its_holder() {
    let (database, mut client) = with_the_table();
    let mut reader = database.connect().expect("a connection");
    reader.batch_execute("SET application_name = 'report'; BEGIN; SELECT count(*) FROM till").expect("a reader");
    let mut settings = Settings::default();
    settings.lock_deadline = Duration::from_millis(400);
    let migrator = database::migrator(&dual_write::money::PLAN).settings(settings);
    let error = migrator.run(&mut client).expect_err("no lock");
    assert!(matches!(error, Error::LockNotAvailable { .. }), "{error}");
    for word in ["till", "ACCESS EXCLUSIVE", "report", "idle in transaction"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    // Nothing is half done, and the next run goes on.
    reader.batch_execute("COMMIT").expect("the reader's end");
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
}
