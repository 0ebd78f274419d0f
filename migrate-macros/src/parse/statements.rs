//! SQL that a plan does not state. It is recognised by its first words, so that whoever writes it learns
//! what it would do to a running system, and what to write instead.

mod columns;
mod constraints;
mod indexes;
mod objects;
mod pattern;
mod session;
mod tables;
mod traits;

use migrate_plan::check::Problem;
use proc_macro2::Spacing;
use syn::buffer::Cursor;

use super::Parser;
use crate::place::Place;
use pattern::Found;

/// A form of SQL, and what its author is told.
struct Form {
    /// Its words; see [`pattern`].
    words: &'static str,
    /// What is wrong. Here and below `{0}` is the first name of the form, `{1}` the second.
    message: &'static str,
    /// Why it hurts.
    note: &'static str,
    /// What to write or do instead.
    help: &'static str,
}

/// Whole statements; the first that fits counts.
const STATEMENTS: [&[Form]; 4] = [session::FORMS, tables::FORMS, indexes::FORMS, objects::FORMS];

/// What follows `alter table name`, and what people write in a table's braces without these words.
const ACTIONS: [&[Form]; 3] = [tables::ACTIONS, constraints::FORMS, columns::FORMS];

/// What stands before an action, as far as its author writes it.
const PREFIXES: [&str; 2] = ["", "alter table [if exists] [only] * "];

impl Parser<'_> {
    /// What is to be said of the SQL that begins here; nothing where it is not known, or where a column
    /// of this name may be meant.
    pub(super) fn refused_statement(&self) -> Option<Problem<Place>> {
        if names_a_column(self.cursor) {
            return None;
        }
        for form in STATEMENTS.into_iter().flatten() {
            if let Some(found) = pattern::find(form.words, self.cursor) {
                return Some(form.problem(&found));
            }
        }
        for prefix in PREFIXES {
            let Some(before) = pattern::find(prefix, self.cursor) else { continue };
            for form in ACTIONS.into_iter().flatten() {
                if let Some(found) = pattern::find(form.words, before.rest) {
                    return Some(form.problem(&found));
                }
            }
        }
        pattern::find(tables::OTHER.words, self.cursor).map(|found| tables::OTHER.problem(&found))
    }

    /// What is to be said of the words that follow the type of the column `name`. They are taken, so that
    /// nothing in them is read as another part of the column.
    pub(super) fn refused_trait(&mut self, name: &str) -> Option<Problem<Place>> {
        let forms = if self.column_is_live() { traits::LIVE } else { traits::NEW };
        let (form, mut found) = forms.iter().find_map(|form| Some((form, pattern::find(form.words, self.cursor)?)))?;
        found.names.insert(0, name.to_owned());
        self.cursor = found.rest;
        Some(form.problem(&found))
    }

    /// Whether the column at hand is there before the plan: it stands in brackets, or before `=>`.
    fn column_is_live(&self) -> bool {
        let mut cursor = self.cursor;
        while let Some((tree, rest)) = cursor.token_tree() {
            match tree {
                proc_macro2::TokenTree::Punct(punct) if punct.as_char() == ';' => return false,
                proc_macro2::TokenTree::Punct(punct)
                    if punct.as_char() == '=' && rest.punct().is_some_and(|(next, _)| next.as_char() == '>') =>
                {
                    return true;
                }
                proc_macro2::TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => {
                    return false;
                }
                _ => cursor = rest,
            }
        }
        self.close.1 == "`)`"
    }
}

impl Form {
    fn problem(&self, found: &Found<'_>) -> Problem<Place> {
        let filled = |text: &str| {
            let named = |place: usize| found.names.get(place).map_or("…", String::as_str);
            text.replace("{0}", named(0)).replace("{1}", named(1))
        };
        Problem::new(found.place, filled(self.message)).note(filled(self.note)).help(filled(self.help))
    }
}

/// Whether `name:` stands here, which begins a column whatever the name.
fn names_a_column(cursor: Cursor<'_>) -> bool {
    let after = cursor.ident().and_then(|(_, rest)| rest.punct());
    after.is_some_and(|(punct, _)| punct.as_char() == ':' && punct.spacing() == Spacing::Alone)
}

#[cfg(test)]
mod tests;
