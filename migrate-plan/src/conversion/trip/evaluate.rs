//! Evaluates a conversion as PostgreSQL does, for one constant or for the column's own value.

use super::functions;
use super::numbers;
use super::value::{Number, Step, Stop, Value, cast, equality_is_identity, line, parse};
use crate::expr::{self, Expr, IsTest, Kind, Negated, Operator};
use crate::range::Decimal;

/// What an evaluation stands on.
pub(super) struct World<'a> {
    /// The column that is converted, and its value.
    pub(super) column: &'a str,
    pub(super) value: &'a Value,
    /// What the conditions on other columns are taken to be.
    pub(super) assumed: &'a [(String, Option<bool>)],
    /// Constants that the column's own value is taken not to be, as they were met.
    pub(super) excluded: &'a std::cell::RefCell<Vec<Value>>,
    /// What the column's numbers lie between, for the digits of quotients.
    pub(super) largest: Option<Decimal>,
}

impl World<'_> {
    /// The value of an expression.
    pub(super) fn of<S: Clone>(&self, expr: &Expr<S>) -> Step {
        match &expr.kind {
            Kind::Null => Ok(Value::Null),
            Kind::Boolean(truth) => Ok(Value::Boolean(*truth)),
            Kind::Number(text) => {
                let number = Decimal::parse(text).ok_or(Stop::Unknown)?;
                let ty = expr::infer(expr, &|_| None, &mut Vec::new()).as_ref().and_then(Number::of);
                Ok(Value::Number(number, ty.ok_or(Stop::Unknown)?))
            }
            Kind::Text(text) => Ok(Value::Text(text.clone())),
            Kind::Typed(ty, text) => parse(text, ty),
            Kind::Column(name) if name == self.column => Ok(self.value.clone()),
            Kind::Cast(inner, to) => {
                let value = self.of(inner)?;
                // PostgreSQL casts to a length by cutting off, and that is an error of its own.
                cast(value, to)
            }
            Kind::Prefix(symbol, inner) => numbers::prefix(symbol, self.of(inner)?),
            Kind::Binary(a, Operator::Symbol(symbol), b) => self.binary(expr, symbol, a, b),
            Kind::Binary(_, Operator::And | Operator::Or | Operator::Distinct(_), _)
            | Kind::Not(_)
            | Kind::Is(..)
            | Kind::In(..)
            | Kind::Between(..) => Ok(truth_value(self.truth(expr)?)),
            Kind::Case { operand, arms, otherwise } => self.case(operand.as_deref(), arms, otherwise.as_deref()),
            Kind::Call(function, arguments)
                if function.schema.as_deref().is_none_or(|schema| schema == "pg_catalog") =>
            {
                match function.name.as_str() {
                    "coalesce" => {
                        for argument in arguments {
                            let value = self.of(argument)?;
                            if value != Value::Null {
                                return Ok(value);
                            }
                        }
                        Ok(Value::Null)
                    }
                    "nullif" => match arguments.as_slice() {
                        [a, b] => match self.equal(a, b)? {
                            Some(true) => Ok(Value::Null),
                            _ => self.of(a),
                        },
                        _ => Err(Stop::Unknown),
                    },
                    name => {
                        let values = arguments.iter().map(|argument| self.of(argument)).collect::<Step<Vec<_>>>()?;
                        functions::call(name, values)
                    }
                }
            }
            _ => Err(Stop::Unknown),
        }
    }

    fn binary<S: Clone>(&self, expr: &Expr<S>, symbol: &str, a: &Expr<S>, b: &Expr<S>) -> Step {
        match symbol {
            "=" | "<>" | "<" | ">" | "<=" | ">=" => Ok(truth_value(self.truth(expr)?)),
            "||" => functions::join(self.of(a)?, self.of(b)?),
            "+" | "-" | "*" | "/" | "%" => numbers::infix(symbol, self.of(a)?, self.of(b)?, self.largest),
            _ => Err(Stop::Unknown),
        }
    }

    /// A condition: true, false or null.
    fn truth<S: Clone>(&self, expr: &Expr<S>) -> Step<Option<bool>> {
        if !expr.columns().contains(&self.column) && !expr.columns().is_empty() && !is_connective(expr) {
            let text = expr.to_string();
            return match self.assumed.iter().find(|(condition, _)| *condition == text) {
                Some((_, truth)) => Ok(*truth),
                None => Err(Stop::Ask(text)),
            };
        }
        match &expr.kind {
            Kind::Not(inner) => Ok(self.truth(inner)?.map(|truth| !truth)),
            Kind::Binary(a, Operator::And, b) => Ok(match (self.truth(a)?, self.truth(b)?) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            }),
            Kind::Binary(a, Operator::Or, b) => Ok(match (self.truth(a)?, self.truth(b)?) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            }),
            Kind::Is(inner, test, negated) => {
                let holds = match test {
                    IsTest::Null => self.of(inner)? == Value::Null,
                    IsTest::True => self.truth(inner)? == Some(true),
                    IsTest::False => self.truth(inner)? == Some(false),
                    IsTest::Unknown => self.truth(inner)?.is_none(),
                };
                Ok(Some(holds == (*negated == Negated::No)))
            }
            Kind::In(x, negated, list) => {
                let mut found = Some(false);
                for item in list {
                    match self.equal(x, item)? {
                        Some(true) => {
                            found = Some(true);
                            break;
                        }
                        Some(false) => {}
                        None => found = None,
                    }
                }
                Ok(found.map(|found| found == (*negated == Negated::No)))
            }
            Kind::Between(x, negated, low, high) => {
                let inside = match (self.order(x, low)?, self.order(x, high)?) {
                    (Some(a), Some(b)) => Some(a.is_ge() && b.is_le()),
                    _ => None,
                };
                Ok(inside.map(|inside| inside == (*negated == Negated::No)))
            }
            Kind::Binary(a, Operator::Distinct(negated), b) => {
                let distinct = match (self.of(a)?, self.of(b)?) {
                    (Value::Null, Value::Null) => false,
                    (Value::Null, _) | (_, Value::Null) => true,
                    _ => self.equal(a, b)? != Some(true),
                };
                Ok(Some(distinct == (*negated == Negated::No)))
            }
            Kind::Binary(a, Operator::Symbol(symbol), b) => match symbol.as_str() {
                "=" => self.equal(a, b),
                "<>" => Ok(self.equal(a, b)?.map(|equal| !equal)),
                "<" => Ok(self.order(a, b)?.map(|order| order.is_lt())),
                ">" => Ok(self.order(a, b)?.map(|order| order.is_gt())),
                "<=" => Ok(self.order(a, b)?.map(|order| order.is_le())),
                ">=" => Ok(self.order(a, b)?.map(|order| order.is_ge())),
                _ => Err(Stop::Unknown),
            },
            _ => match self.of(expr)? {
                Value::Boolean(truth) => Ok(Some(truth)),
                Value::Null => Ok(None),
                _ => Err(Stop::Unknown),
            },
        }
    }

    /// Whether two values are equal; the column's own value is none of the constants it is compared with,
    /// which are looked at one by one.
    fn equal<S: Clone>(&self, a: &Expr<S>, b: &Expr<S>) -> Step<Option<bool>> {
        let (x, y) = (self.of(a)?, self.of(b)?);
        self.are_equal(x, y)
    }

    fn are_equal(&self, x: Value, y: Value) -> Step<Option<bool>> {
        if x == Value::Null || y == Value::Null {
            return Ok(None);
        }
        let (own, constant) = match (x, y) {
            (Value::Number(a, _), Value::Number(b, _)) => return Ok(Some(a == b)),
            (Value::Boolean(a), Value::Boolean(b)) => return Ok(Some(a == b)),
            (Value::Text(a), Value::Text(b)) => return Ok(Some(a == b)),
            // A bare constant takes the type of what it stands beside.
            (Value::Number(a, ty), Value::Text(text)) | (Value::Text(text), Value::Number(a, ty)) => {
                let _ = ty;
                return Ok(Some(Decimal::parse(text.trim()).ok_or(Stop::Unknown)? == a));
            }
            (own @ (Value::Own(_) | Value::Linear(_) | Value::Joined { .. }), constant)
            | (constant, own @ (Value::Own(_) | Value::Linear(_) | Value::Joined { .. })) => (own, constant),
            _ => return Err(Stop::Unknown),
        };
        match own {
            Value::Own(chain) => {
                let (first, last) = (chain.first().ok_or(Stop::Unknown)?, chain.last().ok_or(Stop::Unknown)?);
                if !equality_is_identity(first) || !equality_is_identity(last) {
                    return Err(Stop::Unknown);
                }
                // The constant as a value of the column, where it is one.
                let back = match (&constant, crate::types::Category::Text == last.category()) {
                    (Value::Text(_) | Value::Number(..) | Value::Boolean(_), _) => cast(constant.clone(), first),
                    _ => return Err(Stop::Unknown),
                };
                match back {
                    Ok(value) => self.excluded.borrow_mut().push(value),
                    Err(Stop::Fails) => {}
                    Err(other) => return Err(other),
                }
            }
            Value::Linear(line) => {
                let Value::Number(number, _) = constant else { return Err(Stop::Unknown) };
                if let Some(own) = line.solve(number) {
                    self.excluded.borrow_mut().push(Value::Number(own, line.ty));
                }
            }
            Value::Joined { before, after, own } => {
                let Value::Text(text) = constant else { return Err(Stop::Unknown) };
                let inner = text.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str()));
                if let Some(inner) = inner {
                    let first = own.first().ok_or(Stop::Unknown)?;
                    match parse(inner, first) {
                        Ok(value) => self.excluded.borrow_mut().push(value),
                        Err(Stop::Fails) => {}
                        Err(other) => return Err(other),
                    }
                }
            }
            _ => return Err(Stop::Unknown),
        }
        Ok(Some(false))
    }

    /// The order of two numbers; that of texts depends on a collation.
    fn order<S: Clone>(&self, a: &Expr<S>, b: &Expr<S>) -> Step<Option<std::cmp::Ordering>> {
        match (self.of(a)?, self.of(b)?) {
            (Value::Null, _) | (_, Value::Null) => Ok(None),
            (Value::Number(x, _), Value::Number(y, _)) => Ok(Some(x.cmp(&y))),
            _ => Err(Stop::Unknown),
        }
    }

    fn case<S: Clone>(
        &self,
        operand: Option<&Expr<S>>,
        arms: &[(Expr<S>, Expr<S>)],
        otherwise: Option<&Expr<S>>,
    ) -> Step {
        for (when, then) in arms {
            let holds = match operand {
                None => self.truth(when)?,
                Some(operand) if operand.columns().contains(&self.column) => self.equal(operand, when)?,
                // A `case` over another column: each arm is a condition on it.
                Some(operand) => {
                    let text = format!("{operand} = {when}");
                    match self.assumed.iter().find(|(condition, _)| *condition == text) {
                        Some((_, truth)) => *truth,
                        None => return Err(Stop::Ask(text)),
                    }
                }
            };
            if holds == Some(true) {
                return self.of(then);
            }
        }
        otherwise.map_or(Ok(Value::Null), |otherwise| self.of(otherwise))
    }
}

/// Whether the parts of a condition are asked for one by one.
fn is_connective<S>(expr: &Expr<S>) -> bool {
    matches!(expr.kind, Kind::Not(_) | Kind::Binary(_, Operator::And | Operator::Or, _))
}

fn truth_value(truth: Option<bool>) -> Value {
    truth.map_or(Value::Null, Value::Boolean)
}

/// The column's own value as a number, where it is one.
pub(super) fn as_line(value: &Value) -> Step<super::value::Linear> {
    match value {
        Value::Linear(line) => Ok(*line),
        Value::Own(chain) => line(chain),
        _ => Err(Stop::Unknown),
    }
}
