//! From tokens to a declaration.
//!
//! The parser reports an error and goes on: after the next `;`, `,` or `}` of the place it is in.

mod change;
mod column;
mod expr;
mod function;
mod interval;
mod modifiers;
mod name;
mod paths;
mod plan;
mod statements;
mod symbol;
mod table;
mod types;

use migrate_plan::check::Problem;
use proc_macro2::{Delimiter, Ident, Literal, Span};
use syn::buffer::Cursor;

use crate::errors::Errors;
use crate::place::Place;

pub(crate) use paths::PlanPath;
pub(crate) use plan::plan;

/// Proof that an error was reported, and that nothing more needs to be said of it.
#[derive(Debug)]
pub(crate) struct Reported;

/// What a step of the parser gives.
type Parsed<T> = Result<T, Reported>;

/// A place in the tokens, and the errors found on the way to it.
pub(crate) struct Parser<'a> {
    cursor: Cursor<'a>,
    /// What closes the group at hand, and how it is called in a message.
    close: (Span, &'static str),
    errors: Errors,
    /// How many expressions are open around this place.
    depth: usize,
}

/// An identifier.
struct Word {
    /// As PostgreSQL will see it: `type` for `r#type`.
    text: String,
    /// Whether it was written `r#…`, and so is never a key word.
    raw: bool,
    place: Place,
}

impl Word {
    fn of(ident: &Ident) -> Word {
        let written = ident.to_string();
        let bare = written.strip_prefix("r#");
        Word { text: bare.unwrap_or(&written).to_owned(), raw: bare.is_some(), place: Place::of(ident.span()) }
    }

    fn is(&self, word: &str) -> bool {
        !self.raw && self.text.eq_ignore_ascii_case(word)
    }
}

impl<'a> Parser<'a> {
    pub(crate) fn new(cursor: Cursor<'a>) -> Parser<'a> {
        Parser { cursor, close: (Span::call_site(), "the end of the plan"), errors: Errors::default(), depth: 0 }
    }

    /// The path of the root crate, which the macro in that crate passes first: `$crate;`.
    pub(crate) fn root(&mut self) -> Ident {
        let written = self.cursor.ident().and_then(|(ident, rest)| Some((ident, rest.punct()?.1)));
        match written {
            Some((ident, rest)) => {
                self.cursor = rest;
                ident
            }
            None => Ident::new("migrate", Span::call_site()),
        }
    }

    pub(crate) fn into_errors(self) -> Errors {
        self.errors
    }

    fn report(&mut self, problem: Problem<Place>) -> Reported {
        self.errors.push(problem);
        Reported
    }

    fn at_end(&self) -> bool {
        self.cursor.eof()
    }

    /// Where the next token stands, or what closes the group. Of a group it is what opens it.
    fn here(&self) -> Place {
        if self.cursor.eof() {
            return Place::of(self.close.0);
        }
        if let Some((_, place, _)) = self.symbol() {
            return place;
        }
        match self.cursor.any_group() {
            Some((_, _, span, _)) => Place::of(span.open()),
            None => Place::of(self.cursor.span()),
        }
    }

    /// Where the token before stands.
    fn before(&self) -> Place {
        Place::of(self.cursor.prev_span())
    }

    /// What stands here instead of `expected`.
    fn unexpected(&mut self, expected: &str) -> Reported {
        let problem = Problem::new(self.here(), format!("expected {expected}, found {}", self.found()));
        self.report(problem)
    }

    /// The next token, for a message.
    fn found(&self) -> String {
        if let Some((text, ..)) = self.symbol() {
            return format!("`{text}`");
        }
        if self.at_double_colon() {
            return "`::`".to_owned();
        }
        match self.cursor.token_tree() {
            None => self.close.1.to_owned(),
            Some((proc_macro2::TokenTree::Group(group), _)) => match group.delimiter() {
                Delimiter::Parenthesis => "`(`".to_owned(),
                Delimiter::Brace => "`{`".to_owned(),
                Delimiter::Bracket => "`[`".to_owned(),
                Delimiter::None => "a fragment of another macro".to_owned(),
            },
            Some((proc_macro2::TokenTree::Ident(ident), _)) => format!("`{ident}`"),
            Some((proc_macro2::TokenTree::Punct(punct), _)) => format!("`{}`", punct.as_char()),
            Some((proc_macro2::TokenTree::Literal(literal), _)) => match literal.to_string() {
                text if text.chars().count() <= 20 => format!("`{text}`"),
                _ => "a constant".to_owned(),
            },
        }
    }

    fn peek_word(&self) -> Option<Word> {
        self.cursor.ident().map(|(ident, _)| Word::of(&ident))
    }

    fn next_word(&mut self) -> Option<Word> {
        let (ident, rest) = self.cursor.ident()?;
        self.cursor = rest;
        Some(Word::of(&ident))
    }

    /// Whether the next tokens are these key words.
    fn at(&self, words: &[&str]) -> bool {
        let mut cursor = self.cursor;
        words.iter().all(|word| match cursor.ident() {
            Some((ident, rest)) => {
                cursor = rest;
                Word::of(&ident).is(word)
            }
            None => false,
        })
    }

    /// Takes these key words, where they are next.
    fn eat(&mut self, words: &[&str]) -> Option<Place> {
        if !self.at(words) {
            return None;
        }
        let first = self.here();
        let mut last = first;
        for _ in words {
            last = self.next_word()?.place;
        }
        Some(first.to(last))
    }

    /// Takes a key word, or says that it is missing.
    fn expect(&mut self, word: &str) -> Parsed<Place> {
        match self.eat(&[word]) {
            Some(place) => Ok(place),
            None => Err(self.unexpected(&format!("`{word}`"))),
        }
    }

    fn at_punct(&self, character: char) -> bool {
        self.cursor.punct().is_some_and(|(punct, _)| punct.as_char() == character)
    }

    /// Takes one punctuation character, whatever it is joined to.
    fn eat_punct(&mut self, character: char) -> Option<Place> {
        let (punct, rest) = self.cursor.punct().filter(|(punct, _)| punct.as_char() == character)?;
        self.cursor = rest;
        Some(Place::of(punct.span()))
    }

    fn at_double_colon(&self) -> bool {
        self.after_double_colon().is_some()
    }

    fn after_double_colon(&self) -> Option<Cursor<'a>> {
        let (first, rest) = self.cursor.punct()?;
        let (second, rest) = rest.punct()?;
        (first.as_char() == ':' && first.spacing() == proc_macro2::Spacing::Joint && second.as_char() == ':')
            .then_some(rest)
    }

    fn eat_double_colon(&mut self) -> bool {
        match self.after_double_colon() {
            Some(rest) => {
                self.cursor = rest;
                true
            }
            None => false,
        }
    }

    fn next_literal(&mut self) -> Option<Literal> {
        let (literal, rest) = self.cursor.literal()?;
        self.cursor = rest;
        Some(literal)
    }

    /// The text of the string constant that is next.
    fn peek_string(&self) -> Option<String> {
        let (literal, _) = self.cursor.literal()?;
        match syn::Lit::new(literal) {
            syn::Lit::Str(text) if text.suffix().is_empty() => Some(text.value()),
            _ => None,
        }
    }

    fn at_group(&self, delimiter: Delimiter) -> bool {
        self.cursor.group(delimiter).is_some()
    }

    /// Reads what stands in the group that is next, and takes the group. What `read` leaves over is an
    /// error: `expected` says what could have stood there.
    fn group<T>(
        &mut self,
        delimiter: Delimiter,
        expected: &str,
        read: impl FnOnce(&mut Parser<'a>) -> Parsed<T>,
    ) -> Option<(Place, Parsed<T>)> {
        let (inside, span, after) = self.cursor.group(delimiter)?;
        let closing = match delimiter {
            Delimiter::Parenthesis => "`)`",
            Delimiter::Brace => "`}`",
            Delimiter::Bracket => "`]`",
            Delimiter::None => "the end of a fragment",
        };
        let outer = std::mem::replace(&mut self.close, (span.close(), closing));
        self.cursor = inside;
        let mut result = read(self);
        if result.is_ok() && !self.at_end() {
            result = Err(self.unexpected(expected));
        }
        self.cursor = after;
        self.close = outer;
        Some((Place { start: span.open(), end: span.close() }, result))
    }

    /// Goes on after the next `;` or `{…}`, or at the end of the group.
    fn recover(&mut self) {
        while !self.at_end() {
            if self.eat_punct(';').is_some() {
                return;
            }
            if self.eat_dollars() {
                // The body of a function: what ends a statement in it ends none here.
                while !self.at_end() && !self.eat_dollars() {
                    self.skip();
                }
                continue;
            }
            let block = self.at_group(Delimiter::Brace);
            self.skip();
            if block {
                self.eat_punct(';');
                return;
            }
        }
    }

    /// Takes `$$`, where it is next.
    fn eat_dollars(&mut self) -> bool {
        let dollar =
            |cursor: Cursor<'a>| cursor.punct().filter(|(punct, _)| punct.as_char() == '$').map(|(_, rest)| rest);
        match dollar(self.cursor).and_then(dollar) {
            Some(rest) => {
                self.cursor = rest;
                true
            }
            None => false,
        }
    }

    /// Goes on at the next `stop`, or at the end of the group.
    fn recover_at(&mut self, stop: char) {
        while !self.at_end() && !self.at_punct(stop) {
            self.skip();
        }
    }

    /// Leaves out one token.
    fn skip(&mut self) {
        if let Some((_, rest)) = self.cursor.token_tree() {
            self.cursor = rest;
        }
    }
}
