//! What the threads of a service and its owner share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use migrate_plan::{Phase, Plan, Side};
use postgres::CancelToken;

use super::status::{PlanStatus, ServiceStatus};
use crate::connect::Source;
use crate::error::Error;
use crate::event::Event;
use crate::glance::position;
use crate::instance::{Beat, Knowledge, Registered, Seat, Seen};
use crate::migrator::Migrator;
use crate::state::Status;

/// The share of a lease after which an instance that cannot renew it fences itself: before anyone may call it dead.
const FENCE: f64 = 0.66;

pub(super) struct Shared {
    pub(super) migrator: Migrator,
    pub(super) source: Source,
    pub(super) known: Knowledge,
    /// For each plan whether the new side is in use.
    sides: Box<[AtomicBool]>,
    born: Instant,
    /// When the last beat that was answered was sent: milliseconds since `born`, and one more.
    beat_at: AtomicU64,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    registered: Option<Registered>,
    seat: Option<Seat>,
    plans: Vec<Seen>,
    /// The pulse at work; an older one ends as soon as it can.
    pulse: u64,
    /// When it last got on.
    pulse_at: Option<Instant>,
    pass: Option<Pass>,
    passes: u64,
    /// Whether connections of the source are known to be sessions of their own.
    is_proven: bool,
    /// Whether the schema has served this build once.
    is_served: bool,
    /// What ended the pulse for good.
    failure: Option<Arc<Error>>,
    /// What a start that waits is to be told, in place of waiting on.
    hopeless: Option<Error>,
    /// What went wrong last, for people.
    trouble: Option<String>,
    ended: bool,
    wakers: Vec<Waker>,
}

/// Steps being done by this instance.
struct Pass {
    number: u64,
    /// Its term, once it has begun one.
    term: Option<i64>,
    cancel: CancelToken,
}

impl Shared {
    pub(super) fn new(migrator: Migrator, source: Source) -> Arc<Shared> {
        let known = migrator.knowledge();
        let sides = known.names.iter().map(|_| AtomicBool::new(false)).collect();
        Arc::new(Shared {
            migrator,
            source,
            known,
            sides,
            born: Instant::now(),
            beat_at: AtomicU64::new(0),
            inner: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// A panic elsewhere leaves what is known as it was.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everybody look who waits for something.
    fn tell(&self, mut inner: MutexGuard<'_, Inner>) {
        let wakers = std::mem::take(&mut inner.wakers);
        drop(inner);
        self.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn side(&self, plan: &Plan) -> Side {
        let place = self.known.names.iter().position(|name| *name == plan.outline().name);
        let is_new = place.and_then(|place| self.sides.get(place)).is_some_and(|side| side.load(Ordering::Acquire));
        if is_new { Side::New } else { Side::Old }
    }

    pub(super) fn tag(&self) -> Option<String> {
        self.lock().registered.as_ref().map(|registered| registered.tag.clone())
    }

    pub(super) fn registered(&self) -> Option<Registered> {
        self.lock().registered.clone()
    }

    /// How long the database has not been heard of.
    pub(super) fn silent(&self) -> Duration {
        let sent = match self.beat_at.load(Ordering::Acquire) {
            0 => Duration::ZERO,
            later => Duration::from_millis(later - 1),
        };
        self.born.elapsed().saturating_sub(sent)
    }

    pub(super) fn is_fenced(&self) -> bool {
        self.silent() > self.migrator.limits().lease.mul_f64(FENCE)
    }

    pub(super) fn ready(&self) -> Result<(), Error> {
        let inner = self.lock();
        if self.migrator.is_stopping() {
            return Err(Error::Stopped);
        }
        if let Some(failure) = &inner.failure {
            return Err(failure.again());
        }
        if self.is_fenced() {
            return Err(Error::Fenced { silent: self.silent() });
        }
        match self.missing(&inner) {
            missing if missing.is_empty() => Ok(()),
            missing => Err(Error::NotServed { waited: self.born.elapsed(), missing }),
        }
    }

    /// The plans that have not come far enough for this build, and what they wait for.
    fn missing(&self, inner: &Inner) -> Vec<String> {
        self.lacking(inner, |seen, place| seen.serves(self.known.stages[place]))
    }

    fn lacking(&self, inner: &Inner, is_enough: impl Fn(&Seen, usize) -> bool) -> Vec<String> {
        if inner.plans.is_empty() && !self.known.names.is_empty() || inner.registered.is_none() {
            let why = inner.trouble.as_deref().unwrap_or("the database has not answered yet");
            return vec![why.to_owned()];
        }
        let trouble = inner.trouble.as_ref().or(inner.seat.as_ref().and_then(|seat| seat.trouble.as_ref()));
        let waiting =
            inner.seat.as_ref().and_then(|seat| seat.waiting.as_ref()).map(|what| format!("waiting for {what}"));
        let is_mine = |seen: &&Seen| seen.place.is_some_and(|place| place < self.known.stages.len());
        let lacking = inner.plans.iter().filter(is_mine).filter(|seen| !is_enough(seen, seen.place.unwrap_or(0)));
        lacking
            .map(|seen| {
                let position = position(seen);
                let why: Vec<&str> = seen.waits_for.iter().chain(&waiting).chain(trouble).map(String::as_str).collect();
                let why = if !why.is_empty() {
                    why.join("; ")
                } else if !self.migrator.limits().may_lead {
                    "this instance leaves the steps to others".to_owned()
                } else if inner.seat.as_ref().is_some_and(|seat| !seat.may_lead) {
                    "this role may not carry steps out, and no other instance does".to_owned()
                } else {
                    "its steps are being done".to_owned()
                };
                format!(
                    "plan `{}` at stage {}: {position}; {why}",
                    seen.name,
                    self.known.stages[seen.place.unwrap_or(0)]
                )
            })
            .collect()
    }

    /// Takes in what a beat, sent at `sent`, has answered.
    pub(super) fn heard(&self, sent: Instant, beat: Beat) {
        for seen in &beat.plans {
            if let Some(side) = seen.place.and_then(|place| self.sides.get(place)) {
                side.store(seen.side == Side::New, Ordering::Release);
            }
        }
        let sent = sent.saturating_duration_since(self.born).as_millis();
        self.beat_at.store(u64::try_from(sent).unwrap_or(u64::MAX - 1) + 1, Ordering::Release);
        let mut inner = self.lock();
        inner.pulse_at = Some(Instant::now());
        // A pass that another leader has replaced is left to find that out by itself.
        if inner.pass.as_ref().is_some_and(|pass| pass.term.is_some_and(|term| term < beat.seat.term)) {
            inner.pass = None;
        }
        (inner.seat, inner.plans) = (Some(beat.seat), beat.plans);
        if inner.seat.as_ref().is_some_and(|seat| seat.trouble.is_none()) && inner.pass.is_none() {
            inner.trouble = None;
        }
        inner.is_served = inner.is_served || self.missing(&inner).is_empty();
        self.tell(inner);
    }

    pub(super) fn let_in(&self, registered: Option<Registered>) {
        self.lock().registered = registered;
    }

    /// Whether there is something to be done that this instance should do: what the seat allows is for the caller to see.
    pub(super) fn wants_lead(&self) -> Option<Seat> {
        if !self.migrator.limits().may_lead {
            return None;
        }
        let inner = self.lock();
        // What went wrong and is well again is to be seen by the instance it went wrong in: that takes another pass.
        let is_unsettled = inner.seat.as_ref().is_some_and(|seat| seat.trouble.is_some() && seat.is_last);
        let has_work = is_unsettled || inner.plans.iter().any(Seen::has_work);
        let seat = inner.seat.clone().filter(|seat| seat.may_lead && has_work && inner.pass.is_none())?;
        let is_due = seat.idle_for.is_zero() || !inner.is_served;
        (seat.stale.is_some() || seat.is_free && is_due).then_some(seat)
    }

    /// How long the pulse may wait for word from the database.
    pub(super) fn interval(&self) -> Duration {
        let (inner, limits) = (self.lock(), self.migrator.limits());
        let is_busy = inner.pass.is_some() || !inner.is_served || inner.plans.iter().any(Seen::has_work);
        if is_busy { limits.poll.min(limits.beat) } else { limits.beat }
    }

    pub(super) fn term(&self) -> Option<i64> {
        self.lock().pass.as_ref().and_then(|pass| pass.term)
    }

    pub(super) fn is_leading(&self) -> bool {
        self.lock().pass.is_some()
    }

    /// A pass begins; answers its number.
    pub(super) fn begin_pass(&self, cancel: CancelToken) -> u64 {
        let mut inner = self.lock();
        inner.passes += 1;
        let number = inner.passes;
        inner.pass = Some(Pass { number, term: None, cancel });
        number
    }

    pub(super) fn is_proven(&self) -> bool {
        self.lock().is_proven
    }

    pub(super) fn prove(&self) {
        self.lock().is_proven = true;
    }

    pub(super) fn begin_term(&self, number: u64, term: i64) {
        let mut inner = self.lock();
        if let Some(pass) = inner.pass.as_mut().filter(|pass| pass.number == number) {
            pass.term = Some(term);
        }
    }

    pub(super) fn end_pass(&self, number: u64, outcome: Result<(), Error>) {
        let mut inner = self.lock();
        if inner.pass.as_ref().is_none_or(|pass| pass.number != number) {
            // Another leader has replaced it.
            return;
        }
        inner.pass = None;
        match outcome {
            Ok(()) => inner.trouble = None,
            Err(error) => {
                inner.trouble = Some(error.to_string());
                if !inner.is_served && super::failure::is_hopeless(&error) {
                    inner.hopeless = Some(error);
                }
            }
        }
        self.tell(inner);
    }

    /// The pulse has got on, or is waiting of its own will.
    pub(super) fn moved(&self, pulse: u64) {
        let mut inner = self.lock();
        if inner.pulse == pulse {
            inner.pulse_at = Some(Instant::now());
        }
    }

    pub(super) fn is_current(&self, pulse: u64) -> bool {
        self.lock().pulse == pulse
    }

    /// Makes way for another pulse; answers its number.
    pub(super) fn next_pulse(&self) -> u64 {
        let mut inner = self.lock();
        inner.pulse += 1;
        inner.pulse_at = Some(Instant::now());
        inner.pulse
    }

    /// For how long the pulse has not got on.
    pub(super) fn pulse_stuck_for(&self) -> Duration {
        self.lock().pulse_at.map_or(Duration::ZERO, |at| at.elapsed())
    }

    pub(super) fn troubled(&self, error: &Error) {
        let mut inner = self.lock();
        inner.trouble = Some(error.to_string());
        self.tell(inner);
    }

    /// The pulse is over for good.
    pub(super) fn fail(&self, error: Error) {
        let mut inner = self.lock();
        inner.failure = Some(Arc::new(error));
        self.tell(inner);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.lock().failure.is_some()
    }

    pub(super) fn was_served(&self) -> bool {
        self.lock().is_served
    }

    /// What a start would return now; nothing while it is to wait.
    pub(super) fn outcome(&self) -> Option<Result<(), Error>> {
        let mut inner = self.lock();
        if let Some(failure) = &inner.failure {
            return Some(Err(failure.again()));
        }
        if let Some(error) = inner.hopeless.take() {
            return Some(Err(error));
        }
        let missing = self.missing(&inner);
        if missing.is_empty() {
            return Some(Ok(()));
        }
        let waited = self.born.elapsed();
        (waited >= self.migrator.limits().start_budget).then_some(Err(Error::NotServed { waited, missing }))
    }

    /// Has `waker` woken when something has changed.
    pub(super) fn wake(&self, waker: &Waker) {
        let mut inner = self.lock();
        if !inner.wakers.iter().any(|known| known.will_wake(waker)) {
            inner.wakers.push(waker.clone());
        }
    }

    /// Wakes whoever waits in async code, so that it sees its time run out.
    pub(super) fn tick(&self) {
        let inner = self.lock();
        self.tell(inner);
    }

    pub(super) fn has_wakers(&self) -> bool {
        !self.lock().wakers.is_empty()
    }

    pub(super) fn wait_served(&self) -> Result<(), Error> {
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            let left = self.migrator.limits().start_budget.saturating_sub(self.born.elapsed());
            self.rest(left);
        }
    }

    pub(super) fn wait_reached(&self, phase: Phase, timeout: Duration) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let missing = {
                let inner = self.lock();
                if self.migrator.is_stopping() {
                    return Err(Error::Stopped);
                }
                if let Some(failure) = &inner.failure {
                    return Err(failure.again());
                }
                self.lacking(&inner, |seen, place| {
                    let goal = phase.min(self.known.stages[place].last_phase());
                    seen.status == Some(Status::Finished)
                        || seen.status == Some(Status::Running) && seen.reached >= Some(goal)
                })
            };
            if missing.is_empty() {
                return Ok(());
            }
            let waited = begun.elapsed();
            if waited >= timeout {
                return Err(Error::NotReached { phase, waited, missing });
            }
            self.rest(timeout - waited);
        }
    }

    /// Waits until something changes, `at_most` so long.
    pub(super) fn rest(&self, at_most: Duration) {
        let inner = self.lock();
        if !self.migrator.is_stopping() {
            let _ = self.changed.wait_timeout(inner, at_most.min(Duration::from_millis(500)));
        }
    }

    /// Waits out a pause, or until the service is stopped.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut inner = self.lock();
        while !self.migrator.is_stopping() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tells all threads to end.
    pub(super) fn stop(&self) {
        self.migrator.request_stop();
        self.tick();
    }

    /// The statement that a pass is at, to be cancelled.
    pub(super) fn running(&self) -> Option<CancelToken> {
        self.lock().pass.as_ref().map(|pass| pass.cancel.clone())
    }

    pub(super) fn end(&self) {
        let mut inner = self.lock();
        inner.ended = true;
        self.tell(inner);
    }

    pub(super) fn wait_ended(&self, deadline: Instant) {
        let mut inner = self.lock();
        while !inner.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn notify(&self, event: &Event<'_>) {
        self.migrator.notify(event);
    }

    pub(super) fn status(&self) -> ServiceStatus {
        let inner = self.lock();
        let plans = inner.plans.iter().filter_map(|seen| {
            let place = seen.place?;
            let stage = *self.known.stages.get(place)?;
            Some(PlanStatus {
                name: seen.name.clone(),
                stage,
                position: position(seen),
                side: seen.side,
                is_served: seen.serves(stage),
                waits_for: seen.waits_for.clone(),
            })
        });
        let trouble = inner.failure.as_ref().map(ToString::to_string).or_else(|| inner.trouble.clone());
        ServiceStatus {
            instance: inner.registered.as_ref().map(|registered| registered.tag.clone()),
            is_leading: inner.pass.is_some(),
            is_fenced: self.is_fenced(),
            silent: self.silent(),
            plans: plans.collect(),
            waiting: inner.seat.as_ref().and_then(|seat| seat.waiting.clone()),
            trouble: trouble.or_else(|| inner.seat.as_ref().and_then(|seat| seat.trouble.clone())),
        }
    }
}
