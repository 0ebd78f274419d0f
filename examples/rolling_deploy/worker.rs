//! The worker of the application: a process whose role owns the table, so that its service does the steps.

use std::error::Error;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use migrate::{Event, Phase, Service};

use crate::builds::Build;
use crate::database::OPERATOR;
use crate::lines::{FromWorker, say};
use crate::start;

/// Between two looks at where the service is; they ask nobody.
const LOOK: Duration = Duration::from_millis(20);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    url: String,
    #[arg(long)]
    build: Build,
    #[arg(long)]
    soak_ms: u64,
}

/// Lives until the input ends, and tells of everything on the way.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let input = end_of_input();
    match start(arguments) {
        Ok(service) => {
            say(&FromWorker::Serves { name: service.application_name() });
            let mut told = Told::default();
            while input.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                told.tell(&service);
            }
            service.stop();
        }
        Err(error) => say(&FromWorker::Refused(error.to_string())),
    }
    Ok(())
}

fn start(arguments: &Arguments) -> Result<Service, migrate::Error> {
    start::migrator("worker", arguments.build)
        // The operator's sessions are none of a stranger, who would keep contract waiting.
        .instance(arguments.build.instance("worker").session_name(OPERATOR))
        .soak(Duration::from_millis(arguments.soak_ms))
        .observe(tell)
        .start(&*arguments.url)
}

/// What was told of the service's state.
#[derive(Default)]
struct Told {
    is_complete: bool,
    waits_for: Vec<String>,
    trouble: Option<String>,
}

impl Told {
    /// Tells what has changed.
    fn tell(&mut self, service: &Service) {
        let status = service.status();
        // The last phase of the build's stage is meant where that comes earlier.
        let is_complete = service.wait(Phase::Contract, Duration::ZERO).is_ok();
        if is_complete && !self.is_complete {
            for plan in &status.plans {
                say(&FromWorker::Complete { position: plan.position.to_string(), side: plan.side.to_string() });
            }
        }
        self.is_complete = is_complete;
        let waits_for: Vec<String> = status.plans.iter().flat_map(|plan| plan.waits_for.clone()).collect();
        if timeless(&waits_for) != timeless(&self.waits_for) {
            if !waits_for.is_empty() {
                say(&FromWorker::Waits(waits_for.clone()));
            }
            self.waits_for = waits_for;
        }
        if status.trouble != self.trouble {
            self.trouble = status.trouble;
            self.trouble.iter().for_each(|trouble| say(&FromWorker::Troubled(trouble.clone())));
        }
    }
}

/// Evidence but for the time since an instance was heard of, which is another with every look.
fn timeless(waits_for: &[String]) -> Vec<&str> {
    waits_for
        .iter()
        .flat_map(|gate| gate.lines())
        .map(|line| line.split(", heard of ").next().unwrap_or(line))
        .collect()
}

fn tell(event: &Event<'_>) {
    match *event {
        Event::StepStarted { step, .. } => say(&FromWorker::Started { step: step.to_owned() }),
        Event::StepDone { step, took, .. } => {
            say(&FromWorker::Done { step: step.to_owned(), seconds: took.as_secs_f64() });
        }
        Event::Batch { step, blocks_done, blocks, rows, .. } => {
            say(&FromWorker::Batch { step: step.to_owned(), blocks_done, blocks, rows });
        }
        _ => {}
    }
}

/// Disconnected when whoever started this process closes its input or goes, however that comes.
fn end_of_input() -> Receiver<()> {
    let (open, input) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        drop(open);
    });
    input
}
