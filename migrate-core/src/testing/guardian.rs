//! The process that cleans up when this one could not: after SIGINT, SIGKILL, `abort` or `exit`.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use super::account::{Account, command};
use super::error::ScratchError;
use super::folder::ScratchFolder;
use super::process;

/// Reads the server's process id, once for every start, until the pipe's only writer is gone. Then
/// it stops the server and removes the folder, which also ends a server too young to have written
/// its `postmaster.pid`. That file, and not the number alone, says that the process is still the
/// server.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
folder=$1
pid=
while read -r line; do pid=$line; done

runs() {
    [ -n "$pid" ] && read -r held <"$folder/data/postmaster.pid" && [ "$held" = "$pid" ] &&
        kill -s 0 "$pid"
}
nap() { sleep 0.1 || sleep 1; }

for signal in INT QUIT KILL; do
    runs || break
    kill -s "$signal" "$pid"
    naps=0
    while runs && [ "$naps" -lt 50 ]; do nap; naps=$((naps + 1)); done
done
naps=0
until rm -rf "$folder" && [ ! -e "$folder" ] || [ "$naps" -ge 50 ]; do nap; naps=$((naps + 1)); done
"#;

/// A shell that holds the reading end of a pipe from this process. In a process group of its own,
/// so that Ctrl-C in a terminal does not reach it; as the server's user, so that it can harm no
/// other.
#[derive(Debug)]
pub(super) struct Guardian {
    shell: Child,
}

impl Guardian {
    /// Sets one over `folder`, before there is anything in it to clean up.
    pub(super) fn over(folder: &ScratchFolder, account: Option<&Account>) -> Result<Guardian, ScratchError> {
        // The standard library opens the pipe close-on-exec: no other child keeps it open.
        let shell = process::spawn(
            command(Path::new("/bin/sh"), account)
                .args(["-c", SCRIPT, "migrate-guardian"])
                .arg(folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .current_dir("/")
                .process_group(0),
        )?;
        Ok(Guardian { shell })
    }

    /// Tells it which process to stop.
    pub(super) fn watch(&mut self, server: &Child) -> Result<(), ScratchError> {
        let Some(pipe) = &mut self.shell.stdin else {
            return Ok(());
        };
        writeln!(pipe, "{}", server.id()).map_err(|source| {
            let program = "the guardian of the scratch server".to_owned();
            ScratchError::Run { program, source }
        })
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
