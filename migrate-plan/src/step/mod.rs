//! What the runner does, step by step.
//!
//! A step keeps its SQL; what follows from its kind and its table is computed: its name, the sentence
//! for people, its locks, and how its result is seen in the catalog.

mod kind;
mod lock;
mod probe;
mod statements;

pub use kind::StepKind;
pub use lock::{Held, Lock, LockMode};

use crate::plan::{Side, Text};

/// One thing the runner does inside a phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// The table it works on, by its place in [`Planned::tables`](crate::Planned::tables). A switch concerns them all.
    pub table: usize,
    /// How it is done.
    pub work: Work,
    /// How it is undone.
    pub undo: Work,
}

impl Step {
    /// Whether it happens whole or not at all in one transaction. A step that is not transactional can
    /// be ended at any instant and run again: its journal entry comes before it, and its probe after.
    pub fn is_transactional(&self) -> bool {
        matches!(self.work, Work::Nothing | Work::Transaction { .. } | Work::Authority(_))
    }
}

/// How a step is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Nothing is left to do: undone together with an earlier step.
    Nothing,
    /// One transaction on one table, under that table's lock; what the statements need of the sync
    /// triggers is done where [`SyncChange`] says.
    Transaction {
        /// The table that is locked first, by its place in [`Planned::tables`](crate::Planned::tables).
        table: usize,
        /// The lock taken before anything else.
        lock: LockMode,
        /// What becomes of the sync function and triggers.
        sync: SyncChange,
        /// The statements.
        statements: Vec<Text>,
    },
    /// One statement outside any transaction block, with no timeout: it blocks neither reads nor writes.
    Statement(Text),
    /// Fills the new columns of a table, in batches.
    Backfill {
        /// The table, by its place in [`Planned::tables`](crate::Planned::tables).
        table: usize,
    },
    /// Compares both sides of every row of a table.
    Verify {
        /// The table, by its place in [`Planned::tables`](crate::Planned::tables).
        table: usize,
    },
    /// Changes the side that wins, on all tables of the plan, in one transaction and without a table lock.
    Authority(Side),
}

/// What a step does with the sync of its table, in the same transaction as its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncChange {
    /// Nothing.
    Keep,
    /// After the statements the plan's lenses join the sync.
    Install,
    /// After the statements the sync is strict: what `up` cannot convert is refused, since no empty new
    /// column would be filled any more, and the triggers know no backfill.
    Tighten,
    /// After the statements the sync is lenient again, as after [`Install`](SyncChange::Install).
    Loosen,
    /// Before the statements the plan's lenses leave the sync.
    Remove,
    /// After the statements the sync finds the old columns under their retired names.
    Retire,
    /// After the statements the sync finds the old columns under their own names again.
    Unretire,
}

impl SyncChange {
    /// The word for it in the journal.
    pub const fn as_str(self) -> &'static str {
        match self {
            SyncChange::Keep => "keep",
            SyncChange::Install => "install",
            SyncChange::Tighten => "tighten",
            SyncChange::Loosen => "loosen",
            SyncChange::Remove => "remove",
            SyncChange::Retire => "retire",
            SyncChange::Unretire => "unretire",
        }
    }
}
