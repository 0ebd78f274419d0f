//! The engine of every job over a table: it walks the heaps in portions whose size follows the time a batch takes.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use super::cursor::Cursor;
use super::pace::Pace;
use super::transaction::Manner;
use super::work::{Batch, Work};
use crate::database::DatabaseError;
use crate::error::Error;
use crate::event::Event;
use crate::migrator::Migrator;
use crate::state::{JournalStep, PlanRow};

/// A batch that PostgreSQL ended for a passing reason is tried this often before the run gives up.
const RETRIES: u32 = 100;

/// A job on its way over the heaps of a table.
pub(super) struct Walk<'a> {
    pub(super) migrator: &'a Migrator,
    pub(super) plan: &'a PlanRow,
    pub(super) step: &'a JournalStep,
    /// Statements that set up each transaction.
    pub(super) setup: String,
}

/// How far a job is, of all heaps.
struct Progress {
    /// The blocks of the heaps that are done.
    before: i64,
    all: i64,
}

impl Walk<'_> {
    /// Walks from the cursors to the ends.
    pub(super) fn walk(&self, client: &mut Client, cursors: &[Cursor], work: &mut dyn Work) -> Result<(), Error> {
        let mut progress = Progress { before: 0, all: cursors.iter().map(|cursor| cursor.blocks).sum() };
        for cursor in cursors {
            self.heap(client, cursor.clone(), work, &progress)?;
            progress.before += cursor.blocks;
        }
        Ok(())
    }

    fn heap(
        &self,
        client: &mut Client,
        mut cursor: Cursor,
        work: &mut dyn Work,
        progress: &Progress,
    ) -> Result<(), Error> {
        let mut pace = Pace::new(self.migrator.limits().batch_target);
        while cursor.place.ring < cursor.blocks {
            if !cursor.place.is_in_ring() {
                let ring = work.ring(client, &cursor)?;
                cursor.place = cursor.place.begin(ring, cursor.blocks);
            }
            self.step(client, &mut cursor, work, &mut pace, progress)?;
        }
        Ok(())
    }

    /// Does the next portion, however often it must be tried.
    fn step(
        &self,
        client: &mut Client,
        cursor: &mut Cursor,
        work: &mut dyn Work,
        pace: &mut Pace,
        progress: &Progress,
    ) -> Result<(), Error> {
        let (mut manner, mut retries) = (Manner::Whole, 0);
        loop {
            self.migrator.require_lead(client)?;
            let width = if manner == Manner::Rows { 1 } else { pace.blocks(cursor.place) };
            let portion = cursor.place.portion(width);
            let begun = Instant::now();
            match self.transact(client, cursor, work, portion, manner) {
                Ok(batch) => {
                    let took = begun.elapsed();
                    // A window that the end of the ring cut short says little of a full one.
                    if manner != Manner::Rows && portion.window.blocks() == width {
                        pace.took(portion, took);
                    }
                    cursor.place = cursor.place.after(portion);
                    self.committed(cursor, progress, batch, took);
                    if work.give_up_slices(client, portion, batch.updates)? {
                        cursor.place = cursor.place.in_one_pass();
                    }
                    return Ok(());
                }
                Err(Error::Database(error)) if error.is_about_data() && manner != Manner::Rows => {
                    // Close in on the block with the value, so that all others go on in batches.
                    if portion.window.blocks() > 1 {
                        pace.halve(portion);
                    } else {
                        manner = Manner::Rows;
                    }
                }
                Err(Error::Database(error)) if error.is_transient() && retries < RETRIES => {
                    retries += 1;
                    if error.is_lock_refused() && manner == Manner::Whole {
                        manner = Manner::PastLocks;
                    }
                    pace.refused(portion, &error);
                    self.retried(&error, retries);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn committed(&self, cursor: &Cursor, progress: &Progress, batch: Batch, took: Duration) {
        self.migrator.notify(&Event::Batch {
            plan: &self.plan.name,
            step: &self.step.name,
            blocks_done: (progress.before + cursor.place.blocks_done()) as u64,
            blocks: progress.all as u64,
            rows: batch.rows,
            updates: batch.updates.all,
            hot_updates: batch.updates.hot,
            took,
        });
    }

    fn retried(&self, error: &DatabaseError, retries: u32) {
        let sqlstate = error.sqlstate();
        let reason = format!("{sqlstate} {}", error.message());
        tracing::debug!(plan = self.plan.name, step = self.step.name, reason, "batch tried again");
        self.migrator.notify(&Event::Retried {
            plan: &self.plan.name,
            step: &self.step.name,
            sqlstate,
            reason: &reason,
        });
        // Not all at once with whoever it met.
        thread::sleep(Duration::from_millis(u64::from(retries.min(20)) * 5));
    }
}
