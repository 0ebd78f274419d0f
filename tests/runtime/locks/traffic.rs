//! An application at work on the table, and what it waits for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use migrate::testing::ScratchDatabase;

use crate::observed::value;

/// What the application went through.
#[derive(Debug, Default)]
pub(super) struct Toll {
    /// The statements it ran; each passed.
    pub(super) statements: usize,
    /// The longest of them, as its client saw it.
    pub(super) longest: Duration,
    /// The longest wait for a lock that the runner held or stood in the queue for.
    pub(super) longest_wait: Duration,
}

/// Has clients run `statement(client, round)` with pauses while `work` is done by the backend `runner`.
pub(super) fn beside<T>(
    database: &ScratchDatabase,
    runner: &str,
    clients: usize,
    pause: Duration,
    statement: impl Fn(usize, usize) -> String + Sync,
    work: impl FnOnce() -> T,
) -> (T, Toll) {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let (ended, statement) = (&ended, &statement);
        let sampler = scope.spawn(move || longest_wait(database, runner, ended));
        let clients: Vec<_> = (0..clients)
            .map(|client| {
                scope.spawn(move || {
                    let mut session = database.connect().expect("a connection");
                    let mut toll = Toll::default();
                    while !ended.load(Ordering::SeqCst) {
                        let sql = statement(client, toll.statements);
                        let begun = Instant::now();
                        session.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                        toll.longest = toll.longest.max(begun.elapsed());
                        toll.statements += 1;
                        thread::sleep(pause);
                    }
                    toll
                })
            })
            .collect();
        let value = work();
        ended.store(true, Ordering::SeqCst);
        let mut all = Toll { longest_wait: sampler.join().expect("the sampler"), ..Toll::default() };
        for toll in clients.into_iter().map(|client| client.join().expect("a client")) {
            all.statements += toll.statements;
            all.longest = all.longest.max(toll.longest);
        }
        (value, all)
    })
}

/// Looks again and again who waits behind the runner, and since when.
fn longest_wait(database: &ScratchDatabase, runner: &str, ended: &AtomicBool) -> Duration {
    let mut client = database.connect().expect("a connection");
    let sql = format!(
        "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0) FROM pg_locks \
         WHERE NOT granted AND {runner} = ANY (pg_blocking_pids(pid))"
    );
    let mut longest = Duration::ZERO;
    while !ended.load(Ordering::SeqCst) {
        let waited: f64 = value(&mut client, &sql).parse().expect("seconds");
        longest = longest.max(Duration::from_secs_f64(waited.max(0.0)));
        thread::sleep(Duration::from_millis(1));
    }
    longest
}
