//! What may become of a locked plan.

use std::fmt;

use super::{Lock, LockedPlan};
use crate::migrations::Migrations;
use crate::plan::{Plan, Stage};

/// The lines of a declaration as the lock file has them: without the line of the name, and without spaces around them.
pub fn present_lines(declaration: &str) -> Vec<&str> {
    declaration.lines().skip(1).map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The first difference between a locked declaration and the present one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The place of the line, from 0, among [`present_lines`].
    pub place: usize,
    /// The line that is locked; `None` where the present declaration has more lines.
    pub locked: Option<String>,
    /// The present line; `None` where it is missing.
    pub present: Option<String>,
}

/// What was edited since `locked`, if anything. A line that only came or only went is told from one that was rewritten.
pub fn edit(locked: &LockedPlan, declaration: &str) -> Option<Edit> {
    let present = present_lines(declaration);
    let locked: Vec<&str> = locked.declaration.iter().map(String::as_str).collect();
    let place = (0..present.len().max(locked.len())).find(|&place| locked.get(place) != present.get(place))?;
    let (left, right) = (locked.get(place).copied(), present.get(place).copied());
    let came = left.is_some_and(|line| present[place..].contains(&line));
    let went = right.is_some_and(|line| locked[place..].contains(&line));
    let own = |line: &str| line.to_owned();
    Some(Edit {
        place,
        locked: left.filter(|_| went || !came).map(own),
        present: right.filter(|_| came || !went).map(own),
    })
}

/// Why a transition cannot be locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A released plan was edited.
    Edited {
        /// The plan.
        plan: String,
        /// What was edited.
        edit: Edit,
    },
    /// A plan went from `dual_write` to `contract`.
    Skipped {
        /// The plan.
        plan: String,
    },
    /// A plan that is not locked starts later than at `dual_write`.
    StartsLate {
        /// The plan.
        plan: String,
        /// Its stage.
        stage: Stage,
    },
    /// A plan that is not finished is missing.
    Removed {
        /// The plan.
        plan: String,
        /// The stage it is locked at.
        stage: Stage,
    },
    /// A plan has another name.
    Renamed {
        /// The locked name.
        plan: String,
        /// The present one.
        to: String,
    },
}

impl Refusal {
    /// The plan it is about, by its locked name.
    pub fn plan(&self) -> &str {
        match self {
            Refusal::Edited { plan, .. }
            | Refusal::Skipped { plan }
            | Refusal::StartsLate { plan, .. }
            | Refusal::Removed { plan, .. }
            | Refusal::Renamed { plan, .. } => plan,
        }
    }

    /// Why it hurts.
    pub fn note(&self) -> String {
        match self {
            Refusal::Edited { edit, .. } => edit.to_string(),
            Refusal::Skipped { .. } => {
                "builds at `dual_write` still write the old side, which a build at `contract` takes \
                                        away from them"
                    .to_owned()
            }
            Refusal::StartsLate { .. } => "no build has run yet that can use both sides".to_owned(),
            Refusal::Removed { stage, .. } => format!(
                "it is locked at stage `{stage}`: its columns and triggers are in the database, and nobody would take \
                 them away"
            ),
            Refusal::Renamed { .. } => {
                "a plan's name is its identity in the database: under another name it would start \
                                        anew, beside what is there already"
                    .to_owned()
            }
        }
    }

    /// The way out.
    pub fn help(&self) -> String {
        match self {
            Refusal::Edited { .. } => EDITED_HELP.to_owned(),
            Refusal::Skipped { .. } => "release `stage switch;` first".to_owned(),
            Refusal::StartsLate { .. } => "release it at `stage dual_write;` first".to_owned(),
            Refusal::Removed { .. } => {
                "list it in `migrations!` until a build at `stage contract` is released and locked".to_owned()
            }
            Refusal::Renamed { plan, .. } => format!("give it its name back: `mod {plan};`"),
        }
    }
}

/// The way out of an edit.
const EDITED_HELP: &str = "put it back, and make the change in a new plan; a plan that no database has seen can be \
                           locked anew: delete its block in the lock file";

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |line: &Option<String>| line.as_ref().map_or("nothing here".to_owned(), |line| format!("`{line}`"));
        write!(f, "the lock file has {}\n      and the plan says {}", line(&self.locked), line(&self.present))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Edited { plan, .. } => write!(f, "the plan `{plan}` is released and was edited"),
            Refusal::Skipped { plan } => write!(f, "the plan `{plan}` skips the stage `switch`"),
            Refusal::StartsLate { plan, stage } => {
                write!(f, "the plan `{plan}` is new and starts at stage `{stage}`")
            }
            Refusal::Removed { plan, .. } => write!(f, "the plan `{plan}` is not finished and was removed"),
            Refusal::Renamed { plan, to } => write!(f, "the plan `{plan}` is released and was renamed to `{to}`"),
        }
    }
}

impl LockedPlan {
    /// Whether a build with this stage and declaration may follow the locked one.
    ///
    /// # Errors
    ///
    /// What is refused. To go back to an earlier stage is never refused: a release can be taken back.
    pub fn follow(&self, stage: Stage, declaration: &str) -> Result<(), Refusal> {
        if let Some(edit) = edit(self, declaration) {
            return Err(Refusal::Edited { plan: self.name.clone(), edit });
        }
        match (self.stage, stage) {
            (Stage::DualWrite, Stage::Contract) => Err(Refusal::Skipped { plan: self.name.clone() }),
            _ => Ok(()),
        }
    }
}

/// The lock file that follows `lock` when the plans of `migrations` are released. Finished plans that are no longer
/// listed stay in it, and so do all plans of other sets.
///
/// # Errors
///
/// Every transition that the compiler refuses too.
pub fn next(lock: &Lock, migrations: &Migrations) -> Result<Lock, Vec<Refusal>> {
    let module = migrations.module();
    let set = set(lock, migrations);
    let (own, mut plans): (Vec<LockedPlan>, Vec<LockedPlan>) =
        lock.plans.iter().cloned().partition(|plan| Some(plan.module.as_str()) == set);
    let mut refusals = Vec::new();
    for plan in migrations.plans() {
        match own.iter().find(|locked| locked.name == plan.name) {
            Some(locked) => refusals.extend(locked.follow(plan.stage, &plan.declaration).err()),
            None if set.is_some() && plan.stage != Stage::DualWrite && !is_rename(&own, migrations, plan) => {
                refusals.push(Refusal::StartsLate { plan: plan.name.to_string(), stage: plan.stage });
            }
            None => {}
        }
        plans.push(LockedPlan::of(plan, module));
    }
    for mut locked in own.iter().filter(|locked| !lists(migrations, &locked.name)).cloned() {
        if locked.stage != Stage::Contract {
            let new =
                migrations.plans().iter().find(|plan| is_new(&own, plan) && edit(&locked, &plan.declaration).is_none());
            refusals.push(match new {
                Some(new) => Refusal::Renamed { plan: locked.name.clone(), to: new.name.to_string() },
                None => Refusal::Removed { plan: locked.name.clone(), stage: locked.stage },
            });
        }
        locked.module = module.to_owned();
        plans.push(locked);
    }
    let mut next = Lock { plans };
    next.sort();
    if refusals.is_empty() { Ok(next) } else { Err(refusals) }
}

/// The module under which `lock` has this set: its own, or the one of the same crate that listed one of its plans.
fn set<'a>(lock: &'a Lock, migrations: &Migrations) -> Option<&'a str> {
    let crate_name = crate::migrations::crate_of(migrations.module());
    let own = lock.plans.iter().find(|plan| plan.module == migrations.module());
    let moved = || lock.plans.iter().find(|plan| plan.crate_name() == crate_name && lists(migrations, &plan.name));
    own.or_else(moved).map(|plan| plan.module.as_str())
}

fn lists(migrations: &Migrations, name: &str) -> bool {
    migrations.plans().iter().any(|plan| plan.name == name)
}

fn is_new(own: &[LockedPlan], plan: &Plan) -> bool {
    own.iter().all(|locked| locked.name != plan.name)
}

/// Whether a new plan is a locked one under another name: then only that is said.
fn is_rename(own: &[LockedPlan], migrations: &Migrations, plan: &Plan) -> bool {
    own.iter().any(|locked| {
        locked.stage != Stage::Contract && !lists(migrations, &locked.name) && edit(locked, &plan.declaration).is_none()
    })
}
