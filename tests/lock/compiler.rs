//! What the compiler says of plans that are not as they were locked.
//!
//! Each folder of `tests/lock/cases` is a package of one generated workspace. What is said of it must be what its
//! `.stderr` says; without one nothing may be said. `TRYBUILD=overwrite` writes them anew, as for `tests/ui`.

use std::fs;
use std::path::Path;

use crate::workspace::Workspace;

fn cases() -> Vec<String> {
    let folders = fs::read_dir("tests/lock/cases").expect("the cases").map(|entry| entry.expect("an entry"));
    let mut names: Vec<String> = folders
        .filter(|entry| entry.path().join("main.rs").exists())
        .map(|entry| entry.file_name().into_string().expect("a name in UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_released_stays_as_it_is() {
    let cases = cases();
    let workspace = Workspace::new("cases");
    for case in &cases {
        let folder = Path::new("tests/lock/cases").join(case);
        workspace.package(case, "", &[("main.rs", &fs::read_to_string(folder.join("main.rs")).expect("the source"))]);
        fs::copy(folder.join("migrate.lock"), workspace.path(case).join("migrate.lock")).expect("a copy");
    }
    let said = workspace.check();
    let overwrite = std::env::var("TRYBUILD").is_ok_and(|value| value == "overwrite");
    let mut wrong = Vec::new();
    for case in &cases {
        let actual = said.get(case).map_or("", String::as_str);
        let file = format!("tests/lock/cases/{case}.stderr");
        if overwrite && !actual.is_empty() {
            fs::write(&file, actual).expect("the message is written");
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if actual != expected {
            wrong.push(format!("--- {case}: expected\n{expected}\n--- {case}: said\n{actual}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 20, "the cases are there");
}

/// Cargo knows that the crate depends on the file: no source is touched here.
#[test]
fn a_changed_lock_file_is_seen_by_the_next_build() {
    let workspace = Workspace::new("rebuild");
    let source = fs::read_to_string("tests/lock/cases/next_stage/main.rs").expect("the source");
    workspace.package("rebuild", "", &[("main.rs", &source)]);
    let lock = |stage: &str, old: &str| {
        format!(
            "version 1\nplan orders_total_cents\nin rebuild\nstage {stage}\n  table \"public\".\"orders\"\n  \
             {old} not null => total_cents bigint not null\n  up pg_catalog.\"round\"(\"total\" * 100)::bigint\n  \
             down \"total_cents\" / 100.0\n"
        )
    };
    let file = workspace.path("rebuild").join("migrate.lock");
    fs::write(&file, lock("dual_write", "total numeric(12,2)")).expect("a lock file");
    assert_eq!(workspace.check().get("rebuild"), None);
    fs::write(&file, lock("dual_write", "total numeric(10,2)")).expect("a lock file");
    let said = workspace.check();
    let said = said.get("rebuild").expect("the plan is not the locked one");
    assert!(said.contains("the plan `orders_total_cents` is released and was edited"), "{said}");
    fs::remove_file(&file).expect("no lock file");
    assert_eq!(workspace.check().get("rebuild"), None, "an absent file is no check");
}

#[test]
fn a_column_that_another_crate_retired_says_so() {
    let workspace = Workspace::new("crates");
    let plan = |stage: &str| {
        format!(
            "migrate::plan! {{\n    pub mod orders_label;\n\n    stage {stage};\n\n    table orders {{\n        \
             total: text => label: text;\n    }}\n}}\n"
        )
    };
    let uses = |krate: &str| {
        format!(
            "#![deny(deprecated)]\n\nfn main() {{\n    println!(\"{{}}\", {krate}::orders_label::orders::old::total);\n}}\n"
        )
    };
    for stage in ["switch", "contract"] {
        let (plans, app) = (format!("plans_{stage}"), format!("app_{stage}"));
        workspace.package(&plans, "", &[("lib.rs", &plan(stage))]);
        workspace.package(&app, &format!("{plans} = {{ path = \"../{plans}\" }}"), &[("main.rs", &uses(&plans))]);
    }
    let said = workspace.check();
    let switch = said.get("app_switch").expect("the old column is deprecated");
    assert!(switch.contains("plan `orders_label` is at stage `switch`: use `new::label`"), "{switch}");
    let contract = said.get("app_contract").expect("the old column is gone");
    assert!(contract.contains("cannot find value `total` in module"), "{contract}");
    assert!(contract.contains("`plan orders_label has retired it: use new::label`"), "{contract}");
    assert!(contract.contains("stage contract;") && contract.contains("total: text => label: text;"), "{contract}");
}
