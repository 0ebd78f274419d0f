//! All that is wrong with a plan, reported at once.

use migrate_plan::check::Problem;
use proc_macro2::TokenStream;
use quote::quote_spanned;

use crate::place::Place;

/// The errors found so far.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    problems: Vec<Problem<Place>>,
}

impl Errors {
    pub(crate) fn push(&mut self, problem: Problem<Place>) {
        self.problems.push(problem);
    }

    /// Takes over all of `other`.
    pub(crate) fn absorb(&mut self, other: Errors) {
        self.problems.extend(other.problems);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// One `compile_error!` for each error.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.sorted().iter().map(compile_error).collect()
    }

    /// The errors in the order in which their tokens stand, each once.
    pub(crate) fn sorted(mut self) -> Vec<Problem<Place>> {
        self.problems.sort_by_key(|problem| problem.span.position());
        let same =
            |a: &Problem<Place>, b: &Problem<Place>| a.span.position() == b.span.position() && a.message == b.message;
        self.problems.dedup_by(|a, b| same(a, b));
        self.problems
    }
}

/// One `compile_error!` from the first to the last guilty token.
fn compile_error(problem: &Problem<Place>) -> TokenStream {
    let mut text = problem.message.clone();
    if problem.note.is_some() || problem.help.is_some() {
        text.push('\n');
    }
    for (word, line) in [("note", &problem.note), ("help", &problem.help)] {
        if let Some(line) = line {
            text.push_str(&format!("\n{word}: {line}"));
        }
    }
    let Place { start, end } = problem.span;
    let mut tokens = quote_spanned! {start=> ::core::compile_error! };
    tokens.extend(quote_spanned! {end=> { #text } });
    tokens
}
