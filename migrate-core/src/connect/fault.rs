//! What is wrong with an address, and whether saying it could give a secret away.

use super::written::is_url;
use crate::error::Error;

/// What is wrong with an address.
#[derive(Debug)]
pub(super) struct Fault {
    text: String,
    /// Whether the text quotes what is written: that may be the rest of a password.
    quotes: bool,
}

impl Fault {
    pub(super) fn plain(text: impl Into<String>) -> Fault {
        Fault { text: text.into(), quotes: false }
    }

    pub(super) fn quoting(text: impl Into<String>) -> Fault {
        Fault { text: text.into(), quotes: true }
    }

    /// What people are told of an address that is written like this.
    pub(super) fn of(self, address: &str) -> Error {
        // A `?` before the `@` may be one of the password.
        let is_odd = address.split_once('?').is_some_and(|(_, rest)| rest.contains('@'));
        let is_repeated = address.matches('@').count() > usize::from(is_url(address));
        let has_secret = address.contains("password") || is_odd || is_repeated;
        let why = if self.quotes && has_secret {
            "it has an unknown option, or a special character in its user or password: that is written as `%` with two \
             digits"
                .to_owned()
        } else {
            self.text
        };
        Error::Address { why }
    }
}
