//! Functions: PostgreSQL has those that are called without a schema.

use super::{Problem, nearest};
use crate::expr::{self, Expr, Function, Kind, functions};

/// Every function that an expression calls exists, as far as that can be known. `columns` are the names
/// that could be meant where a Rust method is written.
pub(super) fn known<S: Clone>(expr: &Expr<S>, columns: &[&str], problems: &mut Vec<Problem<S>>) {
    expr.walk(&mut |node| {
        let Kind::Call(function, arguments) = &node.kind else { return };
        problems.extend(match &function.schema {
            Some(schema) => method(node, schema, &function.name, arguments, columns),
            None => unknown(node, function),
        });
    });
}

/// `total.round()` is the function `round` in the schema `total`.
fn method<S: Clone>(
    node: &Expr<S>,
    schema: &str,
    name: &str,
    arguments: &[Expr<S>],
    columns: &[&str],
) -> Option<Problem<S>> {
    let column = columns.iter().find(|column| column.eq_ignore_ascii_case(schema))?;
    let arguments = arguments.iter().map(|argument| format!(", {}", source(argument)));
    Some(
        Problem::new(node.span.clone(), "a method cannot be called on a column")
            .note(format!("in SQL `{column}.{name}` is the function `{name}` of the schema `{column}`"))
            .help(format!("write `{name}({column}{})`", arguments.collect::<String>())),
    )
}

/// An argument roughly as it was written.
fn source<S>(argument: &Expr<S>) -> String {
    match &argument.kind {
        Kind::Column(name) => name.clone(),
        Kind::Number(digits) => digits.clone(),
        Kind::Text(text) => format!("{text:?}"),
        _ => "…".to_owned(),
    }
}

fn unknown<S: Clone>(node: &Expr<S>, function: &Function) -> Option<Problem<S>> {
    let name = function.name.as_str();
    if expr::is_syntax(name) || functions::class(name).is_some() {
        return None;
    }
    let problem = Problem::new(node.span.clone(), format!("PostgreSQL has no function `{name}`"));
    let own = format!("a function of your own or of an extension is written with its schema: `public.{name}(…)`");
    Some(match nearest(name, functions::names()) {
        Some(near) => problem.help(format!("did you mean `{near}`? If not: {own}")),
        None => problem.help(own),
    })
}
