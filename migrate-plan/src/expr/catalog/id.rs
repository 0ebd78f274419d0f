//! Types by the names of `pg_type`.

use super::{TypeRow, type_row};
use crate::types::{BUILTINS, Base, Builtin, Type};

/// A built-in type or pseudo-type, or an array of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    /// `pg_type.typname` of the type, or of an array's element.
    pub(crate) name: &'static str,
    /// Whether it is an array.
    pub(crate) array: bool,
}

/// PostgreSQL's own names beside those of SQL's grammar.
const SPELLINGS: [(&str, &str); 14] = [
    ("smallint", "int2"),
    ("integer", "int4"),
    ("bigint", "int8"),
    ("real", "float4"),
    ("double precision", "float8"),
    ("boolean", "bool"),
    ("character varying", "varchar"),
    ("character", "bpchar"),
    ("\"char\"", "char"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("bit varying", "varbit"),
];

impl Id {
    pub(crate) const fn of(name: &'static str) -> Id {
        Id { name, array: false }
    }

    /// `int4`, `int4[]`
    pub(crate) fn read(word: &'static str) -> Id {
        match word.strip_suffix("[]") {
            Some(name) => Id { name, array: true },
            None => Id::of(word),
        }
    }

    /// The type without its modifiers; user types have none.
    pub(crate) fn of_type(ty: &Type) -> Option<Id> {
        let Base::Builtin(builtin) = ty.base else { return None };
        let name = SPELLINGS.iter().find(|(name, _)| *name == builtin.name).map_or(builtin.name, |(_, short)| short);
        Some(Id { name, array: ty.array })
    }

    /// The type as a plan writes it; pseudo-types are none.
    pub(crate) fn ty(self) -> Option<Type> {
        let name = SPELLINGS.iter().find(|(_, short)| *short == self.name).map_or(self.name, |(name, _)| name);
        let builtin: &'static Builtin = BUILTINS.iter().find(|builtin| builtin.name == name)?;
        Some(Type { array: self.array, ..Type::of(builtin) })
    }

    /// What PostgreSQL calls it, for a message.
    pub(crate) fn shown(self) -> String {
        match self.ty() {
            Some(ty) => ty.to_string(),
            None => match self.name {
                "anyarray" | "anycompatiblearray" => "an array".to_owned(),
                "anyrange" | "anycompatiblerange" => "a range".to_owned(),
                "anymultirange" | "anycompatiblemultirange" => "a multirange".to_owned(),
                "anyenum" => "an enum".to_owned(),
                name if name.starts_with("any") => "any type".to_owned(),
                name => name.to_owned(),
            },
        }
    }

    pub(crate) fn row(self) -> Option<TypeRow> {
        if self.array { None } else { type_row(self.name) }
    }

    /// `pg_type.typcategory`.
    pub(crate) fn category(self) -> u8 {
        if self.array { b'A' } else { self.row().map_or(b'P', |row| row.category) }
    }

    pub(crate) fn is_preferred(self) -> bool {
        self.row().is_some_and(|row| row.preferred)
    }

    pub(crate) fn is_text(self) -> bool {
        !self.array && matches!(self.name, "text" | "varchar" | "bpchar" | "name")
    }

    /// The element, where PostgreSQL takes it for a true array.
    pub(crate) fn element(self) -> Option<Id> {
        match (self.array, self.name) {
            (true, name) => Some(Id::of(name)),
            (false, "int2vector") => Some(Id::of("int2")),
            (false, "oidvector") => Some(Id::of("oid")),
            _ => None,
        }
    }

    /// The array of it; there are no arrays of arrays.
    pub(crate) fn array_of(self) -> Option<Id> {
        if self.array { None } else { Some(Id { array: true, ..self }) }
    }

    /// The type between the bounds of a range.
    pub(crate) fn subtype(self) -> Option<Id> {
        let related = self.row().filter(|row| row.category == b'R')?.related?;
        (!self.name.ends_with("multirange")).then_some(Id::of(related))
    }

    /// The range that a multirange has several of.
    pub(crate) fn range(self) -> Option<Id> {
        let related = self.row().filter(|row| row.category == b'R')?.related?;
        self.name.ends_with("multirange").then_some(Id::of(related))
    }

    /// The multirange of a range.
    pub(crate) fn multirange(self) -> Option<Id> {
        const MULTIRANGES: [&str; 6] =
            ["int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange"];
        MULTIRANGES.into_iter().map(Id::of).find(|multirange| multirange.range() == Some(self))
    }

    /// What an index takes out of it.
    pub(crate) fn indexed(self) -> Option<Id> {
        if let Some(element) = self.element() {
            return Some(element);
        }
        match self.name {
            "jsonb" => Some(self),
            "name" => Some(Id::of("char")),
            "point" | "line" | "box" | "lseg" => self.row()?.related.map(Id::of),
            _ => None,
        }
    }

    pub(crate) fn is_any(self) -> bool {
        self.name == "any"
    }

    /// Whether it stands for a type that the arguments decide.
    pub(crate) fn is_polymorphic(self) -> bool {
        self.name.starts_with("any") && self.name != "any"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_type_is_in_the_catalog_and_comes_back() {
        for builtin in BUILTINS {
            let id = Id::of_type(&Type::of(builtin)).expect("no user type");
            assert!(id.row().is_some(), "{}", builtin.name);
            let back = id.ty().map(|ty| ty.to_string());
            let expected = if builtin.name == "bpchar" { "character" } else { builtin.name };
            assert_eq!(back.as_deref(), Some(expected));
        }
    }
}
