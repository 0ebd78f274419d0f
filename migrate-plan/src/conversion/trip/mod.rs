//! Whether `down(up(x))` is `x` again, to the last bit.
//!
//! The column's own value is followed through both conversions without being known: carried from type to
//! type, moved along a line of exact numbers, joined with constant texts. The constants that it is compared
//! with on the way are looked at one by one, and so are all values of a type that has few. Where the value
//! cannot be followed, the corners of its type are tried for one that does not come back.

mod corners;
mod evaluate;
mod functions;
mod numbers;
mod value;

use std::cell::RefCell;

use super::{Judgement, effective, judge};
use crate::declaration::Change;
use crate::range::{Decimal, Edge, Interval, declared};
use crate::types::{Category, Type};
use evaluate::World;
use value::{Linear, Stop, Value, cast};

/// What is known of the way there and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trip {
    /// Every value comes back.
    Shown,
    /// This one does not.
    Broken(Broken),
    /// Neither could be shown.
    Open,
}

/// A value that does not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The value.
    pub value: String,
    /// What `up` makes of it.
    pub up: String,
    /// What comes back; `None` where PostgreSQL raises an error.
    pub back: Option<String>,
    /// The condition on other columns under which that is so.
    pub under: Option<String>,
    /// What is lost, where the types alone say it.
    pub what: Option<String>,
}

/// So many conditions on other columns are told apart.
const FORKS: usize = 64;

/// A type with so few values is tried with each of them.
const FEW: i128 = 256;

/// Follows a change there and back.
pub fn follow<S: Clone>(change: &Change<S>) -> Trip {
    if change.up.is_none() && change.down.is_none() {
        match judge(&change.old.ty, &change.new.ty) {
            Judgement::Lossy(loss) => {
                let Some((value, back)) = loss.example else { return Trip::Open };
                let up = String::new();
                return Trip::Broken(Broken { value, up, back: Some(back), under: None, what: Some(loss.what) });
            }
            verdict if verdict.comes_back() => return Trip::Shown,
            _ => return Trip::Open,
        }
    }
    let journey = Journey::new(change);
    let mut open = false;
    for value in journey.starts() {
        match journey.every_way(&value) {
            Ok(Some(broken)) => return Trip::Broken(broken),
            Ok(None) => {}
            Err(_) => open = true,
        }
    }
    if !open {
        return Trip::Shown;
    }
    for value in corners::of(&change.old) {
        if let Ok(Some(broken)) = journey.every_way(&value) {
            return Trip::Broken(broken);
        }
    }
    Trip::Open
}

/// One change, ready to be followed.
struct Journey<'a, S> {
    change: &'a Change<S>,
    up: crate::expr::Expr<S>,
    down: crate::expr::Expr<S>,
    /// Constants that the column's own value was taken not to be.
    excluded: RefCell<Vec<Value>>,
    range: Option<Interval>,
}

impl<'a, S: Clone> Journey<'a, S> {
    fn new(change: &'a Change<S>) -> Journey<'a, S> {
        let (up, down) = effective(change);
        let range = declared(&change.old).number();
        Journey { change, up, down, excluded: RefCell::new(Vec::new()), range }
    }

    /// The values that stand for all.
    fn starts(&self) -> Vec<Value> {
        let old = &self.change.old;
        let mut starts = self.few().unwrap_or_else(|| vec![Value::Own(vec![old.ty.clone()])]);
        if !old.not_null {
            starts.push(Value::Null);
        }
        starts
    }

    /// All values, where there are few.
    fn few(&self) -> Option<Vec<Value>> {
        let ty = &self.change.old.ty;
        if ty.category() == Category::Boolean {
            return Some(vec![Value::Boolean(true), Value::Boolean(false)]);
        }
        let (Edge::At(low), Edge::At(high)) = (self.range?.low, self.range?.high) else { return None };
        let kind = value::Number::of(ty)?;
        let scale = Linear::own(ty)?.scale;
        let (low, high) = (low.with_scale(scale)?.digits(), high.with_scale(scale)?.digits());
        (high - low < FEW).then(|| {
            let shown = |digits| Decimal::new(digits, scale).with_scale(scale.max(0)).unwrap_or(Decimal::ZERO);
            (low..=high).map(|digits| Value::Number(shown(digits), kind)).collect()
        })
    }

    /// One value under every condition on other columns; `Err` where it cannot be followed.
    fn every_way(&self, start: &Value) -> Result<Option<Broken>, Stop> {
        let mut open: Vec<Vec<(String, Option<bool>)>> = vec![Vec::new()];
        let mut tried = 0;
        let mut lost = None;
        while let Some(assumed) = open.pop() {
            tried += 1;
            if tried > FORKS {
                return Err(Stop::Unknown);
            }
            match self.one_way(start, &assumed) {
                Ok(None) => {}
                Ok(Some(broken)) => return Ok(Some(broken)),
                Err(Stop::Ask(condition)) => {
                    for truth in [None, Some(false), Some(true)] {
                        let mut more = assumed.clone();
                        more.push((condition.clone(), truth));
                        open.push(more);
                    }
                }
                Err(stop) => lost = Some(stop),
            }
        }
        // The constants that were left out on the way.
        let excluded = std::mem::take(&mut *self.excluded.borrow_mut());
        if !excluded.is_empty() && !matches!(start, Value::Own(_)) {
            return lost.map_or(Ok(None), Err);
        }
        for value in excluded {
            match self.every_way(&value) {
                Ok(None) => {}
                Ok(Some(broken)) => return Ok(Some(broken)),
                Err(stop) => lost = Some(stop),
            }
        }
        lost.map_or(Ok(None), Err)
    }

    fn one_way(&self, start: &Value, assumed: &[(String, Option<bool>)]) -> Result<Option<Broken>, Stop> {
        // A constant that is compared with may be none of the column's values.
        let start = match start {
            Value::Own(_) => start.clone(),
            constant => match cast(constant.clone(), &self.change.old.ty) {
                Ok(value) => value,
                Err(Stop::Fails) => return Ok(None),
                Err(stop) => return Err(stop),
            },
        };
        if let (Value::Number(number, _), Some(range)) = (&start, &self.range)
            && !range.has(*number)
        {
            return Ok(None);
        }
        if start == Value::Null && self.change.old.not_null {
            return Ok(None);
        }
        let up = match self.converted(&self.up, &self.change.old.name.text, &start, &self.change.new.ty, assumed) {
            // A value that does not convert is reported with its row.
            Err(Stop::Fails) => return Ok(None),
            Err(stop) => return Err(stop),
            Ok(value) => value,
        };
        if up == Value::Null && self.change.new.not_null {
            return Ok(None);
        }
        let down = self.converted(&self.down, &self.change.new.name.text, &up, &self.change.old.ty, assumed);
        let back = match down {
            Err(Stop::Fails) => None,
            Err(stop) => return Err(stop),
            Ok(value) => Some(value),
        };
        if back.as_ref().is_some_and(|back| self.is_same(&start, back)) {
            return Ok(None);
        }
        let (Some(value), Some(made)) = (show(&start), show(&up)) else { return Err(Stop::Unknown) };
        let back = match &back {
            Some(back) => Some(show(back).ok_or(Stop::Unknown)?),
            None => None,
        };
        Ok(Some(Broken { value, up: made, back, under: conditions(assumed), what: None }))
    }

    fn converted(
        &self,
        expr: &crate::expr::Expr<S>,
        column: &str,
        value: &Value,
        to: &Type,
        assumed: &[(String, Option<bool>)],
    ) -> Result<Value, Stop> {
        let largest = self.range.and_then(|range| match (range.abs().low, range.abs().high) {
            (_, Edge::At(high)) => Some(high),
            _ => None,
        });
        let world = World { column, value, assumed, excluded: &self.excluded, largest };
        cast(world.of(expr)?, to)
    }

    /// To the last bit.
    fn is_same(&self, start: &Value, back: &Value) -> bool {
        match (start, back) {
            (Value::Own(_), Value::Own(chain)) => chain.len() == 1,
            (Value::Own(_), Value::Linear(line)) => {
                line.factor == Decimal::ONE
                    && line.offset == Decimal::ZERO
                    && Linear::own(&self.change.old.ty).is_some()
            }
            (Value::Number(a, _), Value::Number(b, _)) => a == b && a.scale() == b.scale(),
            (a, b) => a == b,
        }
    }
}

fn conditions(assumed: &[(String, Option<bool>)]) -> Option<String> {
    let each: Vec<String> = assumed
        .iter()
        .map(|(condition, truth)| {
            let condition = crate::expr::written(condition);
            match truth {
                Some(true) => format!("`{condition}`"),
                Some(false) => format!("not `{condition}`"),
                None => format!("`{condition}` is null"),
            }
        })
        .collect();
    (!each.is_empty()).then(|| each.join(" and "))
}

/// A value as a plan writes it.
fn show(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Number(number, _) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Own(_) | Value::Linear(_) | Value::Joined { .. } => return None,
    })
}
