//! Each plan, held against the plans around it.

use super::constant::{equal, fail};
use crate::plan::{Plan, Side, Stage, TableOutline};

/// All rules about the plan at `place`.
#[track_caller]
pub(super) const fn check(plans: &[&'static Plan], place: usize) {
    check_name(plans, place);
    let tables = plans[place].outline().tables;
    let mut t = 0;
    while t < tables.len() {
        let table = &tables[t];
        t += 1;
        // Most tables are changed by one plan, and then there is nothing to hold against it.
        if !is_shared(plans, place, table) {
            continue;
        }
        let mut c = 0;
        while c < table.changes.len() {
            let (old, new) = table.changes[c];
            check_old(plans, place, table, old);
            check_new(plans, place, table, new);
            c += 1;
        }
        let mut r = 0;
        while r < table.reads.len() {
            check_read(plans, place, table, table.reads[r]);
            r += 1;
        }
    }
}

/// Whether another plan changes the table too.
const fn is_shared(plans: &[&'static Plan], place: usize, table: &TableOutline) -> bool {
    let mut other = 0;
    while other < plans.len() {
        let tables = plans[other].outline().tables;
        let mut t = 0;
        while other != place && t < tables.len() {
            if is_same(&tables[t], table) {
                return true;
            }
            t += 1;
        }
        other += 1;
    }
    false
}

const fn is_same(a: &TableOutline, b: &TableOutline) -> bool {
    equal(a.name, b.name) && equal(a.schema, b.schema)
}

#[track_caller]
const fn check_name(plans: &[&'static Plan], place: usize) {
    let plan = plans[place];
    let name = plan.outline().name;
    let mut earlier = 0;
    while earlier < place {
        if equal(plans[earlier].outline().name, plan.outline().name) {
            if equal(plans[earlier].outline().declaration, plan.outline().declaration) {
                fail("the plan `{0}` stands twice", &[name]);
            }
            fail(
                "two plans are named `{0}`\n\n\
                 note: a plan's name is its identity in the database: the second one would be taken for the first\n\
                 help: give the second one a name of its own",
                &[name],
            );
        }
        earlier += 1;
    }
}

/// The column that is replaced: by one plan at a time, and by none before it is there.
#[track_caller]
const fn check_old(plans: &[&'static Plan], place: usize, table: &TableOutline, old: &str) {
    let name = plans[place].outline().name;
    let (schema, at) = (table.schema, table.name);
    let mut earlier = place;
    // The nearest plan that makes the column is the one whose column this plan replaces.
    let mut is_made = false;
    while earlier > 0 && !is_made {
        earlier -= 1;
        let other = plans[earlier].outline().name;
        if adds(plans[earlier], table, old) {
            is_made = true;
        }
        if !is_made && let Some((_, first)) = find(plans[earlier], table, old, Side::Old) {
            fail(
                "the plans `{0}` and `{1}` both replace the column `{2}` of `{3}.{4}`\n\n\
                 note: two plans would keep one column equal to two others, and the first to end drops it\n\
                 help: let `{1}` replace `{5}`, which `{0}` makes of it",
                &[other, name, old, schema, at, first],
            );
        }
    }
    let mut later = place + 1;
    while later < plans.len() {
        if adds(plans[later], table, old) && !builds_on(plans, later, place, table, old) {
            let other = plans[later].outline().name;
            fail(
                "the plan `{0}` replaces the column `{1}` of `{2}.{3}` and must come after `{4}`, which adds it\n\n\
                 note: plans start in the order in which they stand: `{0}` would find no such column\n\
                 help: put `{4}` before `{0}`",
                &[name, old, schema, at, other],
            );
        }
        later += 1;
    }
}

/// The column that is added: by one plan, unless another plan has taken the name's holder away in between.
#[track_caller]
const fn check_new(plans: &[&'static Plan], place: usize, table: &TableOutline, new: &str) {
    let name = plans[place].outline().name;
    let (schema, at) = (table.schema, table.name);
    let mut earlier = place;
    while earlier > 0 {
        earlier -= 1;
        if replaces(plans[earlier], table, new) {
            return;
        }
        if adds(plans[earlier], table, new) {
            fail(
                "the plans `{0}` and `{1}` both add the column `{2}` to `{3}.{4}`\n\n\
                 note: `{1}` would find a column of this name that is not its own\n\
                 help: give the column that `{1}` makes another name",
                &[plans[earlier].outline().name, name, new, schema, at],
            );
        }
    }
}

/// A column that conversions read: it must be there from the first step of the plan to its last.
#[track_caller]
const fn check_read(plans: &[&'static Plan], place: usize, table: &TableOutline, column: &str) {
    let name = plans[place].outline().name;
    let (schema, at) = (table.schema, table.name);
    let mut earlier = place;
    while earlier > 0 {
        earlier -= 1;
        if adds(plans[earlier], table, column) {
            break;
        }
        if drops(plans[earlier])
            && let Some((_, new)) = find(plans[earlier], table, column, Side::Old)
        {
            let other = plans[earlier].outline().name;
            fail(
                "the plan `{0}` reads the column `{1}` of `{2}.{3}`, which the plan `{4}` drops\n\n\
                 note: `{4}` stands before it and is at stage `contract`\n\
                 help: read `{5}` instead, or keep `{4}` at stage `switch` until `{0}` is finished and left out of \
                 `migrations!`",
                &[name, column, schema, at, other, new],
            );
        }
    }
    let mut later = place + 1;
    let mut was_there = false;
    while later < plans.len() {
        let other = plans[later].outline().name;
        if let Some((_, new)) = find(plans[later], table, column, Side::Old) {
            if drops(plans[later]) && !drops(plans[place]) && !was_there {
                fail(
                    "the plan `{0}` drops the column `{1}` of `{2}.{3}`, which the plan `{4}` still reads\n\n\
                     note: `{0}` is at stage `contract`, and `{4}` at stage `{5}`: its sync could convert no row any \
                     more\n\
                     help: bring `{4}` to stage `contract` first, or let it read `{6}`",
                    &[other, column, schema, at, name, plans[place].outline().stage.as_str(), new],
                );
            }
            was_there = true;
        }
        if !was_there && adds(plans[later], table, column) && !is_added_before(plans, place, table, column) {
            fail(
                "the plan `{0}` reads the column `{1}` of `{2}.{3}` and must come after `{4}`, which adds it\n\n\
                 note: plans start in the order in which they stand: `{0}` would find no such column\n\
                 help: put `{4}` before `{0}`",
                &[name, column, schema, at, other],
            );
        }
        later += 1;
    }
}

/// Whether a plan before `place` makes the column, or the plan itself.
const fn is_added_before(plans: &[&'static Plan], place: usize, table: &TableOutline, column: &str) -> bool {
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
const fn builds_on(plans: &[&'static Plan], later: usize, place: usize, table: &TableOutline, column: &str) -> bool {
    let mut source = match find(plans[later], table, column, Side::New) {
        Some((old, _)) => old,
        None => return false,
    };
    let mut at = later;
    while at > place {
        at -= 1;
        if let Some((old, _)) = find(plans[at], table, source, Side::New) {
            if at == place {
                return true;
            }
            source = old;
        }
    }
    false
}

/// Whether the plan's stage lets the runner drop what the plan replaces.
const fn drops(plan: &Plan) -> bool {
    matches!(plan.outline().stage, Stage::Contract)
}

const fn adds(plan: &'static Plan, table: &TableOutline, column: &str) -> bool {
    find(plan, table, column, Side::New).is_some()
}

const fn replaces(plan: &'static Plan, table: &TableOutline, column: &str) -> bool {
    find(plan, table, column, Side::Old).is_some()
}

/// The change of `plan` on the same table whose column on this side is `column`, by its two columns.
const fn find(
    plan: &'static Plan,
    table: &TableOutline,
    column: &str,
    side: Side,
) -> Option<(&'static str, &'static str)> {
    let tables = plan.outline().tables;
    let mut t = 0;
    while t < tables.len() {
        if is_same(&tables[t], table) {
            let changes = tables[t].changes;
            let mut c = 0;
            while c < changes.len() {
                let (old, new) = changes[c];
                let name = match side {
                    Side::Old => old,
                    Side::New => new,
                };
                if equal(name, column) {
                    return Some((old, new));
                }
                c += 1;
            }
        }
        t += 1;
    }
    None
}
