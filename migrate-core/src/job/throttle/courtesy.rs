//! How much of the time a job works, in batches how long and with how many sessions, beside the sessions of others.
//!
//! The one load that counts is the harm done to them, and it is measured as such: how many of them are at work at a time, while
//! a batch runs and while none does. At the same rate of requests their number grows as each takes longer (Little's law),
//! whatever it waits for: a core, the disk, the log. So no size of the machine needs to be known. A job that makes their
//! requests take a share s longer in a share d of the time makes them take d·s longer on the whole, and that is kept to
//! a budget. Where nobody else is at work, there is nobody to slow down.
//!
//! A look sees a few sessions or none, and varies by as much as it sees: of 30 looks at light traffic the average is right to a
//! third, so that harm of a third is seen where there is none. Therefore looks are remembered for a while, and a
//! difference counts only as far as it stands out from what chance makes of so many looks: not at all up to [`CHANCE`] standard
//! errors, and in full far above (`1 − (chance / difference)²`, the positive part of James and Stein's estimator, which has no
//! edge at which the share of the time would jump). Where no harm stands out the share of the time grows, and with it the looks
//! beside a batch: harm that is great is seen in a few of them, and harm that takes long to be seen is little.
//!
//! Averages do not see all: the slowest requests are slowed down first, what waits for a connection of a pool is in no session,
//! and applications may share the machine. So the more of others is at work, the smaller the share is at the most: half of the
//! time beside light traffic, a tenth beside a session and more ([`BESIDE_ONE`]).

use std::time::Duration;

/// The share of the time to begin with.
pub(super) const FIRST_DUTY: f64 = 0.1;

/// How much longer others may take on the whole.
const BUDGET: f64 = 0.05;

/// Who works alone does until so many sessions of others are at work on average.
const SOMEBODY: f64 = 0.1;

/// Harm is measured by the work of others, taken for as much as this at least.
const LITTLE: f64 = 0.05;

/// The least and the greatest share of the time beside others: it must be seen what they do with it and without it, and what
/// waits for a batch must be done before the next one comes, or nothing of it is seen between the two.
pub(super) const LEAST: f64 = 0.05;
const MOST: f64 = 0.5;

/// The greatest share beside one session at work on average, or more; beside half of one it is twice as much.
const BESIDE_ONE: f64 = 0.1;

/// How fast the share grows, from one decision to the next. It shrinks at once.
const GROWTH: f64 = 1.5;

/// New looks on either side that a decision needs. At the first share of the time they take two seconds, and four decisions
/// lead from there to the greatest.
const ENOUGH: f64 = 8.0;

/// What is left of what was seen, from one second to the next: half of it after ten.
const MEMORY: f64 = 0.933;

/// Standard errors that a difference must exceed to count. By chance alone one of 15 does, and then counts little.
const CHANCE: f64 = 1.5;

/// The same where only the looks since the last decision count.
const SUDDEN: f64 = 3.0;

/// Looks that tell whether anybody is there.
const FEW: f64 = 20.0;

/// How long a batch lasts beside others: what waits for a core, or for the log, waits for one batch at most.
const SHORT: Duration = Duration::from_millis(10);

/// Decisions at the greatest share before another worker comes.
const CALM: u32 = 3;

/// What was seen, the older the less.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    looks: f64,
    sum: f64,
    squares: f64,
}

impl Seen {
    fn add(&mut self, value: u64) {
        let value = value as f64;
        self.looks += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn fade(&mut self) {
        self.looks *= MEMORY;
        self.sum *= MEMORY;
        self.squares *= MEMORY;
    }

    fn mean(&self) -> f64 {
        self.sum / self.looks.max(1.0)
    }

    /// The squared deviations from the mean, added up.
    fn deviations(&self) -> f64 {
        (self.squares - self.sum * self.mean()).max(0.0)
    }
}

/// Sessions of others at work, while a batch runs and while none does.
#[derive(Clone, Copy, Debug, Default)]
struct Sides {
    beside: Seen,
    without: Seen,
}

impl Sides {
    fn add(&mut self, others: u64, beside_a_batch: bool) {
        let side = if beside_a_batch { &mut self.beside } else { &mut self.without };
        side.add(others);
    }

    fn fade(&mut self) {
        self.beside.fade();
        self.without.fade();
    }

    /// How much longer others take while a batch runs, as far as that stands out from chance by more than so many standard
    /// errors.
    fn harm(&self, chance: f64) -> f64 {
        let Sides { beside, without } = self;
        let more = beside.mean() - without.mean();
        if more <= 0.0 {
            return 0.0;
        }
        let deviations = beside.deviations() + without.deviations();
        let variance = deviations / (beside.looks + without.looks - 2.0).max(1.0);
        let error = variance * (1.0 / beside.looks.max(1.0) + 1.0 / without.looks.max(1.0));
        let trusted = (1.0 - chance * chance * error / (more * more)).max(0.0);
        trusted * more / without.mean().max(LITTLE)
    }
}

/// The law.
#[derive(Debug)]
pub(super) struct Courtesy {
    pub(super) duty: f64,
    pub(super) workers: u32,
    most_workers: u32,
    /// Whether there is nobody to slow down.
    pub(super) is_alone: bool,
    /// What is remembered, what came since the last decision, and what since the last tick that saw enough.
    known: Sides,
    new: Sides,
    lately: Seen,
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
            known: Sides::default(),
            new: Sides::default(),
            lately: Seen::default(),
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
        self.known.add(others, beside_a_batch);
        self.new.add(others, beside_a_batch);
        self.lately.add(others);
    }

    /// Decides, once a second; answers what holds the job back.
    pub(super) fn tick(&mut self) -> Option<String> {
        if self.lately.looks < FEW {
            return self.reason.clone();
        }
        let lately = std::mem::take(&mut self.lately);
        if lately.sum == 0.0 || self.is_alone && lately.mean() < SOMEBODY {
            self.forget();
            self.is_alone = true;
            self.duty = 1.0;
            self.reason = None;
            self.calm();
        } else if self.is_alone {
            // Somebody has come.
            self.forget();
            self.is_alone = false;
            self.duty = FIRST_DUTY;
            self.workers = 1;
            self.reason = Some(MEASURING.to_owned());
        } else if self.new.beside.looks >= ENOUGH && self.new.without.looks >= ENOUGH {
            self.decide();
        }
        self.known.fade();
        self.reason.clone()
    }

    fn forget(&mut self) {
        (self.known, self.new) = (Sides::default(), Sides::default());
    }

    fn decide(&mut self) {
        // Of all its workers together: with fewer of them the same share does less. What is remembered hides for a while what
        // came suddenly.
        let longer = self.known.harm(CHANCE).max(std::mem::take(&mut self.new).harm(SUDDEN));
        let most = (BESIDE_ONE / self.known.without.mean().max(LITTLE)).clamp(BESIDE_ONE, MOST);
        let harmless = BUDGET / longer.max(BUDGET / 10.0);
        let allowed = harmless.clamp(LEAST, most);
        if allowed < self.duty {
            self.duty = allowed;
            self.calm = 0;
            self.workers = 1;
        } else {
            self.duty = allowed.min(self.duty * GROWTH);
        }
        if self.duty >= most {
            self.calm();
        }
        self.reason = Some(if harmless < most {
            format!("what others do takes {:.0} % longer while a batch runs", longer * 100.0)
        } else if self.duty < most {
            MEASURING.to_owned()
        } else {
            "others are at work".to_owned()
        });
    }

    /// Another worker, when there was no harm for a while.
    fn calm(&mut self) {
        self.calm += 1;
        if self.calm >= CALM && self.workers < self.most_workers {
            self.workers += 1;
            self.calm = 0;
            // One batch at a time says nothing of two.
            self.forget();
        }
    }
}

/// The reason while no harm was found yet, and the greatest share of the time is not reached.
const MEASURING: &str = "others are at work, and it is being found out what a batch does to them";

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Duration = Duration::from_millis(50);

    /// Seconds, each with as many looks as there are in one, spread over both sides by the share of the time.
    fn ticks(courtesy: &mut Courtesy, count: u32, mut beside: impl FnMut() -> u64, mut without: impl FnMut() -> u64) {
        for _ in 0..count {
            let looks = (LOOKS * courtesy.duty).round();
            (0..looks as u32).for_each(|_| courtesy.saw(beside(), true));
            (0..(LOOKS - looks) as u32).for_each(|_| courtesy.saw(without(), false));
            courtesy.tick();
        }
    }

    /// Looks in a second.
    const LOOKS: f64 = 40.0;

    /// One session in five looks, whether a batch runs or not.
    fn light(courtesy: &mut Courtesy, count: u32) {
        let (mut one, mut other) = (0, 2);
        let turn = |looks: &mut u64| {
            *looks += 1;
            u64::from(looks.is_multiple_of(5))
        };
        ticks(courtesy, count, || turn(&mut one), || turn(&mut other));
    }

    fn steady(courtesy: &mut Courtesy, count: u32, beside: u64, without: u64) {
        ticks(courtesy, count, || beside, || without);
    }

    /// So many sessions at work on average, each by itself (Poisson; the method is Knuth's).
    fn chance(random: &mut fastrand::Rng, mean: f64) -> u64 {
        let (least, mut product, mut count) = ((-mean).exp(), random.f64(), 0);
        while product > least {
            product *= random.f64();
            count += 1;
        }
        count
    }

    /// The average share of the time in the minute after the first ten seconds, over many jobs, beside traffic of this much, and
    /// that many times as much while a batch runs; and the share that it had after ten seconds.
    fn shares(traffic: f64, times: f64) -> (f64, f64) {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut all, mut first) = (0.0, 0.0);
        for _ in 0..100 {
            let mut courtesy = Courtesy::new(1);
            let mut other = random.fork();
            for second in 0..70 {
                ticks(&mut courtesy, 1, || chance(&mut random, traffic * times), || chance(&mut other, traffic));
                if second == 9 {
                    first += courtesy.duty / 100.0;
                } else if second > 9 {
                    all += courtesy.duty / 100.0 / 60.0;
                }
            }
        }
        (all, first)
    }

    #[test]
    fn where_nobody_is_there_it_works_all_the_time_in_full_batches_and_with_all_workers() {
        let mut courtesy = Courtesy::new(3);
        assert_eq!(courtesy.batch(FULL), SHORT);
        steady(&mut courtesy, 1, 0, 0);
        assert_eq!((courtesy.duty, courtesy.batch(FULL)), (1.0, FULL));
        steady(&mut courtesy, 10, 0, 0);
        assert_eq!(courtesy.workers, 3);
    }

    #[test]
    fn where_others_are_not_slowed_down_it_grows_step_by_step_and_leaves_room_to_compare() {
        let mut courtesy = Courtesy::new(2);
        light(&mut courtesy, 4);
        assert!(courtesy.duty > 0.1 && courtesy.duty < 0.3, "{courtesy:?}");
        light(&mut courtesy, 60);
        assert_eq!((courtesy.duty, courtesy.workers, courtesy.batch(FULL)), (MOST, 2, SHORT));
    }

    #[test]
    fn the_more_others_do_the_less_it_takes_where_no_harm_is_seen() {
        let mut courtesy = Courtesy::new(2);
        steady(&mut courtesy, 30, 1, 1);
        assert_eq!((courtesy.duty, courtesy.reason.as_deref()), (BESIDE_ONE, Some("others are at work")));
        light(&mut courtesy, 90);
        assert_eq!(courtesy.duty, MOST);
    }

    #[test]
    fn what_others_lose_on_the_whole_stays_within_the_budget() {
        let mut courtesy = Courtesy::new(2);
        steady(&mut courtesy, 30, 9, 5);
        assert!((courtesy.duty * 0.8 - BUDGET).abs() < 1e-9 && courtesy.workers == 1, "{courtesy:?}");
        steady(&mut courtesy, 60, 100, 10);
        assert_eq!(courtesy.duty, LEAST);
        assert!(courtesy.tick().is_some_and(|reason| reason.contains("% longer")), "{courtesy:?}");
    }

    #[test]
    fn harm_that_comes_suddenly_is_seen_at_once() {
        let mut courtesy = Courtesy::new(2);
        light(&mut courtesy, 60);
        steady(&mut courtesy, 2, 4, 1);
        assert!(courtesy.duty < 0.1 && courtesy.workers == 1, "{courtesy:?}");
    }

    #[test]
    fn the_lighter_the_traffic_that_is_not_slowed_down_the_more_of_the_time_it_leaves() {
        for (traffic, soon, later) in [(0.2, 0.35, 0.4), (0.5, 0.15, 0.17), (2.0, 0.08, 0.09)] {
            let (all, first) = shares(traffic, 1.0);
            println!("{traffic} sessions, no harm: {first:.2} after 10 s, then {all:.2}");
            assert!(first > soon && all > later, "{traffic}: {first} and {all}");
        }
    }

    #[test]
    fn what_chance_hides_for_a_while_is_within_the_budget_soon() {
        for (traffic, times) in [(0.5, 2.0), (1.5, 1.5), (1.5, 2.0), (4.0, 1.3)] {
            let (all, first) = shares(traffic, times);
            let harm = all * (times - 1.0);
            println!(
                "{traffic} sessions, {times} times as long: {first:.2} after 10 s, then {all:.2}: {harm:.3} longer"
            );
            assert!(harm < 2.0 * BUDGET, "{traffic} {times}: {harm}");
        }
    }

    #[test]
    fn when_others_come_it_makes_room_at_once_and_when_they_go_it_takes_it() {
        let mut courtesy = Courtesy::new(2);
        steady(&mut courtesy, 10, 0, 0);
        for _ in 0..FEW as u32 {
            courtesy.saw(4, true);
        }
        courtesy.tick();
        assert_eq!((courtesy.duty, courtesy.workers, courtesy.batch(FULL)), (FIRST_DUTY, 1, SHORT));
        steady(&mut courtesy, 1, 0, 0);
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
