//! What cannot stand in a conversion, and what to write instead.

use migrate_plan::check::Problem;
use proc_macro2::Delimiter;

use super::{Parsed, Parser, Reported};
use crate::parse::Word;
use crate::place::Place;

/// Why aggregates and windows are refused.
pub(super) const ONE_ROW: &str = "a conversion sees one row";

/// Why queries are refused.
const OWN_ROW: &str = "a conversion runs inside the write of its row, and may depend on that row alone";

impl Parser<'_> {
    /// A query in brackets.
    pub(super) fn no_query(&mut self) -> Parsed<()> {
        let values = self.cursor.ident().is_some_and(|(ident, rest)| {
            ident.to_string().eq_ignore_ascii_case("values") && rest.group(Delimiter::Parenthesis).is_some()
        });
        let with = self
            .cursor
            .ident()
            .is_some_and(|(ident, rest)| ident.to_string().eq_ignore_ascii_case("with") && rest.ident().is_some());
        if !(values || with || self.at(&["select"])) {
            return Ok(());
        }
        let problem = Problem::new(self.here(), "a sub-select cannot stand in a conversion")
            .note(OWN_ROW)
            .help("declare the columns it needs in the table's brackets, or copy the data into the table first");
        Err(self.report(problem))
    }

    /// Forms of Rust that begin with a word.
    pub(super) fn rust_form(&mut self, word: &Word) -> Parsed<()> {
        if word.raw {
            return Ok(());
        }
        let after_next = self.cursor.token_tree().and_then(|(_, rest)| rest.group(Delimiter::Brace));
        let (message, help) = match word.text.as_str() {
            "if" => ("`if` is Rust's, and this is SQL", "write `case when … then … else … end`"),
            "match" if after_next.is_some() => {
                ("`match` is Rust's, and this is SQL", "write `case x when … then … else … end`")
            }
            "let" => ("`let` is Rust's, and this is SQL", "write the value where it is used"),
            "self" if self.at_punct('.') => ("a column is named alone", "leave out `self.`"),
            "move" if self.at_symbol("|") || self.at_symbol("||") => (CLOSURE.0, CLOSURE.1),
            _ if self.at_symbol("!") => {
                ("a macro of Rust cannot stand in a conversion", "write the SQL expression itself")
            }
            _ => return Ok(()),
        };
        Err(self.report(Problem::new(word.place, message).help(help)))
    }

    /// No value begins here.
    pub(super) fn no_value(&mut self) -> Reported {
        let problem = Problem::new(self.here(), format!("expected a value, found {}", self.found()));
        let problem = if self.at_group(Delimiter::Bracket) {
            problem.help("write an array as `array[…]`")
        } else if self.at_punct('.') {
            problem.help("write a number with a digit before its point: `0.5`")
        } else if self.at_punct('$') {
            problem.note("a conversion has no parameters")
        } else if self.at_punct('\'') {
            problem.help("a text is written in double quotes")
        } else {
            problem
        };
        self.report(problem)
    }

    /// An operator that cannot stand before a value.
    pub(super) fn not_a_prefix(&mut self, symbol: &str, place: Place) -> Reported {
        let problem = match symbol {
            "!" => Problem::new(place, "`!` is Rust's, and this is SQL").help("write `not x`"),
            "|" | "||" => Problem::new(place, CLOSURE.0).help(CLOSURE.1),
            "&" | "&&" => Problem::new(place, "a reference of Rust cannot stand in a conversion").help("leave it out"),
            _ => Problem::new(place, format!("expected a value, found `{symbol}`")),
        };
        self.report(problem)
    }

    /// An operator that cannot stand between values.
    pub(super) fn not_an_infix(&mut self, symbol: &str, place: Place) -> Reported {
        let problem = Problem::new(place, format!("PostgreSQL has no operator `{symbol}`"));
        let problem = match symbol {
            "==" | "===" => problem.help("write `=`"),
            "**" => problem.help("write `^`"),
            "!==" => problem.help("write `<>`"),
            "=~" => problem.help("write `~`"),
            "!" => problem.help("write `factorial(x)`, or `not x` for a boolean"),
            "+=" | "-=" | "*=" | "/=" | "%=" => problem.help("a conversion is a value, and sets nothing"),
            _ => match split(symbol) {
                Some((first, second)) => problem.help(format!("put a space between `{first}` and `{second}`")),
                None => problem.note("operators of extensions have no schema here: call their function instead"),
            },
        };
        self.report(problem)
    }

    /// What follows a value and has no part in a conversion.
    pub(super) fn refused_after(&mut self) -> Parsed<()> {
        let place = self.here();
        if self.at_punct('.') {
            let (name, is_call) = self.after_point();
            let problem = if is_call {
                Problem::new(place, "a method cannot be called in SQL").help(format!("write `{name}(x)`"))
            } else {
                Problem::new(place, "a field of a value cannot stand in a conversion")
                    .help("give the whole value to a function of your own, as `app.function(x)`")
            };
            return Err(self.report(problem));
        }
        let Some(word) = self.peek_word().filter(|word| !word.raw) else { return Ok(()) };
        let problem = match word.text.to_ascii_lowercase().as_str() {
            "over" => Problem::new(place, "a window function cannot stand in a conversion").note(ONE_ROW),
            "filter" | "within" => Problem::new(place, "an aggregate cannot stand in a conversion").note(ONE_ROW),
            "collate" => Problem::new(place, "a collation cannot be named in a conversion")
                .note("values are compared and converted under the collation of their column"),
            "overlaps" => Problem::new(place, "`overlaps` cannot stand in a conversion")
                .help("compare ranges: `tsrange(a, b) && tsrange(c, d)`"),
            "operator" => Problem::new(place, "operators of extensions cannot stand in a conversion")
                .help("call the operator's function: `schema.function(a, b)`"),
            _ => return Ok(()),
        };
        Err(self.report(problem))
    }

    /// The name after a point, and whether brackets follow it.
    fn after_point(&self) -> (String, bool) {
        let name = self.cursor.punct().and_then(|(_, rest)| rest.ident());
        match name {
            Some((name, rest)) => (name.to_string(), rest.group(Delimiter::Parenthesis).is_some()),
            None => (String::new(), false),
        }
    }

    /// What stands after a whole expression instead of `expected`.
    pub(in crate::parse) fn unexpected_after_expression(&mut self, expected: &str) -> Reported {
        let problem = Problem::new(self.here(), format!("expected {expected}, found {}", self.found()));
        let problem =
            if self.at(&["as"]) { problem.help("a cast is written `x::type`, or `cast(x as type)`") } else { problem };
        self.report(problem)
    }
}

/// Message and help for closures.
const CLOSURE: (&str, &str) =
    ("a closure cannot stand in a conversion", "write the SQL expression itself, with the columns by their names");

/// Two operators that were written as one.
fn split(symbol: &str) -> Option<(&str, &str)> {
    (1..symbol.len()).rev().find_map(|at| {
        let (first, second) = symbol.split_at_checked(at)?;
        let prefix = matches!(second, "-" | "+" | "~" | "@" | "|/" | "||/");
        (super::infix::is_infix(first) && prefix).then_some((first, second))
    })
}
