mod budget;
mod editor;
mod errors;
mod expressions;
mod random;
mod types;

use migrate_plan::declaration::Declaration;
use proc_macro2::TokenStream;
use syn::buffer::TokenBuffer;

use crate::parse::{self, Parser};
use crate::place::Place;

/// Parses and checks a plan: its declaration, or all errors in their order.
fn read(plan: &str) -> Result<Declaration<Place>, Vec<String>> {
    let tokens: TokenStream = plan.parse().expect("the test's tokens lex");
    let buffer = TokenBuffer::new2(tokens);
    let mut parser = Parser::new(buffer.begin());
    let source = parse::plan(&mut parser);
    let mut errors = parser.into_errors();
    if let Some(sound) = source.as_ref().and_then(crate::source::Source::sound) {
        migrate_plan::check::check(&sound).into_iter().for_each(|problem| errors.push(problem));
    }
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
    format!("mod p; stage dual_write; table t (a: integer, b: integer, c: boolean, d: text) {{ {change} }}")
}
