//! The backfill at the limit of the machine: beside one plain `UPDATE` of the whole table, a keyset loop that runs inside
//! the server, and the triggers, flag column and batches of a tool that tells writers by their session. The same rows, one run,
//! ratios.
//!
//! `cargo bench --bench backfill`; `MIGRATE_BENCH_ROWS` sets the rows, 1,000,000 by default, and `MIGRATE_BENCH_RUNS` how often
//! each arm is run, three times by default. The arms take turns and the best run of each counts: what else the machine does
//! only ever adds to one. With `MIGRATE_BENCH_LINEAR` ten times as many rows are filled instead, and a loop over
//! `WHERE … IS NULL LIMIT` is shown, for two minutes at most. Each run begins with a table made anew from the same rows,
//! vacuumed, after a checkpoint, and ends with the new column analyzed, as the backfill of this library does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Event, Migrations, Migrator, Settings, Source, migrations};
use postgres::{Client, SimpleQueryMessage};

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

/// What fills the new column by hand.
const UP: &str = "round(total * 100)::bigint";

/// What the backfill ends with, so that the first queries by the new side are not planned blindly.
const ANALYZE: &str = "ANALYZE sale (total_cents)";

const BIGINT: &str = "PRIMARY KEY (id)";
const UUID: &str = "PRIMARY KEY (tag)";
const SECONDARY: &[&str] = &["(code)", "(name)", "(at)"];

/// When the loop is ended that would take too long.
const CUT_OFF: Duration = Duration::from_secs(120);

fn main() {
    let rows: u64 = std::env::var("MIGRATE_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let server = ScratchServer::builder()
        .setting("autovacuum", "off")
        .setting("max_wal_size", "16GB")
        .setting("shared_buffers", "4GB")
        // As any server has them that is in use, and memory for a table of ten times the rows.
        .setting("fsync", "on")
        .setting("full_page_writes", "on")
        .start()
        .expect("a PostgreSQL server");
    let database = server.database().expect("a database");
    let runs = std::env::var("MIGRATE_BENCH_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let client = database.connect().expect("a connection");
    let mut bench = Bench { client, url: database.url().to_owned(), rows, runs };
    bench.source();
    println!("{rows} rows of about 200 bytes, PostgreSQL {}\n", server.version_num() / 10_000);
    println!("{:<58}{:>10}{:>10}{:>9}{:>7}  rows/s from", "", "rows/s", "WAL B/row", "growth", "HOT");
    if std::env::var_os("MIGRATE_BENCH_LINEAR").is_some() {
        return bench.linear();
    }
    bench.without_indexes();
    bench.with_indexes();
    bench.held(&database);
}

/// What an arm has cost.
struct Cost {
    took: Duration,
    /// Bytes.
    wal: f64,
    growth: f64,
    hot: f64,
}

struct Bench {
    client: Client,
    url: String,
    rows: u64,
    runs: usize,
}

/// What is measured: its name, the key and the indexes of its table, and the work.
struct Arm {
    name: &'static str,
    key: &'static str,
    indexes: &'static [&'static str],
    work: fn(&mut Bench) -> Cost,
}

impl Bench {
    fn run(&mut self, sql: &str) {
        self.client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    fn number(&mut self, sql: &str) -> f64 {
        self.client.query_one(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }

    fn source(&mut self) {
        let rows = self.rows;
        self.run(&format!(
            "DROP TABLE IF EXISTS source; CREATE TABLE source AS SELECT g::bigint AS id, gen_random_uuid() AS tag, \
             (g / 7.0)::numeric(12, 2) AS total, (random() * 1e6)::integer AS code, md5(g::text) AS name, \
             timestamptz '2020-01-01' + random() * interval '1000 days' AS at, repeat('x', 75) AS filler \
             FROM generate_series(1, {rows}) g"
        ));
    }

    fn table(&mut self, key: &str, indexes: &[&str]) {
        let rows = self.rows;
        self.run("DROP TABLE IF EXISTS sale CASCADE; DROP SCHEMA IF EXISTS migrate CASCADE");
        self.run(&format!("CREATE TABLE sale AS SELECT * FROM source WHERE id <= {rows}"));
        self.run(&format!("ALTER TABLE sale ALTER id SET NOT NULL, ALTER total SET NOT NULL, ADD {key}"));
        for index in indexes {
            self.run(&format!("CREATE INDEX ON sale {index}"));
        }
        for sql in ["VACUUM (ANALYZE) sale", "CHECKPOINT"] {
            self.run(sql);
        }
    }

    /// What `work` costs, which answers how long it took where that is less than all of it.
    fn cost(&mut self, work: impl FnOnce(&mut Bench) -> Option<Duration>) -> Cost {
        let wal = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
        let size = "SELECT pg_relation_size('sale')::float8";
        let (before, blocks) = (self.number(wal), self.number(size));
        let begun = Instant::now();
        let part = work(self);
        let took = part.unwrap_or_else(|| begun.elapsed());
        let (after, grown) = (self.number(wal), self.number(size));
        // Not there before PostgreSQL 15; the count of the last second is missing then.
        let _ = self.client.batch_execute("SELECT pg_stat_force_next_flush()");
        let hot = self.number(
            "SELECT pg_stat_get_tuples_hot_updated('sale'::regclass)::float8 \
             / greatest(pg_stat_get_tuples_updated('sale'::regclass), 1)",
        );
        Cost { took, wal: after - before, growth: grown / blocks - 1.0, hot }
    }

    fn print(&self, name: &str, cost: &Cost, slowest: Duration) {
        let rate = |took: Duration| self.rows as f64 / took.as_secs_f64();
        let (best, wal, growth) = (rate(cost.took), cost.wal / self.rows as f64, cost.growth * 100.0);
        println!("{name:<58}{best:>10.0}{wal:>10.0}{growth:>8.0}%{:>7.2}{:>13.0}", cost.hot, rate(slowest));
    }

    /// Runs the arms in turn, and answers the best run of each.
    fn best<const N: usize>(&mut self, arms: [Arm; N]) -> [Cost; N] {
        let mut costs: [Vec<Cost>; N] = std::array::from_fn(|_| Vec::new());
        for _ in 0..self.runs.max(1) {
            for (arm, costs) in arms.iter().zip(&mut costs) {
                self.table(arm.key, arm.indexes);
                costs.push((arm.work)(self));
            }
        }
        let mut names = arms.iter().map(|arm| arm.name);
        costs.map(|costs| self.told(names.next().unwrap_or_default(), costs))
    }

    /// Prints what an arm's runs have cost, and answers the best of them.
    fn told(&self, name: &str, mut costs: Vec<Cost>) -> Cost {
        costs.sort_by_key(|cost| cost.took);
        let slowest = costs[costs.len() - 1].took;
        let best = costs.swap_remove(0);
        self.print(name, &best, slowest);
        best
    }

    /// The whole backfill with the sync in place: all batches, and the last look.
    fn ours(&mut self) -> Cost {
        self.filled(Migrator::new(&PLANS))
    }

    /// The same with two sessions, and nobody beside them to make way for.
    fn by_two(&mut self) -> Cost {
        let mut settings = Settings::default();
        settings.follow_load = false;
        settings.workers = 2;
        let url = self.url.clone();
        let open = move || Source::url(&url)?.connect("migrate");
        self.filled(Migrator::new(&PLANS).settings(settings).watcher(open))
    }

    fn filled(&mut self, migrator: Migrator) -> Cost {
        self.cost(|bench| {
            let report = migrator.run(&mut bench.client).expect("a run");
            assert!(report.is_complete(), "{report}");
            report.plans[0].done.iter().find(|(step, _)| step.starts_with("backfill ")).map(|(_, took)| *took)
        })
    }

    fn update(&mut self) -> Cost {
        self.run("ALTER TABLE sale ADD COLUMN total_cents bigint");
        self.cost(|bench| {
            bench.run(&format!("UPDATE sale SET total_cents = {UP}"));
            bench.run(ANALYZE);
            None
        })
    }

    /// A loop over the key in the server, 1,000 rows a transaction.
    fn keyset(&mut self) -> Cost {
        let rows = self.rows;
        self.run("ALTER TABLE sale ADD COLUMN total_cents bigint");
        self.run(&format!(
            "CREATE OR REPLACE PROCEDURE fill() LANGUAGE plpgsql AS $$BEGIN \
                 FOR start IN 1..{rows} BY 1000 LOOP \
                     UPDATE sale SET total_cents = {UP} WHERE id >= start AND id < start + 1000; COMMIT; \
                 END LOOP; END$$"
        ));
        self.cost(|bench| {
            bench.run("CALL fill()");
            bench.run(ANALYZE);
            None
        })
    }

    /// The triggers that pgroll 0.16 makes, which fire for every row, copy all its columns into variables and tell writers by
    /// their `search_path`, with its flag column for rows that need a backfill, which sets the key to itself, from a client that
    /// is told each row and begins after the last. Its SQL made again by hand, after `pkg/backfill/templates`, not a run of it.
    fn by_session(&mut self) -> Cost {
        self.run("ALTER TABLE sale ADD COLUMN total_cents bigint, ADD COLUMN needs_backfill boolean DEFAULT true");
        for (name, sign, set) in [
            ("up", "!=", "NEW.total_cents = round(total * 100)::bigint"),
            ("down", "=", "NEW.total = total_cents / 100.0"),
        ] {
            let columns = ["id", "tag", "total", "code", "name", "at", "filler", "total_cents"];
            let variables =
                columns.map(|column| format!("{column} public.sale.{column}%TYPE := NEW.{column};")).concat();
            self.run(&format!(
                "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ \
                 DECLARE {variables} latest_schema text; search_path text; BEGIN \
                     SELECT current_setting INTO search_path FROM current_setting('search_path'); \
                     IF search_path {sign} 'public_new' THEN {set}; NEW.needs_backfill = false; END IF; \
                     RETURN NEW; END$$; \
                 CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON sale FOR EACH ROW EXECUTE FUNCTION {name}()"
            ));
        }
        self.cost(|bench| {
            let mut last = String::new();
            loop {
                let mut batch = bench.client.transaction().expect("a transaction");
                let after = if last.is_empty() { last.clone() } else { format!("AND (id) > ('{last}')") };
                let sql = format!(
                    "WITH batch AS (SELECT id FROM sale WHERE needs_backfill = true {after} ORDER BY id LIMIT 1000 \
                                    FOR NO KEY UPDATE), \
                          filled AS (UPDATE sale SET id = sale.id FROM batch WHERE sale.id = batch.id RETURNING sale.id) \
                     SELECT last_value(id) OVER () FROM filled"
                );
                let answer = batch.simple_query(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                batch.commit().expect("a commit");
                let row = answer.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                });
                let Some(id) = row else { break };
                id.clone_into(&mut last);
            }
            bench.run(ANALYZE);
            None
        })
    }

    fn without_indexes(&mut self) {
        println!("no index but the primary key's");
        let arm = |name, key, work| Arm { name, key, indexes: &[], work };
        let [update, ours, two, random] = self.best([
            arm("one UPDATE, no trigger", BIGINT, Bench::update),
            arm("migrate, one worker, sync on", BIGINT, Bench::ours),
            arm("migrate, two workers, sync on", BIGINT, Bench::by_two),
            arm("migrate, a random uuid as the key", UUID, Bench::ours),
        ]);
        bar("rows/s of one UPDATE", times(&update, &ours), Bar::AtLeast(0.85));
        bar("rows/s of one UPDATE, by two", times(&update, &two), Bar::AtLeast(1.3));
        bar("rows/s of those by a bigint, by the uuid", times(&ours, &random), Bar::Told);
    }

    fn with_indexes(&mut self) {
        println!("three more indexes: integer, text, timestamptz");
        let arm = |name, key, work| Arm { name, key, indexes: SECONDARY, work };
        let [update, ours, two, keyset, session, random] = self.best([
            arm("one UPDATE, no trigger", BIGINT, Bench::update),
            arm("migrate, one worker, sync on", BIGINT, Bench::ours),
            arm("migrate, two workers, sync on", BIGINT, Bench::by_two),
            arm("keyset loop of 1,000, no trigger", BIGINT, Bench::keyset),
            arm("batches of 1,000, a trigger for each row, a flag", BIGINT, Bench::by_session),
            arm("migrate, a random uuid as the key", UUID, Bench::ours),
        ]);
        bar("rows/s of the keyset loop", times(&keyset, &ours), Bar::AtLeast(2.0));
        bar("rows/s of one UPDATE", times(&update, &ours), Bar::AtLeast(1.5));
        bar("rows/s of the loop through triggers", times(&session, &ours), Bar::AtLeast(5.0));
        bar("WAL of the keyset loop", ours.wal / keyset.wal, Bar::AtMost(0.6));
        bar("WAL of the loop through triggers", ours.wal / session.wal, Bar::AtMost(0.6));
        bar("growth of the table", ours.growth, Bar::AtMost(0.25));
        bar("rows/s of one worker, by two", times(&ours, &two), Bar::Told);
        bar("rows/s of the loop through triggers, by two", times(&session, &two), Bar::Told);
        bar("rows/s of those by a bigint, by the uuid", times(&ours, &random), Bar::AtLeast(0.9));
    }

    /// A snapshot that is held for the whole of a backfill.
    fn held(&mut self, database: &ScratchDatabase) {
        println!("three more indexes, a snapshot held for the whole run");
        self.table(BIGINT, SECONDARY);
        let told = Arc::new(AtomicUsize::new(0));
        let (heard, reader) = (Arc::clone(&told), Mutex::new(Some(database.connect().expect("a connection"))));
        let migrator = Migrator::new(&PLANS).observe(move |event| match event {
            Event::StepStarted { step: "backfill public.sale", .. } => {
                if let Some(reader) = reader.lock().expect("the reader").as_mut() {
                    reader
                        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM sale LIMIT 1")
                        .expect("a snapshot");
                }
            }
            Event::StepDone { step: "backfill public.sale", .. } => *reader.lock().expect("the reader") = None,
            Event::OnePass { holder: Some(_), .. } => {
                heard.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        });
        let cost = self.filled(migrator);
        self.print("migrate, one worker, sync on", &cost, cost.took);
        bar("times that the snapshot's holder was named", told.load(Ordering::Relaxed) as f64, Bar::AtLeast(1.0));
    }

    fn linear(&mut self) {
        let (few, many) = (self.rows, self.rows * 10);
        println!("three more indexes, ten times the rows");
        self.rows = many;
        self.source();
        let mut costs = [(few, "migrate"), (many, "migrate, ten times the rows")].map(|of| (of, Vec::new()));
        for _ in 0..self.runs.max(1) {
            for ((rows, _), costs) in &mut costs {
                self.rows = *rows;
                self.table(BIGINT, SECONDARY);
                costs.push(self.ours());
            }
        }
        let [few_took, many_took] = costs.map(|((rows, name), costs)| {
            self.rows = rows;
            self.told(name, costs).took.as_secs_f64()
        });
        bar("time a row", many_took / 10.0 / few_took, Bar::AtMost(1.15));
        println!("what is avoided: WHERE total_cents IS NULL LIMIT 1000, until {} s are over", CUT_OFF.as_secs());
        let [few, many] = [(few / 10, "a tenth of the rows"), (few, "the rows")].map(|(rows, name)| {
            self.rows = rows;
            self.table(BIGINT, SECONDARY);
            self.unfilled_first(name)
        });
        bar("time a row, or more where it was cut off", many / few, Bar::Told);
    }

    /// A loop that looks for rows to fill where most begin: at the first row that is empty, past all that are filled. Answers the
    /// seconds a row took; it is cut off, since it would not come to an end in reasonable time.
    fn unfilled_first(&mut self, name: &str) -> f64 {
        self.run("ALTER TABLE sale ADD COLUMN total_cents bigint");
        self.run(&format!(
            "CREATE OR REPLACE PROCEDURE fill_empty() LANGUAGE plpgsql AS $$ \
             DECLARE begun timestamptz := clock_timestamp(); found bigint; BEGIN LOOP \
                 UPDATE sale SET total_cents = {UP} WHERE id = ANY (ARRAY( \
                     SELECT id FROM sale WHERE total_cents IS NULL LIMIT 1000 FOR NO KEY UPDATE)); \
                 GET DIAGNOSTICS found = ROW_COUNT; COMMIT; \
                 EXIT WHEN found = 0 OR clock_timestamp() > begun + interval '{} s'; \
             END LOOP; END$$",
            CUT_OFF.as_secs()
        ));
        let begun = Instant::now();
        self.run("CALL fill_empty()");
        let took = begun.elapsed().as_secs_f64();
        let filled = self.number("SELECT count(total_cents)::float8 FROM sale");
        println!("{name:<58}{:>10.0}  {filled:.0} of {} rows in {took:.0} s", filled / took, self.rows);
        took / filled
    }
}

/// How many times the rows a second of `base`.
fn times(base: &Cost, of: &Cost) -> f64 {
    base.took.as_secs_f64() / of.took.as_secs_f64()
}

#[derive(Clone, Copy)]
enum Bar {
    AtLeast(f64),
    AtMost(f64),
    /// No bar: a figure to read.
    Told,
}

fn bar(name: &str, value: f64, bar: Bar) {
    let (met, asked) = match bar {
        Bar::AtLeast(least) => (value >= least, format!("at least {least}")),
        Bar::AtMost(most) => (value <= most, format!("at most {most}")),
        Bar::Told => return println!("  {name}: {value:.2}"),
    };
    println!("  {name}: {value:.2}, {asked}: {}", if met { "met" } else { "MISSED" });
}
