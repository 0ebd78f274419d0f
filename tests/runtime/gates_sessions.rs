//! Contract waits for sessions of nobody on the list of instances that use the plan's tables.

use std::time::{Duration, Instant};

use migrate::{Instance, Migrations, Migrator, Phase, Plan, Position};
use postgres::Client;

use crate::database;
use crate::gates::{connect_as, contract, contract_of, keys, require_finished, switched};
use crate::observed::{self, run};
use crate::phases::{self, MONEY, Subject};
use crate::role::Role;

mod dual_write {
    migrate::plan! { pub mod odd; stage dual_write; table "sh.op"."We\"ird (t.ill)*" {
        "Total $": text => remark: text;
    } }
}
mod contract_plans {
    migrate::plan! { pub mod odd; stage contract; table "sh.op"."We\"ird (t.ill)*" {
        "Total $": text => remark: text;
    } }
}

/// A table and a column with everything in their names that means something in SQL or in a pattern.
const ODD: Subject = Subject {
    dual_write: &dual_write::odd::PLAN,
    contract: &contract_plans::odd::PLAN,
    apart: "remark IS DISTINCT FROM \"Total $\"",
};

const ODD_TABLE: &str = r#"CREATE SCHEMA "sh.op"; CREATE TABLE "sh.op"."We""ird (t.ill)*" ("Total $" text)"#;

/// Waits until a session's end has reached the server's list of sessions.
fn gone(client: &mut Client, name: &str) {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'");
    let begun = Instant::now();
    while observed::value(client, &sql) != "0" {
        assert!(begun.elapsed() < Duration::from_secs(10), "{name} is still there");
        std::thread::yield_now();
    }
}

#[test]
fn a_session_whose_last_statement_names_the_table_closes_the_gate_until_it_is_gone() {
    let (database, mut client) = switched();
    let mut psql = connect_as(database.url(), "psql");
    run(&mut psql, "SELECT 1 FROM TILL");
    let report = contract(&mut client, Duration::ZERO);
    let role = observed::value(&mut client, "SELECT current_user");
    assert_eq!(keys(&report), [format!("session:psql@{role}")], "{report}");
    assert_eq!(report.plans[0].position, Position::After(Phase::Switch));
    // Another table whose name only contains that of this one says nothing.
    run(&mut psql, "SELECT 'till_2, untill, till$'");
    assert_eq!(keys(&contract(&mut client, Duration::from_secs(1000))), [format!("session:psql@{role}")]);
    require_finished(&mut client);
}

#[test]
fn a_session_that_holds_the_table_closes_the_gate_whatever_its_statement_says() {
    let (database, mut client) = switched();
    let mut psql = connect_as(database.url(), "nightly");
    run(&mut psql, "BEGIN; LOCK TABLE till IN ACCESS SHARE MODE");
    run(&mut psql, "SELECT 1");
    let report = contract(&mut client, Duration::ZERO);
    assert_eq!(keys(&report).len(), 1, "{report}");
    assert!(report.to_string().contains("nightly as ") && report.to_string().contains("holds a table"), "{report}");
    run(&mut psql, "COMMIT");
    require_finished(&mut client);
}

#[test]
fn who_used_the_table_within_the_soak_closes_the_gate_even_if_gone() {
    let (database, mut client) = switched();
    let mut psql = connect_as(database.url(), "cron");
    run(&mut psql, "SELECT FROM till");
    // Any run after the switch keeps it in mind.
    let report =
        database::migrator(MONEY.dual_write).advance(&mut client, MONEY.dual_write, Phase::Switch).expect("a run");
    assert!(report.is_complete(), "{report}");
    drop(psql);
    gone(&mut client, "cron");
    let minute = Duration::from_secs(60);
    run(&mut client, "UPDATE migrate.plan SET switched_at = switched_at - interval '1 hour'");
    let report = contract(&mut client, minute);
    assert_eq!(keys(&report).len(), 1, "{report}");
    assert!(
        report.to_string().contains("cron as ") && report.to_string().contains(": gone, and used a table"),
        "{report}"
    );
    run(&mut client, "UPDATE migrate.sighting SET used_at = used_at - interval '1 hour'");
    let report = contract(&mut client, minute);
    assert!(report.to_string().contains("the soak before dropping the old columns"), "{report}");
}

#[test]
fn sessions_of_the_runners_own_application_and_of_live_instances_are_known() {
    let (database, mut client) = switched();
    let mut pool = connect_as(database.url(), "pool");
    let mut shop = connect_as(database.url(), "shop@1/7");
    for session in [&mut pool, &mut shop] {
        run(session, "SELECT FROM till");
    }
    assert_eq!(keys(&contract(&mut client, Duration::ZERO)).len(), 2);
    // An instance at contract, by its tag; and its word for the name of its pool.
    run(
        &mut client,
        "INSERT INTO migrate.instance (application, version, host, process, tag, session_names, plans, stages, lease, grace) \
         VALUES ('shop', '1', 'here', 1, 'shop@1/7', '{}', '{money}', '{contract}', '1 hour', '1 hour')",
    );
    assert_eq!(keys(&contract(&mut client, Duration::ZERO)).len(), 1);
    let plans: &'static [&'static Plan] = Box::leak(Box::new([MONEY.contract]));
    let migrations: &'static Migrations = Box::leak(Box::new(Migrations::new(plans)));
    let instance = Instance::new("tests", "1").session_name("").session_name("pool");
    let migrator = Migrator::new(migrations).instance(instance).soak(Duration::ZERO);
    let report = migrator.run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
}

/// A rolling deployment ends old instances all the time: what is left of one counts while it is there, and no longer.
#[test]
fn the_sessions_of_an_instance_that_stopped_count_only_while_they_last() {
    let (database, mut client) = switched();
    run(
        &mut client,
        "INSERT INTO migrate.instance (application, version, host, process, tag, session_names, plans, stages, lease, grace, state) \
         VALUES ('shop', '1', 'here', 1, 'shop@1/7', '{}', '{money}', '{switch}', '1 hour', '1 hour', 'stopped'); \
         UPDATE migrate.plan SET switched_at = switched_at - interval '1 hour'",
    );
    let mut shop = connect_as(database.url(), "shop@1/7");
    run(&mut shop, "SELECT FROM till");
    let minute = Duration::from_secs(60);
    let report = contract(&mut client, minute);
    assert_eq!(keys(&report).len(), 1, "{report}");
    assert!(report.to_string().contains("the instance of that name is not live any more"), "{report}");
    drop(shop);
    gone(&mut client, "shop@1/7");
    let report = contract(&mut client, minute);
    assert!(report.to_string().contains("the soak before dropping the old columns"), "{report}");
}

#[test]
fn an_operator_may_know_a_session_by_its_name_and_role_or_by_its_name() {
    let (database, mut client) = switched();
    let mut psql = connect_as(database.url(), "a@b");
    run(&mut psql, "SELECT FROM till");
    let role = observed::value(&mut client, "SELECT current_user");
    let migrator = database::migrator(MONEY.contract).decided_by("anna").reason("reads the id alone");
    migrator.acknowledge(&mut client, "money", "session:a@c").expect("another one's word");
    assert_eq!(keys(&contract(&mut client, Duration::ZERO)), [format!("session:a@b@{role}")]);
    migrator.acknowledge(&mut client, "money", format!("session:a@b@{role}")).expect("its word");
    let report = contract(&mut client, Duration::from_secs(1000));
    assert!(keys(&report).is_empty(), "{report}");
    migrator.withdraw(&mut client, "money", format!("session:a@b@{role}")).expect("the word was there");
    assert_eq!(keys(&contract(&mut client, Duration::ZERO)).len(), 1);
    migrator.acknowledge(&mut client, "money", "session:a@b").expect("every role's word");
    require_finished(&mut client);
    let told = "SELECT event, decided_by, reason FROM migrate.history WHERE event ~ 'acknowledged' ORDER BY id";
    let told = observed::rows(&mut client, told);
    assert_eq!(told[0], "acknowledged: session:a@c|anna|reads the id alone");
    assert!(told[2].starts_with("no longer acknowledged: session:a@b@"), "{told:?}");
}

#[test]
fn a_partition_that_is_used_closes_the_gate() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL) PARTITION BY RANGE (id); \
         CREATE TABLE \"Part.1\" PARTITION OF till DEFAULT",
    );
    phases::carry(&MONEY, &mut client, Phase::Switch);
    let mut psql = connect_as(database.url(), "psql");
    run(&mut psql, "SELECT FROM \"Part.1\"");
    assert_eq!(keys(&contract(&mut client, Duration::ZERO)).len(), 1);
    run(&mut psql, "SELECT 'Part-1'");
    assert_eq!(keys(&contract(&mut client, Duration::ZERO)).len(), 0);
}

#[test]
fn a_table_with_a_hostile_name_is_found_in_statements() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, ODD_TABLE);
    phases::carry(&ODD, &mut client, Phase::Switch);
    let mut psql = connect_as(database.url(), "it's \"odd\"");
    for innocent in ["SELECT 'We\"\"ird (txill)'", "SELECT 'We\"\"ird t.illlll'"] {
        run(&mut psql, innocent);
        let report = contract_of(ODD.contract, &mut client, Duration::from_secs(1000));
        assert!(keys(&report).is_empty(), "{innocent}: {report}");
    }
    run(&mut psql, r#"SELECT FROM "sh.op"."We""ird (t.ill)*""#);
    let report = contract_of(ODD.contract, &mut client, Duration::ZERO);
    assert_eq!(keys(&report).len(), 1, "{report}");
    assert!(keys(&report)[0].starts_with("session:it's \"odd\"@"), "{report}");
    drop(psql);
    gone(&mut client, "it''s \"odd\"");
    let report = contract_of(ODD.contract, &mut client, Duration::ZERO);
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
}

#[test]
fn a_role_that_may_not_see_statements_says_so_and_what_gives_it_the_right() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let (owner, other) = (Role::new(&database, "owner"), Role::new(&database, "other"));
    let name = owner.name();
    run(
        &mut client,
        &format!("GRANT CREATE ON DATABASE {} TO {name}; GRANT ALL ON SCHEMA public TO {name}", database.name()),
    );
    let mut runner = owner.connect(&database);
    run(&mut runner, phases::TILL);
    phases::carry(&MONEY, &mut runner, Phase::Switch);
    let mut stranger = connect_as(&database.url_as(other.name()), "elsewhere");
    run(&mut stranger, "SELECT 1");
    let report = contract(&mut runner, Duration::ZERO);
    assert_eq!(keys(&report), ["rights:pg_read_all_stats"], "{report}");
    assert!(report.to_string().contains(&format!("GRANT pg_read_all_stats TO {name}")), "{report}");
    run(&mut client, &format!("GRANT pg_read_all_stats TO {name}"));
    let report = contract(&mut runner, Duration::ZERO);
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
}

#[test]
fn sessions_that_cannot_be_seen_may_be_acknowledged() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let (owner, other) = (Role::new(&database, "owner"), Role::new(&database, "other"));
    let name = owner.name();
    run(
        &mut client,
        &format!("GRANT CREATE ON DATABASE {} TO {name}; GRANT ALL ON SCHEMA public TO {name}", database.name()),
    );
    let mut runner = owner.connect(&database);
    run(&mut runner, phases::TILL);
    phases::carry(&MONEY, &mut runner, Phase::Switch);
    let _stranger = connect_as(&database.url_as(other.name()), "elsewhere");
    let mut silent = connect_as(database.url(), "silent");
    run(&mut silent, &format!("SET track_activities = off; SET ROLE {name}"));
    assert_eq!(keys(&contract(&mut runner, Duration::ZERO))[0], "rights:pg_read_all_stats");
    let migrator = database::migrator(MONEY.contract);
    migrator.acknowledge(&mut runner, "money", "rights:pg_read_all_stats").expect("known");
    require_finished(&mut runner);
}

#[test]
fn a_session_that_tells_nobody_its_statements_closes_the_gate() {
    let (database, mut client) = switched();
    let mut silent = connect_as(database.url(), "silent");
    run(&mut silent, "SET track_activities = off");
    let report = contract(&mut client, Duration::ZERO);
    assert_eq!(keys(&report), ["rights:track_activities"], "{report}");
    run(&mut silent, "SET track_activities = on");
    require_finished(&mut client);
}
