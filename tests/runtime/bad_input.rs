//! A plan meets a database that is not as it says: the error names the object and the way out, and
//! nothing has happened.

use migrate::{Error, Plan};
use postgres::Client;

use crate::database;
use crate::observed::{self, run};
use crate::role::Role;

macro_rules! plans {
    ($($module:ident { $($table:tt)* })*) => {$(
        mod $module {
            migrate::plan! { pub mod money; stage dual_write; $($table)* }
        }
    )*};
}

plans! {
    cents { table till (id: bigint not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
    half { table till (id: bigint) {
        total: numeric(12, 2) not null between 0 and 1_000_000 => total_halves: bigint not null { up round(total * 2)::bigint; down total_halves / 2.0; lossy "rounded to halves"; }
    } }
    defaulted { table till (id: bigint) {
        total: numeric(12, 2) not null default 1.5 => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
    nullable { table till (id: bigint) {
        total: numeric(12, 2) => total_cents: bigint { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
    scaled { table till (id: bigint, factor: integer between 1 and 100) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * coalesce(factor, 100))::bigint; down total_cents / 100.0; lossy "the factor is forgotten"; }
    } }
    by_function { extern fn app.cents(numeric) -> bigint immutable strict; table till (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up app.cents(total); down total_cents / 100.0; lossy "the function may round"; }
    } }
    by_user_type { table till (id: bigint, factor: app.factor not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * factor)::bigint; down total_cents / 100.0; lossy "the factor is forgotten"; }
    } }
    new_default { table till (id: bigint) {
        total: numeric(12, 2) not null default 1.5 => total_cents: bigint not null default 7 { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const CENTS: &Plan = &cents::money::PLAN;

const TILL: &str =
    "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); INSERT INTO till VALUES (1, 2.5)";

/// Has the plan refused; answers the problems' texts. The database is as before.
fn refused(client: &mut Client, plan: &'static Plan) -> Vec<String> {
    let before = observed::schema(client);
    let error = database::migrator(plan).run(client).expect_err("this plan cannot start here");
    let Error::Preflight { problems, .. } = &error else { panic!("{error}") };
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for text in &texts {
        assert!(error.to_string().contains(text), "{error}");
    }
    assert!(error.to_string().ends_with("nothing was changed"), "{error}");
    assert_eq!(observed::schema(client), before, "{error}");
    if observed::value(client, "SELECT to_regclass('migrate.plan')") == "migrate.plan" {
        assert_eq!(observed::value(client, "SELECT count(*) FROM migrate.plan"), "0", "{error}");
    }
    texts
}

/// The same with one problem in a fresh database made by `prepare`.
fn refused_once(prepare: &str, plan: &'static Plan) -> String {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, prepare);
    let mut texts = refused(&mut client, plan);
    assert_eq!(texts.len(), 1, "{texts:#?}");
    texts.remove(0)
}

#[test]
fn a_missing_table_is_named_with_the_nearest_one() {
    assert_eq!(
        refused_once("CREATE TABLE tilll (id bigint); CREATE TABLE other ()", CENTS),
        "table public.till does not exist, or this role cannot see it: did you mean public.tilll?"
    );
    assert_eq!(
        refused_once("", CENTS),
        "table public.till does not exist, or this role cannot see it: create it first, or mend its name in the plan"
    );
    assert_eq!(
        refused_once("CREATE SCHEMA shop; CREATE TABLE shop.till (); CREATE TABLE tills ()", CENTS),
        "table public.till does not exist, or this role cannot see it: there is shop.till: write its schema in the plan"
    );
}

#[test]
fn what_is_no_table_with_rows_is_named_as_what_it_is() {
    let cases = [
        ("CREATE VIEW till AS SELECT 1::bigint AS id", "is a view: name the table with the rows"),
        (
            "CREATE MATERIALIZED VIEW till AS SELECT 1::bigint AS id",
            "is a materialized view: name the table with the rows",
        ),
        ("CREATE SEQUENCE till", "is no table: name the table with the rows"),
        (
            "CREATE TABLE whole (id bigint, total numeric(12,2) NOT NULL) PARTITION BY LIST (id); \
             CREATE TABLE till PARTITION OF whole DEFAULT",
            "is a partition: name the partitioned table: all partitions change together",
        ),
        (
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE till (id bigint) SERVER s",
            "is a foreign table: name the table with the rows",
        ),
    ];
    for (prepare, expected) in cases {
        assert_eq!(refused_once(prepare, CENTS), format!("table public.till {expected}"));
    }
}

#[test]
fn a_foreign_partition_is_out_of_reach_and_named() {
    let prepare = "CREATE TABLE till (id bigint NOT NULL, total numeric(12,2) NOT NULL) PARTITION BY LIST (id); \
                   CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; \
                   CREATE FOREIGN TABLE far PARTITION OF till FOR VALUES IN (1) SERVER s";
    let text = refused_once(prepare, CENTS);
    assert!(text.contains("far of table public.till is a foreign table") && text.contains("detach it"), "{text}");
}

#[test]
fn a_missing_column_is_named_with_the_nearest_one() {
    assert_eq!(
        refused_once("CREATE TABLE till (id bigint PRIMARY KEY, totals numeric(12,2) NOT NULL)", CENTS),
        "column public.till.total does not exist: did you mean `totals`?; or, if a plan that was deleted from the code made it, \
         load a dump of the schema that was taken after that plan, and record with `baseline` what it holds"
    );
}

#[test]
fn a_column_of_another_type_is_shown_as_it_is_and_as_it_is_declared() {
    assert_eq!(
        refused_once("CREATE TABLE till (id bigint PRIMARY KEY, total numeric(10,2) NOT NULL)", CENTS),
        "column public.till.total is numeric(10,2), and the plan declares numeric(12,2): declare it as `numeric(10,2)`"
    );
}

#[test]
fn a_nullable_column_is_not_taken_for_a_required_one_nor_the_other_way() {
    let text = refused_once("CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2))", CENTS);
    assert!(text.starts_with("column public.till.total may be null"), "{text}");
    let text = refused_once(TILL, &nullable::money::PLAN);
    assert!(
        text.starts_with("column public.till.total is NOT NULL") && text.ends_with("declare it `not null`"),
        "{text}"
    );
}

#[test]
fn a_default_that_differs_is_shown_beside_the_declared_one() {
    let with =
        |default: &str| format!("CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL {default})");
    let text = refused_once(&with("DEFAULT 1.5"), CENTS);
    assert!(text.contains("has the default 1.5, and the plan declares none"), "{text}");
    let text = refused_once(&with("DEFAULT 2"), &defaulted::money::PLAN);
    assert!(text.contains("has the default 2, and the plan declares 1.5"), "{text}");
    let text = refused_once(&with(""), &defaulted::money::PLAN);
    assert!(text.contains("has no default, and the plan declares 1.5"), "{text}");
    let text = refused_once(&with("DEFAULT 1.5"), &new_default::money::PLAN);
    assert!(
        text.contains("total_cents declares the default 7") && text.contains("`up` makes another value of 1.5"),
        "{text}"
    );
}

#[test]
fn columns_whose_value_a_trigger_does_not_see_are_refused() {
    let text = refused_once(
        "CREATE TABLE till (id bigint PRIMARY KEY, a integer, total numeric(12,2) GENERATED ALWAYS AS (a * 2) STORED NOT NULL)",
        CENTS,
    );
    assert!(text.starts_with("column public.till.total is a generated column"), "{text}");
    let text = refused_once(
        "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, a integer, factor integer GENERATED ALWAYS AS (a) STORED)",
        &scaled::money::PLAN,
    );
    assert!(text.starts_with("column public.till.factor is a generated column"), "{text}");
}

#[test]
fn a_name_that_is_taken_is_never_reused() {
    for taken in ["total_cents", "~total"] {
        let text = refused_once(
            &format!(
                "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, \"{taken}\" text DEFAULT 'mine')"
            ),
            CENTS,
        );
        assert!(text.starts_with(&format!("column public.till.{taken} exists already")), "{text}");
    }
}

#[test]
fn everything_in_the_way_is_said_at_once() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id integer PRIMARY KEY, total numeric(12,2) DEFAULT 3, total_cents text); \
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$; \
         CREATE TRIGGER \"~zz\" BEFORE UPDATE ON till FOR EACH ROW EXECUTE FUNCTION f()",
    );
    let texts = refused(&mut client, CENTS);
    for part in [
        "till.id is integer",
        "till.total may be null",
        "till.total has the default 3",
        "till.total_cents exists",
        "\"~zz\"",
    ] {
        assert_eq!(texts.iter().filter(|text| text.contains(part)).count(), 1, "{part}: {texts:#?}");
    }
    assert_eq!(texts.len(), 5, "{texts:#?}");
}

#[test]
fn an_expression_that_postgresql_refuses_is_shown_with_its_words() {
    let text = refused_once(
        "CREATE SCHEMA app; CREATE TYPE app.factor AS ENUM ('one'); \
         CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, factor app.factor NOT NULL)",
        &by_user_type::money::PLAN,
    );
    assert!(text.starts_with("`up` of public.till.total => total_cents"), "{text}");
    assert!(text.contains("42883 operator does not exist: numeric * app.factor"), "{text}");
}

/// The table, and functions of the schema `app`.
fn with_function(functions: &str) -> String {
    format!("{TILL}; CREATE SCHEMA app; {functions}")
}

#[test]
fn a_declared_function_that_is_missing_is_named_with_the_nearest_one() {
    let plan = &by_function::money::PLAN;
    assert_eq!(
        refused_once(TILL, plan),
        "function app.cents(numeric) does not exist: create it before the plan starts, or mend its name in the plan"
    );
    assert_eq!(
        refused_once(
            &with_function(
                "CREATE FUNCTION app.cent(numeric) RETURNS bigint IMMUTABLE STRICT LANGUAGE sql AS 'SELECT 1'"
            ),
            plan
        ),
        "function app.cents(numeric) does not exist: did you mean app.cent?"
    );
    assert_eq!(
        refused_once(
            &with_function(
                "CREATE FUNCTION app.cents(text) RETURNS bigint IMMUTABLE STRICT LANGUAGE sql AS 'SELECT 1'"
            ),
            plan
        ),
        "function app.cents(numeric) does not exist with these arguments: declare what it takes: (text)"
    );
}

#[test]
fn a_declared_function_is_what_it_is_declared_to_be() {
    let cases = [
        (
            "bigint STABLE STRICT LANGUAGE sql AS 'SELECT 1::bigint'",
            "is stable, and the plan declares it immutable: where its value depends on its arguments alone: \
             ALTER FUNCTION \"app\".\"cents\"(numeric) IMMUTABLE",
        ),
        (
            "bigint VOLATILE STRICT LANGUAGE sql AS 'SELECT 1::bigint'",
            "is volatile, and the plan declares it immutable: where its value depends on its arguments alone: \
             ALTER FUNCTION \"app\".\"cents\"(numeric) IMMUTABLE",
        ),
        (
            "bigint IMMUTABLE LANGUAGE sql AS 'SELECT 1::bigint'",
            "is not strict, and the plan declares it strict: leave `strict` out, or where null is to give null: \
             ALTER FUNCTION \"app\".\"cents\"(numeric) STRICT",
        ),
        (
            "integer IMMUTABLE STRICT LANGUAGE sql AS 'SELECT 1'",
            "gives integer, and the plan declares bigint: declare it with `-> integer`",
        ),
        (
            "SETOF bigint IMMUTABLE STRICT LANGUAGE sql AS 'SELECT 1::bigint'",
            "gives no single value: declare a function that gives one value",
        ),
    ];
    for (body, expected) in cases {
        let prepare = with_function(&format!("CREATE FUNCTION app.cents(numeric) RETURNS {body}"));
        let text = refused_once(&prepare, &by_function::money::PLAN);
        assert_eq!(text, format!("function app.cents(numeric) {expected}"));
    }
}

#[test]
fn a_function_that_a_writer_may_not_call_is_named_with_the_role() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    let (writer, reader) = (Role::new(&database, "writer"), Role::new(&database, "reader"));
    run(
        &mut client,
        &format!(
            "{TILL}; CREATE SCHEMA app; \
             CREATE FUNCTION app.cents(numeric) RETURNS bigint IMMUTABLE STRICT LANGUAGE sql AS 'SELECT ($1 * 100)::bigint'; \
             REVOKE EXECUTE ON FUNCTION app.cents FROM PUBLIC; \
             GRANT SELECT, INSERT, UPDATE ON till TO {}; GRANT SELECT ON till TO {}",
            writer.name(),
            reader.name()
        ),
    );
    let texts = refused(&mut client, &by_function::money::PLAN);
    assert_eq!(
        texts,
        [format!(
            "function app.cents(numeric) may not be executed by role \"{0}\", which writes public.till: \
             GRANT EXECUTE ON FUNCTION app.cents(numeric) TO \"{0}\"",
            writer.name()
        )]
    );
    run(&mut client, &format!("GRANT EXECUTE ON FUNCTION app.cents TO {}", writer.name()));
    assert!(database::migrator(&by_function::money::PLAN).run(&mut client).expect("a run").is_complete());
    run(&mut writer.connect(&database), "INSERT INTO till (id, total) VALUES (2, 3)");
    assert_eq!(observed::value(&mut client, "SELECT total_cents FROM till WHERE id = 2"), "300");
}

/// Names that sort after the sync's: by the byte after `~`, and beyond ASCII.
#[test]
fn a_trigger_that_would_fire_after_the_sync_is_refused_before_and_after_the_start() {
    let trigger =
        |name: &str, when: &str| format!("CREATE TRIGGER \"{name}\" {when} ON till FOR EACH ROW EXECUTE FUNCTION f()");
    let function = format!("{TILL}; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$");
    for name in ["~zz", "über"] {
        let text = refused_once(&format!("{function}; {}", trigger(name, "BEFORE INSERT")), CENTS);
        assert!(
            text.starts_with(&format!("trigger \"{name}\" on public.till sorts after the sync triggers")),
            "{text}"
        );
        assert!(text.contains("rename it"), "{text}");
    }
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, &function);
    for (name, when) in [("zz", "BEFORE UPDATE"), ("~zz after", "AFTER UPDATE"), ("~zz gone", "BEFORE DELETE")] {
        run(&mut client, &trigger(name, when));
    }
    let migrator = database::migrator(CENTS);
    assert!(migrator.run(&mut client).expect("these are in nobody's way").is_complete());
    run(&mut client, &trigger("~zz", "BEFORE UPDATE"));
    let error = migrator.run(&mut client).expect_err("a trigger after the sync").to_string();
    assert!(error.contains("trigger \"~zz\" on public.till sorts after the sync triggers"), "{error}");
    run(&mut client, "ALTER TRIGGER \"~zz\" ON till RENAME TO before");
    assert!(migrator.run(&mut client).expect("renamed as the error says").is_complete());
}

#[test]
fn a_plan_on_a_column_that_another_one_replaces_names_it() {
    mod other {
        migrate::plan! { pub mod halves; stage dual_write; table till (id: bigint) {
            total: numeric(12, 2) not null between 0 and 1_000_000 => halves: bigint not null { up round(total * 2)::bigint; down halves / 2.0; lossy "rounded to halves"; }
        } }
    }
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    assert!(database::migrator(CENTS).run(&mut client).expect("a run").is_complete());
    let before = observed::schema(&mut client);
    let error = database::migrator(&other::halves::PLAN).run(&mut client).expect_err("taken").to_string();
    assert!(error.contains("plan `money`, in flight on public.till, replaces a column that this plan uses"), "{error}");
    assert!(error.contains("finish or revert that one first"), "{error}");
    assert_eq!(observed::schema(&mut client), before);
}

#[test]
fn a_plan_edited_after_its_start_shows_the_lines_that_differ() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, TILL);
    assert!(database::migrator(CENTS).run(&mut client).expect("a run").is_complete());
    let before = observed::schema(&mut client);
    let error = database::migrator(&half::money::PLAN).run(&mut client).expect_err("edited");
    assert_eq!(observed::schema(&mut client), before);
    let Error::PlanEdited { plan, difference } = &error else { panic!("{error}") };
    assert_eq!(plan, "money");
    let lines: Vec<&str> = difference.lines().collect();
    assert!(lines.contains(&"  -     down \"total_cents\" / 100.0"), "{difference}");
    assert!(lines.contains(&"  +     down \"total_halves\" / 2.0"), "{difference}");
    assert!(!difference.contains("plan money") && !difference.contains("table "), "{difference}");
    assert!(error.to_string().contains("put the declaration back"), "{error}");
    // The way out: by name, from the program with the edited plan.
    database::migrator(&half::money::PLAN).revert(&mut client, "money").expect("a revert");
    let again = database::migrator(&half::money::PLAN);
    again.release(&mut client, "money").expect("a release");
    assert!(again.run(&mut client).expect("a reverted plan starts anew").is_complete());
    assert_eq!(observed::rows(&mut client, "SELECT total_halves FROM till"), ["5"]);
}
