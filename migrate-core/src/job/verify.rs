//! Compares both sides of every row.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use migrate_plan::Work as StepWork;
use postgres::{Client, GenericClient, Transaction};

use super::backfill::fill_left_over;
use super::cursor::{Cursor, restart};
use super::failed::{Found, Reason, keep, kept};
use super::marked;
use super::place::Portion;
use super::row::RowSql;
use super::walk::Walk;
use super::work::{Batch, BatchSql, Job, Work};
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::report::Closed;
use crate::state::{self, Entry, JournalStep, PlanRow, TableRow};

/// How many disagreeing rows are kept with their keys; all are counted.
const KEPT: u64 = 1000;

/// Compares a table; what is returned keeps the switch closed.
pub(crate) fn verify(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Vec<Closed>, Error> {
    let begun = Instant::now();
    let Compared { closed, .. } = compare_and_fill(migrator, client, plan, step, table)?;
    if let Some(closed) = closed {
        return Ok(vec![closed]);
    }
    state::finish(client, plan.id, step, &Entry::step(&plan.name, "done", step, begun, &[]))?;
    Ok(Vec::new())
}

/// The comparison that somebody asks for, beside that of a plan's own step, which may be to come or long over.
pub(crate) fn verify_now(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Compared, Error> {
    // No step has a number below zero: its cursors are its own.
    let step = JournalStep { number: -step.number, name: format!("{} on demand", step.name), ..step.clone() };
    let is_over = client
        .ask_one(
            "SELECT coalesce(bool_and(next_block >= blocks), false) FROM migrate.cursor WHERE plan = $1 AND step = $2",
            &[&plan.id, &step.number],
        )
        .doing("looking for an earlier comparison")?
        .get(0);
    if is_over {
        restart(client, plan, &step)?;
    }
    compare_and_fill(migrator, client, plan, &step, table)
}

/// What came of a comparison.
pub(crate) struct Compared {
    /// How many rows were compared.
    pub(crate) rows: u64,
    /// What was found, or kept it from its end.
    pub(crate) closed: Option<Closed>,
}

/// Compares; what is not filled is filled, and then all is compared once more.
fn compare_and_fill(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Compared, Error> {
    let found = compare(migrator, client, plan, step, table)?;
    if !matches!(found.closed, Some(Closed::Mismatches { .. })) {
        return Ok(found);
    }
    // Rows that moved past the windows are the backfill's; what it cannot mend stays.
    let steps = state::steps(client, plan.id)?;
    let fills =
        |step: &&JournalStep| matches!(step.work, StepWork::Backfill { table: place } if place as i32 == table.place);
    if let Some(backfill) = steps.iter().find(fills)
        && let Some(failed) = fill_left_over(migrator, client, plan, backfill, table)?
    {
        return Ok(Compared { closed: Some(failed), ..found });
    }
    compare(migrator, client, plan, step, table)
}

fn compare(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Compared, Error> {
    let walk = Walk { migrator, plan, step, setup: "SET TRANSACTION READ WRITE".to_owned() };
    let comparison = Comparison { migrator, plan, step, table, kept: AtomicU64::new(0) };
    let closed = walk.walk(client, table, &comparison)?.closed;
    let row = client
        .ask_one_again(
            "SELECT coalesce(sum(rows_done), 0)::bigint, coalesce(sum(mismatches), 0)::bigint FROM migrate.cursor \
             WHERE plan = $1 AND step = $2",
            &[&plan.id, &step.number],
        )
        .doing("counting mismatches")?;
    let (rows, count): (i64, i64) = (row.get(0), row.get(1));
    let rows = u64::try_from(rows).unwrap_or(0);
    if closed.is_some() || count == 0 {
        return Ok(Compared { rows, closed });
    }
    let shown = kept(client, plan, step)?.1;
    // The next comparison reads everything again.
    restart(client, plan, step)?;
    Ok(Compared { rows, closed: Some(Closed::Mismatches { count: u64::try_from(count).unwrap_or(0), rows: shown }) })
}

/// The comparison of a table.
struct Comparison<'a> {
    migrator: &'a Migrator,
    plan: &'a PlanRow,
    step: &'a JournalStep,
    table: &'a TableRow,
    /// Rows that were kept, by all sessions.
    kept: AtomicU64,
}

impl Job for Comparison<'_> {
    fn work(&self) -> Box<dyn Work + '_> {
        Box::new(Comparing(self))
    }
}

/// It as the work of one session.
struct Comparing<'a>(&'a Comparison<'a>);

impl Comparing<'_> {
    /// What is wrong with one row: each lens is asked in both orders, since a value that one conversion
    /// refuses may agree by the other.
    fn row(
        &self,
        transaction: &mut Transaction<'_>,
        cursor: &Cursor,
        place: &str,
    ) -> Result<Option<(String, String)>, Error> {
        for forms in self.0.table.mismatch_each.chunks(2) {
            let mut refused = None;
            for form in forms {
                let sql = marked(&format!("SELECT {form} FROM ONLY {} WHERE ctid = '{place}'::tid", cursor.sql));
                let mut savepoint = transaction.transaction().doing("beginning a savepoint")?;
                match savepoint.query_opt(&sql, &[]).running("comparing both sides", &sql) {
                    Ok(row) => {
                        savepoint.commit().doing("releasing a savepoint")?;
                        let disagrees = row.is_some_and(|row| row.get::<_, Option<bool>>(0) == Some(true));
                        refused = disagrees.then(|| (String::new(), "the two sides disagree".to_owned()));
                        break;
                    }
                    Err(error) if error.is_about_data() => {
                        savepoint.rollback().doing("rolling a savepoint back")?;
                        let Reason { sqlstate, message } = Reason::of(&error, self.0.migrator.limits());
                        refused = Some((sqlstate, message));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if refused.is_some() {
                return Ok(refused);
            }
        }
        Ok(None)
    }

    fn keep(&mut self, client: &mut impl GenericClient, cursor: &Cursor, found: &Found<'_>) -> Result<(), Error> {
        self.0.kept.fetch_add(1, Ordering::Relaxed);
        keep(client, self.0.plan, self.0.step, cursor, found)
    }

    /// SQL for the key of a row, and for both of its sides where values are kept.
    fn shown(&self, client: &mut impl GenericClient, cursor: &Cursor) -> Result<String, Error> {
        let sql = RowSql::of(client, self.0.plan, self.0.table, cursor.relation)?;
        let both = if self.0.migrator.limits().keep_values { &*sql.both } else { "NULL" };
        Ok(format!("{}::text, {both}::text", sql.key))
    }
}

impl Work for Comparing<'_> {
    fn doing(&self) -> &'static str {
        "comparing both sides"
    }

    fn batch(&self, cursor: &Cursor, condition: &str) -> BatchSql {
        let expressions = format!(
            "batch AS (SELECT count(*) AS rows, count(*) FILTER (WHERE {}) AS mismatches FROM ONLY {} WHERE {condition})",
            self.0.table.mismatch, cursor.sql
        );
        BatchSql { expressions, ..BatchSql::default() }
    }

    /// Keeps the rows that disagree, those that there is room for.
    fn look_closer(
        &mut self,
        client: &mut Client,
        cursor: &Cursor,
        portion: Portion,
        batch: &Batch,
    ) -> Result<(), Error> {
        if batch.mismatches == 0 || self.0.kept.load(Ordering::Relaxed) >= KEPT {
            return Ok(());
        }
        let shown = self.shown(client, cursor)?;
        let sql = marked(&format!(
            "SELECT {shown} FROM ONLY {} WHERE {} AND ({}) LIMIT {}",
            cursor.sql,
            portion.condition(&cursor.sql, &cursor.slicing),
            self.0.table.mismatch,
            KEPT.saturating_sub(self.0.kept.load(Ordering::Relaxed))
        ));
        for row in client.query(&sql, &[]).running("listing rows that disagree", &sql)? {
            let found = Found { key: row.get(0), value: row.get(1), sqlstate: "", message: "the two sides disagree" };
            self.keep(client, cursor, &found)?;
        }
        Ok(())
    }

    /// A value that one of the conversions refuses: its row disagrees, the others are compared.
    fn rows(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, portion: Portion) -> Result<Batch, Error> {
        let shown = self.shown(transaction, cursor)?;
        let sql = marked(&format!(
            "SELECT ctid::text, {shown} FROM ONLY {} WHERE {}",
            cursor.sql,
            portion.condition(&cursor.sql, &cursor.slicing)
        ));
        let places = transaction.query(&sql, &[]).doing("listing the rows of a block")?;
        let mut total = Batch::default();
        for row in places {
            total.rows += 1;
            if let Some((sqlstate, message)) = self.row(transaction, cursor, row.get(0))? {
                total.mismatches += 1;
                let found = Found { key: row.get(1), value: row.get(2), sqlstate: &sqlstate, message: &message };
                self.keep(transaction, cursor, &found)?;
            }
        }
        Ok(total)
    }
}
