//! The migrating process of a build: what `main` of a service does at its start.

use std::error::Error;
use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use migrate::{Event, Instance, Migrator};
use postgres::{Client, Config, NoTls};

use crate::builds::Build;
use crate::lines::{FromMigration, say};
use crate::orders::SLOTS;
use crate::{database, shop};

/// Between two tries where a gate is closed.
const TRY_AGAIN: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    url: String,
    #[arg(long)]
    build: Build,
    #[arg(long)]
    soak_ms: u64,
}

/// Carries the plan to the stage of the build, and tells of everything on the way.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    end_with_the_parent();
    let mut config: Config = arguments.url.parse()?;
    config.application_name(&format!("migrate {}", arguments.build));
    let mut client = config.connect(NoTls)?;
    let outcome = carry_on(&mut client, arguments);
    if let Err(error) = &outcome {
        say(&FromMigration::Failed(error.to_string()));
    }
    Ok(outcome?)
}

fn carry_on(client: &mut Client, arguments: &Arguments) -> Result<(), migrate::Error> {
    let migrator = Migrator::new(arguments.build.migrations())
        .instance(application())
        .soak(Duration::from_millis(arguments.soak_ms))
        .observe(tell);
    let mut told = String::new();
    loop {
        let report = migrator.run(client)?;
        if report.is_complete() {
            for plan in &report.plans {
                let (position, side) = (plan.position.to_string(), plan.side.to_string());
                say(&FromMigration::Complete { position, side });
            }
            return Ok(());
        }
        let evidence: Vec<String> =
            report.plans.iter().flat_map(|plan| &plan.closed).map(ToString::to_string).collect();
        let evidence = evidence.join("; ");
        if told != evidence {
            say(&FromMigration::Waits(evidence.clone()));
            told = evidence;
        }
        thread::sleep(TRY_AGAIN);
    }
}

/// The names of all sessions that are this application's: whoever else uses the table closes the gate of contract.
fn application() -> Instance {
    let shops = Build::ALL.into_iter().flat_map(|build| (0..SLOTS).map(move |slot| shop::session_name(build, slot)));
    shops.fold(migrate::instance!().session_name(database::OPERATOR), Instance::session_name)
}

fn tell(event: &Event<'_>) {
    match *event {
        Event::StepStarted { step, .. } => say(&FromMigration::Started { step: step.to_owned() }),
        Event::StepDone { step, took, .. } => {
            say(&FromMigration::Done { step: step.to_owned(), seconds: took.as_secs_f64() });
        }
        Event::Batch { step, blocks_done, blocks, rows, .. } => {
            say(&FromMigration::Batch { step: step.to_owned(), blocks_done, blocks, rows });
        }
        _ => {}
    }
}

/// Whoever started this process closes its input when it goes, however that comes.
fn end_with_the_parent() {
    thread::spawn(|| {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}
