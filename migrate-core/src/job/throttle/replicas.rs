//! How far the replicas are behind, by a row that is written here and looked for there.
//!
//! Each beat has a number, and this process remembers when it wrote it: no clock of another machine is needed, and a
//! replica that does not answer falls behind by itself. Each replica is asked by a thread of its own, which may hang in a
//! dead connection without holding up anything.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use crate::ask::Ask;
use crate::connect::Source;
use crate::database::Doing;
use crate::error::{Error, said};

/// Between two questions.
const PACE: Duration = Duration::from_millis(200);

/// After a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Beats that are remembered: five minutes.
const BEATS: usize = 1500;

/// How far a replica is behind.
#[derive(Clone, Debug)]
pub(super) struct Lag {
    /// Its host and port.
    pub(super) replica: String,
    /// None where it was never reached.
    pub(super) behind: Option<Duration>,
    /// Why it cannot be asked now.
    pub(super) trouble: Option<String>,
}

/// What a thread has seen.
#[derive(Default)]
struct Seen {
    /// The newest beat that has come there.
    number: Option<i64>,
    trouble: Option<String>,
}

struct Replica {
    name: String,
    seen: Arc<Mutex<Seen>>,
}

/// The replicas of a job.
pub(super) struct Replicas {
    all: Vec<Replica>,
    beats: VecDeque<(i64, Instant)>,
    ended: Arc<AtomicBool>,
    begun: Instant,
}

impl Replicas {
    /// Asks each of these, from now on.
    pub(super) fn follow(urls: &[String]) -> Replicas {
        let ended = Arc::new(AtomicBool::new(false));
        let all = urls.iter().map(|url| {
            let seen = Arc::new(Mutex::new(Seen::default()));
            let (name, thread) = match Source::url(url) {
                Ok(source) => (source.target(), Some(source)),
                Err(_) => ("with an unreadable address".to_owned(), None),
            };
            if let Some(source) = thread {
                let (seen, ended) = (Arc::clone(&seen), Arc::clone(&ended));
                thread::spawn(move || ask(&source, &seen, &ended));
            } else {
                lock(&seen).trouble = Some("its address cannot be read".to_owned());
            }
            Replica { name, seen }
        });
        Replicas { all: all.collect(), beats: VecDeque::new(), ended, begun: Instant::now() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Writes a beat.
    pub(super) fn beat(&mut self, client: &mut Client) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        // From before it is written: its commit may wait for the replica.
        let at = Instant::now();
        let sql = "UPDATE migrate.heartbeat SET number = number + 1 RETURNING number";
        let number = client.ask_one(sql, &[]).doing("writing a beat for the replicas")?.get(0);
        self.beats.push_back((number, at));
        if self.beats.len() > BEATS {
            self.beats.pop_front();
        }
        Ok(())
    }

    /// How far each is behind now.
    pub(super) fn lags(&self) -> Vec<Lag> {
        self.all.iter().map(|replica| self.lag(replica)).collect()
    }

    fn lag(&self, replica: &Replica) -> Lag {
        let seen = lock(&replica.seen);
        // It has all beats up to the newest that is seen there: it lags since the next one was written.
        let behind = seen.number.map(|number| {
            let missing = self.beats.iter().find(|(beat, _)| *beat > number);
            let oldest_known = self.beats.front().is_none_or(|(beat, _)| *beat <= number + 1);
            match missing {
                Some((_, at)) if oldest_known => at.elapsed(),
                Some(_) => self.begun.elapsed(),
                None => Duration::ZERO,
            }
        });
        Lag { replica: replica.name.clone(), behind, trouble: seen.trouble.clone() }
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks one replica until the job is over.
fn ask(source: &Source, seen: &Mutex<Seen>, ended: &AtomicBool) {
    let mut client: Option<Client> = None;
    while !ended.load(Ordering::Acquire) {
        let answer = match &mut client {
            Some(client) => newest(client),
            none => open(source).map(|opened| *none = Some(opened)).map(|()| None),
        };
        let pause = match answer {
            Ok(number) => {
                let mut seen = lock(seen);
                if number.is_some() {
                    (seen.number, seen.trouble) = (number, None);
                }
                if number.is_some() { PACE } else { Duration::ZERO }
            }
            Err(trouble) => {
                client = None;
                lock(seen).trouble = Some(trouble);
                RETRY
            }
        };
        thread::sleep(pause);
    }
}

fn open(source: &Source) -> Result<Client, String> {
    let told = |error: Error| match error {
        Error::Connect { source, .. } => said(&*source),
        error => error.to_string(),
    };
    let mut client = source.connect("migrate replica").map_err(told)?;
    client
        .batch_execute("SET search_path = pg_catalog, pg_temp; SET statement_timeout = '5s'")
        .map_err(|error| said(&error))?;
    Ok(client)
}

fn newest(client: &mut Client) -> Result<Option<i64>, String> {
    let sql = "SELECT number, pg_catalog.pg_is_in_recovery() FROM migrate.heartbeat";
    let row = client.ask_one(sql, &[]).map_err(|error| said(&error))?;
    if !row.get::<_, bool>(1) {
        return Err("it is no standby".to_owned());
    }
    Ok(Some(row.get(0)))
}
