//! Values: constants as PostgreSQL computes them, and the column's own value as far as it can be followed.

use crate::conversion::{Judgement, judge};
use crate::range::{Decimal, Rounding, held};
use crate::types::{Base, Category, Type};

/// A value on the way.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Null.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An exact number, with the digits after the point that PostgreSQL shows.
    Number(Decimal, Number),
    /// A text.
    Text(String),
    /// The column's own value, whatever it is, cast from the first type to each of the next without loss.
    Own(Vec<Type>),
    /// `factor · own + offset`, exactly.
    Linear(Linear),
    /// The column's own value as text, with texts around it.
    Joined {
        /// Before it.
        before: String,
        /// After it.
        after: String,
        /// The types on its way.
        own: Vec<Type>,
    },
}

/// A line through the column's own numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Linear {
    pub(super) factor: Decimal,
    pub(super) offset: Decimal,
    /// The digits after the point that the column's numbers have.
    pub(super) scale: i32,
    /// The digits after the point that PostgreSQL shows of the result.
    pub(super) shown: i32,
    pub(super) ty: Number,
}

/// The types of exact numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    Small,
    Integer,
    Big,
    Numeric,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stop {
    /// PostgreSQL raises an error.
    Fails,
    /// It is beyond what is followed here.
    Unknown,
    /// It depends on a condition on other columns.
    Ask(String),
}

pub(super) type Step<T = Value> = Result<T, Stop>;

impl Number {
    pub(super) fn of(ty: &Type) -> Option<Number> {
        Some(match ty.builtin()?.name {
            "smallint" => Number::Small,
            "integer" => Number::Integer,
            "bigint" => Number::Big,
            "numeric" => Number::Numeric,
            _ => return None,
        })
    }

    fn bits(self) -> u32 {
        match self {
            Number::Small => 15,
            Number::Integer => 31,
            Number::Big | Number::Numeric => 63,
        }
    }

    /// A number of this type; PostgreSQL refuses what it does not hold.
    pub(super) fn hold(self, number: Decimal) -> Step {
        if self != Number::Numeric {
            let whole = number.whole().ok_or(Stop::Unknown)?;
            let end = 1_i128 << self.bits();
            if whole < -end || whole >= end {
                return Err(Stop::Fails);
            }
        }
        Ok(Value::Number(number, self))
    }
}

impl Linear {
    /// The column's own number.
    pub(super) fn own(ty: &Type) -> Option<Linear> {
        let number = Number::of(ty)?;
        let scale = match number {
            Number::Numeric => ty.modifiers.get(1)?.parse::<i32>().ok()?,
            _ => 0,
        };
        let shown = scale.max(0);
        Some(Linear { factor: Decimal::ONE, offset: Decimal::ZERO, scale, shown, ty: number })
    }

    /// The digits after the point that the exact result can have.
    pub(super) fn digits(&self) -> i32 {
        let steps = self.factor.trimmed().scale() + self.scale;
        let offset = if self.offset.signum() == 0 { i32::MIN } else { self.offset.trimmed().scale() };
        steps.max(offset)
    }

    /// With so many digits after the point, where that is all of it.
    pub(super) fn rounded(self, scale: i32) -> Step {
        if self.digits() <= scale {
            Ok(Value::Linear(Linear { shown: scale.max(0), ..self }))
        } else {
            Err(Stop::Unknown)
        }
    }

    /// The own number for which the result is `number`.
    pub(super) fn solve(&self, number: Decimal) -> Option<Decimal> {
        let difference = number.plus(self.offset.negated())?;
        let own = difference.divided(self.factor, self.scale)?;
        (own.times(self.factor)? == difference).then_some(own)
    }
}

/// A value as a constant of a type is written.
pub(super) fn parse(text: &str, ty: &Type) -> Step {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    match (Number::of(ty), ty.category()) {
        (Some(Number::Numeric), _) => {
            let special = ["nan", "infinity", "inf", "+infinity", "-infinity", "-inf", "+inf"];
            if special.contains(&trimmed.to_ascii_lowercase().as_str()) || trimmed.contains(['x', '_', 'o', 'b']) {
                return Err(Stop::Unknown);
            }
            let number = Decimal::parse(trimmed).ok_or(Stop::Fails)?;
            fitted(number, ty)
        }
        (Some(number), _) => {
            // Newer servers read `0x10` and `1_000`.
            if trimmed.contains(['x', 'X', 'o', 'O', 'b', 'B', '_']) {
                return Err(Stop::Unknown);
            }
            if trimmed.is_empty() || trimmed.contains(['.', 'e', 'E']) {
                return Err(Stop::Fails);
            }
            number.hold(Decimal::parse(trimmed).ok_or(Stop::Fails)?)
        }
        (None, Category::Boolean) => match trimmed.to_ascii_lowercase().as_str() {
            "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Ok(Value::Boolean(true)),
            "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Ok(Value::Boolean(false)),
            _ => Err(Stop::Fails),
        },
        (None, Category::Text) => stored(text, ty),
        _ => Err(Stop::Unknown),
    }
}

/// A text as a column keeps it: blanks at the end of `character(n)` are none. What is too long is not followed: a cast cuts it
/// off, a column refuses it.
fn stored(text: &str, ty: &Type) -> Step {
    let length = ty.modifiers.first().and_then(|n| n.parse::<usize>().ok());
    let name = ty.builtin().map_or("", |builtin| builtin.name);
    let trimmed = text.trim_end_matches(' ');
    match (name, length) {
        ("text", _) | ("character varying", None) => Ok(Value::Text(text.to_owned())),
        ("character varying", Some(length)) if text.chars().count() <= length => Ok(Value::Text(text.to_owned())),
        ("character", Some(length)) if trimmed.chars().count() <= length => Ok(Value::Text(trimmed.to_owned())),
        _ => Err(Stop::Unknown),
    }
}

/// A number as a type of numbers rounds it, and refuses it.
fn fitted(number: Decimal, ty: &Type) -> Step {
    let kind = Number::of(ty).ok_or(Stop::Unknown)?;
    let scale = match kind {
        Number::Numeric => ty.modifiers.get(1).and_then(|text| text.parse::<i32>().ok()),
        _ => Some(0),
    };
    let Some(scale) = scale else { return kind.hold(number) };
    let rounded = number.rounded(scale, Rounding::HalfAway).ok_or(Stop::Unknown)?;
    let rounded = if scale < 0 { rounded.with_scale(0).ok_or(Stop::Unknown)? } else { rounded };
    if !held(ty).number().is_some_and(|all| all.has(rounded)) {
        return Err(Stop::Fails);
    }
    kind.hold(rounded)
}

/// The value as another type.
pub(super) fn cast(value: Value, to: &Type) -> Step {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Own(chain) => carried(chain, to),
        Value::Linear(line) => match Number::of(to) {
            Some(Number::Numeric) => match to.modifiers.get(1).and_then(|text| text.parse::<i32>().ok()) {
                Some(scale) => Linear { ty: Number::Numeric, ..line }.rounded(scale),
                None => Ok(Value::Linear(Linear { ty: Number::Numeric, ..line })),
            },
            Some(whole) => Linear { ty: whole, ..line }.rounded(0),
            None => Err(Stop::Unknown),
        },
        Value::Joined { before, after, own } => {
            // A length that cuts is an error of its own.
            let keeps = matches!(to.builtin().map(|builtin| builtin.name), Some("text" | "character varying"));
            if keeps { Ok(Value::Joined { before, after, own }) } else { Err(Stop::Unknown) }
        }
        Value::Number(number, kind) => match (Number::of(to), to.category()) {
            (Some(_), _) => fitted(number, to),
            (None, Category::Text) => stored(&number.to_string(), to),
            (None, Category::Boolean) if kind == Number::Integer => Ok(Value::Boolean(number.signum() != 0)),
            _ => Err(Stop::Unknown),
        },
        Value::Text(text) => parse(&text, to),
        Value::Boolean(truth) => match (Number::of(to), to.category()) {
            (Some(Number::Integer), _) => Ok(Value::Number(Decimal::new(i128::from(truth), 0), Number::Integer)),
            (None, Category::Boolean) => Ok(Value::Boolean(truth)),
            (None, Category::Text) => stored(&truth.to_string(), to),
            _ => Err(Stop::Unknown),
        },
    }
}

/// The column's own value, cast once more: forward without loss, or back to where it came from.
fn carried(mut chain: Vec<Type>, to: &Type) -> Step {
    let same = |ty: &Type| ty == to || ty.base == to.base && ty.array == to.array && to.modifiers.is_empty();
    if chain.last().is_some_and(same) {
        return Ok(Value::Own(chain));
    }
    // A cast back may leave the length to the column.
    let found = |ty: &Type| ty == to || ty.base == to.base && ty.array == to.array && to.modifiers.is_empty();
    if let Some(place) = chain.iter().position(found)
        && (place + 2 == chain.len() || is_one_value(&chain[place..]))
    {
        chain.truncate(place + 1);
        return Ok(Value::Own(chain));
    }
    let last = chain.last().ok_or(Stop::Unknown)?;
    match judge(last, to) {
        Judgement::Same => Ok(Value::Own(chain)),
        Judgement::Lossless | Judgement::Partial => {
            chain.push(to.clone());
            Ok(Value::Own(chain))
        }
        // The digits of a whole number are read as that number.
        _ if last.category() == Category::Text && Number::of(to).is_some() => {
            let number = printed(&chain).ok_or(Stop::Unknown)?;
            chain.truncate(number + 1);
            carried(chain, to)
        }
        _ => match (chain.first().and_then(Linear::own), Number::of(to)) {
            (Some(_), Some(_)) => cast(Value::Linear(line(&chain)?), to),
            _ => Err(Stop::Unknown),
        },
    }
}

/// The place of the whole number whose text a chain ends with.
fn printed(chain: &[Type]) -> Option<usize> {
    let place = chain.iter().rposition(|ty| ty.category() != Category::Text)?;
    Number::of(&chain[place]).filter(|number| *number != Number::Numeric).map(|_| place)
}

/// Whether a value is the same thing in each of the types, so that any of them leads to any other.
fn is_one_value(types: &[Type]) -> bool {
    let text = |ty: &Type| matches!(ty.builtin().map(|builtin| builtin.name), Some("text" | "character varying"));
    types.iter().all(|ty| Number::of(ty).is_some()) || types.iter().all(text)
}

/// The column's own value as a number.
pub(super) fn line(chain: &[Type]) -> Step<Linear> {
    let first = chain.first().and_then(Linear::own).ok_or(Stop::Unknown)?;
    let last = chain.last().and_then(Number::of).ok_or(Stop::Unknown)?;
    if !chain.iter().all(|ty| Number::of(ty).is_some()) {
        return Err(Stop::Unknown);
    }
    let shown = match (last, chain.last().and_then(|ty| ty.modifiers.get(1))) {
        (Number::Numeric, Some(scale)) => scale.parse::<i32>().map_err(|_| Stop::Unknown)?.max(0),
        (Number::Numeric, None) => first.shown,
        _ => 0,
    };
    Ok(Linear { ty: last, shown, ..first })
}

/// Whether the type's `=` means identical for the values that its columns hold.
pub(super) fn equality_is_identity(ty: &Type) -> bool {
    match &ty.base {
        Base::User { .. } => false,
        Base::Builtin(builtin) => match builtin.name {
            "numeric" => !ty.modifiers.is_empty(),
            name => matches!(
                name,
                "smallint" | "integer" | "bigint" | "text" | "character varying" | "character" | "boolean"
            ),
        },
    }
}
