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
    let mut clean: String = text.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if !clean.starts_with(|c: char| c.is_alphabetic() || c == '_') || clean == "_" {
        clean.insert(0, '_');
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

/// The text as an identifier; raw where it is a key word, and with a `_` where it cannot even be that.
fn identifier(text: &str, place: Place) -> Ident {
    let span = place.start;
    if matches!(text, "self" | "Self" | "super" | "crate") {
        return Ident::new(&format!("{text}_"), span);
    }
    if text.is_ascii() {
        return if KEYWORDS.contains(&text) { Ident::new_raw(text, span) } else { Ident::new(text, span) };
    }
    // Letters of `is_alphanumeric` are not all letters of Rust's identifiers.
    match syn::parse_str::<Ident>(text) {
        Ok(_) => Ident::new(text, span),
        Err(_) => match syn::parse_str::<Ident>(&format!("r#{text}")) {
            Ok(_) => Ident::new_raw(text, span),
            Err(_) => {
                let ascii: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                Ident::new(&format!("_{ascii}"), span)
            }
        },
    }
}
