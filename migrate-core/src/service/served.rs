//! Whether the schema serves the build, and what it waits for where it does not yet.

use std::time::{Duration, Instant};

use migrate_plan::Phase;

use super::shared::{Inner, Shared};
use super::status::{PlanStatus, ServiceStatus};
use crate::error::Error;
use crate::glance::position;
use crate::instance::Seen;
use crate::state::Status;

impl Shared {
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
    pub(super) fn missing(&self, inner: &Inner) -> Vec<String> {
        self.lacking(inner, |seen, place| seen.serves(self.known.stages[place]))
    }

    fn lacking(&self, inner: &Inner, is_enough: impl Fn(&Seen, usize) -> bool) -> Vec<String> {
        if inner.plans.is_empty() && !self.known.names.is_empty() || inner.registered.is_none() && !inner.is_settled {
            let unknown = match self.migrator.limits().may_lead {
                true => "the database has not answered yet",
                false => "no instance that does steps has been here yet, and this one leaves them to others",
            };
            let why = inner.trouble.as_deref().unwrap_or(unknown);
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
                let why = if seen.held_at.is_some() {
                    "an operator holds it; `release` lets it go on".to_owned()
                } else if !why.is_empty() {
                    why.join("; ")
                } else if !self.migrator.limits().may_lead {
                    "this instance leaves the steps to others".to_owned()
                } else if inner.seat.as_ref().is_some_and(|seat| !seat.may_lead) {
                    "this role may not carry steps out, and no other instance does".to_owned()
                } else if inner.pass.is_none() && inner.seat.as_ref().is_some_and(|seat| seat.is_free) {
                    "nobody has looked at it since; an instance will within seconds".to_owned()
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

    pub(super) fn wait_served(&self) -> Result<(), Error> {
        loop {
            let changes = self.changes();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            let left = self.migrator.limits().start_budget.saturating_sub(self.born.elapsed());
            self.rest(changes, left);
        }
    }

    /// Waits until the instance is on the list, `at_most` so long; answers the name of its sessions.
    pub(super) fn wait_tag(&self, at_most: Duration) -> Option<String> {
        let until = Instant::now() + at_most;
        loop {
            let changes = self.changes();
            let left = until.saturating_duration_since(Instant::now());
            match self.tag() {
                None if !left.is_zero() && !self.has_failed() && !self.migrator.is_stopping() => {
                    self.rest(changes, left)
                }
                tag => return tag,
            }
        }
    }

    pub(super) fn wait_reached(&self, phase: Phase, timeout: Duration) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let (changes, missing) = {
                let inner = self.lock();
                if self.migrator.is_stopping() {
                    return Err(Error::Stopped);
                }
                if let Some(failure) = &inner.failure {
                    return Err(failure.again());
                }
                let missing = self.lacking(&inner, |seen, place| {
                    let goal = phase.min(self.known.stages[place].last_phase());
                    seen.status == Some(Status::Finished)
                        || seen.status == Some(Status::Running) && seen.reached >= Some(goal)
                });
                (inner.changes, missing)
            };
            if missing.is_empty() {
                return Ok(());
            }
            let waited = begun.elapsed();
            if waited >= timeout {
                return Err(Error::NotReached { phase, waited, missing });
            }
            self.rest(changes, timeout - waited);
        }
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
