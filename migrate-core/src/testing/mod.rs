//! A scratch PostgreSQL server for examples, tests and users' own tests.
//!
//! [`ScratchServer`] is either the server that `DATABASE_URL` names, or one of its own: made from
//! the PostgreSQL programs on this machine, in a temporary folder, reachable through a Unix socket
//! only, and gone with the process that started it, however that process ends. [`ScratchDatabase`]
//! is an empty database on it that lasts as long as the value.
//!
//! ```no_run
//! # use migrate_core::testing::ScratchServer;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = ScratchServer::shared()?.database()?;
//! let mut client = database.connect()?;
//! client.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY)")?;
//! # Ok(())
//! # }
//! ```
//!
//! [`ScratchStandby`] is a hot standby of such a server, which streams from it until it is promoted.
//!
//! # Which server
//!
//! 1. `DATABASE_URL`, where it is set and not empty: nothing is started, stopped or configured.
//! 2. The programs in the folder that `MIGRATE_PG_BIN` names, and no others.
//! 3. The first folder with `initdb` and a `postgres` of version 14 or newer among those of `PATH`,
//!    `pg_config --bindir`, and Debian's, Red Hat's and Homebrew's folders, newest first.
//! 4. On Debian and its relatives, as root: PostgreSQL is installed with `apt-get`, after a line on
//!    standard error that says so. Elsewhere the error names the command to install it.
//!
//! # Privileges
//!
//! PostgreSQL refuses to run as root. Started by root, the server runs as the user `postgres`, or
//! as `nobody` where there is none. Every role can connect without a password; only the server's
//! user and root can reach the socket.

mod account;
mod address;
mod base_backup;
mod binaries;
mod cluster;
mod database;
mod error;
mod folder;
mod guardian;
mod initdb;
mod install;
#[cfg(test)]
mod lifetime;
mod platform;
mod port;
mod process;
mod server;
mod standby;

pub use database::ScratchDatabase;
pub use error::ScratchError;
pub use server::{ScratchServer, ScratchServerBuilder};
pub use standby::{ScratchStandby, ScratchStandbyBuilder};
