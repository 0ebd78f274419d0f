//! The slices of a backfill: by the column that spreads the rows of each block best, or by their place, and by another when
//! that column is not there any more.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use migrate::{Event, Migrator, Plan, Settings};
use postgres::Client;

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

/// Every row has its value, and was counted once.
fn filled_once(client: &mut Client) {
    let wrong = "SELECT count(*) FROM sale WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint";
    assert_eq!(observed::value(client, wrong), "0");
    let counted = "SELECT sum(c.rows_done) FROM migrate.cursor c \
                   JOIN migrate.step s ON s.plan = c.plan AND s.number = c.step WHERE s.work[1] = 'backfill'";
    assert_eq!(observed::value(client, counted), "16000");
    let condition = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = '~migrate_sync_u'";
    let condition = observed::value(client, condition);
    assert!(!condition.contains("migrate.backfill"), "what is filled knows no backfill: {condition}");
}

#[test]
fn the_column_that_spreads_the_rows_of_a_block_best_says_their_slice() {
    let (server, _database) = alone();
    for (id, number, name, expected) in [
        ("g", "0", "number", "id"),
        ("-g", "0", "number", "id"),
        // Of these every row would be in one slice.
        ("g * 16", "0", "number", ""),
        ("g * 16", "g % 2", "number", ""),
        ("g * 16", "-g / 2", QUOTED, "Numb\"er"),
        // As a variable of the batch is called.
        ("g * 16", "g", "filled", "filled"),
        // No better than a hash.
        ("hashint8(g)", "hashint8(g + 1)", "number", ""),
    ] {
        let database = server.database().expect("a fresh database");
        let mut client = database.connect().expect("a connection");
        sale(&mut client, id, number, name);
        let before: i64 = observed::value(&mut client, "SELECT pg_relation_size('sale')").parse().expect("a number");
        assert!(migrator().run(&mut client).expect("a run").is_complete());
        assert_eq!(slice_by(&mut client), expected, "{id}, {number}");
        filled_once(&mut client);
        let after: i64 = observed::value(&mut client, "SELECT pg_relation_size('sale')").parse().expect("a number");
        // One pass doubles the table.
        assert!(after * 2 < before * 3, "{id}, {number}: {before} bytes became {after}");
    }
}

#[test]
fn a_backfill_goes_on_where_its_column_got_another_name_while_it_stood() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, "g * 16", "g", QUOTED);
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
