//! A server of our own: its folder, its process and its guardian.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::account::{Account, command};
use super::binaries::{self, Binaries};
use super::error::ScratchError;
use super::folder::{ScratchFolder, file_error};
use super::guardian::Guardian;
use super::{address, base_backup, initdb, process};

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const LOG_TAIL: usize = 20;

/// Stopped, then removed, with the value.
#[derive(Debug)]
pub(super) struct Cluster {
    binaries: Binaries,
    account: Option<Account>,
    port: u16,
    postmaster: Option<Child>,
    // Before the guardian: where all went well, that one finds nothing left to do.
    folder: ScratchFolder,
    guardian: Guardian,
}

impl Cluster {
    /// Makes and starts a server with these settings on top of the usual ones, and at this port.
    pub(super) fn start(settings: &[(String, String)], port: u16) -> Result<Cluster, ScratchError> {
        let account = Account::to_drop_to()?;
        let binaries = binaries::locate(account.as_ref())?;
        let folder = ScratchFolder::create(account.as_ref())?;
        let guardian = Guardian::over(&folder, account.as_ref())?;
        initdb::initdb(&binaries, account.as_ref(), &folder)?;
        initdb::configure(&folder, settings)?;

        let mut cluster = Cluster { binaries, account, port, postmaster: None, folder, guardian };
        cluster.launch()?;
        Ok(cluster)
    }

    /// Makes and starts a hot standby of this server, which streams from it under `name` and keeps its
    /// settings but for these.
    pub(super) fn standby(&self, name: &str, settings: &[(String, String)]) -> Result<Cluster, ScratchError> {
        let account = self.account.clone();
        let folder = ScratchFolder::create(account.as_ref())?;
        let guardian = Guardian::over(&folder, account.as_ref())?;
        base_backup::take((&self.folder, self.port), account.as_ref(), name, &folder)?;
        // The primary's own port of the loopback, if it has one, is taken.
        initdb::add(&folder, &[("listen_addresses".to_owned(), String::new())])?;
        initdb::add(&folder, settings)?;

        let binaries = self.binaries.clone();
        let port = address::PORT;
        let mut cluster = Cluster { binaries, account, port, postmaster: None, folder, guardian };
        cluster.launch()?;
        Ok(cluster)
    }

    /// The address of its database `postgres`, for its superuser.
    pub(super) fn url(&self) -> String {
        address::of_socket_folder(self.folder.path(), self.port)
    }

    /// The postmaster's process id while it runs.
    pub(super) fn process_id(&mut self) -> Option<u32> {
        let postmaster = self.postmaster.as_mut()?;
        matches!(postmaster.try_wait(), Ok(None)).then(|| postmaster.id())
    }

    /// Stops the server without a checkpoint, so that the next start has to recover.
    pub(super) fn stop_immediate(&mut self) -> Result<(), ScratchError> {
        self.stop_with(&["QUIT"])
    }

    /// Stops the server in an orderly way, if it runs, and starts it again.
    pub(super) fn restart(&mut self) -> Result<(), ScratchError> {
        self.stop_fast()?;
        self.launch()
    }

    fn stop_fast(&mut self) -> Result<(), ScratchError> {
        self.stop_with(&["INT", "QUIT"])
    }

    /// Sends one signal after the other, each with some time to work, and SIGKILL in the end.
    fn stop_with(&mut self, signals: &[&str]) -> Result<(), ScratchError> {
        let Some(mut postmaster) = self.postmaster.take() else {
            return Ok(());
        };
        if process::ends_within(&mut postmaster, Duration::ZERO) {
            return Ok(());
        }
        for name in signals {
            let sent = process::signal(&postmaster, name);
            if sent && process::ends_within(&mut postmaster, STOP_LIMIT) {
                return Ok(());
            }
        }
        let program = self.binaries.postgres().display().to_string();
        postmaster
            .kill()
            .and_then(|()| postmaster.wait())
            .map(drop)
            .map_err(|source| ScratchError::Run { program, source })
    }

    fn launch(&mut self) -> Result<(), ScratchError> {
        let path = self.folder.log();
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(|source| file_error("open", &path, source))?;
        let errors = log.try_clone().map_err(|source| file_error("open", &path, source))?;

        let postmaster = process::spawn(
            command(&self.binaries.postgres(), self.account.as_ref())
                .arg("-D")
                .arg(self.folder.data())
                .arg("-k")
                .arg(self.folder.path())
                .args(["-p", &self.port.to_string()])
                .stdin(Stdio::null())
                .stdout(log)
                .stderr(errors)
                .current_dir(self.folder.path())
                // Ctrl-C in a terminal is for this process; the guardian sees to the server.
                .process_group(0),
        )?;
        self.guardian.watch(self.postmaster.insert(postmaster))?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<(), ScratchError> {
        let url = self.url();
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(reason) = self.early_end() {
                return Err(self.start_error(reason));
            }
            match address::connect(&url) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= deadline => {
                    let reason = format!("{error}, after {} s", START_LIMIT.as_secs());
                    return Err(self.start_error(reason));
                }
                Err(_) => thread::sleep(process::POLL),
            }
        }
    }

    fn early_end(&mut self) -> Option<String> {
        match self.postmaster.as_mut()?.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("it ended with {status}")),
            Err(error) => Some(format!("it cannot be waited for: {error}")),
        }
    }

    pub(super) fn start_error(&self, reason: String) -> ScratchError {
        ScratchError::Start { reason, log: tail(&self.folder.log()) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What cannot be stopped from here is the guardian's.
        let _ = self.stop_fast();
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
}
