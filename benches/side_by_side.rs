//! What the sync and the backfill cost, beside what one would do by hand: the same rows, one run, ratios.
//!
//! `cargo bench --bench side_by_side`; `MIGRATE_BENCH_ROWS` sets the rows, 200,000 by default. Ratios are
//! what counts: rows per second move with the machine.

use std::time::{Duration, Instant};

use migrate::testing::ScratchServer;
use migrate::{Migrations, Migrator, migrations};
use postgres::Client;

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

/// The best of this many runs counts.
const RUNS: usize = 3;

fn main() {
    let rows: i64 = std::env::var("MIGRATE_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let server = ScratchServer::builder().setting("autovacuum", "off").start().expect("a PostgreSQL server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    println!("{rows} rows of about 200 bytes, PostgreSQL {}\n", server.version_num() / 10_000);
    backfills(&mut client, rows);
    println!();
    statements(&mut client, rows);
}

fn table(client: &mut Client, rows: i64) {
    run(client, "DROP TABLE IF EXISTS sale; DROP SCHEMA IF EXISTS migrate CASCADE");
    run(client, "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, other integer, filler text)");
    run(client, &format!("INSERT INTO sale SELECT g, g / 7.0, 0, repeat('x', 150) FROM generate_series(1, {rows}) g"));
    run(client, "VACUUM (ANALYZE) sale");
}

fn run(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// The backfill with its triggers in place, beside one plain `UPDATE` without any, and beside a keyset
/// loop of 1,000 rows a transaction.
fn backfills(client: &mut Client, rows: i64) {
    let mut best = [Duration::MAX; 3];
    for _ in 0..RUNS {
        table(client, rows);
        run(client, "ALTER TABLE sale ADD COLUMN total_cents bigint");
        best[0] = best[0].min(timed(|| run(client, "UPDATE sale SET total_cents = round(total * 100)::bigint")));
        table(client, rows);
        run(client, "ALTER TABLE sale ADD COLUMN total_cents bigint");
        best[1] = best[1].min(timed(|| {
            for from in (1..=rows).step_by(1000) {
                let sql = format!(
                    "UPDATE sale SET total_cents = round(total * 100)::bigint WHERE id >= {from} AND id < {}",
                    from + 1000
                );
                run(client, &sql);
            }
        }));
        table(client, rows);
        let report = Migrator::new(&PLANS).run(client).expect("a run");
        let backfill = report.plans[0].done.iter().find(|(step, _)| step.starts_with("backfill ")).expect("a backfill");
        best[2] = best[2].min(backfill.1);
    }
    println!("{:<46}{:>12}{:>10}", "backfill", "rows/s", "ratio");
    let names =
        ["one UPDATE, no trigger", "keyset loop of 1,000, no trigger", "migrate: windows, sync on, with the last look"];
    for (name, took) in names.iter().zip(best) {
        let rate = rows as f64 / took.as_secs_f64();
        println!("{name:<46}{rate:>12.0}{:>10.2}", best[0].as_secs_f64() / took.as_secs_f64());
    }
}

/// One statement over all rows without and with the sync, in microseconds a row.
fn statements(client: &mut Client, rows: i64) {
    let cases = [
        ("UPDATE of a column of neither side", "UPDATE sale SET other = other + 1"),
        ("UPDATE of the old column", "UPDATE sale SET total = total + 1"),
        ("INSERT by old code", "INSERT INTO sale (id, total) SELECT id + 10000000, total FROM sale"),
    ];
    println!("{:<46}{:>12}{:>10}", "sync", "µs/row more", "ratio");
    for (name, sql) in cases {
        let (mut without, mut with) = (Duration::MAX, Duration::MAX);
        for _ in 0..RUNS {
            table(client, rows);
            run(client, "ALTER TABLE sale ADD COLUMN total_cents bigint");
            run(client, "UPDATE sale SET total_cents = 0");
            run(client, "VACUUM sale");
            without = without.min(timed(|| run(client, sql)));
            table(client, rows);
            Migrator::new(&PLANS).run(client).expect("a run");
            run(client, "VACUUM sale");
            with = with.min(timed(|| run(client, sql)));
        }
        let more = (with.as_secs_f64() - without.as_secs_f64()) * 1e6 / rows as f64;
        println!("{name:<46}{more:>12.2}{:>10.2}", without.as_secs_f64() / with.as_secs_f64());
    }
}
