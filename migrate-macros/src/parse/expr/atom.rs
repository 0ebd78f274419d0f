//! Values: constants, columns, brackets, and what begins with a key word.

use migrate_plan::check::Problem;
use migrate_plan::expr::Kind;
use migrate_plan::types::Builtin;
use proc_macro2::Delimiter;

use super::{Node, Parsed, Parser, node};
use crate::parse::{Reported, Word};
use crate::place::Place;

/// Key words that give a value without brackets, as `Kind::Environment` names them.
const ENVIRONMENT: [&str; 10] = [
    "current_timestamp",
    "current_time",
    "current_date",
    "localtime",
    "localtimestamp",
    "current_user",
    "current_role",
    "session_user",
    "current_catalog",
    "current_schema",
];

/// Words that have a part in an expression, and can be columns only as `r#word`.
const RESERVED: [&str; 33] = [
    "and", "or", "not", "is", "in", "like", "ilike", "similar", "between", "when", "then", "else", "end", "from", "as",
    "default", "distinct", "select", "any", "all", "some", "where", "over", "filter", "within", "collate", "union",
    "having", "limit", "window", "with", "using", "isnull",
];

impl Parser<'_> {
    pub(super) fn atom(&mut self) -> Parsed<Node> {
        let start = self.here();
        if self.at_group(Delimiter::None) {
            // A fragment that another macro passed on: one value, whatever stands in it.
            return match self.group(Delimiter::None, "an operator", Parser::expression) {
                Some((_, inner)) => inner,
                None => Err(self.unexpected("a value")),
            };
        }
        if let Some(literal) = self.next_literal() {
            return self.literal(literal, start);
        }
        if self.at_group(Delimiter::Parenthesis) {
            return self.brackets();
        }
        let typed = self.typed_constant();
        if let Some(constant) = typed {
            return constant;
        }
        match self.next_word() {
            Some(word) => self.after_word(word),
            None => Err(self.no_value()),
        }
    }

    /// `(x)`
    fn brackets(&mut self) -> Parsed<Node> {
        let inner = self.group(Delimiter::Parenthesis, "`)`", |parser| {
            parser.no_query()?;
            if parser.at_end() {
                return Err(parser.unexpected("a value"));
            }
            let inner = parser.expression()?;
            if parser.at_punct(',') {
                let problem = Problem::new(parser.here(), "a row of several values cannot stand in a conversion")
                    .help("compare or compute the values one by one");
                return Err(parser.report(problem));
            }
            Ok(inner)
        });
        let Some((place, inner)) = inner else { return Err(self.no_value()) };
        Ok(node(place, inner?.kind))
    }

    /// `date "2020-01-01"`, `app.status "new"`
    fn typed_constant(&mut self) -> Option<Parsed<Node>> {
        let before = self.cursor;
        let start = self.here();
        let (ident, rest) = self.cursor.ident()?;
        let word = Word::of(&ident);
        let qualified = rest.punct().is_some_and(|(punct, _)| punct.as_char() == '.');
        if !qualified && (word.raw || !begins_type(&word.text)) {
            return None;
        }
        // Whether it is one shows only after the type.
        let outer = std::mem::take(&mut self.errors);
        let ty = self.ty();
        let inner = std::mem::replace(&mut self.errors, outer);
        let Some(text) = self.peek_string() else {
            self.cursor = before;
            return None;
        };
        self.errors.absorb(inner);
        let place = start.to(self.here());
        self.skip();
        Some(ty.and_then(|ty| {
            let text = self.checked_text(text, place)?;
            Ok(node(place, Kind::Typed(ty, text)))
        }))
    }

    fn after_word(&mut self, word: Word) -> Parsed<Node> {
        let place = word.place;
        let lower = if word.raw { String::new() } else { word.text.to_ascii_lowercase() };
        match lower.as_str() {
            "null" => return Ok(node(place, Kind::Null)),
            "true" => return Ok(node(place, Kind::Boolean(true))),
            "false" => return Ok(node(place, Kind::Boolean(false))),
            "case" => return self.case(place),
            "array" if !self.at_end() => return self.array(place),
            _ => {}
        }
        self.rust_form(&word)?;
        if let Some(name) = ENVIRONMENT.into_iter().find(|name| *name == lower) {
            return self.environment(name, place);
        }
        if self.at_punct('.') || self.at_group(Delimiter::Parenthesis) {
            return self.call(word);
        }
        if RESERVED.contains(&lower.as_str()) {
            let problem = Problem::new(place, format!("expected a value, found `{}`", word.text))
                .help(format!("a column of this name is written `r#{}`", word.text));
            return Err(self.report(problem));
        }
        Ok(node(place, Kind::Column(word.text)))
    }

    fn environment(&mut self, name: &'static str, place: Place) -> Parsed<Node> {
        // PostgreSQL has functions of the same name as some, in brackets.
        if !self.at_group(Delimiter::Parenthesis) {
            return Ok(node(place, Kind::Environment(name)));
        }
        let problem = Problem::new(place, format!("`{name}` takes nothing in brackets here"))
            .help("leave the brackets out; fewer digits are kept by a column of the type `timestamptz(3)`");
        Err(self.report(problem))
    }

    /// What follows the word `array`.
    fn array(&mut self, start: Place) -> Parsed<Node> {
        let list = self.group(Delimiter::Bracket, "`,` or `]`", |parser| match parser.at_end() {
            true => Ok(Vec::new()),
            false => parser.elements(),
        });
        if let Some((place, list)) = list {
            return Ok(node(start.to(place), Kind::Array(list?)));
        }
        if self.at_group(Delimiter::Parenthesis) {
            self.group(Delimiter::Parenthesis, "", Parser::no_query);
            return Err(Reported);
        }
        Ok(node(start, Kind::Column("array".to_owned())))
    }

    /// The elements of an array; those of an inner one need no word before their brackets.
    fn elements(&mut self) -> Parsed<Vec<Node>> {
        let mut list = Vec::new();
        loop {
            let start = self.here();
            let inner = self.at_group(Delimiter::Bracket);
            list.push(if inner { self.deeper(|parser| parser.array(start))? } else { self.expression()? });
            if self.eat_punct(',').is_none() {
                return Ok(list);
            }
        }
    }

    /// One value or more, parted by commas.
    pub(super) fn list(&mut self) -> Parsed<Vec<Node>> {
        let mut list = vec![self.expression()?];
        while self.eat_punct(',').is_some() {
            list.push(self.expression()?);
        }
        Ok(list)
    }
}

/// Whether the word is a type, or the first of several that are.
fn begins_type(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    matches!(word.as_str(), "double" | "national" | "float") || Builtin::find(&word).is_some()
}
