//! Starting, following and stopping, from every kind of caller.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use migrate::{Error, Migrator, Phase, Position, Side};

use crate::builds::{Build, till};
use crate::leads::until;

const LONG: Duration = Duration::from_secs(20);
const NO_SESSION: &str = "SELECT count(*) = 0 FROM pg_stat_activity \
                          WHERE datname = current_database() AND application_name LIKE 'shop%'";

#[test]
fn a_service_starts_carries_its_plan_to_its_stage_and_stops() {
    let (database, mut client) = till(1000);
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    service.ready().expect("served");
    service.wait(Phase::DualWrite, LONG).expect("filled");
    let status = service.status();
    assert_eq!(status.plans[0].position, Position::After(Phase::DualWrite), "{status}");
    assert_eq!(service.side(Build::DualWrite.plan()), Side::Old);
    let name = service.application_name();
    assert!(name.starts_with("shop@1.1/"), "{name}");
    let row = client.query_one("SELECT state, application, version FROM migrate.instance", &[]).expect("an instance");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1), row.get::<_, &str>(2)), ("live", "shop", "1.1"));
    service.stop();
    let state: String = client.query_one("SELECT state FROM migrate.instance", &[]).expect("an instance").get(0);
    assert_eq!(state, "stopped");
    until(&mut client, "no session is left", NO_SESSION);
}

#[test]
fn an_instance_that_ended_long_ago_is_forgotten_and_what_it_did_is_not() {
    let (database, mut client) = till(10);
    let first = Build::DualWrite.migrator().start(database.url()).expect("a service");
    first.wait(Phase::DualWrite, LONG).expect("filled");
    first.stop();
    // The second ended a day too late to be forgotten, a session carries the name of the third, and the fourth may live.
    let others = "INSERT INTO migrate.instance (application, version, host, process, tag, session_names, plans, stages, \
                                                lease, grace, state, ended_at, beat_at) \
                  SELECT 'till', '1', 'here', n, 'till@1/' || n, '{}', '{}', '{}', '30 s', '60 s', \
                         CASE n WHEN 4 THEN 'live' ELSE 'gone' END, \
                         CASE n WHEN 2 THEN now() - interval '6 days' WHEN 3 THEN now() - interval '8 days' END, \
                         now() - interval '9 days' \
                  FROM generate_series(2, 4) n; \
                  UPDATE migrate.instance SET ended_at = now() - interval '8 days' WHERE state = 'stopped'; \
                  SET application_name = 'till@1/3'";
    client.batch_execute(others).expect("others");
    let done = "SELECT count(*) FROM migrate.history WHERE instance IS NOT NULL \
                  AND instance NOT IN (SELECT id FROM migrate.instance)";
    let second = Build::DualWrite.migrator().start(database.url()).expect("a service");
    second.ready().expect("served");
    let left = "SELECT array_agg(application || process ORDER BY id) \
                       FILTER (WHERE application = 'till') = '{till2,till3,till4}' \
                   AND count(*) FILTER (WHERE application = 'shop' AND state = 'live') = 1 AND count(*) = 4 \
                FROM migrate.instance";
    until(&mut client, "the first one is forgotten", left);
    assert!(client.query_one(done, &[]).expect("a history").get::<_, i64>(0) > 0);
    second.stop();
}

#[test]
fn an_instance_that_was_killed_and_that_no_gate_asks_for_is_taken_off_the_list_later() {
    let (database, mut client) = till(10);
    let first = Build::DualWrite.migrator().start(database.url()).expect("a service");
    first.wait(Phase::DualWrite, LONG).expect("filled");
    first.stop();
    // The second was silent for too short a time, a session carries the name of the third, the fourth has its lock, and there
    // is no trace of the fifth.
    let others = "INSERT INTO migrate.instance (application, version, host, process, tag, session_names, plans, stages, \
                                                lease, grace, beat_at) \
                  SELECT 'till', '1', 'here', n, 'till@1/' || n, '{}', '{}', '{}', '30 s', '60 s', \
                         now() - CASE n WHEN 2 THEN interval '50 minutes' ELSE interval '2 hours' END \
                  FROM generate_series(2, 5) n; \
                  SET application_name = 'till@1/3'; \
                  SELECT pg_advisory_lock_shared(1835624297, id::int) FROM migrate.instance WHERE process = 4";
    client.batch_execute(others).expect("others");
    let second = Build::DualWrite.migrator().start(database.url()).expect("a service");
    second.ready().expect("served");
    let states = "SELECT array_agg(state ORDER BY process) = '{live,live,live,gone}' FROM migrate.instance \
                  WHERE application = 'till'";
    until(&mut client, "only the last one is gone", states);
    second.stop();
}

#[test]
fn a_switch_by_another_is_followed_within_moments() {
    let (database, mut client) = till(10);
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    service.wait(Phase::DualWrite, LONG).expect("filled");
    let plan = Build::DualWrite.plan();
    Build::DualWrite.migrator().advance(&mut client, plan, Phase::Switch).expect("a switch");
    let begun = Instant::now();
    while service.side(plan) == Side::Old {
        assert!(begun.elapsed() < LONG, "{}", service.status());
        std::thread::yield_now();
    }
    println!("followed after {:?}", begun.elapsed());
    Build::DualWrite.migrator().revert_to(&mut client, plan, Phase::DualWrite).expect("back");
    let begun = Instant::now();
    while service.side(plan) == Side::New {
        assert!(begun.elapsed() < LONG, "{}", service.status());
        std::thread::yield_now();
    }
    service.stop();
}

#[test]
fn it_starts_and_drops_inside_of_every_runtime_and_blocks_none() {
    let (database, _client) = till(10);
    let url = database.url();
    let work = async {
        // Blocking, as a program that has not heard of the other form does it.
        drop(Build::DualWrite.migrator().start(url).expect("a service"));
        let service = Build::DualWrite.migrator().start_async(url).await.expect("a service");
        service.ready().expect("served");
        let begun = Instant::now();
        drop(service);
        assert!(begun.elapsed() < Duration::from_millis(50), "a drop waits for nobody");
        let service = Build::DualWrite.migrator().start_async(url).await.expect("a service");
        service.stop();
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work);
    let work = async {
        let service = Build::DualWrite.migrator().start(url).expect("a service");
        tokio::task::yield_now().await;
        drop(service);
        Build::DualWrite.migrator().start_async(url).await.expect("a service").stop();
    };
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(work);
}

#[test]
fn waiting_for_a_start_in_async_code_leaves_the_executor_free() {
    let (database, mut client) = till(10);
    // Somebody holds the table, so that the expansion has to wait.
    client.batch_execute("BEGIN; LOCK TABLE till IN ACCESS SHARE MODE").expect("a lock");
    let (let_go, told) = std::sync::mpsc::channel::<()>();
    let holder = std::thread::spawn(move || {
        told.recv().expect("word");
        client.batch_execute("COMMIT").expect("an end");
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut starting = pin!(Build::DualWrite.migrator().start_async(database.url()));
        let mut ticks = 0;
        loop {
            tokio::select! {
                outcome = &mut starting => {
                    outcome.expect("a service").stop();
                    break;
                }
                () = tokio::time::sleep(Duration::from_millis(10)) => ticks += 1,
            }
            if ticks == 30 {
                let_go.send(()).expect("word");
            }
        }
        assert!(ticks >= 30, "the executor went on while the start waited");
    });
    holder.join().expect("its end");
}

#[test]
fn a_start_that_is_dropped_half_way_stops_what_it_has_begun() {
    let (database, mut client) = till(10);
    let mut blocker = client.transaction().expect("a transaction");
    blocker.batch_execute("LOCK TABLE till IN ACCESS SHARE MODE").expect("a lock");
    {
        let mut starting = pin!(Build::DualWrite.migrator().start_async(database.url()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(starting.as_mut().poll(&mut context), Poll::Pending));
    }
    until(&mut database.connect().expect("a connection"), "no session is left", NO_SESSION);
}

#[test]
fn a_plan_that_cannot_start_fails_the_start_with_its_reason() {
    let (database, mut client) = till(10);
    client.batch_execute("ALTER TABLE till ALTER COLUMN total TYPE numeric(14,2)").expect("another type");
    let error = Build::DualWrite.migrator().start(database.url()).expect_err("another type");
    assert!(matches!(error, Error::Preflight { .. }), "{error}");
}

#[test]
fn a_start_that_takes_too_long_says_what_it_waits_for() {
    let (database, mut client) = till(10);
    let mut blocker = client.transaction().expect("a transaction");
    blocker.batch_execute("LOCK TABLE till IN ACCESS SHARE MODE").expect("a lock");
    let mut settings = crate::builds::brisk();
    settings.start_budget = Duration::from_millis(1500);
    let migrator = Migrator::new(Build::DualWrite.migrations()).settings(settings);
    let error = migrator.start(database.url()).expect_err("too long").to_string();
    assert!(error.contains("this build is not served yet") && error.contains("plan `money`"), "{error}");
    println!("{error}");
}

#[test]
fn a_start_says_who_keeps_it_from_a_new_database() {
    let (database, mut client) = till(10);
    let key = i64::from_be_bytes(*b"migrate\0");
    client.execute("SELECT pg_advisory_lock($1)", &[&key]).expect("the leader's lock");
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).expect("a process").get(0);
    let mut settings = crate::builds::brisk();
    settings.start_budget = Duration::from_millis(500);
    let error = Build::DualWrite.migrator().settings(settings).start(database.url()).expect_err("no state");
    let said = error.to_string();
    assert!(said.contains(&format!("the state is still to be made, by session {pid} (")), "{said}");
    client.execute("SELECT pg_advisory_unlock($1)", &[&key]).expect("an end");
    Build::DualWrite.migrator().start(database.url()).expect("a service").stop();
}

#[test]
fn an_address_where_nobody_answers_fails_the_start_within_its_budget() {
    let mut settings = crate::builds::brisk();
    settings.start_budget = Duration::from_millis(600);
    let migrator = Migrator::new(Build::DualWrite.migrations()).settings(settings);
    let begun = Instant::now();
    let error = migrator.start("postgres://nobody@127.0.0.1:1/none").expect_err("nobody").to_string();
    assert!(error.contains("onnect"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_operators_revert_leaves_builds_that_ask_for_the_side_in_service() {
    let (database, mut client) = till(100);
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    service.wait(Phase::DualWrite, LONG).expect("filled");
    let plan = Build::DualWrite.plan();
    Build::DualWrite.migrator().revert(&mut client, plan).expect("a revert");
    until(&mut client, "the new column is gone", "SELECT status = 'reverted' FROM migrate.plan");
    let begun = Instant::now();
    while service.status().plans[0].position != Position::Before {
        service.ready().expect("it uses the old side, which is there");
        assert!(begun.elapsed() < LONG, "{}", service.status());
        std::thread::sleep(Duration::from_millis(5));
    }
    service.ready().expect("it uses the old side, which is there");
    assert_eq!(service.side(plan), Side::Old);
    // A pod that restarts meanwhile starts too; one that knows the new column only does not.
    Build::DualWrite.migrator().start(database.url()).expect("another").stop();
    let mut settings = crate::builds::brisk();
    settings.start_budget = Duration::from_millis(500);
    let error =
        Build::Switch.migrator().settings(settings).start(database.url()).expect_err("no new column").to_string();
    assert!(error.contains("an operator holds it"), "{error}");
    Build::DualWrite.migrator().release(&mut client, "money").expect("a release");
    service.wait(Phase::DualWrite, LONG).expect("it goes on by itself");
    service.stop();
}
