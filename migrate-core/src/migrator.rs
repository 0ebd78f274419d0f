//! The runner's front.

mod orders;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use migrate_plan::{Migrations, Phase, Plan, Side};
use postgres::Client;

use crate::error::Error;
use crate::event::Event;
use crate::failures::{self, Failures};
use crate::instance::{Instance, Knowledge};
use crate::leader::{Claimant, Lead, begin_term, lead};
use crate::lock::Standbys;
use crate::report::{InstanceReport, Report};
use crate::session::{Decision, reading, with_session};
use crate::settings::{HoldWhile, Settings};
use crate::state::HistoryEntry;
use crate::{drive, gate, glance, leader, prepared, state};

/// How often a service at work looks whether an operator asks for the lead.
const ASK: Duration = Duration::from_millis(500);

/// Runs the plans of a program against a database.
///
/// Every call works on the client it is given and gives it back with its settings as they were.
/// Whatever ends a call early, the next one goes on from the last committed transaction.
pub struct Migrator {
    migrations: &'static Migrations,
    settings: Settings,
    observer: Option<Observer>,
    watcher: Option<Opener>,
    decision: Decision,
    instance: Instance,
    stopping: AtomicBool,
    /// When a service at work last looked whether an operator asks for the lead; none where nobody is made way for.
    asked_at: Mutex<Option<Instant>>,
    standbys: Standbys,
}

/// Who is told what happens.
type Observer = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// How another connection to the database is opened.
type Opener = Box<dyn Fn() -> Result<Client, Error> + Send + Sync>;

impl Migrator {
    /// A runner with the default settings.
    pub fn new(migrations: &'static Migrations) -> Migrator {
        #[cfg(feature = "metrics")]
        crate::metrics::describe();
        Migrator {
            migrations,
            settings: Settings::default(),
            observer: None,
            watcher: None,
            decision: Decision::default(),
            instance: Instance::default(),
            stopping: AtomicBool::new(false),
            asked_at: Mutex::new(None),
            standbys: Standbys::default(),
        }
    }

    /// Replaces the settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Migrator {
        self.settings = settings;
        // What the user has called may ask on a connection of its own.
        self.settings.hold_while =
            self.settings.hold_while.map(|ask| -> HoldWhile { Arc::new(move || prepared::apart(|| ask())) });
        self
    }

    /// Sets the soak time, see [`Settings::soak`].
    #[must_use]
    pub fn soak(mut self, soak: Duration) -> Migrator {
        self.settings.soak = soak;
        self
    }

    /// Turns soak times and waits off, for development and tests: the settings become [`Settings::without_waits`]. Gates
    /// that protect data stay. What else is to be set differently is set after it.
    #[must_use]
    pub fn without_waits(self) -> Migrator {
        self.settings(Settings::without_waits())
    }

    /// Says which application this is, and in which version: `migrate::instance!()`. Without it, the program's file name
    /// is all there is.
    #[must_use]
    pub fn instance(mut self, instance: Instance) -> Migrator {
        self.instance = instance;
        self
    }

    /// Calls `observer` for everything that happens, on the thread that does it: the one that runs, or, in a job of several
    /// workers, one of theirs.
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Migrator {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Gives the runner a way to more connections than the one it is given. With it the load of the database is followed
    /// while a job runs ([`Settings::follow_load`]), and a job can have several workers ([`Settings::workers`]); the steps
    /// that wait without a time limit, outside of any transaction, are watched, and [`Event::StatementBlocked`] tells who
    /// blocks them. Each connection is opened when it is needed and closed after it. A [`Service`](crate::Service) and
    /// the command line have one by themselves.
    #[must_use]
    pub fn watcher(mut self, open: impl Fn() -> Result<Client, Error> + Send + Sync + 'static) -> Migrator {
        self.watcher = Some(Box::new(move || prepared::apart(&open)));
        self
    }

    /// Says who decides what this runner is asked to do, for the history.
    #[must_use]
    pub fn decided_by(mut self, who: impl Into<String>) -> Migrator {
        self.decision.by = Some(who.into());
        self
    }

    /// Says why this runner is asked to do what it does, for the history.
    #[must_use]
    pub fn reason(mut self, why: impl Into<String>) -> Migrator {
        self.decision.reason = Some(why.into());
        self
    }

    /// Carries each plan as far as its stage and its data allow. Where there is nothing to do, that is one query and no
    /// lock, and a second query where a plan rests half way.
    ///
    /// Where another session is migrating it is waited for, [`Settings::leader_wait`] at most; after that
    /// the report says who it is, and nothing was done.
    ///
    /// # Errors
    ///
    /// A database that is not as a plan declares it, an edited plan, a missing right, a broken
    /// connection: see [`Error`]. A gate that is closed is no error; the [`Report`] has its evidence.
    pub fn run(&self, client: &mut Client) -> Result<Report, Error> {
        if let Some(report) = glance::nothing_to_do(self, client)? {
            return Ok(report);
        }
        self.standbys.forget();
        with_session(client, &self.decision, |client| {
            let led = lead(client, self.settings.leader_wait, |client| self.led(|| self.drive(client, None)))?;
            Ok(match led {
                Lead::Done(report) => report,
                Lead::Other(leader) => Report { leader: Some(leader), ..Report::default() },
            })
        })
    }

    /// The live instances of all applications, in the order they came: who they are, when they were last heard of, and the
    /// stage at which each has its plans.
    ///
    /// # Errors
    ///
    /// A broken connection, or a role that may not read the state.
    pub fn instances(&self, client: &mut Client) -> Result<Vec<InstanceReport>, Error> {
        reading(client, |client| if state::exists(client)? { gate::instances::all(client) } else { Ok(Vec::new()) })
    }

    /// The side to use for a plan now: `Old` where nothing has started. No lock, and no right is needed
    /// beyond connecting.
    ///
    /// # Errors
    ///
    /// A broken connection.
    pub fn side(&self, client: &mut Client, plan: &Plan) -> Result<Side, Error> {
        state::side(client, &plan.name)
    }

    /// What a run would find, without doing anything.
    ///
    /// # Errors
    ///
    /// A broken connection, or a role that may not read the state.
    pub fn status(&self, client: &mut Client) -> Result<Report, Error> {
        reading(client, |transaction| drive::status(self, transaction))
    }

    /// What happened in this database, to one plan or to all: the newest `limit` entries, newest first. Empty where
    /// nothing has started.
    ///
    /// # Errors
    ///
    /// A broken connection, or a role that may not read the state.
    pub fn history(&self, client: &mut Client, plan: Option<&str>, limit: u32) -> Result<Vec<HistoryEntry>, Error> {
        reading(client, |transaction| {
            if state::exists(transaction)? { state::history(transaction, plan, limit) } else { Ok(Vec::new()) }
        })
    }

    /// The rows that stand in the way of a running plan, or of all, with key, value and error: how many, and the first
    /// `limit` of them. Empty where nothing has started.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; a broken connection, or a role that may not read the
    /// state.
    pub fn failed(&self, client: &mut Client, plan: Option<&str>, limit: u32) -> Result<Failures, Error> {
        reading(client, |transaction| failures::all(transaction, plan, limit))
    }

    /// Carries plans forward, in a term of its own.
    fn drive(&self, client: &mut Client, order: Option<(&str, Phase)>) -> Result<Report, Error> {
        state::ensure(client)?;
        begin_term(client, Claimant::default())?;
        drive::run(self, client, order)
    }

    fn leading<T>(&self, client: &mut Client, work: impl FnOnce(&mut Client) -> Result<T, Error>) -> Result<T, Error> {
        self.standbys.forget();
        with_session(client, &self.decision, |client| {
            match lead(client, self.settings.leader_wait, |client| self.led(|| work(client)))? {
                Lead::Done(value) => Ok(value),
                Lead::Other(leader) => Err(Error::Busy { leader }),
            }
        })
    }

    /// Tells for how long this process leads.
    fn led<T>(&self, work: impl FnOnce() -> T) -> T {
        self.notify(&Event::LeadTaken);
        let outcome = work();
        self.notify(&Event::LeadGiven);
        outcome
    }

    pub(crate) fn plans(&self) -> &'static [&'static Plan] {
        self.migrations.plans()
    }

    /// Gives it a connection to watch with, where the user has given none.
    pub(crate) fn watcher_unless_set(
        mut self,
        open: impl Fn() -> Result<Client, Error> + Send + Sync + 'static,
    ) -> Migrator {
        self.watcher.get_or_insert_with(|| Box::new(move || prepared::apart(&open)));
        self
    }

    pub(crate) fn opener(&self) -> Option<&dyn Fn() -> Result<Client, Error>> {
        self.watcher.as_ref().map(|open| open as &dyn Fn() -> Result<Client, Error>)
    }

    pub(crate) fn limits(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn identity(&self) -> &Instance {
        &self.instance
    }

    pub(crate) fn decision(&self) -> &Decision {
        &self.decision
    }

    pub(crate) fn knowledge(&self) -> Knowledge {
        Knowledge::of(self.migrations)
    }

    /// From now on makes way for operators' commands.
    pub(crate) fn make_way(&self) {
        *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Between two batches or steps: whether to go on with what this session leads.
    pub(crate) fn require_lead(&self, client: &mut Client) -> Result<(), Error> {
        self.require_running()?;
        let mut asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if asked_at.is_none_or(|at| at.elapsed() < ASK) {
            return Ok(());
        }
        *asked_at = Some(Instant::now());
        if leader::is_asked_for(client)? { Err(Error::Yielded) } else { Ok(()) }
    }

    /// Tells whatever is being done to end.
    pub(crate) fn request_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Between two batches, or two tries: whether to go on.
    pub(crate) fn require_running(&self) -> Result<(), Error> {
        if self.is_stopping() { Err(Error::Stopped) } else { Ok(()) }
    }

    pub(crate) fn standbys(&self) -> &Standbys {
        &self.standbys
    }

    pub(crate) fn notify(&self, event: &Event<'_>) {
        #[cfg(feature = "metrics")]
        crate::metrics::record(event);
        if let Some(observer) = &self.observer {
            prepared::apart(|| observer(event));
        }
    }
}
