//! No conversion overflows, divides by zero or cuts off for a value that the declared columns can hold.

mod side;
mod ways;
mod words;

use std::cell::OnceCell;

use super::Problem;
use crate::conversion;
use crate::conversion::trip::{Trip, follow};
use crate::declaration::{Change, Column, Table};
use crate::expr::{Expr, Kind};
use crate::range::declared;
use side::{Ascent, Side};

/// Both conversions of a change. `down` is looked at for what `up` can make.
pub(super) fn conversions<S: Clone>(table: &Table<S>, change: &Change<S>, problems: &mut Vec<Problem<S>>) {
    let (up, down) = conversion::effective(change);
    let before = problems.len();
    let old = (&change.old, declared(&change.old));
    let [up_types, down_types] = [OnceCell::new(), OnceCell::new()];
    let written = change.up.is_some();
    let ascent = Side { table, from: old, to: &change.new, written, typing: &up_types, ascent: None };
    let mut found = Vec::new();
    ascent.check(&up, &[], &mut found);
    problems.extend(found.into_iter().map(|(_, problem)| problem));
    if problems.len() > before {
        return;
    }
    // A row takes the same branch both ways where the condition is one on other columns.
    for assumed in assumptions(table, [&up, &down]) {
        let image = ascent.check(&up, &assumed, &mut Vec::new());
        let from = (&change.new, image);
        let written = change.down.is_some();
        let descent = Side {
            table,
            from,
            to: &change.old,
            written,
            typing: &down_types,
            ascent: Some(Ascent { side: &ascent, up: &up, assumed: &assumed }),
        };
        let mut found = Vec::new();
        descent.check(&down, &assumed, &mut found);
        if !found.is_empty() && is_inverse(table, change, [&up, &down]) {
            // What undoes `up` step by step makes nothing that was not there, whatever intervals say of it.
            found.retain(|(what, _)| !matches!(what, What::TooLarge));
        }
        problems.extend(found.into_iter().map(|(_, problem)| problem));
        if problems.len() > before {
            return;
        }
    }
}

/// Whether the range of `down` says little: it is known to undo `up`, or both compute with another column.
fn is_inverse<S: Clone>(table: &Table<S>, change: &Change<S>, [up, down]: [&Expr<S>; 2]) -> bool {
    let shared = |column: &Column<S>| {
        let name = column.name.text.as_str();
        is_computed_with(up, name) && is_computed_with(down, name)
    };
    table.context.iter().any(shared) || follow(change) == Trip::Shown
}

/// Whether a column is part of the value, and not only of conditions.
fn is_computed_with<S>(expr: &Expr<S>, column: &str) -> bool {
    match &expr.kind {
        Kind::Column(name) => name == column,
        Kind::Case { arms, otherwise, .. } => {
            let values = arms.iter().map(|(_, then)| then).chain(otherwise.as_deref());
            values.into_iter().any(|value| is_computed_with(value, column))
        }
        _ => expr.children().into_iter().any(|child| is_computed_with(child, column)),
    }
}

/// What is wrong with a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// It is larger or longer than what holds it.
    TooLarge,
    /// It is none that can be computed with.
    Wrong,
}

/// Problems, and whether each is one of size.
type Found<S> = Vec<(What, Problem<S>)>;

/// So many conditions on other columns are told apart.
const CONDITIONS: usize = 4;

/// Every way in which the conditions on other columns can turn out.
fn assumptions<S>(table: &Table<S>, conversions: [&Expr<S>; 2]) -> Vec<Vec<(String, bool)>> {
    let mut conditions: Vec<String> = Vec::new();
    let of_context = |condition: &Expr<S>| {
        let columns = condition.columns();
        let context = |name: &&str| table.context.iter().any(|column| column.name.text == **name);
        !columns.is_empty() && columns.iter().all(context)
    };
    for conversion in conversions {
        conversion.walk(&mut |node| {
            let Kind::Case { operand: None, arms, .. } = &node.kind else { return };
            for (when, _) in arms.iter().filter(|(when, _)| of_context(when)) {
                let text = when.to_string();
                if !conditions.contains(&text) && conditions.len() < CONDITIONS {
                    conditions.push(text);
                }
            }
        });
    }
    let mut ways = vec![Vec::new()];
    for condition in conditions {
        let both = |way: Vec<(String, bool)>| {
            [true, false].map(|holds| way.iter().cloned().chain([(condition.clone(), holds)]).collect())
        };
        ways = ways.into_iter().flat_map(both).collect();
    }
    ways
}
