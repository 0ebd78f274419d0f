//! In how many passes a backfill goes over a ring of blocks.
//!
//! An `UPDATE` writes a new version of the row. Where that finds room in the block of the old one, no index is touched (HOT);
//! in a full block it does not, and goes to the end of the table and into every index. But PostgreSQL takes old versions out
//! of a block when it next comes by, once nobody can see them. So a ring of blocks is visited once for each of several slices of
//! its rows: the first moves a few rows of each block away, and in the room that these leave all later slices stay in place, each
//! of as many rows as find room at once. Measured on PostgreSQL 15, 1,000,000 rows of 200 bytes on two shared cores: with a primary
//! key alone 7 slices let the table grow by 18 % instead of the 103 % of one `UPDATE`, and write 0.7 of its log; with three more
//! indexes 15 slices fill 3.2 times its rows a second, and the table grows by 10 %. `cargo bench --bench backfill` measures it
//! again.
//!
//! It needs that a slice can be taken out before the next one comes: each batch commits by itself, and no
//! snapshot older than that is held. Whether it works is seen from the share of HOT updates in the slices after the first:
//! where that is less than a half, the rest goes in one pass, and is told to have.

use std::time::{Duration, Instant};

use postgres::Client;

use super::cursor::Cursor;
use super::horizon::holder;
use super::layout::Layout;
use super::place::{Portion, Ring};
use super::slicing::Slicing;
use super::work::Updates;
use crate::blocker::Blocker;
use crate::error::Error;
use crate::event::Event;
use crate::migrator::Migrator;
use crate::state::{JournalStep, PlanRow, TableRow};

/// Blocks of a ring, 32 MB: many enough that transactions of applications that saw a slice have ended when the next comes, and that
/// the batch of a slice lasts about as long as one should; few enough to be in the cache still. With half as many blocks the
/// batches last half as long, and what each costs whatever is in it takes 4 % of the rows a second; with twice as many nothing is
/// gained.
const RING: i64 = 4096;

/// Blocks of a ring, 64 MB, where several sessions fill: a batch of one holds what the others have just left, and with half as
/// many blocks another slice comes back before it ends. With three indexes two sessions of rings of 16, 32, 48 and 64 MB found
/// room for 0.40, 0.53, 0.67 and 0.80 of the rows.
const WIDE_RING: i64 = 8192;

/// A transaction that is open for this long is taken to stay.
const LONG: Duration = Duration::from_secs(5);

/// Below this share of HOT updates in the slices after the first, one pass is as good.
const POOR: f64 = 0.5;

/// The share is believed from so many updates on.
const ENOUGH: u64 = 500;

/// For how many rings many passes are given up at most, where nobody is known to be in their way.
const LONGEST_REST: u32 = 64;

/// Chooses, ring by ring, and watches.
pub(super) struct Passes<'a> {
    migrator: &'a Migrator,
    plan: &'a PlanRow,
    step: &'a JournalStep,
    table: &'a TableRow,
    /// The slices that suit a heap, once it was looked at.
    heap: Option<(u32, Slicing)>,
    begun: Instant,
    /// Of the slices after the first of this ring.
    updates: Updates,
    /// The session that is known to be in the way, and for how long.
    held: Option<(i32, Instant)>,
    /// Rings that go in one pass yet, and how many will after the next failure.
    rest: u32,
    next_rest: u32,
}

impl<'a> Passes<'a> {
    pub(super) fn new(
        migrator: &'a Migrator,
        plan: &'a PlanRow,
        step: &'a JournalStep,
        table: &'a TableRow,
    ) -> Passes<'a> {
        Passes {
            migrator,
            plan,
            step,
            table,
            heap: None,
            begun: Instant::now(),
            updates: Updates::default(),
            held: None,
            rest: 0,
            next_rest: 1,
        }
    }

    /// How the next blocks of a heap are done.
    pub(super) fn ring(&mut self, client: &mut Client, cursor: &Cursor) -> Result<Ring, Error> {
        self.updates = Updates::default();
        let slicing = self.slicing(client, cursor)?;
        let blocks = if self.migrator.limits().workers > 1 { WIDE_RING } else { RING };
        let one = Ring { blocks, slicing: Slicing::NONE };
        if slicing == Slicing::NONE {
            return Ok(one);
        }
        let patience = self.held.map_or(LONG, |(_, since)| since.elapsed().min(LONG));
        self.begun = Instant::now();
        if let Some(holder) = holder(client, patience)? {
            self.hold(holder, None);
            return Ok(one);
        }
        self.held = None;
        if self.rest > 0 {
            self.rest -= 1;
            return Ok(one);
        }
        Ok(Ring { blocks, slicing })
    }

    fn slicing(&mut self, client: &mut Client, cursor: &Cursor) -> Result<Slicing, Error> {
        if Layout::is_small(cursor) {
            return Ok(Slicing::NONE);
        }
        if let Some((relation, slicing)) = &self.heap
            && *relation == cursor.relation
        {
            return Ok(slicing.clone());
        }
        let layout = Layout::of(client, self.plan, self.table, cursor)?;
        let slicing = layout.slicing();
        tracing::debug!(
            plan = self.plan.name,
            table = cursor.shown,
            ?slicing,
            ?layout,
            "chose the passes of a backfill"
        );
        self.heap = Some((cursor.relation, slicing.clone()));
        (self.rest, self.next_rest) = (0, 1);
        Ok(slicing)
    }

    /// Counts a batch; answers whether the rest of its ring is better done in one pass.
    pub(super) fn give_up(&mut self, client: &mut Client, portion: Portion, updates: Updates) -> Result<bool, Error> {
        if !portion.is_later_slice() {
            return Ok(false);
        }
        self.updates.all += updates.all;
        self.updates.hot += updates.hot;
        let share = self.updates.hot as f64 / self.updates.all.max(1) as f64;
        if self.updates.all < ENOUGH {
            return Ok(false);
        }
        if share >= POOR {
            self.next_rest = 1;
            return Ok(false);
        }
        match holder(client, self.begun.elapsed())? {
            Some(holder) => self.hold(holder, Some(share)),
            None => {
                self.rest = self.next_rest;
                self.next_rest = (self.next_rest * 2).min(LONGEST_REST);
                self.tell(Some(share), None);
            }
        }
        Ok(true)
    }

    /// Goes in one pass while that session is there; told once for each.
    fn hold(&mut self, holder: Blocker, share: Option<f64>) {
        if self.held.is_some_and(|(pid, _)| pid == holder.pid) {
            return;
        }
        self.held = Some((holder.pid, self.begun));
        self.tell(share, Some(&holder));
    }

    fn tell(&self, hot_share: Option<f64>, holder: Option<&Blocker>) {
        let (plan, step) = (&*self.plan.name, &*self.step.name);
        let held_by = holder.map(ToString::to_string).unwrap_or_default();
        tracing::info!(plan, step, hot_share, held_by, "the backfill goes on in one pass");
        self.migrator.notify(&Event::OnePass { plan, step, hot_share, holder });
    }
}
