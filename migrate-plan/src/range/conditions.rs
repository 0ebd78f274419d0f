//! What a condition says of a column where it is true, and where it is not.

use super::decimal::Decimal;
use super::extent::{Extent, constant};
use super::interval::{Edge, Interval};
use crate::expr::{Expr, IsTest, Kind, Negated, Operator};

/// Columns and what is known of them on one branch.
pub(super) type Known = Vec<(String, Extent)>;

/// What is known beside `before` where `condition` is true.
pub(super) fn where_true<S>(condition: &Expr<S>, of: &dyn Fn(&str) -> Extent) -> Known {
    match &condition.kind {
        Kind::Binary(a, Operator::And, b) => {
            let mut known = where_true(a, of);
            let inner = |name: &str| lookup(&known, name).unwrap_or_else(|| of(name));
            let more = where_true(b, &inner);
            known.splice(0..0, more);
            known
        }
        Kind::Not(inner) => where_false(inner, of),
        Kind::Between(x, Negated::No, low, high) => {
            let (Some(low), Some(high)) = (constant(low), constant(high)) else { return Known::new() };
            narrowed(x, &Interval::new(low, high, None), of)
        }
        Kind::Binary(a, Operator::Symbol(symbol), b) => compared(a, symbol, b, of),
        _ => Known::new(),
    }
}

/// What is known where `condition` is false or null: only what holds for a null is not told.
pub(super) fn where_false<S>(condition: &Expr<S>, of: &dyn Fn(&str) -> Extent) -> Known {
    match &condition.kind {
        Kind::Binary(a, Operator::Or, b) => {
            let mut known = where_false(a, of);
            let inner = |name: &str| lookup(&known, name).unwrap_or_else(|| of(name));
            let more = where_false(b, &inner);
            known.splice(0..0, more);
            known
        }
        Kind::Is(x, IsTest::Null, Negated::Yes) => match column(x) {
            Some(name) => vec![(name.to_owned(), Extent::Null)],
            None => Known::new(),
        },
        Kind::Binary(a, Operator::Symbol(symbol), b) => {
            let opposite = match symbol.as_str() {
                "=" => "<>",
                "<>" => "=",
                "<" => ">=",
                ">=" => "<",
                ">" => "<=",
                "<=" => ">",
                _ => return Known::new(),
            };
            compared(a, opposite, b, of)
        }
        _ => Known::new(),
    }
}

pub(super) fn lookup(known: &Known, name: &str) -> Option<Extent> {
    known.iter().find(|(column, _)| column == name).map(|(_, extent)| *extent)
}

fn column<S>(expr: &Expr<S>) -> Option<&str> {
    match &expr.kind {
        Kind::Column(name) => Some(name),
        _ => None,
    }
}

/// A column beside a constant.
fn compared<S>(a: &Expr<S>, symbol: &str, b: &Expr<S>, of: &dyn Fn(&str) -> Extent) -> Known {
    let (side, number, symbol) = match (constant(a), constant(b)) {
        (None, Some(number)) => (a, number, symbol),
        (Some(number), None) => (b, number, mirrored(symbol)),
        _ => return Known::new(),
    };
    let at = Edge::At(number);
    // The end itself stays in: a strict comparison says a little more.
    let within = match symbol {
        "=" => Interval { low: at, high: at, ..Interval::ALL },
        "<" | "<=" => Interval { high: at, ..Interval::ALL },
        ">" | ">=" => Interval { low: at, ..Interval::ALL },
        "<>" => Interval::ALL,
        _ => return Known::new(),
    };
    let strict = matches!(symbol, "<" | ">" | "<>") && number == Decimal::ZERO;
    narrowed(side, &Interval { without_zero: strict, ..within }, of)
}

fn mirrored(symbol: &str) -> &str {
    match symbol {
        "<" => ">",
        ">" => "<",
        "<=" => ">=",
        ">=" => "<=",
        other => other,
    }
}

fn narrowed<S>(side: &Expr<S>, within: &Interval, of: &dyn Fn(&str) -> Extent) -> Known {
    let Some(name) = column(side) else { return Known::new() };
    match of(name) {
        // Nothing in common: the branch is never taken, and nothing needs to be known of it.
        Extent::Number(all) => vec![(name.to_owned(), all.meet(within).map_or(Extent::Null, Extent::Number))],
        _ => Known::new(),
    }
}
