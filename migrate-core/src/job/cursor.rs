//! Where a job is in each heap of its table.

use postgres::{Client, GenericClient};

use super::MARK;
use super::lane::lanes;
use super::place::Place;
use crate::ask::Ask;
use crate::catalog::{self, Heap};
use crate::database::Doing;
use crate::error::Error;
use crate::leader::IN_TERM;
use crate::state::{JournalStep, PlanRow, TableRow};

/// A job in one lane of a heap.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pub(super) relation: u32,
    /// Quoted and qualified.
    pub(super) sql: String,
    /// For people.
    pub(super) shown: String,
    /// The blocks of the whole heap.
    pub(super) heap_blocks: i64,
    lane: i32,
    first: i64,
    /// The block that the lane ends before. Together they have the blocks that the heap had when the job began; rows that came
    /// later are the triggers' work.
    pub(super) blocks: i64,
    /// Where the job is.
    pub(super) place: Place,
}

impl Cursor {
    /// At the first block, of a heap in one lane.
    pub(super) fn at_first(heap: Heap) -> Cursor {
        let Heap { relation, sql, shown, blocks, .. } = heap;
        Cursor { relation, sql, shown, heap_blocks: blocks, lane: 0, first: 0, blocks, place: Place::before(0) }
    }

    /// Whether there is nothing left to do in the lane.
    pub(super) fn is_at_end(&self) -> bool {
        self.place.ring >= self.blocks
    }

    /// The blocks of the lane, and how many of them are done.
    pub(super) fn progress(&self) -> (i64, i64) {
        (self.blocks - self.first, self.place.blocks_done() - self.first)
    }
}

/// The cursors of a job, made where they are missing and begun again where the heap was rewritten.
pub(super) fn cursors(
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
    workers: u32,
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
        let (firsts, ends): (Vec<i64>, Vec<i64>) = lanes(heap.blocks, workers).into_iter().unzip();
        // Those that are there stay as they were cut.
        let rows = transaction
            .ask(
                "WITH made AS ( \
                     INSERT INTO migrate.cursor AS c \
                         (plan, step, relation, lane, shown, filenode, first_block, blocks, next_block, ring_end, slice_block) \
                     SELECT $1, $2, $3, l.number - 1, $4, $5, l.first, l.blocks, l.first, l.first, l.first \
                     FROM ROWS FROM (unnest($6), unnest($7)) WITH ORDINALITY AS l(first, blocks, number) \
                     WHERE NOT EXISTS (SELECT FROM migrate.cursor WHERE plan = $1 AND step = $2 AND relation = $3) \
                     RETURNING c.*) \
                 SELECT lane, first_block, blocks, next_block, ring_end, slices, slice, slice_block FROM ( \
                     SELECT * FROM made UNION ALL \
                     SELECT * FROM migrate.cursor WHERE plan = $1 AND step = $2 AND relation = $3) c ORDER BY lane",
                &[&plan.id, &step.number, &heap.relation, &heap.shown, &heap.filenode, &firsts, &ends],
            )
            .doing("preparing a job")?;
        cursors.extend(rows.iter().map(|row| Cursor {
            lane: row.get(0),
            first: row.get(1),
            blocks: row.get(2),
            place: Place {
                ring: row.get(3),
                ring_end: row.get(4),
                slices: row.get(5),
                slice: row.get(6),
                block: row.get(7),
            },
            ..Cursor::at_first(heap.clone())
        }));
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
         FROM batch WHERE c.plan = {} AND c.step = {} AND c.relation = {} AND c.lane = {} AND {IN_TERM} \
         RETURNING batch.rows, batch.mismatches) \
         SELECT rows, mismatches FROM moved",
        plan.id, step.number, cursor.relation, cursor.lane
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
