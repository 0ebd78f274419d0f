//! A comparison of both sides that somebody asks for, whatever the plan is at.

use std::fmt;
use std::time::Instant;

use migrate_plan::Work;
use postgres::Client;

use crate::closed::Closed;
use crate::database::Doing;
use crate::error::Error;
use crate::job::{self, Compared};
use crate::migrator::Migrator;
use crate::state::{self, Entry, JournalStep, PlanRow, Shape, Status, StepState, UnderWay};

/// What a comparison of both sides has found, as [`Migrator::verify`] answers it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verification {
    /// The plan.
    pub plan: String,
    /// Rows compared, of all its tables.
    pub rows: u64,
    /// What was found, or kept it from its end: rows that disagree, rows that do not convert, a pause. Nothing where every row
    /// agrees.
    pub closed: Vec<Closed>,
}

/// With the values of rows that disagree, where they are kept: for the person who asks, not for logs.
impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verification { plan, rows, closed } = self;
        if closed.is_empty() {
            return write!(f, "{plan}: both sides of {rows} rows agree");
        }
        write!(f, "{plan}: {rows} rows were compared")?;
        closed.iter().try_for_each(|closed| write!(f, "\n    closed  {}", closed.in_full()))
    }
}

/// Compares both sides of every row of a plan. Rows that are not filled are, as before the switch.
pub(crate) fn verify(migrator: &Migrator, client: &mut Client, name: &str) -> Result<Verification, Error> {
    let row = if state::exists(client)? { state::by_name(client, name)? } else { None };
    let row = row.ok_or_else(|| Error::NotStarted { plan: name.to_owned() })?;
    let UnderWay { row, tables, steps } = UnderWay::of(client, row)?;
    require_both_sides(&row, &steps)?;
    let mut found = Verification { plan: row.name.clone(), rows: 0, closed: Vec::new() };
    let begun = Instant::now();
    for table in tables {
        if !matches!(table.shape, Shape::Live | Shape::Strict) {
            return Err(refused(&row, "its old columns are out of reach already"));
        }
        let of_the_table =
            |step: &&JournalStep| matches!(step.work, Work::Verify { table: place } if place as i32 == table.place);
        let Some(step) = steps.iter().find(of_the_table) else { continue };
        let Compared { rows, closed } = job::verify_now(migrator, client, &row, step, &table)?;
        found.rows += rows;
        found.closed.extend(closed);
    }
    let event = match found.closed.is_empty() {
        true => format!("verified {} rows", found.rows),
        false => format!("verified {} rows, not all in agreement", found.rows),
    };
    let mut transaction = client.transaction().doing("writing the history")?;
    state::record(&mut transaction, &Entry { begun: Some(begun), ..Entry::of(&row.name, &event) })?;
    transaction.commit().doing("writing the history")?;
    Ok(found)
}

/// Both sides are there, and filled.
fn require_both_sides(row: &PlanRow, steps: &[JournalStep]) -> Result<(), Error> {
    match row.status {
        Status::Finished => return Err(refused(row, "it is finished: there is one side left")),
        Status::Reverted => return Err(refused(row, "it is reverted: there is one side left")),
        Status::Running => {}
    }
    let unfilled = |step: &&JournalStep| matches!(step.work, Work::Backfill { .. }) && step.state != StepState::Done;
    match steps.iter().find(unfilled) {
        Some(step) => {
            Err(refused(row, &format!("`{}` is not done: rows that are not filled agree with nothing", step.name)))
        }
        None => Ok(()),
    }
}

fn refused(row: &PlanRow, why: &str) -> Error {
    Error::NotVerifiable { plan: row.name.clone(), why: why.to_owned() }
}
