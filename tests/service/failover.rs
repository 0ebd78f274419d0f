//! The primary dies, its standby is promoted, and the plan goes on there.

use std::time::{Duration, Instant};

use migrate::testing::ScratchServer;
use migrate::{Phase, Position, Side};
use postgres::Config;
use postgres::config::Host;

use crate::agent::{Agent, Manner};
use crate::builds::{Build, create_till};
use crate::leads::{done_once, state, until};

const LONG: Duration = Duration::from_secs(60);

/// The address of both servers, of which one takes writes at a time.
fn either(first: &str, second: &str) -> String {
    let parse = |url: &str| url.parse::<Config>().expect("an address");
    let (first, second) = (parse(first), parse(second));
    let host = |config: &Config| match config.get_hosts().first() {
        Some(Host::Unix(folder)) => folder.display().to_string(),
        Some(Host::Tcp(name)) => name.clone(),
        None => String::new(),
    };
    let port = |config: &Config| config.get_ports().first().copied().unwrap_or(5432);
    format!(
        "host={},{} port={},{} user={} dbname={} target_session_attrs=read-write",
        host(&first),
        host(&second),
        port(&first),
        port(&second),
        first.get_user().unwrap_or("postgres"),
        first.get_dbname().unwrap_or("postgres")
    )
}

#[test]
fn a_plan_goes_on_after_its_standby_was_promoted() {
    let Ok(primary) = ScratchServer::builder().start_own() else {
        println!("skipped: no server of our own can be started");
        return;
    };
    let database = primary.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    create_till(&mut client, 300_000);
    let standby = primary.standby().start().expect("a standby");
    let url = either(database.url(), &standby.url_of(&database));
    let mut old = Agent::spawn(&url, Manner::of(Build::DualWrite).writing(1));
    old.ready();
    let mut new = Agent::spawn(&url, Manner::of(Build::Contract).writing(2));
    until(&mut client, "the backfill is on its way", "SELECT coalesce(sum(rows_done), 0) > 20000 FROM migrate.cursor");
    drop(client);
    primary.stop_immediate().expect("a crash");
    standby.promote().expect("a promotion");
    let mut client = standby.connect_to(&database).expect("the new primary");
    let left: i64 =
        client.query_one("SELECT count(*) FROM migrate.step WHERE state <> 'done'", &[]).expect("the journal").get(0);
    assert!(left > 0, "the plan was not finished when the primary died");
    new.ready();
    until(&mut client, "switched", "SELECT side = 'new' FROM migrate.plan");
    let said = old.stop();
    assert!(!said.iter().any(|line| line.starts_with("failed")), "{said:?}");
    until(&mut client, "finished", "SELECT status = 'finished' FROM migrate.plan");
    done_once(&mut client);
    let wrong: i64 = client
        .query_one("SELECT count(*) FROM till WHERE id <= 300000 AND total_cents <> id * 100", &[])
        .expect("the rows")
        .get(0);
    assert_eq!(wrong, 0);
    let said = new.stop();
    assert!(!said.iter().any(|line| line.starts_with("failed")), "{said:?}");
}

#[test]
fn a_service_that_finds_a_standby_alone_waits_for_a_primary() {
    let Ok(primary) = ScratchServer::builder().start_own() else {
        println!("skipped: no server of our own can be started");
        return;
    };
    let database = primary.database().expect("a database");
    create_till(&mut database.connect().expect("a connection"), 100);
    let standby = primary.standby().start().expect("a standby");
    standby.catch_up().expect("the same");
    primary.stop_immediate().expect("a crash");
    let url = standby.url_of(&database);
    let starting = std::thread::spawn(move || Build::DualWrite.migrator().start(&url));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        assert!(!starting.is_finished(), "it has started on a standby");
        std::thread::sleep(Duration::from_millis(20));
    }
    standby.promote().expect("a promotion");
    let service = starting.join().expect("its end").expect("a service");
    service.wait(Phase::DualWrite, LONG).unwrap_or_else(|error| {
        panic!("{error}\n{}", state(&mut standby.connect_to(&database).expect("a connection")))
    });
    assert_eq!(service.status().plans[0].position, Position::After(Phase::DualWrite));
    assert_eq!(service.side(Build::DualWrite.plan()), Side::Old);
    service.stop();
}
