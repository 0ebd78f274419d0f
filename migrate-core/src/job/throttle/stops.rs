//! What a job stands still for. It goes on where the cause is well below the limit again, not right at it.

use std::time::Duration;

use super::replicas::Lag;
use super::signals::Signals;

/// Log that standbys which are not named may be behind: 256 MB.
const BEHIND: u64 = 256 << 20;

/// Log that a slot may keep where the server sets no limit: 10 GB.
const KEPT: u64 = 10 << 30;

/// Segments that may wait for the archiver.
const SEGMENTS: u64 = 32;

/// The share of the connections that may be taken.
const CONNECTIONS: f64 = 0.85;

/// What stops a job, in order of what an operator would look at first.
pub(super) struct Stops<'a> {
    pub(super) hook: Option<String>,
    pub(super) signals: &'a Signals,
    pub(super) replicas: &'a [Lag],
    pub(super) most_lag: Duration,
    /// Whether it stands still already.
    pub(super) is_held: bool,
}

impl Stops<'_> {
    /// The first reason to stand still.
    pub(super) fn reason(&self) -> Option<String> {
        self.hook
            .clone()
            .or_else(|| self.replicas())
            .or_else(|| self.standbys())
            .or_else(|| self.slot())
            .or_else(|| self.archiver())
            .or_else(|| self.connections())
            .or_else(|| self.vacuum())
    }

    /// What is allowed: half of it, for one that stands still.
    fn allowed(&self, limit: f64) -> f64 {
        if self.is_held { limit / 2.0 } else { limit }
    }

    fn most_lag(&self) -> f64 {
        self.allowed(self.most_lag.as_secs_f64())
    }

    fn replicas(&self) -> Option<String> {
        let far = |lag: &&Lag| lag.behind.is_none_or(|behind| behind.as_secs_f64() > self.most_lag());
        // Without a limit one that cannot be asked is none either.
        let lag = self.replicas.iter().filter(|_| self.most_lag < Duration::MAX).find(far)?;
        Some(match (&lag.trouble, lag.behind) {
            (Some(trouble), _) => format!("replica {} cannot be asked how far it is: {trouble}", lag.replica),
            (None, Some(behind)) => format!("replica {} is {:.1} s behind", lag.replica, behind.as_secs_f64()),
            (None, None) => format!("replica {} has not been asked yet", lag.replica),
        })
    }

    fn standbys(&self) -> Option<String> {
        let late = |lag: Option<Duration>| lag.is_some_and(|lag| lag.as_secs_f64() > self.most_lag());
        let far = |bytes: u64| self.most_lag < Duration::MAX && bytes as f64 > self.allowed(BEHIND as f64);
        let (name, lag, bytes) =
            self.signals.standbys.iter().find(|(_, lag, bytes)| far(*bytes) || late(*lag) && *bytes > 0)?;
        let lag = lag.map_or_else(String::new, |lag| format!(" and {:.1} s", lag.as_secs_f64()));
        Some(format!("standby {name} is {} MB{lag} behind", bytes >> 20))
    }

    fn slot(&self) -> Option<String> {
        let (slot, kept) = self.signals.slot.as_ref()?;
        let most = self.signals.most_kept.map_or(KEPT, |kept| kept / 2);
        (*kept as f64 > self.allowed(most as f64)).then(|| {
            format!(
                "replication slot \"{slot}\" keeps {} MB of the write-ahead log, and {} MB are allowed",
                kept >> 20,
                most >> 20
            )
        })
    }

    fn archiver(&self) -> Option<String> {
        let waiting = self.signals.archiver?.waiting;
        (waiting as f64 > self.allowed(SEGMENTS as f64))
            .then(|| format!("{waiting} segments of the write-ahead log wait for the archiver"))
    }

    fn connections(&self) -> Option<String> {
        let Signals { connections, most_connections: most, .. } = *self.signals;
        let share = connections as f64 / (most as f64).max(1.0);
        // Half of them would be too few to go on with.
        let allowed = if self.is_held { CONNECTIONS - 0.05 } else { CONNECTIONS };
        (share > allowed).then(|| format!("{connections} of {most} connections are taken"))
    }

    fn vacuum(&self) -> Option<String> {
        (self.signals.vacuum == Some(true)).then(|| "a vacuum against wraparound works on the table".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(signals: &Signals, replicas: &[Lag], is_held: bool) -> Option<String> {
        Stops { hook: None, signals, replicas, most_lag: Duration::from_secs(4), is_held }.reason()
    }

    fn lag(seconds: f64) -> Lag {
        Lag { replica: "db2:5432".to_owned(), behind: Some(Duration::from_secs_f64(seconds)), trouble: None }
    }

    fn calm() -> Signals {
        Signals { connections: 3, most_connections: 100, ..Signals::default() }
    }

    #[test]
    fn a_calm_database_stops_nothing() {
        assert_eq!(reason(&calm(), &[lag(3.9)], false), None);
    }

    #[test]
    fn a_job_that_stands_still_goes_on_at_half_of_the_limit() {
        assert_eq!(reason(&calm(), &[lag(4.1)], false).as_deref(), Some("replica db2:5432 is 4.1 s behind"));
        assert!(reason(&calm(), &[lag(2.1)], true).is_some());
        assert_eq!(reason(&calm(), &[lag(1.9)], true), None);
    }

    #[test]
    fn a_replica_that_was_never_reached_stops_it_too() {
        let unknown = Lag { behind: None, trouble: Some("refused".to_owned()), ..lag(0.0) };
        assert_eq!(
            reason(&calm(), &[unknown], false).as_deref(),
            Some("replica db2:5432 cannot be asked how far it is: refused")
        );
    }

    #[test]
    fn each_signal_stops_by_itself() {
        let slow = ("s".to_owned(), Some(Duration::from_secs(9)), 1);
        let far = ("s".to_owned(), None, BEHIND + 1);
        let stops = [
            Signals { standbys: vec![slow], ..calm() },
            Signals { standbys: vec![far], ..calm() },
            Signals { slot: Some(("a".to_owned(), KEPT + 1)), ..calm() },
            Signals { slot: Some(("a".to_owned(), 51)), most_kept: Some(100), ..calm() },
            Signals { archiver: Some(super::super::signals::Archiver { waiting: 33 }), ..calm() },
            Signals { connections: 86, ..calm() },
            Signals { vacuum: Some(true), ..calm() },
        ];
        for signals in stops {
            assert!(reason(&signals, &[], false).is_some(), "{signals:?}");
        }
        // One that is idle says how long ago its last answer was, not how far it is behind.
        let idle = ("s".to_owned(), Some(Duration::from_secs(9)), 0);
        assert_eq!(reason(&Signals { standbys: vec![idle], ..calm() }, &[], false), None);
    }
}
