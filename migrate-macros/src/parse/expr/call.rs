//! `f(a, b)`, `schema.f(a)`
//!
//! A name without a schema is one of PostgreSQL's own functions.

use migrate_plan::check::Problem;
use migrate_plan::expr::{Function, Kind};
use proc_macro2::Delimiter;

use super::{Node, Parsed, Parser, node};
use crate::parse::{Reported, Word};

impl Parser<'_> {
    /// A call whose first word was read.
    pub(super) fn call(&mut self, word: Word) -> Parsed<Node> {
        if self.at_punct('.') {
            return self.qualified_call(word);
        }
        let name = word.text.to_ascii_lowercase();
        if let Some(form) = self.form(&name, word.place) {
            return form;
        }
        self.arguments_of(Function { schema: None, name }, word.place)
    }

    /// `schema.f(a)`
    fn qualified_call(&mut self, schema: Word) -> Parsed<Node> {
        self.eat_punct('.');
        let name = match self.peek_string() {
            Some(name) => {
                self.skip();
                name
            }
            None => match self.next_word() {
                Some(word) => word.text.to_ascii_lowercase(),
                None => return Err(self.unexpected("a function's name")),
            },
        };
        if !self.at_group(Delimiter::Parenthesis) {
            let place = schema.place.to(self.before());
            let problem = Problem::new(place, "a column is named alone")
                .help(format!("write `{name}`: a conversion reads columns of one row"));
            return Err(self.report(problem));
        }
        self.arguments_of(Function { schema: Some(schema.text.to_ascii_lowercase()), name }, schema.place)
    }

    fn arguments_of(&mut self, function: Function, start: crate::place::Place) -> Parsed<Node> {
        let arguments = self.group(Delimiter::Parenthesis, "`,` or `)`", |parser| match parser.at_end() {
            true => Ok(Vec::new()),
            false => parser.call_arguments(&function.name),
        });
        match arguments {
            Some((place, arguments)) => Ok(node(start.to(place), Kind::Call(function, arguments?))),
            None => Err(self.unexpected("arguments in brackets")),
        }
    }

    fn call_arguments(&mut self, function: &str) -> Parsed<Vec<Node>> {
        self.no_query()?;
        for word in ["distinct", "variadic", "all"] {
            if self.at(&[word]) {
                let problem = Problem::new(self.here(), format!("`{word}` cannot stand in a conversion"));
                let problem = match word {
                    "variadic" => problem.help("give the arguments one by one"),
                    _ => problem.note(super::refused::ONE_ROW),
                };
                return Err(self.report(problem));
            }
        }
        if self.at_symbol("*") {
            let problem = Problem::new(self.here(), format!("`{function}(*)` cannot stand in a conversion"))
                .note(super::refused::ONE_ROW);
            return Err(self.report(problem));
        }
        let mut list = Vec::new();
        loop {
            list.push(self.argument()?);
            if self.eat_punct(',').is_none() {
                return Ok(list);
            }
        }
    }

    fn argument(&mut self) -> Parsed<Node> {
        let argument = self.expression()?;
        let named = self.at_symbol("=>") || self.at_punct(':');
        if named {
            return Err(self.named_argument());
        }
        if self.at(&["order"]) {
            let problem =
                Problem::new(self.here(), "`order by` cannot stand in a conversion").note(super::refused::ONE_ROW);
            return Err(self.report(problem));
        }
        Ok(argument)
    }

    fn named_argument(&mut self) -> Reported {
        let problem = Problem::new(self.here(), "arguments cannot be given by name here")
            .help("give them in the order in which the function declares them");
        self.report(problem)
    }
}
