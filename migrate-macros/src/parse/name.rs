//! Names of plans, schemas, tables and columns.

use migrate_plan::declaration::Name;

use super::{Parsed, Parser};

impl Parser<'_> {
    /// A Rust identifier, or a string constant for a name that is none. Both are taken as they are.
    pub(super) fn name(&mut self, what: &str) -> Parsed<Name<crate::place::Place>> {
        let here = self.here();
        if let Some(text) = self.peek_string() {
            self.skip();
            return Ok(Name { text, span: here });
        }
        match self.next_word() {
            Some(word) => Ok(Name { text: word.text, span: word.place }),
            None => Err(self.unexpected(what)),
        }
    }
}
