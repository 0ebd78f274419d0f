//! What an operator sees of the change, in the table and in the plan's own account.

use std::error::Error;

use postgres::Client;

use crate::builds::{Build, PLAN};
use crate::start;

/// Rows whose columns disagree, while there are both.
pub(crate) fn disagree(operator: &mut Client) -> Result<Option<u64>, Box<dyn Error>> {
    if columns(operator)? != (true, true) {
        return Ok(None);
    }
    let sql = "SELECT count(*) FROM orders \
               WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint OR total IS DISTINCT FROM total_cents / 100.0";
    Ok(Some(operator.query_one(sql, &[])?.get::<_, i64>(0) as u64))
}

/// Whether the old and the new column exist.
pub(crate) fn columns(operator: &mut Client) -> Result<(bool, bool), Box<dyn Error>> {
    let sql = "SELECT coalesce(bool_or(attname = 'total'), false), coalesce(bool_or(attname = 'total_cents'), false) \
               FROM pg_attribute WHERE attrelid = 'orders'::regclass AND NOT attisdropped";
    let row = operator.query_one(sql, &[])?;
    Ok((row.get(0), row.get(1)))
}

/// Statements that wrote both columns in disagreement, by the plan's own count.
pub(crate) fn conflicts(operator: &mut Client) -> Result<Option<u64>, Box<dyn Error>> {
    let report = start::migrator("operator", Build::DualWrite).status(operator)?;
    Ok(report.plan(&PLAN.name).map(|plan| plan.conflicts))
}
