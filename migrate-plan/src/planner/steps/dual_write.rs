//! Dual-write: what fills, proves and compares the new columns.

use super::TableSteps;
use crate::ident::{self, literal, quote};
use crate::plan::{Held, LockMode, Phase, Side, Step, SyncChange, Work};

impl<S: Clone> TableSteps<'_, S> {
    pub(super) fn backfill(&self) -> Step {
        Step {
            phase: Phase::DualWrite,
            name: format!("backfill {}", self.shown()).into(),
            summary: format!(
                "Fills {} in the rows that no writer has touched since, in batches of about 50 ms. The cursor \
                 commits with its rows.",
                self.columns(Side::New)
            )
            .into(),
            work: Work::Backfill { table: self.place },
            undo: Work::Nothing,
            locks: vec![self.lock(LockMode::RowExclusive, Held::Batch)].into(),
            probe: "".into(),
        }
    }

    /// From here on every row must have what it needs: `require` makes the sync strict and adds a check
    /// that looks at new writes only, `prove` validates it beside readers and writers, and `not null` sets
    /// the flag, which PostgreSQL takes from the proven check without a scan.
    ///
    /// `require` is taken back where the proof finds a row that an old writer left empty since the
    /// backfill: while the check stands, no update of that row would pass. The flag goes with the column.
    pub(super) fn not_null(&self) -> Vec<Step> {
        let proven: Vec<Proven> = self
            .table
            .changes
            .iter()
            .enumerate()
            .filter(|(_, change)| change.new.not_null)
            .map(|(place, change)| Proven {
                column: change.new.name.text.clone(),
                check: ident::not_null_proof(self.plan, self.first + place),
            })
            .collect();
        let can_fail = self.planned.lenses.iter().any(|lens| lens.up.can_fail);
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
        let add = self.alter(proven, |Proven { column, check }| {
            format!("ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID", quote(check), quote(column))
        });
        let drop = self.alter(proven, |Proven { check, .. }| format!("DROP CONSTRAINT IF EXISTS {}", quote(check)));
        Step {
            phase: Phase::DualWrite,
            name: format!("require {}", self.shown()).into(),
            summary: format!(
                "Requires {} of every write from now on: what `up` does not convert is refused. No existing row is \
                 read.",
                self.columns(Side::New)
            )
            .into(),
            work: self.transaction(SyncChange::Tighten, add),
            undo: self.transaction(SyncChange::Loosen, drop),
            locks: self.instantly().into(),
            probe: if proven.is_empty() { "".into() } else { self.checks(proven, "").into() },
        }
    }

    fn prove(&self, proven: &[Proven]) -> Step {
        let validate = self.alter(proven, |Proven { check, .. }| format!("VALIDATE CONSTRAINT {}", quote(check)));
        Step {
            phase: Phase::DualWrite,
            name: format!("prove {}", self.shown()).into(),
            summary: format!(
                "Reads the table once to prove that no {} is null, beside readers and writers.",
                shown_columns(proven)
            )
            .into(),
            work: Work::Statement(validate.concat().into()),
            undo: Work::Nothing,
            locks: vec![self.lock(LockMode::ShareUpdateExclusive, Held::Scan)].into(),
            probe: self.checks(proven, " AND convalidated").into(),
        }
    }

    fn set_not_null(&self, proven: &[Proven]) -> Step {
        let set = self.alter(proven, |Proven { column, .. }| format!("ALTER COLUMN {} SET NOT NULL", quote(column)));
        let drop = self.alter(proven, |Proven { check, .. }| format!("DROP CONSTRAINT {}", quote(check)));
        let names: Vec<String> = proven.iter().map(|proven| literal(&proven.column)).collect();
        Step {
            phase: Phase::DualWrite,
            name: format!("not null {}", self.shown()).into(),
            summary: format!("Sets {} NOT NULL: the proven check saves PostgreSQL the scan.", shown_columns(proven))
                .into(),
            // Two statements: dropped in the same one, the check would prove nothing.
            work: self.transaction(SyncChange::Keep, set.into_iter().chain(drop).collect()),
            undo: Work::Nothing,
            locks: self.instantly().into(),
            probe: format!(
                "SELECT count(*) = {} FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname IN ({}) AND \
                 attnotnull AND NOT attisdropped",
                proven.len(),
                self.regclass(),
                names.join(", ")
            )
            .into(),
        }
    }

    /// One `ALTER TABLE` with an action for each proven column; none where there is none.
    fn alter(&self, proven: &[Proven], action: impl Fn(&Proven) -> String) -> Vec<String> {
        let actions: Vec<String> = proven.iter().map(action).collect();
        if actions.is_empty() {
            return Vec::new();
        }
        vec![format!("ALTER TABLE {} {}", self.sql(), actions.join(", "))]
    }

    fn checks(&self, proven: &[Proven], condition: &str) -> String {
        let names: Vec<String> = proven.iter().map(|proven| literal(&proven.check)).collect();
        format!(
            "SELECT count(*) = {} FROM pg_catalog.pg_constraint WHERE conrelid = {} AND conname IN ({}){condition}",
            proven.len(),
            self.regclass(),
            names.join(", ")
        )
    }

    pub(super) fn verify(&self) -> Step {
        Step {
            phase: Phase::Switch,
            name: format!("verify {}", self.shown()).into(),
            summary: format!(
                "Compares {} with {} in every row. The switch does not begin while one row disagrees.",
                self.columns(Side::Old),
                self.columns(Side::New)
            )
            .into(),
            work: Work::Verify { table: self.place },
            undo: Work::Nothing,
            locks: vec![self.lock(LockMode::AccessShare, Held::Batch)].into(),
            probe: "".into(),
        }
    }
}

/// A column to be `NOT NULL`, and the check that proves it.
struct Proven {
    column: String,
    check: String,
}

fn shown_columns(proven: &[Proven]) -> String {
    let names: Vec<String> = proven.iter().map(|proven| format!("`{}`", proven.column)).collect();
    names.join(", ")
}
