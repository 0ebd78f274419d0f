//! Functions: PostgreSQL has those that are called without a schema, the plan declares all others.

use super::{Problem, nearest};
use crate::declaration::{Declaration, ExternFn};
use crate::expr::{self, Expr, Function, Kind, Signature, Typing};
use crate::types::Type;

/// The functions that a plan declares.
#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    /// What they take and give.
    pub(super) signatures: &'a [Signature],
    /// Whether one could not be read.
    pub(super) lost: bool,
}

/// What a call may name, and what is known around it.
pub(super) struct Names<'a> {
    /// The columns that could be meant where a Rust method is written.
    pub(super) columns: &'a [&'a str],
    /// The declared functions.
    pub(super) functions: Declared<'a>,
    /// The types of the expression.
    pub(super) typing: &'a Typing,
    /// What the whole expression is to be.
    pub(super) wanted: &'a Type,
}

/// Every function that an expression calls is PostgreSQL's or declared.
pub(super) fn known<S: Clone>(expr: &Expr<S>, names: &Names<'_>, problems: &mut Vec<Problem<S>>) {
    expr.walk(&mut |node| {
        let Kind::Call(function, arguments) = &node.kind else { return };
        problems.extend(match function.schema.as_deref() {
            None | Some("pg_catalog") => unknown(node, function),
            // What could not be read has been reported.
            Some("") => None,
            Some(schema) => method(node, schema, &function.name, arguments, names.columns)
                .or_else(|| undeclared(node, schema, function, arguments, names, std::ptr::eq(node, expr))),
        });
    });
}

/// No function is declared twice with the same arguments.
pub(super) fn declared<S: Clone>(declaration: &Declaration<S>, problems: &mut Vec<Problem<S>>) {
    let same = |a: &ExternFn<S>, b: &ExternFn<S>| {
        let (a, b) = (&a.signature, &b.signature);
        a.schema == b.schema && a.name == b.name && a.arguments == b.arguments
    };
    for (place, function) in declaration.functions.iter().enumerate() {
        if declaration.functions[..place].iter().any(|earlier| same(earlier, function)) {
            let Signature { schema, name, .. } = &function.signature;
            problems.push(
                Problem::new(function.span.clone(), format!("`{schema}.{name}` is declared twice"))
                    .help("keep one line; functions of one name must take different arguments"),
            );
        }
    }
}

fn undeclared<S: Clone>(
    node: &Expr<S>,
    schema: &str,
    function: &Function,
    arguments: &[Expr<S>],
    names: &Names<'_>,
    is_whole: bool,
) -> Option<Problem<S>> {
    let name = function.name.as_str();
    let Declared { signatures, lost } = names.functions;
    if lost || signatures.iter().any(|declared| declared.schema == schema && declared.name == name) {
        return None;
    }
    let problem = Problem::new(node.span.clone(), format!("the plan does not declare the function `{schema}.{name}`"))
        .note("its types, and that it is immutable, are checked against the database before the first step");
    let near = nearest(name, signatures.iter().filter(|f| f.schema == schema).map(|f| f.name.as_str()));
    if let Some(near) = near {
        return Some(problem.help(format!("did you mean `{schema}.{near}`?")));
    }
    let shown = |ty: Option<Type>| ty.map_or("text".to_owned(), |ty| Type { modifiers: Vec::new(), ..ty }.to_string());
    let takes: Vec<String> = arguments.iter().map(|argument| shown(names.typing.ty(argument))).collect();
    let gives = if is_whole { shown(Some(names.wanted.clone())) } else { "text".to_owned() };
    let help = format!("add `extern fn {schema}.{name}({}) -> {gives} immutable;` before the tables", takes.join(", "));
    Some(problem.help(if is_whole { help } else { format!("{help}, with the type it gives") }))
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
    if expr::is_function(name) {
        return None;
    }
    let problem = Problem::new(node.span.clone(), format!("PostgreSQL has no function `{name}`"));
    let own = format!(
        "a function of your own or of an extension is called with its schema, `public.{name}(…)`, and declared before \
         the tables: `extern fn public.{name}(text) -> text immutable;`"
    );
    Some(match nearest(name, expr::function_names()) {
        Some(near) => problem.help(format!("did you mean `{near}`? If not: {own}")),
        None => problem.help(own),
    })
}
