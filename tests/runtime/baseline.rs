//! Databases that were made in the new shape, and plans that are gone from the code.

use std::time::Duration;

use migrate::{Error, Migrations, Migrator, Plan, Position, migrations};

use crate::database;
use crate::observed::{self, run};
use crate::phases::{MONEY, TILL};

mod plans {
    pub mod dual_write {
        migrate::plan! { pub mod cents; stage dual_write; table till { total_cents: bigint not null => cents: bigint not null; } }
    }
    pub mod contract {
        migrate::plan! { pub mod cents; stage contract; table till { total_cents: bigint not null => cents: bigint not null; } }
        migrate::plan! { pub mod sized; stage contract; table till {
        total: numeric(12, 2) not null default 1.5 => amount: numeric(20, 4) not null default 1.5 { up total::numeric(20, 4); down amount::numeric(12, 2); } } }
        migrate::plan! { pub mod money; stage contract; table till (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; } } }
    }
}

use plans::contract;

const NEW_TILL: &str = "CREATE TABLE till (id bigint PRIMARY KEY, note text, total_cents bigint NOT NULL)";

#[test]
fn a_plan_is_recorded_where_its_new_shape_is_there() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, NEW_TILL);
    let migrator = database::migrator(MONEY.contract).decided_by("anna").reason("from a dump");
    migrator.baseline(&mut client, MONEY.contract).expect("recorded");
    migrator.baseline(&mut client, MONEY.contract).expect("once is enough");
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!((report.plans[0].position, report.plans[0].done.len()), (Position::Finished, 0), "{report}");
    assert_eq!(migrator.side(&mut client, MONEY.contract).expect("a side"), migrate::Side::New);
    let told = "SELECT event, decided_by, reason FROM migrate.history ORDER BY id";
    assert_eq!(observed::rows(&mut client, told), ["recorded as finished|anna|from a dump"]);
    // Builds that may use the old columns are not let in.
    let refused = "SELECT plan FROM migrate.refusal('shop', '1.1', '{money}', '{dual_write}')";
    assert_eq!(observed::value(&mut client, refused), "money");
}

#[test]
fn a_plan_whose_new_column_is_there_already_says_how_it_is_recorded() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, NEW_TILL);
    for plan in [MONEY.dual_write, MONEY.contract] {
        let error = database::migrator(plan).run(&mut client).expect_err("another shape").to_string();
        assert!(error.contains("column public.till.total does not exist, and `total_cents`"), "{error}");
        assert!(error.contains("`baseline money`") && !error.contains("exists already"), "{error}");
    }
}

#[test]
fn a_table_of_another_shape_is_refused_with_the_difference() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    for (table, difference) in [
        ("total numeric(12,2), amount numeric(20,4) NOT NULL DEFAULT 1.5", "column public.till.total is still there"),
        (
            "\"~total\" numeric(12,2), amount numeric(20,4) NOT NULL DEFAULT 1.5",
            "column public.till.~total is still there",
        ),
        ("amount numeric(20,3) NOT NULL DEFAULT 1.5", "amount is numeric(20,3), and the plan makes numeric(20,4)"),
        ("amount numeric(20,4) DEFAULT 1.5", "amount may be null, and the plan makes it NOT NULL"),
        ("amount numeric(20,4) NOT NULL", "amount has no default, and the plan makes the default 1.5"),
        ("amount numeric(20,4) NOT NULL DEFAULT 2", "amount has the default 2"),
        ("sum numeric", "column public.till.amount does not exist, and the plan makes it"),
    ] {
        run(&mut client, &format!("CREATE TABLE till ({table})"));
        let migrator = database::migrator(&contract::sized::PLAN);
        let error = migrator.baseline(&mut client, &contract::sized::PLAN).expect_err(table);
        assert!(matches!(error, Error::NotBaseline { .. }), "{error}");
        assert!(error.to_string().contains(difference), "{difference} is not in {error}");
        assert_eq!(observed::value(&mut client, "SELECT count(*) FROM migrate.plan"), "0");
        run(&mut client, "DROP TABLE till");
    }
    run(&mut client, "CREATE TABLE till (amount numeric(20,4) NOT NULL DEFAULT 1.50)");
    database::migrator(&contract::sized::PLAN).baseline(&mut client, &contract::sized::PLAN).expect("the shape");
}

#[test]
fn a_plan_that_runs_or_may_use_its_old_column_is_not_recorded() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, NEW_TILL);
    let error = database::migrator(MONEY.dual_write).baseline(&mut client, MONEY.dual_write).expect_err("a stage");
    assert!(error.to_string().contains("is at stage dual_write in this build"), "{error}");
    run(&mut client, &format!("DROP TABLE till; {TILL}"));
    assert!(database::migrator(MONEY.dual_write).run(&mut client).expect("a run").is_complete());
    let error = database::migrator(MONEY.contract).baseline(&mut client, MONEY.contract).expect_err("it runs");
    assert!(error.to_string().contains("has started here"), "{error}");
}

/// The second has taken away what the first made.
#[test]
fn plans_that_build_on_each_other_are_recorded_together() {
    static BOTH: Migrations = migrations![contract::money, contract::cents];
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, "CREATE TABLE till (id bigint PRIMARY KEY, cents bigint NOT NULL)");
    let migrator = Migrator::new(&BOTH).instance(database::tests()).soak(Duration::ZERO);
    for plan in BOTH.plans() {
        migrator.baseline(&mut client, plan).expect("recorded");
    }
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.plans.iter().all(|plan| plan.position == Position::Finished), "{report}");
}

#[test]
fn a_finished_plan_that_the_code_no_longer_has_is_no_matter() {
    static BOTH: Migrations = migrations![contract::money, plans::dual_write::cents];
    static LATER: Migrations = migrations![plans::dual_write::cents];
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let both = Migrator::new(&BOTH).instance(database::tests()).soak(Duration::ZERO);
    let report = both.advance(&mut client, &contract::money::PLAN, migrate::Phase::Contract).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
    let later = Migrator::new(&LATER).instance(database::tests()).soak(Duration::ZERO);
    let report = later.run(&mut client).expect("a run");
    assert!(report.is_complete() && report.unknown.is_empty(), "{report}");
    let status = later.status(&mut client).expect("a status");
    assert!(status.is_complete() && status.unknown.is_empty() && !status.to_string().contains("money"), "{status}");
}

#[test]
fn a_fresh_database_without_what_a_deleted_plan_made_is_told_the_way_out() {
    const CENTS: &Plan = &plans::dual_write::cents::PLAN;
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let expected = "if a plan that was deleted from the code made it, load a dump of the schema";
    run(&mut client, TILL);
    let error = database::migrator(CENTS).run(&mut client).expect_err("no column").to_string();
    assert!(error.contains("total_cents does not exist") && error.contains(expected), "{error}");
    assert!(error.contains("`baseline`"), "{error}");
}
