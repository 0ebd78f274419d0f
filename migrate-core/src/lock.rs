//! Table locks that nobody notices: look, spin, then queue briefly.
//!
//! A waiting `ACCESS EXCLUSIVE` request stops every later query on its table. So the table is looked at
//! first; while an old transaction holds it, nothing is requested at all. Then the lock is asked for with
//! `NOWAIT` again and again, which stands in nobody's way. Only when that starves is it queued for, and
//! never for longer than the stall budget.

use std::thread;
use std::time::{Duration, Instant};

use migrate_plan::LockMode;
use postgres::{Client, Transaction};

use crate::database::Doing;
use crate::error::{Blocker, Error};
use crate::event::Event;
use crate::settings::Settings;

/// Between two tries with `NOWAIT`. The odds of one are e^(−λd) for λ transactions a second of d
/// seconds each, so many tries beat long waits on a busy table.
const SPIN: Duration = Duration::from_millis(5);

/// Between two looks at a table that an old transaction holds.
const LOOK: Duration = Duration::from_millis(10);

/// A holder this old is waited for without asking for the lock.
const OLD: Duration = Duration::from_millis(100);

/// After so many tries in vain, 10 s of spinning, the lock is queued for.
const STARVING: u32 = 2000;

/// A session of ours that is stopped in the middle of a transaction is ended by the server after this
/// long, so that it does not hold a table for ever.
const ABANDONED: Duration = Duration::from_secs(2);

/// What a locked transaction needs to know.
pub(crate) struct LockRequest<'a> {
    /// The qualified, quoted table; its partitions and children are locked with it.
    pub(crate) table: &'a str,
    pub(crate) mode: LockMode,
    pub(crate) settings: &'a Settings,
    pub(crate) notify: &'a dyn Fn(&Event<'_>),
}

impl LockRequest<'_> {
    /// Runs `work` in a transaction that holds the lock; all of it again, if a lock is refused inside.
    pub(crate) fn transaction<T>(
        &self,
        client: &mut Client,
        mut work: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let mut tries = 0;
        let mut reported = begun;
        loop {
            let old = self.holders(client, OLD)?;
            if old.is_empty() {
                tries += 1;
                let starving = tries > STARVING;
                match self.attempt(client, starving, tries, begun, &mut work) {
                    Err(Error::Database(error)) if error.is_lock_refused() => {}
                    outcome => return outcome,
                }
            }
            if begun.elapsed() >= self.settings.lock_deadline {
                let blockers = self.holders(client, Duration::ZERO)?;
                return Err(Error::LockNotAvailable {
                    table: self.table.to_owned(),
                    mode: self.mode,
                    waited: begun.elapsed(),
                    blockers,
                });
            }
            if reported.elapsed() > Duration::from_secs(1) {
                reported = Instant::now();
                tracing::info!(table = self.table, mode = %self.mode, waited = ?begun.elapsed(), blockers = ?old, "waiting for a lock");
                (self.notify)(&Event::LockWaited {
                    table: self.table,
                    mode: self.mode,
                    waited: begun.elapsed(),
                    blockers: &old,
                });
            }
            let pause = match (old.is_empty(), tries > STARVING) {
                (false, _) => LOOK,
                (true, false) => SPIN,
                // Full jitter between 0.2 and 2 s: the table's own traffic goes first.
                (true, true) => Duration::from_millis(200 + u64::from(tries.wrapping_mul(2_654_435_761) % 1800)),
            };
            thread::sleep(pause);
        }
    }

    fn attempt<T>(
        &self,
        client: &mut Client,
        starving: bool,
        tries: u32,
        begun: Instant,
        work: &mut impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut transaction = client.transaction().doing("beginning a transaction")?;
        let queue = if starving { self.settings.stall_budget / 2 } else { self.settings.stall_budget };
        transaction
            .batch_execute(&format!(
                "SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}",
                queue.as_millis().max(1),
                ABANDONED.as_millis()
            ))
            .doing("setting up a transaction")?;
        let nowait = if starving { "" } else { " NOWAIT" };
        let lock = format!("LOCK TABLE {} IN {} MODE{nowait}", self.table, self.mode);
        transaction.batch_execute(&lock).running("locking a table", &lock)?;
        let (waited, locked) = (begun.elapsed(), Instant::now());
        let value = work(&mut transaction)?;
        transaction.commit().doing("committing")?;
        let held = locked.elapsed();
        tracing::debug!(table = self.table, mode = %self.mode, tries, ?waited, ?held, "lock held");
        (self.notify)(&Event::LockHeld { table: self.table, mode: self.mode, tries, waited, held });
        Ok(value)
    }

    /// Sessions that hold the table, or a part of it, in transactions at least this old.
    fn holders(&self, client: &mut Client, at_least: Duration) -> Result<Vec<Blocker>, Error> {
        holders(client, self.table, self.mode, at_least)
    }
}

/// Sessions whose locks on `table` or its partitions and children stand in the way of `mode`, in
/// transactions at least this old.
pub(crate) fn holders(
    client: &mut Client,
    table: &str,
    mode: LockMode,
    at_least: Duration,
) -> Result<Vec<Blocker>, Error> {
    let conflicting: &[&str] = match mode {
        LockMode::AccessExclusive => &[],
        LockMode::ShareUpdateExclusive => {
            &["ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
        }
        LockMode::AccessShare | LockMode::RowExclusive => &["AccessExclusiveLock"],
    };
    let rows = client
        .query(
            "WITH RECURSIVE member(oid) AS ( \
                 SELECT pg_catalog.to_regclass($1)::oid \
                 UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN member m ON m.oid = i.inhparent) \
             , held AS ( \
                 SELECT l.pid, l.virtualtransaction FROM pg_catalog.pg_locks l JOIN member m ON l.relation = m.oid \
                 WHERE l.locktype = 'relation' AND l.granted \
                   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
                   AND (cardinality($2::text[]) = 0 OR l.mode = ANY ($2))) \
             , holder AS ( \
                 SELECT a.pid, coalesce(a.application_name, '') AS application, coalesce(a.state, a.backend_type) AS state, \
                        a.xact_start AS since \
                 FROM held JOIN pg_catalog.pg_stat_activity a USING (pid) WHERE a.pid <> pg_catalog.pg_backend_pid() \
                 UNION SELECT 0, p.gid, 'prepared', p.prepared \
                 FROM held JOIN pg_catalog.pg_locks own USING (virtualtransaction) \
                 JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = own.transactionid \
                 WHERE held.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid') \
             SELECT pid, application, state, coalesce(extract(epoch FROM clock_timestamp() - since), 0)::float8 \
             FROM holder WHERE clock_timestamp() - since >= make_interval(secs => $3) ORDER BY 4 DESC",
            &[&table, &conflicting, &at_least.as_secs_f64()],
        )
        .doing("looking who holds a table")?;
    Ok(rows
        .into_iter()
        .map(|row| Blocker {
            pid: row.get(0),
            application: row.get(1),
            state: row.get(2),
            open_for: Duration::from_secs_f64(row.get::<_, f64>(3).max(0.0)),
        })
        .collect())
}
