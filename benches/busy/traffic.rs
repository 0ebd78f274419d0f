//! Traffic at a fixed rate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use migrate::testing::ScratchDatabase;
use postgres::{Client, Statement};

/// Clients. So many that none is still at one transaction when its next one is due: four that each sleep between theirs have a
/// queue of their own making: at half of what four can do flat out, a transaction took longer than the time to the next.
const CLIENTS: u32 = 16;

/// How long the transactions took, from when they were to begin.
#[derive(Default)]
pub(super) struct Latencies {
    seconds: Vec<f64>,
    time: Duration,
}

impl Latencies {
    pub(super) fn add(&mut self, mut other: Latencies) {
        self.seconds.append(&mut other.seconds);
        self.seconds.sort_by(f64::total_cmp);
        self.time += other.time;
    }

    pub(super) fn throughput(&self) -> f64 {
        self.seconds.len() as f64 / self.time.as_secs_f64()
    }

    /// The latency that this share of them does not exceed, in seconds.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let place = ((self.seconds.len() as f64 * share) as usize).min(self.seconds.len().saturating_sub(1));
        self.seconds.get(place).copied().unwrap_or(0.0)
    }

    pub(super) fn print(&self, name: &str) {
        let [p50, p90, p99, p999, max] = [0.5, 0.9, 0.99, 0.999, 1.0].map(|share| self.quantile(share) * 1000.0);
        println!(
            "{name:<24}{:>8.0}/s   p50 {p50:.2}   p90 {p90:.2}   p99 {p99:.2}   p99.9 {p999:.2}   max {max:.1} ms",
            self.throughput()
        );
    }
}

/// A client of the traffic.
struct Shopper {
    client: Client,
    read: Statement,
    write: Statement,
    rows: i64,
}

impl Shopper {
    fn new(database: &ScratchDatabase, rows: u64) -> Shopper {
        let mut client = database.connect().expect("a connection");
        let read = client.prepare("SELECT total FROM sale WHERE id = $1").expect("a statement");
        let write = client.prepare("UPDATE sale SET code = code + 1 WHERE id = $1").expect("a statement");
        Shopper { client, read, write, rows: rows as i64 }
    }

    fn shop(&mut self) {
        let mut transaction = self.client.transaction().expect("a transaction");
        transaction.query(&self.read, &[&fastrand::i64(1..=self.rows)]).expect("a row");
        transaction.execute(&self.write, &[&fastrand::i64(1..=self.rows)]).expect("an update");
        transaction.commit().expect("a commit");
    }
}

/// Transactions in a second, as fast as they go.
pub(super) fn fastest(database: &ScratchDatabase, rows: u64, time: Duration) -> f64 {
    let count = AtomicU64::new(0);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut shopper = Shopper::new(database, rows);
                while begun.elapsed() < time {
                    shopper.shop();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    count.into_inner() as f64 / begun.elapsed().as_secs_f64()
}

/// Transactions at this rate, for so long. All clients are connected before the first begins and until the last has ended: a
/// session that comes or goes maps or unmaps the server's memory, which takes as long as many transactions.
pub(super) fn steady(database: &ScratchDatabase, rows: u64, rate: f64, time: Duration) -> Latencies {
    let step = Duration::from_secs_f64(f64::from(CLIENTS) / rate);
    let mut shoppers: Vec<Shopper> = (0..CLIENTS).map(|_| Shopper::new(database, rows)).collect();
    let begun = Instant::now();
    let mut all = Latencies { time, ..Latencies::default() };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .zip(&mut shoppers)
            .map(|(number, shopper)| {
                scope.spawn(move || {
                    let mut seconds = Vec::new();
                    let mut due = step.mul_f64(f64::from(number) / f64::from(CLIENTS));
                    while due < time {
                        thread::sleep(due.saturating_sub(begun.elapsed()));
                        shopper.shop();
                        seconds.push((begun.elapsed() - due).as_secs_f64());
                        due += step;
                    }
                    seconds
                })
            })
            .collect();
        for client in clients {
            let seconds = client.join().expect("a client");
            all.add(Latencies { seconds, time: Duration::ZERO });
        }
    });
    all
}
