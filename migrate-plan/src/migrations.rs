//! An ordered set of plans, and what must hold between them.

use crate::plan::{Plan, Side, TableOutline};

/// The plans of a program.
#[derive(Debug)]
pub struct Migrations {
    plans: &'static [&'static Plan],
}

impl Migrations {
    /// A set in this order. In a `static` it is checked while the program compiles.
    ///
    /// # Panics
    ///
    /// Where two plans have one name, where two plans replace or add one column of a table and no plan
    /// between them undoes the first, and where a plan stands before the one whose new column it
    /// replaces.
    #[track_caller]
    pub const fn new(plans: &'static [&'static Plan]) -> Migrations {
        let mut later = 0;
        while later < plans.len() {
            let mut earlier = 0;
            while earlier < later {
                if equal(plans[earlier].outline().name, plans[later].outline().name) {
                    fail(&["two plans are named `", plans[later].outline().name, "`"]);
                }
                earlier += 1;
            }
            later += 1;
        }
        let mut place = 0;
        while place < plans.len() {
            check_plan(plans, place);
            place += 1;
        }
        Migrations { plans }
    }

    /// The plans in their order.
    pub const fn plans(&self) -> &'static [&'static Plan] {
        self.plans
    }
}

/// Holds each change of the plan at `place` against the plans around it.
#[track_caller]
const fn check_plan(plans: &[&'static Plan], place: usize) {
    let tables = plans[place].outline().tables;
    let mut t = 0;
    while t < tables.len() {
        let changes = tables[t].changes;
        let mut l = 0;
        while l < changes.len() {
            check_change(plans, place, &tables[t], changes[l]);
            l += 1;
        }
        t += 1;
    }
}

#[track_caller]
const fn check_change(
    plans: &[&'static Plan],
    place: usize,
    table: &TableOutline,
    (old, new): (&'static str, &'static str),
) {
    let name = plans[place].outline().name;
    let mut earlier = place;
    // Whether a plan in between has brought the old column back, or taken the new name's holder away.
    let (mut old_is_back, mut new_is_free) = (false, false);
    while earlier > 0 {
        earlier -= 1;
        let other = plans[earlier].outline().name;
        if adds(plans[earlier], table, old) {
            old_is_back = true;
        }
        if replaces(plans[earlier], table, new) {
            new_is_free = true;
        }
        if !old_is_back && replaces(plans[earlier], table, old) {
            fail(&["the plans `", other, "` and `", name, "` both replace the column `", old, "`"]);
        }
        if !new_is_free && adds(plans[earlier], table, new) {
            fail(&["the plans `", other, "` and `", name, "` both add the column `", new, "`"]);
        }
    }
    let mut later = place + 1;
    while later < plans.len() {
        if adds(plans[later], table, old) && !builds_on(plans, later, place, table, old) {
            let other = plans[later].outline().name;
            fail(&["the plan `", name, "` replaces `", old, "` and must come after `", other, "`, which adds it"]);
        }
        later += 1;
    }
}

/// Whether the column that the plan at `later` makes `column` from comes, in one or more plans, from
/// one that the plan at `place` added: then the plans stand in order, and a name is used again.
const fn builds_on(plans: &[&'static Plan], later: usize, place: usize, table: &TableOutline, column: &str) -> bool {
    let mut source = match change_that_adds(plans[later], table, column) {
        Some((old, _)) => old,
        None => return false,
    };
    let mut at = later;
    while at > place {
        at -= 1;
        if let Some((old, _)) = change_that_adds(plans[at], table, source) {
            if at == place {
                return true;
            }
            source = old;
        }
    }
    false
}

const fn adds(plan: &'static Plan, table: &TableOutline, column: &str) -> bool {
    change_that_adds(plan, table, column).is_some()
}

const fn change_that_adds(
    plan: &'static Plan,
    table: &TableOutline,
    column: &str,
) -> Option<(&'static str, &'static str)> {
    find(plan, table, column, Side::New)
}

const fn replaces(plan: &'static Plan, table: &TableOutline, column: &str) -> bool {
    find(plan, table, column, Side::Old).is_some()
}

/// The change of `plan` on the same table whose column on this side is `column`.
const fn find(
    plan: &'static Plan,
    table: &TableOutline,
    column: &str,
    side: Side,
) -> Option<(&'static str, &'static str)> {
    let tables = plan.outline().tables;
    let mut t = 0;
    while t < tables.len() {
        if equal(tables[t].schema, table.schema) && equal(tables[t].name, table.name) {
            let changes = tables[t].changes;
            let mut l = 0;
            while l < changes.len() {
                let (old, new) = changes[l];
                let name = match side {
                    Side::Old => old,
                    Side::New => new,
                };
                if equal(name, column) {
                    return Some((old, new));
                }
                l += 1;
            }
        }
        t += 1;
    }
    None
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Panics with these texts, one after the other: a constant expression has no other formatting.
#[track_caller]
const fn fail(parts: &[&str]) -> ! {
    const MOST: usize = 512;
    let mut message = [b' '; MOST];
    let mut length = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut at = 0;
        while at < bytes.len() && length < MOST {
            message[length] = bytes[at];
            length += 1;
            at += 1;
        }
        part += 1;
    }
    let (message, _) = message.split_at(length);
    match std::str::from_utf8(message) {
        Ok(message) => panic!("{}", message),
        Err(_) => panic!("the plans do not fit together"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Outline, Stage};

    /// A plan that replaces `old` by `new` in the table `t`.
    fn plan(name: &'static str, old: &'static str, new: &'static str) -> &'static Plan {
        let table =
            TableOutline { schema: "public", name: "t", reads: &[], changes: Box::leak(Box::new([(old, new)])) };
        let outline = Outline { name, stage: Stage::DualWrite, tables: Box::leak(Box::new([table])) };
        Box::leak(Box::new(Plan::new(outline, "")))
    }

    fn message(plans: &[&'static Plan]) -> Option<String> {
        let plans: &'static [&'static Plan] = Box::leak(plans.to_vec().into_boxed_slice());
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let result = std::panic::catch_unwind(|| Migrations::new(plans));
        std::panic::set_hook(hook);
        result.err().and_then(|panic| panic.downcast_ref::<String>().cloned())
    }

    #[test]
    fn plans_that_fit_together_are_taken() {
        assert_eq!(message(&[]), None);
        assert_eq!(message(&[plan("a", "x", "y"), plan("b", "y", "z")]), None, "a chain");
        assert_eq!(message(&[plan("a", "x", "y"), plan("b", "y", "x")]), None, "there and back");
        let and_again = [plan("a", "x", "y"), plan("b", "y", "x"), plan("c", "x", "z")];
        assert_eq!(message(&and_again), None, "a column that came back may be replaced");
        let round = [plan("a", "x", "y"), plan("b", "y", "z"), plan("c", "z", "x")];
        assert_eq!(message(&round), None, "there and back by a detour");
    }

    #[test]
    fn plans_that_do_not_fit_together_are_refused() {
        let refused = |plans: &[&'static Plan]| message(plans).expect("these plans contradict each other");
        assert_eq!(refused(&[plan("a", "x", "y"), plan("a", "u", "v")]), "two plans are named `a`");
        assert_eq!(
            refused(&[plan("a", "x", "y"), plan("b", "x", "z")]),
            "the plans `a` and `b` both replace the column `x`"
        );
        assert_eq!(
            refused(&[plan("a", "x", "z"), plan("b", "y", "z")]),
            "the plans `a` and `b` both add the column `z`"
        );
        assert_eq!(
            refused(&[plan("b", "y", "z"), plan("a", "x", "y")]),
            "the plan `b` replaces `y` and must come after `a`, which adds it"
        );
    }
}
