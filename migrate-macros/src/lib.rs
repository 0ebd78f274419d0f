//! The macros of the crate `migrate`. `plan!`: parse → check → plan → expand.
//!
//! Users call the macros of the same name in `migrate`, which pass its own path as the first token,
//! so that what is made here finds that crate under whatever name it has.

mod errors;
mod expand;
mod lock;
mod migrations;
mod parse;
mod place;
mod source;

use proc_macro2::TokenStream;
use syn::buffer::TokenBuffer;

use crate::parse::Parser;

/// Declares a plan; see `migrate::plan!`.
#[proc_macro]
pub fn plan(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expansion(input.into()).into()
}

/// Lists the plans of a program; see `migrate::migrations!`.
#[proc_macro]
pub fn migrations(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    migrations::migrations(input.into()).into()
}

fn expansion(input: TokenStream) -> TokenStream {
    let buffer = TokenBuffer::new2(input);
    let mut parser = Parser::new(buffer.begin());
    let root = parser.root();
    let source = parse::plan(&mut parser);
    let mut errors = parser.into_errors();
    if let Some(sound) = source.as_ref().and_then(source::Source::sound) {
        migrate_plan::check::check(&sound).into_iter().for_each(|problem| errors.push(problem));
    }
    let file = lock::LockFile::read();
    if let (Some(source), Some(file), true) = (&source, &file, errors.is_empty()) {
        lock::check(file, source).into_iter().for_each(|problem| errors.push(problem));
    }
    match source {
        Some(source) if errors.is_empty() => {
            expand::planned(&root, &source, file.map(|file| file.dependency(&source.declaration.name.text)))
        }
        Some(source) => expand::fallback(&root, &source, errors),
        None => errors.into_tokens(),
    }
}

#[cfg(test)]
mod tests;
