//! Between which types values can be stored, and which hold every value of another.

use crate::types::Type;

/// Whether PostgreSQL stores a value of `from` in a column of `to` without a cast being written
/// (an assignment cast). User types stay open: PostgreSQL decides before the first step.
pub(crate) fn assignable(from: &Type, to: &Type) -> bool {
    super::infer::stored(from, to).is_some()
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
