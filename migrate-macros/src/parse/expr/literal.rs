//! Constants: Rust's literals, and what they are in SQL.

use migrate_plan::check::Problem;
use migrate_plan::expr::Kind;
use proc_macro2::Literal;
use syn::Lit;

use super::{Node, Parsed, Parser, Reported, node};
use crate::place::Place;

impl Parser<'_> {
    pub(super) fn literal(&mut self, literal: Literal, place: Place) -> Parsed<Node> {
        let kind = match Lit::new(literal) {
            Lit::Str(text) if text.suffix().is_empty() => Kind::Text(self.checked_text(text.value(), place)?),
            Lit::Int(number) if number.suffix().is_empty() => Kind::Number(number.base10_digits().to_owned()),
            Lit::Float(number) if number.suffix().is_empty() => self.float_digits(number.base10_digits(), place)?,
            refused => return Err(self.refused_literal(&refused, place)),
        };
        Ok(node(place, kind))
    }

    /// Text, as long as PostgreSQL can hold it.
    pub(super) fn checked_text(&mut self, text: String, place: Place) -> Parsed<String> {
        if text.contains('\0') {
            return Err(self.report(Problem::new(place, "PostgreSQL's text cannot hold a character of code zero")));
        }
        Ok(text)
    }

    fn float_digits(&mut self, digits: &str, place: Place) -> Parsed<Kind<Place>> {
        if let Some(whole) = digits.strip_suffix('.') {
            let problem = Problem::new(place, format!("digits are missing after the point of `{digits}`"))
                .help(format!("write `{whole}` or `{whole}.0`"));
            return Err(self.report(problem));
        }
        Ok(Kind::Number(digits.to_owned()))
    }

    fn refused_literal(&mut self, literal: &Lit, place: Place) -> Reported {
        let problem = match literal {
            Lit::Char(character) => {
                let text: String = character.value().escape_default().collect();
                Problem::new(place, "a text is written in double quotes").help(format!("write `\"{text}\"`"))
            }
            Lit::Byte(_) | Lit::ByteStr(_) => Problem::new(place, "bytes cannot be written as a literal of Rust")
                .help("write `decode(\"…\", \"hex\")`"),
            Lit::CStr(_) => Problem::new(place, "a text is written as a plain string").help("leave out the `c`"),
            Lit::Int(number) => suffix(place, number.suffix(), number.base10_digits()),
            Lit::Float(number) => suffix(place, number.suffix(), number.base10_digits()),
            Lit::Str(text) => Problem::new(place, format!("a text takes no suffix, and `{}` is one", text.suffix())),
            _ => Problem::new(place, "this constant cannot stand in a conversion"),
        };
        self.report(problem)
    }
}

/// A number with one of Rust's types at its end.
fn suffix(place: Place, suffix: &str, digits: &str) -> Problem<Place> {
    let ty = match suffix {
        "i8" | "u8" | "i16" => "smallint",
        "u16" | "i32" => "integer",
        "u32" | "i64" | "isize" => "bigint",
        "f32" => "real",
        "f64" => "double precision",
        _ => "numeric",
    };
    Problem::new(place, format!("`{suffix}` is a type of Rust, and this is SQL"))
        .help(format!("write `{digits}`, or `{digits}::{ty}` where the type matters"))
}
