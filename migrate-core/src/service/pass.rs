//! Steps, done by the instance that leads.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use postgres::Client;

use super::failure;
use super::shared::Shared;
use crate::error::Error;
use crate::event::Event;
use crate::leader::{self, Claimant};
use crate::report::{Closed, Report};
use crate::session::with_session;
use crate::{drive, state};

/// Does what can be done, in the session that has the leader's lock, and gives the lock back.
pub(super) fn run(shared: &Arc<Shared>, mut client: Client, number: u64) {
    let _guard = Guard { shared, number };
    let outcome = pass(shared, &mut client, number);
    if let Err(error) = &outcome {
        tracing::warn!(%error, "a pass ended early");
        // Where the connection is well, the others are told, and do not run into the same at once.
        let _ = leader::stumble(&mut client, &error.to_string(), failure::pause(error, shared.migrator.limits()));
    }
    if let Err(error) = leader::release(&mut client) {
        tracing::debug!(%error, "the leader's lock went with its session");
    }
    drop(client);
    shared.end_pass(number, outcome);
}

fn pass(shared: &Shared, client: &mut Client, number: u64) -> Result<(), Error> {
    let migrator = &shared.migrator;
    with_session(client, migrator.decision(), |client| {
        state::ensure(client)?;
        // The first one only makes the state: then the instance comes in, and has a lease to lead with.
        let Some(registered) = shared.registered() else { return Ok(()) };
        let instance = Some((registered.id, migrator.limits().leader_lease));
        let term = leader::begin_term(client, Claimant { instance })?;
        shared.begin_term(number, term);
        shared.notify(&Event::LeadTaken);
        let _given = OnDrop(|| shared.notify(&Event::LeadGiven));
        migrator.make_way();
        let pause = match drive::run(migrator, client, None) {
            Ok(report) => rest(&report, migrator.limits().poll),
            // Whoever asks looks often; this one comes back after it.
            Err(Error::Yielded) => migrator.limits().poll,
            Err(error) => return Err(error),
        };
        leader::rest(client, pause)
    })
}

/// Does something whatever ends the pass.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// How long there is nothing to do: rows that do not convert are looked for by their keys, others that stand in the way with a
/// walk over their table, and other gates with a few queries.
fn rest(report: &Report, poll: Duration) -> Duration {
    let rests = report.plans.iter().flat_map(|plan| &plan.closed).map(|closed| match closed {
        Closed::FailedRows { .. } => poll * 10,
        Closed::Mismatches { .. } | Closed::OutOfBounds { .. } => poll * 30,
        Closed::LockedRows { .. } | Closed::JobHeld { .. } => poll * 5,
        Closed::Soak { left, .. } => (*left).clamp(poll, poll * 10),
        _ => poll,
    });
    rests.min().unwrap_or_default()
}

/// Ends a pass also where it panics, so that another can begin.
struct Guard<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let why = "a step ended in a panic, which is a fault of this library".to_owned();
            self.shared.end_pass(self.number, Err(Error::Refused { why }));
        }
    }
}
