//! Three builds of one program, and a database for each test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use migrate::testing::{ScratchDatabase, ScratchServer};
use postgres::Client;
use serde_json::Value;

use crate::workspace::Workspace;

/// The builds, from the first release to the last.
const STAGES: [&str; 3] = ["dual_write", "switch", "contract"];

/// What a process said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Said {
    /// The object of a script.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The program of a team at one stage, with its database.
pub(crate) struct Program {
    pub(crate) database: ScratchDatabase,
}

impl Program {
    /// A database with a table of three orders.
    pub(crate) fn new() -> Program {
        let server = ScratchServer::shared().expect("a PostgreSQL server");
        let program = Program { database: server.database().expect("a fresh database") };
        program.sql("CREATE TABLE orders (id bigint PRIMARY KEY, label text)");
        program.sql("INSERT INTO orders VALUES (1, '1'), (2, '2'), (3, '3')");
        program
    }

    pub(crate) fn client(&self) -> Client {
        self.database.connect().expect("a connection")
    }

    pub(crate) fn sql(&self, sql: &str) {
        self.client().batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Runs the build at `stage`, with the database in the environment.
    pub(crate) fn at(&self, stage: &str, arguments: &[&str]) -> Said {
        run(stage, Some(self.database.url()), arguments)
    }

    /// Runs the first build.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.at("dual_write", arguments)
    }

    /// Runs the first build, for a script, which must end well.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.code, 0, "{said:?}");
        said.json()
    }
}

/// Runs the build at `stage`, with this database in the environment.
pub(crate) fn run(stage: &str, url: Option<&str>, arguments: &[&str]) -> Said {
    let mut command = Command::new(binary(stage));
    command.args(arguments).env_remove("DATABASE_URL").env("USER", "anna");
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let output = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Said { code: output.status.code().expect("an end"), out: text(output.stdout), error: text(output.stderr) }
}

fn binary(stage: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).join(format!("shop_{stage}"))
}

/// Builds all three, and answers the folder that they are in.
fn build() -> PathBuf {
    let workspace = Workspace::new("operator");
    for stage in STAGES {
        let source = format!(
            "migrate::plan! {{\n    pub mod orders_number;\n    stage {stage};\n    table orders {{\n        \
             label: text => number: integer {{ up label::integer; down number::text; lossy \"as written\"; }}\n    \
             }}\n}}\n\nstatic MIGRATIONS: migrate::Migrations = migrate::migrations![orders_number];\n\n\
             fn main() -> std::process::ExitCode {{\n    migrate::cli::main(&MIGRATIONS)\n}}\n"
        );
        workspace.package(&format!("shop_{stage}"), "", &[("main.rs", &source)]);
    }
    let output = workspace.cargo(&["build", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("lock-target").join("debug")
}
