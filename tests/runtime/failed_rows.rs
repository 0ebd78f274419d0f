//! What is kept of a row that does not convert, who gets to see it, and when it is looked at again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use migrate::testing::ScratchDatabase;
use migrate::{Closed, Event, FailedRow, Plan, Report, Settings};
use postgres::{Client, NoTls};

use crate::database;
use crate::observed::{self, run};

mod plans {
    migrate::plan! { pub mod parsed; stage dual_write; table item (id: bigint) {
        code: text not null => number: integer not null { up code::integer; down number::text; lossy "leading zeros go"; }
    } }
    migrate::plan! { pub mod in_context; stage dual_write; table item (id: bigint, note: text) {
        code: text not null => number: integer not null {
            up case when note = "roman" then 0 - code::integer else code::integer end; down abs(number)::text; lossy "signs go";
        }
    } }
    migrate::plan! { pub mod looked_up; stage dual_write; extern fn app.grade(text) -> integer immutable strict; table item {
        code: text not null => grade: integer not null { up app.grade(code); down grade::text; lossy "only the grade is kept"; }
    } }
}

const PARSED: &Plan = &plans::parsed::PLAN;
const LOOKED_UP: &Plan = &plans::looked_up::PLAN;

/// The rows that a report says stand in the way.
fn in_the_way(report: &Report) -> (u64, &[FailedRow]) {
    match &report.plans[0].closed[..] {
        [Closed::FailedRows { count, rows, .. }] => (*count, rows),
        _ => panic!("{report}"),
    }
}

/// A table with a function that `up` calls, of which it can be said how it grades.
fn graded(client: &mut Client, columns: &str, rows: &str) {
    run(client, &format!("CREATE TABLE item (code text NOT NULL, {columns}); INSERT INTO item VALUES {rows}"));
    run(client, "CREATE SCHEMA app");
    grade(client, "code::integer");
}

fn grade(client: &mut Client, body: &str) {
    run(
        client,
        &format!(
            "CREATE OR REPLACE FUNCTION app.grade(code text) RETURNS integer IMMUTABLE STRICT LANGUAGE plpgsql AS \
             $$BEGIN RETURN {body}; END$$"
        ),
    );
}

#[test]
fn a_failed_row_is_kept_with_all_that_its_conversion_reads_and_long_values_are_cut() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL, note text); \
         INSERT INTO item VALUES (1, '1', NULL), (2, 'VI', 'roman'), (3, 'three ' || repeat('x', 1000), NULL)",
    );
    let migrator = database::migrator(&plans::in_context::PLAN);
    let report = migrator.run(&mut client).expect("a run");
    let values: Vec<&str> = in_the_way(&report).1.iter().map(|row| row.value.as_deref().expect("a value")).collect();
    assert_eq!(values[0], r#"{"code": "VI", "note": "roman"}"#);
    let cut = format!(r#"{{"code": "three {}… (cut, of 1006 characters)", "note": null}}"#, "x".repeat(194));
    assert_eq!(values[1], cut);
    // The same from outside of a run.
    let status = migrator.status(&mut client).expect("a status");
    assert_eq!(in_the_way(&status).0, 2);
    assert!(status.to_string().contains(values[0]) && !status.to_string().contains("waited"), "{status}");
    let failed = migrator.failed(&mut client, None, 1).expect("the failed rows");
    assert_eq!((failed.count, failed.rows.len()), (2, 1));
    let first = &failed.rows[0];
    assert_eq!((first.plan.as_str(), first.step.as_str()), ("in_context", "backfill public.item"));
    assert_eq!((first.row.key.as_str(), first.row.value.as_deref()), (r#"{"id": 2}"#, Some(values[0])));
    assert!(first.seen_at.ends_with('Z'), "{first:?}");
    let named = migrator.failed(&mut client, Some("in_context"), 10).expect("the failed rows");
    assert_eq!(named.rows.len(), 2);
    let error = migrator.failed(&mut client, Some("other"), 10).expect_err("an unknown plan");
    assert!(matches!(error, migrate::Error::NotStarted { .. }), "{error}");
}

/// What a closed gate says goes into logs, and to processes of other roles.
#[test]
fn values_are_in_no_text_of_a_gate_and_not_kept_where_they_are_not_to_be() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    graded(&mut client, "id bigint PRIMARY KEY", "('1', 1), ('secret', 2)");
    let report = database::migrator(LOOKED_UP).run(&mut client).expect("a run");
    assert!(report.to_string().contains("secret"), "{report}");
    let gate = report.plans[0].closed[0].to_string();
    assert!(gate.contains(r#"public.item {"id": 2}: 22P02"#) && !gate.contains("secret"), "{gate}");
    let waits = observed::value(&mut client, "SELECT waits_for FROM migrate.plan");
    assert!(waits.contains("22P02") && !waits.contains("secret"), "{waits}");
    // From now on they are not kept: the next look takes them out.
    let mut settings = Settings::default();
    settings.keep_values = false;
    let discreet = database::migrator(LOOKED_UP).settings(settings);
    let report = discreet.run(&mut client).expect("a run");
    let row = &in_the_way(&report).1[0];
    assert_eq!((row.key.as_str(), row.value.as_deref(), row.sqlstate.as_str()), (r#"{"id": 2}"#, None, "22P02"));
    assert_eq!(row.message, "the value cannot be converted");
    let told = "SELECT count(*) FROM migrate.failed_row f WHERE f::text ~ 'secret'";
    assert_eq!(observed::value(&mut client, told), "0");
    // Nor are they where a row is found for the first time.
    run(&mut client, "UPDATE item SET code = '2' WHERE id = 2; INSERT INTO item VALUES ('secret', 3)");
    assert_eq!(in_the_way(&discreet.run(&mut client).expect("a run")).1[0].key, r#"{"id": 3}"#);
    assert_eq!(observed::value(&mut client, told), "0");
}

/// How many blocks of the table have been read.
fn blocks_read(database: &ScratchDatabase, client: &mut Client) -> i64 {
    observed::await_statistics(database, client);
    observed::value(client, "SELECT pg_stat_get_blocks_fetched('item'::regclass)").parse().expect("a number")
}

#[test]
fn only_the_failed_rows_are_looked_at_until_none_of_them_fails() {
    let database = database::fresh();
    // A session tells what it has read when it ends at the latest.
    let mut watcher = database.connect().expect("a connection");
    let write = |sql: &str| run(&mut database.connect().expect("a connection"), sql);
    write(
        "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL, filler text) WITH (autovacuum_enabled = off); \
         INSERT INTO item SELECT g, g, repeat('x', 400) FROM generate_series(1, 20000) g; \
         UPDATE item SET code = 'twelve' WHERE id = 12; UPDATE item SET code = 'n' WHERE id = 15000; ANALYZE item",
    );
    let migrator = database::migrator(PARSED);
    let look = || migrator.run(&mut database.connect().expect("a connection")).expect("a run");
    assert_eq!(in_the_way(&look()).0, 2);
    // One more comes; as long as the others fail nobody needs to look for it.
    write("INSERT INTO item (id, code) VALUES (30000, 'later')");
    let before = blocks_read(&database, &mut watcher);
    let report = look();
    assert_eq!(in_the_way(&report).0, 2, "{report}");
    let read = blocks_read(&database, &mut watcher) - before;
    assert!(read < 200, "{read} blocks of a table of more than a thousand were read for two rows");
    write("UPDATE item SET code = '12' WHERE id = 12");
    let report = look();
    assert_eq!((in_the_way(&report).0, in_the_way(&report).1[0].key.as_str()), (1, r#"{"id": 15000}"#));
    write("DELETE FROM item WHERE id = 15000");
    let report = look();
    assert_eq!((in_the_way(&report).0, in_the_way(&report).1[0].key.as_str()), (1, r#"{"id": 30000}"#));
    write("UPDATE item SET code = '30' WHERE id = 30000");
    assert!(look().is_complete());
}

/// Rows `x` and `y` that fail, of which `x` does no longer. That a third one goes unnoticed shows that they are found by the key.
fn found_again(columns: &str, rows: [&str; 3]) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, "CREATE TYPE mood AS ENUM ('so ''so''', 'well')");
    run(&mut client, "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)");
    graded(&mut client, columns, &format!("('x', {}), ('y', {})", rows[0], rows[1]));
    let migrator = database::migrator(LOOKED_UP);
    assert_eq!(in_the_way(&migrator.run(&mut client).expect("a run")).0, 2);
    run(&mut client, &format!("INSERT INTO item VALUES ('z', {})", rows[2]));
    grade(&mut client, "CASE code WHEN 'x' THEN 7 ELSE code::integer END");
    let report = migrator.run(&mut client).expect("a run");
    let (count, left) = in_the_way(&report);
    assert_eq!((count, left[0].value.as_deref()), (1, Some(r#"{"code": "y"}"#)), "{report}");
    assert_eq!(observed::rows(&mut client, "SELECT code FROM item WHERE grade = 7"), ["x"]);
}

#[test]
fn a_failed_row_is_found_again_whatever_its_key_is() {
    found_again("id text PRIMARY KEY", ["'it''s'", r"E'a\\b\nc'", "''"]);
    found_again(
        "at timestamptz, raw bytea, how mood, part positive, PRIMARY KEY (part, at, how, raw)",
        [
            r"'2020-01-01 00:00:00.123456+01', '\x00ff', 'so ''so''', 1",
            r"'infinity', '\x', 'well', 2",
            r"'-infinity', '\x', 'well', 3",
        ],
    );
    found_again(
        "size numeric, tags text[], PRIMARY KEY (size) INCLUDE (tags)",
        [r#"1.50, '{"a,b"}'"#, "'NaN', NULL", "3, NULL"],
    );
    found_again("share float8, kind char(5), PRIMARY KEY (share, kind)", ["0.1, 'ab'", "1e300, ''", "'NaN', ''"]);
    found_again("id bigint", ["1", "2", "3"]);
}

/// A value that a writer mends, or takes away, is no failed row any more; one whose key is gone is looked for everywhere.
#[test]
fn a_failed_row_that_was_moved_is_found_by_a_look_at_every_row() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    graded(&mut client, "id bigint PRIMARY KEY", "('1', 1), ('x', 2)");
    let migrator = database::migrator(LOOKED_UP);
    assert_eq!(in_the_way(&migrator.run(&mut client).expect("a run")).1[0].key, r#"{"id": 2}"#);
    run(&mut client, "UPDATE item SET id = 5 WHERE id = 2");
    assert_eq!(in_the_way(&migrator.run(&mut client).expect("a run")).1[0].key, r#"{"id": 5}"#);
    // Another key altogether.
    run(
        &mut client,
        "ALTER TABLE item DROP CONSTRAINT item_pkey, ADD other integer DEFAULT 9, ADD PRIMARY KEY (other, id)",
    );
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!((in_the_way(&report).0, in_the_way(&report).1[0].key.as_str()), (1, r#"{"id": 5, "other": 9}"#));
}

/// A service that looks by itself only after minutes.
fn seldom() -> Settings {
    let mut settings = Settings::default();
    settings.poll = Duration::from_secs(60);
    settings
}

#[test]
fn a_service_looks_again_when_it_is_asked_and_once_more_where_that_was_while_it_looked() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    graded(&mut client, "id bigint PRIMARY KEY", "('1', 1), ('z', 2)");
    let (looks, url) = (Arc::new(AtomicU32::new(0)), database.url().to_owned());
    let counted = Arc::clone(&looks);
    let retry = |client: &mut Client| database::migrator(LOOKED_UP).retry(client, "looked_up").expect("a wish");
    let service = database::migrator(LOOKED_UP)
        .settings(seldom())
        .observe(move |event| {
            let begins = matches!(event, Event::StepStarted { step: "backfill public.item", .. });
            if begins && counted.fetch_add(1, Ordering::SeqCst) == 1 {
                assert_eq!(retry(&mut Client::connect(&url, NoTls).expect("a connection")), 1);
            }
        })
        .start(database.url())
        .expect("a service");
    let idle = "SELECT idle_until > clock_timestamp() + interval '3 min' AND pid IS NULL FROM migrate.leader";
    let mut rests_after = |count: u32| {
        let is_so = || looks.load(Ordering::SeqCst) >= count && observed::value(&mut client, idle) == "t";
        observed::until("it has looked and rests", is_so);
        assert_eq!(looks.load(Ordering::SeqCst), count);
    };
    rests_after(1);
    assert_eq!(retry(&mut database.connect().expect("a connection")), 1);
    // The second look is asked for a third, which follows at once.
    rests_after(3);
    grade(&mut client, "ascii(code)");
    assert_eq!(retry(&mut client), 1);
    let filled = "SELECT grade FROM item WHERE id = 2";
    observed::until("the row is filled", || observed::value(&mut client, filled) == "122");
    observed::until("it is kept no more", || {
        observed::value(&mut client, "SELECT count(*) FROM migrate.failed_row") == "0"
    });
    assert_eq!(retry(&mut client), 0);
    let asked = "SELECT count(*) FROM migrate.history WHERE event = 'failed rows to be looked at again'";
    assert_eq!(observed::value(&mut client, asked), "3");
    service.stop();
}
