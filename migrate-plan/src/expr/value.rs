//! Whether a text is a value of a type, as far as that is certain without a server.

use crate::types::Type;

/// What to write instead, where `text` is certainly no value of `ty`.
pub(crate) fn misfit(text: &str, ty: &Type) -> Option<String> {
    if ty.array {
        let braces = text.trim_start().starts_with(['{', '[']) && text.trim_end().ends_with('}');
        return (!braces).then(|| "an array as text stands in braces: `\"{1,2}\"`".to_owned());
    }
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (fits, example) = match ty.builtin()?.name {
        "smallint" => {
            (integer(text, i128::from(i16::MIN), i128::from(i16::MAX)), "a whole number from -32768 to 32767")
        }
        "integer" => {
            (integer(text, i128::from(i32::MIN), i128::from(i32::MAX)), "a whole number from -2147483648 to 2147483647")
        }
        "bigint" => (
            integer(text, i128::from(i64::MIN), i128::from(i64::MAX)),
            "a whole number from -9223372036854775808 to 9223372036854775807",
        ),
        "numeric" => (number(text), "a number, as `1.5`"),
        "real" | "double precision" => (number(text), "a number, as `1.5`"),
        "boolean" => (boolean(text), "`true` or `false`"),
        "uuid" => (uuid(text), "32 hexadecimal digits, as `\"00000000-0000-0000-0000-000000000000\"`"),
        "date" => (moment(text), "a date, as `\"2020-01-31\"`"),
        "timestamp without time zone" => (moment(text), "a timestamp, as `\"2020-01-31 12:00\"`"),
        "timestamp with time zone" => (moment(text), "a timestamp with its zone, as `\"2020-01-31 12:00+00\"`"),
        "time without time zone" | "time with time zone" => {
            (has_digit_or_word(text, &["now", "allballs"]), "a time, as `\"12:00\"`")
        }
        "interval" => (interval(text), "an interval, as `\"1 day 2 hours\"`"),
        "json" | "jsonb" => {
            (super::json::is_json(text), "JSON: texts and keys in double quotes, as `\"{\\\"a\\\": 1}\"`")
        }
        "bit" | "bit varying" => (bits(text), "binary digits, as `\"101\"`"),
        "bytea" => (bytes(text), "bytes in hexadecimal, as `\"\\\\x00ff\"`"),
        "inet" | "cidr" => (address(text), "an address, as `\"192.168.0.1\"`"),
        "macaddr" | "macaddr8" => (hardware(text), "an address, as `\"08:00:2b:01:02:03\"`"),
        "int4range" | "int8range" | "numrange" | "tsrange" | "tstzrange" | "daterange" => {
            (range(text), "a range, as `\"[1,10)\"`")
        }
        name if name.ends_with("multirange") => {
            (text.starts_with('{') && text.ends_with('}'), "ranges in braces, as `\"{[1,10)}\"`")
        }
        _ => return None,
    };
    (!fits).then(|| format!("write {example}"))
}

/// The digits of a number, with `_` between them and a prefix of another base as PostgreSQL 16 has them.
fn integer(text: &str, least: i128, most: i128) -> bool {
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    if lower.starts_with("0x") || lower.starts_with("0o") || lower.starts_with("0b") || digits.contains('_') {
        return true;
    }
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = if all { digits.parse::<i128>().ok() } else { None };
    value.map(|value| if negative { -value } else { value }).is_some_and(|value| (least..=most).contains(&value))
}

fn number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let word = unsigned.to_ascii_lowercase();
    if ["nan", "infinity", "inf"].contains(&word.as_str()) || word.starts_with("0x") || word.contains('_') {
        return true;
    }
    if word.starts_with("0o") || word.starts_with("0b") {
        return true;
    }
    let (mantissa, exponent) = match word.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.to_owned(), Some(exponent.to_owned())),
        None => (word, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
    let sound = digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty());
    sound
        && exponent.is_none_or(|text| {
            let text = text.strip_prefix(['-', '+']).unwrap_or(&text);
            !text.is_empty() && digits(text)
        })
}

fn boolean(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
    begins("true", 1)
        || begins("false", 1)
        || begins("yes", 1)
        || begins("no", 1)
        || begins("on", 2)
        || begins("off", 2)
        || word == "1"
        || word == "0"
}

fn uuid(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let digits = inner.bytes().filter(u8::is_ascii_hexdigit).count();
    digits == 32 && inner.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn bits(text: &str) -> bool {
    match text.strip_prefix(['x', 'X']) {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => text.strip_prefix(['b', 'B']).unwrap_or(text).bytes().all(|byte| matches!(byte, b'0' | b'1')),
    }
}

fn bytes(text: &str) -> bool {
    match text.strip_prefix("\\x") {
        Some(hex) => {
            let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit)
        }
        None => true,
    }
}

/// Days that PostgreSQL's calendar has, where the text is written as `2020-01-31`; what is written in
/// another way must hold a digit or be one of its words.
fn moment(text: &str) -> bool {
    let words = ["now", "today", "tomorrow", "yesterday", "epoch", "infinity", "-infinity", "+infinity"];
    if !has_digit_or_word(text, &words) {
        return false;
    }
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return true };
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (day, after) = rest.split_at(end);
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(year, 4..=4) || !digits(month, 1..=2) || !digits(day, 1..=2) {
        return true;
    }
    let bc = after.to_ascii_lowercase().contains("bc");
    let (Ok(year), Ok(month), Ok(day)) = (year.parse::<u32>(), month.parse::<u32>(), day.parse::<u32>()) else {
        return true;
    };
    let leap = bc || year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn has_digit_or_word(text: &str, words: &[&str]) -> bool {
    let lower = text.to_ascii_lowercase();
    text.bytes().any(|byte| byte.is_ascii_digit()) || words.contains(&lower.as_str())
}

/// Quantities and units; `P1D` and `1-2` are left alone.
fn interval(text: &str) -> bool {
    let words = ["infinity", "-infinity", "+infinity"];
    if !has_digit_or_word(text, &words) {
        return false;
    }
    if text.starts_with(['P', 'p', '@']) || words.contains(&text.to_ascii_lowercase().as_str()) {
        return true;
    }
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_alphabetic() {
            word.push(character.to_ascii_lowercase());
        } else {
            if !word.is_empty() && !is_unit(&word) {
                return false;
            }
            word.clear();
        }
    }
    true
}

/// Units as PostgreSQL takes them, cut at ten characters as it does.
fn is_unit(word: &str) -> bool {
    const UNITS: [&str; 58] = [
        "ago",
        "c",
        "cent",
        "centuries",
        "century",
        "d",
        "day",
        "days",
        "dec",
        "decade",
        "decades",
        "decs",
        "h",
        "hour",
        "hours",
        "hr",
        "hrs",
        "m",
        "microsecon",
        "mil",
        "millennia",
        "millennium",
        "millisecon",
        "mils",
        "min",
        "mins",
        "minute",
        "minutes",
        "mon",
        "mons",
        "month",
        "months",
        "ms",
        "msec",
        "msecond",
        "mseconds",
        "msecs",
        "qtr",
        "quarter",
        "s",
        "sec",
        "second",
        "seconds",
        "secs",
        "us",
        "usec",
        "usecond",
        "useconds",
        "usecs",
        "w",
        "week",
        "weeks",
        "y",
        "year",
        "years",
        "yr",
        "yrs",
        "timezone",
    ];
    let cut = &word[..word.len().min(10)];
    UNITS.iter().any(|unit| unit.len() >= cut.len() && unit[..unit.len().min(10)] == *cut)
}

fn address(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'/'));
    plain && text.bytes().any(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

fn hardware(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    matches!(digits, 12 | 16) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'-' | b'.'))
}

fn range(text: &str) -> bool {
    text.eq_ignore_ascii_case("empty")
        || text.starts_with(['[', '(']) && text.ends_with([']', ')']) && text.contains(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_takes_is_taken() {
        for (name, texts) in [
            ("integer", &["1", " -12 ", "+0", "2147483647", "0x1f"][..]),
            ("numeric", &["1", "1.", ".5", "-1e10", "NaN", "Infinity", "1.5E-3"]),
            ("boolean", &["t", "TRUE", "tru", "yes", "n", "of", "on", "1"]),
            ("uuid", &["{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11"]),
            (
                "date",
                &["2020-02-29", "January 8, 1999", "19990108", "infinity", "0044-02-29 BC", "1999.008", "J2451187"],
            ),
            ("timestamp with time zone", &["2020-01-31T12:00Z", "now", "2020-01-31 12:00+00"]),
            ("interval", &["1 day", "1 year 2 mons 3.5 hours ago", "P1DT2H", "1-2", "3 4:05:06", "@ 1 minute", "1d2h"]),
            ("json", &["{\"a\": [1, null, true, \"\\u00e9\"]}", "1e5", "\"x\""]),
            ("bytea", &["\\x00ff", "abc"]),
            ("inet", &["10.0.0.0/8", "::1", "::ffff:1.2.3.4/128"]),
            ("int4range", &["[1,2)", "empty", "(,)"]),
        ] {
            for text in texts {
                assert_eq!(misfit(text, &Type::named(name)), None, "{text} as {name}");
            }
        }
    }

    #[test]
    fn what_postgresql_refuses_is_refused() {
        for (name, texts) in [
            ("integer", &["x", "", "1.5", "2147483648", "1 2"][..]),
            ("numeric", &["x", "", "1,5", "1e", "--1", "."]),
            ("boolean", &["x", "", "o", "2", "truee"]),
            ("uuid", &["abc", "", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
            ("date", &["2020-13-01", "2021-02-29", "x", "", "2020-04-31"]),
            ("interval", &["x", "1 dya", ""]),
            ("json", &["{a: 1}", "", "'x'", "[1,]", "01", "tru"]),
            ("bytea", &["\\x0", "\\xzz"]),
            ("inet", &["host", ""]),
            ("macaddr", &["x", "08:00"]),
            ("int4range", &["1,2", "", "[1]"]),
        ] {
            for text in texts {
                assert!(misfit(text, &Type::named(name)).is_some(), "{text} as {name}");
            }
        }
    }
}
