//! One plan over two tables, and tables with the longest names that there are.

use std::time::Duration;

use migrate::{Migrations, Migrator, Phase, Position, Side};

use crate::database;
use crate::observed::{self, run};
use crate::phases;

mod dual_write {
    migrate::plan! { pub mod both; stage dual_write;
        table basket (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        }
        table shop.line (id: bigint, pieces: integer not null) {
            price: numeric(12, 2) not null => price_cents: bigint not null { up round(price * 100)::bigint; down price_cents / 100.0; }
            note: text => remark: text;
        }
    }
}
mod contract {
    migrate::plan! { pub mod both; stage contract;
        table basket (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        }
        table shop.line (id: bigint, pieces: integer not null) {
            price: numeric(12, 2) not null => price_cents: bigint not null { up round(price * 100)::bigint; down price_cents / 100.0; }
            note: text => remark: text;
        }
    }
}

const BOTH: phases::Subject =
    phases::Subject { dual_write: &dual_write::both::PLAN, contract: &contract::both::PLAN, apart: "false" };

const TABLES: &str = "CREATE SCHEMA shop; \
    CREATE TABLE basket (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); \
    CREATE TABLE shop.line (id bigint PRIMARY KEY, pieces integer NOT NULL DEFAULT 1, price numeric(12,2) NOT NULL, note text); \
    INSERT INTO basket SELECT g, g FROM generate_series(1, 100) g; INSERT INTO shop.line SELECT g, 1, g, 'n' FROM generate_series(1, 100) g";

#[test]
fn a_switch_flips_both_tables_at_once() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let mut reader = database.connect().expect("a connection");
    run(&mut client, TABLES);
    phases::carry(&BOTH, &mut client, Phase::DualWrite);
    // Which side wins is seen by writing both in disagreement; the transaction is rolled back.
    let winners = "BEGIN; UPDATE basket SET total = 5, total_cents = 700 WHERE id = 1; \
                   UPDATE shop.line SET price = 5, price_cents = 700 WHERE id = 1; \
                   SELECT total_cents, price_cents FROM basket JOIN shop.line USING (id) WHERE id = 1; ROLLBACK";
    assert_eq!(observed::rows(&mut reader, winners), ["500|500"]);
    let url = database.url().to_owned();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let witness = std::sync::Arc::clone(&seen);
    let plans: &'static [&'static migrate::Plan] = Box::leak(Box::new([BOTH.dual_write]));
    let migrations: &'static Migrations = Box::leak(Box::new(Migrations::new(plans)));
    let migrator = Migrator::new(migrations).instance(database::tests()).soak(Duration::ZERO).observe(move |event| {
        if matches!(event, migrate::Event::Committing { step: "switch", .. }) {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("a connection");
            witness.lock().expect("the test").extend(observed::rows(&mut client, winners));
        }
    });
    migrator.advance(&mut client, BOTH.dual_write, Phase::Switch).expect("a switch");
    // With both functions replaced and nothing committed neither had changed; then both had.
    assert_eq!(*seen.lock().expect("the test"), ["500|500"]);
    assert_eq!(observed::rows(&mut reader, winners), ["700|700"]);
    assert_eq!(migrator.side(&mut reader, BOTH.dual_write).expect("a side"), Side::New);
    // Two for each of the three trials, which no rollback takes back.
    assert_eq!(migrator.status(&mut client).expect("a status").plans[0].conflicts, 6);
}

#[test]
fn a_contract_drops_the_old_columns_of_both_tables() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TABLES);
    for phase in [Phase::Switch, Phase::Contract] {
        phases::carry(&BOTH, &mut client, phase);
        run(
            &mut client,
            "UPDATE basket SET total_cents = total_cents + 1; UPDATE shop.line SET price_cents = price_cents + 1, remark = 'm'",
        );
    }
    assert_eq!(
        observed::rows(
            &mut client,
            "SELECT \"~total\", \"~price\", \"~note\" FROM basket JOIN shop.line USING (id) WHERE id = 7"
        ),
        ["7.02|7.02|m"]
    );
    let report = database::migrator(BOTH.contract).run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
    let left = "SELECT count(*) FROM pg_attribute WHERE attrelid IN ('basket'::regclass, 'shop.line'::regclass) AND NOT attisdropped AND attname ~ '~|total$|price$|note'";
    assert_eq!(observed::value(&mut client, left), "0");
    assert_eq!(observed::functions(&mut client), 0);
}

#[test]
fn a_revert_takes_both_tables_back() {
    for last in [Phase::DualWrite, Phase::Switch, Phase::Contract] {
        let database = database::fresh();
        let mut client = database.connect().expect("a connection");
        run(&mut client, TABLES);
        let before = observed::schema(&mut client);
        for phase in [Phase::DualWrite, Phase::Switch, Phase::Contract].into_iter().filter(|phase| *phase <= last) {
            phases::carry(&BOTH, &mut client, phase);
        }
        run(&mut client, "UPDATE basket SET total_cents = 1; UPDATE shop.line SET price_cents = 2, remark = 'm'");
        database::migrator(BOTH.contract).revert(&mut client, "both").expect("a revert");
        assert_eq!(observed::schema(&mut client), before, "{last}");
        assert_eq!(
            observed::rows(&mut client, "SELECT DISTINCT total, price, note FROM basket JOIN shop.line USING (id)"),
            ["0.01|0.02|m"]
        );
    }
}

/// A row of the second table that does not convert keeps both from being switched.
#[test]
fn one_tables_gate_holds_the_other_back() {
    mod plans {
        migrate::plan! { pub mod both; stage switch;
            table basket (id: bigint) { total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; } }
            table tag (id: bigint) { code: text not null => number: integer not null { up code::integer; down number::text; lossy "leading zeros go"; } }
        }
    }
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE basket (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); INSERT INTO basket VALUES (1, 1); \
         CREATE TABLE tag (id bigint PRIMARY KEY, code text NOT NULL); INSERT INTO tag VALUES (1, 'x')",
    );
    let migrator = database::migrator(&plans::both::PLAN);
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.to_string().contains("public.tag {\"id\": 1}: 22P02"), "{report}");
    assert_eq!((report.plans[0].side, report.plans[0].position), (Side::Old, Position::After(Phase::Expand)));
    run(&mut client, "UPDATE tag SET code = '1'");
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!((report.plans[0].side, report.is_complete()), (Side::New, true), "{report}");
}

// Names of 63 bytes; those of the tables differ in the last byte only.
mod long {
    migrate::plan! { pub mod long_names; stage contract;
        table sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss_s.ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt_a (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        }
        table sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss_s.ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt_b (id: bigint) {
            oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo: text => nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: text;
        }
    }
}

#[test]
fn two_tables_whose_longest_names_differ_in_the_last_byte_do_not_meet() {
    let (s, t, o, n) = (format!("{}_s", "s".repeat(61)), "t".repeat(61), "o".repeat(62), "n".repeat(63));
    let plan = &long::long_names::PLAN;
    assert_eq!((plan.tables[0].schema.len(), plan.tables[0].name.len(), plan.tables[1].name.len()), (63, 63, 63));
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        &format!(
            "CREATE SCHEMA {s}; SET search_path = {s}; CREATE TABLE {t}_a (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); \
             CREATE TABLE {t}_b (id bigint PRIMARY KEY, {o} text); INSERT INTO {t}_a VALUES (1, 1); INSERT INTO {t}_b VALUES (1, 'a')"
        ),
    );
    let before = observed::schema(&mut client);
    let migrator = database::migrator(plan);
    let report = migrator.advance(&mut client, plan, Phase::Switch).expect("a switch");
    assert!(report.is_complete(), "{report}");
    let functions = "SELECT count(DISTINCT proname) FROM pg_proc WHERE proname LIKE 'sync s%'";
    assert_eq!(observed::value(&mut client, functions), "2");
    run(&mut client, &format!("UPDATE {t}_a SET total_cents = 250; UPDATE {t}_b SET {n} = 'b'"));
    assert_eq!(observed::rows(&mut client, &format!("SELECT total, {o} FROM {t}_a JOIN {t}_b USING (id)")), ["2.50|b"]);
    migrator.revert(&mut client, "long_names").expect("a revert");
    assert_eq!(observed::schema(&mut client), before);
    migrator.release(&mut client, "long_names").expect("a release");
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
    assert_eq!(
        observed::rows(&mut client, &format!("SELECT total_cents, {n} FROM {t}_a JOIN {t}_b USING (id)")),
        ["250|b"]
    );
}
