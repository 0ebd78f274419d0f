//! Writes by every kind of caller and session keep both sides equal, in every phase.

use migrate::Phase;
use postgres::Client;
use postgres::error::SqlState;

use crate::database;
use crate::observed::{self, refused, run};
use crate::phases::{self, MONEY, TILL, in_every_phase};
use crate::role::Role;

/// A row written by `client` in the shapes that the phase allows, and updated.
fn write(client: &mut Client, table: &str, id: i64, old_code: bool) {
    run(client, &format!("INSERT INTO {table} (id, total_cents) VALUES ({id}, 125)"));
    run(client, &format!("UPDATE {table} SET total_cents = 250 WHERE id = {id}"));
    if old_code {
        run(client, &format!("INSERT INTO {table} (id, total) VALUES ({id} + 1, 1.25)"));
        run(client, &format!("UPDATE {table} SET total = 3.75 WHERE id = {id}"));
        run(client, &format!("UPDATE {table} SET note = 'n' WHERE id = {id}"));
    }
}

#[test]
fn an_application_needs_no_right_but_those_on_its_table() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let (runner, app) = (Role::new(&database, "runner"), Role::new(&database, "app"));
    run(
        &mut client,
        &format!(
            "{TILL}; ALTER TABLE till OWNER TO {runner}; GRANT CREATE ON DATABASE {database} TO {runner}; \
             GRANT SELECT, INSERT, UPDATE ON till TO {app}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {runner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {runner} REVOKE USAGE ON TYPES FROM PUBLIC",
            runner = runner.name(),
            app = app.name(),
            database = database.name()
        ),
    );
    let (mut session, mut writer) = (runner.connect(&database), app.connect(&database));
    for (place, phase) in [Phase::DualWrite, Phase::Switch, Phase::Contract].into_iter().enumerate() {
        phases::carry(&MONEY, &mut session, phase);
        let id = 1 + place as i64 * 100;
        write(&mut writer, "till", id, phase != Phase::Contract);
        // A conflict is counted by the writer's own rights.
        if phase != Phase::Contract {
            run(&mut writer, &format!("UPDATE till SET total = 5, total_cents = 700 WHERE id = {id}"));
            let both = if phase == Phase::DualWrite { "5.00|500" } else { "7.00|700" };
            assert_eq!(
                observed::rows(&mut writer, &format!("SELECT total, total_cents FROM till WHERE id = {id}")),
                [both]
            );
            let conflicts =
                database::migrator(MONEY.dual_write).status(&mut session).expect("a status").plans[0].conflicts;
            assert_eq!(conflicts, 1 + place as u64);
        }
    }
    let report = database::migrator(MONEY.contract).run(&mut session).expect("a run");
    assert!(report.is_complete(), "{report}");
    // And it may not look into the library's own tables.
    assert_eq!(refused(&mut writer, "SELECT * FROM migrate.history"), "42501");
}

#[test]
fn a_replication_worker_is_synced_too() {
    in_every_phase(&MONEY, TILL, |stand| {
        let mut worker = stand.database.connect().expect("a connection");
        run(&mut worker, "SET session_replication_role = replica");
        write(&mut worker, "till", stand.id, stand.old_code);
        assert_eq!(stand.till(stand.id), if stand.old_code { "3.75|375" } else { "2.50|250" });
    });
}

/// Such rows agree already; a stream of changes must come out as it went in.
#[test]
fn a_replayed_row_with_both_sides_is_stored_as_it_was() {
    in_every_phase(&MONEY, TILL, |stand| {
        let (id, old) = (stand.id, stand.old);
        let mut worker = stand.database.connect().expect("a connection");
        run(
            &mut worker,
            &format!(
                "SET session_replication_role = replica; INSERT INTO till (id, {old}, total_cents) VALUES ({id}, 1.25, 125); \
                 UPDATE till SET {old} = 2.5, total_cents = 250 WHERE id = {id}"
            ),
        );
        assert_eq!(stand.till(id), "2.50|250");
    });
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    phases::carry(&MONEY, &mut client, Phase::DualWrite);
    run(&mut client, "INSERT INTO till (id, total, total_cents) VALUES (1, 1, 100)");
    assert_eq!(database::migrator(MONEY.dual_write).status(&mut client).expect("a status").plans[0].conflicts, 0);
}

#[test]
fn policies_judge_the_row_as_both_sides_say_it() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let app = Role::new(&database, "app");
    run(
        &mut client,
        &format!(
            "{TILL}; GRANT ALL ON till TO {app}; ALTER TABLE till ENABLE ROW LEVEL SECURITY; \
             CREATE POLICY small ON till TO {app} USING (total < 1000) WITH CHECK (total < 500)",
            app = app.name()
        ),
    );
    let mut writer = app.connect(&database);
    for (place, phase) in [Phase::DualWrite, Phase::Switch].into_iter().enumerate() {
        phases::carry(&MONEY, &mut client, phase);
        let id = 1 + place as i64 * 100;
        write(&mut writer, "till", id, true);
        // The check names the old column, and holds for a writer of the new one.
        assert_eq!(refused(&mut writer, &format!("UPDATE till SET total_cents = 60000 WHERE id = {id}")), "42501");
        assert_eq!(
            refused(&mut writer, &format!("INSERT INTO till (id, total_cents) VALUES ({id} + 9, 60000)")),
            "42501"
        );
        assert_eq!(observed::value(&mut writer, "SELECT count(*) FROM till WHERE id > 1000"), "0");
    }
    assert_eq!(observed::rows(&mut client, "SELECT * FROM till WHERE total_cents <> total * 100"), [""; 0]);
}

#[test]
fn a_security_definer_function_writes_both_sides() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let app = Role::new(&database, "app");
    let function = |name: &str, column: &str, cast: &str| {
        format!(
            "CREATE FUNCTION {name}(row_id bigint, v {cast}) RETURNS void SECURITY DEFINER SET search_path = public LANGUAGE plpgsql AS \
             $$BEGIN INSERT INTO till (id, {column}) VALUES (row_id, v) ON CONFLICT (id) DO UPDATE SET {column} = v; END$$"
        )
    };
    run(
        &mut client,
        &format!(
            "{TILL}; {}; {}",
            function("put_old", "total", "numeric"),
            function("put_new", "total_cents", "bigint")
        ),
    );
    let mut writer = app.connect(&database);
    run(&mut writer, "SELECT put_old(1, 9)");
    for (phase, old) in [(Phase::DualWrite, "total"), (Phase::Switch, "total"), (Phase::Contract, "\"~total\"")] {
        if phase == Phase::Contract {
            // It would keep the gate closed.
            run(&mut client, "DROP FUNCTION put_old");
        }
        phases::carry(&MONEY, &mut client, phase);
        let both = format!("SELECT {old}, total_cents FROM till WHERE id = 1");
        if phase != Phase::Contract {
            run(&mut writer, "SELECT put_old(1, 1.25)");
            assert_eq!(observed::rows(&mut client, &both), ["1.25|125"]);
        }
        run(&mut writer, "SELECT put_new(1, 250)");
        assert_eq!(observed::rows(&mut client, &both), ["2.50|250"]);
        assert_eq!(refused(&mut writer, "UPDATE till SET total_cents = 1"), "42501");
    }
}

#[test]
fn a_view_of_either_shape_can_be_written_through() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        &format!("{TILL}; CREATE VIEW old_till AS SELECT id, total, note FROM till WHERE id < 1000 WITH CHECK OPTION"),
    );
    phases::carry(&MONEY, &mut client, Phase::DualWrite);
    run(&mut client, "CREATE VIEW new_till AS SELECT id, total_cents FROM till");
    for (phase, id) in [(Phase::DualWrite, 1), (Phase::Switch, 101)] {
        phases::carry(&MONEY, &mut client, phase);
        run(
            &mut client,
            &format!(
                "INSERT INTO old_till (id, total) VALUES ({id}, 1.25); INSERT INTO new_till VALUES ({id} + 1, 130)"
            ),
        );
        run(
            &mut client,
            &format!(
                "UPDATE old_till SET note = 'n', total = 2.25 WHERE id = {id} + 1; UPDATE new_till SET total_cents = 350 WHERE id = {id}"
            ),
        );
        let rows = observed::rows(
            &mut client,
            &format!("SELECT total, total_cents FROM till WHERE id IN ({id}, {id} + 1) ORDER BY id"),
        );
        assert_eq!(rows, ["3.50|350", "2.25|225"]);
    }
}

/// Statements prepared before the plan starts live through all of it, each as long as its column does.
#[test]
fn prepared_statements_live_through_expand_switch_and_revert() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    let mut old_code = database.connect().expect("a connection");
    let old = [
        "INSERT INTO till (id, total) VALUES ($1, 1)",
        "UPDATE till SET total = total + 1 WHERE id = $1",
        "UPDATE till SET note = 'n' WHERE id = $1",
    ]
    .map(|sql| old_code.prepare(sql).expect(sql));
    let old_read = old_code.prepare("SELECT total::text FROM till WHERE id = $1").expect("a statement");
    // Often enough for PostgreSQL to settle on generic plans.
    let mut next = 0_i64;
    let mut old_writes = |client: &mut Client| {
        for _ in 0..7 {
            next += 1;
            for statement in &old {
                assert_eq!(client.execute(statement, &[&next]).expect("a prepared statement"), 1);
            }
            assert_eq!(client.query_one(&old_read, &[&next]).expect("a row").get::<_, String>(0), "2.00");
        }
    };
    old_writes(&mut old_code);
    let migrator = database::migrator(MONEY.dual_write);
    phases::carry(&MONEY, &mut client, Phase::Expand);
    old_writes(&mut old_code);
    phases::carry(&MONEY, &mut client, Phase::DualWrite);
    old_writes(&mut old_code);
    let mut new_code = database.connect().expect("a connection");
    let new = [
        "INSERT INTO till (id, total_cents) VALUES ($1, 100)",
        "UPDATE till SET total_cents = total_cents + 100 WHERE id = $1",
    ]
    .map(|sql| new_code.prepare(sql).expect(sql));
    let mut next_new = 10_000_i64;
    let mut new_writes = |client: &mut Client| {
        for _ in 0..7 {
            next_new += 1;
            for statement in &new {
                assert_eq!(client.execute(statement, &[&next_new]).expect("a prepared statement"), 1);
            }
        }
    };
    let apart = "SELECT * FROM till WHERE total_cents IS DISTINCT FROM total * 100";
    for phase in [Phase::Switch, Phase::DualWrite, Phase::Switch] {
        match phase {
            Phase::Switch => phases::carry(&MONEY, &mut client, phase),
            _ => migrator.revert_to(&mut client, "money", phase).expect("a switch back"),
        }
        old_writes(&mut old_code);
        new_writes(&mut new_code);
        assert_eq!(observed::rows(&mut client, apart), [""; 0]);
    }
    migrator.revert(&mut client, "money").expect("a revert");
    old_writes(&mut old_code);
    let gone = new_code.execute(&new[0], &[&1_i64]).expect_err("its column is gone");
    assert_eq!(gone.code(), Some(&SqlState::UNDEFINED_COLUMN));
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM till WHERE id > 10000 AND total <> 2"), "0");
}

#[test]
fn a_savepoint_rolled_back_takes_both_sides_with_it() {
    in_every_phase(&MONEY, TILL, |stand| {
        let id = stand.id;
        let last = if stand.old_code { "total = 3.75" } else { "total_cents = 375" };
        stand.run(&format!(
            "BEGIN; INSERT INTO till (id, total_cents) VALUES ({id}, 125); \
             SAVEPOINT a; UPDATE till SET total_cents = 250 WHERE id = {id}; ROLLBACK TO a; \
             SAVEPOINT b; UPDATE till SET {last} WHERE id = {id}; RELEASE b; \
             SAVEPOINT c; DELETE FROM till WHERE id = {id}; ROLLBACK TO c; COMMIT"
        ));
        assert_eq!(stand.till(id), "3.75|375");
        stand.run(&format!("BEGIN; UPDATE till SET total_cents = 1 WHERE id = {id}; ROLLBACK"));
        assert_eq!(stand.till(id), "3.75|375");
    });
}

#[test]
fn a_transaction_committed_in_two_phases_has_both_sides() {
    in_every_phase(&MONEY, TILL, |stand| {
        let id = stand.id;
        for (end, both) in [("COMMIT", "1.25|125"), ("ROLLBACK", "1.25|125")] {
            let gid = format!("{} {end}", stand.database.name());
            let sql = match end {
                "COMMIT" => format!("INSERT INTO till (id, total_cents) VALUES ({id}, 125)"),
                _ => format!("UPDATE till SET total_cents = 999 WHERE id = {id}"),
            };
            stand.run(&format!("BEGIN; {sql}; PREPARE TRANSACTION '{gid}'"));
            stand.run(&format!("{end} PREPARED '{gid}'"));
            assert_eq!(stand.till(id), both);
        }
    });
}

/// Two transactions, each of which reads what the other writes: one must give way, and its second try
/// must find both sides as the first one left them.
#[test]
fn serializable_transactions_stay_serializable() {
    in_every_phase(&MONEY, TILL, |stand| {
        let id = stand.id;
        stand.run(&format!("INSERT INTO till (id, total_cents) VALUES ({id}, 100), ({id} + 1, 100)"));
        let mut other = stand.database.connect().expect("a connection");
        let (own, set) = if stand.old_code {
            ("total", "total = total + 1")
        } else {
            ("total_cents", "total_cents = total_cents + 100")
        };
        let begin =
            format!("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum({own}) FROM till WHERE id IN ({id}, {id} + 1)");
        run(&mut other, &begin);
        stand.run("BEGIN ISOLATION LEVEL SERIALIZABLE");
        stand.run(&format!("SELECT sum(total_cents) FROM till WHERE id IN ({id}, {id} + 1)"));
        run(&mut other, &format!("UPDATE till SET {set} WHERE id = {id}"));
        stand.run(&format!("UPDATE till SET total_cents = total_cents + 100 WHERE id = {id} + 1; COMMIT"));
        assert_eq!(refused(&mut other, "COMMIT"), "40001");
        assert_eq!((stand.till(id).as_str(), stand.till(id + 1).as_str()), ("1.00|100", "2.00|200"));
        run(&mut other, &format!("{begin}; UPDATE till SET {set} WHERE id = {id}; COMMIT"));
        assert_eq!(stand.till(id), "2.00|200");
    });
}
