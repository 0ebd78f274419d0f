//! The database's rights and the state itself are not as the runner needs them.

use migrate::{Error, Migrations, Migrator, Phase, Plan, Position};

use crate::database;
use crate::observed::{self, run};
use crate::role::Role;

mod plans {
    migrate::plan! { pub mod money; stage dual_write; table till (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
    migrate::plan! { pub mod names; stage dual_write; table person (id: bigint) {
        nick: text => nickname: text;
    } }
}

const MONEY: &Plan = &plans::money::PLAN;

const TILL: &str =
    "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); INSERT INTO till VALUES (1, 2.5)";

#[test]
fn a_table_of_somebody_else_is_refused_with_both_roles_named() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let (owner, runner) = (Role::new(&database, "owner"), Role::new(&database, "runner"));
    run(
        &mut client,
        &format!(
            "{TILL}; ALTER TABLE till OWNER TO {0}; GRANT ALL ON till TO {1}; GRANT CREATE ON DATABASE {2} TO {1}",
            owner.name(),
            runner.name(),
            database.name()
        ),
    );
    let before = observed::schema(&mut client);
    let error = database::migrator(MONEY).run(&mut runner.connect(&database)).expect_err("no owner").to_string();
    let (o, r) = (owner.name(), runner.name());
    assert!(
        error.contains(&format!("table public.till belongs to role \"{o}\", and \"{r}\" may not alter it")),
        "{error}"
    );
    assert!(error.contains(&format!("GRANT \"{o}\" TO \"{r}\"")), "{error}");
    assert_eq!(observed::schema(&mut client), before);
    run(&mut client, &format!("GRANT {o} TO {r}; GRANT CREATE, USAGE ON SCHEMA public TO {o}"));
    let report = database::migrator(MONEY).run(&mut runner.connect(&database)).expect("as the error says");
    assert!(report.is_complete(), "{report}");
    assert_eq!(observed::rows(&mut client, "SELECT total_cents FROM till"), ["250"]);
}

#[test]
fn a_role_that_may_not_create_the_state_is_told_the_grant() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let runner = Role::new(&database, "runner");
    run(&mut client, &format!("{TILL}; ALTER TABLE till OWNER TO {}", runner.name()));
    let error = database::migrator(MONEY).run(&mut runner.connect(&database)).expect_err("no right").to_string();
    assert!(error.contains(&format!("role \"{}\" may not create the schema \"migrate\"", runner.name())), "{error}");
    let grant = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{}\"", database.name(), runner.name());
    assert!(error.contains(&grant), "{error}");
    assert_eq!(observed::value(&mut client, "SELECT to_regnamespace('migrate') IS NULL"), "t");
    run(&mut client, &grant);
    let report = database::migrator(MONEY).run(&mut runner.connect(&database)).expect("as the error says");
    assert!(report.is_complete(), "{report}");
}

/// A database where an administrator has made the schema: the applications' writes must reach it.
#[test]
fn a_state_schema_that_applications_cannot_enter_is_refused_before_any_trigger() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let (runner, app) = (Role::new(&database, "runner"), Role::new(&database, "app"));
    run(
        &mut client,
        &format!(
            "{TILL}; ALTER TABLE till OWNER TO {0}; CREATE SCHEMA migrate; GRANT CREATE, USAGE ON SCHEMA migrate TO {0}; \
             GRANT ALL ON till TO {1}",
            runner.name(),
            app.name()
        ),
    );
    let error = database::migrator(MONEY).run(&mut runner.connect(&database)).expect_err("out of reach").to_string();
    assert!(
        error.contains("schema \"migrate\"") && error.contains("GRANT USAGE ON SCHEMA \"migrate\" TO PUBLIC"),
        "{error}"
    );
    run(&mut app.connect(&database), "UPDATE till SET total = 3");
    run(&mut client, "GRANT USAGE ON SCHEMA migrate TO PUBLIC");
    let report = database::migrator(MONEY).run(&mut runner.connect(&database)).expect("as the error says");
    assert!(report.is_complete(), "{report}");
    run(&mut app.connect(&database), "UPDATE till SET total = 4");
    assert_eq!(observed::rows(&mut client, "SELECT total, total_cents FROM till"), ["4.00|400"]);
}

#[test]
fn a_schema_of_that_name_with_other_tables_is_left_alone() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, &format!("{TILL}; CREATE SCHEMA migrate; CREATE TABLE migrate.birds (name text)"));
    let error = database::migrator(MONEY).run(&mut client).expect_err("taken").to_string();
    assert!(error.contains("schema \"migrate\" holds tables that are not this library's"), "{error}");
    assert_eq!(
        observed::rows(&mut client, "SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace"),
        ["birds"]
    );
}

#[test]
fn a_runner_without_rights_on_the_state_is_told_whose_it_is() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let other = Role::new(&database, "other");
    run(&mut client, TILL);
    assert!(database::migrator(MONEY).run(&mut client).expect("a run").is_complete());
    let mut client = other.connect(&database);
    // To hear that there is nothing to do is everybody's right.
    assert!(database::migrator(MONEY).run(&mut client).expect("nothing to do").is_complete());
    let error =
        database::migrator(MONEY).advance(&mut client, MONEY, Phase::Switch).expect_err("no rights").to_string();
    assert!(error.contains("42501") && error.contains("permission denied"), "{error}");
    // The side may be asked by everybody.
    assert_eq!(database::migrator(MONEY).side(&mut client, MONEY).expect("a side"), migrate::Side::Old);
}

/// Without this the backfill would see no row, and the switch would be open.
#[test]
fn row_security_that_hides_rows_from_the_runner_is_refused() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let runner = Role::new(&database, "runner");
    run(
        &mut client,
        &format!(
            "CREATE TABLE person (id bigint PRIMARY KEY, nick text); INSERT INTO person VALUES (1, 'ann'); \
             ALTER TABLE person OWNER TO {0}; GRANT CREATE ON DATABASE {1} TO {0}; \
             ALTER TABLE person ENABLE ROW LEVEL SECURITY; ALTER TABLE person FORCE ROW LEVEL SECURITY",
            runner.name(),
            database.name()
        ),
    );
    let migrator = database::migrator(&plans::names::PLAN);
    let before = observed::schema(&mut client);
    let error = migrator.run(&mut runner.connect(&database)).expect_err("blind").to_string();
    assert!(error.contains("public.person") && error.contains("row security hides rows"), "{error}");
    assert_eq!(observed::schema(&mut client), before);
    run(&mut client, "ALTER TABLE person NO FORCE ROW LEVEL SECURITY");
    assert!(migrator.run(&mut runner.connect(&database)).expect("the owner sees all").is_complete());
    assert_eq!(observed::rows(&mut client, "SELECT nickname FROM person"), ["ann"]);
}

/// The same, forced only after the start.
#[test]
fn row_security_forced_after_the_start_stops_the_jobs_instead_of_blinding_them() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let runner = Role::new(&database, "runner");
    run(
        &mut client,
        &format!(
            "CREATE TABLE person (id bigint PRIMARY KEY, nick text); INSERT INTO person VALUES (1, 'ann'); \
             ALTER TABLE person OWNER TO {0}; GRANT CREATE ON DATABASE {1} TO {0}",
            runner.name(),
            database.name()
        ),
    );
    let migrator = database::migrator(&plans::names::PLAN);
    let mut session = runner.connect(&database);
    let report = migrator.advance(&mut session, &plans::names::PLAN, Phase::Expand).expect("an expansion");
    assert!(report.is_complete(), "{report}");
    run(&mut client, "ALTER TABLE person ENABLE ROW LEVEL SECURITY; ALTER TABLE person FORCE ROW LEVEL SECURITY");
    let error = migrator.run(&mut session).expect_err("blind").to_string();
    assert!(error.contains("row-level security"), "{error}");
    run(&mut client, "ALTER TABLE person NO FORCE ROW LEVEL SECURITY");
    assert!(migrator.run(&mut session).expect("it sees all again").is_complete());
    assert_eq!(observed::rows(&mut client, "SELECT nickname FROM person"), ["ann"]);
}

#[test]
fn a_state_of_a_newer_version_is_not_touched() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let migrator = database::migrator(MONEY);
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    run(&mut client, "UPDATE migrate.state_version SET version = 1000, compatible = 1000");
    let before = observed::schema(&mut client);
    let errors = [
        migrator.run(&mut client).map(drop),
        migrator.status(&mut client).map(drop),
        migrator.advance(&mut client, MONEY, Phase::Switch).map(drop),
        migrator.revert(&mut client, "money"),
        migrator.release(&mut client, "money"),
    ];
    for error in errors.map(|result| result.expect_err("newer")) {
        assert!(matches!(error, Error::NewerState { found: 1000, .. }), "{error}");
        assert!(error.to_string().contains("with the newest version of the library"), "{error}");
    }
    assert_eq!(observed::schema(&mut client), before);
}

#[test]
fn a_plan_that_vanished_from_the_program_is_named_and_reverts_by_name() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, &format!("{TILL}; CREATE TABLE person (id bigint PRIMARY KEY, nick text)"));
    let before = observed::schema(&mut client);
    assert!(database::migrator(MONEY).run(&mut client).expect("a run").is_complete());
    static WITHOUT: Migrations = migrate::migrations![plans::names];
    let migrator = Migrator::new(&WITHOUT).instance(database::tests());
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!(report.unknown, ["money"]);
    assert!(report.is_complete(), "the other plans go on: {report}");
    assert_eq!(report.plans[0].position, Position::After(Phase::DualWrite));
    assert!(report.to_string().contains("money: in flight in this database, and not in this program"), "{report}");
    assert_eq!(migrator.status(&mut client).expect("a status").unknown, ["money"]);
    run(&mut client, "UPDATE till SET total_cents = 777");
    migrator.revert(&mut client, "money").expect("a revert by name");
    migrator.revert(&mut client, "names").expect("a revert");
    assert_eq!(observed::schema(&mut client), before);
    assert_eq!(observed::rows(&mut client, "SELECT total FROM till"), ["7.77"]);
    assert!(migrator.run(&mut client).expect("a run").unknown.is_empty());
}

#[test]
fn what_somebody_took_away_by_hand_is_named_as_drift() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let migrator = database::migrator(MONEY);
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    run(&mut client, "ALTER TABLE till ALTER COLUMN total_cents DROP NOT NULL");
    let error = migrator.run(&mut client).expect_err("gone");
    assert!(matches!(&error, Error::Drift { step, .. } if step == "not null public.till"), "{error}");
    assert!(error.to_string().contains("put it back, or revert the plan"), "{error}");
    run(&mut client, "ALTER TABLE till ALTER COLUMN total_cents SET NOT NULL");
    assert!(migrator.run(&mut client).expect("put back").is_complete());
}
