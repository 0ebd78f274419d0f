//! Values on which conversions trip.

use super::value::{Linear, Number, Value, parse};
use crate::declaration::{Bound, Column, Measure};
use crate::range::{Decimal, Edge, declared};
use crate::types::{Category, Type};

/// Texts that are easily taken for another.
const TEXTS: [&str; 18] =
    ["", " ", "a", "A", " a", "a ", "0", "1", "012", "10", "+1", "1.50", "-1", "t", "yes", "none", "Ab cd", "[1,2]"];

/// The corners of a column's values.
pub(super) fn of<S>(column: &Column<S>) -> Vec<Value> {
    let ty = &column.ty;
    if let Some(kind) = Number::of(ty) {
        return numbers(column, ty, kind);
    }
    match ty.category() {
        Category::Boolean => vec![Value::Boolean(true), Value::Boolean(false)],
        Category::Text => {
            let fits = |text: &str| column.bound.as_ref().is_none_or(|bound| has_length(bound, text));
            TEXTS.iter().filter(|text| fits(text)).filter_map(|text| parse(text, ty).ok()).collect()
        }
        _ => Vec::new(),
    }
}

fn has_length<S>(bound: &Bound<S>, text: &str) -> bool {
    let ends = [&bound.low, &bound.high].map(|end| crate::range::constant(end).and_then(Decimal::whole));
    let length = text.chars().count() as i128;
    bound.measure != Measure::Length || matches!(ends, [Some(low), Some(high)] if (low..=high).contains(&length))
}

fn numbers<S>(column: &Column<S>, ty: &Type, kind: Number) -> Vec<Value> {
    let range = declared(column).number();
    let scale = Linear::own(ty).map_or(3, |line| line.scale);
    let step = Decimal::new(1, scale);
    let mut found: Vec<Decimal> = [2, 3, 7, 10, 99, 100, 101, 12345, 0, 1, -1].map(|n| Decimal::new(n, 0)).to_vec();
    found.extend([1, -1, 5, -5, 9, 25, 49, 50, 51, 99, 101, 111].map(|n| Decimal::new(n, scale)));
    if ty.modifiers.is_empty() && kind == Number::Numeric {
        found.extend(["1.50", "0.005", "1.0", "0.1"].iter().filter_map(|text| Decimal::parse(text)));
    }
    if let Some(range) = range {
        for edge in [range.low, range.high] {
            if let Edge::At(end) = edge {
                found.push(end);
                found.extend(end.plus(step));
                found.extend(end.plus(step.negated()));
            }
        }
    }
    let inside = |number: &Decimal| range.is_none_or(|range| range.has(*number));
    let values = found.into_iter().filter(inside).filter_map(|number| match kind {
        // Shown as its column shows it.
        Number::Numeric if !ty.modifiers.is_empty() => number.with_scale(scale.max(0)),
        Number::Numeric => Some(number),
        _ => number.with_scale(0),
    });
    values.map(|number| Value::Number(number, kind)).collect()
}
