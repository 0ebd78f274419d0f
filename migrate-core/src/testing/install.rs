//! Installing PostgreSQL where that needs no question: as root on Debian and its relatives.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output};

use super::account::Account;
use super::error::ScratchError;
use super::folder::file_error;
use super::process;

/// Only root can write there, so nobody else can have put a link in its place.
const LOCK: &str = "/run/migrate-install-postgresql.lock";

/// Read by Debian's packages when they install a server.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";
const NO_CLUSTER: &str = "# Written before PostgreSQL was installed for scratch servers only.\n\
                          create_main_cluster = false\n";

/// Whether this process may and can install packages. An account to drop to means that it is root.
pub(super) fn is_possible(account: Option<&Account>) -> bool {
    account.is_some()
        && Path::new("/etc/debian_version").exists()
        && Command::new("apt-get").arg("--version").output().is_ok()
}

/// Held by the one process that installs; the others wait here and then find its work.
pub(super) fn lock() -> Result<File, ScratchError> {
    let path = Path::new(LOCK);
    let locked = File::create(path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| file_error("lock", path, source))
}

/// Installs Debian's current PostgreSQL, without the cluster and the service that come with it.
pub(super) fn install() -> Result<(), ScratchError> {
    eprintln!("migrate: there is no PostgreSQL here; installing it with apt-get");
    refuse_main_cluster()?;
    let update = apt_get(&["update"])?;
    let install = ["install", "--no-install-recommends", "postgresql"];
    let output = apt_get(&install)?;
    if output.status.success() {
        return Ok(());
    }
    // A failed update often explains it, and only matters here: one broken source among many fails
    // it.
    Err(ScratchError::Install {
        command: format!("apt-get {}", install.join(" ")),
        output: format!("{}\n{}", process::printed(&update), process::printed(&output)),
    })
}

fn apt_get(arguments: &[&str]) -> Result<Output, ScratchError> {
    process::output(
        Command::new("apt-get")
            .args(["--quiet", "--yes", "--option=DPkg::Lock::Timeout=300"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn refuse_main_cluster() -> Result<(), ScratchError> {
    let path = Path::new(CREATE_CLUSTER);
    match write_new(path, NO_CLUSTER) {
        // Somebody's own policy stays.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map_err(|source| file_error("write", path, source)),
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    File::create_new(path)?.write_all(text.as_bytes())
}
