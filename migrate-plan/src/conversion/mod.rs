//! Conversions from one type to another: what comes back, what is lost, and what there is no way for.
//!
//! A pair is lossless where a cast there and a cast back bring every value back to the last bit, as
//! [`Image`](crate::types::Image) tells values apart, and no setting of a session takes part.

mod numbers;
mod strings;
mod times;
pub mod trip;

use crate::declaration::{Change, Column};
use crate::expr::{self, Expr, Kind};
use crate::types::{Base, Category, Type};

/// What becomes of the values of one type as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is the same type.
    Same,
    /// Every value converts and comes back.
    Lossless,
    /// What converts comes back; values that are too large or too long do not convert. (Of a text that is too
    /// long PostgreSQL cuts off blanks at the end: its range sees to it that there is none.)
    Partial,
    /// Some value comes back as another.
    Lossy(Loss),
    /// There is no way that a cast could say.
    Impossible(String),
}

/// What does not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What is lost, as a sentence.
    pub what: String,
    /// A value, and what it comes back as, in PostgreSQL's spelling.
    pub example: Option<(String, String)>,
}

impl Judgement {
    /// A loss with a value that shows it.
    fn lossy(what: impl Into<String>, value: &str, back: &str) -> Judgement {
        Judgement::Lossy(Loss { what: what.into(), example: Some((value.to_owned(), back.to_owned())) })
    }

    fn impossible(why: impl Into<String>) -> Judgement {
        Judgement::Impossible(why.into())
    }

    /// Lossless where all values fit.
    fn fitting(fits: bool) -> Judgement {
        if fits { Judgement::Lossless } else { Judgement::Partial }
    }

    /// Whether what converts comes back.
    pub fn comes_back(&self) -> bool {
        matches!(self, Judgement::Same | Judgement::Lossless | Judgement::Partial)
    }
}

/// Judges the way from `from` to `to` and back.
pub fn judge(from: &Type, to: &Type) -> Judgement {
    if from == to {
        return Judgement::Same;
    }
    match (from.array, to.array) {
        (true, true) => {
            let element = |ty: &Type| Type { array: false, ..ty.clone() };
            return match judge(&element(from), &element(to)) {
                // Nothing bounds the elements of an array.
                Judgement::Partial if element(to).category() == Category::Text => Judgement::lossy(
                    format!("blanks beyond the length of `{to}` are cut off without a word"),
                    "{\"a          \"}",
                    "{\"a\"}",
                ),
                Judgement::Partial if element(to).category() == Category::Bits => Judgement::impossible(format!(
                    "a cast to `{to}` pads and cuts off elements of another length without a word"
                )),
                other => other,
            };
        }
        (true, false) | (false, true) => {
            return Judgement::impossible(if to.category() == Category::Text {
                format!("how `{from}` is printed depends on the settings of the session")
            } else {
                format!("one of `{from}` and `{to}` is an array and the other is none")
            });
        }
        (false, false) => {}
    }
    match (&from.base, &to.base) {
        (Base::Builtin(_), Base::Builtin(_)) => built_in(from, to),
        // Every type is read as it is printed.
        (Base::User { .. }, Base::Builtin(text)) if text.category == Category::Text && text.name != "character" => {
            Judgement::fitting(to.modifiers.is_empty())
        }
        // What a text spells of an enum, or of a domain over text, is that text again.
        (Base::Builtin(text), Base::User { .. }) if matches!(text.name, "text" | "character varying") => {
            Judgement::Partial
        }
        (Base::User { schema, name }, Base::User { schema: other, name: also }) if schema == other && name == also => {
            Judgement::impossible(format!("only PostgreSQL knows what `{to}` keeps of `{from}`"))
        }
        _ => Judgement::impossible(format!("only PostgreSQL knows how `{from}` becomes `{to}`")),
    }
}

fn built_in(from: &Type, to: &Type) -> Judgement {
    let (Some(a), Some(b)) = (from.builtin(), to.builtin()) else { return none(from, to) };
    match (a.category, b.category) {
        (Category::Money, _) | (_, Category::Money) => {
            Judgement::impossible("what `money` means depends on `lc_monetary`, and so on the server")
        }
        (Category::Number, Category::Number) => numbers::judge(from, to),
        (Category::Text, Category::Text) => strings::judge(from, to),
        (_, Category::Text) => strings::printed(from, to),
        (Category::Text, _) => strings::read(from, to),
        (Category::Time | Category::Interval, Category::Time | Category::Interval) => times::judge(from, to),
        (Category::Bits, Category::Bits) => strings::bits(from, to),
        _ => other(from, to, a.name, b.name),
    }
}

fn other(from: &Type, to: &Type, a: &str, b: &str) -> Judgement {
    let length = to.modifiers.first().map(String::as_str);
    match (a, b) {
        ("boolean", "integer") => Judgement::Lossless,
        ("integer", "boolean") => Judgement::lossy("every number but 0 becomes `true`", "2", "1"),
        ("integer", "bit") if length == Some("32") => Judgement::Lossless,
        ("bigint", "bit") if length == Some("64") => Judgement::Lossless,
        ("json", "jsonb") => Judgement::lossy(
            "`jsonb` keeps neither white space, nor the order of keys, nor a key that stands twice",
            r#"{"b": 1,  "a": 2}"#,
            r#"{"a": 2, "b": 1}"#,
        ),
        ("jsonb", "json") => Judgement::Lossless,
        ("cidr", "inet") => Judgement::Lossless,
        ("inet", "cidr") => {
            Judgement::lossy("`cidr` keeps no bits to the right of the mask", "10.1.2.3/8", "10.0.0.0/8")
        }
        ("macaddr", "macaddr8") => Judgement::Lossless,
        ("macaddr8", "macaddr") => Judgement::Partial,
        ("integer", "oid") | ("oid", "integer" | "bigint") => Judgement::Lossless,
        ("bigint", "oid") => Judgement::Partial,
        _ => none(from, to),
    }
}

fn none(from: &Type, to: &Type) -> Judgement {
    if expr::assignable(from, to) && from.category() == Category::Geometry {
        return Judgement::Lossy(Loss { what: format!("`{to}` keeps less of a shape than `{from}`"), example: None });
    }
    let back = if expr::assignable(from, to) { "back " } else { "" };
    Judgement::impossible(format!("PostgreSQL has no cast {back}that keeps every value of `{from}` as `{to}`"))
}

/// Whether the planner writes the casts of a pair where a plan leaves `up` and `down` out.
pub fn is_plain(from: &Type, to: &Type) -> bool {
    let user = |ty: &Type| matches!(ty.base, Base::User { .. });
    match judge(from, to) {
        Judgement::Same => true,
        // Whether the text of a user's type is immutable only PostgreSQL knows.
        Judgement::Lossless | Judgement::Partial => !user(from) && !user(to),
        Judgement::Lossy(_) => expr::assignable(from, to),
        Judgement::Impossible(_) => false,
    }
}

/// `up` and `down`, those that are left out as the casts that take their place.
pub fn effective<S: Clone>(change: &Change<S>) -> (Expr<S>, Expr<S>) {
    let (old, new) = (&change.old, &change.new);
    (
        change.up.clone().unwrap_or_else(|| plain(old, &new.ty)),
        change.down.clone().unwrap_or_else(|| plain(new, &old.ty)),
    )
}

/// A column as another type. A length is left to the column that it is stored in: PostgreSQL refuses there
/// what an explicit cast would cut off.
fn plain<S: Clone>(column: &Column<S>, to: &Type) -> Expr<S> {
    let span = column.name.span.clone();
    let value = Expr { span: span.clone(), kind: Kind::Column(column.name.text.clone()) };
    let bits = column.ty.category() == Category::Bits && to.category() == Category::Bits;
    if bits || column.ty.base == to.base && column.ty.array == to.array {
        return value;
    }
    let name = match to.base {
        Base::Builtin(builtin) => builtin.name,
        Base::User { .. } => "",
    };
    let ty = match name {
        // `character` alone would be `character(1)`, and pads nothing before it is stored.
        "character" => Type { array: to.array, ..Type::named("text") },
        // The length of a number's bits is part of the cast.
        "bit" => to.clone(),
        _ => Type { modifiers: Vec::new(), fields: None, ..to.clone() },
    };
    Expr { span, kind: Kind::Cast(Box::new(value), ty) }
}
