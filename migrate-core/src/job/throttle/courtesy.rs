//! How much of the time a job works, in batches how long and with how many sessions, beside the sessions of others.
//!
//! The one load that counts is the harm done to them, and it is measured as such: how many of them are at work at a time, while
//! a batch runs and while none does. At the same rate of requests their number grows as each takes longer (Little's law),
//! whatever it waits for: a core, the disk, the log. So no size of the machine needs to be known. A job that makes their
//! requests take a share s longer in a share d of the time makes them take d·s longer on the whole, and that is kept to
//! a budget. Where nobody else is at work, there is nobody to slow down.

use std::time::Duration;

/// The share of the time to begin with.
pub(super) const FIRST_DUTY: f64 = 0.1;

/// How much longer others may take on the whole.
const BUDGET: f64 = 0.05;

/// With fewer sessions at work than this on average, nobody is there.
const NOBODY: f64 = 0.05;

/// The least and the greatest share of the time beside others: it must be seen what they do with it and without it.
const LEAST: f64 = 0.02;
const MOST: f64 = 0.9;

/// How fast the share grows, from one decision to the next. It shrinks at once.
const GROWTH: f64 = 1.5;

/// Looks on either side that a decision needs. A count of a few sessions varies by as much as itself, so that the average of 30
/// is right to a fifth.
const ENOUGH: u32 = 30;

/// Looks after which nobody is known to be there.
const FEW: u32 = 10;

/// How long a batch lasts beside others: what waits for a core, or for the log, waits for one batch at most.
const SHORT: Duration = Duration::from_millis(10);

/// Decisions at the greatest share before another worker comes.
const CALM: u32 = 3;

/// An average since the last decision.
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    sum: f64,
    looks: u32,
}

impl Average {
    fn add(&mut self, value: u64) {
        self.sum += value as f64;
        self.looks += 1;
    }

    fn value(self) -> f64 {
        self.sum / f64::from(self.looks.max(1))
    }
}

/// The law.
#[derive(Debug)]
pub(super) struct Courtesy {
    pub(super) duty: f64,
    pub(super) workers: u32,
    most_workers: u32,
    is_alone: bool,
    /// Sessions of others at work, while a batch runs and while none does.
    beside: Average,
    without: Average,
    calm: u32,
    reason: Option<String>,
}

impl Courtesy {
    pub(super) fn new(most_workers: u32) -> Courtesy {
        Courtesy {
            duty: FIRST_DUTY,
            workers: 1,
            most_workers,
            is_alone: false,
            beside: Average::default(),
            without: Average::default(),
            calm: 0,
            reason: None,
        }
    }

    /// How long a batch is to last, of at most this.
    pub(super) fn batch(&self, most: Duration) -> Duration {
        if self.is_alone { most } else { most.min(SHORT) }
    }

    /// One look at how many sessions of others are at work.
    pub(super) fn saw(&mut self, others: u64, beside_a_batch: bool) {
        if beside_a_batch { self.beside.add(others) } else { self.without.add(others) }
    }

    /// Decides, once a second; answers what holds the job back.
    pub(super) fn tick(&mut self) -> Option<String> {
        let (beside, without) = (self.beside, self.without);
        let looks = beside.looks + without.looks;
        let is_alone = (beside.sum + without.sum) / f64::from(looks.max(1)) < NOBODY;
        if looks >= FEW && is_alone {
            self.forget();
            self.is_alone = true;
            self.duty = 1.0;
            self.reason = None;
            self.calm();
        } else if looks >= FEW && self.is_alone {
            // Somebody has come.
            self.forget();
            self.is_alone = false;
            self.duty = FIRST_DUTY;
            self.workers = 1;
        } else if beside.looks >= ENOUGH && without.looks >= ENOUGH {
            self.forget();
            self.decide(beside.value(), without.value());
        }
        self.reason.clone()
    }

    fn forget(&mut self) {
        self.beside = Average::default();
        self.without = Average::default();
    }

    fn decide(&mut self, beside: f64, without: f64) {
        // Of all its workers together: with fewer of them the same share does less.
        let longer = (beside / without.max(NOBODY) - 1.0).max(0.0);
        let allowed = (BUDGET / longer.max(BUDGET / 2.0)).clamp(LEAST, MOST);
        if allowed < self.duty {
            self.duty = allowed;
            self.calm = 0;
            self.workers = 1;
        } else {
            self.duty = allowed.min(self.duty * GROWTH);
        }
        if self.duty >= MOST {
            self.calm();
        }
        self.reason = (self.duty < MOST)
            .then(|| format!("what others do takes {:.0} % longer while a batch runs", longer * 100.0));
    }

    /// Another worker, when there was no harm for a while.
    fn calm(&mut self) {
        self.calm += 1;
        if self.calm >= CALM && self.workers < self.most_workers {
            self.workers += 1;
            self.calm = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Duration = Duration::from_millis(50);

    fn ticks(courtesy: &mut Courtesy, count: u32, beside: u64, without: u64) {
        for _ in 0..count {
            for _ in 0..ENOUGH {
                courtesy.saw(beside, true);
                courtesy.saw(without, false);
            }
            courtesy.tick();
        }
    }

    #[test]
    fn where_nobody_is_there_it_works_all_the_time_in_full_batches_and_with_all_workers() {
        let mut courtesy = Courtesy::new(3);
        assert_eq!(courtesy.batch(FULL), SHORT);
        ticks(&mut courtesy, 1, 0, 0);
        assert_eq!((courtesy.duty, courtesy.batch(FULL)), (1.0, FULL));
        ticks(&mut courtesy, 10, 0, 0);
        assert_eq!(courtesy.workers, 3);
    }

    #[test]
    fn where_others_are_not_slowed_down_it_grows_step_by_step_and_leaves_room_to_compare() {
        let mut courtesy = Courtesy::new(2);
        ticks(&mut courtesy, 2, 10, 10);
        assert!(courtesy.duty > 0.2 && courtesy.duty < 0.3, "{courtesy:?}");
        ticks(&mut courtesy, 30, 10, 10);
        assert_eq!((courtesy.duty, courtesy.workers, courtesy.batch(FULL)), (MOST, 2, SHORT));
    }

    #[test]
    fn what_others_lose_on_the_whole_stays_within_the_budget() {
        let mut courtesy = Courtesy::new(2);
        ticks(&mut courtesy, 30, 10, 10);
        ticks(&mut courtesy, 1, 15, 10);
        assert!((courtesy.duty * 0.5 - BUDGET).abs() < 1e-9 && courtesy.workers == 1, "{courtesy:?}");
        ticks(&mut courtesy, 1, 100, 10);
        assert_eq!(courtesy.duty, LEAST);
        assert!(courtesy.tick().is_some_and(|reason| reason.contains("900 % longer")), "{courtesy:?}");
        ticks(&mut courtesy, 2, 10, 10);
        assert!(courtesy.duty < 0.05, "it grows slowly: {courtesy:?}");
    }

    #[test]
    fn when_others_come_it_makes_room_at_once_and_when_they_go_it_takes_it() {
        let mut courtesy = Courtesy::new(2);
        ticks(&mut courtesy, 10, 0, 0);
        for _ in 0..FEW {
            courtesy.saw(4, true);
        }
        courtesy.tick();
        assert_eq!((courtesy.duty, courtesy.workers, courtesy.batch(FULL)), (FIRST_DUTY, 1, SHORT));
        ticks(&mut courtesy, 1, 0, 0);
        assert_eq!((courtesy.duty, courtesy.batch(FULL)), (1.0, FULL));
    }

    #[test]
    fn without_looks_on_both_sides_nothing_is_decided() {
        let mut courtesy = Courtesy::new(2);
        for _ in 0..400 {
            courtesy.saw(50, true);
        }
        courtesy.tick();
        assert_eq!(courtesy.duty, FIRST_DUTY);
    }
}
