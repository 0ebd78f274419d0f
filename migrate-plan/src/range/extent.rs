//! What the values of a type, or of a column, lie between.

use super::decimal::Decimal;
use super::interval::{Edge, Interval};
use super::moment;
use crate::declaration::{Column, Measure};
use crate::expr::{Expr, Kind};
use crate::types::{Category, Type};

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// It is always null.
    Null,
    /// It is a number.
    Number(Interval),
    /// It is text, bytes, bits or an array, of this length.
    Length(Interval),
    /// It is a date, a timestamp or a time of day, in seconds since 1970-01-01 or since midnight.
    Moment(Interval),
    /// Nothing.
    Unknown,
}

impl Extent {
    /// The numbers, where it is one.
    pub fn number(self) -> Option<Interval> {
        match self {
            Extent::Number(interval) => Some(interval),
            _ => None,
        }
    }

    /// The lengths, where it has one.
    pub fn length(self) -> Option<Interval> {
        match self {
            Extent::Length(interval) => Some(interval),
            _ => None,
        }
    }

    /// What covers both.
    pub fn join(self, other: Extent) -> Extent {
        match (self, other) {
            (Extent::Null, known) | (known, Extent::Null) => known,
            (Extent::Number(a), Extent::Number(b)) => Extent::Number(a.join(&b)),
            (Extent::Length(a), Extent::Length(b)) => Extent::Length(a.join(&b)),
            (Extent::Moment(a), Extent::Moment(b)) => Extent::Moment(a.join(&b)),
            _ => Extent::Unknown,
        }
    }
}

/// What a type holds; nothing for types whose values have neither a number nor a length that is known.
pub fn held(ty: &Type) -> Extent {
    if ty.array {
        return Extent::Length(Interval::at_least(0));
    }
    let Some(builtin) = ty.builtin() else { return Extent::Unknown };
    let number = |position: usize| ty.modifiers.get(position).and_then(|text| text.parse::<i32>().ok());
    let length = |least: i128| match number(0) {
        Some(most) => Extent::Length(Interval::whole(least, i128::from(most))),
        None => Extent::Length(Interval::at_least(0)),
    };
    match builtin.name {
        "smallint" => Extent::Number(Interval::whole(i16::MIN.into(), i16::MAX.into())),
        "integer" => Extent::Number(Interval::whole(i32::MIN.into(), i32::MAX.into())),
        "bigint" => Extent::Number(Interval::whole(i64::MIN.into(), i64::MAX.into())),
        "numeric" => match (number(0), number(1)) {
            (Some(precision), Some(scale)) => Extent::Number(digits(precision, scale)),
            _ => Extent::Number(Interval::ALL),
        },
        "bit" => length(number(0).map_or(0, i128::from)),
        "text" | "character varying" | "character" | "bpchar" | "bytea" | "bit varying" => length(0),
        "name" => Extent::Length(Interval::whole(0, 63)),
        _ => Extent::Unknown,
    }
}

/// `numeric(precision, scale)`. The numbers that are too many digits for us are as good as endless.
fn digits(precision: i32, scale: i32) -> Interval {
    let shown = Some(scale.max(0));
    if precision > 36 {
        let end = Decimal::power_of_ten(precision - scale);
        return Interval { scale: shown, ..Interval::new(end.negated(), end, shown) };
    }
    let most = 10_i128.pow(precision.unsigned_abs()) - 1;
    Interval::new(Decimal::new(-most, scale), Decimal::new(most, scale), shown)
}

/// What a declared column holds: its type's values, between its bounds.
pub fn declared<S>(column: &Column<S>) -> Extent {
    let held = held(&column.ty);
    let Some(bound) = &column.bound else { return held };
    if let (Some(low), Some(high)) = (moment_of(&bound.low, &column.ty), moment_of(&bound.high, &column.ty)) {
        return Extent::Moment(moment::between(low, high));
    }
    let (Some(low), Some(high)) = (constant(&bound.low), constant(&bound.high)) else { return held };
    let within = Interval { low: Edge::At(low), high: Edge::At(high), scale: None, without_zero: false };
    match (held, bound.measure) {
        (Extent::Number(all), Measure::Value) => all.meet(&within).map_or(held, Extent::Number),
        (Extent::Length(all), Measure::Length) => all.meet(&within).map_or(held, Extent::Length),
        _ => held,
    }
}

/// The moment that a constant is, as a value of `ty`.
fn moment_of<S>(expr: &Expr<S>, ty: &Type) -> Option<Decimal> {
    match &expr.kind {
        Kind::Text(text) | Kind::Typed(_, text) => moment::of_type(ty, text),
        _ => None,
    }
}

/// The number that a constant is.
pub(crate) fn constant<S>(expr: &Expr<S>) -> Option<Decimal> {
    match &expr.kind {
        Kind::Number(text) => Decimal::parse(text),
        Kind::Prefix(sign, inner) if sign == "-" => constant(inner).map(Decimal::negated),
        Kind::Prefix(sign, inner) if sign == "+" => constant(inner),
        Kind::Typed(ty, text) if ty.category() == Category::Number => Decimal::parse(text.trim()),
        Kind::Cast(inner, ty) if ty.category() == Category::Number && ty.modifiers.is_empty() && !ty.array => {
            let number = constant(inner)?;
            let whole = ty.builtin()?.integer_rank().is_some();
            if whole { number.rounded(0, super::Rounding::HalfAway) } else { Some(number) }
        }
        _ => None,
    }
}

/// Whether a value of this extent can be stored in `ty`, as far as it is known.
pub fn fits(extent: Extent, ty: &Type) -> bool {
    match (extent, held(ty)) {
        (Extent::Number(interval), Extent::Number(all)) => stored(&interval, ty).is_within(&all),
        (Extent::Length(interval), Extent::Length(all)) => interval.is_within(&all),
        _ => true,
    }
}

/// A number as a column of `ty` rounds it.
pub(super) fn stored(interval: &Interval, ty: &Type) -> Interval {
    let scale = match ty.builtin() {
        Some(builtin) if builtin.integer_rank().is_some() => Some(0),
        Some(builtin) if builtin.name == "numeric" => ty.modifiers.get(1).and_then(|text| text.parse().ok()),
        _ => None,
    };
    scale.map_or(*interval, |scale| interval.rounded(scale, super::Rounding::HalfAway))
}
