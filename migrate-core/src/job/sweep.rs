//! The last look of a backfill, at every row.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use super::backfill::Fill;
use super::cursor::Cursor;
use super::failed::kept;
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

impl Fill<'_> {
    /// The last look, at every row: what moved between the windows, was locked, or does not convert.
    pub(super) fn sweep(&self, client: &mut Client, walk: &Walk<'_>) -> Result<Option<Closed>, Error> {
        let begun = Instant::now();
        loop {
            client
                .tell(
                    "DELETE FROM migrate.failed_row WHERE plan = $1 AND step = $2",
                    &[&self.plan.id, &self.step.number],
                )
                .doing("looking at failed rows again")?;
            let mut locked = 0;
            for heap in catalog::heaps(client, &self.table.sql())? {
                locked += self.sweep_heap(client, walk, &Cursor::at_first(heap))?;
            }
            let (count, rows) = kept(client, self.plan, self.step)?;
            if locked == 0 {
                return Ok((count > 0).then_some(Closed::FailedRows { count, rows }));
            }
            if begun.elapsed() >= self.migrator.limits().row_wait {
                return Ok(Some(Closed::LockedRows { table: self.table.shown(), count: locked }));
            }
            thread::sleep(POLL);
        }
    }

    /// Looks at a heap and fills what it finds; answers how many rows were locked.
    fn sweep_heap(&self, client: &mut Client, walk: &Walk<'_>, cursor: &Cursor) -> Result<u64, Error> {
        let (mut from, mut size, mut locked) = (0, LOOK, 0);
        while from < cursor.blocks {
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
                if kept(client, self.plan, self.step)?.0 >= u64::from(self.migrator.limits().failed_rows) {
                    return Ok(0);
                }
                let mut transaction = walk.begin(client)?;
                locked += self.rows(&mut transaction, cursor, &Window { from: block, to: block + 1 }.condition())?.1;
                transaction.commit().doing("committing a block")?;
            }
            from = window.to;
            size = (size * 2).min(LOOK);
        }
        Ok(locked)
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
