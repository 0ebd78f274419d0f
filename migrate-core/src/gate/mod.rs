//! Gates: what must be so on the live database before a step may begin.

mod functions;
pub(crate) mod instances;
mod sessions;
pub(crate) mod statements;
mod words;

use std::time::Duration;

use migrate_plan::ident::{self, own};
use migrate_plan::{Phase, Plan, Side, SyncChange, Work};
use postgres::error::SqlState;
use postgres::{Client, GenericClient};

use crate::acknowledge::Acknowledgements;
use crate::ask::Ask;
use crate::catalog;
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::migrator::Migrator;
use crate::report::Closed;
use crate::settings::Settings;
use crate::state::{JournalStep, PlanRow, Shape, Status, TableRow, tables};

/// What keeps `step` from beginning.
pub(crate) fn before(
    client: &mut Client,
    migrator: &Migrator,
    plan: &PlanRow,
    step: &JournalStep,
) -> Result<Vec<Closed>, Error> {
    let mut closed = Vec::new();
    let Work::Transaction { table, sync, .. } = &step.work else { return Ok(closed) };
    if step.phase != Phase::Contract {
        return Ok(closed);
    }
    let tables = tables(client, plan.id)?;
    let Some(table) = tables.get(*table) else { return Ok(closed) };
    let (since, before) = match sync {
        SyncChange::Retire => ("switched_at", "retiring the old columns"),
        _ => ("retired_at", "dropping the old columns"),
    };
    closed.extend(soak(client, migrator.limits(), plan, since, before)?);
    let objects = dependents(client, table)?;
    if !objects.is_empty() {
        closed.push(Closed::Dependents { objects });
    }
    closed.extend(unfinished(client, plan, table)?);
    // Before the sessions: those of an instance that is found to be gone belong to nobody.
    closed.extend(instances::gate(client, plan)?);
    let known = Acknowledgements::of(client, &plan.name)?;
    let mut functions = functions::naming(client, plan)?;
    functions.retain(|evidence| !known.has(&evidence.key));
    if !functions.is_empty() {
        closed.push(Closed::Functions { functions });
    }
    closed.extend(sessions::gate(client, migrator, plan, &known)?);
    closed.extend(statements::gate(client, migrator, plan, &known)?);
    Ok(closed)
}

/// Looks who still uses the old shape after the switch, and keeps it in mind for the gate of contract. It costs a few
/// milliseconds, for each time that a plan is looked at.
pub(crate) fn watch(client: &mut Client, migrator: &Migrator, plan: &PlanRow) -> Result<(), Error> {
    if plan.side == Side::New && plan.status == Status::Running {
        sessions::sample(client, migrator, plan)?;
        statements::sample(client, plan)?;
    }
    Ok(())
}

/// Functions that would fail without the old columns, as their texts tell.
pub(crate) fn functions(client: &mut impl GenericClient, plan: &PlanRow) -> Result<Vec<String>, Error> {
    Ok(functions::naming(client, plan)?.into_iter().map(|evidence| evidence.shown).collect())
}

/// Whether a step takes the old columns out of reach, so that the plan must be closed to older builds before.
pub(crate) fn takes_away(step: &JournalStep) -> bool {
    matches!(&step.work, Work::Transaction { sync: SyncChange::Retire | SyncChange::Remove, .. })
}

fn soak(
    client: &mut Client,
    settings: &Settings,
    plan: &PlanRow,
    since: &str,
    before: &'static str,
) -> Result<Option<Closed>, Error> {
    // The database's clock on both ends: no two machines need to agree on the time.
    let sql = format!(
        "SELECT extract(epoch FROM {since} + make_interval(secs => $2) - clock_timestamp())::float8 \
         FROM migrate.plan WHERE id = $1"
    );
    let left: Option<f64> =
        client.ask_one(&sql, &[&plan.id, &settings.soak.as_secs_f64()]).doing("reading the soak's start")?.get(0);
    Ok(left.filter(|left| *left > 0.0).map(|left| Closed::Soak { before, left: Duration::from_secs_f64(left) }))
}

/// Plans in flight that make what this one starts from, and have not come far enough: their columns are
/// not filled yet, or will have a default that they do not have yet. An omitted column is told from a
/// given one by it.
pub(crate) fn before_start(client: &mut Client, plan: &Plan) -> Result<Vec<Closed>, Error> {
    let mut closed = Vec::new();
    for table in plan.tables.iter() {
        let reads: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
        let rows = client
            .ask(
                "SELECT p.name FROM migrate.plan p JOIN migrate.plan_table t ON t.plan = p.id \
                 WHERE p.status = 'running' AND p.name <> $1 AND t.schema_name = $2 AND t.table_name = $3 \
                   AND t.new_columns && $4 \
                   AND (EXISTS (SELECT FROM migrate.step s \
                                WHERE s.plan = p.id AND s.phase IN ('expand', 'dual_write') AND s.state <> 'done') \
                     OR t.defaulted_columns && $4) \
                 ORDER BY p.id",
                &[&&*plan.name, &&*table.schema, &&*table.name, &reads],
            )
            .doing("looking for plans that this one builds on")?;
        closed.extend(rows.into_iter().map(|row| Closed::Unfinished { plan: row.get(0) }));
    }
    Ok(closed)
}

/// What would go with a table's old columns.
pub(crate) fn dependents(client: &mut impl GenericClient, table: &TableRow) -> Result<Vec<String>, Error> {
    let columns: Vec<String> = match table.shape {
        Shape::Absent => return Ok(Vec::new()),
        Shape::Live | Shape::Strict => table.old_columns.clone(),
        Shape::Retired => table.old_columns.iter().map(|column| ident::retired(column)).collect(),
    };
    catalog::dependents(client, &table.sql(), &columns)
}

/// Plans whose new column is an old column of this one: theirs must be finished before it goes.
fn unfinished(client: &mut Client, plan: &PlanRow, table: &TableRow) -> Result<Vec<Closed>, Error> {
    let rows = client
        .ask(
            "SELECT p.name FROM migrate.plan p JOIN migrate.plan_table t ON t.plan = p.id \
             WHERE p.id <> $1 AND p.status = 'running' AND t.relation = $2 AND t.new_columns && $3",
            &[&plan.id, &table.relation, &table.old_columns],
        )
        .doing("looking for plans that this one builds on")?;
    Ok(rows.into_iter().map(|row| Closed::Unfinished { plan: row.get(0) }).collect())
}

/// Statements that wrote both sides in disagreement, since the plan started.
pub(crate) fn conflicts(client: &mut impl GenericClient, plan: &PlanRow) -> Result<u64, Error> {
    let sequence = own(&ident::conflicts(&plan.name));
    let count: i64 = if plan.status == Status::Running {
        let exists: bool = client
            .ask_one("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&sequence])
            .doing("counting conflicts")?
            .get(0);
        if !exists {
            return Ok(0);
        }
        counted(client, &sequence)?.unwrap_or(plan.conflicts)
    } else {
        plan.conflicts
    };
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The count of a sequence; nothing while a runner is about to drop it, or just has.
fn counted(client: &mut impl GenericClient, sequence: &str) -> Result<Option<i64>, Error> {
    let mut transaction = client.transaction().doing("counting conflicts")?;
    transaction.batch_execute("SET LOCAL lock_timeout = 100").doing("counting conflicts")?;
    let gone = [SqlState::LOCK_NOT_AVAILABLE, SqlState::UNDEFINED_TABLE];
    match transaction.ask_one(&format!("SELECT last_value FROM {sequence}"), &[]) {
        Ok(row) => Ok(Some(row.get(0))),
        Err(error) if error.code().is_some_and(|code| gone.contains(code)) => Ok(None),
        Err(error) => Err(DatabaseError::new("counting conflicts", error).into()),
    }
}
