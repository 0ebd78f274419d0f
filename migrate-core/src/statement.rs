//! Statements outside any transaction: they may run for hours beside readers and writers, and wait for locks that
//! stand in nobody's way, so they have no time limit.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use crate::database::DatabaseError;
use crate::error::Error;
use crate::event::Event;
use crate::migrator::Migrator;
use crate::state::{self, Entry, JournalStep, PlanRow, StepState};
use crate::step::probe;
use crate::watch;

/// How often a statement is tried that others end: by a cancel, or as the victim of a deadlock.
const TRIES: u32 = 5;

/// Before the second try; longer before each further one. Whoever cancelled it wanted something else to go first.
const PAUSE: Duration = Duration::from_millis(500);

/// Does a step's statement: journaled before, looked for after, and safe to run again.
pub(crate) fn perform(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    sql: &str,
) -> Result<(), Error> {
    let begun = Instant::now();
    state::mark(client, plan.id, step.number, StepState::Running)?;
    let mut tries = 0;
    // An earlier try may have ended after its work and before the journal.
    while !probe(client, step)? {
        migrator.require_running()?;
        migrator.notify(&Event::Committing { plan: &plan.name, step: &step.name });
        tries += 1;
        match watch::run(migrator, client, plan, step, sql) {
            Err(error) if error.is_transient() && tries < TRIES => {
                tell_retry(migrator, plan, step, &error);
                thread::sleep(PAUSE * tries);
            }
            Err(error) => return Err(error.into()),
            Ok(()) if probe(client, step)? => break,
            Ok(()) => return Err(Error::Drift { plan: plan.name.clone(), step: step.name.clone() }),
        }
    }
    state::finish(client, plan.id, step, &Entry::step(&plan.name, "done", step, begun, &[sql.to_owned()]))
}

fn tell_retry(migrator: &Migrator, plan: &PlanRow, step: &JournalStep, error: &DatabaseError) {
    tracing::warn!(plan = plan.name, step = step.name, %error, "the statement was ended; trying again");
    let (sqlstate, reason) = (error.sqlstate(), error.to_string());
    migrator.notify(&Event::Retried { plan: &plan.name, step: &step.name, sqlstate, reason: &reason });
}
