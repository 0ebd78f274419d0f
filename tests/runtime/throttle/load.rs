//! How a job follows the load of the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Event, Settings};
use postgres::{Client, NoTls};

use super::{CENTS, LONG, filled_once, migrator, sale, settings};
use crate::database;
use crate::observed::{run, value};

/// Sessions that are at work, and cost nothing.
struct Others {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Others {
    fn at_work(database: &ScratchDatabase, count: usize) -> Others {
        let stop = Arc::new(AtomicBool::new(false));
        let other = |_| {
            let (mut other, stop) = (database.connect().expect("a connection"), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    run(&mut other, "SELECT pg_sleep(0.02)");
                }
            })
        };
        Others { threads: (0..count).map(other).collect(), stop }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().for_each(|other| other.join().expect("one of the others"));
    }
}

/// What a job was told, of the share of the time and of what holds it back.
type Paced = Vec<(f64, String)>;

/// Runs the plan beside so many others.
fn paced(database: &ScratchDatabase, client: &mut Client, settings: Settings, others: usize) -> Paced {
    let others = Others::at_work(database, others);
    let told: Arc<Mutex<Paced>> = Arc::default();
    let heard = Arc::clone(&told);
    let migrator = migrator(database, settings).observe(move |event| {
        if let Event::JobPaced { duty, limited_by, step: "backfill public.sale", .. } = event {
            heard.lock().expect("the events").push((*duty, limited_by.unwrap_or_default().to_owned()));
        }
    });
    let report = migrator.run(client).expect("a run");
    others.stop();
    assert!(report.is_complete(), "{report}");
    filled_once(client);
    std::mem::take(&mut *told.lock().expect("the events"))
}

#[test]
fn a_job_takes_all_of_the_time_where_nobody_is_there_and_leaves_some_where_others_are() {
    let duties = |others| {
        let server = ScratchServer::builder().start().expect("a server");
        let database = server.database().expect("a database");
        let mut client = sale(&database);
        let mut settings = settings();
        settings.follow_load = true;
        paced(&database, &mut client, settings, others)
    };
    let alone = duties(0);
    assert_eq!(alone.last().map(|(duty, _)| *duty), Some(1.0), "{alone:?}");
    let beside = duties(3);
    assert!(beside.iter().all(|(duty, why)| *duty <= 0.5 && !why.is_empty()), "{beside:?}");
}

/// The log of the server is small enough for a checkpoint every second or so, and whole blocks go into it after each.
#[test]
fn checkpoints_that_the_job_makes_necessary_slow_it_down_beside_others() {
    let server = ScratchServer::builder().setting("max_wal_size", "32MB").setting("min_wal_size", "32MB");
    let server = server.setting("autovacuum", "off").setting("full_page_writes", "on").start_own().expect("a server");
    let database = server.database().expect("a database");
    let mut client = sale(&database);
    let mut settings = settings();
    settings.follow_load = true;
    // It begins with a tenth, of which nobody is told.
    let mut told = vec![(0.1, String::new())];
    told.extend(paced(&database, &mut client, settings, 3));
    let of_checkpoints = |why: &str| why.contains("checkpoints come before their time");
    let shed = told.windows(2).find(|pair| of_checkpoints(&pair[1].1)).unwrap_or_else(|| panic!("{told:?}"));
    assert!(shed[1].0 < shed[0].0, "{told:?}");
}

#[test]
fn the_log_is_written_no_faster_than_is_allowed_and_status_says_so() {
    const MOST: u64 = 4_000_000;
    let server = ScratchServer::builder().setting("autovacuum", "off").start_own().expect("a server");
    let database = server.database().expect("a database");
    let mut client = sale(&database);
    let mut settings = settings();
    settings.wal_rate = Some(MOST);
    let done = Arc::new(AtomicBool::new(false));
    let (mut operator, is_done) = (database.connect().expect("a connection"), Arc::clone(&done));
    let watching = thread::spawn(move || {
        let (mut shown, mut seen) = (String::new(), Vec::new());
        let filling = "SELECT to_regclass('migrate.job') IS NOT NULL";
        let written = "SELECT pg_current_wal_insert_lsn() - '0/0'";
        while !is_done.load(Ordering::SeqCst) {
            if value(&mut operator, filling) == "t" && value(&mut operator, "SELECT count(*) FROM migrate.job") == "1" {
                seen.push((Instant::now(), value(&mut operator, written).parse::<u64>().expect("bytes")));
                let status = database::migrator(CENTS).status(&mut operator).expect("a status").to_string();
                if status.contains("MB/s of write-ahead log, and 4.0 are allowed") {
                    shown = status;
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        (shown, seen)
    });
    let told = paced(&database, &mut client, settings, 0);
    done.store(true, Ordering::SeqCst);
    let (shown, seen) = watching.join().expect("the operator");
    assert!(told.iter().any(|(duty, why)| *duty < 1.0 && why.contains("4.0 are allowed")), "{told:?}");
    assert!(!shown.is_empty(), "status does not say so");
    let [(first, from), .., (last, to)] = seen[..] else { panic!("{seen:?}") };
    let rate = (to - from) as f64 / (last - first).as_secs_f64();
    assert!(rate < 1.3 * MOST as f64, "{rate} bytes/s");
}

/// What is not known yet may be a reason to stand still.
#[test]
fn the_load_is_looked_at_before_the_first_batch() {
    let database = database::fresh();
    let mut client = sale(&database);
    let (url, may_look) = (database.url().to_owned(), Arc::new(AtomicBool::new(false)));
    let (looks, opened) = (Arc::clone(&may_look), Arc::new(AtomicBool::new(false)));
    let (is_opened, is_early) = (Arc::clone(&opened), Arc::new(AtomicBool::new(false)));
    let early = Arc::clone(&is_early);
    let migrator = database::migrator(CENTS).settings(settings()).watcher(move || {
        is_opened.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        while !looks.load(Ordering::SeqCst) {
            assert!(begun.elapsed() < LONG, "nobody lets it look");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Client::connect(&url, NoTls).expect("a connection"))
    });
    let may = Arc::clone(&may_look);
    let migrator = migrator.observe(move |event| {
        if let Event::Batch { step: "backfill public.sale", .. } = event {
            early.fetch_or(!may.load(Ordering::SeqCst), Ordering::SeqCst);
        }
    });
    let mut other = database.connect().expect("a connection");
    let letting = thread::spawn(move || {
        let begun = Instant::now();
        while !opened.load(Ordering::SeqCst) {
            assert!(begun.elapsed() < LONG, "nobody wants to look");
            thread::sleep(Duration::from_millis(5));
        }
        // Where it waits for the look, nobody does anything any more.
        let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                    AND (state <> 'idle' OR clock_timestamp() - state_change < interval '300 ms')";
        while value(&mut other, idle) != "0" {
            assert!(begun.elapsed() < LONG, "it does not stand still");
            thread::sleep(Duration::from_millis(5));
        }
        may_look.store(true, Ordering::SeqCst);
    });
    let report = migrator.run(&mut client).expect("a run");
    letting.join().expect("who lets it look");
    assert!(report.is_complete(), "{report}");
    assert!(!is_early.load(Ordering::SeqCst), "a batch came before the first look");
    filled_once(&mut client);
}
