//! What stands in brackets after a built-in type, with the ranges PostgreSQL has.

use std::ops::RangeInclusive;

use migrate_plan::check::Problem;
use migrate_plan::types::{Builtin, Modifiers, Type};
use proc_macro2::Delimiter;

use super::{Parsed, Parser, Reported};
use crate::place::Place;

/// The most characters of `varchar(n)` and `char(n)`, `MaxAttrSize`.
const MAX_CHARACTERS: i64 = 10_485_760;

/// The most bits of `bit(n)`: `MaxAttrSize` in bits.
const MAX_BITS: i64 = 83_886_080;

/// A number in brackets.
type Argument = (i64, Place);

impl Parser<'_> {
    /// A built-in type whose name was read, with what follows in brackets.
    pub(super) fn modified(&mut self, builtin: &'static Builtin, name: Place) -> Parsed<Type> {
        let mut ty = Type::of(builtin);
        let arguments = self.arguments()?;
        ty.modifiers = match (builtin.modifiers, arguments) {
            (Modifiers::Length, None) => bare_length(builtin),
            (_, None) => Vec::new(),
            (Modifiers::Length, Some((_, list))) => {
                let most = if builtin.name.starts_with("bit") { MAX_BITS } else { MAX_CHARACTERS };
                vec![self.single(&list, name, "a length", 1..=most)?]
            }
            (Modifiers::Precision | Modifiers::Interval, Some((_, list))) => vec![self.precision(&list, name)?],
            (Modifiers::Numeric, Some((_, list))) => self.numeric(&list, name)?,
            (Modifiers::None, Some((_, list))) if builtin.name == "bpchar" => {
                let length = self.single(&list, name, "a length", 1..=MAX_CHARACTERS)?;
                return Ok(Type { modifiers: vec![length], ..Type::named("character") });
            }
            (Modifiers::None, Some((brackets, _))) => return Err(self.takes_nothing(builtin, brackets)),
        };
        Ok(ty)
    }

    /// `float` is `real` or `double precision`, by its binary digits.
    pub(super) fn float(&mut self, name: Place) -> Parsed<Type> {
        let Some((_, list)) = self.arguments()? else { return Ok(Type::named("double precision")) };
        let digits = self.single(&list, name, "a number of binary digits", 1..=53)?;
        let single = digits.parse::<i64>().is_ok_and(|digits| digits <= 24);
        Ok(Type::named(if single { "real" } else { "double precision" }))
    }

    /// `time`, `timestamp`, with or without a zone.
    pub(super) fn time(&mut self, word: &str, name: Place) -> Parsed<Type> {
        let precision = match self.arguments()? {
            Some((_, list)) => vec![self.precision(&list, name)?],
            None => Vec::new(),
        };
        let zone = if self.eat(&["with", "time", "zone"]).is_some() {
            "with"
        } else if self.at(&["with"]) {
            return Err(self.unexpected(&format!("`with time zone` after `{word}`")));
        } else {
            self.eat(&["without", "time", "zone"]);
            "without"
        };
        let builtin = Builtin::find(&format!("{word} {zone} time zone")).ok_or(Reported)?;
        Ok(Type { modifiers: precision, ..Type::of(builtin) })
    }

    /// The numbers in brackets that come next, if brackets do.
    pub(super) fn arguments(&mut self) -> Parsed<Option<(Place, Vec<Argument>)>> {
        let list = self.group(Delimiter::Parenthesis, "`,` or `)`", |parser| {
            let mut list = Vec::new();
            loop {
                list.push(parser.integer("a number")?);
                if parser.eat_punct(',').is_none() {
                    return Ok(list);
                }
            }
        });
        match list {
            None => Ok(None),
            Some((place, list)) => list.map(|list| Some((place, list))),
        }
    }

    /// A whole number, with a sign or without.
    pub(super) fn integer(&mut self, what: &str) -> Parsed<Argument> {
        let start = self.here();
        let negative = self.eat_punct('-').is_some();
        let number = self.cursor.literal().and_then(|(literal, rest)| match syn::Lit::new(literal) {
            syn::Lit::Int(number) if number.suffix().is_empty() => {
                number.base10_parse::<i64>().ok().map(|value| (value, rest))
            }
            _ => None,
        });
        let Some((value, rest)) = number else { return Err(self.unexpected(what)) };
        let place = start.to(self.here());
        self.cursor = rest;
        Ok((if negative { -value } else { value }, place))
    }

    pub(super) fn precision(&mut self, list: &[Argument], name: Place) -> Parsed<String> {
        self.single(list, name, "a number of fractional digits", 0..=6)
    }

    fn single(&mut self, list: &[Argument], name: Place, what: &str, range: RangeInclusive<i64>) -> Parsed<String> {
        match list {
            [argument] => self.within(*argument, what, range),
            [_, (_, second), ..] => {
                Err(self.report(Problem::new(*second, format!("this type takes {what}, and nothing more"))))
            }
            [] => Err(self.report(Problem::new(name, format!("this type takes {what}")))),
        }
    }

    fn numeric(&mut self, list: &[Argument], name: Place) -> Parsed<Vec<String>> {
        let (precision, scale) = match list {
            [precision] => (precision, None),
            [precision, scale] => (precision, Some(*scale)),
            [_, _, (_, third), ..] => {
                return Err(
                    self.report(Problem::new(*third, "`numeric` takes a precision and a scale, and nothing more"))
                );
            }
            [] => return Err(self.report(Problem::new(name, "`numeric` takes a precision and a scale"))),
        };
        let precision = self.within(*precision, "a precision", 1..=1000)?;
        let scale = match scale {
            Some(scale) => self.within(scale, "a scale", -1000..=1000)?,
            None => "0".to_owned(),
        };
        Ok(vec![precision, scale])
    }

    fn within(&mut self, (value, place): Argument, what: &str, range: RangeInclusive<i64>) -> Parsed<String> {
        if range.contains(&value) {
            return Ok(value.to_string());
        }
        let message = format!("{what} of {value} is not possible: it goes from {} to {}", range.start(), range.end());
        Err(self.report(Problem::new(place, message)))
    }

    fn takes_nothing(&mut self, builtin: &Builtin, brackets: Place) -> Reported {
        let problem = Problem::new(brackets, format!("`{}` takes nothing in brackets", builtin.name));
        let problem = match builtin.name {
            "text" => problem.help("write `varchar(n)` for a text of at most `n` characters, or `text`"),
            "smallint" | "integer" | "bigint" => problem.help("the type alone says which numbers it holds"),
            "real" | "double precision" => problem.help("write `numeric(p, s)` for a fixed number of digits"),
            _ => problem.help("leave the brackets out"),
        };
        self.report(problem)
    }
}

/// `char` and `bit` alone have one character, one bit.
fn bare_length(builtin: &Builtin) -> Vec<String> {
    if matches!(builtin.name, "character" | "bit") { vec!["1".to_owned()] } else { Vec::new() }
}
