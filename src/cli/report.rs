//! The report of `status` and `up`, as text and as JSON.

use serde_json::{Value, json};

use super::{Context, Error};
use crate::{Closed, FailedRow, Phase, PlanReport, Position, Report};

/// Says what a run found or did.
pub(super) fn say(context: &mut Context<'_>, report: &Report) -> Result<(), Error> {
    if context.json {
        let plans: Vec<Value> = report.plans.iter().map(plan).collect();
        let answer = json!({ "complete": report.is_complete(), "plans": plans, "unknown": report.unknown });
        return context.line(&answer.to_string());
    }
    let text = report.to_string();
    context.line(if text.is_empty() { "this program has no plans" } else { text.trim_end() })
}

fn plan(plan: &PlanReport) -> Value {
    let done = plan.done.iter().map(|(step, took)| json!({ "step": step, "seconds": took.as_secs_f64() }));
    json!({
        "plan": plan.name,
        "position": position(plan.position),
        "side": plan.side.as_str(),
        "done": done.collect::<Vec<_>>(),
        "done_before": plan.done_before,
        "beyond_stage": plan.beyond_stage,
        "closed": plan.closed.iter().map(closed).collect::<Vec<_>>(),
        "conflicts": plan.conflicts,
        "dependents": plan.dependents,
    })
}

/// The last phase that is done, or one of two words.
fn position(position: Position) -> &'static str {
    match position {
        Position::After(phase) => phase.as_str(),
        Position::Finished => "finished",
        _ => "not_started",
    }
}

/// A gate: its kind, its sentence, and the evidence.
fn closed(closed: &Closed) -> Value {
    let (gate, evidence) = match closed {
        Closed::FailedRows { count, rows } => ("failed_rows", json!({ "count": count, "rows": failed(rows) })),
        Closed::Mismatches { count, rows } => ("mismatches", json!({ "count": count, "rows": failed(rows) })),
        Closed::OutOfBounds { column, bound, count, more, keys } => {
            ("out_of_bounds", json!({ "column": column, "bound": bound, "count": count, "more": more, "keys": keys }))
        }
        Closed::LockedRows { table, count } => ("locked_rows", json!({ "table": table, "count": count })),
        Closed::Soak { before, left } => ("soak", json!({ "before": before, "seconds_left": left.as_secs_f64() })),
        Closed::Dependents { objects } => ("dependents", json!({ "objects": objects })),
        Closed::Unfinished { plan } => ("unfinished", json!({ "plan": plan })),
        Closed::Held { at } => ("held", json!({ "at": at.map(Phase::as_str) })),
        _ => ("other", Value::Null),
    };
    json!({ "gate": gate, "message": closed.to_string(), "evidence": evidence })
}

fn failed(rows: &[FailedRow]) -> Vec<Value> {
    let one = |row: &FailedRow| json!({ "table": row.table, "key": row.key, "sqlstate": row.sqlstate, "message": row.message });
    rows.iter().map(one).collect()
}
