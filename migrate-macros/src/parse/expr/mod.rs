//! Expressions, by precedence climbing over PostgreSQL's table of operator precedence.

mod atom;
mod call;
mod case;
mod form;
mod infix;
mod literal;
mod postfix;
mod refused;

use migrate_plan::expr::{Expr, Kind, Level};

use super::{Parsed, Parser, Reported};
use crate::place::Place;

/// A node of an expression with its place.
type Node = Expr<Place>;

/// How deep expressions may be nested, so that the compiler's stack holds.
const DEEPEST: usize = 100;

/// How many operators may follow each other without brackets: they nest to the left.
const LONGEST: usize = 500;

impl Parser<'_> {
    /// A whole expression. What it stops at is for the caller to judge.
    pub(in crate::parse) fn expression(&mut self) -> Parsed<Node> {
        self.nested(Level::Or)
    }

    /// An expression that compares and connects nothing outside of brackets: a default, or one end of a bound.
    pub(in crate::parse) fn closed_expression(&mut self) -> Parsed<Node> {
        self.nested(Level::Other)
    }

    /// An expression that binds at least as tightly as `least`.
    fn level(&mut self, least: Level) -> Parsed<Node> {
        let mut left = self.operand()?;
        for _ in 0..LONGEST {
            let start = self.cursor;
            left = self.extend(left, least)?;
            if self.cursor == start {
                return Ok(left);
            }
        }
        Err(self.too_deep())
    }

    /// A value, with the signs and operators before it.
    fn operand(&mut self) -> Parsed<Node> {
        let start = self.here();
        if let Some(place) = self.eat(&["not"]) {
            let operand = self.nested(Level::Not)?;
            return Ok(node(place.to(operand.span), Kind::Not(Box::new(operand))));
        }
        let Some((symbol, place, rest)) = self.symbol() else { return self.atom() };
        let level = match symbol.as_str() {
            "-" | "+" => Level::Sign,
            "~" | "@" | "|/" | "||/" | "@-@" | "@@" | "#" | "?-" | "?|" | "!!" => Level::Add,
            _ => return Err(self.not_a_prefix(&symbol, place)),
        };
        self.cursor = rest;
        let operand = self.nested(level)?;
        Ok(node(start.to(operand.span), Kind::Prefix(symbol, Box::new(operand))))
    }

    fn nested(&mut self, level: Level) -> Parsed<Node> {
        self.deeper(|parser| parser.level(level))
    }

    /// Reads what is nested in the expression at hand.
    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Parsed<Node>) -> Parsed<Node> {
        self.depth += 1;
        let result = if self.depth > DEEPEST { Err(self.too_deep()) } else { read(self) };
        self.depth -= 1;
        result
    }

    fn too_deep(&mut self) -> Reported {
        let problem = migrate_plan::check::Problem::new(self.here(), "the expression is nested too deeply");
        self.report(problem)
    }
}

fn node(span: Place, kind: Kind<Place>) -> Node {
    Expr { span, kind }
}
