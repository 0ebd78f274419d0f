//! What is done to the table in each arm.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use migrate::{Event, HistoryEntry, Instance, Migrator};
use postgres::Client;
use postgres::error::SqlState;

use super::{PLANS, ROWS, run, traffic};

/// What is measured against what.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arm {
    /// Nothing.
    Alone,
    /// Our runner.
    Ours,
    /// The same statements with the lock protocol of pgroll.
    AsPgroll,
}

/// A step as it was done or undone, with its statements.
pub(super) struct Recorded {
    step: String,
    statements: Vec<String>,
}

/// The steps of a history that did something, in their order.
pub(super) fn recorded(history: Vec<HistoryEntry>) -> Vec<Recorded> {
    let mut steps: Vec<Recorded> = history
        .into_iter()
        .filter(|entry| entry.event == "done")
        .filter_map(|entry| Some(Recorded { step: entry.step?, statements: entry.statements }))
        .collect();
    steps.reverse();
    steps
}

/// A runner that goes to the end by itself: all sessions are of its own build.
pub(super) fn migrator() -> Migrator {
    Migrator::new(&PLANS).instance(Instance::new("bench", "1").session_name("")).soak(Duration::ZERO)
}

impl Arm {
    pub(super) const ALL: [Arm; 3] = [Arm::Alone, Arm::Ours, Arm::AsPgroll];

    pub(super) fn name(self) -> &'static str {
        match self {
            Arm::Alone => "traffic and report alone",
            Arm::Ours => "a plan from first to last",
            Arm::AsPgroll => "the same DDL, locks as pgroll",
        }
    }

    /// Works, at most until `ended`; answers how many locked steps were done.
    pub(super) fn work(self, client: &mut Client, history: &[Recorded], ended: &AtomicBool) -> usize {
        match self {
            Arm::Alone => 0,
            Arm::Ours => ours(client, ended),
            Arm::AsPgroll => as_pgroll(client, history, ended),
        }
    }
}

fn ours(client: &mut Client, ended: &AtomicBool) -> usize {
    let steps = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&steps);
    let migrator = migrator().observe(move |event| {
        if let Event::LockHeld { .. } = event {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let report = migrator.run(client).expect("a run");
    assert!(report.is_complete() && !ended.load(Ordering::SeqCst), "too late: {report}");
    steps.load(Ordering::SeqCst)
}

fn as_pgroll(client: &mut Client, history: &[Recorded], ended: &AtomicBool) -> usize {
    run(client, "SET lock_timeout = '500ms'");
    let mut done = 0;
    for Recorded { step, statements } in history {
        if step.starts_with("backfill ") {
            backfill(client, ended);
        } else if !statements.is_empty() && retried(client, statements, ended) {
            done += 1;
        }
        if ended.load(Ordering::SeqCst) {
            break;
        }
    }
    done
}

/// Does a step until its locks are had; not any more once all has `ended`.
fn retried(client: &mut Client, statements: &[String], ended: &AtomicBool) -> bool {
    let mut back_off = Duration::from_secs(1);
    while !ended.load(Ordering::SeqCst) {
        match together(client, statements) {
            Ok(()) => return true,
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                traffic::pause(back_off.mul_f64(fastrand::f64()), ended);
                back_off = (back_off * 2).min(Duration::from_secs(60));
            }
            Err(error) => panic!("{statements:?}: {error:?}"),
        }
    }
    false
}

fn together(client: &mut Client, statements: &[String]) -> Result<(), postgres::Error> {
    let mut transaction = client.transaction()?;
    for statement in statements {
        transaction.batch_execute(statement)?;
    }
    transaction.commit()
}

/// In small batches, so that it is the locks on the table that are compared.
fn backfill(client: &mut Client, ended: &AtomicBool) {
    for from in (1..=ROWS).step_by(100).take_while(|_| !ended.load(Ordering::SeqCst)) {
        let until = from + 100;
        run(
            client,
            &format!("UPDATE sale SET total = total WHERE id >= {from} AND id < {until} AND total_cents IS NULL"),
        );
    }
}
