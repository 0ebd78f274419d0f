//! One batch: a transaction of two messages, with the cursor in the same statement as the rows.

use std::time::Duration;

use postgres::{Client, SimpleQueryMessage, SimpleQueryRow, Transaction};

use super::cursor::{Cursor, moving};
use super::place::Portion;
use super::walk::Walk;
use super::work::{Batch, BatchSql, Updates, Work};
use crate::begun::Begun;
use crate::database::Doing;
use crate::error::Error;
use crate::event::Event;

/// How an attempt at a portion is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Whole,
    PastLocks,
    /// A block, row by row.
    Rows,
}

impl Walk<'_> {
    /// Does a portion, moves the cursor past it and commits.
    pub(super) fn transact(
        &self,
        client: &mut Client,
        cursor: &Cursor,
        work: &mut dyn Work,
        portion: Portion,
        manner: Manner,
    ) -> Result<Batch, Error> {
        if manner == Manner::Rows {
            return self.rows(client, cursor, work, portion);
        }
        let condition = portion.condition(&cursor.sql, &cursor.slicing);
        let sql = match manner {
            Manner::PastLocks => work.past_locks(cursor, &condition),
            _ => work.batch(cursor, &condition),
        };
        // A block at a time is as small as it gets, so that one may take as long as it takes.
        let limit = if portion.window.blocks() > 1 { self.migrator.limits().stall_budget } else { Duration::ZERO };
        let setup = work.setup(cursor);
        let settings = self.settings(limit, setup.as_deref().unwrap_or(&self.setup));
        let Message { sql, statement } = self.message(cursor, portion, &sql, &settings);
        let mut begun = Begun::on(client);
        let sql = format!("{}{sql}", Begun::START);
        let answer = begun.client().simple_query(&sql).running(work.doing(), &statement)?;
        let batch = done(&answer)?;
        work.look_closer(begun.client(), cursor, portion, &batch)?;
        self.migrator.notify(&Event::Committing { plan: &self.plan.name, step: &self.step.name });
        begun.commit().doing("committing a batch")?;
        Ok(batch)
    }

    /// A block, row by row.
    fn rows(
        &self,
        client: &mut Client,
        cursor: &Cursor,
        work: &mut dyn Work,
        portion: Portion,
    ) -> Result<Batch, Error> {
        let mut transaction = self.begin(client)?;
        let batch = work.rows(&mut transaction, cursor, portion)?;
        let expressions =
            format!("batch AS (SELECT {}::bigint AS rows, {}::bigint AS mismatches)", batch.rows, batch.mismatches);
        let counted = BatchSql { expressions, ..BatchSql::default() };
        let settings = self.settings(Duration::ZERO, &self.setup);
        let Message { sql, statement } = self.message(cursor, portion, &counted, &settings);
        done(&transaction.simple_query(&sql).running("moving a cursor", &statement)?)?;
        self.migrator.notify(&Event::Committing { plan: &self.plan.name, step: &self.step.name });
        transaction.commit().doing("committing a batch")?;
        Ok(batch)
    }

    /// Sets a transaction up and does a batch in it.
    fn message(&self, cursor: &Cursor, portion: Portion, work: &BatchSql, settings: &str) -> Message {
        let to = cursor.place.after(portion);
        let moving = moving(self.plan, self.step, cursor, to, &work.expressions);
        let statement = format!("{}{moving}", work.first);
        // The counts are of all transactions since the session last reported them, so only what they gain is this one's.
        let counted = if portion.slices > 1 {
            format!(
                "SELECT pg_catalog.pg_stat_get_xact_tuples_updated({0}) AS updated, \
                 pg_catalog.pg_stat_get_xact_tuples_hot_updated({0}) AS hot; ",
                cursor.relation
            )
        } else {
            String::new()
        };
        // A commit that waits for a standby is not to be cut short.
        let sql = format!("{settings}; {counted}{statement}; {counted}SET LOCAL statement_timeout = 0");
        Message { sql, statement }
    }

    /// Begins a transaction of the job.
    pub(super) fn begin<'c>(&self, client: &'c mut Client) -> Result<Transaction<'c>, Error> {
        let mut transaction = client.transaction().doing("beginning a batch")?;
        transaction.batch_execute(&self.settings(Duration::ZERO, &self.setup)).doing("setting up a batch")?;
        Ok(transaction)
    }

    /// What a transaction begins with. PostgreSQL ends its statements after `limit`; zero is none. The last window's time
    /// says nothing where empty blocks turn into full ones, as after an earlier backfill, and writers wait for the rows of
    /// the whole batch.
    fn settings(&self, limit: Duration, setup: &str) -> String {
        // Half of it, so that a wait for somebody's row is told from a window with too many rows.
        let budget = (self.migrator.limits().stall_budget / 2).as_millis().max(1);
        let limit = limit.as_millis();
        format!("SET LOCAL lock_timeout = {budget}; {setup}; SET LOCAL statement_timeout = {limit}")
    }
}

/// What is sent for a batch, and the statement of it that does the work.
struct Message {
    sql: String,
    statement: String,
}

/// What a batch did, by the answer to its message. Outside of the term it has done nothing, and must not be committed.
fn done(answer: &[SimpleQueryMessage]) -> Result<Batch, Error> {
    let (mut batch, mut counts) = (None, Vec::new());
    for message in answer {
        let SimpleQueryMessage::Row(row) = message else { continue };
        if let Some(rows) = number(row, "rows") {
            batch = Some(Batch { rows, mismatches: number(row, "mismatches").unwrap_or(0), ..Batch::default() });
        } else if let (Some(all), Some(hot)) = (number(row, "updated"), number(row, "hot")) {
            counts.push(Updates { all, hot });
        }
    }
    let Some(mut batch) = batch else { return Err(Error::Deposed) };
    if let [before, after] = counts[..] {
        let gained = |before: u64, after: u64| after.saturating_sub(before);
        batch.updates = Updates { all: gained(before.all, after.all), hot: gained(before.hot, after.hot) };
    }
    Ok(batch)
}

fn number(row: &SimpleQueryRow, column: &str) -> Option<u64> {
    row.try_get(column).ok().flatten()?.parse().ok()
}
