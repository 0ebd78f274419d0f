//! When a job may do its next batch, and with how many sessions.
//!
//! Three layers, each by itself: the size of a batch follows its own time ([`pace`](super::pace)), and PostgreSQL ends one that
//! would keep others waiting for longer than the stall budget; the share of the time in which the job works, and the number
//! of its sessions, follow what they do to others ([`courtesy`]) and to the write-ahead log ([`log`]); and stops hold it
//! altogether ([`stops`]): an operator's pause, a hook of the user's, lag, slots, the archiver, connections. What cannot be
//! looked at holds it too. What is decided stands on a board that every worker reads before a batch; a watcher with a
//! connection of its own writes it, or, where there is none, the first worker between two batches.

mod board;
mod courtesy;
mod log;
mod look;
mod replicas;
mod signals;
mod stops;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use self::board::Board;
use self::look::Look;
use super::work::Batch;
use crate::closed::Closed;
use crate::database::Doing;
use crate::error::Error;
use crate::event::Event;
use crate::limit::{self, InForce};
use crate::migrator::Migrator;
use crate::session;
use crate::state::{JournalStep, PlanRow};

/// Between two looks of a worker that is held at the board.
const POLL: Duration = Duration::from_millis(50);

/// Between two looks of one with the lead, that is held, whether its session is still there.
const ALIVE: Duration = Duration::from_secs(1);

/// A job of fewer blocks than this, 8 MB, is over before a watcher has looked twice.
pub(super) const SMALL: i64 = 1024;

/// What holds one job back.
pub(super) struct Throttle<'a> {
    migrator: &'a Migrator,
    plan: &'a PlanRow,
    step: &'a JournalStep,
    board: Mutex<Board>,
    changed: Condvar,
    /// What the first worker looks with where there is no watcher.
    own_look: Mutex<Option<Look>>,
    /// Whether a watcher is worth its connection, and can have one.
    is_watched: bool,
}

/// Whether a batch may begin.
pub(super) enum Admission {
    Go,
    /// Nobody begins another one.
    Over,
    /// The run is to go on with something else.
    Closed(Closed),
}

impl<'a> Throttle<'a> {
    /// Before the first batch: what an operator has set is known from then on.
    pub(super) fn begin(
        migrator: &'a Migrator,
        plan: &'a PlanRow,
        step: &'a JournalStep,
        client: &mut Client,
        progress: (i64, i64),
    ) -> Result<Throttle<'a>, Error> {
        let settings = migrator.limits();
        let (blocks, done) = progress;
        let is_watched = migrator.opener().is_some() && (blocks - done >= SMALL || !settings.replicas.is_empty());
        // Where there is no watcher, the first look comes before the first batch, and finds it.
        let in_force = if is_watched { limit::in_force(client, &plan.name)? } else { InForce::default() };
        let board = Board::new(settings, in_force, progress, is_watched);
        let own_look = (!is_watched).then(|| Look::new(settings, false));
        Ok(Throttle {
            migrator,
            plan,
            step,
            board: Mutex::new(board),
            changed: Condvar::new(),
            own_look: Mutex::new(own_look),
            is_watched,
        })
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody with a connection of its own looks at the load.
    pub(super) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// How many sessions the job may use now.
    pub(super) fn workers(&self) -> u32 {
        self.board().verdict.workers
    }

    /// How long a batch is to last.
    pub(super) fn batch(&self) -> Duration {
        self.board().verdict.batch
    }

    /// Waits until the next batch of a worker may begin. The first worker is the one with the lead, and brings its
    /// connection.
    pub(super) fn admit(
        &self,
        number: usize,
        mut lead: Option<&mut Client>,
        is_over: &AtomicBool,
    ) -> Result<Admission, Error> {
        let begun = Instant::now();
        let (mut held, mut asked): (Option<String>, Instant) = (None, begun);
        loop {
            match lead.as_deref_mut() {
                Some(client) => {
                    self.migrator.require_lead(client)?;
                    self.look(client)?;
                }
                None => self.migrator.require_running()?,
            }
            if is_over.load(Ordering::Acquire) {
                return Ok(Admission::Over);
            }
            let board = self.board();
            if let Some(pause) = &board.verdict.pause {
                return Ok(Admission::Closed(Closed::Paused { pause: pause.clone() }));
            }
            if let Some(reason) = board.held_by() {
                drop(board);
                if begun.elapsed() >= self.migrator.limits().hold_deadline {
                    return Ok(Admission::Closed(Closed::JobHeld { reason }));
                }
                let cause = cause(&reason);
                if number == 0 && held.as_deref() != Some(&*cause) {
                    self.tell_held(&reason);
                }
                held = Some(cause);
                if let Some(client) = lead.as_deref_mut()
                    && asked.elapsed() >= ALIVE
                {
                    // Without its session there is no lead either, and another may have it by now.
                    session::require_kept(client)?;
                    asked = Instant::now();
                }
                self.wait(POLL);
                continue;
            }
            if self.is_watched && !board.has_looked() {
                // What is not known yet may be a reason.
                drop(board);
                self.wait(POLL);
                continue;
            }
            let wait = board.wait(number);
            drop(board);
            if held.take().is_some() && number == 0 {
                self.tell_resumed(begun.elapsed());
            }
            if wait.is_zero() {
                return Ok(Admission::Go);
            }
            self.wait(wait.min(POLL));
        }
    }

    /// Waits, for a change of the board at most.
    fn wait(&self, time: Duration) {
        let board = self.board();
        drop(self.changed.wait_timeout(board, time).unwrap_or_else(PoisonError::into_inner));
    }

    fn tell_held(&self, reason: &str) {
        let (plan, step) = (&*self.plan.name, &*self.step.name);
        tracing::warn!(plan, step, reason, "the job stands still");
        self.migrator.notify(&Event::JobHeld { plan, step, reason });
    }

    fn tell_resumed(&self, held: Duration) {
        let (plan, step) = (&*self.plan.name, &*self.step.name);
        tracing::info!(plan, step, ?held, "the job goes on");
        self.migrator.notify(&Event::JobResumed { plan, step, held });
    }

    /// A worker, served by this backend, begins a batch.
    pub(super) fn starts(&self, number: usize, pid: i32) {
        self.board().starts(number, pid);
    }

    /// It has ended, and what of it was committed.
    pub(super) fn ends(&self, number: usize, batch: Option<Batch>, blocks: i64) {
        self.board().ends(number, batch, blocks);
    }

    /// So many blocks are to be done once more.
    pub(super) fn goes_back(&self, blocks: i64) {
        self.board().goes_back(blocks);
    }

    /// The blocks of the job, and how many of them are done.
    pub(super) fn progress(&self) -> (i64, i64) {
        let counts = self.board().counts();
        (counts.blocks, counts.blocks_done)
    }

    /// The first worker looks by itself, where nobody else does.
    fn look(&self, client: &mut Client) -> Result<(), Error> {
        let mut own = self.own_look.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(look) = own.as_mut() else { return Ok(()) };
        if look.is_due() {
            self.take_look(look, client)?;
        }
        Ok(())
    }

    /// Looks, and writes on the board what follows.
    fn take_look(&self, look: &mut Look, client: &mut Client) -> Result<(), Error> {
        let counts = self.board().counts();
        let verdict = look.take(client, self.plan, self.step, &counts)?;
        let mut board = self.board();
        let changed = board.publish(verdict);
        let (workers, duty, limited_by) = (board.verdict.workers, board.verdict.duty, board.verdict.limited_by.clone());
        drop(board);
        self.changed.notify_all();
        if changed {
            let (plan, step) = (&*self.plan.name, &*self.step.name);
            let limited_by = limited_by.as_deref();
            tracing::debug!(plan, step, workers, duty, limited_by, "the job is paced");
            self.migrator.notify(&Event::JobPaced { plan, step, workers, duty, limited_by });
        }
        Ok(())
    }

    /// Has somebody look at the load for as long as `work` lasts.
    pub(super) fn watched<T>(&self, work: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            let (ended, end) = mpsc::channel::<()>();
            scope.spawn(move || self.watch(&end));
            // Also where it panics: the watcher would be waited for.
            let _ended = ended;
            work()
        })
    }

    /// Watches until `ended` is hung up.
    pub(super) fn watch(&self, ended: &Receiver<()>) {
        let Some(open) = self.migrator.opener() else { return };
        if !self.is_watched {
            return;
        }
        let mut look = Look::new(self.migrator.limits(), true);
        let mut client: Option<Client> = None;
        loop {
            let turn = match &mut client {
                Some(client) => self.turn(client, &mut look),
                none => opened(open).map(|opened| *none = Some(opened)),
            };
            let pause = match turn {
                Ok(()) if client.is_some() => look::TICK,
                outcome => {
                    if let Err(error) = outcome {
                        tracing::debug!(%error, "the load of the database could not be read");
                        self.board().could_not_look(&error);
                        client = None;
                    }
                    look::RETRY
                }
            };
            if ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn turn(&self, client: &mut Client, look: &mut Look) -> Result<(), Error> {
        if look.is_due() {
            self.take_look(look, client)?;
        }
        look.probe(client, &self.board)
    }

    /// The job is over, or the run.
    pub(super) fn end(&self, client: &mut Client) -> Result<(), Error> {
        let own = self.own_look.lock().unwrap_or_else(PoisonError::into_inner);
        let is_said = own.as_ref().map_or_else(|| self.board().has_looked(), Look::has_written);
        if is_said { look::forget(client, self.plan, self.step) } else { Ok(()) }
    }
}

/// A reason without the numbers in it, which change all the time.
fn cause(reason: &str) -> String {
    reason.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

fn opened(open: &dyn Fn() -> Result<Client, Error>) -> Result<Client, Error> {
    let mut client = open()?;
    let set_up = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = '5s'; SET jit = off";
    client.batch_execute(set_up).doing("setting up the watching session")?;
    Ok(client)
}
