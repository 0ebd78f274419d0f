//! Dates, times and intervals among themselves.

use super::Judgement;
use crate::types::Type;

/// From one type of times to another.
pub(super) fn judge(from: &Type, to: &Type) -> Judgement {
    let (Some(a), Some(b)) = (from.builtin(), to.builtin()) else { return super::none(from, to) };
    if a.name == b.name {
        return if a.name == "interval" { intervals(from, to) } else { precisions(from, to) };
    }
    match (a.name, b.name) {
        ("date", "timestamp without time zone") => Judgement::Lossless,
        ("timestamp without time zone", "date") => {
            Judgement::lossy("a date keeps no time of day", "2020-01-01 12:30:00", "2020-01-01 00:00:00")
        }
        ("time without time zone", "interval") => {
            Judgement::lossy("an interval of a whole day is midnight again", "24:00:00", "00:00:00")
        }
        ("interval", "time without time zone") => {
            Judgement::lossy("a time of day keeps no days", "1 day 02:00:00", "02:00:00")
        }
        (x, y) if x.ends_with("with time zone") || y.ends_with("with time zone") => Judgement::impossible(format!(
            "what `{from}` is as `{to}` depends on the session's `TimeZone`: say the zone, as `x at time zone \"UTC\"`"
        )),
        ("timestamp without time zone", "time without time zone") => {
            Judgement::impossible("a time of day keeps no date")
        }
        _ => super::none(from, to),
    }
}

/// Fewer digits of a second are rounded away.
fn precisions(from: &Type, to: &Type) -> Judgement {
    let digits = |ty: &Type| ty.modifiers.first().and_then(|text| text.parse::<usize>().ok()).unwrap_or(6);
    let (before, after) = (digits(from), digits(to));
    if after >= before {
        return Judgement::Lossless;
    }
    let date =
        if from.builtin().is_some_and(|builtin| builtin.name.starts_with("timestamp")) { "2020-01-01 " } else { "" };
    let fraction = format!("{:0>before$}", 1);
    Judgement::lossy(
        format!("`{to}` keeps {after} digits of a second"),
        &format!("{date}00:00:00.{fraction}"),
        &format!("{date}00:00:00"),
    )
}

fn intervals(from: &Type, to: &Type) -> Judgement {
    let digits = |ty: &Type| ty.modifiers.first().and_then(|text| text.parse::<usize>().ok()).unwrap_or(6);
    if to.fields.is_none() || to.fields == from.fields {
        if digits(to) >= digits(from) {
            return Judgement::Lossless;
        }
        return Judgement::lossy(format!("`{to}` keeps {} digits of a second", digits(to)), "0.000001 s", "0 s");
    }
    Judgement::Lossy(super::Loss { what: format!("`{to}` keeps only some fields of `{from}`"), example: None })
}
