//! Holds a plan where it is, and lets it go on.

use migrate_plan::Phase;
use postgres::Client;

use crate::database::Doing;
use crate::error::Error;
use crate::state::{self, Entry, Status};

/// Lets no run go further with a plan than it has come. It asks for no leader: a run at work goes no further either.
/// Answers the phase it is held at, as [`Position`](crate::Position) counts them; an earlier hold stays.
pub(crate) fn hold(client: &mut Client, name: &str) -> Result<Option<Phase>, Error> {
    let not_started = || Error::NotStarted { plan: name.to_owned() };
    if !state::exists(client)? {
        return Err(not_started());
    }
    let mut transaction = client.transaction().doing("holding a plan")?;
    // A revert or a release that commits now is seen, and a later one waits.
    transaction.execute("SELECT FROM migrate.plan WHERE name = $1 FOR UPDATE", &[&name]).doing("holding a plan")?;
    let row = state::by_name(&mut transaction, name)?.ok_or_else(not_started)?;
    let here = match row.status {
        Status::Finished => {
            return Err(Error::NotHoldable { plan: row.name, why: "it is finished".to_owned() });
        }
        Status::Reverted => None,
        Status::Running => state::reached(&state::steps(&mut transaction, row.id)?),
    };
    let at = row.held_at.map_or(here, |before| before.min(here));
    let word = at.map_or("none", Phase::as_str);
    transaction
        .execute("UPDATE migrate.plan SET held_at = $2 WHERE id = $1", &[&row.id, &word])
        .doing("holding a plan")?;
    state::record(&mut transaction, &held(&row.name, at).entry())?;
    transaction.commit().doing("holding a plan")?;
    Ok(at)
}

/// Lets a plan go on to `phase` at most, as an operator orders it.
pub(crate) fn move_to(client: &mut Client, plan: &state::PlanRow, phase: Phase) -> Result<(), Error> {
    let mut transaction = client.transaction().doing("ending a hold")?;
    transaction
        .execute("UPDATE migrate.plan SET held_at = $2 WHERE id = $1", &[&plan.id, &phase.as_str()])
        .doing("ending a hold")?;
    state::record(&mut transaction, &held(&plan.name, Some(phase)).entry())?;
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
        .execute("UPDATE migrate.plan SET held_at = NULL WHERE name = $1", &[&name])
        .doing("releasing a plan")?;
    if changed == 0 {
        return Err(not_started());
    }
    state::record(&mut transaction, &Entry { plan: name, event: "released", step: None, statements: &[] })?;
    transaction.commit().doing("releasing a plan")?;
    Ok(())
}

/// A hold as the history tells it.
struct Held<'a> {
    plan: &'a str,
    event: String,
}

fn held(plan: &str, at: Option<Phase>) -> Held<'_> {
    let event = at.map_or_else(|| "held before its first step".to_owned(), |phase| format!("held at {phase}"));
    Held { plan, event }
}

impl Held<'_> {
    fn entry(&self) -> Entry<'_> {
        Entry { plan: self.plan, event: &self.event, step: None, statements: &[] }
    }
}
