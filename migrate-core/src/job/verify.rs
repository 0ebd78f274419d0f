//! Compares both sides of every row.

use std::time::Instant;

use migrate_plan::Work as StepWork;
use postgres::{Client, Transaction};

use super::backfill::fill_left_over;
use super::cursor::{Cursor, cursors, restart};
use super::failed::{Found, Reason, keep, kept};
use super::marked;
use super::place::Portion;
use super::walk::Walk;
use super::work::{Batch, Work};
use crate::catalog;
use crate::database::Doing;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::report::Closed;
use crate::state::{self, Entry, JournalStep, PlanRow, StepState, TableRow};

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
    let mut closed = compare(migrator, client, plan, step, table)?;
    if closed.is_some() {
        // Rows that moved past the windows are the backfill's; what it cannot mend stays.
        let steps = state::steps(client, plan.id)?;
        let fills = |step: &&JournalStep| matches!(step.work, StepWork::Backfill { table: place } if place as i32 == table.place);
        if let Some(backfill) = steps.iter().find(fills)
            && let Some(failed) = fill_left_over(migrator, client, plan, backfill, table)?
        {
            return Ok(vec![failed]);
        }
        closed = compare(migrator, client, plan, step, table)?;
    }
    if let Some(closed) = closed {
        return Ok(vec![closed]);
    }
    let mut transaction = client.transaction().doing("writing the journal")?;
    state::mark(&mut transaction, plan.id, step.number, StepState::Done)?;
    state::record(&mut transaction, &Entry::step(&plan.name, "done", step, begun, &[]))?;
    transaction.commit().doing("writing the journal")?;
    Ok(Vec::new())
}

fn compare(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Option<Closed>, Error> {
    let cursors = cursors(client, plan, step, table)?;
    let walk = Walk { migrator, plan, step, setup: "SET TRANSACTION READ WRITE".to_owned() };
    walk.walk(client, &cursors, &mut Comparing { migrator, plan, step, table, kept: 0 })?;
    let count: i64 = client
        .query_one(
            "SELECT coalesce(sum(mismatches), 0)::bigint FROM migrate.cursor WHERE plan = $1 AND step = $2",
            &[&plan.id, &step.number],
        )
        .doing("counting mismatches")?
        .get(0);
    let rows = kept(client, plan, step)?.1;
    if count == 0 {
        return Ok(None);
    }
    // The next comparison reads everything again.
    restart(client, plan, step)?;
    Ok(Some(Closed::Mismatches { count: u64::try_from(count).unwrap_or(0), rows }))
}

struct Comparing<'a> {
    migrator: &'a Migrator,
    plan: &'a PlanRow,
    step: &'a JournalStep,
    table: &'a TableRow,
    kept: u64,
}

impl Comparing<'_> {
    /// What is wrong with one row: each lens is asked in both orders, since a value that one conversion
    /// refuses may agree by the other.
    fn row(
        &self,
        transaction: &mut Transaction<'_>,
        cursor: &Cursor,
        place: &str,
    ) -> Result<Option<(String, String)>, Error> {
        for forms in self.table.mismatch_each.chunks(2) {
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
                        let Reason { sqlstate, message } = Reason::of(&error, self.migrator.limits());
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

    fn keep(
        &mut self,
        transaction: &mut Transaction<'_>,
        cursor: &Cursor,
        key: &str,
        sqlstate: &str,
        message: &str,
    ) -> Result<(), Error> {
        self.kept += 1;
        keep(transaction, self.plan, self.step, cursor, &Found { key, sqlstate, message })
    }
}

impl Work for Comparing<'_> {
    fn doing(&self) -> &'static str {
        "comparing both sides"
    }

    fn batch(&self, cursor: &Cursor, condition: &str) -> String {
        format!(
            "batch AS (SELECT count(*) AS rows, count(*) FILTER (WHERE {}) AS mismatches FROM ONLY {} WHERE {condition})",
            self.table.mismatch, cursor.sql
        )
    }

    /// Keeps the rows that disagree, those that there is room for.
    fn look_closer(
        &mut self,
        transaction: &mut Transaction<'_>,
        cursor: &Cursor,
        portion: Portion,
        batch: &Batch,
    ) -> Result<(), Error> {
        if batch.mismatches == 0 || self.kept >= KEPT {
            return Ok(());
        }
        let key = catalog::key_sql(transaction, cursor.relation)?;
        let sql = marked(&format!(
            "SELECT {key}::text FROM ONLY {} WHERE {} AND ({}) LIMIT {}",
            cursor.sql,
            portion.condition(),
            self.table.mismatch,
            KEPT - self.kept
        ));
        for row in transaction.query(&sql, &[]).running("listing rows that disagree", &sql)? {
            self.keep(transaction, cursor, &row.get::<_, String>(0), "", "the two sides disagree")?;
        }
        Ok(())
    }

    /// A value that one of the conversions refuses: its row disagrees, the others are compared.
    fn rows(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, portion: Portion) -> Result<Batch, Error> {
        let key = catalog::key_sql(transaction, cursor.relation)?;
        let sql =
            marked(&format!("SELECT ctid::text, {key}::text FROM ONLY {} WHERE {}", cursor.sql, portion.condition()));
        let places = transaction.query(&sql, &[]).doing("listing the rows of a block")?;
        let mut total = Batch::default();
        for row in places {
            let (place, key): (String, String) = (row.get(0), row.get(1));
            total.rows += 1;
            if let Some((sqlstate, message)) = self.row(transaction, cursor, &place)? {
                total.mismatches += 1;
                self.keep(transaction, cursor, &key, &sqlstate, &message)?;
            }
        }
        Ok(total)
    }
}
