//! The runtime: everything that talks to PostgreSQL.
//!
//! It executes plans that were made and checked while the program compiled; users depend on the crate
//! `migrate`, which re-exports what is here.

mod acknowledge;
mod ask;
mod baseline;
mod batch;
mod begun;
mod blocker;
mod bounds;
mod catalog;
mod closed;
mod compose;
mod connect;
mod database;
mod drive;
mod error;
mod event;
mod failures;
mod gate;
mod glance;
mod hold;
mod instance;
mod job;
mod leader;
mod limit;
mod lock;
#[cfg(feature = "metrics")]
pub mod metrics;
mod migrator;
mod preflight;
mod prepared;
mod report;
mod retreat;
mod service;
mod session;
mod settings;
mod state;
mod statement;
mod step;
#[cfg(feature = "testing")]
pub mod testing;
mod verification;
mod watch;

pub use acknowledge::Acknowledged;
pub use blocker::{Blocker, BlockerKind};
pub use connect::{IntoSource, Source};
pub use database::DatabaseError;
pub use error::{Error, Problem};
pub use event::Event;
pub use failures::{Failure, Failures};
pub use instance::Instance;
pub use limit::{Limit, Pause};
pub use migrator::Migrator;
pub use report::{Closed, Evidence, FailedRow, InstanceReport, PlanReport, Position, Report};
pub use service::{PlanStatus, Service, ServiceStatus, Starting};
pub use settings::{HoldWhile, Settings};
pub use state::{HistoryEntry, JobNow, JobReport};
pub use verification::Verification;
