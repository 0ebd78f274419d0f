//! `kill -9` of the runner at random moments of one backfill, while writers move its rows, insert, and change the column that
//! is replaced: every row is filled once, by the backfill or by a writer, and no batch is done twice that was committed.
//!
//! The killed process is this test program again, called with the name of a test that does nothing unless it is told to.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use migrate::{Event, Migrator, Phase, Plan, Settings};
use postgres::{Client, NoTls};

use crate::database;
use crate::observed::{self, run};
use crate::passes::alone;

mod plans {
    migrate::plan! { pub mod cents; stage dual_write; table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const PLAN: &Plan = &plans::cents::PLAN;
const STEP: &str = "backfill public.sale";
const URL: &str = "MIGRATE_TEST_BACKFILL_KILL_URL";

/// Short batches, so that many of them are killed.
fn migrator() -> Migrator {
    let mut settings = Settings::without_waits();
    settings.batch_target = Duration::from_millis(20);
    settings.leader_wait = Duration::from_secs(60);
    // The writers are there to be in the way.
    settings.follow_load = false;
    database::migrator(PLAN).settings(settings)
}

/// The process that is killed: it tells each batch that it has committed. Without the variable this is no test at all.
#[test]
fn child_of_the_backfill_kills() {
    let Ok(url) = std::env::var(URL) else { return };
    let migrator = migrator().observe(|event| {
        let mut out = std::io::stdout();
        let told = match event {
            Event::Batch { step: STEP, blocks_done, rows, .. } => writeln!(out, "batch {blocks_done} {rows}"),
            Event::Retried { step: STEP, .. } => writeln!(out, "retried"),
            _ => return,
        };
        told.and_then(|()| out.flush()).expect("somebody who listens");
    });
    migrator.run(&mut Client::connect(&url, NoTls).expect("a connection")).expect("a run");
}

/// What a killed process had told.
#[derive(Debug, Default)]
struct Told {
    /// How far the first and the last batch went, in blocks.
    first: u64,
    last: u64,
    largest: u64,
    retries: u64,
}

/// Runs the child, and kills it `after` its first batch; nothing where it came to the end of its work before.
fn killed(url: &str, after: Duration) -> Option<Told> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "backfill_kills::child_of_the_backfill_kills", "--nocapture"])
        .env(URL, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the child");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let mut told = Told::default();
    let Some((first, rows)) = lines.find_map(|line| {
        told.retries += u64::from(line.contains("retried"));
        batch(&line)
    }) else {
        child.wait().expect("the child");
        return None;
    };
    (told.first, told.last, told.largest) = (first, first, rows);
    let killer = kill_after(child, after);
    for line in lines {
        told.retries += u64::from(line.contains("retried"));
        if let Some((blocks, rows)) = batch(&line) {
            (told.last, told.largest) = (blocks, told.largest.max(rows));
        }
    }
    killer.join().expect("the killer").then_some(told)
}

/// Answers whether there was somebody to kill.
fn kill_after(mut child: Child, after: Duration) -> JoinHandle<bool> {
    thread::spawn(move || {
        // Not a condition: the moment is what is random here.
        thread::sleep(after);
        child.kill().expect("kill -9");
        child.wait().expect("the child").signal() == Some(9)
    })
}

fn batch(line: &str) -> Option<(u64, u64)> {
    let (blocks, rows) = line.split_once("batch ")?.1.split_once(' ')?;
    Some((blocks.parse().ok()?, rows.trim().parse().ok()?))
}

/// The table, a log of who fills which row, and a count of the rows that the backfill has written, which no rollback takes back.
fn create(client: &mut Client, rows: i64) {
    run(
        client,
        &format!(
            "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, note text, code integer); \
             INSERT INTO sale SELECT g, g / 7.0, repeat('n', 90), g % 1000 FROM generate_series(1, {rows}) g; \
             CREATE INDEX ON sale (code); \
             CREATE TABLE filled (id bigint, by_backfill boolean); CREATE SEQUENCE attempt CACHE 1"
        ),
    );
    run(client, "VACUUM ANALYZE sale");
    let report = migrator().advance(client, PLAN, Phase::Expand).expect("an expansion");
    assert!(report.is_complete(), "{report}");
    run(
        client,
        "CREATE FUNCTION log_fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF current_setting('session_replication_role') = 'replica' THEN \
                 PERFORM nextval('public.attempt'); INSERT INTO public.filled VALUES (NEW.id, true); \
             ELSIF NEW.total_cents IS NOT NULL AND (TG_OP = 'INSERT' OR OLD.total_cents IS NULL) THEN \
                 INSERT INTO public.filled VALUES (NEW.id, false); \
             END IF; RETURN NULL; END $$; \
         CREATE TRIGGER log_fill AFTER INSERT OR UPDATE ON sale FOR EACH ROW EXECUTE FUNCTION log_fill(); \
         ALTER TABLE sale ENABLE ALWAYS TRIGGER log_fill",
    );
}

/// Writers of the old application, each with a connection of its own, until they are told to stop.
struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Writers {
    fn start(url: &str, rows: i64) -> Writers {
        let stop = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicI64::new(rows));
        // Wider, the row finds no room in its block and moves to another.
        let moves = "UPDATE sale SET note = note || repeat('m', 60) WHERE id = $1 AND total_cents IS NULL";
        let changes = "UPDATE sale SET total = total + 1 WHERE id = $1";
        let inserts = "INSERT INTO sale (id, total) VALUES ($1, $1::bigint % 1000)";
        let threads = [moves, moves, changes, inserts].map(|sql| {
            let (stop, next, mut client) =
                (Arc::clone(&stop), Arc::clone(&next), Client::connect(url, NoTls).expect("one"));
            thread::spawn(move || {
                let (statement, mut changed) = (client.prepare(sql).expect("a statement"), 0);
                while !stop.load(Ordering::Relaxed) {
                    let id =
                        if sql == inserts { next.fetch_add(1, Ordering::Relaxed) + 1 } else { fastrand::i64(1..=rows) };
                    changed += client.execute(&statement, &[&id]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                    // The machine is not theirs alone.
                    thread::sleep(Duration::from_micros(500));
                }
                changed
            })
        });
        Writers { stop, threads: threads.into() }
    }

    /// How many rows each has moved, moved, changed and inserted.
    fn stop(mut self) -> Vec<u64> {
        self.end().into_iter().map(|thread| thread.join().expect("a writer whom nothing failed")).collect()
    }

    fn end(&mut self) -> Vec<JoinHandle<u64>> {
        self.stop.store(true, Ordering::Relaxed);
        std::mem::take(&mut self.threads)
    }
}

/// A test that fails leaves nobody writing to a database that is gone.
impl Drop for Writers {
    fn drop(&mut self) {
        self.end().into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// How far the backfill has come, by what is committed; once the killed process has left no session behind.
fn committed(client: &mut Client) -> (u64, i64, i64) {
    let begun = Instant::now();
    let leaders = format!(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {} \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        i32::from_be_bytes(*b"migr")
    );
    while observed::value(client, &leaders) != "0" {
        assert!(begun.elapsed() < Duration::from_secs(60), "the killed process's session does not end");
        thread::sleep(Duration::from_millis(2));
    }
    let row = client
        .query_one(
            "SELECT sum(next_block - first_block \
                        + (slice * (ring_end - next_block) + slice_block - next_block) / slices)::bigint, \
                    (SELECT count(*) FROM filled WHERE by_backfill), \
                    (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM attempt) \
             FROM migrate.cursor",
            &[],
        )
        .expect("the cursor");
    (row.get::<_, i64>(0).unsigned_abs(), row.get(1), row.get(2))
}

#[test]
fn every_row_is_filled_once_however_often_the_backfill_is_killed_under_traffic() {
    let kills = (database::scale() * 5 / 2).max(3);
    let rows = 40_000 + 8_000 * i64::from(kills);
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    create(&mut client, rows);
    let writers = Writers::start(database.url(), rows);
    let (mut done, mut largest, mut redone, mut before) = (0, 0, 0, (0, 0));
    for kill in 1..=kills {
        let after = Duration::from_micros(fastrand::u64(0..120_000));
        let told = killed(database.url(), after).unwrap_or_else(|| panic!("the backfill ended before kill {kill}"));
        // No batch that was committed is done again, and all that was told is committed.
        assert!(told.first >= done, "kill {kill}: begun at block {} again, and {done} were done", told.first);
        let (now, filled, attempts) = committed(&mut client);
        assert!(now >= told.last, "kill {kill}: {} blocks were told to be done, and {now} are", told.last);
        // What was written and not committed is one batch at most, and those that PostgreSQL had ended before.
        largest = largest.max(told.largest);
        let lost = (attempts - before.1) - (filled - before.0);
        let most = (2 * largest * (1 + told.retries)).cast_signed();
        assert!((0..=most).contains(&lost), "kill {kill}: {lost} rows were written in vain, {most} at most; {told:?}");
        redone += lost;
        (done, before) = (now, (filled, attempts));
    }
    let report = migrator().run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    let changed = writers.stop();
    assert!(changed.iter().all(|rows| *rows > 0), "{changed:?}");
    let report = migrator().advance(&mut client, PLAN, Phase::Switch).expect("a switch");
    assert!(report.is_complete(), "{report}");

    let not_once =
        "SELECT s.id, count(f.id) FROM sale s LEFT JOIN filled f USING (id) GROUP BY s.id HAVING count(f.id) <> 1";
    let not_once = observed::rows(&mut client, not_once);
    assert!(
        not_once.is_empty(),
        "{} rows were filled not once: {:?}",
        not_once.len(),
        &not_once[..not_once.len().min(5)]
    );
    let wrong = "SELECT id FROM sale WHERE total_cents IS DISTINCT FROM round(total * 100)";
    assert!(observed::rows(&mut client, wrong).is_empty());
    let by = observed::rows(&mut client, "SELECT by_backfill, count(*) FROM filled GROUP BY 1 ORDER BY 1");
    println!("{kills} kills of one backfill of {rows} rows; filled by writers (f) and by it (t): {by:?}");
    println!(
        "moved, moved, changed, inserted: {changed:?}; {redone} rows written in vain, {largest} in the largest batch"
    );
    assert_eq!(by.len(), 2, "both fill rows: {by:?}");
}
