//! What stands after a value: a cast, an index, a test, a time zone.

use migrate_plan::check::Problem;
use migrate_plan::expr::{IsTest, Kind, Negated, Operator};
use proc_macro2::Delimiter;

use super::{Level, Node, Parsed, Parser, node};

impl Parser<'_> {
    /// `x::type`
    pub(super) fn cast_after(&mut self, value: Node) -> Parsed<Node> {
        self.eat_double_colon();
        if self.at_symbol("<") {
            let problem = Problem::new(self.here(), "`::<…>` is Rust's, and SQL has nothing like it")
                .help("write a cast as `x::bigint`");
            return Err(self.report(problem));
        }
        let ty = self.ty()?;
        let place = value.span.to(self.before());
        Ok(node(place, Kind::Cast(Box::new(value), ty)))
    }

    /// `x[i]`
    pub(super) fn index_after(&mut self, value: Node) -> Parsed<Node> {
        let index = self.group(Delimiter::Bracket, "`]`", |parser| {
            if parser.at_end() {
                return Err(parser.unexpected("an index"));
            }
            let colon = parser.at_punct(':');
            let index = if colon { None } else { Some(parser.expression()?) };
            if parser.at_punct(':') {
                let problem = Problem::new(parser.here(), "a slice of an array cannot stand in a conversion")
                    .help("take single elements: `x[1]`");
                return Err(parser.report(problem));
            }
            index.ok_or(super::Reported)
        });
        match index {
            Some((place, index)) => Ok(node(value.span.to(place), Kind::Index(Box::new(value), Box::new(index?)))),
            None => Ok(value),
        }
    }

    /// `x is null`, `x is not distinct from y`, `x isnull` …
    pub(super) fn is_after(&mut self, value: Node) -> Parsed<Node> {
        for (word, negated) in [("isnull", Negated::No), ("notnull", Negated::Yes)] {
            if let Some(place) = self.eat(&[word]) {
                return Ok(node(value.span.to(place), Kind::Is(Box::new(value), IsTest::Null, negated)));
            }
        }
        self.eat(&["is"]);
        let negated = if self.eat(&["not"]).is_some() { Negated::Yes } else { Negated::No };
        if self.eat(&["distinct"]).is_some() {
            self.expect("from")?;
            let other = self.nested(Level::Compare)?;
            self.no_chain(Level::Is)?;
            let place = value.span.to(other.span);
            return Ok(node(place, Kind::Binary(Box::new(value), Operator::Distinct(negated), Box::new(other))));
        }
        let tests =
            [("null", IsTest::Null), ("true", IsTest::True), ("false", IsTest::False), ("unknown", IsTest::Unknown)];
        for (word, test) in tests {
            if let Some(place) = self.eat(&[word]) {
                return Ok(node(value.span.to(place), Kind::Is(Box::new(value), test, negated)));
            }
        }
        Err(self.unexpected("`null`, `true`, `false`, `unknown` or `distinct from` after `is`"))
    }

    /// `x at time zone "UTC"`
    pub(super) fn time_zone_after(&mut self, value: Node) -> Parsed<Node> {
        let place = self.here();
        if self.at(&["at", "local"]) {
            let problem = Problem::new(place, "`at local` depends on the session's `TimeZone`")
                .help("say the zone: `at time zone \"UTC\"`");
            return Err(self.report(problem));
        }
        if self.eat(&["at", "time", "zone"]).is_none() {
            self.skip();
            return Err(self.unexpected("`time zone` after `at`"));
        }
        let zone = self.nested(Level::Sign)?;
        let place = value.span.to(zone.span);
        Ok(node(place, Kind::AtTimeZone(Box::new(value), Box::new(zone))))
    }
}
