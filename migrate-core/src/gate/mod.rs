//! Gates: what must be so on the live database before a step may begin.

mod functions;
pub(crate) mod instances;
mod ledger;
mod sessions;
pub(crate) mod statements;
mod words;

use migrate_plan::ident::{self, own};
use migrate_plan::{Phase, Plan, Side, SyncChange, Work};
use postgres::error::SqlState;
use postgres::{Client, GenericClient};

use self::ledger::Ledger;
use crate::ask::Ask;
use crate::catalog::{self, Member};
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::migrator::Migrator;
use crate::report::Closed;
use crate::state::{JournalStep, PlanRow, Shape, Status, TableRow, UnderWay};

/// A plan and its tables with all their partitions and children, for the length of one look.
pub(crate) struct Look<'a> {
    plan: &'a PlanRow,
    tables: Vec<Seen<'a>>,
}

/// A table that is looked at.
struct Seen<'a> {
    table: &'a TableRow,
    members: Vec<Member>,
}

impl<'a> Look<'a> {
    pub(crate) fn at(client: &mut impl GenericClient, plan: &'a UnderWay) -> Result<Look<'a>, Error> {
        let seen = plan.tables.iter().map(|table| {
            let members = catalog::members(client, &table.sql())?;
            Ok(Seen { table, members })
        });
        Ok(Look { plan: &plan.row, tables: seen.collect::<Result<_, Error>>()? })
    }

    /// The tables on which something of the plan stands.
    fn standing(&self) -> impl Iterator<Item = &Seen<'a>> {
        self.tables.iter().filter(|seen| seen.table.shape != Shape::Absent)
    }

    /// What would go with the old columns of all tables, and functions that would fail without them.
    pub(crate) fn dependents(&self, client: &mut impl GenericClient) -> Result<Vec<String>, Error> {
        let mut objects = Vec::new();
        for seen in self.standing() {
            objects.extend(dependents(client, seen)?);
        }
        let sql = format!("SELECT {}", functions::are_there_any());
        if client.ask_one(&sql, &[]).doing("looking for functions")?.get(0) {
            objects.extend(functions::naming(client, self)?.into_iter().map(|evidence| evidence.shown));
        }
        Ok(objects)
    }
}

/// What keeps `step` from beginning.
pub(crate) fn before(
    client: &mut Client,
    migrator: &Migrator,
    plan: &UnderWay,
    step: &JournalStep,
) -> Result<Vec<Closed>, Error> {
    let mut closed = Vec::new();
    let Work::Transaction { table, sync, .. } = &step.work else { return Ok(closed) };
    if step.phase != Phase::Contract {
        return Ok(closed);
    }
    let look = Look::at(client, plan)?;
    let Some(seen) = look.tables.get(*table) else { return Ok(closed) };
    let (since, before) = match sync {
        SyncChange::Retire => ("switched_at", "retiring the old columns"),
        _ => ("retired_at", "dropping the old columns"),
    };
    let ledger = Ledger::of(client, migrator, &plan.row, seen.table, since)?;
    closed.extend(ledger.soak_left.map(|left| Closed::Soak { before, left }));
    let objects = dependents(client, seen)?;
    if !objects.is_empty() {
        closed.push(Closed::Dependents { objects });
    }
    closed.extend(ledger.unfinished.iter().map(|plan| Closed::Unfinished { plan: plan.clone() }));
    // Before the sessions: those of an instance that is found to be gone belong to nobody.
    if ledger.has_overdue {
        instances::bury(client)?;
    }
    if ledger.has_instances {
        closed.extend(instances::gate(client, &plan.row)?);
    }
    let mut functions = if ledger.has_functions { functions::naming(client, &look)? } else { Vec::new() };
    functions.retain(|evidence| !ledger.acknowledged.has(&evidence.key));
    if !functions.is_empty() {
        closed.push(Closed::Functions { functions });
    }
    closed.extend(sessions::gate(client, migrator, &look, &ledger)?);
    closed.extend(statements::gate(client, migrator, &look, &ledger)?);
    Ok(closed)
}

/// Looks who still uses the old shape after the switch, and keeps it in mind for the gate of contract. It costs a few
/// milliseconds, for each time that a plan is looked at.
pub(crate) fn watch(client: &mut Client, migrator: &Migrator, plan: &UnderWay) -> Result<(), Error> {
    if plan.row.side == Side::New && plan.row.status == Status::Running {
        let look = Look::at(client, plan)?;
        sessions::sample(client, migrator, &look)?;
        statements::sample(client, &look)?;
    }
    Ok(())
}

/// Whether a step takes the old columns out of reach, so that the plan must be closed to older builds before.
pub(crate) fn takes_away(step: &JournalStep) -> bool {
    matches!(&step.work, Work::Transaction { sync: SyncChange::Retire | SyncChange::Remove, .. })
}

/// Plans in flight that make what this one starts from, and have not come far enough: their columns are
/// not filled yet, or will have a default that they do not have yet. An omitted column is told from a
/// given one by it.
pub(crate) fn before_start(client: &mut Client, plan: &Plan) -> Result<Vec<Closed>, Error> {
    let mut closed = Vec::new();
    for table in plan.tables.iter() {
        let reads: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
        let rows = client
            .ask_again(
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
fn dependents(client: &mut impl GenericClient, seen: &Seen<'_>) -> Result<Vec<String>, Error> {
    let Seen { table, members } = seen;
    let columns: Vec<String> = match table.shape {
        Shape::Absent => return Ok(Vec::new()),
        Shape::Live | Shape::Strict => table.old_columns.clone(),
        Shape::Retired => table.old_columns.iter().map(|column| ident::retired(column)).collect(),
    };
    catalog::dependents(client, members, &columns)
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
