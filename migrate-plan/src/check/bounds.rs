//! Declared bounds: constants of the column's type, in their order, on columns that have values.

use super::Problem;
use super::reach::grouped;
use crate::declaration::{Bound, Change, Column, Measure};
use crate::expr::{Expr, Kind};
use crate::range::{Decimal, constant, held};
use crate::types::Category;

/// A bound on a column that exists.
pub(super) fn of_existing<S: Clone>(column: &Column<S>, problems: &mut Vec<Problem<S>>) {
    let Some(bound) = &column.bound else { return };
    let category = column.ty.category();
    let name = &column.name.text;
    let has_length = matches!(category, Category::Text | Category::Bytes | Category::Bits | Category::Array);
    match (bound.measure, category) {
        (Measure::Value, Category::Number) | (Measure::Length, _) if has_length || bound.measure == Measure::Value => {
            numbers(column, bound, problems);
        }
        (Measure::Value, Category::Time) => times(column, bound, problems),
        (Measure::Length, _) => problems.push(
            Problem::new(bound.span.clone(), format!("a value of `{}` has no length", column.ty))
                .help(format!("bound the value itself: `{name}: {} between … and …`", column.ty)),
        ),
        (Measure::Value, _) if has_length => problems.push(
            Problem::new(bound.span.clone(), format!("`{}` has no bounds but those of its length", column.ty))
                .note("how texts are ordered depends on a collation")
                .help(format!("write `{name}: {} length between … and …`", column.ty)),
        ),
        _ => problems.push(
            Problem::new(bound.span.clone(), format!("a value of `{}` cannot be bounded", column.ty))
                .help("leave the bound out: numbers, dates and times have an order, texts, bytes and arrays a length"),
        ),
    }
}

/// The new column has no values yet.
pub(super) fn of_new<S: Clone>(change: &Change<S>, problems: &mut Vec<Problem<S>>) {
    let Some(bound) = &change.new.bound else { return };
    let (old, new) = (&change.old.name.text, &change.new.name.text);
    problems.push(
        Problem::new(bound.span.clone(), format!("`{new}` cannot be bounded: it has no rows yet"))
            .note(format!("it holds what `up` makes of `{old}`"))
            .help(format!("bound `{old}`, and the range of `{new}` follows")),
    );
}

fn numbers<S: Clone>(column: &Column<S>, bound: &Bound<S>, problems: &mut Vec<Problem<S>>) {
    let before = problems.len();
    let whole =
        bound.measure == Measure::Length || column.ty.builtin().is_some_and(|builtin| builtin.integer_rank().is_some());
    let ends = [&bound.low, &bound.high].map(|end| end_of(end, whole, column, problems));
    let [Some(low), Some(high)] = ends else {
        if problems.len() == before {
            problems.push(Problem::new(bound.span.clone(), "a bound needs two numbers"));
        }
        return;
    };
    if low > high {
        return empty(bound, problems);
    }
    let all = match bound.measure {
        Measure::Value => held(&column.ty).number(),
        Measure::Length => held(&column.ty).length(),
    };
    let what = if bound.measure == Measure::Length { "has the length" } else { "is" };
    for (end, number) in [(&bound.low, low), (&bound.high, high)] {
        if all.is_some_and(|all| !all.has(number)) {
            problems.push(
                Problem::new(end.span.clone(), format!("no value of `{}` {what} {}", column.ty, grouped(number)))
                    .help("a bound says more than the type: write the least and the greatest that the rows hold"),
            );
        }
    }
}

fn end_of<S: Clone>(end: &Expr<S>, whole: bool, column: &Column<S>, problems: &mut Vec<Problem<S>>) -> Option<Decimal> {
    let Some(number) = constant(end) else {
        problems.push(
            Problem::new(
                end.span.clone(),
                format!("the bound of `{}` is a number, and this is none", column.name.text),
            )
            .help("write a constant: `between 0 and 20_000_000`"),
        );
        return None;
    };
    if whole && !number.is_whole() {
        let what = if bound_is_length(column) { "a length" } else { "a value of this type" };
        problems.push(
            Problem::new(end.span.clone(), format!("{what} is a whole number, and {number} is none"))
                .help("write the whole number next to it"),
        );
        return None;
    }
    Some(number)
}

fn bound_is_length<S>(column: &Column<S>) -> bool {
    column.bound.as_ref().is_some_and(|bound| bound.measure == Measure::Length)
}

fn empty<S: Clone>(bound: &Bound<S>, problems: &mut Vec<Problem<S>>) {
    problems.push(
        Problem::new(bound.span.clone(), "nothing lies in this bound: its ends are in the wrong order")
            .help("write the least first: `between least and greatest`"),
    );
}

/// Dates and times are compared as texts, which ISO 8601 allows: no setting of a session reads them in
/// another way.
fn times<S: Clone>(column: &Column<S>, bound: &Bound<S>, problems: &mut Vec<Problem<S>>) {
    let name = column.ty.builtin().map_or("", |builtin| builtin.name);
    let sample = match name {
        "date" => "2020-01-31",
        "timestamp without time zone" => "2020-01-31 12:00:00",
        "timestamp with time zone" => "2020-01-31 12:00:00Z",
        "time without time zone" => "12:00:00",
        _ => {
            problems.push(
                Problem::new(bound.span.clone(), format!("a value of `{}` cannot be bounded", column.ty))
                    .help("bound a date, a time without zone or a timestamp"),
            );
            return;
        }
    };
    let mut ends = Vec::new();
    for end in [&bound.low, &bound.high] {
        match &end.kind {
            Kind::Text(text) | Kind::Typed(_, text) if has_form(text, sample) => ends.push(text.as_str()),
            _ => problems.push(
                Problem::new(end.span.clone(), format!("this is no `{name}` that every session reads alike"))
                    .note("other forms are read by the session's `DateStyle` and `TimeZone`")
                    .help(format!("write it as a text of this form: \"{sample}\"")),
            ),
        }
    }
    if let [low, high] = ends[..]
        && low > high
    {
        empty(bound, problems);
    }
}

/// Whether the text has a digit wherever the sample has one; digits of a second may follow.
fn has_form(text: &str, sample: &str) -> bool {
    let alike = |(a, b): (char, char)| if b.is_ascii_digit() { a.is_ascii_digit() } else { a == b };
    text.len() == sample.len() && text.chars().zip(sample.chars()).all(alike)
}
