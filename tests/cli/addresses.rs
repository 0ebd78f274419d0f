//! Which database: addresses that are wrong, and secrets that nobody sees.

use crate::program::{Program, Said, run};

fn status(url: &str) -> Said {
    run("dual_write", Some(url), &["status"])
}

#[test]
fn an_argument_stands_before_the_environment() {
    let shop = Program::new();
    let arguments = ["status", "--database-url", shop.database.url()];
    assert_eq!(run("dual_write", None, &arguments).code, 0);
    assert_eq!(run("dual_write", Some("postgres://nobody@127.0.0.1:1/none"), &arguments).code, 0);
}

#[test]
fn no_database_is_an_error_with_a_way_out() {
    for url in [None, Some("")] {
        let said = run("dual_write", url, &["status"]);
        assert_eq!(said.code, 2, "{said:?}");
        let expected = "error: no database is named\nhelp: set DATABASE_URL, or give `--database-url`\n";
        assert_eq!(said.error, expected);
    }
}

#[test]
fn a_server_that_does_not_answer_is_named_without_its_password() {
    let said = status("postgres://anna:hunter2@127.0.0.1:1/shop");
    assert_eq!(said.code, 2, "{said:?}");
    let start = "error: cannot connect to database \"shop\" on 127.0.0.1 port 1 as \"anna\": ";
    assert!(said.error.starts_with(start) && said.error.contains("refused"), "{said:?}");
    assert!(!said.error.contains("hunter2"), "{said:?}");

    let shop = Program::new();
    let elsewhere = shop.database.url().replace(shop.database.name(), "no_such_database");
    let said = run("dual_write", Some(&elsewhere), &["status", "--json"]);
    assert_eq!(said.code, 2, "{said:?}");
    let error = said.json()["error"].to_string();
    assert!(error.contains("3D000 database \\\"no_such_database\\\" does not exist"), "{error}");
}

#[test]
fn the_address_of_another_library_will_do() {
    let shop = Program::new();
    let between = if shop.database.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{between}schema=public&connection_limit=3&statement-cache-capacity=0", shop.database.url());
    for arguments in [&["status"][..], &["up"], &["history"]] {
        let said = run("dual_write", Some(&url), arguments);
        assert_eq!(said.code, 0, "{said:?}");
    }
}

#[test]
fn what_needs_tls_is_refused() {
    for (mode, url) in [
        ("require", "postgres://anna:hunter2@localhost/shop?sslmode=require"),
        ("verify-full", "postgres://anna:hunter2@localhost/shop?sslrootcert=ca.pem&sslmode=verify-full"),
        ("verify-ca", "host=localhost user=anna password=hunter2 sslmode=verify-ca"),
        ("require", "host=localhost user=anna password=hunter2 sslmode = require"),
    ] {
        let said = status(url);
        assert_eq!(said.code, 2, "{said:?}");
        let expected = format!("error: the database's address has sslmode={mode}, and TLS is not built in\n");
        assert!(said.error.starts_with(&expected), "{said:?}");
        assert!(said.error.contains("the feature `rustls` or `native-tls` of the crate `migrate`"), "{said:?}");
        assert!(!said.error.contains("hunter2"), "{said:?}");
    }
}

#[test]
fn an_address_that_cannot_be_read_gives_no_secret_away() {
    for url in [
        "postgres://anna:hunt@er2@localhost/shop",
        "postgres://anna:hunt@er2:x@localhost/shop",
        "host=localhost password=hunt er2=1",
        "host=localhost password='hunt er2",
        "postgres://localhost/shop?password=hunt&er2=1",
        "postgres://anna:hunter2@/shop",
        "anna:hunter2@localhost/shop?sslmode=prefer",
    ] {
        let said = status(url);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.error.starts_with("error: the database's address cannot be read: "), "{url}: {said:?}");
        assert!(!said.error.contains("er2"), "{url}: {said:?}");
    }
    let said = run("dual_write", None, &["status", "postgres://anna:hunt@er2@localhost/shop"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.error.contains("unexpected argument 'postgres://…@localhost/shop'"), "{said:?}");
    let said = status("postgres://localhost/shop?sslmod=require");
    assert!(said.error.contains("unknown option `sslmod`; did you mean `sslmode`?"), "{said:?}");
}
