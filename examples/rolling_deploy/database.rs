//! The database that the shops sell from, and the two roles that use it.

use std::error::Error;

use migrate::testing::{ScratchDatabase, ScratchServer};
use postgres::{Client, Config};

use crate::orders::Seed;

/// What the sessions of this program's own operator are called.
pub(crate) const OPERATOR: &str = "operator";

/// A database with the table in it; gone with the value, and its role too.
pub(crate) struct Database {
    server: ScratchServer,
    database: Option<ScratchDatabase>,
    /// May use the table, and nothing else.
    role: String,
    owner_url: String,
    shop_url: String,
}

impl Database {
    pub(crate) fn create(seed: Seed) -> Result<Database, Box<dyn Error>> {
        let server = ScratchServer::start()?;
        let database = server.database()?;
        let role = format!("{}_shop", database.name());
        let (owner_url, shop_url) = (database.url().to_owned(), database.url_as(&role));
        let made = Database { server, database: Some(database), role, owner_url, shop_url };
        let mut client = made.connect()?;
        client.batch_execute(&format!("CREATE ROLE {} LOGIN {}", made.role, password(made.server.url())?))?;
        client.batch_execute(&seed.schema(&made.role))?;
        client.batch_execute("VACUUM (ANALYZE) orders")?;
        Ok(made)
    }

    /// Opens a connection as the owner of the table.
    pub(crate) fn connect(&self) -> Result<Client, Box<dyn Error>> {
        let mut config: Config = self.owner_url.parse()?;
        Ok(config.application_name(OPERATOR).connect(postgres::NoTls)?)
    }

    /// The server's version: `15.18`, whatever its packager adds.
    pub(crate) fn version(&self) -> Result<String, Box<dyn Error>> {
        let sql = "SELECT split_part(current_setting('server_version'), ' ', 1)";
        Ok(self.connect()?.query_one(sql, &[])?.get(0))
    }

    /// The address for the owner of the table, who migrates.
    pub(crate) fn owner_url(&self) -> &str {
        &self.owner_url
    }

    /// The address for the shops.
    pub(crate) fn shop_url(&self) -> &str {
        &self.shop_url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Its rights are in the database, so the role goes second.
        drop(self.database.take());
        if let Ok(mut client) = self.server.connect() {
            let _ = client.batch_execute(&format!("DROP ROLE IF EXISTS {}", self.role));
        }
    }
}

/// A server that asks for a password gets the same one from the shops as from the owner.
fn password(url: &str) -> Result<String, Box<dyn Error>> {
    let config: Config = url.parse()?;
    Ok(match config.get_password() {
        Some(password) => format!("PASSWORD '{}'", std::str::from_utf8(password)?.replace('\'', "''")),
        None => String::new(),
    })
}
