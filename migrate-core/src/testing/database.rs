//! A database for one test.

use postgres::Client;

use super::address;
use super::error::ScratchError;
use super::folder::random;

/// An empty database, dropped with the value, connections to it or not.
///
/// It does not keep its server alive.
#[derive(Debug)]
pub struct ScratchDatabase {
    name: String,
    url: String,
    maintenance_url: String,
    server_is_ours: bool,
}

impl ScratchDatabase {
    pub(super) fn create(maintenance_url: &str, server_is_ours: bool) -> Result<ScratchDatabase, ScratchError> {
        let name = format!("migrate_scratch_{}_{:016x}", std::process::id(), random());
        // Nobody can be connected to template0, which would make this fail, or have changed it.
        let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
        execute(maintenance_url, statement)?;
        Ok(ScratchDatabase {
            url: address::with_database(maintenance_url, &name),
            name,
            maintenance_url: maintenance_url.to_owned(),
            server_is_ours,
        })
    }

    /// Its name, which starts with `migrate_scratch_` and needs no quotes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, for the user that the server's own address names.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its address for `role`: with the password of [`url`](Self::url), if that has one.
    pub fn url_as(&self, role: &str) -> String {
        address::with_role(&self.url, role)
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Connect`], for one when the server is gone.
    pub fn connect(&self) -> Result<Client, ScratchError> {
        address::connect(&self.url)
    }

    /// Opens a connection as `role`, which must exist. A server of our own asks for no password;
    /// the one that `DATABASE_URL` names gets the password in there.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Connect`], for one when there is no such role.
    pub fn connect_as(&self, role: &str) -> Result<Client, ScratchError> {
        address::connect(&self.url_as(role))
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A server of our own takes what is left with it.
        if let Err(error) = execute(&self.maintenance_url, statement)
            && !self.server_is_ours
        {
            eprintln!("migrate: the scratch database {} is left behind: {error}", self.name);
        }
    }
}

fn execute(url: &str, statement: String) -> Result<(), ScratchError> {
    address::connect(url)?.batch_execute(&statement).map_err(|source| ScratchError::Statement { statement, source })
}
