//! The gate of contract knows everything that hangs on the old column, and a finished plan leaves only
//! what it declares.

use migrate::{Closed, Phase, Plan, Position};
use postgres::Client;

use crate::database;
use crate::observed::{self, run};
use crate::phases::{self, MONEY, TILL};
use crate::role::Role;

mod plans {
    migrate::plan! { pub mod sized; stage contract; table till (id: bigint, factor: integer not null) {
        total: numeric(12, 2) not null default 1.5 => amount: numeric(20, 4) not null default 1.5 { up total::numeric(20, 4); down amount::numeric(12, 2); }
        note: varchar(10) => remark: varchar(20) { up note; down remark::varchar(10); }
        tags: text[] => labels: text[];
    } }
}

/// What closes the gate once the plan is switched; answers the objects that it names.
fn named(client: &mut Client) -> Vec<String> {
    let report = database::migrator(MONEY.contract).run(client).expect("a run");
    let found = report.plans[0].closed.iter().find_map(|closed| match closed {
        Closed::Dependents { objects } => Some(objects.clone()),
        _ => None,
    });
    let objects = found.unwrap_or_default();
    assert_eq!(report.plans[0].position, Position::After(Phase::Switch), "{report}");
    assert!(objects.iter().all(|object| report.to_string().contains(object)), "{report}");
    objects
}

#[test]
fn everything_that_hangs_on_the_old_column_closes_the_gate_and_is_named() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let role = Role::new(&database, "reader");
    run(
        &mut client,
        &format!(
            "{TILL}; CREATE TABLE price (total numeric(12,2) PRIMARY KEY); INSERT INTO price SELECT total FROM till"
        ),
    );
    phases::carry(&MONEY, &mut client, Phase::Switch);
    let role = role.name();
    let grant = format!("GRANT SELECT (total), UPDATE (total) ON till TO {role}");
    let revoke = format!("REVOKE ALL (total) ON till FROM {role}");
    let hangers = [
        ("view sums", "CREATE VIEW sums AS SELECT sum(total) FROM till", "DROP VIEW sums"),
        (
            "materialized view sums",
            "CREATE MATERIALIZED VIEW sums AS SELECT sum(total) FROM till",
            "DROP MATERIALIZED VIEW sums",
        ),
        ("index by_total", "CREATE INDEX by_total ON till (id) INCLUDE (total)", "DROP INDEX by_total"),
        ("index rounded", "CREATE INDEX rounded ON till (round(total))", "DROP INDEX rounded"),
        ("index large", "CREATE INDEX large ON till (id) WHERE total > 100", "DROP INDEX large"),
        (
            "constraint unique_total on table till",
            "ALTER TABLE till ADD CONSTRAINT unique_total UNIQUE (total)",
            "ALTER TABLE till DROP CONSTRAINT unique_total",
        ),
        (
            "constraint paid on table till",
            "ALTER TABLE till ADD CONSTRAINT paid CHECK (total >= 0)",
            "ALTER TABLE till DROP CONSTRAINT paid",
        ),
        (
            "constraint priced on table till",
            "ALTER TABLE till ADD CONSTRAINT priced FOREIGN KEY (total) REFERENCES price",
            "ALTER TABLE till DROP CONSTRAINT priced",
        ),
        ("policy cheap on table till", "CREATE POLICY cheap ON till USING (total < 5)", "DROP POLICY cheap ON till"),
        (
            // PostgreSQL 15 says "default value for" before it.
            "column doubled of table till",
            "ALTER TABLE till ADD COLUMN doubled numeric GENERATED ALWAYS AS (total * 2) STORED",
            "ALTER TABLE till DROP COLUMN doubled",
        ),
        ("statistics object on_total", "CREATE STATISTICS on_total ON id, total FROM till", "DROP STATISTICS on_total"),
        ("rights granted on column total of public.till", grant.as_str(), revoke.as_str()),
        (
            "function of_total()",
            "CREATE FUNCTION of_total() RETURNS numeric LANGUAGE sql RETURN (SELECT max(total) FROM till)",
            "DROP FUNCTION of_total()",
        ),
        (
            "trigger of_total on table till",
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
             CREATE TRIGGER of_total BEFORE UPDATE OF total ON till FOR EACH ROW EXECUTE FUNCTION f()",
            "DROP TRIGGER of_total ON till",
        ),
        (
            "trigger when_total on table till",
            "CREATE TRIGGER when_total AFTER UPDATE ON till FOR EACH ROW WHEN (NEW.total > 5) EXECUTE FUNCTION f()",
            "DROP TRIGGER when_total ON till",
        ),
        (
            "constraint owed on table debt",
            "ALTER TABLE till ADD UNIQUE (total); CREATE TABLE debt (total numeric(12,2) CONSTRAINT owed REFERENCES till (total))",
            "DROP TABLE debt; ALTER TABLE till DROP CONSTRAINT till_total_key",
        ),
        ("sequence counted", "CREATE SEQUENCE counted OWNED BY till.total", "DROP SEQUENCE counted"),
        (
            "rule quiet on table till",
            "CREATE RULE quiet AS ON DELETE TO till WHERE old.total > 99999 DO ALSO NOTHING",
            "DROP RULE quiet ON till",
        ),
    ];
    let plain = |object: &String| object.replace("public.", "");
    for (object, make, take) in hangers {
        run(&mut client, make);
        let objects: Vec<String> = named(&mut client).iter().map(plain).collect();
        let expected = object.replace("public.", "");
        assert!(objects.iter().any(|found| found.ends_with(&expected)), "{object} is not in {objects:?}");
        // From the first report on, and not only at the gate.
        let dependents =
            &database::migrator(MONEY.dual_write).status(&mut client).expect("a status").plans[0].dependents;
        assert_eq!(dependents.iter().map(plain).collect::<Vec<_>>(), objects);
        run(&mut client, take);
    }
    let report = database::migrator(MONEY.contract).run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.plans[0].position, Position::Finished);
}

/// The name that such a column would have after the retirement is looked at as well.
#[test]
fn what_is_made_on_the_retired_column_closes_the_gate_of_the_drop() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    phases::carry(&MONEY, &mut client, Phase::Switch);
    phases::carry(&MONEY, &mut client, Phase::Contract);
    run(&mut client, "CREATE VIEW last_look AS SELECT \"~total\" FROM till");
    let report = database::migrator(MONEY.contract).run(&mut client).expect("a run");
    assert!(
        report.to_string().contains("view last_look") || report.to_string().contains("view public.last_look"),
        "{report}"
    );
    run(&mut client, "DROP VIEW last_look");
    assert!(database::migrator(MONEY.contract).run(&mut client).expect("a run").is_complete());
}

#[test]
fn a_publication_of_the_old_column_closes_the_gate() {
    if migrate::testing::ScratchServer::shared().expect("a server").version_num() < 150_000 {
        return;
    }
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    phases::carry(&MONEY, &mut client, Phase::Switch);
    for part in ["till (id, total)", "till WHERE (total > 5)"] {
        run(&mut client, &format!("CREATE PUBLICATION stream FOR TABLE {part}"));
        let objects = named(&mut client);
        assert!(objects.iter().any(|object| object.contains("publication stream")), "{part}: {objects:?}");
        run(&mut client, "DROP PUBLICATION stream");
    }
    assert!(database::migrator(MONEY.contract).run(&mut client).expect("a run").is_complete());
}

#[test]
fn a_partition_that_hangs_something_on_the_old_column_closes_the_gate() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL) PARTITION BY RANGE (id); \
         CREATE TABLE till_0 PARTITION OF till DEFAULT; CREATE INDEX of_part ON till_0 (total)",
    );
    phases::carry(&MONEY, &mut client, Phase::Switch);
    let objects = named(&mut client);
    assert!(objects.iter().any(|object| object.contains("index ") && object.contains("of_part")), "{objects:?}");
}

/// The table that a fresh installation would have made is the one that the plan leaves.
#[test]
fn a_finished_plan_leaves_exactly_what_it_declares() {
    const PLAN: &Plan = &plans::sized::PLAN;
    let table = |columns: &str| {
        format!("CREATE TABLE till (id bigint PRIMARY KEY, factor integer NOT NULL, {columns}, CHECK (factor > 0))")
    };
    let after = {
        let database = database::fresh();
        let mut client = database.connect().expect("a connection");
        run(&mut client, &table("amount numeric(20,4) NOT NULL DEFAULT 1.5, remark varchar(20), labels text[]"));
        observed::schema(&mut client)
    };
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, &table("total numeric(12,2) NOT NULL DEFAULT 1.5, note varchar(10), tags text[]"));
    run(&mut client, "INSERT INTO till VALUES (1, 2, 3.25, 'n', '{a,b}'), (2, 2, DEFAULT, NULL, NULL)");
    let report = database::migrator(PLAN).run(&mut client).expect("a run");
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
    assert_eq!(observed::schema(&mut client), after);
    run(&mut client, "INSERT INTO till (id, factor) VALUES (3, 1)");
    assert_eq!(
        observed::rows(&mut client, "SELECT id, amount, remark, labels FROM till ORDER BY id"),
        ["1|3.2500|n|{a,b}", "2|1.5000||", "3|1.5000||"]
    );
}
