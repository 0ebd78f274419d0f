//! What an application feels of schema changes on its table, while a report reads it for seconds at a time.
//!
//! `cargo bench --bench lock_latency`. Three arms take turns on the same data, with the same number of statements
//! each: nothing but traffic and the report; cycles of a plan up to `dual_write` and back; and the same DDL with
//! the lock protocol of pgroll (`lock_timeout` 500 ms, back-off of 1 s doubled to at most 60 s, full jitter).
//! `MIGRATE_BENCH_SECONDS` sets the length of a turn (20), `MIGRATE_BENCH_ROUNDS` how many each arm has (3).
//!
//! Eight clients each send a statement every 20 ms by the clock; a latency counts from the moment at which it was
//! due, so that a stall is felt by all statements that it delays.

mod arms;
mod traffic;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Migrations, Migrator, migrations};
use postgres::Client;

use arms::Arm;

migrate::plan! {
    /// The change that is measured.
    mod cents;
    stage dual_write;
    table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up round(total * 100)::bigint; down total_cents / 100.0;
        }
    }
}

static PLANS: Migrations = migrations![cents];

/// Rows of the table: few, so that locks are measured and not the backfill.
const ROWS: i64 = 500;

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(default)
    };
    let turn = Duration::from_secs(number("MIGRATE_BENCH_SECONDS", 20));
    let rounds = number("MIGRATE_BENCH_ROUNDS", 3);
    let server = ScratchServer::builder().setting("autovacuum", "off").start_own().expect("a PostgreSQL server");
    let database = server.database().expect("a database");
    let mut arms = Arm::ALL.map(|arm| (arm, Vec::new(), Vec::new(), 0));
    for round in 0..rounds {
        for place in 0..arms.len() {
            let (arm, latencies, longest, steps) = &mut arms[(place + round as usize) % Arm::ALL.len()];
            let (felt, done) = take_turn(&database, *arm, turn);
            longest.extend(felt.iter().max());
            latencies.extend(felt);
            *steps += done;
        }
    }
    println!("PostgreSQL {}, {rounds} turns of {} s for each arm\n", server.version_num() / 10_000, turn.as_secs());
    println!(
        "{:<34}{:>8}{:>8}{:>8}{:>8}{:>9}{:>8}  maxima of the turns",
        "latency in ms", "count", "p50", "p99", "p99.9", "max", "steps"
    );
    let mut maxima = Vec::new();
    for (arm, latencies, longest, steps) in &mut arms {
        latencies.sort();
        let at = |share: f64| millis(latencies[((latencies.len() - 1) as f64 * share) as usize]);
        let each: Vec<String> = longest.iter().map(|longest| format!("{:.0}", millis(*longest))).collect();
        println!(
            "{:<34}{:>8}{:>8.1}{:>8.1}{:>8.1}{:>9.1}{steps:>8}  {}",
            arm.name(),
            latencies.len(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            each.join(", ")
        );
        maxima.push(at(1.0));
    }
    println!(
        "\nmaximum beside that of the traffic alone: ours {:.2}, as pgroll {:.2}",
        maxima[1] / maxima[0],
        maxima[2] / maxima[0]
    );
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn run(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// A fresh table on which the plan has been once, there and back; answers the history of that.
fn prepare(client: &mut Client) -> Vec<arms::Recorded> {
    run(client, "DROP TABLE IF EXISTS sale; DROP SCHEMA IF EXISTS migrate CASCADE");
    run(
        client,
        "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, other integer NOT NULL DEFAULT 0)",
    );
    run(client, &format!("INSERT INTO sale SELECT g, g / 7.0 FROM generate_series(1, {ROWS}) g"));
    let migrator = Migrator::new(&PLANS);
    assert!(migrator.run(client).expect("a run").is_complete());
    migrator.revert(client, "cents").expect("a revert");
    let history = migrator.history(client, None, 1000).expect("the history");
    run(client, "VACUUM (ANALYZE) sale");
    arms::recorded(history)
}

/// One arm's turn: what the application felt, and how many locked steps were done meanwhile.
fn take_turn(database: &ScratchDatabase, arm: Arm, turn: Duration) -> (Vec<Duration>, usize) {
    let mut client = database.connect().expect("a connection");
    let history = prepare(&mut client);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| traffic::report(database, &ended));
        let work = scope.spawn(|| arm.work(&mut client, &history, &ended));
        let felt = traffic::felt(database, turn, ROWS);
        ended.store(true, Ordering::SeqCst);
        reader.join().expect("the report");
        (felt, work.join().expect("the arm"))
    })
}
