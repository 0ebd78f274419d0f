//! Does one step, and journals it with what it did.

use std::time::Instant;

use migrate_plan::ident::INSERT_TRIGGER;
use migrate_plan::{LockMode, Side, SyncChange, Work};
use postgres::{Client, GenericClient};

use crate::ask::Ask;
use crate::compose::Becomes;
use crate::database::Doing;
use crate::error::Error;
use crate::event::Event;
use crate::job::{backfill, verify};
use crate::lock::{LockCost, LockRequest};
use crate::migrator::Migrator;
use crate::report::Closed;
use crate::state::{self, Entry, JournalStep, PlanRow, Shape, Standing, StepState, TableRow, UnderWay};
use crate::{batch, catalog, compose, gate, statement};

/// Does a step; what is returned keeps it from being done.
pub(crate) fn perform(
    migrator: &Migrator,
    client: &mut Client,
    under_way: &UnderWay,
    step: &JournalStep,
) -> Result<Vec<Closed>, Error> {
    let begun = Instant::now();
    let plan = &under_way.row;
    migrator.begin(&plan.name, step);
    let found = |place: usize| table(under_way, step, place);
    let closed = match &step.work {
        Work::Nothing => {
            state::mark(client, plan.id, step.number, StepState::Done)?;
            Vec::new()
        }
        Work::Transaction { table, .. } => {
            let doing = LockedStep { migrator, plan, step, event: "done", to: StepState::Done };
            doing.transaction(client, found(*table)?, &step.work)?;
            Vec::new()
        }
        Work::Statement(sql) => {
            statement::perform(migrator, client, plan, step, sql)?;
            Vec::new()
        }
        Work::Authority(side) => {
            authority(migrator, client, under_way, step, *side, StepState::Done)?;
            Vec::new()
        }
        Work::Backfill { table } => backfill(migrator, client, plan, step, found(*table)?)?,
        Work::Verify { table } => verify(migrator, client, plan, step, found(*table)?)?,
    };
    if closed.is_empty() {
        migrator.end(&plan.name, step, begun);
    }
    Ok(closed)
}

/// Undoes a step.
pub(crate) fn undo(
    migrator: &Migrator,
    client: &mut Client,
    under_way: &UnderWay,
    step: &JournalStep,
) -> Result<(), Error> {
    let begun = Instant::now();
    let plan = &under_way.row;
    migrator.begin(&plan.name, step);
    match &step.undo {
        Work::Transaction { table: place, .. } => {
            let doing = LockedStep { migrator, plan, step, event: "undone", to: StepState::Pending };
            doing.transaction(client, table(under_way, step, *place)?, &step.undo)?;
        }
        Work::Authority(side) => authority(migrator, client, under_way, step, *side, StepState::Pending)?,
        _ => {
            let mut transaction = client.transaction().doing("undoing a step")?;
            transaction
                .tell("DELETE FROM migrate.cursor WHERE plan = $1 AND step = $2", &[&plan.id, &step.number])
                .doing("forgetting a cursor")?;
            transaction
                .tell("DELETE FROM migrate.failed_row WHERE plan = $1 AND step = $2", &[&plan.id, &step.number])
                .doing("forgetting failed rows")?;
            state::mark(&mut transaction, plan.id, step.number, StepState::Pending)?;
            transaction.commit().doing("undoing a step")?;
        }
    }
    migrator.end(&plan.name, step, begun);
    Ok(())
}

/// The table that a step is about.
fn table<'a>(plan: &'a UnderWay, step: &JournalStep, place: usize) -> Result<&'a TableRow, Error> {
    plan.tables.get(place).ok_or_else(|| Error::Drift { plan: plan.row.name.clone(), step: step.name.clone() })
}

/// Whether the catalog shows a step's result; steps that only move data have nothing to show.
pub(crate) fn probe(client: &mut impl GenericClient, step: &JournalStep) -> Result<bool, Error> {
    if step.probe.is_empty() {
        return Ok(true);
    }
    let row = client.ask_one(step.probe.as_str(), &[]).running("probing the catalog", &step.probe)?;
    Ok(row.get(0))
}

/// A transaction of a step, forward or back.
struct LockedStep<'a> {
    migrator: &'a Migrator,
    plan: &'a PlanRow,
    step: &'a JournalStep,
    event: &'a str,
    to: StepState,
}

impl LockedStep<'_> {
    fn transaction(&self, client: &mut Client, table: &TableRow, work: &Work) -> Result<(), Error> {
        let Work::Transaction { lock, sync, statements, .. } = work else { return Ok(()) };
        let begun = Instant::now();
        let own = statements.iter().map(ToString::to_string);
        let composed = compose::statements(client, self.plan, table, *sync)?;
        let all: Vec<String> = match sync {
            SyncChange::Remove => composed.into_iter().chain(own).collect(),
            _ => own.chain(composed).collect(),
        };
        let (beside, under): (Vec<String>, Vec<String>) = all.into_iter().partition(|sql| is_beside_the_table(sql));
        let all: Vec<String> = beside.iter().chain(&under).cloned().collect();
        let sql = table.sql();
        let what = format!("step `{}`", self.step.name);
        let entry = |cost: &LockCost| {
            let entry = Entry::step(&self.plan.name, self.event, self.step, begun, &all);
            state::entry_sql(&Entry { lock: Some(cost), ..entry })
        };
        let request = LockRequest {
            migrator: self.migrator,
            table: &sql,
            mode: *lock,
            what: &what,
            beside: &beside,
            statements: &under,
            entry: &entry,
        };
        request.transaction(client, |client| {
            self.mark(client, table, *sync)?;
            self.migrator.notify(&Event::Committing { plan: &self.plan.name, step: &self.step.name });
            Ok(())
        })
    }

    /// Writes how far the step is, and what of the plan stands on the table with it.
    fn mark(&self, client: &mut impl GenericClient, table: &TableRow, change: SyncChange) -> Result<(), Error> {
        match compose::shape_after(change) {
            Some(shape) => state::stand(client, self.plan, self.step, self.to, &Standing { table, shape, change }),
            None => state::mark(client, self.plan.id, self.step.number, self.to),
        }
    }
}

/// Gives one side the authority: function bodies only, no table is locked.
fn authority(
    migrator: &Migrator,
    client: &mut Client,
    under_way: &UnderWay,
    step: &JournalStep,
    side: Side,
    to: StepState,
) -> Result<(), Error> {
    let begun = Instant::now();
    if side == Side::New {
        // A little too early: what comes in between counts as made after the switch.
        gate::statements::begin(client, under_way)?;
    }
    let UnderWay { row: plan, tables, .. } = under_way;
    let mut statements = Vec::new();
    for table in tables {
        statements.push(compose::function(client, plan, table, Becomes { shape: table.shape, side })?);
    }
    let mut transaction = batch::begin(client, "switching sides", &statements)?;
    let event = if to == StepState::Done { "done" } else { "undone" };
    let entry = Entry::step(&plan.name, event, step, begun, &statements);
    state::switch(transaction.client(), plan, step, to, side, &entry)?;
    migrator.notify(&Event::Committing { plan: &plan.name, step: &step.name });
    transaction.commit().doing("switching sides")?;
    Ok(())
}

/// Whether a statement of ours makes or replaces what no table knows yet: it needs no lock on the one at hand.
fn is_beside_the_table(statement: &str) -> bool {
    let kinds = ["CREATE FUNCTION ", "CREATE OR REPLACE FUNCTION ", "CREATE SEQUENCE ", "SELECT pg_catalog.nextval("];
    let grants = ["GRANT EXECUTE ON FUNCTION ", "GRANT USAGE ON SEQUENCE "];
    kinds.iter().chain(&grants).any(|kind| statement.starts_with(kind))
}

/// Looks that the sync triggers of a plan are on all of its tables, on for every session and last to fire;
/// puts back those that are not. Answers whether it had to.
pub(crate) fn keep_synced(migrator: &Migrator, client: &mut Client, plan: &UnderWay) -> Result<bool, Error> {
    let mut mended = false;
    for table in plan.tables.iter().filter(|table| table.shape != Shape::Absent) {
        let members = catalog::members(client, &table.sql())?;
        let after = catalog::triggers_after(client, &members, INSERT_TRIGGER)?;
        if let Some((table, trigger)) = after.into_iter().next() {
            return Err(Error::TriggerOrder { table, trigger });
        }
        if !catalog::unsynced(client, &members)?.is_empty() {
            mend(migrator, client, &plan.row, table)?;
            mended = true;
        }
    }
    Ok(mended)
}

/// Gives the sync triggers back to tables that lost them, or came later: a new child by inheritance, a
/// restored table. What was written past them is found by filling and comparing again.
fn mend(migrator: &Migrator, client: &mut Client, plan: &PlanRow, table: &TableRow) -> Result<(), Error> {
    tracing::warn!(plan = plan.name, table = table.shown(), "the sync triggers were not all there; putting them back");
    let statements = compose::triggers(client, plan, table, table.shape)?;
    let sql = table.sql();
    let entry = |cost: &LockCost| {
        let entry = Entry::of(&plan.name, "sync mended");
        state::entry_sql(&Entry { statements: &statements, lock: Some(cost), ..entry })
    };
    let request = LockRequest {
        migrator,
        table: &sql,
        mode: LockMode::AccessExclusive,
        what: "putting the sync triggers back",
        beside: &[],
        statements: &statements,
        entry: &entry,
    };
    request.transaction(client, |transaction| {
        // After the switch the new side holds what counts, and is compared again; a retired column is not.
        let again: &[&str] = match (plan.side, table.shape) {
            (Side::Old, _) => &["backfill", "verify"],
            (Side::New, Shape::Live | Shape::Strict) => &["verify"],
            (Side::New, _) => &[],
        };
        transaction
            .tell(
                "DELETE FROM migrate.cursor c USING migrate.step s \
                 WHERE c.plan = $1 AND s.plan = c.plan AND s.number = abs(c.step) AND s.work[1] = ANY ($2)",
                &[&plan.id, &again],
            )
            .doing("beginning the jobs again")?;
        transaction
            .tell(
                "UPDATE migrate.step SET state = 'pending', done_at = NULL WHERE plan = $1 AND work[1] = ANY ($2)",
                &[&plan.id, &again],
            )
            .doing("beginning the jobs again")?;
        Ok(())
    })
}
