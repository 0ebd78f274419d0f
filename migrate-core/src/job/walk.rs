//! Walks a heap in windows whose size follows the time a batch takes.

use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, Transaction};

use super::cursor::{Cursor, advance};
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::event::Event;
use crate::migrator::Migrator;
use crate::state::{JournalStep, PlanRow};

/// The first window, in blocks of usually 8 kB.
const FIRST: f64 = 16.0;

/// The largest window. At 50 ms a batch it is reached only where little is to be done.
const LARGEST: f64 = 8192.0;

/// A batch that PostgreSQL ended for a passing reason is tried this often before the run gives up.
const RETRIES: u32 = 100;

/// Blocks from `from` up to, not including, `to`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Window {
    /// The condition on `ctid` that PostgreSQL answers with a TID range scan. The numbers are our own, so
    /// they stand in the text: a plan for a parameter would not know how small the range is.
    pub(super) fn condition(self) -> String {
        format!("ctid >= '({},0)'::tid AND ctid < '({},0)'::tid", self.from, self.to)
    }
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: u64,
    pub(super) mismatches: u64,
}

/// What a job does with a window.
pub(super) trait Work {
    /// The whole window at once.
    fn window(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, window: Window) -> Result<Batch, Error>;

    /// The whole window, past rows that others hold locked. They are come back to.
    fn past_locks(
        &mut self,
        transaction: &mut Transaction<'_>,
        cursor: &Cursor,
        window: Window,
    ) -> Result<Batch, Error> {
        self.window(transaction, cursor, window)
    }

    /// One block, row by row, after a value in it has made the whole fail.
    fn rows(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, window: Window) -> Result<Batch, Error>;
}

/// A job on its way over the heaps of a table.
pub(super) struct Walk<'a> {
    pub(super) migrator: &'a Migrator,
    pub(super) plan: &'a PlanRow,
    pub(super) step: &'a JournalStep,
    /// Statements that set up each transaction.
    pub(super) setup: String,
}

/// How the next attempt at a window is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Whole,
    PastLocks,
    Rows,
}

impl Walk<'_> {
    /// Walks from the cursors to the ends.
    pub(super) fn walk(&self, client: &mut Client, cursors: &[Cursor], work: &mut dyn Work) -> Result<(), Error> {
        let blocks: i64 = cursors.iter().map(|cursor| cursor.blocks).sum();
        let mut before = 0;
        for cursor in cursors {
            self.heap(client, cursor, work, before, blocks)?;
            before += cursor.blocks;
        }
        Ok(())
    }

    fn heap(
        &self,
        client: &mut Client,
        cursor: &Cursor,
        work: &mut dyn Work,
        before: i64,
        blocks: i64,
    ) -> Result<(), Error> {
        let mut from = cursor.next_block;
        let mut size = FIRST;
        let mut manner = Manner::Whole;
        let mut retries = 0;
        while from < cursor.blocks {
            self.migrator.require_lead(client)?;
            let width = if manner == Manner::Rows { 1 } else { size as i64 };
            let window = Window { from, to: cursor.blocks.min(from + width.max(1)) };
            let begun = Instant::now();
            match self.batch(client, cursor, work, window, manner) {
                Ok(batch) => {
                    let took = begun.elapsed();
                    let target = self.migrator.limits().batch_target.as_secs_f64();
                    size = (size * (target / took.as_secs_f64().max(1e-6)).clamp(0.5, 1.5)).clamp(1.0, LARGEST);
                    (from, manner, retries) = (window.to, Manner::Whole, 0);
                    self.migrator.notify(&Event::Batch {
                        plan: &self.plan.name,
                        step: &self.step.name,
                        blocks_done: (before + from) as u64,
                        blocks: blocks as u64,
                        rows: batch.rows,
                        took,
                    });
                }
                Err(Error::Database(error)) if error.is_about_data() && manner != Manner::Rows => {
                    // Close in on the block with the value, so that all others go on in batches.
                    if window.to - window.from > 1 {
                        size = ((window.to - window.from) as f64 / 2.0).max(1.0);
                    } else {
                        manner = Manner::Rows;
                    }
                }
                Err(Error::Database(error)) if error.is_transient() && retries < RETRIES => {
                    retries += 1;
                    if error.is_lock_refused() && manner == Manner::Whole {
                        manner = Manner::PastLocks;
                    }
                    size = (size / if error.is_cancelled() { 8.0 } else { 2.0 }).max(1.0);
                    self.retried(&error, retries);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn batch(
        &self,
        client: &mut Client,
        cursor: &Cursor,
        work: &mut dyn Work,
        window: Window,
        manner: Manner,
    ) -> Result<Batch, Error> {
        let mut transaction = self.begin(client)?;
        // A block at a time is as small as it gets, so that one may take as long as it takes.
        let is_limited = window.to - window.from > 1;
        if is_limited {
            self.limit(&mut transaction, self.migrator.limits().stall_budget)?;
        }
        let batch = match manner {
            Manner::Whole => work.window(&mut transaction, cursor, window)?,
            Manner::PastLocks => work.past_locks(&mut transaction, cursor, window)?,
            Manner::Rows => work.rows(&mut transaction, cursor, window)?,
        };
        // A commit that waits for a standby is not to be cut short.
        if is_limited {
            self.limit(&mut transaction, Duration::ZERO)?;
        }
        advance(&mut transaction, self.plan, self.step, cursor, window.to, batch.rows, batch.mismatches)?;
        self.migrator.notify(&Event::Committing { plan: &self.plan.name, step: &self.step.name });
        transaction.commit().doing("committing a batch")?;
        Ok(batch)
    }

    /// Begins a transaction of the job.
    pub(super) fn begin<'c>(&self, client: &'c mut Client) -> Result<Transaction<'c>, Error> {
        let mut transaction = client.transaction().doing("beginning a batch")?;
        // Half of it, so that a wait for somebody's row is told from a window with too many rows.
        let budget = (self.migrator.limits().stall_budget / 2).as_millis().max(1);
        transaction
            .batch_execute(&format!("SET LOCAL lock_timeout = {budget}; {}", self.setup))
            .doing("setting up a batch")?;
        Ok(transaction)
    }

    /// Has PostgreSQL end the next statements after `limit`; zero is none. The last window's time says
    /// nothing where empty blocks turn into full ones, as after an earlier backfill, and writers wait for
    /// the rows of the whole batch.
    fn limit(&self, transaction: &mut Transaction<'_>, limit: Duration) -> Result<(), Error> {
        transaction
            .batch_execute(&format!("SET LOCAL statement_timeout = {}", limit.as_millis()))
            .doing("limiting a batch")?;
        Ok(())
    }

    fn retried(&self, error: &DatabaseError, retries: u32) {
        let code = error.code().map_or("connection", |code| code.code());
        let reason = format!("{code} {}", error.message());
        tracing::debug!(plan = self.plan.name, step = self.step.name, reason, "batch tried again");
        self.migrator.notify(&Event::Retried { plan: &self.plan.name, step: &self.step.name, reason: &reason });
        // Not all at once with whoever it met.
        thread::sleep(Duration::from_millis(u64::from(retries.min(20)) * 5));
    }
}
