//! The data folder of a standby: a copy of a running server.
//!
//! Made with the functions of the server itself, since not every installation of a server has
//! `pg_basebackup`, and one of another version does not do.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;

use postgres::Client;

use super::account::Account;
use super::address;
use super::error::ScratchError;
use super::folder::{ScratchFolder, file_error};

/// What belongs to the running server alone. Of the folders among these only the contents are left out; the
/// write-ahead log comes by streaming.
const LEFT_OUT: [&str; 11] = [
    "postmaster.pid",
    "postmaster.opts",
    "pg_wal",
    "pg_replslot",
    "pg_stat_tmp",
    "pg_notify",
    "pg_serial",
    "pg_snapshots",
    "pg_subtrans",
    "pg_dynshmem",
    "pgsql_tmp",
];

/// Copies the server in `primary` into `folder`, set up to stream from it. A replication slot of this
/// name keeps what the copy still needs, however long it is stopped. Tablespaces are not copied.
pub(super) fn take(
    (primary, port): (&ScratchFolder, u16),
    account: Option<&Account>,
    name: &str,
    folder: &ScratchFolder,
) -> Result<(), ScratchError> {
    let mut client = address::connect(&address::of_socket_folder(primary.path(), port))?;
    // The session must stay until the end: a backup ends with it.
    let (start, stop) = backup_functions(&mut client)?;
    one(&mut client, &format!("SELECT pg_create_physical_replication_slot('{name}', true)::text"))?;
    one(&mut client, start)?;
    copy(&primary.data(), &folder.data(), account)?;
    let label = one(&mut client, stop)?;

    let host = address::quoted(&primary.path().to_string_lossy());
    // The name of the application is what `synchronous_standby_names` and `pg_stat_replication` know.
    let source = format!("host={host} port={port} user=postgres application_name={name}");
    let streaming = format!("primary_conninfo = '{}'\nprimary_slot_name = '{name}'\n", source.replace('\'', "''"));
    add(folder, account, "backup_label", &label)?;
    add(folder, account, "standby.signal", "")?;
    add(folder, account, "postgresql.auto.conf", &streaming)
}

/// How a backup begins and ends: PostgreSQL 15 gave the functions other names.
fn backup_functions(client: &mut Client) -> Result<(&'static str, &'static str), ScratchError> {
    let is_old = one(client, "SELECT (current_setting('server_version_num')::int < 150000)::text")?;
    Ok(match is_old.as_str() {
        "true" => (
            "SELECT pg_start_backup('standby', true, false)::text",
            "SELECT labelfile FROM pg_stop_backup(false, false)",
        ),
        _ => ("SELECT pg_backup_start('standby', true)::text", "SELECT labelfile FROM pg_backup_stop(false)"),
    })
}

fn one(client: &mut Client, statement: &str) -> Result<String, ScratchError> {
    let row = client.query_one(statement, &[]);
    let text = row.and_then(|row| row.try_get::<_, Option<String>>(0));
    text.map(Option::unwrap_or_default)
        .map_err(|source| ScratchError::Statement { statement: statement.to_owned(), source })
}

/// Copies a folder. What the server removes meanwhile, its log removes again in the copy.
fn copy(from: &Path, to: &Path, account: Option<&Account>) -> Result<(), ScratchError> {
    make(to, account)?;
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|source| file_error("read", from, source))?,
    };
    for entry in entries {
        let entry = entry.map_err(|source| file_error("read", from, source))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let is_left_out = LEFT_OUT.iter().any(|name| entry.file_name() == *name);
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match (is_folder, is_left_out) {
            (true, false) => copy(&path, &target, account)?,
            (true, true) => copy_empty(&path, &target, account)?,
            (false, true) => {}
            (false, false) => copy_file(&path, &target, account)?,
        }
    }
    Ok(())
}

/// Copies a folder without its files.
fn copy_empty(from: &Path, to: &Path, account: Option<&Account>) -> Result<(), ScratchError> {
    make(to, account)?;
    // What is below the folder of the write-ahead log the server does not always make by itself.
    let status = from.join("archive_status");
    if status.exists() { copy_empty(&status, &to.join("archive_status"), account) } else { Ok(()) }
}

fn make(folder: &Path, account: Option<&Account>) -> Result<(), ScratchError> {
    let made = DirBuilder::new().mode(0o700).create(folder).and_then(|()| give(folder, account));
    made.map_err(|source| file_error("make", folder, source))
}

fn copy_file(from: &Path, to: &Path, account: Option<&Account>) -> Result<(), ScratchError> {
    match fs::copy(from, to).and_then(|_| give(to, account)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome.map_err(|source| file_error("copy", from, source)),
    }
}

fn add(folder: &ScratchFolder, account: Option<&Account>, name: &str, text: &str) -> Result<(), ScratchError> {
    let path = folder.data().join(name);
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| give(&path, account))
        .map_err(|source| file_error("write to", &path, source))
}

fn give(path: &Path, account: Option<&Account>) -> io::Result<()> {
    account.map_or(Ok(()), |account| chown(path, Some(account.uid), Some(account.gid)))
}
