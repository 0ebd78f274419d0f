//! A service that waits at a gate goes on by itself once the evidence is gone, or an operator knows it.

use std::time::Duration;

use migrate::{Position, Service};
use postgres::{Client, NoTls};

use crate::builds::{Build, till};

const LONG: Duration = Duration::from_secs(20);

/// A service of the last release that waits for `evidence`.
fn waiting(url: &str, evidence: &str) -> Service {
    let service = Build::Contract.migrator().start(url).expect("a service");
    let begun = std::time::Instant::now();
    while !service.status().to_string().contains(evidence) {
        assert!(begun.elapsed() < LONG, "{}", service.status());
        std::thread::yield_now();
    }
    assert_ne!(service.status().plans[0].position, Position::Finished);
    service
}

fn finished(service: Service) {
    service.wait(migrate::Phase::Contract, LONG).expect("finished");
    service.stop();
}

/// A session of nobody's that has used the table.
fn psql(url: &str) -> Client {
    let mut config: postgres::Config = url.parse().expect("an address");
    config.application_name("psql");
    let mut client = config.connect(NoTls).expect("a connection");
    client.batch_execute("SELECT FROM till").expect("a look");
    client
}

#[test]
fn it_goes_on_when_the_session_in_its_way_is_gone() {
    let (database, _client) = till(10);
    let session = psql(database.url());
    let service = waiting(database.url(), "[session:psql@");
    drop(session);
    finished(service);
}

#[test]
fn it_goes_on_when_an_operator_knows_the_session() {
    let (database, mut client) = till(10);
    let _session = psql(database.url());
    let service = waiting(database.url(), "[session:psql@");
    Build::Contract.migrator().acknowledge(&mut client, "money", "session:psql").expect("known");
    finished(service);
}

#[test]
fn it_goes_on_when_the_function_in_its_way_is_replaced() {
    let (database, mut client) = till(10);
    let function = |column: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION taken() RETURNS numeric LANGUAGE plpgsql AS \
             'BEGIN RETURN (SELECT sum({column}) FROM till); END'"
        )
    };
    client.batch_execute(&function("total")).expect("a function");
    let service = waiting(database.url(), "[function:public.taken()]");
    client.batch_execute(&function("total_cents")).expect("another");
    finished(service);
}
