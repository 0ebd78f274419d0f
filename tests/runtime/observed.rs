//! What a test sees of a database: its rows, and its catalog.

use std::thread;
use std::time::{Duration, Instant};

use migrate::testing::ScratchDatabase;
use postgres::{Client, SimpleQueryMessage};

/// The rows of a query, each as its values with `|` between them; null is empty.
pub fn rows(client: &mut Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|place| row.get(place).unwrap_or("")).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    messages.iter().filter_map(row).collect()
}

/// The first value of a query.
pub fn value(client: &mut Client, sql: &str) -> String {
    rows(client, sql).into_iter().next().unwrap_or_else(|| panic!("{sql}: no row"))
}

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "not within half a minute: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the statistics have what all other sessions did. A session tells it before it is gone, and what sessions tell is taken
/// in one after the other: so once all are gone, one more that writes to a table of its own shows when that is so.
pub fn await_statistics(database: &ScratchDatabase, client: &mut Client) {
    let alone = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()";
    until("the sessions end", || value(client, alone) == "t");
    let mark = "CREATE TABLE IF NOT EXISTS mark (); INSERT INTO mark DEFAULT VALUES";
    run(&mut database.connect().expect("a connection"), mark);
    let told = "SELECT pg_stat_clear_snapshot(), pg_stat_get_tuples_inserted('mark'::regclass) = count(*) FROM mark";
    until("the last session has told", || value(client, told) == "|t");
}

/// How many functions of plans are in the library's schema.
pub fn functions(client: &mut Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace \
               AND obj_description(oid, 'pg_proc') IS DISTINCT FROM 'state'";
    client.query_one(sql, &[]).expect("a count").get(0)
}

/// Runs statements, which must pass.
pub fn run(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Runs a statement that PostgreSQL must refuse; answers the SQLSTATE.
pub fn refused(client: &mut Client, sql: &str) -> String {
    let error = client.batch_execute(sql).expect_err(sql);
    error.code().unwrap_or_else(|| panic!("{sql}: {error:?}")).code().to_owned()
}

/// Every object of the database but the state's tables, in PostgreSQL's own words: two equal answers
/// mean that nothing was added, taken away or changed. What is left over in the library's schema, such
/// as a function, is part of it.
pub fn schema(client: &mut Client) -> Vec<String> {
    rows(client, SCHEMA)
}

const SCHEMA: &str = r#"
WITH namespace AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), relation AS (
    SELECT c.* FROM pg_class c JOIN namespace n ON n.oid = c.relnamespace
    WHERE nspname <> 'migrate'
       OR relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype IN ('i', 'a'))
)
SELECT format('relation %s %s owner %s rights %s options %s rls %s %s comment %s', c.oid::regclass, relkind,
              relowner::regrole, relacl, reloptions, relrowsecurity, relforcerowsecurity, obj_description(c.oid, 'pg_class'))
  FROM relation c
UNION ALL
SELECT format('column %s.%I %s null %s default %s generated %s identity %s storage %s statistics %s rights %s options %s inherited %s %s comment %s',
              a.attrelid::regclass, attname, format_type(atttypid, atttypmod), NOT attnotnull,
              pg_get_expr(adbin, adrelid), attgenerated, attidentity, attstorage, attstattarget, attacl, attoptions,
              attislocal, attinhcount, col_description(attrelid, attnum))
  FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT format('constraint %I on %s: %s valid %s', conname, conrelid::regclass, pg_get_constraintdef(k.oid), convalidated)
  FROM relation c JOIN pg_constraint k ON k.conrelid = c.oid
UNION ALL
SELECT format('index %s valid %s', pg_get_indexdef(indexrelid), indisvalid)
  FROM relation c JOIN pg_index i ON i.indrelid = c.oid
UNION ALL
SELECT format('trigger %s enabled %s', pg_get_triggerdef(t.oid), tgenabled)
  FROM relation c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT tgisinternal
UNION ALL
SELECT format('rule %s on %s: %s', rulename, c.oid::regclass, pg_get_ruledef(r.oid))
  FROM relation c JOIN pg_rewrite r ON r.ev_class = c.oid
UNION ALL
SELECT format('policy %I on %s: %s / %s', polname, c.oid::regclass, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
  FROM relation c JOIN pg_policy p ON p.polrelid = c.oid
UNION ALL
SELECT 'function ' || pg_get_functiondef(f.oid) || format(' rights %s', proacl)
  FROM namespace n JOIN pg_proc f ON f.pronamespace = n.oid WHERE prokind IN ('f', 'p')
   -- Those of the state itself come and stay with it.
   AND NOT (nspname = 'migrate' AND coalesce(obj_description(f.oid, 'pg_proc'), '') = 'state')
ORDER BY 1"#;
