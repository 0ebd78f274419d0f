//! From a declaration to a plan: which steps, in which order, with which SQL.

mod bounds;
mod steps;

use crate::conversion;
use crate::declaration::{Change, Column, Declaration, Table};
use crate::expr::{self, Expr, Scope, Signature, Typing};
use crate::ident;
use crate::lens::{Context, Conversion, Lens, Shape};
use crate::plan::{Declared, Planned, Routine, Table as PlannedTable, Text};
use crate::types::{Image, Type};

/// Plans a declaration. The declaration must have passed [`check`](crate::check::check): this
/// function plans what it is given.
pub fn plan<S: Clone>(declaration: &Declaration<S>) -> Planned {
    let mut planned = Vec::new();
    let functions = declaration.signatures();
    let mut first = 1;
    for table in &declaration.tables {
        planned.push(planned_table(&declaration.name.text, table, first, &functions));
        first += table.changes.len();
    }
    let mut plan = Planned {
        name: declaration.name.text.clone().into(),
        stage: declaration.stage,
        declaration: declaration.canonical().into(),
        functions: functions.iter().map(routine).collect(),
        tables: planned,
        steps: Vec::new(),
    };
    plan.steps = steps::steps(&plan);
    plan
}

fn routine(signature: &Signature) -> Routine {
    // PostgreSQL has one type under both names.
    let shown = |ty: &Type| Text::from(ty.to_string().replace("bpchar", "character"));
    Routine {
        schema: signature.schema.clone().into(),
        name: signature.name.clone().into(),
        arguments: signature.arguments.iter().map(shown).collect(),
        result: shown(&signature.result),
        strict: signature.strict,
    }
}

fn planned_table<S: Clone>(plan: &str, table: &Table<S>, first: usize, functions: &[Signature]) -> PlannedTable {
    let changes = table.changes.iter().enumerate();
    let lenses: Vec<Lens> =
        changes.map(|(place, change)| lens((plan, first + place), table, change, functions)).collect();
    let before = table.changes.iter().map(|change| &change.old).chain(&table.context);
    PlannedTable {
        schema: table.schema().to_owned().into(),
        name: table.name.text.clone().into(),
        columns: before.clone().map(declared).collect(),
        lenses,
        bounds: before.filter_map(bounds::bounded).collect(),
    }
}

fn declared<S>(column: &Column<S>) -> Declared {
    Declared {
        name: column.name.text.clone().into(),
        ty: column.ty.to_string().into(),
        not_null: column.not_null,
        default: default_of(column),
    }
}

/// A default of `null` is none.
fn default_of<S>(column: &Column<S>) -> Option<Text> {
    column.default.as_ref().filter(|expr| !expr.is_null()).map(|expr| expr.to_string().into())
}

fn lens<S: Clone>(
    (plan, number): (&str, usize),
    table: &Table<S>,
    change: &Change<S>,
    functions: &[Signature],
) -> Lens {
    let (up, down) = conversion::effective(change);
    let mut context: Vec<Context> = Vec::new();
    for column in &table.context {
        let read = [&up, &down].iter().any(|expr| expr.columns().contains(&column.name.text.as_str()));
        if read {
            context.push(Context {
                column: column.name.text.clone().into(),
                base: column.ty.unmodified().into(),
                image: Image::of(&column.ty),
            });
        }
    }
    Lens {
        old: shape(&change.old),
        new: shape(&change.new),
        context,
        up: conversion(ident::of_change(plan, number, "up"), &up, (table, &change.old), &change.new.ty, functions),
        down: conversion(
            ident::of_change(plan, number, "down"),
            &down,
            (table, &change.new),
            &change.old.ty,
            functions,
        ),
        // The check has asked for the word where it could not be shown. A bound holds for the rows that there were.
        comes_back: change.lossy.is_none() && change.old.bound.is_none(),
        conflicts: ident::conflicts(plan).into(),
    }
}

fn shape<S>(column: &Column<S>) -> Shape {
    Shape {
        column: column.name.text.clone().into(),
        ty: column.ty.sql().into(),
        base: column.ty.unmodified().into(),
        image: Image::of(&column.ty),
        not_null: column.not_null,
        default: default_of(column),
    }
}

fn conversion<S: Clone>(
    function: String,
    expr: &Expr<S>,
    (table, from): (&Table<S>, &Column<S>),
    to: &Type,
    functions: &[Signature],
) -> Conversion {
    let type_of_column = |name: &str| column_type(table, from, name);
    let typing = Typing::of(expr, Scope { columns: &type_of_column, functions }, &mut Vec::new());
    let type_of = |node: &Expr<S>| typing.ty(node);
    let fits = type_of(expr).is_some_and(|ty| expr::widens(&ty, to));
    Conversion {
        function: function.into(),
        expression: expr.to_string().into(),
        arguments: expr.columns().into_iter().map(|name| Text::from(name.to_owned())).collect(),
        can_fail: !fits || expr::can_fail(expr, &type_of),
    }
}

/// The declared type of a column that a conversion from `from` may read.
fn column_type<S>(table: &Table<S>, from: &Column<S>, name: &str) -> Option<Type> {
    std::iter::once(from).chain(&table.context).find(|column| column.name.text == name).map(|column| column.ty.clone())
}
