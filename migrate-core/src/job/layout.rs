//! What a heap looks like to a backfill: how full its blocks are, how wide its rows, how many its indexes.

use migrate_plan::ident::quote;
use postgres::GenericClient;

use super::cursor::Cursor;
use super::slicing::Slicing;
use crate::database::Doing;
use crate::error::Error;
use crate::state::{PlanRow, TableRow};

/// A heap smaller than this, 2 MB, is done in one pass: there is little to win.
const SMALL: i64 = 256;

/// How many blocks are looked at.
const SAMPLE: f64 = 32.0;

/// The slices where the key's index is the only one, by a hash. With 300,000 rows of 200 bytes on PostgreSQL 15, six took as
/// much of the backend's time as four, 7.5 µs a row by a bigint and 9.4 by a random uuid, and left a tenth less WAL and 31 % of
/// growth in place of 40; eight and twelve took 10 to 20 % more time.
const FEWEST: i64 = 6;

/// The same by a column. With 600,000 rows eight took as much time as four, or less by a random uuid, and let the table grow by
/// 18 % in place of 29.
const FEWEST_BY_COLUMN: i64 = 8;

/// The header of a block, and the pointer to a row in it.
const HEADER: f64 = 24.0;
const POINTER: f64 = 4.0;

/// A row's width is a multiple of this.
const ALIGNMENT: f64 = 8.0;

/// A heap, with averages of a few of its blocks.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    blocks: i64,
    block_size: f64,
    rows_per_block: f64,
    /// Bytes of a row, with its header.
    width: f64,
    /// Bytes that the new columns add to it.
    added: f64,
    /// With the primary key's.
    indexes: i64,
    pub(super) slicing: Slicing,
}

impl Layout {
    pub(super) fn of(
        client: &mut impl GenericClient,
        plan: &PlanRow,
        table: &TableRow,
        cursor: &Cursor,
    ) -> Result<Layout, Error> {
        let old: Vec<String> = table
            .old_columns
            .iter()
            .map(|column| format!("coalesce(pg_column_size(t.{}), 0)", quote(column)))
            .collect();
        let share = (100.0 * SAMPLE / cursor.heap_blocks.max(1) as f64).min(100.0);
        let sql = format!(
            "SELECT current_setting('block_size')::float8, \
                    (SELECT count(*) FROM pg_index WHERE indrelid = $1 AND indislive), \
                    n.fixed, n.others, s.rows, s.blocks, s.width, s.old \
             FROM (SELECT coalesce(sum(a.attlen) FILTER (WHERE a.attlen > 0), 0)::float8 AS fixed, \
                          count(*) FILTER (WHERE a.attlen < 0) AS others \
                   FROM migrate.plan_table p JOIN pg_attribute a ON a.attrelid = $1 AND a.attname = ANY (p.new_columns) \
                   WHERE p.plan = $2 AND p.place = $3) n, \
                  (SELECT count(*) AS rows, count(DISTINCT (ctid::text::point)[0]) AS blocks, \
                          coalesce(avg(pg_column_size(t)), 0)::float8 AS width, \
                          coalesce(avg({}), 0)::float8 AS old \
                   FROM ONLY {} AS t TABLESAMPLE SYSTEM ({share})) s",
            if old.is_empty() { "0".to_owned() } else { old.join(" + ") },
            cursor.sql
        );
        let row = client
            .query_one(&sql, &[&cursor.relation, &plan.id, &table.place])
            .running("looking at a sample of a table", &sql)?;
        let (fixed, others, rows, blocks): (f64, i64, i64, i64) = (row.get(2), row.get(3), row.get(4), row.get(5));
        let old: f64 = row.get(7);
        Ok(Layout {
            blocks: cursor.heap_blocks,
            block_size: row.get(0),
            rows_per_block: rows as f64 / blocks.max(1) as f64,
            width: row.get(6),
            added: fixed + if others > 0 { old } else { 0.0 },
            indexes: row.get(1),
            slicing: Slicing::of(client, cursor, share)?,
        })
    }

    /// Whether one pass suits a heap whatever is in it, so that no sample need be taken.
    pub(super) fn is_small(cursor: &Cursor) -> bool {
        cursor.blocks < SMALL
    }

    /// The slices that suit it. A slice costs another visit of each block, of the cost of half an update in place for every
    /// ten rows; a row that does not stay costs an entry in each index. What the new columns add must find room as well: where
    /// that is more than what the rows that leave make, no number of slices helps.
    pub(super) fn slices(&self) -> i32 {
        let versions = (self.width + self.added) / ALIGNMENT;
        let wider = versions.ceil() * ALIGNMENT + POINTER;
        if self.blocks < SMALL || self.rows_per_block < 4.0 || self.added / wider > 0.5 {
            return 1;
        }
        let needed = self.rows_per_block * wider;
        // Values kept out of line count in the width, and not in the block.
        let used = (self.rows_per_block * (self.width + POINTER)).min(self.block_size - HEADER);
        let room = (self.block_size - HEADER - used) / needed;
        let by_indexes = 4 * self.indexes.clamp(1, 4);
        let by_indexes = match self.slicing {
            Slicing::Place => by_indexes.max(FEWEST),
            Slicing::Column(_) => by_indexes.max(FEWEST_BY_COLUMN).unsigned_abs().next_power_of_two() as i64,
        };
        let by_room = (1.0 / room.max(0.01)).ceil() as i64;
        let by_rows = (self.rows_per_block / 2.0) as i64;
        self.slicing.at_most(by_indexes.min(by_room).min(by_rows).max(1) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Slicing};

    const FULL: Layout = Layout {
        blocks: 10_000,
        block_size: 8192.0,
        rows_per_block: 41.0,
        width: 192.0,
        added: 8.0,
        indexes: 4,
        slicing: Slicing::Place,
    };

    #[test]
    fn the_more_indexes_the_more_slices() {
        assert_eq!([0, 1, 2, 4, 9].map(|indexes| Layout { indexes, ..FULL }.slices()), [6, 6, 8, 16, 16]);
        let slices = |indexes| Layout { indexes, slicing: Slicing::Column("id".to_owned()), ..FULL }.slices();
        assert_eq!([0, 1, 2, 3, 4, 9].map(slices), [8, 8, 8, 16, 16, 16]);
    }

    #[test]
    fn one_pass_is_enough_where_blocks_are_roomy_few_or_of_few_rows_or_the_rows_become_much_wider() {
        assert_eq!(Layout { rows_per_block: 20.0, ..FULL }.slices(), 1);
        assert_eq!(Layout { rows_per_block: 30.0, ..FULL }.slices(), 3);
        assert_eq!(Layout { blocks: 100, ..FULL }.slices(), 1);
        assert_eq!(Layout { rows_per_block: 2.0, width: 3000.0, ..FULL }.slices(), 1);
        assert_eq!(Layout { added: 300.0, ..FULL }.slices(), 1);
    }

    #[test]
    fn values_kept_out_of_line_do_not_count_as_used() {
        assert_eq!(Layout { width: 9000.0, ..FULL }.slices(), 16);
    }
}
