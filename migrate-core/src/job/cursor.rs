//! Where a job is in each heap of its table.

use migrate_plan::ident::literal;
use postgres::{GenericClient, Row};

use super::MARK;
use super::lane::lanes;
use super::place::{Place, Ring};
use super::slicing::{Key, Slicing};
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
    /// How the rows of the ring at hand are spread over its slices.
    pub(super) slicing: Slicing,
}

impl Cursor {
    /// At the first block, of a heap in one lane.
    pub(super) fn at_first(heap: Heap) -> Cursor {
        let Heap { relation, sql, shown, blocks, .. } = heap;
        Cursor {
            relation,
            sql,
            shown,
            heap_blocks: blocks,
            lane: 0,
            first: 0,
            blocks,
            place: Place::before(0),
            slicing: Slicing::NONE,
        }
    }

    /// Begins a ring.
    pub(super) fn begin(&mut self, ring: Ring) {
        self.place = self.place.begin(&ring, self.blocks);
        self.slicing = ring.slicing;
    }

    /// Whether every row of a block is looked at for each slice.
    pub(super) fn looks_at_all_rows(&self) -> bool {
        self.place.slices > 1 && self.slicing.key != Key::Place
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

/// The cursors of a job, made where they are missing and begun again where the heap was rewritten. What an earlier run has
/// said of the job counts no more.
pub(super) fn cursors(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
    workers: u32,
) -> Result<Vec<Cursor>, Error> {
    let heaps = catalog::heaps(client, &table.sql())?;
    let relations: Vec<u32> = heaps.iter().map(|heap| heap.relation).collect();
    let shown: Vec<&str> = heaps.iter().map(|heap| &*heap.shown).collect();
    let filenodes: Vec<Option<u32>> = heaps.iter().map(|heap| heap.filenode).collect();
    let (mut of, mut numbers, mut firsts, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for heap in &heaps {
        for (number, (first, end)) in (0_i32..).zip(lanes(heap.blocks, workers)) {
            of.push(heap.relation);
            numbers.push(number);
            firsts.push(first);
            ends.push(end);
        }
    }
    // Those that are there stay as they were cut. The new ones are made only after those that they replace are gone.
    let rows = client
        .ask_again(
            "WITH heap AS ( \
                 SELECT * FROM ROWS FROM (unnest($3), unnest($4), unnest($5)) AS h(relation, shown, filenode)), \
             gone AS ( \
                 DELETE FROM migrate.cursor c WHERE c.plan = $1 AND c.step = $2 AND c.filenode IS DISTINCT FROM coalesce( \
                     (SELECT h.filenode FROM heap h WHERE h.relation = c.relation), \
                     pg_catalog.pg_relation_filenode(c.relation)) \
                 RETURNING 1), \
             said AS (DELETE FROM migrate.job WHERE plan = $1 AND step = $2), \
             kept AS ( \
                 SELECT c.* FROM migrate.cursor c \
                 JOIN heap h ON h.relation = c.relation AND h.filenode IS NOT DISTINCT FROM c.filenode \
                 WHERE c.plan = $1 AND c.step = $2), \
             made AS ( \
                 INSERT INTO migrate.cursor AS c \
                     (plan, step, relation, lane, shown, filenode, first_block, blocks, next_block, ring_end, slice_block) \
                 SELECT $1, $2, h.relation, l.lane, h.shown, h.filenode, l.first, l.blocks, l.first, l.first, l.first \
                 FROM (SELECT count(*) AS gone FROM gone) before \
                 CROSS JOIN ROWS FROM (unnest($6), unnest($7), unnest($8), unnest($9)) AS l(relation, lane, first, blocks) \
                 JOIN heap h ON h.relation = l.relation \
                 WHERE before.gone >= 0 AND NOT EXISTS (SELECT FROM kept k WHERE k.relation = h.relation) \
                 RETURNING c.*) \
             SELECT relation, lane, first_block, blocks, next_block, ring_end, slices, slice, slice_block, slice_by, slice_ends, \
                    slice_by = '' OR EXISTS (SELECT FROM pg_catalog.pg_attribute a \
                        WHERE a.attrelid = c.relation AND a.attname = c.slice_by AND a.attnotnull AND NOT a.attisdropped) \
             FROM (SELECT * FROM made UNION ALL SELECT * FROM kept) c ORDER BY relation, lane",
            &[&plan.id, &step.number, &relations, &shown, &filenodes, &of, &numbers, &firsts, &ends],
        )
        .doing("preparing a job")?;
    let cursor = |row: &Row| {
        let relation: u32 = row.get(0);
        let heap = heaps.iter().find(|heap| heap.relation == relation)?;
        let place =
            Place { ring: row.get(4), ring_end: row.get(5), slices: row.get(6), slice: row.get(7), block: row.get(8) };
        let is_sliced_so: bool = row.get(11);
        Some(Cursor {
            lane: row.get(1),
            first: row.get(2),
            blocks: row.get(3),
            // The column may have got another name.
            place: if is_sliced_so { place } else { place.in_one_pass() },
            slicing: Slicing { key: Key::from_name(row.get(9)), ends: row.get(10) },
            ..Cursor::at_first(heap.clone())
        })
    };
    Ok(rows.iter().filter_map(cursor).collect())
}

/// The statement that moves the cursor past a batch: `work` are common table expressions that end in
/// `batch (rows, mismatches)`. It is in one transaction with what it does; outside of the term of this session it moves no
/// cursor and answers no row.
pub(super) fn moving(plan: &PlanRow, step: &JournalStep, cursor: &Cursor, to: Place, work: &str) -> String {
    let Place { ring, ring_end, slices, slice, block } = to;
    let (slice_by, slice_ends) = (literal(cursor.slicing.key.name()), cursor.slicing.ends_sql());
    format!(
        "WITH \"{MARK}\" AS (SELECT), {work}, moved AS ( \
         UPDATE migrate.cursor AS c SET next_block = {ring}, ring_end = {ring_end}, slices = {slices}, slice = {slice}, \
                slice_block = {block}, slice_by = {slice_by}, slice_ends = '{slice_ends}', rows_done = c.rows_done + batch.rows, \
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
