//! One try at a locked transaction.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use super::{LockCost, LockRequest, SPIN};
use crate::batch;
use crate::begun::Begun;
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::event::Event;

/// A session of ours that is stopped in the middle of a transaction is ended by the server after this
/// long, so that it does not hold a table for ever.
const ABANDONED: Duration = Duration::from_secs(2);

/// How long a prepared transaction asks for the lock: it has written, and others should not wait for it.
const PREPARED: Duration = Duration::from_millis(100);

/// The lock is asked for for a moment, and the work is done if it is had.
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
        &mut self,
        client: &mut Client,
        prepare: &mut impl FnMut(&mut Client) -> Result<(), Error>,
        work: &mut impl FnMut(&mut Client) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut transaction = Begun::on(client);
        let (value, locked) = match self.within(transaction.client(), prepare, work) {
            Err(error) if is_refusal(&error) => return Ok(None),
            Ok(None) => return Ok(None),
            Ok(Some(done)) => done,
            Err(error) => return Err(error),
        };
        // Constraints that are checked here may be refused a lock as well: then nothing was committed.
        match transaction.commit().doing("committing").map_err(Error::from) {
            Err(error) if is_refusal(&error) => return Ok(None),
            outcome => outcome?,
        }
        self.tell(locked.elapsed());
        Ok(Some(value))
    }

    /// Begins the transaction with a look whether the lock can be had at all, prepares, takes it, and does the work under it;
    /// answers also since when it is held.
    fn within<T>(
        &mut self,
        client: &mut Client,
        prepare: &mut impl FnMut(&mut Client) -> Result<(), Error>,
        work: &mut impl FnMut(&mut Client) -> Result<T, Error>,
    ) -> Result<Option<(T, Instant)>, Error> {
        let limits = format!(
            "{}SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}",
            Begun::START,
            self.share_of_budget(2),
            ABANDONED.as_millis()
        );
        if self.queue {
            client.batch_execute(&limits).doing("setting up a transaction")?;
            batch::execute(client, self.request.what, self.request.beside)?;
        } else if !self.looked(client, &limits)? {
            return Ok(None);
        }
        prepare(client)?;
        let locked = match self.at_once(client)? {
            Some(locked) => locked,
            None => {
                let is_had = if self.queue { self.wait(client)? } else { self.spin(client)? };
                if !is_had {
                    return Ok(None);
                }
                let locked = self.taken();
                batch::execute(client, self.request.what, self.request.statements)?;
                client.batch_execute(&(self.request.entry)(&self.cost)).doing("writing the history")?;
                locked
            }
        };
        Ok(Some((work(client)?, locked)))
    }

    /// From here on others may wait for it.
    fn taken(&mut self) -> Instant {
        self.cost.waited = self.begun.elapsed();
        Instant::now()
    }

    /// Takes the lock, if it is free, and does the statements in the same message, so that it is held for no longer than
    /// they take. Where that fails nothing of it has happened, and the lock is let go: whether it was refused, or one of the
    /// statements is at fault and which, shows when each goes by itself.
    fn at_once(&mut self, client: &mut Client) -> Result<Option<Instant>, Error> {
        if self.queue {
            return Ok(None);
        }
        let LockRequest { what, statements, entry, .. } = self.request;
        let (locked, all) = (self.taken(), statements.join(";\n"));
        let message = format!(
            "SAVEPOINT asked; {} NOWAIT; {};\n{all};\n{};\nRELEASE SAVEPOINT asked",
            self.lock(),
            self.once_had(),
            entry(&self.cost)
        );
        match client.batch_execute(&message).running(what, &all) {
            Ok(()) => Ok(Some(locked)),
            Err(error) if error.is_lock_refused() || batch::is_of_one(&error) => {
                client.batch_execute("ROLLBACK TO SAVEPOINT asked").doing("asking for a lock again")?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Begins with the limits, takes the lock if nobody has to be waited for, lets it go at once, and does what is done before it:
    /// to prepare for it costs more than to look. Answers whether it was free.
    fn looked(&self, client: &mut Client, limits: &str) -> Result<bool, Error> {
        let LockRequest { what, beside, .. } = self.request;
        let look = format!("{limits}; SAVEPOINT looked; {} NOWAIT; ROLLBACK TO SAVEPOINT looked", self.lock());
        if beside.is_empty() {
            return had(client.batch_execute(&look).running("locking a table", &look));
        }
        let all = beside.join(";\n");
        match client.batch_execute(&format!("{look};\n{all}")).running(what, &all) {
            // Nobody says whether it was the lock or one of them: that shows when each goes by itself.
            Err(error) if batch::is_of_one(&error) => {
                client.batch_execute("ROLLBACK").doing(what)?;
                if !had(client.batch_execute(&look).running("locking a table", &look))? {
                    return Ok(false);
                }
                batch::execute(client, what, beside)?;
                Ok(true)
            }
            outcome => had(outcome),
        }
    }

    /// Asks whether the lock is free, again and again, but not for so long that the transaction would be in the
    /// way of others.
    fn spin(&mut self, client: &mut Client) -> Result<bool, Error> {
        let ask = format!("SAVEPOINT asked; {} NOWAIT; RELEASE SAVEPOINT asked; {}", self.lock(), self.once_had());
        let begun = Instant::now();
        while !had(client.batch_execute(&ask).running("locking a table", &ask))? {
            if begun.elapsed() >= PREPARED {
                return Ok(false);
            }
            client.batch_execute("ROLLBACK TO SAVEPOINT asked").doing("asking for a lock again")?;
            thread::sleep(SPIN);
            self.cost.tries += 1;
        }
        Ok(true)
    }

    /// Stands in the queue for the lock.
    ///
    /// A queue for a table with partitions holds some of them while it waits for the next: the limit on each
    /// lock alone would let others wait for as many times the budget as there are partitions. So the statement as a
    /// whole has the same limit.
    fn wait(&self, client: &mut Client) -> Result<bool, Error> {
        let (limit, lock) = (self.share_of_budget(2), self.lock());
        let queue = format!(
            "SET LOCAL statement_timeout = {limit}; {lock}; SET LOCAL statement_timeout = 0; {}",
            self.once_had()
        );
        match client.batch_execute(&queue).running("locking a table", &queue) {
            Err(error) if error.is_cancelled() => Ok(false),
            outcome => had(outcome),
        }
    }

    fn lock(&self) -> String {
        format!("LOCK TABLE {} IN {} MODE", self.request.table, self.request.mode)
    }

    /// Under the lock, what else is locked gets half of what the queue has left of the budget.
    fn once_had(&self) -> String {
        format!("SET LOCAL lock_timeout = {}", self.share_of_budget(4))
    }

    /// In milliseconds; never 0, which is no limit at all.
    fn share_of_budget(&self, parts: u32) -> u128 {
        (self.request.migrator.limits().stall_budget / parts).as_millis().max(1)
    }

    fn tell(&self, held: Duration) {
        let LockRequest { migrator, table, .. } = self.request;
        let LockCost { mode, tries, waited, ref blockers_seen, vacuums_cancelled } = self.cost;
        tracing::debug!(table, %mode, tries, ?waited, ?held, vacuums_cancelled, "lock held");
        migrator.notify(&Event::LockHeld { table, mode, tries, waited, held, blockers: blockers_seen });
    }
}

/// Whether a lock was had; anything but a refusal is an error.
fn had(outcome: Result<(), DatabaseError>) -> Result<bool, Error> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.is_lock_refused() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether all of it can be tried again.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.is_lock_refused())
}
