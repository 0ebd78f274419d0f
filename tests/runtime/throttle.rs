//! What holds a job back: operators, the user's own word, replicas; and how many sessions take part in it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Closed, Event, Limit, Migrator, Plan, Settings};
use postgres::{Client, NoTls};

use crate::database;
use crate::observed::{run, value};

mod plans {
    migrate::plan! { pub mod cents; stage switch; table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const CENTS: &Plan = &plans::cents::PLAN;

/// Rows of a table that is cut into several lanes.
const ROWS: u64 = 60_000;

const LONG: Duration = Duration::from_secs(30);

fn sale(database: &ScratchDatabase) -> Client {
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        &format!(
            "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, filler text); \
             INSERT INTO sale SELECT g, g / 7.0, repeat('x', 150) FROM generate_series(1, {ROWS}) g"
        ),
    );
    client
}

/// Small batches, of as many sessions as there may be, whoever else is there.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.batch_target = Duration::from_millis(5);
    settings.follow_load = false;
    settings.workers = 2;
    settings
}

fn migrator(database: &ScratchDatabase, settings: Settings) -> Migrator {
    let url = database.url().to_owned();
    database::migrator(CENTS)
        .settings(settings)
        .watcher(move || Ok(Client::connect(&url, NoTls).expect("a connection")))
}

fn filled_once(client: &mut Client) {
    let wrong = "SELECT count(*) FROM sale WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint";
    assert_eq!(value(client, wrong), "0");
    for job in ["backfill", "verify"] {
        let counted = format!(
            "SELECT sum(c.rows_done) FROM migrate.cursor c JOIN migrate.step s ON s.plan = c.plan AND s.number = c.step \
             WHERE s.work[1] = '{job}'"
        );
        assert_eq!(value(client, &counted), ROWS.to_string(), "{job}");
    }
}

/// Does something once, after so many batches of the backfill.
fn after(batches: u32, what: impl FnOnce() + Send + 'static) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
    let (count, what) = (AtomicU32::new(0), Mutex::new(Some(what)));
    move |event| {
        if matches!(event, Event::Batch { step: "backfill public.sale", .. })
            && count.fetch_add(1, Ordering::SeqCst) + 1 == batches
            && let Some(what) = what.lock().expect("what is to be done").take()
        {
            what();
        }
    }
}

#[test]
fn several_sessions_fill_and_compare_each_row_once() {
    let database = database::fresh();
    let mut client = sale(&database);
    let seen: Arc<Mutex<HashSet<(String, ThreadId)>>> = Arc::default();
    let heard = Arc::clone(&seen);
    let mut settings = settings();
    settings.workers = 3;
    let migrator = migrator(&database, settings).observe(move |event| {
        if let Event::Batch { step, .. } = event {
            heard.lock().expect("the threads").insert((step.to_string(), thread::current().id()));
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    filled_once(&mut client);
    let seen = seen.lock().expect("the threads");
    for step in ["backfill public.sale", "verify public.sale"] {
        assert!(seen.iter().filter(|(name, _)| name == step).count() > 1, "{step}: {seen:?}");
    }
}

#[test]
fn a_session_that_is_ended_takes_nothing_with_it() {
    let database = database::fresh();
    let mut client = sale(&database);
    let own: i32 = client.query_one("SELECT pg_backend_pid()", &[]).expect("a process").get(0);
    let killer = Mutex::new(database.connect().expect("a connection"));
    let (lead, ended) = (thread::current().id(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&ended);
    let migrator = migrator(&database, settings()).observe(move |event| {
        let of_the_backfill = matches!(event, Event::Committing { step: "backfill public.sale", .. });
        if of_the_backfill && thread::current().id() != lead && count.load(Ordering::SeqCst) == 0 {
            // The one that is about to commit.
            let sql = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid NOT IN ({own}, pg_backend_pid()) \
                   AND state = 'idle in transaction' AND query LIKE '%~migrate%'"
            );
            let ended: u32 = value(&mut killer.lock().expect("the killer"), &sql).parse().expect("a number");
            count.fetch_add(ended, Ordering::SeqCst);
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(ended.load(Ordering::SeqCst), 1);
    filled_once(&mut client);
}

#[test]
fn a_pause_ends_the_run_with_who_and_why_until_it_is_over() {
    let database = database::fresh();
    let mut client = sale(&database);
    let operator = Mutex::new(database.connect().expect("a connection"));
    let pausing = after(3, move || {
        let paused = database::migrator(CENTS).decided_by("anna").reason("the sale begins").pause(
            &mut operator.lock().expect("the operator"),
            Some("cents"),
            None,
        );
        paused.expect("a pause");
    });
    let migrator = migrator(&database, settings()).observe(pausing);
    for _ in 0..2 {
        let report = migrator.run(&mut client).expect("a run");
        let closed = &report.plans[0].closed;
        let [Closed::Paused { pause }] = &closed[..] else { panic!("{report}") };
        assert_eq!(
            (pause.by.as_deref(), pause.reason.as_deref(), pause.left),
            (Some("anna"), Some("the sale begins"), None)
        );
    }
    let status = migrator.status(&mut client).expect("a status");
    let job = status.plans[0].job.as_ref().expect("a job");
    assert!(job.rows > 0 && job.rows < ROWS && job.blocks_done < job.blocks && job.now.is_none(), "{job}");
    assert!(status.to_string().contains("its jobs are paused by anna (the sale begins)"), "{status}");
    // The pause of all plans is another one.
    assert!(!migrator.resume(&mut client, None).expect("an answer"));
    assert!(migrator.resume(&mut client, Some("cents")).expect("an answer"));
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    filled_once(&mut client);
    let told = "SELECT string_agg(event || ' ' || coalesce(decided_by, '-'), ', ' ORDER BY id) FROM migrate.history \
                WHERE event LIKE 'jobs %'";
    assert_eq!(value(&mut client, told), "jobs paused anna, jobs resumed -");
}

#[test]
fn a_pause_of_all_plans_lapses_by_itself() {
    let database = database::fresh();
    let mut client = sale(&database);
    let migrator = migrator(&database, settings());
    let refused = migrator.pause(&mut client, None, None).expect_err("nothing to pause");
    assert!(refused.to_string().contains("no plan has started"), "{refused}");
    let mut operator = database.connect().expect("a connection");
    let held = migrator.run(&mut client).expect("a run");
    assert!(held.is_complete(), "{held}");
    migrator.revert(&mut client, CENTS).expect("a revert");
    migrator.release(&mut client, CENTS).expect("a release");
    migrator.pause(&mut operator, None, Some(Duration::from_secs(2))).expect("a pause");
    let begun = Instant::now();
    let report = migrator.run(&mut client).expect("a run");
    assert!(matches!(&report.plans[0].closed[..], [Closed::Paused { pause }] if pause.left.is_some()), "{report}");
    while !migrator.run(&mut client).expect("a run").is_complete() {
        assert!(begun.elapsed() < LONG);
        thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
    filled_once(&mut client);
}

#[test]
fn a_limit_of_rows_holds_all_sessions_together_and_is_taken_back_while_it_runs() {
    let database = database::fresh();
    let mut client = sale(&database);
    let mut operator = database.connect().expect("a connection");
    let migrator = migrator(&database, settings());
    // A run makes the state; the limit is there before the backfill.
    run(&mut operator, "ALTER TABLE sale ADD CONSTRAINT early CHECK (total >= 0) NOT VALID");
    let paused = after(1, {
        let operator = Mutex::new(database.connect().expect("a connection"));
        move || {
            let limit = Limit::NONE.rows_per_second(20_000.0);
            let mut operator = operator.lock().expect("the operator");
            database::migrator(CENTS).limit(&mut operator, None, limit, None).expect("a limit");
        }
    });
    let migrator = migrator.observe(paused);
    let begun = Instant::now();
    let finished = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&finished);
    let other = thread::spawn(move || {
        let mut shown = String::new();
        while !done.load(Ordering::SeqCst) {
            let status = database::migrator(CENTS).status(&mut operator).expect("a status").to_string();
            if status.contains("20000 rows/s, 100 %") || status.contains("an operator allows its jobs 20000 rows/s") {
                shown = status;
            }
            thread::sleep(Duration::from_millis(20));
        }
        shown
    });
    let report = migrator.run(&mut client).expect("a run");
    let took = begun.elapsed();
    finished.store(true, Ordering::SeqCst);
    let shown = other.join().expect("the operator");
    assert!(report.is_complete(), "{report}");
    filled_once(&mut client);
    // 120,000 rows are filled and compared; those of the first quarter of a second are not limited yet.
    assert!(took >= Duration::from_millis(2500), "{took:?}");
    assert!(shown.contains("an operator allows its jobs 20000 rows/s"), "{shown}");
}

#[test]
fn the_users_own_word_holds_a_job_for_as_long_as_it_is_given() {
    let database = database::fresh();
    let mut client = sale(&database);
    let (full, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let (is_full, count) = (Arc::clone(&full), Arc::clone(&asked));
    let mut settings = settings();
    settings.hold_while = Some(Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        is_full.load(Ordering::SeqCst).then(|| "the disk is full".to_owned())
    }));
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&told);
    let migrator = migrator(&database, settings).observe(move |event| match event {
        Event::JobHeld { reason, .. } => heard.lock().expect("the events").push((*reason).to_owned()),
        Event::JobResumed { .. } => heard.lock().expect("the events").push("resumed".to_owned()),
        _ => {}
    });
    let mut observer = database.connect().expect("a connection");
    let watching = thread::spawn(move || {
        let begun = Instant::now();
        let held = "SELECT count(*) FROM migrate.job WHERE held_by = 'the disk is full'";
        let is_there = "SELECT to_regclass('migrate.job') IS NOT NULL";
        while value(&mut observer, is_there) != "t" || value(&mut observer, held) != "1" {
            assert!(begun.elapsed() < LONG, "it is not held");
            thread::sleep(Duration::from_millis(20));
        }
        let rows = "SELECT coalesce(sum(rows_done), 0) FROM migrate.cursor";
        let asked_again = |times: u32| {
            let before = asked.load(Ordering::SeqCst);
            while asked.load(Ordering::SeqCst) < before + times {
                assert!(begun.elapsed() < LONG, "it is not asked any more");
                thread::sleep(Duration::from_millis(20));
            }
        };
        // The batches that were on their way have ended by then.
        asked_again(1);
        let before = value(&mut observer, rows);
        asked_again(2);
        assert_eq!(value(&mut observer, rows), before, "it goes on while it is held");
    });
    let ending = thread::spawn(move || {
        let seen = watching.join();
        full.store(false, Ordering::SeqCst);
        seen
    });
    let report = migrator.run(&mut client).expect("a run");
    ending.join().expect("a thread").expect("what is seen");
    assert!(report.is_complete(), "{report}");
    let told = told.lock().expect("the events");
    assert_eq!(told[..2], ["the disk is full", "resumed"], "{told:?}");
    filled_once(&mut client);
}

#[test]
fn a_job_that_stands_still_for_too_long_closes_the_plan_with_the_reason() {
    let database = database::fresh();
    let mut client = sale(&database);
    let mut settings = settings();
    settings.hold_while = Some(Arc::new(|| Some("it is noon".to_owned())));
    settings.hold_deadline = Duration::from_millis(300);
    let report = migrator(&database, settings).run(&mut client).expect("a run");
    let [Closed::JobHeld { reason }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert_eq!(reason, "it is noon");
}

/// The replica stops replaying, and then vanishes; each time the job stands still, says so, and goes on by itself.
#[test]
fn a_replica_that_falls_behind_or_vanishes_holds_the_job_until_it_is_back() {
    let primary = ScratchServer::builder().setting("autovacuum", "off").start_own().expect("a primary");
    let database = primary.database().expect("a database");
    let mut client = sale(&database);
    let standby = primary.standby().start().expect("a standby");
    standby.catch_up().expect("a standby");
    let mut settings = settings();
    settings.replicas = vec![standby.url_of(&database)];
    settings.replica_lag = Duration::from_millis(600);
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&told);
    // Nothing was done to it; replay paused; that was noticed and replay resumed; the job has gone on; it was stopped; that was
    // noticed, and it was restarted.
    let stage = Mutex::new(0);
    let migrator = migrator(&database, settings).observe(move |event| {
        match event {
            Event::JobHeld { reason, .. } => {
                heard.lock().expect("the events").push((*reason).to_owned());
                let mut stage = stage.lock().expect("the stage");
                match *stage {
                    1 if reason.contains(" s behind") => {
                        run(&mut standby.connect().expect("a connection"), "SELECT pg_wal_replay_resume()");
                        *stage = 2;
                    }
                    4 => {
                        standby.restart().expect("a restart");
                        *stage = 5;
                    }
                    _ => {}
                }
            }
            Event::JobResumed { .. } => {
                heard.lock().expect("the events").push("resumed".to_owned());
                let mut stage = stage.lock().expect("the stage");
                if *stage == 2 {
                    *stage = 3;
                }
            }
            Event::Batch { step: "backfill public.sale", .. } => {
                let mut stage = stage.lock().expect("the stage");
                match *stage {
                    0 => {
                        run(&mut standby.connect().expect("a connection"), "SELECT pg_wal_replay_pause()");
                        *stage = 1;
                    }
                    3 => {
                        standby.stop_immediate().expect("a stop");
                        *stage = 4;
                    }
                    // Slowly, so that it is noticed before the end.
                    1 | 4 => thread::sleep(Duration::from_millis(20)),
                    _ => {}
                }
            }
            _ => {}
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    filled_once(&mut client);
    let told = told.lock().expect("the events");
    let (behind, gone) =
        (told.iter().position(|word| word.contains(" s behind")), told.iter().rposition(|word| word != "resumed"));
    let (Some(behind), Some(gone)) = (behind, gone) else { panic!("{told:?}") };
    let resumed = |from: usize, to: usize| told[from..to].iter().any(|word| word == "resumed");
    assert!(behind < gone && resumed(behind, gone) && resumed(gone, told.len()), "{told:?}");
    assert!(told[gone].contains("cannot be asked how far it is") || told[gone].contains(" s behind"), "{told:?}");
}

/// The shares of the time that a job was told to work, with so many sessions of others at work.
fn duties(others: usize) -> Vec<f64> {
    let server = ScratchServer::builder().start().expect("a server");
    let database = server.database().expect("a database");
    let mut client = sale(&database);
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..others)
        .map(|_| {
            let (mut other, stop) = (database.connect().expect("a connection"), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    run(&mut other, "SELECT pg_sleep(0.02)");
                }
            })
        })
        .collect();
    let told: Arc<Mutex<Vec<f64>>> = Arc::default();
    let heard = Arc::clone(&told);
    let mut settings = settings();
    settings.follow_load = true;
    let migrator = migrator(&database, settings).observe(move |event| {
        if let Event::JobPaced { duty, step: "backfill public.sale", .. } = event {
            heard.lock().expect("the events").push(*duty);
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    stop.store(true, Ordering::SeqCst);
    for other in others {
        other.join().expect("one of the others");
    }
    assert!(report.is_complete(), "{report}");
    filled_once(&mut client);
    let told = told.lock().expect("the events");
    told.clone()
}

#[test]
fn a_job_takes_all_of_the_time_where_nobody_is_there_and_leaves_some_where_others_are() {
    let alone = duties(0);
    assert_eq!(alone.last(), Some(&1.0), "{alone:?}");
    let beside = duties(3);
    assert!(beside.iter().all(|duty| *duty <= 0.9), "{beside:?}");
}

/// The other session is held at the board, and is not to be waited for until its patience ends.
#[test]
fn an_error_of_the_session_with_the_lead_ends_the_others_that_stand_still() {
    let database = database::fresh();
    let mut client = sale(&database);
    let own = value(&mut client, "SELECT pg_backend_pid()");
    let mut settings = settings();
    let (stands, batches) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_held, have_begun) = (Arc::clone(&stands), Arc::clone(&batches));
    settings.hold_while = Some(Arc::new(move || {
        let hold = have_begun.load(Ordering::SeqCst);
        is_held.store(hold, Ordering::SeqCst);
        hold.then(|| "it is noon".to_owned())
    }));
    let (lead, mut killer) = (thread::current().id(), database.connect().expect("a connection"));
    let migrator = migrator(&database, settings).observe(move |event| {
        if let Event::Batch { .. } = event {
            if thread::current().id() != lead {
                batches.store(true, Ordering::SeqCst);
            }
            // Slowly, so that the hold comes before the end.
            thread::sleep(Duration::from_millis(20));
        }
    });
    let begun = Instant::now();
    let ending = thread::spawn(move || {
        while !stands.load(Ordering::SeqCst) {
            assert!(begun.elapsed() < LONG, "it is not held");
            thread::sleep(Duration::from_millis(20));
        }
        run(&mut killer, &format!("SELECT pg_terminate_backend({own})"));
    });
    migrator.run(&mut client).expect_err("its session was ended");
    ending.join().expect("who ends it");
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
}
