//! One try at a locked transaction.

use std::time::{Duration, Instant};

use postgres::{Client, Transaction};

use super::{LockCost, LockRequest};
use crate::database::Doing;
use crate::error::Error;
use crate::event::Event;

/// A session of ours that is stopped in the middle of a transaction is ended by the server after this
/// long, so that it does not hold a table for ever.
const ABANDONED: Duration = Duration::from_secs(2);

/// The lock is asked for once, and the work is done if it is had.
pub(super) struct Attempt<'a> {
    pub(super) request: &'a LockRequest<'a>,
    /// Whether to queue for the lock, briefly, instead of asking whether it is free.
    pub(super) queue: bool,
    /// When the lock was first asked for.
    pub(super) begun: Instant,
    pub(super) cost: LockCost,
}

impl Attempt<'_> {
    /// What came of the work; nothing where a lock was refused, and nothing has happened.
    pub(super) fn run<T>(
        mut self,
        client: &mut Client,
        work: &mut impl FnMut(&mut Transaction<'_>, &LockCost) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut transaction = client.transaction().doing("beginning a transaction")?;
        if !self.lock(&mut transaction)? {
            return Ok(None);
        }
        let locked = Instant::now();
        self.cost.waited = self.begun.elapsed();
        let value = match work(&mut transaction, &self.cost) {
            Err(error) if is_refusal(&error) => return Ok(None),
            outcome => outcome?,
        };
        // Constraints that are checked here may be refused a lock as well: then nothing was committed.
        match transaction.commit().doing("committing").map_err(Error::from) {
            Err(error) if is_refusal(&error) => return Ok(None),
            outcome => outcome?,
        }
        self.tell(locked.elapsed());
        Ok(Some(value))
    }

    /// Asks for the lock on the table and everything below it.
    ///
    /// A queue for a table with partitions holds some of them while it waits for the next: the limit on each
    /// lock alone would let others wait for as many times the budget as there are partitions. So the statement as a
    /// whole has the same limit. Under the lock, what else is locked gets half of what is left of the budget.
    fn lock(&self, transaction: &mut Transaction<'_>) -> Result<bool, Error> {
        let LockRequest { migrator, table, mode } = self.request;
        let budget = migrator.limits().stall_budget;
        let queued = (budget / 2).as_millis().max(1);
        let inside = (budget / 4).as_millis().max(1);
        let abandoned = ABANDONED.as_millis();
        let limits = format!(
            "SET LOCAL lock_timeout = {queued}; SET LOCAL statement_timeout = {queued}; \
             SET LOCAL idle_in_transaction_session_timeout = {abandoned}"
        );
        transaction.batch_execute(&limits).doing("setting up a transaction")?;
        let nowait = if self.queue { "" } else { " NOWAIT" };
        let lock = format!("LOCK TABLE {table} IN {mode} MODE{nowait}");
        let and_then = format!("{lock}; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {inside}");
        match transaction.batch_execute(&and_then).running("locking a table", &lock) {
            Ok(()) => Ok(true),
            Err(error) if error.is_lock_refused() || error.is_cancelled() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn tell(&self, held: Duration) {
        let LockRequest { migrator, table, .. } = self.request;
        let LockCost { mode, tries, waited, ref blockers_seen, vacuums_cancelled } = self.cost;
        tracing::debug!(table, %mode, tries, ?waited, ?held, vacuums_cancelled, "lock held");
        migrator.notify(&Event::LockHeld { table, mode, tries, waited, held, blockers: blockers_seen });
    }
}

/// Whether all of it can be tried again.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.is_lock_refused())
}
