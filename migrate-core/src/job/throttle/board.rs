//! What all workers of a job read before a batch, and write after it.

use std::time::{Duration, Instant};

use super::super::work::{Batch, Updates};
use super::courtesy::FIRST_DUTY;
use crate::error::Error;
use crate::limit::{InForce, Pause};
use crate::settings::Settings;

/// A load that is older than this is not known, and what is not known holds the job.
const STALE: Duration = Duration::from_secs(15);

/// The longest rest between two batches of a worker: it looks busy to nobody, and notices a stop.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// After a batch, what others do says nothing of what they do without one for so long.
const SETTLES: Duration = Duration::from_millis(5);

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) pause: Option<Pause>,
    /// What the job stands still for.
    pub(super) stop: Option<String>,
    pub(super) duty: f64,
    /// How long a batch is to last.
    pub(super) batch: Duration,
    pub(super) workers: u32,
    pub(super) rows_per_second: Option<f64>,
    /// What keeps it from working all the time with all workers.
    pub(super) limited_by: Option<String>,
}

/// What the job has done so far in this run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) rows: u64,
    /// With what was done in earlier runs.
    pub(super) blocks_done: i64,
    pub(super) blocks: i64,
    pub(super) updates: Updates,
}

#[derive(Clone, Copy, Default)]
struct Worker {
    pid: i32,
    /// When its batch began, while it is at one.
    since: Option<Instant>,
    ready_at: Option<Instant>,
}

/// The board.
pub(super) struct Board {
    pub(super) verdict: Verdict,
    looked: Option<Instant>,
    trouble: Option<(Instant, String)>,
    counts: Counts,
    workers: Vec<Worker>,
    /// When the last batch ended.
    ended: Option<Instant>,
    /// When the rows so far would be done at the limit of rows.
    rows_until: Instant,
}

impl Board {
    pub(super) fn new(
        settings: &Settings,
        in_force: InForce,
        (blocks, blocks_done): (i64, i64),
        is_watched: bool,
    ) -> Board {
        let limit = in_force.limit;
        // Until the load is known.
        let follows = settings.follow_load && is_watched || settings.wal_rate.is_some();
        let duty = if follows { FIRST_DUTY } else { 1.0 };
        Board {
            verdict: Verdict {
                pause: in_force.pause,
                stop: None,
                duty: limit.duty.map_or(duty, |most| most.min(duty)),
                batch: settings.batch_target,
                // Without a watcher, until the first look, which reads the limits.
                workers: if settings.follow_load || !is_watched {
                    1
                } else {
                    limit.workers.unwrap_or(u32::MAX).min(settings.workers)
                },
                rows_per_second: limit.rows_per_second,
                limited_by: None,
            },
            looked: None,
            trouble: None,
            counts: Counts { blocks, blocks_done, ..Counts::default() },
            workers: Vec::new(),
            ended: None,
            rows_until: Instant::now(),
        }
    }

    /// What the job stands still for.
    pub(super) fn held_by(&self) -> Option<String> {
        if let Some((since, why)) = &self.trouble
            && since.elapsed() >= STALE
        {
            let seconds = since.elapsed().as_secs();
            return Some(format!("the load of the database could not be read for {seconds} s: {why}"));
        }
        self.verdict.stop.clone()
    }

    /// How long a worker still has to rest.
    pub(super) fn wait(&self, number: usize) -> Duration {
        let now = Instant::now();
        let ready = self.workers.get(number).and_then(|worker| worker.ready_at).unwrap_or(now);
        let rows = if self.verdict.rows_per_second.is_some() { self.rows_until } else { now };
        ready.max(rows).saturating_duration_since(now)
    }

    fn worker(&mut self, number: usize) -> &mut Worker {
        if self.workers.len() <= number {
            self.workers.resize(number + 1, Worker::default());
        }
        &mut self.workers[number]
    }

    pub(super) fn starts(&mut self, number: usize, pid: i32) {
        *self.worker(number) = Worker { pid, since: Some(Instant::now()), ..Worker::default() };
    }

    pub(super) fn ends(&mut self, number: usize, batch: Option<Batch>, blocks: i64) {
        let now = Instant::now();
        let duty = self.verdict.duty;
        self.ended = Some(now);
        let worker = self.worker(number);
        let took = worker.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        worker.ready_at = Some(now + took.mul_f64((1.0 / duty - 1.0).max(0.0)).min(LONGEST_REST));
        let Some(batch) = batch else { return };
        self.counts.rows += batch.rows;
        self.counts.blocks_done += blocks;
        self.counts.updates.all += batch.updates.all;
        self.counts.updates.hot += batch.updates.hot;
        if let Some(rate) = self.verdict.rows_per_second {
            self.rows_until = self.rows_until.max(now) + Duration::from_secs_f64(batch.rows as f64 / rate);
        }
    }

    pub(super) fn goes_back(&mut self, blocks: i64) {
        self.counts.blocks_done -= blocks;
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Writes what was decided; answers whether it paces the job in another way.
    pub(super) fn publish(&mut self, verdict: Verdict) -> bool {
        let before = &self.verdict;
        let changed = before.workers != verdict.workers
            || (before.duty - verdict.duty).abs() > 0.01
            || before.limited_by != verdict.limited_by;
        self.verdict = verdict;
        self.looked = Some(Instant::now());
        self.trouble = None;
        changed
    }

    pub(super) fn could_not_look(&mut self, error: &Error) {
        let since = self.trouble.take().map_or_else(Instant::now, |(since, _)| since);
        self.trouble = Some((since, error.to_string()));
    }

    pub(super) fn has_looked(&self) -> bool {
        self.looked.is_some()
    }

    /// Whether a batch has just ended: what it has made others wait for is not over yet.
    pub(super) fn has_just_ended(&self) -> bool {
        self.ended.is_some_and(|at| at.elapsed() < SETTLES)
    }

    /// How many workers are at a batch.
    pub(super) fn at_work(&self) -> usize {
        self.workers.iter().filter(|worker| worker.since.is_some()).count()
    }

    /// The backends of the workers.
    pub(super) fn pids(&self) -> Vec<i32> {
        self.workers.iter().map(|worker| worker.pid).filter(|pid| *pid != 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(settings: &Settings) -> Board {
        Board::new(settings, InForce::default(), (100, 0), false)
    }

    #[test]
    fn what_others_do_right_after_a_batch_is_told_from_what_they_do_later() {
        let mut board = board(&Settings::default());
        assert!(!board.has_just_ended());
        board.starts(0, 7);
        board.ends(0, Some(Batch::default()), 1);
        assert!(board.has_just_ended());
        board.ended = board.ended.map(|at| at - SETTLES);
        assert!(!board.has_just_ended());
    }

    #[test]
    fn a_worker_rests_in_the_proportion_of_its_duty() {
        let mut board = board(&Settings::default());
        board.verdict.duty = 0.25;
        board.starts(0, 7);
        std::thread::sleep(Duration::from_millis(20));
        board.ends(0, Some(Batch::default()), 1);
        let wait = board.wait(0);
        assert!(wait > Duration::from_millis(50) && wait < Duration::from_secs(1), "{wait:?}");
        assert_eq!(board.wait(1), Duration::ZERO);
    }

    #[test]
    fn rows_in_a_second_hold_all_workers() {
        let mut board = board(&Settings::default());
        board.verdict.rows_per_second = Some(1000.0);
        board.starts(0, 7);
        board.ends(0, Some(Batch { rows: 500, ..Batch::default() }), 1);
        assert!(board.wait(1) > Duration::from_millis(400), "{:?}", board.wait(1));
    }

    #[test]
    fn a_load_that_cannot_be_read_holds_the_job_in_the_end() {
        let mut board = board(&Settings::default());
        board.could_not_look(&Error::Stopped);
        assert_eq!(board.held_by(), None);
        board.trouble = board.trouble.take().map(|(since, why)| (since - STALE, why));
        assert!(board.held_by().is_some_and(|why| why.contains("could not be read for 15 s")));
        let verdict = board.verdict.clone();
        board.publish(verdict);
        assert_eq!(board.held_by(), None);
    }
}
