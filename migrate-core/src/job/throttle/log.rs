//! How much of the time a job works, for the sake of the write-ahead log.
//!
//! What a job does to others by way of the log comes later than its batches, and is no greater beside one than without: the
//! comparison of [`courtesy`](super::courtesy) does not see it. Two signals do.
//!
//! A checkpoint that the server was asked for, in place of one whose time has come: most of them are made because
//! `max_wal_size` is reached. After each of them every page that anybody changes goes whole into the log once more. The
//! share of the time is halved with each and doubles again within a minute, so that they come a minute apart on the
//! whole: PostgreSQL itself warns where they come within `checkpoint_warning`, 30 s. Where nobody else is at work nobody
//! pays for them, and they are left alone.
//!
//! The rate at which the whole server writes, where there is a limit to it. Whoever sets one knows of something that the
//! server does not, as the line to a standby: there it holds whoever is at work. The rate is taken to follow the share of
//! the time, so that this goes half of the way, in proportions, to where the limit would be met: with each look the rest
//! is less than a half, and what others write besides makes it slower, not unstable.

use std::time::{Duration, Instant};

use super::courtesy::LEAST;

/// In this time the share doubles, where no checkpoint was asked for.
const DOUBLES: Duration = Duration::from_secs(60);

/// The least share for a limit of the rate: others may write as much without us, and the job is to come to its end.
const SLOWEST: f64 = 0.01;

/// The share that it begins with where there is a limit: how fast the server can write shows only then, and the limit is to hold
/// from the start.
const FIRST: f64 = 0.03;

/// How much the share may change from one look to the next, for the rate.
const STEP: (f64, f64) = (0.5, 1.25);

/// What the server has done with its log since it was made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// Bytes.
    pub(super) bytes: u64,
    /// Checkpoints that it was asked for, where that was looked at.
    pub(super) requested: Option<u64>,
}

/// The law.
#[derive(Debug)]
pub(super) struct Log {
    /// Bytes in a second that the server may write.
    most: Option<f64>,
    before: Option<(Instant, Written)>,
    /// Bytes in a second, at the last look.
    rate: f64,
    for_rate: f64,
    for_checkpoints: f64,
}

impl Log {
    pub(super) fn new(most: Option<u64>) -> Log {
        Log {
            most: most.map(|most| most as f64),
            before: None,
            rate: 0.0,
            for_rate: if most.is_some() { FIRST } else { 1.0 },
            for_checkpoints: 1.0,
        }
    }

    /// One look; `duty` is the share of the time since the one before, and `is_alone` where nobody else is at work.
    pub(super) fn saw(&mut self, now: Instant, written: Written, duty: f64, is_alone: bool) {
        let Some((at, before)) = self.before.replace((now, written)) else { return };
        let seconds = now.duration_since(at).as_secs_f64().max(1e-3);
        let is_asked = before.requested.is_some_and(|before| written.requested.is_some_and(|now| now > before));
        self.for_checkpoints = if is_alone {
            1.0
        } else if is_asked {
            (self.for_checkpoints.min(duty) / 2.0).max(LEAST)
        } else {
            (self.for_checkpoints * (seconds / DOUBLES.as_secs_f64()).exp2()).min(1.0)
        };
        self.rate = written.bytes.saturating_sub(before.bytes) as f64 / seconds;
        if let Some(most) = self.most {
            let change = (most / self.rate.max(1.0)).sqrt().clamp(STEP.0, STEP.1);
            // From where it is, and not from where nothing has kept it.
            let from = if change < 1.0 { self.for_rate.min(duty) } else { self.for_rate };
            self.for_rate = (from * change).clamp(SLOWEST, 1.0);
        }
    }

    /// The greatest share of the time, and why it is no more.
    pub(super) fn most(&self) -> (f64, Option<String>) {
        match self.most {
            Some(most) if self.for_rate < self.for_checkpoints => {
                let mb = |bytes: f64| bytes / 1e6;
                let why = format!(
                    "the server writes {:.1} MB/s of write-ahead log, and {:.1} are allowed",
                    mb(self.rate),
                    mb(most)
                );
                (self.for_rate, Some(why))
            }
            _ if self.for_checkpoints < 1.0 => {
                let why = "checkpoints come before their time, for the write-ahead log that is written \
                           (fewer with a greater max_wal_size)";
                (self.for_checkpoints, Some(why.to_owned()))
            }
            _ => (1.0, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds in which the server writes so many bytes and checkpoints are asked for.
    fn second(log: &mut Log, clock: &mut (Instant, Written), bytes: u64, asked: u64, is_alone: bool) {
        clock.0 += Duration::from_secs(1);
        clock.1.bytes += bytes;
        clock.1.requested = clock.1.requested.map(|before| before + asked);
        let duty = log.most().0.min(0.8);
        log.saw(clock.0, clock.1, duty, is_alone);
    }

    fn begun(most: Option<u64>) -> (Log, (Instant, Written)) {
        let (mut log, now) = (Log::new(most), Instant::now());
        let written = Written { bytes: 1 << 40, requested: Some(7) };
        log.saw(now, written, 0.8, false);
        (log, (now, written))
    }

    #[test]
    fn checkpoints_that_are_asked_for_halve_the_share_and_a_minute_without_one_doubles_it() {
        let (mut log, mut clock) = begun(None);
        second(&mut log, &mut clock, 0, 0, false);
        assert_eq!(log.most(), (1.0, None));
        second(&mut log, &mut clock, 0, 1, false);
        let (share, why) = log.most();
        assert!(share == 0.4 && why.is_some_and(|why| why.contains("max_wal_size")), "{log:?}");
        for _ in 0..30 {
            second(&mut log, &mut clock, 0, 0, false);
        }
        second(&mut log, &mut clock, 0, 1, false);
        assert!((log.most().0 - 0.4 * 0.5_f64.sqrt()).abs() < 0.01, "{log:?}");
        for _ in 0..60 {
            second(&mut log, &mut clock, 0, 0, false);
        }
        assert!((log.most().0 - 0.8 * 0.5_f64.sqrt()).abs() < 0.01, "{log:?}");
        for _ in 0..20 {
            second(&mut log, &mut clock, 0, 1, false);
        }
        assert_eq!(log.most().0, LEAST);
    }

    #[test]
    fn they_are_left_alone_where_nobody_pays_for_them_and_where_they_are_not_counted() {
        let (mut log, mut clock) = begun(None);
        second(&mut log, &mut clock, 0, 5, true);
        assert_eq!(log.most(), (1.0, None));
        // The statistics were reset.
        clock.1.requested = Some(0);
        second(&mut log, &mut clock, 0, 0, false);
        clock.1.requested = None;
        second(&mut log, &mut clock, 0, 0, false);
        assert_eq!(log.most(), (1.0, None));
    }

    #[test]
    fn the_rate_comes_to_its_limit_and_stays_there() {
        let (mut log, mut clock) = begun(Some(10_000_000));
        assert_eq!(log.most().0, FIRST);
        let mut rates = Vec::new();
        for _ in 0..30 {
            // 40 MB/s of ours at most, and 2 of others.
            let rate = 40e6 * log.most().0.min(0.8) + 2e6;
            rates.push(rate);
            second(&mut log, &mut clock, rate as u64, 0, false);
        }
        assert!(rates.iter().all(|rate| *rate < 10.5e6), "{rates:?}");
        assert!(rates[15..].iter().all(|rate| 9.5e6 < *rate), "{rates:?}");
        assert!(log.most().1.is_some_and(|why| why.contains("10.0 MB/s of write-ahead log, and 10.0 are allowed")));
    }

    #[test]
    fn where_others_write_more_than_is_allowed_it_goes_on_slowly() {
        let (mut log, mut clock) = begun(Some(10_000_000));
        for _ in 0..30 {
            second(&mut log, &mut clock, 30_000_000, 0, true);
        }
        assert_eq!(log.most().0, SLOWEST);
    }
}
