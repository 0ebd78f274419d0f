//! The type of an expression, as far as it is certain from the declared columns.
//!
//! What is not certain stays open and is decided by PostgreSQL before a plan's first step.

use super::{Expr, Kind, Operator};
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
    match &expr.kind {
        Kind::Null | Kind::Text(_) | Kind::Environment(_) => None,
        Kind::Boolean(_) => named("boolean"),
        Kind::Number(digits) => named(number_type(digits)),
        Kind::Typed(ty, _) => Some(ty.clone()),
        Kind::Column(name) => columns(name),
        Kind::Cast(inner, to) => {
            if let Some(from) = infer(inner, columns, errors)
                && !castable(&from, to)
            {
                errors.push(TypeError {
                    span: expr.span.clone(),
                    message: format!("PostgreSQL has no cast from `{from}` to `{to}`"),
                    help: Some("say what the value becomes, with functions or a `case`".to_owned()),
                });
            }
            Some(to.clone())
        }
        Kind::Binary(a, operator, b) => {
            let (left, right) = (infer(a, columns, errors), infer(b, columns, errors));
            match operator {
                Operator::Symbol(symbol) => symbol_type(expr, symbol, (a, left), (b, right), errors),
                _ => named("boolean"),
            }
        }
        Kind::Prefix(symbol, x) => {
            let inner = infer(x, columns, errors);
            (symbol == "-" || symbol == "+").then_some(inner).flatten()
        }
        Kind::Not(x) | Kind::Is(x, ..) => {
            infer(x, columns, errors);
            named("boolean")
        }
        Kind::Between(..) | Kind::In(..) | Kind::Quantified(..) => {
            below(expr, columns, errors);
            named("boolean")
        }
        Kind::Case { operand, arms, otherwise } => {
            if let Some(operand) = operand {
                infer(operand, columns, errors);
            }
            let mut results = Vec::new();
            for (when, then) in arms {
                infer(when, columns, errors);
                results.push(infer(then, columns, errors));
            }
            results.extend(otherwise.as_deref().map(|other| infer(other, columns, errors)));
            unanimous(results)
        }
        Kind::Call(function, arguments) => {
            let types = arguments.iter().map(|argument| infer(argument, columns, errors)).collect::<Vec<_>>();
            let builtin = function.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
            if builtin { result_of(&function.name, types) } else { None }
        }
        Kind::Extract(_, x) => {
            infer(x, columns, errors);
            named("numeric")
        }
        Kind::AtTimeZone(..) | Kind::Array(_) | Kind::Index(..) => {
            below(expr, columns, errors);
            None
        }
    }
}

fn named(name: &str) -> Inferred {
    Builtin::find(name).map(Type::of)
}

fn below<S: Clone>(expr: &Expr<S>, columns: &Columns<'_>, errors: &mut Vec<TypeError<S>>) {
    for child in expr.children() {
        infer(child, columns, errors);
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

/// The common type where all that are certain agree.
fn unanimous(types: Vec<Inferred>) -> Inferred {
    let mut certain = types.into_iter();
    let first = certain.next()??;
    certain.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

fn symbol_type<S: Clone>(
    expr: &Expr<S>,
    symbol: &str,
    (a, left): (&Expr<S>, Inferred),
    (b, right): (&Expr<S>, Inferred),
    errors: &mut Vec<TypeError<S>>,
) -> Inferred {
    match symbol {
        "=" | "<" | ">" | "<=" | ">=" | "<>" => {
            if let (Some(x), Some(y)) = (&left, &right)
                && !comparable(x, y)
            {
                errors.push(TypeError {
                    span: expr.span.clone(),
                    message: format!("`{x}` and `{y}` cannot be compared with `{symbol}`"),
                    help: Some("cast one side to the other's type".to_owned()),
                });
            }
            named("boolean")
        }
        "+" | "-" | "*" | "/" | "%" => {
            for (operand, ty) in [(a, &left), (b, &right)] {
                if let Some(ty) = ty
                    && matches!(ty.category(), Category::Text | Category::Boolean | Category::Uuid | Category::Bytes)
                {
                    errors.push(TypeError {
                        span: operand.span.clone(),
                        message: format!("`{symbol}` does not take `{ty}`"),
                        help: Some("cast it to a number first: `x::numeric`".to_owned()),
                    });
                }
            }
            arithmetic(&left?, &right?)
        }
        "||" => match (left, right) {
            (Some(x), Some(y)) if x.category() == Category::Text && y.category() == Category::Text => named("text"),
            _ => None,
        },
        "->>" | "#>>" => named("text"),
        "~" | "~*" | "!~" | "!~*" | "@>" | "<@" | "&&" => named("boolean"),
        _ => None,
    }
}

/// The result of arithmetic on two numbers.
fn arithmetic(a: &Type, b: &Type) -> Inferred {
    let (x, y) = (a.builtin()?, b.builtin()?);
    if x.category != Category::Number || y.category != Category::Number {
        return None;
    }
    let either = |name: &str| x.name == name || y.name == name;
    if either("double precision") || (either("real") && x.name != y.name) {
        return named("double precision");
    }
    if either("numeric") {
        return named("numeric");
    }
    match (x.integer_rank(), y.integer_rank()) {
        (Some(i), Some(j)) => Some(Type::of(if i >= j { x } else { y })),
        _ => named("real"),
    }
}

/// Results of the functions that stand in most conversions.
fn result_of(name: &str, arguments: Vec<Inferred>) -> Inferred {
    match name {
        "lower" | "upper" | "btrim" | "ltrim" | "rtrim" | "initcap" | "replace" | "split_part" | "substr" | "left"
        | "right" | "lpad" | "rpad" | "md5" | "concat" | "concat_ws" | "translate" | "format" | "to_hex" => {
            named("text")
        }
        "length" | "char_length" | "octet_length" | "bit_length" | "strpos" | "ascii" => named("integer"),
        "round" | "floor" | "ceil" | "ceiling" | "trunc" => match arguments.into_iter().next()?? {
            ty if ty.builtin().is_some_and(|b| b.name == "double precision" || b.name == "real") => {
                named("double precision")
            }
            ty if ty.category() == Category::Number => named("numeric"),
            _ => None,
        },
        "abs" => arguments.into_iter().next()?.map(|ty| Type { modifiers: Vec::new(), ..ty }),
        "coalesce" | "greatest" | "least" => unanimous(arguments),
        "nullif" => arguments.into_iter().next()?,
        _ => None,
    }
}

/// Whether `=` may take the two.
fn comparable(a: &Type, b: &Type) -> bool {
    let (Base::Builtin(_), Base::Builtin(_)) = (&a.base, &b.base) else { return true };
    let loose = |category| matches!(category, Category::Catalog | Category::Text | Category::Array);
    a.category() == b.category() || (loose(a.category()) && loose(b.category()))
}

/// Whether an explicit cast may exist; `true` where that is not certain.
fn castable(from: &Type, to: &Type) -> bool {
    use Category as C;
    let (a, b) = (from.category(), to.category());
    let open =
        |category| matches!(category, C::Text | C::User | C::Array | C::Catalog | C::Json | C::Xml | C::Geometry);
    if a == b || open(a) || open(b) {
        return true;
    }
    match (a, b) {
        (C::Boolean, C::Number) => to.builtin().is_some_and(|b| b.name == "integer"),
        (C::Number, C::Boolean) => from.builtin().is_some_and(|b| b.name == "integer"),
        (C::Number, C::Money | C::Bits | C::Bytes) | (C::Money | C::Bits | C::Bytes, C::Number) => true,
        (C::Time, C::Interval | C::Range) | (C::Interval, C::Time) | (C::Number, C::Range) => true,
        _ => false,
    }
}

/// Whether PostgreSQL stores a value of `from` in a column of `to` without a cast being written
/// (an assignment cast); `true` where that is not certain.
pub(crate) fn assignable(from: &Type, to: &Type) -> bool {
    use Category as C;
    let (a, b) = (from.category(), to.category());
    let open = |category| matches!(category, C::User | C::Array | C::Catalog | C::Geometry | C::Range);
    if a == b || b == C::Text || open(a) || open(b) {
        return true;
    }
    matches!((a, b), (C::Number, C::Money) | (C::Money, C::Number) | (C::Time, C::Interval) | (C::Interval, C::Time))
}
