//! Plans that are where nobody moves them on: one row tells it, in one plain query.

use migrate_plan::Side;
use postgres::Client;

use super::registry::{Knowledge, Seen, phase};
use crate::ask::Ask;
use crate::database::DatabaseError;
use crate::error::Error;
use crate::state::{self, Status};

/// How many words the state has for each plan: see `migrate.settle`.
const WORDS: usize = 7;

/// What the row tells.
pub(crate) enum Settled {
    /// There is no state yet.
    NoState,
    /// All plans of the build; and whether the database has had others, that it does not know: then it may be older than they
    /// are.
    All { plans: Vec<Seen>, has_others: bool },
    /// Some plan is running, or none has ever started: the steps and the catalog have to be looked at.
    NotAll,
}

/// Looks whether all plans are settled. Every start of every process asks this, so it is as little work for a session that knows
/// nothing of the state yet as can be: one row of a table without an index, and no function.
pub(crate) fn settled(client: &mut Client, known: &Knowledge) -> Result<Settled, Error> {
    let row = match client.ask_opt("SELECT compatible, settled FROM migrate.state_version", &[]) {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(Settled::NoState),
        Err(error) if error.code().is_some_and(state::is_absent) => return Ok(Settled::NoState),
        Err(error) => return Err(DatabaseError::new("looking where the plans are", error).into()),
    };
    if !state::is_compatible(row.get(0)) {
        state::exists(client)?;
    }
    let Some(words) = row.get::<_, Option<Vec<&str>>>(1) else { return Ok(Settled::NotAll) };
    let mut plans: Vec<Seen> =
        known.names.iter().enumerate().map(|(place, name)| Seen::not_started(place, name)).collect();
    let mut has_others = false;
    for words in words.chunks_exact(WORDS) {
        match known.names.iter().position(|name| *name == words[0]) {
            Some(place) => settle(&mut plans[place], known.declarations[place], words),
            // History, of a plan that was deleted from the code.
            None => has_others = true,
        }
    }
    Ok(Settled::All { plans, has_others })
}

/// Fills in what a plan's words tell: no step of it is being done.
fn settle(seen: &mut Seen, known: &str, words: &[&str]) {
    let &[_, declaration, steps, status, side, conflicts, held_at] = words else { return };
    let status = Status::of(status);
    seen.status = Some(status);
    seen.side = state::side_of(side).unwrap_or(Side::Old);
    seen.held_at = (!held_at.is_empty()).then(|| phase(held_at));
    seen.is_edited = status != Status::Reverted && declaration != known;
    seen.done = if status == Status::Finished { steps.parse().unwrap_or(0) } else { 0 };
    seen.conflicts = conflicts.parse().unwrap_or(0);
}
