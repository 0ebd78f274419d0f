//! The thread that lives as long as its service.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::pulse;
use super::shared::Shared;
use crate::event::Event;

/// How often it looks around.
const TICK: Duration = Duration::from_millis(200);

/// Begins the work of a service.
pub(super) fn spawn(shared: &Arc<Shared>) {
    let supervised = Arc::clone(shared);
    start("migrate", move || supervise(&supervised));
    // At once, since somebody waits for it.
    begin_pulse(shared);
}

/// Starts a thread. Where the system has none to give, a service fails as it does without a database: it is not ready.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(work) {
        tracing::error!(%error, name, "no thread is to be had");
    }
}

fn supervise(shared: &Arc<Shared>) {
    let mut was_fenced = false;
    while !shared.migrator.is_stopping() {
        shared.pause(TICK);
        if shared.has_wakers() {
            shared.tick();
        }
        // A third of the lease: the next one still has time to reach the database before the instance must fence itself.
        if shared.pulse_stuck_for() > shared.migrator.limits().lease / 3 && !shared.has_failed() {
            tracing::warn!(silent = ?shared.silent(), "the database does not answer; trying on another connection");
            begin_pulse(shared);
        }
        let is_fenced = shared.is_fenced();
        if is_fenced != was_fenced {
            was_fenced = is_fenced;
            let silent = shared.silent();
            tracing::warn!(is_fenced, ?silent, "fence");
            shared.notify(&if is_fenced { Event::Fenced { silent } } else { Event::Unfenced });
        }
    }
    if let Some(token) = shared.running()
        && let Err(error) = shared.source.cancel(&token)
    {
        tracing::debug!(%error, "the step that was being done could not be cancelled");
    }
}

fn begin_pulse(shared: &Arc<Shared>) {
    let number = shared.next_pulse();
    let shared = Arc::clone(shared);
    start("migrate-pulse", move || pulse::run(&shared, number));
}
