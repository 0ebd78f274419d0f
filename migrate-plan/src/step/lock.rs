//! The locks that steps take.

use std::fmt;

use crate::plan::{Text, display_as_str};

/// A lock that a step takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    /// The table.
    pub table: Text,
    /// The mode.
    pub mode: LockMode,
    /// What it is held for.
    pub held: Held,
}

/// How long a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// For changes of the catalog only: no row is read or written under it.
    Instant,
    /// For one batch, about 50 ms.
    Batch,
    /// While the whole table is read.
    Scan,
}

/// PostgreSQL's table lock modes, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockMode {
    /// Taken by reads.
    AccessShare,
    /// Taken by writes.
    RowExclusive,
    /// Blocks other schema changes and vacuum; neither reads nor writes.
    ShareUpdateExclusive,
    /// Blocks everything, reads too.
    AccessExclusive,
}

impl LockMode {
    /// PostgreSQL's words for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LockMode::AccessShare => "ACCESS SHARE",
            LockMode::RowExclusive => "ROW EXCLUSIVE",
            LockMode::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            LockMode::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// Whose work waits for it.
    pub const fn blocks(self) -> &'static str {
        match self {
            LockMode::AccessShare | LockMode::RowExclusive => "nobody",
            LockMode::ShareUpdateExclusive => "other schema changes and vacuum",
            LockMode::AccessExclusive => "reads and writes",
        }
    }
}

display_as_str!(LockMode);
