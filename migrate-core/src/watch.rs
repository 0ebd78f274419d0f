//! Watches a statement that may wait for ever, and says who blocks it. It ends nobody.

use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, Row};

use crate::ask::Ask;
use crate::blocker::{Blocker, BlockerKind};
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::event::Event;
use crate::leader;
use crate::lock::KIND;
use crate::migrator::Migrator;
use crate::state::{JournalStep, PlanRow};

/// Between two looks.
const PACE: Duration = Duration::from_secs(1);

/// Runs a step's statement; while it runs, another connection looks every second whether it is blocked. The
/// statement has the other thread, so that everything is told on the caller's.
pub(crate) fn run(
    migrator: &Migrator,
    client: &mut Client,
    plan: &PlanRow,
    step: &JournalStep,
    sql: &str,
) -> Result<(), DatabaseError> {
    let what = format!("step `{}`", step.name);
    let Some(open) = migrator.opener() else { return client.batch_execute(sql).running(&what, sql) };
    let pid = own_pid(client)?;
    let mut watch = Watch { migrator, plan, step, pid, begun: Instant::now(), open, client: None, failed: false };
    let outcome = thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        let statement = scope.spawn(move || {
            let _ends_with_the_thread = ended;
            client.batch_execute(sql)
        });
        while end.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
            watch.look();
        }
        statement.join().unwrap_or_else(|panic| resume_unwind(panic))
    });
    outcome.running(&what, sql)
}

fn own_pid(client: &mut Client) -> Result<i32, DatabaseError> {
    Ok(client.ask_one("SELECT pg_catalog.pg_backend_pid()", &[]).doing("asking for the session's process")?.get(0))
}

struct Watch<'a> {
    migrator: &'a Migrator,
    plan: &'a PlanRow,
    step: &'a JournalStep,
    /// The backend that runs the statement.
    pid: i32,
    begun: Instant,
    open: &'a dyn Fn() -> Result<Client, Error>,
    client: Option<Client>,
    /// Whether it was told that the statement cannot be watched.
    failed: bool,
}

impl Watch<'_> {
    /// Looks, and tells; that it cannot look is told once, and ends nothing.
    fn look(&mut self) {
        match self.look_once() {
            Ok(()) => {}
            Err(error) => {
                self.client = None;
                if !self.failed {
                    self.failed = true;
                    tracing::warn!(step = self.step.name, %error, "the statement runs on, but it cannot be watched");
                }
            }
        }
    }

    fn look_once(&mut self) -> Result<(), Error> {
        let (blockers, behind) = self.blockers()?;
        if blockers.is_empty() && behind.is_empty() {
            return Ok(());
        }
        self.tell(&blockers, &behind);
        let what = format!(
            "step `{}` for {} s, held by {}",
            self.step.name,
            self.begun.elapsed().as_secs(),
            listed(&blockers)
        );
        match &mut self.client {
            Some(client) if !blockers.is_empty() => leader::wait_for(client, Some(self.pid), &what),
            _ => Ok(()),
        }
    }

    /// Whom the statement waits for, and who waits for it.
    fn blockers(&mut self) -> Result<(Vec<Blocker>, Vec<Blocker>), Error> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(opened(self.open)?),
        };
        let rows = client.query(&sql(), &[&self.pid]).doing("looking who blocks a statement")?;
        let (before, behind): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.get(0));
        Ok((before.iter().map(blocker).collect(), behind.iter().map(blocker).collect()))
    }

    fn tell(&self, blockers: &[Blocker], behind: &[Blocker]) {
        let (plan, step, waited) = (self.plan.name.as_str(), self.step.name.as_str(), self.begun.elapsed());
        let (names, waiting) = (listed(blockers), listed(behind));
        tracing::warn!(plan, step, ?waited, blockers = names, behind = waiting, "the statement is blocked, or blocks");
        self.migrator.notify(&Event::StatementBlocked { plan, step, waited, blockers, behind });
    }
}

fn opened(open: &dyn Fn() -> Result<Client, Error>) -> Result<Client, Error> {
    let mut client = open()?;
    let set_up = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = '5s'";
    client.batch_execute(set_up).doing("setting up the watching session")?;
    Ok(client)
}

fn listed(blockers: &[Blocker]) -> String {
    blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn blocker(row: &Row) -> Blocker {
    Blocker {
        kind: BlockerKind::of_word(row.get(1)),
        pid: row.get(2),
        application: row.get(3),
        state: row.get(4),
        open_for: Duration::from_secs_f64(row.get::<_, f64>(5).max(0.0)),
    }
}

/// `pg_blocking_pids` gives 0 for a prepared transaction; which one it is shows in what the statement waits for.
fn sql() -> String {
    let session = format!(
        "{KIND}, a.pid, coalesce(a.application_name, ''), coalesce(a.state, a.backend_type, 'unknown'), \
         coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 \
         FROM pg_catalog.pg_stat_activity a CROSS JOIN (SELECT false AS aged) unaged"
    );
    format!(
        "WITH wanted AS (SELECT * FROM pg_catalog.pg_locks WHERE pid = $1 AND NOT granted) \
         SELECT true, {session} WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1)) \
         UNION ALL \
         SELECT DISTINCT true, 'prepared', 0, p.gid, 'prepared', \
                extract(epoch FROM clock_timestamp() - p.prepared)::float8 \
         FROM wanted w JOIN pg_catalog.pg_locks l ON l.pid IS NULL AND l.granted \
              AND (l.relation = w.relation AND l.database = w.database OR l.transactionid = w.transactionid) \
         JOIN pg_catalog.pg_locks own ON own.virtualtransaction = l.virtualtransaction AND own.pid IS NULL \
              AND own.locktype = 'transactionid' \
         JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = own.transactionid \
         WHERE 0 = ANY (pg_catalog.pg_blocking_pids($1)) \
         UNION ALL \
         SELECT false, {session} \
         WHERE EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND NOT l.granted) \
           AND $1 = ANY (pg_catalog.pg_blocking_pids(a.pid)) \
         ORDER BY 1 DESC, 6 DESC"
    )
}
