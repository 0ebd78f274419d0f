//! Who did what when.

use std::time::{Duration, Instant};

use migrate_plan::ident::literal;
use postgres::types::Type;
use postgres::{GenericClient, Row};

use super::JournalStep;
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::lock::LockCost;

/// One thing that happened to a plan, as [`Migrator::history`](crate::Migrator::history) tells it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// When, on the database's clock: UTC, as RFC 3339 has it, to the microsecond.
    pub at: String,
    /// The plan.
    pub plan: String,
    /// What happened: `started`, `done` and `undone` of a step, `held at …`, `released`, `reverted`, `sync mended`,
    /// `acknowledged: …`, `recorded as finished`, `failed rows to be looked at again`.
    pub event: String,
    /// The step that it happened to.
    pub step: Option<String>,
    /// The SQL that was executed.
    pub statements: Vec<String>,
    /// The role of the database that did it.
    pub role: String,
    /// The `application_name` of its session.
    pub application: String,
    /// The instance that did it, where a service did.
    pub instance: Option<i64>,
    /// How long it took, where that was measured.
    pub took: Option<Duration>,
    /// For how long the lock on its table was tried, where it was not to be had at once.
    pub lock_waited: Option<Duration>,
    /// Who held the table meanwhile.
    pub lock_holders: Vec<String>,
    /// Who decided it, where that was said: see [`Migrator::decided_by`](crate::Migrator::decided_by).
    pub decided_by: Option<String>,
    /// Why, where that was said.
    pub reason: Option<String>,
}

/// One thing to be recorded.
pub(crate) struct Entry<'a> {
    pub(crate) plan: &'a str,
    pub(crate) event: &'a str,
    pub(crate) step: Option<&'a str>,
    pub(crate) statements: &'a [String],
    /// When it began.
    pub(crate) begun: Option<Instant>,
    /// What the table lock cost that it needed.
    pub(crate) lock: Option<&'a LockCost>,
}

impl<'a> Entry<'a> {
    /// What happened to a plan as a whole.
    pub(crate) fn of(plan: &'a str, event: &'a str) -> Entry<'a> {
        Entry { plan, event, step: None, statements: &[], begun: None, lock: None }
    }

    /// A step that is done, or undone, and that began then.
    pub(crate) fn step(
        plan: &'a str,
        event: &'a str,
        step: &'a JournalStep,
        begun: Instant,
        statements: &'a [String],
    ) -> Entry<'a> {
        Entry { plan, event, step: Some(&step.name), statements, begun: Some(begun), lock: None }
    }
}

/// Adds an entry, in the transaction of what it tells.
pub(crate) fn record(client: &mut impl GenericClient, entry: &Entry<'_>) -> Result<(), Error> {
    let took = entry.begun.map(|begun| begun.elapsed().as_secs_f64());
    let waited = entry.lock.map(|lock| lock.waited.as_secs_f64());
    let holders: Option<Vec<String>> =
        entry.lock.map(|lock| lock.blockers_seen.iter().map(ToString::to_string).collect());
    client
        .tell_again(
            "INSERT INTO migrate.history (plan, event, step, statements, took, lock_waited, lock_holders) \
             VALUES ($1, $2, $3, $4, make_interval(secs => $5), make_interval(secs => $6), $7)",
            &[&entry.plan, &entry.event, &entry.step, &entry.statements, &took, &waited, &holders],
        )
        .doing("writing the history")?;
    Ok(())
}

/// The statement that adds an entry, for a message with more in it: what that takes counts as well.
pub(crate) fn entry_sql(entry: &Entry<'_>) -> String {
    let seconds = |time: f64| format!("pg_catalog.make_interval(secs => {time})");
    let none = || "NULL".to_owned();
    let array = |texts: &[String]| {
        let texts: Vec<String> = texts.iter().map(|text| literal(text)).collect();
        format!("ARRAY[{}]::pg_catalog.text[]", texts.join(", "))
    };
    let took = entry.begun.map(|begun| {
        let here = "clock_timestamp() - statement_timestamp()";
        format!("{} + ({here})", seconds(begun.elapsed().as_secs_f64()))
    });
    let holders = |lock: &LockCost| lock.blockers_seen.iter().map(ToString::to_string).collect::<Vec<String>>();
    format!(
        "INSERT INTO migrate.history (plan, event, step, statements, took, lock_waited, lock_holders) \
         VALUES ({}, {}, {}, {}, {}, {}, {})",
        literal(entry.plan),
        literal(entry.event),
        entry.step.map_or_else(none, literal),
        array(entry.statements),
        took.unwrap_or_else(none),
        entry.lock.map_or_else(none, |lock| seconds(lock.waited.as_secs_f64())),
        entry.lock.map_or_else(none, |lock| array(&holders(lock)))
    )
}

/// The newest `limit` entries, of one plan or of all, newest first.
pub(crate) fn history(
    client: &mut impl GenericClient,
    plan: Option<&str>,
    limit: u32,
) -> Result<Vec<HistoryEntry>, Error> {
    let rows = client
        .query_typed(
            "SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), plan, event, step, \
                    coalesce(statements, '{}'), role, application, decided_by, reason, \
                    instance, extract(epoch FROM took)::float8, extract(epoch FROM lock_waited)::float8, \
                    coalesce(lock_holders, '{}') \
             FROM migrate.history WHERE $1::text IS NULL OR plan = $1 ORDER BY id DESC LIMIT $2",
            &[(&plan, Type::TEXT), (&i64::from(limit), Type::INT8)],
        )
        .doing("reading the history")?;
    Ok(rows
        .into_iter()
        .map(|row| HistoryEntry {
            at: row.get(0),
            plan: row.get(1),
            event: row.get(2),
            step: row.get(3),
            statements: row.get(4),
            role: row.get(5),
            application: row.get(6),
            decided_by: row.get(7),
            reason: row.get(8),
            instance: row.get(9),
            took: duration(&row, 10),
            lock_waited: duration(&row, 11),
            lock_holders: row.get(12),
        })
        .collect())
}

fn duration(row: &Row, place: usize) -> Option<Duration> {
    row.get::<_, Option<f64>>(place).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}
