//! Gates that are closed, with the evidence.

use std::fmt;
use std::time::Duration;

use migrate_plan::Phase;

use crate::limit::Pause;
use crate::report::InstanceReport;

/// A gate that is closed, with the evidence.
///
/// Its text names failed rows by key and SQLSTATE alone, since it goes into logs and to other processes; a
/// [`FailedRow`] and a [`Report`](crate::Report) tell the values as well.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Closed {
    /// Rows that `up` does not convert. The others are filled.
    FailedRows {
        /// How many, as far as they were looked for.
        count: u64,
        /// Whether there may be more: as many are kept as [`Settings::failed_rows`](crate::Settings::failed_rows) allows.
        more: bool,
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
    /// Sessions that use the plan's tables, or did within the soak, and belong to no live instance.
    Sessions {
        /// Each name and role.
        sessions: Vec<Evidence>,
    },
    /// Statements that name an old column and were made within the soak, as `pg_stat_statements` has them.
    Statements {
        /// Each of them.
        statements: Vec<Evidence>,
    },
    /// Functions whose text names an old column. What their text says is not in PostgreSQL's catalog of dependencies.
    Functions {
        /// Each of them.
        functions: Vec<Evidence>,
    },
    /// This role does not see what others do, so that it cannot tell whether they use the old columns.
    Unseen {
        /// What it does not see, and what gives it the right to.
        evidence: Vec<Evidence>,
    },
    /// An operator has paused the jobs of the plan, or of all plans.
    Paused {
        /// The pause.
        pause: Pause,
    },
    /// A job stood still for so long that the run has given up.
    JobHeld {
        /// What for.
        reason: String,
    },
    /// An operator holds the plan.
    Held {
        /// The last phase allowed; `None` is none.
        at: Option<Phase>,
    },
}

/// Something that keeps a gate closed until it is gone, or an operator says that it has nothing to do with the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The word for it, for [`Migrator::acknowledge`](crate::Migrator::acknowledge): `session:psql@anna`.
    pub key: String,
    /// What was seen, for people.
    pub shown: String,
}

impl Evidence {
    pub(crate) fn new(key: impl Into<String>, shown: impl Into<String>) -> Evidence {
        Evidence { key: key.into(), shown: shown.into() }
    }
}

/// A row that stands in the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedRow {
    /// The table or partition.
    pub table: String,
    /// The primary key as JSON, or the row's place where there is no key.
    pub key: String,
    /// What the conversion reads, as JSON: a text for each column, cut after 200 characters; with the new columns, for rows
    /// whose sides disagree. `None` where values are not kept, see [`Settings::keep_values`](crate::Settings::keep_values).
    pub value: Option<String>,
    /// The SQLSTATE.
    pub sqlstate: String,
    /// PostgreSQL's message.
    pub message: String,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.shown, self.key)
    }
}

impl fmt::Display for FailedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.table, self.key)?;
        if !self.sqlstate.is_empty() {
            write!(f, "{} ", self.sqlstate)?;
        }
        f.write_str(&self.message)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, "; value {value}"))
    }
}

/// A row without what may be personal data: PostgreSQL's messages quote values.
struct Bare<'a>(&'a FailedRow);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FailedRow { table, key, sqlstate, message, .. } = self.0;
        match sqlstate.as_str() {
            "" => write!(f, "{table} {key}: {message}"),
            sqlstate => write!(f, "{table} {key}: {sqlstate}"),
        }
    }
}

impl Closed {
    /// With the values of rows: for the person who asks, where the rest is for logs and for other processes too.
    pub(crate) fn in_full(&self) -> InFull<'_> {
        InFull(self)
    }

    /// The word for the gate, as `--json` and the metrics have it: `failed_rows`, `soak` …
    pub fn gate(&self) -> &'static str {
        match self {
            Closed::FailedRows { .. } => "failed_rows",
            Closed::OutOfBounds { .. } => "out_of_bounds",
            Closed::Mismatches { .. } => "mismatches",
            Closed::LockedRows { .. } => "locked_rows",
            Closed::Soak { .. } => "soak",
            Closed::Dependents { .. } => "dependents",
            Closed::Unfinished { .. } => "unfinished",
            Closed::Instances { .. } => "instances",
            Closed::Sessions { .. } => "sessions",
            Closed::Statements { .. } => "statements",
            Closed::Functions { .. } => "functions",
            Closed::Unseen { .. } => "unseen",
            Closed::Paused { .. } => "paused",
            Closed::JobHeld { .. } => "job_held",
            Closed::Held { .. } => "held",
        }
    }

    /// What stands before the rows.
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::FailedRows { count, more, .. } => {
                let more = if *more { " or more" } else { "" };
                write!(f, "{count}{more} rows do not convert; mend them and run again:")
            }
            Closed::Mismatches { count, .. } => write!(
                f,
                "{count} rows disagree, so something wrote them past the sync triggers; write one side of them again and \
                 run again:"
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::FailedRows { rows, .. } | Closed::Mismatches { rows, .. } => {
                self.head(f)?;
                listed(f, &rows.iter().map(Bare).collect::<Vec<_>>())
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
            Closed::LockedRows { table, count } => {
                write!(f, "{count} rows of {table} are locked by other transactions; run again when those have ended")
            }
            Closed::Soak { before, left } => {
                write!(f, "the soak before {before} is over in {} s", left.as_secs_f64().ceil())
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
                write!(
                    f,
                    "these instances may still use the old columns; it goes on by itself when they are gone; acknowledge \
                     `instance:ID` of a suspect one that you know to be dead, or `application:NAME` of an application \
                     that has nothing to do with the plan:"
                )?;
                listed(f, instances)
            }
            Closed::Sessions { sessions } => {
                write!(
                    f,
                    "these sessions use the plan's tables and belong to no live instance; it goes on by itself when they \
                     are gone and the soak after them is over; {ACKNOWLEDGE}:"
                )?;
                listed(f, sessions)
            }
            Closed::Statements { statements } => {
                write!(
                    f,
                    "these statements name an old column and are still made; it goes on by itself when none has come for \
                     the length of the soak; {ACKNOWLEDGE}:"
                )?;
                listed(f, statements)
            }
            Closed::Functions { functions } => {
                write!(
                    f,
                    "these functions name an old column in their text, and would fail without it; replace or drop them; \
                     {ACKNOWLEDGE}:"
                )?;
                listed(f, functions)
            }
            Closed::Unseen { evidence } => {
                write!(f, "this role cannot see whether others use the old columns; let it see, or {ACKNOWLEDGE}:")?;
                listed(f, evidence)
            }
            Closed::Paused { pause } => write!(f, "{pause}; resume them to go on"),
            Closed::JobHeld { reason } => {
                write!(f, "the job stands still, because {reason}; run again when that has ended")
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

/// See [`Closed::in_full`].
pub(crate) struct InFull<'a>(&'a Closed);

impl fmt::Display for InFull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Closed::FailedRows { rows, .. } | Closed::Mismatches { rows, .. } => {
                self.0.head(f)?;
                listed(f, rows)
            }
            other => write!(f, "{other}"),
        }
    }
}

/// What an operator does about evidence that he knows better than the gate.
const ACKNOWLEDGE: &str = "acknowledge, by the word in brackets, what has nothing to do with the plan";

/// How many of a long list are shown.
const SHOWN: usize = 10;

pub(crate) fn listed(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for item in items.iter().take(SHOWN) {
        write!(f, "\n      {item}")?;
    }
    if items.len() > SHOWN {
        write!(f, "\n      … and {} more", items.len() - SHOWN)?;
    }
    Ok(())
}
