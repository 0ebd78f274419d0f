//! Jobs that walk a heap: in windows of blocks, a transaction each, with the cursor inside it.

mod backfill;
mod cursor;
mod failed;
mod verify;
mod walk;

pub(crate) use backfill::backfill;
pub(crate) use verify::verify;

/// Tells the statements of jobs from those of applications where a server counts statements: as a name of the query itself
/// it is part of what makes two statements the same, which a comment is not.
pub(crate) const MARK: &str = "~migrate";

/// A job's query, with the mark.
fn marked(query: &str) -> String {
    format!("WITH \"{MARK}\" AS (SELECT) {query}")
}
