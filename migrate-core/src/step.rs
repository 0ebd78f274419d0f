//! Does one step, and journals it with what it did.

use std::time::Instant;

use migrate_plan::ident::{self, INSERT_TRIGGER, own};
use migrate_plan::{LockMode, Side, SyncChange, Work};
use postgres::{Client, GenericClient, Transaction};

use crate::ask::Ask;
use crate::compose::Becomes;
use crate::database::Doing;
use crate::error::Error;
use crate::event::Event;
use crate::job::{backfill, verify};
use crate::lock::LockRequest;
use crate::migrator::Migrator;
use crate::report::Closed;
use crate::state::{self, Entry, JournalStep, PlanRow, Shape, StepState, TableRow};
use crate::{catalog, compose, gate, statement};

/// Does a step; what is returned keeps it from being done.
pub(crate) fn perform(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
) -> Result<Vec<Closed>, Error> {
    let begun = Instant::now();
    migrator.begin(&plan.name, step);
    let tables = state::tables(client, plan.id)?;
    let found = |place: usize| {
        tables.get(place).ok_or_else(|| Error::Drift { plan: plan.name.clone(), step: step.name.clone() })
    };
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
            authority(migrator, client, plan, step, &tables, *side, StepState::Done)?;
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
pub(crate) fn undo(migrator: &Migrator, client: &mut Client, plan: &PlanRow, step: &JournalStep) -> Result<(), Error> {
    let begun = Instant::now();
    migrator.begin(&plan.name, step);
    let tables = state::tables(client, plan.id)?;
    match &step.undo {
        Work::Transaction { table, .. } => {
            let table =
                tables.get(*table).ok_or_else(|| Error::Drift { plan: plan.name.clone(), step: step.name.clone() })?;
            let doing = LockedStep { migrator, plan, step, event: "undone", to: StepState::Pending };
            doing.transaction(client, table, &step.undo)?;
        }
        Work::Authority(side) => authority(migrator, client, plan, step, &tables, *side, StepState::Pending)?,
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
        let request = LockRequest { migrator: self.migrator, table: &sql, mode: *lock };
        let prepare = |transaction: &mut Transaction<'_>| {
            self.execute(transaction, &beside)?;
            self.set_shape(transaction, table, *sync)?;
            state::mark(transaction, self.plan.id, self.step.number, self.to)
        };
        request.transaction(client, prepare, |transaction, cost| {
            self.execute(transaction, &under)?;
            let entry = Entry::step(&self.plan.name, self.event, self.step, begun, &all);
            state::record(transaction, &Entry { lock: Some(cost), ..entry })?;
            self.migrator.notify(&Event::Committing { plan: &self.plan.name, step: &self.step.name });
            Ok(())
        })
    }

    fn execute(&self, client: &mut impl GenericClient, statements: &[String]) -> Result<(), Error> {
        // One by one: the driver does not say which of several statements has failed.
        for statement in statements {
            client.batch_execute(statement).running(&format!("step `{}`", self.step.name), statement)?;
        }
        Ok(())
    }

    /// What of the plan stands on the table now, and when that came to be.
    fn set_shape(&self, client: &mut impl GenericClient, table: &TableRow, sync: SyncChange) -> Result<(), Error> {
        let Some(shape) = compose::shape_after(sync) else { return Ok(()) };
        let stamp = match sync {
            SyncChange::Retire => ", retired_at = clock_timestamp()",
            SyncChange::Unretire => ", retired_at = NULL",
            _ => "",
        };
        client
            .tell(
                "UPDATE migrate.plan_table SET shape = $3 WHERE plan = $1 AND place = $2",
                &[&self.plan.id, &table.place, &shape.as_str()],
            )
            .doing("writing a table's shape")?;
        // The count stays when its sequence goes; before the first step there is none.
        let sql = format!(
            "UPDATE migrate.plan SET conflicts = \
                 greatest(conflicts, pg_catalog.pg_sequence_last_value(pg_catalog.to_regclass($2))){stamp} \
             WHERE id = $1"
        );
        let sequence = own(&ident::conflicts(&self.plan.name));
        client.tell(&sql, &[&self.plan.id, &sequence]).doing("writing a plan's state")?;
        if sync == SyncChange::Unretire {
            // Older builds find their columns again, once all of them are back.
            client
                .tell(
                    "UPDATE migrate.plan SET closed_at = NULL WHERE id = $1 AND NOT EXISTS ( \
                         SELECT FROM migrate.plan_table WHERE plan = $1 AND shape IN ('retired', 'absent'))",
                    &[&self.plan.id],
                )
                .doing("opening a plan to older builds")?;
        }
        if sync == SyncChange::Remove && self.to == StepState::Done {
            client
                .tell(
                    "UPDATE migrate.plan SET status = 'finished', finished_at = clock_timestamp() \
                     WHERE id = $1 AND NOT EXISTS ( \
                         SELECT FROM migrate.plan_table WHERE plan = $1 AND shape <> 'absent')",
                    &[&self.plan.id],
                )
                .doing("writing a plan's state")?;
        }
        Ok(())
    }
}

/// Gives one side the authority: function bodies only, no table is locked.
fn authority(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    tables: &[TableRow],
    side: Side,
    to: StepState,
) -> Result<(), Error> {
    let begun = Instant::now();
    if side == Side::New {
        // A little too early: what comes in between counts as made after the switch.
        gate::statements::begin(client, plan)?;
    }
    let mut transaction = client.transaction().doing("switching sides")?;
    let mut statements = Vec::new();
    for table in tables {
        let statement = compose::function(&mut transaction, plan, table, Becomes { shape: table.shape, side })?;
        transaction.batch_execute(&statement).running("switching sides", &statement)?;
        statements.push(statement);
    }
    transaction
        .tell(
            "UPDATE migrate.plan SET side = $2, switched_at = CASE WHEN $2 = 'new' THEN clock_timestamp() END \
             WHERE id = $1",
            &[&plan.id, &side.as_str()],
        )
        .doing("writing a plan's state")?;
    state::mark(&mut transaction, plan.id, step.number, to)?;
    let event = if to == StepState::Done { "done" } else { "undone" };
    state::record(&mut transaction, &Entry::step(&plan.name, event, step, begun, &statements))?;
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
pub(crate) fn keep_synced(migrator: &Migrator, client: &mut Client, plan: &PlanRow) -> Result<bool, Error> {
    let mut mended = false;
    for table in state::tables(client, plan.id)?.iter().filter(|table| table.shape != Shape::Absent) {
        let after = catalog::triggers_after(client, &table.sql(), INSERT_TRIGGER)?;
        if let Some((table, trigger)) = after.into_iter().next() {
            return Err(Error::TriggerOrder { table, trigger });
        }
        if !catalog::unsynced(client, &table.sql())?.is_empty() {
            mend(migrator, client, plan, table)?;
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
    let request = LockRequest { migrator, table: &sql, mode: LockMode::AccessExclusive };
    request.transaction(
        client,
        |_| Ok(()),
        |transaction, cost| {
            for statement in &statements {
                transaction.batch_execute(statement).running("putting the sync triggers back", statement)?;
            }
            // After the switch the new side holds what counts, and is compared again; a retired column is not.
            let again: &[&str] = match (plan.side, table.shape) {
                (Side::Old, _) => &["backfill", "verify"],
                (Side::New, Shape::Live | Shape::Strict) => &["verify"],
                (Side::New, _) => &[],
            };
            transaction
                .tell(
                    "DELETE FROM migrate.cursor c USING migrate.step s \
                 WHERE c.plan = $1 AND s.plan = c.plan AND s.number = c.step AND s.work[1] = ANY ($2)",
                    &[&plan.id, &again],
                )
                .doing("beginning the jobs again")?;
            transaction
                .tell(
                    "UPDATE migrate.step SET state = 'pending', done_at = NULL WHERE plan = $1 AND work[1] = ANY ($2)",
                    &[&plan.id, &again],
                )
                .doing("beginning the jobs again")?;
            state::record(
                transaction,
                &Entry { statements: &statements, lock: Some(cost), ..Entry::of(&plan.name, "sync mended") },
            )
        },
    )?;
    Ok(())
}
