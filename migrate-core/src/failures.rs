//! The failed rows of all plans, for whoever asks, and another look at them.

use postgres::{Client, GenericClient};

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::job::failed_row;
use crate::leader;
use crate::report::FailedRow;
use crate::state::{self, Entry, Status};

/// Rows that stand in the way of plans: what [`Migrator::failed`](crate::Migrator::failed) answers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Failures {
    /// How many are kept.
    pub count: u64,
    /// The first of them, by plan and step and as they were found.
    pub rows: Vec<Failure>,
}

/// A row that stands in the way of a plan.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The plan.
    pub plan: String,
    /// The step that cannot be done because of it.
    pub step: String,
    /// The row, and what is wrong with it.
    pub row: FailedRow,
    /// When it was first seen with this value and this error: UTC, as RFC 3339 has it.
    pub seen_at: String,
}

/// Those of one running plan, or of all.
pub(crate) fn all(client: &mut impl GenericClient, plan: Option<&str>, limit: u32) -> Result<Failures, Error> {
    let is_there = state::exists(client)?;
    if let Some(name) = plan
        && (!is_there || state::by_name(client, name)?.is_none())
    {
        return Err(Error::NotStarted { plan: name.to_owned() });
    }
    if !is_there {
        return Ok(Failures::default());
    }
    let from = "FROM migrate.failed_row f JOIN migrate.plan p ON p.id = f.plan \
                JOIN migrate.step s ON s.plan = f.plan AND s.number = f.step \
                WHERE p.status = 'running' AND ($1 IS NULL OR p.name = $1)";
    let count = client.ask_one(&format!("SELECT count(*) {from}"), &[&plan]).doing("counting failed rows")?;
    let sql = format!(
        "SELECT p.name, s.name, to_char(f.seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), \
                f.shown, f.key::text, f.value::text, f.sqlstate, f.message {from} \
         ORDER BY p.id, s.number, f.id LIMIT $2"
    );
    let rows = client.ask(&sql, &[&plan, &i64::from(limit)]).doing("reading failed rows")?;
    let failure = |row: &postgres::Row| Failure {
        plan: row.get(0),
        step: row.get(1),
        seen_at: row.get(2),
        row: failed_row(row, 3),
    };
    Ok(Failures { count: count.get::<_, i64>(0).unsigned_abs(), rows: rows.iter().map(failure).collect() })
}

/// Has whoever leads look at a plan's failed rows again. It asks for no leader; answers how many rows are kept.
pub(crate) fn retry(client: &mut Client, name: &str) -> Result<u64, Error> {
    let row = if state::exists(client)? { state::by_name(client, name)? } else { None };
    let row = row.ok_or_else(|| Error::NotStarted { plan: name.to_owned() })?;
    if row.status != Status::Running {
        return Ok(0);
    }
    let mut transaction = client.transaction().doing("asking for another look")?;
    let count: i64 = transaction
        .ask_one("SELECT count(*) FROM migrate.failed_row WHERE plan = $1", &[&row.id])
        .doing("counting failed rows")?
        .get(0);
    if count > 0 {
        leader::disturb(&mut transaction)?;
        state::record(&mut transaction, &Entry::of(name, "failed rows to be looked at again"))?;
    }
    transaction.commit().doing("asking for another look")?;
    Ok(count.unsigned_abs())
}
