//! Between which types values can be compared, cast and stored.
//!
//! Types of the catalog, and user types, stay open: the answer is yes, and PostgreSQL decides before
//! the first step.

use crate::types::{Base, Category, Type};

/// PostgreSQL's casts between its own types, from each type to those that are assigned without a word
/// and to those that need an explicit cast (tried on PostgreSQL 14 and 18, every pair). Casts from and to
/// text are not listed: every type has both.
#[rustfmt::skip]
const CASTS: [(&str, &[&str], &[&str]); 35] = [
    ("smallint", &["integer", "bigint", "numeric", "real", "double precision"], &["bytea"]),
    ("integer", &["smallint", "bigint", "numeric", "real", "double precision", "money"], &["boolean", "bytea", "bit"]),
    ("bigint", &["smallint", "integer", "numeric", "real", "double precision", "money"], &["bytea", "bit"]),
    ("numeric", &["smallint", "integer", "bigint", "real", "double precision", "money"], &[]),
    ("real", &["smallint", "integer", "bigint", "numeric", "double precision"], &[]),
    ("double precision", &["smallint", "integer", "bigint", "numeric", "real"], &[]),
    ("money", &["numeric"], &[]),
    ("boolean", &[], &["integer"]),
    ("bytea", &[], &["smallint", "integer", "bigint"]),
    ("json", &["jsonb"], &[]),
    ("jsonb", &["json"], &["smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean"]),
    ("date", &["timestamp without time zone", "timestamp with time zone"], &[]),
    ("time without time zone", &["time with time zone", "interval"], &[]),
    ("time with time zone", &["time without time zone"], &[]),
    ("timestamp without time zone", &["date", "time without time zone", "timestamp with time zone"], &[]),
    ("timestamp with time zone", &["date", "time without time zone", "time with time zone", "timestamp without time zone"], &[]),
    ("interval", &["time without time zone"], &[]),
    ("bit", &["bit varying"], &["integer", "bigint"]),
    ("bit varying", &["bit"], &[]),
    ("inet", &["cidr"], &[]),
    ("cidr", &["inet"], &[]),
    ("macaddr", &["macaddr8"], &[]),
    ("macaddr8", &["macaddr"], &[]),
    ("point", &["box"], &[]),
    ("lseg", &[], &["point"]),
    ("box", &["polygon"], &["point", "lseg", "circle"]),
    ("path", &["polygon"], &["point"]),
    ("polygon", &["path"], &["point", "box", "circle"]),
    ("circle", &[], &["point", "box", "polygon"]),
    ("int4range", &[], &["int4multirange"]),
    ("int8range", &[], &["int8multirange"]),
    ("numrange", &[], &["nummultirange"]),
    ("tsrange", &[], &["tsmultirange"]),
    ("tstzrange", &[], &["tstzmultirange"]),
    ("daterange", &[], &["datemultirange"]),
];

/// Types without an operator `=`.
const WITHOUT_EQUALITY: [&str; 8] =
    ["json", "jsonpath", "xml", "point", "polygon", "pg_snapshot", "txid_snapshot", "refcursor"];

/// Different types that `=` takes side by side, besides numbers and texts among themselves.
const COMPARED: [(&str, &str); 7] = [
    ("date", "timestamp without time zone"),
    ("date", "timestamp with time zone"),
    ("timestamp without time zone", "timestamp with time zone"),
    ("time without time zone", "time with time zone"),
    ("time without time zone", "interval"),
    ("bit", "bit varying"),
    ("inet", "cidr"),
];

/// Whether nothing certain is known of the type's casts.
fn is_open(ty: &Type) -> bool {
    match &ty.base {
        Base::User { .. } => true,
        Base::Builtin(builtin) => builtin.category == Category::Catalog,
    }
}

fn element(ty: &Type) -> Type {
    Type { array: false, ..ty.clone() }
}

/// Whether `=` may take the two.
pub(super) fn comparable(a: &Type, b: &Type) -> bool {
    if is_open(a) || is_open(b) {
        return true;
    }
    let (Base::Builtin(x), Base::Builtin(y)) = (&a.base, &b.base) else { return true };
    if a.array || b.array {
        return a.array && b.array && x.name == y.name;
    }
    if x.name == y.name {
        return !WITHOUT_EQUALITY.contains(&x.name);
    }
    let family = |category| x.category == category && y.category == category;
    let listed = COMPARED.iter().any(|&pair| pair == (x.name, y.name) || pair == (y.name, x.name));
    family(Category::Number) || family(Category::Text) || listed
}

/// Whether the two can be results of one `case` or `coalesce`.
pub(super) fn unifiable(a: &Type, b: &Type) -> bool {
    a.base == b.base && a.array == b.array || comparable(a, b)
}

/// Whether an explicit cast may exist.
pub(super) fn castable(from: &Type, to: &Type) -> bool {
    if from.array && to.array {
        return castable(&element(from), &element(to));
    }
    let text = |ty: &Type| ty.category() == Category::Text;
    text(from) || assignable(from, to) || cast(from, to).is_some()
}

/// Whether PostgreSQL stores a value of `from` in a column of `to` without a cast being written
/// (an assignment cast).
pub(crate) fn assignable(from: &Type, to: &Type) -> bool {
    if from.array && to.array {
        return assignable(&element(from), &element(to));
    }
    is_open(from) || is_open(to) || to.category() == Category::Text || cast(from, to) == Some(Strength::Assignment)
}

/// How much must be written for a cast.
#[derive(PartialEq, Eq)]
enum Strength {
    Assignment,
    Explicit,
}

fn cast(from: &Type, to: &Type) -> Option<Strength> {
    let (a, b) = (from.builtin()?, to.builtin()?);
    if a.name == b.name {
        return Some(Strength::Assignment);
    }
    let (_, assigned, explicit) = CASTS.iter().find(|(name, ..)| *name == a.name)?;
    if assigned.contains(&b.name) {
        return Some(Strength::Assignment);
    }
    explicit.contains(&b.name).then_some(Strength::Explicit)
}

/// Whether every value of `from` is one of `to`, and the conversion never fails.
pub(crate) fn widens(from: &Type, to: &Type) -> bool {
    if from == to {
        return true;
    }
    let (Some(a), Some(b)) = (from.builtin(), to.builtin()) else { return false };
    if let (Some(x), Some(y)) = (a.integer_rank(), b.integer_rank()) {
        return x <= y;
    }
    let unbounded = to.modifiers.is_empty();
    match (a.name, b.name) {
        ("smallint" | "integer" | "bigint", "numeric") => unbounded,
        ("numeric" | "character varying", same) if same == a.name => unbounded,
        (
            "character varying" | "text" | "character" | "uuid" | "boolean" | "smallint" | "integer" | "bigint",
            "text",
        ) => true,
        ("text" | "uuid", "character varying") => unbounded,
        ("real", "double precision") => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_are_those_of_postgresql() {
        let ty = Type::named;
        assert!(assignable(&ty("integer"), &ty("bigint")));
        assert!(castable(&ty("integer"), &ty("boolean")) && !assignable(&ty("integer"), &ty("boolean")));
        assert!(!castable(&ty("bigint"), &ty("boolean")), "only `integer` has this cast");
        assert!(castable(&ty("text"), &ty("uuid")) && !assignable(&ty("text"), &ty("uuid")));
        assert!(assignable(&ty("uuid"), &ty("text")));
        assert!(!castable(&ty("uuid"), &ty("bigint")));
        let array = |name| Type { array: true, ..ty(name) };
        assert!(castable(&array("text"), &array("uuid")) && !castable(&array("text"), &ty("uuid")));
        assert!(castable(&ty("text"), &array("uuid")));
    }

    #[test]
    fn every_name_in_the_tables_is_a_type() {
        let listed = CASTS.iter().flat_map(|(from, a, b)| std::iter::once(from).chain(*a).chain(*b));
        let compared = COMPARED.iter().flat_map(|(a, b)| [a, b]);
        for name in listed.chain(compared).chain(&WITHOUT_EQUALITY) {
            assert_eq!(Type::named(name).to_string(), *name);
        }
    }
}
