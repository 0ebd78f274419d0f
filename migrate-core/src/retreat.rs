//! Takes a plan back.

use migrate_plan::{Phase, Side, SyncChange, Work};
use postgres::Client;

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::leader::{self, Claimant};
use crate::migrator::Migrator;
use crate::state::{self, Entry, JournalStep, PlanRow, Shape, Status, StepState, UnderWay};
use crate::{hold, job, step};

/// Undoes every step after `phase`, newest first, and holds the plan there; all of them where it is
/// `None`.
pub(crate) fn retreat(migrator: &Migrator, client: &mut Client, name: &str, phase: Option<Phase>) -> Result<(), Error> {
    state::ensure(client)?;
    leader::begin_term(client, Claimant::default())?;
    let row = state::by_name(client, name)?.ok_or_else(|| Error::NotStarted { plan: name.to_owned() })?;
    require_revertible(client, &row, phase)?;
    if row.status == Status::Reverted {
        // It may have been released since.
        return if row.held_at.is_some() { Ok(()) } else { hold::hold(client, name).map(|_| ()) };
    }
    let mut plan = UnderWay::of(client, row)?;
    if step::keep_synced(migrator, client, &plan)? {
        plan.refresh(client)?;
        if plan.row.side == Side::New {
            require_agreement(migrator, client, &plan)?;
        }
    }
    // The hold comes first: whatever ends this call early, no later run goes forward again.
    let held = phase.map_or("none", Phase::as_str);
    client
        .tell("UPDATE migrate.plan SET held_at = $2 WHERE id = $1", &[&plan.row.id, &held])
        .doing("holding a plan")?;
    let is_left =
        |step: &&JournalStep| step.state != StepState::Pending && phase.is_none_or(|phase| step.phase > phase);
    while let Some(last) = plan.steps.iter().rev().find(is_left).cloned() {
        step::undo(migrator, client, &plan, &last)?;
        // The side may have changed with it.
        plan.refresh(client)?;
    }
    if phase.is_none() {
        client
            .tell("UPDATE migrate.plan SET status = 'reverted' WHERE id = $1", &[&plan.row.id])
            .doing("writing a plan's state")?;
    }
    state::record(client, &Entry::of(name, "reverted"))
}

/// The sync was off for a while: what the new side holds must have reached the old one before it counts.
fn require_agreement(migrator: &Migrator, client: &mut Client, plan: &UnderWay) -> Result<(), Error> {
    let UnderWay { row, tables, steps } = plan;
    for step in steps {
        let Work::Verify { table } = step.work else { continue };
        let Some(table) = tables.get(table).filter(|table| table.shape != Shape::Retired) else { continue };
        if let Some(closed) = job::verify(migrator, client, row, step, table)?.first() {
            let why = format!("its sync triggers were off for a while, and {closed}");
            return Err(Error::NotRevertible { plan: row.name.clone(), why });
        }
    }
    Ok(())
}

/// Whether a step is past the point of no return once it is done.
fn drops(step: &JournalStep) -> bool {
    matches!(step.work, Work::Transaction { sync: SyncChange::Remove, .. })
}

fn require_revertible(client: &mut Client, row: &PlanRow, phase: Option<Phase>) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::NotRevertible { plan: row.name.clone(), why });
    if row.status == Status::Finished {
        return refuse("it is finished, and its old columns are gone".to_owned());
    }
    let steps = state::steps(client, row.id)?;
    if let Some(drop) = steps.iter().find(|step| step.state == StepState::Done && drops(step)) {
        return refuse(format!("step `{}` is done, and what it dropped is gone; run it to its end", drop.name));
    }
    if let Some(phase) = phase {
        // Where the sync was lost and mended, later steps are done before earlier ones are again.
        let is_beyond = steps.iter().any(|step| step.phase > phase && step.state != StepState::Pending);
        return match state::reached(&steps) {
            _ if is_beyond => Ok(()),
            Some(reached) if reached >= phase => Ok(()),
            Some(reached) => refuse(format!("it has not come to the end of {phase}, only to that of {reached}")),
            None => refuse(format!("it has not come to the end of {phase}: its first phase is not done")),
        };
    }
    let later = client
        .ask(
            "SELECT DISTINCT o.name FROM migrate.plan_table t \
             JOIN migrate.plan_table other ON other.relation = t.relation AND other.plan > t.plan \
             JOIN migrate.plan o ON o.id = other.plan AND o.status = 'running' \
             JOIN migrate.part p ON p.plan = other.plan AND p.place = other.place \
             WHERE t.plan = $1 AND p.reads && t.new_columns",
            &[&row.id],
        )
        .doing("looking for plans that build on this one")?;
    match later.first() {
        Some(other) => {
            refuse(format!("plan `{}` builds on its new columns; revert that one first", other.get::<_, String>(0)))
        }
        None => Ok(()),
    }
}
