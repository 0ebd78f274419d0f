//! Fills the new columns of rows that no writer has touched since the sync began.

use std::time::Instant;

use migrate_plan::ident::{INSERT_TRIGGER, UPDATE_TRIGGER, dollar_quoted, literal};
use migrate_plan::sync::BACKFILL_SETTING;
use postgres::{Client, SimpleQueryMessage, Transaction};

use super::analyze::analyze;
use super::cursor::Cursor;
use super::failed::{Failures, Reason};
use super::layout::Layout;
use super::passes::Passes;
use super::place::{Portion, Ring};
use super::row::RowSql;
use super::walk::Walk;
use super::work::{Batch, BatchSql, Job, Updates, Work};
use super::{MARK, marked};
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::report::Closed;
use crate::state::{self, Entry, JournalStep, PlanRow, TableRow};

/// The setting that a batch leaves the number of its rows in.
const FILLED: &str = "migrate.filled";

/// Fills a table; what is returned keeps it from being complete.
pub(crate) fn backfill(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Vec<Closed>, Error> {
    let begun = Instant::now();
    let fill = Fill { migrator, plan, step, table, manners: Manners::of(client)? };
    let walk = fill.walk();
    let walked = walk.walk(client, table, &fill)?;
    if let Some(closed) = walked.closed {
        return Ok(vec![closed]);
    }
    if let Some(closed) = fill.sweep(client, &walk)? {
        return Ok(vec![closed]);
    }
    analyze(migrator, client, plan, table, walked.blocks)?;
    let statements = [fill.statement(&table.sql(), "…")];
    state::finish(client, plan.id, step, &Entry::step(&plan.name, "done", step, begun, &statements))?;
    Ok(Vec::new())
}

/// Fills rows that a verification found empty. `step` is the backfill's own.
pub(super) fn fill_left_over(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Option<Closed>, Error> {
    let fill = Fill { migrator, plan, step, table, manners: Manners::of(client)? };
    fill.sweep(client, &fill.walk())
}

/// Keeps triggers from firing in a transaction.
const SILENCE: &str = "SET LOCAL session_replication_role = replica";

/// Has a commit not wait for the disk. What is lost when the server breaks down is lost with the cursor that tells of it, and
/// done again; every later commit that does wait makes sure of all before it.
const UNHURRIED: &str = "SET LOCAL synchronous_commit = off";

/// How transactions of a backfill are set up.
struct Manners {
    /// Whether the user's own triggers are kept from firing.
    is_silent: bool,
    /// Whether commits wait for standbys: then they set the pace, so that writers do not wait for what a backfill has piled up.
    has_standbys: bool,
}

impl Manners {
    /// By what the role may do, and what the server is set to.
    fn of(client: &mut Client) -> Result<Manners, Error> {
        let sql = "SELECT pg_catalog.current_setting('is_superuser'), \
                          pg_catalog.current_setting('synchronous_standby_names')";
        let row = client.ask_one_again(sql, &[]).doing("asking for rights")?;
        let (is_superuser, standbys): (String, String) = (row.get(0), row.get(1));
        let is_silent = is_superuser == "on" || may_silence(client)?;
        Ok(Manners { is_silent, has_standbys: !standbys.is_empty() })
    }

    /// What every transaction begins with; `silence` is what keeps the user's triggers from firing in it.
    fn setup(&self, silence: &str) -> String {
        let unhurried = if self.has_standbys { "" } else { UNHURRIED };
        format!("{unhurried}; SET LOCAL {BACKFILL_SETTING} = 'on'; {silence}")
    }
}

/// Whether a role that is no superuser may keep the user's triggers from firing: only a try tells.
fn may_silence(client: &mut Client) -> Result<bool, Error> {
    let may = client.batch_execute(&format!("BEGIN; {SILENCE}; ROLLBACK")).is_ok();
    if !may {
        client.batch_execute("ROLLBACK").doing("asking for rights")?;
        tracing::warn!("the role may not set session_replication_role: the table's own triggers fire for the backfill");
    }
    Ok(may)
}

/// What fills the rows of a table.
pub(super) struct Fill<'a> {
    pub(super) migrator: &'a Migrator,
    pub(super) plan: &'a PlanRow,
    pub(super) step: &'a JournalStep,
    pub(super) table: &'a TableRow,
    manners: Manners,
}

impl Fill<'_> {
    /// Its writes pass the sync triggers by, and, where the role may arrange that, the user's own.
    fn walk(&self) -> Walk<'_> {
        let setup = self.manners.setup(if self.manners.is_silent { SILENCE } else { "" });
        Walk { migrator: self.migrator, plan: self.plan, step: self.step, setup }
    }

    fn statement(&self, heap: &str, condition: &str) -> String {
        format!("UPDATE ONLY {heap} SET {} WHERE {condition} AND ({})", self.table.fill, self.table.unfilled)
    }

    /// The same, where `condition` reads every row of a block and few pass it. PostgreSQL takes a row apart once for all that a scan
    /// asks of it, as far as the last column that is asked for, and whether the row is filled is said by the last one. So that is
    /// asked above the scan, in a join with a table of one row, and of the rows that passed. Rows are joined by `>=` in a nested
    /// loop only: the planner has no choice.
    fn above_scan(&self, heap: &str, condition: &str) -> String {
        let TableRow { fill, unfilled, .. } = self.table;
        format!(
            "WITH \"{MARK}\" AS MATERIALIZED (SELECT true AS \"{MARK}\") \
             UPDATE ONLY {heap} SET {fill} FROM \"{MARK}\" WHERE {condition} AND ({unfilled}) >= \"{MARK}\".\"{MARK}\""
        )
    }

    /// The rows that fail.
    pub(super) fn failures(&self) -> Failures<'_> {
        Failures { plan: self.plan, step: self.step, settings: self.migrator.limits() }
    }

    /// One block, row by row, each in a savepoint; a row whose value does not convert is kept.
    pub(super) fn rows(
        &self,
        transaction: &mut Transaction<'_>,
        cursor: &Cursor,
        condition: &str,
    ) -> Result<(Batch, u64), Error> {
        let row_sql = RowSql::of(transaction, self.plan, self.table, cursor.relation)?;
        let places = transaction
            .query(&format!("SELECT ctid::text, {}::text FROM ONLY {} WHERE {condition}", row_sql.key, cursor.sql), &[])
            .doing("listing the rows of a block")?;
        let (mut batch, mut locked) = (Batch::default(), 0);
        for row in places {
            let (place, key): (String, String) = (row.get(0), row.get(1));
            match self.row(transaction, cursor, &format!("ctid = '{place}'::tid"))? {
                Outcome::Filled(rows) => batch.rows += rows,
                Outcome::Locked => locked += 1,
                Outcome::Failed(reason) => {
                    self.failures().keep(transaction, cursor, &row_sql, (&place, &key), &reason)?;
                }
            }
        }
        Ok((batch, locked))
    }

    /// The row of `condition`, if there is one and it is not filled.
    pub(super) fn row(
        &self,
        transaction: &mut Transaction<'_>,
        cursor: &Cursor,
        condition: &str,
    ) -> Result<Outcome, Error> {
        let sql = format!("{} RETURNING ({})", self.statement(&cursor.sql, condition), self.table.unfilled);
        // One message for the attempt, and one for what becomes of it: many rows may have to be tried.
        let attempt = format!("SAVEPOINT \"~row\"; SET LOCAL lock_timeout = 20; {sql}");
        let undo = "ROLLBACK TO SAVEPOINT \"~row\"; RELEASE SAVEPOINT \"~row\"";
        let outcome = match transaction.simple_query(&attempt).doing("filling a row") {
            Ok(answer) => {
                let rows: Vec<Option<&str>> = answer
                    .iter()
                    .filter_map(|message| match message {
                        SimpleQueryMessage::Row(row) => Some(row.get(0)),
                        _ => None,
                    })
                    .collect();
                if !rows.contains(&Some("t")) {
                    transaction.batch_execute("RELEASE SAVEPOINT \"~row\"").doing("releasing a savepoint")?;
                    return Ok(Outcome::Filled(rows.len() as u64));
                }
                Outcome::Failed(Reason::null())
            }
            Err(error) if error.is_about_data() => Outcome::Failed(Reason::of(&error, self.migrator.limits())),
            Err(error) if error.is_lock_refused() => Outcome::Locked,
            Err(error) => return Err(error.into()),
        };
        transaction.batch_execute(undo).doing("rolling a savepoint back")?;
        Ok(outcome)
    }
}

/// What became of a row.
pub(super) enum Outcome {
    /// So many were filled: one, or none that needed it.
    Filled(u64),
    Locked,
    Failed(Reason),
}

impl Job for Fill<'_> {
    fn work(&self) -> Box<dyn Work + '_> {
        Box::new(Filling { fill: self, passes: Passes::new(self.migrator, self.plan, self.step, self.table) })
    }
}

/// The backfill as work for the engine.
struct Filling<'a> {
    fill: &'a Fill<'a>,
    passes: Passes<'a>,
}

impl Filling<'_> {
    /// The statement's own count of its rows: to return each of them to be counted is a twentieth of what an update in place
    /// costs. It is passed on by a setting, since a block returns nothing. A column of the table may have any name.
    fn updating(&self, cursor: &Cursor, condition: &str) -> BatchSql {
        let statement = match cursor.looks_at_all_rows() {
            true => self.fill.above_scan(&cursor.sql, condition),
            false => marked(&self.fill.statement(&cursor.sql, condition)),
        };
        let block = format!(
            "#variable_conflict use_column\nDECLARE filled bigint; BEGIN {statement}; GET DIAGNOSTICS filled = ROW_COUNT; \
             PERFORM pg_catalog.set_config('{FILLED}', filled::text, true); END"
        );
        BatchSql {
            first: format!("DO {}; ", dollar_quoted(&block)),
            expressions: format!(
                "batch AS (SELECT pg_catalog.current_setting('{FILLED}')::bigint AS rows, 0::bigint AS mismatches)"
            ),
        }
    }
}

impl Work for Filling<'_> {
    fn doing(&self) -> &'static str {
        "filling a batch"
    }

    fn batch(&self, cursor: &Cursor, condition: &str) -> BatchSql {
        self.updating(cursor, condition)
    }

    /// To keep triggers from firing makes PostgreSQL forget all plans of the session, before and after: in a small heap that is
    /// more than what the batch costs. So it is done there only where the user has a trigger; who is making one is waited for
    /// before the look. To PostgreSQL 14 what a partition has of its parent's triggers is internal.
    fn setup(&self, cursor: &Cursor) -> Option<String> {
        let (heap, name) = (&cursor.sql, literal(&cursor.sql));
        let manners = &self.fill.manners;
        (manners.is_silent && Layout::is_small(cursor)).then(|| {
            manners.setup(&format!(
                "LOCK TABLE ONLY {heap} IN ROW EXCLUSIVE MODE; \
                 SELECT pg_catalog.set_config('session_replication_role', 'replica', true) \
                 WHERE EXISTS (SELECT FROM pg_catalog.pg_trigger \
                               WHERE tgrelid = {name}::pg_catalog.regclass \
                                 AND (NOT tgisinternal OR tgparentid <> 0) \
                                 AND tgname NOT IN ('{INSERT_TRIGGER}', '{UPDATE_TRIGGER}'))"
            ))
        })
    }

    fn past_locks(&self, cursor: &Cursor, condition: &str) -> BatchSql {
        let free = format!(
            "ctid = ANY (ARRAY(SELECT ctid FROM ONLY {} WHERE {condition} AND ({}) FOR NO KEY UPDATE SKIP LOCKED))",
            cursor.sql, self.fill.table.unfilled
        );
        self.updating(cursor, &free)
    }

    fn rows(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, portion: Portion) -> Result<Batch, Error> {
        // What fails here is found and kept by the sweep; the rest of the block must not wait for it.
        Ok(self.fill.rows(transaction, cursor, &portion.condition(&cursor.sql, &cursor.slicing))?.0)
    }

    fn ring(&mut self, client: &mut Client, cursor: &Cursor) -> Result<Ring, Error> {
        self.passes.ring(client, cursor)
    }

    fn give_up_slices(&mut self, client: &mut Client, portion: Portion, updates: Updates) -> Result<bool, Error> {
        self.passes.give_up(client, portion, updates)
    }
}
