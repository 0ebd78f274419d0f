//! The lock file: what a team has released, plan by plan.
//!
//! `migrate.lock` stands beside the `Cargo.toml` of the crate that declares the plans and is committed with it. The
//! command `lock` writes it; the compiler holds every build against it. This module has its form and its rules, and
//! reads and writes no file.
//!
//! A plan is known by its name and by the module whose `migrations!` lists it, so that a program can have several sets
//! of plans. The order of the plans is no part of the file: it sorts them by name, which keeps merges small.

mod format;
mod rules;
#[cfg(test)]
mod tests;

pub use format::Damage;
pub use rules::{Edit, Refusal, edit, next, present_lines};

use crate::plan::{Plan, Stage};

/// The name of the file.
pub const FILE: &str = "migrate.lock";

/// The environment variable that names another place for it.
pub const VARIABLE: &str = "MIGRATE_LOCK";

/// The plans of a lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Sorted by name, then by module.
    pub plans: Vec<LockedPlan>,
}

/// A plan as it was locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPlan {
    /// Its name.
    pub name: String,
    /// The module whose `migrations!` lists it; empty for a set that was made without the macro.
    pub module: String,
    /// The stage of the build that was locked last.
    pub stage: Stage,
    /// Its declaration, line by line and without spaces around each line; the line of the name is left out.
    pub declaration: Vec<String>,
}

/// Tells declarations apart by their lines, as [`present_lines`] gives them: FNV-1a, 64 bits (Fowler, Noll, Vo).
pub fn digest<'a>(lines: impl IntoIterator<Item = &'a str>) -> u64 {
    let bytes = lines.into_iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl LockedPlan {
    /// What locking `plan` writes.
    pub fn of(plan: &Plan, module: &str) -> LockedPlan {
        LockedPlan {
            name: plan.name.to_string(),
            module: module.to_owned(),
            stage: plan.stage,
            declaration: present_lines(&plan.declaration).into_iter().map(str::to_owned).collect(),
        }
    }

    /// The crate of the module.
    pub fn crate_name(&self) -> &str {
        crate::migrations::crate_of(&self.module)
    }
}
