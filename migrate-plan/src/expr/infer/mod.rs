//! The type of an expression, with the volatility and the strictness of each of its nodes, as far as they are
//! certain from the declared columns.
//!
//! User types, and what depends on them, stay open and are decided by PostgreSQL before a plan's first step.

mod call;
mod forms;
mod operate;

use std::collections::HashMap;
use std::fmt;

use super::catalog::{Context, Id, Volatility};
use super::coerce::{self, Given};
use super::resolve::Choice;
use super::{Expr, Kind, value};
use crate::types::{Builtin, Category, Type};

/// Looks up the declared type of a column.
pub type Columns<'a> = dyn Fn(&str) -> Option<Type> + 'a;

/// A type where it is certain.
pub type Inferred = Option<Type>;

/// A declared function of the user's own, or of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
    /// The types it takes.
    pub arguments: Vec<Type>,
    /// The type it gives.
    pub result: Type,
    /// Whether a null argument makes it null.
    pub strict: bool,
}

/// As a plan writes it after `extern fn`: `app.f(text) -> integer immutable strict`.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<String> = self.arguments.iter().map(ToString::to_string).collect();
        let strict = if self.strict { " strict" } else { "" };
        write!(f, "{}.{}({}) -> {} immutable{strict}", self.schema, self.name, arguments.join(", "), self.result)
    }
}

/// What an expression is read with.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The columns it may name.
    pub columns: &'a Columns<'a>,
    /// The functions that the plan declares.
    pub functions: &'a [Signature],
}

/// A use that PostgreSQL would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError<S> {
    /// Where.
    pub span: S,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// What is known of one node.
#[derive(Clone, Debug)]
struct Note {
    ty: Inferred,
    volatility: Volatility,
    /// Whether the function or operator that was chosen is strict.
    strict: bool,
}

/// What is known of an expression and every node of it.
#[derive(Clone, Debug)]
pub struct Typing {
    notes: HashMap<usize, Note>,
}

impl Typing {
    /// What is known of `expr`; what is certainly wrong in it is added to `errors`.
    pub fn of<S: Clone>(expr: &Expr<S>, scope: Scope<'_>, errors: &mut Vec<TypeError<S>>) -> Typing {
        let mut inference = Inference { scope, errors, notes: HashMap::new() };
        inference.of(expr);
        Typing { notes: inference.notes }
    }

    /// The type of a node of that expression, where it is certain.
    pub fn ty<S>(&self, node: &Expr<S>) -> Inferred {
        self.notes.get(&address(node)).and_then(|note| note.ty.clone())
    }

    /// How far the function, operator or cast of a node depends on more than what it is given.
    pub fn volatility<S>(&self, node: &Expr<S>) -> Volatility {
        self.notes.get(&address(node)).map_or(Volatility::Immutable, |note| note.volatility)
    }

    /// Whether the function or operator of a node is null for a null argument, whatever the others are.
    pub fn is_strict<S>(&self, node: &Expr<S>) -> bool {
        self.notes.get(&address(node)).is_some_and(|note| note.strict)
    }
}

/// Names a node as long as the expression lives.
fn address<S>(node: &Expr<S>) -> usize {
    std::ptr::from_ref(node).addr()
}

/// The type of `expr`; what is certainly wrong in it is added to `errors`. Functions of schemas are open.
pub fn infer<S: Clone>(expr: &Expr<S>, columns: &Columns<'_>, errors: &mut Vec<TypeError<S>>) -> Inferred {
    Typing::of(expr, Scope { columns, functions: &[] }, errors).ty(expr)
}

/// A type by PostgreSQL's name for it.
fn named(name: &str) -> Inferred {
    Builtin::find(name).map(Type::of)
}

/// One pass over an expression.
struct Inference<'a, S> {
    scope: Scope<'a>,
    errors: &'a mut Vec<TypeError<S>>,
    notes: HashMap<usize, Note>,
}

impl<S: Clone> Inference<'_, S> {
    fn report(&mut self, at: &Expr<S>, message: String, help: impl Into<String>) {
        self.errors.push(TypeError { span: at.span.clone(), message, help: Some(help.into()) });
    }

    /// The type of a node, noted.
    fn of(&mut self, expr: &Expr<S>) -> Inferred {
        let note = Note { ty: None, volatility: Volatility::Immutable, strict: false };
        self.notes.insert(address(expr), note);
        let ty = self.kind(expr);
        if let Some(note) = self.notes.get_mut(&address(expr)) {
            note.ty.clone_from(&ty);
        }
        ty
    }

    /// A node as an operator or a function sees it.
    fn given(&mut self, expr: &Expr<S>) -> Given {
        let ty = self.of(expr);
        given(expr, ty.as_ref())
    }

    fn kind(&mut self, expr: &Expr<S>) -> Inferred {
        match &expr.kind {
            Kind::Null | Kind::Text(_) => None,
            Kind::Boolean(_) => named("boolean"),
            Kind::Number(digits) => named(number_type(digits)),
            Kind::Typed(ty, text) => {
                self.constant(expr, text, ty);
                Some(ty.clone())
            }
            Kind::Column(name) => (self.scope.columns)(name),
            Kind::Environment(name) => named(environment_type(name)),
            Kind::Cast(inner, to) => self.cast(expr, inner, to),
            Kind::Binary(a, operator, b) => self.binary(expr, a, operator, b),
            Kind::Prefix(symbol, x) => self.prefix(expr, symbol, x),
            Kind::Not(x) => {
                self.condition(x, "`not`");
                named("boolean")
            }
            Kind::Is(x, test, _) => self.test(x, test),
            Kind::Between(x, negated, low, high) => self.between(expr, x, *negated, [low, high]),
            Kind::In(x, negated, list) => self.within(expr, x, *negated, list),
            Kind::Quantified(x, symbol, _, array) => self.quantified(expr, x, symbol, array),
            Kind::Case { operand, arms, otherwise } => self.case(expr, operand.as_deref(), arms, otherwise.as_deref()),
            Kind::Call(function, arguments) => self.call(expr, function, arguments),
            Kind::Extract(_, x) => self.extract(expr, x),
            Kind::AtTimeZone(x, zone) => self.at_time_zone(expr, x, zone),
            Kind::Array(items) => self.array(expr, items),
            Kind::Index(x, at) => self.index(x, at),
        }
    }

    /// Notes what was chosen for a node, and holds its bare constants against what they are taken as.
    fn note(&mut self, expr: &Expr<S>, choice: &Choice, arguments: &[(&Expr<S>, Given)]) -> Inferred {
        if choice.undetermined {
            let constant = arguments.iter().find(|(_, given)| *given == Given::Unknown);
            let (at, _) = constant.or(arguments.first()).copied().unwrap_or((expr, Given::Unknown));
            let message = "PostgreSQL cannot tell the type of this constant".to_owned();
            self.report(at, message, "say it, as `x::integer` or `x::integer[]`");
        }
        let mut volatility = choice.volatility;
        for ((argument, given), takes) in arguments.iter().zip(&choice.takes) {
            let Some(takes) = *takes else { continue };
            match given {
                Given::Unknown => self.literal(argument, takes),
                Given::Known(from) => volatility = volatility.max(implicit(*from, takes)),
                Given::Open => {}
            }
        }
        self.depends(expr, volatility);
        if let Some(note) = self.notes.get_mut(&address(expr)) {
            note.strict = choice.strict;
        }
        choice.gives.and_then(Id::ty)
    }

    /// Notes that a node depends on more than what it is given.
    fn depends(&mut self, expr: &Expr<S>, volatility: Volatility) {
        if let Some(note) = self.notes.get_mut(&address(expr)) {
            note.volatility = note.volatility.max(volatility);
        }
    }

    /// A bare constant is a value of the type it is taken as.
    fn literal(&mut self, expr: &Expr<S>, id: Id) {
        if let Kind::Text(text) = &expr.kind
            && let Some(ty) = id.ty()
        {
            self.constant(expr, text, &ty);
        }
    }

    fn constant(&mut self, expr: &Expr<S>, text: &str, ty: &Type) {
        if let Some(help) = value::misfit(text, ty) {
            self.report(expr, format!("{text:?} is no value of the type `{ty}`"), help);
        }
    }

    /// A value that must be a boolean.
    fn condition(&mut self, expr: &Expr<S>, what: &str) {
        let ty = self.of(expr);
        match ty {
            Some(ty) if !matches!(ty.category(), Category::Boolean | Category::User) => {
                let help = "write a comparison, as `x <> 0`";
                self.report(expr, format!("{what} takes a boolean, and this is `{ty}`"), help);
            }
            Some(_) => {}
            None => self.literal(expr, Id::of("bool")),
        }
    }
}

/// How far the storing of a value of `from` in a column of `to` depends on the session; `None` where
/// PostgreSQL does not store it without a cast.
pub(crate) fn stored(from: &Type, to: &Type) -> Option<Volatility> {
    forms::stored(from, to)
}

/// A value as an operator or a function sees it.
fn given<S>(expr: &Expr<S>, ty: Option<&Type>) -> Given {
    if is_untyped(expr) {
        return Given::Unknown;
    }
    ty.and_then(Id::of_type).map_or(Given::Open, Given::Known)
}

/// A constant whose type is decided by where it stands.
fn is_untyped<S>(expr: &Expr<S>) -> bool {
    matches!(expr.kind, Kind::Null | Kind::Text(_))
}

fn implicit(from: Id, to: Id) -> Volatility {
    coerce::volatility(from, to, Context::Implicit).unwrap_or(Volatility::Immutable)
}

/// PostgreSQL's type of a number as written: the smallest of `integer`, `bigint`, `numeric` that holds it.
fn number_type(digits: &str) -> &'static str {
    if digits.parse::<i32>().is_ok() {
        "integer"
    } else if digits.parse::<i64>().is_ok() {
        "bigint"
    } else {
        "numeric"
    }
}

fn environment_type(name: &str) -> &'static str {
    match name {
        "current_timestamp" => "timestamp with time zone",
        "current_time" => "time with time zone",
        "current_date" => "date",
        "localtime" => "time without time zone",
        "localtimestamp" => "timestamp without time zone",
        _ => "name",
    }
}

/// `a`, `b` or `c`
fn one_of(names: impl IntoIterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for name in names {
        let name = if name.contains("any") || name.starts_with("a") && name.contains(' ') {
            name
        } else {
            format!("`{name}`")
        };
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    if distinct.len() > 6 {
        distinct.truncate(5);
        return format!("{} …", distinct.join(", "));
    }
    match distinct.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => "nothing".to_owned(),
    }
}
