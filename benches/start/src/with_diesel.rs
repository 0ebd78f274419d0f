//! diesel_migrations: `embed_migrations!` makes such values while the program compiles.

use diesel::{Connection, PgConnection};
use diesel_migrations::{EmbeddedMigration, EmbeddedMigrations, EmbeddedName, MigrationHarness, TomlMetadataWrapper};

use crate::contender::{Contender, Session, scripts};

pub struct Diesel {
    migrations: &'static [EmbeddedMigration],
}

struct Connected {
    connection: PgConnection,
    migrations: &'static [EmbeddedMigration],
}

impl Diesel {
    /// Called once; what is embedded lives as long as the program.
    pub fn new() -> Diesel {
        let migrations: Vec<EmbeddedMigration> = scripts()
            .map(|(number, name, sql)| {
                let name = EmbeddedName::new(format!("{number:014}_{name}").leak());
                EmbeddedMigration::new(sql.leak(), None, name, TomlMetadataWrapper::new(true))
            })
            .collect();
        Diesel { migrations: migrations.leak() }
    }
}

impl Contender for Diesel {
    fn name(&self) -> &'static str {
        "diesel_migrations"
    }

    fn connect(&self, url: &str) -> Box<dyn Session> {
        let connection = PgConnection::establish(url).expect("a connection");
        Box::new(Connected { connection, migrations: self.migrations })
    }
}

impl Session for Connected {
    fn start(&mut self) {
        let migrations = EmbeddedMigrations::new(self.migrations);
        self.connection.run_pending_migrations(migrations).expect("a run");
    }
}
