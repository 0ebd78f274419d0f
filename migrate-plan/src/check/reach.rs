//! Ranges in words.

use crate::range::{Decimal, Edge, Interval};
use crate::types::{Category, Type};

/// Digits beyond this say nothing to a reader.
const READABLE: i32 = 27;

/// A number in groups of three digits.
pub(super) fn grouped(number: Decimal) -> String {
    let number = number.trimmed();
    if number.magnitude() > READABLE {
        let sign = if number.signum() < 0 { "-" } else { "" };
        let exact = number.digits().abs() == 1;
        let more = if exact { "" } else { "more than " };
        return format!("{more}{sign}10^{}", number.magnitude() - 1);
    }
    let text = number.to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups: Vec<&str> = Vec::new();
    let mut rest = whole;
    while rest.len() > 3 {
        let (before, group) = rest.split_at(rest.len() - 3);
        groups.push(group);
        rest = before;
    }
    groups.push(rest);
    groups.reverse();
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", groups.join(" "))
}

/// A number as a plan writes it: `20_000_000`.
pub(super) fn in_a_plan(number: Decimal) -> String {
    grouped(number).replace(' ', "_")
}

/// `-2 147 483 648 to 2 147 483 647`, `±9 999.99`
pub(super) fn span(interval: &Interval) -> String {
    match (interval.low, interval.high) {
        (Edge::At(low), Edge::At(high)) if low == high => grouped(low),
        (Edge::At(low), Edge::At(high)) if low.negated() == high => format!("±{}", grouped(high)),
        (Edge::At(low), Edge::At(high)) => format!("{} to {}", grouped(low), grouped(high)),
        (Edge::At(low), _) => format!("{} and more, without end", grouped(low)),
        (_, Edge::At(high)) => format!("{} and less, without end", grouped(high)),
        _ => "any number".to_owned(),
    }
}

/// How far an interval goes beyond what a type holds.
pub(super) fn beyond(interval: &Interval, all: &Interval) -> String {
    if interval.low == Edge::Lowest || interval.high == Edge::Highest {
        return "any number".to_owned();
    }
    match (interval.low < all.low, interval.high > all.high, interval.low, interval.high) {
        (true, false, Edge::At(low), _) => grouped(low),
        (false, true, _, Edge::At(high)) => grouped(high),
        _ => span(interval),
    }
}

/// `up to 80 characters`, `any number of bytes`
pub(super) fn long(interval: &Interval, ty: Option<&Type>) -> String {
    let unit = unit(ty);
    match (interval.low, interval.high) {
        (Edge::At(low), Edge::At(high)) if low == high => format!("{} {unit}", grouped(high)),
        (_, Edge::At(high)) => format!("up to {} {unit}", grouped(high)),
        _ => format!("any number of {unit}"),
    }
}

/// What a length counts.
pub(super) fn unit(ty: Option<&Type>) -> &'static str {
    match ty.map(Type::category) {
        Some(Category::Bytes) => "bytes",
        Some(Category::Bits) => "bits",
        Some(Category::Array) => "elements",
        _ => "characters",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_as_people_read_them() {
        let read = |text: &str| grouped(Decimal::parse(text).expect("a number"));
        assert_eq!(read("-2147483648"), "-2 147 483 648");
        assert_eq!(read("9999999999.990"), "9 999 999 999.99");
        assert_eq!(read("100"), "100");
        assert_eq!(grouped(Decimal::power_of_ten(60)), "10^60");
        assert_eq!(in_a_plan(Decimal::new(20_000_000, 0)), "20_000_000");
    }
}
