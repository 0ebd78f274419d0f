//! The functions that conversions are most often made of.

use super::evaluate::as_line;
use super::value::{Number, Step, Stop, Value, cast};
use crate::range::{Decimal, Rounding};
use crate::types::Type;

/// A call of a strict function of PostgreSQL's own.
pub(super) fn call(name: &str, values: Vec<Value>) -> Step {
    if name == "concat" {
        let texts = values.into_iter().filter(|value| *value != Value::Null);
        return texts.into_iter().try_fold(Value::Text(String::new()), join);
    }
    if matches!(name, "greatest" | "least") {
        return Err(Stop::Unknown);
    }
    if values.contains(&Value::Null) {
        return Ok(Value::Null);
    }
    match (name, values.as_slice()) {
        ("round" | "trunc" | "floor" | "ceil" | "ceiling", [value, rest @ ..]) => rounded(name, value, rest),
        ("abs", [Value::Number(number, ty)]) => ty.hold(number.abs()),
        ("sign", [Value::Number(number, Number::Numeric)]) => {
            Ok(Value::Number(Decimal::new(number.signum(), 0), Number::Numeric))
        }
        ("mod", [a, b]) => super::numbers::infix("%", a.clone(), b.clone(), None),
        ("length" | "char_length" | "character_length", [Value::Text(text)]) => {
            Ok(Value::Number(Decimal::new(text.chars().count() as i128, 0), Number::Integer))
        }
        // Other letters follow the collation.
        ("lower", [Value::Text(text)]) if text.is_ascii() => Ok(Value::Text(text.to_ascii_lowercase())),
        ("upper", [Value::Text(text)]) if text.is_ascii() => Ok(Value::Text(text.to_ascii_uppercase())),
        ("btrim", [Value::Text(text)]) => Ok(Value::Text(text.trim_matches(' ').to_owned())),
        ("ltrim", [Value::Text(text)]) => Ok(Value::Text(text.trim_start_matches(' ').to_owned())),
        ("rtrim", [Value::Text(text)]) => Ok(Value::Text(text.trim_end_matches(' ').to_owned())),
        ("reverse", [Value::Text(text)]) => Ok(Value::Text(text.chars().rev().collect())),
        ("replace", [Value::Text(text), Value::Text(from), Value::Text(to)]) if !from.is_empty() => {
            Ok(Value::Text(text.replace(from.as_str(), to)))
        }
        ("lpad", [Value::Text(text), Value::Number(length, _), Value::Text(fill)]) => padded(text, *length, fill, true),
        ("rpad", [Value::Text(text), Value::Number(length, _), Value::Text(fill)]) => {
            padded(text, *length, fill, false)
        }
        ("left" | "right" | "substr" | "substring", [value, Value::Number(at, _), rest @ ..]) => {
            part(name, value, *at, rest)
        }
        _ => Err(Stop::Unknown),
    }
}

fn rounded(name: &str, value: &Value, rest: &[Value]) -> Step {
    let places = match rest {
        [] => 0,
        [Value::Number(places, _)] => places.whole().and_then(|n| i32::try_from(n).ok()).ok_or(Stop::Unknown)?,
        _ => return Err(Stop::Unknown),
    };
    let rounding = match name {
        "round" => Rounding::HalfAway,
        "trunc" => Rounding::Zero,
        "floor" => Rounding::Floor,
        _ => Rounding::Ceiling,
    };
    match value {
        // Of whole numbers PostgreSQL takes the functions of floats, but for a number of places.
        Value::Number(_, ty) if *ty != Number::Numeric && rest.is_empty() => Err(Stop::Unknown),
        Value::Number(number, _) => {
            let result = number.rounded(places, rounding).ok_or(Stop::Unknown)?;
            let shown = if places < 0 { result.with_scale(0).ok_or(Stop::Unknown)? } else { result };
            Number::Numeric.hold(shown)
        }
        own => {
            let line = as_line(own)?;
            if line.ty != Number::Numeric && rest.is_empty() {
                return Err(Stop::Unknown);
            }
            super::value::Linear { ty: Number::Numeric, ..line }.rounded(places)
        }
    }
}

fn padded(text: &str, length: Decimal, fill: &str, before: bool) -> Step {
    let length = length.whole().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= 10_000).ok_or(Stop::Unknown)?;
    let missing = length.saturating_sub(text.chars().count());
    let text: String = text.chars().take(length).collect();
    let fill: String = fill.chars().cycle().take(if fill.is_empty() { 0 } else { missing }).collect();
    Ok(Value::Text(if before { fill + &text } else { text + &fill }))
}

/// `left`, `right`, `substr`: of a text, or of the column's own value between two constants.
fn part(name: &str, value: &Value, at: Decimal, rest: &[Value]) -> Step {
    let at = at.whole().and_then(|n| isize::try_from(n).ok()).ok_or(Stop::Unknown)?;
    let count = match rest {
        [] => None,
        [Value::Number(count, _)] => Some(count.whole().and_then(|n| isize::try_from(n).ok()).ok_or(Stop::Unknown)?),
        _ => return Err(Stop::Unknown),
    };
    match value {
        Value::Text(text) => {
            let length = text.chars().count() as isize;
            let (from, to) = match (name, count) {
                ("left", None) => (0, if at < 0 { length + at } else { at }),
                ("right", None) => (if at < 0 { -at } else { length - at }, length),
                ("substr" | "substring", None) => (at - 1, length),
                ("substr" | "substring", Some(count)) if count < 0 => return Err(Stop::Fails),
                ("substr" | "substring", Some(count)) => (at - 1, at.saturating_add(count).saturating_sub(1)),
                _ => return Err(Stop::Unknown),
            };
            let (from, to) = (from.clamp(0, length), to.clamp(0, length));
            let taken = text.chars().skip(from as usize).take((to - from).max(0) as usize);
            Ok(Value::Text(taken.collect()))
        }
        Value::Joined { before, after, own } => {
            let (first, last) = (before.chars().count() as isize, after.chars().count() as isize);
            let cuts_first = match (name, count) {
                ("substr" | "substring", None) => at == first + 1,
                ("right", None) => at == -first && first > 0,
                _ => false,
            };
            let cuts_last = name == "left" && count.is_none() && at == -last && last > 0;
            let rest = match (cuts_first, cuts_last) {
                (true, _) => (String::new(), after.clone()),
                (_, true) => (before.clone(), String::new()),
                _ => return Err(Stop::Unknown),
            };
            match rest {
                (before, after) if before.is_empty() && after.is_empty() => Ok(Value::Own(own.clone())),
                (before, after) => Ok(Value::Joined { before, after, own: own.clone() }),
            }
        }
        _ => Err(Stop::Unknown),
    }
}

/// `a || b`
pub(super) fn join(a: Value, b: Value) -> Step {
    match (as_text(a)?, as_text(b)?) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Text(a), Value::Text(b)) => Ok(Value::Text(a + &b)),
        (Value::Text(text), Value::Own(own)) => Ok(Value::Joined { before: text, after: String::new(), own }),
        (Value::Own(own), Value::Text(text)) => Ok(Value::Joined { before: String::new(), after: text, own }),
        (Value::Text(text), Value::Joined { before, after, own }) => {
            Ok(Value::Joined { before: text + &before, after, own })
        }
        (Value::Joined { before, after, own }, Value::Text(text)) => {
            Ok(Value::Joined { before, after: after + &text, own })
        }
        _ => Err(Stop::Unknown),
    }
}

fn as_text(value: Value) -> Step {
    match value {
        Value::Joined { .. } | Value::Text(_) | Value::Null => Ok(value),
        Value::Linear(_) => Err(Stop::Unknown),
        other => cast(other, &Type::named("text")),
    }
}
