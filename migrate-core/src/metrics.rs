//! What the runner does, as metrics of the facade [`metrics`](https://docs.rs/metrics): whatever recorder the program
//! installs gets them. With no recorder they cost next to nothing.
//!
//! Times are in seconds. Names end in `_total` for counters, which only grow; the others are gauges and, where they end in
//! `_seconds`, histograms. Every metric is of this process: only the instance that leads has those of plans, steps and locks.
//!
//! | metric | labels | |
//! |---|---|---|
//! | [`migrate_rows_total`](ROWS) | `plan`, `step` | rows filled by a backfill, or compared by a verification |
//! | [`migrate_batches_total`](BATCHES) | `plan`, `step` | batches that have committed |
//! | [`migrate_batch_seconds`](BATCH_SECONDS) | `plan`, `step` | how long each of them took |
//! | [`migrate_blocks_done`](BLOCKS_DONE) | `plan`, `step` | heap blocks done, of the table and its partitions |
//! | [`migrate_blocks`](BLOCKS) | `plan`, `step` | heap blocks there were at the start |
//! | [`migrate_updates_total`](UPDATES) | `plan`, `step` | row versions written, where PostgreSQL counts them |
//! | [`migrate_hot_updates_total`](HOT_UPDATES) | `plan`, `step` | those that stayed in their block and touched no index; the HOT share is this by the one above |
//! | [`migrate_workers`](WORKERS) | `plan`, `step` | sessions that a job works with |
//! | [`migrate_duty`](DUTY) | `plan`, `step` | the share of the time in which each of them works, above 0 and at most 1 |
//! | [`migrate_job_held`](JOB_HELD) | `plan`, `step` | 1 while a job stands still, held by an operator, a replica or the load; else 0 |
//! | [`migrate_job_held_seconds`](JOB_HELD_SECONDS) | `plan`, `step` | how long it stood still, once it goes on |
//! | [`migrate_one_pass_total`](ONE_PASS) | `plan`, `step` | how often many passes were given up for one |
//! | [`migrate_retries_total`](RETRIES) | `plan`, `step`, `sqlstate` | batches and statements tried again |
//! | [`migrate_steps_total`](STEPS) | `plan`, `step` | steps done, or undone |
//! | [`migrate_step_seconds`](STEP_SECONDS) | `plan`, `step` | how long each of them took |
//! | [`migrate_closed_gates`](CLOSED_GATES) | `plan` | gates that kept the plan from going on when it was last looked at |
//! | [`migrate_gates_closed_total`](GATES_CLOSED) | `plan`, `gate` | looks that found a gate closed |
//! | [`migrate_failed_rows`](FAILED_ROWS) | `plan` | rows that do not convert, when it was last looked at |
//! | [`migrate_lock_wait_seconds`](LOCK_WAIT_SECONDS) | `table`, `mode` | from the first try for a table lock until it was had |
//! | [`migrate_lock_hold_seconds`](LOCK_HOLD_SECONDS) | `table`, `mode` | from then until the commit |
//! | [`migrate_lock_tries_total`](LOCK_TRIES) | `table`, `mode` | tries for table locks that were had |
//! | [`migrate_lock_looks_total`](LOCK_LOOKS) | `table`, `mode` | looks at a table lock that was not to be had yet |
//! | [`migrate_statement_blocked_total`](STATEMENT_BLOCKED) | `plan`, `step` | looks, one a second, that found a statement outside of a transaction blocked or blocking |
//! | [`migrate_autovacuum_cancelled_total`](AUTOVACUUM_CANCELLED) | `table` | autovacuums that were cancelled |
//! | [`migrate_replica_unknown_total`](REPLICA_UNKNOWN) | `replica` | looks at a standby that could not be asked |
//! | [`migrate_leading`](LEADING) | | 1 while this process leads, else 0 |
//! | [`migrate_leads_total`](LEADS) | | how often it has taken the lead |
//! | [`migrate_leaders_deposed_total`](LEADERS_DEPOSED) | | leaders not heard of any more whose session it has ended |
//! | [`migrate_fenced`](FENCED) | | 1 while the database has not been heard of for two thirds of the lease, else 0 |
//! | [`migrate_fences_total`](FENCES) | | how often it came to that |

use ::metrics::{Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::closed::Closed;
use crate::event::Event;

macro_rules! names {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $describe:ident, $unit:ident;)*) => {
        $($(#[$doc])* pub const $constant: &str = $name;)*

        /// Tells the installed recorder what the metrics mean, and in which units they are. [`Migrator::new`] does it; where
        /// the recorder is installed after that, the program may.
        ///
        /// [`Migrator::new`]: crate::Migrator::new
        pub fn describe() {
            $($describe!($constant, Unit::$unit, text(&[$(stringify!($doc)),*]));)*
        }
    };
}

names! {
    /// Rows filled by a backfill, or compared by a verification.
    ROWS = "migrate_rows_total", describe_counter, Count;
    /// Batches that have committed.
    BATCHES = "migrate_batches_total", describe_counter, Count;
    /// How long a batch took.
    BATCH_SECONDS = "migrate_batch_seconds", describe_histogram, Seconds;
    /// Heap blocks done, of a table and its partitions.
    BLOCKS_DONE = "migrate_blocks_done", describe_gauge, Count;
    /// Heap blocks there were when the job began.
    BLOCKS = "migrate_blocks", describe_gauge, Count;
    /// Row versions written by a backfill, where PostgreSQL counts them.
    UPDATES = "migrate_updates_total", describe_counter, Count;
    /// Row versions that found room in the block of the old one, and touched no index.
    HOT_UPDATES = "migrate_hot_updates_total", describe_counter, Count;
    /// Sessions that a job works with.
    WORKERS = "migrate_workers", describe_gauge, Count;
    /// The share of the time in which each session of a job works, above 0 and at most 1.
    DUTY = "migrate_duty", describe_gauge, Count;
    /// 1 while a job stands still, held by an operator, a replica or the load of the database, else 0.
    JOB_HELD = "migrate_job_held", describe_gauge, Count;
    /// How long a job stood still, once it goes on.
    JOB_HELD_SECONDS = "migrate_job_held_seconds", describe_histogram, Seconds;
    /// How often many passes over a table were given up for one.
    ONE_PASS = "migrate_one_pass_total", describe_counter, Count;
    /// Batches and statements that were tried again, because PostgreSQL ended them for a passing reason.
    RETRIES = "migrate_retries_total", describe_counter, Count;
    /// Steps done, or undone.
    STEPS = "migrate_steps_total", describe_counter, Count;
    /// How long a step took.
    STEP_SECONDS = "migrate_step_seconds", describe_histogram, Seconds;
    /// Gates that kept a plan from going on when it was last looked at.
    CLOSED_GATES = "migrate_closed_gates", describe_gauge, Count;
    /// Looks that found a gate closed, by its word: see [`Closed::gate`](crate::Closed::gate).
    GATES_CLOSED = "migrate_gates_closed_total", describe_counter, Count;
    /// Rows that do not convert, when a plan was last looked at.
    FAILED_ROWS = "migrate_failed_rows", describe_gauge, Count;
    /// From the first try for a table lock until it was had.
    LOCK_WAIT_SECONDS = "migrate_lock_wait_seconds", describe_histogram, Seconds;
    /// For how long a table lock was held.
    LOCK_HOLD_SECONDS = "migrate_lock_hold_seconds", describe_histogram, Seconds;
    /// Tries for table locks that were had.
    LOCK_TRIES = "migrate_lock_tries_total", describe_counter, Count;
    /// Looks at a table lock that was not to be had yet.
    LOCK_LOOKS = "migrate_lock_looks_total", describe_counter, Count;
    /// Looks, one a second, that found a statement outside of a transaction blocked, or blocking others.
    STATEMENT_BLOCKED = "migrate_statement_blocked_total", describe_counter, Count;
    /// Autovacuums that were cancelled, because they would not have made way by themselves.
    AUTOVACUUM_CANCELLED = "migrate_autovacuum_cancelled_total", describe_counter, Count;
    /// Looks at a standby that could not be asked for its queries.
    REPLICA_UNKNOWN = "migrate_replica_unknown_total", describe_counter, Count;
    /// 1 while this process leads, else 0.
    LEADING = "migrate_leading", describe_gauge, Count;
    /// How often this process has taken the lead.
    LEADS = "migrate_leads_total", describe_counter, Count;
    /// Leaders not heard of any more whose session this process has ended.
    LEADERS_DEPOSED = "migrate_leaders_deposed_total", describe_counter, Count;
    /// 1 while the database has not been heard of for two thirds of the lease, else 0.
    FENCED = "migrate_fenced", describe_gauge, Count;
    /// How often the database was not heard of for two thirds of the lease.
    FENCES = "migrate_fences_total", describe_counter, Count;
}

/// The text of documentation comments, out of their attributes: `doc = " …"`.
fn text(attributes: &[&'static str]) -> String {
    let lines = attributes.iter().filter_map(|attribute| attribute.split_once('"')?.1.rsplit_once('"'));
    lines.map(|(line, _)| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Turns what happens into metrics. Without a wildcard, so that a new event is decided on here.
pub(crate) fn record(event: &Event<'_>) {
    match event {
        Event::StepStarted { .. } | Event::Committing { .. } => {}
        Event::StepDone { plan, step, took } => {
            counter!(STEPS, of_step(plan, step)).increment(1);
            histogram!(STEP_SECONDS, of_step(plan, step)).record(*took);
        }
        Event::Rested { plan, closed } => {
            gauge!(CLOSED_GATES, of_plan(plan)).set(closed.len() as f64);
            for gate in *closed {
                counter!(GATES_CLOSED, with(of_plan(plan), "gate", gate.gate())).increment(1);
            }
            let failed = closed.iter().map(|gate| if let Closed::FailedRows { count, .. } = gate { *count } else { 0 });
            gauge!(FAILED_ROWS, of_plan(plan)).set(failed.sum::<u64>() as f64);
        }
        Event::Batch { plan, step, blocks_done, blocks, rows, updates, hot_updates, took } => {
            counter!(ROWS, of_step(plan, step)).increment(*rows);
            counter!(BATCHES, of_step(plan, step)).increment(1);
            counter!(UPDATES, of_step(plan, step)).increment(*updates);
            counter!(HOT_UPDATES, of_step(plan, step)).increment(*hot_updates);
            // A job that was given up while it stood still goes on without a word.
            gauge!(JOB_HELD, of_step(plan, step)).set(0);
            gauge!(BLOCKS_DONE, of_step(plan, step)).set(*blocks_done as f64);
            gauge!(BLOCKS, of_step(plan, step)).set(*blocks as f64);
            histogram!(BATCH_SECONDS, of_step(plan, step)).record(*took);
        }
        Event::JobPaced { plan, step, workers, duty, .. } => {
            gauge!(WORKERS, of_step(plan, step)).set(*workers);
            gauge!(DUTY, of_step(plan, step)).set(*duty);
        }
        Event::JobHeld { plan, step, .. } => gauge!(JOB_HELD, of_step(plan, step)).set(1),
        Event::JobResumed { plan, step, held } => {
            gauge!(JOB_HELD, of_step(plan, step)).set(0);
            histogram!(JOB_HELD_SECONDS, of_step(plan, step)).record(*held);
        }
        Event::OnePass { plan, step, .. } => counter!(ONE_PASS, of_step(plan, step)).increment(1),
        Event::Retried { plan, step, sqlstate, .. } => {
            counter!(RETRIES, with(of_step(plan, step), "sqlstate", sqlstate)).increment(1);
        }
        Event::StatementBlocked { plan, step, .. } => counter!(STATEMENT_BLOCKED, of_step(plan, step)).increment(1),
        Event::LockWaited { table, mode, .. } => counter!(LOCK_LOOKS, of_lock(table, mode.as_str())).increment(1),
        Event::LockHeld { table, mode, tries, waited, held, .. } => {
            counter!(LOCK_TRIES, of_lock(table, mode.as_str())).increment(u64::from(*tries));
            histogram!(LOCK_WAIT_SECONDS, of_lock(table, mode.as_str())).record(*waited);
            histogram!(LOCK_HOLD_SECONDS, of_lock(table, mode.as_str())).record(*held);
        }
        Event::AutovacuumCancelled { table, .. } => {
            counter!(AUTOVACUUM_CANCELLED, with(Vec::new(), "table", table)).increment(1);
        }
        Event::ReplicaUnknown { replica, .. } => {
            counter!(REPLICA_UNKNOWN, with(Vec::new(), "replica", replica)).increment(1);
        }
        Event::LeadTaken => {
            gauge!(LEADING).set(1);
            counter!(LEADS).increment(1);
        }
        Event::LeadGiven => gauge!(LEADING).set(0),
        Event::Deposed { .. } => counter!(LEADERS_DEPOSED).increment(1),
        Event::Fenced { .. } => {
            gauge!(FENCED).set(1);
            counter!(FENCES).increment(1);
        }
        Event::Unfenced => gauge!(FENCED).set(0),
    }
}

fn of_plan(plan: &str) -> Vec<Label> {
    with(Vec::new(), "plan", plan)
}

fn of_step(plan: &str, step: &str) -> Vec<Label> {
    with(of_plan(plan), "step", step)
}

fn of_lock(table: &str, mode: &str) -> Vec<Label> {
    with(with(Vec::new(), "table", table), "mode", mode)
}

fn with(mut labels: Vec<Label>, name: &'static str, value: &str) -> Vec<Label> {
    labels.push(Label::new(name, value.to_owned()));
    labels
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    use migrate_plan::LockMode;

    use super::*;

    /// What the events come to: each metric with its labels, and its value; of a histogram the sum.
    fn recorded(events: &[Event<'_>]) -> BTreeMap<String, f64> {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        ::metrics::with_local_recorder(&recorder, || {
            describe();
            events.iter().for_each(record);
        });
        let all = snapshotter.snapshot().into_vec().into_iter().map(|(key, unit, description, value)| {
            assert!(unit.is_some() && description.is_some_and(|text| text.ends_with('.')), "{key:?} is not described");
            let labels: Vec<String> =
                key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(values) => values.into_iter().map(f64::from).sum(),
            };
            (format!("{} {}", key.key().name(), labels.join(" ")).trim_end().to_owned(), value)
        });
        all.collect()
    }

    #[test]
    fn what_is_told_is_counted_under_its_labels() {
        let (plan, step, table) = ("cents", "backfill public.sale", "public.sale");
        let took = Duration::from_millis(50);
        let batch = |rows, blocks_done| Event::Batch {
            plan,
            step,
            blocks_done,
            blocks: 40,
            rows,
            updates: rows,
            hot_updates: rows - 1,
            took,
        };
        let held = |waited| Event::LockHeld {
            table,
            mode: LockMode::AccessExclusive,
            tries: 3,
            waited: Duration::from_millis(waited),
            held: Duration::from_millis(4),
            blockers: &[],
        };
        let found = recorded(&[
            batch(10, 8),
            batch(30, 16),
            Event::Retried { plan, step, sqlstate: "40P01", reason: "40P01 deadlock detected" },
            Event::Retried { plan, step, sqlstate: "55P03", reason: "55P03 canceling" },
            Event::Retried { plan, step, sqlstate: "55P03", reason: "55P03 canceling" },
            Event::OnePass { plan, step, hot_share: None, holder: None },
            held(10),
            held(20),
            Event::StepDone { plan, step, took: Duration::from_secs(2) },
        ]);
        let of = "plan=cents step=backfill public.sale";
        let lock = "table=public.sale mode=ACCESS EXCLUSIVE";
        let expected = [
            (format!("migrate_batches_total {of}"), 2.0),
            (format!("migrate_batch_seconds {of}"), 0.1),
            (format!("migrate_blocks {of}"), 40.0),
            (format!("migrate_blocks_done {of}"), 16.0),
            (format!("migrate_hot_updates_total {of}"), 38.0),
            (format!("migrate_job_held {of}"), 0.0),
            (format!("migrate_lock_hold_seconds {lock}"), 0.008),
            (format!("migrate_lock_tries_total {lock}"), 6.0),
            (format!("migrate_lock_wait_seconds {lock}"), 0.03),
            (format!("migrate_one_pass_total {of}"), 1.0),
            (format!("migrate_retries_total {of} sqlstate=40P01"), 1.0),
            (format!("migrate_retries_total {of} sqlstate=55P03"), 2.0),
            (format!("migrate_rows_total {of}"), 40.0),
            (format!("migrate_step_seconds {of}"), 2.0),
            (format!("migrate_steps_total {of}"), 1.0),
            (format!("migrate_updates_total {of}"), 40.0),
        ];
        assert_eq!(found.keys().cloned().collect::<Vec<_>>(), {
            let mut names: Vec<String> = expected.iter().map(|(name, _)| name.clone()).collect();
            names.sort();
            names
        });
        for (name, value) in expected {
            assert!((found[&name] - value).abs() < 1e-9, "{name} is {}, not {value}", found[&name]);
        }
    }

    #[test]
    fn a_gate_that_opens_is_closed_no_more() {
        let closed = [Closed::FailedRows { count: 7, more: false, rows: Vec::new() }, Closed::Held { at: None }];
        let looks =
            [Event::Rested { plan: "cents", closed: &closed }, Event::Rested { plan: "cents", closed: &closed[1..] }];
        let first = recorded(&looks[..1]);
        assert_eq!((first["migrate_closed_gates plan=cents"], first["migrate_failed_rows plan=cents"]), (2.0, 7.0));
        let both = recorded(&looks);
        assert_eq!((both["migrate_closed_gates plan=cents"], both["migrate_failed_rows plan=cents"]), (1.0, 0.0));
        assert_eq!(both["migrate_gates_closed_total plan=cents gate=failed_rows"], 1.0);
        assert_eq!(both["migrate_gates_closed_total plan=cents gate=held"], 2.0);
    }

    #[test]
    fn a_job_that_stands_still_is_held_until_it_goes_on() {
        let (plan, step) = ("cents", "backfill public.sale");
        let events = [
            Event::JobPaced { plan, step, workers: 2, duty: 0.25, limited_by: Some("lock waits") },
            Event::JobHeld { plan, step, reason: "an operator has paused it" },
            Event::JobResumed { plan, step, held: Duration::from_secs(3) },
        ];
        let of = |found: &BTreeMap<String, f64>, name: &str| found[&format!("{name} plan={plan} step={step}")];
        let held = recorded(&events[..2]);
        assert_eq!([WORKERS, DUTY, JOB_HELD].map(|name| of(&held, name)), [2.0, 0.25, 1.0]);
        let resumed = recorded(&events);
        assert_eq!([JOB_HELD, JOB_HELD_SECONDS].map(|name| of(&resumed, name)), [0.0, 3.0]);
    }

    #[test]
    fn leads_and_fences_come_and_go() {
        let silent = Duration::from_secs(20);
        let mut events = vec![Event::LeadTaken, Event::Fenced { silent }, Event::Deposed { pid: 1 }];
        let during = recorded(&events);
        events.extend([Event::LeadGiven, Event::Unfenced, Event::LeadTaken, Event::LeadGiven]);
        let after = recorded(&events);
        let of = |found: &BTreeMap<String, f64>| ["migrate_leading", "migrate_fenced"].map(|name| found[name]);
        assert_eq!((of(&during), of(&after)), ([1.0, 1.0], [0.0, 0.0]));
        let totals = ["migrate_leads_total", "migrate_fences_total", "migrate_leaders_deposed_total"];
        assert_eq!(totals.map(|name| after[name]), [2.0, 1.0, 1.0]);
    }
}
