//! Contract waits for functions whose text names an old column, which PostgreSQL's catalog of dependencies does not know.

use std::time::Duration;

use migrate::Phase;

use crate::database;
use crate::gates::{contract, contract_of, keys, require_finished, switched};
use crate::observed::run;
use crate::phases::{self, MONEY, Subject};

mod plans {
    pub mod dual_write {
        migrate::plan! { pub mod odd; stage dual_write; table "Till (1)" { "a.b\"C": text => remark: text; } }
    }
    pub mod contract {
        migrate::plan! { pub mod odd; stage contract; table "Till (1)" { "a.b\"C": text => remark: text; } }
    }
}

const ODD: Subject = Subject {
    dual_write: &plans::dual_write::odd::PLAN,
    contract: &plans::contract::odd::PLAN,
    apart: "remark IS DISTINCT FROM \"a.b\"\"C\"",
};

#[test]
fn a_function_that_names_column_and_table_closes_the_gate_until_it_is_replaced() {
    let (_database, mut client) = switched();
    for (make, key) in [
        (
            "CREATE OR REPLACE FUNCTION spent(bigint, \"Day\" date) RETURNS numeric LANGUAGE plpgsql AS \
             'BEGIN RETURN (SELECT t.TOTAL FROM Till t WHERE t.id = $1); END'",
            "function:public.spent(bigint,date)",
        ),
        (
            "CREATE OR REPLACE PROCEDURE clear() LANGUAGE sql AS 'UPDATE \"till\" SET \"total\" = 0'",
            "function:public.clear()",
        ),
    ] {
        run(&mut client, make);
        let report = contract(&mut client, Duration::ZERO);
        assert_eq!(keys(&report), [key], "{report}");
        let early = database::migrator(MONEY.dual_write).status(&mut client).expect("a status");
        assert!(early.plans[0].dependents.iter().any(|line| line.contains(&key["function:".len()..])), "{early}");
        run(&mut client, &make.replace("TOTAL", "total_cents").replace("\"total\"", "total_cents"));
    }
    run(
        &mut client,
        "CREATE FUNCTION innocent() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT total_cents FROM till); END'; \
         CREATE FUNCTION elsewhere() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT total FROM orders); END'",
    );
    require_finished(&mut client);
}

#[test]
fn a_function_that_triggers_call_need_not_name_the_table() {
    let (_database, mut client) = switched();
    run(
        &mut client,
        "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM NEW.total; RETURN NEW; END'; \
         CREATE TABLE other (total integer); \
         CREATE TRIGGER audit BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION audit()",
    );
    assert!(keys(&contract(&mut client, Duration::from_secs(1000))).is_empty());
    run(&mut client, "CREATE TRIGGER audit BEFORE INSERT ON till FOR EACH ROW EXECUTE FUNCTION audit()");
    assert_eq!(keys(&contract(&mut client, Duration::ZERO)), ["function:public.audit()"]);
    run(&mut client, "DROP TRIGGER audit ON till");
    require_finished(&mut client);
}

#[test]
fn an_operator_may_know_that_a_function_has_nothing_to_do_with_it() {
    let (_database, mut client) = switched();
    run(
        &mut client,
        "CREATE SCHEMA \"S\"; CREATE FUNCTION \"S\".\"F, g\"(text[]) RETURNS void LANGUAGE plpgsql AS \
         'BEGIN PERFORM total FROM orders; PERFORM FROM till; END'",
    );
    let report = contract(&mut client, Duration::ZERO);
    let keys = keys(&report);
    assert_eq!(keys, ["function:\"S\".\"F, g\"(text[])"], "{report}");
    database::migrator(MONEY.contract).acknowledge(&mut client, "money", &keys[0]).expect("known");
    require_finished(&mut client);
}

#[test]
fn hostile_names_are_found_in_texts() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, "CREATE TABLE \"Till (1)\" (\"a.b\"\"C\" text)");
    phases::carry(&ODD, &mut client, Phase::Switch);
    run(
        &mut client,
        "CREATE FUNCTION innocent() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM \"axb\"\"C\" FROM \"Till 1\"; END'",
    );
    assert!(keys(&contract_of(ODD.contract, &mut client, Duration::from_secs(1000))).is_empty());
    run(
        &mut client,
        "CREATE FUNCTION guilty() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM \"a.b\"\"C\" FROM \"Till (1)\"; END'",
    );
    let report = contract_of(ODD.contract, &mut client, Duration::ZERO);
    assert_eq!(keys(&report), ["function:public.guilty()"], "{report}");
}
