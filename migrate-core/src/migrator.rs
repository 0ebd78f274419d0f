//! The runner's front.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use migrate_plan::{Migrations, Phase, Plan, Side};
use postgres::Client;

use crate::acknowledge::Acknowledged;
use crate::error::Error;
use crate::event::Event;
use crate::failures::{self, Failures};
use crate::instance::{Instance, Knowledge};
use crate::leader::{Claimant, Lead, begin_term, lead};
use crate::limit::Limit;
use crate::lock::Standbys;
use crate::report::{InstanceReport, Report};
use crate::session::{Decision, reading, with_session};
use crate::settings::Settings;
use crate::state::HistoryEntry;
use crate::verification::{self, Verification};
use crate::{acknowledge, baseline, drive, gate, glance, hold, leader, limit, retreat, state};

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
        self.watcher = Some(Box::new(open));
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

    /// Carries one plan on to the end of `phase`, as an operator's decision: up to `switch` whatever the
    /// build's stage is, since code at `stage dual_write` asks which [`side`](Migrator::side) to use. The
    /// other plans of the program go to their stages, as in [`run`](Migrator::run). It
    /// also ends a hold that an earlier [`revert_to`](Migrator::revert_to) has set.
    ///
    /// # Errors
    ///
    /// As [`run`](Migrator::run); [`Error::NotReady`] for `contract` where the build is not at that
    /// stage; [`Error::Busy`] where another session is migrating.
    pub fn advance(&self, client: &mut Client, plan: &Plan, phase: Phase) -> Result<Report, Error> {
        if phase == Phase::Contract && plan.stage.last_phase() < Phase::Contract {
            return Err(Error::NotReady {
                plan: plan.name.to_string(),
                phase,
                why: format!("this build is at stage {}, so it may still use the old columns", plan.stage),
            });
        }
        self.leading(client, |client| self.drive(client, Some((&plan.name, phase))))
    }

    /// Takes a plan back to the old shape, with everything in it that was written on the new side, and
    /// holds it there until it is [`release`](Migrator::release)d.
    ///
    /// Processes that still use the new columns will fail: switch back first, with
    /// [`revert_to`](Migrator::revert_to), and let them follow.
    ///
    /// # Errors
    ///
    /// [`Error::NotRevertible`] once an old column has been dropped, or while a later plan builds on this
    /// one.
    pub fn revert(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<(), Error> {
        self.leading(client, |client| retreat::retreat(self, client, plan.as_ref(), None))
    }

    /// Takes a plan back to the end of `phase` and holds it there: to `switch` from a retired column, to
    /// `dual_write` from a switch.
    ///
    /// # Errors
    ///
    /// As [`revert`](Migrator::revert); [`Error::NotRevertible`] too where the plan has not come to the end of `phase`.
    pub fn revert_to(&self, client: &mut Client, plan: impl AsRef<str>, phase: Phase) -> Result<(), Error> {
        self.leading(client, |client| retreat::retreat(self, client, plan.as_ref(), Some(phase)))
    }

    /// Holds a plan where it is: no run goes on with it until it is [`release`](Migrator::release)d, and a run at work
    /// stops after its step. Answers the last phase that is done, `None` where the first is not; a revert's hold, or an
    /// earlier one, stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; [`Error::NotHoldable`] where it is finished.
    pub fn hold(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<Option<Phase>, Error> {
        with_session(client, &self.decision, |client| hold::hold(client, plan.as_ref()))
    }

    /// Ends the hold on a plan: the next [`run`](Migrator::run) takes it on to its stage.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan.
    pub fn release(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<(), Error> {
        self.leading(client, |client| hold::release(client, plan.as_ref()))
    }

    /// Compares both sides of every row of a plan now, as it is done by itself before the switch: in small transactions that only
    /// read, throttled, and from where an earlier call was cut short. At any time from when the table is filled until the
    /// old columns are retired. A row that it finds not filled is filled, and looked at again.
    ///
    /// A service that is at work on its plans makes way for it, and goes on after it.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; [`Error::NotVerifiable`] where there are no two
    /// sides to compare; [`Error::Busy`] where another session is migrating.
    pub fn verify(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<Verification, Error> {
        self.leading(client, |client| {
            state::ensure(client)?;
            begin_term(client, Claimant::default())?;
            verification::verify(self, client, plan.as_ref())
        })
    }

    /// Has the jobs of a plan, or of all plans, stand still: a backfill or a verification at work does within a second, and none
    /// begins. It ends with [`resume`](Migrator::resume), or by itself after `lasting`. Steps that are no jobs go on;
    /// [`hold`](Migrator::hold) keeps a plan from those too.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan, [`Error::NotALimit`] where it knows none.
    pub fn pause(&self, client: &mut Client, plan: Option<&str>, lasting: Option<Duration>) -> Result<(), Error> {
        with_session(client, &self.decision, |client| limit::pause(client, plan, lasting))
    }

    /// Ends a pause of the jobs of a plan, or that of all plans: the one does not end the other. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// As [`pause`](Migrator::pause).
    pub fn resume(&self, client: &mut Client, plan: Option<&str>) -> Result<bool, Error> {
        with_session(client, &self.decision, |client| limit::resume(client, plan))
    }

    /// Has the jobs of a plan, or of all plans, keep to a limit, in place of the one before; [`Limit::NONE`] ends it. A job at
    /// work follows within a second. It ends by itself after `lasting`. Where both a plan and all plans have one, the
    /// stricter holds, and the plan's own lag.
    ///
    /// # Errors
    ///
    /// As [`pause`](Migrator::pause), and [`Error::NotALimit`] for one that means nothing.
    pub fn limit(
        &self,
        client: &mut Client,
        plan: Option<&str>,
        limit: Limit,
        lasting: Option<Duration>,
    ) -> Result<(), Error> {
        with_session(client, &self.decision, |client| limit::limit(client, plan, &limit, lasting))
    }

    /// Says that something which keeps the gates of a plan closed has nothing to do with it, by the word that the gate
    /// shows in brackets; [`decided_by`](Self::decided_by) and [`reason`](Self::reason) are kept with it in the history. The
    /// plan goes on with the next look.
    ///
    /// - `session:NAME@ROLE`, or `session:NAME` for every role: sessions with this `application_name`.
    /// - `statement:ID`: a statement, by its `queryid` in `pg_stat_statements`.
    /// - `function:NAME(ARGUMENTS)`: a function, as the gate names it.
    /// - `application:NAME`: an application that never touches what the plan changes, all its instances of all versions.
    /// - `rights:pg_read_all_stats`, `rights:track_activities`: sessions and statements that this role cannot see.
    /// - `instance:ID`: an instance whose lease is over is dead, whatever speaks against it. It is taken off the list, and
    ///   the sessions with its name are ended where this role may end them. Nothing is kept that could be withdrawn: one
    ///   that lives after all asks to be let in again.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; [`Error::NotAcknowledged`] for a word of no known
    /// kind, and for an instance whose lease is not over.
    pub fn acknowledge(
        &self,
        client: &mut Client,
        plan: impl AsRef<str>,
        evidence: impl AsRef<str>,
    ) -> Result<Acknowledged, Error> {
        with_session(client, &self.decision, |client| {
            acknowledge::acknowledge(client, plan.as_ref(), evidence.as_ref())
        })
    }

    /// Takes an acknowledgement back: the evidence closes the gates of the plan again.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; [`Error::NotAcknowledged`] where nobody has
    /// acknowledged it.
    pub fn withdraw(&self, client: &mut Client, plan: impl AsRef<str>, evidence: impl AsRef<str>) -> Result<(), Error> {
        with_session(client, &self.decision, |client| acknowledge::withdraw(client, plan.as_ref(), evidence.as_ref()))
    }

    /// Records a plan at `stage contract` as finished without doing anything, in a database whose tables have the shape after
    /// it already: one that was made from a dump of the schema, and not by the plans. Once is enough.
    ///
    /// # Errors
    ///
    /// [`Error::NotBaseline`] with everything that is different, or where the plan has started here; [`Error::Busy`] where
    /// another session is migrating.
    pub fn baseline(&self, client: &mut Client, plan: &Plan) -> Result<(), Error> {
        let place = self.plans().iter().position(|known| known.name == plan.name);
        let later = place.map_or(&[][..], |place| &self.plans()[place + 1..]);
        self.leading(client, |client| baseline::baseline(client, plan, later))
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

    /// Has the service that leads look at the failed rows of a plan again at once, or as soon as it has done what it is at;
    /// without being asked it looks every ten [`Settings::poll`]s. Answers how many such rows are kept: where there are
    /// none, nobody is asked. Where no service lives the next [`run`](Migrator::run) looks.
    ///
    /// A look finds the failed rows by their keys, and fills those that convert by now; the whole table is read again only when
    /// none of them fails any more.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan.
    pub fn retry(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<u64, Error> {
        with_session(client, &self.decision, |client| failures::retry(client, plan.as_ref()))
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
        self.watcher.get_or_insert_with(|| Box::new(open));
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
            observer(event);
        }
    }
}
