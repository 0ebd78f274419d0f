//! What becomes of an expression when a column is known: enough to show that null stays null.

use super::{Expr, IsTest, Kind, Negated, Operator, Signature};

/// What is known of a value without running it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is null.
    Null,
    /// It is this constant, as SQL text.
    Constant(String),
    /// Nothing is known.
    Nothing,
}

impl Known {
    fn truth(&self) -> Option<bool> {
        match self {
            Known::Constant(text) if text == "true" => Some(true),
            Known::Constant(text) if text == "false" => Some(false),
            // In a condition null counts as false.
            Known::Null => Some(false),
            _ => None,
        }
    }
}

/// Whether some function of this name is not strict: a null argument does not make it null.
fn takes_null(name: &str) -> bool {
    let rows = super::catalog::functions(name);
    rows.is_empty() || !rows.iter().all(|row| row.strict)
}

/// The value of `expr` where column `column` is `value`. `functions` are those that the plan declares.
pub fn substitute<S>(expr: &Expr<S>, column: &str, value: &Known, functions: &[Signature]) -> Known {
    let of = |inner: &Expr<S>| substitute(inner, column, value, functions);
    match &expr.kind {
        Kind::Null => Known::Null,
        Kind::Boolean(_) | Kind::Number(_) | Kind::Text(_) | Kind::Typed(..) => Known::Constant(constant(expr)),
        Kind::Column(name) if name == column => value.clone(),
        Kind::Column(_) | Kind::Environment(_) | Kind::Array(_) => Known::Nothing,
        Kind::Cast(inner, _) => match of(inner) {
            Known::Null => Known::Null,
            _ => Known::Nothing,
        },
        Kind::Is(inner, IsTest::Null, negated) => match of(inner) {
            Known::Null => truth(*negated == Negated::No),
            Known::Constant(_) => truth(*negated == Negated::Yes),
            Known::Nothing => Known::Nothing,
        },
        Kind::Is(..) => Known::Nothing,
        Kind::Not(inner) => match of(inner) {
            Known::Null => Known::Null,
            known => known.truth().map_or(Known::Nothing, |value| truth(!value)),
        },
        Kind::Binary(a, operator, b) => binary(&of(a), operator, &of(b)),
        Kind::Case { operand: None, arms, otherwise } => {
            for (when, then) in arms {
                match of(when).truth() {
                    Some(true) => return of(then),
                    Some(false) => {}
                    None => return Known::Nothing,
                }
            }
            otherwise.as_deref().map_or(Known::Null, of)
        }
        Kind::Case { .. } => Known::Nothing,
        Kind::Call(function, arguments) if function.schema.is_none() => {
            let known: Vec<Known> = arguments.iter().map(of).collect();
            call(&function.name, &known)
        }
        Kind::Call(function, arguments) => {
            let same = |declared: &&Signature| {
                Some(&declared.schema) == function.schema.as_ref()
                    && declared.name == function.name
                    && declared.arguments.len() == arguments.len()
            };
            let mut meant = functions.iter().filter(same).peekable();
            let strict = meant.peek().is_some() && meant.all(|declared| declared.strict);
            if strict && arguments.iter().any(|argument| of(argument) == Known::Null) {
                Known::Null
            } else {
                Known::Nothing
            }
        }
        // What is left is strict in each of its operands.
        _ => {
            if expr.children().into_iter().any(|child| of(child) == Known::Null) {
                Known::Null
            } else {
                Known::Nothing
            }
        }
    }
}

fn truth(value: bool) -> Known {
    Known::Constant(value.to_string())
}

/// A constant's text, so that `"x"` and `"x"` are seen to be the same.
fn constant<S>(expr: &Expr<S>) -> String {
    expr.to_string()
}

fn binary(a: &Known, operator: &Operator, b: &Known) -> Known {
    match operator {
        Operator::And | Operator::Or | Operator::Distinct(_) => Known::Nothing,
        Operator::Symbol(symbol) if symbol == "=" || symbol == "<>" => match (a, b) {
            (Known::Null, _) | (_, Known::Null) => Known::Null,
            // Two texts of one value may differ (`1.0`, `1`): only sameness is certain.
            (Known::Constant(x), Known::Constant(y)) if x == y => truth(symbol == "="),
            _ => Known::Nothing,
        },
        _ if *a == Known::Null || *b == Known::Null => Known::Null,
        _ => Known::Nothing,
    }
}

fn call(name: &str, arguments: &[Known]) -> Known {
    match name {
        "coalesce" => {
            for argument in arguments {
                if *argument != Known::Null {
                    return argument.clone();
                }
            }
            Known::Null
        }
        "nullif" => match arguments {
            [Known::Null, _] => Known::Null,
            [a, Known::Null] => a.clone(),
            [Known::Constant(a), Known::Constant(b)] if a == b => Known::Null,
            _ => Known::Nothing,
        },
        "greatest" | "least" => {
            if arguments.iter().all(|argument| *argument == Known::Null) {
                Known::Null
            } else {
                Known::Nothing
            }
        }
        _ if takes_null(name) => Known::Nothing,
        _ if arguments.contains(&Known::Null) => Known::Null,
        _ => Known::Nothing,
    }
}
