//! The backfill in many passes: it fills each row once, whatever the key, whoever writes beside it and wherever it is
//! stopped; and it goes on in one pass where old row versions make no room.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Event, Migrator, Plan, Settings};
use postgres::Client;

use crate::database;
use crate::observed::{self, run};

mod plans {
    migrate::plan! { pub mod cents; stage dual_write; table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const CENTS: &Plan = &plans::cents::PLAN;

/// Rows of a table that is large enough for many passes.
const ROWS: u64 = 16_000;

const COLUMNS: &str = "id bigint NOT NULL, part integer NOT NULL, name text NOT NULL, tag uuid NOT NULL, total numeric(12,2) NOT NULL, \
     other integer NOT NULL, filler text";

const VALUES: &str =
    "SELECT g, g % 2, md5(g::text), md5(g::text)::uuid, g / 7.0, 0, repeat('x', 90) FROM generate_series(1, 16000) g";

fn sale(client: &mut Client, key: &str) {
    run(
        client,
        &format!(
            "CREATE TABLE sale ({COLUMNS}{key}); INSERT INTO sale {VALUES}; \
             CREATE INDEX ON sale (other); CREATE INDEX ON sale (name)"
        ),
    );
}

/// A runner that makes small batches.
fn migrator() -> Migrator {
    let mut settings = Settings::default();
    settings.batch_target = Duration::from_millis(5);
    database::migrator(CENTS).settings(settings)
}

/// Every row has its value, and the cursors have counted each row once.
fn filled_once(client: &mut Client) {
    let wrong = "SELECT count(*) FROM sale WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint";
    assert_eq!(observed::value(client, wrong), "0");
    assert_eq!(counted(client), ROWS);
}

fn counted(client: &mut Client) -> u64 {
    let counted = "SELECT coalesce(sum(c.rows_done), 0) FROM migrate.cursor c \
                   JOIN migrate.step s ON s.plan = c.plan AND s.number = c.step WHERE s.work[1] = 'backfill'";
    observed::value(client, counted).parse().expect("a number")
}

fn blocks(client: &mut Client) -> u64 {
    let sql =
        "SELECT sum(pg_relation_size(oid) / 8192)::bigint FROM pg_class WHERE relkind = 'r' AND relname ~ '^sale'";
    observed::value(client, sql).parse().expect("a number")
}

/// A database on a server of its own: a transaction that writes elsewhere on the server holds old row versions too.
pub fn alone() -> (ScratchServer, ScratchDatabase) {
    let server = ScratchServer::builder().setting("autovacuum", "off").start().expect("a PostgreSQL server");
    let database = server.database().expect("a fresh database");
    (server, database)
}

/// What fills a table of this key: in many passes, as its growth shows.
fn fills(server: &ScratchServer, key: &str) {
    let database = server.database().expect("a fresh database");
    let mut client = database.connect().expect("a connection");
    sale(&mut client, key);
    let before = blocks(&mut client);
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let migrator = migrator().observe(move |event| {
        if let Event::OnePass { .. } = event {
            heard.lock().expect("the events").push(format!("{event:?}"));
        }
    });
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    filled_once(&mut client);
    let after = blocks(&mut client);
    let known = "SELECT n_distinct < 0 FROM pg_stats WHERE tablename = 'sale' AND attname = 'total_cents'";
    assert_eq!(observed::value(&mut client, known), "t", "the new column has statistics");
    // One pass doubles the table.
    assert!(after * 2 < before * 3, "{before} blocks became {after}: {told:?}");
}

#[test]
fn a_full_table_of_any_key_or_none_is_filled_in_many_passes_and_does_not_double() {
    let (server, _database) = alone();
    for key in [", PRIMARY KEY (id)", ", PRIMARY KEY (part, id)", ", PRIMARY KEY (name)", ", PRIMARY KEY (tag)", ""] {
        fills(&server, key);
    }
}

#[test]
fn partitions_are_filled_in_many_passes_one_after_the_other() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        &format!(
            "CREATE TABLE sale ({COLUMNS}, PRIMARY KEY (id, part)) PARTITION BY LIST (part); \
             CREATE TABLE sale_0 PARTITION OF sale FOR VALUES IN (0); CREATE TABLE sale_1 PARTITION OF sale FOR VALUES IN (1); \
             INSERT INTO sale {VALUES}; INSERT INTO sale {}",
            VALUES.replace("g,", "g + 16000,")
        ),
    );
    let before = blocks(&mut client);
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM sale WHERE total_cents IS NULL"), "0");
    assert_eq!(counted(&mut client), 2 * ROWS);
    let after = blocks(&mut client);
    assert!(after * 3 < before * 5, "{before} blocks became {after}");
}

#[test]
fn a_held_snapshot_is_named_and_the_backfill_goes_on_in_one_pass() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, ", PRIMARY KEY (id)");
    let mut reader = database.connect().expect("a connection");
    let pid: i32 = reader.query_one("SELECT pg_backend_pid()", &[]).expect("a process").get(0);
    let told = Arc::new(Mutex::new(Vec::new()));
    let (heard, held) = (Arc::clone(&told), Mutex::new(Some(reader)));
    let progress = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&progress);
    let migrator = migrator().observe(move |event| match event {
        Event::Batch { step: "backfill public.sale", blocks_done, blocks, .. } => {
            seen.lock().expect("the events").push((*blocks_done, *blocks));
        }
        // From here on a snapshot is in nobody's way but the backfill's.
        Event::StepStarted { step: "backfill public.sale", .. } => {
            if let Some(reader) = held.lock().expect("the reader").as_mut() {
                run(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM sale LIMIT 1");
            }
        }
        Event::StepDone { step: "backfill public.sale", .. } => *held.lock().expect("the reader") = None,
        Event::OnePass { holder, hot_share, .. } => {
            heard.lock().expect("the events").push((holder.map(|holder| holder.pid), *hot_share));
        }
        _ => {}
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    let told = told.lock().expect("the events");
    assert!(matches!(told[..], [(Some(holder), Some(share))] if holder == pid && share < 0.5), "{told:?}");
    // The blocks of the slices that were given up are done once more, and counted once.
    let progress = progress.lock().expect("the events");
    assert!(progress.iter().all(|(done, blocks)| done <= blocks), "{progress:?}");
    assert!(progress.last().is_some_and(|(done, blocks)| done == blocks), "{progress:?}");
    filled_once(&mut client);
}

#[test]
fn rows_that_other_writers_move_meanwhile_are_all_filled() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, ", PRIMARY KEY (id)");
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let (mut writer, stop) = (database.connect().expect("a connection"), Arc::clone(&stop));
            thread::spawn(move || {
                let mut statements = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let id = fastrand::i64(1..=ROWS as i64);
                    let sql = match fastrand::u8(0..4) {
                        0 => format!("UPDATE sale SET id = -id WHERE id = {id}"),
                        1 => format!("UPDATE sale SET total = total + 1 WHERE id = {id}"),
                        2 => format!("UPDATE sale SET filler = repeat('y', 180) WHERE id = {id}"),
                        _ => format!("UPDATE sale SET other = other + 1 WHERE id = {id}"),
                    };
                    writer.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                    statements += 1;
                }
                statements
            })
        })
        .collect();
    let report = migrator().run(&mut client).expect("a run");
    stop.store(true, Ordering::Relaxed);
    let statements: u64 = writers.into_iter().map(|writer| writer.join().expect("a writer")).sum();
    assert!(report.is_complete(), "{report}");
    assert!(statements > 100, "{statements}");
    let wrong = "SELECT count(*) FROM sale WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint";
    assert_eq!(observed::value(&mut client, wrong), "0");
}

/// The runner's session is ended before or after the commit of a batch, again and again.
#[test]
fn a_backfill_stopped_at_random_batches_updates_each_row_once() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    sale(&mut client, ", PRIMARY KEY (id)");
    run(
        &mut client,
        "CREATE TABLE touched (id bigint); \
         CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.touched VALUES (NEW.id); RETURN NULL; END$$; \
         CREATE TRIGGER touch AFTER UPDATE ON sale FOR EACH ROW EXECUTE FUNCTION touch(); \
         ALTER TABLE sale ENABLE ALWAYS TRIGGER touch",
    );
    let (pid, left, later_slices) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicU32::new(0)), AtomicU64::new(0));
    let (victim, countdown) = (Arc::clone(&pid), Arc::clone(&left));
    let killer = Mutex::new(database.connect().expect("a connection"));
    let migrator = migrator().observe(move |event| {
        let of_a_batch = matches!(event, Event::Committing { step: "backfill public.sale", .. })
            || matches!(event, Event::Batch { step: "backfill public.sale", .. });
        if of_a_batch && countdown.fetch_sub(1, Ordering::SeqCst) == 1 {
            let sql = format!("SELECT pg_terminate_backend({})", victim.load(Ordering::SeqCst));
            run(&mut killer.lock().expect("the killer"), &sql);
        }
    });
    let mut stops = 0;
    loop {
        let mut runner = database.connect().expect("a connection");
        pid.store(runner.query_one("SELECT pg_backend_pid()", &[]).expect("a process").get(0), Ordering::SeqCst);
        left.store(fastrand::u32(1..30), Ordering::SeqCst);
        match migrator.run(&mut runner) {
            Ok(report) => {
                assert!(report.is_complete(), "{report}");
                break;
            }
            Err(_) => stops += 1,
        }
        let slice = "SELECT coalesce(max(slice), 0) FROM migrate.cursor WHERE slices > 1";
        later_slices.fetch_max(observed::value(&mut client, slice).parse().expect("a number"), Ordering::SeqCst);
    }
    assert!(stops >= 3 && later_slices.load(Ordering::SeqCst) > 0, "{stops} stops, {later_slices:?}");
    filled_once(&mut client);
    let twice = "SELECT count(*) FROM (SELECT id FROM touched GROUP BY id HAVING count(*) > 1) t";
    assert_eq!(observed::value(&mut client, twice), "0");
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM touched"), ROWS.to_string());
}
