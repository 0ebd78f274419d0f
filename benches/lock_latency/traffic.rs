//! The application on the table: steady statements, and a report that reads for long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use migrate::testing::ScratchDatabase;
use postgres::{Client, Statement};

use super::run;

const CLIENTS: u32 = 8;

/// Between two statements of a client.
const PACE: Duration = Duration::from_millis(20);

/// A client of the application.
pub(super) struct Shopper {
    client: Client,
    update: Statement,
    select: Statement,
}

/// The clients, connected and ready: what a session costs as it begins is none of the turn's.
pub(super) fn shoppers(database: &ScratchDatabase) -> Vec<Shopper> {
    let shopper = |_| {
        let mut client = database.connect().expect("a connection");
        let update = client.prepare("UPDATE sale SET other = other + 1 WHERE id = $1").expect("a statement");
        let select = client.prepare("SELECT other FROM sale WHERE id = $1").expect("a statement");
        for statement in [&update, &select] {
            client.execute(statement, &[&1_i64]).expect("a statement of the application");
        }
        Shopper { client, update, select }
    };
    (0..CLIENTS).map(shopper).collect()
}

/// Sends the statements of one turn; answers each one's latency, from when it was due.
pub(super) fn felt(shoppers: &mut [Shopper], turn: Duration, rows: i64) -> Vec<Duration> {
    let (count, begun) = ((turn.as_millis() / PACE.as_millis()) as u32, Instant::now());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .zip(shoppers)
            .map(|(number, Shopper { client, update, select })| {
                scope.spawn(move || {
                    let begun = begun + PACE * number / CLIENTS;
                    let one = |round: u32| {
                        let due = begun + PACE * round;
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        let id = 1 + i64::from(number * 251 + round * 7919) % rows;
                        let statement = if round.is_multiple_of(2) { &*update } else { &*select };
                        client.execute(statement, &[&id]).expect("a statement of the application");
                        due.elapsed()
                    };
                    (0..count).map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}

/// A report that has begun to read the table.
pub(super) fn begin_report(database: &ScratchDatabase) -> Client {
    let mut client = database.connect().expect("a connection");
    run(&mut client, "BEGIN; SELECT count(*) FROM sale");
    client
}

/// Goes on reading for so long, but not beyond `ended`.
pub(super) fn read(mut report: Client, time: Duration, ended: &AtomicBool) {
    pause(time, ended);
    run(&mut report, "COMMIT");
}

/// Waits, but not beyond `ended`.
pub(super) fn pause(time: Duration, ended: &AtomicBool) {
    let begun = Instant::now();
    while begun.elapsed() < time && !ended.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(5));
    }
}
