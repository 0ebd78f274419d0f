//! Plans that are where nobody moves them on: their rows alone tell it, in one plain query.

use migrate_plan::Side;
use postgres::{Client, Row};

use super::registry::{Knowledge, Seen, phase};
use crate::ask::Ask;
use crate::database::DatabaseError;
use crate::error::Error;
use crate::state::{self, Status};

/// What the rows tell.
pub(crate) enum Settled {
    /// There is no state yet.
    NoState,
    /// All plans of the build, and those in flight that it does not know. None of its own is in flight. Whether the
    /// database has had plans that the build does not know: then it may be older than they are.
    All { plans: Vec<Seen>, has_others: bool },
    /// Some are in flight, or none has ever started: their steps and the catalog have to be looked at.
    NotAll,
}

/// Looks at the rows of the plans. A function of the state would have to be planned anew for each call, and its parts of
/// the catalog be read by each new session; this query is as small as can be, since every start of every process makes it.
pub(crate) fn settled(client: &mut Client, known: &Knowledge) -> Result<Settled, Error> {
    // Without a condition or a join: to plan one costs more than to read the few rows that there are. A state without a plan
    // answers no row, and is looked at in full.
    let sql = "SELECT (SELECT v.compatible FROM migrate.state_version v), p.name, p.declaration, p.steps, p.status, p.side, \
                      p.held_at, p.conflicts, p.dependents \
               FROM migrate.plan p";
    let rows = match client.ask(sql, &[]) {
        Ok(rows) => rows,
        Err(error) if error.code().is_some_and(state::is_absent) => return Ok(Settled::NoState),
        Err(error) => return Err(DatabaseError::new("looking where the plans are", error).into()),
    };
    let Some(first) = rows.first() else { return Ok(Settled::NotAll) };
    match first.get(0) {
        None => return Ok(Settled::NoState),
        Some(compatible) if !state::is_compatible(compatible) => {
            state::exists(client)?;
        }
        Some(_) => {}
    }
    let mut plans: Vec<Seen> =
        known.names.iter().enumerate().map(|(place, name)| Seen::not_started(place, name)).collect();
    let mut has_others = false;
    for row in rows {
        let name: &str = row.get(1);
        let status = Status::of(row.get(4));
        let place = known.names.iter().position(|known| *known == name);
        has_others |= place.is_none();
        match (place, status) {
            (Some(_), Status::Running) => return Ok(Settled::NotAll),
            // History, of a plan that was deleted from the code.
            (None, Status::Finished | Status::Reverted) => continue,
            _ => {}
        }
        match place {
            Some(place) => plans[place] = seen(&row, known, Some(place), name, status),
            None => plans.push(seen(&row, known, None, name, status)),
        }
    }
    Ok(Settled::All { plans, has_others })
}

/// A plan of which no step is being done.
fn seen(row: &Row, known: &Knowledge, place: Option<usize>, name: &str, status: Status) -> Seen {
    let is_other = place.is_some_and(|place| row.get::<_, &str>(2) != known.declarations[place]);
    Seen {
        place,
        status: Some(status),
        side: state::side_of(row.get(5)).unwrap_or(Side::Old),
        held_at: row.get::<_, Option<&str>>(6).map(phase),
        is_edited: status != Status::Reverted && is_other,
        done: if status == Status::Finished { usize::try_from(row.get::<_, i32>(3)).unwrap_or(0) } else { 0 },
        conflicts: row.get::<_, i64>(7).unsigned_abs(),
        dependents: row.get(8),
        ..Seen::not_started(0, name)
    }
}
