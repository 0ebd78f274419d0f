//! Who stands in the way.

use std::fmt;
use std::time::Duration;

/// A session, or a transaction without one, that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocker {
    /// What it is.
    pub kind: BlockerKind,
    /// Its backend's process; 0 for a prepared transaction, which has none.
    pub pid: i32,
    /// Its `application_name`; the identifier of a prepared transaction.
    pub application: String,
    /// Its state: `active`, `idle in transaction` … Where the role may not see it, `unknown`.
    pub state: String,
    /// How long its transaction is open; where the role may not see that, how long it has been seen.
    pub open_for: Duration,
}

/// What a [`Blocker`] is, and so what ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockerKind {
    /// A session of an application, a tool or a person. A `VACUUM` that somebody typed is one of these.
    Session,
    /// A prepared transaction: it is there until it is committed or rolled back by name.
    Prepared,
    /// Autovacuum at its usual work, which it does another time where it is cancelled.
    Autovacuum,
    /// Autovacuum that keeps the transaction ids from wrapping around. Nobody should cancel it.
    WraparoundVacuum,
    /// A session on a hot standby, where the lock would be replayed.
    StandbySession {
        /// The standby: its host and its port.
        standby: String,
    },
}

impl BlockerKind {
    /// From the word that [`KIND`](crate::lock::KIND) gives.
    pub(crate) fn of_word(word: &str) -> BlockerKind {
        match word {
            "prepared" => BlockerKind::Prepared,
            "autovacuum" => BlockerKind::Autovacuum,
            "wraparound" => BlockerKind::WraparoundVacuum,
            _ => BlockerKind::Session,
        }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Blocker { pid, state, open_for, .. } = self;
        let age = open_for.as_secs_f64();
        let application = if self.application.is_empty() { "unnamed" } else { &self.application };
        match &self.kind {
            BlockerKind::Session => {
                write!(f, "session {pid} ({application}, {state}, transaction open for {age:.1} s)")
            }
            BlockerKind::Prepared => {
                write!(f, "prepared transaction '{application}', {age:.1} s old (COMMIT or ROLLBACK PREPARED it)")
            }
            BlockerKind::Autovacuum => write!(f, "autovacuum worker {pid}, at work for {age:.1} s"),
            BlockerKind::WraparoundVacuum => write!(
                f,
                "autovacuum worker {pid}, at work for {age:.1} s to prevent transaction id wraparound (let it finish)"
            ),
            BlockerKind::StandbySession { standby } => write!(
                f,
                "session {pid} on standby {standby} ({application}, {state}, transaction open for {age:.1} s)"
            ),
        }
    }
}
