//! A planned change: the data that the macro emits and the runtime executes.

use std::borrow::Cow;
use std::fmt;

use crate::ident::Qualified;
use crate::lens::Lens;

/// Text that is `static` when the macro emitted it.
pub type Text = Cow<'static, str>;

/// A list that is `static` when the macro emitted it.
pub type List<T> = Cow<'static, [T]>;

/// One schema change, planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its identity in the database, for ever.
    pub name: Text,
    /// What the build that holds it declares to be ready for.
    pub stage: Stage,
    /// The declaration in a form of its own, without comments, spacing and stage: two plans are the
    /// same change if and only if these texts are equal.
    pub declaration: Text,
    /// The functions of the user's own that its conversions call.
    pub functions: List<Routine>,
    /// The tables it changes.
    pub tables: List<Table>,
    /// What the runner does, in this order.
    pub steps: List<Step>,
}

/// A function that the plan expects in the database, immutable.
#[derive(Clone, Debug, PartialEq)]
pub struct Routine {
    /// The schema.
    pub schema: Text,
    /// The name.
    pub name: Text,
    /// The types it takes, as PostgreSQL's `format_type` prints them.
    pub arguments: List<Text>,
    /// The type it gives.
    pub result: Text,
    /// Whether it is declared strict.
    pub strict: bool,
}

/// A table and what happens to its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The schema.
    pub schema: Text,
    /// The name.
    pub name: Text,
    /// The columns that exist before the plan, as declared: replaced ones and those that conversions read.
    pub columns: List<Declared>,
    /// One for each changed column.
    pub lenses: List<Lens>,
    /// What the plan takes for granted of the values in its columns: looked at before the first step.
    pub bounds: List<Bounded>,
}

/// A column whose values are said to lie between two others.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounded {
    /// The column.
    pub column: Text,
    /// The bound as it is declared.
    pub bound: Text,
    /// SQL that is true for a row whose value lies outside, and not for null.
    pub outside: Text,
}

/// The plan's name, so that whatever takes a name takes the plan too.
impl AsRef<str> for Plan {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl Table {
    /// The qualified name; `Display` quotes it.
    pub fn qualified(&self) -> Qualified<'_> {
        Qualified { schema: &self.schema, name: &self.name }
    }
}

/// A column that the plan expects on the live table.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// The name.
    pub name: Text,
    /// The type, as PostgreSQL's `format_type` prints it.
    pub ty: Text,
    /// Whether it is `NOT NULL`.
    pub not_null: bool,
    /// The default, as SQL; only what replaced columns declare is compared with the live table.
    pub default: Option<Text>,
}

/// The four phases, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The new shape appears, and is written from its first instant.
    Expand,
    /// Both shapes are filled and kept equal.
    DualWrite,
    /// The new side wins from here on.
    Switch,
    /// The old shape goes away.
    Contract,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Phase; 4] = [Phase::Expand, Phase::DualWrite, Phase::Switch, Phase::Contract];

    /// The word for it in plans, state and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Expand => "expand",
            Phase::DualWrite => "dual_write",
            Phase::Switch => "switch",
            Phase::Contract => "contract",
        }
    }
}

/// What a build declares it is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The code can use both sides, and asks which.
    DualWrite,
    /// The code uses the new side only.
    Switch,
    /// The code knows the new side only.
    Contract,
}

impl Stage {
    /// The word for it in plans, state and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::DualWrite => "dual_write",
            Stage::Switch => "switch",
            Stage::Contract => "contract",
        }
    }

    /// The last phase that the runner enters by itself for a build at this stage.
    pub const fn last_phase(self) -> Phase {
        match self {
            Stage::DualWrite => Phase::DualWrite,
            Stage::Switch => Phase::Switch,
            Stage::Contract => Phase::Contract,
        }
    }
}

/// The two shapes that live side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The shape before the plan.
    Old,
    /// The shape after it.
    New,
}

impl Side {
    /// The word for it in state and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Side::Old => "old",
            Side::New => "new",
        }
    }
}

macro_rules! display_as_str {
    ($($ty:ty),*) => {$(
        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

display_as_str!(Phase, Stage, Side, LockMode);

/// One thing the runner does inside a phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The phase it belongs to.
    pub phase: Phase,
    /// Its name, unique in the plan: `expand public.orders`.
    pub name: Text,
    /// What it does, as a sentence for people.
    pub summary: Text,
    /// How it is done.
    pub work: Work,
    /// How it is undone.
    pub undo: Work,
    /// The strongest lock it takes on each table, and for how long.
    pub locks: List<Lock>,
    /// SQL that answers `true` on the live catalog where the step's result is there. Jobs have none:
    /// their cursor says it.
    pub probe: Text,
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
        /// The table that is locked first, by its place in [`Plan::tables`].
        table: usize,
        /// The lock taken before anything else.
        lock: LockMode,
        /// What becomes of the sync function and triggers.
        sync: SyncChange,
        /// The statements.
        statements: List<Text>,
    },
    /// One statement outside any transaction block, with no timeout: it blocks neither reads nor writes.
    Statement(Text),
    /// Fills the new columns of a table, in batches.
    Backfill {
        /// The table, by its place in [`Plan::tables`].
        table: usize,
    },
    /// Compares both sides of every row of a table.
    Verify {
        /// The table, by its place in [`Plan::tables`].
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
    /// column would be filled any more.
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

/// A lock that a step takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    /// The table.
    pub table: Text,
    /// The mode.
    pub mode: LockMode,
    /// What it is held for.
    pub held: Held,
}

/// How long a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// For changes of the catalog only: no row is read or written under it.
    Instant,
    /// For one batch, about 50 ms.
    Batch,
    /// While the whole table is read.
    Scan,
}

/// PostgreSQL's table lock modes, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockMode {
    /// Taken by reads.
    AccessShare,
    /// Taken by writes.
    RowExclusive,
    /// Blocks other schema changes and vacuum; neither reads nor writes.
    ShareUpdateExclusive,
    /// Blocks everything, reads too.
    AccessExclusive,
}

impl LockMode {
    /// PostgreSQL's words for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LockMode::AccessShare => "ACCESS SHARE",
            LockMode::RowExclusive => "ROW EXCLUSIVE",
            LockMode::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            LockMode::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// Whose work waits for it.
    pub const fn blocks(self) -> &'static str {
        match self {
            LockMode::AccessShare | LockMode::RowExclusive => "nobody",
            LockMode::ShareUpdateExclusive => "other schema changes and vacuum",
            LockMode::AccessExclusive => "reads and writes",
        }
    }
}
