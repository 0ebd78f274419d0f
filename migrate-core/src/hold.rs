//! Holds a plan where it is, and lets it go on.

use migrate_plan::Phase;
use postgres::Client;

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::state::{self, Entry, PlanRow, Status};

/// Lets no run go further with a plan than it has come. It asks for no leader: a run at work goes no further either.
/// Answers the phase it is held at, as [`Position`](crate::Position) counts them; an earlier hold stays.
pub(crate) fn hold(client: &mut Client, name: &str) -> Result<Option<Phase>, Error> {
    loop {
        let row = if state::exists(client)? { state::by_name(client, name)? } else { None };
        let row = row.ok_or_else(|| Error::NotStarted { plan: name.to_owned() })?;
        let here = match row.status {
            Status::Finished => {
                return Err(Error::NotHoldable { plan: row.name, why: "it is finished".to_owned() });
            }
            Status::Reverted => None,
            Status::Running => state::reached(&state::steps(client, row.id)?),
        };
        let at = row.held_at.map_or(here, |before| before.min(here));
        if set(client, &row, at)? {
            return Ok(at);
        }
    }
}

/// Writes a hold; not where another operator's word has come in between. It is one statement: a runner at work may hold
/// a table while it waits for the plan's row, so the row is never kept from one round trip to the next.
fn set(client: &mut Client, plan: &PlanRow, at: Option<Phase>) -> Result<bool, Error> {
    let before = plan.held_at.map(word);
    let written = client
        .tell(
            "WITH held AS ( \
                 UPDATE migrate.plan SET held_at = $2 \
                 WHERE id = $1 AND held_at IS NOT DISTINCT FROM $3 AND status <> 'finished' RETURNING name) \
             INSERT INTO migrate.history (plan, event) SELECT name, $4 FROM held",
            &[&plan.id, &word(at), &before, &event(at)],
        )
        .doing("holding a plan")?;
    Ok(written > 0)
}

/// Lets a plan go on to `phase` at most, as an operator orders it.
pub(crate) fn move_to(client: &mut Client, plan: &PlanRow, phase: Phase) -> Result<(), Error> {
    let mut transaction = client.transaction().doing("ending a hold")?;
    transaction
        .tell("UPDATE migrate.plan SET held_at = $2 WHERE id = $1", &[&plan.id, &phase.as_str()])
        .doing("ending a hold")?;
    let event = event(Some(phase));
    state::record(&mut transaction, &Entry::of(&plan.name, &event))?;
    transaction.commit().doing("ending a hold")?;
    Ok(())
}

/// Ends a hold.
pub(crate) fn release(client: &mut Client, name: &str) -> Result<(), Error> {
    let not_started = || Error::NotStarted { plan: name.to_owned() };
    if !state::exists(client)? {
        return Err(not_started());
    }
    let mut transaction = client.transaction().doing("releasing a plan")?;
    let changed = transaction
        .tell(
            "UPDATE migrate.plan SET held_at = NULL WHERE name = $1 RETURNING pg_catalog.pg_notify('migrate', '')",
            &[&name],
        )
        .doing("releasing a plan")?;
    if changed == 0 {
        return Err(not_started());
    }
    state::record(&mut transaction, &Entry::of(name, "released"))?;
    transaction.commit().doing("releasing a plan")?;
    Ok(())
}

/// The last phase allowed, as the state has it.
fn word(at: Option<Phase>) -> &'static str {
    at.map_or("none", Phase::as_str)
}

/// A hold as the history tells it.
fn event(at: Option<Phase>) -> String {
    at.map_or_else(|| "held before its first step".to_owned(), |phase| format!("held at {phase}"))
}
