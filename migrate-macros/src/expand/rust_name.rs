//! Rust identifiers for names that need not be any.

use migrate_plan::declaration::Name;
use proc_macro2::Ident;

use crate::place::Place;

/// The identifiers of one module: each name gets one of its own.
#[derive(Default)]
pub(super) struct RustNames {
    taken: Vec<String>,
}

impl RustNames {
    /// The identifier for `name`, with its span, so that editors find the declaration.
    pub(super) fn of(&mut self, name: &Name<Place>) -> Ident {
        self.unused(&name.text, name)
    }

    /// The identifier for `name` as part of `text`.
    pub(super) fn unused(&mut self, text: &str, name: &Name<Place>) -> Ident {
        let plain = cleaned(text);
        let mut unused = plain.clone();
        let mut number = 1;
        while self.taken.contains(&unused) {
            number += 1;
            unused = format!("{plain}_{number}");
        }
        self.taken.push(unused.clone());
        identifier(&unused, name.span)
    }
}

/// `Total_Amount` for `Total Amount`.
fn cleaned(text: &str) -> String {
    let clean = started(text, |c| c.is_alphanumeric() || c == '_');
    // Not every letter and digit of Unicode can stand in an identifier.
    let valid = clean.is_ascii() || syn::parse_str::<Ident>(&clean).is_ok();
    if valid { clean } else { started(text, |c| c.is_ascii_alphanumeric() || c == '_') }
}

/// The characters that are kept, with something before them that can begin an identifier.
fn started(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut clean: String = text.chars().map(|c| if keep(c) { c } else { '_' }).collect();
    if !clean.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        clean.insert(0, '_');
    }
    // `_` alone declares no name, and these cannot even be raw.
    if matches!(clean.as_str(), "_" | "self" | "Self" | "super" | "crate") {
        clean.push('_');
    }
    clean
}

/// Rust's key words, of all editions, but for those that cannot be raw.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The text as an identifier, raw where it is a key word.
fn identifier(text: &str, place: Place) -> Ident {
    if KEYWORDS.contains(&text) { Ident::new_raw(text, place.start) } else { Ident::new(text, place.start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_gets_an_identifier_of_its_own() {
        let mut names = RustNames::default();
        let mut of = |text: &str| {
            let span = Place::of(proc_macro2::Span::call_site());
            names.of(&Name { text: text.to_owned(), span }).to_string()
        };
        for (text, expected) in [
            ("total", "total"),
            ("Total Amount", "Total_Amount"),
            ("Total-Amount", "Total_Amount_2"),
            ("2nd", "_2nd"),
            ("type", "r#type"),
            ("self", "self_"),
            ("self_", "self__2"),
            ("größe", "größe"),
            ("²", "__"),
            ("", "___2"),
            ("_", "___3"),
            ("~x", "_x"),
        ] {
            assert_eq!(of(text), expected, "{text:?}");
        }
    }
}
