//! The lock file, as a user meets it: packages with a `migrate.lock` beside their `Cargo.toml`, and the command that
//! writes it.

mod command;
mod compiler;
mod workspace;
