//! `name: type [not null] [default …] [between … and …]`

use migrate_plan::check::{Problem, nearest};
use migrate_plan::declaration::{Bound, Column, Measure, Name};
use migrate_plan::expr::Expr;
use migrate_plan::types::{Base, Builtin, Type};
use proc_macro2::{Delimiter, Spacing};

use super::{Parsed, Parser, Reported};
use crate::place::Place;

/// What may follow a column's type, each at most once.
#[derive(Default)]
struct Traits {
    not_null: Option<bool>,
    default: Option<Expr<Place>>,
    bound: Option<Bound<Place>>,
    sound: bool,
}

impl Parser<'_> {
    /// A column, and whether all of it could be read. `stops` may follow it.
    pub(super) fn column(&mut self, stops: &[&str]) -> Parsed<(Column<Place>, bool)> {
        let name = self.name("a column's name")?;
        if self.at_double_colon() || self.eat_punct(':').is_none() {
            return Err(self.no_colon(&name));
        }
        let start = self.here();
        let (ty, readable) = match self.ty() {
            Ok(ty) => (ty, true),
            Err(_) => {
                self.recover_in_column(stops);
                (unreadable(), false)
            }
        };
        let ty_span = if readable { start.to(self.before()) } else { start };
        let mut traits = Traits { sound: readable, ..Traits::default() };
        while !self.at_end() && !self.at_stop(stops) && !self.at_column() {
            if self.column_trait(&name, &mut traits).is_err() {
                traits.sound = false;
                self.recover_in_column(stops);
            }
        }
        let not_null = traits.not_null.unwrap_or(false);
        let Traits { default, bound, sound, .. } = traits;
        Ok((Column { name, ty, ty_span, not_null, default, bound }, sound))
    }

    fn no_colon(&mut self, name: &Name<Place>) -> Reported {
        let message = format!("expected `:` and the type of `{}`, found {}", name.text, self.found());
        let is_type = Builtin::find(&name.text).is_some() && (self.at_end() || self.at_stop(&[";", ",", "{", "=>"]));
        let problem = match is_type {
            true => {
                Problem::new(name.span, "the column's name is missing").help(format!("write `name: {}`", name.text))
            }
            false => Problem::new(self.here(), message).help(format!("write `{}: type`", name.text)),
        };
        self.report(problem)
    }

    fn column_trait(&mut self, name: &Name<Place>, traits: &mut Traits) -> Parsed<()> {
        let start = self.here();
        let nullable = match (self.eat(&["not", "null"]), self.eat(&["null"])) {
            (Some(place), _) => Some((place, true)),
            (_, Some(place)) => Some((place, false)),
            _ => None,
        };
        if let Some((place, not_null)) = nullable {
            let message = match traits.not_null.replace(not_null) {
                None => return Ok(()),
                Some(before) if before == not_null => {
                    format!("`{}` stands twice", if not_null { "not null" } else { "null" })
                }
                Some(_) => format!("`{}` is said to be null and not null", name.text),
            };
            traits.sound = false;
            self.report(Problem::new(place, message));
            return Ok(());
        }
        if self.eat(&["default"]).is_some() {
            if traits.default.is_some() {
                traits.sound = false;
                self.report(Problem::new(start, "`default` stands twice"));
            }
            if self.at(&["not", "null"]) || self.at_end() || self.at_stop(&[",", ";", "{", "=>"]) {
                let problem = Problem::new(start, "`default` says nothing").help("write `default …`, or leave it out");
                return Err(self.report(problem));
            }
            // As in SQL, what compares or connects stands in brackets there: `between` begins the bound.
            traits.default = Some(self.closed_expression()?);
            return Ok(());
        }
        let length = self.eat(&["length"]).is_some();
        if length || self.at(&["between"]) {
            let measure = if length { Measure::Length } else { Measure::Value };
            let bound = self.bound(start, measure)?;
            if traits.bound.replace(bound).is_some() {
                traits.sound = false;
                let problem = Problem::new(start, format!("`{}` is bounded twice", name.text));
                self.report(problem.help("keep the narrower bound"));
            }
            return Ok(());
        }
        Err(self.unknown_trait(name))
    }

    /// `between a and b`, after the word `length` where that stands.
    fn bound(&mut self, start: Place, measure: Measure) -> Parsed<Bound<Place>> {
        self.expect("between")?;
        let low = self.closed_expression()?;
        if self.eat(&["and"]).is_none() {
            let problem = Problem::new(self.here(), format!("expected `and`, found {}", self.found()));
            return Err(self.report(problem.help("a bound has two ends: `between least and greatest`")));
        }
        let high = self.closed_expression()?;
        Ok(Bound { span: start.to(high.span), measure, low, high })
    }

    fn unknown_trait(&mut self, name: &Name<Place>) -> Reported {
        if let Some(problem) = self.refused_trait(&name.text) {
            return self.report(problem);
        }
        let word = self.peek_word().map(|word| word.text.to_ascii_lowercase()).unwrap_or_default();
        let message =
            format!("expected `not null`, `default …`, `between …` or the end of the column, found {}", self.found());
        let problem = Problem::new(self.here(), message);
        let problem = match nearest(&word, ["not", "null", "default", "between", "length"]) {
            Some("not") => problem.help("write `not null`"),
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        };
        self.report(problem)
    }

    /// Whether another column begins here: a name and a colon.
    pub(super) fn at_column(&self) -> bool {
        let after = match self.cursor.ident() {
            Some((_, rest)) => rest,
            None => match self.cursor.literal() {
                Some((_, rest)) => rest,
                None => return false,
            },
        };
        let colon = |punct: &proc_macro2::Punct| punct.as_char() == ':' && punct.spacing() == Spacing::Alone;
        after.punct().is_some_and(|(punct, _)| colon(&punct))
    }

    fn at_stop(&self, stops: &[&str]) -> bool {
        stops.iter().any(|stop| match *stop {
            "{" => self.at_group(Delimiter::Brace),
            "=>" | "->" => self.at_symbol(stop),
            other => other.chars().next().is_some_and(|character| self.at_punct(character)),
        })
    }

    /// Goes on at the next word that can stand in a column, or after the column.
    fn recover_in_column(&mut self, stops: &[&str]) {
        while !self.at_end() && !self.at_stop(stops) {
            self.skip();
            let word = ["default", "between", "length"].iter().any(|word| self.at(&[word]));
            if word || self.at(&["not", "null"]) || self.at_symbol("=>") {
                return;
            }
        }
    }
}

/// The type of a column whose type was not understood: nothing follows from it.
fn unreadable() -> Type {
    let base = Base::User { schema: String::new(), name: String::new() };
    Type { base, modifiers: Vec::new(), fields: None, array: false }
}
