//! The type of an expression, as far as it is certain from the declared columns.
//!
//! What is not certain stays open and is decided by PostgreSQL before a plan's first step.

use super::casts::{castable, comparable, unifiable};
use super::{Expr, IsTest, Kind, Operator};
use super::{operators, results};
use crate::types::{Base, Builtin, Category, Type};

/// Looks up the declared type of a column.
pub type Columns<'a> = dyn Fn(&str) -> Option<Type> + 'a;

/// A type where it is certain.
pub type Inferred = Option<Type>;

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

/// The type of `expr`; what is certainly wrong in it is added to `errors`.
pub fn infer<S: Clone>(expr: &Expr<S>, columns: &Columns<'_>, errors: &mut Vec<TypeError<S>>) -> Inferred {
    Inference { columns, errors }.of(expr)
}

/// A type by PostgreSQL's name for it.
pub(super) fn named(name: &str) -> Inferred {
    Builtin::find(name).map(Type::of)
}

/// One pass over an expression.
pub(super) struct Inference<'a, S> {
    columns: &'a Columns<'a>,
    errors: &'a mut Vec<TypeError<S>>,
}

impl<S: Clone> Inference<'_, S> {
    pub(super) fn report(&mut self, at: &Expr<S>, message: String, help: &str) {
        self.errors.push(TypeError { span: at.span.clone(), message, help: Some(help.to_owned()) });
    }

    fn of(&mut self, expr: &Expr<S>) -> Inferred {
        match &expr.kind {
            Kind::Null | Kind::Text(_) | Kind::Environment(_) => None,
            Kind::Boolean(_) => named("boolean"),
            Kind::Number(digits) => named(number_type(digits)),
            Kind::Typed(ty, _) => Some(ty.clone()),
            Kind::Column(name) => (self.columns)(name),
            Kind::Cast(inner, to) => self.cast(expr, inner, to),
            Kind::Binary(a, operator, b) => self.binary(expr, a, operator, b),
            Kind::Prefix(symbol, x) => {
                let inner = self.of(x);
                operators::prefix(self, symbol, (x, inner))
            }
            Kind::Not(x) => {
                self.condition(x, "`not`");
                named("boolean")
            }
            Kind::Is(x, test, _) => {
                match test {
                    IsTest::Null => drop(self.of(x)),
                    IsTest::True | IsTest::False | IsTest::Unknown => self.condition(x, "`is`"),
                }
                named("boolean")
            }
            Kind::Between(x, _, low, high) => self.compared(x, [&**low, high]),
            Kind::In(x, _, list) => self.compared(x, list),
            Kind::Quantified(x, symbol, _, array) => self.quantified(expr, x, symbol, array),
            Kind::Case { operand, arms, otherwise } => self.case(operand.as_deref(), arms, otherwise.as_deref()),
            Kind::Call(function, arguments) => {
                let types: Vec<Inferred> = arguments.iter().map(|argument| self.of(argument)).collect();
                let builtin = function.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
                if builtin { results::call(self, &function.name, arguments, types) } else { None }
            }
            Kind::Extract(_, x) => {
                self.of(x);
                named("numeric")
            }
            Kind::AtTimeZone(x, zone) => {
                self.of(zone);
                self.of(x).and_then(|ty| at_time_zone(&ty))
            }
            Kind::Array(items) => {
                let element = items.iter().map(|item| self.of(item)).collect();
                common(element).map(|element| Type { modifiers: Vec::new(), array: true, ..element })
            }
            Kind::Index(x, at) => {
                self.of(at);
                self.index(x)
            }
        }
    }

    fn cast(&mut self, expr: &Expr<S>, inner: &Expr<S>, to: &Type) -> Inferred {
        if let Some(from) = self.of(inner)
            && !castable(&from, to)
        {
            let help = "say what the value becomes, with functions or a `case`";
            self.report(expr, format!("PostgreSQL has no cast from `{from}` to `{to}`"), help);
        }
        Some(to.clone())
    }

    fn binary(&mut self, expr: &Expr<S>, a: &Expr<S>, operator: &Operator, b: &Expr<S>) -> Inferred {
        match operator {
            Operator::And | Operator::Or => {
                let word = if *operator == Operator::And { "`and`" } else { "`or`" };
                self.condition(a, word);
                self.condition(b, word);
                named("boolean")
            }
            Operator::Symbol(symbol) => {
                let (left, right) = (self.of(a), self.of(b));
                operators::infix(self, expr, symbol, (a, left), (b, right))
            }
            Operator::Like(_) | Operator::ILike(_) | Operator::Similar(_) => {
                for operand in [a, b] {
                    let ty = self.of(operand);
                    self.text(operand, ty.as_ref(), &format!("`{}`", operator.to_string().to_lowercase()));
                }
                named("boolean")
            }
            Operator::Distinct(_) => {
                let (left, right) = (self.of(a), self.of(b));
                self.comparison(expr, "is distinct from", left.as_ref(), right.as_ref());
                named("boolean")
            }
        }
    }

    /// A value that must be a boolean.
    fn condition(&mut self, expr: &Expr<S>, what: &str) {
        if let Some(ty) = self.of(expr)
            && !matches!(ty.category(), Category::Boolean | Category::User)
        {
            self.report(expr, format!("{what} takes a boolean, and this is `{ty}`"), "write a comparison, as `x <> 0`");
        }
    }

    /// A value that must be text.
    pub(super) fn text(&mut self, expr: &Expr<S>, ty: Option<&Type>, what: &str) {
        if let Some(ty) = ty
            && !matches!(ty.category(), Category::Text | Category::Catalog | Category::User | Category::Bytes)
        {
            self.report(expr, format!("{what} takes text, and this is `{ty}`"), "cast it first: `x::text`");
        }
    }

    pub(super) fn comparison(&mut self, at: &Expr<S>, symbol: &str, a: Option<&Type>, b: Option<&Type>) {
        if let (Some(x), Some(y)) = (a, b)
            && !comparable(x, y)
        {
            let help = if x == y { "compare their texts: `x::text`" } else { "cast one side to the other's type" };
            self.report(at, format!("`{x}` and `{y}` cannot be compared with `{symbol}`"), help);
        }
    }

    /// `x between a and b`, `x in (a, b)`
    fn compared<'e>(&mut self, x: &Expr<S>, others: impl IntoIterator<Item = &'e Expr<S>>) -> Inferred
    where
        S: 'e,
    {
        let ty = self.of(x);
        for other in others {
            let found = self.of(other);
            self.comparison(other, "=", ty.as_ref(), found.as_ref());
        }
        named("boolean")
    }

    fn quantified(&mut self, expr: &Expr<S>, x: &Expr<S>, symbol: &str, array: &Expr<S>) -> Inferred {
        let (left, right) = (self.of(x), self.of(array));
        if let Some(ty) = right {
            match element(&ty) {
                Some(element) if super::print::is_comparison(symbol) => {
                    self.comparison(expr, symbol, left.as_ref(), Some(&element));
                }
                Some(_) => {}
                None if ty.category() == Category::User => {}
                None => self.report(
                    array,
                    format!("`any` and `all` take an array, and this is `{ty}`"),
                    "write single values as `x in (a, b)`",
                ),
            }
        }
        named("boolean")
    }

    fn case(
        &mut self,
        operand: Option<&Expr<S>>,
        arms: &[(Expr<S>, Expr<S>)],
        otherwise: Option<&Expr<S>>,
    ) -> Inferred {
        let value = operand.map(|operand| self.of(operand));
        for (when, _) in arms {
            match &value {
                None => self.condition(when, "`when`"),
                Some(value) => {
                    let found = self.of(when);
                    self.comparison(when, "=", value.as_ref(), found.as_ref());
                }
            }
        }
        let results: Vec<&Expr<S>> = arms.iter().map(|(_, then)| then).chain(otherwise).collect();
        let types = results.iter().map(|result| self.of(result)).collect();
        self.agreement(&results, types, "`case`")
    }

    /// The common type of several values of which one is the result.
    pub(super) fn agreement(&mut self, values: &[&Expr<S>], types: Vec<Inferred>, what: &str) -> Inferred {
        let mut first: Option<&Type> = None;
        for (value, ty) in values.iter().zip(&types) {
            let Some(ty) = ty else { continue };
            match first {
                None => first = Some(ty),
                Some(first) if unifiable(first, ty) => {}
                Some(first) => {
                    let message = format!("{what} gives `{first}` in one place and `{ty}` in another");
                    self.report(value, message, "cast one to the other's type");
                    return None;
                }
            }
        }
        let literals = values.iter().zip(&types).filter(|(value, _)| is_untyped(value)).count();
        let certain: Vec<Inferred> = types.into_iter().flatten().map(Some).collect();
        // A text constant or null takes the type of the others.
        if certain.len() + literals == values.len() { common(certain) } else { None }
    }

    fn index(&mut self, x: &Expr<S>) -> Inferred {
        let ty = self.of(x)?;
        let element = element(&ty);
        let open = matches!(ty.category(), Category::Json | Category::User | Category::Catalog);
        let open = open || ty.builtin().is_some_and(|builtin| matches!(builtin.name, "point" | "box" | "lseg"));
        if element.is_none() && !open {
            self.report(x, format!("`[…]` takes an element of an array, and this is `{ty}`"), "leave the index out");
        }
        element
    }
}

/// A constant whose type is decided by where it stands.
fn is_untyped<S>(expr: &Expr<S>) -> bool {
    matches!(expr.kind, Kind::Null | Kind::Text(_))
}

/// The element of an array. Of one with several dimensions PostgreSQL knows no other type.
fn element(ty: &Type) -> Inferred {
    ty.array.then(|| Type { array: false, ..ty.clone() })
}

/// `at time zone` takes the zone away from a value that has one, and gives one to a value that has none.
fn at_time_zone(ty: &Type) -> Inferred {
    match ty.builtin()?.name {
        "timestamp with time zone" => named("timestamp without time zone"),
        "timestamp without time zone" | "date" => named("timestamp with time zone"),
        "time with time zone" | "time without time zone" => named("time with time zone"),
        _ => None,
    }
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

/// The type of a result that is one of several values: where all are the same type, that; where all are
/// numbers, the one that holds the others.
pub(super) fn common(types: Vec<Inferred>) -> Inferred {
    let mut certain = types.into_iter();
    let mut result = certain.next()??;
    for other in certain {
        let other = other?;
        if result == other {
            continue;
        }
        let plain = |ty: &Type| Type { modifiers: Vec::new(), ..ty.clone() };
        let same_base = match (&result.base, &other.base) {
            (Base::Builtin(a), Base::Builtin(b)) => a.name == b.name && result.array == other.array,
            _ => false,
        };
        result = if same_base { plain(&result) } else { operators::arithmetic(&result, &other)? };
    }
    Some(result)
}
