//! Compares both sides of every row.

use std::time::Instant;

use migrate_plan::Work as StepWork;
use postgres::{Client, Transaction};

use super::backfill::fill_left_over;
use super::cursor::{Cursor, cursors, restart};
use super::failed::{Found, keep, kept};
use super::marked;
use super::walk::{Batch, Walk, Window, Work};
use crate::ask::Ask;
use crate::catalog;
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
    state::finish(client, plan.id, step, &Entry::step(&plan.name, "done", step, begun, &[]))?;
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
    walk.walk(client, &cursors, &mut Comparing { plan, step, table, kept: 0 })?;
    let count: i64 = client
        .ask_one(
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
    plan: &'a PlanRow,
    step: &'a JournalStep,
    table: &'a TableRow,
    kept: u64,
}

impl Comparing<'_> {
    /// Compares the rows that `condition` names; answers how many there are and keeps those that disagree.
    fn compare(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, condition: &str) -> Result<Batch, Error> {
        let sql = marked(&format!(
            "SELECT count(*), count(*) FILTER (WHERE {}) FROM ONLY {} WHERE {condition}",
            self.table.mismatch, cursor.sql
        ));
        let row = transaction.ask_one(&sql, &[]).running("comparing both sides", &sql)?;
        let (rows, mismatches): (i64, i64) = (row.get(0), row.get(1));
        if mismatches > 0 && self.kept < KEPT {
            let key = catalog::key_sql(transaction, cursor.relation)?;
            let sql = marked(&format!(
                "SELECT {key}::text FROM ONLY {} WHERE {condition} AND ({}) LIMIT {}",
                cursor.sql,
                self.table.mismatch,
                KEPT - self.kept
            ));
            for row in transaction.ask(&sql, &[]).running("listing rows that disagree", &sql)? {
                self.keep(transaction, cursor, &row.get::<_, String>(0), "", "the two sides disagree")?;
            }
        }
        Ok(Batch { rows: rows as u64, mismatches: mismatches as u64 })
    }

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
                match savepoint.ask_opt(&sql, &[]).running("comparing both sides", &sql) {
                    Ok(row) => {
                        savepoint.commit().doing("releasing a savepoint")?;
                        let disagrees = row.is_some_and(|row| row.get::<_, Option<bool>>(0) == Some(true));
                        refused = disagrees.then(|| (String::new(), "the two sides disagree".to_owned()));
                        break;
                    }
                    Err(error) if error.is_about_data() => {
                        savepoint.rollback().doing("rolling a savepoint back")?;
                        let sqlstate = error.code().map_or("", |code| code.code()).to_owned();
                        refused = Some((sqlstate, error.message()));
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
    fn window(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, window: Window) -> Result<Batch, Error> {
        self.compare(transaction, cursor, &window.condition())
    }

    /// A value that one of the conversions refuses: its row disagrees, the others are compared.
    fn rows(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, window: Window) -> Result<Batch, Error> {
        let key = catalog::key_sql(transaction, cursor.relation)?;
        let sql =
            marked(&format!("SELECT ctid::text, {key}::text FROM ONLY {} WHERE {}", cursor.sql, window.condition()));
        let places = transaction.ask(&sql, &[]).doing("listing the rows of a block")?;
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
