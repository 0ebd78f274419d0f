//! What a plan declares of the values in its columns is looked at before its first step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use migrate::{Closed, Phase, Plan, Position, Report};
use postgres::Client;

use crate::database;
use crate::observed::{self, run};

mod plans {
    migrate::plan! { pub mod cents; stage dual_write; table till (id: bigint, rate: integer between 1 and 9) {
        total: numeric(12, 2) not null between 0 and 20_000_000 => total_cents: integer not null {
            up round(total * 100)::integer; down total_cents / 100.0;
        }
    } }
    migrate::plan! { pub mod texts; stage dual_write; table till (day: date between "2020-01-01" and "2029-12-31") {
        note: text length between 0 and 5 => remark: varchar(5);
    } }
    migrate::plan! { pub mod every; stage dual_write; table thing (
        small: smallint between -5 and 5,
        whole: bigint between -1 and 1,
        real_one: real between 0 and 1.5,
        exact: numeric between -0.5 and 0.5,
        day: date between date "2020-01-01" and "2020-12-31",
        at: timestamptz between "2020-01-01 00:00:00Z" and "2020-12-31 00:00:00Z",
        clock: time between "08:00:00" and "20:00:00",
        short: varchar(9) length between 1 and 3,
        padded: char(5) length between 0 and 2,
        raw: bytea length between 2 and 2,
        bits: bit varying length between 0 and 3,
        tags: integer[] length between 0 and 2,
    ) {
        a: text => b: text;
    } }
}

const CENTS: &Plan = &plans::cents::PLAN;

fn out_of_bounds(report: &Report) -> Vec<(&str, &str, u64, bool, &[String])> {
    report.plans[0]
        .closed
        .iter()
        .map(|closed| match closed {
            Closed::OutOfBounds { column, bound, count, more, keys } => {
                (column.as_str(), bound.as_str(), *count, *more, keys.as_slice())
            }
            other => panic!("{other}"),
        })
        .collect()
}

fn till(client: &mut Client) {
    run(
        client,
        "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, rate integer, note text, day date); \
         INSERT INTO till SELECT g, g % 100, 1 + g % 9, 'n', '2024-01-01' FROM generate_series(1, 5000) g",
    );
}

#[test]
fn a_row_outside_of_a_bound_keeps_a_plan_from_its_first_step() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    till(&mut client);
    run(
        &mut client,
        "UPDATE till SET total = 20000000.01 WHERE id = 17; UPDATE till SET total = -0.01 WHERE id = 4999; \
         UPDATE till SET rate = 0 WHERE id = 3; UPDATE till SET rate = NULL WHERE id = 4",
    );
    let before = observed::schema(&mut client);
    let migrator = database::migrator(CENTS);
    for _ in 0..2 {
        let report = migrator.run(&mut client).expect("a run");
        let total = "{\"id\": 17}".to_owned();
        let found = out_of_bounds(&report);
        assert_eq!(
            found,
            [
                (
                    "public.till.total",
                    "between 0 and 20000000",
                    2,
                    false,
                    [total, "{\"id\": 4999}".to_owned()].as_slice()
                ),
                ("public.till.rate", "between 1 and 9", 1, false, ["{\"id\": 3}".to_owned()].as_slice()),
            ]
        );
        assert_eq!(report.plans[0].position, Position::Before);
        let text = report.to_string();
        assert!(text.contains("2 rows have a public.till.total that is not between 0 and 20000000"), "{text}");
        assert!(text.contains("nothing has been done") && text.contains("{\"id\": 4999}"), "{text}");
        assert_eq!(observed::schema(&mut client), before, "nothing has happened");
        assert_eq!(observed::value(&mut client, "SELECT count(*) FROM migrate.plan"), "0");
    }
    // Mended, it opens by itself.
    run(&mut client, "UPDATE till SET total = 5 WHERE id IN (17, 4999); UPDATE till SET rate = 1 WHERE id = 3");
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(observed::rows(&mut client, "SELECT total_cents FROM till WHERE id = 17"), ["500"]);
}

#[test]
fn a_gate_of_bounds_opens_under_writers_and_none_of_them_fails() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    till(&mut client);
    run(&mut client, "UPDATE till SET total = 30000000 WHERE id = 17");
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writer = database.connect().expect("a connection");
    let thread = {
        let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let id = i64::try_from(written.fetch_add(1, Ordering::Relaxed) % 4000).expect("small") + 100;
                writer.execute("UPDATE till SET total = total + 1, note = 'w' WHERE id = $1", &[&id]).expect("a write");
            }
        })
    };
    let migrator = database::migrator(CENTS);
    assert_eq!(out_of_bounds(&migrator.run(&mut client).expect("a run")).len(), 1);
    // The row is mended by a writer while runs go on; one of them finds the gate open.
    let mut mender = database.connect().expect("a connection");
    run(&mut mender, "BEGIN; UPDATE till SET total = 3 WHERE id = 17");
    assert_eq!(out_of_bounds(&migrator.run(&mut client).expect("a run")).len(), 1, "it is not committed");
    run(&mut mender, "COMMIT");
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    stop.store(true, Ordering::Relaxed);
    thread.join().expect("no write failed");
    assert!(written.load(Ordering::Relaxed) > 0);
    let different = "SELECT count(*) FROM till WHERE total_cents IS DISTINCT FROM total * 100";
    assert_eq!(observed::value(&mut client, different), "0");
}

/// A bound says what the rows are; a later value outside of it is what any value is that does not convert.
#[test]
fn a_later_value_outside_is_a_row_that_does_not_convert() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    till(&mut client);
    let migrator = database::migrator(CENTS);
    assert!(migrator.advance(&mut client, CENTS, Phase::Expand).expect("an expansion").is_complete());
    // It fails no statement of the old application.
    run(&mut client, "UPDATE till SET total = 9000000000 WHERE id = 5");
    let report = migrator.run(&mut client).expect("a run");
    let [Closed::FailedRows { count: 1, rows, .. }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert_eq!((rows[0].key.as_str(), rows[0].sqlstate.as_str()), ("{\"id\": 5}", "22003"));
    run(&mut client, "UPDATE till SET total = 9 WHERE id = 5");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
}

/// No range has `NaN`, and a `numeric` column may hold it all the same.
#[test]
fn a_value_that_is_no_number_is_a_row_that_does_not_convert() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    till(&mut client);
    run(&mut client, "UPDATE till SET total = 'NaN' WHERE id = 5");
    let migrator = database::migrator(CENTS);
    assert_eq!(out_of_bounds(&migrator.run(&mut client).expect("a run")).len(), 1, "it is larger than any number");
    run(&mut client, "UPDATE till SET total = 1 WHERE id = 5");
    assert!(migrator.advance(&mut client, CENTS, Phase::Expand).expect("an expansion").is_complete());
    run(&mut client, "UPDATE till SET total = 'NaN' WHERE id = 5");
    let report = migrator.run(&mut client).expect("a run");
    let [Closed::FailedRows { count: 1, rows, .. }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert_eq!((rows[0].key.as_str(), rows[0].sqlstate.as_str()), ("{\"id\": 5}", "0A000"));
    run(&mut client, "UPDATE till SET total = 2 WHERE id = 5");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
}

#[test]
fn texts_are_bounded_by_their_length_and_dates_by_days() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    till(&mut client);
    run(
        &mut client,
        "SET datestyle = 'SQL, DMY'; UPDATE till SET note = 'abcdéf' WHERE id = 1; UPDATE till SET note = 'äöüßé' WHERE id = 2; \
         UPDATE till SET day = 'infinity' WHERE id = 3; UPDATE till SET day = NULL, note = NULL WHERE id = 4",
    );
    let migrator = database::migrator(&plans::texts::PLAN);
    let report = migrator.run(&mut client).expect("a run");
    let found: Vec<(&str, u64)> = out_of_bounds(&report).iter().map(|found| (found.0, found.2)).collect();
    assert_eq!(found, [("public.till.note", 1), ("public.till.day", 1)]);
    run(&mut client, "UPDATE till SET note = 'abc', day = '31/12/2029' WHERE id IN (1, 3)");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(observed::rows(&mut client, "SELECT remark FROM till WHERE id = 2"), ["äöüßé"]);
}

#[test]
fn every_kind_of_bound_is_understood_by_the_server() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE thing (a text, small smallint, whole bigint, real_one real, exact numeric, day date, at timestamptz, \
         clock time, short varchar(9), padded char(5), raw bytea, bits bit varying, tags integer[]); \
         INSERT INTO thing VALUES ('in', 5, -1, 1.5, -0.5, '2020-12-31', '2020-12-31 00:00Z', '20:00', 'abc', 'ab   ', '\\x0102', B'101', '{1,2}'), \
         ('in', -5, 1, 0, 0.5, '2020-01-01', '2020-01-01 00:00Z', '08:00', 'a', '', '\\x0000', B'', '{}'), \
         ('null', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    let every = &plans::every::PLAN;
    let columns = "small whole real_one exact day at clock short padded raw bits tags";
    let outside = "6 2 1.6 0.51 2021-01-01 2021-01-01 20:00:01 abcd abc \\x01 1010 {1,2,3}";
    for (column, value) in columns.split(' ').zip(outside.split(' ')) {
        run(&mut client, &format!("INSERT INTO thing (a, {column}) VALUES ('out', '{value}')"));
    }
    let report = database::migrator(every).run(&mut client).expect("a run");
    let found: Vec<(&str, u64)> = out_of_bounds(&report).iter().map(|found| (found.0, found.2)).collect();
    let expected: Vec<String> = columns.split(' ').map(|column| format!("public.thing.{column}")).collect();
    assert_eq!(found, expected.iter().map(|column| (column.as_str(), 1)).collect::<Vec<_>>());
    run(&mut client, "DELETE FROM thing WHERE a = 'out'");
    let report = database::migrator(every).run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
}

#[test]
fn many_rows_outside_are_not_counted_to_the_last() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint, total numeric(12,2) NOT NULL, rate integer, part integer) PARTITION BY LIST (part); \
         CREATE TABLE till_0 PARTITION OF till FOR VALUES IN (0); CREATE TABLE till_1 PARTITION OF till FOR VALUES IN (1); \
         INSERT INTO till SELECT g, -1, 1, g % 2 FROM generate_series(1, 200000) g",
    );
    let report = database::migrator(CENTS).run(&mut client).expect("a run");
    let [(column, _, count, true, keys)] = out_of_bounds(&report)[..] else { panic!("{report}") };
    assert_eq!((column, keys.len()), ("public.till.total", 10));
    assert!((1000..200_000).contains(&count) && report.to_string().contains("more than "), "{report}");
    assert!(keys.iter().all(|key| key.starts_with("{\"ctid\": ")), "{keys:?}");
}
