//! How much of the time a job works, and with how many sessions: it grows slowly while nobody is slowed down by it, and shrinks
//! fast.
//!
//! The one load that counts is the harm done to others, and it is measured as such: how many of their sessions are at work
//! at a time, while a batch runs and while none does. At the same rate of requests their number grows as each takes
//! longer (Little's law), whatever it waits for: a core, the disk, the log. So no size of the machine needs to be known.
//! Where nobody else is at work, there is nobody to slow down.

/// With fewer sessions at work than this on average, nobody is there.
const NOBODY: f64 = 0.05;

/// How much longer others may take in a batch, before the job works less.
const HARM: f64 = 0.5;

/// The zones of the load, as shares of that.
const GROW: f64 = 0.6;
const SHRINK: f64 = 0.85;

/// The share of the time to begin with.
pub(super) const FIRST_DUTY: f64 = 0.25;

/// The least share of the time.
const LEAST: f64 = 0.02;

/// How much of the earlier looks counts beside the newest.
const MEMORY: f64 = 0.8;

/// Looks that a comparison needs on either side.
const ENOUGH: f64 = 8.0;

/// Ticks without harm before another worker comes.
const CALM: u32 = 3;

/// An average over looks, the older ones with less weight.
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    sum: f64,
    weight: f64,
}

impl Average {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.weight += 1.0;
    }

    fn age(&mut self) {
        self.sum *= MEMORY;
        self.weight *= MEMORY;
    }

    fn value(self) -> Option<f64> {
        (self.weight >= ENOUGH).then(|| self.sum / self.weight)
    }
}

/// The law.
#[derive(Debug)]
pub(super) struct Zones {
    pub(super) duty: f64,
    pub(super) workers: u32,
    most: u32,
    /// Sessions of others at work, while a batch runs and while none does.
    beside: Average,
    alone: Average,
    calm: u32,
}

impl Zones {
    pub(super) fn new(most: u32) -> Zones {
        let none = Average::default();
        Zones { duty: FIRST_DUTY, workers: 1, most, beside: none, alone: none, calm: 0 }
    }

    /// One look at how many sessions of others are at work.
    pub(super) fn saw(&mut self, others: u64, beside_a_batch: bool) {
        let average = if beside_a_batch { &mut self.beside } else { &mut self.alone };
        average.add(others as f64);
    }

    /// Decides, once a second; answers what holds the job back.
    pub(super) fn tick(&mut self) -> Option<String> {
        let (beside, alone) = (self.beside, self.alone);
        self.beside.age();
        self.alone.age();
        let weight = beside.weight + alone.weight;
        if weight < 1.0 {
            return None;
        }
        if (beside.sum + alone.sum) / weight < NOBODY {
            self.duty = 1.0;
            self.grow();
            return None;
        }
        let (Some(beside), Some(alone)) = (beside.value(), alone.value()) else {
            // Too few looks while it works, or while it does not: it makes room for the rarer kind.
            self.duty =
                if beside.weight < alone.weight { (self.duty * 1.2).min(0.5) } else { (self.duty * 0.8).max(LEAST) };
            return Some("how much it slows others down is being measured".to_owned());
        };
        let longer = beside / alone.max(NOBODY) - 1.0;
        let load = longer / HARM;
        let told = Some(format!("sessions of others take {:.0} % longer beside it", longer.max(0.0) * 100.0));
        if load < GROW {
            self.duty = (self.duty + 0.05).min(0.9);
            if self.duty >= 0.9 {
                self.grow();
            }
            return None;
        }
        self.calm = 0;
        if load >= 1.0 {
            self.duty = (self.duty * 0.5).max(LEAST);
            self.workers = 1;
        } else if load >= SHRINK {
            self.duty = (self.duty * 0.8).max(LEAST);
            self.workers = self.workers.saturating_sub(1).max(1);
        }
        told
    }

    /// Another worker, when there was no harm for a while.
    fn grow(&mut self) {
        self.calm += 1;
        if self.calm >= CALM && self.workers < self.most {
            self.workers += 1;
            self.calm = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(zones: &mut Zones, count: u32, beside: u64, alone: u64) {
        for _ in 0..count {
            for _ in 0..10 {
                zones.saw(beside, true);
                zones.saw(alone, false);
            }
            zones.tick();
        }
    }

    #[test]
    fn where_nobody_is_there_it_works_all_the_time_and_with_all_workers() {
        let mut zones = Zones::new(3);
        ticks(&mut zones, 1, 0, 0);
        assert_eq!(zones.duty, 1.0);
        ticks(&mut zones, 10, 0, 0);
        assert_eq!(zones.workers, 3);
    }

    #[test]
    fn where_others_are_not_slowed_down_it_grows_step_by_step_and_leaves_room_to_compare() {
        let mut zones = Zones::new(2);
        ticks(&mut zones, 3, 10, 10);
        assert!(zones.duty > 0.3 && zones.duty < 0.5, "{zones:?}");
        ticks(&mut zones, 30, 10, 10);
        assert_eq!((zones.duty, zones.workers), (0.9, 2));
    }

    #[test]
    fn where_others_take_much_longer_it_shrinks_at_once_and_recovers_slowly() {
        let mut zones = Zones::new(2);
        ticks(&mut zones, 40, 10, 10);
        ticks(&mut zones, 6, 40, 10);
        assert!(zones.duty < 0.1 && zones.workers == 1, "{zones:?}");
        let low = zones.duty;
        ticks(&mut zones, 12, 10, 10);
        assert!(zones.duty > low && zones.duty < 0.9, "{zones:?}");
    }

    #[test]
    fn without_looks_on_both_sides_nothing_is_compared() {
        let mut zones = Zones::new(2);
        for _ in 0..40 {
            zones.saw(50, true);
        }
        assert!(zones.tick().is_some());
        assert!(zones.duty < 0.25 && zones.duty > 0.1, "{zones:?}");
    }
}
