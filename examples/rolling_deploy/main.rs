//! A column changes its type on a busy table while four releases of a shop roll over it, as separate
//! processes:
//!
//! ```text
//! cargo run --release --example rolling_deploy
//! ```
//!
//! `orders.total numeric(12, 2)` becomes `total_cents bigint`. Every shop keeps a ledger of its own, and
//! checks each row it reads against it. Every process is a registered instance, and starts a
//! [`Service`](migrate::Service): the shops follow with rights on the table only, and one worker does the steps. On the way
//! the worker is killed once and the change is reverted once; in the end contract waits for the older shops. It ends with an
//! error if a statement failed, a row is wrong or a write was lost.

mod book;
mod builds;
mod database;
mod deploy;
mod fleet;
mod inspection;
mod ledger;
mod lines;
mod monitor;
mod narration;
mod orders;
mod outcome;
mod shop;
mod start;
mod trade;
mod worker;
mod worker_process;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use crate::book::Book;
use crate::database::Database;
use crate::deploy::{Deploy, Pace};
use crate::monitor::Monitor;
use crate::narration::{Narration, count};
use crate::orders::Seed;
use crate::outcome::Outcome;

/// Changes a column's type under full load, while four releases of a shop roll over it.
#[derive(Parser)]
#[command(name = "rolling_deploy", disable_help_subcommand = true)]
struct Arguments {
    /// Fewer rows and shorter phases
    #[arg(long)]
    quick: bool,
    /// Rows in the table at the start [default: 200000, with --quick 30000]
    #[arg(long, value_parser = clap::value_parser!(i64).range(1_000..=50_000_000))]
    rows: Option<i64>,
    /// Prints the result as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    process: Option<Process>,
}

/// What this program is when the demo starts it once more.
#[derive(Subcommand)]
enum Process {
    /// A shop
    #[command(hide = true)]
    Shop(shop::Arguments),
    /// A worker
    #[command(hide = true)]
    Work(worker::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.process {
        Some(Process::Shop(arguments)) => shop::run(arguments).map(|()| true),
        Some(Process::Work(arguments)) => worker::run(arguments).map(|()| true),
        None => demonstrate(&arguments),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("rolling_deploy: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the demo; answers whether all was well.
fn demonstrate(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let begun = Instant::now();
    let pace = pace(arguments);
    let narration = Narration::new();
    narration.say(&format!("A table with {} orders, and a role for the shops.", count(pace.seed.rows as u64)));
    narration.working("starting PostgreSQL and filling the table");
    let database = Database::create(pace.seed)?;
    let postgres = database.version()?;
    let book = Arc::new(Book::default());
    let monitor = Monitor::start(database.connect()?, book.clone());
    let mut deploy = Deploy::new(pace, &database, book.clone(), narration)?;
    let error = deploy.run().err().map(|error| error.to_string());
    let findings = deploy.close();
    drop(monitor);
    let outcome =
        Outcome { postgres, rows: pace.seed.rows as u64, took: begun.elapsed(), phases: book.close(), findings, error };
    if arguments.json {
        println!("{:#}", outcome.json());
    } else {
        println!("{}\n{}", outcome.table(), outcome.verdict());
    }
    Ok(outcome.problems().is_empty())
}

fn pace(arguments: &Arguments) -> Pace {
    let (rows, phase, soak) = if arguments.quick { (30_000, 600, 200) } else { (200_000, 2_500, 1_000) };
    Pace {
        seed: Seed { rows: arguments.rows.unwrap_or(rows) },
        phase: Duration::from_millis(phase),
        soak: Duration::from_millis(soak),
    }
}
