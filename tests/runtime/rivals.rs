//! What other tools get wrong, each reproduced there (MEASURED.md, chapter 9) and held here. What the
//! sections on keys, kills, rows that do not convert and gates hold is not said twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use migrate::{Closed, Event, Migrator, Phase, Plan, Position};

use crate::database;
use crate::observed::{self, run};
use crate::phases::{self, MONEY, TILL};

mod plans {
    migrate::plan! { pub mod halves; stage dual_write; table till (id: bigint) {
        price: integer not null => amount: numeric(12, 2) not null { up price::numeric; down floor(amount)::integer; }
    } }
    migrate::plan! { pub mod small; stage dual_write; table till (id: bigint) {
        price: bigint not null between -32768 and 32767 => tiny: smallint not null { up price::smallint; down tiny::bigint; }
    } }
    migrate::plan! { pub mod keyed; stage contract; table till (id: bigint) {
        note: text not null => remark: text not null;
    } }
    migrate::plan! { pub mod arrays; stage contract; table till (id: bigint) {
        prices: integer[] not null => amounts: bigint[] not null { up prices::bigint[]; down amounts::integer[]; }
    } }
    migrate::plan! { pub mod words; stage contract; table till (id: bigint not null between 1 and 1000, idle: boolean not null) {
        valid: boolean not null => validity: integer not null { up case when valid and not idle then id::integer else 0 end; down validity <> 0; lossy "an idle row is never valid"; }
    } }
}

const HALVES: &Plan = &plans::halves::PLAN;

/// A runner that calls back at the events of `plan`.
fn watched(plan: &'static Plan, watch: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Migrator {
    database::migrator(plan).observe(watch)
}

// pgroll

#[test]
fn old_code_touching_an_unrelated_column_keeps_the_cents_of_new_code() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint PRIMARY KEY, price integer NOT NULL, note text); INSERT INTO till VALUES (1, 5)",
    );
    let migrator = database::migrator(HALVES);
    for phase in [Phase::DualWrite, Phase::Switch] {
        assert!(migrator.advance(&mut client, HALVES, phase).expect("an advance").is_complete());
        run(&mut client, "UPDATE till SET amount = 19.99 WHERE id = 1");
        assert_eq!(observed::rows(&mut client, "SELECT price FROM till"), ["19"]);
        run(
            &mut client,
            "UPDATE till SET note = 'seen' WHERE id = 1; UPDATE till SET note = 'again', price = price WHERE id = 1",
        );
        assert_eq!(observed::rows(&mut client, "SELECT price, amount FROM till"), ["19|19.99"]);
    }
}

#[test]
fn the_search_path_of_a_writer_does_not_decide_its_side() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    phases::carry(&MONEY, &mut client, Phase::DualWrite);
    run(&mut client, "CREATE SCHEMA new_version; CREATE SCHEMA old_version");
    for path in ["new_version, public", "public, new_version", "old_version, public", "\"new_version\", public"] {
        run(
            &mut client,
            &format!(
                "SET search_path = {path}; DELETE FROM till WHERE id = 1; INSERT INTO till (id, total_cents) VALUES (1, 5); UPDATE till SET total_cents = 6 WHERE id = 1"
            ),
        );
        assert_eq!(
            observed::rows(&mut client, "SELECT total, total_cents FROM till WHERE id = 1"),
            ["0.06|6"],
            "{path}"
        );
        run(&mut client, "UPDATE till SET total = 7 WHERE id = 1");
        assert_eq!(
            observed::rows(&mut client, "SELECT total, total_cents FROM till WHERE id = 1"),
            ["7.00|700"],
            "{path}"
        );
    }
}

#[test]
fn a_key_generated_always_is_no_obstacle() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total numeric(12,2) NOT NULL); \
         INSERT INTO till (total) SELECT g FROM generate_series(1, 500) g",
    );
    phases::carry(&MONEY, &mut client, Phase::Switch);
    run(&mut client, "INSERT INTO till (total_cents) VALUES (5)");
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM till WHERE total_cents = total * 100"), "501");
}

#[test]
fn an_index_or_foreign_key_of_the_old_column_never_goes_in_silence() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    run(
        &mut client,
        "CREATE UNIQUE INDEX exact ON till ((total + 0)) INCLUDE (note); CREATE TABLE pair (a bigint, b numeric(12,2), PRIMARY KEY (a, b)); \
         INSERT INTO pair SELECT id, total FROM till; ALTER TABLE till ADD CONSTRAINT paired FOREIGN KEY (id, total) REFERENCES pair",
    );
    phases::carry(&MONEY, &mut client, Phase::Switch);
    let before = observed::schema(&mut client);
    let report = database::migrator(MONEY.contract).run(&mut client).expect("a run");
    let [Closed::Dependents { objects }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert_eq!(objects.len(), 2, "{report}");
    assert_eq!(observed::schema(&mut client), before);
}

/// There a column `id` inside `valid` was rewritten by string replacement.
#[test]
fn a_column_name_inside_another_one_is_left_alone() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint PRIMARY KEY, idle boolean NOT NULL, valid boolean NOT NULL); INSERT INTO till VALUES (7, false, true), (8, true, true), (9, false, false)",
    );
    let plan = &plans::words::PLAN;
    let migrator = database::migrator(plan);
    let report = migrator.advance(&mut client, plan, Phase::DualWrite).expect("an advance");
    // A row is no integer again where it is idle: that one is made from its old side.
    assert!(report.is_complete(), "{report}");
    run(&mut client, "UPDATE till SET idle = false WHERE id = 8; UPDATE till SET validity = 0 WHERE id = 7");
    assert_eq!(
        observed::rows(&mut client, "SELECT id, valid, validity FROM till ORDER BY id"),
        ["7|f|0", "8|t|8", "9|f|0"]
    );
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
}

// reshape

#[test]
fn a_composite_key_is_no_obstacle() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (shop text, id bigint, note text NOT NULL, PRIMARY KEY (shop, id)); \
         INSERT INTO till SELECT 's' || g % 3, g, 'n' || g FROM generate_series(1, 2000) g",
    );
    let report = database::migrator(&plans::keyed::PLAN).run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM till WHERE remark = 'n' || id"), "2000");
}

#[test]
fn a_random_key_takes_one_update_a_row() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (key uuid DEFAULT gen_random_uuid() PRIMARY KEY, id bigint, note text NOT NULL); \
         INSERT INTO till (id, note) SELECT g, 'n' || g FROM generate_series(1, 5000) g",
    );
    let filled = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&filled);
    let migrator = watched(&plans::keyed::PLAN, move |event| {
        if let Event::Batch { step: "backfill public.till", rows, .. } = event {
            count.fetch_add(*rows, Ordering::SeqCst);
        }
    });
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(filled.load(Ordering::SeqCst), 5000);
}

#[test]
fn an_array_column_is_converted() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint PRIMARY KEY, prices integer[] NOT NULL); INSERT INTO till VALUES (1, '{1,2}'), (2, '{{1},{NULL}}'), (3, '[0:1]={5,6}')",
    );
    let plan = &plans::arrays::PLAN;
    let migrator = database::migrator(plan);
    assert!(migrator.advance(&mut client, plan, Phase::Switch).expect("an advance").is_complete());
    run(&mut client, "UPDATE till SET amounts[2] = 9 WHERE id = 1; UPDATE till SET prices[0] = 7 WHERE id = 3");
    assert_eq!(
        observed::rows(&mut client, "SELECT prices, amounts FROM till ORDER BY id"),
        ["{1,9}|{1,9}", "{{1},{NULL}}|{{1},{NULL}}", "[0:1]={7,6}|[0:1]={7,6}"]
    );
    assert!(migrator.run(&mut client).expect("a run").is_complete());
}

#[test]
fn an_overflow_in_up_does_not_fail_the_old_application() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint PRIMARY KEY, price bigint NOT NULL); INSERT INTO till VALUES (1, 5), (2, 6)",
    );
    let plan = &plans::small::PLAN;
    let migrator = database::migrator(plan);
    assert!(migrator.advance(&mut client, plan, Phase::Expand).expect("an advance").is_complete());
    run(
        &mut client,
        "UPDATE till SET price = 40000 WHERE id = 1; INSERT INTO till VALUES (3, 50000); UPDATE till SET price = price + 1",
    );
    assert_eq!(observed::rows(&mut client, "SELECT price, tiny FROM till ORDER BY id"), ["40001|", "7|7", "50001|"]);
    let report = migrator.run(&mut client).expect("a run");
    let [Closed::FailedRows { count: 2, rows, .. }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert!(
        rows.iter().all(|row| row.sqlstate == "22003" && row.message.contains("smallint out of range")),
        "{report}"
    );
    // Still, and the values are the application's to mend.
    run(&mut client, "UPDATE till SET price = 60000 WHERE id = 1; UPDATE till SET price = 8 WHERE id IN (1, 3)");
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    assert_eq!(observed::rows(&mut client, "SELECT price, tiny FROM till ORDER BY id"), ["8|8", "7|7", "8|8"]);
}
