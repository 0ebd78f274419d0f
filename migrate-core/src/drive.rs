//! Carries plans forward, step by step.

use std::time::{Duration, Instant};

use migrate_plan::{Phase, Plan, SyncChange, Work};
use postgres::{Client, GenericClient};

use crate::acknowledge::Acknowledgements;
use crate::database::Doing;
use crate::error::Error;
use crate::event::Event;
use crate::gate::Look;
use crate::migrator::Migrator;
use crate::report::{Closed, PlanReport, Position, Report};
use crate::state::{self, JournalStep, PlanRow, Status, StepState, UnderWay};
use crate::{bounds, gate, hold, job, leader, limit, preflight, session, step};

/// How often a proof may fail in one run because of rows that came in after the backfill.
const PROOFS: u32 = 3;

/// Carries every plan to its stage, and the plan of `order` to its phase. The session is in a term of its own.
pub(crate) fn run(migrator: &Migrator, client: &mut Client, order: Option<(&str, Phase)>) -> Result<Report, Error> {
    let plans = migrator.plans();
    let known = state::plans(client)?;
    for plan in plans {
        if let Some(row) = known.iter().find(|row| row.name == plan.name) {
            require_unedited(plan, row)?;
        }
    }
    let mut report = Report { unknown: unknown(plans, &known), ..Report::default() };
    for plan in plans {
        let ordered = order.filter(|(name, _)| *name == plan.name).map(|(_, phase)| phase);
        // Nobody else starts one meanwhile: that is the leader's to do.
        let is_known = known.iter().any(|row| row.name == plan.name);
        let done = Drive { migrator, plan, is_known }.forward(client, ordered)?;
        migrator.notify(&Event::Rested { plan: &done.name, closed: &done.closed });
        report.plans.push(done);
    }
    Ok(report)
}

/// Reports without doing anything.
pub(crate) fn status(migrator: &Migrator, client: &mut impl GenericClient) -> Result<Report, Error> {
    let plans = migrator.plans();
    if !state::exists(client)? {
        let plans = plans.iter().map(|plan| not_started(plan, None)).collect();
        return Ok(Report { plans, ..Report::default() });
    }
    let known = state::plans(client)?;
    let at_work = leader::holder(client)?;
    let (trouble, waiting) = leader::told(client)?;
    let mut report = Report {
        unknown: unknown(plans, &known),
        waiting: waiting.filter(|_| at_work.is_some()),
        at_work,
        trouble,
        instances: gate::instances::all(client)?,
        ..Report::default()
    };
    for plan in plans {
        let row = known.iter().find(|row| row.name == plan.name);
        let drive = Drive { migrator, plan, is_known: row.is_some() };
        let mut found = match row {
            Some(row) if row.status != Status::Reverted => {
                let held = drive.held(row, None).into_iter().collect();
                let plan = UnderWay::of(client, row.clone())?;
                drive.summary(client, &plan, Vec::new(), held)?
            }
            row => not_started(plan, row),
        };
        if let Some(row) = row.filter(|row| row.status == Status::Running) {
            let (waits_for, looked_at) = state::last_look(client, row.id)?;
            found.waits_for = waits_for;
            found.looked_at = looked_at.map(Duration::from_secs_f64);
            found.closed.extend(job::closed(client, migrator.limits(), row.id)?);
            found.job = state::job(client, row.id)?;
            found.limits = limit::in_force(client, &row.name)?.into_words();
            found.acknowledged = Acknowledgements::of(client, &row.name)?.into_words();
        }
        report.plans.push(found);
    }
    Ok(report)
}

fn unknown(plans: &[&Plan], known: &[PlanRow]) -> Vec<String> {
    known
        .iter()
        .filter(|row| row.status == Status::Running && !plans.iter().any(|plan| plan.name == row.name))
        .map(|row| row.name.clone())
        .collect()
}

/// A plan is what it was when it started; a finished or reverted one is history.
fn require_unedited(plan: &Plan, row: &PlanRow) -> Result<(), Error> {
    if row.status == Status::Reverted || row.declaration == plan.declaration {
        return Ok(());
    }
    let (before, now): (Vec<&str>, Vec<&str>) = (row.declaration.lines().collect(), plan.declaration.lines().collect());
    let gone = before.iter().filter(|line| !now.contains(line)).map(|line| format!("  - {line}\n"));
    let come = now.iter().filter(|line| !before.contains(line)).map(|line| format!("  + {line}\n"));
    Err(Error::PlanEdited { plan: row.name.clone(), difference: gone.chain(come).collect() })
}

fn not_started(plan: &Plan, row: Option<&PlanRow>) -> PlanReport {
    let held = row.and_then(|row| row.held_at).map(|at| Closed::Held { at });
    PlanReport {
        name: plan.name.to_string(),
        position: Position::Before,
        side: migrate_plan::Side::Old,
        done: Vec::new(),
        done_before: 0,
        beyond_stage: plan.steps.iter().filter(|step| step.phase() > plan.stage.last_phase()).count(),
        closed: held.into_iter().collect(),
        conflicts: 0,
        dependents: Vec::new(),
        waits_for: Vec::new(),
        looked_at: None,
        job: None,
        limits: Vec::new(),
        acknowledged: Vec::new(),
    }
}

/// Whether a plan has started.
enum Start {
    /// It has.
    Open(PlanRow),
    /// It has not, and this is why.
    Closed(Vec<Closed>),
}

/// One plan on its way.
struct Drive<'a> {
    migrator: &'a Migrator,
    plan: &'a Plan,
    /// Whether the database knew it when the run began.
    is_known: bool,
}

impl Drive<'_> {
    fn forward(&self, client: &mut Client, ordered: Option<Phase>) -> Result<PlanReport, Error> {
        let mut row = match self.started(client, ordered)? {
            Start::Open(row) => row,
            Start::Closed(gates) => {
                let row = state::by_name(client, &self.plan.name)?;
                let mut report = not_started(self.plan, row.as_ref());
                report.closed.extend(gates);
                return Ok(report);
            }
        };
        if let Some(phase) = ordered.filter(|_| row.status != Status::Finished) {
            self.end_hold(client, &mut row, phase)?;
        }
        let mut plan = UnderWay::of(client, row)?;
        if plan.row.status == Status::Finished {
            return self.summary(client, &plan, Vec::new(), Vec::new());
        }
        if plan.row.held_at == Some(None) {
            // On its way back: a revert that was ended early is to be ended by another, not undone.
            let held = self.held(&plan.row, ordered).into_iter().collect();
            return self.summary(client, &plan, Vec::new(), held);
        }
        self.reconcile(client, &mut plan)?;
        gate::watch(client, self.migrator, &plan)?;
        session::require_kept(client)?;
        let (mut done, mut closed, mut proofs) = (Vec::new(), Vec::new(), 0);
        while let Some(next) = self.next(&plan, ordered) {
            self.migrator.require_lead(client)?;
            closed.extend(self.gates(client, &mut plan, &next)?);
            if !closed.is_empty() {
                break;
            }
            let begun = Instant::now();
            let found = match step::perform(self.migrator, client, &plan, &next) {
                Err(Error::Database(error))
                    if next.phase == Phase::DualWrite && error.is_about_data() && proofs < PROOFS =>
                {
                    tracing::warn!(plan = plan.row.name, step = next.name, %error, "rows came in that do not convert; filling again");
                    proofs += 1;
                    // They may have come past the triggers.
                    step::keep_synced(self.migrator, client, &plan)?;
                    let undone = self.fill_again(client, &mut plan, &next)?;
                    done.retain(|(step, _)| !undone.contains(step));
                    continue;
                }
                outcome => outcome?,
            };
            if !found.is_empty() {
                closed.extend(found);
                break;
            }
            done.push((next.name.clone(), begun.elapsed()));
            plan.refresh(client)?;
        }
        let closed: Vec<Closed> = self.held(&plan.row, ordered).into_iter().chain(closed).collect();
        let waits: Vec<String> = closed.iter().map(ToString::to_string).collect();
        let report = self.summary(client, &plan, done, closed)?;
        state::looked_at(client, plan.row.id, &waits, &report.dependents)?;
        Ok(report)
    }

    /// What keeps a step from beginning. Before the old columns are taken away the plan is closed to builds that may use
    /// them, and then looked at once more: whoever was there before is seen, and nobody can have come since.
    fn gates(&self, client: &mut Client, plan: &mut UnderWay, next: &JournalStep) -> Result<Vec<Closed>, Error> {
        let look = |client: &mut Client, plan: &UnderWay| gate::before(client, self.migrator, plan, next);
        let mut closed = look(client, plan)?;
        if closed.is_empty() && gate::takes_away(next) && !plan.row.is_closed {
            closed.extend(gate::instances::close(client, &plan.row)?);
            plan.row.is_closed = closed.is_empty();
            if plan.row.is_closed {
                closed.extend(look(client, plan)?);
            }
        }
        if !closed.is_empty() && plan.row.is_closed {
            gate::instances::reopen(client, &plan.row)?;
        }
        Ok(closed)
    }

    /// Goes back to the backfill from a proof that failed: it knows the rows, or fills them. Answers the
    /// steps that were undone.
    fn fill_again(&self, client: &mut Client, plan: &mut UnderWay, failed: &JournalStep) -> Result<Vec<String>, Error> {
        let mut undone = Vec::new();
        for step in plan.steps.iter().rev().filter(|step| step.number <= failed.number) {
            step::undo(self.migrator, client, plan, step)?;
            undone.push(step.name.clone());
            if matches!(step.work, Work::Backfill { .. }) {
                break;
            }
        }
        plan.refresh(client)?;
        Ok(undone)
    }

    /// The plan's row; a plan that has not started is checked against the live database and journaled.
    fn started(&self, client: &mut Client, ordered: Option<Phase>) -> Result<Start, Error> {
        let row = if self.is_known { state::by_name(client, &self.plan.name)? } else { None };
        let reverted = match row {
            Some(row) if row.status != Status::Reverted => return Ok(Start::Open(row)),
            other => other,
        };
        let gates = gate::before_start(client, self.plan)?;
        let held = reverted.as_ref().is_some_and(|row| row.held_at.is_some()) && ordered.is_none();
        if held || !gates.is_empty() {
            return Ok(Start::Closed(gates));
        }
        let relations = preflight::check(client, self.plan)?;
        let gates = bounds::before_start(client, self.migrator.limits(), self.plan)?;
        if !gates.is_empty() {
            return Ok(Start::Closed(gates));
        }
        if let Some(row) = reverted {
            state::forget(client, row.id)?;
        }
        let mut transaction = client.transaction().doing("journaling a plan")?;
        let row = state::insert(&mut transaction, self.plan, &relations, "started")?;
        transaction.commit().doing("journaling a plan")?;
        Ok(Start::Open(row))
    }

    fn end_hold(&self, client: &mut Client, row: &mut PlanRow, phase: Phase) -> Result<(), Error> {
        if let Some(held) = row.held_at
            && held.is_none_or(|at| at < phase)
        {
            // What was ordered stays allowed: the next run at the same stage must not go further.
            hold::move_to(client, row, phase)?;
            row.held_at = Some(Some(phase));
        }
        Ok(())
    }

    /// The last phase to enter, but for holds: the stage's, unless an operator orders another.
    fn goal(&self, ordered: Option<Phase>) -> Phase {
        ordered.unwrap_or(self.plan.stage.last_phase())
    }

    /// A hold that keeps the plan from its goal.
    fn held(&self, row: &PlanRow, ordered: Option<Phase>) -> Option<Closed> {
        let at = row.held_at?;
        (at < Some(self.goal(ordered)) && row.status == Status::Running).then_some(Closed::Held { at })
    }

    fn next(&self, plan: &UnderWay, ordered: Option<Phase>) -> Option<JournalStep> {
        let goal = Some(self.goal(ordered));
        let limit = plan.row.held_at.map_or(goal, |at| goal.min(at));
        let next = plan.steps.iter().find(|step| step.state != StepState::Done);
        next.filter(|step| Some(step.phase) <= limit).cloned()
    }

    /// Journal and catalog agree: what is done is there, and the triggers are where rows are written.
    fn reconcile(&self, client: &mut Client, plan: &mut UnderWay) -> Result<(), Error> {
        if step::keep_synced(self.migrator, client, plan)? {
            plan.refresh(client)?;
        }
        for done in plan.steps.iter().filter(|step| step.state == StepState::Done) {
            // Later steps move what earlier ones made: a retired column, a check that became a flag.
            let superseded =
                plan.steps.iter().any(|later| {
                    later.number > done.number && later.state == StepState::Done && later.phase == Phase::Contract
                }) || matches!(done.work, Work::Statement(_) | Work::Transaction { sync: SyncChange::Tighten, .. });
            if !superseded && !step::probe(client, done)? {
                return Err(Error::Drift { plan: plan.row.name.clone(), step: done.name.clone() });
            }
        }
        Ok(())
    }

    fn summary(
        &self,
        client: &mut impl GenericClient,
        plan: &UnderWay,
        done: Vec<(String, Duration)>,
        closed: Vec<Closed>,
    ) -> Result<PlanReport, Error> {
        let UnderWay { row, steps, .. } = plan;
        let stage = self.plan.stage.last_phase();
        let left: Vec<&JournalStep> = steps.iter().filter(|step| step.state != StepState::Done).collect();
        let position = match state::reached(steps) {
            _ if left.is_empty() => Position::Finished,
            phase => phase.map_or(Position::Before, Position::After),
        };
        let dependents =
            if row.status == Status::Running { Look::at(client, plan)?.dependents(client)? } else { Vec::new() };
        Ok(PlanReport {
            name: row.name.clone(),
            position,
            side: row.side,
            done_before: (steps.len() - left.len()).saturating_sub(done.len()),
            done,
            beyond_stage: left.iter().filter(|step| step.phase > stage).count(),
            closed,
            conflicts: gate::conflicts(client, row)?,
            dependents,
            waits_for: Vec::new(),
            looked_at: None,
            job: None,
            limits: Vec::new(),
            acknowledged: Vec::new(),
        })
    }
}

impl Migrator {
    /// Tells that a step begins.
    pub(crate) fn begin(&self, plan: &str, step: &JournalStep) {
        tracing::info!(plan, step = step.name, phase = %step.phase, "step");
        self.notify(&Event::StepStarted { plan, step: &step.name, phase: step.phase });
    }

    /// Tells that a step has ended.
    pub(crate) fn end(&self, plan: &str, step: &JournalStep, begun: Instant) {
        let took = begun.elapsed();
        tracing::info!(plan, step = step.name, ?took, "step done");
        self.notify(&Event::StepDone { plan, step: &step.name, took });
    }
}
