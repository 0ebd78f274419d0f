//! A small language for the words of a form.
//!
//! `word` is itself in any case, `a|b` is one of several, `[…]` may be left out, `*` is a name with or
//! without its schema, `(` is a pair of brackets, and `…` stands for any tokens of the same statement.

use proc_macro2::{Delimiter, TokenTree};
use syn::buffer::Cursor;

use crate::parse::Word;
use crate::place::Place;

/// Where a form was found.
pub(super) struct Found<'a> {
    /// The guilty tokens: all of the form, or what stands after its last `…`.
    pub(super) place: Place,
    /// The names in it.
    pub(super) names: Vec<String>,
    /// What follows it.
    pub(super) rest: Cursor<'a>,
}

/// Looks whether the tokens from here on are of this form.
pub(super) fn find<'a>(words: &str, cursor: Cursor<'a>) -> Option<Found<'a>> {
    let start = Found { place: Place::of(cursor.span()), names: Vec::new(), rest: cursor };
    matched(words.trim(), start, true)
}

/// `first` says that the guilty tokens begin with the next one.
fn matched<'a>(words: &str, found: Found<'a>, first: bool) -> Option<Found<'a>> {
    if words.is_empty() {
        return Some(found);
    }
    if let Some((optional, after)) = words.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        let with = format!("{optional}{after}");
        let again = Found { names: found.names.clone(), ..found };
        return matched(&with, again, first).or_else(|| matched(after.trim_start(), found, first));
    }
    let (word, after) = words.split_once(' ').unwrap_or((words, ""));
    if word == "…" {
        return anywhere(after, found);
    }
    let (place, name, rest) = one(word, found.rest)?;
    let place = if first { place } else { found.place.to(place) };
    let mut names = found.names;
    names.extend(name);
    matched(after, Found { place, names, rest }, false)
}

/// The words somewhere before the end of the statement.
fn anywhere<'a>(words: &str, found: Found<'a>) -> Option<Found<'a>> {
    let mut cursor = found.rest;
    loop {
        let here = Found { place: found.place, names: found.names.clone(), rest: cursor };
        if let Some(found) = matched(words, here, true) {
            return Some(found);
        }
        let (tree, rest) = cursor.token_tree()?;
        if matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ';') {
            return None;
        }
        cursor = rest;
    }
}

/// One word of a form: where it stands, the name it gives, and what follows.
fn one<'a>(word: &str, cursor: Cursor<'a>) -> Option<(Place, Option<String>, Cursor<'a>)> {
    match word {
        "*" => {
            let (mut place, mut name, mut rest) = name(cursor)?;
            while let Some((_, after)) = rest.punct().filter(|(punct, _)| punct.as_char() == '.') {
                let (last, text, after) = self::name(after)?;
                (place, name, rest) = (place.to(last), format!("{name}.{text}"), after);
            }
            Some((place, Some(name), rest))
        }
        "(" => {
            let (_, span, rest) = cursor.group(Delimiter::Parenthesis)?;
            Some((Place { start: span.open(), end: span.close() }, None, rest))
        }
        _ => {
            let (ident, rest) = cursor.ident()?;
            let written = Word::of(&ident);
            word.split('|').any(|word| written.is(word)).then_some((written.place, None, rest))
        }
    }
}

/// An identifier, or a string constant for a name that is none.
fn name(cursor: Cursor<'_>) -> Option<(Place, String, Cursor<'_>)> {
    if let Some((ident, rest)) = cursor.ident() {
        let word = Word::of(&ident);
        return Some((word.place, word.text, rest));
    }
    let (literal, rest) = cursor.literal()?;
    let place = Place::of(literal.span());
    match syn::Lit::new(literal) {
        syn::Lit::Str(text) => Some((place, text.value(), rest)),
        _ => None,
    }
}
