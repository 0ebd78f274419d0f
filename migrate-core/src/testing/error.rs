//! What can go wrong, in words for the person who must act.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why a scratch server or database could not be had or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScratchError {
    /// No PostgreSQL programs were found, and installing them is up to the user.
    #[error(
        "no PostgreSQL server of version {oldest} or newer in PATH, `pg_config --bindir` or the \
         platform's folders{rejected}; {advice}; or name its bin folder in MIGRATE_PG_BIN, or a \
         running server in DATABASE_URL"
    )]
    NotFound {
        /// The oldest major version that would do.
        oldest: u32,
        /// The folders that hold a server which would not do, and why; empty where there are none.
        rejected: String,
        /// How to install PostgreSQL on this platform.
        advice: String,
    },

    /// The folder that `MIGRATE_PG_BIN` names cannot be used.
    #[error("MIGRATE_PG_BIN names {}, but {reason}", dir.display())]
    Unsuitable {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// PostgreSQL could not be installed.
    #[error("`{command}` failed, so there is no PostgreSQL to start:\n{output}")]
    Install {
        /// What was run.
        command: String,
        /// What it printed.
        output: String,
    },

    /// There is no user to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` to \
         run it as; add one, or set DATABASE_URL to a running server"
    )]
    NoAccount,

    /// A file or folder could not be made or changed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A program could not be run or waited for.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },

    /// `initdb` failed.
    #[error("initdb could not make the scratch server's data folder:\n{output}")]
    InitDb {
        /// What it printed.
        output: String,
    },

    /// A standby is too far behind its primary.
    #[error("the standby {name} has not replayed {position} of the write-ahead log in {seconds} s")]
    Behind {
        /// The standby.
        name: String,
        /// The place in the write-ahead log that was waited for.
        position: String,
        /// How long was waited.
        seconds: u64,
    },

    /// The server did not start.
    #[error("the scratch server did not start: {reason}; the end of its log:\n{log}")]
    Start {
        /// Exit status or time-out.
        reason: String,
        /// The last lines of the server's log.
        log: String,
    },

    /// The server is the one that `DATABASE_URL` names, which is not ours to stop.
    #[error("cannot {action} the server that DATABASE_URL names; unset DATABASE_URL for this")]
    NotOurs {
        /// What was asked for, as a verb.
        action: &'static str,
    },

    /// A connection could not be made.
    #[error("cannot connect to {target}: {}", describe(source))]
    Connect {
        /// Database, user and host; never the password.
        target: String,
        /// What the driver said.
        source: postgres::Error,
    },

    /// A statement of this module failed.
    #[error("`{statement}` failed on the scratch server: {}", describe(source))]
    Statement {
        /// The statement.
        statement: String,
        /// What the server said.
        source: postgres::Error,
    },
}

/// The driver's own `Display` can be as short as "db error"; this gives the server's message and
/// its SQLSTATE, or else every cause down to the system's.
fn describe(error: &postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", server.message(), server.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
