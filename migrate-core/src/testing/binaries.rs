//! Where `initdb` and `postgres` are.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io, path};

use super::account::{Account, command};
use super::error::ScratchError;
use super::{install, platform, process};

/// The oldest major version of PostgreSQL that this project supports.
const OLDEST: u32 = 14;

/// Where packages put each version into a folder of its own: the folder that holds these, what
/// their names start with, and where the programs are inside.
const VERSIONED: [(&str, &str, &str); 4] = [
    ("usr/lib/postgresql", "", "bin"),
    ("usr", "pgsql-", "bin"),
    ("opt/homebrew/opt", "postgresql@", "bin"),
    ("usr/local/opt", "postgresql@", "bin"),
];
const PLAIN: [&str; 2] = ["opt/homebrew/opt/postgresql/bin", "usr/local/opt/postgresql/bin"];

/// A folder with both programs.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }
}

/// Why a folder will not do.
enum Unfit {
    /// There is no server in it, as in most folders of `PATH`.
    Empty,
    Because(String),
}

/// Finds the programs for a server that runs as `account`; installs them where that is possible.
pub(super) fn locate(account: Option<&Account>) -> Result<Binaries, ScratchError> {
    if let Some(dir) = env::var_os("MIGRATE_PG_BIN").filter(|dir| !dir.is_empty()) {
        return named(PathBuf::from(dir), account);
    }
    search(account).or_else(|rejected| {
        if !install::is_possible(account) {
            return Err(not_found(rejected));
        }
        let _lock = install::lock()?;
        search(account).or_else(|_| {
            install::install()?;
            search(account).map_err(not_found)
        })
    })
}

fn named(dir: PathBuf, account: Option<&Account>) -> Result<Binaries, ScratchError> {
    // The programs run in other folders than this process.
    let dir = path::absolute(&dir).unwrap_or(dir);
    let reason = match fitness(&dir, account) {
        Ok(()) => return Ok(Binaries { dir }),
        Err(Unfit::Empty) => "it does not hold both `initdb` and `postgres`".to_owned(),
        Err(Unfit::Because(reason)) => reason,
    };
    Err(ScratchError::Unsuitable { dir, reason })
}

fn not_found(rejected: Vec<String>) -> ScratchError {
    let rejected = match &rejected[..] {
        [] => String::new(),
        some => format!(" ({})", some.join("; ")),
    };
    ScratchError::NotFound { oldest: OLDEST, rejected, advice: platform::advice() }
}

fn search(account: Option<&Account>) -> Result<Binaries, Vec<String>> {
    let path = env::var_os("PATH");
    let dirs = candidates(path.as_deref(), pg_config(), Path::new("/"));
    choose(dirs, |dir| fitness(dir, account))
}

/// The first folder that will do, or why none of those with a server does.
fn choose(dirs: Vec<PathBuf>, fitness: impl Fn(&Path) -> Result<(), Unfit>) -> Result<Binaries, Vec<String>> {
    let mut rejected = Vec::new();
    for dir in dirs {
        match fitness(&dir) {
            Ok(()) => return Ok(Binaries { dir }),
            Err(Unfit::Empty) => {}
            Err(Unfit::Because(reason)) => rejected.push(format!("{}: {reason}", dir.display())),
        }
    }
    Err(rejected)
}

/// The folders to look into, best first.
fn candidates(path: Option<&OsStr>, pg_config: Option<PathBuf>, root: &Path) -> Vec<PathBuf> {
    let path = path.into_iter().flat_map(env::split_paths).filter(|dir| dir.is_absolute());
    let versioned = VERSIONED.into_iter().flat_map(|(parent, prefix, bin)| {
        let dirs = newest_first(&root.join(parent), prefix);
        dirs.into_iter().map(move |dir| dir.join(bin))
    });
    let plain = PLAIN.into_iter().map(|dir| root.join(dir));
    path.chain(pg_config).chain(versioned).chain(plain).collect()
}

fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let numbers = name.strip_prefix(prefix)?.split('.').map(|n| n.parse().ok());
            Some((numbers.collect::<Option<_>>()?, entry.path()))
        })
        .collect();
    versions.sort_by_key(|(version, _)| Reverse(version.clone()));
    versions.into_iter().map(|(_, dir)| dir).collect()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let dir = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && dir.is_absolute()).then_some(dir)
}

/// Runs `postgres --version` as the user that will run the server.
fn fitness(dir: &Path, account: Option<&Account>) -> Result<(), Unfit> {
    let postgres = dir.join("postgres");
    if !postgres.is_file() || !dir.join("initdb").is_file() {
        return Err(Unfit::Empty);
    }
    let mut version = command(&postgres, account);
    let output = match version.arg("--version").current_dir("/").output() {
        Ok(output) => output,
        Err(error) => return Err(Unfit::Because(refusal(&postgres, account, &error))),
    };
    let printed = process::printed(&output);
    match major(&printed) {
        Some(major) if output.status.success() && major >= OLDEST => Ok(()),
        Some(major) if output.status.success() => {
            Err(Unfit::Because(format!("version {major} is older than {OLDEST}")))
        }
        _ => Err(Unfit::Because(format!("`postgres --version` says: {printed}"))),
    }
}

fn refusal(postgres: &Path, account: Option<&Account>, error: &io::Error) -> String {
    let real = postgres.canonicalize().unwrap_or_else(|_| postgres.to_owned());
    let closed = account.and_then(|account| {
        let dir = account.first_closed(postgres).or_else(|| account.first_closed(&real))?;
        Some(format!(
            "the user `{}`, whom the server runs as because you are root, may not enter {}",
            account.name,
            dir.display()
        ))
    });
    closed.unwrap_or_else(|| format!("`postgres` cannot be run: {error}"))
}

/// From `postgres (PostgreSQL) 18beta1 (Debian …)`.
fn major(version: &str) -> Option<u32> {
    let (_, number) = version.split_once("(PostgreSQL) ")?;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::folder::ScratchFolder;
    use super::*;

    #[test]
    fn path_comes_first_then_pg_config_then_the_newest_of_the_platforms_folders() {
        let folder = ScratchFolder::create(None).unwrap();
        let root = folder.path();
        for dir in [
            "usr/lib/postgresql/9.6",
            "usr/lib/postgresql/15",
            "usr/lib/postgresql/17",
            "usr/lib/postgresql/common",
            "usr/pgsql-16",
            "usr/local/opt/postgresql@14",
        ] {
            fs::create_dir_all(root.join(dir).join("bin")).unwrap();
        }
        let path = env::join_paths(["/a", "relative", "/b"]).unwrap();
        let found = candidates(Some(&path), Some(PathBuf::from("/c")), root);
        let expected = [
            PathBuf::from("/a"),
            PathBuf::from("/b"),
            PathBuf::from("/c"),
            root.join("usr/lib/postgresql/17/bin"),
            root.join("usr/lib/postgresql/15/bin"),
            root.join("usr/lib/postgresql/9.6/bin"),
            root.join("usr/pgsql-16/bin"),
            root.join("usr/local/opt/postgresql@14/bin"),
            root.join("opt/homebrew/opt/postgresql/bin"),
            root.join("usr/local/opt/postgresql/bin"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_fit_folder_is_chosen_and_a_refusal_names_the_unfit_ones() {
        let dirs: Vec<_> = ["/none", "/old", "/good"].into_iter().map(PathBuf::from).collect();
        let fitness = |dir: &Path| match dir.to_str() {
            Some("/good") => Ok(()),
            Some("/old") => Err(Unfit::Because("version 13 is older than 14".to_owned())),
            _ => Err(Unfit::Empty),
        };
        assert_eq!(choose(dirs.clone(), fitness).unwrap().dir, Path::new("/good"));

        let rejected = choose(dirs[..2].to_vec(), fitness).unwrap_err();
        let message = not_found(rejected).to_string();
        assert!(message.contains("(/old: version 13 is older than 14)"), "{message}");
    }

    #[test]
    fn the_major_version_is_read_from_any_build() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19devel"), Some(19));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(major("postgres: command not found"), None);
    }
}
