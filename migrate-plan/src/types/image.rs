//! Image equality: two values are the same only if a reader could not tell them apart.

use super::{Base, Type};

/// How two values of a type are compared to the last bit.
///
/// PostgreSQL's `=` hides changes for many types: `1.0 = 1.00`, `'Abc' = 'ABC'` as `citext`,
/// `'1 day' = '24 hours'`; and `json` has none. A btree operator class with the support function
/// `equalimage` says where `=` is enough; the table of built-in types follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// `=` of `pg_catalog`: equal values are identical.
    Plain,
    /// `=` under the collation `C`, so that a non-deterministic collation hides nothing.
    Collated,
    /// The text forms, compared under the collation `C`.
    Text,
    /// The binary forms, as this function of `pg_catalog` sends them.
    Send(&'static str),
}

impl Image {
    /// How values of `ty` are compared.
    pub fn of(ty: &Type) -> Image {
        match &ty.base {
            _ if ty.array => Image::Send("array_send"),
            // A numeric with a declared scale shows that scale always.
            Base::Builtin(builtin) if builtin.name == "numeric" && !ty.modifiers.is_empty() => Image::Plain,
            Base::Builtin(builtin) => builtin.image,
            Base::User { .. } => Image::Text,
        }
    }

    /// SQL that is true where `a` and `b` differ, never null, and bound to `pg_catalog` whatever the
    /// `search_path` of the session that runs it.
    pub fn differ(self, a: &str, b: &str) -> String {
        format!("(({}) IS NOT TRUE AND ({a} IS NOT NULL OR {b} IS NOT NULL))", self.equal(a, b))
    }

    /// SQL that is true where `a` and `b` are the same, or both null; never null.
    pub fn same(self, a: &str, b: &str) -> String {
        format!("(({}) IS TRUE OR ({a} IS NULL AND {b} IS NULL))", self.equal(a, b))
    }

    /// SQL that is true where `a` and `b` are the same, null where one of them is null, and else false.
    pub fn equal(self, a: &str, b: &str) -> String {
        format!("{} OPERATOR(pg_catalog.=) {}", self.wrap(a), self.wrap(b))
    }

    fn wrap(self, value: &str) -> String {
        match self {
            Image::Plain => value.to_owned(),
            Image::Collated => format!("{value} COLLATE pg_catalog.\"C\""),
            Image::Text => format!("{value}::pg_catalog.text COLLATE pg_catalog.\"C\""),
            Image::Send(function) => format!("pg_catalog.{function}({value})"),
        }
    }
}
