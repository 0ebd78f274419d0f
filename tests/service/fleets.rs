//! A hundred processes start at once.

use std::time::{Duration, Instant};

use migrate::testing::ScratchServer;

use crate::agent::{Agent, Manner};
use crate::builds::{Build, create_till};
use crate::leads::{done_once, until};

/// How many start at once: fewer in the small size, since each is a process of its own on the machine that tests.
fn fleet() -> usize {
    let scale: usize = std::env::var("MIGRATE_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    if scale >= 10 { 100 } else { 30 }
}

#[test]
fn a_fleet_that_starts_at_once_does_each_step_once_three_times_over() {
    let server = ScratchServer::builder().setting("max_connections", "300").start().expect("a server");
    for round in 1..=3 {
        let database = server.database().expect("a database");
        let mut client = database.connect().expect("a connection");
        create_till(&mut client, 5000);
        let begun = Instant::now();
        // A lease of usual length: a hundred processes on two cores are slow to beat.
        let manner = Manner::of(Build::DualWrite).lease(Duration::from_secs(30));
        let mut agents: Vec<Agent> = (0..fleet()).map(|_| Agent::spawn(database.url(), manner)).collect();
        let mut slowest = 0;
        for agent in &mut agents {
            agent.ready();
            let ready = agent.said.iter().find_map(|line| line.strip_prefix("ready "));
            let millis = ready.and_then(|line| line.split(' ').next()).and_then(|word| word.parse().ok()).unwrap_or(0);
            slowest = slowest.max(millis);
        }
        println!(
            "round {round}: {} ready after {:?}, the slowest start took {slowest} ms",
            agents.len(),
            begun.elapsed()
        );
        until(
            &mut client,
            "filled",
            "SELECT count(*) = 0 FROM migrate.step WHERE phase IN ('expand', 'dual_write') AND state <> 'done'",
        );
        done_once(&mut client);
        let sql = "SELECT count(*) FROM migrate.instance WHERE state = 'live'";
        let live: i64 = client.query_one(sql, &[]).expect("a count").get(0);
        assert_eq!(live, agents.len() as i64);
        drop(agents);
    }
}
