//! The deploy, phase by phase.

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use migrate::{Migrator, Phase, Side};
use postgres::Client;

use crate::book::Book;
use crate::builds::Build;
use crate::database::Database;
use crate::fleet::Fleet;
use crate::lines::FromMigration;
use crate::narration::{Narration, count};
use crate::orders::{SLOTS, Seed};
use crate::service::{Service, is_backfill};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Longer than a shop waits before it reports.
const REPORTS_ARRIVE: Duration = Duration::from_millis(120);

/// How the deploy is to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) seed: Seed,
    /// What a phase lasts at least.
    pub(crate) phase: Duration,
    /// How long the retired column must lie untouched before it is dropped.
    pub(crate) soak: Duration,
}

/// Where the migrating process was killed and where the next one went on, in heap blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    pub(crate) blocks: u64,
    /// The blocks that were done when it was killed.
    pub(crate) killed_after: u64,
    /// The blocks that were done after the next one's first batch.
    pub(crate) resumed_after: u64,
}

/// What the deploy as a whole has shown.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) kill: Option<Kill>,
    /// Rows compared with the ledgers at the end.
    pub(crate) audited: u64,
    /// Rows that are not as they were last written.
    pub(crate) lost: Vec<String>,
}

/// Whoever deploys.
pub(crate) struct Deploy<'a> {
    pace: Pace,
    database: &'a Database,
    operator: Client,
    book: Arc<Book>,
    fleet: Fleet,
    narration: Narration,
    findings: Findings,
}

impl<'a> Deploy<'a> {
    /// No shop is open yet.
    pub(crate) fn new(pace: Pace, database: &'a Database, book: Arc<Book>, narration: Narration) -> Done<Deploy<'a>> {
        Ok(Deploy {
            operator: database.connect()?,
            fleet: Fleet::new(database.shop_url().to_owned(), pace.seed, book.clone()),
            pace,
            database,
            book,
            narration,
            findings: Findings::default(),
        })
    }

    /// All of it.
    pub(crate) fn run(&mut self) -> Done {
        let before = "Four shops of build `dual_write` sell, change, upsert and read orders. Nothing is migrated yet.";
        self.phase("before", before, Self::before)?;
        let expand = "A service of that build starts and migrates. It is killed on the way, and started again.";
        self.phase("expand + backfill", expand, Self::expand_and_backfill)?;
        let switch = "An operator has the new column win. The shops ask which side to use, and follow.";
        self.phase("switch", switch, Self::switch)?;
        let revert = "Second thoughts: back to the old column, with all that was sold meanwhile; the new one goes.";
        self.phase("revert", revert, Self::revert)?;
        let again = "The same plan once more.";
        self.phase("forward again", again, Self::forward_again)?;
        let to_switch = "Shops of build `switch` replace the others one by one. They know the new column only.";
        self.phase("roll to switch", to_switch, Self::roll_to_switch)?;
        let to_contract = "Shops of build `contract` replace those; half-way, its migration takes the old column away.";
        self.phase("roll to contract", to_contract, Self::roll_to_contract)?;
        self.phase("after", "Only shops of build `contract` are left, and only the new column.", |_| Ok(()))?;
        self.audit()
    }

    /// Stops what still runs; answers what was found.
    pub(crate) fn close(self) -> Findings {
        self.findings
    }

    fn phase(&mut self, name: &'static str, why: &str, work: impl FnOnce(&mut Self) -> Done) -> Done {
        self.narration.heading(name, why);
        self.book.begin(name);
        work(self)?;
        // Whatever was just done, there is traffic after it.
        let until = Instant::now() + self.pace.phase.saturating_sub(self.book.elapsed()).max(self.pace.phase / 2);
        while Instant::now() + REPORTS_ARRIVE < until {
            self.fleet.require_open()?;
            let (statements, failed) = self.book.statements();
            self.narration.working(&format!("{name}: {} statements so far, {failed} failed", count(statements)));
            thread::sleep(REPORTS_ARRIVE);
        }
        let (disagree, conflicts) = (self.disagree()?, self.conflicts()?);
        thread::sleep(REPORTS_ARRIVE);
        self.book.now(|phase| {
            (phase.disagree, phase.conflicts) = (disagree, conflicts);
            phase.lasted = phase.began.elapsed();
        });
        Ok(())
    }

    fn before(&mut self) -> Done {
        self.fleet.open(Build::DualWrite)?;
        self.fleet.wait_for_side(Side::Old)
    }

    fn expand_and_backfill(&mut self) -> Done {
        let mut first = self.migrate(Build::DualWrite)?;
        let third = |line: &FromMigration| {
            matches!(line, FromMigration::Batch { step, blocks_done, blocks, .. }
                if is_backfill(step) && blocks_done * 3 >= *blocks)
        };
        let Some(FromMigration::Batch { blocks, .. }) = first.follow(&self.narration, third)? else {
            return Err("the migrating process ended before it could be killed".into());
        };
        first.kill()?;
        // What it had said before.
        first.follow(&self.narration, |_| false)?;
        let killed_after = first.blocks_done();
        let (done, of) = (count(killed_after), count(blocks));
        self.narration.tell(&format!("killed with SIGKILL after {done} of {of} blocks"));

        let mut second = self.migrate(Build::DualWrite)?;
        let batch = |line: &FromMigration| matches!(line, FromMigration::Batch { step, .. } if is_backfill(step));
        if second.follow(&self.narration, batch)?.is_some() {
            let resumed_after = second.blocks_done();
            self.narration.tell(&format!("started again; its first batch ends at block {}", count(resumed_after)));
            self.findings.kill = Some(Kill { blocks, killed_after, resumed_after });
        }
        second.complete(&self.narration)
    }

    fn switch(&mut self) -> Done {
        let report = migrator().advance(&mut self.operator, Build::DualWrite.plan(), Phase::Switch)?;
        for (step, took) in report.plans.iter().flat_map(|plan| &plan.done) {
            self.narration.tell(&format!("{step} in {:.3} s", took.as_secs_f64()));
        }
        if !report.is_complete() {
            return Err(format!("the switch is closed: {report}").into());
        }
        self.fleet.wait_for_side(Side::New)?;
        self.narration.tell("all shops use the new column");
        Ok(())
    }

    fn revert(&mut self) -> Done {
        let plan = Build::DualWrite.plan();
        migrator().revert_to(&mut self.operator, &plan.name, Phase::DualWrite)?;
        self.fleet.wait_for_side(Side::Old)?;
        self.narration.tell("all shops use the old column again");
        migrator().revert(&mut self.operator, &plan.name)?;
        let rows = self.fleet.audit()?;
        self.narration.tell(&format!("the new column is gone; {} rows compared with the shops' ledgers", count(rows)));
        Ok(())
    }

    fn forward_again(&mut self) -> Done {
        migrator().release(&mut self.operator, &Build::DualWrite.plan().name)?;
        self.migrate(Build::DualWrite)?.complete(&self.narration)
    }

    fn roll_to_switch(&mut self) -> Done {
        self.replace(0..SLOTS / 2, Build::Switch)?;
        self.migrate(Build::Switch)?.complete(&self.narration)?;
        self.fleet.wait_for_side(Side::New)?;
        self.replace(SLOTS / 2..SLOTS, Build::Switch)
    }

    fn roll_to_contract(&mut self) -> Done {
        self.replace(0..SLOTS / 2, Build::Contract)?;
        let mut service = self.migrate(Build::Contract)?;
        // The old column is out of reach then, and can still be brought back.
        let retired = |line: &FromMigration| matches!(line, FromMigration::Waits(_) | FromMigration::Complete { .. });
        let last = service.follow(&self.narration, retired)?;
        self.replace(SLOTS / 2..SLOTS, Build::Contract)?;
        match last {
            Some(FromMigration::Complete { .. }) => Ok(()),
            _ => service.complete(&self.narration),
        }
    }

    /// Closes the shops, and compares every row with what they have written.
    fn audit(&mut self) -> Done {
        self.narration.working("comparing every row with the ledgers");
        for ledger in self.fleet.close()? {
            let money = Build::Contract.money(Side::New);
            let audit = ledger.audit(&mut self.operator, Side::New, &money)?;
            self.findings.audited += audit.rows;
            self.findings.lost.extend(audit.wrong);
        }
        let rows: i64 = self.operator.query_one("SELECT count(*) FROM orders", &[])?.get(0);
        if rows as u64 != self.findings.audited {
            self.findings.lost.push(format!("{rows} rows in the table, {} in the ledgers", self.findings.audited));
        }
        match self.columns()? {
            (false, true) => Ok(()),
            (old, new) => Err(format!("in the end `total` exists: {old}, `total_cents` exists: {new}").into()),
        }
    }

    fn replace(&mut self, slots: std::ops::Range<i64>, build: Build) -> Done {
        for slot in slots {
            self.fleet.replace(slot, build)?;
            self.narration.tell(&format!("shop {slot} is of build `{build}` now"));
            thread::sleep(self.pace.phase / 8);
        }
        Ok(())
    }

    fn migrate(&self, build: Build) -> Done<Service> {
        Service::start(self.database.owner_url(), build, self.pace.soak, self.book.clone())
    }

    /// Rows whose columns disagree, while there are both.
    fn disagree(&mut self) -> Done<Option<u64>> {
        if self.columns()? != (true, true) {
            return Ok(None);
        }
        let sql = "SELECT count(*) FROM orders \
                   WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint OR total IS DISTINCT FROM total_cents / 100.0";
        Ok(Some(self.operator.query_one(sql, &[])?.get::<_, i64>(0) as u64))
    }

    /// Whether the old and the new column exist.
    fn columns(&mut self) -> Done<(bool, bool)> {
        let sql = "SELECT coalesce(bool_or(attname = 'total'), false), coalesce(bool_or(attname = 'total_cents'), false) \
                   FROM pg_attribute WHERE attrelid = 'orders'::regclass AND NOT attisdropped";
        let row = self.operator.query_one(sql, &[])?;
        Ok((row.get(0), row.get(1)))
    }

    /// Statements that wrote both columns in disagreement, by the plan's own count.
    fn conflicts(&mut self) -> Done<Option<u64>> {
        let plan = Build::DualWrite.plan();
        let report = migrator().status(&mut self.operator)?;
        Ok(report.plan(&plan.name).map(|plan| plan.conflicts))
    }
}

/// As an operator runs it, from the build that is in production.
fn migrator() -> Migrator {
    Migrator::new(Build::DualWrite.migrations())
}
