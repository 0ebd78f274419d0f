//! What the sync takes from the throughput of `pgbench`: its simple update of one row in a transaction, at four clients, on a
//! table with a plan in flight beside the same table without one, turn by turn.
//!
//! `cargo bench --bench pgbench`, where `pgbench` can be run; `MIGRATE_BENCH_SECONDS` sets the length of a turn, 6 by default.

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

/// Rows of each table.
const ROWS: u32 = 200_000;

/// Turns of each arm.
const TURNS: usize = 5;

fn main() {
    if Command::new("pgbench").arg("--version").output().is_err() {
        return println!("pgbench is not installed: nothing was measured");
    }
    let seconds = std::env::var("MIGRATE_BENCH_SECONDS").unwrap_or_else(|_| "6".to_owned());
    let server = ScratchServer::builder()
        .setting("max_wal_size", "16GB")
        .setting("autovacuum", "off")
        .start()
        .expect("a PostgreSQL server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
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
        for _ in 0..TURNS {
            let of = |table: &str, column: &str| {
                let set = set.replace("SYNCED", column);
                transactions(&database, &seconds, &format!("UPDATE {table} SET {set} WHERE aid = :aid;"))
            };
            let plain = of("plain", "abalance");
            let synced = of("synced", "total_cents");
            ratios.push(synced / plain);
        }
        ratios.sort_by(f64::total_cmp);
        let (median, least, most) = (ratios[TURNS / 2], ratios[0], ratios[TURNS - 1]);
        let met = if median >= bar { "met" } else { "MISSED" };
        println!("  {name}: {median:.3} of the throughput (from {least:.3} to {most:.3}), at least {bar}: {met}");
    }
}

/// Transactions in a second.
fn transactions(database: &ScratchDatabase, seconds: &str, statement: &str) -> f64 {
    let script = format!(
        "\\set aid random(1, {ROWS})\n\\set delta random(1, 100)\nBEGIN;\n{statement}\nSELECT abalance FROM plain WHERE aid = :aid;\nEND;\n"
    );
    let file = std::env::temp_dir().join(format!("migrate-pgbench-{}.sql", std::process::id()));
    std::fs::write(&file, script).expect("a script");
    let output = Command::new("pgbench")
        .args(["-n", "-c", "4", "-j", "2", "-M", "prepared", "-T", seconds, "-f"])
        .arg(&file)
        .arg(database.url())
        .output()
        .expect("pgbench");
    let _ = std::fs::remove_file(&file);
    let text = String::from_utf8_lossy(&output.stdout);
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}
