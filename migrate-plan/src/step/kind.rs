//! The kinds of steps, and the words for them.

use super::{Held, Lock, LockMode, Step};
use crate::lens::Lens;
use crate::plan::{Phase, Planned, Side};

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Adds the new columns, and the sync with them.
    Expand,
    /// Fills the new columns of the rows that are there.
    Backfill,
    /// From here on a write must fill the new columns.
    Require,
    /// Proves that no new column is null that must not be.
    Prove,
    /// Sets the new columns `NOT NULL`.
    NotNull,
    /// Compares both sides.
    Verify,
    /// Gives the new side the authority.
    Switch,
    /// Renames the old columns out of reach.
    Retire,
    /// Drops them.
    Drop,
}

impl StepKind {
    /// The word that begins a step's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            StepKind::Expand => "expand",
            StepKind::Backfill => "backfill",
            StepKind::Require => "require",
            StepKind::Prove => "prove",
            StepKind::NotNull => "not null",
            StepKind::Verify => "verify",
            StepKind::Switch => "switch",
            StepKind::Retire => "retire",
            StepKind::Drop => "drop",
        }
    }

    /// The phase it belongs to.
    pub const fn phase(self) -> Phase {
        match self {
            StepKind::Expand => Phase::Expand,
            StepKind::Backfill | StepKind::Require | StepKind::Prove | StepKind::NotNull => Phase::DualWrite,
            StepKind::Verify | StepKind::Switch => Phase::Switch,
            StepKind::Retire | StepKind::Drop => Phase::Contract,
        }
    }

    /// The lock on its table, and what it is held for.
    const fn lock(self) -> Option<(LockMode, Held)> {
        match self {
            StepKind::Switch => None,
            StepKind::Backfill => Some((LockMode::RowExclusive, Held::Batch)),
            StepKind::Prove => Some((LockMode::ShareUpdateExclusive, Held::Scan)),
            StepKind::Verify => Some((LockMode::AccessShare, Held::Batch)),
            StepKind::Expand | StepKind::Require | StepKind::NotNull | StepKind::Retire | StepKind::Drop => {
                Some((LockMode::AccessExclusive, Held::Instant))
            }
        }
    }
}

impl Step {
    /// The phase it belongs to.
    pub const fn phase(&self) -> Phase {
        self.kind.phase()
    }

    /// Its name, unique in its plan: `expand public.orders`.
    pub fn name(&self, plan: &Planned) -> String {
        match self.kind {
            StepKind::Switch => self.kind.as_str().to_owned(),
            kind => format!("{} {}", kind.as_str(), plan.tables[self.table].shown()),
        }
    }

    /// The strongest lock it takes on each table, and for how long.
    pub fn locks(&self, plan: &Planned) -> Vec<Lock> {
        let lock = |(mode, held)| Lock { table: plan.tables[self.table].shown().into(), mode, held };
        self.kind.lock().map(lock).into_iter().collect()
    }

    /// What it does, as a sentence for people.
    pub fn summary(&self, plan: &Planned) -> String {
        let lenses = &*plan.tables[self.table].lenses;
        let old = || columns(lenses, Side::Old);
        let new = || columns(lenses, Side::New);
        let proven = || enumeration(lenses.iter().filter(|lens| lens.new.not_null).map(|lens| &*lens.new.column));
        match self.kind {
            StepKind::Expand => format!(
                "Adds {} and, in the same transaction, the sync triggers: from the first instant a write to either \
                 side reaches both.",
                new()
            ),
            StepKind::Backfill => format!(
                "Fills {} in the rows that no writer has touched since, in batches of about 50 ms. The cursor commits \
                 with its rows.",
                new()
            ),
            StepKind::Require => format!(
                "Requires {} of every write from now on: what `up` does not convert is refused. No existing row is \
                 read.",
                new()
            ),
            StepKind::Prove => {
                format!("Reads the table once to prove that no {} is null, beside readers and writers.", proven())
            }
            StepKind::NotNull => format!("Sets {} NOT NULL: the proven check saves PostgreSQL the scan.", proven()),
            StepKind::Verify => format!(
                "Compares {} with {} in every row. The switch does not begin while one row disagrees.",
                old(),
                new()
            ),
            StepKind::Switch => {
                let tables: Vec<String> = plan.tables.iter().map(|table| table.shown()).collect();
                format!(
                    "The new side wins from here on: where one statement writes both and they disagree, it is the new \
                     one that stays. Only the body of the sync function of {} is replaced.",
                    tables.join(", ")
                )
            }
            StepKind::Retire => format!(
                "Renames {} out of reach, sync still on: code that still needs it fails at once, and can still be \
                 helped.",
                old()
            ),
            StepKind::Drop => {
                format!("Removes the sync, then {}, in one transaction.", old())
            }
        }
    }

    /// How it is undone, as a sentence for people.
    pub fn undoing(&self, plan: &Planned) -> String {
        let lenses = &*plan.tables[self.table].lenses;
        let (old, new) = (columns(lenses, Side::Old), columns(lenses, Side::New));
        match self.kind {
            StepKind::Expand => {
                format!("sync and {new} go; {old} has every write.")
            }
            StepKind::Backfill | StepKind::Prove | StepKind::NotNull => "with the first step.".to_owned(),
            StepKind::Require => "its check is dropped.".to_owned(),
            StepKind::Verify => "nothing was changed.".to_owned(),
            StepKind::Switch => "the old side wins again.".to_owned(),
            StepKind::Retire => format!("{old} gets its name back, with every later write."),
            StepKind::Drop => "never; from here on there is no way back.".to_owned(),
        }
    }
}

/// The changed columns' names on one side.
fn columns(lenses: &[Lens], side: Side) -> String {
    enumeration(lenses.iter().map(|lens| match side {
        Side::Old => &*lens.old.column,
        Side::New => &*lens.new.column,
    }))
}

/// `a`, `a and b`, `a, b and c`.
fn enumeration<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
