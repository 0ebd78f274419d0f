//! The expression language of `up` and `down`: a model of its own, from which SQL is printed.
//!
//! A node keeps the span `S` it was written at: the macro's token span at compile time, `()` elsewhere.

mod casts;
mod catalog;
mod coerce;
mod failure;
mod infer;
mod json;
mod level;
mod null;
mod nullable;
mod polymorphic;
mod print;
mod purity;
mod reason;
mod resolve;
mod value;
mod written;

pub(crate) use casts::{assignable, widens};
pub use catalog::{Volatility, function_names};
pub use failure::can_fail;
pub(crate) use infer::stored;
pub use infer::{Columns, Inferred, Scope, Signature, TypeError, Typing, infer};
pub use level::Level;
pub use null::{Known, substitute};
pub use nullable::{Cause, Nullable, nullable};
pub(crate) use purity::storing;
pub use purity::{Impurity, impurities, is_syntax};
pub use reason::Reason;
pub use written::written;

use crate::types::Type;

/// One node of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr<S> {
    /// Where it was written.
    pub span: S,
    /// What it is.
    pub kind: Kind<S>,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<S> {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number as it was written, without `_`.
    Number(String),
    /// A text constant; its type is decided by where it stands.
    Text(String),
    /// `date "2020-01-01"`: a constant of a named type.
    Typed(Type, String),
    /// A column of the row.
    Column(String),
    /// `-x`, `+x`, `~x`, `|/x` …
    Prefix(String, Box<Expr<S>>),
    /// `a + b`, `a ->> b`, `a and b`, `a like b` …
    Binary(Box<Expr<S>>, Operator, Box<Expr<S>>),
    /// `not x`
    Not(Box<Expr<S>>),
    /// `x is null`, `x is not true` …
    Is(Box<Expr<S>>, IsTest, Negated),
    /// `x between a and b`
    Between(Box<Expr<S>>, Negated, Box<Expr<S>>, Box<Expr<S>>),
    /// `x in (a, b)`
    In(Box<Expr<S>>, Negated, Vec<Expr<S>>),
    /// `x op any (array)`, `x op all (array)`
    Quantified(Box<Expr<S>>, String, Quantifier, Box<Expr<S>>),
    /// `case [x] when a then b … [else c] end`
    Case {
        /// The value the arms are compared with, where one is given.
        operand: Option<Box<Expr<S>>>,
        /// `when … then …`
        arms: Vec<(Expr<S>, Expr<S>)>,
        /// `else …`
        otherwise: Option<Box<Expr<S>>>,
    },
    /// `x::type`, `cast(x as type)`
    Cast(Box<Expr<S>>, Type),
    /// `f(a, b)`, `schema.f(a)`
    Call(Function, Vec<Expr<S>>),
    /// `extract(epoch from x)`
    Extract(String, Box<Expr<S>>),
    /// `x at time zone z`
    AtTimeZone(Box<Expr<S>>, Box<Expr<S>>),
    /// `array[a, b]`
    Array(Vec<Expr<S>>),
    /// `x[i]`
    Index(Box<Expr<S>>, Box<Expr<S>>),
    /// `current_timestamp`, `current_user` …: values that need no brackets and are never pure.
    Environment(&'static str),
}

/// Whether `not` stands in the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negated {
    /// It does not.
    No,
    /// It does.
    Yes,
}

/// What `is` asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsTest {
    /// `is null`
    Null,
    /// `is true`
    True,
    /// `is false`
    False,
    /// `is unknown`
    Unknown,
}

/// `any` or `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// One element is enough.
    Any,
    /// Every element.
    All,
}

/// An operator between two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `and`
    And,
    /// `or`
    Or,
    /// `like`, `not like`
    Like(Negated),
    /// `ilike`, `not ilike`
    ILike(Negated),
    /// `similar to`, `not similar to`
    Similar(Negated),
    /// `is distinct from`, `is not distinct from`
    Distinct(Negated),
    /// Anything made of operator characters.
    Symbol(String),
}

/// A function's name, qualified where it was written so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The schema; without one it is PostgreSQL's own.
    pub schema: Option<String>,
    /// The name in lower case, unless it was quoted.
    pub name: String,
}

impl<S> Expr<S> {
    /// Whether it is the constant `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// Calls `visit` for this node and every one below it, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expr<S>)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// The nodes right below this one, in the order they were written.
    pub fn children(&self) -> Vec<&Expr<S>> {
        match &self.kind {
            Kind::Null
            | Kind::Boolean(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Typed(..)
            | Kind::Column(_)
            | Kind::Environment(_) => Vec::new(),
            Kind::Prefix(_, x) | Kind::Not(x) | Kind::Is(x, ..) | Kind::Cast(x, _) | Kind::Extract(_, x) => vec![x],
            Kind::Binary(a, _, b) | Kind::Quantified(a, _, _, b) | Kind::AtTimeZone(a, b) | Kind::Index(a, b) => {
                vec![a, b]
            }
            Kind::Between(x, _, a, b) => vec![x, a, b],
            Kind::In(x, _, list) => std::iter::once(&**x).chain(list).collect(),
            Kind::Call(_, list) | Kind::Array(list) => list.iter().collect(),
            Kind::Case { operand, arms, otherwise } => {
                let arms = arms.iter().flat_map(|(when, then)| [when, then]);
                operand.as_deref().into_iter().chain(arms).chain(otherwise.as_deref()).collect()
            }
        }
    }

    /// The columns it reads, each once, in the order they are first named.
    pub fn columns(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        self.walk(&mut |node| {
            if let Kind::Column(name) = &node.kind
                && !found.contains(&name.as_str())
            {
                found.push(name);
            }
        });
        found
    }
}

/// Whether PostgreSQL has a function of this name, or a form of its grammar that looks like one.
pub fn is_function(name: &str) -> bool {
    is_syntax(name) || catalog::has_function(name) || catalog::function_type(name).is_some()
}

/// Why a value of `to` cannot be the text `text`, where that is certain: what to write instead.
pub(crate) fn misfit(text: &str, to: &Type) -> Option<String> {
    value::misfit(text, to)
}
