//! Calls with a grammar of their own: `cast(x as t)`, `extract(f from x)`, `substring(x from 1 for 2)` …
//!
//! Except for the first two they become calls of the functions that PostgreSQL's own parser makes of
//! them (`gram.y`, `func_expr_common_subexpr`).

use migrate_plan::check::{Problem, nearest};
use migrate_plan::expr::{Function, Kind};
use proc_macro2::Delimiter;

use super::{Node, Parsed, Parser, node};
use crate::parse::Reported;
use crate::place::Place;

/// What `extract` can take from a value (PostgreSQL's documentation, 9.9.1).
const FIELDS: [&str; 22] = [
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "julian",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "timezone",
    "timezone_hour",
    "timezone_minute",
    "week",
    "year",
];

impl Parser<'_> {
    /// The call of `name`, where it has a grammar of its own.
    pub(super) fn form(&mut self, name: &str, start: Place) -> Option<Parsed<Node>> {
        let read = match name {
            "cast" => Parser::cast_form,
            "extract" => Parser::extract_form,
            "substring" => Parser::substring_form,
            "position" => Parser::position_form,
            "trim" => Parser::trim_form,
            "overlay" => Parser::overlay_form,
            "col" => Parser::column_form,
            "exists" => Parser::exists_form,
            "sql" => return Some(Err(self.sql_as_text(start))),
            _ => return None,
        };
        let (place, kind) = self.group(Delimiter::Parenthesis, "`)`", read)?;
        Some(kind.map(|kind| node(start.to(place), kind)))
    }

    /// `cast(x as type)`
    fn cast_form(&mut self) -> Parsed<Kind<Place>> {
        let value = self.expression()?;
        self.expect("as")?;
        Ok(Kind::Cast(Box::new(value), self.ty()?))
    }

    /// `extract(epoch from x)`
    fn extract_form(&mut self) -> Parsed<Kind<Place>> {
        let name = self.name("a field such as `epoch`")?;
        let field = name.text.to_ascii_lowercase();
        if !FIELDS.contains(&field.as_str()) {
            let problem = Problem::new(name.span, format!("`extract` knows no field `{}`", name.text));
            let problem = match nearest(&field, FIELDS) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("it knows `{}`", FIELDS.join("`, `"))),
            };
            return Err(self.report(problem));
        }
        self.expect("from")?;
        Ok(Kind::Extract(field, Box::new(self.expression()?)))
    }

    /// `substring(x, 1, 2)`, `substring(x from 1 for 2)`
    fn substring_form(&mut self) -> Parsed<Kind<Place>> {
        let mut arguments = vec![self.expression()?];
        if self.eat(&["from"]).is_some() {
            arguments.push(self.expression()?);
            if self.eat(&["for"]).is_some() {
                arguments.push(self.expression()?);
            }
        } else if let Some(place) = self.eat(&["for"]) {
            arguments.push(node(place, Kind::Number("1".to_owned())));
            arguments.push(self.expression()?);
        } else {
            self.rest(&mut arguments)?;
        }
        Ok(call("substring", arguments))
    }

    /// `position(a in b)`
    fn position_form(&mut self) -> Parsed<Kind<Place>> {
        let part = self.nested(super::Level::Other)?;
        self.expect("in")?;
        let whole = self.nested(super::Level::Other)?;
        Ok(call("position", vec![whole, part]))
    }

    /// `trim(x)`, `trim(both "-" from x)`
    fn trim_form(&mut self) -> Parsed<Kind<Place>> {
        let side = ["both", "leading", "trailing"].into_iter().find(|word| self.eat(&[word]).is_some());
        let function = match side {
            Some("leading") => "ltrim",
            Some("trailing") => "rtrim",
            _ => "btrim",
        };
        if side.is_some() && self.eat(&["from"]).is_some() {
            let mut arguments = vec![self.expression()?];
            self.rest(&mut arguments)?;
            return Ok(call(function, arguments));
        }
        let first = self.expression()?;
        if self.eat(&["from"]).is_some() {
            return Ok(call(function, vec![self.expression()?, first]));
        }
        let mut arguments = vec![first];
        self.rest(&mut arguments)?;
        Ok(call(function, arguments))
    }

    /// `overlay(x placing y from 1 for 2)`
    fn overlay_form(&mut self) -> Parsed<Kind<Place>> {
        let mut arguments = vec![self.expression()?];
        if self.eat(&["placing"]).is_none() {
            self.rest(&mut arguments)?;
            return Ok(call("overlay", arguments));
        }
        arguments.push(self.expression()?);
        self.expect("from")?;
        arguments.push(self.expression()?);
        if self.eat(&["for"]).is_some() {
            arguments.push(self.expression()?);
        }
        Ok(call("overlay", arguments))
    }

    fn rest(&mut self, arguments: &mut Vec<Node>) -> Parsed<()> {
        while self.eat_punct(',').is_some() {
            arguments.push(self.expression()?);
        }
        Ok(())
    }

    /// `col("weird name")`
    fn column_form(&mut self) -> Parsed<Kind<Place>> {
        match self.peek_string() {
            Some(name) => {
                self.skip();
                Ok(Kind::Column(name))
            }
            None => Err(self.unexpected("a column's name in double quotes")),
        }
    }

    fn exists_form(&mut self) -> Parsed<Kind<Place>> {
        self.no_query()?;
        Err(self.unexpected("a sub-select, which cannot stand in a conversion either"))
    }

    fn sql_as_text(&mut self, name: Place) -> Reported {
        let problem = Problem::new(name, "SQL as text cannot stand in a conversion")
            .note("what it reads and whether it is pure could not be checked")
            .help("put it into an immutable function of your own and call that: `app.function(column)`");
        self.report(problem)
    }
}

fn call(name: &str, arguments: Vec<Node>) -> Kind<Place> {
    Kind::Call(Function { schema: None, name: name.to_owned() }, arguments)
}
