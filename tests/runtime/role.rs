//! Roles for tests. They belong to the whole server, so each test has its own, and takes it along.

use migrate::testing::ScratchDatabase;
use postgres::{Client, NoTls};

/// A role that can log in and has no rights, dropped with the value.
pub struct Role {
    name: String,
    url: String,
}

impl Role {
    /// Makes a role named after `what` and the database.
    pub fn new(database: &ScratchDatabase, what: &str) -> Role {
        let name = format!("{what}_{}", database.name().trim_start_matches("migrate_scratch_"));
        let mut client = database.connect().expect("a connection");
        client.batch_execute(&format!("CREATE ROLE {name} LOGIN")).expect("a role");
        Role { name, url: database.url().to_owned() }
    }

    /// Its name, which needs no quotes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a connection as it.
    pub fn connect(&self, database: &ScratchDatabase) -> Client {
        database.connect_as(&self.name).expect("a connection")
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{0}'; \
             DROP OWNED BY {0} CASCADE; DROP ROLE {0}",
            self.name
        );
        let dropped = Client::connect(&self.url, NoTls).and_then(|mut client| client.batch_execute(&sql));
        if let Err(error) = dropped {
            eprintln!("the role {} is left behind: {error:?}", self.name);
        }
    }
}
