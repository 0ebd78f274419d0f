//! Expand: the new columns and the sync, in one transaction a table.

use super::TableSteps;
use crate::ident::quote;
use crate::step::{Step, StepKind, SyncChange};

impl TableSteps<'_> {
    pub(super) fn expand(&self) -> Step {
        let new = || self.table.lenses.iter().map(|lens| &lens.new);
        let add = self.alter(new().map(|new| format!("ADD COLUMN {} {}", quote(&new.column), new.ty)));
        let drop = self.alter(new().map(|new| format!("DROP COLUMN {}", quote(&new.column))));
        self.step(
            StepKind::Expand,
            self.transaction(SyncChange::Install, add),
            self.transaction(SyncChange::Remove, drop),
        )
    }
}
