//! The ordinary user that the server runs as when this process is root.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::ScratchError;

/// A user of the system's password database.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) name: &'static str,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The user to run the server as; `None` where this process is not root and so stays itself.
    pub(super) fn to_drop_to() -> Result<Option<Account>, ScratchError> {
        if id("-u", None) != Some(0) {
            return Ok(None);
        }
        ["postgres", "nobody"].into_iter().find_map(Account::named).map(Some).ok_or(ScratchError::NoAccount)
    }

    fn named(name: &'static str) -> Option<Account> {
        let uid = id("-u", Some(name)).filter(|uid| *uid != 0)?;
        let gid = id("-g", Some(name))?;
        Some(Account { name, uid, gid })
    }

    /// Whether the permission bits let this user enter (a folder) or execute (a file).
    fn may_execute(&self, metadata: &Metadata) -> bool {
        let bit = if metadata.uid() == self.uid {
            0o100
        } else if metadata.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        metadata.mode() & bit != 0
    }

    /// The outermost part of `path` that this user may not enter.
    pub(super) fn first_closed<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        let mut parts: Vec<_> = path.ancestors().collect();
        parts.reverse();
        parts.into_iter().find(|part| part.metadata().is_ok_and(|data| !self.may_execute(&data)))
    }

    /// Whether this user, and any other, may make and remove folders of its own in `dir`.
    pub(super) fn may_fill(&self, dir: &Path) -> bool {
        let writable = dir.metadata().is_ok_and(|data| data.mode() & 0o002 != 0);
        writable && self.first_closed(dir).is_none()
    }
}

/// A command that runs as `account`, free of the settings of this process's own PostgreSQL clients.
pub(super) fn command(program: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    // Messages are matched and shown, and initdb is faster when it need not guess the time zone.
    command.env("LC_ALL", "C").env("TZ", "UTC");
    if let Some(account) = account {
        // With the user, std drops root's supplementary groups as well.
        command.uid(account.uid).gid(account.gid);
    }
    command
}

fn id(which: &str, user: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(which).args(user).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
