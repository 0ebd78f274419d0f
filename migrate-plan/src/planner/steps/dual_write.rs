//! Dual-write: what fills, proves and compares the new columns.

use super::TableSteps;
use crate::ident::{not_null_proof, quote};
use crate::step::{Step, StepKind, SyncChange, Work};

impl TableSteps<'_> {
    pub(super) fn backfill(&self) -> Step {
        self.step(StepKind::Backfill, Work::Backfill { table: self.place }, Work::Nothing)
    }

    /// From here on every row must have what it needs: `require` makes the sync strict and adds a check
    /// that looks at new writes only, `prove` validates it beside readers and writers, and `not null` sets
    /// the flag, which PostgreSQL takes from the proven check without a scan.
    ///
    /// `require` is taken back where the proof finds a row that an old writer left empty since the
    /// backfill: while the check stands, no update of that row would pass. The flag goes with the column.
    pub(super) fn not_null(&self) -> Vec<Step> {
        let first = self.plan.first_change(self.place);
        let required = self.table.lenses.iter().enumerate().filter(|(_, lens)| lens.new.not_null);
        let proven: Vec<Proven> = required
            .map(|(place, lens)| Proven {
                column: quote(&lens.new.column),
                check: quote(&not_null_proof(&self.plan.name, first + place)),
            })
            .collect();
        let can_fail = self.table.lenses.iter().any(|lens| lens.up.can_fail);
        let mut steps = Vec::new();
        if can_fail || !proven.is_empty() {
            steps.push(self.require(&proven));
        }
        if !proven.is_empty() {
            steps.push(self.prove(&proven));
            steps.push(self.set_not_null(&proven));
        }
        steps
    }

    fn require(&self, proven: &[Proven]) -> Step {
        let add = proven
            .iter()
            .map(|Proven { column, check }| format!("ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID"));
        let drop = proven.iter().map(|Proven { check, .. }| format!("DROP CONSTRAINT IF EXISTS {check}"));
        self.step(
            StepKind::Require,
            self.transaction(SyncChange::Tighten, self.alter(add)),
            self.transaction(SyncChange::Loosen, self.alter(drop)),
        )
    }

    fn prove(&self, proven: &[Proven]) -> Step {
        let validate = self.alter(proven.iter().map(|Proven { check, .. }| format!("VALIDATE CONSTRAINT {check}")));
        self.step(StepKind::Prove, Work::Statement(validate.concat().into()), Work::Nothing)
    }

    fn set_not_null(&self, proven: &[Proven]) -> Step {
        let set = proven.iter().map(|Proven { column, .. }| format!("ALTER COLUMN {column} SET NOT NULL"));
        let drop = proven.iter().map(|Proven { check, .. }| format!("DROP CONSTRAINT {check}"));
        // Two statements: dropped in the same one, the check would prove nothing.
        let statements = self.alter(set).into_iter().chain(self.alter(drop)).collect();
        self.step(StepKind::NotNull, self.transaction(SyncChange::Keep, statements), Work::Nothing)
    }

    pub(super) fn verify(&self) -> Step {
        self.step(StepKind::Verify, Work::Verify { table: self.place }, Work::Nothing)
    }
}

/// A column to be `NOT NULL`, and the check that proves it; both quoted.
struct Proven {
    column: String,
    check: String,
}
