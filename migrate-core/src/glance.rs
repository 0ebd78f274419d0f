//! The fast path: one query that takes no lock tells that there is nothing to do, and a second one where plans are in flight.

use migrate_plan::{Phase, Plan};
use postgres::Client;

use crate::error::Error;
use crate::instance::{self, Knowledge, Seen, Settled};
use crate::migrator::Migrator;
use crate::report::{Closed, PlanReport, Position, Report};
use crate::state::Status;

/// What a run would report that finds nothing to do; nothing where it would find something, or cannot tell.
pub(crate) fn nothing_to_do(migrator: &Migrator, client: &mut Client) -> Result<Option<Report>, Error> {
    let Some(plans) = seen(client, &migrator.knowledge())? else { return Ok(None) };
    if plans.iter().any(Seen::has_work) {
        return Ok(None);
    }
    let mut report = Report::default();
    for seen in &plans {
        match seen.place.and_then(|place| migrator.plans().get(place)) {
            Some(plan) => report.plans.push(summary(plan, seen)),
            None => report.unknown.push(seen.name.clone()),
        }
    }
    Ok(Some(report))
}

/// Where all plans are: by their rows, and only where some are in flight by their steps and the catalog as well.
fn seen(client: &mut Client, known: &Knowledge) -> Result<Option<Vec<Seen>>, Error> {
    match instance::settled(client, known)? {
        Settled::NoState => Ok(None),
        Settled::All { plans, .. } => Ok(Some(plans)),
        Settled::NotAll => instance::look(client, known),
    }
}

fn summary(plan: &Plan, seen: &Seen) -> PlanReport {
    let goal = plan.outline().stage.last_phase();
    let held = seen.held_at.filter(|at| *at < Some(goal) && seen.status != Some(Status::Finished));
    PlanReport {
        name: seen.name.clone(),
        position: position(seen),
        side: seen.side,
        done: Vec::new(),
        done_before: seen.done,
        beyond_stage: beyond(plan, seen, goal),
        closed: held.map(|at| Closed::Held { at }).into_iter().collect(),
        conflicts: seen.conflicts,
        dependents: seen.dependents.clone(),
        waits_for: Vec::new(),
        looked_at: None,
        job: None,
        limits: Vec::new(),
        acknowledged: Vec::new(),
    }
}

/// How many steps are left beyond the stage of the build.
fn beyond(plan: &Plan, seen: &Seen, goal: Phase) -> usize {
    match seen.status {
        None | Some(Status::Reverted) => plan.steps.iter().filter(|step| step.phase() > goal).count(),
        _ => seen.beyond,
    }
}

/// Where a plan is, in the words of a report.
pub(crate) fn position(seen: &Seen) -> Position {
    match seen.status {
        None | Some(Status::Reverted) => Position::Before,
        Some(Status::Finished) => Position::Finished,
        Some(Status::Running) => seen.reached.map_or(Position::Before, Position::After),
    }
}
