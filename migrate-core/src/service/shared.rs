//! What the threads of a service and its owner share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use migrate_plan::{Plan, Side};
use postgres::CancelToken;

use crate::connect::Source;
use crate::error::Error;
use crate::event::Event;
use crate::instance::{Beat, Knowledge, Registered, Seat, Seen};
use crate::migrator::Migrator;

/// The share of a lease after which an instance that cannot renew it fences itself: before anyone may call it dead.
const FENCE: f64 = 0.66;

pub(super) struct Shared {
    pub(super) migrator: Migrator,
    pub(super) source: Source,
    pub(super) known: Knowledge,
    /// For each plan whether the new side is in use.
    sides: Box<[AtomicBool]>,
    pub(super) born: Instant,
    /// When the last beat that was answered was sent: milliseconds since `born`, and one more.
    beat_at: AtomicU64,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) registered: Option<Registered>,
    pub(super) seat: Option<Seat>,
    pub(super) plans: Vec<Seen>,
    /// The pulse at work; an older one ends as soon as it can.
    pub(super) pulse: u64,
    /// When it last got on.
    pub(super) pulse_at: Option<Instant>,
    pub(super) pass: Option<Pass>,
    pub(super) passes: u64,
    /// Whether connections of the source are known to be sessions of their own.
    pub(super) is_proven: bool,
    /// Whether the plans of the build are all behind it, so that it is served before it is on the list.
    pub(super) is_settled: bool,
    /// Whether the schema has served this build once.
    pub(super) is_served: bool,
    /// What ended the pulse for good.
    pub(super) failure: Option<Arc<Error>>,
    /// What a start that waits is to be told, in place of waiting on.
    pub(super) hopeless: Option<Error>,
    /// What went wrong last, for people.
    pub(super) trouble: Option<String>,
    pub(super) ended: bool,
    pub(super) changes: u64,
    pub(super) wakers: Vec<Waker>,
}

/// Steps being done by this instance.
pub(super) struct Pass {
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
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everybody look who waits for something.
    fn tell(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.changes += 1;
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

    /// Takes in what a beat, sent at `sent`, has answered.
    pub(super) fn heard(&self, sent: Instant, beat: Beat) {
        self.take_sides(&beat.plans);
        self.heard_at(sent);
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

    /// Takes in that all plans are behind this build, as the rows told that were asked for at `sent`: nothing can be taken
    /// from it before it is on the list.
    pub(super) fn settled(&self, sent: Instant, plans: Vec<Seen>) {
        self.take_sides(&plans);
        self.heard_at(sent);
        let mut inner = self.lock();
        (inner.plans, inner.is_settled, inner.is_served) = (plans, true, true);
        self.tell(inner);
    }

    fn take_sides(&self, plans: &[Seen]) {
        for seen in plans {
            if let Some(side) = seen.place.and_then(|place| self.sides.get(place)) {
                side.store(seen.side == Side::New, Ordering::Release);
            }
        }
    }

    fn heard_at(&self, sent: Instant) {
        let sent = sent.saturating_duration_since(self.born).as_millis();
        self.beat_at.store(u64::try_from(sent).unwrap_or(u64::MAX - 1) + 1, Ordering::Release);
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
        self.waits_for(error.to_string());
    }

    /// What a start waits for, in words, until the database is heard of.
    pub(super) fn waits_for(&self, why: String) {
        let mut inner = self.lock();
        inner.trouble = Some(why);
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

    /// How often something has changed so far.
    pub(super) fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Waits until something changes after the first `seen` changes, `at_most` so long.
    pub(super) fn rest(&self, seen: u64, at_most: Duration) {
        let unchanged = |inner: &mut Inner| inner.changes == seen;
        // Whatever comes of it, the caller looks again.
        drop(self.changed.wait_timeout_while(self.lock(), at_most, unchanged));
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
}
