//! The command line that every program with plans can have.
//!
//! ```no_run
//! # migrate::plan! { mod orders_label; stage dual_write; table orders { total: text => label: text; } }
//! static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_label];
//!
//! fn main() -> std::process::ExitCode {
//!     migrate::cli::main(&MIGRATIONS)
//! }
//! ```
//!
//! The plans are those of the program itself, so it needs no other tool and no list of files. A command says what it did
//! as text for people, or with `--json` as one object for scripts. It exits with 0 where all is well, with 1 where the
//! answer is no (a closed gate for `up`, a revert, a word or a baseline that is refused, `lock --check` with a file that is not up to date) and
//! with 2 where it could not do its work.
//!
//! # `status`, `up`, `revert`, `hold`, `release`, `pause`, `resume`, `limit`, `verify`, `failed`, `retry`, `acknowledge`, `instances`, `history`, `baseline`
//!
//! They work on the database that `--database-url` or `DATABASE_URL` names, and do what [`Migrator`](crate::Migrator) does
//! under these names; `up --plan NAME --to PHASE` is [`advance`](crate::Migrator::advance), and `revert NAME --to PHASE`
//! [`revert_to`](crate::Migrator::revert_to). `acknowledge PLAN WORD` takes the words that a closed gate shows in brackets,
//! and `--withdraw` takes them back. `failed` lists the rows that do not convert, with their values; once they are mended, `retry`
//! has the instance that leads look at once. `--by` and `--why` are kept in the history. A revert that drops columns
//! which processes may use asks for `--yes`. The address is read as [`Source::url`](crate::Source::url) reads it, TLS is
//! the one of the feature `rustls` or `native-tls`, and what migrates refuses a pooler of transactions.
//!
//! # `lock`
//!
//! Writes the lock file: each plan with its stage and declaration, as they are in this build. Run it when a release
//! is cut, and commit what it writes: from then on the compiler refuses to edit, skip, rename or remove what is released.
//! The file is `migrate.lock` beside the `Cargo.toml` of the package that is run, or where `MIGRATE_LOCK` or `--file` says;
//! without `cargo run` and without either it is in the working directory. `--check` writes nothing, and says what
//! is missing.
//!
//! A plan is known by its name and by the module whose [`migrations!`](crate::migrations) lists it. Two sets in one
//! package stand in two modules, and each is locked by itself into the same file. Plans that no lock has seen may be
//! of any shape: so those of tests and examples, which are crates of their own, need none. A set whose packages are
//! several takes one file for all: give `MIGRATE_LOCK` an absolute path, as `[env]` in `.cargo/config.toml` does with
//! `relative = true`.

mod acknowledge;
mod baseline;
mod context;
mod database;
mod decision;
mod error;
mod failed;
mod history;
mod hold;
mod instances;
mod lasting;
mod limit;
mod lock;
mod pause;
mod phase;
mod release;
mod report;
mod retry;
mod revert;
mod status;
mod up;
mod verify;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::Migrations;
use context::Context;
pub use error::Error;
pub use migrate_plan::lock::{Damage, Edit, Refusal};

/// Schema changes of this program.
#[derive(Parser)]
#[command(arg_required_else_help = true)]
struct Arguments {
    /// Answers with one JSON object.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

/// One file for each.
#[derive(Subcommand)]
enum Command {
    Status(status::Status),
    Up(up::Up),
    Revert(revert::Revert),
    Hold(hold::Hold),
    Release(release::Release),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Limit(limit::Limit),
    Verify(verify::Verify),
    History(history::History),
    Failed(failed::Failed),
    Retry(retry::Retry),
    Acknowledge(acknowledge::Acknowledge),
    Instances(instances::Instances),
    Baseline(baseline::Baseline),
    Lock(lock::Lock),
}

/// What a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// It is done, or as it should be.
    Yes,
    /// It is not as it should be.
    No,
}

/// Runs the command that the arguments of this process name, and prints what it says.
pub fn main(migrations: &'static Migrations) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    match run(migrations, arguments, &mut std::io::stdout().lock()) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => error.report(json),
    }
}

/// Runs the command that `arguments` name, the program itself first, and writes what it says to `out`.
///
/// # Errors
///
/// What could not be done, and what is refused. Help that was asked for is an [`Error::Usage`] too.
pub fn run(
    migrations: &'static Migrations,
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    out: &mut dyn Write,
) -> Result<Answer, Error> {
    let Arguments { json, command } = Arguments::try_parse_from(arguments)?;
    let mut context = Context { migrations, json, out };
    match command {
        Command::Status(status) => status.run(&mut context),
        Command::Up(up) => up.run(&mut context),
        Command::Revert(revert) => revert.run(&mut context),
        Command::Hold(hold) => hold.run(&mut context),
        Command::Release(release) => release.run(&mut context),
        Command::Pause(pause) => pause.run(&mut context),
        Command::Resume(resume) => resume.run(&mut context),
        Command::Limit(limit) => limit.run(&mut context),
        Command::Verify(verify) => verify.run(&mut context),
        Command::History(history) => history.run(&mut context),
        Command::Failed(failed) => failed.run(&mut context),
        Command::Retry(retry) => retry.run(&mut context),
        Command::Acknowledge(acknowledge) => acknowledge.run(&mut context),
        Command::Instances(instances) => instances.run(&mut context),
        Command::Baseline(baseline) => baseline.run(&mut context),
        Command::Lock(lock) => lock.run(&mut context),
    }
}
