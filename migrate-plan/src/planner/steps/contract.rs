//! Contract, in two halves: what can be undone, and what cannot.

use super::TableSteps;
use crate::ident::{quote, retired};
use crate::step::{Step, StepKind, SyncChange, Work};

impl TableSteps<'_> {
    pub(super) fn retire(&self) -> Step {
        let table = self.table.qualified();
        let rename = |from: &dyn Fn(&str) -> String, to: &dyn Fn(&str) -> String| -> Vec<String> {
            let old = self.table.lenses.iter().map(|lens| &*lens.old.column);
            old.map(|name| format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", quote(&from(name)), quote(&to(name))))
                .collect()
        };
        let (live, gone) = (|name: &str| name.to_owned(), |name: &str| retired(name));
        self.step(
            StepKind::Retire,
            self.transaction(SyncChange::Retire, rename(&live, &gone)),
            self.transaction(SyncChange::Unretire, rename(&gone, &live)),
        )
    }

    pub(super) fn drop(&self) -> Step {
        let lenses = || self.table.lenses.iter();
        let drops = lenses().map(|lens| format!("DROP COLUMN {}", quote(&retired(&lens.old.column))));
        let defaults = lenses().filter_map(|lens| {
            let default = lens.new.default.as_ref()?;
            Some(format!("ALTER COLUMN {} SET DEFAULT {default}", quote(&lens.new.column)))
        });
        let actions = self.alter(drops.chain(defaults));
        self.step(StepKind::Drop, self.transaction(SyncChange::Remove, actions), Work::Nothing)
    }
}
