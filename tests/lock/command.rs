//! The command line, in this process and as a program that a user would build.

use std::fs;
use std::path::{Path, PathBuf};

use migrate::Migrations;
use migrate::cli::{self, Answer, Error, Refusal};

use crate::workspace::Workspace;

macro_rules! builds {
    ($($module:ident at $stage:ident)*) => {$(
        mod $module {
            migrate::plan! { pub mod orders_total_cents; stage $stage; table orders {
                total: numeric(12, 2) not null => total_cents: bigint not null {
                    up round(total * 100)::bigint;
                    down total_cents / 100.0;
                }
            } }
            migrate::plan! { pub mod nick_is_name; stage $stage; table users { nick: text => name: text; } }
        }
    )*};
}

builds! { dual_write at dual_write  switch at switch  contract at contract }

static FIRST: Migrations = migrate::migrations![dual_write::orders_total_cents, dual_write::nick_is_name];
static SECOND: Migrations = migrate::migrations![switch::orders_total_cents, dual_write::nick_is_name];
static THIRD: Migrations = migrate::migrations![contract::orders_total_cents, dual_write::nick_is_name];
static FOURTH: Migrations = migrate::migrations![switch::nick_is_name];

mod users {
    pub(crate) static ELSEWHERE: migrate::Migrations = migrate::migrations![super::dual_write::nick_is_name];
}

/// A lock file in a folder of its own, which goes away at the end.
struct File(PathBuf);

impl File {
    fn new(test: &str) -> File {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{test}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        File(folder.join("migrate.lock"))
    }

    fn run(&self, migrations: &'static Migrations, more: &[&str]) -> Result<(Answer, String), Error> {
        let mut out = Vec::new();
        let arguments = [&["shop", "lock", "--file", self.0.to_str().expect("a path")], more].concat();
        let answer = cli::run(migrations, arguments, &mut out)?;
        let out = String::from_utf8(out).expect("text").replace(self.0.to_str().expect("a path"), "FILE");
        Ok((answer, out))
    }

    fn refusals(&self, migrations: &'static Migrations) -> Vec<String> {
        let before = self.text();
        let error = self.run(migrations, &[]).expect_err("this is refused");
        assert_eq!(self.text(), before, "nothing was written");
        match error {
            Error::Refused(refusals) => refusals.iter().map(Refusal::to_string).collect(),
            other => panic!("{other}"),
        }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let folder = self.0.parent().expect("a folder");
        let left: Vec<_> =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        if !std::thread::panicking() {
            assert!(left.iter().all(|path| *path == self.0), "no temporary file is left: {left:?}");
        }
        let _ = fs::remove_dir_all(folder);
    }
}

#[test]
fn a_release_after_the_other_is_locked() {
    let file = File::new("releases");
    let (answer, said) = file.run(&FIRST, &[]).expect("the first release");
    assert_eq!(answer, Answer::Yes);
    assert_eq!(said, "nick_is_name: new, at dual_write\norders_total_cents: new, at dual_write\nFILE is written\n");
    let first = file.text();
    assert!(
        first.contains("plan orders_total_cents\nin lock::command\nstage dual_write\n  table \"public\".\"orders\"\n"),
        "{first}"
    );

    let (_, said) = file.run(&FIRST, &[]).expect("again");
    assert!(said.ends_with("FILE was up to date\n"), "{said}");
    assert_eq!(file.text(), first);

    let (_, said) = file.run(&SECOND, &[]).expect("the second release");
    assert!(said.contains("orders_total_cents: from dual_write to switch\n"), "{said}");
    let (_, said) = file.run(&FIRST, &[]).expect("a release that is taken back");
    assert!(said.contains("orders_total_cents: back from switch to dual_write\n"), "{said}");
    assert_eq!(file.text(), first);

    let _ = file.run(&SECOND, &[]).expect("the second release again");
    let _ = file.run(&THIRD, &[]).expect("the third release");
    let (_, said) = file.run(&FOURTH, &[]).expect("the finished plan is left out");
    assert!(said.contains("orders_total_cents: at contract, as before\n"), "it is kept: {said}");
}

#[test]
fn a_team_may_begin_at_any_stage() {
    let file = File::new("adoption");
    let (_, said) = file.run(&THIRD, &[]).expect("nothing was locked before");
    assert!(said.contains("orders_total_cents: new, at contract\n"), "{said}");
}

#[test]
fn what_the_compiler_refuses_is_refused() {
    let file = File::new("refusals");
    let _ = file.run(&FIRST, &[]).expect("the first release");
    assert_eq!(file.refusals(&THIRD), ["the plan `orders_total_cents` skips the stage `switch`"]);
    assert_eq!(file.refusals(&FOURTH), ["the plan `orders_total_cents` is not finished and was removed"]);

    let locked = file.text();
    fs::write(&file.0, locked.replace("numeric(12,2)", "numeric(10,2)")).expect("an edit");
    assert_eq!(file.refusals(&FIRST), ["the plan `orders_total_cents` is released and was edited"]);
    fs::write(&file.0, locked.replace("plan nick_is_name", "plan nick")).expect("a rename");
    assert_eq!(file.refusals(&FIRST), ["the plan `nick` is released and was renamed to `nick_is_name`"]);
    let start = locked.find("plan orders").expect("a plan");
    fs::write(&file.0, &locked[..start]).expect("a lock without the plan");
    assert_eq!(file.refusals(&SECOND), ["the plan `orders_total_cents` is new and starts at stage `switch`"]);
}

#[test]
fn a_damaged_file_is_left_alone() {
    let file = File::new("damage");
    let _ = file.run(&FIRST, &[]).expect("the first release");
    let damaged = file.text().replace("stage dual_write", "stage dual_wield");
    fs::write(&file.0, &damaged).expect("damage");
    let error = file.run(&FIRST, &[]).expect_err("this is no lock file").to_string();
    assert!(error.contains("line 7: there is no such stage: `stage dual_wield`"), "{error}");
    assert_eq!(file.text(), damaged);
}

#[test]
fn a_check_writes_nothing_and_shows_the_difference() {
    let file = File::new("check");
    let (answer, said) = file.run(&FIRST, &["--check"]).expect("a check");
    assert_eq!(answer, Answer::No);
    assert!(said.starts_with("+plan nick_is_name\n+in lock::command\n+stage dual_write\n+  table"), "{said}");
    assert!(!file.0.exists());
    let _ = file.run(&FIRST, &[]).expect("the first release");
    assert_eq!(file.run(&FIRST, &["--check"]).expect("a check"), (Answer::Yes, "FILE is up to date\n".to_owned()));
    let (answer, said) = file.run(&SECOND, &["--check"]).expect("a check");
    assert_eq!(answer, Answer::No);
    let diff = " plan orders_total_cents\n-stage dual_write\n+stage switch\n";
    assert_eq!(said, format!("{diff}FILE is not up to date: run `lock`, and commit the file\n"));
    // Line ends, spaces and comments mean nothing.
    fs::write(&file.0, format!("# ours\r\n{}", file.text().replace('\n', " \r\n"))).expect("another editor");
    assert_eq!(file.run(&FIRST, &["--check"]).expect("a check").0, Answer::Yes);
}

#[test]
fn two_sets_share_a_file() {
    let file = File::new("sets");
    let _ = file.run(&FIRST, &[]).expect("the first set");
    let one = file.text();
    let text = one.replace("in lock::command", "in another_crate");
    fs::write(&file.0, &text).expect("the set of another crate");
    let (_, said) = file.run(&users::ELSEWHERE, &[]).expect("a second set");
    assert!(said.contains("nick_is_name: new, at dual_write\n"), "{said}");
    let both = file.text();
    let plans: Vec<&str> = both.lines().filter(|line| line.starts_with("plan ") || line.starts_with("in ")).collect();
    assert_eq!(
        plans,
        [
            "plan nick_is_name",
            "in another_crate",
            "plan nick_is_name",
            "in lock::command::users",
            "plan orders_total_cents",
            "in another_crate",
        ]
    );
}

#[test]
fn a_script_gets_one_object() {
    let file = File::new("json");
    let (_, said) = file.run(&FIRST, &["--json"]).expect("the first release");
    let answer: serde_json::Value = serde_json::from_str(&said).expect("one object");
    assert_eq!(answer["written"], true);
    assert_eq!(answer["plans"][1]["plan"], "orders_total_cents");
    assert_eq!(answer["plans"][1]["before"], serde_json::Value::Null);
    assert_eq!(answer["plans"][1]["stage"], "dual_write");
}

/// The package of a team: its program, its lock file beside `Cargo.toml`, and three releases.
#[test]
fn a_program_locks_its_releases() {
    let workspace = Workspace::new("program");
    let release = |stage: &str| {
        let source = format!(
            "migrate::plan! {{\n    pub mod orders_label;\n\n    stage {stage};\n\n    table orders {{\n        \
             total: text => label: text;\n    }}\n}}\n\nstatic MIGRATIONS: migrate::Migrations = \
             migrate::migrations![orders_label];\n\nfn main() -> std::process::ExitCode {{\n    \
             migrate::cli::main(&MIGRATIONS)\n}}\n"
        );
        workspace.package("shop", "", &[("main.rs", &source)]);
    };
    let shop = |arguments: &[&str]| {
        let output = workspace.cargo(&[&["run", "--quiet", "--package", "shop", "--"], arguments].concat());
        let text =
            |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(workspace.path("shop").to_str().expect("a path"), "");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    release("dual_write");
    let (code, said, _) = shop(&["lock", "--check"]);
    assert_eq!(code, Some(1), "{said}");
    let (code, said, _) = shop(&["lock"]);
    assert_eq!((code, said.as_str()), (Some(0), "orders_label: new, at dual_write\n/migrate.lock is written\n"));
    assert_eq!(shop(&["lock", "--check"]).0, Some(0));

    release("contract");
    let (code, _, said) = shop(&["lock"]);
    assert_eq!(code, Some(101), "it does not compile");
    assert!(said.contains("the plan `orders_label` skips the stage `switch`"), "{said}");

    release("switch");
    let (code, said, _) = shop(&["lock", "--check"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with(" plan orders_label\n-stage dual_write\n+stage switch\n"), "{said}");
    assert_eq!(shop(&["lock"]).0, Some(0));

    let other = workspace.path("shop").join("other.lock");
    let locked = fs::read_to_string(workspace.path("shop").join("migrate.lock")).expect("the lock file");
    fs::write(&other, locked.replace("text => label", "integer => label")).expect("another lock file");
    let (code, _, said) = shop(&["lock", "--file", other.to_str().expect("a path")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.starts_with("error: the plan `orders_label` is released and was edited\nnote: the lock file has"),
        "{said}"
    );
    let (code, said, _) = shop(&["lock", "--json", "--file", other.to_str().expect("a path")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("{\"refused\":[{"), "{said}");

    assert_eq!(shop(&["lcok"]).0, Some(2), "a usage error");
    let (code, said, _) = shop(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("lock") && said.contains("Writes the lock file"), "{said}");
}
