//! The sync of a table, put together from all plans in flight on it.

use migrate_plan::ident::sync_function;
use migrate_plan::sync::{self, Part};
use migrate_plan::{Side, SyncChange};
use postgres::GenericClient;

use crate::ask::Ask;
use crate::catalog;
use crate::database::Doing;
use crate::error::Error;
use crate::state::{PlanRow, Shape, TableRow};

/// How the plan at hand will stand on the table once the statements have run.
#[derive(Clone, Copy)]
pub(crate) struct Becomes {
    pub(crate) shape: Shape,
    pub(crate) side: Side,
}

/// What stands on a table after a change; nothing where it stays as it is.
pub(crate) fn shape_after(change: SyncChange) -> Option<Shape> {
    Some(match change {
        SyncChange::Keep => return None,
        SyncChange::Install | SyncChange::Loosen => Shape::Live,
        SyncChange::Tighten | SyncChange::Unretire => Shape::Strict,
        SyncChange::Remove => Shape::Absent,
        SyncChange::Retire => Shape::Retired,
    })
}

/// The statements that bring a table's sync to where a change wants it.
pub(crate) fn statements(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    table: &TableRow,
    change: SyncChange,
) -> Result<Vec<String>, Error> {
    let Some(shape) = shape_after(change) else { return Ok(Vec::new()) };
    triggers(client, plan, table, shape)
}

/// The statements that put a table's triggers and function where they must be, or take them away.
pub(crate) fn triggers(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    table: &TableRow,
    shape: Shape,
) -> Result<Vec<String>, Error> {
    let parts = parts(client, plan, table, Becomes { shape, side: plan.side })?;
    let function = sync_function(&table.schema, &table.name);
    // After a rename the conditions of the triggers follow by themselves, but a function of other plans
    // on the table may name the column too: it is all made anew.
    let members = catalog::members(client, &table.sql())?;
    let strays = catalog::strays(client, &members, &function)?;
    let members = catalog::trigger_members(&members, table.relation);
    let mut statements = sync::drop_triggers(&strays);
    statements.extend(match parts.is_empty() {
        true => sync::remove(&function, &members),
        false => sync::install(&function, &members, &parts),
    });
    Ok(statements)
}

/// The statement that replaces a table's function alone; no trigger is touched.
pub(crate) fn function(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    table: &TableRow,
    becomes: Becomes,
) -> Result<String, Error> {
    let parts = parts(client, plan, table, becomes)?;
    Ok(sync::create_function(&sync_function(&table.schema, &table.name), &parts))
}

/// The lenses in force on a table, oldest plan first, with the plan at hand as it is to become.
fn parts(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    table: &TableRow,
    becomes: Becomes,
) -> Result<Vec<Part>, Error> {
    let rows = client
        .ask_again(
            "SELECT p.block, p.descent, p.update_condition, p.reads, p.writes \
             FROM migrate.plan_table t \
             JOIN migrate.part p ON p.plan = t.plan AND p.place = t.place \
             WHERE t.relation = $1 \
               AND p.shape = CASE WHEN t.plan = $2 THEN $3 ELSE t.shape END \
               AND p.side = CASE WHEN t.plan = $2 THEN $4 \
                                 ELSE (SELECT o.side FROM migrate.plan o WHERE o.id = t.plan) END \
             ORDER BY t.plan, p.place, p.number",
            &[&table.relation, &plan.id, &becomes.shape.as_str(), &becomes.side.as_str()],
        )
        .doing("reading the lenses of a table")?;
    Ok(rows
        .into_iter()
        .map(|row| Part {
            block: row.get(0),
            descent: row.get(1),
            update_condition: row.get(2),
            reads: row.get(3),
            writes: row.get(4),
        })
        .collect())
}
