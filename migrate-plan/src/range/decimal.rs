//! Exact decimal numbers, and rounding to a side where the digits run out.

use std::cmp::Ordering;
use std::fmt;

/// `digits · 10^-scale`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: i128,
    scale: i32,
}

/// To which side a result is rounded that has too many digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Toward {
    /// To the next lower number.
    Below,
    /// To the next higher number.
    Above,
}

/// How a number is brought to fewer digits after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, a half away from zero: what PostgreSQL's `numeric` does.
    HalfAway,
    /// To zero.
    Zero,
    /// To the next lower number.
    Floor,
    /// To the next higher number.
    Ceiling,
}

/// A scale beyond this is no number of PostgreSQL's.
const LARGEST_SCALE: i32 = 200_000;

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal { digits: 0, scale: 0 };
    /// One.
    pub const ONE: Decimal = Decimal { digits: 1, scale: 0 };

    /// `digits · 10^-scale`.
    pub const fn new(digits: i128, scale: i32) -> Decimal {
        Decimal { digits, scale }
    }

    /// A number as it is written: `-12.50`, `1e3`. Its scale is that of PostgreSQL's `numeric`.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, number) = match number.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut digits: i128 = 0;
        for character in whole.chars().chain(fraction.chars()) {
            let digit = i128::from(character.to_digit(10)?);
            digits = digits.checked_mul(10)?.checked_add(digit)?;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if scale.abs() > LARGEST_SCALE {
            return None;
        }
        let number = Decimal { digits: sign * digits, scale };
        if scale >= 0 { Some(number) } else { number.with_scale(0) }
    }

    /// The digits, without the point.
    pub fn digits(self) -> i128 {
        self.digits
    }

    /// How many of them stand after the point.
    pub fn scale(self) -> i32 {
        self.scale
    }

    /// `10^power`.
    pub fn power_of_ten(power: i32) -> Decimal {
        Decimal { digits: 1, scale: -power }
    }

    /// -1, 0 or 1.
    pub fn signum(self) -> i128 {
        self.digits.signum()
    }

    /// The same number below zero, or above.
    pub fn negated(self) -> Decimal {
        Decimal { digits: -self.digits, ..self }
    }

    /// Its distance from zero.
    pub fn abs(self) -> Decimal {
        Decimal { digits: self.digits.abs(), ..self }
    }

    /// The same number with as many digits after the point, where that changes nothing and fits.
    pub fn with_scale(self, scale: i32) -> Option<Decimal> {
        if scale >= self.scale {
            let digits = self.digits.checked_mul(pow10(scale - self.scale)?)?;
            return Some(Decimal { digits, scale });
        }
        let factor = pow10(self.scale - scale);
        match factor {
            Some(factor) => (self.digits % factor == 0).then(|| Decimal { digits: self.digits / factor, scale }),
            None => (self.digits == 0).then_some(Decimal { digits: 0, scale }),
        }
    }

    /// The same number without zeros at the end.
    pub fn trimmed(self) -> Decimal {
        let Decimal { mut digits, mut scale } = self;
        if digits == 0 {
            return Decimal::ZERO;
        }
        while digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        Decimal { digits, scale }
    }

    /// Whether no digit stands after the point.
    pub fn is_whole(self) -> bool {
        self.trimmed().scale <= 0
    }

    /// How many digits stand before the point: 0 for 0.5, 2 for 12, -1 for 0.05.
    pub fn magnitude(self) -> i32 {
        count(self.digits) - self.scale
    }

    /// The number as an `i128`, where it is whole and fits.
    pub fn whole(self) -> Option<i128> {
        self.with_scale(0).map(|number| number.digits)
    }

    /// The sum, where it can be written down exactly.
    pub fn plus(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.with_scale(scale)?, other.with_scale(scale)?);
        Some(Decimal { digits: a.digits.checked_add(b.digits)?, scale })
    }

    /// The product, where it can be written down exactly.
    pub fn times(self, other: Decimal) -> Option<Decimal> {
        Some(Decimal { digits: self.digits.checked_mul(other.digits)?, scale: self.scale + other.scale })
    }

    /// The number with `scale` digits after the point.
    pub fn rounded(self, scale: i32, rounding: Rounding) -> Option<Decimal> {
        if scale >= self.scale {
            return self.with_scale(scale);
        }
        let Some(factor) = pow10(self.scale - scale) else {
            // Less than half a step.
            let digits = match rounding {
                Rounding::Floor if self.digits < 0 => -1,
                Rounding::Ceiling if self.digits > 0 => 1,
                _ => 0,
            };
            return Some(Decimal { digits, scale });
        };
        let (quotient, rest) = (self.digits / factor, self.digits % factor);
        let away = match rounding {
            Rounding::HalfAway => rest.abs() >= factor - rest.abs(),
            Rounding::Zero => false,
            Rounding::Floor => rest < 0,
            Rounding::Ceiling => rest > 0,
        };
        let step = if away { self.digits.signum() } else { 0 };
        Some(Decimal { digits: quotient + step, scale })
    }

    /// The quotient with `scale` digits after the point, as PostgreSQL rounds it.
    pub fn divided(self, other: Decimal, scale: i32) -> Option<Decimal> {
        // a·10^-s / (b·10^-t) = a·10^(t-s) / b
        let shift = scale + other.scale - self.scale;
        let (mut a, mut b) = (self.digits, other.digits);
        if b == 0 {
            return None;
        }
        if shift >= 0 {
            a = a.checked_mul(pow10(shift)?)?;
        } else {
            b = b.checked_mul(pow10(-shift)?)?;
        }
        let (quotient, rest) = (a / b, (a % b).abs());
        let away = rest >= b.abs() - rest;
        let step = if away { a.signum() * b.signum() } else { 0 };
        Some(Decimal { digits: quotient + step, scale })
    }

    /// The sum, rounded to a side where it has too many digits.
    pub(super) fn plus_toward(self, other: Decimal, side: Toward) -> Decimal {
        let (mut a, mut b) = (self.trimmed(), other.trimmed());
        if let Some(sum) = a.plus(b) {
            return sum;
        }
        // The digits of the larger one decide; what is far below them counts as one step of it.
        let magnitude = a.magnitude().max(b.magnitude());
        a = a.rounded_toward(33 - magnitude, side);
        b = b.rounded_toward(33 - magnitude, side);
        a.plus(b).unwrap_or(if a.abs() > b.abs() { a } else { b })
    }

    /// The product, rounded to a side where it has too many digits.
    pub(super) fn times_toward(self, other: Decimal, side: Toward) -> Decimal {
        let (a, b) = (self.trimmed(), other.trimmed());
        if let Some(product) = a.times(b) {
            return product;
        }
        let positive = a.signum() * b.signum() > 0;
        let larger = positive == (side == Toward::Above);
        let (x, y) = (a.abs().shortened(18, larger), b.abs().shortened(18, larger));
        let product = x.times(y).unwrap_or(Decimal::ZERO);
        if positive { product } else { product.negated() }
    }

    /// The quotient by a number other than zero, rounded to a side.
    pub(super) fn over_toward(self, other: Decimal, side: Toward) -> Decimal {
        let (a, b) = (self.trimmed(), other.trimmed());
        if a.digits == 0 || b.digits == 0 {
            return Decimal::ZERO;
        }
        let positive = a.signum() * b.signum() > 0;
        let larger = positive == (side == Toward::Above);
        let (x, y) = (a.abs().shortened(18, larger), b.abs().shortened(18, !larger));
        let shift = 37 - count(x.digits);
        let scaled = pow10(shift).and_then(|factor| x.digits.checked_mul(factor)).unwrap_or(x.digits);
        let mut quotient = scaled / y.digits;
        if larger && scaled % y.digits != 0 {
            quotient += 1;
        }
        let result = Decimal { digits: quotient, scale: x.scale + shift - y.scale }.trimmed();
        if positive { result } else { result.negated() }
    }

    /// At most `scale` digits after the point, rounded to a side.
    pub(super) fn rounded_toward(self, scale: i32, side: Toward) -> Decimal {
        if scale >= self.scale {
            return self;
        }
        let rounding = if side == Toward::Above { Rounding::Ceiling } else { Rounding::Floor };
        self.rounded(scale, rounding).unwrap_or(self)
    }

    /// At most `length` digits, of a number that is not negative.
    fn shortened(self, length: i32, larger: bool) -> Decimal {
        let excess = count(self.digits) - length;
        if excess <= 0 {
            return self;
        }
        self.rounded_toward(self.scale - excess, if larger { Toward::Above } else { Toward::Below })
    }
}

/// How many digits a number has.
fn count(digits: i128) -> i32 {
    digits.unsigned_abs().checked_ilog10().map_or(0, |log| log as i32 + 1)
}

fn pow10(exponent: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By value: `1.0` and `1.00` are equal.
impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let (a, b) = (self.trimmed(), other.trimmed());
        let by_sign = a.signum().cmp(&b.signum());
        if by_sign != Ordering::Equal || a.digits == 0 {
            return by_sign;
        }
        let by_magnitude = a.magnitude().cmp(&b.magnitude());
        let larger = if by_magnitude == Ordering::Equal {
            let scale = a.scale.max(b.scale);
            match (a.with_scale(scale), b.with_scale(scale)) {
                (Some(x), Some(y)) => x.digits.abs().cmp(&y.digits.abs()),
                (None, _) => Ordering::Greater,
                (_, None) => Ordering::Less,
            }
        } else {
            by_magnitude
        };
        if a.digits < 0 { larger.reverse() } else { larger }
    }
}

/// As PostgreSQL prints it: every digit of its scale.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits < 0 {
            f.write_str("-")?;
        }
        let digits = self.digits.unsigned_abs().to_string();
        let Ok(scale) = usize::try_from(self.scale) else {
            let zeros = if self.digits == 0 { 0 } else { self.scale.unsigned_abs() as usize };
            return write!(f, "{digits}{}", "0".repeat(zeros));
        };
        if scale == 0 {
            return f.write_str(&digits);
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).expect("a number")
    }

    #[test]
    fn numbers_are_read_and_printed_with_their_scale() {
        for text in ["0", "12.50", "-0.05", "99999999999999999999", "0.000"] {
            assert_eq!(number(text).to_string(), text);
        }
        assert_eq!(number("1e3").to_string(), "1000");
        assert_eq!(number("2.5e-3").to_string(), "0.0025");
        assert!(Decimal::parse("x").is_none() && Decimal::parse("").is_none() && Decimal::parse(".").is_none());
    }

    #[test]
    fn comparison_is_by_value_at_any_size() {
        assert_eq!(number("1.0"), number("1.00"));
        assert!(Decimal::power_of_ten(1000) > number("1") && Decimal::power_of_ten(1000).negated() < number("-1"));
        assert!(number("0.1") > number("0.09") && number("-0.1") < number("-0.09"));
        assert!(Decimal::new(i128::MAX, 0) < Decimal::new(9, -38));
    }

    #[test]
    fn rounding_is_that_of_postgresql() {
        let rounded = |text: &str| number(text).rounded(0, Rounding::HalfAway).map(|n| n.to_string());
        assert_eq!(rounded("2.5").as_deref(), Some("3"));
        assert_eq!(rounded("-2.5").as_deref(), Some("-3"));
        assert_eq!(rounded("2.49").as_deref(), Some("2"));
        assert_eq!(number("15").rounded(-1, Rounding::HalfAway), Some(number("20")));
        assert_eq!(number("-1.1").rounded(0, Rounding::Floor), Some(number("-2")));
        assert_eq!(number("7").divided(number("2"), 0), Some(number("4")));
        assert_eq!(number("1").divided(number("3.0"), 4).map(|n| n.to_string()).as_deref(), Some("0.3333"));
    }

    #[test]
    fn what_has_too_many_digits_is_rounded_to_the_side_that_was_asked_for() {
        let long = Decimal::new(i128::MAX / 3, 20);
        let (low, high) = (long.times_toward(long, Toward::Below), long.times_toward(long, Toward::Above));
        assert!(low < high && low.magnitude() == high.magnitude());
        let third = number("1").over_toward(number("3"), Toward::Below);
        assert!(third < number("1").over_toward(number("3"), Toward::Above));
        assert!(third.times_toward(number("3"), Toward::Above) <= number("1"));
        let sum = long.plus_toward(Decimal::power_of_ten(40), Toward::Above);
        assert!(sum > Decimal::power_of_ten(40));
    }
}
