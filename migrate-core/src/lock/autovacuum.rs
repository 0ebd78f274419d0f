//! Autovacuum on a table that is to be locked.
//!
//! A worker holds `SHARE UPDATE EXCLUSIVE`, and makes way only for a session that has waited `deadlock_timeout`
//! for it, 1 s by default: far longer than the stall budget, so that a strong lock that is asked for briefly never
//! wins against a vacuum. But a weak one may be waited for as long as one likes: a request for
//! `SHARE UPDATE EXCLUSIVE` stands in the way of no read and no write, and a worker makes way for it just the
//! same. PostgreSQL does the rest: it cancels no vacuum against wraparound, and needs no right that an owner of
//! the table does not have, where `pg_cancel_backend` wants a superuser.

use std::time::{Duration, Instant};

use migrate_plan::LockMode;
use postgres::Client;

use super::holders::Holder;
use crate::ask::Ask;
use crate::blocker::BlockerKind;
use crate::database::Doing;
use crate::error::Error;

/// Between two requests that did not make a worker go: there are others then that do not yield.
const PACE: Duration = Duration::from_secs(1);

/// On top of `deadlock_timeout`: for the worker to notice that it is cancelled.
const MARGIN: Duration = Duration::from_millis(500);

/// Makes autovacuum leave a table.
#[derive(Debug, Default)]
pub(super) struct Eviction {
    last: Option<Instant>,
    evicted: u32,
}

impl Eviction {
    /// How many workers made way.
    pub(super) fn evicted(&self) -> u32 {
        self.evicted
    }

    /// Makes the oldest of the holders go, if they are autovacuum workers at their usual work and nobody else, for
    /// whom it would be cancelled for nothing. Answers which one was cancelled.
    pub(super) fn try_on<'h>(
        &mut self,
        client: &mut Client,
        table: &str,
        holders: &'h [Holder],
    ) -> Result<Option<&'h Holder>, Error> {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= PACE);
        let yields = holders.iter().all(|holder| holder.blocker.kind == BlockerKind::Autovacuum);
        let Some(worker) = holders.first().filter(|_| is_due && yields) else { return Ok(None) };
        let patience = deadlock_timeout(client)?;
        let begun = Instant::now();
        let has_gone = wait_beside_all_reads_and_writes(client, table, patience + MARGIN)?;
        self.last = Some(Instant::now());
        // One that went earlier was done with its work.
        if !has_gone || begun.elapsed() < patience {
            return Ok(None);
        }
        self.evicted += 1;
        Ok(Some(worker))
    }
}

fn deadlock_timeout(client: &mut Client) -> Result<Duration, Error> {
    let row = client
        .ask_one("SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'", &[])
        .doing("reading a setting")?;
    Ok(Duration::from_millis(u64::try_from(row.get::<_, i64>(0)).unwrap_or_default()))
}

/// Waits for a lock that only vacuums and schema changes wait for; lets it go at once.
fn wait_beside_all_reads_and_writes(client: &mut Client, table: &str, limit: Duration) -> Result<bool, Error> {
    let mut transaction = client.transaction().doing("beginning a transaction")?;
    let lock = format!(
        "SET LOCAL lock_timeout = {}; LOCK TABLE {table} IN {} MODE",
        limit.as_millis(),
        LockMode::ShareUpdateExclusive
    );
    match transaction.batch_execute(&lock).running("waiting for autovacuum", &lock) {
        Ok(()) => {
            transaction.rollback().doing("letting a lock go")?;
            Ok(true)
        }
        Err(error) if error.is_lock_refused() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
