//! What PostgreSQL would do with the table and nobody wants: write it anew, or stop half-way in contract.

use migrate_plan::ident::retired;
use migrate_plan::plan::Table;
use postgres::Client;

use super::Relation;
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::{Error, Problem};

/// The table `$1` with its partitions and children.
const MEMBERS: &str = "WITH RECURSIVE member(oid) AS (SELECT $1::oid \
     UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN member m ON m.oid = i.inhparent)";

pub(super) fn check(
    client: &mut Client,
    table: &Table,
    relation: &Relation,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    if relation.is_typed {
        typed(client, table, relation.oid, problems)?;
    }
    if relation.has_odd_types {
        new_types(client, table, problems)?;
    }
    if relation.has_parents {
        inherited(client, table, relation.oid, problems)?;
    }
    if relation.has_children {
        taken_in_children(client, table, relation.oid, problems)?;
    }
    if relation.has_children || relation.is_partitioned {
        partition_keys(client, table, relation.oid, problems)?;
    }
    if relation.may_have_rules {
        rules(client, table, relation.oid, problems)?;
    }
    Ok(())
}

fn column(table: &Table, name: &str) -> String {
    format!("column {}.{}.{name}", table.schema, table.name)
}

fn old_names(table: &Table) -> Vec<&str> {
    table.lenses.iter().map(|lens| &*lens.old.column).collect()
}

/// A table made from a type takes no other columns.
fn typed(client: &mut Client, table: &Table, relation: u32, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let row = client
        .ask_opt(
            "SELECT reloftype::pg_catalog.regtype::text FROM pg_catalog.pg_class WHERE oid = $1 AND reloftype <> 0",
            &[&relation],
        )
        .doing("asking what a table is made of")?;
    if let Some(row) = row {
        problems.push(Problem::new(
            format!("table {}.{}", table.schema, table.name),
            format!("is made from the type {}, and takes no columns of its own", row.get::<_, String>(0)),
            format!("ALTER TABLE {} NOT OF makes it a table like others", table.qualified()),
        ));
    }
    Ok(())
}

/// A domain with constraints makes PostgreSQL write the whole table when the column is added, up to the
/// newest version; one with a default would put that into every row, so that none looks unfilled.
fn new_types(client: &mut Client, table: &Table, problems: &mut Vec<Problem>) -> Result<(), Error> {
    for lens in &table.lenses {
        let rows = client
            .ask(
                "WITH RECURSIVE chain(oid) AS (SELECT pg_catalog.to_regtype($1)::oid \
                     UNION SELECT t.typbasetype FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.oid \
                           WHERE t.typtype = 'd') \
                 SELECT pg_catalog.format_type(t.oid, NULL), t.typdefault, \
                        t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid), \
                        (SELECT pg_catalog.format_type(l.oid, NULL) FROM chain c JOIN pg_catalog.pg_type l \
                         ON l.oid = c.oid WHERE l.typtype <> 'd') \
                 FROM chain JOIN pg_catalog.pg_type t ON t.oid = chain.oid",
                &[&&*lens.new.base],
            )
            .doing("looking at a type")?;
        for row in rows {
            let (ty, default, constrained, base): (String, Option<String>, bool, String) =
                (row.get(0), row.get(1), row.get(2), row.get(3));
            let what = match default {
                _ if constrained => format!(
                    "becomes {ty}, a domain with constraints: to add it, PostgreSQL writes the whole table anew under \
                     a lock that stops reads and writes"
                ),
                Some(default) => format!(
                    "becomes {ty}, a type with the default {default}: every row would have that value at once, and \
                     none what `up` makes"
                ),
                None => continue,
            };
            let remedy = if ty == base {
                "declare another type, without a default of its own".to_owned()
            } else {
                format!("declare it as `{base}`; what the domain says can become a check when the plan is finished")
            };
            problems.push(Problem::new(column(table, &lens.new.column), what, remedy));
        }
    }
    Ok(())
}

/// A column that a parent table gives can be neither renamed nor dropped here.
fn inherited(client: &mut Client, table: &Table, relation: u32, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let rows = client
        .ask(
            "SELECT a.attname::text, pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::text, ', ' ORDER BY i.inhseqno) \
             FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.attrelid \
             JOIN pg_catalog.pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname \
             WHERE a.attrelid = $1 AND a.attname = ANY ($2) AND a.attinhcount > 0 GROUP BY 1 ORDER BY 1",
            &[&relation, &old_names(table)],
        )
        .doing("looking for inherited columns")?;
    for row in rows {
        let (name, parents): (String, String) = (row.get(0), row.get(1));
        problems.push(Problem::new(
            column(table, &name),
            format!("is inherited from {parents}, and cannot be dropped here"),
            "name the parent in the plan: its children change with it",
        ));
    }
    Ok(())
}

/// PostgreSQL would take a child's own column for the new one, with whatever is in it.
fn taken_in_children(
    client: &mut Client,
    table: &Table,
    relation: u32,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let names: Vec<String> =
        table.lenses.iter().flat_map(|lens| [lens.new.column.to_string(), retired(&lens.old.column)]).collect();
    let sql = format!(
        "{MEMBERS} SELECT a.attrelid::pg_catalog.regclass::text, a.attname::text \
         FROM member m JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid \
         WHERE m.oid <> $1 AND a.attname = ANY ($2) AND a.attnum > 0 AND NOT a.attisdropped \
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute r WHERE r.attrelid = $1 AND r.attname = a.attname) \
         ORDER BY 1, 2"
    );
    for row in client.ask(&sql, &[&relation, &names]).doing("looking at a table's children")? {
        let (child, name): (String, String) = (row.get(0), row.get(1));
        problems.push(Problem::new(
            format!("column {name} of {child}"),
            format!("exists already, and would become one with what this plan adds to {}.{}", table.schema, table.name),
            "choose another name, or rename that column first",
        ));
    }
    Ok(())
}

/// A column in the key of a partition, or in an expression of a key; a plain key of the table itself is
/// reported with its columns.
fn partition_keys(client: &mut Client, table: &Table, relation: u32, problems: &mut Vec<Problem>) -> Result<(), Error> {
    // PostgreSQL notes a column of an expression the other way round: the column needs its table.
    let sql = format!(
        "{MEMBERS} SELECT a.attname::text, p.partrelid::pg_catalog.regclass::text, \
                pg_catalog.pg_get_partkeydef(p.partrelid) \
         FROM member m JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = m.oid \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid AND a.attname = ANY ($2) \
         WHERE CASE WHEN a.attnum = ANY (p.partattrs::int2[]) THEN m.oid <> $1 ELSE EXISTS ( \
               SELECT FROM pg_catalog.pg_depend d \
               WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = m.oid \
                 AND d.objsubid = a.attnum AND d.refclassid = d.classid AND d.refobjid = m.oid \
                 AND d.refobjsubid = 0 AND d.deptype = 'i') END \
         ORDER BY 1, 2"
    );
    for row in client.ask(&sql, &[&relation, &old_names(table)]).doing("reading partition keys")? {
        let (name, member, key): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        problems.push(Problem::new(
            column(table, &name),
            format!("is part of the partition key of {member}, {key}"),
            "such a column cannot be replaced yet",
        ));
    }
    Ok(())
}

/// A rule that does something else instead of an update: the backfill would fill nothing, and say so only
/// when everything is compared.
fn rules(client: &mut Client, table: &Table, relation: u32, problems: &mut Vec<Problem>) -> Result<(), Error> {
    // Of `ev_type`: 2 is UPDATE, 3 is INSERT.
    let sql = format!(
        "{MEMBERS} SELECT r.rulename::text, m.oid::pg_catalog.regclass::text, \
                CASE r.ev_type WHEN '2' THEN 'updates' ELSE 'inserts' END \
         FROM member m JOIN pg_catalog.pg_rewrite r ON r.ev_class = m.oid \
         WHERE r.is_instead AND r.ev_type IN ('2', '3') AND r.ev_enabled <> 'D' ORDER BY 1, 2"
    );
    for row in client.ask(&sql, &[&relation]).doing("looking for rules")? {
        let (rule, member, what): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        problems.push(Problem::new(
            format!("rule \"{rule}\" on {member}"),
            format!(
                "does something else instead of {what}, past the sync and the backfill of {}.{}",
                table.schema, table.name
            ),
            "make it a trigger, or drop it first",
        ));
    }
    Ok(())
}
