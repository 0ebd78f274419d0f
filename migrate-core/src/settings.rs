//! What can be set, and why it is set as it is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Answers why a job must stand still, or that it need not.
pub type HoldWhile = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Settings of a [`Migrator`](crate::Migrator). The defaults come from measurements on PostgreSQL 15;
/// each says from which.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// How long the new side must have been in use before the old columns are retired, and the retired
    /// columns untouched before they are dropped. Default: 1 hour.
    pub soak: Duration,
    /// How long a lock is tried for before a step gives up: behind old transactions, a vacuum that must not be
    /// cancelled, queries on a standby. Default: 30 minutes.
    pub lock_deadline: Duration,
    /// The longest time for which an application's statement may wait behind a lock request of ours.
    /// Default: 100 ms; with `lock_timeout` at 100 ms the worst latency seen was 108 ms, with 500 ms 507.
    pub stall_budget: Duration,
    /// Connection strings of the hot standbys, each to the database that is migrated. An `ACCESS EXCLUSIVE`
    /// lock is replayed on a standby, where it waits for the queries on the table, stops the replay of
    /// everything, and cancels them in the end. So a standby named here is looked at before, and its transactions
    /// older than the stall budget are waited for. One that cannot be asked is reported and no lock waits for
    /// it: it may be gone for good. A job does stand still for it, see [`replica_lag`](Self::replica_lag). Leave out a standby whose queries may be
    /// cancelled. Default: none.
    pub replicas: Vec<String>,
    /// How many sessions a backfill or a verification may use at most, each in its own part of the table. The load of the
    /// database decides how many of them it does use. More than one needs another connection: a service and the
    /// command line open it, [`run`](crate::Migrator::run) on a caller's connection uses that one alone. Default: 1.
    /// Measured on two cores that nobody else used: two filled 1.5 times the rows of one with no index but the primary key's,
    /// and 1.4 times with three more.
    pub workers: u32,
    /// Whether jobs follow the load of the database: they work a smaller share of the time where they slow the others down, and
    /// where the server makes checkpoints before their time while others are at work.
    /// Off, they go as fast as they can, and only [`wal_rate`](Self::wal_rate) and the stops hold them: lag, slots, the
    /// archiver, connections, an operator, [`hold_while`](Self::hold_while). Default: true.
    pub follow_load: bool,
    /// Bytes of write-ahead log that the server may write in a second, with all that others do: jobs work a smaller share of
    /// the time above it. Default: none. What the log does harm to is looked at by itself: the lag of standbys, slots, the
    /// archiver, checkpoints that come before their time. A limit is for what the server cannot see, as a line to a standby
    /// or to the archive that others share; one learned from the rates of the past would hold a job where nobody needs it to.
    pub wal_rate: Option<u64>,
    /// The lag of a replica at which a job stands still; it goes on at half of it. Measured on each of
    /// [`replicas`](Self::replicas) by a row that the leader writes and looks for there; one that cannot be asked lags
    /// from then on, until it is back or the job's limit is [`Duration::MAX`], which is none. For standbys that are not named, what `pg_stat_replication` shows. Default: 5 s.
    pub replica_lag: Duration,
    /// Asked once a second whether a job must stand still; answers why: little space is left on the disk, a queue is
    /// long, it is the hour of the day's traffic. Default: none.
    pub hold_while: Option<HoldWhile>,
    /// How long a job stands still before the run gives up and says why. Default: 30 minutes.
    pub hold_deadline: Duration,
    /// How long a batch should last. Default: 50 ms; batches of seconds stall writers and are no faster.
    pub batch_target: Duration,
    /// How long another runner at work is waited for. Default: 30 s.
    pub leader_wait: Duration,
    /// How long rows that other transactions hold locked are waited for at the end of a backfill.
    /// Default: 60 s.
    pub row_wait: Duration,
    /// How many failing rows a backfill records before it stops. Default: 1000.
    pub failed_rows: u32,
    /// Whether the state keeps, with each failing row, what the conversion reads of it, and with each row whose sides
    /// disagree both of them: it may be personal data. It is in no log and no event, and only the role that migrates may
    /// read it. Without it PostgreSQL's message, which quotes values, is kept neither; the key is always kept. Default: true.
    pub keep_values: bool,
    /// How long [`start`](crate::Migrator::start) waits for the schema to serve the build. Default: 60 s.
    pub start_budget: Duration,
    /// How often an instance says that it lives. Default: 5 s.
    pub beat: Duration,
    /// After this long without a beat an instance is suspect, and at two thirds of it it fences itself. Default: 30 s.
    pub lease: Duration,
    /// How long a suspect instance of which nothing else is left is still waited for. Default: 60 s, for requests and jobs
    /// that are being worked off.
    pub grace: Duration,
    /// How often something that is waited for is looked at: a gate, the leader's seat. Default: 1 s.
    pub poll: Duration,
    /// Whether a [`Service`](crate::Service) may do steps itself, or leaves them to other instances. Default: true.
    pub may_lead: bool,
    /// After this long without a beat another instance takes the lead. Default: 10 s; the leader beats every [`poll`](Self::poll).
    pub leader_lease: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            soak: Duration::from_secs(3600),
            lock_deadline: Duration::from_secs(1800),
            stall_budget: Duration::from_millis(100),
            replicas: Vec::new(),
            workers: 1,
            follow_load: true,
            wal_rate: None,
            replica_lag: Duration::from_secs(5),
            hold_while: None,
            hold_deadline: Duration::from_secs(1800),
            batch_target: Duration::from_millis(50),
            leader_wait: Duration::from_secs(30),
            row_wait: Duration::from_secs(60),
            failed_rows: 1000,
            keep_values: true,
            start_budget: Duration::from_secs(60),
            beat: Duration::from_secs(5),
            lease: Duration::from_secs(30),
            grace: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            may_lead: true,
            leader_lease: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// For development, tests and previews, where nothing that is old needs to be waited for: plans go from nothing to the
    /// end of their stages in one go.
    ///
    /// Soak and grace are zero; an instance and a leader beat often and are given up soon, so that a process that was
    /// killed keeps contract from nobody for more than three seconds; what is waited for is looked at ten times a second;
    /// and jobs go as fast as they can.
    ///
    /// Gates that protect data stay: rows that do not convert, sides that disagree, objects on an old column, and instances
    /// that live and may use it close contract as they do anywhere. So does the lock protocol. Not for production: without
    /// a soak there is no time in which the old side can be had back.
    #[must_use]
    pub fn without_waits() -> Settings {
        Settings {
            soak: Duration::ZERO,
            grace: Duration::ZERO,
            lease: Duration::from_secs(3),
            beat: Duration::from_millis(500),
            leader_lease: Duration::from_secs(2),
            poll: Duration::from_millis(100),
            follow_load: false,
            ..Settings::default()
        }
    }
}

/// Leaves out the connection strings, which may hold passwords, and what has no text.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("soak", &self.soak)
            .field("lock_deadline", &self.lock_deadline)
            .field("stall_budget", &self.stall_budget)
            .field("replicas", &self.replicas.len())
            .field("workers", &self.workers)
            .field("follow_load", &self.follow_load)
            .field("wal_rate", &self.wal_rate)
            .field("replica_lag", &self.replica_lag)
            .field("hold_deadline", &self.hold_deadline)
            .field("batch_target", &self.batch_target)
            .field("leader_wait", &self.leader_wait)
            .field("row_wait", &self.row_wait)
            .field("failed_rows", &self.failed_rows)
            .field("keep_values", &self.keep_values)
            .field("start_budget", &self.start_budget)
            .field("beat", &self.beat)
            .field("lease", &self.lease)
            .field("grace", &self.grace)
            .field("poll", &self.poll)
            .field("may_lead", &self.may_lead)
            .field("leader_lease", &self.leader_lease)
            .finish_non_exhaustive()
    }
}
