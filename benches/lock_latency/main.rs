//! What an application feels of a whole plan on its table, while a report reads it for half a minute.
//!
//! `cargo bench --bench lock_latency`. Three arms take turns on the same data, with the same number of statements
//! each: nothing but traffic and the report; a plan from its first step to its last; and the same DDL with the lock
//! protocol of pgroll (`lock_timeout` 500 ms, back-off of 1 s doubled to at most 60 s, full jitter), as far as it gets.
//! `MIGRATE_BENCH_SECONDS` sets how long the report reads (30), `MIGRATE_BENCH_ROUNDS` how many turns each arm has (3).
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
    stage contract;
    table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up round(total * 100)::bigint; down total_cents / 100.0;
        }
    }
}

static PLANS: Migrations = migrations![cents];
static NONE: Migrations = migrations![];

/// Rows of the table: few, so that table locks are measured. What the row locks of a backfill do, `busy` measures.
const ROWS: i64 = 500;

/// What a turn has beside the report, for the rest of the plan.
const REST: Duration = Duration::from_secs(5);

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(default)
    };
    let report = Duration::from_secs(number("MIGRATE_BENCH_SECONDS", 30));
    let rounds = number("MIGRATE_BENCH_ROUNDS", 3);
    let server = ScratchServer::builder().setting("autovacuum", "off").start_own().expect("a PostgreSQL server");
    let database = server.database().expect("a database");
    let mut arms = Arm::ALL.map(|arm| (arm, Vec::new(), Vec::new(), 0));
    for round in 0..rounds {
        for place in 0..arms.len() {
            let (arm, latencies, longest, steps) = &mut arms[(place + round as usize) % Arm::ALL.len()];
            let (felt, done) = take_turn(&database, *arm, report);
            longest.extend(felt.iter().max());
            latencies.extend(felt);
            *steps += done;
        }
    }
    println!(
        "PostgreSQL {}, {rounds} turns for each arm, each with a report of {} s\n",
        server.version_num() / 10_000,
        report.as_secs()
    );
    println!(
        "{:<34}{:>8}{:>8}{:>8}{:>8}{:>9}{:>8}  maxima of the turns",
        "latency in ms", "count", "p50", "p99", "p99.9", "max", "steps"
    );
    let (mut maxima, mut medians) = (Vec::new(), Vec::new());
    for (arm, latencies, longest, steps) in &mut arms {
        latencies.sort();
        let at = |share: f64| millis(latencies[((latencies.len() - 1) as f64 * share) as usize]);
        let each: Vec<String> = longest.iter().map(|longest| format!("{:.1}", millis(*longest))).collect();
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
        longest.sort();
        medians.push(millis(longest[longest.len() / 2]));
    }
    println!();
    for (what, arms) in [("maximum", maxima), ("median of the turns' maxima", medians)] {
        let (ours, pgroll) = (arms[1] / arms[0], arms[2] / arms[0]);
        println!("{what} beside that of the traffic alone: ours {ours:.2}, as pgroll {pgroll:.2}");
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn run(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// A fresh table; answers the steps of the plan, which another table like it went through.
fn prepare(client: &mut Client) -> Vec<arms::Recorded> {
    fresh(client);
    assert!(arms::migrator().run(client).expect("a run").is_complete());
    let history = arms::migrator().history(client, None, 1000).expect("the history");
    fresh(client);
    run(client, "VACUUM (ANALYZE) sale");
    arms::recorded(history)
}

fn fresh(client: &mut Client) {
    run(client, "DROP TABLE IF EXISTS sale; DROP SCHEMA IF EXISTS migrate CASCADE");
    run(
        client,
        "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, other integer NOT NULL DEFAULT 0)",
    );
    run(client, &format!("INSERT INTO sale SELECT g, g / 7.0 FROM generate_series(1, {ROWS}) g"));
    assert!(Migrator::new(&NONE).run(client).expect("a run of no plan").is_complete());
}

/// One arm's turn: what the application felt, and how many locked steps were done meanwhile.
fn take_turn(database: &ScratchDatabase, arm: Arm, report: Duration) -> (Vec<Duration>, usize) {
    let mut client = database.connect().expect("a connection");
    let history = prepare(&mut client);
    let ended = AtomicBool::new(false);
    let mut shoppers = traffic::shoppers(database);
    let reader = traffic::begin_report(database);
    thread::scope(|scope| {
        let reader = scope.spawn(|| traffic::read(reader, report, &ended));
        let work = scope.spawn(|| arm.work(&mut client, &history, &ended));
        let felt = traffic::felt(&mut shoppers, report + REST, ROWS);
        ended.store(true, Ordering::SeqCst);
        reader.join().expect("the report");
        (felt, work.join().expect("the arm"))
    })
}
