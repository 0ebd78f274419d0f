//! The temporary folder that holds a scratch server.

use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use super::error::ScratchError;
use super::process;

/// The shortest limit on the path of a Unix socket among the platforms: macOS, with its final zero.
const SOCKET_PATH_LIMIT: usize = 104;
/// With the longest port.
const SOCKET_NAME: &str = ".s.PGSQL.65535";

/// A folder that only the server's user can enter, removed with the value.
#[derive(Debug)]
pub(super) struct ScratchFolder {
    path: PathBuf,
}

impl ScratchFolder {
    /// Makes one in the system's temporary folder, or in /tmp where that one is too deep for a
    /// socket's path or closed to the server's user.
    pub(super) fn create(account: Option<&Account>) -> Result<ScratchFolder, ScratchError> {
        let name = format!("migrate-pg-{:012x}", random() >> 16);
        let parent = [std::env::temp_dir(), PathBuf::from("/tmp")]
            .into_iter()
            .filter_map(|dir| dir.canonicalize().ok())
            .find(|dir| fits_socket(&dir.join(&name)) && account.is_none_or(|a| a.may_fill(dir)))
            .unwrap_or_else(std::env::temp_dir);
        let path = parent.join(name);

        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| file_error("make", &path, source))?;
        let folder = ScratchFolder { path };
        if let Some(account) = account {
            folder.give_to(account)?;
        }
        Ok(folder)
    }

    fn give_to(&self, account: &Account) -> Result<(), ScratchError> {
        chown(&self.path, Some(account.uid), Some(account.gid))
            .map_err(|source| file_error("change the owner of", &self.path, source))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // The orphans of a killed server may add files for a moment longer.
        process::holds_within(Duration::from_secs(5), || {
            let _ = fs::remove_dir_all(&self.path);
            !self.path.exists()
        });
    }
}

pub(super) fn file_error(action: &'static str, path: &Path, source: std::io::Error) -> ScratchError {
    let path = path.to_owned();
    ScratchError::File { action, path, source }
}

/// 64 bits that no other value in any process has, for names.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn fits_socket(folder: &Path) -> bool {
    folder.join(SOCKET_NAME).as_os_str().len() < SOCKET_PATH_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_goes_with_its_value() {
        use std::os::unix::fs::PermissionsExt;
        let folder = ScratchFolder::create(None).unwrap();
        let path = folder.path().to_owned();
        fs::create_dir_all(path.join("data/base")).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_deep_folder_is_too_long_for_a_socket() {
        assert!(fits_socket(Path::new("/tmp/migrate-pg-0123456789ab")));
        let deep = format!("/var/{}/migrate-pg-0123456789ab", "deep/".repeat(16));
        assert!(!fits_socket(Path::new(&deep)));
    }
}
