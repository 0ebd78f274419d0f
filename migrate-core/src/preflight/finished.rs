//! Is the live database what a plan leaves behind?

use migrate_plan::Plan;
use migrate_plan::ident::retired;
use migrate_plan::plan::Table;
use postgres::Client;

use super::columns::{Live, live, same_value};
use super::usable;
use crate::database::Doing;
use crate::error::{Error, Problem};

/// Compares the tables with the shape after a plan; answers their OIDs, or everything that is different. `later` are the
/// plans after it: what they replace may be gone already.
pub(crate) fn finished(
    client: &mut Client,
    plan: &Plan,
    later: &[&Plan],
) -> Result<Result<Vec<u32>, Vec<Problem>>, Error> {
    let mut problems = Vec::new();
    let mut relations = Vec::new();
    for table in plan.tables.iter() {
        let Some(relation) = usable(client, table, &mut problems)? else { continue };
        columns(client, table, relation.oid, later, &mut problems)?;
        relations.push(relation.oid);
    }
    Ok(if problems.is_empty() { Ok(relations) } else { Err(problems) })
}

fn columns(
    client: &mut Client,
    table: &Table,
    relation: u32,
    later: &[&Plan],
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let there = live(client, relation)?;
    let find = |name: &str| there.iter().find(|column| column.name == name);
    let shown = |column: &str| format!("column {}.{}.{column}", table.schema, table.name);
    for lens in table.lenses.iter() {
        for name in [&*lens.old.column, &retired(&lens.old.column)] {
            if find(name).is_some() {
                problems.push(Problem::new(
                    shown(name),
                    "is still there, and the plan drops it",
                    "let the plan run here instead of recording it",
                ));
            }
        }
        match find(&lens.new.column) {
            Some(column) => compare(client, &shown(&lens.new.column), &lens.new, column, problems)?,
            None if is_replaced(table, &lens.new.column, later) => {}
            None => problems.push(Problem::new(
                shown(&lens.new.column),
                "does not exist, and the plan makes it",
                "load a dump of the schema that was taken after the plan",
            )),
        }
    }
    Ok(())
}

fn is_replaced(table: &Table, column: &str, later: &[&Plan]) -> bool {
    let same = |other: &&Table| other.schema == table.schema && other.name == table.name;
    later
        .iter()
        .flat_map(|plan| plan.tables.iter().filter(same))
        .any(|table| table.lenses.iter().any(|lens| lens.old.column == column))
}

fn compare(
    client: &mut Client,
    shown: &str,
    declared: &migrate_plan::lens::Shape,
    column: &Live,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let ty = type_name(client, &declared.ty)?;
    let alter = "alter it to what the plan makes";
    if column.ty != ty {
        problems.push(Problem::new(shown, format!("is {}, and the plan makes {ty}", column.ty), alter));
        return Ok(());
    }
    if column.not_null != declared.not_null {
        let what = if declared.not_null {
            "may be null, and the plan makes it NOT NULL"
        } else {
            "is NOT NULL, and the plan lets it be null"
        };
        problems.push(Problem::new(shown, what, alter));
    }
    let is_same = match (&declared.default, &column.default) {
        (Some(made), Some(found)) => same_value(client, made, found, &ty)?,
        (made, found) => made.is_none() == found.is_none(),
    };
    if !is_same {
        let word =
            |default: Option<&str>| default.map_or_else(|| "no default".to_owned(), |sql| format!("the default {sql}"));
        let what = format!(
            "has {}, and the plan makes {}",
            word(column.default.as_deref()),
            word(declared.default.as_deref())
        );
        problems.push(Problem::new(shown, what, alter));
    }
    Ok(())
}

/// A type as PostgreSQL's `format_type` prints it, so that it can be compared with a column's.
fn type_name(client: &mut Client, ty: &str) -> Result<String, Error> {
    let sql = format!("SELECT NULL::{ty}");
    let statement = client.prepare(&sql).running("looking for a type", &sql)?;
    let Some(column) = statement.columns().first() else { return Ok(ty.to_owned()) };
    let row = client
        .query_one("SELECT pg_catalog.format_type($1, $2)", &[&column.type_().oid(), &column.type_modifier()])
        .doing("looking for a type")?;
    Ok(row.get(0))
}
