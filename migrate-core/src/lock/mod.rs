//! Table locks that nobody notices: look, spin, then queue briefly.
//!
//! A waiting `ACCESS EXCLUSIVE` request stops every later query on its table. So a lock is asked for once with
//! `NOWAIT`, which stands in nobody's way; where it is refused the table is looked at, and while an old transaction
//! holds it, nothing is requested at all. Then it is asked for with `NOWAIT` again and again. Only when that starves is
//! it queued for, and never for longer than the stall budget.

mod attempt;
mod autovacuum;
mod holders;
mod replicas;

use std::thread;
use std::time::{Duration, Instant};

use migrate_plan::LockMode;
use postgres::Client;

use self::attempt::Attempt;
use self::autovacuum::Eviction;
pub(crate) use self::holders::KIND;
use self::holders::{Holder, Lookout};
pub(crate) use self::replicas::Standbys;
use self::replicas::{REPLAYED, Replicas, Unknown};
use crate::blocker::Blocker;
use crate::error::Error;
use crate::event::Event;
use crate::leader;
use crate::migrator::Migrator;

/// Between two tries with `NOWAIT`. The odds of one are e^(−λd) for λ transactions a second of d
/// seconds each, so many tries beat long waits on a busy table.
const SPIN: Duration = Duration::from_millis(5);

/// Between two looks at a table that an old transaction holds.
const LOOK: Duration = Duration::from_millis(10);

/// After so much spinning in vain, or half of a shorter deadline, the lock is queued for.
const STARVING: Duration = Duration::from_secs(10);

/// How often a wait is told of.
const TELL: Duration = Duration::from_secs(1);

/// What a locked transaction needs to know.
pub(crate) struct LockRequest<'a> {
    pub(crate) migrator: &'a Migrator,
    /// The qualified, quoted table; its partitions and children are locked with it.
    pub(crate) table: &'a str,
    pub(crate) mode: LockMode,
    /// What it is for, in errors.
    pub(crate) what: &'a str,
    /// What is done before it: it needs no lock on the table.
    pub(crate) beside: &'a [String],
    /// What is done under it.
    pub(crate) statements: &'a [String],
    /// What is written down with them, once it is known what the lock has cost: a statement, or nothing.
    pub(crate) entry: &'a dyn Fn(&LockCost) -> String,
}

/// What a lock cost until it was had.
#[derive(Clone, Debug)]
pub(crate) struct LockCost {
    pub(crate) mode: LockMode,
    /// How often it was asked for.
    pub(crate) tries: u32,
    /// From the first look until it was had.
    pub(crate) waited: Duration,
    /// Who held the table for longer than a moment, each as last seen.
    pub(crate) blockers_seen: Vec<Blocker>,
    /// How many autovacuum workers were cancelled for it.
    pub(crate) vacuums_cancelled: u32,
}

impl LockRequest<'_> {
    /// Runs what is done before the lock, `prepare`, and the statements with their entry in one transaction, which takes the
    /// lock for the last of these: what can be done without it must not make others wait. All of it is run again if a lock is
    /// refused.
    pub(crate) fn transaction(
        &self,
        client: &mut Client,
        mut prepare: impl FnMut(&mut Client) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut wait = Wait::begin(self, client)?;
        loop {
            self.migrator.require_running()?;
            let round = Instant::now();
            let old = wait.look(client)?;
            if old.is_empty() {
                let mut attempt = wait.next_attempt();
                if attempt.run(client, &mut prepare)? {
                    return Ok(());
                }
                wait.tries = attempt.cost.tries;
            }
            wait.require_time_left(client)?;
            wait.make_way(client, &old)?;
            wait.tell(client, &old)?;
            thread::sleep(wait.pause(&old));
            wait.spun += if old.is_empty() { round.elapsed() } else { Duration::ZERO };
        }
    }
}

/// A lock on its way.
struct Wait<'a> {
    request: &'a LockRequest<'a>,
    lookout: Lookout<'a>,
    replicas: Replicas<'a>,
    eviction: Eviction,
    begun: Instant,
    told: Instant,
    tries: u32,
    /// How long the lock was asked for while no old transaction stood in the way.
    spun: Duration,
    seen: Vec<Blocker>,
}

impl<'a> Wait<'a> {
    fn begin(request: &'a LockRequest<'a>, client: &mut Client) -> Result<Wait<'a>, Error> {
        let LockRequest { migrator, table, mode, .. } = request;
        let (sources, standbys) = (&migrator.limits().replicas, migrator.standbys());
        let (replicas, unknown) = match *mode {
            REPLAYED if sources.is_empty() => {
                standbys.mention(client)?;
                (Replicas::none(), Vec::new())
            }
            REPLAYED => Replicas::open(standbys, sources, table),
            _ => (Replicas::none(), Vec::new()),
        };
        let now = Instant::now();
        let wait = Wait {
            request,
            lookout: Lookout::over(table, *mode),
            replicas,
            eviction: Eviction::default(),
            begun: now,
            told: now,
            tries: 0,
            spun: Duration::ZERO,
            seen: Vec::new(),
        };
        wait.tell_unknown(&unknown);
        Ok(wait)
    }

    /// Who holds the table in old transactions: here, or where it is free, on a standby. To ask for the lock once stands in
    /// nobody's way and mostly succeeds, where a look at all locks of the server costs everybody a moment: so the first
    /// time is without it.
    fn look(&mut self, client: &mut Client) -> Result<Vec<Holder>, Error> {
        let mut old = if self.tries == 0 { Vec::new() } else { self.lookout.old(client)? };
        if old.is_empty() {
            let (readers, lost) = self.replicas.holders(self.request.migrator.limits().stall_budget);
            old = readers.to_vec();
            self.tell_unknown(&lost);
        }
        for Holder { blocker, .. } in &old {
            let same = |seen: &&mut Blocker| (&seen.kind, seen.pid) == (&blocker.kind, blocker.pid);
            match self.seen.iter_mut().find(same) {
                Some(seen) => seen.clone_from(blocker),
                None => self.seen.push(blocker.clone()),
            }
        }
        Ok(old)
    }

    fn next_attempt(&mut self) -> Attempt<'a> {
        self.tries += 1;
        Attempt {
            request: self.request,
            queue: self.is_starving(),
            begun: self.begun,
            cost: LockCost {
                mode: self.request.mode,
                tries: self.tries,
                waited: Duration::ZERO,
                blockers_seen: self.seen.clone(),
                vacuums_cancelled: self.eviction.evicted(),
            },
        }
    }

    fn is_starving(&self) -> bool {
        self.spun > STARVING.min(self.request.migrator.limits().lock_deadline / 2)
    }

    fn require_time_left(&mut self, client: &mut Client) -> Result<(), Error> {
        let waited = self.begun.elapsed();
        if waited < self.request.migrator.limits().lock_deadline {
            return Ok(());
        }
        let mut holders = self.lookout.holders(client, Duration::ZERO)?;
        holders.extend_from_slice(self.replicas.holders(Duration::ZERO).0);
        let blockers = blockers(&holders);
        Err(Error::LockNotAvailable { table: self.request.table.to_owned(), mode: self.request.mode, waited, blockers })
    }

    /// Has autovacuum leave the table, where nothing else holds it.
    fn make_way(&mut self, client: &mut Client, old: &[Holder]) -> Result<(), Error> {
        let table = self.request.table;
        if let Some(Holder { blocker, .. }) = self.eviction.try_on(client, table, old)? {
            tracing::info!(table, worker = %blocker, "autovacuum was cancelled; it comes back to the table later");
            self.request.migrator.notify(&Event::AutovacuumCancelled { table, worker: blocker });
        }
        Ok(())
    }

    fn tell(&mut self, client: &mut Client, old: &[Holder]) -> Result<(), Error> {
        if self.told.elapsed() < TELL {
            return Ok(());
        }
        self.told = Instant::now();
        let (LockRequest { migrator, table, mode, .. }, waited) = (self.request, self.begun.elapsed());
        let blockers = blockers(old);
        let names: Vec<String> = blockers.iter().map(ToString::to_string).collect();
        tracing::info!(table, %mode, ?waited, blockers = names.join("; "), "waiting for a lock");
        migrator.notify(&Event::LockWaited { table, mode: *mode, waited, blockers: &blockers });
        let held = if names.is_empty() { String::new() } else { format!(", held by {}", names.join(", ")) };
        let what = format!("{mode} on {table} for {} s{held}", waited.as_secs());
        leader::wait_for(client, None, &what)
    }

    fn tell_unknown(&self, unknown: &[Unknown]) {
        for Unknown { replica, reason } in unknown {
            tracing::warn!(replica, reason, "a standby cannot be asked for its queries, and is not waited for");
            self.request.migrator.notify(&Event::ReplicaUnknown { replica, reason });
        }
    }

    fn pause(&self, old: &[Holder]) -> Duration {
        match (old.is_empty(), self.is_starving()) {
            (false, _) => LOOK,
            (true, false) => SPIN,
            // Full jitter between 0.2 and 2 s: the table's own traffic goes first.
            (true, true) => Duration::from_millis(200 + u64::from(self.tries.wrapping_mul(2_654_435_761) % 1800)),
        }
    }
}

fn blockers(holders: &[Holder]) -> Vec<Blocker> {
    holders.iter().map(|holder| holder.blocker.clone()).collect()
}
