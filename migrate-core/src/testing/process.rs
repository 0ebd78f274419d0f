//! Running, signalling and waiting for other programs.

use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::error::ScratchError;

/// Between two looks at a condition.
pub(super) const POLL: Duration = Duration::from_millis(10);

/// Runs `command` to its end.
pub(super) fn output(command: &mut Command) -> Result<Output, ScratchError> {
    command.output().map_err(|source| run_error(command, source))
}

/// Standard output and standard error, one after the other.
pub(super) fn printed(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Starts `command`.
pub(super) fn spawn(command: &mut Command) -> Result<Child, ScratchError> {
    command.spawn().map_err(|source| run_error(command, source))
}

fn run_error(command: &Command, source: io::Error) -> ScratchError {
    let program = command.get_program().to_string_lossy().into_owned();
    ScratchError::Run { program, source }
}

/// Sends `signal` (a name without SIG) to `child`, which has not been waited for and so still has
/// its process id; whether that worked. std itself can only send SIGKILL.
pub(super) fn signal(child: &Child, signal: &str) -> bool {
    let script = r#"kill -s "$1" "$2""#;
    let pid = child.id().to_string();
    let sent = Command::new("/bin/sh").args(["-c", script, "kill", signal, &pid]).output();
    sent.is_ok_and(|output| output.status.success())
}

/// Whether `child` ends within `limit`.
pub(super) fn ends_within(child: &mut Child, limit: Duration) -> bool {
    holds_within(limit, || !matches!(child.try_wait(), Ok(None)))
}

/// Whether `condition` comes to hold within `limit`.
pub(super) fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
}
