//! Servers of our own, and what is in them.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use migrate::testing::ScratchServer;

migrate::plan! {
    pub mod orders_number;
    stage dual_write;
    table orders (id: bigint) {
        label: text => number: integer { up label::integer; down number::text; lossy "as written"; }
    }
}

pub(crate) static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_number];

/// A server that nobody else uses, with TCP; nothing where `DATABASE_URL` names one that is not ours.
pub(crate) fn own_server() -> Option<ScratchServer> {
    let server = ScratchServer::builder().loopback().start().expect("a PostgreSQL server");
    if server.process_id().is_none() {
        eprintln!("skipped: the server that DATABASE_URL names is not ours to configure");
        return None;
    }
    Some(server)
}

/// The folder of a server of ours, which holds its socket.
pub(crate) fn folder(server: &ScratchServer) -> PathBuf {
    let row = server.connect().expect("a connection").query_one("SHOW unix_socket_directories", &[]);
    PathBuf::from(row.expect("a setting").get::<_, String>(0))
}

/// Writes a file that only the server's user and root can read.
pub(crate) fn write_for_server(server: &ScratchServer, file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let owner = folder(server).metadata().expect("a folder");
    fs::write(file, text).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("permissions");
    if owner.uid() != file.metadata().expect("a file").uid() {
        chown(file, Some(owner.uid()), Some(owner.gid())).expect("an owner");
    }
}
