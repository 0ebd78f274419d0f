//! Columns: there, of the declared type, and free where they are to be added.

use migrate_plan::ident::{quote, retired};
use migrate_plan::plan::{Declared, Table};
use postgres::Client;

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::{Error, Problem};

/// A column as it is.
pub(super) struct Live {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
    /// Generated, identity, or part of the partition key.
    special: Option<&'static str>,
}

pub(super) fn check(
    client: &mut Client,
    plan: &str,
    table: &Table,
    relation: u32,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let live = live(client, relation)?;
    let shown = |column: &str| format!("column {}.{}.{column}", table.schema, table.name);
    for declared in table.columns.iter() {
        let Some(column) = live.iter().find(|column| column.name == declared.name) else {
            problems.push(match made(table, &declared.name, &live) {
                Some(new) => already_made(plan, &shown(&declared.name), new),
                None => missing(client, &shown(&declared.name), &declared.name, &live)?,
            });
            continue;
        };
        let replaced = table.lenses.iter().any(|lens| lens.old.column == declared.name);
        compare(client, &shown(&declared.name), declared, column, replaced, problems)?;
    }
    for lens in table.lenses.iter().filter(|lens| made(table, &lens.old.column, &live).is_none()) {
        let retired = retired(&lens.old.column);
        for name in [&*lens.new.column, &retired] {
            if live.iter().any(|column| column.name == name) {
                problems.push(Problem::new(
                    shown(name),
                    "exists already, and this plan would add it",
                    "choose another name, or drop that column first: nothing is ever reused or dropped that the plan \
                     did not create",
                ));
            }
        }
    }
    Ok(())
}

/// The new column of the one that is missing, where it is there: the database has been made in the shape after the plan.
fn made<'a>(table: &'a Table, old: &str, live: &[Live]) -> Option<&'a str> {
    let is_live = |name: &str| live.iter().any(|column| column.name == name);
    let lens = table.lenses.iter().find(|lens| lens.old.column == old)?;
    (!is_live(old) && is_live(&lens.new.column)).then_some(&*lens.new.column)
}

fn already_made(plan: &str, shown: &str, new: &str) -> Problem {
    Problem::new(
        shown,
        format!("does not exist, and `{new}`, which would replace it, does"),
        format!(
            "if this database was made from a schema in which the plan is finished, record it so, with a build that has it \
             at `stage contract`: `baseline {plan}` on the command line, or `Migrator::baseline`"
        ),
    )
}

fn missing(client: &mut Client, shown: &str, name: &str, live: &[Live]) -> Result<Problem, Error> {
    let remedy = match migrate_plan::check::nearest(name, live.iter().map(|column| column.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "mend its name in the plan".to_owned(),
    };
    Ok(Problem::new(shown, "does not exist", remedy + deleted_plan(client)?))
}

/// What to do besides in a database in which no plan has been carried out: the one that made what is missing may be gone from
/// the code, since every database of that time had it behind it.
fn deleted_plan(client: &mut Client) -> Result<&'static str, Error> {
    let is_fresh: bool = client
        .query_one("SELECT NOT EXISTS (SELECT FROM migrate.plan WHERE status = 'finished')", &[])
        .doing("looking for finished plans")?
        .get(0);
    Ok(if is_fresh {
        "; or, if a plan that was deleted from the code made it, load a dump of the schema that was taken after that plan, and \
         record with `baseline` what it holds"
    } else {
        ""
    })
}

pub(super) fn live(client: &mut Client, relation: u32) -> Result<Vec<Live>, Error> {
    let rows = client
        .ask_again(
            "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, \
                    CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END, \
                    a.attgenerated <> '', a.attidentity <> '', \
                    EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p \
                            WHERE p.partrelid = a.attrelid AND a.attnum = ANY (p.partattrs::int2[])) \
             FROM pg_catalog.pg_attribute a \
             LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
             WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            &[&relation],
        )
        .doing("reading a table's columns")?;
    Ok(rows
        .into_iter()
        .map(|row| Live {
            name: row.get(0),
            ty: row.get(1),
            not_null: row.get(2),
            default: row.get(3),
            special: match (row.get(4), row.get(5), row.get(6)) {
                (true, _, _) => Some("is a generated column"),
                (_, true, _) => Some("is an identity column"),
                (_, _, true) => Some("is part of the partition key"),
                _ => None,
            },
        })
        .collect())
}

fn compare(
    client: &mut Client,
    shown: &str,
    declared: &Declared,
    live: &Live,
    replaced: bool,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    if live.ty != declared.ty {
        problems.push(Problem::new(
            shown,
            format!("is {}, and the plan declares {}", live.ty, declared.ty),
            format!("declare it as `{}`", live.ty),
        ));
        return Ok(());
    }
    match live.special {
        Some(what @ "is a generated column") => problems.push(Problem::new(
            shown,
            what,
            "triggers do not see its value: convert from the columns that it is generated from",
        )),
        Some(what) if replaced => problems.push(Problem::new(shown, what, "such a column cannot be replaced yet")),
        _ => {}
    }
    match (declared.not_null, live.not_null) {
        (true, false) => {
            problems.push(Problem::new(
                shown,
                "may be null, and the plan declares it not null",
                "leave out `not null`",
            ));
        }
        // A column that is only read may be stricter than what is declared of it.
        (false, true) if replaced => {
            problems.push(Problem::new(shown, "is NOT NULL, and the plan does not say so", "declare it `not null`"));
        }
        _ => {}
    }
    if replaced {
        default(client, shown, declared, live, problems)?;
    }
    Ok(())
}

/// The declared default is the live one: an omitted column is told from a given one by it.
fn default(
    client: &mut Client,
    shown: &str,
    declared: &Declared,
    live: &Live,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    match (&declared.default, &live.default) {
        (None, None) => {}
        (None, Some(found)) => problems.push(Problem::new(
            shown,
            format!("has the default {found}, and the plan declares none"),
            "declare it with `default …`: an omitted column is told from a given one by it",
        )),
        (Some(written), None) => problems.push(Problem::new(
            shown,
            format!("has no default, and the plan declares {written}"),
            "leave `default` out",
        )),
        (Some(written), Some(found)) => {
            if !same_value(client, written, found, &declared.ty)? {
                problems.push(Problem::new(
                    shown,
                    format!("has the default {found}, and the plan declares {written}"),
                    format!("declare it with the live default, {found}"),
                ));
            }
        }
    }
    Ok(())
}

/// Whether PostgreSQL computes the same from both; sequences are not asked, they would move.
pub(super) fn same_value(client: &mut Client, a: &str, b: &str, ty: &str) -> Result<bool, Error> {
    if a.contains("nextval") || b.contains("nextval") {
        return Ok(a == b);
    }
    let sql = format!("SELECT (({a})::{ty})::text IS NOT DISTINCT FROM (({b})::{ty})::text");
    Ok(client.ask_one(&sql, &[]).is_ok_and(|row| row.get(0)))
}

/// No other plan in flight changes what this one changes or reads.
pub(super) fn other_plans(
    client: &mut Client,
    table: &Table,
    relation: u32,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let reads: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
    let replaces: Vec<&str> = table.lenses.iter().map(|lens| &*lens.old.column).collect();
    let rows = client
        .ask(
            "SELECT DISTINCT p.name, t.old_columns && $2 AS taken \
             FROM migrate.plan p JOIN migrate.plan_table t ON t.plan = p.id \
             JOIN migrate.part f ON f.plan = t.plan AND f.place = t.place AND f.shape = 'live' \
             WHERE p.status = 'running' AND t.relation = $1 \
               AND (t.old_columns && $2 \
                    OR EXISTS (SELECT FROM pg_catalog.unnest(f.reads) AS r(name) \
                               WHERE r.name = ANY ($3) AND NOT r.name = ANY (t.new_columns)))",
            &[&relation, &reads, &replaces],
        )
        .doing("looking for plans in flight on the table")?;
    for row in rows {
        let (plan, taken): (String, bool) = (row.get(0), row.get(1));
        let what =
            if taken { "replaces a column that this plan uses" } else { "reads a column that this plan replaces" };
        problems.push(Problem::new(
            format!("plan `{plan}`, in flight on {}.{},", table.schema, table.name),
            what,
            "finish or revert that one first",
        ));
    }
    Ok(())
}

/// `"a" numeric, "b" text` of a table's declared columns, for a table to try expressions on.
pub(super) fn definitions(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| format!("{} {}", quote(&column.name), column.ty)).collect()
}

/// A name no user has.
pub(super) fn probe_table() -> String {
    format!("{}.{}", quote("migrate"), quote("~probe"))
}
