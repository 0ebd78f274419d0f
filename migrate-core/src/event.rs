//! What the runner tells while it works.

use std::time::Duration;

use migrate_plan::{LockMode, Phase};

use crate::blocker::Blocker;
use crate::closed::Closed;

/// One thing that happened, for progress bars, logs and tests. The same goes to `tracing`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step begins.
    StepStarted {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// Its phase.
        phase: Phase,
    },
    /// A transaction of a step is about to commit. Where it needs a table lock, that is taken after this, in the message
    /// with which it commits: nobody waits for what an observer does here.
    Committing {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
    },
    /// A step is done, or undone.
    StepDone {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// How long it took.
        took: Duration,
    },
    /// A table lock is waited for, without standing in the queue for it.
    LockWaited {
        /// The table.
        table: &'a str,
        /// The mode.
        mode: LockMode,
        /// How long so far.
        waited: Duration,
        /// Who holds the table.
        blockers: &'a [Blocker],
    },
    /// A table lock was had, and let go with the transaction.
    LockHeld {
        /// The table.
        table: &'a str,
        /// The mode.
        mode: LockMode,
        /// How often it was tried.
        tries: u32,
        /// From the first try until it was had.
        waited: Duration,
        /// From then until the commit.
        held: Duration,
        /// Who held the table for longer than a moment in the meantime.
        blockers: &'a [Blocker],
    },
    /// Autovacuum was cancelled, because it would not have made way by itself. It comes back to the table
    /// later.
    AutovacuumCancelled {
        /// The table.
        table: &'a str,
        /// The worker.
        worker: &'a Blocker,
    },
    /// A standby could not be asked for its queries, and is not waited for.
    ReplicaUnknown {
        /// Its host and port.
        replica: &'a str,
        /// Why not.
        reason: &'a str,
    },
    /// A statement outside a transaction, which waits without a time limit, is blocked. Told once a second
    /// where the runner has a second connection to see it with.
    StatementBlocked {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// How long the statement runs.
        waited: Duration,
        /// Whom it waits for.
        blockers: &'a [Blocker],
        /// Who waits for it.
        behind: &'a [Blocker],
    },
    /// A batch of a backfill or a verification has committed.
    Batch {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// Heap blocks done, of this table and its partitions.
        blocks_done: u64,
        /// Heap blocks there were at the start.
        blocks: u64,
        /// Rows filled, or compared, by this batch.
        rows: u64,
        /// Row versions that it wrote: counted where a table is filled in several passes, and `track_counts` is on.
        updates: u64,
        /// Those of them that found room in the block of the old one, and needed no index entry.
        hot_updates: u64,
        /// How long it took.
        took: Duration,
    },
    /// A backfill goes on in one pass over the table instead of many: the table grows more, and each index takes part in every
    /// row. Many passes come back by themselves where they promise to be of use again.
    OnePass {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// The share of updates that stayed in their block; `None` where it was not tried.
        hot_share: Option<f64>,
        /// The oldest transaction that keeps old row versions from making room, where that is known to be why.
        holder: Option<&'a Blocker>,
    },
    /// A job stands still.
    JobHeld {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// What for.
        reason: &'a str,
    },
    /// A job that stood still goes on.
    JobResumed {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// How long it stood still.
        held: Duration,
    },
    /// A job works with more or fewer sessions, or a greater or smaller share of the time.
    JobPaced {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// The sessions.
        workers: u32,
        /// The share of the time in which each of them works, above 0 and at most 1.
        duty: f64,
        /// What holds it back, where anything does.
        limited_by: Option<&'a str>,
    },
    /// A batch is tried again, because PostgreSQL ended it for a passing reason.
    Retried {
        /// The plan.
        plan: &'a str,
        /// The step.
        step: &'a str,
        /// The SQLSTATE; `connection` where there is none.
        sqlstate: &'a str,
        /// The reason, with its SQLSTATE.
        reason: &'a str,
    },
    /// Everything that can be done for a plan now is done.
    Rested {
        /// The plan.
        plan: &'a str,
        /// What keeps it from going on to its stage; nothing where it is there.
        closed: &'a [Closed],
    },
    /// This process leads now.
    LeadTaken,
    /// This process leads no more.
    LeadGiven,
    /// A leader that was not heard of for too long had its session ended by this instance.
    Deposed {
        /// The backend's process.
        pid: i32,
    },
    /// The database has not been reached for two thirds of the lease: this instance is not ready any more.
    Fenced {
        /// How long it was not heard of.
        silent: Duration,
    },
    /// The database is heard of again.
    Unfenced,
}
