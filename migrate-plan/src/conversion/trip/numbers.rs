//! Arithmetic as PostgreSQL's integers and `numeric` do it.

use super::evaluate::as_line;
use super::value::{Linear, Number, Step, Stop, Value};
use crate::range::{Decimal, Rounding, quotient_digits};

/// `-x`, `+x`
pub(super) fn prefix(symbol: &str, value: Value) -> Step {
    match (symbol, value) {
        ("+", value) => Ok(value),
        ("-", Value::Null) => Ok(Value::Null),
        ("-", Value::Number(number, ty)) => ty.hold(number.negated()),
        ("-", own) => {
            let line = as_line(&own)?;
            Ok(Value::Linear(Linear { factor: line.factor.negated(), offset: line.offset.negated(), ..line }))
        }
        _ => Err(Stop::Unknown),
    }
}

/// `a + b` and its like; `largest` is the largest of the column's own numbers.
pub(super) fn infix(symbol: &str, a: Value, b: Value, largest: Option<Decimal>) -> Step {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a, x), Value::Number(b, y)) => constants(symbol, a, b, x.max(y)),
        (own, Value::Number(number, ty)) => linear(symbol, as_line(&own)?, number, ty, largest),
        (Value::Number(number, ty), own) => {
            let line = as_line(&own)?;
            match symbol {
                "+" | "*" => linear(symbol, line, number, ty, largest),
                "-" => {
                    let turned = Linear { factor: line.factor.negated(), offset: line.offset.negated(), ..line };
                    linear("+", turned, number, ty, largest)
                }
                _ => Err(Stop::Unknown),
            }
        }
        _ => Err(Stop::Unknown),
    }
}

fn constants(symbol: &str, a: Decimal, b: Decimal, ty: Number) -> Step {
    let result = match symbol {
        "+" => a.plus(b),
        "-" => a.plus(b.negated()),
        "*" => a.times(b),
        "/" | "%" if b.signum() == 0 => return Err(Stop::Fails),
        "/" if ty != Number::Numeric => a.whole().zip(b.whole()).map(|(a, b)| Decimal::new(a / b, 0)),
        "/" => a.divided(b, quotient_scale(a, b)),
        "%" => {
            let scale = a.scale().max(b.scale());
            let (x, y) = (a.with_scale(scale), b.with_scale(scale));
            x.zip(y).map(|(x, y)| Decimal::new(x.digits() % y.digits(), scale))
        }
        _ => return Err(Stop::Unknown),
    };
    ty.hold(result.ok_or(Stop::Unknown)?)
}

fn linear(symbol: &str, line: Linear, number: Decimal, ty: Number, largest: Option<Decimal>) -> Step {
    let kind = line.ty.max(ty);
    let exact = |value: Option<Decimal>| value.map(Decimal::trimmed).ok_or(Stop::Unknown);
    let line = match symbol {
        "+" | "-" => {
            let number = if symbol == "-" { number.negated() } else { number };
            let offset = exact(line.offset.plus(number))?;
            Linear { offset, shown: line.shown.max(number.scale()), ty: kind, ..line }
        }
        "*" => {
            if number.signum() == 0 {
                return Err(Stop::Unknown);
            }
            let (factor, offset) = (exact(line.factor.times(number))?, exact(line.offset.times(number))?);
            Linear { factor, offset, shown: line.shown + number.scale().max(0), ty: kind, ..line }
        }
        "/" => return quotient(line, number, kind, largest),
        _ => return Err(Stop::Unknown),
    };
    Ok(Value::Linear(line))
}

/// A quotient is followed where PostgreSQL shows every digit of it.
fn quotient(line: Linear, divisor: Decimal, kind: Number, largest: Option<Decimal>) -> Step {
    let (Some(factor), Some(offset)) = (over(line.factor, divisor), over(line.offset, divisor)) else {
        return Err(Stop::Unknown);
    };
    let result = Linear { factor, offset, ty: kind, ..line };
    if kind != Number::Numeric {
        // A division of whole numbers leaves the rest out.
        return if result.digits() <= 0 { Ok(Value::Linear(result)) } else { Err(Stop::Unknown) };
    }
    let largest = largest.ok_or(Stop::Unknown)?;
    let most = largest.times(line.factor.abs()).and_then(|most| most.plus(line.offset.abs())).ok_or(Stop::Unknown)?;
    let size = most.divided(divisor.abs(), 0).and_then(|size| size.plus(Decimal::ONE)).ok_or(Stop::Unknown)?;
    let shown = quotient_digits(size).max(line.shown).max(divisor.scale());
    if result.digits() > shown {
        return Err(Stop::Unknown);
    }
    // How many zeros follow depends on the value.
    Ok(Value::Linear(Linear { shown, ..result }))
}

/// A quotient that can be written down.
fn over(a: Decimal, b: Decimal) -> Option<Decimal> {
    let quotient = a.trimmed().divided(b.trimmed(), 24)?.trimmed();
    (quotient.times(b)? == a).then_some(quotient)
}

/// PostgreSQL's rule for the digits after the point of a quotient (`select_div_scale`): sixteen digits that
/// count, in groups of four, and no fewer than either side has.
pub(super) fn quotient_scale(a: Decimal, b: Decimal) -> i32 {
    let ((weight, first), (other, second)) = (group(a), group(b));
    let quotient = weight - other - i32::from(first <= second);
    (16 - 4 * quotient).max(a.scale()).max(b.scale()).clamp(0, 1000)
}

/// The place of the first group of four digits, and that group.
fn group(number: Decimal) -> (i32, i128) {
    if number.signum() == 0 {
        return (0, 0);
    }
    let place = (number.magnitude() - 1).div_euclid(4);
    let first = number.abs().times(Decimal::power_of_ten(-4 * place)).and_then(|n| n.rounded(0, Rounding::Zero));
    (place, first.and_then(Decimal::whole).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_have_the_digits_that_postgresql_gives_them() {
        let scale = |a: &str, b: &str| {
            let parse = |text: &str| Decimal::parse(text).expect("a number");
            quotient_scale(parse(a), parse(b))
        };
        // As PostgreSQL 15 answers to `select scale(a::numeric / b)`.
        assert_eq!(scale("1", "3"), 20);
        assert_eq!(scale("100", "100.0"), 20);
        assert_eq!(scale("99999", "100.0"), 16);
        assert_eq!(scale("999999999999", "100.0"), 8);
        assert_eq!(scale("9223372036854775807", "100.0"), 1);
        assert_eq!(scale("0", "7"), 20);
    }
}
