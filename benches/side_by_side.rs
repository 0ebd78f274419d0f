//! What the sync and the backfill cost, beside what one would do by hand: the same rows, one run, ratios.
//!
//! `cargo bench --bench side_by_side`; `MIGRATE_BENCH_ROWS` sets the rows, 200,000 by default, and `MIGRATE_BENCH_SECONDS` for
//! how long clients update each table, 10 by default. Ratios are what counts, and what is measured side by side in one run:
//! rows per second move with the machine. Linux only: the backend's own time is read from `/proc`.

use std::thread;
use std::time::{Duration, Instant};

use migrate::testing::ScratchServer;
use migrate::{Migrations, Migrator, migrations};
use postgres::{Client, NoTls, Statement};

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

/// The best of this many runs of a backfill counts.
const RUNS: usize = 3;

/// The median of this many rounds counts for the sync.
const ROUNDS: usize = 5;

/// Those that update rows at once.
const CLIENTS: usize = 4;

fn main() {
    let rows: i64 = std::env::var("MIGRATE_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let seconds = std::env::var("MIGRATE_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let server = ScratchServer::builder().setting("autovacuum", "off").start().expect("a PostgreSQL server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    println!("{rows} rows of about 200 bytes, PostgreSQL {}\n", server.version_num() / 10_000);
    backfills(&mut client, rows);
    println!();
    let mut sync = Sync { client, rows };
    sync.cpu();
    sync.throughput(database.url(), seconds);
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

/// What the sync's triggers cost the server, of two tables with the same rows, in turn: one with them, one without.
struct Sync {
    client: Client,
    rows: i64,
}

/// A statement over a table of this name.
struct Case {
    name: &'static str,
    sql: fn(&str) -> String,
    /// Microseconds of the backend's time a row, beyond what it costs without; none where it is a figure to read.
    bar: Option<f64>,
}

const CASES: [Case; 7] = [
    Case {
        name: "UPDATE of a column of neither side",
        sql: |t| format!("UPDATE {t} SET other = other + 1"),
        bar: Some(1.0),
    },
    Case { name: "UPDATE of the old column", sql: |t| format!("UPDATE {t} SET total = total + 1"), bar: Some(4.0) },
    Case {
        name: "UPDATE of the new column",
        sql: |t| format!("UPDATE {t} SET total_cents = total_cents + 100"),
        bar: Some(4.0),
    },
    Case {
        name: "INSERT by old code",
        sql: |t| format!("INSERT INTO {t} (id, total, other) SELECT id + 10000000, total, 0 FROM rows"),
        bar: Some(3.5),
    },
    Case {
        name: "INSERT by new code",
        sql: |t| format!("INSERT INTO {t} (id, total_cents, other) SELECT id + 20000000, total * 100, 0 FROM rows"),
        bar: Some(3.5),
    },
    // The condition of a trigger is made ready to be computed anew for every statement, however few rows that has.
    Case {
        name: "the first, a statement for each row",
        sql: |t| each(&format!("UPDATE {t} SET other = other + 1 WHERE id = row_id")),
        bar: None,
    },
    Case {
        name: "the second, a statement for each row",
        sql: |t| each(&format!("UPDATE {t} SET total = total + 1 WHERE id = row_id")),
        bar: None,
    },
];

/// A statement for each row, in the server.
fn each(sql: &str) -> String {
    format!("DO $$ DECLARE row_id bigint; BEGIN FOR row_id IN SELECT id FROM rows LOOP {sql}; END LOOP; END $$")
}

impl Sync {
    /// Both tables anew: `sale` goes through the plan, and `plain` is given the same column. What new code writes to `plain`
    /// has no old value, so that the column may be empty there.
    fn tables(&mut self) {
        table(&mut self.client, self.rows);
        let report = Migrator::new(&PLANS).run(&mut self.client).expect("a run");
        assert!(report.is_complete(), "{report}");
        for sql in [
            "DROP TABLE IF EXISTS plain, rows",
            "CREATE TABLE plain (LIKE sale INCLUDING INDEXES)",
            "ALTER TABLE plain ALTER total DROP NOT NULL, ALTER total_cents DROP NOT NULL",
            "CREATE TABLE rows AS SELECT id, total FROM sale",
            // Both as if they had just been loaded.
            "CREATE TEMPORARY TABLE copy AS TABLE sale; TRUNCATE sale",
            "INSERT INTO sale TABLE copy; INSERT INTO plain TABLE copy; DROP TABLE copy",
            "VACUUM (ANALYZE) sale",
            "VACUUM (ANALYZE) plain",
            "CHECKPOINT",
        ] {
            run(&mut self.client, sql);
        }
    }

    /// Each statement over all rows of both tables, [`ROUNDS`] times; microseconds of the backend's own time a row.
    fn cpu(&mut self) {
        println!("{:<46}{:>10}{:>10}{:>10}{:>8}", "backend's CPU, µs a row", "without", "with", "more", "bar");
        let mut costs = vec![Vec::new(); CASES.len()];
        for round in 0..ROUNDS {
            self.tables();
            for (case, costs) in CASES.iter().zip(&mut costs) {
                let mut cost = [0.0; 2];
                // Whoever comes second finds other caches: they take turns.
                for arm in [round % 2, 1 - round % 2] {
                    cost[arm] = self.backend_time(&(case.sql)(["plain", "sale"][arm]));
                }
                costs.push(cost);
                for table in ["plain", "sale"] {
                    run(&mut self.client, &format!("VACUUM {table}"));
                }
            }
        }
        for (case, costs) in CASES.iter().zip(costs) {
            let [without, with] = [0, 1].map(|arm| median(costs.iter().map(|cost| cost[arm])));
            let more = median(costs.iter().map(|cost| cost[1] - cost[0]));
            let bar = case
                .bar
                .map_or(String::new(), |bar| format!("{bar:>8} {}", if more <= bar { "met" } else { "MISSED" }));
            println!("{:<46}{without:>10.2}{with:>10.2}{more:>10.2}{bar}", case.name);
        }
    }

    fn backend_time(&mut self, sql: &str) -> f64 {
        let pid: i32 = self.client.query_one("SELECT pg_backend_pid()", &[]).expect("a process").get(0);
        let before = cpu_time(pid);
        run(&mut self.client, sql);
        (cpu_time(pid) - before) * 1e6 / self.rows as f64
    }

    /// Updates of one row by [`CLIENTS`] clients at once: a second on one table, two on the other, and one on the first again. What
    /// the first differs by from itself tells how much the figures are worth. Nothing is waited for, no disk and no other
    /// statement, so this is the most that the sync can take; what it takes of transactions `--bench pgbench` measures.
    fn throughput(&mut self, url: &str, seconds: u64) {
        let head = format!("updates/s by {CLIENTS} clients, nothing else");
        println!("\n{head:<46}{:>10}{:>10}{:>10}", "without", "with", "ratio");
        for (name, set) in [
            ("of a column of neither side", "other = other + 1"),
            ("of the old column", "total = total + 1"),
            ("of the new column", "SYNCED = SYNCED + 1"),
        ] {
            self.tables();
            let sql = [("plain", "other"), ("sale", "total_cents")].map(|(table, column)| {
                let set = set.replace("SYNCED", column);
                format!("UPDATE {table} SET {set} WHERE id = $1")
            });
            let mut clients: Vec<Updater> = (0..CLIENTS).map(|_| Updater::new(url, &sql, self.rows)).collect();
            let cycles: Vec<[f64; 4]> =
                (0..seconds.div_ceil(2)).map(|_| [0, 1, 1, 0].map(|arm| updates(&mut clients, arm) as f64)).collect();
            let [without, with] = [[0, 3], [1, 2]].map(|[a, b]| median(cycles.iter().map(|c| (c[a] + c[b]) / 2.0)));
            let ratio = median(cycles.iter().map(|c| (c[1] + c[2]) / (c[0] + c[3])));
            let itself = median(cycles.iter().map(|c| c[3] / c[0]));
            let name = format!("UPDATE {name}");
            println!("{name:<46}{without:>10.0}{with:>10.0}{ratio:>10.2} (without to itself: {itself:.2})");
        }
    }
}

/// A client that updates random rows.
struct Updater {
    client: Client,
    statements: [Statement; 2],
    rows: i64,
}

impl Updater {
    fn new(url: &str, sql: &[String; 2], rows: i64) -> Updater {
        let mut client = Client::connect(url, NoTls).expect("a connection");
        let statements = sql.each_ref().map(|sql| client.prepare(sql).expect("a statement"));
        Updater { client, statements, rows }
    }

    fn run(&mut self, arm: usize, until: Instant) -> u64 {
        let mut done = 0;
        while Instant::now() < until {
            let id = fastrand::i64(1..=self.rows);
            done += self.client.execute(&self.statements[arm], &[&id]).expect("an update");
        }
        done
    }
}

/// How many updates they make in a second.
fn updates(clients: &mut [Updater], arm: usize) -> u64 {
    let until = Instant::now() + Duration::from_secs(1);
    thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || client.run(arm, until))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client")).sum()
    })
}

/// Seconds of processor time that a process has used, in user and in kernel mode; Linux counts them in hundredths.
fn cpu_time(pid: i32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("Linux, and a server on this machine");
    // After the name, which stands in brackets and may hold anything: the state, and the 12th and 13th that follow.
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
