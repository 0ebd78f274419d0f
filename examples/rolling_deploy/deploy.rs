//! The deploy, phase by phase.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use migrate::{Migrator, Phase, Side};
use postgres::Client;

use crate::book::Book;
use crate::builds::{Build, PLAN};
use crate::database::Database;
use crate::fleet::Fleet;
use crate::lines::FromWorker;
use crate::narration::{Narration, count};
use crate::orders::{SLOTS, Seed};
use crate::worker_process::{WorkerProcess, is_backfill};
use crate::{inspection, start};

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

/// Where the worker was killed and where the next one went on, in heap blocks.
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
    /// The older shops that contract has named, and waited for.
    pub(crate) waited_for: Vec<String>,
    /// What an old build was told that started in the end.
    pub(crate) refused: Option<String>,
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
    worker: Option<WorkerProcess>,
    narration: Narration,
    findings: Findings,
}

impl<'a> Deploy<'a> {
    /// No shop is open yet.
    pub(crate) fn new(pace: Pace, database: &'a Database, book: Arc<Book>, narration: Narration) -> Done<Deploy<'a>> {
        Ok(Deploy {
            operator: database.connect()?,
            fleet: Fleet::new(database.shop_url().to_owned(), pace.seed, book.clone()),
            worker: None,
            pace,
            database,
            book,
            narration,
            findings: Findings::default(),
        })
    }

    /// All of it.
    pub(crate) fn run(&mut self) -> Done {
        let before =
            "Four shops of build `before` sell, change, upsert and read orders. It has no plan; they only register.";
        self.phase("before", before, Self::before)?;
        let expand = "A worker of build `dual_write` fills the new column. It is killed on the way, and started again.";
        self.phase("expand + backfill", expand, Self::expand_and_backfill)?;
        let switch = "An operator has the new column win. The shops' services tell which side to use, and they follow.";
        self.phase("switch", switch, Self::switch)?;
        let revert = "Second thoughts: back to the old column, with all that was sold meanwhile; the new one goes.";
        self.phase("revert", revert, Self::revert)?;
        let again = "The operator releases the plan. The worker has been there all the time, and goes on by itself.";
        self.phase("forward again", again, Self::forward_again)?;
        let to_switch =
            "Build `switch` knows the new column only. Half of the shops are ahead of the worker, half behind.";
        self.phase("roll to switch", to_switch, Self::roll_to_switch)?;
        let to_contract =
            "The worker of build `contract` comes first. It waits until no older shop is left, and goes on.";
        self.phase("roll to contract", to_contract, Self::roll_to_contract)?;
        let after = "Only build `contract` is left, and only the new column. Then a shop of the first build starts.";
        self.phase("after", after, Self::after)?;
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
        let (disagree, conflicts) =
            (inspection::disagree(&mut self.operator)?, inspection::conflicts(&mut self.operator)?);
        thread::sleep(REPORTS_ARRIVE);
        self.book.now(|phase| {
            (phase.disagree, phase.conflicts) = (disagree, conflicts);
            phase.lasted = phase.began.elapsed();
        });
        Ok(())
    }

    /// The first process that may makes the library's own schema, so the worker comes first.
    fn before(&mut self) -> Done {
        self.replace_worker(Build::Before)?;
        let (worker, narration) = self.worker()?;
        worker.served(narration)?;
        self.fleet.open(Build::Before)?;
        self.narration.tell(&format!("the shops are {}", self.fleet.names().join(", ")));
        Ok(())
    }

    fn expand_and_backfill(&mut self) -> Done {
        self.replace_worker(Build::DualWrite)?;
        self.kill_in_backfill()?;
        self.replace(0..SLOTS, Build::DualWrite, |_, _| Ok(()))?;
        self.fleet.wait_for_side(Side::Old)
    }

    fn kill_in_backfill(&mut self) -> Done {
        let (worker, narration) = self.worker()?;
        let third = |line: &FromWorker| {
            matches!(line, FromWorker::Batch { step, blocks_done, blocks, .. }
                if is_backfill(step) && blocks_done * 3 >= *blocks)
        };
        let Some(FromWorker::Batch { blocks, .. }) = worker.follow(narration, third)? else {
            return Err("the worker ended before it could be killed".into());
        };
        let killed_after = self.worker.take().map_or(Ok(0), |worker| worker.kill(&self.narration))?;
        let (done, of) = (count(killed_after), count(blocks));
        self.narration.tell(&format!("killed with SIGKILL after {done} of {of} blocks"));

        self.replace_worker(Build::DualWrite)?;
        let (worker, narration) = self.worker()?;
        worker.expect(narration, |line| matches!(line, FromWorker::Batch { step, .. } if is_backfill(step)))?;
        let resumed_after = worker.blocks_done();
        narration.tell(&format!("started again; its first batch ends at block {}", count(resumed_after)));
        worker.complete(narration)?;
        self.findings.kill = Some(Kill { blocks, killed_after, resumed_after });
        Ok(())
    }

    fn switch(&mut self) -> Done {
        let report = operators().advance(&mut self.operator, PLAN, Phase::Switch)?;
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
        operators().revert_to(&mut self.operator, &PLAN.name, Phase::DualWrite)?;
        self.fleet.wait_for_side(Side::Old)?;
        self.narration.tell("all shops use the old column again");
        operators().revert(&mut self.operator, &PLAN.name)?;
        let rows = self.fleet.audit()?;
        self.narration.tell(&format!("the new column is gone; {} rows compared with the shops' ledgers", count(rows)));
        Ok(())
    }

    fn forward_again(&mut self) -> Done {
        operators().release(&mut self.operator, &PLAN.name)?;
        let (worker, narration) = self.worker()?;
        worker.complete(narration)
    }

    /// The new column is filled: that is what shops of `switch` need, and they start before the worker has switched.
    fn roll_to_switch(&mut self) -> Done {
        self.replace(0..SLOTS / 2, Build::Switch, |_, _| Ok(()))?;
        self.replace_worker(Build::Switch)?;
        let (worker, narration) = self.worker()?;
        worker.complete(narration)?;
        self.fleet.wait_for_side(Side::New)?;
        self.narration.tell("the shops of build `dual_write` use the new column too");
        self.replace(SLOTS / 2..SLOTS, Build::Switch, |_, _| Ok(()))
    }

    fn roll_to_contract(&mut self) -> Done {
        self.replace_worker(Build::Contract)?;
        let older = self.fleet.names();
        let (worker, narration) = self.worker()?;
        worker.expect(narration, |line| older.iter().all(|shop| waits_for(line, shop)))?;
        self.findings.waited_for = older;
        self.replace(0..SLOTS, Build::Contract, |deploy, old| {
            // The gate has seen that it is gone.
            let (worker, narration) = deploy.worker()?;
            worker.expect(narration, |line| match line {
                FromWorker::Waits(_) => !waits_for(line, old),
                line => matches!(line, FromWorker::Started { .. }),
            })
        })?;
        let (worker, narration) = self.worker()?;
        worker.complete(narration)
    }

    fn after(&mut self) -> Done {
        let why = self.fleet.refused(Build::Before)?;
        self.narration.tell(&format!("a shop of build `before` starts, and is told: {why}"));
        if !why.contains(&*PLAN.name) {
            return Err("it was refused, and not told by which plan".into());
        }
        self.findings.refused = Some(why);
        Ok(())
    }

    /// Closes the shops, and compares every row with what they have written.
    fn audit(&mut self) -> Done {
        if let Some(worker) = self.worker.take() {
            worker.end(&self.narration)?;
        }
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
        match inspection::columns(&mut self.operator)? {
            (false, true) => Ok(()),
            (old, new) => Err(format!("in the end `total` exists: {old}, `total_cents` exists: {new}").into()),
        }
    }

    /// Replaces shops one by one; `then` is called after each, with the name of the one that is gone.
    fn replace(&mut self, slots: Range<i64>, build: Build, then: impl Fn(&mut Self, &str) -> Done) -> Done {
        for slot in slots {
            let (old, new) = self.fleet.replace(slot, build)?;
            self.narration.tell(&format!("{new}, of build `{build}`, is there in place of {old}"));
            then(self, &old)?;
            // Both builds sell for a while.
            thread::sleep(self.pace.phase / 8);
        }
        Ok(())
    }

    /// Ends the worker, if there is one, and starts one of `build`.
    fn replace_worker(&mut self, build: Build) -> Done {
        if let Some(old) = self.worker.take() {
            old.end(&self.narration)?;
        }
        let started = WorkerProcess::start(self.database.owner_url(), build, self.pace.soak, self.book.clone())?;
        self.worker = Some(started);
        Ok(())
    }

    /// The worker, and who tells what it says.
    fn worker(&mut self) -> Done<(&mut WorkerProcess, &Narration)> {
        let worker = self.worker.as_mut().ok_or("there is no worker")?;
        Ok((worker, &self.narration))
    }
}

/// Whether a gate is closed for an instance.
fn waits_for(line: &FromWorker, instance: &str) -> bool {
    let named = format!("{instance} (");
    matches!(line, FromWorker::Waits(gates) if gates.iter().any(|gate| gate.contains(&named)))
}

/// As an operator runs it, from the build that is in production.
fn operators() -> Migrator {
    start::migrator("operator", Build::DualWrite)
}
