//! Writes that reach the table by every kind of statement keep both sides equal, in every phase.

use std::io::Write;

use migrate::Phase;
use migrate::testing::ScratchServer;

use crate::database;
use crate::observed::{self, refused, run};
use crate::phases::{self, MONEY, NAMES, TILL, in_every_phase};

#[test]
fn an_upsert_of_either_shape_reaches_both_sides() {
    in_every_phase(&MONEY, TILL, |stand| {
        let id = stand.id;
        let upsert = |column: &str, value: &str| {
            format!(
                "INSERT INTO till (id, {column}) VALUES ({id}, {value}) ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}"
            )
        };
        if stand.old_code {
            stand.run(&upsert("total", "1.25"));
            assert_eq!(stand.till(id), "1.25|125");
            stand.run(&upsert("total", "2.5"));
            assert_eq!(stand.till(id), "2.50|250");
        }
        for (value, both) in [("375", "3.75|375"), ("410", "4.10|410")] {
            stand.run(&upsert("total_cents", value));
            assert_eq!(stand.till(id), both);
        }
        // An update that computes from the row and from the proposed one.
        stand.run(&format!(
            "INSERT INTO till (id, total_cents) VALUES ({id}, 5) ON CONFLICT (id) DO UPDATE \
             SET total_cents = till.total_cents + excluded.total_cents"
        ));
        assert_eq!(stand.till(id), "4.15|415");
        // One that touches neither side leaves both.
        stand.run(&format!(
            "INSERT INTO till (id, total_cents) VALUES ({id}, 1) ON CONFLICT (id) DO UPDATE SET note = 'n'"
        ));
        assert_eq!(stand.till(id), "4.15|415");
        stand.run(&format!("INSERT INTO till (id, total_cents) VALUES ({id}, 1) ON CONFLICT DO NOTHING"));
        assert_eq!(stand.till(id), "4.15|415");
    });
}

#[test]
fn a_merge_of_either_shape_reaches_both_sides() {
    if ScratchServer::shared().expect("a server").version_num() < 150_000 {
        return;
    }
    in_every_phase(&MONEY, TILL, |stand| {
        let id = stand.id;
        let merge = |column: &str, value: &str| {
            format!(
                "MERGE INTO till USING (VALUES ({id}, {value}), ({id} + 1, {value})) AS s(id, v) ON till.id = s.id \
                 WHEN MATCHED THEN UPDATE SET {column} = s.v WHEN NOT MATCHED THEN INSERT (id, {column}) VALUES (s.id, s.v)"
            )
        };
        if stand.old_code {
            for (value, both) in [("1.25", "1.25|125"), ("2.5", "2.50|250")] {
                stand.run(&merge("total", value));
                assert_eq!((stand.till(id), stand.till(id + 1)), (both.to_owned(), both.to_owned()));
            }
            stand.run(&format!("DELETE FROM till WHERE id = {id}"));
        }
        stand.run(&merge("total_cents", "375"));
        assert_eq!((stand.till(id), stand.till(id + 1)), ("3.75|375".to_owned(), "3.75|375".to_owned()));
    });
}

#[test]
fn a_copy_of_either_shape_reaches_both_sides() {
    in_every_phase(&MONEY, TILL, |stand| {
        let id = stand.id;
        let mut copies = vec![("total_cents", format!("{id}\t375\n{}\t410\n", id + 1))];
        if stand.old_code {
            copies.push(("total", format!("{}\t3.75\n{}\t4.10\n", id + 2, id + 3)));
        }
        for (column, text) in copies {
            let mut copy = stand.client.copy_in(&format!("COPY till (id, {column}) FROM STDIN")).expect("a copy");
            copy.write_all(text.as_bytes()).expect("a copy");
            assert_eq!(copy.finish().expect("a copy"), 2);
        }
        for id in id..id + if stand.old_code { 4 } else { 2 } {
            assert_eq!(stand.till(id), if id % 2 == 1 { "3.75|375" } else { "4.10|410" });
        }
    });
}

#[test]
fn an_update_from_another_table_and_a_delete_that_returns_see_both_sides() {
    let prepare = format!("{TILL}; CREATE TABLE price (id bigint, v numeric)");
    in_every_phase(&MONEY, &prepare, |stand| {
        let id = stand.id;
        stand.run(&format!("INSERT INTO till (id, total_cents) VALUES ({id}, 100), ({id} + 1, 100); TRUNCATE price; INSERT INTO price VALUES ({id}, 7), ({id} + 1, 8)"));
        let column = if stand.old_code { "total" } else { "total_cents" };
        let factor = if stand.old_code { "1" } else { "100" };
        let sql = format!(
            "UPDATE till SET {column} = p.v * {factor} FROM price p WHERE p.id = till.id RETURNING till.id - {id}, {}, total_cents",
            stand.old
        );
        let mut rows = observed::rows(stand.client, &sql);
        rows.sort();
        assert_eq!(rows, ["0|7.00|700", "1|8.00|800"]);
        let sql = format!(
            "WITH gone AS (DELETE FROM till WHERE id = {id} RETURNING {}, total_cents) SELECT * FROM gone",
            stand.old
        );
        assert_eq!(observed::rows(stand.client, &sql), ["7.00|700"]);
        // Moved by one statement, whichever side is named.
        let sql = format!(
            "WITH gone AS (DELETE FROM till WHERE id = {id} + 1 RETURNING *) \
             INSERT INTO till (id, total_cents) SELECT id + 1, total_cents + 1 FROM gone"
        );
        stand.run(&sql);
        assert_eq!(stand.till(id + 2), "8.01|801");
    });
}

#[test]
fn a_row_that_moves_to_another_partition_keeps_both_sides() {
    let prepare = "CREATE TABLE till (id bigint, part integer DEFAULT 0, total numeric(12,2) NOT NULL, PRIMARY KEY (id, part)) PARTITION BY LIST (part); \
                   CREATE TABLE till_0 PARTITION OF till FOR VALUES IN (0); CREATE TABLE till_1 PARTITION OF till FOR VALUES IN (1); \
                   INSERT INTO till (id, total) SELECT g, g FROM generate_series(1001, 1010) g";
    in_every_phase(&MONEY, prepare, |stand| {
        let id = stand.id;
        stand.run(&format!("INSERT INTO till (id, total_cents) VALUES ({id}, 125)"));
        stand.run(&format!("UPDATE till SET part = 1 WHERE id = {id}"));
        assert_eq!(stand.till(id), "1.25|125");
        stand.run(&format!("UPDATE till SET part = 0, total_cents = 250 WHERE id = {id}"));
        assert_eq!(stand.till(id), "2.50|250");
        if stand.old_code {
            stand.run(&format!("UPDATE till SET part = 1, total = 3.75 WHERE id = {id}"));
            assert_eq!(stand.till(id), "3.75|375");
        }
        // A partition made while the plan is on its way, and a write that names it.
        let part = id + 1;
        stand.run(&format!(
            "CREATE TABLE till_{part} PARTITION OF till FOR VALUES IN ({part}); \
             UPDATE till SET part = {part} WHERE id = {id}; \
             UPDATE till_{part} SET total_cents = 999; INSERT INTO till_{part} (id, part, total_cents) VALUES ({id} + 1, {part}, 1)"
        ));
        assert_eq!((stand.till(id).as_str(), stand.till(id + 1).as_str()), ("9.99|999", "0.01|1"));
    });
}

#[test]
fn what_a_foreign_key_does_to_a_row_reaches_both_sides() {
    let prepare = "CREATE TABLE nick (nick text PRIMARY KEY); \
                   CREATE TABLE person (id bigint PRIMARY KEY, nick text); INSERT INTO person VALUES (1001, NULL)";
    in_every_phase(&NAMES, prepare, |stand| {
        let id = stand.id;
        let columns: &[&str] = if stand.old_code { &["nick", "nickname"] } else { &["nickname"] };
        for column in columns {
            // Keys on one side only, then on both, as a team that prepares the contract would have it.
            stand.run(&format!(
                "DELETE FROM person WHERE id = {id}; DELETE FROM nick; INSERT INTO nick VALUES ('ann'); \
                 INSERT INTO person (id, {column}) VALUES ({id}, 'ann'); \
                 ALTER TABLE person ADD CONSTRAINT of_{column} FOREIGN KEY ({column}) REFERENCES nick ON UPDATE CASCADE ON DELETE SET NULL"
            ));
            stand.run("UPDATE nick SET nick = 'anne'");
            assert_eq!(stand.person(id), "anne|anne");
        }
        stand.run("UPDATE nick SET nick = 'annie'");
        assert_eq!(stand.person(id), "annie|annie");
        stand.run("DELETE FROM nick");
        assert_eq!(stand.person(id), "|");
        for column in columns {
            stand.run(&format!("ALTER TABLE person DROP CONSTRAINT of_{column}"));
        }
    });
}

#[test]
fn a_generated_column_of_the_old_one_follows_writes_of_the_new_one() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, double numeric GENERATED ALWAYS AS (total * 2) STORED); \
         INSERT INTO till VALUES (1, 1.25)",
    );
    for phase in [Phase::DualWrite, Phase::Switch] {
        phases::carry(&MONEY, &mut client, phase);
        run(
            &mut client,
            "DELETE FROM till WHERE id > 1; INSERT INTO till (id, total_cents) VALUES (2, 300); INSERT INTO till (id, total) VALUES (3, 3)",
        );
        run(&mut client, "UPDATE till SET total_cents = 450 WHERE id = 1");
        assert_eq!(
            observed::rows(&mut client, "SELECT total, total_cents, double FROM till ORDER BY id"),
            ["4.50|450|9.00", "3.00|300|6.00", "3.00|300|6.00"]
        );
        run(&mut client, "UPDATE till SET total = 5 WHERE id = 1");
        assert_eq!(observed::rows(&mut client, "SELECT total_cents, double FROM till WHERE id = 1"), ["500|10.00"]);
    }
}

#[test]
fn children_by_inheritance_are_synced_filled_and_contracted_with_their_parent() {
    let prepare = format!(
        "{TILL}; CREATE TABLE branch (town text) INHERITS (till); INSERT INTO branch (id, total) VALUES (2001, 20.01)"
    );
    in_every_phase(&MONEY, &prepare, |stand| {
        let id = stand.id;
        assert_eq!(stand.till(2001), "20.01|2001");
        stand.run(&format!(
            "INSERT INTO branch (id, total_cents) VALUES ({id}, 125); UPDATE till SET total_cents = 130 WHERE id = {id}"
        ));
        assert_eq!(stand.till(id), "1.30|130");
        if stand.old_code {
            stand.run(&format!("UPDATE branch SET total = 1.35 WHERE id = {id}"));
            assert_eq!(stand.till(id), "1.35|135");
        }
    });
}

#[test]
fn a_child_made_after_the_expansion_is_given_the_triggers_and_filled_by_the_next_run() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, "CREATE TABLE person (id bigint PRIMARY KEY, nick text); INSERT INTO person VALUES (1, 'ann')");
    phases::carry(&NAMES, &mut client, Phase::DualWrite);
    run(&mut client, "CREATE TABLE guest () INHERITS (person); INSERT INTO guest (id, nick) VALUES (2, 'bob')");
    assert_eq!(observed::rows(&mut client, "SELECT nick, nickname FROM guest"), ["bob|"]);
    assert!(database::migrator(NAMES.dual_write).run(&mut client).expect("a run").is_complete());
    run(&mut client, "INSERT INTO guest (id, nickname) VALUES (3, 'cid'); UPDATE guest SET nick = 'bo' WHERE id = 2");
    assert_eq!(observed::rows(&mut client, "SELECT nick, nickname FROM guest ORDER BY id"), ["bo|bo", "cid|cid"]);
}

#[test]
fn a_child_that_leaves_can_be_written_all_along_and_keeps_nothing_of_the_sync() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, "CREATE TABLE person (id bigint PRIMARY KEY, nick text); CREATE TABLE guest () INHERITS (person)");
    phases::carry(&NAMES, &mut client, Phase::DualWrite);
    run(&mut client, "ALTER TABLE guest NO INHERIT person; INSERT INTO guest (id, nick) VALUES (1, 'ann')");
    for phase in [Phase::Switch, Phase::Contract] {
        phases::carry(&NAMES, &mut client, phase);
        run(&mut client, "INSERT INTO guest (id, nick) VALUES (2, 'bob'); UPDATE guest SET nick = 'bo' WHERE id = 2");
    }
    let report = database::migrator(NAMES.contract).run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(observed::value(&mut client, "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '~%'"), "0");
    // Its columns are its own now.
    run(&mut client, "INSERT INTO guest (id, nick, nickname) VALUES (4, 'di', 'do')");
}

#[test]
fn a_null_that_the_finished_table_would_refuse_is_refused_all_along() {
    in_every_phase(&MONEY, TILL, |stand| {
        let id = stand.id;
        stand.run(&format!("INSERT INTO till (id, total_cents) VALUES ({id}, 5)"));
        assert_eq!(refused(stand.client, &format!("UPDATE till SET total_cents = NULL WHERE id = {id}")), "23502");
        assert_eq!(refused(stand.client, &format!("INSERT INTO till (id) VALUES ({id} + 1)")), "23502");
        assert_eq!(stand.till(id), "0.05|5");
    });
}
