//! A table with partitions, each of them locked by somebody at any time: a queue for all of them holds some while
//! it waits for the next, and still keeps nobody waiting longer than the stall budget.

use std::time::Duration;

use migrate::{Error, Settings};

use super::{dual_write, traffic};
use crate::database;
use crate::observed::{run, value};

const PARTITIONS: usize = 8;

#[test]
fn a_queue_for_many_partitions_keeps_nobody_waiting_longer_than_for_one() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint, total numeric(12,2) NOT NULL, part integer NOT NULL, PRIMARY KEY (id, part)) \
             PARTITION BY LIST (part)",
    );
    for part in 0..PARTITIONS {
        run(&mut client, &format!("CREATE TABLE till_{part} PARTITION OF till FOR VALUES IN ({part})"));
        run(&mut client, &format!("INSERT INTO till SELECT g, g, {part} FROM generate_series(1, 100) g"));
    }
    let runner = value(&mut client, "SELECT pg_backend_pid()");
    let mut settings = Settings::default();
    // Half of it is spent on asking without a queue.
    settings.lock_deadline = Duration::from_secs(6);
    let migrator = database::migrator(&dual_write::money::PLAN).settings(settings.clone());
    // Two clients for each partition, so that one of them is in a transaction of 40 ms nearly always.
    let statement = |client: usize, round: usize| {
        let (part, id) = (client % PARTITIONS, 1 + (client * 31 + round) % 100);
        format!("BEGIN; UPDATE till_{part} SET total = total + 1 WHERE id = {id}; SELECT pg_sleep(0.04); COMMIT")
    };
    let (outcome, toll) =
        traffic::beside(&database, &runner, 2 * PARTITIONS, Duration::from_millis(3), statement, || {
            migrator.run(&mut client)
        });
    println!("{toll:?}");
    assert!(toll.longest_wait <= settings.stall_budget, "{toll:?}");
    // So many partitions are seldom free together; then it is given up and not forced.
    if let Err(error) = outcome {
        assert!(matches!(error, Error::LockNotAvailable { .. }), "{error}");
    }
}
