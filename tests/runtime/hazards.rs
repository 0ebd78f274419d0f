//! What the steps of real plans do to a table, as a server shows it: the locks that are held when all but the
//! commit is done, that nothing is written anew, and that no row is read under a strong lock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use migrate::{Event, Plan};
use postgres::{Client, NoTls};

use crate::database;
use crate::hazards_cases::{CASES, Case};
use crate::observed::{self, run};

/// Notes what each statement that changes the schema reads of users' tables, from inside its session.
/// The counters of a session also hold what it has not reported yet, so both ends are noted.
const WATCH: &str = "
CREATE SCHEMA watch;
CREATE TABLE watch.scan (id bigserial, at text, query text, scans bigint, tuples bigint);
CREATE FUNCTION watch.note() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO watch.scan (at, query, scans, tuples)
    SELECT tg_event, current_query(), coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0), coalesce(sum(seq_tup_read), 0)
    FROM pg_stat_xact_user_tables WHERE schemaname NOT IN ('watch', 'migrate');
END$$;
CREATE EVENT TRIGGER watch_start ON ddl_command_start EXECUTE FUNCTION watch.note();
CREATE EVENT TRIGGER watch_end ON ddl_command_end EXECUTE FUNCTION watch.note();
";

/// `public.item ACCESS EXCLUSIVE` for the strongest lock that a session holds on each table, view and
/// sequence of users; what is held on a partition or child counts for the table that the plan names.
const HELD: &str = "
WITH lock AS (
    SELECT coalesce((SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid), c.oid)::regclass AS root, l.mode
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE l.pid = $1 AND l.granted AND l.locktype = 'relation' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate', 'watch', 'pg_toast')
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
), strength (mode, rank, words) AS (VALUES
    ('AccessShareLock', 1, 'ACCESS SHARE'), ('RowShareLock', 2, 'ROW SHARE'), ('RowExclusiveLock', 3, 'ROW EXCLUSIVE'),
    ('ShareUpdateExclusiveLock', 4, 'SHARE UPDATE EXCLUSIVE'), ('ShareLock', 5, 'SHARE'),
    ('ShareRowExclusiveLock', 6, 'SHARE ROW EXCLUSIVE'), ('ExclusiveLock', 7, 'EXCLUSIVE'),
    ('AccessExclusiveLock', 8, 'ACCESS EXCLUSIVE'))
SELECT DISTINCT ON (root) n.nspname || '.' || c.relname || ' ' || s.words
FROM lock JOIN strength s USING (mode) JOIN pg_class c ON c.oid = root JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY root, s.rank DESC";

/// Files of users' tables and indexes: another file is a table or an index that was written anew.
const FILES: &str = "
SELECT c.oid::regclass || ' ' || c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate', 'watch', 'pg_toast') AND c.relkind IN ('r', 'i', 'm')
ORDER BY 1";

/// Notes what a session holds when it writes that a step is done or undone: the last thing before the commit.
const NOTE: &str = "
CREATE TABLE IF NOT EXISTS watch.held (step text, locks text[]);
CREATE OR REPLACE FUNCTION watch.note_held() RETURNS trigger LANGUAGE plpgsql AS $note$BEGIN
    INSERT INTO watch.held SELECT NEW.step, ARRAY(HELD);
    RETURN NULL;
END$note$;
CREATE OR REPLACE TRIGGER held AFTER INSERT ON migrate.history FOR EACH ROW EXECUTE FUNCTION watch.note_held()";

/// A step, and what was held right before it committed.
type Seen = Vec<(String, Vec<String>)>;

/// Looks at a session whenever it is about to commit: from another one, and where a step takes a lock with the
/// message that commits, from inside.
struct Watch {
    seen: Arc<Mutex<Seen>>,
}

impl Watch {
    fn held(client: &mut Client, pid: i32) -> Vec<String> {
        let rows = client.query(HELD, &[&pid]).expect("a look at the locks");
        let mut held: Vec<String> = rows.into_iter().map(|row| row.get(0)).collect();
        held.sort();
        held
    }

    /// What a statement outside of any transaction holds at its end, seen by running it in one that is rolled
    /// back: the lock is the same.
    fn tried(client: &mut Client, sql: &str) -> Vec<String> {
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).expect("a pid").get(0);
        run(client, "BEGIN");
        run(client, sql);
        let held = Watch::held(client, pid);
        run(client, "ROLLBACK");
        held
    }

    /// What a step that is over has noted.
    fn noted(client: &mut Client, step: &str) -> Option<Vec<String>> {
        let sql = "DELETE FROM watch.held WHERE step = $1 RETURNING locks";
        let mut held: Vec<String> = client.query_opt(sql, &[&step]).expect("one note")?.get(0);
        held.sort();
        Some(held)
    }

    /// A migrator of the plan that is watched while `client` runs it.
    fn migrator(&self, url: &str, client: &mut Client, plan: &'static Plan) -> migrate::Migrator {
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).expect("a pid").get(0);
        let other = Mutex::new(Client::connect(url, NoTls).expect("a connection"));
        let seen = Arc::clone(&self.seen);
        let note = NOTE.replace("HELD", &HELD.replace("$1", "pg_backend_pid()"));
        run(&mut other.lock().expect("the other session"), "CREATE SCHEMA IF NOT EXISTS watch");
        database::migrator(plan).observe(move |event| {
            let mut other = other.lock().expect("the other session");
            let (step, held) = match event {
                Event::StepStarted { .. } => return run(&mut other, &note),
                Event::Committing { step, .. } if !is_locked(plan, step) => match statement(plan, step) {
                    Some(sql) => (step, Watch::tried(&mut other, &sql)),
                    None => (step, Watch::held(&mut other, pid)),
                },
                Event::StepDone { step, .. } if is_locked(plan, step) => match Watch::noted(&mut other, step) {
                    Some(held) => (step, held),
                    None => return,
                },
                _ => return,
            };
            seen.lock().expect("the list").push(((*step).to_owned(), held));
        })
    }
}

/// Whether a step takes a lock on a table for what it does.
fn is_locked(plan: &Plan, name: &str) -> bool {
    plan.steps.iter().any(|step| step.name(plan) == name && format!("{:?}", step.work).starts_with("Transaction"))
}

/// The SQL of a step that is one statement outside of any transaction.
fn statement(plan: &Plan, name: &str) -> Option<String> {
    let step = plan.steps.iter().find(|step| step.name(plan) == name)?;
    let work = format!("{:?}", step.work);
    let quoted = work.strip_prefix("Statement(")?.strip_suffix(')')?;
    serde_json::from_str(quoted).ok()
}

/// What a step declares, in the form of [`HELD`].
fn declared(plan: &Plan, name: &str) -> Vec<String> {
    let step = plan.steps.iter().find(|step| step.name(plan) == name).unwrap_or_else(|| panic!("{name}"));
    let mut locks: Vec<String> =
        step.locks(plan).iter().map(|lock| format!("{} {}", lock.table, lock.mode.as_str())).collect();
    locks.sort();
    locks
}

/// Every step that committed held what it declares and nothing else, and every step of the plan is among them.
fn held_is_declared(case: &Case, plan: &Plan, seen: &Seen, all: bool) {
    for (step, held) in seen {
        assert_eq!(*held, declared(plan, step), "{}: step `{step}`", case.name);
    }
    for step in plan.steps.iter().filter(|_| all) {
        let name = step.name(plan);
        assert!(seen.iter().any(|(step, _)| *step == name), "{}: step `{name}` was not seen", case.name);
    }
}

/// Statements that read rows of users' tables, with how many.
fn readers(client: &mut Client) -> Vec<String> {
    observed::rows(
        client,
        "SELECT query, tuples FROM (
             SELECT query, at, scans - lag(scans) OVER w AS scans, tuples - lag(tuples) OVER w AS tuples, lag(at) OVER w AS before
             FROM watch.scan WINDOW w AS (ORDER BY id)) AS both_ends
         WHERE at = 'ddl_command_end' AND before = 'ddl_command_start' AND (scans > 0 OR tuples > 0)",
    )
}

fn prepared(case: &Case) -> (migrate::testing::ScratchDatabase, Client) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, case.prepare);
    run(&mut client, WATCH);
    (database, client)
}

#[test]
fn each_step_holds_the_locks_that_it_declares_and_writes_nothing_anew() {
    for case in CASES {
        let (database, mut client) = prepared(case);
        let before = observed::rows(&mut client, FILES);
        let watch = Watch { seen: Arc::default() };
        let report = watch.migrator(database.url(), &mut client, case.contract).run(&mut client).expect(case.name);
        assert!(report.is_complete(), "{}: {report}", case.name);
        held_is_declared(case, case.contract, &watch.seen.lock().expect("the list"), true);
        assert_eq!(observed::rows(&mut client, FILES), before, "{}", case.name);
        let readers = readers(&mut client);
        assert!(
            readers.iter().all(|reader| reader.contains("VALIDATE CONSTRAINT")),
            "{}: rows were read under a strong lock: {readers:#?}",
            case.name
        );
    }
}

#[test]
fn each_step_is_undone_under_the_lock_that_it_declares() {
    for case in CASES {
        let (database, mut client) = prepared(case);
        let before = observed::rows(&mut client, FILES);
        let report = database::migrator(case.dual_write).run(&mut client).expect(case.name);
        assert!(report.is_complete(), "{}: {report}", case.name);
        // As far as it goes and still comes back: the old columns renamed, and not dropped.
        let soaking = || database::migrator(case.contract).soak(Duration::from_secs(1000));
        soaking().run(&mut client).expect(case.name);
        run(&mut client, "UPDATE migrate.plan SET switched_at = clock_timestamp() - interval '2000 s'");
        let report = soaking().run(&mut client).expect(case.name).to_string();
        assert!(report.contains("the soak before dropping the old columns"), "{}: {report}", case.name);
        let watch = Watch { seen: Arc::default() };
        let name = &case.contract.name;
        watch.migrator(database.url(), &mut client, case.contract).revert(&mut client, name).expect(case.name);
        let seen = watch.seen.lock().expect("the list");
        held_is_declared(case, case.contract, &seen, false);
        for kind in ["retire ", "switch", "expand "] {
            assert!(seen.iter().any(|(step, _)| step.starts_with(kind)), "{}: {kind} was not undone", case.name);
        }
        assert_eq!(observed::rows(&mut client, FILES), before, "{}", case.name);
        assert_eq!(readers(&mut client).len(), case.proofs, "{}", case.name);
    }
}

/// What the tests above would show if a step did what PostgreSQL does by itself.
#[test]
fn the_watch_sees_what_the_plain_statements_do() {
    let (database, mut client) = prepared(&CASES[0]);
    let mut other = Client::connect(database.url(), NoTls).expect("a connection");
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).expect("a pid").get(0);
    let files = observed::rows(&mut other, FILES);
    for (sql, lock, reads, rewrites) in [
        ("ALTER TABLE item ALTER note SET NOT NULL", "ACCESS EXCLUSIVE", true, false),
        ("ALTER TABLE item ADD CHECK (note <> 'x')", "ACCESS EXCLUSIVE", true, false),
        ("ALTER TABLE item ALTER note TYPE varchar(90)", "ACCESS EXCLUSIVE", true, true),
        ("ALTER TABLE item ADD COLUMN u uuid DEFAULT gen_random_uuid()", "ACCESS EXCLUSIVE", true, true),
        (
            "CREATE DOMAIN whole AS integer CHECK (VALUE > 0); ALTER TABLE item ADD COLUMN w whole",
            "ACCESS EXCLUSIVE",
            true,
            true,
        ),
        ("CREATE INDEX ON item (note)", "SHARE", true, false),
        (
            "CREATE TRIGGER t BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "SHARE ROW EXCLUSIVE",
            false,
            false,
        ),
        ("ALTER TABLE item ADD COLUMN n integer DEFAULT 7", "ACCESS EXCLUSIVE", false, false),
    ] {
        run(&mut client, "TRUNCATE watch.scan");
        run(&mut client, "BEGIN");
        run(&mut client, sql);
        assert_eq!(Watch::held(&mut other, pid), [format!("public.item {lock}")], "{sql}");
        assert_eq!(!readers(&mut client).is_empty(), reads, "{sql}");
        let item = |rows: Vec<String>| rows.into_iter().filter(|row| row.starts_with("item ")).collect::<Vec<_>>();
        assert_eq!(item(observed::rows(&mut client, FILES)) != item(files.clone()), rewrites, "{sql}");
        run(&mut client, "ROLLBACK");
    }
}
