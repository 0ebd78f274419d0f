//! What can go wrong, each with the object and the way out.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use migrate_plan::{LockMode, Phase};

use crate::blocker::Blocker;
use crate::database::DatabaseError;

/// An error of the runtime. Whatever it is, every step either happened whole or not at all, and the
/// next run goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A statement was refused, or the connection broke.
    #[error(transparent)]
    Database(#[from] DatabaseError),

    /// The database's address cannot be read.
    #[error(
        "the database's address cannot be read: {why}\n  it is written as postgres://user:password@host:5432/database"
    )]
    Address {
        /// What is wrong with it, without any part of it that may be a secret.
        why: String,
    },

    /// The database's address asks for TLS, and none is built in.
    #[error(
        "the database's address has {asked}, and TLS is not built in\n  enable the feature `rustls` or `native-tls` of the crate `migrate`; or give `sslmode=disable`, through a tunnel or a local socket"
    )]
    TlsMissing {
        /// What it asks for.
        asked: String,
    },

    /// A file with a certificate or a key cannot be used.
    #[error("`{name}` of the database's address cannot be used: {}: {why}", .file.display())]
    Certificate {
        /// The option that names it.
        name: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },

    /// The server did not let us in.
    #[error("cannot connect to {target}: {}", said(&**.source))]
    Connect {
        /// Database, host, port and user.
        target: String,
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The connection leads through a pooler that shares the server's connections between transactions.
    #[error(
        "this connection leads through a pooler, and is no session of its own: {evidence}\n  the locks of a migration would stay with the pooler, LISTEN would hear nothing, and its settings would reach other clients\n  nothing further was changed; give the address of the server itself, or for PgBouncer that of a database with `pool_mode=session`"
    )]
    Pooled {
        /// What shows it.
        evidence: String,
    },

    /// The server is older than PostgreSQL 14.
    #[error("this server is PostgreSQL {}, and 14 is the oldest supported\n  nothing was changed; upgrade the server first", version_text(*.found))]
    ServerTooOld {
        /// `server_version_num`.
        found: i32,
    },

    /// The server is a standby or read-only.
    #[error(
        "this server takes no writes: {reason}\n  nothing was changed; connect to the primary (`target_session_attrs=read-write`)"
    )]
    ReadOnly {
        /// What says so.
        reason: String,
    },

    /// The caller's session is inside a transaction.
    #[error(
        "this session is inside a transaction, and a run makes many of its own\n  nothing was changed; commit it first, or use another connection"
    )]
    InTransaction,

    /// The state in the database was written by a newer version of this library.
    #[error(
        "the state in schema \"migrate\" has version {found}, and this library knows {known}\n  nothing was changed; run the migrations with the newest version of the library that this database has seen"
    )]
    NewerState {
        /// The version found.
        found: i32,
        /// The newest version this library knows.
        known: i32,
    },

    /// The live database is not what the plan declares. Nothing of the plan was started.
    #[error("plan `{plan}` cannot start:{}\n  nothing was changed", listed(.problems))]
    Preflight {
        /// The plan.
        plan: String,
        /// Everything that stands in its way.
        problems: Vec<Problem>,
    },

    /// A plan that has started was edited.
    #[error(
        "plan `{plan}` has started in this database with another declaration:\n{difference}  nothing was changed; put the declaration back; a further change is a plan of its own, and a plan that is not finished can be reverted first"
    )]
    PlanEdited {
        /// The plan.
        plan: String,
        /// The lines that differ: `-` as it started, `+` as it is in this program.
        difference: String,
    },

    /// Something that the journal says is done is not there any more.
    #[error(
        "step `{step}` of plan `{plan}` is done according to the journal, but its result is not in the database\n  somebody changed it by hand: put it back, or revert the plan"
    )]
    Drift {
        /// The plan.
        plan: String,
        /// The step.
        step: String,
    },

    /// Somebody's trigger fires after the sync trigger, and could change what it has made equal.
    #[error(
        "trigger \"{trigger}\" on {table} sorts after the sync triggers and would change a row after them\n  rename it: names that start with an ASCII letter sort before"
    )]
    TriggerOrder {
        /// The table.
        table: String,
        /// The trigger.
        trigger: String,
    },

    /// A table lock was not to be had within [`Settings::lock_deadline`](crate::Settings::lock_deadline).
    #[error("no {mode} lock on {table} in {} s{}\n  nothing was changed; end those transactions, or run again when it is quiet", .waited.as_secs(), blocked_by(.blockers))]
    LockNotAvailable {
        /// The table.
        table: String,
        /// The mode.
        mode: LockMode,
        /// How long was tried.
        waited: Duration,
        /// Who held the table at the end.
        blockers: Vec<Blocker>,
    },

    /// The plan is not known to this database.
    #[error("plan `{plan}` has never started in this database")]
    NotStarted {
        /// The plan.
        plan: String,
    },

    /// The plan is past the point of no return.
    #[error("plan `{plan}` cannot be reverted: {why}")]
    NotRevertible {
        /// The plan.
        plan: String,
        /// Why not.
        why: String,
    },

    /// There is nothing to hold.
    #[error("plan `{plan}` cannot be held: {why}")]
    NotHoldable {
        /// The plan.
        plan: String,
        /// Why not.
        why: String,
    },

    /// The two sides cannot be compared.
    #[error("plan `{plan}` cannot be verified: {why}")]
    NotVerifiable {
        /// The plan.
        plan: String,
        /// Why not.
        why: String,
    },

    /// A limit that means nothing.
    #[error("this is no limit: {why}\n  nothing was changed")]
    NotALimit {
        /// Why.
        why: String,
    },

    /// A word about evidence is not one, or is wrong.
    #[error("`{evidence}` cannot be acknowledged or withdrawn: {why}")]
    NotAcknowledged {
        /// The word.
        evidence: String,
        /// Why not.
        why: String,
    },

    /// The live database has not the shape that a plan leaves behind.
    #[error("plan `{plan}` cannot be recorded as finished:{}\n  nothing was changed", listed(.problems))]
    NotBaseline {
        /// The plan.
        plan: String,
        /// Everything that is different.
        problems: Vec<Problem>,
    },

    /// An operator asked for a phase that the build is not ready for.
    #[error("plan `{plan}` cannot advance to {phase}: {why}")]
    NotReady {
        /// The plan.
        plan: String,
        /// The phase asked for.
        phase: Phase,
        /// Why not.
        why: String,
    },

    /// Another session has taken the lead while this one was not heard of.
    #[error(
        "another instance has taken the lead meanwhile, and this one has changed nothing since\n  it goes on there; nothing is to be done"
    )]
    Deposed,

    /// An operator's command asks for the lead, and a service at work makes way for it.
    #[error("an operator's command asks for the lead; this instance goes on after it")]
    Yielded,

    /// A later step has ended what this build needs.
    #[error(
        "plan `{plan}` has ended what this build needs: {why}\n  nothing was changed; deploy a build at `stage contract` of that plan, or revert the plan while it is not finished"
    )]
    Retired {
        /// The plan.
        plan: String,
        /// What of the build is not served any more.
        why: String,
    },

    /// The schema did not come to serve this build within [`Settings::start_budget`](crate::Settings::start_budget).
    #[error(
        "this build is not served yet, after {:.1} s:{}\n  what was begun goes on with the next start, or in another instance", .waited.as_secs_f64(), lines(.missing)
    )]
    NotServed {
        /// How long it was waited for.
        waited: Duration,
        /// Each plan that has not come far enough, and what it waits for.
        missing: Vec<String>,
    },

    /// A phase was not reached within the time that a caller would wait.
    #[error("{phase} is not done, after {:.1} s:{}\n  it goes on in the background", .waited.as_secs_f64(), lines(.missing))]
    NotReached {
        /// The phase.
        phase: Phase,
        /// How long it was waited for.
        waited: Duration,
        /// Each plan that has not come far enough, and what it waits for.
        missing: Vec<String>,
    },

    /// The instance has not renewed its lease in time, so that others may soon take it for dead.
    #[error(
        "this instance has not reached the database for {:.1} s, so that its schema may be taken from under it\n  it goes on by itself as soon as the database answers", .silent.as_secs_f64()
    )]
    Fenced {
        /// How long the database was silent.
        silent: Duration,
    },

    /// The service cannot go on.
    #[error("{why}")]
    Refused {
        /// Why not.
        why: String,
    },

    /// Something of the service that is gone was asked for.
    #[error("the service was stopped")]
    Stopped,

    /// Another session is migrating this database.
    #[error("{leader} is migrating this database\n  nothing was changed; try again when it is done")]
    Busy {
        /// Who it is.
        leader: Blocker,
    },
}

impl Error {
    /// The same for another who asks: a refusal is told as often as it is asked for.
    pub(crate) fn again(&self) -> Error {
        match self {
            Error::Retired { plan, why } => Error::Retired { plan: plan.clone(), why: why.clone() },
            Error::NewerState { found, known } => Error::NewerState { found: *found, known: *known },
            Error::ServerTooOld { found } => Error::ServerTooOld { found: *found },
            Error::Pooled { evidence } => Error::Pooled { evidence: evidence.clone() },
            other => Error::Refused { why: other.to_string() },
        }
    }
}

/// One thing that stands in a plan's way, and how it is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The object: a table, a column, a right …
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// The way out.
    pub remedy: String,
}

impl Problem {
    pub(crate) fn new(object: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem { object: object.into(), what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.object, self.what, self.remedy)
    }
}

fn lines(missing: &[String]) -> String {
    missing.iter().map(|line| format!("\n  - {line}")).collect()
}

fn version_text(num: i32) -> String {
    format!("{}.{}", num / 10_000, num % 10_000)
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}

fn blocked_by(blockers: &[Blocker]) -> String {
    if blockers.is_empty() {
        return String::new();
    }
    let names: Vec<String> = blockers.iter().map(ToString::to_string).collect();
    format!("; held by {}", names.join(", "))
}

/// The server's message, or every cause where it did not answer.
pub(crate) fn said(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<postgres::Error>().and_then(postgres::Error::as_db_error) {
        return format!("{} {}", error.code().code(), error.message());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
