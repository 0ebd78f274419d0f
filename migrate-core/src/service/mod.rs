//! The runner inside of a service: it starts with the process, lets it in, and carries plans on in threads of its own.
//!
//! Three kinds of threads do it, and none of them is the caller's. The *supervisor* lives as long as the service. The *pulse*
//! keeps the instance on the list of live instances, and looks where the plans are; a pulse that hangs is left behind, and
//! another takes its place. A *pass* does steps, in the one instance that has the leader's lock; it takes over the
//! connection that the lock was had on, so that whatever ends the one ends the other.

mod failure;
mod pass;
mod pulse;
mod served;
mod shared;
mod starting;
mod status;
mod supervisor;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use migrate_plan::{Phase, Plan, Side};

use crate::connect::{IntoSource, Source};
use crate::error::Error;
use crate::migrator::Migrator;
use shared::Shared;
pub use starting::Starting;
pub use status::{PlanStatus, ServiceStatus};

/// How long a name is waited for that comes within milliseconds, unless the database has gone.
const NAMED: Duration = Duration::from_secs(5);

/// How long [`Service::stop`] waits for the threads to come to their ends.
const STOP: Duration = Duration::from_secs(10);

impl Migrator {
    /// Registers this process as an instance and returns when the schema serves its build: columns of plans at
    /// `stage dual_write` are there, those of plans at `stage switch` and later are filled. Slow steps go on in threads of
    /// the library's own, here or in another instance. Where all plans are
    /// finished that is one query and no lock, and the instance comes onto the list a few milliseconds later.
    ///
    /// It blocks the calling thread, [`Settings::start_budget`](crate::Settings::start_budget) at most, and works with or
    /// without an async runtime around it; in async code [`start_async`](Self::start_async) blocks nobody.
    ///
    /// # Errors
    ///
    /// [`Error::Retired`] where a plan has ended what this build needs; what keeps a plan from starting, such as
    /// [`Error::Preflight`]; [`Error::NotServed`] when the budget is spent, with what each plan waits for.
    pub fn start(self, database: impl IntoSource) -> Result<Service, Error> {
        // A service that is not to be is stopped when this value drops.
        let service = self.serve(database.into_source()?);
        service.shared.wait_served()?;
        Ok(service)
    }

    /// As [`start`](Self::start), without blocking the thread: the future is of no runtime in particular.
    ///
    /// Dropped before it is ready, it stops what it has begun.
    pub fn start_async(self, database: impl IntoSource) -> Starting {
        Starting::new(database.into_source().map(|source| self.serve(source)))
    }

    fn serve(self, source: Source) -> Service {
        let (watched, name) = (source.clone(), format!("{} migrate watch", self.identity().application));
        let migrator = self.watcher_unless_set(move || watched.connect(&name));
        let shared = Shared::new(migrator, source);
        supervisor::spawn(&shared);
        Service { shared }
    }
}

/// A process that runs with the schema: what [`Migrator::start`] gives.
///
/// Dropped, it tells its threads to end and waits for nobody, so that it may be dropped anywhere. [`stop`](Self::stop) waits,
/// and the instance is off the list when it returns.
pub struct Service {
    shared: Arc<Shared>,
}

impl Service {
    /// The side to use for a plan, as it was when the database was last heard of: an atomic read. A change is heard of within
    /// milliseconds, and after [`Settings::beat`](crate::Settings::beat) where its notice is lost. Both sides are there
    /// before and after, so that nothing is wrong with a read or write that follows a little later.
    ///
    /// A plan that is not this program's has the side `Old`.
    pub fn side(&self, plan: &Plan) -> Side {
        self.shared.side(plan)
    }

    /// Whether this process may take requests: its schema is served, and the database has been heard of lately enough.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`] while the database has not been reached for two thirds of the lease; [`Error::Retired`] where this
    /// instance was taken for dead meanwhile and a plan has moved on; [`Error::Stopped`] after [`stop`](Self::stop).
    pub fn ready(&self) -> Result<(), Error> {
        self.shared.ready()
    }

    /// Where everything is, as last heard: no query is made.
    pub fn status(&self) -> ServiceStatus {
        self.shared.status()
    }

    /// The `application_name` for the sessions of this process: give it to the pool. Sessions that carry it belong to a
    /// registered instance, so that they do not close the gate of contract, and tell one that is paused from one that is
    /// dead.
    ///
    /// Where nothing was to be done, [`Migrator::start`] returns a few milliseconds before the instance is on the list; this
    /// waits for that, and is empty where it does not come to be.
    pub fn application_name(&self) -> String {
        self.shared.wait_tag(NAMED).unwrap_or_default()
    }

    /// Waits until every plan has come to the end of `phase`, or to that of its stage's last phase where that is
    /// earlier.
    ///
    /// # Errors
    ///
    /// [`Error::NotReached`] after `timeout`, with what each plan waits for; [`Error::Stopped`].
    pub fn wait(&self, phase: Phase, timeout: Duration) -> Result<(), Error> {
        self.shared.wait_reached(phase, timeout)
    }

    /// Ends the threads, whatever they do, and takes the instance off the list; returns when that is done, or after ten
    /// seconds. What a step had begun is undone by the database, and goes on with the next start or in another instance.
    pub fn stop(self) {
        self.shared.stop();
        self.shared.wait_ended(Instant::now() + STOP);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("instance", &self.shared.tag()).finish_non_exhaustive()
    }
}
