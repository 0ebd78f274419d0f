//! The operator's commands, as the program of a team has them: real processes against a scratch server, or the one that
//! `DATABASE_URL` names.

mod addresses;
mod failed;
mod gates;
mod holds;
mod jobs;
mod program;
mod refusals;
mod reverts;
mod runs;
#[path = "../lock/workspace.rs"]
#[allow(dead_code, reason = "the tests of the lock file use the rest of it")]
mod workspace;
