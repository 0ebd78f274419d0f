//! Declared bounds as conditions on the live rows.

use crate::declaration::{Bound, Column, Measure};
use crate::expr::{Expr, Kind};
use crate::ident::{literal, quote};
use crate::plan::Bounded;
use crate::types::{Category, Type};

/// The condition for one column, where it declares a bound.
pub(super) fn bounded<S>(column: &Column<S>) -> Option<Bounded> {
    let bound = column.bound.as_ref()?;
    let measured = measured(column, bound);
    let ty = match bound.measure {
        Measure::Value => Type { modifiers: Vec::new(), ..column.ty.clone() }.unmodified(),
        Measure::Length => "integer".to_owned(),
    };
    let (low, high) = (constant(&bound.low), constant(&bound.high));
    Some(Bounded {
        column: column.name.text.clone().into(),
        bound: bound.to_string().into(),
        outside: format!(
            "({measured} OPERATOR(pg_catalog.<) {low}::{ty} OR {measured} OPERATOR(pg_catalog.>) {high}::{ty})"
        )
        .into(),
    })
}

/// What is compared: the value, or its length.
fn measured<S>(column: &Column<S>, bound: &Bound<S>) -> String {
    let name = quote(&column.name.text);
    match (bound.measure, column.ty.category()) {
        (Measure::Value, _) => name,
        (Measure::Length, Category::Text) => format!("pg_catalog.char_length({name})"),
        (Measure::Length, Category::Array) => format!("pg_catalog.cardinality({name})"),
        (Measure::Length, _) => format!("pg_catalog.length({name})"),
    }
}

/// A constant as a text, so that it is read as the column's type whatever it looks like.
fn constant<S>(value: &Expr<S>) -> String {
    match &value.kind {
        Kind::Text(text) | Kind::Typed(_, text) => literal(text),
        Kind::Prefix(sign, inner) => match &inner.kind {
            Kind::Number(digits) => literal(&format!("{sign}{digits}")),
            _ => format!("({value})"),
        },
        Kind::Number(digits) => literal(digits),
        _ => format!("({value})"),
    }
}
