//! Keeps an instance on the list of those that live, looks where the plans are, and takes the lead where it is free.

use std::sync::Arc;
use std::time::{Duration, Instant};

use migrate_plan::Stage;
use postgres::Client;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;

use super::shared::Shared;
use super::supervisor::start;
use super::{failure, pass};
use crate::database::DatabaseError;
use crate::error::Error;
use crate::event::Event;
use crate::instance::{self, Registered, Registration, Seat, Seen, Settled};
use crate::leader;
use crate::state::Status;

/// Between two tries to reach the database: the first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// For so long a wait for word is not interrupted.
const SLICE: Duration = Duration::from_millis(200);

/// Between two looks at least, where word comes more often: a step takes milliseconds in a small database, and a look at all
/// plans does too. The first word after a while is answered at once.
const GATHER: Duration = Duration::from_millis(50);

/// Between two looks for a state that somebody is creating.
const CREATION: Duration = Duration::from_millis(25);

/// Every so many looks a plan's results are looked for in the catalog too, beside every start.
const SOUNDLY: u32 = 30;

/// How a session of the pulse ended.
enum Ended {
    /// It leads now: it belongs to a pass.
    Handed,
    /// The service is over, or another pulse has taken its place.
    Over,
}

/// Lives until the service stops or another pulse takes its place.
pub(super) fn run(shared: &Arc<Shared>, number: u64) {
    let mut pause = PAUSES.0;
    while shared.is_current(number) {
        match Pulse::new(shared, number).session() {
            Ok(Ended::Handed) => pause = PAUSES.0,
            Ok(Ended::Over) => break,
            Err(error) if failure::is_final(&error, shared.was_served()) => {
                shared.fail(error);
                break;
            }
            Err(error) => {
                tracing::debug!(%error, "the pulse begins again");
                if shared.migrator.is_stopping() {
                    break;
                }
                shared.troubled(&error);
                shared.moved(number);
                shared.pause(pause);
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
    if shared.is_current(number) {
        shared.end();
    }
}

struct Pulse<'a> {
    shared: &'a Arc<Shared>,
    number: u64,
    /// Whether the instance's lock is in this session.
    tied: bool,
    looked_at: Option<Instant>,
    /// When it last asked where the plans are, soundly or not.
    asked_at: Instant,
    /// The server's process that serves the session.
    process: Option<i32>,
    /// When it began to be opened.
    begun: Instant,
}

impl<'a> Pulse<'a> {
    fn new(shared: &'a Arc<Shared>, number: u64) -> Pulse<'a> {
        let now = Instant::now();
        Pulse { shared, number, tied: false, looked_at: None, asked_at: now, process: None, begun: now }
    }

    fn session(&mut self) -> Result<Ended, Error> {
        let shared = self.shared;
        let name = shared.tag().unwrap_or_else(|| format!("{} migrate", shared.migrator.identity().application));
        let mut client = shared.source.connect(&name)?;
        if !shared.was_served() {
            self.glance(&mut client)?;
        }
        loop {
            let is_in = self.attend(&mut client)?;
            self.asked_at = Instant::now();
            if !shared.is_current(self.number) {
                return Ok(Ended::Over);
            }
            if shared.migrator.is_stopping() {
                if let Some(registered) = shared.registered() {
                    instance::leave(&mut client, &registered)?;
                }
                return Ok(Ended::Over);
            }
            if self.take_lead(&mut client, is_in)? {
                let shared = Arc::clone(shared);
                let number = shared.begin_pass(client.cancel_token());
                start("migrate-pass", move || pass::run(&shared, client, number));
                return Ok(Ended::Handed);
            }
            self.wait(&mut client, is_in)?;
        }
    }

    /// Where the plans are all settled and behind this build, it is served: a start in a database where
    /// nothing is to be done is this one query, and the instance comes onto the list while its process goes on.
    fn glance(&self, client: &mut Client) -> Result<(), Error> {
        let (shared, sent) = (self.shared, Instant::now());
        if let Settled::All { plans, has_others: false } = instance::settled(client, &shared.known)?
            && plans.iter().all(|seen| self.is_behind(seen))
        {
            shared.settled(sent, plans);
        }
        Ok(())
    }

    /// Whether a plan is finished, and the build knows that.
    fn is_behind(&self, seen: &Seen) -> bool {
        let stage = seen.place.map(|place| self.shared.known.stages[place]);
        seen.status == Some(Status::Finished) && !seen.is_edited && stage == Some(Stage::Contract)
    }

    /// Renews the lease, or comes in where the instance is not on the list; answers whether it is.
    fn attend(&mut self, client: &mut Client) -> Result<bool, Error> {
        if let Some(registered) = self.shared.registered()
            && self.beat(client, &registered)?
        {
            return Ok(true);
        }
        let (shared, sent) = (self.shared, Instant::now());
        let migrator = &shared.migrator;
        let mut register = || instance::register(client, migrator.identity(), migrator.limits(), &shared.known);
        let outcome = match register() {
            // Sessions may be read-only by their settings, as in a database that is running full; a standby always is.
            Err(Error::Database(error)) if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
                instance::allow_writes(client)?;
                instance::register(client, migrator.identity(), migrator.limits(), &shared.known)
            }
            outcome => outcome,
        };
        match outcome? {
            Registration::NoState => {
                shared.moved(self.number);
                Ok(false)
            }
            Registration::Refused { plan, why } => Err(Error::Retired { plan, why }),
            Registration::In(registered, beat, hint) => {
                if let Some(sign) = hint.sign(&shared.source, self.begun) {
                    tracing::debug!(sign, "this may be a pooler");
                    self.prove(client, Some(&registered))?;
                }
                shared.let_in(Some(registered.clone()));
                self.looked_at = Some(sent);
                shared.heard(sent, beat);
                self.tie(client, &registered)?;
                Ok(true)
            }
        }
    }

    fn beat(&mut self, client: &mut Client, registered: &Registered) -> Result<bool, Error> {
        let (shared, sent) = (self.shared, Instant::now());
        self.tie(client, registered)?;
        let soundly = self.looked_at.is_none_or(|at| at.elapsed() > shared.migrator.limits().poll * SOUNDLY);
        let (beat, process) = instance::beat(client, registered, &shared.known, shared.term(), soundly)?;
        if self.process.replace(process).is_some_and(|before| before != process) {
            self.prove(client, Some(registered))?;
        }
        if soundly {
            self.looked_at = Some(sent);
        }
        if !beat.alive {
            // Taken for dead, or a standby that had not heard of it was promoted.
            tracing::warn!(
                instance = registered.tag,
                "this instance was taken off the list; asking to be let in again"
            );
            shared.let_in(None);
            self.tied = false;
            return Ok(false);
        }
        shared.heard(sent, beat);
        Ok(true)
    }

    /// Makes sure that this is a session of its own; where it is not, an instance that is on the list must not be taken for a
    /// live one.
    fn prove(&self, client: &mut Client, registered: Option<&Registered>) -> Result<(), Error> {
        let proven = self.shared.source.prove_direct(client, self.begun);
        if let Err(error @ Error::Pooled { .. }) = &proven {
            // A pooler may take its time to answer again, and whoever waits for the start should not have to.
            self.shared.fail(error.again());
            if let Some(registered) = registered
                && let Err(error) = instance::leave(client, registered)
            {
                tracing::debug!(%error, "it stays on the list until its lease is over");
            }
        }
        proven
    }

    fn tie(&mut self, client: &mut Client, registered: &Registered) -> Result<(), Error> {
        if !self.tied {
            instance::hold_lock(client, registered)?;
            self.tied = true;
        }
        Ok(())
    }

    /// Takes the leader's lock in this session, where there is something to do and nobody does it.
    fn take_lead(&self, client: &mut Client, is_in: bool) -> Result<bool, Error> {
        if !is_in {
            let may_lead = self.shared.migrator.limits().may_lead && !self.shared.is_leading();
            if !may_lead {
                return Ok(false);
            }
            return match leader::holder(client)? {
                None => self.lock(client),
                Some(other) => {
                    self.shared.waits_for(format!("the state is still to be made, by {other}"));
                    Ok(false)
                }
            };
        }
        match self.shared.wants_lead() {
            None => Ok(false),
            Some(Seat { stale: Some(pid), .. }) => {
                let is_told = leader::depose(client, pid)?;
                tracing::warn!(pid, is_told, "the leader was not heard of for too long; its session is to end");
                self.shared.notify(&Event::Deposed { pid });
                Ok(false)
            }
            Some(_) => self.lock(client),
        }
    }

    /// Asks for the leader's lock, in a session that is known to be its own: a pooler that has given no sign so far would
    /// keep the lock when this connection is closed. One look is enough for a service.
    fn lock(&self, client: &mut Client) -> Result<bool, Error> {
        if !self.shared.is_proven() {
            self.prove(client, self.shared.registered().as_ref())?;
            self.shared.prove();
        }
        leader::try_lock(client)
    }

    /// Waits for word from the database, or until the next beat is due.
    fn wait(&self, client: &mut Client, is_in: bool) -> Result<(), Error> {
        let shared = self.shared;
        let until = Instant::now() + if is_in { shared.interval() } else { CREATION };
        while !shared.migrator.is_stopping() && shared.is_current(self.number) {
            shared.moved(self.number);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let failed = |source| DatabaseError::new("listening for changes", source);
            if client.notifications().timeout_iter(left.min(SLICE)).next().map_err(failed)?.is_some() {
                shared.pause(GATHER.saturating_sub(self.asked_at.elapsed()));
                // One look answers all that came together.
                while client.notifications().iter().next().map_err(failed)?.is_some() {}
                break;
            }
        }
        Ok(())
    }
}
