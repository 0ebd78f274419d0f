//! Jobs over the rows of a table, on one engine: [`walk`] goes over the heaps in portions, a transaction each with the
//! cursor inside it ([`transaction`], [`cursor`], [`place`]), whose size follows their time ([`pace`]). The heaps are cut into
//! lanes ([`lane`]), so that several sessions can take part ([`crew`]); when they may, and how much of the time, is decided by
//! the load of the database and by operators ([`throttle`]). What is done with a portion is a [`work::Work`]: filling,
//! comparing.

mod again;
mod analyze;
mod backfill;
mod crew;
mod cursor;
mod failed;
mod horizon;
mod lane;
mod layout;
mod pace;
mod passes;
mod place;
mod row;
mod slicing;
mod sweep;
mod throttle;
mod transaction;
mod verify;
mod walk;
mod work;

pub(crate) use backfill::backfill;
pub(crate) use failed::{closed, failed_row};
pub(crate) use verify::{Compared, verify, verify_now};

/// Tells the statements of jobs from those of applications where a server counts statements: as a name of the query itself
/// it is part of what makes two statements the same, which a comment is not.
pub(crate) const MARK: &str = "~migrate";

/// A job's query, with the mark.
fn marked(query: &str) -> String {
    format!("WITH \"{MARK}\" AS (SELECT) {query}")
}
