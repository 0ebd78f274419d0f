//! `kill -9` of the runner at every boundary: at each step's begin, before each commit, after each step
//! and each batch, a process of its own is killed; the next run ends where an undisturbed one does.
//!
//! The killed process is this test program again, called with the name of a test that does nothing
//! unless it is told to.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use migrate::{Closed, Event, Migrator, Phase, Position};
use postgres::{Client, NoTls};

use crate::database;

mod dual_write {
    migrate::plan! { pub mod money; stage dual_write;
        table till (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
            note: text => remark: text;
        }
    }
}
mod contract {
    migrate::plan! { pub mod money; stage contract;
        table till (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
            note: text => remark: text;
        }
    }
}

/// What the killed process does, and what the next one goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    /// All the way to the end.
    Forward,
    /// Back to the old shape, from a retired column.
    Back,
}

impl Errand {
    fn word(self) -> &'static str {
        match self {
            Errand::Forward => "forward",
            Errand::Back => "back",
        }
    }

    fn run(self, migrator: &Migrator, client: &mut Client) {
        match self {
            Errand::Forward => {
                let report = migrator.run(client).expect("a run");
                assert!(report.is_complete(), "{report}");
            }
            Errand::Back => migrator.revert(client, "money").expect("a revert"),
        }
    }
}

const URL: &str = "MIGRATE_TEST_KILL_URL";
const AT: &str = "MIGRATE_TEST_KILL_AT";
const ERRAND: &str = "MIGRATE_TEST_KILL_ERRAND";

/// The process that is killed: it does so itself at event number `AT`, with the signal that nothing can
/// catch. Without the variables this is no test at all.
#[test]
fn child_of_the_kill_tests() {
    let (Ok(url), Ok(at), Ok(errand)) = (std::env::var(URL), std::env::var(AT), std::env::var(ERRAND)) else { return };
    let at: usize = at.parse().expect("a number");
    let told = AtomicUsize::new(0);
    let migrator = database::migrator(&contract::money::PLAN).observe(move |event| {
        // Whoever has only taken the lead has begun nothing yet, and nothing of a revert is to be gone on with.
        if matches!(event, Event::LockHeld { .. } | Event::LockWaited { .. } | Event::LeadTaken) {
            return;
        }
        if told.fetch_add(1, Ordering::Relaxed) == at {
            let me = std::process::id().to_string();
            Command::new("kill").args(["-9", &me]).status().expect("kill");
            std::thread::park();
        }
    });
    let mut client = Client::connect(&url, NoTls).expect("a connection");
    let errand = if errand == Errand::Back.word() { Errand::Back } else { Errand::Forward };
    errand.run(&migrator, &mut client);
}

/// Runs the child; answers whether it was killed rather than done.
fn killed(url: &str, errand: Errand, at: usize) -> bool {
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "kills::child_of_the_kill_tests", "--nocapture"])
        .env(URL, url)
        .env(AT, at.to_string())
        .env(ERRAND, errand.word())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status()
        .expect("the child");
    assert!(status.success() || status.signal() == Some(9), "the child ended with {status}");
    !status.success()
}

fn create(client: &mut Client) {
    client
        .batch_execute(
            "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, note text, filler text); \
             INSERT INTO till SELECT g, g / 7.0, CASE WHEN g % 3 = 0 THEN 'n' || g END, repeat('x', 150) \
             FROM generate_series(1, 3000) g",
        )
        .expect("a table");
}

/// Everything of the table, in both shapes or in one.
fn contents(client: &mut Client) -> Vec<String> {
    client
        .query("SELECT to_jsonb(till)::text FROM till ORDER BY id", &[])
        .expect("the rows")
        .into_iter()
        .map(|row| row.get(0))
        .collect()
}

/// The table and what the library has put on it or into its schema.
fn catalog(client: &mut Client) -> Vec<String> {
    client
        .query(
            "SELECT 'column ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull \
             FROM pg_attribute WHERE attrelid = 'till'::regclass AND attnum > 0 AND NOT attisdropped \
             UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = 'till'::regclass \
             UNION ALL SELECT 'constraint ' || conname FROM pg_constraint WHERE conrelid = 'till'::regclass \
             UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace \
             UNION ALL SELECT 'sequence ' || relname FROM pg_class \
                 WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'S' AND relname LIKE 'money%' \
             ORDER BY 1",
            &[],
        )
        .expect("the catalog")
        .into_iter()
        .map(|row| row.get(0))
        .collect()
}

/// Each step that is done was done once, and its history says so.
fn journaled_once(client: &mut Client) {
    let twice = client
        .query("SELECT step FROM migrate.history WHERE event = 'done' GROUP BY step HAVING count(*) > 1", &[])
        .expect("the history");
    assert!(twice.is_empty(), "a step was done twice");
}

/// A service that starts between the kill and the next revert does not take the plan forward again.
fn stays_on_its_way_back(client: &mut Client, kills: usize) {
    let left = "SELECT count(*) FROM migrate.step WHERE state <> 'pending'";
    let before: i64 = client.query_one(left, &[]).expect("the journal").get(0);
    let report = database::migrator(&contract::money::PLAN).run(client).expect("a run");
    assert!(matches!(report.plans[0].closed[..], [Closed::Held { at: None, .. }]), "kill {kills}: {report}");
    let after: i64 = client.query_one(left, &[]).expect("the journal").get(0);
    assert_eq!(after, before, "kill {kills}");
}

fn every_kill(errand: Errand, prepare: impl Fn(&mut Client)) -> usize {
    // The undisturbed run says what the end is.
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    prepare(&mut client);
    errand.run(&database::migrator(&contract::money::PLAN), &mut client);
    let (rows, shape) = (contents(&mut client), catalog(&mut client));
    drop((client, database));
    let mut kills = 0;
    loop {
        let database = database::fresh();
        let mut client = database.connect().expect("a connection");
        prepare(&mut client);
        if !killed(database.url(), errand, kills) {
            return kills;
        }
        kills += 1;
        // The server may still be finding out that its client is gone; the leader's lock is waited for.
        if errand == Errand::Back {
            stays_on_its_way_back(&mut client, kills);
        }
        errand.run(&database::migrator(&contract::money::PLAN), &mut client);
        assert_eq!(contents(&mut client), rows, "{errand:?}, kill {kills}");
        assert_eq!(catalog(&mut client), shape, "{errand:?}, kill {kills}");
        if errand == Errand::Forward {
            journaled_once(&mut client);
        }
    }
}

#[test]
fn a_runner_killed_anywhere_on_its_way_is_followed_by_one_that_ends_the_same() {
    let kills = every_kill(Errand::Forward, create);
    println!("killed at {kills} places on the way forward");
    // Ten steps, each with a begin, a commit and an end, and batches besides.
    assert!(kills > 30, "only {kills} places");
}

#[test]
fn a_revert_killed_anywhere_is_followed_by_one_that_ends_the_same() {
    let kills = every_kill(Errand::Back, |client| {
        create(client);
        let migrator = database::migrator(&dual_write::money::PLAN);
        migrator.run(client).expect("a run");
        let report = migrator.advance(client, &dual_write::money::PLAN, Phase::Switch).expect("a switch");
        assert_eq!(report.plans[0].position, Position::After(Phase::Switch));
    });
    println!("killed at {kills} places on the way back");
    assert!(kills > 8, "only {kills} places");
}
