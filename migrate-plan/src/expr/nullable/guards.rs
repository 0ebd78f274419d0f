//! What a condition shows of the columns it asks for.

use crate::expr::{Expr, IsTest, Kind, Negated, Operator};

/// The columns that are not null where the condition holds.
pub(super) fn held<'a, S>(condition: &'a Expr<S>, shown: &mut Vec<&'a str>) {
    match &condition.kind {
        Kind::Is(x, IsTest::Null, Negated::Yes) => strictly(x, shown),
        Kind::Is(x, IsTest::True | IsTest::False, Negated::No) => strictly(x, shown),
        Kind::Not(x) => match &x.kind {
            Kind::Is(x, IsTest::Null, Negated::No) => strictly(x, shown),
            Kind::Is(..) | Kind::Binary(_, Operator::And | Operator::Or | Operator::Distinct(_), _) => {}
            _ => strictly(x, shown),
        },
        Kind::Binary(a, Operator::And, b) => {
            held(a, shown);
            held(b, shown);
        }
        Kind::Binary(_, Operator::Or, _) => {}
        _ => strictly(condition, shown),
    }
}

/// The columns that are not null where the condition does not hold.
pub(super) fn failed<'a, S>(condition: &'a Expr<S>, shown: &mut Vec<&'a str>) {
    match &condition.kind {
        Kind::Is(x, IsTest::Null, Negated::No) => {
            if let Kind::Column(name) = &x.kind {
                shown.push(name);
            }
        }
        Kind::Binary(a, Operator::Or, b) => {
            failed(a, shown);
            failed(b, shown);
        }
        _ => {}
    }
}

/// The columns whose null would make the whole null.
fn strictly<'a, S>(expr: &'a Expr<S>, shown: &mut Vec<&'a str>) {
    match &expr.kind {
        Kind::Column(name) => shown.push(name),
        Kind::Binary(a, Operator::Symbol(symbol), b) if symbol != "||" => {
            strictly(a, shown);
            strictly(b, shown);
        }
        Kind::Binary(a, Operator::Like(_) | Operator::ILike(_) | Operator::Similar(_), b) => {
            strictly(a, shown);
            strictly(b, shown);
        }
        Kind::In(x, ..) | Kind::Between(x, ..) | Kind::Cast(x, _) | Kind::Prefix(_, x) => strictly(x, shown),
        _ => {}
    }
}
