//! The steps of a plan, in their order.

mod contract;
mod dual_write;
mod expand;

use crate::plan::{Planned, Side, Table, Text};
use crate::step::{LockMode, Step, StepKind, SyncChange, Work};

/// The steps that carry out what the plan's tables declare.
pub(super) fn steps(plan: &Planned) -> Vec<Step> {
    let tables: Vec<TableSteps<'_>> =
        plan.tables.iter().enumerate().map(|(place, table)| TableSteps { plan, place, table }).collect();
    let mut steps = Vec::new();
    for table in &tables {
        steps.push(table.expand());
    }
    for table in &tables {
        steps.push(table.backfill());
        steps.extend(table.not_null());
    }
    for table in &tables {
        steps.push(table.verify());
    }
    steps.push(Step {
        kind: StepKind::Switch,
        table: 0,
        work: Work::Authority(Side::New),
        undo: Work::Authority(Side::Old),
    });
    for table in &tables {
        steps.push(table.retire());
    }
    for table in &tables {
        steps.push(table.drop());
    }
    steps
}

/// The steps of one table.
struct TableSteps<'a> {
    plan: &'a Planned,
    place: usize,
    table: &'a Table,
}

impl TableSteps<'_> {
    fn step(&self, kind: StepKind, work: Work, undo: Work) -> Step {
        Step { kind, table: self.place, work, undo }
    }

    fn transaction(&self, sync: SyncChange, statements: Vec<String>) -> Work {
        Work::Transaction {
            table: self.place,
            lock: LockMode::AccessExclusive,
            sync,
            statements: statements.into_iter().map(Text::from).collect(),
        }
    }

    /// One `ALTER TABLE` with several actions; none where there is none.
    fn alter(&self, actions: impl IntoIterator<Item = String>) -> Vec<String> {
        let actions: Vec<String> = actions.into_iter().collect();
        if actions.is_empty() {
            return Vec::new();
        }
        vec![format!("ALTER TABLE {} {}", self.table.qualified(), actions.join(", "))]
    }
}
