//! What the runner asks PostgreSQL's catalog.

use migrate_plan::ident::own;
use postgres::{GenericClient, Row};

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;

/// A heap with rows of a table: the table itself, a partition, or a child by inheritance.
#[derive(Clone, Debug)]
pub(crate) struct Heap {
    pub(crate) relation: u32,
    /// Quoted and qualified.
    pub(crate) sql: String,
    /// For people.
    pub(crate) shown: String,
    pub(crate) filenode: Option<u32>,
    pub(crate) blocks: i64,
}

const MEMBERS: &str = "WITH RECURSIVE member(oid) AS ( \
         SELECT pg_catalog.to_regclass($1)::oid \
         UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN member m ON m.oid = i.inhparent)";

/// A table, or a partition or child of it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) relation: u32,
    /// Its name alone.
    pub(crate) name: String,
    /// Quoted, and qualified since no table of users is in the session's `search_path`.
    pub(crate) sql: String,
    is_partition: bool,
}

/// Answers `columns` of a table and of all its partitions and children, by OID: `c` is the row of `pg_class`. Few tables have
/// any, and the recursive query costs several times the plain one: that goes first, and tells.
fn of_members(client: &mut impl GenericClient, table: &str, columns: &str) -> Result<Vec<Row>, Error> {
    let doing = "listing a table's partitions";
    let columns = format!("SELECT c.relhassubclass, {columns}");
    let alone = format!("{columns} FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)");
    let rows = client.ask_again(&alone, &[&table]).doing(doing)?;
    if !rows.iter().any(|row| row.get(0)) {
        return Ok(rows);
    }
    let all = format!("{MEMBERS} {columns} FROM member m JOIN pg_catalog.pg_class c ON c.oid = m.oid ORDER BY c.oid");
    Ok(client.ask(&all, &[&table]).doing(doing)?)
}

/// The heaps of a table, by OID.
pub(crate) fn heaps(client: &mut impl GenericClient, table: &str) -> Result<Vec<Heap>, Error> {
    let columns = "c.relkind = 'r', c.oid, c.oid::pg_catalog.regclass::text, \
                   (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace) || '.' || c.relname, \
                   pg_catalog.pg_relation_filenode(c.oid), \
                   pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint";
    let rows = of_members(client, table, columns)?;
    Ok(rows
        .into_iter()
        .filter(|row| row.get(1))
        .map(|row| Heap {
            relation: row.get(2),
            sql: row.get(3),
            shown: row.get(4),
            filenode: row.get(5),
            blocks: row.get(6),
        })
        .collect())
}

/// A table with all its partitions and children, by OID.
pub(crate) fn members(client: &mut impl GenericClient, table: &str) -> Result<Vec<Member>, Error> {
    let columns = "c.oid, c.relname::text, c.oid::pg_catalog.regclass::text, c.relispartition";
    let rows = of_members(client, table, columns)?;
    Ok(rows
        .into_iter()
        .map(|row| Member { relation: row.get(1), name: row.get(2), sql: row.get(3), is_partition: row.get(4) })
        .collect())
}

/// Their OIDs.
pub(crate) fn relations(members: &[Member]) -> Vec<u32> {
    members.iter().map(|member| member.relation).collect()
}

/// SQL for the key of a row of a heap, as `jsonb`: its primary key, or its place in the heap.
pub(crate) fn key_sql(client: &mut impl GenericClient, relation: u32) -> Result<String, Error> {
    let row = client
        .ask_one(
            "SELECT pg_catalog.string_agg(pg_catalog.format('%L, %I', a.attname, a.attname), ', ' ORDER BY k.place) \
             FROM pg_catalog.pg_index i \
             CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
             WHERE i.indrelid = $1 AND i.indisprimary",
            &[&relation],
        )
        .doing("looking for a primary key")?;
    let columns: Option<String> = row.get(0);
    let columns = columns.unwrap_or_else(|| "'ctid', ctid".to_owned());
    Ok(format!("pg_catalog.jsonb_build_object({columns})"))
}

/// The tables that need the sync triggers, quoted, the table `relation` first: a partitioned table passes its own on to its
/// partitions; children by inheritance need theirs.
pub(crate) fn trigger_members(members: &[Member], relation: u32) -> Vec<String> {
    let mut own: Vec<&Member> = members.iter().filter(|member| !member.is_partition).collect();
    own.sort_by_key(|member| member.relation != relation);
    own.into_iter().map(|member| member.sql.clone()).collect()
}

/// Tables that carry the triggers of a table's sync function and are no part of the table any more: a
/// child by inheritance keeps them when it leaves.
pub(crate) fn strays(
    client: &mut impl GenericClient,
    members: &[Member],
    function: &str,
) -> Result<Vec<String>, Error> {
    let rows = client
        .ask_again(
            "SELECT DISTINCT t.tgrelid::pg_catalog.regclass::text FROM pg_catalog.pg_trigger t \
             WHERE t.tgfoid = pg_catalog.to_regprocedure($2) AND t.tgparentid = 0 AND t.tgrelid <> ALL ($1) \
             ORDER BY 1",
            &[&relations(members), &format!("{}()", own(function))],
        )
        .doing("looking for former children")?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}

/// Triggers that fire before each row and after the sync, which would let them undo it.
pub(crate) fn triggers_after(
    client: &mut impl GenericClient,
    members: &[Member],
    sync: &str,
) -> Result<Vec<(String, String)>, Error> {
    // Bits of `tgtype`: 1 for each row, 2 before. PostgreSQL fires triggers in the byte order of names.
    let rows = client
        .ask(
            "SELECT t.tgrelid::regclass::text, t.tgname::text FROM pg_catalog.pg_trigger t \
             WHERE t.tgrelid = ANY ($1) \
               AND NOT t.tgisinternal AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0 AND t.tgname::text COLLATE \"C\" > $2 \
               AND NOT t.tgname = ANY (ARRAY['~migrate_sync_i', '~migrate_sync_u']) \
             ORDER BY 1, 2",
            &[&relations(members), &sync],
        )
        .doing("listing a table's triggers")?;
    Ok(rows.into_iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The tables that should carry the sync triggers, and do not, or not switched on for every session.
pub(crate) fn unsynced(client: &mut impl GenericClient, members: &[Member]) -> Result<Vec<String>, Error> {
    let rows = client
        .ask(
            "SELECT m.oid::regclass::text FROM pg_catalog.unnest($1) AS m(oid) \
             WHERE (SELECT count(*) FROM pg_catalog.pg_trigger t \
                    WHERE t.tgrelid = m.oid AND t.tgenabled = 'A' \
                      AND t.tgname = ANY (ARRAY['~migrate_sync_i', '~migrate_sync_u'])) < 2 \
             ORDER BY 1",
            &[&relations(members)],
        )
        .doing("looking for the sync triggers")?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}

/// What hangs on these columns of a table and would go with them, in PostgreSQL's own words.
pub(crate) fn dependents(
    client: &mut impl GenericClient,
    members: &[Member],
    columns: &[String],
) -> Result<Vec<String>, Error> {
    // The arrays are read by queries of their own: so a plan for one is as good as for another, and PostgreSQL keeps it.
    // Not counted: the sync's own triggers; a column's own default; NOT NULL, which PostgreSQL 18 keeps
    // as a constraint.
    let sql = "WITH gone AS ( \
             SELECT a.attrelid, a.attnum, a.attname, a.attacl FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = ANY (ARRAY (SELECT pg_catalog.unnest($1))) \
               AND a.attname = ANY (ARRAY (SELECT pg_catalog.unnest($2))) AND NOT a.attisdropped) \
         SELECT DISTINCT CASE d.classid WHEN 'pg_catalog.pg_rewrite'::regclass \
                THEN (SELECT CASE r.rulename WHEN '_RETURN' \
                             THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, r.ev_class, 0) \
                             ELSE pg_catalog.pg_describe_object(d.classid, d.objid, 0) END \
                      FROM pg_catalog.pg_rewrite r WHERE r.oid = d.objid) \
                ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END \
         FROM gone g JOIN pg_catalog.pg_depend d \
           ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = g.attrelid AND d.refobjsubid = g.attnum \
         WHERE NOT (d.classid = 'pg_catalog.pg_trigger'::regclass AND EXISTS ( \
                   SELECT FROM pg_catalog.pg_trigger t WHERE t.oid = d.objid \
                     AND t.tgname = ANY (ARRAY['~migrate_sync_i', '~migrate_sync_u']))) \
           AND NOT (d.classid = 'pg_catalog.pg_attrdef'::regclass AND EXISTS ( \
                   SELECT FROM pg_catalog.pg_attrdef f WHERE f.oid = d.objid AND f.adrelid = g.attrelid \
                     AND f.adnum = g.attnum)) \
           AND NOT (d.classid = 'pg_catalog.pg_constraint'::regclass AND EXISTS ( \
                   SELECT FROM pg_catalog.pg_constraint n WHERE n.oid = d.objid AND n.contype = 'n')) \
         UNION ALL \
         SELECT 'rights granted on column ' || pg_catalog.quote_ident(g.attname) || ' of ' || g.attrelid::regclass \
         FROM gone g WHERE g.attacl IS NOT NULL \
         ORDER BY 1";
    let rows = client.ask_again(sql, &[&relations(members), &columns]).doing("looking what depends on a column")?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}
