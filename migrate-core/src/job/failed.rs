//! Rows that stand in the way, kept with key and message.

use postgres::GenericClient;

use super::cursor::Cursor;
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::report::FailedRow;
use crate::state::{JournalStep, PlanRow};

/// A row and what is wrong with it.
pub(super) struct Found<'a> {
    /// The key as JSON.
    pub(super) key: &'a str,
    pub(super) sqlstate: &'a str,
    pub(super) message: &'a str,
}

/// Keeps a row.
pub(super) fn keep(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    step: &JournalStep,
    cursor: &Cursor,
    found: &Found<'_>,
) -> Result<(), Error> {
    client
        .tell(
            "INSERT INTO migrate.failed_row (plan, step, relation, shown, key, sqlstate, message) \
             VALUES ($1, $2, $3, $4, $5::text::jsonb, $6, $7)",
            &[&plan.id, &step.number, &cursor.relation, &cursor.shown, &found.key, &found.sqlstate, &found.message],
        )
        .doing("keeping a failed row")?;
    Ok(())
}

/// How many rows are kept for a step, and the first hundred of them.
pub(super) fn kept(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    step: &JournalStep,
) -> Result<(u64, Vec<FailedRow>), Error> {
    let rows = client
        .ask(
            "SELECT shown, key::text, sqlstate, message, count(*) OVER () FROM migrate.failed_row \
             WHERE plan = $1 AND step = $2 ORDER BY id LIMIT 100",
            &[&plan.id, &step.number],
        )
        .doing("reading failed rows")?;
    let count = rows.first().map_or(0, |row| row.get::<_, i64>(4).unsigned_abs());
    let rows = rows
        .into_iter()
        .map(|row| FailedRow { table: row.get(0), key: row.get(1), sqlstate: row.get(2), message: row.get(3) })
        .collect();
    Ok((count, rows))
}
