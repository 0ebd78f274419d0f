//! One plan as three releases of an application have it, and the table it is about.

use std::time::Duration;

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Instance, Migrations, Migrator, Plan, Settings, migrations};
use postgres::Client;

macro_rules! release {
    ($stage:ident) => {
        pub mod $stage {
            migrate::plan! {
                pub mod money;
                stage $stage;
                table till (id: bigint) {
                    total: numeric(12, 2) not null => total_cents: bigint not null {
                        up round(total * 100)::bigint; down total_cents / 100.0;
                    }
                }
            }
        }
    };
}

release!(dual_write);
release!(switch);
release!(contract);

/// A release of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Before the plan was written.
    Before,
    DualWrite,
    Switch,
    Contract,
}

static BEFORE: Migrations = migrations![];
static DUAL_WRITE: Migrations = migrations![dual_write::money];
static SWITCH: Migrations = migrations![switch::money];
static CONTRACT: Migrations = migrations![contract::money];

impl Build {
    /// In the order of their releases.
    pub const ALL: [Build; 4] = [Build::Before, Build::DualWrite, Build::Switch, Build::Contract];

    pub fn version(self) -> &'static str {
        match self {
            Build::Before => "1.0",
            Build::DualWrite => "1.1",
            Build::Switch => "1.2",
            Build::Contract => "1.3",
        }
    }

    pub fn migrations(self) -> &'static Migrations {
        match self {
            Build::Before => &BEFORE,
            Build::DualWrite => &DUAL_WRITE,
            Build::Switch => &SWITCH,
            Build::Contract => &CONTRACT,
        }
    }

    pub fn plan(self) -> &'static Plan {
        match self {
            Build::Before | Build::DualWrite => &dual_write::money::PLAN,
            Build::Switch => &switch::money::PLAN,
            Build::Contract => &contract::money::PLAN,
        }
    }

    /// A runner of this release with no soak, that looks often.
    pub fn migrator(self) -> Migrator {
        Migrator::new(self.migrations())
            .instance(Instance::new("shop", self.version()).session_name(""))
            .settings(brisk())
    }
}

/// Settings with which nothing is waited for longer than it must be.
pub fn brisk() -> Settings {
    let mut settings = Settings::default();
    settings.soak = Duration::ZERO;
    settings.poll = Duration::from_millis(100);
    settings.beat = Duration::from_millis(500);
    settings.lease = Duration::from_secs(3);
    settings.grace = Duration::from_secs(1);
    settings.leader_lease = Duration::from_secs(2);
    settings.start_budget = Duration::from_secs(30);
    // Other tests are at work on the same server.
    settings.follow_load = false;
    settings
}

/// The table, with as many rows.
pub fn till(rows: u32) -> (ScratchDatabase, Client) {
    let server = ScratchServer::shared().expect("a PostgreSQL server");
    let database = server.database().expect("a fresh database");
    let mut client = database.connect().expect("a connection");
    create_till(&mut client, rows);
    (database, client)
}

pub fn create_till(client: &mut Client, rows: u32) {
    client
        .batch_execute(&format!(
            "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, note text); \
             INSERT INTO till (id, total) SELECT g, g FROM generate_series(1, {rows}) g"
        ))
        .expect("a table");
}
