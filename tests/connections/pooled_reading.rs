//! What only reads is served through a pooler, and leaves nothing with it.

use std::collections::BTreeSet;

use migrate::{Error, Migrator, Side, Source};
use postgres::{Client, SimpleQueryMessage};

use crate::pooler::{Pooler, Setup};
use crate::scenery::{MIGRATIONS, orders_number};

/// Every setting that somebody has set, with its value.
fn settings(client: &mut Client) -> BTreeSet<(String, String)> {
    let sql = "SELECT name, setting FROM pg_settings \
               WHERE name NOT IN ('application_name', 'client_encoding') \
               UNION ALL SELECT 'search_path of now', current_schemas(true)::text";
    client.query(sql, &[]).expect("rows").iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Whether each connection that the pooler has to the server is as one that nobody has used.
pub(crate) fn assert_untouched(pooler: &Pooler) {
    if pooler.client().batch_execute("BEGIN").is_err() {
        // Nobody can hold one fast: ask often.
        for _ in 0..20 {
            let path = pooler.client().simple_query("SHOW search_path").expect("a row");
            assert!(format!("{path:?}").contains("public"), "{path:?}");
        }
        return;
    }
    let fresh = settings(&mut pooler.direct.connect().expect("a connection"));
    for mut client in pooler.all() {
        let found = settings(&mut client);
        let changed: Vec<_> = found.difference(&fresh).collect();
        assert!(changed.is_empty(), "other clients would see {changed:?}");
        // PgBouncer's own names, from 1.21 on, are its own to keep.
        let ours = "SELECT name FROM pg_prepared_statements WHERE name ~ '^s[0-9]+$'";
        let left = client.simple_query(ours).expect("rows");
        let rows = left.iter().filter(|message| matches!(message, SimpleQueryMessage::Row(_))).count();
        assert_eq!(rows, 0, "other clients would meet statements of ours: {left:?}");
    }
}

/// A database in the middle of a migration.
fn started(pooler: &Pooler) {
    let direct = Source::url(pooler.direct.url()).expect("a source");
    let mut client = direct.connect_direct("deploy").expect("a connection");
    client.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY, label text)").expect("a table");
    client.batch_execute("INSERT INTO orders VALUES (1, '1')").expect("a row");
    Migrator::new(&MIGRATIONS).run(&mut client).expect("a run");
}

#[test]
fn side_status_and_history_are_the_same_through_a_pool_of_transactions() {
    for in_turns in [false, true] {
        let Some(pooler) = Pooler::start(&Setup { mode: "transaction", size: 3, in_turns }) else { return };
        let migrator = Migrator::new(&MIGRATIONS);
        let mut client = pooler.client();
        assert_eq!(migrator.side(&mut client, &orders_number::PLAN).expect("a side"), Side::Old);
        assert!(migrator.history(&mut client, None, 9).expect("a history").is_empty());
        started(&pooler);
        pooler.warm();
        let direct = migrator.status(&mut pooler.direct.connect().expect("a connection")).expect("a report");
        for _ in 0..10 {
            assert_eq!(migrator.side(&mut client, &orders_number::PLAN).expect("a side"), Side::Old);
            let report = migrator.status(&mut client).expect("a report");
            assert_eq!(report.to_string(), direct.to_string());
            assert!(!migrator.history(&mut client, Some("orders_number"), 99).expect("a history").is_empty());
        }
        drop(client);
        assert_untouched(&pooler);
    }
}

#[test]
fn what_other_clients_have_prepared_is_in_nobodys_way() {
    let Some(pooler) = Pooler::start(&Setup { mode: "transaction", size: 1, in_turns: false }) else { return };
    started(&pooler);
    let taken: Vec<String> = (0..2_000).map(|number| format!("PREPARE s{number} AS SELECT 1")).collect();
    pooler.client().batch_execute(&taken.join("; ")).expect("statements");
    let (migrator, mut client) = (Migrator::new(&MIGRATIONS), pooler.client());
    assert_eq!(migrator.side(&mut client, &orders_number::PLAN).expect("a side"), Side::Old);
    migrator.status(&mut client).expect("a report");
    migrator.history(&mut client, None, 9).expect("a history");
}

#[test]
fn a_pool_of_statements_serves_the_side_and_explains_the_rest() {
    let Some(pooler) = Pooler::start(&Setup { mode: "statement", size: 2, in_turns: true }) else { return };
    started(&pooler);
    let migrator = Migrator::new(&MIGRATIONS);
    assert_eq!(migrator.side(&mut pooler.client(), &orders_number::PLAN).expect("a side"), Side::Old);
    for outcome in
        [migrator.status(&mut pooler.client()).map(drop), migrator.history(&mut pooler.client(), None, 9).map(drop)]
    {
        assert!(matches!(outcome, Err(Error::Pooled { .. })), "{outcome:?}");
    }
    assert_untouched(&pooler);
}

#[test]
fn reading_leaves_the_callers_own_session_as_it_was() {
    let Some(pooler) = Pooler::start(&Setup { mode: "session", size: 2, in_turns: false }) else { return };
    started(&pooler);
    let mut client = pooler.client();
    client
        // The language's own settings are there once it has been used.
        .batch_execute("SET search_path = orders; SET lock_timeout = '7s'; SET TimeZone = 'Asia/Tokyo'; DO 'BEGIN END'")
        .expect("settings");
    let before = settings(&mut client);
    let migrator = Migrator::new(&MIGRATIONS);
    migrator.status(&mut client).expect("a report");
    migrator.history(&mut client, None, 9).expect("a history");
    migrator.run(&mut client).expect("a run");
    assert_eq!(settings(&mut client), before);
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '8s'").expect("a transaction");
    assert!(matches!(migrator.status(&mut client), Err(Error::InTransaction)));
    let row = client.query_one("SHOW lock_timeout", &[]).expect("the transaction is still open");
    assert_eq!(row.get::<_, String>(0), "8s");
}
