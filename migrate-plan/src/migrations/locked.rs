//! The plans of a program, held against those of the lock file.
//!
//! `plan!` has compared each plan of its own crate already, on the plan's own tokens. What is left for here is what no
//! single plan can see: plans that are missing, new plans that start late, and plans of another crate.

use super::constant::{equal, fail, line};
use super::key::Key;
use crate::plan::{Plan, Stage};

/// A plan of the lock file.
#[derive(Debug)]
pub struct Locked {
    /// The module that lists it; empty where none is known.
    pub module: &'static str,
    /// The plan's name.
    pub name: &'static str,
    /// Its [`Key::of_name`].
    pub key: u64,
    /// The stage of the last build that was locked.
    pub stage: Stage,
    /// The [`digest`](crate::lock::digest) of its declaration.
    pub digest: u64,
    /// The declaration, line by line, without the line of the name.
    pub declaration: &'static str,
}

/// The rules about the plan at `place`.
#[track_caller]
pub(super) const fn check(plans: &[&'static Plan], keys: &[Key], place: usize, module: &str, lock: &[Locked]) {
    let plan = plans[place];
    let Some(set) = set(keys, module, lock) else { return };
    // A plan with errors has no declaration, and nothing more needs to be said of it.
    let Some(declaration) = body(plan) else { return };
    let name = plan.outline().name;
    let Some(locked) = entry(lock, set, keys[place].name) else {
        if let Some(locked) = renamed(keys, lock, set, plan.outline().digest) {
            fail(
                "the plan `{0}` is released and was renamed to `{1}`\n\n\
                 note: a plan's name is its identity in the database: under another name it would start anew, beside \
                 what is there already\n\
                 help: give it its name back: `mod {0};`",
                &[locked.name, name],
            );
        }
        if !matches!(plan.outline().stage, Stage::DualWrite) {
            fail(
                "the plan `{0}` is new and starts at stage `{1}`\n\n\
                 note: `migrate.lock` does not know it: no build has run yet that can use both sides\n\
                 help: release it at `stage dual_write;` first. If it is released already, the lock file was not \
                 committed with it: run the command `lock` in that release and commit what it writes",
                &[name, plan.outline().stage.as_str()],
            );
        }
        return;
    };
    if matches!(locked.stage, Stage::DualWrite) && matches!(plan.outline().stage, Stage::Contract) {
        fail(
            "the plan `{0}` skips the stage `switch`\n\n\
             note: `migrate.lock` has it at stage `dual_write`: its builds still write the old side, which a build at \
             `contract` takes away from them\n\
             help: release `stage switch;` first",
            &[name],
        );
    }
    if locked.digest == plan.outline().digest {
        return;
    }
    let (mut before, mut after) = (locked.declaration, declaration);
    loop {
        let (left, right) = (line(before), line(after));
        let (old, new) = match (left, right) {
            (None, None) => return,
            (Some((old, rest)), Some((new, other))) => {
                before = rest;
                after = other;
                if equal(old, new) {
                    continue;
                }
                (old, new)
            }
            (Some((old, _)), None) => (old, "nothing"),
            (None, Some((new, _))) => ("nothing", new),
        };
        fail(
            "the plan `{0}` is released and was edited\n\n\
             note: `migrate.lock` has: {1}\n\
             note: the plan now says: {2}\n\
             help: put it back, and make the change in a new plan",
            &[name, old, new],
        );
    }
}

/// No plan is missing that has not finished.
#[track_caller]
pub(super) const fn check_whole(plans: &[&'static Plan], keys: &[Key], module: &str, lock: &[Locked]) {
    let Some(set) = set(keys, module, lock) else { return };
    let mut place = 0;
    while place < lock.len() {
        let locked = &lock[place];
        place += 1;
        if !equal(locked.module, set) || matches!(locked.stage, Stage::Contract) || lists(keys, locked.key) {
            continue;
        }
        if is_renamed(plans, keys, lock, set, locked) {
            continue;
        }
        fail(
            "the plan `{0}` is not finished and was removed\n\n\
             note: `migrate.lock` has it at stage `{1}`: its columns and triggers are in the database, and nobody \
             would take them away\n\
             help: list it in `migrations!` until a build at `stage contract` is released and locked. To give it up, \
             revert it on every database, and then delete its block in `migrate.lock`",
            &[locked.name, locked.stage.as_str()],
        );
    }
}

/// The module under which the lock file has these plans: this one, or the one of the same crate that listed one of
/// them, where the set has moved. `None` for a set that was never locked, such as one of tests.
const fn set<'a>(keys: &[Key], module: &'a str, lock: &[Locked]) -> Option<&'a str> {
    let mut moved = None;
    let mut place = 0;
    while place < lock.len() {
        let locked = &lock[place];
        if equal(locked.module, module) {
            return Some(module);
        }
        if moved.is_none() && equal(crate_of(locked.module), crate_of(module)) && lists(keys, locked.key) {
            moved = Some(locked.module);
        }
        place += 1;
    }
    moved
}

/// `shop` of `shop::billing`.
pub(crate) const fn crate_of(module: &str) -> &str {
    let bytes = module.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b':' {
        end += 1;
    }
    module.split_at(end).0
}

const fn entry<'a>(lock: &'a [Locked], set: &str, key: u64) -> Option<&'a Locked> {
    let mut place = 0;
    while place < lock.len() {
        if lock[place].key == key && equal(lock[place].module, set) {
            return Some(&lock[place]);
        }
        place += 1;
    }
    None
}

const fn lists(keys: &[Key], key: u64) -> bool {
    let mut place = 0;
    while place < keys.len() {
        if keys[place].name == key {
            return true;
        }
        place += 1;
    }
    false
}

/// The locked plan that declares the same, is not finished, and is missing: so a new plan is no new one.
const fn renamed<'a>(keys: &[Key], lock: &'a [Locked], set: &str, digest: u64) -> Option<&'a Locked> {
    let mut place = 0;
    while place < lock.len() {
        let locked = &lock[place];
        if equal(locked.module, set)
            && !matches!(locked.stage, Stage::Contract)
            && !lists(keys, locked.key)
            && locked.digest == digest
        {
            return Some(locked);
        }
        place += 1;
    }
    None
}

/// Whether a new plan declares what `locked` does: that is said where the new one is listed.
const fn is_renamed(plans: &[&'static Plan], keys: &[Key], lock: &[Locked], set: &str, locked: &Locked) -> bool {
    let mut place = 0;
    while place < plans.len() {
        if entry(lock, set, keys[place].name).is_none()
            && body(plans[place]).is_some()
            && locked.digest == plans[place].outline().digest
        {
            return true;
        }
        place += 1;
    }
    false
}

/// The declaration without the line of the name.
const fn body(plan: &Plan) -> Option<&str> {
    match line(plan.outline().declaration) {
        Some((_, body)) if !plan.outline().tables.is_empty() => Some(body),
        _ => None,
    }
}
