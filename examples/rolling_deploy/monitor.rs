//! Looks from outside how long shops wait for locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use postgres::Client;

use crate::book::Book;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(5);

/// How long the shop that has waited longest is waiting, in seconds. Both clocks are the server's. The session of a shop's
/// service carries the same name, and never names the table.
const LONGEST: &str = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)), 0)::float8 \
     FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid) \
     WHERE NOT l.granted AND a.application_name LIKE 'shop@%' AND a.query LIKE '%orders%'";

/// Looks until it drops.
pub(crate) struct Monitor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    pub(crate) fn start(mut client: Client, book: Arc<Book>) -> Monitor {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let looked = client.prepare(LONGEST).and_then(|look| {
                while !stopped.load(Ordering::Relaxed) {
                    let waits: f64 = client.query_one(&look, &[])?.get(0);
                    let waits = Duration::from_secs_f64(waits.max(0.0));
                    book.now(|phase| phase.lock_wait = phase.lock_wait.max(waits));
                    thread::sleep(PERIOD);
                }
                Ok(())
            });
            if let Err(error) = looked {
                book.failed(format!("the monitor of lock waits: {error}"));
            }
        });
        Monitor { stop, thread: Some(thread) }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
