//! A closer look at the failed rows alone.

use postgres::{Client, Transaction};

use super::backfill::{Fill, Outcome};
use super::cursor::Cursor;
use super::failed::Kept;
use super::row::RowSql;
use super::walk::Walk;
use crate::catalog;
use crate::database::Doing;
use crate::error::Error;
use crate::report::Closed;

/// How many rows are tried in a transaction: what it fills stays locked until it ends.
const AT_ONCE: usize = 50;

impl Fill<'_> {
    /// Looks for the failed rows by their keys, and fills those that convert by now: somebody may have mended them, or a
    /// function that `up` calls. As long as one of them fails the gate stays closed, so that nothing is gained by reading
    /// the whole table before; nothing is answered where that is to be done.
    pub(super) fn still_fail(
        &self,
        client: &mut Client,
        walk: &Walk<'_>,
        kept: Vec<Kept>,
    ) -> Result<Option<Closed>, Error> {
        let failures = self.failures();
        let is_settled = kept.iter().all(|row| row.is_settled);
        if kept.is_empty() || !is_settled && !failures.is_full(kept.len() as u64) {
            return Ok(None);
        }
        let heaps = catalog::heaps(client, &self.table.sql())?;
        let (here, gone): (Vec<Kept>, Vec<Kept>) =
            kept.into_iter().partition(|row| heaps.iter().any(|heap| heap.relation == row.relation));
        for row in gone {
            failures.is_mended(client, row.id)?;
        }
        for heap in heaps {
            let rows: Vec<&Kept> = here.iter().filter(|row| row.relation == heap.relation).collect();
            let cursor = Cursor::at_first(heap);
            for rows in rows.chunks(AT_ONCE) {
                self.migrator.require_lead(client)?;
                let mut transaction = walk.begin(client)?;
                self.try_again(&mut transaction, &cursor, rows)?;
                transaction.commit().doing("committing failed rows")?;
            }
        }
        let left = failures.count(client)?;
        // Where there was no room for more of them, others may have been passed over.
        if left == 0 || !is_settled && !failures.is_full(left) { Ok(None) } else { failures.closed(client) }
    }

    fn try_again(&self, transaction: &mut Transaction<'_>, cursor: &Cursor, rows: &[&Kept]) -> Result<(), Error> {
        let failures = self.failures();
        let sql = RowSql::of(transaction, self.plan, self.table, cursor.relation)?;
        for row in rows {
            let Some(place) = &row.place else {
                failures.is_mended(transaction, row.id)?;
                continue;
            };
            let condition = sql.at(place);
            match self.row(transaction, cursor, &condition)? {
                // Filled just now, by a writer before, or not there any more.
                Outcome::Filled(_) => failures.is_mended(transaction, row.id)?,
                Outcome::Locked => {}
                Outcome::Failed(reason) => {
                    failures.fails_still(transaction, cursor, &sql, (row.id, &condition), &reason)?;
                }
            }
        }
        Ok(())
    }
}
