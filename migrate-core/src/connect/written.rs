//! Addresses as they are written: a URL, or libpq's `key=value` words, taken apart and put together.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::fault::Fault;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// An address as its parameters, and as what stands before them.
pub(super) struct Written<'a> {
    /// The URL up to its `?`; nothing in the other form.
    front: Option<&'a str>,
    /// Decoded, in their order.
    pub(super) parameters: Vec<(String, String)>,
}

impl Written<'_> {
    /// Takes an address apart.
    pub(super) fn read(text: &str) -> Result<Written<'_>, Fault> {
        if !is_url(text) {
            return Ok(Written { front: None, parameters: words(text)? });
        }
        let (front, query) = text.split_at(query_start(text).unwrap_or(text.len()));
        let query = query.strip_prefix('?').unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let parameters = pairs.map(pair).collect::<Result<_, _>>()?;
        Ok(Written { front: Some(front), parameters })
    }

    /// The same address with these parameters, as the driver reads it.
    pub(super) fn with(&self, parameters: &[(String, String)]) -> String {
        let mut text = self.front.unwrap_or_default().to_owned();
        for (place, (key, value)) in parameters.iter().enumerate() {
            let between = match (self.front, place) {
                (Some(_), 0) => '?',
                (Some(_), _) => '&',
                (None, _) => ' ',
            };
            let _ = match self.front {
                Some(_) => write!(text, "{between}{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)),
                None => write!(text, "{between}{key}='{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
            };
        }
        text
    }
}

/// Whether an address is a URL rather than `key=value` words.
pub(super) fn is_url(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

/// Where the query begins. A `?` in a password is none, though it should have been encoded.
fn query_start(text: &str) -> Option<usize> {
    let start = text.find('?')?;
    if text[..start].contains('@') {
        return Some(start);
    }
    let in_password = text[start..].find('@').is_some_and(|at| !text[start..start + at].contains('='));
    if in_password { text.rfind('@').and_then(|at| text[at..].find('?').map(|place| at + place)) } else { Some(start) }
}

fn pair(pair: &str) -> Result<(String, String), Fault> {
    let (key, value) = pair.split_once('=').ok_or_else(|| Fault::plain("a parameter has no `=`"))?;
    Ok((decoded(key)?, decoded(value)?))
}

fn decoded(text: &str) -> Result<String, Fault> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| Fault::plain("a parameter is not UTF-8"))
}

fn words(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut rest = text.chars().peekable();
    let mut words = Vec::new();
    loop {
        skip_spaces(&mut rest);
        if rest.peek().is_none() {
            return Ok(words);
        }
        let mut key = String::new();
        while let Some(next) = rest.next_if(|next| !next.is_whitespace() && *next != '=') {
            key.push(next);
        }
        skip_spaces(&mut rest);
        if rest.next() != Some('=') {
            return Err(Fault::quoting(format!("`=` is missing after `{key}`")));
        }
        skip_spaces(&mut rest);
        let value = if rest.next_if_eq(&'\'').is_some() { quoted(&mut rest)? } else { bare(&mut rest) };
        words.push((key, value));
    }
}

fn skip_spaces(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|next| next.is_whitespace()).is_some() {}
}

fn quoted(rest: &mut Peekable<Chars<'_>>) -> Result<String, Fault> {
    let mut value = String::new();
    while let Some(next) = rest.next() {
        match next {
            '\'' => return Ok(value),
            '\\' => value.extend(rest.next()),
            other => value.push(other),
        }
    }
    Err(Fault::plain("a quoted value has no end"))
}

fn bare(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut value = String::new();
    while let Some(next) = rest.next_if(|next| !next.is_whitespace()) {
        if next == '\\' { value.extend(rest.next()) } else { value.push(next) }
    }
    value
}
