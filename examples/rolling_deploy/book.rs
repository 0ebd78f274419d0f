//! The figures of the run, booked to the phase in which they arrive.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::builds::Build;

/// What happened in one phase of the deploy.
#[derive(Debug)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) began: Instant,
    pub(crate) lasted: Duration,
    /// What each statement took in µs, by build.
    pub(crate) took: [Vec<u32>; Build::ALL.len()],
    /// Statements that failed.
    pub(crate) failures: Vec<String>,
    /// Rows that were read and are not as they were written.
    pub(crate) wrong: Vec<String>,
    /// The longest time that a shop was seen waiting for a lock.
    pub(crate) lock_wait: Duration,
    pub(crate) backfilled: u64,
    pub(crate) backfilling: Duration,
    /// Rows whose two columns disagree, where there were two when the phase ended.
    pub(crate) disagree: Option<u64>,
    /// Statements that wrote both columns in disagreement.
    pub(crate) conflicts: Option<u64>,
}

impl Phase {
    /// How many there were, by build.
    pub(crate) fn statements(&self) -> [u64; Build::ALL.len()] {
        self.took.each_ref().map(|took| took.len() as u64)
    }
}

/// Written by every thread of the driver.
#[derive(Debug, Default)]
pub(crate) struct Book {
    phases: Mutex<Vec<Phase>>,
}

impl Book {
    /// Begins a phase.
    pub(crate) fn begin(&self, name: &'static str) {
        self.lock().push(Phase {
            name,
            began: Instant::now(),
            lasted: Duration::ZERO,
            took: Default::default(),
            failures: Vec::new(),
            wrong: Vec::new(),
            lock_wait: Duration::ZERO,
            backfilled: 0,
            backfilling: Duration::ZERO,
            disagree: None,
            conflicts: None,
        });
    }

    /// Writes into the phase at hand, if any has begun.
    pub(crate) fn now(&self, write: impl FnOnce(&mut Phase)) {
        if let Some(phase) = self.lock().last_mut() {
            write(phase);
        }
    }

    /// How long the phase at hand lasts.
    pub(crate) fn elapsed(&self) -> Duration {
        self.lock().last().map_or(Duration::ZERO, |phase| phase.began.elapsed())
    }

    /// How many statements the phase at hand has seen, and how many of them failed.
    pub(crate) fn statements(&self) -> (u64, usize) {
        self.lock().last().map_or((0, 0), |phase| (phase.statements().iter().sum(), phase.failures.len()))
    }

    pub(crate) fn took(&self, build: Build, took: &[u32]) {
        self.now(|phase| phase.took[build as usize].extend(took));
    }

    pub(crate) fn failed(&self, what: String) {
        self.now(|phase| phase.failures.push(what));
    }

    pub(crate) fn wrong(&self, what: String) {
        self.now(|phase| phase.wrong.push(what));
    }

    pub(crate) fn backfilled(&self, rows: u64, took: Duration) {
        self.now(|phase| {
            phase.backfilled += rows;
            phase.backfilling += took;
        });
    }

    /// Takes all phases out.
    pub(crate) fn close(&self) -> Vec<Phase> {
        std::mem::take(&mut *self.lock())
    }

    /// Figures stay figures when another thread has panicked.
    fn lock(&self) -> MutexGuard<'_, Vec<Phase>> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
