mod budget;
mod errors;
mod expressions;
mod random;
mod types;

use migrate_plan::declaration::Declaration;
use proc_macro2::TokenStream;
use syn::buffer::TokenBuffer;

use crate::errors::Errors;
use crate::parse::{self, Parser};
use crate::place::Place;
use crate::source::Source;

/// Parses and checks a plan: its declaration, or all errors in their order.
fn read(plan: &str) -> Result<Declaration<Place>, Vec<String>> {
    let (source, mut errors) = source(plan);
    if let Some(sound) = source.as_ref().and_then(Source::sound) {
        migrate_plan::check::check(&sound).into_iter().for_each(|problem| errors.push(problem));
    }
    declaration(source, errors)
}

/// Parses a plan without a look at what it means.
fn parsed(plan: &str) -> Result<Declaration<Place>, Vec<String>> {
    let (source, errors) = source(plan);
    declaration(source, errors)
}

fn source(plan: &str) -> (Option<Source>, Errors) {
    let tokens: TokenStream = plan.parse().expect("the test's tokens lex");
    let buffer = TokenBuffer::new2(tokens);
    let mut parser = Parser::new(buffer.begin());
    let source = parse::plan(&mut parser);
    (source, parser.into_errors())
}

fn declaration(source: Option<Source>, errors: Errors) -> Result<Declaration<Place>, Vec<String>> {
    if errors.is_empty() {
        return source.map(|source| source.declaration).ok_or_else(Vec::new);
    }
    let line = |problem: &migrate_plan::check::Problem<Place>| {
        let (line, column) = problem.span.position();
        format!("{line}:{} {}", column + 1, problem.message)
    };
    Err(errors.sorted().iter().map(line).collect())
}

/// A plan around one change.
fn around(change: &str) -> String {
    format!(
        "mod p; stage dual_write; table t (a: integer between 0 and 99, b: integer between 1 and 99, c: boolean, d: text) {{ {change} }}"
    )
}
