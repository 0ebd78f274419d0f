//! What the sync takes from the throughput of `pgbench`: its own transaction, at four clients, with a plan in flight on its
//! table of accounts, beside the same without one, turn by turn. The server keeps what it has committed, as any does that is
//! in use: with `fsync` off nothing but processor time would count, and most of a transaction is a wait.
//!
//! `cargo bench --bench pgbench`, where `pgbench` can be run; `MIGRATE_BENCH_SECONDS` sets the length of a turn, 2 by default.

use std::process::Command;

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Migrations, Migrator, migrations};

migrate::plan! {
    /// The change in flight.
    mod cents;
    stage dual_write;
    table synced (aid: integer) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up round(total * 100)::bigint; down total_cents / 100.0;
        }
    }
}

static PLANS: Migrations = migrations![cents];

/// As `pgbench --initialize` makes its tables.
const SCALE: u32 = 10;

/// Accounts of each table: fewer than its own, so that they are in memory.
const ROWS: u32 = 200_000;

/// Turns of each arm. The median of the ratios counts.
const TURNS: usize = 15;

fn main() {
    if Command::new("pgbench").arg("--version").output().is_err() {
        return println!("pgbench is not installed: nothing was measured");
    }
    let seconds = std::env::var("MIGRATE_BENCH_SECONDS").unwrap_or_else(|_| "2".to_owned());
    let server = ScratchServer::builder()
        .setting("max_wal_size", "16GB")
        .setting("autovacuum", "off")
        .setting("fsync", "on")
        .setting("full_page_writes", "on")
        .start()
        .expect("a PostgreSQL server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    let sql = format!(
        "CREATE TABLE branches (bid integer PRIMARY KEY, bbalance integer, filler char(88)) WITH (fillfactor = 50); \
         CREATE TABLE tellers (tid integer PRIMARY KEY, bid integer, tbalance integer, filler char(84)) WITH (fillfactor = 50); \
         CREATE TABLE history (tid integer, bid integer, aid integer, delta integer, mtime timestamp, filler char(22)); \
         INSERT INTO branches SELECT g, 0 FROM generate_series(1, {SCALE}) g; \
         INSERT INTO tellers SELECT g, (g - 1) / 10 + 1, 0 FROM generate_series(1, 10 * {SCALE}) g"
    );
    client.batch_execute(&sql).expect("the tables");
    for table in ["plain", "synced"] {
        let sql = format!(
            "CREATE TABLE {table} (aid integer PRIMARY KEY, abalance integer NOT NULL, total numeric(12, 2) NOT NULL, filler text) \
             WITH (fillfactor = 50); \
             INSERT INTO {table} SELECT g, 0, g / 4.0, repeat('x', 84) FROM generate_series(1, {ROWS}) g"
        );
        client.batch_execute(&sql).expect("a table");
    }
    assert!(Migrator::new(&PLANS).run(&mut client).expect("a run").is_complete());
    for sql in ["VACUUM (ANALYZE) plain", "VACUUM (ANALYZE) synced", "CHECKPOINT"] {
        client.batch_execute(sql).expect("a vacuum");
    }
    println!("PostgreSQL {}, 4 clients, {TURNS} turns of {seconds} s for each arm", server.version_num() / 10_000);
    for (name, set, bar) in [
        ("neither side is touched", "abalance = abalance + :delta", 0.97),
        ("the old side is touched", "total = total + :delta", 0.85),
        ("the new side is touched", "SYNCED = SYNCED + :delta", 0.85),
    ] {
        let mut ratios: Vec<f64> = Vec::new();
        for turn in 0..TURNS {
            let of =
                |table: &str, column: &str| transactions(&database, &seconds, table, &set.replace("SYNCED", column));
            // In both orders, so that neither always comes after the other.
            let (plain, synced) = if turn % 2 == 0 {
                let plain = of("plain", "abalance");
                (plain, of("synced", "total_cents"))
            } else {
                let synced = of("synced", "total_cents");
                (of("plain", "abalance"), synced)
            };
            ratios.push(synced / plain);
        }
        ratios.sort_by(f64::total_cmp);
        let (median, least, most) = (ratios[TURNS / 2], ratios[0], ratios[TURNS - 1]);
        let met = if median >= bar { "met" } else { "MISSED" };
        println!("  {name}: {median:.3} of the throughput (from {least:.3} to {most:.3}), at least {bar}: {met}");
    }
}

/// Transactions in a second.
fn transactions(database: &ScratchDatabase, seconds: &str, table: &str, set: &str) -> f64 {
    let (branches, tellers) = (SCALE, 10 * SCALE);
    let script = format!(
        "\\set aid random(1, {ROWS})\n\\set bid random(1, {branches})\n\\set tid random(1, {tellers})\n\
         \\set delta random(-5000, 5000)\n\
         BEGIN;\nUPDATE {table} SET {set} WHERE aid = :aid;\nSELECT abalance FROM {table} WHERE aid = :aid;\n\
         UPDATE tellers SET tbalance = tbalance + :delta WHERE tid = :tid;\n\
         UPDATE branches SET bbalance = bbalance + :delta WHERE bid = :bid;\n\
         INSERT INTO history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);\nEND;\n"
    );
    let file = std::env::temp_dir().join(format!("migrate-pgbench-{}.sql", std::process::id()));
    std::fs::write(&file, script).expect("a script");
    let output = Command::new("pgbench")
        .args(["-n", "-c", "4", "-j", "2", "-T", seconds, "-f"])
        .arg(&file)
        .arg(database.url())
        .output()
        .expect("pgbench");
    let _ = std::fs::remove_file(&file);
    let text = String::from_utf8_lossy(&output.stdout);
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}
