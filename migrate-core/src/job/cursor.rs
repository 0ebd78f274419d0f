//! Where a job is in each heap of its table.

use postgres::{Client, GenericClient};

use crate::ask::Ask;
use crate::catalog;
use crate::database::Doing;
use crate::error::Error;
use crate::leader::{IN_TERM, require_term};
use crate::state::{JournalStep, PlanRow, TableRow};

/// The place of a job in one heap.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pub(super) relation: u32,
    /// Quoted and qualified.
    pub(super) sql: String,
    /// For people.
    pub(super) shown: String,
    /// The blocks that the heap had when the job began; rows that came later are the triggers' work.
    pub(super) blocks: i64,
    pub(super) next_block: i64,
}

/// The cursors of a job, made where they are missing and begun again where the heap was rewritten.
pub(super) fn cursors(
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Vec<Cursor>, Error> {
    let mut cursors = Vec::new();
    for heap in catalog::heaps(client, &table.sql())? {
        let row = client
            .ask_one(
                "INSERT INTO migrate.cursor AS c (plan, step, relation, shown, filenode, blocks) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (plan, step, relation) DO UPDATE SET \
                     next_block = CASE WHEN c.filenode IS DISTINCT FROM excluded.filenode THEN 0 ELSE c.next_block END, \
                     blocks = CASE WHEN c.filenode IS DISTINCT FROM excluded.filenode THEN excluded.blocks ELSE c.blocks END, \
                     filenode = excluded.filenode \
                 RETURNING blocks, next_block",
                &[&plan.id, &step.number, &heap.relation, &heap.shown, &heap.filenode, &heap.blocks],
            )
            .doing("preparing a job")?;
        cursors.push(Cursor {
            relation: heap.relation,
            sql: heap.sql,
            shown: heap.shown,
            blocks: row.get(0),
            next_block: row.get(1),
        });
    }
    Ok(cursors)
}

/// Moves a cursor, in the transaction of the rows it counts.
pub(super) fn advance(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    step: &JournalStep,
    cursor: &Cursor,
    to: i64,
    rows: u64,
    mismatches: u64,
) -> Result<(), Error> {
    let sql = format!(
        "UPDATE migrate.cursor SET next_block = $4, rows_done = rows_done + $5, mismatches = mismatches + $6, \
                updated_at = clock_timestamp() \
         WHERE plan = $1 AND step = $2 AND relation = $3 AND {IN_TERM}"
    );
    let rows = client
        .tell(&sql, &[&plan.id, &step.number, &cursor.relation, &to, &(rows as i64), &(mismatches as i64)])
        .doing("moving a cursor")?;
    require_term(rows)
}

/// Begins a job again from the first block of every heap.
pub(super) fn restart(client: &mut impl GenericClient, plan: &PlanRow, step: &JournalStep) -> Result<(), Error> {
    for table in ["cursor", "failed_row"] {
        client
            .tell(&format!("DELETE FROM migrate.{table} WHERE plan = $1 AND step = $2"), &[&plan.id, &step.number])
            .doing("beginning a job again")?;
    }
    Ok(())
}
