//! The user's own triggers see and change rows before the sync does, in every phase.

use migrate::Phase;

use crate::database;
use crate::observed::{self, run};
use crate::phases::{self, MONEY, NAMES, TILL, in_every_phase};
use crate::role::Role;

fn trigger(table: &str, name: &str, when: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$; \
         CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
}

#[test]
fn a_trigger_that_changes_the_old_column_is_followed_by_the_new_one() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE person (id bigint PRIMARY KEY, nick text, note text); INSERT INTO person VALUES (1, 'Ann')",
    );
    run(
        &mut client,
        &trigger("person", "lowered", "BEFORE INSERT OR UPDATE", "BEGIN NEW.nick := lower(NEW.nick); RETURN NEW; END"),
    );
    for phase in [Phase::DualWrite, Phase::Switch] {
        phases::carry(&NAMES, &mut client, phase);
        run(
            &mut client,
            "DELETE FROM person WHERE id > 1; INSERT INTO person (id, nick) VALUES (2, 'Bob'); UPDATE person SET nick = 'BEN' WHERE id = 2",
        );
        assert_eq!(observed::rows(&mut client, "SELECT nick, nickname FROM person WHERE id = 2"), ["ben|ben"]);
        // A writer of the new column passes that trigger by, and reads back what it wrote.
        run(
            &mut client,
            "INSERT INTO person (id, nickname) VALUES (3, 'Cid'); UPDATE person SET nickname = 'DI' WHERE id = 2",
        );
        assert_eq!(observed::rows(&mut client, "SELECT nickname FROM person WHERE id > 1 ORDER BY id"), ["DI", "Cid"]);
        assert_eq!(observed::rows(&mut client, "SELECT * FROM person WHERE nick <> nickname"), [""; 0]);
    }
}

#[test]
fn a_trigger_that_stamps_an_unrelated_column_changes_neither_side() {
    let stamp =
        trigger("till", "stamped", "BEFORE UPDATE", "BEGIN NEW.extra := coalesce(OLD.extra, 0) + 1; RETURN NEW; END");
    in_every_phase(&MONEY, &format!("{TILL}; {stamp}"), |stand| {
        let id = stand.id;
        stand.run(&format!("INSERT INTO till (id, total_cents) VALUES ({id}, 125)"));
        stand.run(&format!(
            "UPDATE till SET note = 'n' WHERE id = {id}; UPDATE till SET total_cents = 130 WHERE id = {id}"
        ));
        assert_eq!(stand.till(id), "1.30|130");
        if stand.old_code {
            stand.run(&format!("UPDATE till SET total = 1.4 WHERE id = {id}"));
            assert_eq!(stand.till(id), "1.40|140");
        }
        let stamps = observed::value(stand.client, &format!("SELECT extra FROM till WHERE id = {id}"));
        assert_eq!(stamps, if stand.old_code { "3" } else { "2" });
    });
}

#[test]
fn a_trigger_after_the_row_sees_both_sides() {
    let log = trigger(
        "till",
        "logged",
        "AFTER INSERT OR UPDATE",
        "BEGIN INSERT INTO seen SELECT to_jsonb(NEW); RETURN NULL; END",
    );
    let prepare = format!("{TILL}; CREATE TABLE seen (r jsonb); {log}");
    in_every_phase(&MONEY, &prepare, |stand| {
        let id = stand.id;
        stand.run(&format!("TRUNCATE seen; INSERT INTO till (id, total_cents) VALUES ({id}, 125); UPDATE till SET total_cents = 130 WHERE id = {id}"));
        let old = stand.old.trim_matches('"');
        let seen = observed::rows(stand.client, &format!("SELECT r->>'{old}', r->>'total_cents' FROM seen"));
        assert_eq!(seen, ["1.25|125", "1.30|130"]);
    });
}

/// A trigger `UPDATE OF total` fires for statements that name the column; the gate of contract knows it.
#[test]
fn a_trigger_on_the_old_column_closes_the_gate_of_contract() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    run(
        &mut client,
        &trigger(
            "till",
            "counted",
            "BEFORE UPDATE OF total",
            "BEGIN NEW.extra := coalesce(NEW.extra, 0) + 1; RETURN NEW; END",
        ),
    );
    phases::carry(&MONEY, &mut client, Phase::Switch);
    run(&mut client, "UPDATE till SET total = 1 WHERE id = 1001");
    assert_eq!(observed::rows(&mut client, "SELECT extra, total_cents FROM till WHERE id = 1001"), ["1|100"]);
    let report = database::migrator(MONEY.contract).run(&mut client).expect("a run");
    assert!(report.to_string().contains("trigger counted on table public.till"), "{report}");
}

/// Where the runner may not silence the table's triggers, they fire for the backfill, and what they
/// change is synced.
#[test]
fn a_runner_that_is_no_superuser_fills_through_the_users_triggers() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let runner = Role::new(&database, "runner");
    run(
        &mut client,
        "CREATE TABLE person (id bigint PRIMARY KEY, nick text); INSERT INTO person SELECT g, 'Ann' || g FROM generate_series(1, 500) g",
    );
    run(
        &mut client,
        &trigger("person", "lowered", "BEFORE INSERT OR UPDATE", "BEGIN NEW.nick := lower(NEW.nick); RETURN NEW; END"),
    );
    run(
        &mut client,
        &format!(
            "ALTER TABLE person OWNER TO {0}; GRANT CREATE ON DATABASE {1} TO {0}",
            runner.name(),
            database.name()
        ),
    );
    let mut session = runner.connect(&database);
    phases::carry(&NAMES, &mut session, Phase::DualWrite);
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM person WHERE nickname IS DISTINCT FROM nick"), "0");
    phases::carry(&NAMES, &mut session, Phase::Switch);
    let report = database::migrator(NAMES.contract).run(&mut session).expect("a run");
    assert!(report.to_string().contains("[function:public.lowered()]"), "{report}");
    run(
        &mut client,
        "CREATE OR REPLACE FUNCTION lowered() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN NEW.nickname := lower(NEW.nickname); RETURN NEW; END'",
    );
    let report = database::migrator(NAMES.contract).run(&mut session).expect("a run");
    assert!(!report.to_string().contains("closed"), "{report}");
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM person WHERE nickname LIKE 'ann%'"), "500");
}

/// A superuser's backfill is no event for the application.
#[test]
fn a_backfill_fires_no_trigger_of_the_user() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let stamp = trigger("till", "stamped", "BEFORE UPDATE", "BEGIN NEW.extra := 1; RETURN NEW; END");
    run(&mut client, &format!("{TILL}; {stamp}"));
    phases::carry(&MONEY, &mut client, Phase::Switch);
    assert_eq!(observed::rows(&mut client, "SELECT DISTINCT extra, total_cents = total * 100 FROM till"), ["|t"]);
}

/// What a partition has of its parent's triggers is internal to some versions of PostgreSQL.
#[test]
fn a_backfill_fires_no_trigger_that_a_partition_has_of_its_parent() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE person (id bigint, nick text, note text, PRIMARY KEY (id)) PARTITION BY RANGE (id); \
         CREATE TABLE person_low PARTITION OF person FOR VALUES FROM (0) TO (100); \
         CREATE TABLE person_high PARTITION OF person DEFAULT; \
         INSERT INTO person SELECT g, 'Ann' FROM generate_series(1, 200) g",
    );
    run(&mut client, &trigger("person", "marked", "BEFORE UPDATE", "BEGIN NEW.note := 'seen'; RETURN NEW; END"));
    phases::carry(&NAMES, &mut client, Phase::Switch);
    assert_eq!(observed::rows(&mut client, "SELECT DISTINCT note, nickname FROM person"), ["|Ann"]);
}
