//! New columns that would hurt whoever reads the table, though PostgreSQL makes them without a word.

use super::Problem;
use crate::declaration::Change;
use crate::types::{Base, Type};

/// A column becomes no `json`: values of that type have no equality.
pub(super) fn incomparable<S: Clone>(change: &Change<S>, problems: &mut Vec<Problem<S>>) {
    if !is_json(&change.new.ty) || is_json(&change.old.ty) {
        return;
    }
    let (name, ty) = (&change.new.name.text, &change.new.ty);
    let instead = if ty.array { "jsonb[]" } else { "jsonb" };
    problems.push(
        Problem::new(change.new.ty_span.clone(), format!("`{name}` becomes `{ty}`, whose values cannot be compared"))
            .note("`distinct`, `union`, `group by` and `is distinct from` fail on rows with such a column")
            .help(format!("write `{name}: {instead}`")),
    );
}

fn is_json(ty: &Type) -> bool {
    matches!(&ty.base, Base::Builtin(builtin) if builtin.name == "json")
}
