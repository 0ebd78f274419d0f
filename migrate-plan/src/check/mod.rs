//! The rules a declaration must keep. Every broken one is reported, each on its token.

mod ambiguity;
mod bounds;
mod expressions;
mod functions;
mod hazards;
mod names;
mod nearest;
mod nulls;
mod ranges;
mod reach;
mod round_trips;

pub use nearest::nearest;

use crate::declaration::{Change, Declaration, Table};
use expressions::Direction;

/// A broken rule, for the person who must mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<S> {
    /// The guilty token.
    pub span: S,
    /// What is wrong.
    pub message: String,
    /// Why it matters.
    pub note: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
}

impl<S> Problem<S> {
    /// A problem at `span`.
    pub fn new(span: S, message: impl Into<String>) -> Problem<S> {
        Problem { span, message: message.into(), note: None, help: None }
    }

    /// Adds why it matters.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Problem<S> {
        self.note = Some(note.into());
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem<S> {
        self.help = Some(help.into());
        self
    }
}

/// A rule for one change.
type Rule<S> = fn(&Table<S>, &Change<S>, &mut Vec<Problem<S>>);

/// Checks a declaration against every rule; an empty answer means it can be planned.
pub fn check<S: Clone>(declaration: &Declaration<S>) -> Vec<Problem<S>> {
    let mut problems = Vec::new();
    names::lengths(declaration, &mut problems);
    names::tables(declaration, &mut problems);
    functions::declared(declaration, &mut problems);
    let signatures = declaration.signatures();
    let functions = functions::Declared { signatures: &signatures, lost: declaration.lost_function };
    for table in &declaration.tables {
        let first = problems.len();
        names::columns(table, &mut problems);
        for column in &table.context {
            bounds::of_existing(column, &mut problems);
        }
        let flawed_before = problems.len();
        for change in &table.changes {
            let before = problems.len();
            bounds::of_existing(&change.old, &mut problems);
            bounds::of_new(change, &mut problems);
            expressions::both_directions(change, &mut problems);
            let [up, down] = [Direction::Up, Direction::Down]
                .map(|direction| expressions::conversion(table, change, direction, functions, &mut problems));
            expressions::default_of_old(&change.old, functions, &mut problems);
            expressions::default_of_new(&change.new, functions, &mut problems);
            hazards::incomparable(change, &mut problems);
            let up_is_told = ambiguity::omitted_or_null(change, &signatures, &mut problems);
            let down_is_told = ambiguity::null_that_comes_back(change, &signatures, up_is_told, &mut problems);
            nulls::copied(change, &mut problems);
            // What is wrong already may not be what is meant.
            for (direction, typing) in [(Direction::Up, up), (Direction::Down, down.filter(|_| !down_is_told))] {
                if let Some(typing) = typing {
                    nulls::made(table, change, direction, &typing, &mut problems);
                }
            }
            ambiguity::defaults_that_differ(table, change, &mut problems);
            // What is computed from flawed types or columns says nothing new.
            if problems.len() > before || flawed_before > first || declaration.lost_function {
                continue;
            }
            // Where the types alone decide, what they lose comes before what they hold.
            let rules: [Rule<S>; 2] = match change.up {
                Some(_) => [ranges::conversions, round_trips::lossy_or_not],
                None => [round_trips::lossy_or_not, ranges::conversions],
            };
            for rule in rules {
                rule(table, change, &mut problems);
                if problems.len() > before {
                    break;
                }
            }
        }
    }
    problems
}
