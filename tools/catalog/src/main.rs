//! Writes the data files of `migrate-plan/src/expr/catalog` from the catalogs of real servers.
//!
//! Each argument is a folder with the programs of one version of PostgreSQL.

mod merge;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use migrate::testing::ScratchServer;

use crate::merge::Table;

/// The files, the query of each, and how many of its columns make an entry's identity.
const FILES: [(&str, &str, usize); 4] = [
    ("types", include_str!("types.sql"), 1),
    ("casts", include_str!("casts.sql"), 2),
    ("operators", include_str!("operators.sql"), 3),
    ("functions", include_str!("functions.sql"), 2),
];

/// What the process is called with when it reads one server.
const READ: &str = "--read";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => Err("name the folder with the programs of each PostgreSQL version to read".into()),
        [word] if word == READ => read(),
        folders => write(folders),
    }
}

/// Prints the rows of the server that `MIGRATE_PG_BIN` names, the file's name before each.
fn read() -> Result<(), Box<dyn Error>> {
    let server = ScratchServer::start()?;
    println!("{}", server.version_num() / 10_000);
    let mut client = server.connect()?;
    for (file, sql, _) in FILES {
        for row in client.query(sql, &[])? {
            println!("{file} {}", row.get::<_, String>(0));
        }
    }
    Ok(())
}

/// Reads each server in a process of its own, as a process has one environment.
fn write(folders: &[String]) -> Result<(), Box<dyn Error>> {
    let mut versions = Vec::new();
    for folder in folders {
        let output = Command::new(std::env::current_exe()?).arg(READ).env("MIGRATE_PG_BIN", folder).output()?;
        if !output.status.success() {
            return Err(format!("{folder}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let (version, rows) = text.split_once('\n').ok_or("no answer from the server")?;
        versions.push((version.parse::<u32>()?, rows.to_owned()));
    }
    versions.sort();
    for (file, _, key) in FILES {
        let mut table = Table::new(key);
        for (version, rows) in &versions {
            let prefix = format!("{file} ");
            table.add(*version, rows.lines().filter_map(|row| row.strip_prefix(&prefix)));
        }
        let path = target(file);
        std::fs::write(&path, table.text())?;
        println!("{} {} lines", path.display(), table.len());
    }
    Ok(())
}

fn target(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrate-plan/src/expr/catalog").join(format!("{file}.txt"))
}
