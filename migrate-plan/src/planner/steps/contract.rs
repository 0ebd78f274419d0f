//! Contract, in two halves: what can be undone, and what cannot.

use super::TableSteps;
use crate::ident::{literal, quote, retired};
use crate::plan::{Phase, Side, Step, SyncChange, Work};

impl<S: Clone> TableSteps<'_, S> {
    pub(super) fn retire(&self) -> Step {
        let table = self.sql();
        let rename = |from: &dyn Fn(&str) -> String, to: &dyn Fn(&str) -> String| -> Vec<String> {
            self.table
                .changes
                .iter()
                .map(|change| {
                    let name = &change.old.name.text;
                    format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", quote(&from(name)), quote(&to(name)))
                })
                .collect()
        };
        let (live, gone) = (|name: &str| name.to_owned(), |name: &str| retired(name));
        Step {
            phase: Phase::Contract,
            name: format!("retire {}", self.shown()).into(),
            summary: format!(
                "Renames {} out of reach, sync still on: code that still needs it fails at once, and the rename can \
                 be undone with nothing lost.",
                self.columns(Side::Old)
            )
            .into(),
            work: self.transaction(SyncChange::Retire, rename(&live, &gone)),
            undo: self.transaction(SyncChange::Unretire, rename(&gone, &live)),
            locks: self.instantly().into(),
            probe: self.probe_columns(self.table.changes.iter().map(|change| retired(&change.old.name.text))).into(),
        }
    }

    pub(super) fn drop(&self, last: usize) -> Step {
        let table = self.sql();
        let mut actions: Vec<String> = Vec::new();
        for change in &self.table.changes {
            actions.push(format!("DROP COLUMN {}", quote(&retired(&change.old.name.text))));
        }
        for (place, change) in self.table.changes.iter().enumerate() {
            if let Some(default) = &self.planned.lenses[place].new.default {
                actions.push(format!("ALTER COLUMN {} SET DEFAULT {default}", quote(&change.new.name.text)));
            }
        }
        let mut statements = vec![format!("ALTER TABLE {table} {}", actions.join(", "))];
        statements.extend(self.drop_functions());
        if self.place == last {
            statements.push(self.drop_sequence());
        }
        let names: Vec<String> =
            self.table.changes.iter().map(|change| literal(&retired(&change.old.name.text))).collect();
        Step {
            phase: Phase::Contract,
            name: format!("drop {}", self.shown()).into(),
            summary: format!(
                "Removes the sync, then {}, in one transaction. From here on there is no way back.",
                self.columns(Side::Old)
            )
            .into(),
            work: self.transaction(SyncChange::Remove, statements),
            undo: Work::Nothing,
            locks: self.instantly().into(),
            probe: format!(
                "SELECT count(*) = 0 FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname IN ({}) AND NOT \
                 attisdropped",
                self.regclass(),
                names.join(", ")
            )
            .into(),
        }
    }
}
