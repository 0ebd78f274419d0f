//! Texts and bits, and what is printed and read.

use super::Judgement;
use crate::expr;
use crate::range::{Extent, fits, held};
use crate::types::{Category, Type};

fn name(ty: &Type) -> &'static str {
    ty.builtin().map_or("", |builtin| builtin.name)
}

/// From text to text.
pub(super) fn judge(from: &Type, to: &Type) -> Judgement {
    let fits = fits(held(from), to);
    match (name(from), name(to)) {
        // A blank at the end of `character(n)` is none: it is padded again on the way back.
        ("character", "bpchar") => Judgement::Lossless,
        ("bpchar", _) | (_, "bpchar") => blanks(from, to),
        ("character", _) => Judgement::fitting(fits),
        (_, "character") => blanks(from, to),
        _ => Judgement::fitting(fits),
    }
}

fn blanks(from: &Type, to: &Type) -> Judgement {
    Judgement::lossy(format!("blanks at the end do not come back from `{from}` as `{to}`"), "\" \"", "\"\"")
}

/// From a value to its text.
pub(super) fn printed(from: &Type, to: &Type) -> Judgement {
    if matches!(name(to), "character" | "bpchar") {
        return Judgement::impossible(format!("`{to}` does not tell a blank at the end from none"));
    }
    let longest = match name(from) {
        "smallint" => 6,
        "integer" => 11,
        "bigint" => 20,
        "boolean" => 5,
        "uuid" => 36,
        "name" => 63,
        "macaddr" => 17,
        "macaddr8" => 23,
        "pg_lsn" => 17,
        "cidr" | "inet" => 49,
        "numeric" | "json" | "jsonb" => usize::MAX,
        "bit" | "bit varying" => from.modifiers.first().and_then(|n| n.parse().ok()).unwrap_or(usize::MAX),
        other => return Judgement::impossible(unprintable(other, from)),
    };
    let room = match held(to) {
        Extent::Length(length) => length,
        _ => return Judgement::impossible(unprintable(name(from), from)),
    };
    let unlimited = to.modifiers.is_empty();
    let longest = i128::try_from(longest).unwrap_or(i128::MAX);
    Judgement::fitting(unlimited || room.has(crate::range::Decimal::new(longest, 0)))
}

/// Why the text of a type is not the same in every session.
fn unprintable(name: &str, from: &Type) -> String {
    let setting = match (name, from.category()) {
        ("real" | "double precision", _) | (_, Category::Geometry) => "`extra_float_digits`",
        ("interval", _) => "`IntervalStyle`",
        ("timestamp with time zone", _) => "`DateStyle` and `TimeZone`",
        (_, Category::Time) => "`DateStyle`",
        ("bytea", _) => "`bytea_output`",
        ("xml", _) => "`xmloption`",
        _ => "the settings of the session",
    };
    format!("how `{from}` is printed, or read, depends on {setting}")
}

/// From a text to the value that it spells.
pub(super) fn read(from: &Type, to: &Type) -> Judgement {
    let (what, value, back) = match name(to) {
        "smallint" | "integer" | "bigint" => ("how a number is spelt does not come back", "\"012\"", "\"12\""),
        "numeric" => ("how a number is spelt does not come back", "\"+1\"", "\"1\""),
        "boolean" => ("how `true` and `false` are spelt does not come back", "\"yes\"", "\"true\""),
        "uuid" => (
            "capitals and hyphens do not come back",
            "\"A0EEBC999C0B4EF8BB6D6BB9BD380A11\"",
            "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
        ),
        "jsonb" => {
            ("white space, the order of keys and a key that stands twice do not come back", "\"[1,2]\"", "\"[1, 2]\"")
        }
        // `json` is the text itself.
        "json" if name(from) != "character" && name(from) != "bpchar" => return Judgement::Partial,
        "inet" | "cidr" => ("how an address is spelt does not come back", "\"10.0.0.1\"", "\"10.0.0.1/32\""),
        "macaddr" => ("how an address is spelt does not come back", "\"08002b010203\"", "\"08:00:2b:01:02:03\""),
        "name" => {
            return Judgement::Lossy(super::Loss {
                what: "`name` keeps 63 bytes, and cuts off the rest without a word".to_owned(),
                example: None,
            });
        }
        "bit" | "bit varying" => ("a bit string in hexadecimal digits comes back in others", "\"xF\"", "\"1111\""),
        other if expr::assignable(to, from) => return Judgement::impossible(unprintable(other, to)),
        _ => return Judgement::impossible(format!("PostgreSQL has no cast from `{from}` to `{to}`")),
    };
    Judgement::lossy(what, value, back)
}

/// From bits to bits: lengths must agree, or PostgreSQL refuses the value.
pub(super) fn bits(from: &Type, to: &Type) -> Judgement {
    match (name(from), name(to)) {
        ("bit", "bit") => Judgement::impossible(format!("no value of `{from}` has the length of `{to}`")),
        (_, "bit") => Judgement::Partial,
        _ => Judgement::fitting(fits(held(from), to)),
    }
}
