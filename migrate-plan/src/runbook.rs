//! A plan as a page for people: every phase, step, statement and lock.

use std::fmt::Write;

use crate::ident::sync_function;
use crate::plan::{Held, Lock, Phase, Plan, Side, Step, SyncChange, Table, Work};
use crate::sync::{self, OldName};

/// Markdown that lists what the runner will do. The sync is shown as it is when no other plan is in
/// flight on the same table.
pub fn runbook(plan: &Plan) -> String {
    let mut page = String::new();
    for phase in Phase::ALL {
        let _ = write!(page, "# Phase `{phase}`\n\n");
        for step in plan.steps.iter().filter(|step| step.phase == phase) {
            one_step(&mut page, plan, step);
        }
    }
    page
}

fn one_step(page: &mut String, plan: &Plan, step: &Step) {
    let _ = write!(page, "**{}** — {}\n\n", step.name, step.summary);
    for lock in step.locks.iter() {
        let _ = writeln!(page, "* Lock: {}", lock_line(lock));
    }
    if step.locks.is_empty() {
        page.push_str("* Lock: none on any table.\n");
    }
    page.push('\n');
    let statements = statements(plan, &step.work);
    if !statements.is_empty() {
        let _ = write!(page, "```sql\n{}\n```\n\n", statements.join(";\n") + ";");
    }
}

/// One lock in words.
pub fn lock_line(lock: &Lock) -> String {
    let held = match lock.held {
        Held::Instant => "for an instant: no row is touched under it",
        Held::Batch => "for one batch at a time",
        Held::Scan => "while the table is read once",
    };
    format!("`{}` on `{}`, {held}; blocks {}.", lock.mode, lock.table, lock.mode.blocks())
}

/// The SQL of a step, as it runs where the plan is alone.
pub fn statements(plan: &Plan, work: &Work) -> Vec<String> {
    match work {
        Work::Nothing | Work::Verify { .. } => Vec::new(),
        Work::Statement(sql) => vec![sql.to_string()],
        Work::Backfill { table } => vec![batch(&plan.tables[*table])],
        Work::Authority(side) => plan.tables.iter().map(|table| function(plan, table, OldName::Live, *side)).collect(),
        Work::Transaction { table, lock, sync, statements } => {
            let table = &plan.tables[*table];
            let mut all = vec!["BEGIN".to_owned(), format!("LOCK TABLE {} IN {lock} MODE", table.qualified())];
            let own = statements.iter().map(ToString::to_string);
            match sync {
                SyncChange::Keep => all.extend(own),
                SyncChange::Install => {
                    all.extend(own);
                    let parts = sync::parts(&plan.name, &table.lenses, OldName::Live, Side::Old);
                    let members = [table.qualified().to_string()];
                    all.extend(sync::install(&sync_function(&table.schema, &table.name), &members, &parts));
                }
                SyncChange::Remove => {
                    let members = [table.qualified().to_string()];
                    all.extend(sync::remove(&sync_function(&table.schema, &table.name), &members));
                    all.extend(own);
                }
                SyncChange::Retire | SyncChange::Unretire => {
                    all.extend(own);
                    let name = if *sync == SyncChange::Retire { OldName::Retired } else { OldName::Live };
                    all.push(function(plan, table, name, Side::New));
                }
            }
            all.push("COMMIT".to_owned());
            all
        }
    }
}

fn function(plan: &Plan, table: &Table, name: OldName, authority: Side) -> String {
    let parts = sync::parts(&plan.name, &table.lenses, name, authority);
    sync::create_function(&sync_function(&table.schema, &table.name), &parts)
}

fn batch(table: &Table) -> String {
    let fill: Vec<String> = table.lenses.iter().map(|lens| sync::Fragment::new(lens, OldName::Live).fill()).collect();
    let unfilled: Vec<String> =
        table.lenses.iter().map(|lens| sync::Fragment::new(lens, OldName::Live).unfilled()).collect();
    format!(
        "UPDATE ONLY {} SET {}\n WHERE ctid >= $1 AND ctid < $2 AND ({})",
        table.qualified(),
        fill.join(", "),
        unfilled.join(" OR ")
    )
}
