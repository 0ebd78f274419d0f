//! One plan against the lock file, with each difference on its token.

use migrate_plan::check::Problem;
use migrate_plan::declaration::{Change, Column, Declaration};
use migrate_plan::lock::{Edit, Lock, LockedPlan, Refusal};

use super::LockFile;
use crate::place::Place;
use crate::source::Source;

/// What the lock file refuses of a plan that is sound in itself. A plan that it does not know is checked where
/// `migrations!` lists it: only there is known whether its set was ever locked.
pub(crate) fn check(file: &LockFile, source: &Source) -> Option<Problem<Place>> {
    let declaration = &source.declaration;
    if let Some(damage) = file.damage(&declaration.name.text, declaration.name.span) {
        return Some(damage);
    }
    let lock = file.lock.as_ref().as_ref().ok()?;
    let canonical = declaration.canonical();
    let mut refusal = None;
    for locked in known(lock, &file.crate_name, &declaration.name.text) {
        // One crate can hold several builds of one plan: any of them may be the one.
        match locked.follow(declaration.stage, &canonical) {
            Ok(()) => return None,
            Err(other) => refusal = refusal.or(Some(other)),
        }
    }
    let refusal = refusal?;
    let place = match &refusal {
        Refusal::Edited { edit, .. } => edited(declaration, &canonical, edit),
        Refusal::Skipped { .. } => source.stage_place,
        _ => declaration.name.span,
    };
    Some(Problem::new(place, refusal.to_string()).note(refusal.note()).help(refusal.help()))
}

fn known<'a>(lock: &'a Lock, crate_name: &'a str, plan: &'a str) -> impl Iterator<Item = &'a LockedPlan> {
    lock.plans.iter().filter(move |locked| locked.name == plan && locked.crate_name() == crate_name)
}

/// Where the edited line of the canonical form comes from. The form says by its indentation what a line belongs to.
fn edited(declaration: &Declaration<Place>, canonical: &str, edit: &Edit) -> Place {
    let lines: Vec<&str> = canonical.lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
    let (mut tables, mut reads, mut changes) = (0_usize, 0_usize, 0_usize);
    for line in lines.iter().take(edit.place + 1) {
        if line.starts_with("table ") {
            (tables, reads, changes) = (tables + 1, 0, 0);
        } else if line.starts_with("  reads ") {
            reads += 1;
        } else if line.starts_with("  ") && !line.starts_with("   ") {
            changes += 1;
        }
    }
    let name = declaration.name.span;
    let Some(table) = declaration.tables.get(tables.wrapping_sub(1)) else { return name };
    let last = lines.get(edit.place).copied().filter(|_| edit.present.is_some());
    let change = table.changes.get(changes.wrapping_sub(1));
    match (last, change) {
        (Some(line), _) if line.starts_with("  reads ") => table.context.get(reads - 1).map_or(name, column),
        (Some(line), Some(change)) if line.starts_with("    ") => conversion(change, line.trim_start()),
        (Some(line), Some(change)) if line.starts_with("  ") => side(change, line.trim_start(), edit),
        _ => table.name.span,
    }
}

fn conversion(change: &Change<Place>, line: &str) -> Place {
    let expression = match line.split_once(' ') {
        Some(("up", _)) => &change.up,
        Some(("down", _)) => &change.down,
        _ => &None,
    };
    expression.as_ref().map_or(change.old.name.span, |expression| expression.span)
}

/// The column that was edited: the old one, unless it is as it was.
fn side(change: &Change<Place>, line: &str, edit: &Edit) -> Place {
    let old = |line: &str| line.split_once(" => ").map(|(old, _)| old.to_owned());
    let locked = edit.locked.as_deref().and_then(old);
    if locked.is_some() && locked == old(line) { column(&change.new) } else { column(&change.old) }
}

fn column(column: &Column<Place>) -> Place {
    column.name.span.to(column.ty_span)
}
