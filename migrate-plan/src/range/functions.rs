//! What PostgreSQL's functions make of a range.

use super::analysis::Analysis;
use super::decimal::{Decimal, Rounding};
use super::extent::{Extent, constant};
use super::finding::Reaches;
use super::interval::{Edge, Interval};
use crate::expr::{Expr, Kind};
use crate::types::{Category, Type};

/// A call of a function of PostgreSQL's own.
pub(super) fn call<'a, S: Clone>(
    analysis: &mut Analysis<'a, '_, S>,
    expr: &'a Expr<S>,
    name: &str,
    arguments: &'a [Expr<S>],
) -> Extent {
    let values: Vec<Extent> = arguments.iter().map(|argument| analysis.of(argument)).collect();
    match name {
        "coalesce" => return values.into_iter().fold(Extent::Null, Extent::join),
        "greatest" | "least" => return extreme(analysis, expr, name, arguments, &values),
        "nullif" => return unless_equal(arguments, &values),
        "concat" => return joined(analysis, arguments, &values),
        "cardinality" | "array_length" => return number_of(values.first()),
        "length" | "char_length" | "character_length" | "octet_length" | "bit_length" => {
            let ty = arguments.first().and_then(|argument| analysis.type_of(argument));
            return measured(name, ty.as_ref(), values.first());
        }
        _ => {}
    }
    // What is left is strict.
    if values.contains(&Extent::Null) {
        return Extent::Null;
    }
    match (values.as_slice(), arguments) {
        ([Extent::Number(x)], [argument]) => of_number(analysis, expr, name, argument, *x),
        ([Extent::Number(x), Extent::Number(y)], [_, second]) => of_numbers(analysis, expr, name, *x, *y, second),
        ([Extent::Length(x), ..], _) => of_text(name, *x, arguments, &values).map_or(Extent::Unknown, Extent::Length),
        _ => match name {
            "md5" => Extent::Length(Interval::whole(32, 32)),
            _ => Extent::Unknown,
        },
    }
}

fn of_number<'a, S: Clone>(
    analysis: &mut Analysis<'a, '_, S>,
    expr: &'a Expr<S>,
    name: &str,
    argument: &'a Expr<S>,
    x: Interval,
) -> Extent {
    match name {
        "abs" => analysis.computed(expr, x.abs()),
        "round" => analysis.computed(expr, x.rounded(0, Rounding::HalfAway)),
        "trunc" => analysis.computed(expr, x.rounded(0, Rounding::Zero)),
        "floor" => analysis.computed(expr, x.rounded(0, Rounding::Floor)),
        "ceil" | "ceiling" => analysis.computed(expr, x.rounded(0, Rounding::Ceiling)),
        "sign" => analysis.computed(expr, Interval::whole(-1, 1)),
        "sqrt" if x.low < Edge::At(Decimal::ZERO) => {
            analysis.find(argument, Reaches::Outside(x, "sqrt".to_owned(), "numbers from 0 on"));
            Extent::Unknown
        }
        "ln" | "log" | "log10" if x.low < Edge::At(Decimal::ZERO) || x.has_zero() => {
            analysis.find(argument, Reaches::Outside(x, name.to_owned(), "numbers above 0"));
            Extent::Unknown
        }
        "chr" => {
            if !x.is_within(&Interval::whole(1, 1_114_111)) {
                let takes = "the numbers of characters, 1 to 1 114 111";
                analysis.find(argument, Reaches::Outside(x, "chr".to_owned(), takes));
            }
            Extent::Length(Interval::whole(1, 1))
        }
        _ => Extent::Unknown,
    }
}

fn of_numbers<'a, S: Clone>(
    analysis: &mut Analysis<'a, '_, S>,
    expr: &'a Expr<S>,
    name: &str,
    x: Interval,
    y: Interval,
    second: &'a Expr<S>,
) -> Extent {
    let places = constant(second).and_then(Decimal::whole).and_then(|places| i32::try_from(places).ok());
    match (name, places) {
        ("round", Some(places)) => analysis.computed(expr, x.rounded(places, Rounding::HalfAway)),
        ("trunc", Some(places)) => analysis.computed(expr, x.rounded(places, Rounding::Zero)),
        ("mod", _) => analysis.divided(expr, "%", Extent::Number(x), second, y),
        ("div", _) if y.has_zero() => {
            analysis.find(second, Reaches::Zero);
            Extent::Unknown
        }
        ("div", _) => analysis.computed(expr, x.over(&y).rounded(0, Rounding::Zero)),
        ("power" | "pow", _) => power(analysis, expr, x, y),
        _ => Extent::Unknown,
    }
}

/// `x ^ y` for a `y` that is one small whole number; anything else is computed in ways of its own.
pub(super) fn power<'a, S: Clone>(
    analysis: &mut Analysis<'a, '_, S>,
    expr: &'a Expr<S>,
    x: Interval,
    y: Interval,
) -> Extent {
    let Some(exponent) = y.single().and_then(Decimal::whole).filter(|exponent| (1..=64).contains(exponent)) else {
        return Extent::Unknown;
    };
    let base = if exponent % 2 == 0 { x.abs() } else { x };
    let all = (1..exponent).fold(base, |product, _| product.times(&base));
    // PostgreSQL rounds powers to sixteen digits or so.
    match analysis.computed(expr, all.as_power()) {
        Extent::Number(interval) => Extent::Number(Interval { scale: None, ..interval }),
        other => other,
    }
}

/// `greatest` and `least` leave nulls out, so that only a constant is certain to take part.
fn extreme<'a, S: Clone>(
    analysis: &mut Analysis<'a, '_, S>,
    expr: &'a Expr<S>,
    name: &str,
    arguments: &'a [Expr<S>],
    values: &[Extent],
) -> Extent {
    let all = values.iter().copied().fold(Extent::Null, Extent::join);
    let Extent::Number(mut result) = all else { return if all == Extent::Null { all } else { Extent::Unknown } };
    for number in arguments.iter().filter_map(constant) {
        let limit = match name {
            "greatest" => Interval { low: Edge::At(number), ..Interval::ALL },
            _ => Interval { high: Edge::At(number), ..Interval::ALL },
        };
        result = result.meet(&limit).unwrap_or(result);
    }
    analysis.computed(expr, Interval { without_zero: !result.has_zero(), ..result })
}

/// `nullif(x, 0)` is never zero.
fn unless_equal<S>(arguments: &[Expr<S>], values: &[Extent]) -> Extent {
    match (values.first(), arguments.get(1).and_then(constant)) {
        (Some(Extent::Number(interval)), Some(number)) if number.signum() == 0 => {
            Extent::Number(Interval { without_zero: true, ..*interval })
        }
        (Some(first), _) => *first,
        (None, _) => Extent::Unknown,
    }
}

fn joined<S: Clone>(analysis: &Analysis<'_, '_, S>, arguments: &[Expr<S>], values: &[Extent]) -> Extent {
    let mut total = Interval::whole(0, 0);
    for (argument, value) in arguments.iter().zip(values) {
        match analysis.as_text(argument, *value) {
            // A null counts as nothing.
            Extent::Length(length) => total = total.plus(&length.join(&Interval::whole(0, 0))),
            Extent::Null => {}
            _ => return Extent::Unknown,
        }
    }
    Extent::Length(total)
}

/// A length as a number.
fn number_of(value: Option<&Extent>) -> Extent {
    match value {
        Some(Extent::Length(length)) => Extent::Number(as_integer(*length)),
        Some(Extent::Null) => Extent::Null,
        _ => Extent::Unknown,
    }
}

/// No string is longer than 1 GB.
fn as_integer(length: Interval) -> Interval {
    length.meet(&Interval::whole(0, i32::MAX.into())).unwrap_or(length)
}

fn measured(name: &str, ty: Option<&Type>, value: Option<&Extent>) -> Extent {
    let Some(Extent::Length(length)) = value else { return number_of(value) };
    let category = ty.map(Type::category);
    let text = category == Some(Category::Text) || category.is_none();
    // `character(n)` is kept with its blanks, which count as bytes and not as characters.
    let padded = ty.and_then(Type::builtin).is_some_and(|builtin| builtin.name == "character");
    let factor = match (name, text, category) {
        ("length" | "char_length" | "character_length", _, _) => 1,
        (_, _, Some(Category::Bits)) => return Extent::Unknown,
        ("octet_length", true, _) => 4,
        ("octet_length", false, _) => 1,
        (_, true, _) => 32,
        (_, false, _) => 8,
    };
    let low = if padded || factor > 1 && text { Interval::whole(0, 0) } else { *length };
    let high = length.times(&Interval::whole(factor, factor));
    Extent::Number(as_integer(low.join(&high)))
}

/// The length of what a function makes of a text.
fn of_text<S>(name: &str, x: Interval, arguments: &[Expr<S>], values: &[Extent]) -> Option<Interval> {
    let up_to = |interval: Interval| Interval { low: Edge::At(Decimal::ZERO), without_zero: false, ..interval };
    let number = |place: usize| values.get(place).copied().and_then(Extent::number);
    Some(match name {
        "upper" | "lower" | "initcap" | "reverse" => x,
        "btrim" | "ltrim" | "rtrim" | "split_part" | "translate" => up_to(x),
        "md5" => Interval::whole(32, 32),
        "left" | "right" => cut(x, number(1)?),
        "substr" | "substring" => {
            // The form with a pattern gives a part as well.
            match number(2) {
                Some(length) => up_to(shorter(x, length)),
                None => up_to(x),
            }
        }
        "lpad" | "rpad" => {
            let length = number(1)?;
            let positive = Interval { low: length.low.max(Edge::At(Decimal::ZERO)), ..length };
            if positive.low > positive.high { Interval::whole(0, 0) } else { up_to(positive) }
        }
        "repeat" => {
            let times = number(1)?;
            let often = times.meet(&Interval::at_least(0)).unwrap_or(Interval::whole(0, 0));
            up_to(x.times(&often))
        }
        "replace" => {
            let texts = [arguments.get(1)?, arguments.get(2)?].map(|argument| match &argument.kind {
                Kind::Text(text) => Some(text.chars().count() as i128),
                _ => None,
            });
            let [Some(from), Some(to)] = texts else { return None };
            // An empty one is found nowhere.
            let factor = if from == 0 { 1 } else { ((to + from - 1) / from).max(1) };
            up_to(x.times(&Interval::whole(factor, factor)))
        }
        _ => return None,
    })
}

/// `left(x, n)`: at most `n` characters; for an `n` below zero as many less.
fn cut(x: Interval, n: Interval) -> Interval {
    let zero = Edge::At(Decimal::ZERO);
    match n.single().and_then(Decimal::whole) {
        Some(n) if n >= 0 => Interval { low: x.low.min(Edge::At(Decimal::new(n, 0))), ..shorter(x, n_of(n)) },
        Some(n) => {
            let less = x.plus(&n_of(n));
            Interval { low: less.low.max(zero), high: less.high.max(zero), without_zero: false, ..less }
        }
        None => Interval { low: zero, without_zero: false, ..x },
    }
}

fn n_of(n: i128) -> Interval {
    Interval::whole(n, n)
}

/// No longer than `most`.
fn shorter(x: Interval, most: Interval) -> Interval {
    let zero = Edge::At(Decimal::ZERO);
    Interval { low: zero, high: x.high.min(most.high.max(zero)), without_zero: false, ..x }
}

/// The length of a number as text.
pub(super) fn printed(interval: &Interval) -> Extent {
    let (Edge::At(low), Edge::At(high), Some(scale)) = (interval.low, interval.high, interval.scale) else {
        return Extent::Unknown;
    };
    let digits = |number: Decimal| i128::from(number.magnitude().max(1));
    let sign = i128::from(low.signum() < 0);
    let fraction = if scale > 0 { i128::from(scale) + 1 } else { 0 };
    Extent::Length(Interval::whole(1, sign + digits(low).max(digits(high)) + fraction))
}

/// The length that a value has after a cast to a type with a length.
pub(super) fn length_as(value: Extent, from: Option<&Type>, to: &Type) -> Option<Interval> {
    let text = to.category() == Category::Text;
    let category = from.map(Type::category);
    match value {
        Extent::Number(interval) if text => printed(&interval).length(),
        // Texts among themselves, bits among themselves; bytes are printed as digits.
        Extent::Length(length) if category.is_none_or(|category| category == to.category()) => Some(length),
        Extent::Unknown if text => match from?.builtin()?.name {
            "boolean" => Some(Interval::whole(4, 5)),
            "uuid" => Some(Interval::whole(36, 36)),
            _ => None,
        },
        _ => None,
    }
}

/// What a part of a date or time lies between.
pub(super) fn extracted(field: &str, ty: &Type) -> Option<Interval> {
    let name = ty.builtin()?.name;
    let dated = name == "date" || name.starts_with("timestamp");
    let timed = name.starts_with("time");
    let micros = |high: i128| Interval::new(Decimal::ZERO, Decimal::new(high, 6), Some(6));
    Some(match field.to_ascii_lowercase().as_str() {
        "year" | "isoyear" if dated => Interval::whole(-4714, 5_874_897),
        "quarter" if dated => Interval::whole(1, 4),
        "month" if dated => Interval::whole(1, 12),
        "week" if dated => Interval::whole(1, 53),
        "day" if dated => Interval::whole(1, 31),
        "dow" if dated => Interval::whole(0, 6),
        "isodow" if dated => Interval::whole(1, 7),
        "doy" if dated => Interval::whole(1, 366),
        "hour" if timed => Interval::whole(0, 24),
        "minute" if timed => Interval::whole(0, 59),
        "second" if timed => micros(59_999_999),
        // From 4714 BC to the end of the year 5874897 of a date, 294276 of a timestamp.
        "epoch" if name == "date" => Interval::whole(-210_866_803_200, 185_331_720_383_999),
        "epoch" if dated => {
            Interval::new(Decimal::new(-210_866_803_200, 0), Decimal::new(9_224_318_016_000, 0), Some(6))
        }
        "epoch" if name == "time without time zone" => micros(86_400_000_000),
        _ => return None,
    })
}
