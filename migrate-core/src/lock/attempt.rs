//! One try at a locked transaction.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::error::SqlState;

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

/// What came of the message that asks for a lock, does what is done under it, and commits.
enum Asked {
    /// All of it, and how long the lock was held for it at most.
    Done(Duration),
    /// A lock was refused.
    Refused,
    /// One of the statements is at fault.
    Fault,
}

impl Attempt<'_> {
    /// Whether the work was done and committed. Where a lock was refused, nothing has happened.
    pub(super) fn run(
        &mut self,
        client: &mut Client,
        prepare: &mut impl FnMut(&mut Client) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let mut transaction = Begun::on(client);
        match self.within(transaction.client(), prepare) {
            Ok(Some(held)) => {
                transaction.has_ended();
                self.tell(held);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins the transaction with a look whether the lock can be had at all, prepares, takes it, does the work under it and
    /// commits; answers for how long it was held.
    fn within(
        &mut self,
        client: &mut Client,
        prepare: &mut impl FnMut(&mut Client) -> Result<(), Error>,
    ) -> Result<Option<Duration>, Error> {
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
        if self.queue { self.queued(client) } else { self.spin(client) }
    }

    /// Asks whether the lock is free, again and again, but not for so long that the transaction would be in the
    /// way of others.
    fn spin(&mut self, client: &mut Client) -> Result<Option<Duration>, Error> {
        let begun = Instant::now();
        loop {
            let ask = format!("{} NOWAIT; {}", self.lock(), self.once_had());
            match self.at_once(client, &ask)? {
                Asked::Done(held) => return Ok(Some(held)),
                Asked::Refused if begun.elapsed() >= PREPARED => return Ok(None),
                Asked::Refused => thread::sleep(SPIN),
                Asked::Fault => {
                    client.batch_execute(&ask).running("locking a table", &ask)?;
                    return self.one_by_one(client).map(Some);
                }
            }
            self.cost.tries += 1;
        }
    }

    /// Does the work under a lock that is queued for: how long that takes is known before the history is written.
    fn queued(&mut self, client: &mut Client) -> Result<Option<Duration>, Error> {
        if !self.wait(client)? {
            return Ok(None);
        }
        match self.at_once(client, &self.once_had())? {
            Asked::Done(held) => Ok(Some(held)),
            Asked::Refused => Ok(None),
            Asked::Fault => self.one_by_one(client).map(Some),
        }
    }

    /// Asks for the lock, does the statements and commits in one message, so that it is held for no longer than they take:
    /// whether this process or the network is slow does not count. Where that fails nothing of it has happened, and what it
    /// took is let go.
    fn at_once(&mut self, client: &mut Client, ask: &str) -> Result<Asked, Error> {
        let LockRequest { what, statements, entry, .. } = self.request;
        self.cost.waited = self.begun.elapsed();
        let (asked, all) = (Instant::now(), statements.join(";\n"));
        let message = format!("SAVEPOINT asked; {ask};\n{all};\n{};\nCOMMIT", entry(&self.cost));
        let error = match client.batch_execute(&message).running(what, &all) {
            Ok(()) => return Ok(Asked::Done(asked.elapsed())),
            Err(error) => error,
        };
        let is_refused = error.is_lock_refused();
        if !is_refused && !batch::is_of_one(&error) {
            return Err(error.into());
        }
        match client.batch_execute("ROLLBACK TO SAVEPOINT asked") {
            // The transaction is over: it was the commit that was refused, and nothing of it is there.
            Err(over) if over.code() == Some(&SqlState::NO_ACTIVE_SQL_TRANSACTION) => return Err(error.into()),
            outcome => outcome.doing("asking for a lock again")?,
        }
        Ok(if is_refused { Asked::Refused } else { Asked::Fault })
    }

    /// Does the statements under the lock each by itself: that shows which of them is at fault.
    fn one_by_one(&mut self, client: &mut Client) -> Result<Duration, Error> {
        let LockRequest { what, statements, entry, .. } = self.request;
        let locked = Instant::now();
        for statement in *statements {
            client.batch_execute(statement).running(what, statement)?;
        }
        client.batch_execute(&entry(&self.cost)).doing("writing the history")?;
        client.batch_execute("COMMIT").doing("committing")?;
        Ok(locked.elapsed())
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

    /// Stands in the queue for the lock.
    ///
    /// A queue for a table with partitions holds some of them while it waits for the next: the limit on each
    /// lock alone would let others wait for as many times the budget as there are partitions. So the statement as a
    /// whole has the same limit.
    fn wait(&self, client: &mut Client) -> Result<bool, Error> {
        let (limit, lock) = (self.share_of_budget(2), self.lock());
        let queue = format!("SET LOCAL statement_timeout = {limit}; {lock}; SET LOCAL statement_timeout = 0");
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
