//! What a run did, and what is still closed and why.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use migrate_plan::{Phase, Side};

pub use crate::closed::{Closed, Evidence, FailedRow};

use crate::blocker::Blocker;
use crate::closed::listed;
use crate::state::JobReport;

/// What came of a run, plan by plan.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The plans of the program, in their order.
    pub plans: Vec<PlanReport>,
    /// Plans in flight in the database that this program does not know.
    pub unknown: Vec<String>,
    /// Another session at work, where one kept this run from doing anything.
    pub leader: Option<Blocker>,
    /// The session that is at work while [`Migrator::status`](crate::Migrator::status) looks, if any is.
    pub at_work: Option<Blocker>,
    /// What the session at work waits for, where `status` asks.
    pub waiting: Option<String>,
    /// What ended the last run of a service early, where `status` asks.
    pub trouble: Option<String>,
    /// The live instances, where `status` asks.
    pub instances: Vec<InstanceReport>,
}

impl Report {
    /// The report of one plan.
    pub fn plan(&self, name: &str) -> Option<&PlanReport> {
        self.plans.iter().find(|plan| plan.name == name)
    }

    /// The builds of the live instances: `application@version`, the stage at which they have a plan, and how many they are.
    pub fn builds(&self, plan: &str) -> Vec<(String, Option<String>, usize)> {
        let mut builds = BTreeMap::new();
        for instance in &self.instances {
            let stage = instance.plans.iter().find(|(name, _)| name == plan).map(|(_, stage)| stage.clone());
            *builds.entry((format!("{}@{}", instance.application, instance.version), stage)).or_insert(0) += 1;
        }
        builds.into_iter().map(|((build, stage), count)| (build, stage, count)).collect()
    }

    /// Whether every plan is where its stage wants it.
    pub fn is_complete(&self) -> bool {
        self.leader.is_none() && self.plans.iter().all(|plan| plan.closed.is_empty())
    }
}

/// What came of one plan.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanReport {
    /// The plan.
    pub name: String,
    /// Where it is now.
    pub position: Position,
    /// The side that wins and that applications should use.
    pub side: Side,
    /// The steps that this run did, with the time each took.
    pub done: Vec<(String, Duration)>,
    /// How many steps were done before.
    pub done_before: usize,
    /// How many steps are left beyond the stage of this build.
    pub beyond_stage: usize,
    /// What keeps the plan from going on to its stage.
    pub closed: Vec<Closed>,
    /// Statements that wrote both sides in disagreement, so far.
    pub conflicts: u64,
    /// What hangs on the old columns. It would go with them, so it closes the gate of contract; known
    /// from the start, so that counterparts can be made in time.
    pub dependents: Vec<String>,
    /// What the last run waited for with this plan, in its words, where [`Migrator::status`](crate::Migrator::status) asks.
    pub waits_for: Vec<String>,
    /// How long ago that was; `None` where no run has looked at it.
    pub looked_at: Option<Duration>,
    /// The backfill or verification that it is at, where [`Migrator::status`](crate::Migrator::status) asks.
    pub job: Option<JobReport>,
    /// What operators have set for the jobs of this plan, or of all: a pause, a limit. Where `status` asks.
    pub limits: Vec<String>,
    /// Evidence that operators have acknowledged, and that keeps no gate of this plan closed.
    pub acknowledged: Vec<String>,
}

/// How far a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Position {
    /// Not started, or reverted.
    Before,
    /// The last phase in which every step is done.
    After(Phase),
    /// Finished: the old shape is gone.
    Finished,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Before => f.write_str("not started"),
            Position::After(phase) => write!(f, "{phase} done"),
            Position::Finished => f.write_str("finished"),
        }
    }
}

/// A process of an application that is on the list of instances.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InstanceReport {
    /// Its number on the list.
    pub id: i64,
    /// The application.
    pub application: String,
    /// The version of its build.
    pub version: String,
    /// The machine it runs on, as that calls itself.
    pub host: String,
    /// Its process there.
    pub process: u32,
    /// The role it came as.
    pub role: String,
    /// The `application_name` of its sessions.
    pub name: String,
    /// When it came: UTC, as RFC 3339 has it.
    pub started_at: String,
    /// How long ago it was last heard of.
    pub silent: Duration,
    /// Whether its lease has run out. It may be paused, or cut off: it is not taken for dead while its lock is held, a
    /// session carries its name, or its grace lasts.
    pub is_suspect: bool,
    /// Whether its lock is held.
    pub has_lock: bool,
    /// How many sessions carry its name.
    pub sessions: u64,
    /// The stage at which it has the plan that was asked for; none where it does not know it, or none was asked for.
    pub stage: Option<String>,
    /// The plans that it knows, each with its stage.
    pub plans: Vec<(String, String)>,
}

impl fmt::Display for InstanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {} on {}", self.name, self.process, self.host)?;
        match &self.stage {
            Some(stage) => write!(f, ", at stage {stage}")?,
            None => f.write_str(", does not know the plan")?,
        }
        write!(f, ", heard of {:.1} s ago", self.silent.as_secs_f64())?;
        if self.is_suspect {
            f.write_str(match (self.has_lock, self.sessions) {
                (true, _) => ", suspect: its lease is over, but its connection stands",
                (false, 0) => ", suspect: its lease is over, and its grace is not",
                (false, _) => ", suspect: its lease is over, but sessions carry its name",
            })?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(leader) = &self.leader {
            writeln!(f, "{leader} is migrating; this run did nothing")?;
        }
        if let Some(leader) = &self.at_work {
            writeln!(f, "{leader} is at work")?;
        }
        if let Some(waiting) = &self.waiting {
            writeln!(f, "waiting for {waiting}")?;
        }
        if let Some(trouble) = &self.trouble {
            writeln!(f, "the last pass ended early: {trouble}")?;
        }
        for plan in &self.plans {
            write!(f, "{plan}")?;
            for (build, stage, count) in self.builds(&plan.name) {
                let stage = stage.map_or_else(|| "does not know it".to_owned(), |stage| format!("at stage {stage}"));
                writeln!(f, "    live    {build} {stage}: {count}")?;
            }
        }
        for name in &self.unknown {
            writeln!(
                f,
                "{name}: in flight in this database, and not in this program. An older build goes on as it is; if the \
                 plan was deleted from the code, put it back, or revert it by name."
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for PlanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}, side {}", self.name, self.position, self.side)?;
        for (step, took) in &self.done {
            writeln!(f, "    done    {step} ({:.3} s)", took.as_secs_f64())?;
        }
        if let Some(job) = &self.job {
            writeln!(f, "    job     {job}")?;
        }
        for limit in &self.limits {
            writeln!(f, "    note    {limit}")?;
        }
        for closed in &self.closed {
            writeln!(f, "    closed  {}", closed.in_full())?;
        }
        if let Some(at) = self.looked_at {
            let closed: Vec<String> = self.closed.iter().map(ToString::to_string).collect();
            for wait in self.waits_for.iter().filter(|wait| !closed.contains(wait)) {
                writeln!(f, "    waited  {:.0} s ago: {wait}", at.as_secs_f64())?;
            }
        }
        for evidence in &self.acknowledged {
            writeln!(f, "    note    acknowledged: {evidence}")?;
        }
        if self.conflicts > 0 {
            writeln!(f, "    note    {} statements wrote both sides in disagreement", self.conflicts)?;
        }
        if !self.dependents.is_empty() && self.position != Position::Finished {
            write!(f, "    note    before contract these need counterparts on the new columns:")?;
            listed(f, &self.dependents)?;
            writeln!(f)?;
        }
        Ok(())
    }
}
