//! The slices of a backfill: by the column that spreads the rows of each block evenly, or by their place, and by another when that
//! column is not there any more.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use migrate::testing::ScratchDatabase;
use migrate::{Event, Migrator, Plan, Settings};
use postgres::{Client, Config, NoTls};

use crate::database;
use crate::observed::{self, run};
use crate::passes::alone;

mod plans {
    migrate::plan! { pub mod cents; stage dual_write; table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const CENTS: &Plan = &plans::cents::PLAN;

/// A column that must be quoted.
const QUOTED: &str = "\"Numb\"\"er\"";

/// Rows with this `id` and this number beside it, in a table that is large enough for many passes.
fn sale(client: &mut Client, id: &str, number: &str, name: &str) {
    run(
        client,
        &format!(
            "CREATE TABLE sale (id bigint NOT NULL, {name} integer NOT NULL, total numeric(12,2) NOT NULL, name text, \
                                filler text); \
             INSERT INTO sale SELECT {id}, {number}, g / 7.0, md5(g::text), repeat('x', 90) FROM generate_series(1, 16000) g; \
             CREATE INDEX ON sale (name); CREATE INDEX ON sale (id)"
        ),
    );
}

/// A runner that makes small batches.
fn migrator() -> Migrator {
    let mut settings = Settings::default();
    settings.batch_target = Duration::from_millis(5);
    database::migrator(CENTS).settings(settings)
}

fn slice_by(client: &mut Client) -> String {
    observed::value(
        client,
        "SELECT slice_by FROM migrate.cursor WHERE slice_by <> '' OR slices > 1 UNION ALL SELECT '' LIMIT 1",
    )
}

/// How many rows the batches have filled.
const FILLED: &str = "SELECT sum(c.rows_done) FROM migrate.cursor c \
                      JOIN migrate.step s ON s.plan = c.plan AND s.number = c.step WHERE s.work[1] = 'backfill'";

/// Every row has its value, and was counted once.
fn filled_once(client: &mut Client) {
    let wrong = "SELECT count(*) FROM sale WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint";
    assert_eq!(observed::value(client, wrong), "0");
    assert_eq!(observed::value(client, FILLED), "16000");
    let condition = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = '~migrate_sync_u'";
    let condition = observed::value(client, condition);
    assert!(!condition.contains("migrate.backfill"), "what is filled knows no backfill: {condition}");
}

/// Fills the table, which becomes half as large again at most; one pass doubles it.
fn fill(client: &mut Client, what: &str) {
    let size = "SELECT pg_relation_size('sale')";
    let before: i64 = observed::value(client, size).parse().expect("a number");
    assert!(migrator().run(client).expect("a run").is_complete());
    filled_once(client);
    let after: i64 = observed::value(client, size).parse().expect("a number");
    assert!(after * 2 < before * 3, "{what}: {before} bytes became {after}");
}

#[test]
fn a_column_that_spreads_the_rows_of_a_block_evenly_says_their_slice() {
    let (server, _database) = alone();
    for (id, number, name, expected) in [
        ("g", "0", "number", "id"),
        // All below zero, and every other block of them.
        ("-g", "0", "number", ""),
        ("CASE WHEN g / 50 % 2 = 0 THEN g ELSE -g END", "0", "number", ""),
        ("g * 16", "0", "number", "id"),
        ("hashint8(g)", "0", "number", ""),
        ("hashint8(g)", "g % 2", "number", ""),
        ("hashint8(g)", "g", QUOTED, "Numb\"er"),
        // As a variable of the batch is called.
        ("hashint8(g)", "g", "filled", "filled"),
        ("hashint8(g)", "hashint8(g + 1)", "number", ""),
        // The largest and the smallest numbers.
        ("9223372036854775807 - g", "g - 2147483648", "number", "id"),
        ("g - 9223372036854775808", "2147483647 - g", "number", "number"),
    ] {
        let database = server.database().expect("a fresh database");
        let mut client = database.connect().expect("a connection");
        sale(&mut client, id, number, name);
        fill(&mut client, &format!("{id}, {number}"));
        assert_eq!(slice_by(&mut client), expected, "{id}, {number}");
    }
}

/// Whatever the planner believes of a batch: it never looks at the whole table.
#[test]
fn a_batch_by_place_visits_its_own_blocks_alone() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, "hashint8(g)", "0", "number");
    let batches = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&batches);
    let counting = migrator().observe(move |event| {
        if let Event::Batch { step: "backfill public.sale", .. } = event {
            seen.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert!(counting.run(&mut database.connect().expect("a connection")).expect("a run").is_complete());
    observed::await_statistics(&database, &mut client);
    let scans = "SELECT pg_stat_get_numscans('sale'::regclass)";
    let scans: u32 = observed::value(&mut client, scans).parse().expect("a number");
    let batches = batches.load(Ordering::SeqCst);
    assert!(batches > 20 && scans < 10, "{scans} scans of the table in {batches} batches");
}

/// A session that is told the plans of all that it does.
fn plans_of(database: &ScratchDatabase) -> (Client, Arc<Mutex<Vec<String>>>) {
    let plans: Arc<Mutex<Vec<String>>> = Arc::default();
    let (heard, mut config) = (Arc::clone(&plans), database.url().parse::<Config>().expect("a URL"));
    config.notice_callback(move |notice| heard.lock().expect("the plans").push(notice.message().to_owned()));
    let mut client = config.connect(NoTls).expect("a connection");
    run(
        &mut client,
        "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; \
         SET auto_explain.log_level = warning",
    );
    (client, plans)
}

/// To see whether a row is filled, all of it is taken apart.
#[test]
fn a_batch_by_key_asks_of_the_rows_of_its_slice_alone_whether_they_are_filled() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, "g", "0", "number");
    let (mut runner, plans) = plans_of(&database);
    assert!(migrator().run(&mut runner).expect("a run").is_complete());
    assert_eq!(slice_by(&mut client), "id");
    let plans = plans.lock().expect("the plans");
    let batches: Vec<&String> = plans.iter().filter(|plan| plan.contains("Update on sale")).collect();
    assert!(batches.len() > 20, "{plans:?}");
    for plan in batches {
        let filters: Vec<&str> = plan.lines().map(str::trim).filter(|line| line.contains("Filter: ")).collect();
        let [join, scan] = filters[..] else { panic!("{plan}") };
        assert!(plan.contains("Nested Loop") && plan.contains("Tid Range Scan on sale"), "{plan}");
        assert!(join.starts_with("Join Filter: ((sale.total_cents IS NULL) >= "), "{plan}");
        assert!(scan.starts_with("Filter: ") && !scan.contains("total_cents"), "{plan}");
    }
}

/// The batch waits for the row, and looks at it again as the writer leaves it.
#[test]
fn a_row_that_a_writer_fills_while_its_batch_waits_is_left_as_it_is() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, "g", "0", "number");
    let mut settings = Settings::default();
    // A batch waits for half of it.
    settings.stall_budget = Duration::from_secs(60);
    let writer = Arc::new(Mutex::new(database.connect().expect("a connection")));
    let (write, retries) = (Arc::clone(&writer), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&retries);
    let migrator = database::migrator(CENTS).settings(settings).observe(move |event| match event {
        Event::StepStarted { step: "backfill public.sale", .. } => {
            run(&mut write.lock().expect("the writer"), "BEGIN; UPDATE sale SET name = 'written' WHERE id = 9000");
        }
        Event::Retried { .. } => drop(counted.fetch_add(1, Ordering::SeqCst)),
        _ => {}
    });
    thread::scope(|scope| {
        let runner = scope.spawn(|| migrator.run(&mut database.connect().expect("a connection")).expect("a run"));
        let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')";
        observed::until("a batch waits for the writer", || observed::value(&mut client, waits) == "t");
        run(&mut writer.lock().expect("the writer"), "COMMIT");
        assert!(runner.join().expect("the runner").is_complete());
    });
    assert_eq!((slice_by(&mut client), retries.load(Ordering::SeqCst)), ("id".to_owned(), 0));
    assert_eq!(observed::value(&mut client, FILLED), "15999", "the row is the writer's");
    let row = "SELECT name || ' ' || (total_cents = round(total * 100)) FROM sale WHERE id = 9000";
    assert_eq!(observed::value(&mut client, row), "written true");
}

/// Of its blocks each has other places than the next, and its keys are in no order.
#[test]
fn a_table_that_was_written_to_for_long_is_filled_in_slices_too() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, "hashint8(g)", "0", "number");
    for round in 1..=3 {
        run(
            &mut client,
            &format!(
                "CREATE TABLE kept AS SELECT * FROM sale WHERE hashint8(id + {round}) % 3 = 0; \
                 DELETE FROM sale WHERE hashint8(id + {round}) % 3 = 0; UPDATE sale SET name = name WHERE hashint8(id) % 7 = {round}"
            ),
        );
        run(&mut client, "VACUUM sale");
        run(&mut client, "INSERT INTO sale TABLE kept; DROP TABLE kept");
    }
    fill(&mut client, "written to");
    assert_eq!(slice_by(&mut client), "");
}

#[test]
fn a_backfill_goes_on_where_its_column_got_another_name_while_it_stood() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, "hashint8(g)", "g", QUOTED);
    let mut runner = database.connect().expect("a connection");
    let pid: i32 = runner.query_one("SELECT pg_backend_pid()", &[]).expect("a process").get(0);
    let (later, killer) = (AtomicU32::new(0), Mutex::new(database.connect().expect("a connection")));
    let stopped = migrator().observe(move |event| {
        // In the midst of a ring.
        if let Event::Batch { step: "backfill public.sale", .. } = event
            && later.fetch_add(1, Ordering::SeqCst) == 5
        {
            run(&mut killer.lock().expect("the killer"), &format!("SELECT pg_terminate_backend({pid})"));
        }
    });
    stopped.run(&mut runner).expect_err("its session is gone");
    let half = "SELECT slice_by || ' ' || (slices > 1) || ' ' || (next_block < ring_end) FROM migrate.cursor";
    assert_eq!(observed::value(&mut client, half), "Numb\"er true true");
    run(&mut client, &format!("ALTER TABLE sale RENAME {QUOTED} TO num"));
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    filled_once(&mut client);
}
