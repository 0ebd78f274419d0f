//! An ordered set of plans, and what must hold between them.

use std::borrow::Cow;

use crate::lens::Lens;
use crate::plan::{List, Plan, Side, Table, Text};

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
                if same(&plans[earlier].name, &plans[later].name) {
                    fail(&["two plans are named `", text(&plans[later].name), "`"]);
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

/// Holds each lens of the plan at `place` against the plans around it.
#[track_caller]
const fn check_plan(plans: &[&'static Plan], place: usize) {
    let tables = slice(&plans[place].tables);
    let mut t = 0;
    while t < tables.len() {
        let lenses = slice(&tables[t].lenses);
        let mut l = 0;
        while l < lenses.len() {
            check_lens(plans, place, &tables[t], &lenses[l]);
            l += 1;
        }
        t += 1;
    }
}

#[track_caller]
const fn check_lens(plans: &[&'static Plan], place: usize, table: &Table, lens: &Lens) {
    let name = text(&plans[place].name);
    let old = text(&lens.old.column);
    let new = text(&lens.new.column);
    let mut earlier = place;
    // Whether a plan in between has brought the old column back, or taken the new name's holder away.
    let (mut old_is_back, mut new_is_free) = (false, false);
    while earlier > 0 {
        earlier -= 1;
        let other = text(&plans[earlier].name);
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
            let other = text(&plans[later].name);
            fail(&["the plan `", name, "` replaces `", old, "` and must come after `", other, "`, which adds it"]);
        }
        later += 1;
    }
}

/// Whether the column that the plan at `later` makes `column` from comes, in one or more plans, from
/// one that the plan at `place` added: then the plans stand in order, and a name is used again.
const fn builds_on(plans: &[&'static Plan], later: usize, place: usize, table: &Table, column: &str) -> bool {
    let mut source = match lens_that_adds(plans[later], table, column) {
        Some(lens) => text(&lens.old.column),
        None => return false,
    };
    let mut at = later;
    while at > place {
        at -= 1;
        if let Some(lens) = lens_that_adds(plans[at], table, source) {
            if at == place {
                return true;
            }
            source = text(&lens.old.column);
        }
    }
    false
}

const fn adds(plan: &'static Plan, table: &Table, column: &str) -> bool {
    lens_that_adds(plan, table, column).is_some()
}

const fn lens_that_adds(plan: &'static Plan, table: &Table, column: &str) -> Option<&'static Lens> {
    find(plan, table, column, Side::New)
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

const fn text(text: &Text) -> &str {
    match text {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => text.as_str(),
    }
}

const fn slice<T: Clone>(list: &List<T>) -> &[T] {
    match list {
        Cow::Borrowed(list) => list,
        Cow::Owned(list) => list.as_slice(),
    }
}

const fn same(a: &Text, b: &Text) -> bool {
    equal(text(a), text(b))
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
    use crate::declaration::{Change, Column, Declaration, Name, Table as DeclaredTable};
    use crate::plan::Stage;
    use crate::types::Type;

    fn name(text: &str) -> Name<()> {
        Name { text: text.to_owned(), span: () }
    }

    fn column(text: &str) -> Column<()> {
        Column { name: name(text), ty: Type::named("integer"), ty_span: (), not_null: true, default: None, bound: None }
    }

    /// A plan that replaces `old` by `new` in the table `t`.
    fn plan(plan: &str, old: &str, new: &str) -> &'static Plan {
        let change = Change { old: column(old), new: column(new), up: None, down: None, lossy: None };
        let table = DeclaredTable { schema: None, name: name("t"), context: Vec::new(), changes: vec![change] };
        let declaration = Declaration {
            name: name(plan),
            stage: Stage::DualWrite,
            functions: Vec::new(),
            lost_function: false,
            tables: vec![table],
        };
        Box::leak(Box::new(crate::plan(&declaration)))
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
