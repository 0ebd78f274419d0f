//! What a run did, and what is still closed and why.

use std::fmt;
use std::time::Duration;

use migrate_plan::{Phase, Side};

use crate::blocker::Blocker;

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
}

impl Report {
    /// The report of one plan.
    pub fn plan(&self, name: &str) -> Option<&PlanReport> {
        self.plans.iter().find(|plan| plan.name == name)
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

/// A gate that is closed, with the evidence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Closed {
    /// Rows that `up` does not convert. The others are filled.
    FailedRows {
        /// How many, as far as they were looked for.
        count: u64,
        /// The first of them.
        rows: Vec<FailedRow>,
    },
    /// Rows outside of a bound that the plan declares. Nothing has been done.
    OutOfBounds {
        /// The column, with its table.
        column: String,
        /// The bound as it is declared.
        bound: String,
        /// How many rows, as far as they were looked for.
        count: u64,
        /// Whether there may be more.
        more: bool,
        /// The keys of the first of them, as JSON, or their places where there is no key.
        keys: Vec<String>,
    },
    /// Rows whose sides disagree.
    Mismatches {
        /// How many.
        count: u64,
        /// The first of them.
        rows: Vec<FailedRow>,
    },
    /// Rows that other transactions hold locked.
    LockedRows {
        /// The table.
        table: String,
        /// How many.
        count: u64,
    },
    /// A soak time that is not over.
    Soak {
        /// What is waited before.
        before: &'static str,
        /// What is left of it.
        left: Duration,
    },
    /// Objects that would go with the old columns.
    Dependents {
        /// In PostgreSQL's own words.
        objects: Vec<String>,
    },
    /// A plan that this one builds on is not finished.
    Unfinished {
        /// The other plan.
        plan: String,
    },
    /// Instances that may still use the old columns.
    Instances {
        /// Each of them.
        instances: Vec<InstanceReport>,
    },
    /// An operator holds the plan.
    Held {
        /// The last phase allowed; `None` is none.
        at: Option<Phase>,
    },
}

/// A row that stands in the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedRow {
    /// The table or partition.
    pub table: String,
    /// The primary key as JSON, or the row's place where there is no key.
    pub key: String,
    /// The SQLSTATE.
    pub sqlstate: String,
    /// PostgreSQL's message.
    pub message: String,
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
    /// The stage at which it has the plan that was asked for; none where it does not know it.
    pub stage: Option<String>,
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

impl fmt::Display for FailedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} {}", self.table, self.key, self.sqlstate, self.message)
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::FailedRows { count, rows } => {
                write!(f, "{count} rows do not convert; mend them and run again:")?;
                listed(f, rows)
            }
            Closed::OutOfBounds { column, bound, count, more, keys } => {
                let more = if *more { "more than " } else { "" };
                write!(
                    f,
                    "{more}{count} rows have a {column} that is not {bound}, as the plan declares; nothing has been \
                     done; mend them, or declare a wider bound, and run again:"
                )?;
                listed(f, keys)
            }
            Closed::Mismatches { count, rows } => {
                write!(
                    f,
                    "{count} rows disagree, so something wrote them past the sync triggers; write one side of them \
                     again and run again:"
                )?;
                listed(f, rows)
            }
            Closed::LockedRows { table, count } => {
                write!(f, "{count} rows of {table} are locked by other transactions; run again when those have ended")
            }
            Closed::Soak { before, left } => {
                write!(f, "the soak before {before} is over in {} s; run again then", left.as_secs_f64().ceil())
            }
            Closed::Dependents { objects } => {
                write!(
                    f,
                    "these would go with the old columns; make their counterparts on the new ones, then drop them:"
                )?;
                listed(f, objects)
            }
            Closed::Unfinished { plan } => write!(f, "plan `{plan}`, which this one builds on, is not finished"),
            Closed::Instances { instances } => {
                write!(f, "these instances may still use the old columns; it goes on by itself when they are gone:")?;
                listed(f, instances)
            }
            Closed::Held { at: Some(phase) } => write!(f, "an operator holds it at {phase}; release it to go on"),
            Closed::Held { at: None } => write!(
                f,
                "an operator has reverted it, or holds it before its first step; release it to start, or revert it once more \
                 where that was cut short"
            ),
        }
    }
}

/// How many of a long list are shown.
const SHOWN: usize = 10;

fn listed(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for item in items.iter().take(SHOWN) {
        write!(f, "\n      {item}")?;
    }
    if items.len() > SHOWN {
        write!(f, "\n      … and {} more", items.len() - SHOWN)?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(leader) = &self.leader {
            writeln!(f, "{leader} is migrating; this run did nothing")?;
        }
        for plan in &self.plans {
            write!(f, "{plan}")?;
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
        for closed in &self.closed {
            writeln!(f, "    closed  {closed}")?;
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
