//! Hot standbys, on which every `ACCESS EXCLUSIVE` lock is taken again.
//!
//! There the replay waits for the queries on the table, with everything that comes after it, and cancels them
//! after `max_standby_streaming_delay`. So before such a lock is asked for, the standbys are looked at.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use migrate_plan::LockMode;
use postgres::Client;

use super::holders::{Holder, Lookout};
use crate::blocker::BlockerKind;
use crate::connect::Source;
use crate::database::Doing;
use crate::error::{Error, said};

/// Between two looks: they cross the network.
const PACE: Duration = Duration::from_millis(100);

/// What an answer, or a connection, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The only mode that is written to the log for standbys.
pub(super) const REPLAYED: LockMode = LockMode::AccessExclusive;

/// What one run knows of the standbys from lock to lock.
#[derive(Debug, Default)]
pub(crate) struct Standbys {
    /// Whether it was said that there are some that the settings do not name.
    mentioned: AtomicBool,
    /// Those that cannot be asked. They are tried and told of once: a dead host takes seconds each time.
    lost: Mutex<HashSet<String>>,
}

impl Standbys {
    /// Begins a run, in which they may be different ones.
    pub(crate) fn forget(&self) {
        self.mentioned.store(false, Ordering::Relaxed);
        self.lost().clear();
    }

    /// Says that there are standbys, for those who have named none.
    pub(super) fn mention(&self, client: &mut Client) -> Result<(), Error> {
        if self.mentioned.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let standbys = streaming(client)?;
        if !standbys.is_empty() {
            tracing::info!(
                standbys = standbys.join(", "),
                "locks are replayed on hot standbys, and may cancel queries there; `Settings::replicas` has them waited for"
            );
        }
        Ok(())
    }

    fn is_lost(&self, source: &str) -> bool {
        self.lost().contains(source)
    }

    fn lose(&self, source: &str) {
        self.lost().insert(source.to_owned());
    }

    fn lost(&self) -> MutexGuard<'_, HashSet<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A standby that cannot be asked, and why.
pub(super) struct Unknown {
    pub(super) replica: String,
    pub(super) reason: String,
}

/// The standbys while one lock is asked for.
pub(super) struct Replicas<'a> {
    known: Vec<Replica<'a>>,
    looked: Option<Instant>,
    busy: Vec<Holder>,
}

struct Replica<'a> {
    name: String,
    client: Client,
    lookout: Lookout<'a>,
}

impl<'a> Replicas<'a> {
    /// None at all: for locks that no standby replays.
    pub(super) fn none() -> Replicas<'a> {
        Replicas { known: Vec::new(), looked: None, busy: Vec::new() }
    }

    /// Connects to those of `sources` that are not lost, before a lock on `table`; answers too which are now.
    pub(super) fn open(standbys: &Standbys, sources: &[String], table: &'a str) -> (Replicas<'a>, Vec<Unknown>) {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for source in sources.iter().filter(|source| !standbys.is_lost(source)) {
            let name = shown(source);
            match open_replica(source).and_then(|client| usable(client, table)) {
                Ok(client) => known.push(Replica { name, client, lookout: Lookout::over(table, REPLAYED) }),
                Err(reason) => {
                    standbys.lose(source);
                    unknown.push(Unknown { replica: name, reason });
                }
            }
        }
        (Replicas { known, ..Replicas::none() }, unknown)
    }

    /// The transactions at least this old that read the table, as of a moment ago; and the standbys that are lost.
    pub(super) fn holders(&mut self, at_least: Duration) -> (&[Holder], Vec<Unknown>) {
        let mut lost = Vec::new();
        if self.looked.is_none_or(|looked| looked.elapsed() >= PACE) {
            self.busy.clear();
            self.known.retain_mut(|replica| match replica.readers(at_least) {
                Ok(readers) => {
                    self.busy.extend(readers);
                    true
                }
                Err(error) => {
                    lost.push(Unknown { replica: replica.name.clone(), reason: error.to_string() });
                    false
                }
            });
            self.looked = Some(Instant::now());
        }
        (&self.busy, lost)
    }
}

impl Replica<'_> {
    fn readers(&mut self, at_least: Duration) -> Result<Vec<Holder>, Error> {
        let mut holders = self.lookout.holders(&mut self.client, at_least)?;
        // What has no user on a standby is the replay itself.
        holders.retain(|holder| holder.blocker.kind == BlockerKind::Session);
        for holder in &mut holders {
            holder.blocker.kind = BlockerKind::StandbySession { standby: self.name.clone() };
        }
        Ok(holders)
    }
}

/// Opens a connection to a standby; the reason why not is for people.
fn open_replica(source: &str) -> Result<Client, String> {
    Source::url(source).and_then(|source| source.connect("migrate replica")).map_err(|error| match error {
        // Its name stands before the reason.
        Error::Connect { source, .. } => format!("cannot connect: {}", said(&*source)),
        error => error.to_string(),
    })
}

/// Sets the session up, and sees that it is on a hot standby that knows the table.
fn usable(mut client: Client, table: &str) -> Result<Client, String> {
    let set_up = format!("SET search_path = pg_catalog, pg_temp; SET statement_timeout = {}", PATIENCE.as_millis());
    client.batch_execute(&set_up).map_err(|error| describe(&error))?;
    let row = client
        .query_one("SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.to_regclass($1) IS NOT NULL", &[&table])
        .map_err(|error| describe(&error))?;
    if !row.get::<_, bool>(0) {
        return Err("it is no standby".to_owned());
    }
    if !row.get::<_, bool>(1) {
        return Err(format!("it does not know {table}: it is behind, or this is another database"));
    }
    Ok(client)
}

/// The host and port of a connection string: never its password.
fn shown(source: &str) -> String {
    Source::url(source).map_or_else(|_| "with an unreadable address".to_owned(), |source| source.target())
}

/// The driver's own text can be as short as "db error".
fn describe(error: &postgres::Error) -> String {
    let mut text = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let next = inner.to_string();
        if !next.contains(&text) && !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = inner.source();
    }
    text
}

/// The standbys that stream from this server.
fn streaming(client: &mut Client) -> Result<Vec<String>, Error> {
    let rows = client
        .query(
            "SELECT coalesce(nullif(r.application_name, ''), 'unnamed') FROM pg_catalog.pg_stat_replication r \
             LEFT JOIN pg_catalog.pg_replication_slots s ON s.active_pid = r.pid \
             WHERE s.slot_type IS DISTINCT FROM 'logical' \
               AND r.application_name <> ALL (ARRAY['pg_basebackup', 'pg_receivewal']) ORDER BY 1",
            &[],
        )
        .doing("looking for standbys")?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}
