//! The types that operators take and give.

use super::Expr;
use super::infer::{Inference, Inferred, named};
use crate::types::{Category, Type};

/// A value with its type.
type Operand<'a, S> = (&'a Expr<S>, Inferred);

/// `a + b`, `a = b`, `a || b` …
pub(super) fn infix<S: Clone>(
    inference: &mut Inference<'_, S>,
    expr: &Expr<S>,
    symbol: &str,
    (a, left): Operand<'_, S>,
    (b, right): Operand<'_, S>,
) -> Inferred {
    match symbol {
        "=" | "<" | ">" | "<=" | ">=" | "<>" => {
            inference.comparison(expr, symbol, left.as_ref(), right.as_ref());
            named("boolean")
        }
        "+" | "-" | "*" | "/" | "%" => {
            let mut fits = takes_number(inference, symbol, (a, left.as_ref()), right.as_ref());
            fits &= takes_number(inference, symbol, (b, right.as_ref()), left.as_ref());
            if fits { arithmetic(&left?, &right?) } else { None }
        }
        "^" => power(&left?, &right?),
        "||" => concatenation(inference, expr, left, right),
        "&&" => {
            if [&left, &right].into_iter().flatten().any(|ty| ty.category() == Category::Boolean) {
                inference.report(expr, "`&&` asks whether two arrays or ranges overlap".to_owned(), "write `and`");
            }
            named("boolean")
        }
        "->>" | "#>>" => named("text"),
        "->" | "#>" | "#-" => left.map(|ty| Type { modifiers: Vec::new(), ..ty }),
        "~" | "~*" | "!~" | "!~*" | "@>" | "<@" | "^@" | "?" | "?|" | "?&" | "@?" | "@@" => named("boolean"),
        _ => None,
    }
}

/// `-x`, `~x` …
pub(super) fn prefix<S: Clone>(inference: &mut Inference<'_, S>, symbol: &str, (x, inner): Operand<'_, S>) -> Inferred {
    if symbol != "-" && symbol != "+" {
        return None;
    }
    takes_number(inference, symbol, (x, inner.as_ref()), None);
    inner.map(|ty| if ty.category() == Category::Number { Type { modifiers: Vec::new(), ..ty } } else { ty })
}

/// Whether arithmetic may take the value beside the `other` one.
fn takes_number<S: Clone>(
    inference: &mut Inference<'_, S>,
    symbol: &str,
    (operand, ty): (&Expr<S>, Option<&Type>),
    other: Option<&Type>,
) -> bool {
    let Some(ty) = ty else { return true };
    let never = matches!(ty.category(), Category::Text | Category::Boolean | Category::Uuid | Category::Bytes);
    // `jsonb - text` removes a key.
    if !never || other.is_some_and(|other| matches!(other.category(), Category::Json | Category::User)) {
        return true;
    }
    let help = match ty.category() {
        Category::Text if symbol == "+" => "write `||` to join texts, or cast it to a number first: `x::numeric`",
        Category::Boolean => "cast it to a number first: `x::integer`",
        Category::Text => "cast it to a number first: `x::numeric`",
        _ => "it is no number",
    };
    inference.report(operand, format!("`{symbol}` does not take `{ty}`"), help);
    false
}

fn concatenation<S: Clone>(
    inference: &mut Inference<'_, S>,
    expr: &Expr<S>,
    left: Inferred,
    right: Inferred,
) -> Inferred {
    let (Some(x), Some(y)) = (left, right) else { return None };
    let texts = [&x, &y].into_iter().filter(|ty| ty.category() == Category::Text).count();
    match (x.category(), y.category()) {
        (Category::Boolean, Category::Boolean) => {
            inference.report(expr, "`||` joins two values".to_owned(), "write `or`");
            named("boolean")
        }
        (Category::Number, Category::Number) => {
            inference.report(expr, "`||` joins texts, and these are numbers".to_owned(), "cast one of them: `x::text`");
            named("text")
        }
        (Category::Json, Category::Json) => Some(x),
        _ if texts > 0 && !x.array && !y.array => named("text"),
        _ => None,
    }
}

/// `a ^ b` is computed as `double precision`, unless both sides are exact and one is `numeric`.
fn power(a: &Type, b: &Type) -> Inferred {
    match arithmetic(a, b)?.builtin()?.name {
        "numeric" => named("numeric"),
        _ => named("double precision"),
    }
}

/// The result of arithmetic on two numbers.
pub(super) fn arithmetic(a: &Type, b: &Type) -> Inferred {
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
