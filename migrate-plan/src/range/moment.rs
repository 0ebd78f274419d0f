//! Dates and times as numbers: seconds since 1970-01-01, or since midnight for a time of day.

use super::decimal::Decimal;
use super::interval::{Edge, Interval};
use crate::types::Type;

/// The seconds of a day.
pub(super) const DAY: i128 = 86_400;

/// The furthest that a time zone is from another, with room to spare, in seconds.
const ZONE: i128 = 2 * DAY;

/// The seconds of a constant of a type. A timestamp with time zone needs its `Z`: without one the session's `TimeZone`
/// would decide; and a date has no time of day.
pub(super) fn of_type(ty: &Type, text: &str) -> Option<Decimal> {
    let fits = match ty.builtin()?.name {
        "date" => text.len() == "2020-01-31".len(),
        "timestamp without time zone" => text.len() == "2020-01-31 12:00:00".len() && !text.ends_with('Z'),
        "timestamp with time zone" => text.ends_with('Z') && text.contains(' '),
        "time without time zone" => text.len() == "12:00:00".len(),
        _ => false,
    };
    if fits { seconds(text) } else { None }
}

/// The seconds of a constant in the forms that bounds have: `2020-01-31`, `12:00:00`, both with a space between, and with
/// a `Z` behind. Nothing for other forms: those are read as the session does.
fn seconds(text: &str) -> Option<Decimal> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let whole = match text.split_once(' ') {
        Some((date, time)) => days(date)? * DAY + of_day(time)?,
        None if text.contains(':') => of_day(text)?,
        None => days(text)? * DAY,
    };
    Some(Decimal::new(whole, 0))
}

/// The days from 1970-01-01 to a date of the Gregorian calendar: Howard Hinnant's `days_from_civil`.
fn days(text: &str) -> Option<i128> {
    let [year, month, day] = numbers(text, '-')?;
    if text.len() != 10 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The year that a second lies in: the inverse, `civil_from_days`. There is none between 1 BC and 1 AD.
fn year(seconds: i128) -> i128 {
    let days = seconds.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let year = years + era * 400 + i128::from((5 * of_year + 2) / 153 >= 10);
    if year <= 0 { year - 1 } else { year }
}

fn of_day(text: &str) -> Option<i128> {
    let [hour, minute, second] = numbers(text, ':')?;
    (text.len() == 8 && hour <= 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}

fn numbers(text: &str, between: char) -> Option<[i128; 3]> {
    let mut parts = text.split(between).map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<i128>().ok() } else { None }
    });
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

/// What lies between two seconds.
pub(super) fn between(low: Decimal, high: Decimal) -> Interval {
    Interval { low: Edge::At(low), high: Edge::At(high), scale: Some(6), without_zero: false }
}

/// So many days, in seconds.
pub(super) fn of_days(days: &Interval) -> Interval {
    days.times(&Interval::whole(DAY, DAY))
}

/// The moments as values of another type; nothing where that is no date and no timestamp.
pub(super) fn cast(moments: &Interval, to: &Type) -> Option<Interval> {
    let name = to.builtin()?.name;
    match name {
        // The time of day goes.
        "date" => Some(moments.plus(&Interval::whole(-DAY, 0))),
        // A precision rounds to a second at most.
        _ if name.starts_with("timestamp") && to.modifiers.is_empty() => Some(*moments),
        _ if name.starts_with("timestamp") => Some(moments.plus(&Interval::whole(-1, 1))),
        _ => None,
    }
}

/// The moments as they are called in a time zone, or as a time zone calls them.
pub(super) fn in_zone(moments: &Interval, zone: Option<&str>) -> Interval {
    if zone == Some("UTC") { *moments } else { moments.plus(&Interval::whole(-ZONE, ZONE)) }
}

/// A part of the moments that says more than the part's own range does.
pub(super) fn extracted(field: &str, moments: &Interval, ty: &Type) -> Option<Interval> {
    let is_dated = ty.builtin()?.name != "time without time zone";
    match field.to_ascii_lowercase().as_str() {
        "epoch" => Some(*moments),
        "year" if is_dated => {
            let of = |edge: Edge| match edge {
                Edge::At(second) => second.rounded(0, super::Rounding::HalfAway)?.whole(),
                _ => None,
            };
            Some(Interval::whole(year(of(moments.low)? - 1), year(of(moments.high)? + 1)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<i128> {
        seconds(text).and_then(Decimal::whole)
    }

    #[test]
    fn seconds_are_those_of_the_calendar() {
        assert_eq!(whole("1970-01-01"), Some(0));
        assert_eq!(whole("2000-03-01"), Some(951_868_800));
        assert_eq!(whole("2024-02-29 12:30:15"), Some(1_709_209_815));
        assert_eq!(whole("2024-02-29 12:30:15Z"), Some(1_709_209_815));
        assert_eq!(whole("0001-01-01"), Some(-62_135_596_800));
        assert_eq!(whole("23:59:59"), Some(86_399));
        for text in ["", "2000-1-1", "now", "2000-13-01", "25:00:00", "2000-01-01 12:00", "2000-01-01-01", "+200-01-01"]
        {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn what_the_session_would_decide_is_not_known() {
        let known = |ty: &str, text: &str| of_type(&Type::named(ty), text).is_some();
        assert!(known("timestamp with time zone", "2020-01-31 12:00:00Z"));
        assert!(!known("timestamp with time zone", "2020-01-31 12:00:00"));
        assert!(known("date", "2020-01-31") && !known("date", "2020-01-31 12:00:00"));
        assert!(known("timestamp without time zone", "2020-01-31 12:00:00"));
        assert!(known("time without time zone", "12:00:00") && !known("time with time zone", "12:00:00"));
        assert!(!known("interval", "12:00:00"));
    }

    #[test]
    fn a_year_ends_with_its_last_second() {
        for (text, expected) in [
            ("1999-12-31 23:59:59", 1999),
            ("2000-01-01", 2000),
            ("1969-12-31 23:59:59", 1969),
            ("2000-02-29", 2000),
            ("0001-01-01", 1),
        ] {
            assert_eq!(year(whole(text).expect("a moment")), expected, "{text}");
        }
        assert_eq!(year(whole("0001-01-01").expect("a moment") - 1), -1);
    }
}
