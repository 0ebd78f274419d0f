//! Null: what is stored in a column that is not null is shown not to be.

use super::Problem;
use super::expressions::{Direction, known_columns};
use crate::declaration::{Change, Column, Table};
use crate::expr::{Cause, Expr, Nullable, Typing, nullable};

/// A conversion, sound otherwise, does not give null for a column that is not null.
pub(super) fn made<S: Clone>(
    table: &Table<S>,
    change: &Change<S>,
    direction: Direction,
    typing: &Typing,
    problems: &mut Vec<Problem<S>>,
) {
    let (from, to, expr) = direction.parts(change);
    let Some(expr) = expr.filter(|_| to.not_null) else { return };
    let column = |name: &str| known_columns(table, from).find(|column| column.name.text == name);
    let not_null = |name: &str| column(name).is_some_and(|column| column.not_null);
    if let Some(found) = nullable(expr, typing, &not_null) {
        problems.push(may_be_null(expr, &found, direction, to));
    }
}

/// A column that is copied is as strict as its copy.
pub(super) fn copied<S: Clone>(change: &Change<S>, problems: &mut Vec<Problem<S>>) {
    let (old, new) = (&change.old, &change.new);
    if change.up.is_some() || change.down.is_some() || old.not_null || !new.not_null {
        return;
    }
    problems.push(
        Problem::new(
            new.name.span.clone(),
            format!("`{}` is not null, but `{}` may be null", new.name.text, old.name.text),
        )
        .note("a row without a value could not be copied, and the plan would never be finished")
        .help(format!(
            "say what becomes of null: `{{ up coalesce({}, …); down {}; }}`, or leave out `not null`",
            old.name.text, new.name.text
        )),
    );
}

fn may_be_null<S: Clone>(whole: &Expr<S>, found: &Nullable<'_, S>, direction: Direction, to: &Column<S>) -> Problem<S> {
    let name = &to.name.text;
    let message = format!("`{name}` is not null, but `{}` may give null here", direction.word());
    let (why, help) = match &found.cause {
        Cause::Constant => ("this is null".to_owned(), "write a value instead".to_owned()),
        Cause::Column(column) => (
            format!("`{column}` may be null: it is not declared `not null`"),
            format!("give a value for it, `coalesce({column}, …)`, or declare `{column}` `not null` where it is so"),
        ),
        Cause::NoElse => {
            ("a `case` without `else` gives null where no condition holds".to_owned(), "add `else …`".to_owned())
        }
        Cause::NullIf => (
            "`nullif` gives null where its values are equal".to_owned(),
            "leave it out, or give a value for null around it: `coalesce(nullif(…), …)`".to_owned(),
        ),
        Cause::Values(what) => {
            let what = if what.contains(' ') { what.clone() } else { format!("`{what}`") };
            (
                format!("{what} gives null for some values"),
                "give a value for null around it: `coalesce(…, value)`".to_owned(),
            )
        }
        Cause::Declared(function) => (
            format!("`{function}` is not declared `strict`, so it may give null for anything"),
            "give a value for null around it, `coalesce(…, value)`, or add `strict` to its declaration where it is so"
                .to_owned(),
        ),
    };
    let lost = match direction {
        Direction::Up => "a row without a value would keep the plan from being finished",
        Direction::Down => "a write of new code that gives null there would fail",
    };
    // A constant that is the whole says it all.
    let span = if std::ptr::eq(whole, found.expr) { whole.span.clone() } else { found.expr.span.clone() };
    Problem::new(span, message).note(format!("{why}; {lost}")).help(help)
}
