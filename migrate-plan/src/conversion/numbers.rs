//! Numbers among themselves.

use super::Judgement;
use crate::range::{Decimal, fits, held};
use crate::types::Type;

/// From one type of numbers to another.
pub(super) fn judge(from: &Type, to: &Type) -> Judgement {
    match (Kind::of(from), Kind::of(to)) {
        (Kind::Real, Kind::Double) => Judgement::Lossless,
        (Kind::Double, Kind::Real) => {
            Judgement::lossy("`real` keeps six or seven digits", "0.1", "0.10000000149011612")
        }
        (Kind::Real, Kind::Exact(scale)) => from_float(to, scale, "0.12345679", "0.123457"),
        (Kind::Double, Kind::Exact(scale)) => from_float(to, scale, "0.1234567890123456", "0.123456789012346"),
        (Kind::Exact(_), Kind::Double) => to_float(from, to, 15, 53),
        (Kind::Exact(_), Kind::Real) => to_float(from, to, 6, 24),
        (Kind::Exact(before), Kind::Exact(after)) => exact(from, to, before, after),
        _ => Judgement::Same,
    }
}

/// A kind of number: an exact one has so many digits after the point, or any number of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exact(Option<i32>),
    Real,
    Double,
}

impl Kind {
    fn of(ty: &Type) -> Kind {
        match ty.builtin().map(|builtin| builtin.name) {
            Some("real") => Kind::Real,
            Some("double precision") => Kind::Double,
            Some("numeric") => Kind::Exact(ty.modifiers.get(1).and_then(|scale| scale.parse().ok())),
            _ => Kind::Exact(Some(0)),
        }
    }
}

fn exact(from: &Type, to: &Type, before: Option<i32>, after: Option<i32>) -> Judgement {
    match (before, after) {
        // Without a scale a number is shown as it was written: `1.50`, not `1.5`.
        (None, Some(scale)) => {
            let what = format!("`numeric` keeps every digit that was written, and `{to}` {}", kept(scale));
            let (value, back) = (Decimal::new(15, 1 + scale.max(0)), Decimal::new(2, scale.max(0)));
            Judgement::lossy(what, &value.to_string(), &back.to_string())
        }
        (Some(before), Some(after)) if after < before => {
            let step = Decimal::new(1, before);
            let back = step.rounded(after, crate::range::Rounding::HalfAway).unwrap_or(Decimal::ZERO);
            let back = back.with_scale(before.max(0)).unwrap_or(back);
            Judgement::lossy(format!("`{to}` {}", kept(after)), &step.to_string(), &back.to_string())
        }
        // A negative scale rounds whole numbers.
        _ => Judgement::fitting(fits(held(from), to)),
    }
}

fn kept(scale: i32) -> String {
    match scale {
        0 => "keeps no digits after the point".to_owned(),
        1 => "keeps one digit after the point".to_owned(),
        scale if scale < 0 => format!("rounds to the {}", Decimal::power_of_ten(-scale)),
        scale => format!("keeps {scale} digits after the point"),
    }
}

/// `digits` decimal digits come back from the float, and every whole number below `2^bits`.
fn to_float(from: &Type, to: &Type, digits: usize, bits: u32) -> Judgement {
    let precision = from.modifiers.first().and_then(|text| text.parse::<usize>().ok());
    let scale = from.modifiers.get(1).and_then(|text| text.parse::<i32>().ok());
    let name = from.builtin().map_or("", |builtin| builtin.name);
    let whole = match name {
        "smallint" => Some(15),
        "integer" => Some(31),
        "bigint" => Some(63),
        _ => None,
    };
    let short = precision.is_some_and(|precision| precision <= digits) && scale.is_some_and(|s| (0..=15).contains(&s));
    if short || whole.is_some_and(|whole| whole < bits) {
        return Judgement::Lossless;
    }
    let odd = (1_i128 << bits) + 1;
    let what = format!("`{to}` keeps {digits} digits for certain, and not every whole number beyond 2^{bits}");
    let (value, back) = match scale {
        Some(scale) => (Decimal::new(odd, scale), Decimal::new(odd - 1, scale)),
        None => (Decimal::new(odd, 0), Decimal::new(odd - 1, 0)),
    };
    if held(from).number().is_some_and(|all| all.has(value)) {
        return Judgement::lossy(what, &value.to_string(), &back.to_string());
    }
    Judgement::Lossy(super::Loss { what, example: None })
}

fn from_float(to: &Type, scale: Option<i32>, value: &str, back: &str) -> Judgement {
    match scale {
        Some(scale) if scale <= 0 => Judgement::lossy(format!("`{to}` {}", kept(scale)), "0.25", "0"),
        _ => Judgement::lossy("a float has more digits than its cast to `numeric` keeps", value, back),
    }
}
