//! What goes wrong while a service lives, and how it goes on.

use std::time::{Duration, Instant};

use migrate::testing::ScratchDatabase;
use migrate::{Error, Phase, Service};
use postgres::Client;

use crate::builds::{Build, till};
use crate::leads::until;

const LONG: Duration = Duration::from_secs(30);

/// A role of its own for a test, owner of the table, dropped with the value.
struct Owner {
    name: String,
    client: Client,
}

impl Owner {
    fn of_till(database: &ScratchDatabase, client: &mut Client) -> Owner {
        let name = format!("owner_{}", database.name().trim_start_matches("migrate_scratch_"));
        client
            .batch_execute(&format!(
                "CREATE ROLE {name} LOGIN; GRANT CREATE ON DATABASE {} TO {name}; GRANT CREATE ON SCHEMA public TO {name}; \
                 ALTER TABLE till OWNER TO {name}",
                database.name()
            ))
            .expect("a role");
        Owner { name, client: database.connect().expect("a connection") }
    }

    fn url(&self, database: &ScratchDatabase) -> String {
        database.url_as(&self.name)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let name = &self.name;
        let _ = self.client.batch_execute(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}"));
    }
}

fn trouble(service: &Service, word: &str) -> String {
    let begun = Instant::now();
    loop {
        let status = service.status();
        if let Some(trouble) = status.trouble.as_ref().filter(|trouble| trouble.contains(word)) {
            return trouble.clone();
        }
        assert!(begun.elapsed() < LONG, "no trouble with `{word}`: {status}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until nothing is wrong any more.
fn settled(service: &Service) {
    let begun = Instant::now();
    while service.status().trouble.is_some() {
        assert!(begun.elapsed() < LONG, "{}", service.status());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_right_that_is_taken_away_stops_the_plan_and_it_goes_on_when_it_is_given_back() {
    let (database, mut client) = till(100);
    let owner = Owner::of_till(&database, &mut client);
    let url = owner.url(&database);
    let service = Build::Switch.migrator().start(&url).expect("a service");
    service.wait(Phase::Switch, LONG).expect("switched");
    service.stop();
    client.batch_execute("ALTER TABLE till OWNER TO CURRENT_USER").expect("another owner");
    client.batch_execute(&format!("GRANT ALL ON till TO {}", owner.name)).expect("rights");
    let service = Build::Contract.migrator().start(&url).expect("its shape is served");
    let said = trouble(&service, "42501");
    assert!(said.contains("must be owner"), "{said}");
    service.ready().expect("it serves all the same");
    client.batch_execute(&format!("ALTER TABLE till OWNER TO {}", owner.name)).expect("its owner again");
    service.wait(Phase::Contract, LONG).expect("it goes on by itself");
    settled(&service);
    service.stop();
}

#[test]
fn a_role_that_may_only_use_its_table_follows_and_leaves_the_steps_to_others() {
    let (database, mut client) = till(100);
    let owner = Owner::of_till(&database, &mut client);
    client.batch_execute("ALTER TABLE till OWNER TO CURRENT_USER").expect("another owner");
    client
        .batch_execute(&format!(
            "REVOKE CREATE ON DATABASE {} FROM {name}; GRANT SELECT, INSERT, UPDATE, DELETE ON till TO {name}",
            database.name(),
            name = owner.name
        ))
        .expect("rights");
    let migrating = Build::DualWrite.migrator().start(database.url()).expect("a service");
    let following = Build::DualWrite.migrator().start(owner.url(&database)).expect("a service without rights");
    following.wait(Phase::DualWrite, LONG).expect("filled by the other");
    assert!(following.application_name().starts_with("shop@1.1/"));
    // It is on the list like any other.
    let live: i64 =
        client.query_one("SELECT count(*) FROM migrate.instance WHERE state = 'live'", &[]).expect("a list").get(0);
    assert_eq!(live, 2);
    following.stop();
    migrating.stop();
    let left: i64 =
        client.query_one("SELECT count(*) FROM migrate.instance WHERE state = 'live'", &[]).expect("a list").get(0);
    assert_eq!(left, 0);
}

#[test]
fn sync_triggers_that_somebody_drops_are_put_back() {
    let (database, mut client) = till(100);
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    service.wait(Phase::DualWrite, LONG).expect("filled");
    client.batch_execute("DROP TRIGGER \"~migrate_sync_u\" ON till").expect("no trigger");
    until(
        &mut client,
        "the trigger is back",
        "SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = 'till'::regclass AND NOT tgisinternal",
    );
    client.batch_execute("UPDATE till SET total = 5 WHERE id = 1").expect("an update");
    let cents: i64 = client.query_one("SELECT total_cents FROM till WHERE id = 1", &[]).expect("a row").get(0);
    assert_eq!(cents, 500);
    service.stop();
}

#[test]
fn a_column_that_somebody_drops_is_named_and_the_plan_stands() {
    let (database, mut client) = till(100);
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    service.wait(Phase::DualWrite, LONG).expect("filled");
    client.batch_execute("ALTER TABLE till ALTER COLUMN total_cents DROP NOT NULL").expect("no flag");
    let said = trouble(&service, "is done according to the journal");
    assert!(said.contains("not null public.till"), "{said}");
    client.batch_execute("ALTER TABLE till ALTER COLUMN total_cents SET NOT NULL").expect("a flag");
    settled(&service);
    service.stop();
}

#[test]
fn a_service_whose_sessions_are_ended_again_and_again_stays_ready_and_comes_to_its_stage() {
    let (database, mut client) = till(50_000);
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    let begun = Instant::now();
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name LIKE 'shop%'";
    for _ in 0..10 {
        client.query(end_all, &[]).expect("ends");
        let pause = Instant::now();
        while pause.elapsed() < Duration::from_millis(150) {
            service.ready().unwrap_or_else(|error| panic!("after {:?}: {error}", begun.elapsed()));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    service.wait(Phase::DualWrite, LONG).expect("filled");
    let entries: i64 = client
        .query_one("SELECT count(*) FROM migrate.history WHERE event = 'done' AND step LIKE 'backfill%'", &[])
        .expect("the history")
        .get(0);
    assert_eq!(entries, 1);
    service.stop();
}

#[test]
fn an_instance_that_cannot_reach_the_database_fences_itself_before_it_is_suspect() {
    let (database, mut client) = till(10);
    let proxy = crate::proxy::Proxy::to(database.url());
    let service = Build::DualWrite.migrator().start(proxy.url()).expect("a service");
    service.wait(Phase::DualWrite, LONG).expect("filled");
    proxy.cut();
    let begun = Instant::now();
    let silent = loop {
        match service.ready() {
            Err(Error::Fenced { silent }) => break silent,
            other => assert!(begun.elapsed() < LONG, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let sql = "SELECT beat_at + lease < clock_timestamp() FROM migrate.instance WHERE state = 'live'";
    let suspect: bool = client.query_one(sql, &[]).expect("its row").get(0);
    assert!(!suspect, "it fenced itself after {silent:?}, and was suspect already");
    proxy.mend();
    let begun = Instant::now();
    while service.ready().is_err() {
        assert!(begun.elapsed() < LONG, "{}", service.status());
        std::thread::sleep(Duration::from_millis(5));
    }
    service.stop();
}

#[test]
fn a_disk_that_runs_full_under_a_backfill_is_named_and_it_goes_on_when_there_is_room() {
    let (database, mut client) = till(100);
    // PostgreSQL's own word for it, raised where it would be: while a row is written.
    client
        .batch_execute(
            "CREATE TABLE full_disk (); \
             CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
                 IF to_regclass('public.full_disk') IS NOT NULL THEN \
                     RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; \
                 END IF; RETURN NEW; END$$; \
             CREATE TRIGGER a_full_disk BEFORE UPDATE ON till FOR EACH ROW EXECUTE FUNCTION no_room(); \
             ALTER TABLE till ENABLE ALWAYS TRIGGER a_full_disk",
        )
        .expect("a full disk");
    let service = Build::DualWrite.migrator().start(database.url()).expect("it serves already");
    let said = trouble(&service, "53100");
    assert!(said.contains("No space left"), "{said}");
    service.ready().expect("it serves all the same");
    client.batch_execute("DROP TABLE full_disk").expect("room");
    service.wait(Phase::DualWrite, LONG).expect("it goes on by itself");
    service.stop();
}

#[test]
fn a_database_whose_sessions_are_read_only_is_migrated_all_the_same() {
    let (database, mut client) = till(100);
    let name = database.name();
    client.batch_execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).expect("a setting");
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    service.wait(Phase::DualWrite, LONG).expect("filled");
    service.stop();
    client.batch_execute(&format!("ALTER DATABASE {name} RESET default_transaction_read_only")).expect("a setting");
}

#[test]
fn a_clock_that_is_put_back_does_not_keep_the_plan_waiting() {
    let (database, mut client) = till(100);
    let service = Build::Switch.migrator().start(database.url()).expect("a service");
    service.wait(Phase::Switch, LONG).expect("switched");
    // What the last leader wrote an hour ahead of the clock that there is now.
    client
        .batch_execute(
            "UPDATE migrate.leader SET took_at = clock_timestamp() + interval '1 h', beat_at = took_at + interval '1 h', \
             idle_until = clock_timestamp() + interval '2 h'",
        )
        .expect("a jump");
    service.stop();
    let service = Build::Contract.migrator().start(database.url()).expect("a service");
    service.wait(Phase::Contract, LONG).expect("it goes on");
    service.stop();
}
