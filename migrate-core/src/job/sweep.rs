//! The last look of a backfill, at every row.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use super::backfill::Fill;
use super::cursor::Cursor;
use super::place::Window;
use super::walk::Walk;
use crate::ask::Ask;
use crate::catalog;
use crate::database::Doing;
use crate::error::Error;
use crate::report::Closed;

/// Blocks that it takes at once: it only reads.
const LOOK: i64 = 4096;

/// Between two looks at rows that others hold locked.
const POLL: Duration = Duration::from_millis(50);

/// A block with rows that others hold locked.
struct Locked {
    cursor: Cursor,
    block: i64,
    rows: u64,
}

impl Fill<'_> {
    /// The last look, at every row: what moved between the windows, was locked, or does not convert. Where rows are known
    /// that do not, these come first.
    pub(super) fn sweep(&self, client: &mut Client, walk: &Walk<'_>) -> Result<Option<Closed>, Error> {
        let (begun, failures) = (Instant::now(), self.failures());
        let kept = failures.kept(client)?;
        if !kept.is_empty() {
            if let Some(closed) = self.still_fail(client, walk, kept)? {
                return Ok(Some(closed));
            }
            failures.forget(client)?;
        }
        let (mut locked, mut is_filled) = (Vec::new(), true);
        for heap in catalog::heaps(client, &self.table.sql())? {
            is_filled &= self.sweep_heap(client, walk, &Cursor::at_first(heap), &mut locked)?;
        }
        if is_filled {
            return Ok(None);
        }
        // Whoever holds a row locked and moves it away has it filled by the sync in that very write.
        while !locked.is_empty() {
            if begun.elapsed() >= self.migrator.limits().row_wait {
                let count = locked.iter().map(|block| block.rows).sum();
                return Ok(Some(Closed::LockedRows { table: self.table.shown(), count }));
            }
            self.migrator.require_lead(client)?;
            thread::sleep(POLL);
            let mut still = Vec::new();
            for block in locked {
                still.extend(self.sweep_block(client, walk, &block.cursor, block.block)?);
            }
            locked = still;
        }
        if !failures.is_full(failures.count(client)?) {
            failures.settle(client)?;
        }
        failures.closed(client)
    }

    /// Looks at a heap and fills what it finds, but for the rows that are `locked`; answers whether there was nothing to fill.
    fn sweep_heap(
        &self,
        client: &mut Client,
        walk: &Walk<'_>,
        cursor: &Cursor,
        locked: &mut Vec<Locked>,
    ) -> Result<bool, Error> {
        let (mut from, mut size, mut is_filled) = (0, LOOK, true);
        while from < cursor.blocks {
            self.migrator.require_lead(client)?;
            let window = Window { from, to: cursor.blocks.min(from + size) };
            let blocks = match self.unfilled_blocks(client, cursor, window) {
                Ok(blocks) => blocks,
                Err(Error::Database(error)) if error.is_about_data() => {
                    if size > 1 {
                        size = (size / 8).max(1);
                        continue;
                    }
                    vec![from]
                }
                Err(error) => return Err(error),
            };
            for block in blocks {
                is_filled = false;
                let failures = self.failures();
                if failures.is_full(failures.count(client)?) {
                    return Ok(false);
                }
                locked.extend(self.sweep_block(client, walk, cursor, block)?);
            }
            from = window.to;
            size = (size * 2).min(LOOK);
        }
        Ok(is_filled)
    }

    fn sweep_block(
        &self,
        client: &mut Client,
        walk: &Walk<'_>,
        cursor: &Cursor,
        block: i64,
    ) -> Result<Option<Locked>, Error> {
        let mut transaction = walk.begin(client)?;
        let rows = self.rows(&mut transaction, cursor, &Window { from: block, to: block + 1 }.condition())?.1;
        transaction.commit().doing("committing a block")?;
        Ok((rows > 0).then(|| Locked { cursor: cursor.clone(), block, rows }))
    }

    fn unfilled_blocks(&self, client: &mut Client, cursor: &Cursor, window: Window) -> Result<Vec<i64>, Error> {
        let sql = format!(
            "SELECT DISTINCT ((ctid::text::point)[0])::bigint FROM ONLY {} WHERE {} AND ({}) ORDER BY 1",
            cursor.sql,
            window.condition(),
            self.table.unfilled
        );
        let rows = client.ask(&sql, &[]).running("looking for rows that are not filled", &sql)?;
        Ok(rows.into_iter().map(|row| row.get(0)).collect())
    }
}
