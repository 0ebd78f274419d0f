//! Rows that stand in a plan's way: each is named by its key, all others go on.

use std::time::Duration;

use migrate::{Closed, FailedRow, Migrations, Migrator, Phase, Plan, Position, Report, Settings};
use postgres::Client;

use crate::database;
use crate::observed::{self, run};

mod plans {
    migrate::plan! { pub mod parsed; stage dual_write; table item (id: bigint) {
        code: text not null => number: integer not null { up code::integer; down number::text; lossy "leading zeros go"; }
    } }
    migrate::plan! { pub mod mapped; stage dual_write; extern fn app.grade(text) -> integer immutable strict; table item (id: bigint) {
        code: text not null => grade: integer not null { up app.grade(code); down case grade when 1 then "a" else "b" end; lossy "only the grade is kept"; }
    } }
    migrate::plan! { pub mod looked_up; stage dual_write; extern fn app.grade(text) -> integer immutable strict; table item (id: bigint) {
        code: text not null => grade: integer not null { up app.grade(code); down grade::text; lossy "only the grade is kept"; }
    } }
    migrate::plan! { pub mod loose; stage dual_write; table item (id: bigint) {
        code: text => number: integer { up code::integer; down number::text; lossy "leading zeros go"; }
    } }
}

const PARSED: &Plan = &plans::parsed::PLAN;

/// The rows that a report says stand in the way.
fn in_the_way(report: &Report) -> (u64, &[FailedRow]) {
    match &report.plans[0].closed[..] {
        [Closed::FailedRows { count, rows, .. }] => (*count, rows),
        _ => panic!("{report}"),
    }
}

/// Three thousand rows of two columns in a table with this key; two of them do not convert.
fn item(client: &mut Client, key: &str) {
    run(
        client,
        &format!(
            "CREATE TABLE item (id bigint NOT NULL, part integer NOT NULL, code text NOT NULL, filler text{key}); \
             INSERT INTO item SELECT g, g % 7, g, repeat('x', 100) FROM generate_series(1, 3000) g; \
             UPDATE item SET code = 'twelve' WHERE id = 12; UPDATE item SET code = '99999999999' WHERE id = 2999"
        ),
    );
}

fn named_by(key: &str, expected: [&str; 2]) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    item(&mut client, key);
    let migrator = database::migrator(PARSED);
    let report = migrator.run(&mut client).expect("a run");
    let (count, rows) = in_the_way(&report);
    assert_eq!(count, 2, "{report}");
    let found: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let message = "22P02 invalid input syntax for type integer: \"twelve\"";
    let overflow = "22003 value \"99999999999\" is out of range for type integer";
    if expected.iter().all(|key| key.is_empty()) {
        assert!(found[0].contains("{\"ctid\": \"(") && found[1].contains("{\"ctid\": \"("), "{found:?}");
        assert!(found.iter().any(|row| row.contains(message)), "{found:?}");
    } else {
        let expected = [
            format!("public.item {}: {message}; value {{\"code\": \"twelve\"}}", expected[0]),
            format!("public.item {}: {overflow}; value {{\"code\": \"99999999999\"}}", expected[1]),
        ];
        assert!(expected.iter().all(|row| found.contains(row)), "{found:?}");
    }
    assert!(report.to_string().contains("2 rows do not convert; mend them and run again"), "{report}");
    assert!(found.iter().all(|row| report.to_string().contains(row)), "{report}");
    assert_eq!(report.plans[0].position, Position::After(Phase::Expand));
    // All others are filled, and the switch is out of reach.
    assert_eq!(observed::rows(&mut client, "SELECT id FROM item WHERE number IS NULL ORDER BY id"), ["12", "2999"]);
    let report = migrator.advance(&mut client, PARSED, Phase::Switch).expect("an advance");
    assert_eq!(in_the_way(&report).0, 2);
    // One is mended from the old side, the other is gone: the next run takes both.
    run(&mut client, "UPDATE item SET code = '12' WHERE id = 12; DELETE FROM item WHERE id = 2999");
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(observed::rows(&mut client, "SELECT number FROM item WHERE id = 12"), ["12"]);
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM migrate.failed_row"), "0");
}

#[test]
fn a_row_that_does_not_convert_is_named_by_its_key() {
    named_by(", PRIMARY KEY (id)", ["{\"id\": 12}", "{\"id\": 2999}"]);
}

#[test]
fn a_row_that_does_not_convert_is_named_by_a_composite_key() {
    named_by(", PRIMARY KEY (part, id)", ["{\"id\": 12, \"part\": 5}", "{\"id\": 2999, \"part\": 3}"]);
}

#[test]
fn a_row_that_does_not_convert_is_named_by_its_place_where_there_is_no_key() {
    named_by("", ["", ""]);
}

#[test]
fn a_row_of_a_partition_is_named_with_the_partition() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE item (id bigint, part integer, code text NOT NULL, PRIMARY KEY (id, part)) PARTITION BY LIST (part); \
         CREATE TABLE item_0 PARTITION OF item FOR VALUES IN (0); CREATE TABLE item_1 PARTITION OF item FOR VALUES IN (1); \
         INSERT INTO item SELECT g, g % 2, g FROM generate_series(1, 10) g; INSERT INTO item VALUES (11, 1, 'x')",
    );
    let report = database::migrator(PARSED).run(&mut client).expect("a run");
    let (count, rows) = in_the_way(&report);
    assert_eq!(
        (count, rows[0].table.as_str(), rows[0].key.as_str()),
        (1, "public.item_1", "{\"id\": 11, \"part\": 1}")
    );
}

/// What a strict function makes of a value that is not null cannot be told from the plan.
#[test]
fn an_up_that_gives_null_for_a_required_column_is_named_with_the_row() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL); INSERT INTO item VALUES (1, 'a'), (2, 'z'), (3, 'b'); \
         CREATE SCHEMA app; CREATE FUNCTION app.grade(code text) RETURNS integer IMMUTABLE STRICT LANGUAGE sql AS \
         $$SELECT CASE code WHEN 'a' THEN 1 WHEN 'b' THEN 2 END$$",
    );
    let migrator = database::migrator(&plans::mapped::PLAN);
    let report = migrator.run(&mut client).expect("a run");
    let (count, rows) = in_the_way(&report);
    assert_eq!((count, rows[0].key.as_str(), rows[0].sqlstate.as_str()), (1, "{\"id\": 2}", "23502"), "{report}");
    assert!(rows[0].message.contains("`up` gives null"), "{report}");
    assert_eq!(observed::rows(&mut client, "SELECT id, grade FROM item ORDER BY id"), ["1|1", "2|", "3|2"]);
    // It may be mended on either side.
    run(&mut client, "UPDATE item SET grade = 2 WHERE id = 2");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(observed::rows(&mut client, "SELECT code FROM item WHERE id = 2"), ["b"]);
}

/// A function that raises an error of its own is as good as a value that does not convert.
#[test]
fn an_error_raised_by_a_function_of_the_user_names_the_row() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL); INSERT INTO item VALUES (1, '1'), (2, 'z'); \
         CREATE SCHEMA app; CREATE FUNCTION app.grade(code text) RETURNS integer IMMUTABLE STRICT LANGUAGE plpgsql AS \
         $$BEGIN IF code = 'z' THEN RAISE EXCEPTION 'no grade %', code; END IF; RETURN code::integer; END$$",
    );
    let report = database::migrator(&plans::looked_up::PLAN).run(&mut client).expect("a run");
    let (_, rows) = in_the_way(&report);
    assert_eq!((rows[0].sqlstate.as_str(), rows[0].message.as_str()), ("P0001", "no grade z"));
    assert_eq!(observed::rows(&mut client, "SELECT id, grade FROM item ORDER BY id"), ["1|1", "2|"]);
    run(&mut client, "UPDATE item SET code = 'z' WHERE id = 1");
    assert_eq!(observed::rows(&mut client, "SELECT code, grade FROM item WHERE id = 1"), ["z|"]);
}

#[test]
fn a_nullable_new_column_does_not_hide_a_row_that_fails() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE item (id bigint PRIMARY KEY, code text); INSERT INTO item VALUES (1, '1'), (2, 'z'), (3, NULL)",
    );
    let migrator = database::migrator(&plans::loose::PLAN);
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!(in_the_way(&report).1[0].key, "{\"id\": 2}");
    run(&mut client, "UPDATE item SET code = NULL WHERE id = 2");
    let report = migrator.advance(&mut client, &plans::loose::PLAN, Phase::Switch).expect("an advance");
    assert!(report.is_complete(), "{report}");
}

#[test]
fn a_table_full_of_bad_rows_is_reported_up_to_the_limit() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL); \
         INSERT INTO item SELECT g, 'x' || g FROM generate_series(1, 5000) g",
    );
    let mut settings = Settings::default();
    settings.failed_rows = 20;
    let limited = database::migrator(PARSED).settings(settings);
    let report = limited.run(&mut client).expect("a run");
    let (count, rows) = in_the_way(&report);
    assert_eq!((count, rows.len()), (20, 20));
    assert!(matches!(report.plans[0].closed[..], [Closed::FailedRows { more: true, .. }]), "{report}");
    assert!(report.to_string().contains("20 or more rows do not convert") && report.to_string().contains("… and "));
    // Ten of them are mended: there is room for ten that were passed over.
    run(
        &mut client,
        "UPDATE item SET code = id WHERE id IN (SELECT (key->>'id')::bigint FROM migrate.failed_row LIMIT 10)",
    );
    let report = limited.run(&mut client).expect("a run");
    assert_eq!(in_the_way(&report).0, 20);
}

/// The old application goes on writing values that do not convert, after the backfill too.
#[test]
fn a_bad_row_written_after_the_backfill_is_named_instead_of_an_error() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL); INSERT INTO item VALUES (1, '1')");
    let url = database.url().to_owned();
    let plans: &'static [&'static Plan] = &[PARSED];
    static PLANS: Migrations = Migrations::new(&[&plans::parsed::PLAN]);
    assert_eq!(PLANS.plans().len(), plans.len());
    let written = std::sync::atomic::AtomicBool::new(false);
    let migrator = Migrator::new(&PLANS).instance(database::tests()).soak(Duration::ZERO).observe(move |event| {
        let required = matches!(event, migrate::Event::StepStarted { step: "require public.item", .. });
        if required && !written.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let mut writer = Client::connect(&url, postgres::NoTls).expect("a connection");
            run(&mut writer, "INSERT INTO item (id, code) VALUES (2, 'two')");
        }
    });
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!(in_the_way(&report).1[0].key, "{\"id\": 2}", "{report}");
    // The old application may still touch that row.
    run(&mut client, "UPDATE item SET code = 'too' WHERE id = 2; UPDATE item SET code = '2' WHERE id = 2");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
}

#[test]
fn a_row_written_past_the_triggers_is_found_before_the_switch() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL); INSERT INTO item VALUES (1, '1'), (2, '2')",
    );
    let migrator = database::migrator(PARSED);
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    run(&mut client, "ALTER TABLE item DISABLE TRIGGER ALL; UPDATE item SET code = '7' WHERE id = 2");
    let report = migrator.advance(&mut client, PARSED, Phase::Switch).expect("an advance");
    let [Closed::Mismatches { count: 1, rows }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert_eq!(rows[0].key, "{\"id\": 2}");
    assert!(report.to_string().contains("write one side of them again"), "{report}");
    // The run has put the triggers back: as the report says, one write mends the row.
    run(&mut client, "UPDATE item SET number = 8 WHERE id = 2");
    assert_eq!(observed::rows(&mut client, "SELECT code FROM item WHERE id = 2"), ["8"]);
    let report = migrator.advance(&mut client, PARSED, Phase::Switch).expect("an advance");
    assert!(report.is_complete(), "{report}");
}

#[test]
fn a_row_locked_for_long_is_reported_and_all_others_are_filled() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL); INSERT INTO item SELECT g, g FROM generate_series(1, 3000) g",
    );
    let mut settings = Settings::default();
    settings.row_wait = Duration::from_millis(1);
    let migrator = database::migrator(PARSED).settings(settings);
    let report = migrator.advance(&mut client, PARSED, Phase::Expand).expect("an expansion");
    assert!(report.is_complete(), "{report}");
    let mut other = database.connect().expect("a connection");
    run(&mut other, "BEGIN; SELECT FROM item WHERE id = 1500 FOR UPDATE");
    let report = migrator.run(&mut client).expect("a run");
    let [Closed::LockedRows { table, count: 1 }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert_eq!(table, "public.item");
    assert_eq!(observed::rows(&mut client, "SELECT id FROM item WHERE number IS NULL"), ["1500"]);
    run(&mut other, "COMMIT");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
}
