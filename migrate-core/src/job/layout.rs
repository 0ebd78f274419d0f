//! What a heap looks like to a backfill: how full its blocks are, how wide its rows, how many its indexes.

use migrate_plan::ident::quote;
use postgres::GenericClient;

use super::cursor::Cursor;
use super::slicing::{Key, Slicing, Spread};
use crate::database::Doing;
use crate::error::Error;
use crate::state::{PlanRow, TableRow};

/// A heap smaller than this, 2 MB, is done in one pass: there is little to win.
const SMALL: i64 = 256;

/// How many blocks are looked at.
const SAMPLE: f64 = 32.0;

/// What a visit of a block costs, in microseconds of the backend's time. These figures and those below were found with 1,000,000 rows
/// of 200 bytes on PostgreSQL 15, from 6 slices to 24.
const VISIT: f64 = 3.0;

/// What it costs for each row of the block, by a key and by place.
const LOOK_BY_KEY: f64 = 0.075;
const LOOK_BY_PLACE: f64 = 0.056;

/// What a row costs that is looked at by its place.
const FETCH: f64 = 0.58;

/// What a row costs that does not stay in its block, at the end of the table and in each index: more than its time, since the log
/// and the table grow with it.
const STRAY: f64 = 4.0;
const ENTRY: f64 = 7.0;

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
    /// Bytes of a row, with its header, and what fills it up.
    width: f64,
    /// Bytes that the new columns add to it.
    added: f64,
    /// With the primary key's.
    indexes: i64,
    /// The ways to spread the rows of a block over slices.
    spreads: Vec<Spread>,
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
                          coalesce(avg(ceil(pg_column_size(t)::float8 / {ALIGNMENT}) * {ALIGNMENT}), 0)::float8 AS width, \
                          coalesce(avg({}), 0)::float8 AS old \
                   FROM ONLY {} AS t TABLESAMPLE SYSTEM ({share})) s",
            if old.is_empty() { "0".to_owned() } else { old.join(" + ") },
            cursor.sql
        );
        let row = client
            .query_one(&sql, &[&cursor.relation, &plan.id, &table.place])
            .running("looking at a sample of a table", &sql)?;
        let (fixed, others, rows, blocks): (f64, i64, i64, i64) = (row.get(2), row.get(3), row.get(4), row.get(5));
        let (old, rows_per_block): (f64, f64) = (row.get(7), rows as f64 / blocks.max(1) as f64);
        Ok(Layout {
            blocks: cursor.heap_blocks,
            block_size: row.get(0),
            rows_per_block,
            width: row.get(6),
            added: fixed + if others > 0 { old } else { 0.0 },
            indexes: row.get(1),
            spreads: Spread::of(client, cursor, share, rows_per_block)?,
        })
    }

    /// Whether one pass suits a heap whatever is in it, so that no sample need be taken.
    pub(super) fn is_small(cursor: &Cursor) -> bool {
        cursor.blocks < SMALL
    }

    /// The slices that suit it.
    pub(super) fn slicing(&self) -> Slicing {
        if self.blocks < SMALL || self.rows_per_block < 4.0 || self.added / self.wider() > 0.5 {
            return Slicing::NONE;
        }
        let most = (self.rows_per_block / 2.0) as i32;
        let ways = self.spreads.iter().flat_map(|spread| (0..=most).map(move |leaving| (spread, f64::from(leaving))));
        let ways = ways.filter_map(|(spread, leaving)| {
            let rows = self.rows(leaving, spread.is_even)?;
            Some((self.cost(&spread.key, leaving, rows.len()), spread, rows))
        });
        let best = ways.min_by(|(one, ..), (other, ..)| one.total_cmp(other));
        best.map_or(Slicing::NONE, |(_, spread, rows)| spread.slicing(&rows))
    }

    /// Bytes of a row once it is filled, with its pointer.
    fn wider(&self) -> f64 {
        ((self.width + self.added) / ALIGNMENT).ceil() * ALIGNMENT + POINTER
    }

    /// How many rows of a block each slice may have, where so many rows of the first leave the block: of each later one as many as
    /// find room at once. Nothing where that is less than one.
    fn rows(&self, leaving: f64, is_even: bool) -> Option<Vec<f64>> {
        // Values kept out of line count in the width, and not in the block.
        let used = (self.rows_per_block * (self.width + POINTER)).min(self.block_size - HEADER);
        let in_block = used / self.rows_per_block - POINTER;
        let new = in_block + self.wider() - self.width;
        let (mut left, mut free) = (self.rows_per_block, self.block_size - HEADER - used);
        let (mut leaving, mut slices) = (leaving, Vec::new());
        while left >= 1.0 {
            let staying = fitting(free / new, is_even).min(left - leaving);
            if staying + leaving < 1.0 {
                return None;
            }
            slices.push(staying + leaving);
            left -= staying + leaving;
            // The old version goes, and its pointer stays, for the indexes.
            free += leaving * in_block - staying * (new - in_block);
            leaving = 0.0;
        }
        // What is left of an average goes with the last one.
        if let Some(last) = slices.last_mut() {
            *last += left;
        }
        Some(slices)
    }

    fn cost(&self, key: &Key, leaving: f64, slices: usize) -> f64 {
        let (look, fetch) = match key {
            Key::Place => (LOOK_BY_PLACE, FETCH),
            Key::Column(_) => (LOOK_BY_KEY, 0.0),
        };
        slices as f64 * (VISIT + look * self.rows_per_block)
            + fetch * self.rows_per_block
            + leaving * (STRAY + ENTRY * self.indexes as f64)
    }
}

/// Of how many rows of a block there may be a slice, where there is room for so many.
fn fitting(room: f64, is_even: bool) -> f64 {
    // Where chance spreads them, one slice of many has its root more than the average.
    if is_even { room.floor() } else { (((1.0 + 4.0 * room).sqrt() - 1.0) / 2.0).powi(2) }
}

#[cfg(test)]
mod tests {
    use super::{Key, Layout, Slicing, Spread};

    fn by_key() -> Spread {
        Spread::by_column("id".to_owned(), 41.0, true)
    }

    fn by_place(is_even: bool) -> Spread {
        Spread::by_place([vec![0.0], vec![1.0; 41]].concat(), is_even)
    }

    fn full() -> Layout {
        Layout {
            blocks: 10_000,
            block_size: 8192.0,
            rows_per_block: 41.0,
            width: 192.0,
            added: 8.0,
            indexes: 4,
            spreads: vec![by_place(true), by_key()],
        }
    }

    #[test]
    fn a_slice_has_as_many_rows_as_there_is_room_for() {
        let rows = full().rows(4.0, true).expect("slices");
        assert_eq!(rows, [4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0]);
        assert_eq!(full().rows(0.0, true), None, "nothing finds room in a full block");
        let roomy = Layout { rows_per_block: 30.0, ..full() };
        assert_eq!(roomy.rows(0.0, true).expect("slices"), [11.0, 10.0, 9.0]);
    }

    #[test]
    fn whatever_a_heap_looks_like_all_rows_of_a_block_are_in_slices() {
        for _ in 0..20_000 {
            let (rows, width) = (1.0 + fastrand::f64() * 290.0, 24.0 + fastrand::f64() * 400.0);
            let layout = Layout { rows_per_block: rows, width, added: fastrand::f64() * 200.0, ..full() };
            let leaving = f64::from(fastrand::i32(0..=(rows / 2.0) as i32));
            if let Some(slices) = layout.rows(leaving, fastrand::bool()) {
                assert!((slices.iter().sum::<f64>() - rows).abs() < 1e-6, "{slices:?} of {layout:?}");
                assert!(slices.iter().all(|slice| *slice >= 1.0), "{slices:?} of {layout:?}");
            }
            for spread in &layout.spreads {
                let slicing = Layout { spreads: vec![spread.clone()], ..layout.clone() }.slicing();
                assert!(slicing.ends.is_sorted() && slicing.slices() <= 300, "{slicing:?} of {layout:?}");
            }
        }
    }

    #[test]
    fn the_more_indexes_the_fewer_rows_leave_and_slices_go_by_key_where_they_can() {
        let chosen = |spread: Spread| {
            [0, 1, 2, 4, 9]
                .map(|indexes| Layout { indexes, spreads: vec![spread.clone()], ..full() }.slicing().ends.len())
        };
        assert_eq!(chosen(by_key()), [5, 7, 11, 15, 24]);
        assert_eq!(chosen(by_place(true)), [5, 11, 11, 15, 24]);
        assert_eq!(full().slicing().key, Key::Column("id".to_owned()));
    }

    #[test]
    fn rows_that_are_spread_by_chance_find_less_room() {
        let chance = Layout { spreads: vec![by_place(false)], ..full() }.slicing();
        assert!(chance.slices() > full().slicing().slices(), "{chance:?}");
        let even = Layout { spreads: vec![by_place(false), by_key()], ..full() }.slicing();
        assert_eq!(even.key, Key::Column("id".to_owned()));
    }

    #[test]
    fn one_pass_is_enough_where_blocks_are_roomy_few_or_of_few_rows_or_the_rows_become_much_wider() {
        for one in [
            Layout { rows_per_block: 20.0, ..full() },
            Layout { blocks: 100, ..full() },
            Layout { rows_per_block: 2.0, width: 3000.0, ..full() },
            Layout { added: 300.0, ..full() },
        ] {
            assert_eq!(one.slicing(), Slicing::NONE, "{one:?}");
        }
    }

    #[test]
    fn values_kept_out_of_line_do_not_count_as_used() {
        assert!(Layout { width: 9000.0, ..full() }.slicing().slices() > 8);
    }
}
