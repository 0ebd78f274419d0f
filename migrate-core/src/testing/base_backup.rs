//! The data folder of a standby: a copy of a running server.

use std::path::Path;

use super::account::{Account, command};
use super::binaries::Binaries;
use super::error::ScratchError;
use super::folder::ScratchFolder;
use super::{address, process};

/// Copies the server behind the socket in `primary` into `folder`, set up to stream from it. A
/// replication slot of this name keeps what the copy still needs, however long it is stopped.
pub(super) fn take(
    binaries: &Binaries,
    account: Option<&Account>,
    (primary, port): (&Path, u16),
    name: &str,
    folder: &ScratchFolder,
) -> Result<(), ScratchError> {
    // The name of the application is what `synchronous_standby_names` and `pg_stat_replication` know.
    let host = address::quoted(&primary.to_string_lossy());
    let source = format!("host={host} port={port} user=postgres application_name={name}");
    let output = process::output(
        command(&binaries.base_backup(), account)
            .args(["--dbname", &source, "--slot", name])
            .arg("--pgdata")
            .arg(folder.data())
            .args(["--create-slot", "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"])
            .args(["--no-sync", "--no-manifest"])
            .current_dir(folder.path()),
    )?;
    if output.status.success() {
        return Ok(());
    }
    Err(ScratchError::BaseBackup { output: process::printed(&output) })
}
