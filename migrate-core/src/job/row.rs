//! A row that is kept: how it is found again, and what is shown of it.

use migrate_plan::ident::{literal, quote};
use postgres::GenericClient;

use crate::ask::Ask;
use crate::catalog;
use crate::database::Doing;
use crate::error::Error;
use crate::state::{PlanRow, TableRow};

/// Of each column so many characters are kept at most.
const LONGEST: usize = 200;

/// SQL over the rows of a heap.
pub(super) struct RowSql {
    /// The key as `jsonb`, for people.
    pub(super) key: String,
    /// The key column by column as PostgreSQL writes it, by which the row is found again whatever its types are; or its place
    /// in the heap, where there is no key.
    pub(super) place: String,
    /// What `up` reads of it as `jsonb`, for people: a text for each column, cut where it is long.
    pub(super) value: String,
    /// The same with the new columns.
    pub(super) both: String,
    columns: Vec<KeyColumn>,
}

/// A column of a primary key.
struct KeyColumn {
    /// Quoted.
    name: String,
    /// The operator of the key's own index, with its schema: a type's `=` is on no search path of ours.
    equals: String,
    kind: String,
}

impl RowSql {
    pub(super) fn of(
        client: &mut impl GenericClient,
        plan: &PlanRow,
        table: &TableRow,
        relation: u32,
    ) -> Result<RowSql, Error> {
        let columns = key_columns(client, relation)?;
        let place = match columns.as_slice() {
            [] => "ARRAY[ctid::text]".to_owned(),
            columns => {
                let texts: Vec<String> = columns.iter().map(|column| format!("{}::text", column.name)).collect();
                format!("ARRAY[{}]", texts.join(", "))
            }
        };
        let (read, new) = columns_shown(client, plan, table)?;
        let both = [&read[..], &new].concat();
        Ok(RowSql { key: catalog::key_sql(client, relation)?, place, value: value(&read), both: value(&both), columns })
    }

    /// The condition on the row that was at `place`.
    pub(super) fn at(&self, place: &[String]) -> String {
        match (self.columns.as_slice(), place) {
            ([], [ctid]) => format!("ctid = {}::tid", literal(ctid)),
            (columns, place) if columns.len() == place.len() => {
                let equal = |(column, value): (&KeyColumn, &String)| {
                    format!("{} {} {}::{}", column.name, column.equals, literal(value), column.kind)
                };
                columns.iter().zip(place).map(equal).collect::<Vec<_>>().join(" AND ")
            }
            // The key was made anew meanwhile: whatever the row is now, a look at every row finds it.
            _ => "false".to_owned(),
        }
    }
}

fn key_columns(client: &mut impl GenericClient, relation: u32) -> Result<Vec<KeyColumn>, Error> {
    let rows = client
        .ask(
            "SELECT pg_catalog.format('%I', a.attname), pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname), \
                    pg_catalog.format_type(a.atttypid, -1) \
             FROM pg_catalog.pg_index i \
             CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(i.indkey::int2[]), pg_catalog.unnest(i.indclass::oid[])) \
                                WITH ORDINALITY AS k(attnum, class, place) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
             JOIN pg_catalog.pg_opclass c ON c.oid = k.class \
             JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree' \
             JOIN pg_catalog.pg_amop s ON s.amopfamily = c.opcfamily AND s.amoplefttype = c.opcintype \
                                      AND s.amoprighttype = c.opcintype AND s.amopstrategy = 3 \
             JOIN pg_catalog.pg_operator o ON o.oid = s.amopopr \
             JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
             WHERE i.indrelid = $1 AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place",
            &[&relation],
        )
        .doing("looking for a primary key")?;
    let column = |row: postgres::Row| KeyColumn { name: row.get(0), equals: row.get(1), kind: row.get(2) };
    Ok(rows.into_iter().map(column).collect())
}

/// The columns that the table's `up`s read: the old ones, and the others that they take; and the new columns.
fn columns_shown(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    table: &TableRow,
) -> Result<(Vec<String>, Vec<String>), Error> {
    let rows = client
        .ask(
            "SELECT DISTINCT r.name, r.name = ANY (t.new_columns) FROM migrate.part p \
             JOIN migrate.plan_table t ON t.plan = p.plan AND t.place = p.place \
             CROSS JOIN LATERAL pg_catalog.unnest(p.reads || t.new_columns) AS r(name) \
             WHERE p.plan = $1 AND p.place = $2 AND p.shape = 'live' AND p.side = 'old' ORDER BY 1",
            &[&plan.id, &table.place],
        )
        .doing("looking what a conversion reads")?;
    let (new, read): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.get(1));
    let names = |rows: Vec<postgres::Row>| rows.into_iter().map(|row| row.get(0)).collect();
    Ok((names(read), names(new)))
}

/// As text whatever the type is: a value that has no form in `jsonb` must not be in the way of keeping its row.
fn value(columns: &[String]) -> String {
    let pairs: Vec<String> =
        columns.iter().map(|column| format!("({}, {}::text)", literal(column), quote(column))).collect();
    format!(
        "(SELECT pg_catalog.jsonb_object_agg(name, \
             CASE WHEN pg_catalog.length(text) > {LONGEST} THEN pg_catalog.left(text, {LONGEST}) || '… (cut, of ' \
                       || pg_catalog.length(text) || ' characters)' ELSE text END) \
          FROM (VALUES {}) AS read(name, text))",
        pairs.join(", ")
    )
}
