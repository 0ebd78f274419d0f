//! Two plans in flight: on independent columns, in a chain, and one plan over two tables.

use std::time::Duration;

use migrate::{Closed, Error, Migrations, Migrator, Phase, Plan, Position, Report, Settings};
use postgres::Client;

use crate::database;
use crate::observed::{self, refused, run};

macro_rules! plans {
    ($($module:ident at $stage:ident)*) => {$(
        mod $module {
            // `price` in euro, then in cents, then as text; `note` on its own.
            migrate::plan! { pub mod first; stage $stage; table item (id: bigint) {
                price: numeric(12, 2) not null => cents: bigint not null { up round(price * 100)::bigint; down cents / 100.0; }
            } }
            migrate::plan! { pub mod second; stage $stage; table item (id: bigint) {
                cents: bigint not null => shown: text not null { up cents::text; down shown::bigint; }
            } }
            migrate::plan! { pub mod aside; stage $stage; table item (id: bigint) {
                note: text => remark: text;
            } }
        }
    )*};
}

plans! { dual_write at dual_write  contract at contract }

static CHAIN: Migrations = migrate::migrations![dual_write::first, dual_write::second];
static CHAIN_CONTRACTED: Migrations = migrate::migrations![contract::first, contract::second];
static BESIDE: Migrations = migrate::migrations![dual_write::first, dual_write::aside];
static BESIDE_CONTRACTED: Migrations = migrate::migrations![contract::first, contract::aside];

const ITEM: &str = "CREATE TABLE item (id bigint PRIMARY KEY, price numeric(12,2) NOT NULL, note text, other integer); \
                    INSERT INTO item SELECT g, g, 'n' || g FROM generate_series(1001, 1200) g";

fn migrator(migrations: &'static Migrations) -> Migrator {
    Migrator::new(migrations).instance(database::tests()).soak(Duration::ZERO)
}

fn complete(report: Result<Report, Error>) -> Report {
    let report = report.expect("a run");
    assert!(report.is_complete(), "{report}");
    report
}

fn switch(migrator: &Migrator, client: &mut Client, plan: &Plan) {
    complete(migrator.advance(client, plan, Phase::Switch));
}

fn item(client: &mut Client, id: i64) -> Vec<String> {
    observed::rows(client, &format!("SELECT price, cents, shown FROM item WHERE id = {id}"))
}

/// Code of the first, the second and the third shape, each inserting and updating a row that it reads
/// back; all three columns follow.
fn three_shapes(client: &mut Client, first_id: i64) {
    let shapes = [("price", "1.25", "2.5"), ("cents", "125", "250"), ("shown", "'125'", "'250'")];
    for (place, (column, inserted, updated)) in shapes.into_iter().enumerate() {
        let id = first_id + place as i64;
        run(client, &format!("INSERT INTO item (id, {column}) VALUES ({id}, {inserted})"));
        assert_eq!(item(client, id), ["1.25|125|125"], "inserted as {column}");
        for row in first_id..=id {
            run(
                client,
                &format!(
                    "UPDATE item SET {column} = {updated} WHERE id = {row}; UPDATE item SET other = 1 WHERE id = {row}"
                ),
            );
            assert_eq!(item(client, row), ["2.50|250|250"], "{column} of {row} updated");
            run(client, &format!("UPDATE item SET {column} = {inserted} WHERE id = {row}"));
        }
        run(
            client,
            &format!(
                "INSERT INTO item (id, {column}) VALUES ({id}, {updated}) ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}"
            ),
        );
        assert_eq!(item(client, id), ["2.50|250|250"], "{column} upserted");
        run(client, &format!("UPDATE item SET {column} = {inserted} WHERE id = {id}"));
    }
}

fn agree(client: &mut Client) {
    let apart =
        "SELECT * FROM item WHERE cents IS DISTINCT FROM round(price * 100) OR shown IS DISTINCT FROM cents::text";
    assert_eq!(observed::rows(client, apart), [""; 0]);
}

#[test]
fn plans_on_independent_columns_go_their_own_ways() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    let before = observed::schema(&mut client);
    let migrator = migrator(&BESIDE);
    complete(migrator.run(&mut client));
    let write = |client: &mut Client, id: i64| {
        run(client, &format!("INSERT INTO item (id, price, remark) VALUES ({id}, 1, 'a'), ({id} + 1, 2, 'b')"));
        run(
            client,
            &format!(
                "UPDATE item SET cents = 300, note = 'c' WHERE id = {id}; UPDATE item SET price = 4 WHERE id = {id} + 1"
            ),
        );
        assert_eq!(
            observed::rows(
                client,
                &format!("SELECT price, cents, note, remark FROM item WHERE id IN ({id}, {id} + 1) ORDER BY id")
            ),
            ["3.00|300|c|c", "4.00|400|b|b"]
        );
    };
    write(&mut client, 1);
    switch(&migrator, &mut client, &dual_write::aside::PLAN);
    write(&mut client, 11);
    switch(&migrator, &mut client, &dual_write::first::PLAN);
    write(&mut client, 21);
    // One goes back, the other stays.
    migrator.revert(&mut client, "first").expect("a revert");
    run(&mut client, "UPDATE item SET remark = 'z' WHERE id = 1; UPDATE item SET price = 9 WHERE id = 1");
    assert_eq!(observed::rows(&mut client, "SELECT price, note, remark FROM item WHERE id = 1"), ["9.00|z|z"]);
    migrator.revert(&mut client, "aside").expect("a revert");
    assert_eq!(observed::schema(&mut client), before);
}

#[test]
fn of_plans_on_independent_columns_one_can_be_finished_before_the_other() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    static ONE_READY: Migrations = migrate::migrations![dual_write::first, contract::aside];
    let report = complete(migrator(&ONE_READY).run(&mut client));
    let positions: Vec<Position> = report.plans.iter().map(|plan| plan.position).collect();
    assert_eq!(positions, [Position::After(Phase::DualWrite), Position::Finished]);
    run(
        &mut client,
        "INSERT INTO item (id, cents, remark) VALUES (1, 150, 'a'); UPDATE item SET price = 2 WHERE id = 1001",
    );
    assert_eq!(
        observed::rows(&mut client, "SELECT price, cents, remark FROM item WHERE id IN (1, 1001) ORDER BY id"),
        ["1.50|150|a", "2.00|200|n1001"]
    );
    complete(migrator(&BESIDE_CONTRACTED).run(&mut client));
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '~%'"), "0");
}

#[test]
fn in_a_chain_a_write_of_any_shape_reaches_the_other_two() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    let migrator = migrator(&CHAIN);
    let report = complete(migrator.run(&mut client));
    let done: Vec<&str> =
        report.plans.iter().flat_map(|plan| plan.done.iter().map(|(step, _)| step.as_str())).collect();
    assert_eq!(done.iter().filter(|step| **step == "expand public.item").count(), 2, "in order, in one run: {done:?}");
    agree(&mut client);
    three_shapes(&mut client, 1);
    switch(&migrator, &mut client, &dual_write::first::PLAN);
    three_shapes(&mut client, 11);
    switch(&migrator, &mut client, &dual_write::second::PLAN);
    three_shapes(&mut client, 21);
    migrator.revert_to(&mut client, "first", Phase::DualWrite).expect("a switch back");
    three_shapes(&mut client, 31);
    agree(&mut client);
    let conflicts: Vec<u64> =
        migrator.status(&mut client).expect("a status").plans.iter().map(|plan| plan.conflicts).collect();
    assert_eq!(conflicts, [0, 0], "no statement wrote two shapes");
}

#[test]
fn the_earlier_plan_of_a_chain_is_not_reverted_under_the_later_one() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    let before = observed::schema(&mut client);
    let migrator = migrator(&CHAIN);
    complete(migrator.run(&mut client));
    let both = observed::schema(&mut client);
    let error = migrator.revert(&mut client, "first").expect_err("the other builds on it");
    assert!(matches!(error, Error::NotRevertible { .. }), "{error}");
    assert!(error.to_string().contains("plan `second` builds on its new columns; revert that one first"), "{error}");
    assert_eq!(observed::schema(&mut client), both);
    three_shapes(&mut client, 1);
    run(&mut client, "UPDATE item SET shown = '777' WHERE id = 1");
    migrator.revert(&mut client, "second").expect("the later one first");
    migrator.revert(&mut client, "first").expect("and then the earlier");
    assert_eq!(observed::schema(&mut client), before);
    assert_eq!(observed::rows(&mut client, "SELECT price FROM item WHERE id = 1"), ["7.77"]);
}

#[test]
fn the_later_plan_of_a_chain_contracts_after_the_earlier_one() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    static LATER_READY: Migrations = migrate::migrations![dual_write::first, contract::second];
    let report = migrator(&LATER_READY).run(&mut client).expect("a run");
    let closed = &report.plan("second").expect("the later plan").closed;
    assert!(matches!(&closed[..], [Closed::Unfinished { plan }] if plan == "first"), "{report}");
    assert!(report.to_string().contains("plan `first`, which this one builds on, is not finished"), "{report}");
    three_shapes(&mut client, 1);
    // The earlier one goes to its end while the later one is switched: two shapes are left, in sync.
    static EARLIER_READY: Migrations = migrate::migrations![contract::first, dual_write::second];
    complete(migrator(&EARLIER_READY).run(&mut client));
    run(
        &mut client,
        "INSERT INTO item (id, cents) VALUES (51, 5); INSERT INTO item (id, shown) VALUES (52, '6'); UPDATE item SET shown = '8' WHERE id = 51",
    );
    assert_eq!(
        observed::rows(&mut client, "SELECT cents, shown FROM item WHERE id IN (51, 52) ORDER BY id"),
        ["8|8", "6|6"]
    );
    assert_eq!(refused(&mut client, "SELECT price FROM item"), "42703");
    let report = complete(migrator(&CHAIN_CONTRACTED).run(&mut client));
    assert!(report.plans.iter().all(|plan| plan.position == Position::Finished), "{report}");
    assert_eq!(observed::functions(&mut client), 0);
    let columns = "SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'item'::regclass AND attnum > 0 AND NOT attisdropped";
    assert_eq!(observed::value(&mut client, columns), "id note other shown");
}

#[test]
fn a_whole_chain_goes_through_in_one_run() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    let report = complete(migrator(&CHAIN_CONTRACTED).run(&mut client));
    assert!(report.plans.iter().all(|plan| plan.position == Position::Finished), "{report}");
    assert_eq!(observed::rows(&mut client, "SELECT shown FROM item WHERE id = 1001"), ["100100"]);
}

/// The earlier plan's rows must be there before the later one can promise anything of them.
#[test]
fn the_later_plan_waits_for_the_earlier_ones_rows() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    let mut settings = Settings::default();
    settings.row_wait = Duration::from_millis(1);
    let migrator = Migrator::new(&CHAIN).instance(database::tests()).settings(settings).soak(Duration::ZERO);
    complete(migrator.advance(&mut client, &dual_write::first::PLAN, Phase::Expand).map(|mut report| {
        report.plans.truncate(1);
        report
    }));
    let mut other = database.connect().expect("a connection");
    run(&mut other, "BEGIN; SELECT FROM item WHERE id = 1100 FOR UPDATE");
    let report = migrator.run(&mut client).expect("no error: a gate");
    assert!(matches!(&report.plans[0].closed[..], [Closed::LockedRows { .. }]), "{report}");
    assert!(matches!(&report.plans[1].closed[..], [Closed::Unfinished { plan }] if plan == "first"), "{report}");
    assert_eq!(report.plans[1].position, Position::Before);
    run(&mut other, "COMMIT");
    complete(migrator.run(&mut client));
    three_shapes(&mut client, 1);
}

/// While a column waits for its default, an omitted one could not be told from a given one.
#[test]
fn the_later_plan_waits_for_a_default_that_the_earlier_one_has_yet_to_set() {
    macro_rules! chain {
        ($module:ident, $stage:ident) => {
            mod $module {
                migrate::plan! { pub mod first; stage $stage; table item (id: bigint) {
                    price: numeric(12, 2) not null => cents: bigint not null default 7 { up round(price * 100)::bigint; down cents / 100.0; }
                } }
                migrate::plan! { pub mod second; stage $stage; table item (id: bigint) {
                    cents: bigint not null default 7 => shown: text not null default "7" { up cents::text; down shown::bigint; }
                } }
            }
        };
    }
    chain!(before, dual_write);
    chain!(after, contract);
    static BEFORE: Migrations = migrate::migrations![before::first, before::second];
    static AFTER: Migrations = migrate::migrations![after::first, after::second];
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    let report = migrator(&BEFORE).run(&mut client).expect("a run");
    assert!(matches!(&report.plans[1].closed[..], [Closed::Unfinished { plan }] if plan == "first"), "{report}");
    run(&mut client, "INSERT INTO item (id) VALUES (1)");
    let report = complete(migrator(&AFTER).run(&mut client));
    assert!(report.plans.iter().all(|plan| plan.position == Position::Finished), "{report}");
    run(&mut client, "INSERT INTO item (id) VALUES (2)");
    assert_eq!(observed::rows(&mut client, "SELECT shown FROM item WHERE id < 3"), ["7", "7"]);
}

#[test]
fn a_default_of_the_oldest_shape_does_not_count_against_a_writer_of_the_newest() {
    mod defaulted {
        migrate::plan! { pub mod first; stage dual_write; table item (id: bigint) {
            price: numeric(12, 2) not null default 1 => cents: bigint not null { up round(price * 100)::bigint; down cents / 100.0; }
        } }
        migrate::plan! { pub mod second; stage dual_write; table item (id: bigint) {
            cents: bigint not null => shown: text not null { up cents::text; down shown::bigint; }
        } }
    }
    static DEFAULTED: Migrations = migrate::migrations![defaulted::first, defaulted::second];
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ITEM);
    run(&mut client, "ALTER TABLE item ALTER COLUMN price SET DEFAULT 1");
    let migrator = migrator(&DEFAULTED);
    complete(migrator.run(&mut client));
    for phase in [Phase::DualWrite, Phase::Switch] {
        for plan in DEFAULTED.plans() {
            complete(migrator.advance(&mut client, plan, phase));
        }
        run(
            &mut client,
            "DELETE FROM item WHERE id < 10; INSERT INTO item (id, shown) VALUES (1, '250'); INSERT INTO item (id) VALUES (2)",
        );
        assert_eq!(
            (item(&mut client, 1), item(&mut client, 2)),
            (vec!["2.50|250|250".to_owned()], vec!["1.00|100|100".to_owned()])
        );
        three_shapes(&mut client, 3);
    }
    assert!(migrator.status(&mut client).expect("a status").plans.iter().all(|plan| plan.conflicts == 0));
}
