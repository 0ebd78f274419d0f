//! Statistics of the columns that were filled. Without them PostgreSQL plans the first queries by the new side blindly, until
//! autovacuum comes by.

use migrate_plan::ident::quote;
use postgres::Client;

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::state::{PlanRow, TableRow};

/// A smaller table, 1 MB, is read in a moment whatever the plan.
const SMALL: i64 = 128;

/// Analyzes the new columns of a table of so many blocks. Its lock stops nobody but other maintenance; where that is at work, a
/// vacuum for instance, it is left to autovacuum.
pub(super) fn analyze(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    table: &TableRow,
    blocks: i64,
) -> Result<(), Error> {
    if blocks < SMALL {
        return Ok(());
    }
    let columns: Vec<String> = client
        .ask_one("SELECT new_columns FROM migrate.plan_table WHERE plan = $1 AND place = $2", &[&plan.id, &table.place])
        .doing("reading a table's new columns")?
        .get(0);
    let columns: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    let sql = format!("ANALYZE {} ({})", table.sql(), columns.join(", "));
    let budget = (migrator.limits().stall_budget / 2).as_millis().max(1);
    let mut transaction = client.transaction().doing("analyzing the new columns")?;
    let outcome = transaction.batch_execute(&format!("SET LOCAL lock_timeout = {budget}; {sql}"));
    match outcome.running("analyzing the new columns", &sql) {
        Ok(()) => transaction.commit().doing("analyzing the new columns")?,
        Err(error) if error.is_transient() => {
            transaction.rollback().doing("analyzing the new columns")?;
            tracing::info!(plan = plan.name, table = table.shown(), %error, "the new columns are left to autovacuum to analyze");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
