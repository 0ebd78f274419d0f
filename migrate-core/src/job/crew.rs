//! The sessions that take part in a walk: the one with the lead, and as many more as there is room for, each in a lane of its
//! own. They come and go while it runs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::Duration;

use postgres::{Client, GenericClient};

use super::cursor::Cursor;
use super::throttle::Throttle;
use super::walk::{Left, Walk, Worker};
use super::work::Job;
use crate::ask::Ask;
use crate::closed::Closed;
use crate::database::Doing;
use crate::error::Error;
use crate::leader::{self, Term};
use crate::session::with_session;

/// Between two looks whether the last of the others has ended.
const POLL: Duration = Duration::from_millis(20);

/// All sessions of a walk.
pub(super) struct Crew<'a> {
    walk: &'a Walk<'a>,
    throttle: &'a Throttle<'a>,
    lanes: Mutex<Lanes>,
    changed: Condvar,
    /// Nobody begins another batch.
    is_over: AtomicBool,
}

struct Lanes {
    waiting: VecDeque<Cursor>,
    /// The numbers of the workers that have one, or look for one.
    at_work: BTreeSet<usize>,
    /// A worker that went with its lane, or could not come.
    lost: bool,
    no_more: bool,
    error: Option<Error>,
    closed: Option<Closed>,
}

impl<'a> Crew<'a> {
    pub(super) fn new(walk: &'a Walk<'a>, throttle: &'a Throttle<'a>, lanes: Vec<Cursor>) -> Crew<'a> {
        let lanes = Lanes {
            waiting: lanes.into(),
            at_work: BTreeSet::new(),
            lost: false,
            no_more: walk.migrator.opener().is_none(),
            error: None,
            closed: None,
        };
        Crew { walk, throttle, lanes: Mutex::new(lanes), changed: Condvar::new(), is_over: AtomicBool::new(false) }
    }

    /// Whether a session went with a lane that it had not done.
    pub(super) fn has_lost_any(&self) -> bool {
        self.lanes().lost
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until every lane is done, or nobody is to go on.
    pub(super) fn work(&self, client: &mut Client, job: &dyn Job) -> Result<Option<Closed>, Error> {
        let outcome = thread::scope(|scope| {
            let (ended, end) = mpsc::channel::<()>();
            scope.spawn(move || self.throttle.watch(&end));
            // Also where it panics: the others would be waited for.
            let _ends = Ends(self, ended);
            self.lead(scope, client, job)
        });
        // The lead's own error says more than that of a worker, which may have followed from it.
        outcome?;
        let mut lanes = self.lanes();
        match lanes.error.take() {
            Some(error) => Err(error),
            None => Ok(lanes.closed.take()),
        }
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// The worker with the lead. It calls the others, and is the last to go.
    fn lead<'s>(&'s self, scope: &'s Scope<'s, '_>, client: &mut Client, job: &'s dyn Job) -> Result<(), Error> {
        let mut worker = self.worker(0, client, job)?;
        let mut term = None;
        while !self.is_over() {
            let Some(cursor) = self.lanes().waiting.pop_front() else {
                let lanes = self.lanes();
                if lanes.at_work.is_empty() && lanes.waiting.is_empty() {
                    break;
                }
                drop(self.changed.wait_timeout(lanes, POLL).unwrap_or_else(PoisonError::into_inner));
                self.walk.migrator.require_lead(client)?;
                continue;
            };
            let mut goes_on = |client: &mut Client| {
                self.call(scope, client, job, &mut term)?;
                Ok(!self.is_over())
            };
            let left = self.walk.lane(client, &mut worker, cursor, &mut goes_on)?;
            self.leave(left);
        }
        Ok(())
    }

    fn worker<'w>(
        &'w self,
        number: usize,
        client: &mut impl GenericClient,
        job: &'w dyn Job,
    ) -> Result<Worker<'w>, Error> {
        // Only a watcher tells the workers from others.
        let pid = match self.throttle.is_watched() {
            true => client
                .ask_one("SELECT pg_catalog.pg_backend_pid()", &[])
                .doing("asking for the session's process")?
                .get(0),
            false => 0,
        };
        Ok(Worker { number, pid, work: job.work(), throttle: self.throttle, is_over: &self.is_over })
    }

    fn leave(&self, left: Left) {
        let mut lanes = self.lanes();
        match left {
            Left::AtEnd => {}
            Left::At(cursor) => lanes.waiting.push_front(cursor),
            Left::Closed(closed) => {
                lanes.closed.get_or_insert(closed);
                drop(lanes);
                self.end();
            }
        }
    }

    /// Calls another worker, where there is room and a lane for one.
    fn call<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        client: &mut Client,
        job: &'s dyn Job,
        term: &mut Option<Term>,
    ) -> Result<(), Error> {
        let room = self.throttle.workers() as usize;
        if room < 2 {
            return Ok(());
        }
        let mut lanes = self.lanes();
        if lanes.no_more || lanes.waiting.is_empty() {
            return Ok(());
        }
        let Some(number) = (1..room).find(|number| !lanes.at_work.contains(number)) else { return Ok(()) };
        lanes.at_work.insert(number);
        drop(lanes);
        let term = match term {
            Some(term) => term,
            none => none.insert(Term::of(client)?),
        };
        let term = term.clone();
        scope.spawn(move || self.help(number, &term, job));
        Ok(())
    }

    /// Another worker, with a connection of its own, in the term of the lead.
    fn help(&self, number: usize, term: &Term, job: &dyn Job) {
        let _leaves = Leaves { crew: self, number };
        let mut has_lane = false;
        let outcome = self.helped(number, term, job, &mut has_lane);
        let mut lanes = self.lanes();
        match outcome {
            Ok(()) | Err(Error::Stopped) => {}
            Err(error) if is_of_the_connection(&error) => {
                tracing::warn!(%error, "the job goes on with a session less");
                lanes.no_more = true;
                lanes.lost |= has_lane;
            }
            Err(error) => {
                lanes.error.get_or_insert(error);
                drop(lanes);
                self.end();
            }
        }
    }

    fn helped(&self, number: usize, term: &Term, job: &dyn Job, has_lane: &mut bool) -> Result<(), Error> {
        let Some(open) = self.walk.migrator.opener() else { return Ok(()) };
        let mut client = open()?;
        with_session(&mut client, self.walk.migrator.decision(), |client| {
            leader::join(client, term)?;
            let mut worker = self.worker(number, client, job)?;
            let has_room = || !self.is_over() && number < self.throttle.workers() as usize;
            while has_room() {
                let Some(cursor) = self.lanes().waiting.pop_front() else { break };
                *has_lane = true;
                let left = self.walk.lane(client, &mut worker, cursor, &mut |_| Ok(has_room()))?;
                *has_lane = false;
                self.leave(left);
            }
            Ok(())
        })
    }
}

/// Ends the work of all, and that of the watcher with it.
struct Ends<'a>(&'a Crew<'a>, #[expect(dead_code, reason = "the watcher hears that it is gone")] mpsc::Sender<()>);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Takes a worker off the list, also where it panics.
struct Leaves<'a> {
    crew: &'a Crew<'a>,
    number: usize,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let mut lanes = self.crew.lanes();
        lanes.at_work.remove(&self.number);
        drop(lanes);
        if thread::panicking() {
            self.crew.end();
        }
        self.crew.changed.notify_all();
    }
}

/// Whether a session is gone, or never came, and with it nothing but itself.
fn is_of_the_connection(error: &Error) -> bool {
    match error {
        Error::Connect { .. } | Error::Pooled { .. } => true,
        Error::Database(error) => error.is_of_the_connection(),
        _ => false,
    }
}
