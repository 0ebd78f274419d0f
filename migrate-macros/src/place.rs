//! Where something stands in the source.

use proc_macro2::Span;

/// From a first token to a last one. Stable Rust joins no spans, so both ends are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The first token.
    pub(crate) start: Span,
    /// The last token.
    pub(crate) end: Span,
}

impl Place {
    /// One token.
    pub(crate) fn of(span: Span) -> Place {
        Place { start: span, end: span }
    }

    /// From here to the end of `last`.
    pub(crate) fn to(self, last: Place) -> Place {
        Place { start: self.start, end: last.end }
    }

    /// Line and column of the first token, to sort by.
    pub(crate) fn position(self) -> (usize, usize) {
        let start = self.start.start();
        (start.line, start.column)
    }
}
