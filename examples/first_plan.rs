//! The smallest program with a plan: a table, one change, and what the runner says of it.
//!
//! `cargo run --example first_plan`, on a scratch server or on the one `DATABASE_URL` names (in a database
//! of its own, which goes away at the end).

use std::error::Error;
use std::time::Duration;

use migrate::testing::ScratchServer;
use migrate::{Migrations, Migrator, Phase, migrations};

migrate::plan! {
    /// Money becomes integer cents.
    mod orders_total_cents;

    stage contract;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
    }
}

static MIGRATIONS: Migrations = migrations![orders_total_cents];

fn main() -> Result<(), Box<dyn Error>> {
    let server = ScratchServer::start()?;
    let database = server.database()?;
    let mut client = database.connect()?;
    client.batch_execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL);
         INSERT INTO orders SELECT g, g / 7.0 FROM generate_series(1, 10000) g",
    )?;

    // In a real service the three stages are three releases, with days between them.
    let migrator = Migrator::new(&MIGRATIONS).soak(Duration::ZERO);
    let plan = &orders_total_cents::PLAN;
    println!("{}", migrator.advance(&mut client, plan, Phase::DualWrite)?);

    client.batch_execute("UPDATE orders SET total = 19.99 WHERE id = 1")?;
    let cents: i64 = client.query_one("SELECT total_cents FROM orders WHERE id = 1", &[])?.get(0);
    println!("old code writes 19.99, new code reads {cents}");
    client.batch_execute("UPDATE orders SET total_cents = 2050 WHERE id = 2")?;
    let total: String = client.query_one("SELECT total::text FROM orders WHERE id = 2", &[])?.get(0);
    println!("new code writes 2050, old code reads {total}\n");

    println!("{}", migrator.advance(&mut client, plan, Phase::Contract)?);
    Ok(())
}
