//! Conversions and defaults: what they read, their types, and that they depend on the row alone.

use super::functions::{self, Declared};
use super::{Problem, nearest};
use crate::conversion::{self, Judgement};
use crate::declaration::{Change, Column, Table};
use crate::expr::{self, Expr, Kind, Scope, Typing};
use crate::types::Type;

/// Which way a conversion goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// New from old.
    Up,
    /// Old from new.
    Down,
}

impl Direction {
    pub(super) fn word(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
        }
    }

    /// The column it reads, the column it makes, and how.
    pub(super) fn parts<S>(self, change: &Change<S>) -> (&Column<S>, &Column<S>, Option<&Expr<S>>) {
        match self {
            Direction::Up => (&change.old, &change.new, change.up.as_ref()),
            Direction::Down => (&change.new, &change.old, change.down.as_ref()),
        }
    }
}

/// Both conversions are there, or neither and the type stays.
pub(super) fn both_directions<S: Clone>(change: &Change<S>, problems: &mut Vec<Problem<S>>) {
    let (old, new) = (&change.old, &change.new);
    let (span, missing) = match (&change.up, &change.down) {
        (Some(_), Some(_)) => return,
        (None, None) if conversion::is_plain(&old.ty, &new.ty) => return,
        (None, None) => {
            let problem = Problem::new(
                new.ty_span.clone(),
                format!("`{}` changes its type from `{}` to `{}` and says not how", old.name.text, old.ty, new.ty),
            );
            let (problem, lossy) = match conversion::judge(&old.ty, &new.ty) {
                Judgement::Impossible(why) => (problem.note(why), ""),
                Judgement::Lossy(loss) => (problem.note(loss.what), " lossy \"…\";"),
                _ => (problem, ""),
            };
            problems.push(problem.help(format!(
                "add `{{ up …; down …;{lossy} }}`: `up` makes `{}`, `down` makes `{}`",
                new.name.text, old.name.text
            )));
            return;
        }
        (Some(_), None) => (new.name.span.clone(), "down"),
        (None, Some(_)) => (new.name.span.clone(), "up"),
    };
    let (from, to) = if missing == "down" { (new, old) } else { (old, new) };
    problems.push(
        Problem::new(span, format!("`{missing}` is missing for `{} => {}`", old.name.text, new.name.text))
            .note(if missing == "down" {
                "without it the old application would not see what the new one writes, and nothing could be reverted"
            } else {
                "without it the new application would not see what the old one writes"
            })
            .help(format!("add `{missing} …;`, which makes `{}` from `{}`", to.name.text, from.name.text)),
    );
}

/// One conversion: its columns, its types, its purity. Answers its types where all is sound.
pub(super) fn conversion<S: Clone>(
    table: &Table<S>,
    change: &Change<S>,
    direction: Direction,
    functions: Declared<'_>,
    problems: &mut Vec<Problem<S>>,
) -> Option<Typing> {
    let before = problems.len();
    let (from, to, expr) = direction.parts(change);
    let expr = expr?;
    columns(table, change, direction, expr, problems);
    let typing = types(table, from, expr, functions, problems);
    let named: Vec<&str> = known_columns(table, from).map(|column| column.name.text.as_str()).collect();
    let names = functions::Names { columns: &named, functions, typing: &typing, wanted: &to.ty };
    functions::known(expr, &names, problems);
    assignment(expr, typing.ty(expr).as_ref(), to, problems);
    let impurities = expr::impurities(expr, &typing).into_iter();
    let impure = impurities.map(|impurity| (impurity.expr.span.clone(), quoted(&impurity.what), impurity.reason));
    let stored = typing.ty(expr).and_then(|ty| Some((ty.clone(), expr::storing(&ty, &to.ty)?)));
    let stored = stored.map(|(ty, reason)| (expr.span.clone(), format!("a cast from `{ty}` to `{}`", to.ty), reason));
    for (span, what, reason) in impure.chain(stored) {
        problems.push(
            Problem::new(span, format!("`{}` cannot use {what}: {reason}", direction.word()))
                .note("the same row is converted by triggers, by the backfill and by the verification, and all must agree")
                .help(reason.help()),
        );
    }
    (problems.len() == before).then_some(typing)
}

/// The types of a conversion from `from`.
fn types<S: Clone>(
    table: &Table<S>,
    from: &Column<S>,
    expr: &Expr<S>,
    functions: Declared<'_>,
    problems: &mut Vec<Problem<S>>,
) -> Typing {
    let of_column =
        |name: &str| known_columns(table, from).find(|column| column.name.text == name).map(|c| c.ty.clone());
    let mut errors = Vec::new();
    let typing = Typing::of(expr, Scope { columns: &of_column, functions: functions.signatures }, &mut errors);
    problems.extend(errors.into_iter().map(|error| Problem {
        span: error.span,
        message: error.message,
        note: None,
        help: error.help,
    }));
    typing
}

fn quoted(what: &str) -> String {
    if what.contains('`') || what.contains('"') { what.to_owned() } else { format!("`{what}`") }
}

/// What a conversion from `from` may read.
pub(super) fn known_columns<'a, S>(table: &'a Table<S>, from: &'a Column<S>) -> impl Iterator<Item = &'a Column<S>> {
    std::iter::once(from).chain(&table.context)
}

fn columns<S: Clone>(
    table: &Table<S>,
    change: &Change<S>,
    direction: Direction,
    expr: &Expr<S>,
    problems: &mut Vec<Problem<S>>,
) {
    let (from, to, _) = direction.parts(change);
    let word = direction.word();
    let mut reads_own = false;
    let before = problems.len();
    expr.walk(&mut |node| {
        let name = match &node.kind {
            Kind::Column(name) => name,
            Kind::Call(function, _) => {
                // A method call on the column is reported as such.
                reads_own |=
                    function.schema.as_deref().is_some_and(|schema| from.name.text.eq_ignore_ascii_case(schema));
                return;
            }
            _ => return,
        };
        reads_own |= *name == from.name.text;
        if known_columns(table, from).any(|column| column.name.text == *name) {
            return;
        }
        let problem = if *name == to.name.text {
            Problem::new(node.span.clone(), format!("`{word}` makes `{name}` and cannot read it"))
                .help(format!("make it from `{}`", from.name.text))
        } else if table.changes.iter().any(|other| other.old.name.text == *name || other.new.name.text == *name) {
            Problem::new(node.span.clone(), format!("`{word}` cannot read `{name}`, which this plan changes as well"))
                .note("a write of one column would then have to wait for the conversion of another")
                .help("change the columns one after the other, in two plans")
        } else {
            let problem = Problem::new(node.span.clone(), format!("the plan declares no column `{name}`"));
            let candidates = known_columns(table, from).map(|column| column.name.text.as_str());
            match nearest(name, candidates) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem
                    .help(format!("declare it in the table's brackets, as `table {} ({name}: type)`", table.name.text)),
            }
        };
        problems.push(problem);
    });
    // A name that is unknown may be its name.
    if !reads_own && problems.len() == before {
        problems.push(
            Problem::new(expr.span.clone(), format!("`{word}` does not read `{}`", from.name.text))
                .note("a write of one side would not reach the other")
                .help(format!("make `{}` from `{}`", to.name.text, from.name.text)),
        );
    }
}

/// The value can be stored in the column.
fn assignment<S: Clone>(expr: &Expr<S>, from: Option<&Type>, to: &Column<S>, problems: &mut Vec<Problem<S>>) {
    if let Kind::Text(text) = &expr.kind
        && let Some(help) = expr::misfit(text, &to.ty)
    {
        let message = format!("{text:?} is no value of the type `{}`", to.ty);
        problems.push(Problem::new(expr.span.clone(), message).help(help));
    }
    if let Some(from) = from
        && !expr::assignable(from, &to.ty)
    {
        problems.push(
            Problem::new(
                expr.span.clone(),
                format!(
                    "this is `{from}`, and `{}` is `{}`: PostgreSQL does not store one as the other",
                    to.name.text, to.ty
                ),
            )
            .help(format!("say how it is converted, as `(…)::{}`", to.ty)),
        );
    }
}

/// A default of the old column is the same for every row of a statement: otherwise the sync could not
/// tell an omitted column from a supplied one.
pub(super) fn default_of_old<S: Clone>(column: &Column<S>, functions: Declared<'_>, problems: &mut Vec<Problem<S>>) {
    let Some(default) = &column.default else { return };
    constant(column, default, functions, problems);
    default.walk(&mut |node| {
        let volatile = match &node.kind {
            Kind::Call(function, _) => matches!(
                function.name.as_str(),
                "random"
                    | "gen_random_uuid"
                    | "uuidv4"
                    | "uuidv7"
                    | "uuid_generate_v4"
                    | "uuid_generate_v1"
                    | "nextval"
                    | "clock_timestamp"
                    | "statement_timestamp"
                    | "timeofday"
                    | "gen_random_bytes"
                    | "random_normal"
            ),
            _ => false,
        };
        if volatile {
            problems.push(
                Problem::new(
                    node.span.clone(),
                    format!("`{}` has a default that is another value each time", column.name.text),
                )
                .note(
                    "where both columns are given on INSERT, the sync tells an omitted old column by its default, and \
                     this one cannot be recognised",
                )
                .help("drop the default first and let the application supply the value"),
            );
        }
    });
}

/// A default of the new column reads no column and has the column's type.
pub(super) fn default_of_new<S: Clone>(column: &Column<S>, functions: Declared<'_>, problems: &mut Vec<Problem<S>>) {
    if let Some(default) = &column.default {
        constant(column, default, functions, problems);
    }
}

fn constant<S: Clone>(column: &Column<S>, default: &Expr<S>, functions: Declared<'_>, problems: &mut Vec<Problem<S>>) {
    let mut reads = false;
    default.walk(&mut |node| {
        if let Kind::Column(name) = &node.kind {
            reads = true;
            problems.push(
                Problem::new(node.span.clone(), format!("a default cannot read a column, and `{name}` would be one"))
                    .help(format!("a text is written in double quotes: `default \"{name}\"`")),
            );
        }
    });
    if reads {
        return;
    }
    let mut errors = Vec::new();
    let typing = Typing::of(default, Scope { columns: &|_| None, functions: functions.signatures }, &mut errors);
    let names = functions::Names { columns: &[], functions, typing: &typing, wanted: &column.ty };
    functions::known(default, &names, problems);
    problems.extend(errors.into_iter().map(|error| Problem {
        span: error.span,
        message: error.message,
        note: None,
        help: error.help,
    }));
    assignment(default, typing.ty(default).as_ref(), column, problems);
    if column.not_null && default.is_null() {
        problems.push(
            Problem::new(default.span.clone(), format!("`{}` is not null and its default is", column.name.text))
                .help("leave the default out"),
        );
    }
}
