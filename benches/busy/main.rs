//! A backfill beside steady traffic at half of what the machine can do: what it takes from the traffic's throughput and
//! latency, at default settings. `cargo bench --bench busy`; `MIGRATE_BENCH_SECONDS` sets the length of a turn, 20 by default.
//!
//! Sixteen clients each read a row and update another in one transaction, at fixed times, so that a late one is counted as late.
//! Turns alone and beside the backfill alternate.

mod traffic;

use std::time::Duration;

use migrate::testing::ScratchServer;
use migrate::{Instance, Limit, Migrations, Migrator, Settings, migrations};
use postgres::Client;

use traffic::{Latencies, fastest, steady};

migrate::plan! {
    /// The change that is made meanwhile.
    mod cents;
    stage dual_write;
    table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up round(total * 100)::bigint; down total_cents / 100.0;
        }
    }
}

static PLANS: Migrations = migrations![cents];

/// Rows: enough to last for all turns.
const ROWS: u64 = 4_000_000;

fn main() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<f64>().ok());
    let turn = Duration::from_secs_f64(number("MIGRATE_BENCH_SECONDS").unwrap_or(20.0));
    let rows = number("MIGRATE_BENCH_ROWS").map_or(ROWS, |rows| rows as u64);
    let server = ScratchServer::builder()
        .setting("max_wal_size", "16GB")
        .setting("checkpoint_timeout", "1h")
        .setting("shared_buffers", "2GB")
        .start()
        .expect("a PostgreSQL server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    make(&mut client, rows);
    let most = fastest(&database, rows, Duration::from_secs(5));
    let rate = most / 2.0;
    println!(
        "PostgreSQL {}, {rows} rows; {most:.0} transactions/s at most, {rate:.0} asked for",
        server.version_num() / 10_000
    );

    let mut settings = Settings::default();
    if let Some(target) = number("MIGRATE_BUSY_BATCH") {
        settings.batch_target = Duration::from_secs_f64(target / 1000.0);
    }
    settings.follow_load = std::env::var_os("MIGRATE_BUSY_FLAT").is_none();
    let service = Migrator::new(&PLANS)
        .settings(settings)
        .instance(Instance::new("shop", "1.0").session_name(""))
        .start(database.url())
        .expect("a service");
    let operator = Migrator::new(&PLANS);
    if let Some(duty) = number("MIGRATE_BUSY_DUTY") {
        operator.limit(&mut client, None, Limit::NONE.duty(duty), None).expect("a limit");
    }
    let (mut alone, mut beside) = (Latencies::default(), Latencies::default());
    for _ in 0..3 {
        operator.pause(&mut client, None, None).expect("a pause");
        settle(&mut client);
        alone.add(steady(&database, rows, rate, turn));
        operator.resume(&mut client, None).expect("the end of a pause");
        let before = filled(&mut client);
        beside.add(steady(&database, rows, rate, turn));
        let status = operator.status(&mut client).expect("a status");
        let job = status.plans[0].job.as_ref().map(ToString::to_string).unwrap_or_default();
        println!("  {:.0} rows/s filled; {job}", (filled(&mut client) - before) as f64 / turn.as_secs_f64());
    }
    service.stop();
    alone.print("traffic alone");
    beside.print("beside the backfill");
    println!(
        "  throughput kept {:.3} (bar 0.97), p99 {:.2} times (bar 1.25), maximum {:.0} ms (bar 100)",
        beside.throughput() / alone.throughput(),
        beside.quantile(0.99) / alone.quantile(0.99),
        beside.quantile(1.0) * 1000.0
    );
}

fn make(client: &mut Client, rows: u64) {
    for sql in [
        format!(
            "CREATE TABLE sale AS SELECT g::bigint AS id, (g / 7.0)::numeric(12, 2) AS total, (random() * 1e6)::integer AS code, \
             md5(g::text) AS name, timestamptz '2020-01-01' + random() * interval '1000 days' AS at, repeat('x', 90) AS filler \
             FROM generate_series(1, {rows}) g"
        ),
        "ALTER TABLE sale ADD PRIMARY KEY (id), ALTER total SET NOT NULL".to_owned(),
        "CREATE INDEX ON sale (code)".to_owned(),
        "VACUUM (ANALYZE) sale".to_owned(),
        "CHECKPOINT".to_owned(),
    ] {
        client.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

/// Waits until nobody is at work on the backfill.
fn settle(client: &mut Client) {
    let at_work = "SELECT EXISTS (SELECT FROM migrate.cursor WHERE updated_at > clock_timestamp() - interval '500 ms')";
    while client.query_one(at_work, &[]).expect("an answer").get(0) {
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn filled(client: &mut Client) -> i64 {
    let sql = "SELECT coalesce(sum(rows_done), 0)::bigint FROM migrate.cursor";
    client.query_one(sql, &[]).expect("a count").get(0)
}
