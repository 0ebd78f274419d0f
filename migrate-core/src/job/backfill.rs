//! Fills the new columns of rows that no writer has touched since the sync began.

use std::thread;
use std::time::{Duration, Instant};

use migrate_plan::sync::BACKFILL_SETTING;
use postgres::{Client, Transaction};

use super::cursor::{Cursor, cursors};
use super::failed::{Found, keep, kept};
use super::walk::{Batch, Walk, Window, Work};
use crate::ask::Ask;
use crate::catalog;
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::migrator::Migrator;
use crate::report::Closed;
use crate::state::{self, Entry, JournalStep, PlanRow, TableRow};

/// Blocks that the last look takes at once: it only reads.
const LOOK: i64 = 4096;

/// Between two looks at rows that others hold locked.
const POLL: Duration = Duration::from_millis(50);

/// Fills a table; what is returned keeps it from being complete.
pub(crate) fn backfill(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    table: &TableRow,
) -> Result<Vec<Closed>, Error> {
    let begun = Instant::now();
    let fill = Fill { migrator, plan, step, table, setup: setup(client)? };
    // Rows that failed before are looked at again: somebody may have mended them.
    client
        .tell("DELETE FROM migrate.failed_row WHERE plan = $1 AND step = $2", &[&plan.id, &step.number])
        .doing("looking at failed rows again")?;
    let cursors = cursors(client, plan, step, table)?;
    let walk = fill.walk();
    walk.walk(client, &cursors, &mut Filling { fill: &fill })?;
    if let Some(closed) = fill.sweep(client, &walk)? {
        return Ok(vec![closed]);
    }
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
    let fill = Fill { migrator, plan, step, table, setup: setup(client)? };
    fill.sweep(client, &fill.walk())
}

/// What sets up the transactions of a backfill: its writes pass the sync triggers by, and, where the role
/// may arrange that, the user's own triggers.
fn setup(client: &mut Client) -> Result<String, Error> {
    let silence = "SET LOCAL session_replication_role = replica";
    let may = client.batch_execute(&format!("BEGIN; {silence}; ROLLBACK")).is_ok();
    if !may {
        client.batch_execute("ROLLBACK").doing("asking for rights")?;
    }
    if !may {
        tracing::warn!("the role may not set session_replication_role: the table's own triggers fire for the backfill");
    }
    Ok(format!("SET LOCAL {BACKFILL_SETTING} = 'on'; {}", if may { silence } else { "" }))
}

struct Fill<'a> {
    migrator: &'a Migrator,
    plan: &'a PlanRow,
    step: &'a JournalStep,
    table: &'a TableRow,
    setup: String,
}

impl Fill<'_> {
    fn walk(&self) -> Walk<'_> {
        Walk { migrator: self.migrator, plan: self.plan, step: self.step, setup: self.setup.clone() }
    }

    fn statement(&self, heap: &str, condition: &str) -> String {
        format!("UPDATE ONLY {heap} SET {} WHERE {condition} AND ({})", self.table.fill, self.table.unfilled)
    }

    /// One block, row by row, each in a savepoint; a row whose value does not convert is kept.
    fn rows(&self, transaction: &mut Transaction<'_>, cursor: &Cursor, window: Window) -> Result<(Batch, u64), Error> {
        let key = catalog::key_sql(transaction, cursor.relation)?;
        let places = transaction
            .ask(&format!("SELECT ctid::text, {key}::text FROM ONLY {} WHERE {}", cursor.sql, window.condition()), &[])
            .doing("listing the rows of a block")?;
        let (mut batch, mut locked) = (Batch::default(), 0);
        for row in places {
            let (place, key): (String, String) = (row.get(0), row.get(1));
            match self.row(transaction, cursor, &place)? {
                Outcome::Filled(rows) => batch.rows += rows,
                Outcome::Locked => locked += 1,
                Outcome::Failed { sqlstate, message } => {
                    let found = Found { key: &key, sqlstate: &sqlstate, message: &message };
                    keep(transaction, self.plan, self.step, cursor, &found)?;
                }
            }
        }
        Ok((batch, locked))
    }

    fn row(&self, transaction: &mut Transaction<'_>, cursor: &Cursor, place: &str) -> Result<Outcome, Error> {
        let condition = format!("ctid = '{place}'::tid");
        let sql = format!("{} RETURNING ({})", self.statement(&cursor.sql, &condition), self.table.unfilled);
        let mut savepoint = transaction.transaction().doing("beginning a savepoint")?;
        savepoint.batch_execute("SET LOCAL lock_timeout = 20").doing("setting up a savepoint")?;
        match savepoint.ask(&sql, &[]).doing("filling a row") {
            Ok(rows) => {
                savepoint.commit().doing("releasing a savepoint")?;
                if rows.iter().any(|row| row.get::<_, Option<bool>>(0) == Some(true)) {
                    return Ok(Outcome::Failed {
                        sqlstate: "23502".to_owned(),
                        message: "`up` gives null, and the new column is declared not null".to_owned(),
                    });
                }
                Ok(Outcome::Filled(rows.len() as u64))
            }
            Err(error) if error.is_about_data() => {
                savepoint.rollback().doing("rolling a savepoint back")?;
                Ok(Outcome::failed(&error))
            }
            Err(error) if error.is_lock_refused() => {
                savepoint.rollback().doing("rolling a savepoint back")?;
                Ok(Outcome::Locked)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The last look, at every row: what moved between the windows, was locked, or does not convert.
    fn sweep(&self, client: &mut Client, walk: &Walk<'_>) -> Result<Option<Closed>, Error> {
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
                let cursor = Cursor {
                    relation: heap.relation,
                    sql: heap.sql,
                    shown: heap.shown,
                    blocks: heap.blocks,
                    next_block: 0,
                };
                locked += self.sweep_heap(client, walk, &cursor)?;
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
                locked += self.rows(&mut transaction, cursor, Window { from: block, to: block + 1 })?.1;
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

enum Outcome {
    Filled(u64),
    Locked,
    Failed { sqlstate: String, message: String },
}

impl Outcome {
    fn failed(error: &DatabaseError) -> Outcome {
        Outcome::Failed { sqlstate: error.code().map_or("", |code| code.code()).to_owned(), message: error.message() }
    }
}

/// The backfill as work on windows.
struct Filling<'a> {
    fill: &'a Fill<'a>,
}

impl Work for Filling<'_> {
    fn window(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, window: Window) -> Result<Batch, Error> {
        let sql = self.fill.statement(&cursor.sql, &window.condition());
        let rows = transaction.tell(&sql, &[]).running("filling a batch", &sql)?;
        Ok(Batch { rows, mismatches: 0 })
    }

    fn past_locks(
        &mut self,
        transaction: &mut Transaction<'_>,
        cursor: &Cursor,
        window: Window,
    ) -> Result<Batch, Error> {
        let free = format!(
            "ctid = ANY (ARRAY(SELECT ctid FROM ONLY {} WHERE {} AND ({}) FOR NO KEY UPDATE SKIP LOCKED))",
            cursor.sql,
            window.condition(),
            self.fill.table.unfilled
        );
        let sql = self.fill.statement(&cursor.sql, &free);
        let rows = transaction.tell(&sql, &[]).running("filling a batch", &sql)?;
        Ok(Batch { rows, mismatches: 0 })
    }

    fn rows(&mut self, transaction: &mut Transaction<'_>, cursor: &Cursor, window: Window) -> Result<Batch, Error> {
        // What fails here is found and kept by the sweep; the rest of the block must not wait for it.
        Ok(self.fill.rows(transaction, cursor, window)?.0)
    }
}
