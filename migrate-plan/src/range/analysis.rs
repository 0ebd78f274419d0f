//! One pass over an expression: each node is computed in its own type, and must fit it.

use super::conditions::{self, Known, lookup};
use super::decimal::Decimal;
use super::extent::{Extent, held, stored};
use super::finding::{Finding, Reaches};
use super::functions;
use super::interval::Interval;
use super::moment;
use crate::expr::{Expr, Kind, Operator, Scope, Typing};
use crate::types::{Category, Type};

/// A column's type and what its values lie between.
pub type Columns<'a> = dyn Fn(&str) -> Option<(Type, Extent)> + 'a;

/// The types of an expression and all its nodes; what only PostgreSQL knows stays open.
pub fn typed<S: Clone>(expr: &Expr<S>, columns: &Columns<'_>) -> Typing {
    let of_column = |name: &str| columns(name).map(|(ty, _)| ty);
    Typing::of(expr, Scope { columns: &of_column, functions: &[] }, &mut Vec::new())
}

/// What `expr` lies between, and what goes wrong on the way.
///
/// `assumed` are conditions, as SQL, that are taken to hold or not to.
pub fn of<'a, S: Clone>(
    expr: &'a Expr<S>,
    typing: &Typing,
    columns: &Columns<'_>,
    assumed: &[(String, bool)],
) -> (Extent, Vec<Finding<'a, S>>) {
    let mut analysis = Analysis { columns, typing, assumed, known: Known::new(), findings: Vec::new() };
    let extent = analysis.of(expr);
    (extent, analysis.findings)
}

/// The state of a pass.
pub struct Analysis<'a, 'c, S> {
    columns: &'c Columns<'c>,
    typing: &'c Typing,
    assumed: &'c [(String, bool)],
    /// What the branch at hand knows besides.
    known: Known,
    findings: Vec<Finding<'a, S>>,
}

impl<'a, S: Clone> Analysis<'a, '_, S> {
    /// The type of a node, where it is certain.
    pub(super) fn type_of(&self, expr: &Expr<S>) -> Option<Type> {
        self.typing.ty(expr)
    }

    pub(super) fn find(&mut self, expr: &'a Expr<S>, reaches: Reaches) {
        self.findings.push(Finding { expr, reaches });
    }

    /// What a node lies between.
    pub(super) fn of(&mut self, expr: &'a Expr<S>) -> Extent {
        match &expr.kind {
            Kind::Null => Extent::Null,
            Kind::Number(text) => number(text),
            Kind::Text(text) => Extent::Length(count(text)),
            Kind::Typed(ty, text) => match ty.category() {
                Category::Number if is_exact(ty) => number(text.trim()),
                Category::Text => Extent::Length(count(text)),
                Category::Time => {
                    moment::of_type(ty, text).map_or(Extent::Unknown, |at| Extent::Moment(moment::between(at, at)))
                }
                _ => Extent::Unknown,
            },
            Kind::Column(name) => self.column(name),
            Kind::Cast(inner, to) => self.cast(expr, inner, to),
            Kind::Prefix(symbol, inner) => {
                let value = self.of(inner);
                match (symbol.as_str(), value) {
                    ("-", Extent::Number(interval)) => self.computed(expr, interval.negated()),
                    ("+", known) => known,
                    _ => Extent::Unknown,
                }
            }
            Kind::Binary(a, operator, b) => self.binary(expr, a, operator, b),
            Kind::Call(function, arguments) => {
                let schema = function.schema.as_deref();
                if schema.is_some_and(|schema| schema != "pg_catalog") {
                    self.visit(arguments.iter());
                    return Extent::Unknown;
                }
                functions::call(self, expr, &function.name, arguments)
            }
            Kind::Case { operand, arms, otherwise } => self.case(operand.as_deref(), arms, otherwise.as_deref()),
            Kind::Extract(field, inner) => {
                let value = self.of(inner);
                let Some(ty) = self.type_of(inner) else { return Extent::Unknown };
                let narrower = match value {
                    Extent::Moment(moments) => moment::extracted(field, &moments, &ty),
                    _ => None,
                };
                narrower.or_else(|| functions::extracted(field, &ty)).map_or(Extent::Unknown, Extent::Number)
            }
            Kind::AtTimeZone(inner, zone) => {
                let value = self.of(inner);
                self.of(zone);
                let name = match &zone.kind {
                    Kind::Text(name) => Some(name.as_str()),
                    _ => None,
                };
                match value {
                    Extent::Moment(moments) => Extent::Moment(moment::in_zone(&moments, name)),
                    _ => Extent::Unknown,
                }
            }
            Kind::Array(items) => {
                self.visit(items.iter());
                if items.iter().any(|item| matches!(item.kind, Kind::Array(_))) {
                    return Extent::Unknown;
                }
                Extent::Length(Interval::exactly(Decimal::new(items.len() as i128, 0)))
            }
            _ => {
                self.visit(expr.children().into_iter());
                Extent::Unknown
            }
        }
    }

    /// Looks at nodes whose values do not matter.
    pub(super) fn visit(&mut self, nodes: impl Iterator<Item = &'a Expr<S>>) {
        for node in nodes {
            self.of(node);
        }
    }

    fn column(&self, name: &str) -> Extent {
        if let Some(known) = lookup(&self.known, name) {
            return known;
        }
        (self.columns)(name).map_or(Extent::Unknown, |(_, extent)| extent)
    }

    /// A number that the node computes: it must fit the node's own type.
    pub(super) fn computed(&mut self, expr: &'a Expr<S>, interval: Interval) -> Extent {
        let Some(ty) = self.type_of(expr) else { return Extent::Unknown };
        if !is_exact(&ty) {
            return Extent::Unknown;
        }
        let Extent::Number(all) = held(&Type { modifiers: Vec::new(), ..ty.clone() }) else { return Extent::Unknown };
        if interval.is_within(&all) {
            return Extent::Number(interval);
        }
        self.find(expr, Reaches::Beyond(interval, ty));
        // One overflow is enough: nothing follows from it.
        Extent::Unknown
    }

    fn binary(&mut self, expr: &'a Expr<S>, a: &'a Expr<S>, operator: &Operator, b: &'a Expr<S>) -> Extent {
        let (left, right) = match operator {
            Operator::And | Operator::Or => {
                self.of(a);
                // PostgreSQL does not promise an order, and in practice keeps the written one.
                self.branch(a, *operator == Operator::And, |analysis| analysis.of(b));
                return Extent::Unknown;
            }
            _ => (self.of(a), self.of(b)),
        };
        let Operator::Symbol(symbol) = operator else { return Extent::Unknown };
        match (symbol.as_str(), left, right) {
            ("+" | "-" | "*" | "/" | "%", Extent::Null, _) | ("+" | "-" | "*" | "/" | "%", _, Extent::Null) => {
                Extent::Null
            }
            ("||", Extent::Null, _) | ("||", _, Extent::Null) => Extent::Null,
            ("||", _, _) => self.joined((a, left), (b, right)),
            (_, Extent::Moment(_), _) | (_, _, Extent::Moment(_)) => self.moved(expr, symbol, left, right),
            ("/" | "%", dividend, Extent::Number(divisor)) => self.divided(expr, symbol, dividend, b, divisor),
            (_, Extent::Number(x), Extent::Number(y)) => match symbol.as_str() {
                "+" => self.computed(expr, x.plus(&y)),
                "-" => self.computed(expr, x.minus(&y)),
                // A square is never below zero.
                "*" if a_is_b(a, b) => self.computed(expr, x.abs().times(&y.abs())),
                "*" => self.computed(expr, x.times(&y)),
                "^" => functions::power(self, expr, x, y),
                _ => Extent::Unknown,
            },
            _ => Extent::Unknown,
        }
    }

    /// Arithmetic with dates: days are added and taken away, and counted between two. What `interval`s do is not
    /// followed.
    fn moved(&mut self, expr: &'a Expr<S>, symbol: &str, left: Extent, right: Extent) -> Extent {
        let result = self.type_of(expr);
        let is = |name: &str| result.as_ref().and_then(Type::builtin).is_some_and(|builtin| builtin.name == name);
        match (symbol, left, right) {
            ("+", Extent::Moment(at), Extent::Number(days)) | ("+", Extent::Number(days), Extent::Moment(at))
                if is("date") =>
            {
                Extent::Moment(at.plus(&moment::of_days(&days)))
            }
            ("-", Extent::Moment(at), Extent::Number(days)) if is("date") => {
                Extent::Moment(at.minus(&moment::of_days(&days)))
            }
            ("+", Extent::Moment(day), Extent::Moment(time)) if is("timestamp without time zone") => {
                Extent::Moment(day.plus(&time))
            }
            ("-", Extent::Moment(a), Extent::Moment(b)) if is("integer") => {
                let days = a.minus(&b).over(&Interval::whole(moment::DAY, moment::DAY));
                self.computed(expr, days.rounded(0, super::Rounding::HalfAway))
            }
            _ => Extent::Unknown,
        }
    }

    pub(super) fn divided(
        &mut self,
        expr: &'a Expr<S>,
        symbol: &str,
        dividend: Extent,
        by: &'a Expr<S>,
        divisor: Interval,
    ) -> Extent {
        // A float divided by a number fails for zero as well.
        if divisor.has_zero() {
            self.find(by, Reaches::Zero);
            return Extent::Unknown;
        }
        let Extent::Number(dividend) = dividend else { return Extent::Unknown };
        let whole = self.type_of(expr).is_some_and(|ty| is_integer(&ty));
        match symbol {
            "%" => self.computed(expr, dividend.remainder(&divisor)),
            _ if whole => {
                let quotient = dividend.over(&divisor).rounded(0, super::Rounding::Zero);
                self.computed(expr, quotient)
            }
            _ => self.computed(expr, dividend.over(&divisor).as_quotient()),
        }
    }

    /// `a || b`
    fn joined(&mut self, (a, left): (&'a Expr<S>, Extent), (b, right): (&'a Expr<S>, Extent)) -> Extent {
        let left = self.as_text(a, left);
        let right = self.as_text(b, right);
        match (left, right) {
            (Extent::Length(x), Extent::Length(y)) => Extent::Length(x.plus(&y)),
            _ => Extent::Unknown,
        }
    }

    /// The length of a value where it becomes text by itself.
    pub(super) fn as_text(&self, expr: &Expr<S>, extent: Extent) -> Extent {
        match extent {
            Extent::Number(interval) => functions::printed(&interval),
            // An array that is joined to a text is printed whole.
            Extent::Length(_) if self.type_of(expr).is_some_and(|ty| ty.array) => Extent::Unknown,
            other => other,
        }
    }

    fn cast(&mut self, expr: &'a Expr<S>, inner: &'a Expr<S>, to: &Type) -> Extent {
        let value = self.of(inner);
        let from = self.type_of(inner);
        if to.array {
            // A cast of an array casts each element, and keeps their number.
            return if from.is_some_and(|ty| ty.array) { value } else { Extent::Unknown };
        }
        match (value, held(to)) {
            (Extent::Null, _) => Extent::Null,
            (Extent::Moment(moments), _) => moment::cast(&moments, to).map_or(Extent::Unknown, Extent::Moment),
            (Extent::Number(interval), Extent::Number(all)) => {
                let rounded = stored(&interval, to);
                if !rounded.is_within(&all) {
                    self.find(expr, Reaches::BeyondCast(interval, to.clone()));
                    return Extent::Unknown;
                }
                Extent::Number(rounded)
            }
            (_, Extent::Number(all)) if from.as_ref().is_some_and(|ty| ty.category() == Category::Boolean) => {
                Interval::whole(0, 1).meet(&all).map_or(Extent::Unknown, Extent::Number)
            }
            // A text that is read as a number, a float: nobody knows.
            (_, Extent::Number(_)) => Extent::Unknown,
            (value, Extent::Length(all)) => {
                let length = functions::length_as(value, from.as_ref(), to);
                let Some(length) = length else { return Extent::Unknown };
                if !length.is_within(&all) && to.category() == Category::Text {
                    self.find(expr, Reaches::Cut(length, to.clone()));
                }
                length.meet(&all).map_or(Extent::Length(all), Extent::Length)
            }
            _ => Extent::Unknown,
        }
    }

    fn case(
        &mut self,
        operand: Option<&'a Expr<S>>,
        arms: &'a [(Expr<S>, Expr<S>)],
        otherwise: Option<&'a Expr<S>>,
    ) -> Extent {
        self.visit(operand.into_iter());
        let before = self.known.clone();
        let mut result = Extent::Null;
        for (when, then) in arms {
            let assumed = if operand.is_none() && !self.assumed.is_empty() { self.assumption(when) } else { None };
            if assumed == Some(false) {
                continue;
            }
            self.of(when);
            let value = match operand {
                None => self.branch(when, true, |analysis| analysis.of(then)),
                Some(_) => self.of(then),
            };
            result = result.join(value);
            if assumed == Some(true) {
                self.known = before;
                return result;
            }
            if operand.is_none() {
                let more = conditions::where_false(when, &|name| self.column(name));
                self.known.splice(0..0, more);
            }
        }
        if let Some(otherwise) = otherwise {
            result = result.join(self.of(otherwise));
        }
        self.known = before;
        result
    }

    fn assumption(&self, condition: &Expr<S>) -> Option<bool> {
        let text = condition.to_string();
        self.assumed.iter().find(|(assumed, _)| *assumed == text).map(|(_, holds)| *holds)
    }

    /// Looks at what is computed only where a condition holds, or does not.
    fn branch<R>(&mut self, condition: &Expr<S>, holds: bool, look: impl FnOnce(&mut Self) -> R) -> R {
        let of = |name: &str| self.column(name);
        let more = if holds { conditions::where_true(condition, &of) } else { conditions::where_false(condition, &of) };
        let count = more.len();
        self.known.splice(0..0, more);
        let result = look(self);
        self.known.drain(0..count);
        result
    }
}

/// A number as it is written.
fn number(text: &str) -> Extent {
    Decimal::parse(text).map_or(Extent::Unknown, |number| Extent::Number(Interval::exactly(number)))
}

/// The number of characters of a text.
fn count(text: &str) -> Interval {
    Interval::exactly(Decimal::new(text.chars().count() as i128, 0))
}

/// Whether numbers of the type are exact.
fn is_exact(ty: &Type) -> bool {
    is_integer(ty) || ty.builtin().is_some_and(|builtin| builtin.name == "numeric")
}

fn is_integer(ty: &Type) -> bool {
    ty.builtin().is_some_and(|builtin| builtin.integer_rank().is_some())
}

/// Whether both are the same column.
fn a_is_b<S>(a: &Expr<S>, b: &Expr<S>) -> bool {
    matches!((&a.kind, &b.kind), (Kind::Column(x), Kind::Column(y)) if x == y)
}
