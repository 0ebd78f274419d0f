//! Where a job is in each heap of its table.

use postgres::{Client, GenericClient};

use super::MARK;
use super::place::Place;
use crate::ask::Ask;
use crate::catalog::{self, Heap};
use crate::database::Doing;
use crate::error::Error;
use crate::leader::IN_TERM;
use crate::state::{JournalStep, PlanRow, TableRow};

/// A job in one heap.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pub(super) relation: u32,
    /// Quoted and qualified.
    pub(super) sql: String,
    /// For people.
    pub(super) shown: String,
    /// The blocks that the heap had when the job began; rows that came later are the triggers' work.
    pub(super) blocks: i64,
    /// Where the job is.
    pub(super) place: Place,
}

impl Cursor {
    /// At the first block.
    pub(super) fn at_first(heap: Heap) -> Cursor {
        let Heap { relation, sql, shown, blocks, .. } = heap;
        Cursor { relation, sql, shown, blocks, place: Place::before(0) }
    }
}

/// The cursors of a job, made where they are missing and begun again where the heap was rewritten.
pub(super) fn cursors(
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Vec<Cursor>, Error> {
    let mut transaction = client.transaction().doing("preparing a job")?;
    transaction
        .tell(
            "DELETE FROM migrate.cursor WHERE plan = $1 AND step = $2 \
             AND filenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(relation)",
            &[&plan.id, &step.number],
        )
        .doing("preparing a job")?;
    let mut cursors = Vec::new();
    for heap in catalog::heaps(&mut transaction, &table.sql())? {
        let row = transaction
            .ask_one(
                "INSERT INTO migrate.cursor AS c (plan, step, relation, shown, filenode, blocks) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (plan, step, relation) DO UPDATE SET shown = excluded.shown \
                 RETURNING blocks, next_block, ring_end, slices, slice, slice_block",
                &[&plan.id, &step.number, &heap.relation, &heap.shown, &heap.filenode, &heap.blocks],
            )
            .doing("preparing a job")?;
        let place =
            Place { ring: row.get(1), ring_end: row.get(2), slices: row.get(3), slice: row.get(4), block: row.get(5) };
        cursors.push(Cursor { blocks: row.get(0), place, ..Cursor::at_first(heap) });
    }
    transaction.commit().doing("preparing a job")?;
    Ok(cursors)
}

/// The statement that does a batch and moves the cursor past it: `work` are common table expressions that end in
/// `batch (rows, mismatches)`. The cursor commits with the rows because it is one statement with them; outside of the term of
/// this session it moves no cursor and answers no row.
pub(super) fn moving(plan: &PlanRow, step: &JournalStep, cursor: &Cursor, to: Place, work: &str) -> String {
    let Place { ring, ring_end, slices, slice, block } = to;
    format!(
        "WITH \"{MARK}\" AS (SELECT), {work}, moved AS ( \
         UPDATE migrate.cursor AS c SET next_block = {ring}, ring_end = {ring_end}, slices = {slices}, slice = {slice}, \
                slice_block = {block}, rows_done = c.rows_done + batch.rows, \
                mismatches = c.mismatches + batch.mismatches, updated_at = clock_timestamp() \
         FROM batch WHERE c.plan = {} AND c.step = {} AND c.relation = {} AND {IN_TERM} \
         RETURNING batch.rows, batch.mismatches) \
         SELECT rows, mismatches FROM moved",
        plan.id, step.number, cursor.relation
    )
}

/// Begins a job again from the first block of every heap.
pub(super) fn restart(client: &mut impl GenericClient, plan: &PlanRow, step: &JournalStep) -> Result<(), Error> {
    for table in ["cursor", "failed_row"] {
        client
            .execute(&format!("DELETE FROM migrate.{table} WHERE plan = $1 AND step = $2"), &[&plan.id, &step.number])
            .doing("beginning a job again")?;
    }
    Ok(())
}
