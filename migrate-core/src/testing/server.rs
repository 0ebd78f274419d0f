//! The server, ours or the one that `DATABASE_URL` names.

use std::env;
use std::fmt;
use std::iter;
use std::sync::{Mutex, MutexGuard, PoisonError};

use once_cell::sync::OnceCell;
use postgres::Client;

use super::address;
use super::cluster::Cluster;
use super::database::ScratchDatabase;
use super::error::ScratchError;
use super::port;
use super::standby::ScratchStandbyBuilder;

/// A PostgreSQL server to try things on: see the [module](super) for which one.
///
/// A server of our own stops, and its folder goes, when the value drops, and within seconds after
/// the process ends in any other way: `exit`, abort, SIGINT, SIGTERM, SIGKILL.
pub struct ScratchServer {
    url: String,
    port: Option<u16>,
    version_num: u32,
    own: Option<Mutex<Cluster>>,
}

/// How to start a [`ScratchServer`].
#[derive(Debug, Clone, Default)]
pub struct ScratchServerBuilder {
    settings: Vec<(String, String)>,
    has_loopback: bool,
}

impl ScratchServerBuilder {
    /// Sets a configuration parameter, such as `wal_level` to `logical`. Of several values for one
    /// parameter the last wins. The server that `DATABASE_URL` names is left as it is.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Listens on 127.0.0.1 too, at a free port: [`ScratchServer::port`]. The server that `DATABASE_URL` names is left as
    /// it is.
    #[must_use]
    pub fn loopback(mut self) -> Self {
        self.has_loopback = true;
        self
    }

    /// Starts a server with these settings, or takes the one that `DATABASE_URL` names.
    ///
    /// # Errors
    ///
    /// Any [`ScratchError`] but `NotOurs`; [`ScratchError::Start`] shows what the server says of a
    /// setting that it refuses.
    pub fn start(self) -> Result<ScratchServer, ScratchError> {
        match env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => ScratchServer::at(url, None, None),
            _ => self.start_own(),
        }
    }

    /// Starts a server of our own with these settings, whatever `DATABASE_URL` says: for what needs its
    /// settings, stops it, or makes a [standby](ScratchServer::standby) of it.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_own(self) -> Result<ScratchServer, ScratchError> {
        if !self.has_loopback {
            let cluster = Cluster::start(&self.settings, address::PORT)?;
            return ScratchServer::at(cluster.url(), None, Some(cluster));
        }
        let port = port::free()?;
        // Before the others, so that they win.
        let listen = ("listen_addresses".to_owned(), port::LOOPBACK.to_string());
        let settings: Vec<_> = iter::once(listen).chain(self.settings).collect();
        let cluster = Cluster::start(&settings, port)?;
        ScratchServer::at(cluster.url(), Some(port), Some(cluster))
    }
}

impl ScratchServer {
    /// Starts a server, or takes the one that `DATABASE_URL` names.
    ///
    /// Usual settings but for `fsync` and `full_page_writes` (off), `max_connections` (200),
    /// `max_prepared_transactions` (20) and `listen_addresses` (none); time zone UTC, encoding
    /// UTF-8, sort order of code points.
    ///
    /// # Errors
    ///
    /// Any [`ScratchError`] but `NotOurs`: no programs, no start within 30 s, no connection.
    pub fn start() -> Result<ScratchServer, ScratchError> {
        Self::builder().start()
    }

    /// A server with further settings.
    pub fn builder() -> ScratchServerBuilder {
        ScratchServerBuilder::default()
    }

    /// The one server of this process, started by the first call and kept until the process ends.
    ///
    /// For the tests of one test binary. A runner with a process for every test starts a server for
    /// each of them; there, set `DATABASE_URL`.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start). A failed start is tried again by the next call.
    pub fn shared() -> Result<&'static ScratchServer, ScratchError> {
        static SHARED: OnceCell<ScratchServer> = OnceCell::new();
        SHARED.get_or_try_init(ScratchServer::start)
    }

    fn at(url: String, port: Option<u16>, own: Option<Cluster>) -> Result<ScratchServer, ScratchError> {
        let version_num = version_num(&mut address::connect(&url)?)?;
        let own = own.map(Mutex::new);
        Ok(ScratchServer { url, port, version_num, own })
    }

    /// The address of its maintenance database: that of `DATABASE_URL`, or `postgres` as superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port at which it listens on 127.0.0.1, where [`loopback`](ScratchServerBuilder::loopback) has asked for it.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Its version as in `server_version_num`: 150018 is 15.18.
    pub fn version_num(&self) -> u32 {
        self.version_num
    }

    /// The process id of the postmaster; `None` while stopped and for the server of `DATABASE_URL`.
    pub fn process_id(&self) -> Option<u32> {
        lock(self.own.as_ref()?).process_id()
    }

    /// Opens a connection to the maintenance database.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Connect`], for one while the server is stopped.
    pub fn connect(&self) -> Result<Client, ScratchError> {
        address::connect(&self.url)
    }

    /// Makes an empty database with a name of its own.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Connect`]; [`ScratchError::Statement`], for one when the role that
    /// `DATABASE_URL` names may not create databases.
    pub fn database(&self) -> Result<ScratchDatabase, ScratchError> {
        ScratchDatabase::create(&self.url, self.own.is_some())
    }

    /// Stops the server as a crash would: connections break, transactions are lost, and the next
    /// start recovers from the write-ahead log. Does nothing when it is stopped already.
    ///
    /// # Errors
    ///
    /// [`ScratchError::NotOurs`] for the server of `DATABASE_URL`; [`ScratchError::Run`] when the
    /// signal cannot be sent.
    pub fn stop_immediate(&self) -> Result<(), ScratchError> {
        self.own("stop")?.stop_immediate()
    }

    /// Stops the server in an orderly way where it runs, starts it on the same data, and returns
    /// when it takes connections.
    ///
    /// # Errors
    ///
    /// [`ScratchError::NotOurs`] for the server of `DATABASE_URL`; [`ScratchError::Run`] and
    /// [`ScratchError::Start`].
    pub fn restart(&self) -> Result<(), ScratchError> {
        self.own("restart")?.restart()
    }

    /// A hot standby of this server, to be [started](ScratchStandbyBuilder::start).
    pub fn standby(&self) -> ScratchStandbyBuilder<'_> {
        ScratchStandbyBuilder::of(self)
    }

    pub(super) fn own(&self, action: &'static str) -> Result<MutexGuard<'_, Cluster>, ScratchError> {
        let own = self.own.as_ref().map(lock);
        own.ok_or(ScratchError::NotOurs { action })
    }
}

/// A panic elsewhere leaves the server as stoppable as before.
pub(super) fn lock(cluster: &Mutex<Cluster>) -> MutexGuard<'_, Cluster> {
    cluster.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leaves out the address, which may hold a password.
impl fmt::Debug for ScratchServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScratchServer")
            .field("version_num", &self.version_num)
            .field("process_id", &self.process_id())
            .finish_non_exhaustive()
    }
}

fn version_num(client: &mut Client) -> Result<u32, ScratchError> {
    let statement = "SELECT current_setting('server_version_num')::int";
    let row = client.query_one(statement, &[]);
    let version = row.and_then(|row| row.try_get::<_, i32>(0));
    version.map(i32::unsigned_abs).map_err(|source| ScratchError::Statement { statement: statement.to_owned(), source })
}
