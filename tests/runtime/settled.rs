//! The row that a start with nothing to do reads: it says what the plans say, whoever changed them.

use std::time::{Duration, Instant};

use migrate::testing::ScratchDatabase;
use migrate::{Migrations, Migrator, Position, Side};
use postgres::Client;

use crate::database;
use crate::observed::{self, run};
use crate::phases::{MONEY, NAMES, TILL};
use crate::role::Role;

const PERSON: &str = "CREATE TABLE person (id bigint PRIMARY KEY, nick text)";

/// What the plans themselves say, null while one of them is running.
const PLANS: &str = "SELECT CASE WHEN bool_or(status = 'running') THEN NULL ELSE string_agg( \
         concat_ws('~', name, declaration, steps, status, side, conflicts, coalesce(held_at, '')), '~' ORDER BY id) END \
     FROM migrate.plan";

/// What a start reads of them.
const SETTLED: &str = "SELECT array_to_string(settled, '~') FROM migrate.state_version";

fn two_tables() -> (ScratchDatabase, Client) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, &format!("{TILL}; {PERSON}"));
    (database, client)
}

/// The row agrees with the plans; answers whether they are settled.
fn is_settled(client: &mut Client) -> bool {
    let settled = observed::value(client, SETTLED);
    assert_eq!(settled, observed::value(client, PLANS));
    !settled.is_empty()
}

#[test]
fn it_follows_plans_through_all_that_befalls_them() {
    let (_database, mut client) = two_tables();
    let [money, money_contracted] = [MONEY.dual_write, MONEY.contract].map(database::migrator);
    let [names, names_contracted] = [NAMES.dual_write, NAMES.contract].map(database::migrator);
    money.run(&mut client).expect("a run");
    assert!(!is_settled(&mut client), "half way");
    money.hold(&mut client, "money").expect("held");
    money.release(&mut client, "money").expect("released");
    assert!(!is_settled(&mut client), "half way still");
    money.revert(&mut client, "money").expect("taken back");
    assert!(is_settled(&mut client), "reverted");
    money.release(&mut client, "money").expect("released");
    assert!(is_settled(&mut client), "reverted, and free to start anew");
    money.run(&mut client).expect("a run");
    assert!(!is_settled(&mut client), "on its way again");
    names.run(&mut client).expect("a run");
    money_contracted.run(&mut client).expect("a run");
    assert!(!is_settled(&mut client), "one is finished, the other is not");
    names_contracted.run(&mut client).expect("a run");
    assert!(is_settled(&mut client), "both are finished");
}

#[test]
fn a_start_with_nothing_to_do_asks_for_that_row_alone() {
    let (database, mut client) = two_tables();
    static BOTH: Migrations = migrate::migrations![crate::phases::contract::money, crate::phases::contract::names];
    let migrator = Migrator::new(&BOTH).instance(database::tests()).soak(Duration::ZERO);
    assert!(migrator.run(&mut client).expect("a run").is_complete());
    // Everything else that a look at the plans needs.
    run(&mut client, "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA migrate FROM PUBLIC");
    let role = Role::new(&database, "starter");
    let report = migrator.run(&mut role.connect(&database)).expect("nothing to do");
    let full = migrator.status(&mut client).expect("a status");
    for (plan, full) in report.plans.iter().zip(&full.plans) {
        assert_eq!((plan.position, plan.side), (Position::Finished, Side::New), "{report}");
        assert_eq!((&plan.name, plan.done_before, plan.conflicts), (&full.name, full.done_before, full.conflicts));
    }
    assert_eq!(report.plans.len(), 2);
    // A plan that runs is more than the row can tell.
    run(&mut client, "UPDATE migrate.plan SET status = 'running' WHERE name = 'names'");
    let error = migrator.run(&mut role.connect(&database)).expect_err("no right to look further").to_string();
    assert!(error.contains("permission denied for function look"), "{error}");
}

/// The last plan that runs ends while another one starts: whoever comes second sees what the first has done.
#[test]
fn plans_that_start_and_end_at_once_are_both_seen() {
    let end = "UPDATE migrate.plan SET status = 'finished' WHERE name = 'money'";
    let start = "INSERT INTO migrate.plan (name, declaration) VALUES ('other', 'table other')";
    for (first, second) in [(end, start), (start, end)] {
        // In sessions in which the user's triggers are silent.
        let (database, mut client) = two_tables();
        run(&mut client, "SET session_replication_role = replica");
        database::migrator(MONEY.dual_write).run(&mut client).expect("a run");
        let mut other = database.connect().expect("a connection");
        let process = observed::value(&mut other, "SELECT pg_backend_pid()");
        run(&mut client, &format!("BEGIN; {first}"));
        let later = std::thread::spawn(move || run(&mut other, second));
        let waits = format!("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = {process}");
        let begun = Instant::now();
        while observed::value(&mut client, &waits) == "0" {
            assert!(begun.elapsed() < Duration::from_secs(10), "{second} does not wait for {first}");
            std::thread::yield_now();
        }
        run(&mut client, "COMMIT");
        later.join().expect("the second statement");
        assert!(!is_settled(&mut client), "{second} after {first}");
        run(&mut client, "UPDATE migrate.plan SET status = 'finished' WHERE name = 'other'");
        assert!(is_settled(&mut client), "{second} after {first}");
    }
}
