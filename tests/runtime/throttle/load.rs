//! How a job follows the load of the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use migrate::Event;
use migrate::testing::ScratchServer;

use super::{filled_once, migrator, sale, settings};
use crate::observed::run;

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
