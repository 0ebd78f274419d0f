//! What a gate of contract says, for tests of each.

use std::time::Duration;

use migrate::testing::ScratchDatabase;
use migrate::{Closed, Evidence, Phase, Plan, Position, Report};
use postgres::{Client, NoTls};

use crate::database;
use crate::phases::{self, MONEY, TILL};

/// A table whose plan is switched, and the runner's connection.
pub fn switched() -> (ScratchDatabase, Client) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    crate::observed::run(&mut client, TILL);
    phases::carry(&MONEY, &mut client, Phase::Switch);
    (database, client)
}

/// Connects under a name.
pub fn connect_as(url: &str, name: &str) -> Client {
    let mut config: postgres::Config = url.parse().expect("an address");
    config.application_name(name);
    config.connect(NoTls).expect("a connection")
}

/// What a run of the last release says with this soak.
pub fn contract(client: &mut Client, soak: Duration) -> Report {
    contract_of(MONEY.contract, client, soak)
}

pub fn contract_of(plan: &'static Plan, client: &mut Client, soak: Duration) -> Report {
    database::migrator(plan).soak(soak).run(client).expect("a run")
}

/// The words of what keeps a gate closed, beside a soak.
pub fn keys(report: &Report) -> Vec<String> {
    let of = |evidence: &[Evidence]| evidence.iter().map(|one| one.key.clone()).collect::<Vec<_>>();
    let text = report.to_string();
    let keys = report.plans[0].closed.iter().flat_map(|closed| match closed {
        Closed::Sessions { sessions } => of(sessions),
        Closed::Statements { statements } => of(statements),
        Closed::Functions { functions } => of(functions),
        Closed::Unseen { evidence } => of(evidence),
        Closed::Soak { .. } => Vec::new(),
        other => panic!("{other}"),
    });
    let keys: Vec<String> = keys.collect();
    for key in &keys {
        assert!(text.contains(&format!("[{key}]")) && text.contains("acknowledge"), "{key} is not in {text}");
    }
    keys
}

/// The plan goes to its end, with no soak.
pub fn require_finished(client: &mut Client) {
    let report = contract(client, Duration::ZERO);
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
}
