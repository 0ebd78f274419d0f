//! The engine of every job over a table: it walks the heaps in portions whose size follows the time a batch takes.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use super::crew::Crew;
use super::cursor::{Cursor, cursors};
use super::pace::Pace;
use super::throttle::{Admission, Throttle};
use super::transaction::Manner;
use super::work::{Batch, Job, Work};
use crate::closed::Closed;
use crate::database::DatabaseError;
use crate::error::Error;
use crate::event::Event;
use crate::migrator::Migrator;
use crate::state::{JournalStep, PlanRow, TableRow};

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

/// One session that takes part in a walk. The first has the lead.
pub(super) struct Worker<'w> {
    pub(super) number: usize,
    /// The backend that serves it; 0 where no watcher asks for it.
    pub(super) pid: i32,
    pub(super) work: Box<dyn Work + 'w>,
    pub(super) throttle: &'w Throttle<'w>,
    /// Nobody begins another batch.
    pub(super) is_over: &'w AtomicBool,
}

/// How a lane was left.
pub(super) enum Left {
    AtEnd,
    /// Another session may go on from here.
    At(Cursor),
    /// Nobody is to go on for now.
    Closed(Closed),
}

/// What came of a walk.
pub(super) struct Walked {
    /// What keeps it from coming to the ends.
    pub(super) closed: Option<Closed>,
    /// The blocks of all heaps.
    pub(super) blocks: i64,
}

/// What came of a step.
enum Done {
    Portion,
    Nothing,
    Closed(Closed),
}

impl Walk<'_> {
    /// Walks from the cursors to the ends.
    pub(super) fn walk(&self, client: &mut Client, table: &TableRow, job: &dyn Job) -> Result<Walked, Error> {
        let workers = self.migrator.opener().map_or(1, |_| self.migrator.limits().workers.max(1));
        let mut lanes = cursors(client, self.plan, self.step, table, workers)?;
        let progress = lanes.iter().map(Cursor::progress).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        let throttle = Throttle::begin(self.migrator, self.plan, self.step, client, progress)?;
        let closed = loop {
            lanes.retain(|lane| !lane.is_at_end());
            if lanes.is_empty() {
                break None;
            }
            let crew = Crew::new(self, &throttle, lanes);
            let closed = crew.work(client, job)?;
            if closed.is_some() || !crew.has_lost_any() {
                break closed;
            }
            // A session broke in a batch. Whether that was committed, the cursors know.
            lanes = cursors(client, self.plan, self.step, table, workers)?;
        };
        throttle.end(client)?;
        Ok(Walked { closed, blocks: progress.0 })
    }

    /// Goes on in a lane for as long as `goes_on` says, which is asked between two batches.
    pub(super) fn lane(
        &self,
        client: &mut Client,
        worker: &mut Worker<'_>,
        mut cursor: Cursor,
        goes_on: &mut dyn FnMut(&mut Client) -> Result<bool, Error>,
    ) -> Result<Left, Error> {
        let mut pace = Pace::new(self.migrator.limits().batch_target);
        while !cursor.is_at_end() {
            if !goes_on(client)? {
                return Ok(Left::At(cursor));
            }
            if !cursor.place.is_in_ring() {
                let ring = worker.work.ring(client, &cursor)?;
                cursor.begin(ring);
            }
            match self.step(client, worker, &mut cursor, &mut pace)? {
                Done::Portion => {}
                Done::Nothing => return Ok(Left::At(cursor)),
                Done::Closed(closed) => return Ok(Left::Closed(closed)),
            }
        }
        Ok(Left::AtEnd)
    }

    /// Does the next portion, however often it must be tried.
    fn step(
        &self,
        client: &mut Client,
        worker: &mut Worker<'_>,
        cursor: &mut Cursor,
        pace: &mut Pace,
    ) -> Result<Done, Error> {
        let (mut manner, mut retries) = (Manner::Whole, 0);
        loop {
            let lead = (worker.number == 0).then_some(&mut *client);
            match worker.throttle.admit(worker.number, lead, worker.is_over)? {
                Admission::Go => {}
                Admission::Over => return Ok(Done::Nothing),
                Admission::Closed(closed) => return Ok(Done::Closed(closed)),
            }
            pace.aim(worker.throttle.batch());
            let width = if manner == Manner::Rows { 1 } else { pace.blocks(cursor.place) };
            let portion = cursor.place.portion(width);
            let begun = Instant::now();
            worker.throttle.starts(worker.number, worker.pid);
            let outcome = self.transact(client, cursor, &mut *worker.work, portion, manner);
            let took = begun.elapsed();
            let Ok(batch) = outcome else {
                worker.throttle.ends(worker.number, None, 0);
                match outcome {
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
                    Ok(_) => {}
                }
                continue;
            };
            // A window that the end of the ring cut short says little of a full one.
            if manner != Manner::Rows && portion.window.blocks() == width {
                pace.took(portion, took);
            }
            let done_before = cursor.place.blocks_done();
            cursor.place = cursor.place.after(portion);
            worker.throttle.ends(worker.number, Some(batch), cursor.place.blocks_done() - done_before);
            self.committed(worker.throttle, batch, took);
            if worker.work.give_up_slices(client, portion, batch.updates)? {
                let place = cursor.place.in_one_pass();
                worker.throttle.goes_back(cursor.place.blocks_done() - place.blocks_done());
                cursor.place = place;
            }
            return Ok(Done::Portion);
        }
    }

    fn committed(&self, throttle: &Throttle<'_>, batch: Batch, took: Duration) {
        let (blocks, blocks_done) = throttle.progress();
        self.migrator.notify(&Event::Batch {
            plan: &self.plan.name,
            step: &self.step.name,
            blocks_done: blocks_done.max(0).unsigned_abs(),
            blocks: blocks.max(0).unsigned_abs(),
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
