//! Statements that a session of the runner asks again and again: from the second time on they are prepared, so that
//! PostgreSQL parses them once and, after a few more times, plans them no more. To plan a query of the catalog takes several
//! times as long as to execute it.
//!
//! They belong to one session. So they are known only while [`keeping`] works in it, on its thread, and closed before the
//! session is given back; and whatever else that thread may call on another connection is called [`apart`]. The driver gives
//! no name twice in a process: one that went astray would be unknown there, and never another statement.

use std::cell::RefCell;
use std::collections::HashMap;

use postgres::types::Type;
use postgres::{Error, GenericClient, Statement};

/// The most texts that are kept: a few dozen are asked again and again, and others have names of tables in them.
const MOST: usize = 500;

/// What a session has asked so far, by its text; with the statement once it was asked again.
type Known = HashMap<String, Option<Statement>>;

thread_local! {
    /// Of the session that this thread works in.
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
}

/// Works in a session, and closes with its end what was prepared for it.
pub(crate) fn keeping<T>(work: impl FnOnce() -> T) -> T {
    within(Some(Known::new()), work)
}

/// Calls what may ask on another connection.
pub(crate) fn apart<T>(work: impl FnOnce() -> T) -> T {
    within(None, work)
}

fn within<T>(known: Option<Known>, work: impl FnOnce() -> T) -> T {
    let _before = Before(KNOWN.replace(known));
    work()
}

/// What was known before, which is known again afterwards, also after a panic.
struct Before(Option<Known>);

impl Drop for Before {
    fn drop(&mut self) {
        // What is dropped here asks the driver to close it: with nothing borrowed.
        drop(KNOWN.replace(self.0.take()));
    }
}

/// The statement of this text; nothing where it is asked for the first time, or outside of a session that keeps any.
pub(crate) fn statement(
    client: &mut impl GenericClient,
    sql: &str,
    types: &[Type],
) -> Result<Option<Statement>, Error> {
    let is_again = KNOWN.with_borrow_mut(|known| {
        let known = known.as_mut()?;
        match known.get(sql) {
            Some(statement) => Some(statement.clone()),
            None => {
                if known.len() < MOST {
                    known.insert(sql.to_owned(), None);
                }
                None
            }
        }
    });
    match is_again {
        None => Ok(None),
        Some(Some(statement)) => Ok(Some(statement)),
        Some(None) => {
            // Nothing is borrowed meanwhile: the driver may call what the user has told it to.
            let statement = client.prepare_typed(sql, types)?;
            KNOWN.with_borrow_mut(|known| known.as_mut()?.insert(sql.to_owned(), Some(statement.clone())));
            Ok(Some(statement))
        }
    }
}
