//! Rows that stand in the way, kept with key, value and message.

use postgres::GenericClient;

use super::cursor::Cursor;
use super::row::RowSql;
use crate::ask::Ask;
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::report::{Closed, FailedRow};
use crate::settings::Settings;
use crate::state::{JournalStep, PlanRow};

/// How many rows a report shows.
const SHOWN: i64 = 100;

/// A row and what is wrong with it.
pub(super) struct Found<'a> {
    /// The key as JSON.
    pub(super) key: &'a str,
    /// Both sides as JSON, where values are kept.
    pub(super) value: Option<&'a str>,
    pub(super) sqlstate: &'a str,
    pub(super) message: &'a str,
}

/// Why a row does not convert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) sqlstate: String,
    pub(super) message: String,
}

impl Reason {
    /// PostgreSQL's words, which quote the value more often than not: where values are not to be kept, they are not either.
    pub(super) fn of(error: &DatabaseError, settings: &Settings) -> Reason {
        let sqlstate = error.code().map_or("", |code| code.code()).to_owned();
        let message = if settings.keep_values { error.message() } else { without_value(&sqlstate).to_owned() };
        Reason { sqlstate, message }
    }

    pub(super) fn null() -> Reason {
        Reason {
            sqlstate: "23502".to_owned(),
            message: "`up` gives null, and the new column is declared not null".to_owned(),
        }
    }
}

fn without_value(sqlstate: &str) -> &'static str {
    match sqlstate {
        state if state.starts_with("22") => "the value cannot be converted",
        state if state.starts_with("23") => "a constraint refuses the value",
        "P0001" => "a function has raised an error",
        _ => "PostgreSQL refuses the value",
    }
}

/// Keeps a row whose sides disagree.
pub(super) fn keep(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    step: &JournalStep,
    cursor: &Cursor,
    found: &Found<'_>,
) -> Result<(), Error> {
    client
        .tell(
            "INSERT INTO migrate.failed_row (plan, step, relation, shown, key, value, sqlstate, message) \
             VALUES ($1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb, $7, $8)",
            &[
                &plan.id,
                &step.number,
                &cursor.relation,
                &cursor.shown,
                &found.key,
                &found.value,
                &found.sqlstate,
                &found.message,
            ],
        )
        .doing("keeping a failed row")?;
    Ok(())
}

/// The failed rows of a backfill.
pub(super) struct Failures<'a> {
    pub(super) plan: &'a PlanRow,
    pub(super) step: &'a JournalStep,
    pub(super) settings: &'a Settings,
}

/// A row that was kept, to be looked at again.
pub(super) struct Kept {
    pub(super) id: i64,
    pub(super) relation: u32,
    /// Where to find it; none where it was not there any more when it was kept.
    pub(super) place: Option<Vec<String>>,
    /// Whether a look at every row has ended since, so that no other row is known to be left.
    pub(super) is_settled: bool,
}

impl Failures<'_> {
    /// Keeps the row at `ctid`, once, as long as there is room for it.
    pub(super) fn keep(
        &self,
        client: &mut impl GenericClient,
        cursor: &Cursor,
        row: &RowSql,
        (ctid, key): (&str, &str),
        reason: &Reason,
    ) -> Result<(), Error> {
        let sql = format!(
            "WITH before AS ( \
                 DELETE FROM migrate.failed_row WHERE plan = $1 AND step = $2 AND relation = $3 AND key = $5::text::jsonb) \
             INSERT INTO migrate.failed_row (plan, step, relation, shown, key, place, value, sqlstate, message) \
             SELECT $1, $2, $3, $4, $5::text::jsonb, found.place, found.value, $6, $7 \
             FROM (SELECT) one LEFT JOIN (SELECT {} AS place, {} AS value FROM ONLY {} WHERE ctid = '{ctid}'::tid) found ON true \
             WHERE (SELECT count(*) FROM migrate.failed_row WHERE plan = $1 AND step = $2) < {}",
            row.place,
            self.value(row),
            cursor.sql,
            self.settings.failed_rows
        );
        let Reason { sqlstate, message } = reason;
        client
            .tell(&sql, &[&self.plan.id, &self.step.number, &cursor.relation, &cursor.shown, &key, sqlstate, message])
            .doing("keeping a failed row")?;
        Ok(())
    }

    /// A kept row fails still, and perhaps for another reason.
    pub(super) fn fails_still(
        &self,
        client: &mut impl GenericClient,
        cursor: &Cursor,
        row: &RowSql,
        (id, condition): (i64, &str),
        reason: &Reason,
    ) -> Result<(), Error> {
        let sql = format!(
            "WITH now AS (SELECT {} AS value FROM ONLY {} WHERE {condition}) \
             UPDATE migrate.failed_row f SET value = now.value, sqlstate = $2, message = $3, seen_at = clock_timestamp() \
             FROM now WHERE f.id = $1 AND (f.value, f.sqlstate, f.message) IS DISTINCT FROM (now.value, $2, $3)",
            self.value(row),
            cursor.sql
        );
        client.tell(&sql, &[&id, &reason.sqlstate, &reason.message]).doing("keeping a failed row")?;
        Ok(())
    }

    fn value<'r>(&self, row: &'r RowSql) -> &'r str {
        if self.settings.keep_values { &row.value } else { "NULL::jsonb" }
    }

    /// Those to be looked at again.
    pub(super) fn kept(&self, client: &mut impl GenericClient) -> Result<Vec<Kept>, Error> {
        let rows = client
            .ask_again(
                "SELECT id, relation, place, settled FROM migrate.failed_row WHERE plan = $1 AND step = $2 ORDER BY id",
                &[&self.plan.id, &self.step.number],
            )
            .doing("reading failed rows")?;
        let kept = |row: postgres::Row| Kept {
            id: row.get(0),
            relation: row.get(1),
            place: row.get(2),
            is_settled: row.get(3),
        };
        Ok(rows.into_iter().map(kept).collect())
    }

    /// One of them is not in the way any more.
    pub(super) fn is_mended(&self, client: &mut impl GenericClient, id: i64) -> Result<(), Error> {
        client.tell("DELETE FROM migrate.failed_row WHERE id = $1", &[&id]).doing("forgetting a failed row")?;
        Ok(())
    }

    /// All of them are found anew.
    pub(super) fn forget(&self, client: &mut impl GenericClient) -> Result<(), Error> {
        client
            .tell("DELETE FROM migrate.failed_row WHERE plan = $1 AND step = $2", &[&self.plan.id, &self.step.number])
            .doing("looking at failed rows again")?;
        Ok(())
    }

    /// Every row was looked at, and these alone are left.
    pub(super) fn settle(&self, client: &mut impl GenericClient) -> Result<(), Error> {
        client
            .tell(
                "UPDATE migrate.failed_row SET settled = true WHERE plan = $1 AND step = $2",
                &[&self.plan.id, &self.step.number],
            )
            .doing("settling failed rows")?;
        Ok(())
    }

    pub(super) fn count(&self, client: &mut impl GenericClient) -> Result<u64, Error> {
        let row = client
            .ask_one(
                "SELECT count(*) FROM migrate.failed_row WHERE plan = $1 AND step = $2",
                &[&self.plan.id, &self.step.number],
            )
            .doing("counting failed rows")?;
        Ok(row.get::<_, i64>(0).unsigned_abs())
    }

    /// Whether there is no room for more of them.
    pub(super) fn is_full(&self, count: u64) -> bool {
        count >= u64::from(self.settings.failed_rows)
    }

    /// The gate that they keep closed.
    pub(super) fn closed(&self, client: &mut impl GenericClient) -> Result<Option<Closed>, Error> {
        let (count, rows) = kept(client, self.plan, self.step)?;
        Ok((count > 0).then_some(Closed::FailedRows { count, more: self.is_full(count), rows }))
    }
}

/// How many rows are kept for a step, and the first of them.
pub(super) fn kept(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    step: &JournalStep,
) -> Result<(u64, Vec<FailedRow>), Error> {
    first(client, "f.plan = $1 AND f.step = $2", plan.id, step.number)
}

/// The gate that the failed rows of a plan's backfills keep closed, for whoever asks.
pub(crate) fn closed(client: &mut impl GenericClient, settings: &Settings, plan: i64) -> Result<Option<Closed>, Error> {
    let condition = "f.plan = $1 AND $2 = 0 AND EXISTS (SELECT FROM migrate.step s WHERE s.plan = f.plan AND s.number = f.step \
                     AND s.work[1] = 'backfill')";
    let (count, rows) = first(client, condition, plan, 0)?;
    let more = count >= u64::from(settings.failed_rows);
    Ok((count > 0).then_some(Closed::FailedRows { count, more, rows }))
}

fn first(
    client: &mut impl GenericClient,
    condition: &str,
    plan: i64,
    step: i32,
) -> Result<(u64, Vec<FailedRow>), Error> {
    let sql = format!(
        "SELECT count(*) OVER (), f.shown, f.key::text, f.value::text, f.sqlstate, f.message \
         FROM migrate.failed_row f WHERE {condition} ORDER BY f.id LIMIT {SHOWN}"
    );
    let rows = client.ask(&sql, &[&plan, &step]).doing("reading failed rows")?;
    let count = rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs());
    Ok((count, rows.iter().map(|row| failed_row(row, 1)).collect()))
}

/// Reads a failed row from the columns `shown, key, value, sqlstate, message`.
pub(crate) fn failed_row(row: &postgres::Row, from: usize) -> FailedRow {
    FailedRow {
        table: row.get(from),
        key: row.get(from + 1),
        value: row.get(from + 2),
        sqlstate: row.get(from + 3),
        message: row.get(from + 4),
    }
}
