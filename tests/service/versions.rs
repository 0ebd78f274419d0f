//! Builds of several releases live at once, and contract waits for the older ones.

use std::time::Duration;

use migrate::{Closed, Error};
use postgres::Client;

use crate::agent::{Agent, Manner};
use crate::builds::{Build, till};
use crate::leads::{done_once, state, until};

const LONG: Duration = Duration::from_secs(30);
const SWITCHED: &str = "SELECT side = 'new' FROM migrate.plan";
const FINISHED: &str = "SELECT status = 'finished' FROM migrate.plan";
const WAITS: &str = "SELECT status = 'running' AND cardinality(waits_for) > 0 FROM migrate.plan";

/// One writer of each build up to `last`, started in the order of their releases.
fn roll_out(url: &str, last: Build) -> Vec<Agent> {
    let builds = Build::ALL.into_iter().take_while(|build| *build != last).chain([last]);
    builds
        .enumerate()
        .map(|(number, build)| {
            let mut agent = Agent::spawn(url, Manner::of(build).writing(number as u32));
            agent.ready();
            agent
        })
        .collect()
}

/// Ends an agent; it has had no failed statement and lost no write.
fn stop_unharmed(agent: Agent) {
    let manner = agent.manner;
    let said = agent.stop();
    let harm: Vec<&String> =
        said.iter().filter(|line| line.starts_with("failed") || line.starts_with("lost")).collect();
    assert!(harm.is_empty(), "{manner:?}: {harm:?}");
    assert!(
        said.iter().any(|line| line.starts_with("wrote") && line != "wrote 0"),
        "{manner:?} wrote nothing: {said:?}"
    );
}

fn waits_for(client: &mut Client) -> String {
    client.query_one("SELECT array_to_string(waits_for, '; ') FROM migrate.plan", &[]).expect("the plan").get(0)
}

#[test]
fn contract_waits_for_older_builds_and_goes_on_by_itself_when_they_are_gone() {
    let (database, mut client) = till(500);
    let mut agents = roll_out(database.url(), Build::Contract);
    until(&mut client, "switched", SWITCHED);
    until(&mut client, "it waits", WAITS);
    for (agent, version) in agents.iter().zip(["1.0", "1.1", "1.2"]) {
        let waits = waits_for(&mut client);
        assert!(waits.contains(&format!("shop@{version}/")), "{:?}: {waits}", agent.manner);
    }
    assert!(!waits_for(&mut client).contains("shop@1.3/"));
    let contract = agents.pop().expect("the newest");
    // One after the other; while one of them is there, nothing is taken away.
    while let Some(agent) = agents.pop() {
        let version = agent.manner.build.version();
        until(
            &mut client,
            "it is still waited for",
            &format!("SELECT array_to_string(waits_for, ';') LIKE '%shop@{version}/%' FROM migrate.plan"),
        );
        stop_unharmed(agent);
    }
    until(&mut client, "finished", FINISHED);
    done_once(&mut client);
    stop_unharmed(contract);
}

#[test]
fn an_older_build_starts_while_its_shape_is_served_and_is_told_which_plan_ended_it_after() {
    let (database, mut client) = till(500);
    let mut agents = roll_out(database.url(), Build::Switch);
    until(&mut client, "switched", SWITCHED);
    // Old pods restart in the middle of it.
    for build in [Build::Before, Build::DualWrite, Build::Switch] {
        let mut again = Agent::spawn(database.url(), Manner::of(build).writing(10 + build as u32));
        again.ready();
        stop_unharmed(again);
    }
    agents.drain(..).for_each(stop_unharmed);
    let mut contract = Agent::spawn(database.url(), Manner::of(Build::Contract).writing(3));
    contract.ready();
    until(&mut client, "finished", FINISHED);
    for build in [Build::Before, Build::DualWrite, Build::Switch] {
        let error = build.migrator().start(database.url()).expect_err("retired");
        assert!(matches!(&error, Error::Retired { plan, .. } if plan == "money"), "{build:?}: {error}");
        println!("{error}");
    }
    let mut late = Agent::spawn(database.url(), Manner::of(Build::DualWrite).writing(9));
    let said = late.hear("refused", LONG).unwrap_or_else(|| panic!("{:?}", late.said));
    assert!(said.contains("plan `money`"), "{said}");
    stop_unharmed(contract);
}

#[test]
fn a_build_without_the_plan_is_let_in_after_its_end_when_it_was_not_there_before() {
    let (database, mut client) = till(10);
    let contract = Build::Contract.migrator().start(database.url()).expect("a service");
    until(&mut client, "finished", FINISHED);
    // A later release, from whose code the finished plan was deleted.
    let instance = migrate::Instance::new("shop", "2.0");
    let later = Build::Before.migrator().instance(instance).start(database.url()).expect("a later release");
    later.stop();
    contract.stop();
}

#[test]
fn an_older_build_that_is_paused_is_waited_for_however_long() {
    let (database, mut client) = till(100);
    let mut old = Agent::spawn(database.url(), Manner::of(Build::Switch).writing(1));
    let name = old.ready();
    until(&mut client, "switched", SWITCHED);
    old.signal("STOP");
    let mut contract = Agent::spawn(database.url(), Manner::of(Build::Contract).writing(2));
    contract.ready();
    // Long past its lease and its grace: it has a connection, so it may wake.
    until(
        &mut client,
        "it is suspect",
        &format!(
            "SELECT clock_timestamp() - beat_at > lease + grace + interval '1 s' FROM migrate.instance WHERE tag = '{name}'"
        ),
    );
    until(&mut client, "it waits", WAITS);
    let waits = waits_for(&mut client);
    assert!(waits.contains(&name) && waits.contains("suspect"), "{waits}");
    assert_eq!(finished(&mut client), 0, "{}", state(&mut client));
    old.signal("CONT");
    until(
        &mut client,
        "it is heard of again",
        &format!(
            "SELECT state = 'live' AND clock_timestamp() - beat_at < interval '1 s' FROM migrate.instance WHERE tag = '{name}'"
        ),
    );
    stop_unharmed(old);
    until(&mut client, "finished", FINISHED);
    stop_unharmed(contract);
}

#[test]
fn an_older_build_that_was_killed_is_waited_for_until_its_grace_is_over() {
    let (database, mut client) = till(100);
    let mut old = Agent::spawn(database.url(), Manner::of(Build::Switch).writing(1));
    let name = old.ready();
    until(&mut client, "switched", SWITCHED);
    let mut contract = Agent::spawn(database.url(), Manner::of(Build::Contract).writing(2));
    contract.ready();
    until(&mut client, "it waits", WAITS);
    old.kill();
    until(&mut client, "finished", FINISHED);
    let (silent, due): (f64, f64) = {
        let sql = "SELECT extract(epoch FROM ended_at - beat_at)::float8, extract(epoch FROM lease + grace)::float8 \
                   FROM migrate.instance WHERE tag = $1 AND state = 'gone'";
        let row = client.query_one(sql, &[&name]).expect("it is gone");
        (row.get(0), row.get(1))
    };
    assert!(silent >= due, "{silent} of {due} s");
    stop_unharmed(contract);
}

#[test]
fn a_run_at_contract_reports_the_instances_it_waits_for() {
    let (database, mut client) = till(100);
    let old = Build::Switch.migrator().start(database.url()).expect("a service");
    until(&mut client, "switched", SWITCHED);
    let report = Build::Contract.migrator().run(&mut client).expect("a run");
    let [Closed::Instances { instances }] = &report.plans[0].closed[..] else { panic!("{report}") };
    assert_eq!((instances.len(), instances[0].stage.as_deref()), (1, Some("switch")), "{report}");
    println!("{report}");
    old.stop();
    let report = Build::Contract.migrator().run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
}

fn finished(client: &mut Client) -> i64 {
    let sql = "SELECT count(*) FROM migrate.step WHERE phase = 'contract' AND state <> 'pending'";
    client.query_one(sql, &[]).expect("the journal").get(0)
}
