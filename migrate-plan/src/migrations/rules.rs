//! Each plan, held against the plans around it.

use super::constant::{equal, fail, same, slice, text};
use crate::lens::Lens;
use crate::plan::{Plan, Side, Stage, Table};

/// All rules about the plan at `place`.
#[track_caller]
pub(super) const fn check(plans: &[&'static Plan], place: usize) {
    check_name(plans, place);
    let tables = slice(&plans[place].tables);
    let mut t = 0;
    while t < tables.len() {
        let table = &tables[t];
        let lenses = slice(&table.lenses);
        let mut l = 0;
        while l < lenses.len() {
            check_old(plans, place, table, &lenses[l]);
            check_new(plans, place, table, &lenses[l]);
            l += 1;
        }
        let columns = slice(&table.columns);
        let mut c = 0;
        while c < columns.len() {
            let column = text(&columns[c].name);
            if !replaces(plans[place], table, column) {
                check_read(plans, place, table, column);
            }
            c += 1;
        }
        t += 1;
    }
}

#[track_caller]
const fn check_name(plans: &[&'static Plan], place: usize) {
    let plan = plans[place];
    let name = text(&plan.name);
    let mut earlier = 0;
    while earlier < place {
        if same(&plans[earlier].name, &plan.name) {
            if same(&plans[earlier].declaration, &plan.declaration) {
                fail(&["the plan `", name, "` stands twice"]);
            }
            fail(&[
                "two plans are named `",
                name,
                "`\n\nnote: a plan's name is its identity in the database: the second one would be taken for the first",
                "\nhelp: give the second one a name of its own",
            ]);
        }
        earlier += 1;
    }
}

/// The column that is replaced: by one plan at a time, and by none before it is there.
#[track_caller]
const fn check_old(plans: &[&'static Plan], place: usize, table: &Table, lens: &Lens) {
    let name = text(&plans[place].name);
    let (schema, at, old) = (text(&table.schema), text(&table.name), text(&lens.old.column));
    let mut earlier = place;
    // The nearest plan that makes the column is the one whose column this plan replaces.
    let mut is_made = false;
    while earlier > 0 && !is_made {
        earlier -= 1;
        let other = text(&plans[earlier].name);
        if adds(plans[earlier], table, old) {
            is_made = true;
        }
        if !is_made && let Some(first) = find(plans[earlier], table, old, Side::Old) {
            fail(&[
                "the plans `",
                other,
                "` and `",
                name,
                "` both replace the column `",
                old,
                "` of `",
                schema,
                ".",
                at,
                "`\n\nnote: two plans would keep one column equal to two others, and the first to end drops it",
                "\nhelp: let `",
                name,
                "` replace `",
                text(&first.new.column),
                "`, which `",
                other,
                "` makes of it",
            ]);
        }
    }
    let mut later = place + 1;
    while later < plans.len() {
        if adds(plans[later], table, old) && !builds_on(plans, later, place, table, old) {
            let other = text(&plans[later].name);
            fail(&[
                "the plan `",
                name,
                "` replaces the column `",
                old,
                "` of `",
                schema,
                ".",
                at,
                "` and must come after `",
                other,
                "`, which adds it",
                "\n\nnote: plans start in the order in which they stand: `",
                name,
                "` would find no such column",
                "\nhelp: put `",
                other,
                "` before `",
                name,
                "`",
            ]);
        }
        later += 1;
    }
}

/// The column that is added: by one plan, unless another plan has taken the name's holder away in between.
#[track_caller]
const fn check_new(plans: &[&'static Plan], place: usize, table: &Table, lens: &Lens) {
    let name = text(&plans[place].name);
    let (schema, at, new) = (text(&table.schema), text(&table.name), text(&lens.new.column));
    let mut earlier = place;
    while earlier > 0 {
        earlier -= 1;
        if replaces(plans[earlier], table, new) {
            return;
        }
        if adds(plans[earlier], table, new) {
            fail(&[
                "the plans `",
                text(&plans[earlier].name),
                "` and `",
                name,
                "` both add the column `",
                new,
                "` to `",
                schema,
                ".",
                at,
                "`\n\nnote: `",
                name,
                "` would find a column of this name that is not its own",
                "\nhelp: give the column that `",
                name,
                "` makes another name",
            ]);
        }
    }
}

/// A column that conversions read: it must be there from the first step of the plan to its last.
#[track_caller]
const fn check_read(plans: &[&'static Plan], place: usize, table: &Table, column: &str) {
    let name = text(&plans[place].name);
    let (schema, at) = (text(&table.schema), text(&table.name));
    let mut earlier = place;
    while earlier > 0 {
        earlier -= 1;
        if adds(plans[earlier], table, column) {
            break;
        }
        if drops(plans[earlier])
            && let Some(lens) = find(plans[earlier], table, column, Side::Old)
        {
            let other = text(&plans[earlier].name);
            fail(&[
                "the plan `",
                name,
                "` reads the column `",
                column,
                "` of `",
                schema,
                ".",
                at,
                "`, which the plan `",
                other,
                "` drops",
                "\n\nnote: `",
                other,
                "` stands before it and is at stage `contract`",
                "\nhelp: read `",
                text(&lens.new.column),
                "` instead, or keep `",
                other,
                "` at stage `switch` until `",
                name,
                "` is finished and left out of `migrations!`",
            ]);
        }
    }
    let mut later = place + 1;
    let mut was_there = false;
    while later < plans.len() {
        let other = text(&plans[later].name);
        if let Some(lens) = find(plans[later], table, column, Side::Old) {
            if drops(plans[later]) && !drops(plans[place]) && !was_there {
                fail(&[
                    "the plan `",
                    other,
                    "` drops the column `",
                    column,
                    "` of `",
                    schema,
                    ".",
                    at,
                    "`, which the plan `",
                    name,
                    "` still reads",
                    "\n\nnote: `",
                    other,
                    "` is at stage `contract`, and `",
                    name,
                    "` at stage `",
                    plans[place].stage.as_str(),
                    "`: its sync could convert no row any more",
                    "\nhelp: bring `",
                    name,
                    "` to stage `contract` first, or let it read `",
                    text(&lens.new.column),
                    "`",
                ]);
            }
            was_there = true;
        }
        if !was_there && !is_added_before(plans, place, table, column) && adds(plans[later], table, column) {
            fail(&[
                "the plan `",
                name,
                "` reads the column `",
                column,
                "` of `",
                schema,
                ".",
                at,
                "` and must come after `",
                other,
                "`, which adds it",
                "\n\nnote: plans start in the order in which they stand: `",
                name,
                "` would find no such column",
                "\nhelp: put `",
                other,
                "` before `",
                name,
                "`",
            ]);
        }
        later += 1;
    }
}

/// Whether a plan before `place` makes the column, or the plan itself.
const fn is_added_before(plans: &[&'static Plan], place: usize, table: &Table, column: &str) -> bool {
    let mut at = 0;
    while at <= place {
        if adds(plans[at], table, column) {
            return true;
        }
        at += 1;
    }
    false
}

/// Whether the column that the plan at `later` makes `column` from comes, in one or more plans, from
/// one that the plan at `place` added: then the plans stand in order, and a name is used again.
const fn builds_on(plans: &[&'static Plan], later: usize, place: usize, table: &Table, column: &str) -> bool {
    let mut source = match find(plans[later], table, column, Side::New) {
        Some(lens) => text(&lens.old.column),
        None => return false,
    };
    let mut at = later;
    while at > place {
        at -= 1;
        if let Some(lens) = find(plans[at], table, source, Side::New) {
            if at == place {
                return true;
            }
            source = text(&lens.old.column);
        }
    }
    false
}

/// Whether the plan's stage lets the runner drop what the plan replaces.
const fn drops(plan: &Plan) -> bool {
    matches!(plan.stage, Stage::Contract)
}

const fn adds(plan: &'static Plan, table: &Table, column: &str) -> bool {
    find(plan, table, column, Side::New).is_some()
}

const fn replaces(plan: &'static Plan, table: &Table, column: &str) -> bool {
    find(plan, table, column, Side::Old).is_some()
}

/// The lens of `plan` on the same table whose column on this side is `column`.
const fn find(plan: &'static Plan, table: &Table, column: &str, side: Side) -> Option<&'static Lens> {
    let tables = slice(&plan.tables);
    let mut t = 0;
    while t < tables.len() {
        if same(&tables[t].schema, &table.schema) && same(&tables[t].name, &table.name) {
            let lenses = slice(&tables[t].lenses);
            let mut l = 0;
            while l < lenses.len() {
                let shape = match side {
                    Side::Old => &lenses[l].old,
                    Side::New => &lenses[l].new,
                };
                if equal(text(&shape.column), column) {
                    return Some(&lenses[l]);
                }
                l += 1;
            }
        }
        t += 1;
    }
    None
}
