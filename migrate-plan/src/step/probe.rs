//! How one sees in the catalog that a step's result is there.

use super::{Step, StepKind};
use crate::ident::{literal, not_null_proof, retired};
use crate::lens::Lens;
use crate::plan::Planned;

impl Step {
    /// SQL that answers `true` on the live catalog where the step's result is there. Jobs have none:
    /// their cursor says it.
    pub fn probe(&self, plan: &Planned) -> Option<String> {
        let lenses = || plan.tables[self.table].lenses.iter();
        let of_new = |lens: &Lens| lens.new.column.to_string();
        let of_retired = |lens: &Lens| retired(&lens.old.column);
        let proofs = || {
            let first = plan.first_change(self.table);
            let required = lenses().enumerate().filter(|(_, lens)| lens.new.not_null);
            required.map(|(place, _)| not_null_proof(&plan.name, first + place)).collect::<Vec<_>>()
        };
        match self.kind {
            StepKind::Expand => Some(self.columns(plan, Wanted::All, lenses().map(of_new), "")),
            StepKind::Require if proofs().is_empty() => None,
            StepKind::Require => Some(self.checks(plan, &proofs(), "")),
            StepKind::Prove => Some(self.checks(plan, &proofs(), " AND convalidated")),
            StepKind::NotNull => {
                let required = lenses().filter(|lens| lens.new.not_null);
                Some(self.columns(plan, Wanted::All, required.map(of_new), " AND attnotnull"))
            }
            StepKind::Retire => Some(self.columns(plan, Wanted::All, lenses().map(of_retired), "")),
            StepKind::Drop => Some(self.columns(plan, Wanted::None, lenses().map(of_retired), "")),
            StepKind::Backfill | StepKind::Verify | StepKind::Switch => None,
        }
    }

    fn columns(&self, plan: &Planned, wanted: Wanted, names: impl Iterator<Item = String>, condition: &str) -> String {
        let names: Vec<String> = names.map(|name| literal(&name)).collect();
        format!(
            "SELECT count(*) = {} FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname IN ({}) AND NOT \
             attisdropped{condition}",
            if wanted == Wanted::All { names.len() } else { 0 },
            self.regclass(plan),
            names.join(", ")
        )
    }

    fn checks(&self, plan: &Planned, names: &[String], condition: &str) -> String {
        let list: Vec<String> = names.iter().map(|name| literal(name)).collect();
        format!(
            "SELECT count(*) = {} FROM pg_catalog.pg_constraint WHERE conrelid = {} AND conname IN ({}){condition}",
            names.len(),
            self.regclass(plan),
            list.join(", ")
        )
    }

    fn regclass(&self, plan: &Planned) -> String {
        format!("pg_catalog.to_regclass({})", literal(&plan.tables[self.table].qualified().to_string()))
    }
}

/// How many of the named columns are to be there.
#[derive(PartialEq, Eq)]
enum Wanted {
    All,
    None,
}
