//! What a job is to the engine: SQL that does a portion of a heap, and what follows from it.
//!
//! Whatever goes over the rows of a table in small transactions is one of these: filling, comparing, looking for
//! rows that violate a rule or for duplicates, copying rows into another table. A job says what is done with the rows
//! that a condition names; the engine says which rows, when, how many at a time, and what happens when they are locked,
//! bad, or too many.

use postgres::{Client, Transaction};

use super::cursor::Cursor;
use super::place::{Portion, Ring};
use crate::error::Error;

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) rows: u64,
    pub(super) mismatches: u64,
    pub(super) updates: Updates,
}

/// How many row versions a batch has written, and how many of them found room in the block of the old one and so needed
/// no index entry (HOT). Counted only where the portion is a slice, and where `track_counts` is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Updates {
    pub(super) all: u64,
    pub(super) hot: u64,
}

/// The SQL of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BatchSql {
    /// A statement that comes first, if any.
    pub(super) first: String,
    /// Common table expressions, the last of them named `batch`, of one row with the columns `rows` and `mismatches`.
    pub(super) expressions: String,
}

/// A job: each session that takes part in it gets work of its own.
pub(super) trait Job: Sync {
    /// For one session.
    fn work(&self) -> Box<dyn Work + '_>;
}

/// What is done with the rows.
pub(super) trait Work {
    /// What it does, for errors.
    fn doing(&self) -> &'static str;

    /// What sets up the transaction of a batch on a heap, instead of what sets up all transactions of the walk.
    fn setup(&self, _cursor: &Cursor) -> Option<String> {
        None
    }

    /// What does the rows of `condition`.
    fn batch(&self, cursor: &Cursor, condition: &str) -> BatchSql;

    /// The same past rows that others hold locked. They are come back to.
    fn past_locks(&self, cursor: &Cursor, condition: &str) -> BatchSql {
        self.batch(cursor, condition)
    }

    /// One block, row by row, after a value in it has made the whole fail.
    fn rows(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, portion: Portion) -> Result<Batch, Error>;

    /// Takes a closer look at what a batch has found, in its transaction, before it commits; `rows` does that by itself.
    fn look_closer(
        &mut self,
        _client: &mut Client,
        _cursor: &Cursor,
        _portion: Portion,
        _batch: &Batch,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// How the next blocks are done.
    fn ring(&mut self, _client: &mut Client, _cursor: &Cursor) -> Result<Ring, Error> {
        Ok(Ring::REST)
    }

    /// Told what a batch did once it has committed. Answers whether the rest of the ring is better done in one pass.
    fn give_up_slices(&mut self, _client: &mut Client, _portion: Portion, _updates: Updates) -> Result<bool, Error> {
        Ok(false)
    }
}
