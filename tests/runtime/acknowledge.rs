//! An operator's word about instances, and words that are none.

use std::time::{Duration, Instant};

use migrate::{Closed, Error, Phase};
use postgres::Client;

use crate::database;
use crate::gates::{connect_as, contract, require_finished, switched};
use crate::observed::{self, run};
use crate::phases::MONEY;

/// An instance at `stage switch` that was last heard of so long ago; its lease is 30 s.
fn instance(client: &mut Client, id: i64, silent: u32) {
    run(
        client,
        &format!(
            "INSERT INTO migrate.instance \
                 (id, application, version, host, process, tag, session_names, plans, stages, lease, grace, beat_at) \
             OVERRIDING SYSTEM VALUE VALUES ({id}, 'shop', '1.2', 'here', {id}, 'shop@1.2/{id}', '{{}}', '{{money}}', \
                 '{{switch}}', '30 s', '1 hour', clock_timestamp() - interval '{silent} s')"
        ),
    );
}

fn instances(client: &mut Client) -> Vec<i64> {
    let report = contract(client, Duration::ZERO);
    let closed = report.plans[0].closed.iter().find_map(|closed| match closed {
        Closed::Instances { instances } => Some(instances.iter().map(|instance| instance.id).collect()),
        _ => None,
    });
    closed.unwrap_or_default()
}

#[test]
fn a_suspect_instance_is_dead_by_an_operators_word_and_its_sessions_end() {
    let (database, mut client) = switched();
    instance(&mut client, 7, 60);
    let mut session = connect_as(database.url(), "shop@1.2/7");
    run(&mut session, "SELECT FROM till");
    assert_eq!(instances(&mut client), [7]);
    let migrator = database::migrator(MONEY.contract).decided_by("anna").reason("the machine burned down");
    let done = migrator.acknowledge(&mut client, "money", "instance:7").expect("dead");
    assert_eq!((done.ended, done.left), (1, 0));
    let begun = Instant::now();
    while session.is_valid(Duration::from_secs(1)).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "its session is still there");
    }
    require_finished(&mut client);
    let told = "SELECT event, decided_by, reason FROM migrate.history WHERE event ~ 'instance'";
    assert_eq!(observed::rows(&mut client, told), ["acknowledged: instance:7|anna|the machine burned down"]);
}

#[test]
fn an_instance_whose_lease_is_not_over_is_not_dead_by_anybodys_word() {
    let (_database, mut client) = switched();
    instance(&mut client, 7, 1);
    let migrator = database::migrator(MONEY.contract);
    let error = migrator.acknowledge(&mut client, "money", "instance:7").expect_err("it lives").to_string();
    assert!(error.contains("its lease of 30 s is not over") && error.contains("stop its process"), "{error}");
    assert_eq!(instances(&mut client), [7]);
    let error = migrator.acknowledge(&mut client, "money", "instance:8").expect_err("unknown").to_string();
    assert!(error.contains("there is no such instance"), "{error}");
    run(&mut client, "UPDATE migrate.instance SET state = 'stopped'");
    let error = migrator.acknowledge(&mut client, "money", "instance:7").expect_err("gone").to_string();
    assert!(error.contains("off the list already (stopped)"), "{error}");
}

#[test]
fn an_application_that_never_touches_the_table_is_acknowledged_by_its_name() {
    let (_database, mut client) = switched();
    instance(&mut client, 7, 1);
    instance(&mut client, 8, 1);
    assert_eq!(instances(&mut client), [7, 8]);
    database::migrator(MONEY.contract).acknowledge(&mut client, "money", "application:shop").expect("known");
    assert_eq!(instances(&mut client), [0; 0]);
}

#[test]
fn a_word_that_is_none_or_a_plan_that_is_unknown_is_refused() {
    let (_database, mut client) = switched();
    let migrator = database::migrator(MONEY.contract);
    let error = migrator.acknowledge(&mut client, "money", "psql").expect_err("no word");
    assert!(matches!(error, Error::NotAcknowledged { .. }), "{error}");
    assert!(
        error.to_string().contains("`session:NAME@ROLE`") && error.to_string().contains("`instance:ID`"),
        "{error}"
    );
    let error = migrator.acknowledge(&mut client, "mony", "session:psql").expect_err("no plan");
    assert!(matches!(error, Error::NotStarted { .. }), "{error}");
    let error = migrator.withdraw(&mut client, "money", "session:psql").expect_err("never said").to_string();
    assert!(error.contains("nobody has acknowledged it for plan `money`"), "{error}");
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM migrate.acknowledgement"), "0");
}

#[test]
fn the_live_instances_are_listed_with_the_stages_of_their_plans() {
    let (_database, mut client) = switched();
    let migrator = database::migrator(MONEY.dual_write);
    assert!(migrator.instances(&mut client).expect("a list").is_empty());
    instance(&mut client, 7, 60);
    instance(&mut client, 8, 1);
    let listed = migrator.instances(&mut client).expect("a list");
    assert_eq!(listed.iter().map(|one| (one.id, one.is_suspect)).collect::<Vec<_>>(), [(7, true), (8, false)]);
    assert_eq!(listed[0].plans, [("money".to_owned(), "switch".to_owned())]);
    let status = migrator.status(&mut client).expect("a status");
    assert_eq!(status.builds("money"), [("shop@1.2".to_owned(), Some("switch".to_owned()), 2)]);
    assert!(status.to_string().contains("live    shop@1.2 at stage switch: 2"), "{status}");
}

#[test]
fn status_tells_what_the_last_run_waited_for_and_what_was_acknowledged() {
    let (_database, mut client) = switched();
    instance(&mut client, 7, 1);
    let migrator = database::migrator(MONEY.contract);
    assert!(!migrator.run(&mut client).expect("a run").is_complete());
    migrator.acknowledge(&mut client, "money", "session:psql").expect("known");
    let status = migrator.status(&mut client).expect("a status");
    let plan = status.plan("money").expect("the plan");
    assert!(plan.looked_at.is_some() && plan.waits_for[0].contains("shop@1.2/7"), "{status}");
    assert_eq!(plan.acknowledged, ["session:psql"]);
    assert!(
        status.to_string().contains("waited  ") && status.to_string().contains("acknowledged: session:psql"),
        "{status}"
    );
    let report =
        database::migrator(MONEY.dual_write).advance(&mut client, MONEY.dual_write, Phase::Switch).expect("a run");
    assert!(report.is_complete(), "{report}");
}
