//! What a start with nothing to do costs, beside sqlx migrate, refinery and diesel_migrations, and what a new
//! environment takes.
//!
//! `cargo run --release --manifest-path benches/start/Cargo.toml`; `MIGRATE_BENCH_ROUNDS` sets the rounds, 400 by
//! default. diesel links libpq: on Debian `apt-get install libpq-dev`. Ratios are what counts, and round trips: on a
//! socket a round trip is nearly free, and over a network it is most of a start.

#![allow(unreachable_pub, missing_docs)]

mod contender;
mod ours;
mod plans;
mod rounds;
mod wire;
mod with_diesel;
mod with_refinery;
mod with_sqlx;

use std::time::{Duration, Instant};

use contender::{Contender, MIGRATIONS};
use migrate::testing::{ScratchDatabase, ScratchServer};
use ours::{Run, Start};
use rounds::{Entry, Took};
use wire::Wire;
use with_diesel::Diesel;
use with_refinery::Refinery;
use with_sqlx::Sqlx;

/// How often a new environment is made; the median counts.
const ENVIRONMENTS: usize = 5;

const FINISHED: Run = Run { name: "migrate, plans finished", plans: &plans::contract::PLANS };
const HALF_WAY: Run = Run { name: "migrate, plans half way", plans: &plans::dual_write::PLANS };
const SERVICE: Start = Start { name: "migrate service, finished", plans: &plans::contract::PLANS };
const SERVICE_HALF_WAY: Start = Start { name: "migrate service, half way", plans: &plans::dual_write::PLANS };

fn main() {
    let rounds = std::env::var("MIGRATE_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let server = ScratchServer::builder().start_own().expect("a PostgreSQL server");
    println!("{MIGRATIONS} migrations, PostgreSQL {}, a Unix socket\n", server.version_num() / 10_000);
    nothing_to_do(&server, rounds);
    new_environments(&server);
}

fn nothing_to_do(server: &ScratchServer, rounds: usize) {
    let databases: Vec<ScratchDatabase> = (0..5).map(|_| environment(server)).collect();
    let others =
        || -> [Box<dyn Contender>; 3] { [Box::new(Sqlx::new()), Box::new(Refinery::new()), Box::new(Diesel::new())] };
    let entry = |database: usize, contender| Entry { contender, url: databases[database].url().to_owned() };
    let rivals = || others().into_iter().enumerate().map(|(place, other)| entry(place + 2, other));
    let mut entries = vec![entry(0, Box::new(FINISHED) as Box<dyn Contender>), entry(1, Box::new(HALF_WAY))];
    entries.extend(rivals());
    for entry in &entries {
        entry.contender.connect(&entry.url).start();
    }
    print_table("on an open connection", &rounds::on_open_connections(&entries, rounds));
    entries.insert(2, entry(0, Box::new(SERVICE)));
    entries.insert(3, entry(1, Box::new(SERVICE_HALF_WAY)));
    let mut watching = databases[0].connect().expect("a connection");
    let mut others = || {
        let sql = "SELECT count(*) > 1 FROM pg_stat_activity WHERE backend_type = 'client backend'";
        watching.query_one(sql, &[]).expect("the sessions").get(0)
    };
    print_table("from nothing, with the connection", &rounds::from_nothing(&entries, rounds, &mut others));
}

fn environment(server: &ScratchServer) -> ScratchDatabase {
    let database = server.database().expect("a database");
    database.connect().expect("a connection").batch_execute(&contender::tables()).expect("the tables");
    database
}

fn print_table(title: &str, all: &[Took]) {
    println!(
        "{title:<34}{:>10}{:>13}{:>12}{:>11}{:>9}{:>8}  lock asked for",
        "connecting", "round trips", "statements", "median ms", "p99 ms", "ratio"
    );
    for took in all {
        println!(
            "{:<34}{:>10}{:>13}{:>12}{:>11.3}{:>9.3}{:>8.2}  {}",
            took.name,
            took.connecting.round_trips,
            took.starting.round_trips,
            took.starting.executed,
            milliseconds(took.median),
            milliseconds(took.p99),
            took.median.as_secs_f64() / all[0].median.as_secs_f64(),
            took.starting.lock(),
        );
    }
    println!();
}

/// Twenty plans from nothing to their ends, and what the others take for as many columns without a value in them.
fn new_environments(server: &ScratchServer) {
    println!("{:<58}{:>13}{:>12}", "a new environment, tables of ten rows", "round trips", "median ms");
    let ends = |name: &str, work: &mut dyn FnMut(&str)| {
        let mut times: Vec<Duration> = (0..ENVIRONMENTS).map(|_| fresh(server, work)).collect();
        times.sort();
        let trips = counted(server, work);
        println!("{name:<58}{trips:>13}{:>12.0}", milliseconds(times[ENVIRONMENTS / 2]));
    };
    ends("migrate, 20 plans to the end of contract in one run", &mut |url| FINISHED.connect(url).start());
    ends("migrate service, the same, from start to the last step", &mut |url| {
        // Stopped when it drops, which waits for nobody.
        drop(ours::finish_with_a_service(SERVICE.plans, url));
    });
    for other in [Box::new(Sqlx::new()) as Box<dyn Contender>, Box::new(Refinery::new()), Box::new(Diesel::new())] {
        let name = format!("{}, 20 times `add column`", other.name());
        ends(&name, &mut |url| other.connect(url).start());
    }
}

fn fresh(server: &ScratchServer, work: &mut dyn FnMut(&str)) -> Duration {
    let database = environment(server);
    let begun = Instant::now();
    work(database.url());
    begun.elapsed()
}

/// The round trips of a new environment, with those of the connections.
fn counted(server: &ScratchServer, work: &mut dyn FnMut(&str)) -> usize {
    let database = environment(server);
    let wire = Wire::to(database.url());
    work(&wire.url());
    wire.take().round_trips
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
