//! What every command has at hand.

use std::io::Write;

use super::Error;
use crate::Migrations;

/// The plans, and where to say what was done.
pub(super) struct Context<'a> {
    pub(super) migrations: &'static Migrations,
    /// Whether to answer with one JSON object.
    pub(super) json: bool,
    pub(super) out: &'a mut dyn Write,
}

impl Context<'_> {
    /// Says one line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.out, "{line}").map_err(Error::Output)
    }
}
