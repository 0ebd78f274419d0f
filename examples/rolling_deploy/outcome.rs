//! What came of it: a table, a line of verdict, or the same as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::book::Phase;
use crate::builds::Build;
use crate::deploy::{Findings, Kill};
use crate::narration::{count, wrapped};

/// How many of many failures are shown.
const SHOWN: usize = 10;

/// The figures of a run and what is wrong with it.
pub(crate) struct Outcome {
    pub(crate) postgres: String,
    pub(crate) rows: u64,
    pub(crate) took: Duration,
    pub(crate) phases: Vec<Phase>,
    pub(crate) findings: Findings,
    /// What ended the run early.
    pub(crate) error: Option<String>,
}

impl Outcome {
    /// Everything that must not be: a run is good when this is empty.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.error.iter().map(|error| format!("ended early: {error}")).collect();
        for phase in &self.phases {
            let name = phase.name;
            if phase.statements() == [0; Build::ALL.len()] {
                problems.push(format!("{name}: no shop did anything"));
            }
            problems.extend(phase.failures.iter().map(|what| format!("{name}: failed: {what}")));
            problems.extend(phase.wrong.iter().map(|what| format!("{name}: wrong: {what}")));
            if let Some(rows @ 1..) = phase.disagree {
                problems.push(format!("{name}: {rows} rows disagree"));
            }
            if let Some(conflicts @ 1..) = phase.conflicts {
                problems.push(format!("{name}: {conflicts} conflicts, though no shop writes both columns"));
            }
        }
        if let Some(Kill { killed_after, resumed_after, .. }) = self.findings.kill
            // A batch of one slice of a few blocks may be less than a whole one.
            && resumed_after < killed_after
        {
            problems.push("the backfill did not go on where it was killed".to_owned());
        }
        problems.extend(self.findings.lost.iter().map(|what| format!("lost: {what}")));
        problems
    }

    /// For a person.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "\n                          statements by build                 latency in ms  lock      backfilled   mis-\n\
             phase              before dual_write  switch contract failed   p50   p99   max  wait     rows  rows/s matches conflicts\n",
        );
        for phase in &self.phases {
            let figures = Figures::of(phase);
            let [before, dual_write, switch, contract] = phase.statements().map(or_dash);
            let _ = writeln!(
                text,
                "{:17} {before:>7} {dual_write:>10} {switch:>7} {contract:>8} {:>6} {:>5.2} {:>5.2} {:>5.0} {:>5.0} {:>8} {:>7} {:>7} {:>9}",
                phase.name,
                phase.failures.len(),
                figures.p50,
                figures.p99,
                figures.max,
                figures.lock_wait,
                or_dash(phase.backfilled),
                or_dash(figures.rows_per_second),
                phase.wrong.len() as u64 + phase.disagree.unwrap_or(0),
                phase.conflicts.map_or("–".to_owned(), count),
            );
        }
        text
    }

    /// A sentence, or what is wrong.
    pub(crate) fn verdict(&self) -> String {
        let problems = self.problems();
        if problems.is_empty() {
            let statements: u64 = self.phases.iter().flat_map(Phase::statements).sum();
            let wait = self.phases.iter().map(|phase| phase.lock_wait).max().unwrap_or_default();
            let verdict = format!(
                "OK: {} statements by four builds, and none failed; {} rows audited, and none lost or altered; \
                 one SIGKILL and one revert on the way; contract waited for {} older shops; no shop was seen waiting for a lock longer than {} ms. \
                 PostgreSQL {}, {:.1} s.",
                count(statements),
                count(self.findings.audited),
                self.findings.waited_for.len(),
                wait.as_millis(),
                self.postgres,
                self.took.as_secs_f64(),
            );
            return wrapped(&verdict, "");
        }
        let mut text = format!("NOT OK, {} in all:", problems.len());
        for problem in problems.iter().take(SHOWN) {
            let _ = write!(text, "\n  - {problem}");
        }
        if problems.len() > SHOWN {
            let _ = write!(text, "\n  … and {} more", problems.len() - SHOWN);
        }
        text
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        let problems = self.problems();
        json!({
            "ok": problems.is_empty(),
            "problems": problems,
            "postgres": self.postgres,
            "rows": self.rows,
            "seconds": self.took.as_secs_f64(),
            "killed": self.findings.kill.map(|kill| json!({
                "blocks": kill.blocks,
                "killed_after": kill.killed_after,
                "resumed_after": kill.resumed_after,
            })),
            "contract_waited_for": self.findings.waited_for,
            "refused": self.findings.refused,
            "audited": self.findings.audited,
            "lost": self.findings.lost.len(),
            "phases": self.phases.iter().map(phase_json).collect::<Vec<_>>(),
        })
    }
}

fn phase_json(phase: &Phase) -> Value {
    let figures = Figures::of(phase);
    let statements: serde_json::Map<String, Value> = Build::ALL
        .iter()
        .zip(phase.statements())
        .map(|(build, statements)| (build.name().to_owned(), statements.into()))
        .collect();
    json!({
        "phase": phase.name,
        "seconds": phase.lasted.as_secs_f64(),
        "statements": statements,
        "failed": phase.failures.len(),
        "p50_ms": figures.p50,
        "p99_ms": figures.p99,
        "max_ms": figures.max,
        "lock_wait_ms": figures.lock_wait,
        "backfilled": phase.backfilled,
        "rows_per_second": figures.rows_per_second,
        "wrong_reads": phase.wrong.len(),
        "disagreeing_rows": phase.disagree,
        "conflicts": phase.conflicts,
    })
}

/// A phase in numbers; times in ms.
struct Figures {
    p50: f64,
    p99: f64,
    max: f64,
    lock_wait: f64,
    rows_per_second: u64,
}

impl Figures {
    fn of(phase: &Phase) -> Figures {
        let mut took = phase.took.concat();
        took.sort_unstable();
        let seconds = phase.backfilling.as_secs_f64();
        Figures {
            p50: quantile(&took, 0.5),
            p99: quantile(&took, 0.99),
            max: quantile(&took, 1.0),
            lock_wait: phase.lock_wait.as_secs_f64() * 1000.0,
            rows_per_second: if seconds > 0.0 { (phase.backfilled as f64 / seconds) as u64 } else { 0 },
        }
    }
}

/// Of sorted µs, in ms.
fn quantile(sorted: &[u32], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).map_or(0.0, |took| f64::from(*took) / 1000.0)
}

fn or_dash(number: u64) -> String {
    if number == 0 { "–".to_owned() } else { count(number) }
}
