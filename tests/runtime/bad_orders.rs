//! Operators' mistakes, two runners at once, and what a caller gets back.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use migrate::{Error, Event, Phase, Plan, Position, Settings, Side};
use postgres::{Client, NoTls};

use crate::database;
use crate::observed::{self, refused, run};

mod dual_write {
    migrate::plan! { pub mod money; stage dual_write; table till (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}
mod contract {
    migrate::plan! { pub mod money; stage contract; table till (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const MONEY: &Plan = &dual_write::money::PLAN;

const TILL: &str =
    "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); INSERT INTO till VALUES (1, 2.5)";

#[test]
fn a_plan_that_never_started_cannot_be_reverted_or_released() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let before = observed::schema(&mut client);
    let migrator = database::migrator(MONEY);
    let errors = [
        migrator.revert(&mut client, "mony"),
        migrator.revert_to(&mut client, "mony", Phase::DualWrite),
        migrator.release(&mut client, "mony"),
    ];
    for error in errors.map(|result| result.expect_err("unknown")) {
        assert_eq!(error.to_string(), "plan `mony` has never started in this database");
    }
    assert_eq!(observed::schema(&mut client), before);
}

#[test]
fn nothing_is_reverted_once_the_old_column_is_dropped() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let migrator = database::migrator(&contract::money::PLAN);
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished);
    let before = observed::schema(&mut client);
    for phase in [None, Some(Phase::DualWrite), Some(Phase::Switch)] {
        let outcome = match phase {
            None => migrator.revert(&mut client, "money"),
            Some(phase) => migrator.revert_to(&mut client, "money", phase),
        };
        let error = outcome.expect_err("gone");
        assert!(matches!(error, Error::NotRevertible { .. }), "{error}");
        assert_eq!(error.to_string(), "plan `money` cannot be reverted: it is finished, and its old columns are gone");
    }
    assert_eq!(observed::schema(&mut client), before);
    // And the next run is at peace with that.
    assert!(migrator.run(&mut client).expect("a run").is_complete());
}

#[test]
fn a_build_at_dual_write_does_not_contract() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let migrator = database::migrator(MONEY);
    assert!(migrator.advance(&mut client, MONEY, Phase::Switch).expect("a switch").is_complete());
    let before = observed::schema(&mut client);
    let error = migrator.advance(&mut client, MONEY, Phase::Contract).expect_err("not ready");
    assert!(matches!(error, Error::NotReady { phase: Phase::Contract, .. }), "{error}");
    assert!(error.to_string().contains("this build is at stage dual_write"), "{error}");
    assert_eq!(observed::schema(&mut client), before);
    assert_eq!(migrator.side(&mut client, MONEY).expect("a side"), Side::New);
}

#[test]
fn a_reverted_plan_stays_reverted_until_it_is_released() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let before = observed::schema(&mut client);
    let migrator = database::migrator(MONEY);
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    migrator.revert(&mut client, "money").expect("a revert");
    migrator.revert(&mut client, "money").expect("a second one has nothing to do");
    let report = migrator.run(&mut client).expect("a run");
    assert!(
        report
            .to_string()
            .contains("an operator has reverted it, or holds it before its first step; release it to start"),
        "{report}"
    );
    assert_eq!(observed::schema(&mut client), before);
    migrator.release(&mut client, "money").expect("a release");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(observed::rows(&mut client, "SELECT total_cents FROM till"), ["250"]);
}

/// Holds a runner in the middle of its backfill until the value is dropped.
struct Busy {
    go: mpsc::Sender<()>,
    runner: thread::JoinHandle<migrate::Report>,
}

impl Busy {
    fn start(url: &str) -> Busy {
        let (at_work, working) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let wait = std::sync::Mutex::new(wait);
        let first = AtomicBool::new(true);
        let url = format!("{url}{}application_name=first", if url.contains('?') { "&" } else { "?" });
        let runner = thread::spawn(move || {
            let migrator = database::migrator(MONEY).observe(move |event| {
                let backfill = matches!(event, Event::StepStarted { step: "backfill public.till", .. });
                if backfill && first.swap(false, Ordering::SeqCst) {
                    at_work.send(()).expect("the test");
                    wait.lock().expect("the test").recv().expect("the test");
                }
            });
            let mut client = Client::connect(&url, NoTls).expect("a connection");
            migrator.run(&mut client).expect("a run")
        });
        working.recv().expect("the runner");
        Busy { go, runner }
    }

    fn finish(self) -> migrate::Report {
        self.go.send(()).expect("the runner");
        self.runner.join().expect("the runner")
    }
}

#[test]
fn of_two_runners_one_leads_and_the_other_says_who() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let busy = Busy::start(database.url());
    let mut settings = Settings::default();
    settings.leader_wait = Duration::from_millis(1);
    let migrator = database::migrator(MONEY).settings(settings);
    let report = migrator.run(&mut client).expect("a report");
    assert!(!report.is_complete() && report.plans.is_empty(), "{report}");
    let leader = report.leader.as_ref().expect("the leader");
    assert_eq!(leader.application, "first");
    assert!(report.to_string().contains("(first") && report.to_string().contains("is migrating"), "{report}");
    for error in [
        migrator.advance(&mut client, MONEY, Phase::Switch).map(drop),
        migrator.revert(&mut client, "money"),
        migrator.release(&mut client, "money"),
    ] {
        let error = error.expect_err("busy");
        assert!(matches!(&error, Error::Busy { leader: found } if found.pid == leader.pid), "{error}");
    }
    assert!(busy.finish().is_complete());
    assert!(migrator.run(&mut client).expect("the lock is free").is_complete());
}

/// It polls: a session that waited would be in the way of a concurrent index build of the leader.
#[test]
fn a_runner_that_waits_stands_in_no_queue_and_then_finds_everything_done() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let busy = Busy::start(database.url());
    let (url, migrator) = (database.url().to_owned(), database::migrator(MONEY));
    let waiting = thread::spawn(move || {
        let mut client = Client::connect(
            &format!("{url}{}application_name=second", if url.contains('?') { "&" } else { "?" }),
            NoTls,
        )
        .expect("a connection");
        migrator.run(&mut client).expect("a run")
    });
    // Until it has asked for the lock a few times.
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'second' AND query ~ 'pg_try_advisory_lock'";
    while observed::value(&mut client, asked) == "0" {
        thread::yield_now();
    }
    assert_eq!(
        observed::value(
            &mut client,
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        "0"
    );
    assert!(busy.finish().is_complete());
    let report = waiting.join().expect("the second runner");
    assert!(report.is_complete() && report.leader.is_none() && report.plans[0].done.is_empty(), "{report}");
    let twice = "SELECT step FROM migrate.history WHERE event = 'done' GROUP BY step HAVING count(*) <> 1";
    assert_eq!(observed::rows(&mut client, twice), [""; 0]);
    let steps = "SELECT count(*) FROM migrate.history WHERE event = 'done'";
    assert_eq!(observed::value(&mut client, steps), report.plans[0].done_before.to_string());
}

/// Settings of a session that the runner changes for itself.
const SETTINGS: [(&str, &str); 9] = [
    ("search_path", "shop, public"),
    ("lock_timeout", "1234ms"),
    ("statement_timeout", "54321ms"),
    ("idle_in_transaction_session_timeout", "7s"),
    ("default_transaction_isolation", "repeatable read"),
    ("TimeZone", "Asia/Kolkata"),
    ("DateStyle", "SQL, DMY"),
    ("client_min_messages", "error"),
    ("row_security", "on"),
];

fn settings(client: &mut Client) -> Vec<String> {
    SETTINGS.iter().map(|(name, _)| observed::value(client, &format!("SHOW {name}"))).collect()
}

#[test]
fn a_session_gets_its_settings_back_after_success_and_after_an_error() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    for (name, value) in SETTINGS {
        run(&mut client, &format!("SET {name} = '{value}'").replace("'shop, public'", "shop, public"));
    }
    let before = settings(&mut client);
    let migrator = database::migrator(MONEY);
    migrator.run(&mut client).expect_err("there is no table");
    assert_eq!(settings(&mut client), before);
    run(&mut client, &format!("SET search_path = public; {TILL}; SET search_path = shop, public"));
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(settings(&mut client), before);
    migrator.status(&mut client).expect("a status");
    assert_eq!(settings(&mut client), before);
    migrator.revert(&mut client, "money").expect("a revert");
    migrator.revert(&mut client, "mony").expect_err("unknown");
    assert_eq!(settings(&mut client), before);
    assert_eq!(
        observed::value(
            &mut client,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        "0"
    );
    assert_eq!(observed::value(&mut client, "SELECT pg_current_xact_id_if_assigned() IS NULL"), "t");
}

/// Such a call would commit the caller's work, or be undone by its rollback.
#[test]
fn a_session_in_a_transaction_is_refused_and_left_as_it_is() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    run(&mut client, "BEGIN; UPDATE till SET total = 9");
    let error = database::migrator(MONEY).run(&mut client).expect_err("in a transaction").to_string();
    assert!(error.contains("transaction"), "{error}");
    run(&mut client, "ROLLBACK");
    assert_eq!(observed::rows(&mut client, "SELECT total FROM till"), ["2.50"]);
    assert_eq!(observed::value(&mut client, "SELECT to_regnamespace('migrate') IS NULL"), "t");
}

#[test]
fn an_error_shows_sqlstate_message_and_statement() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let what = "'no triggers in this house' USING ERRCODE = '28000', HINT = 'ask the janitor'";
    database::forbid_triggers(&mut client, what);
    let before = observed::schema(&mut client);
    let error = database::migrator(MONEY).run(&mut client).expect_err("forbidden");
    let text = error.to_string();
    for part in [
        "step `expand public.till`",
        "28000 no triggers in this house",
        "hint: ask the janitor",
        "statement: CREATE OR REPLACE TRIGGER",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("db error"), "{text}");
    let Error::Database(database_error) = &error else { panic!("{error:?}") };
    assert_eq!(database_error.code().map(|code| code.code()), Some("28000"));
    assert!(database_error.statement().is_some_and(|sql| sql.starts_with("CREATE OR REPLACE TRIGGER")));
    assert!(error.source().is_some());
    // The column, the functions and the journal went with the trigger.
    assert_eq!(observed::schema(&mut client), before);
    run(&mut client, "DROP EVENT TRIGGER forbid");
    assert!(database::migrator(MONEY).run(&mut client).expect("a run").is_complete());
}

#[test]
fn a_broken_connection_says_so_and_the_next_run_goes_on() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let mut runner = database.connect().expect("a connection");
    let pid = observed::value(&mut runner, "SELECT pg_backend_pid()");
    let url = database.url().to_owned();
    let migrator = database::migrator(MONEY).observe(move |event| {
        if matches!(event, Event::Committing { step: "backfill public.till", .. }) {
            let mut other = Client::connect(&url, NoTls).expect("a connection");
            run(&mut other, &format!("SELECT pg_terminate_backend({pid}, 10000)"));
        }
    });
    let text = migrator.run(&mut runner).expect_err("broken").to_string();
    assert!(text.contains("committing a batch") && !text.contains("db error"), "{text}");
    let reasons = ["57P01", "closed", "error communicating with the server"];
    assert!(reasons.iter().any(|reason| text.contains(reason)), "{text}");
    assert!(database::migrator(MONEY).run(&mut client).expect("a run").is_complete());
}

#[test]
fn a_table_that_is_held_is_reported_with_its_holder_and_nothing_is_left() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let before = observed::schema(&mut client);
    let mut holder = database.connect().expect("a connection");
    run(&mut holder, "SET application_name = 'report'; BEGIN; SELECT FROM till");
    let mut settings = Settings::default();
    settings.lock_deadline = Duration::from_millis(300);
    let migrator = database::migrator(MONEY).settings(settings);
    let error = migrator.run(&mut client).expect_err("held");
    let Error::LockNotAvailable { blockers, .. } = &error else { panic!("{error}") };
    assert_eq!(blockers[0].application, "report");
    assert!(error.to_string().contains("(report, idle in transaction"), "{error}");
    assert_eq!(observed::schema(&mut client), before);
    run(&mut holder, "COMMIT");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
}

/// A prepared transaction has no session, and still holds the table.
#[test]
fn a_prepared_transaction_that_holds_the_table_is_named() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let gid = format!("forgotten {}", database.name());
    run(&mut client, TILL);
    run(&mut client, &format!("BEGIN; UPDATE till SET total = 3; PREPARE TRANSACTION '{gid}'"));
    let mut settings = Settings::default();
    settings.lock_deadline = Duration::from_millis(300);
    let migrator = database::migrator(MONEY).settings(settings);
    let error = migrator.run(&mut client).expect_err("held").to_string();
    run(&mut client, &format!("COMMIT PREPARED '{gid}'"));
    assert!(error.contains(&gid), "{error}");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(refused(&mut client, "UPDATE till SET total_cents = NULL"), "23502");
}
