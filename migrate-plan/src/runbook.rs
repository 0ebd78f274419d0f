//! A plan as a page for people: every phase, step, statement and lock, and how each step is undone.
//!
//! The page is part of every expansion, so it is kept short: the body of the sync function is left out, which is the
//! same for every plan but for the names in it, and so are the attempts at a lock. [`statements`] has the body.

use std::fmt::Write;

use crate::ident::{own, sync_function};
use crate::plan::{Bounded, Phase, Planned, Routine, Side, Table};
use crate::step::{Held, Lock, Step, SyncChange, Work};
use crate::sync::{self, Standing};

/// Markdown that lists what the runner will do. The sync is shown as it is when no other plan is in
/// flight on the same table.
pub fn runbook(plan: &Planned) -> String {
    let mut page = before(plan);
    let mut numbered = (1..).zip(&plan.steps).peekable();
    for phase in Phase::ALL {
        let _ = write!(page, "# Phase `{phase}`\n\n");
        while let Some((number, step)) = numbered.next_if(|(_, step)| step.phase() == phase) {
            one_step(&mut page, plan, number, step);
        }
    }
    page
}

/// What the runner looks at before it does anything, where the plan says so itself.
fn before(plan: &Planned) -> String {
    let mut page = String::new();
    for table in &plan.tables {
        for Bounded { column, bound, .. } in &table.bounds {
            let _ = writeln!(
                page,
                "* In every row of `{}`: `{column} {bound}`. The keys of others are reported, and nothing begins.",
                table.shown()
            );
        }
    }
    for Routine { schema, name, arguments, result, strict } in &plan.functions {
        let strict = if *strict { " and strict" } else { "" };
        let _ = writeln!(page, "* `{schema}.{name}({})` gives `{result}`, immutable{strict}.", arguments.join(", "));
    }
    if page.is_empty() { page } else { format!("# Before the first step\n\n{page}\n") }
}

fn one_step(page: &mut String, plan: &Planned, number: usize, step: &Step) {
    let _ = write!(page, "**{number}. {}.** {}\n\n", step.name(plan), step.summary(plan));
    let locks = step.locks(plan);
    for lock in &locks {
        let _ = writeln!(page, "* Lock: {}", lock_line(lock));
    }
    if locks.is_empty() {
        page.push_str("* Lock: none on any table.\n");
    }
    let _ = write!(page, "* Undone: {}\n\n", step.undoing(plan));
    let statements: Vec<String> = statements(plan, step).iter().map(|sql| shortened(sql)).collect();
    if !statements.is_empty() {
        let _ = write!(page, "```sql\n{};\n```\n\n", statements.join(";\n"));
    }
}

/// A statement without what is the same in every plan: the body of the trigger function, and the condition that keeps
/// other writes out of it.
fn shortened(sql: &str) -> String {
    if let Some((head, _)) = sql.split_once(" LANGUAGE plpgsql AS ") {
        return format!("{head} … -- keeps both sides of a row equal");
    }
    match (sql.split_once(" WHEN ("), sql.rsplit_once(" EXECUTE FUNCTION ")) {
        (Some((head, _)), Some((_, function))) => format!("{head} WHEN (…) EXECUTE FUNCTION {function}"),
        _ => sql.to_owned(),
    }
}

/// The lock of a step on its table, in words.
fn lock_line(lock: &Lock) -> String {
    let held = match lock.held {
        Held::Instant => "for an instant",
        Held::Batch => "for one batch at a time",
        Held::Scan => "while the table is read once",
    };
    format!("`{}` {held}; blocks {}.", lock.mode, lock.mode.blocks())
}

/// The SQL of a step, as it runs where the plan is alone, once it has its lock.
pub fn statements(plan: &Planned, step: &Step) -> Vec<String> {
    match &step.work {
        Work::Nothing | Work::Verify { .. } => Vec::new(),
        Work::Statement(sql) => vec![sql.to_string()],
        Work::Backfill { table } => vec![batch(&plan.tables[*table])],
        Work::Authority(side) => {
            plan.tables.iter().map(|table| function_again(table, &format!("where the {side} side wins"))).collect()
        }
        Work::Transaction { table, sync, .. } => {
            let table = &plan.tables[*table];
            let mut all = vec!["BEGIN".to_owned()];
            let own = step.statements(plan, &step.work);
            match sync {
                SyncChange::Keep => all.extend(own),
                SyncChange::Install => {
                    all.extend(own);
                    let parts = sync::parts(&plan.name, &table.lenses, Standing::Lenient, Side::Old);
                    let members = [table.qualified().to_string()];
                    all.extend(sync::install(&sync_function(&table.schema, &table.name), &members, &parts));
                }
                SyncChange::Remove => {
                    let members = [table.qualified().to_string()];
                    all.extend(sync::remove(&sync_function(&table.schema, &table.name), &members));
                    all.extend(own);
                }
                SyncChange::Tighten | SyncChange::Loosen => {
                    all.extend(own);
                    all.push(function_again(table, "where what `up` cannot convert is refused, and both triggers"));
                }
                SyncChange::Retire | SyncChange::Unretire => {
                    all.extend(own);
                    let columns = if *sync == SyncChange::Retire { "retired" } else { "own" };
                    all.push(function_again(table, &format!("over the old columns' {columns} names")));
                }
            }
            all.push("COMMIT".to_owned());
            all
        }
    }
}

/// A replacement of what expand has shown whole.
fn function_again(table: &Table, what: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION {}() … -- as in step 1, {what}",
        own(&sync_function(&table.schema, &table.name))
    )
}

fn batch(table: &Table) -> String {
    let fill: Vec<String> =
        table.lenses.iter().map(|lens| sync::Fragment::new(lens, Standing::Lenient).fill()).collect();
    let unfilled: Vec<String> =
        table.lenses.iter().map(|lens| sync::Fragment::new(lens, Standing::Lenient).unfilled()).collect();
    format!(
        "UPDATE ONLY {} SET {}\n WHERE ctid >= $1 AND ctid < $2 AND ({})",
        table.qualified(),
        fill.join(", "),
        unfilled.join(" OR ")
    )
}
