//! Which part of an expression can be null.

mod guards;
mod lists;

use crate::expr::catalog::Volatility;
use crate::expr::infer::Typing;
use crate::expr::{Expr, Kind, Operator};
use crate::types::Category;
use guards::{failed, held};
use lists::{NEVER_NULL, NULL_OF_FIRST, NULL_OF_VALUES, NULL_OPERATORS};

/// Why a node can be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is the constant.
    Constant,
    /// The column of this name is not declared `not null`.
    Column(String),
    /// A `case` without `else`.
    NoElse,
    /// `nullif`
    NullIf,
    /// A function, an operator or a form that gives null for some values.
    Values(String),
    /// A declared function that is not `strict`.
    Declared(String),
}

/// A node that can be null, and why.
#[derive(Clone, Debug)]
pub struct Nullable<'a, S> {
    /// The node.
    pub expr: &'a Expr<S>,
    /// Why.
    pub cause: Cause,
}

/// The first part of `expr` for which the whole can be null; `not_null` says it of columns.
pub fn nullable<'a, S>(expr: &'a Expr<S>, typing: &Typing, not_null: &dyn Fn(&str) -> bool) -> Option<Nullable<'a, S>> {
    Nulls { typing, not_null, shown: Vec::new() }.of(expr)
}

struct Nulls<'t, 'a> {
    typing: &'t Typing,
    not_null: &'t dyn Fn(&str) -> bool,
    /// Columns that conditions around this place have shown to be not null.
    shown: Vec<&'a str>,
}

impl<'a> Nulls<'_, 'a> {
    fn of<S>(&mut self, expr: &'a Expr<S>) -> Option<Nullable<'a, S>> {
        let because = |cause: Cause| Some(Nullable { expr, cause });
        let values = |what: &str| because(Cause::Values(what.to_owned()));
        match &expr.kind {
            Kind::Null => because(Cause::Constant),
            Kind::Boolean(_) | Kind::Number(_) | Kind::Text(_) | Kind::Typed(..) | Kind::Environment(_) => None,
            Kind::Is(..) | Kind::Array(_) | Kind::Binary(_, Operator::Distinct(_), _) => None,
            Kind::Column(name) if (self.not_null)(name) || self.shown.contains(&name.as_str()) => None,
            Kind::Column(name) => because(Cause::Column(name.clone())),
            Kind::Binary(a, Operator::Symbol(symbol), _) if self.may_find_nothing(symbol, a) => values(symbol),
            Kind::Binary(a, Operator::Symbol(_), b) => {
                if self.is_resolved(expr) && !self.typing.is_strict(expr) {
                    return self.of_lenient(expr, a, b);
                }
                self.any([&**a, b])
            }
            Kind::Prefix(_, x) | Kind::Not(x) => self.of(x),
            Kind::Extract(field, x) => {
                let endless = ["epoch", "year", "isoyear", "century", "decade", "millennium", "julian"];
                let bounded = self
                    .typing
                    .ty(x)
                    .is_some_and(|ty| ty.to_string().starts_with("time ") || ty.to_string().starts_with("time("));
                match self.of(x) {
                    None if !endless.contains(&field.as_str()) && !bounded => values("extract"),
                    inner => inner,
                }
            }
            Kind::Cast(x, to) => {
                let instant = self.typing.ty(x).is_some_and(|ty| ty.to_string().starts_with("timestamp"));
                if instant && to.to_string().starts_with("time ") {
                    return self.of(x).or_else(|| values("a cast of `infinity`"));
                }
                let json = self.typing.ty(x).is_some_and(|ty| ty.category() == Category::Json);
                let to_json =
                    self.typing.ty(expr).is_none_or(|ty| matches!(ty.category(), Category::Json | Category::Text));
                match self.of(x) {
                    None if json && !to_json => values("a cast of JSON's `null`"),
                    inner => inner,
                }
            }
            Kind::Quantified(x, _, _, array) => match &array.kind {
                Kind::Array(items) => self.of(x).or_else(|| self.any(items)),
                _ => self.of(x).or_else(|| self.of(array)).or_else(|| values("an element of the array")),
            },
            Kind::Index(..) => values("an index"),
            Kind::Between(..) | Kind::In(..) | Kind::AtTimeZone(..) | Kind::Binary(..) => self.any(expr.children()),
            Kind::Case { operand, arms, otherwise } => self.case(expr, operand.is_some(), arms, otherwise.as_deref()),
            Kind::Call(function, arguments) => self.call(expr, function, arguments),
        }
    }

    fn is_resolved<S>(&self, expr: &Expr<S>) -> bool {
        self.typing.ty(expr).is_some()
    }

    /// Whether the operator gives null for some values of these types.
    fn may_find_nothing<S>(&self, symbol: &str, left: &Expr<S>) -> bool {
        let category = self.typing.ty(left).map(|ty| ty.category());
        match symbol {
            "@@" | "@?" => category != Some(Category::Search) && category != Some(Category::Text),
            "#" | "##" | "+" => category == Some(Category::Geometry),
            _ => NULL_OPERATORS.contains(&symbol),
        }
    }

    /// Arrays and texts are joined by functions that are not strict: what is joined to null is kept.
    fn of_lenient<S>(&mut self, expr: &'a Expr<S>, a: &'a Expr<S>, b: &'a Expr<S>) -> Option<Nullable<'a, S>> {
        let array = self.typing.ty(expr).is_some_and(|ty| ty.array);
        match (self.of(a), self.of(b)) {
            (Some(_), None) | (None, Some(_)) if array => None,
            (first, second) => first.or(second),
        }
    }

    fn any<S: 'a>(&mut self, parts: impl IntoIterator<Item = &'a Expr<S>>) -> Option<Nullable<'a, S>> {
        parts.into_iter().find_map(|part| self.of(part))
    }

    fn case<S>(
        &mut self,
        expr: &'a Expr<S>,
        simple: bool,
        arms: &'a [(Expr<S>, Expr<S>)],
        otherwise: Option<&'a Expr<S>>,
    ) -> Option<Nullable<'a, S>> {
        let before = self.shown.len();
        let mut found = None;
        for (when, then) in arms {
            let here = self.shown.len();
            if !simple {
                held(when, &mut self.shown);
            }
            found = found.or_else(|| self.of(then));
            self.shown.truncate(here);
            if !simple {
                failed(when, &mut self.shown);
            }
        }
        let found = found.or_else(|| match otherwise {
            Some(otherwise) => self.of(otherwise),
            None => Some(Nullable { expr, cause: Cause::NoElse }),
        });
        self.shown.truncate(before);
        found
    }

    fn call<S>(
        &mut self,
        expr: &'a Expr<S>,
        function: &crate::expr::Function,
        arguments: &'a [Expr<S>],
    ) -> Option<Nullable<'a, S>> {
        let name = function.name.as_str();
        if let Some(schema) = function.schema.as_deref().filter(|schema| *schema != "pg_catalog") {
            return if schema.is_empty() || self.typing.ty(expr).is_none() {
                // It could not be read, or is not declared, and that was said.
                None
            } else if self.typing.is_strict(expr) {
                self.any(arguments)
            } else {
                Some(Nullable { expr, cause: Cause::Declared(format!("{schema}.{name}")) })
            };
        }
        if !crate::expr::is_function(name) {
            return None;
        }
        match name {
            "coalesce" | "greatest" | "least" => {
                let mut last = None;
                for argument in arguments {
                    last = Some(self.of(argument)?);
                }
                last
            }
            "nullif" => Some(Nullable { expr, cause: Cause::NullIf }),
            "array_cat" => match arguments {
                [a, b] => self.of(a).and_then(|_| self.of(b)),
                _ => None,
            },
            _ if NEVER_NULL.contains(&name) => None,
            _ if NULL_OF_FIRST.contains(&name) => arguments.first().and_then(|first| self.of(first)),
            "lower" | "upper" | "substring" if self.is_text(expr, name, arguments) => self.any(arguments),
            // `int8(x)` is a cast.
            "bool" | "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" if self.is_json(arguments) => {
                Some(Nullable { expr, cause: Cause::Values("a cast of JSON's `null`".to_owned()) })
            }
            // What depends on the session or the catalog is refused elsewhere, and may find nothing.
            _ if NULL_OF_VALUES.contains(&name)
                || !self.typing.is_strict(expr)
                || self.typing.volatility(expr) > Volatility::Immutable =>
            {
                let inner = self.any(arguments);
                inner.or_else(|| Some(Nullable { expr, cause: Cause::Values(name.to_owned()) }))
            }
            _ => self.any(arguments),
        }
    }

    fn is_json<S>(&self, arguments: &[Expr<S>]) -> bool {
        let first = arguments.first().and_then(|first| self.typing.ty(first));
        first.is_some_and(|ty| ty.category() == Category::Json)
    }

    /// Whether it is the form for texts, which is null for null alone; a pattern may not be found.
    fn is_text<S>(&self, expr: &Expr<S>, name: &str, arguments: &[Expr<S>]) -> bool {
        let number = |argument: &Expr<S>| self.typing.ty(argument).is_some_and(|ty| ty.category() == Category::Number);
        let text = self
            .typing
            .ty(expr)
            .is_some_and(|ty| matches!(ty.category(), Category::Text | Category::Bytes | Category::Bits));
        if name == "substring" {
            arguments.get(1).is_some_and(number)
        } else {
            text && arguments
                .first()
                .is_none_or(|first| self.typing.ty(first).is_none_or(|ty| ty.category() != Category::Range))
        }
    }
}
