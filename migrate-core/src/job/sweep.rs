//! The last look of a backfill, at every row. It is throttled as the backfill is.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use super::backfill::Fill;
use super::cursor::Cursor;
use super::pace::Pace;
use super::place::{Place, Ring, Window};
use super::throttle::{Admission, SMALL, Throttle};
use super::walk::Walk;
use super::work::Batch;
use crate::ask::Ask;
use crate::catalog;
use crate::database::Doing;
use crate::error::Error;
use crate::report::Closed;

/// Between two looks at rows that others hold locked.
const POLL: Duration = Duration::from_millis(50);

/// A sweep on its way.
struct Sweep<'a> {
    walk: &'a Walk<'a>,
    /// None for a table so small that it is looked at before anything could hold it.
    throttle: Option<&'a Throttle<'a>>,
    /// The backend that serves it, where a watcher asks for it.
    pid: i32,
    locked: Vec<Locked>,
    /// There was nothing to fill.
    is_filled: bool,
    /// What keeps it from its end.
    closed: Option<Closed>,
}

impl Sweep<'_> {
    /// Does something once it may; nothing where the sweep is closed. It answers how many rows and blocks that were.
    fn turn<T>(
        &mut self,
        client: &mut Client,
        work: impl FnOnce(&mut Client) -> Result<(T, u64, i64), Error>,
    ) -> Result<Option<T>, Error> {
        let Some(throttle) = self.throttle else {
            self.walk.migrator.require_lead(client)?;
            return Ok(Some(work(client)?.0));
        };
        match throttle.admit(0, Some(&mut *client), &AtomicBool::new(false))? {
            Admission::Go => {}
            Admission::Over => return Ok(None),
            Admission::Closed(closed) => {
                self.closed = Some(closed);
                return Ok(None);
            }
        }
        throttle.starts(0, self.pid);
        let outcome = work(client);
        let (rows, blocks) = outcome.as_ref().map_or((0, 0), |(_, rows, blocks)| (*rows, *blocks));
        throttle.ends(0, Some(Batch { rows, ..Batch::default() }), blocks);
        Ok(Some(outcome?.0))
    }
}

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
        let heaps: Vec<Cursor> = catalog::heaps(client, &self.table.sql())?.into_iter().map(Cursor::at_first).collect();
        let blocks = heaps.iter().map(|heap| heap.blocks).sum();
        let throttle = match blocks {
            ..SMALL => None,
            blocks => Some(Throttle::begin(self.migrator, self.plan, self.step, client, (blocks, 0))?),
        };
        let sweep = match &throttle {
            Some(throttle) => throttle.watched(|| self.sweep_heaps(client, walk, Some(throttle), &heaps))?,
            None => self.sweep_heaps(client, walk, None, &heaps)?,
        };
        if let Some(throttle) = &throttle {
            throttle.end(client)?;
        }
        let Sweep { mut locked, is_filled, closed, .. } = sweep;
        if closed.is_some() {
            return Ok(closed);
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

    /// Looks at all heaps and fills what it finds, but for the rows that are locked.
    fn sweep_heaps<'a>(
        &self,
        client: &mut Client,
        walk: &'a Walk<'a>,
        throttle: Option<&'a Throttle<'a>>,
        heaps: &[Cursor],
    ) -> Result<Sweep<'a>, Error> {
        let pid = match throttle {
            Some(throttle) if throttle.is_watched() => {
                let sql = "SELECT pg_catalog.pg_backend_pid()";
                client.ask_one(sql, &[]).doing("asking for the session's process")?.get(0)
            }
            _ => 0,
        };
        let mut sweep = Sweep { walk, throttle, pid, locked: Vec::new(), is_filled: true, closed: None };
        for heap in heaps {
            self.sweep_heap(client, &mut sweep, heap)?;
            if sweep.closed.is_some() {
                break;
            }
        }
        Ok(sweep)
    }

    fn sweep_heap(&self, client: &mut Client, sweep: &mut Sweep<'_>, cursor: &Cursor) -> Result<(), Error> {
        let mut pace = Pace::new(self.migrator.limits().batch_target);
        let (mut place, mut width) = (Place::before(0).begin(&Ring::REST, cursor.blocks), SMALL);
        while place.is_in_ring() {
            if let Some(throttle) = sweep.throttle {
                pace.aim(throttle.batch());
                width = pace.blocks(place);
            }
            let portion = place.portion(width);
            let look = |client: &mut Client| {
                let begun = Instant::now();
                let Unfilled { blocks, rows } = self.unfilled(client, cursor, portion.window)?;
                Ok(((blocks, begun.elapsed()), rows, portion.window.blocks()))
            };
            let blocks = match sweep.turn(client, look) {
                Ok(Some((blocks, took))) => {
                    pace.took(portion, took);
                    width = (width * 2).min(SMALL);
                    blocks
                }
                Ok(None) => return Ok(()),
                Err(Error::Database(error)) if error.is_about_data() && portion.window.blocks() > 1 => {
                    pace.halve(portion);
                    width = portion.window.blocks() / 2;
                    continue;
                }
                Err(Error::Database(error)) if error.is_about_data() => vec![portion.window.from],
                Err(error) => return Err(error),
            };
            for block in blocks {
                sweep.is_filled = false;
                let failures = self.failures();
                if failures.is_full(failures.count(client)?) {
                    return Ok(());
                }
                let walk = sweep.walk;
                let fill = |client: &mut Client| Ok((self.sweep_block(client, walk, cursor, block)?, 0, 0));
                match sweep.turn(client, fill)? {
                    Some(locked) => sweep.locked.extend(locked),
                    None => return Ok(()),
                }
            }
            place = place.after(portion);
        }
        Ok(())
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

    /// Counts first: to list the blocks takes a tenth more than to count, and nearly always there is none.
    fn unfilled(&self, client: &mut Client, cursor: &Cursor, window: Window) -> Result<Unfilled, Error> {
        let (unfilled, heap, window) = (&self.table.unfilled, &cursor.sql, window.condition());
        let doing = "looking for rows that are not filled";
        let sql = format!("SELECT count(*), count(*) FILTER (WHERE {unfilled}) FROM ONLY {heap} WHERE {window}");
        let row = client.ask_one(&sql, &[]).running(doing, &sql)?;
        let (rows, left): (i64, i64) = (row.get(0), row.get(1));
        let rows = rows.unsigned_abs();
        if left == 0 {
            return Ok(Unfilled { blocks: Vec::new(), rows });
        }
        let sql = format!(
            "SELECT DISTINCT ((ctid::text::point)[0])::bigint AS block FROM ONLY {heap} WHERE {window} AND ({unfilled}) \
             ORDER BY block"
        );
        let blocks = client.ask(&sql, &[]).running(doing, &sql)?;
        Ok(Unfilled { blocks: blocks.iter().map(|row| row.get(0)).collect(), rows })
    }
}

/// What a look at a window has found.
struct Unfilled {
    /// The blocks with rows that are not filled, in order.
    blocks: Vec<i64>,
    /// All rows.
    rows: u64,
}
