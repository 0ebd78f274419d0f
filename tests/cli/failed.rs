//! `failed` and `retry`.

use crate::program::Program;

#[test]
fn failed_rows_are_listed_with_their_values_until_they_are_mended() {
    let shop = Program::new();
    assert_eq!(shop.run(&["failed"]).out, "no row stands in the way\n");
    shop.sql("INSERT INTO orders VALUES (4, 'four'), (5, E'fi\\nve'), (6, 'six')");
    let said = shop.run(&["up"]);
    let row =
        r#"public.orders {"id": 4}: 22P02 invalid input syntax for type integer: "four"; value {"label": "four"}"#;
    assert!(said.code == 1 && said.out.contains(row), "{said:?}");
    assert!(shop.run(&["status"]).out.contains(row));

    let said = shop.run(&["failed", "--limit", "2"]);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], format!("orders_number  backfill public.orders  {row}"));
    assert!(lines[1].ends_with(r#"value {"label": "fi\nve"}"#), "one line for each: {said:?}");
    assert_eq!(lines[2..], ["2 of 3 rows"]);
    let answer = shop.ask(&["failed", "orders_number"]);
    assert_eq!(answer["count"], 3);
    let first = &answer["rows"][0];
    let expected = serde_json::json!({
        "plan": "orders_number", "step": "backfill public.orders", "table": "public.orders", "key": "{\"id\": 4}",
        "value": { "label": "four" }, "sqlstate": "22P02",
        "message": "invalid input syntax for type integer: \"four\"", "seen_at": first["seen_at"],
    });
    assert_eq!(first, &expected);
    let gate = &shop.ask(&["status"])["plans"][0]["closed"][0];
    assert_eq!((&gate["gate"], &gate["evidence"]["more"]), (&"failed_rows".into(), &false.into()));
    assert_eq!(gate["evidence"]["rows"][0]["value"]["label"], "four");

    shop.sql("UPDATE orders SET label = id WHERE id > 3");
    assert_eq!(shop.run(&["up"]).code, 0);
    assert_eq!(shop.ask(&["failed"])["count"], 0);
    let said = shop.run(&["failed", "orders_numbre"]);
    assert_eq!(said.error, "error: plan `orders_numbre` has never started in this database\n");
}

#[test]
fn another_look_is_asked_for_and_goes_into_the_history() {
    let shop = Program::new();
    let said = shop.run(&["retry", "orders_number"]);
    assert_eq!(
        (said.code, said.error.as_str()),
        (2, "error: plan `orders_number` has never started in this database\n")
    );
    shop.sql("INSERT INTO orders VALUES (4, 'four')");
    assert_eq!(shop.run(&["up"]).code, 1);
    let said = shop.run(&["retry", "orders_number", "--by", "ben", "--why", "mended"]);
    let expected = "orders_number: no instance is live to look at its failed rows, 1 of them; `up` does\n";
    assert_eq!((said.code, said.out.as_str()), (0, expected));
    assert_eq!(shop.ask(&["retry", "orders_number"])["failed_rows"], 1);
    let said = shop.run(&["history"]);
    assert!(said.out.contains("  failed rows to be looked at again by ben (role "), "{said:?}");
    shop.sql("DELETE FROM orders WHERE id = 4");
    assert_eq!(shop.run(&["up"]).code, 0);
    assert_eq!(shop.run(&["retry", "orders_number"]).out, "orders_number: no row stands in the way\n");
}

/// A service that would look by itself only after minutes looks at once.
#[test]
fn a_service_looks_when_the_command_asks() {
    migrate::plan! {
        mod orders_number;
        stage dual_write;
        table orders { label: text => number: integer { up label::integer; down number::text; lossy "as written"; } }
    }
    static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_number];

    let shop = Program::new();
    shop.sql("INSERT INTO orders VALUES (4, 'four')");
    let mut settings = migrate::Settings::default();
    settings.poll = std::time::Duration::from_secs(60);
    let service = migrate::Migrator::new(&MIGRATIONS).settings(settings).start(shop.database.url()).expect("a service");
    let wait = |what: &str, sql: &str| {
        let (mut client, begun) = (shop.client(), std::time::Instant::now());
        while !client.query_one(sql, &[]).expect("an answer").get::<_, Option<bool>>(0).unwrap_or(false) {
            assert!(begun.elapsed().as_secs() < 30, "not within half a minute: {what}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    wait("it rests", "SELECT idle_until > clock_timestamp() + interval '3 min' AND pid IS NULL FROM migrate.leader");
    shop.sql("UPDATE orders SET label = '4' WHERE id = 4");
    let said = shop.run(&["retry", "orders_number"]);
    assert_eq!(said.out, "orders_number: the instance that leads looks at its failed rows again, 1 of them\n");
    wait("it has gone on", "SELECT bool_and(state = 'done') FROM migrate.step WHERE phase = 'dual_write'");
    service.stop();
}
