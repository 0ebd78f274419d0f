//! What a job stands still for.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use migrate::testing::ScratchServer;
use migrate::{Closed, Event};

use super::{LONG, filled_once, limited, migrator, sale, settings};
use crate::database;
use crate::observed::{run, value};

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

/// The word comes when all rows are filled, and only the look at every row is left.
#[test]
fn the_last_look_of_a_backfill_stands_still_too() {
    let database = database::fresh();
    let mut client = sale(&database);
    let mut settings = settings();
    settings.workers = 1;
    let filled = Arc::new(AtomicBool::new(false));
    let (is_filled, told) = (Arc::clone(&filled), Arc::new(Mutex::new(Vec::new())));
    settings.hold_while = Some(Arc::new(move || is_filled.load(Ordering::SeqCst).then(|| "it is noon".to_owned())));
    let heard = Arc::clone(&told);
    let migrator = migrator(&database, settings).observe(move |event| {
        let word = match event {
            Event::Batch { step: "backfill public.sale", blocks_done, blocks, .. } => {
                filled.fetch_or(blocks_done == blocks, Ordering::SeqCst);
                return;
            }
            Event::JobHeld { reason, .. } => {
                filled.store(false, Ordering::SeqCst);
                *reason
            }
            Event::JobResumed { .. } => "resumed",
            Event::StepDone { step: "backfill public.sale", .. } => {
                filled.store(false, Ordering::SeqCst);
                "done"
            }
            _ => return,
        };
        heard.lock().expect("the events").push(word.to_owned());
    });
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(*told.lock().expect("the events"), ["it is noon", "resumed", "done"]);
    filled_once(&mut client);
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
    let (stage, limiting) = (Mutex::new(0), limited(&database, 8_000.0));
    let migrator = migrator(&database, settings).observe(move |event| {
        limiting(event);
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
