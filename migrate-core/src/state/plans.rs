//! Plans and their tables as the database knows them.

use migrate_plan::ident::Qualified;
use migrate_plan::sync::{self, Fragment, Part, Standing};
use migrate_plan::{Phase, Plan, Side};
use postgres::error::SqlState;
use postgres::types::Type;
use postgres::{GenericClient, Row};

use super::work::{encode, side_of};
use crate::ask::{Ask, Parameter};
use crate::database::{DatabaseError, Doing};
use crate::error::Error;

/// A plan that has started once.
#[derive(Clone, Debug)]
pub(crate) struct PlanRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) declaration: String,
    pub(crate) status: Status,
    pub(crate) side: Side,
    /// The last phase the runner may enter; `Some(None)` is none at all.
    pub(crate) held_at: Option<Option<Phase>>,
    pub(crate) conflicts: i64,
    /// Whether builds that may use the old columns are not let in any more.
    pub(crate) is_closed: bool,
}

/// Where a plan is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Finished,
    Reverted,
}

impl Status {
    /// Reads it as the state has it.
    pub(crate) fn of(word: &str) -> Status {
        match word {
            "finished" => Status::Finished,
            "reverted" => Status::Reverted,
            _ => Status::Running,
        }
    }
}

/// What of a plan stands on a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing.
    Absent,
    /// Both sides, under their own names; what does not convert leaves the new one empty.
    Live,
    /// Both sides; what does not convert is refused.
    Strict,
    /// Both sides, the old columns under their retired names.
    Retired,
}

impl Shape {
    /// Reads it as the state has it.
    pub(super) fn of(word: &str) -> Shape {
        match word {
            "live" => Shape::Live,
            "strict" => Shape::Strict,
            "retired" => Shape::Retired,
            _ => Shape::Absent,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Shape::Absent => "absent",
            Shape::Live => "live",
            Shape::Strict => "strict",
            Shape::Retired => "retired",
        }
    }
}

/// A table of a plan.
#[derive(Clone, Debug)]
pub(crate) struct TableRow {
    pub(crate) place: i32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) relation: u32,
    pub(crate) shape: Shape,
    pub(crate) old_columns: Vec<String>,
    pub(crate) fill: String,
    pub(crate) unfilled: String,
    pub(crate) mismatch: String,
    /// Two forms for each lens.
    pub(crate) mismatch_each: Vec<String>,
}

impl TableRow {
    /// The quoted, qualified name.
    pub(crate) fn sql(&self) -> String {
        Qualified { schema: &self.schema, name: &self.name }.to_string()
    }

    /// The name for people.
    pub(crate) fn shown(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

const COLUMNS: &str = "id, name, declaration, status, side, held_at, conflicts, closed_at IS NOT NULL";

/// The plans of these names, oldest first.
pub(crate) fn by_names(client: &mut impl GenericClient, names: &[&str]) -> Result<Vec<PlanRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM migrate.plan WHERE name = ANY ($1) ORDER BY id");
    let rows = client.ask_again(&sql, &[&names]).doing("reading the plans")?;
    Ok(rows.iter().map(plan_row).collect())
}

/// The plan of this name.
pub(crate) fn by_name(client: &mut impl GenericClient, name: &str) -> Result<Option<PlanRow>, Error> {
    Ok(by_names(client, &[name])?.pop())
}

/// The side to use for a plan, as every role may ask: `Old` where nothing has started. One round trip.
pub(crate) fn side(client: &mut impl GenericClient, name: &str) -> Result<Side, Error> {
    let sql = "SELECT side FROM migrate.plan WHERE name OPERATOR(pg_catalog.=) $1";
    match client.query_typed(sql, &[(&name, Type::TEXT)]) {
        Ok(rows) => Ok(rows.first().and_then(|row| side_of(row.get(0))).unwrap_or(Side::Old)),
        // No plan has ever started here.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Side::Old),
        Err(error) => Err(DatabaseError::new("asking for the side to use", error).into()),
    }
}

/// All plans, oldest first.
pub(crate) fn plans(client: &mut impl GenericClient) -> Result<Vec<PlanRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM migrate.plan ORDER BY id");
    let rows = client.ask(&sql, &[]).doing("reading the plans")?;
    Ok(rows.iter().map(plan_row).collect())
}

/// The phase at which an operator holds a plan; none where that is before the first.
pub(super) fn phase_held_at(word: &str) -> Option<Phase> {
    Phase::ALL.into_iter().find(|phase| phase.as_str() == word)
}

fn plan_row(row: &Row) -> PlanRow {
    let (status, side): (String, String) = (row.get(3), row.get(4));
    let held: Option<String> = row.get(5);
    PlanRow {
        id: row.get(0),
        name: row.get(1),
        declaration: row.get(2),
        status: Status::of(&status),
        side: side_of(&side).unwrap_or(Side::Old),
        held_at: held.as_deref().map(phase_held_at),
        conflicts: row.get(6),
        is_closed: row.get(7),
    }
}

/// The tables of a plan in their order.
pub(crate) fn tables(client: &mut impl GenericClient, plan: i64) -> Result<Vec<TableRow>, Error> {
    let rows = client
        .ask_again(
            "SELECT place, schema_name, table_name, relation, shape, old_columns, fill, unfilled, mismatch, mismatch_each \
             FROM migrate.plan_table WHERE plan = $1 ORDER BY place",
            &[&plan],
        )
        .doing("reading a plan's tables")?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let shape: String = row.get(4);
            TableRow {
                place: row.get(0),
                schema: row.get(1),
                name: row.get(2),
                relation: row.get(3),
                shape: Shape::of(&shape),
                old_columns: row.get(5),
                fill: row.get(6),
                unfilled: row.get(7),
                mismatch: row.get(8),
                mismatch_each: row.get(9),
            }
        })
        .collect())
}

/// Journals a plan that starts, and `event` in its history: from here on only what is written here is executed.
/// `relations` are the tables' OIDs.
pub(crate) fn insert(
    client: &mut impl GenericClient,
    plan: &Plan,
    relations: &[u32],
    event: &str,
) -> Result<PlanRow, Error> {
    let sql = format!(
        "WITH journaled AS (INSERT INTO migrate.plan (name, declaration, steps) VALUES ($1, $2, $3) RETURNING *), \
              told AS (INSERT INTO migrate.history (plan, event) SELECT name, $4 FROM journaled) \
         SELECT {COLUMNS} FROM journaled"
    );
    let row = client
        .ask_one_again(&sql, &[&&*plan.name, &&*plan.declaration, &(plan.steps.len() as i32), &event])
        .doing("journaling a plan")?;
    let row = plan_row(&row);
    let id = row.id;
    for (place, (table, relation)) in plan.tables.iter().zip(relations).enumerate() {
        insert_table(client, id, place as i32, &plan.name, table, *relation)?;
    }
    let steps: Vec<_> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(number, step)| {
            let probe = step.probe(plan).unwrap_or_default();
            let [work, undo] = [&step.work, &step.undo].map(|work| encode(work, step.statements(plan, work)));
            (number as i32, step.phase().as_str(), step.name(plan), step.summary(plan), probe, work, undo)
        })
        .collect();
    let rows = steps.iter().map(|(number, phase, name, summary, probe, work, undo)| -> [&dyn Parameter; 8] {
        [&id, number, phase, name, summary, probe, work, undo]
    });
    insert_rows(client, "migrate.step (plan, number, phase, name, summary, probe, work, undo)", rows)
        .doing("journaling the steps")?;
    Ok(row)
}

fn insert_table(
    client: &mut impl GenericClient,
    plan: i64,
    place: i32,
    name: &str,
    table: &migrate_plan::plan::Table,
    relation: u32,
) -> Result<(), Error> {
    let fragments: Vec<Fragment<'_>> = table.lenses.iter().map(|lens| Fragment::new(lens, Standing::Lenient)).collect();
    let all = |sql: &dyn Fn(&Fragment<'_>) -> String, between: &str| -> String {
        fragments.iter().map(sql).collect::<Vec<_>>().join(between)
    };
    let each: Vec<String> =
        fragments.iter().flat_map(|fragment| [Side::New, Side::Old].map(|first| fragment.mismatch(first))).collect();
    let old: Vec<&str> = table.lenses.iter().map(|lens| &*lens.old.column).collect();
    let new: Vec<&str> = table.lenses.iter().map(|lens| &*lens.new.column).collect();
    let has_default = table.lenses.iter().filter(|lens| lens.new.default.is_some());
    let defaulted: Vec<&str> = has_default.map(|lens| &*lens.new.column).collect();
    client
        .tell_again(
            "INSERT INTO migrate.plan_table \
                    (plan, place, schema_name, table_name, relation, old_columns, new_columns, defaulted_columns, fill, \
                     unfilled, mismatch, mismatch_each) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &[
                &plan,
                &place,
                &&*table.schema,
                &&*table.name,
                &relation,
                &old,
                &new,
                &defaulted,
                &all(&|f| f.fill(), ", "),
                &all(&|f| f.unfilled(), " OR "),
                &all(&|f| f.mismatch(Side::New), " OR "),
                &each,
            ],
        )
        .doing("journaling a table")?;
    let standings =
        [(Shape::Live, Standing::Lenient), (Shape::Strict, Standing::Strict), (Shape::Retired, Standing::Retired)];
    let mut parts = Vec::new();
    for (shape, standing) in standings {
        for side in [Side::Old, Side::New] {
            let all = sync::parts(name, &table.lenses, standing, side).into_iter().enumerate();
            parts.extend(all.map(|(number, part)| (number as i32, shape.as_str(), side.as_str(), part)));
        }
    }
    let rows = parts.iter().map(|(number, shape, side, part)| -> [&dyn Parameter; 10] {
        let Part { block, descent, update_condition, reads, writes } = part;
        [&plan, &place, number, shape, side, block, descent, update_condition, reads, writes]
    });
    let into = "migrate.part (plan, place, number, shape, side, block, descent, update_condition, reads, writes)";
    insert_rows(client, into, rows).doing("journaling the lenses")?;
    Ok(())
}

/// Inserts rows of `N` columns in as few statements as there may be: PostgreSQL takes 65,535 parameters in one.
fn insert_rows<'a, const N: usize>(
    client: &mut impl GenericClient,
    into: &str,
    rows: impl Iterator<Item = [&'a dyn Parameter; N]>,
) -> Result<(), postgres::Error> {
    let rows: Vec<_> = rows.collect();
    for rows in rows.chunks(1000) {
        let row = |number: usize| {
            let places: Vec<String> = (1..=N).map(|place| format!("${}", number * N + place)).collect();
            format!("({})", places.join(", "))
        };
        let values: Vec<String> = (0..rows.len()).map(row).collect();
        client.tell_again(&format!("INSERT INTO {into} VALUES {}", values.join(", ")), &rows.concat())?;
    }
    Ok(())
}

/// Writes down what keeps a plan from going on and what hangs on its old columns, for whoever asks.
pub(crate) fn looked_at(
    client: &mut impl GenericClient,
    plan: i64,
    waits_for: &[String],
    dependents: &[String],
) -> Result<(), Error> {
    client
        .tell_again(
            "UPDATE migrate.plan SET waits_for = $2, dependents = $3, looked_at = clock_timestamp() WHERE id = $1",
            &[&plan, &waits_for, &dependents],
        )
        .doing("writing what a plan waits for")?;
    Ok(())
}

/// What kept a plan from going on when it was last looked at, and how many seconds ago that was.
pub(crate) fn last_look(client: &mut impl GenericClient, plan: i64) -> Result<(Vec<String>, Option<f64>), Error> {
    let row = client
        .query_typed_opt(
            "SELECT waits_for, extract(epoch FROM clock_timestamp() - looked_at)::float8 \
             FROM migrate.plan WHERE id = $1",
            &[(&plan, Type::INT8)],
        )
        .doing("reading what a plan waits for")?;
    let Some(row) = row else { return Ok((Vec::new(), None)) };
    let ago: Option<f64> = row.get(1);
    Ok((row.get(0), ago.map(|seconds| seconds.max(0.0))))
}

/// Removes a reverted plan, so that it can start anew; its history stays.
pub(crate) fn forget(client: &mut impl GenericClient, plan: i64) -> Result<(), Error> {
    client.tell("DELETE FROM migrate.plan WHERE id = $1", &[&plan]).doing("forgetting a reverted plan")?;
    Ok(())
}
