//! What a trigger cannot know: whether a column was left out or given as it is. Where that would decide
//! what is stored, the plan is refused, not guessed at.

use super::Problem;
use crate::declaration::{Change, Column, Table};
use crate::expr::{Expr, Known, Signature, substitute};

/// A nullable new column: a new writer that stores null and an old writer that knows nothing of the
/// column look alike, so what the omitted old column stands for must map to null. Answers whether it has said
/// that `up` does not keep null.
pub(super) fn omitted_or_null<S: Clone>(
    change: &Change<S>,
    functions: &[Signature],
    problems: &mut Vec<Problem<S>>,
) -> bool {
    let (old, new) = (&change.old, &change.new);
    if new.not_null || !both_or_neither(change) {
        return false;
    }
    // An old column that is not null and has no default is always given by old writers.
    let omitted = match value_of_default(old) {
        Some(value) => value,
        None if old.not_null => return false,
        None => Known::Null,
    };
    if up_of(change, &omitted, functions) == Known::Null {
        return false;
    }
    let what = match omitted {
        Known::Null => format!("null in `{}`", old.name.text),
        _ => format!("the default of `{}`", old.name.text),
    };
    problems.push(
        Problem::new(
            new.name.span.clone(),
            format!("`{}` may be null, but {what} is not shown to become null", new.name.text),
        )
        .note(
            "on INSERT the sync cannot tell a new writer that stores null from an old writer that does not know the \
             column: it would fill in a value where null was meant",
        )
        .help(format!("declare `{}: {} not null`, or write an `up` that maps {what} to null", new.name.text, new.ty)),
    );
    omitted == Known::Null
}

/// A null of the new side, carried to the old side and back, is null again: a row that moves to another
/// partition is inserted with both columns, and must come out as it was. `up_is_told` says whether it has been
/// reported that `up` does not keep null. Answers whether it has said that the old column cannot hold a null.
pub(super) fn null_that_comes_back<S: Clone>(
    change: &Change<S>,
    functions: &[Signature],
    up_is_told: bool,
    problems: &mut Vec<Problem<S>>,
) -> bool {
    let (old, new) = (&change.old, &change.new);
    if new.not_null || !both_or_neither(change) {
        return false;
    }
    let down = match &change.down {
        Some(down) => substitute(down, &new.name.text, &Known::Null, functions),
        None => Known::Null,
    };
    if down == Known::Null && old.not_null {
        problems.push(
            Problem::new(
                new.name.span.clone(),
                format!("`{}` may be null, but `{}` may not", new.name.text, old.name.text),
            )
            .note("a null that new code writes could not be stored for the old code, and its write would fail")
            .help(format!(
                "declare `{}` not null, or give `down` a value for null: `coalesce({}, …)`",
                new.name.text, new.name.text
            )),
        );
        return true;
    }
    // That `up` does not keep null is said once.
    let told = up_is_told && down == Known::Null;
    if !told && up_of(change, &down, functions) != Known::Null {
        let span = change.down.as_ref().map_or_else(|| new.name.span.clone(), |down| down.span.clone());
        problems.push(
            Problem::new(
                span,
                format!("a null in `{}` is not shown to come back as null from `{}`", new.name.text, old.name.text),
            )
            .note(
                "a row that moves to another partition is inserted anew with both columns; the sync would then fill in \
                 a value where null was meant",
            )
            .help("let `up` map what `down` makes of null back to null, as `nullif(x, …)` undoes `coalesce(x, …)`"),
        );
    }
    false
}

/// Where both columns are omitted, old default and new default must be the same value. What PostgreSQL
/// must compute is compared before the first step; what depends on other columns cannot be.
pub(super) fn defaults_that_differ<S: Clone>(table: &Table<S>, change: &Change<S>, problems: &mut Vec<Problem<S>>) {
    let (old, new) = (&change.old, &change.new);
    let Some(default) = new.default.as_ref().filter(|default| !default.is_null()) else { return };
    // An old column that is not null and has no default: an omitted pair is a new writer's.
    if old.not_null && value_of_default(old).is_none() {
        return;
    }
    let reads_context = change
        .up
        .as_ref()
        .is_some_and(|up| up.columns().iter().any(|name| table.context.iter().any(|column| column.name.text == *name)));
    if reads_context {
        problems.push(
            Problem::new(
                default.span.clone(),
                format!(
                    "the default of `{}` cannot be told from what `up` makes of an omitted `{}`",
                    new.name.text, old.name.text
                ),
            )
            .note("where an INSERT names neither column, `up` computes the new one from other columns of the row")
            .help("leave the default out; set it when the plan is finished"),
        );
    }
}

/// Two missing conversions are copies; one missing is reported elsewhere.
fn both_or_neither<S>(change: &Change<S>) -> bool {
    change.up.is_some() == change.down.is_some()
}

fn value_of_default<S>(column: &Column<S>) -> Option<Known> {
    let default: &Expr<S> = column.default.as_ref()?;
    if default.is_null() { None } else { Some(substitute(default, "", &Known::Nothing, &[])) }
}

fn up_of<S>(change: &Change<S>, value: &Known, functions: &[Signature]) -> Known {
    match &change.up {
        Some(up) => substitute(up, &change.old.name.text, value, functions),
        None => value.clone(),
    }
}
