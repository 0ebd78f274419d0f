//! Operators: Rust's punctuation, put together as PostgreSQL's lexer would.

use proc_macro2::{Punct, Spacing};
use syn::buffer::Cursor;

use super::Parser;
use crate::place::Place;

/// The characters of operators. The grave accent is one too, and no token of Rust.
const CHARACTERS: &str = "+-*/<>=~!@#%^&|?";

/// An operator with one of these may end in `+` or `-`.
const SPECIAL: &str = "~!@#%^&|?";

impl<'a> Parser<'a> {
    /// The operator that is next.
    pub(super) fn symbol(&self) -> Option<(String, Place, Cursor<'a>)> {
        let mut characters: Vec<(char, Place, Cursor<'a>)> = Vec::new();
        let mut cursor = self.cursor;
        while let Some((punct, rest)) = cursor.punct() {
            if !CHARACTERS.contains(punct.as_char()) {
                break;
            }
            characters.push((punct.as_char(), Place::of(punct.span()), rest));
            cursor = rest;
            if punct.spacing() == Spacing::Alone && !touches(&punct, rest) {
                break;
            }
        }
        characters.truncate(length(characters.iter().map(|(character, ..)| *character)));
        let (_, first, _) = characters.first()?;
        let (_, last, rest) = characters.last()?;
        let text = characters.iter().map(|(character, ..)| character).collect();
        Some((text, first.to(*last), *rest))
    }

    /// Whether the next operator is exactly this one.
    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        self.symbol().is_some_and(|(text, ..)| text == symbol)
    }

    /// Takes this operator, where it is next.
    pub(super) fn eat_symbol(&mut self, symbol: &str) -> Option<Place> {
        let (_, place, rest) = self.symbol().filter(|(text, ..)| text == symbol)?;
        self.cursor = rest;
        Some(place)
    }
}

/// Whether the next punctuation follows at once. In the body of a `macro_rules!` rustc forgets it of two
/// characters that are no operator of Rust's, as `<>`; where they stood still shows it.
fn touches(punct: &Punct, rest: Cursor<'_>) -> bool {
    let Some((next, _)) = rest.punct().filter(|(next, _)| CHARACTERS.contains(next.as_char())) else { return false };
    let (start, end) = (punct.span().start(), punct.span().end());
    start < end && next.span().start() == end
}

/// How many of the characters are one operator: several may not end in `+` or `-`, so that `a*-b`
/// is `a * -b`, unless one of them shows that an operator is meant (PostgreSQL's documentation, 4.1.3).
fn length(characters: impl Iterator<Item = char>) -> usize {
    let text: String = characters.collect();
    if text.contains(|character| SPECIAL.contains(character)) {
        return text.len();
    }
    let stripped = text.trim_end_matches(['+', '-']);
    stripped.len().max(text.len().min(1))
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn signs_are_split_from_operators() {
        for (text, expected) in
            [("*-", 1), ("--", 1), ("+-", 1), ("<=-", 2), ("@-", 2), ("->>", 3), ("->", 2), ("-", 1), ("", 0)]
        {
            assert_eq!(length(text.chars()), expected, "{text}");
        }
    }
}
