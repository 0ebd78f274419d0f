//! Conversions: PostgreSQL itself says whether it accepts them, for these columns and as immutable.

use migrate_plan::ident::quote;
use migrate_plan::lens::{Conversion, Lens};
use migrate_plan::plan::Table;
use postgres::error::SqlState;
use postgres::{Client, Transaction};

use super::Relation;
use super::columns::{definitions, probe_table, same_value};
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::{Error, Problem};

pub(super) fn check(
    client: &mut Client,
    table: &Table,
    relation: &Relation,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let are_accepted = all_are_accepted(client, table, relation)?;
    for lens in table.lenses.iter() {
        let before = problems.len();
        if !are_accepted {
            let old = definitions(table);
            let new = [&old[..], &[definition(lens)]].concat();
            accepted(client, table, lens, ("up", &lens.up), &lens.new.ty, &old, problems)?;
            accepted(client, table, lens, ("down", &lens.down), &lens.old.ty, &new, problems)?;
        }
        if problems.len() == before {
            defaults(client, table, lens, problems)?;
        }
    }
    Ok(())
}

/// The new column of a lens, for a table to try expressions on.
fn definition(lens: &Lens) -> String {
    format!("{} {}", quote(&lens.new.column), lens.new.ty)
}

/// A generated column that PostgreSQL takes only if the expression is immutable and can be stored as the type.
fn generated(name: &str, to: &str, conversion: &Conversion) -> String {
    format!("{} {to} GENERATED ALWAYS AS ({}) STORED", quote(name), conversion.expression)
}

/// Tries all conversions of a table at once, in one message. Where one is refused, nobody says which; and where other roles
/// have rights on the table, what the conversions call is to be looked at as well: then each is tried by itself.
fn all_are_accepted(client: &mut Client, table: &Table, relation: &Relation) -> Result<bool, Error> {
    if relation.is_granted {
        return Ok(false);
    }
    let mut columns = definitions(table);
    columns.extend(table.lenses.iter().map(definition));
    for (place, lens) in table.lenses.iter().enumerate() {
        columns.push(generated(&format!("~up {place}"), &lens.new.ty, &lens.up));
        columns.push(generated(&format!("~down {place}"), &lens.old.ty, &lens.down));
    }
    // A partitioned table is made without a file.
    columns.push("\"~key\" integer".to_owned());
    let columns = columns.join(", ");
    let sql = format!("BEGIN; CREATE TABLE {} ({columns}) PARTITION BY LIST (\"~key\"); ROLLBACK", probe_table());
    let is_accepted = client.batch_execute(&sql).is_ok();
    if !is_accepted {
        client.batch_execute("ROLLBACK").doing("trying a conversion")?;
    }
    Ok(is_accepted)
}

/// Tries one in a table that is never committed, and says what is wrong with it.
fn accepted(
    client: &mut Client,
    table: &Table,
    lens: &Lens,
    (word, conversion): (&str, &Conversion),
    to: &str,
    columns: &[String],
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let result = generated("~result", to, conversion);
    let sql = format!("CREATE TABLE {} ({}, {result})", probe_table(), columns.join(", "));
    let mut transaction = client.transaction().doing("trying a conversion")?;
    let outcome = transaction.batch_execute(&sql);
    if outcome.is_ok() {
        executable(&mut transaction, table, problems)?;
    }
    transaction.rollback().doing("trying a conversion")?;
    let Err(error) = outcome else { return Ok(()) };
    let shown = format!(
        "`{word}` of {}.{}.{} => {} ({})",
        table.schema, table.name, lens.old.column, lens.new.column, conversion.expression
    );
    let Some(db) = error.as_db_error() else {
        return Err(Error::Database(crate::DatabaseError::new("trying a conversion", error)));
    };
    let (what, remedy) = if *db.code() == SqlState::INVALID_OBJECT_DEFINITION {
        (
            "is not immutable for PostgreSQL".to_owned(),
            "it must give the same for the same row in every session; say the zone or the format it depends on"
                .to_owned(),
        )
    } else {
        let hint = db.hint().unwrap_or("mend the expression, or cast the value to the column's type");
        (format!("is refused by PostgreSQL: {} {}", db.code().code(), db.message()), hint.to_owned())
    };
    problems.push(Problem::new(shown, what, remedy));
    Ok(())
}

/// The functions that the tried conversion calls, each with the roles that write the table and may not
/// call it: their writes would fail.
fn executable(transaction: &mut Transaction<'_>, table: &Table, problems: &mut Vec<Problem>) -> Result<(), Error> {
    // A generated column's dependencies are its default's; before PostgreSQL 15 they are the column's own.
    let rows = transaction
        .ask(
            "SELECT DISTINCT f.oid::regprocedure::text, pg_catalog.pg_get_userbyid(g.grantee)::text \
             FROM pg_catalog.pg_depend d \
             JOIN pg_catalog.pg_proc f ON d.refclassid = 'pg_catalog.pg_proc'::regclass AND f.oid = d.refobjid \
             JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass($2) \
             CROSS JOIN LATERAL ( \
                 SELECT grantee, privilege_type FROM pg_catalog.aclexplode(c.relacl) \
                 UNION SELECT x.grantee, x.privilege_type FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) x \
                 WHERE a.attrelid = c.oid) g \
             WHERE (d.classid, d.objid) IN ( \
                     SELECT 'pg_catalog.pg_attrdef'::regclass::oid, e.oid FROM pg_catalog.pg_attrdef e \
                     WHERE e.adrelid = pg_catalog.to_regclass($1) \
                     UNION SELECT 'pg_catalog.pg_class'::regclass::oid, pg_catalog.to_regclass($1)::oid) \
               AND g.privilege_type IN ('INSERT', 'UPDATE') AND g.grantee <> 0 \
               AND NOT pg_catalog.has_function_privilege(g.grantee, f.oid, 'EXECUTE') \
             ORDER BY 1, 2",
            &[&probe_table(), &table.qualified().to_string()],
        )
        .doing("asking for rights")?;
    for row in rows {
        let (function, role): (String, String) = (row.get(0), row.get(1));
        let problem = Problem::new(
            format!("function {function}"),
            format!("may not be executed by role \"{role}\", which writes {}.{}", table.schema, table.name),
            format!("GRANT EXECUTE ON FUNCTION {function} TO \"{role}\""),
        );
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    Ok(())
}

/// An `INSERT` that names neither column: the old default, converted, must be the new one.
fn defaults(client: &mut Client, table: &Table, lens: &Lens, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let Some(default) = &lens.new.default else { return Ok(()) };
    if lens.old.not_null && lens.old.default.is_none() {
        return Ok(());
    }
    let omitted = lens.old.default.as_deref().unwrap_or("NULL");
    let converted = format!(
        "SELECT {} FROM (SELECT ({omitted})::{}) AS omitted({})",
        lens.up.expression,
        lens.old.ty,
        quote(&lens.old.column)
    );
    if !same_value(client, &converted, default, &lens.new.ty)? {
        problems.push(Problem::new(
            format!("column {}.{}.{}", table.schema, table.name, lens.new.column),
            format!("declares the default {default}, but where both columns are omitted `up` makes another value of {omitted}"),
            "let both defaults mean the same, or leave the new one out",
        ));
    }
    Ok(())
}
