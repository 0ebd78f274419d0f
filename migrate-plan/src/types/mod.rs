//! SQL types as a plan declares them, in PostgreSQL's own spelling.

mod builtin;
mod image;

use std::fmt;

pub use builtin::{BUILTINS, Builtin, Category, Modifiers};
pub use image::Image;

use crate::ident::quote;

/// A column type: a base, its modifiers, and how many array dimensions were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// The type without modifiers and brackets.
    pub base: Base,
    /// `12` and `2` of `numeric(12, 2)`, as PostgreSQL prints them.
    pub modifiers: Vec<String>,
    /// The words after `interval`: `day to second`.
    pub fields: Option<&'static str>,
    /// Whether it is an array. PostgreSQL keeps no number of dimensions.
    pub array: bool,
}

/// What a type is at its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// A type of PostgreSQL itself.
    Builtin(&'static Builtin),
    /// An enum, domain, composite or extension type, always with its schema.
    User {
        /// The schema.
        schema: String,
        /// The name.
        name: String,
    },
}

impl Type {
    /// A built-in type without modifiers, by PostgreSQL's name for it; panics on an unknown one, so
    /// it is for names written in this crate.
    pub fn named(name: &str) -> Type {
        let builtin = BUILTINS.iter().find(|builtin| builtin.name == name);
        Type::of(builtin.unwrap_or_else(|| unreachable!("{name} is in the table of built-in types")))
    }

    /// A built-in type without modifiers.
    pub fn of(builtin: &'static Builtin) -> Type {
        Type { base: Base::Builtin(builtin), modifiers: Vec::new(), fields: None, array: false }
    }

    /// The built-in type, where it is one and not an array.
    pub fn builtin(&self) -> Option<&'static Builtin> {
        match self.base {
            Base::Builtin(builtin) if !self.array => Some(builtin),
            _ => None,
        }
    }

    /// What kind of value it holds; user types and arrays say so.
    pub fn category(&self) -> Category {
        match (&self.base, self.array) {
            (_, true) => Category::Array,
            (Base::Builtin(builtin), false) => builtin.category,
            (Base::User { .. }, false) => Category::User,
        }
    }

    /// The type without modifiers, as a function's argument or result is declared: schema-qualified
    /// unless the name is a key word of SQL, so that no `search_path` can change it.
    pub fn unmodified(&self) -> String {
        let base = match &self.base {
            Base::Builtin(builtin) => builtin.qualified(),
            Base::User { schema, name } => format!("{}.{}", quote(schema), quote(name)),
        };
        if self.array { format!("{base}[]") } else { base }
    }

    /// The whole type as SQL text, safe under any `search_path`.
    pub fn sql(&self) -> String {
        if self.modifiers.is_empty() && self.fields.is_none() {
            return self.unmodified();
        }
        match &self.base {
            // The words of `timestamp (3) with time zone` stand around the modifier.
            Base::Builtin(builtin) if builtin.is_keyword() => self.to_string(),
            _ => {
                let list = self.modifiers.join(",");
                let base = Type { modifiers: Vec::new(), array: false, ..self.clone() }.unmodified();
                format!("{base}({list}){}", if self.array { "[]" } else { "" })
            }
        }
    }
}

/// The spelling of PostgreSQL's `format_type`, which the runtime compares with the live column.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = if self.modifiers.is_empty() { String::new() } else { format!("({})", self.modifiers.join(",")) };
        match &self.base {
            Base::Builtin(builtin) => match builtin.name.split_once(' ') {
                // `timestamp(3) with time zone`: the modifier follows the first word.
                Some((first, rest)) if builtin.modifiers == Modifiers::Precision => write!(f, "{first}{list} {rest}")?,
                _ => {
                    write!(f, "{}", builtin.name)?;
                    if let Some(fields) = self.fields {
                        write!(f, " {fields}")?;
                    }
                    write!(f, "{list}")?;
                }
            },
            Base::User { schema, name } => write!(f, "{}.{}{list}", bare(schema), bare(name))?,
        }
        if self.array { write!(f, "[]") } else { Ok(()) }
    }
}

/// An identifier as `quote_ident` prints it: bare where that is safe.
fn bare(name: &str) -> String {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    let plain = first && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain { name.to_owned() } else { quote(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_format_type_does() {
        let mut stamp = Type::named("timestamp with time zone");
        assert_eq!(stamp.to_string(), "timestamp with time zone");
        stamp.modifiers = vec!["3".into()];
        assert_eq!(stamp.to_string(), "timestamp(3) with time zone");
        let mut span = Type::named("interval");
        span.fields = Some("day to second");
        span.modifiers = vec!["3".into()];
        assert_eq!(span.to_string(), "interval day to second(3)");
        let mut bits = Type::named("bit varying");
        bits.modifiers = vec!["5".into()];
        bits.array = true;
        assert_eq!(bits.to_string(), "bit varying(5)[]");
        assert_eq!(Type::named("uuid").sql(), "pg_catalog.uuid");
        assert_eq!(Type::named("bigint").sql(), "bigint");
    }
}
