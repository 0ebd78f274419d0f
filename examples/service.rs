//! Two releases of a service live side by side: how each starts, which column it uses, and what contract waits for.
//!
//! `cargo run --example service`, on a scratch server or on the one `DATABASE_URL` names (in a database of its own, which
//! goes away at the end). In production each release is a process of its own; `examples/rolling_deploy` has that.

use std::error::Error;
use std::time::Duration;

use migrate::testing::ScratchServer;
use migrate::{Instance, Migrations, Migrator, Phase, Service, migrations};

/// The plan as a release has it: one declaration, and another word after `stage`.
macro_rules! release {
    ($release:ident, $stage:ident) => {
        mod $release {
            migrate::plan! {
                /// Money becomes integer cents.
                pub mod orders_total_cents;

                stage $stage;

                table orders (id: bigint) {
                    total: numeric(12, 2) not null => total_cents: bigint not null {
                        up   round(total * 100)::bigint;
                        down total_cents / 100.0;
                    }
                }
            }
        }
    };
}

release!(v1, dual_write);
release!(v2, switch);
release!(v3, contract);

static V1: Migrations = migrations![v1::orders_total_cents];
static V2: Migrations = migrations![v2::orders_total_cents];
static V3: Migrations = migrations![v3::orders_total_cents];

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<(), Box<dyn Error>> {
    let server = ScratchServer::start()?;
    let database = server.database()?;
    database.connect()?.batch_execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL);
         INSERT INTO orders SELECT g, g / 7.0 FROM generate_series(1, 10000) g",
    )?;
    let start = |version: &str, migrations: &'static Migrations| -> Result<Service, migrate::Error> {
        // The soak is an hour by default; nobody wants to wait for that here.
        let instance = Instance::new("shop", version);
        Migrator::new(migrations).instance(instance).soak(Duration::ZERO).start(database.url())
    };

    let old = start("1.0", &V1)?;
    old.wait(Phase::DualWrite, PATIENCE)?;
    println!("1.0 runs and its rows are filled; it uses the {} column\n{}", side(&old), old.status());

    let middle = start("2.0", &V2)?;
    middle.wait(Phase::Switch, PATIENCE)?;
    println!("2.0 has switched:\n{}", middle.status());

    let new = start("3.0", &V3)?;
    // Whoever led last looks first; after three seconds it is the new one's turn.
    let waits = new.wait(Phase::Contract, Duration::from_secs(6)).expect_err("the older releases live");
    println!("3.0 would take the old column away:\n{waits}\n");

    old.stop();
    middle.stop();
    new.wait(Phase::Contract, PATIENCE)?;
    println!("the older releases are gone, and so is the old column:\n{}", new.status());
    new.stop();

    let refused = start("1.0", &V1).expect_err("its column is gone");
    println!("1.0 once more: {refused}");
    Ok(())
}

fn side(service: &Service) -> migrate::Side {
    service.side(&v1::orders_total_cents::PLAN)
}
