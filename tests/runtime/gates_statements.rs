//! Contract waits for statements that name an old column, as pg_stat_statements counts them.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Phase, Position};
use postgres::Client;

use crate::database;
use crate::gates::{connect_as, contract, keys};
use crate::observed::{self, run};
use crate::phases::{self, MONEY, TILL};
use crate::role::Role;

const HOUR: Duration = Duration::from_secs(3600);

/// A database with the extension on a server that has loaded it; `None` where `DATABASE_URL` names one that has not.
struct Counted {
    database: ScratchDatabase,
    /// The counts are of the whole server, and one test resets them.
    _alone: MutexGuard<'static, ()>,
}

impl Counted {
    fn new() -> Option<Counted> {
        static SERVER: OnceLock<ScratchServer> = OnceLock::new();
        static ALONE: Mutex<()> = Mutex::new(());
        let server = SERVER.get_or_init(|| {
            let loaded = ScratchServer::builder()
                .setting("shared_preload_libraries", "pg_stat_statements")
                .setting("pg_stat_statements.track", "all");
            loaded.start().expect("a PostgreSQL server with pg_stat_statements")
        });
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let database = server.database().expect("a fresh database");
        let loaded = "SELECT current_setting('pg_stat_statements.max', true) IS NOT NULL";
        let is_loaded = observed::value(&mut database.connect().expect("a connection"), loaded) == "t";
        is_loaded.then_some(Counted { database, _alone: alone })
    }

    /// The extension in a schema of its own, and a table whose plan is switched.
    fn switched(&self) -> Client {
        let mut client = self.database.connect().expect("a connection");
        run(&mut client, "CREATE SCHEMA \"Stat's\"; CREATE EXTENSION pg_stat_statements SCHEMA \"Stat's\"");
        run(&mut client, TILL);
        // What was made before the switch does not count.
        run(&mut client, "SELECT total FROM till WHERE id = 1; UPDATE till SET total = 2 WHERE id = 1001");
        phases::carry(&MONEY, &mut client, Phase::Switch);
        run(&mut client, "UPDATE migrate.plan SET switched_at = switched_at - interval '2 hours'");
        client
    }
}

/// Everything found so far is from before the soak.
fn let_the_soak_pass(client: &mut Client) {
    run(client, "UPDATE migrate.statement_seen SET called_at = called_at - interval '2 hours'");
}

#[test]
fn statements_before_the_switch_and_of_the_runner_itself_do_not_close_the_gate() {
    let Some(counted) = Counted::new() else { return };
    let mut client = counted.switched();
    // The triggers compute with both columns, whoever writes.
    run(
        &mut client,
        "UPDATE till SET total_cents = 5 WHERE id = 1001; INSERT INTO till (id, total_cents) VALUES (7, 7)",
    );
    // The whole table is compared again.
    run(&mut client, "ALTER TABLE till DISABLE TRIGGER \"~migrate_sync_i\"");
    assert!(database::migrator(MONEY.contract).soak(HOUR * 3).run(&mut client).is_ok());
    let report = contract(&mut client, HOUR);
    assert!(report.to_string().contains("the soak before dropping the old columns"), "{report}");
    run(&mut client, "UPDATE migrate.plan SET retired_at = retired_at - interval '2 hours'");
    let report = contract(&mut client, HOUR);
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
}

#[test]
fn a_statement_that_names_the_old_column_closes_the_gate_for_a_soak() {
    let Some(counted) = Counted::new() else { return };
    let mut client = counted.switched();
    let mut old = connect_as(counted.database.url(), "");
    run(&mut old, "/* old */ SELECT id, t.TOTAL FROM till t WHERE t.id = 1003 AND note = 'a secret'");
    run(&mut old, "SELECT total_cents, 'total' FROM till");
    run(&mut old, "CREATE TABLE invoice (total integer); SELECT total FROM invoice");
    let report = contract(&mut client, HOUR);
    let found = keys(&report);
    assert_eq!(found.len(), 1, "{report}");
    let text = report.to_string();
    assert!(text.contains("1 calls since the switch") && text.contains("t.TOTAL FROM till t"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let_the_soak_pass(&mut client);
    // The same statement once more, with other values.
    run(&mut old, "SELECT id, t.TOTAL FROM till t WHERE t.id = 4 AND note = 'b'");
    let report = contract(&mut client, HOUR);
    assert_eq!(keys(&report), found, "{report}");
    assert!(report.to_string().contains("2 calls since the switch"), "{report}");
    let_the_soak_pass(&mut client);
    let report = contract(&mut client, HOUR);
    assert!(report.to_string().contains("the soak before dropping the old columns"), "{report}");
}

#[test]
fn a_statement_of_before_the_switch_that_is_made_again_closes_the_gate() {
    let Some(counted) = Counted::new() else { return };
    let mut client = counted.switched();
    run(&mut client, "SELECT total FROM till WHERE id = 2");
    let report = contract(&mut client, HOUR);
    assert_eq!(keys(&report).len(), 1, "{report}");
    assert!(report.to_string().contains("1 calls since the switch"), "{report}");
}

#[test]
fn a_reset_of_the_counts_forgets_nothing_and_forgives_nothing() {
    let Some(counted) = Counted::new() else { return };
    let mut client = counted.switched();
    run(&mut client, "SELECT total FROM till WHERE id = 2");
    assert_eq!(keys(&contract(&mut client, HOUR)).len(), 1);
    run(&mut client, "SELECT \"Stat's\".pg_stat_statements_reset()");
    let report = contract(&mut client, HOUR);
    assert_eq!(keys(&report).len(), 1, "what was seen stays seen: {report}");
    let_the_soak_pass(&mut client);
    // As many calls as were counted before.
    run(&mut client, "SELECT total FROM till WHERE id = 3");
    run(&mut client, "SELECT total FROM till WHERE id = 4");
    let report = contract(&mut client, HOUR);
    assert_eq!(keys(&report).len(), 1, "a count from zero is of new calls: {report}");
    assert!(report.to_string().contains("3 calls since the switch"), "{report}");
}

#[test]
fn an_operator_may_know_that_a_statement_has_nothing_to_do_with_it() {
    let Some(counted) = Counted::new() else { return };
    let mut client = counted.switched();
    run(&mut client, "CREATE TABLE invoice (total integer); SELECT i.total FROM invoice i, till");
    let found = keys(&contract(&mut client, HOUR));
    assert_eq!(found.len(), 1);
    database::migrator(MONEY.contract).acknowledge(&mut client, "money", &found[0]).expect("known");
    let report = contract(&mut client, HOUR);
    assert!(report.to_string().contains("the soak before dropping the old columns"), "{report}");
}

#[test]
fn statements_of_another_database_are_not_ours() {
    let Some(counted) = Counted::new() else { return };
    let mut client = counted.switched();
    let mut maintenance: postgres::Config = counted.database.url().parse().expect("an address");
    let mut elsewhere = maintenance.dbname("postgres").connect(postgres::NoTls).expect("a connection");
    run(&mut elsewhere, "CREATE TEMPORARY TABLE till (total integer); SELECT total, 'elsewhere' FROM till");
    let report = contract(&mut client, HOUR);
    assert!(report.to_string().contains("the soak before dropping the old columns"), "{report}");
}

#[test]
fn a_role_that_may_not_read_others_statements_says_so() {
    let Some(counted) = Counted::new() else { return };
    let mut client = counted.database.connect().expect("a connection");
    let owner = Role::new(&counted.database, "owner");
    let name = owner.name();
    run(
        &mut client,
        &format!(
            "CREATE EXTENSION pg_stat_statements; GRANT CREATE ON DATABASE {} TO {name}; GRANT ALL ON SCHEMA public TO {name}",
            counted.database.name()
        ),
    );
    let mut runner = owner.connect(&counted.database);
    run(&mut runner, TILL);
    phases::carry(&MONEY, &mut runner, Phase::Switch);
    let report = contract(&mut runner, Duration::ZERO);
    assert_eq!(keys(&report), ["rights:pg_read_all_stats"], "{report}");
    assert!(report.to_string().contains(&format!("GRANT pg_read_all_stats TO {name}")), "{report}");
    run(&mut client, &format!("GRANT pg_read_all_stats TO {name}"));
    let report = contract(&mut runner, Duration::ZERO);
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
}
