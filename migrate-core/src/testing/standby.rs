//! A hot standby of a scratch server.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use postgres::Client;

use super::cluster::Cluster;
use super::database::ScratchDatabase;
use super::error::ScratchError;
use super::folder::random;
use super::server::{ScratchServer, lock};
use super::{address, process};

/// How long a standby may take to replay what is asked for, or to become a primary.
const LIMIT: Duration = Duration::from_secs(30);

/// A server that streams the changes of a [`ScratchServer`] and answers queries, until it is
/// [promoted](Self::promote).
///
/// Both run on this machine, in folders of their own; what is said of a server of our own holds for the
/// standby too: it stops, and its folder goes, with the value, or after the process has ended.
///
/// ```no_run
/// # use migrate_core::testing::ScratchServer;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let primary = ScratchServer::builder().start_own()?;
/// let standby = primary.standby().setting("max_standby_streaming_delay", "1s").start()?;
/// let database = primary.database()?;
/// database.connect()?.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY)")?;
/// standby.catch_up()?;
/// assert!(standby.connect_to(&database)?.query("SELECT FROM orders", &[])?.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct ScratchStandby {
    name: String,
    url: String,
    primary_url: String,
    cluster: Mutex<Cluster>,
}

/// How to start a [`ScratchStandby`].
#[derive(Debug, Clone)]
pub struct ScratchStandbyBuilder<'s> {
    primary: &'s ScratchServer,
    settings: Vec<(String, String)>,
}

impl<'s> ScratchStandbyBuilder<'s> {
    pub(super) fn of(primary: &'s ScratchServer) -> ScratchStandbyBuilder<'s> {
        ScratchStandbyBuilder { primary, settings: Vec::new() }
    }

    /// Sets a configuration parameter of the standby, such as `recovery_min_apply_delay`. The others are
    /// the primary's.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Copies the primary, which must run, and starts the copy as its hot standby.
    ///
    /// # Errors
    ///
    /// [`ScratchError::NotOurs`] for a standby of the server of `DATABASE_URL`;
    /// [`ScratchError::Statement`], for one where `wal_level` is `minimal`; [`ScratchError::File`];
    /// [`ScratchError::Start`].
    pub fn start(self) -> Result<ScratchStandby, ScratchError> {
        let name = format!("migrate_standby_{:012x}", random() >> 16);
        let cluster = self.primary.own("make a standby of")?.standby(&name, &self.settings)?;
        let (url, primary_url) = (cluster.url(), self.primary.url().to_owned());
        Ok(ScratchStandby { name, url, primary_url, cluster: Mutex::new(cluster) })
    }
}

impl ScratchStandby {
    /// What the primary knows it by: `application_name` in `pg_stat_replication`, for
    /// `synchronous_standby_names`, and the name of its replication slot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of its database `postgres`, as superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of its copy of a database of the primary.
    pub fn url_of(&self, database: &ScratchDatabase) -> String {
        address::with_database(&self.url, database.name())
    }

    /// The process id of the postmaster; `None` while stopped.
    pub fn process_id(&self) -> Option<u32> {
        lock(&self.cluster).process_id()
    }

    /// Opens a connection to its database `postgres`.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Connect`], for one while it is stopped.
    pub fn connect(&self) -> Result<Client, ScratchError> {
        address::connect(&self.url)
    }

    /// Opens a connection to its copy of a database of the primary, which it must have
    /// [replayed](Self::catch_up).
    ///
    /// # Errors
    ///
    /// [`ScratchError::Connect`].
    pub fn connect_to(&self, database: &ScratchDatabase) -> Result<Client, ScratchError> {
        address::connect(&self.url_of(database))
    }

    /// Waits until it has replayed all that the primary has written up to now.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Behind`] after 30 s, for one where a query on the standby stands in the way of the
    /// replay; [`ScratchError::Connect`] while either of the two is stopped.
    pub fn catch_up(&self) -> Result<(), ScratchError> {
        let position = one_text(&mut address::connect(&self.primary_url)?, "SELECT pg_current_wal_lsn()::text")?;
        let replayed = format!("SELECT (pg_last_wal_replay_lsn() >= '{position}')::text");
        let mut standby = self.connect()?;
        let mut outcome = Ok(());
        let caught_up = process::holds_within(LIMIT, || match one_text(&mut standby, &replayed) {
            Ok(answer) => answer == "true",
            Err(error) => {
                outcome = Err(error);
                true
            }
        });
        if caught_up {
            return outcome;
        }
        Err(ScratchError::Behind { name: self.name.clone(), position, seconds: LIMIT.as_secs() })
    }

    /// Makes it a primary of its own, as a failover does, and returns when it takes writes. The old
    /// primary goes on as it is: stop it before for a failover without a split brain.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Statement`] where it is a primary already; [`ScratchError::Start`] where it still takes no
    /// writes after 30 s.
    pub fn promote(&self) -> Result<(), ScratchError> {
        let promote = format!("SELECT pg_promote(true, {})::text", LIMIT.as_secs());
        if one_text(&mut self.connect()?, &promote)? == "true" {
            return Ok(());
        }
        let reason = format!("it is still a standby {} s after its promotion", LIMIT.as_secs());
        Err(lock(&self.cluster).start_error(reason))
    }

    /// Stops it as a crash would. Does nothing when it is stopped already.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Run`] when the signal cannot be sent.
    pub fn stop_immediate(&self) -> Result<(), ScratchError> {
        lock(&self.cluster).stop_immediate()
    }

    /// Stops it in an orderly way where it runs, and starts it on the same data: as a standby, or as the
    /// primary that it was promoted to.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Run`] and [`ScratchError::Start`].
    pub fn restart(&self) -> Result<(), ScratchError> {
        lock(&self.cluster).restart()
    }
}

impl Drop for ScratchStandby {
    fn drop(&mut self) {
        let _ = self.stop_immediate();
        // A slot that nobody reads would keep the primary's log for ever. Without the primary there is
        // nothing to keep; and it may need a moment to see that its reader has gone.
        let Ok(mut primary) = address::connect(&self.primary_url) else { return };
        let forget = format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
             WHERE slot_name = '{}' AND NOT active",
            self.name
        );
        process::holds_within(Duration::from_secs(5), || {
            primary.query(&forget, &[]).map_or(true, |rows| !rows.is_empty())
        });
    }
}

/// Leaves out the addresses, as for a server.
impl fmt::Debug for ScratchStandby {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScratchStandby")
            .field("name", &self.name)
            .field("process_id", &self.process_id())
            .finish_non_exhaustive()
    }
}

fn one_text(client: &mut Client, statement: &str) -> Result<String, ScratchError> {
    let row = client.query_one(statement, &[]);
    let text = row.and_then(|row| row.try_get(0));
    text.map_err(|source| ScratchError::Statement { statement: statement.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn primary() -> ScratchServer {
        ScratchServer::builder().start_own().unwrap()
    }

    #[test]
    fn a_standby_has_what_the_primary_wrote_and_takes_writes_once_promoted() {
        let primary = primary();
        let standby = primary.standby().setting("max_standby_streaming_delay", "2s").start().unwrap();
        let database = primary.database().unwrap();
        let mut writer = database.connect().unwrap();
        writer.batch_execute("CREATE TABLE t (i int); INSERT INTO t VALUES (1)").unwrap();
        standby.catch_up().unwrap();

        let mut reader = standby.connect_to(&database).unwrap();
        assert_eq!(reader.query_one("SELECT i FROM t", &[]).unwrap().get::<_, i32>(0), 1);
        assert!(reader.batch_execute("INSERT INTO t VALUES (2)").is_err(), "a standby takes no writes");
        let delay = reader.query_one("SHOW max_standby_streaming_delay", &[]).unwrap();
        assert_eq!(delay.get::<_, &str>(0), "2s");
        let known = "SELECT state FROM pg_stat_replication WHERE application_name = $1";
        let state = writer.query_one(known, &[&standby.name()]).unwrap();
        assert_eq!(state.get::<_, &str>(0), "streaming");

        primary.stop_immediate().unwrap();
        standby.promote().unwrap();
        reader.batch_execute("INSERT INTO t VALUES (2)").unwrap();
        standby.restart().unwrap();
        let rows = standby.connect_to(&database).unwrap().query("SELECT FROM t", &[]).unwrap();
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn a_stopped_standby_misses_nothing_and_leaves_nothing_behind() {
        let primary = primary();
        let standby = primary.standby().start().unwrap();
        standby.stop_immediate().unwrap();
        assert_eq!(standby.process_id(), None);
        let mut client = primary.connect().unwrap();
        client.batch_execute("CREATE TABLE t (i int); SELECT pg_switch_wal(); CHECKPOINT; CHECKPOINT").unwrap();
        standby.restart().unwrap();
        standby.catch_up().unwrap();
        standby.connect().unwrap().query("SELECT FROM t", &[]).unwrap();

        let row = standby.connect().unwrap().query_one("SHOW unix_socket_directories", &[]).unwrap();
        let folder = row.get::<_, String>(0);
        assert!(Path::new(&folder).exists());
        drop(standby);
        assert!(!Path::new(&folder).exists());
        assert!(client.query("SELECT FROM pg_replication_slots", &[]).unwrap().is_empty());
    }
}
