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

    /// `NOT NULL` in three steps: a check that looks at new writes only, its validation beside readers
    /// and writers, and then the flag, which PostgreSQL takes from the proven check without a scan.
    pub(super) fn not_null(&self) -> Vec<Step> {
        let proven: Vec<(String, String)> = self
            .table
            .changes
            .iter()
            .enumerate()
            .filter(|(_, change)| change.new.not_null)
            .map(|(place, change)| (change.new.name.text.clone(), ident::not_null_proof(self.plan, self.first + place)))
            .collect();
        if proven.is_empty() {
            return Vec::new();
        }
        let table = self.sql();
        let each = |form: &dyn Fn(&str, &str) -> String| -> String {
            proven.iter().map(|(column, proof)| form(&quote(column), &quote(proof))).collect::<Vec<_>>().join(", ")
        };
        let add = each(&|column, proof| format!("ADD CONSTRAINT {proof} CHECK ({column} IS NOT NULL) NOT VALID"));
        let validate = each(&|_, proof| format!("VALIDATE CONSTRAINT {proof}"));
        let set = each(&|column, _| format!("ALTER COLUMN {column} SET NOT NULL"));
        let drop = each(&|_, proof| format!("DROP CONSTRAINT {proof}"));
        let drop_if_there = each(&|_, proof| format!("DROP CONSTRAINT IF EXISTS {proof}"));
        let columns: Vec<String> = proven.iter().map(|(column, _)| format!("`{column}`")).collect();
        let columns = columns.join(", ");
        let proofs = |condition: &str| {
            let names: Vec<String> = proven.iter().map(|(_, proof)| literal(proof)).collect();
            format!(
                "SELECT count(*) = {} FROM pg_catalog.pg_constraint WHERE conrelid = {} AND conname IN ({}){condition}",
                proven.len(),
                self.regclass(),
                names.join(", ")
            )
        };
        let flags: Vec<String> = proven.iter().map(|(column, _)| literal(column)).collect();
        // The flag goes with the column. The check alone is taken back where the proof finds a row that an
        // old writer left empty since the backfill: while it stands, no update of that row would pass.
        vec![
            Step {
                phase: Phase::DualWrite,
                name: format!("require {}", self.shown()).into(),
                summary: format!("Requires {columns} of every new write, by a check that reads no existing row.")
                    .into(),
                work: self.transaction(SyncChange::Keep, vec![format!("ALTER TABLE {table} {add}")]),
                undo: self.transaction(SyncChange::Keep, vec![format!("ALTER TABLE {table} {drop_if_there}")]),
                locks: self.instantly().into(),
                probe: proofs("").into(),
            },
            Step {
                phase: Phase::DualWrite,
                name: format!("prove {}", self.shown()).into(),
                summary: format!(
                    "Reads the table once to prove that no {columns} is null, beside readers and writers."
                )
                .into(),
                work: Work::Statement(format!("ALTER TABLE {table} {validate}").into()),
                undo: Work::Nothing,
                locks: vec![self.lock(LockMode::ShareUpdateExclusive, Held::Scan)].into(),
                probe: proofs(" AND convalidated").into(),
            },
            Step {
                phase: Phase::DualWrite,
                name: format!("not null {}", self.shown()).into(),
                summary: format!("Sets {columns} NOT NULL: the proven check saves PostgreSQL the scan.").into(),
                work: self.transaction(
                    SyncChange::Keep,
                    vec![format!("ALTER TABLE {table} {set}"), format!("ALTER TABLE {table} {drop}")],
                ),
                undo: Work::Nothing,
                locks: self.instantly().into(),
                probe: format!(
                    "SELECT count(*) = {} FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname IN ({}) AND \
                     attnotnull AND NOT attisdropped",
                    proven.len(),
                    self.regclass(),
                    flags.join(", ")
                )
                .into(),
            },
        ]
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
