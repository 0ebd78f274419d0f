//! Rounds of starts, in turn, so that what else the machine does falls on all of them.

use std::time::{Duration, Instant};

use crate::contender::{Contender, Session};
use crate::wire::{Traffic, Wire};

/// How often round trips are counted: a driver may send a word more or less with the next one.
const COUNTED: usize = 11;

/// One library with a database on which there is nothing left to do.
pub struct Entry {
    pub contender: Box<dyn Contender>,
    pub url: String,
}

/// What a start takes.
pub struct Took {
    pub name: &'static str,
    pub median: Duration,
    pub p99: Duration,
    /// To open the connection alone.
    pub connecting: Traffic,
    /// After that.
    pub starting: Traffic,
}

/// On connections that are open already.
pub fn on_open_connections(entries: &[Entry], rounds: usize) -> Vec<Took> {
    let mut sessions: Vec<Box<dyn Session>> = entries.iter().map(|entry| entry.contender.connect(&entry.url)).collect();
    let mut times = vec![Vec::new(); entries.len()];
    for session in &mut sessions {
        session.start();
    }
    for _ in 0..rounds {
        for (session, times) in sessions.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            session.start();
            times.push(begun.elapsed());
        }
    }
    drop(sessions);
    entries.iter().zip(times).map(|(entry, times)| took(entry, times)).collect()
}

/// With a connection of its own for each. `others` tells that the sessions of the one before have ended, which takes the server
/// longer where they knew more of the catalog.
pub fn from_nothing(entries: &[Entry], rounds: usize, others: &mut dyn FnMut() -> bool) -> Vec<Took> {
    let mut times = vec![Vec::new(); entries.len()];
    for _ in 0..rounds {
        for (entry, times) in entries.iter().zip(&mut times) {
            while others() {
                std::thread::yield_now();
            }
            let begun = Instant::now();
            let mut session = entry.contender.connect(&entry.url);
            session.start();
            times.push(begun.elapsed());
            drop(session);
        }
    }
    entries.iter().zip(times).map(|(entry, times)| took(entry, times)).collect()
}

fn took(entry: &Entry, mut times: Vec<Duration>) -> Took {
    times.sort();
    let (connecting, starting) = counted(entry);
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    Took { name: entry.contender.name(), median, p99, connecting, starting }
}

/// The round trips of a start, of the median count.
fn counted(entry: &Entry) -> (Traffic, Traffic) {
    let mut counts: Vec<(Traffic, Traffic)> = (0..COUNTED)
        .map(|_| {
            let wire = Wire::to(&entry.url);
            let mut session = entry.contender.connect(&wire.url());
            let connecting = wire.take();
            session.start();
            (connecting, wire.take())
        })
        .collect();
    counts.sort_by_key(|(_, starting)| starting.round_trips);
    counts.swap_remove(COUNTED / 2)
}
