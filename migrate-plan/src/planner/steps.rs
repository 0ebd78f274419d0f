//! The steps of a plan. Each says what it does, under which lock, how one sees that it is done, and
//! how it is undone.

mod contract;
mod dual_write;
mod expand;

use crate::declaration::{Declaration, Table};
use crate::ident::literal;
use crate::plan::{Held, Lock, LockMode, Phase, Side, Step, SyncChange, Table as PlannedTable, Text, Work};

pub(super) fn steps<S: Clone>(declaration: &Declaration<S>, planned: &[PlannedTable]) -> Vec<Step> {
    let plan = &declaration.name.text;
    let mut tables = Vec::new();
    let mut first = 1;
    for (place, table) in declaration.tables.iter().enumerate() {
        tables.push(TableSteps { plan, place, table, planned: &planned[place], first });
        first += table.changes.len();
    }
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
    steps.push(switch(&tables));
    for table in &tables {
        steps.push(table.retire());
    }
    for table in &tables {
        steps.push(table.drop(tables.len() - 1));
    }
    steps
}

/// The steps of one table.
struct TableSteps<'a, S> {
    plan: &'a str,
    place: usize,
    table: &'a Table<S>,
    planned: &'a PlannedTable,
    /// The number of the table's first change in the plan.
    first: usize,
}

fn switch<S: Clone>(tables: &[TableSteps<'_, S>]) -> Step {
    let names: Vec<String> = tables.iter().map(TableSteps::shown).collect();
    Step {
        phase: Phase::Switch,
        name: "switch".into(),
        summary: format!(
            "The new side wins from here on: where one statement writes both and they disagree, it is the new one \
             that stays. Only the body of the sync function of {} is replaced.",
            names.join(", ")
        )
        .into(),
        work: Work::Authority(Side::New),
        undo: Work::Authority(Side::Old),
        locks: Vec::new().into(),
        probe: "".into(),
    }
}

impl<S: Clone> TableSteps<'_, S> {
    /// `public.orders`, for names and people.
    fn shown(&self) -> String {
        format!("{}.{}", self.table.schema(), self.table.name.text)
    }

    /// `"public"."orders"`, for SQL.
    fn sql(&self) -> String {
        self.table.qualified().to_string()
    }

    fn lock(&self, mode: LockMode, held: Held) -> Lock {
        Lock { table: self.shown().into(), mode, held }
    }

    fn transaction(&self, sync: SyncChange, statements: Vec<String>) -> Work {
        Work::Transaction {
            table: self.place,
            lock: LockMode::AccessExclusive,
            sync,
            statements: statements.into_iter().map(Text::from).collect::<Vec<_>>().into(),
        }
    }

    fn instantly(&self) -> Vec<Lock> {
        vec![self.lock(LockMode::AccessExclusive, Held::Instant)]
    }

    /// `a`, `a and b`, `a, b and c` of the changed columns' names on one side.
    fn columns(&self, side: Side) -> String {
        let names: Vec<String> = self
            .table
            .changes
            .iter()
            .map(|change| match side {
                Side::Old => format!("`{}`", change.old.name.text),
                Side::New => format!("`{}`", change.new.name.text),
            })
            .collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
            None => String::new(),
        }
    }

    fn regclass(&self) -> String {
        format!("pg_catalog.to_regclass({})", literal(&self.sql()))
    }

    fn probe_columns(&self, names: impl Iterator<Item = String>) -> String {
        let names: Vec<String> = names.map(|name| literal(&name)).collect();
        format!(
            "SELECT count(*) = {} FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname IN ({}) AND NOT \
             attisdropped",
            names.len(),
            self.regclass(),
            names.join(", ")
        )
    }
}
