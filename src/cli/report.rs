//! The report of `status` and `up`, as text and as JSON.

use serde_json::{Value, json};

use super::{Context, Error, instances};
use crate::{Closed, Evidence, FailedRow, JobNow, JobReport, Phase, PlanReport, Position, Report};

/// Says what a run found or did.
pub(super) fn say(context: &mut Context<'_>, report: &Report) -> Result<(), Error> {
    if context.json {
        let plans: Vec<Value> = report.plans.iter().map(|one| plan(report, one)).collect();
        let answer = json!({
            "complete": report.is_complete(),
            "plans": plans,
            "unknown": report.unknown,
            "at_work": report.at_work.as_ref().map(|leader| json!({
                "process": leader.pid, "application": leader.application, "state": leader.state,
            })),
            "waiting": report.waiting,
            "trouble": report.trouble,
            "instances": report.instances.len(),
        });
        return context.line(&answer.to_string());
    }
    let text = report.to_string();
    context.line(if text.is_empty() { "this program has no plans" } else { text.trim_end() })
}

fn plan(report: &Report, plan: &PlanReport) -> Value {
    let builds = report.builds(&plan.name).into_iter();
    let builds = builds.map(|(build, stage, count)| json!({ "build": build, "stage": stage, "instances": count }));
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
        "waited_for": plan.waits_for,
        "looked_at_seconds_ago": plan.looked_at.map(|ago| ago.as_secs_f64()),
        "job": plan.job.as_ref().map(job),
        "limits": plan.limits,
        "acknowledged": plan.acknowledged,
        "builds": builds.collect::<Vec<_>>(),
    })
}

fn job(job: &JobReport) -> Value {
    let now = |now: &JobNow| {
        json!({
            "workers": now.workers, "duty": now.duty, "rows_per_second": now.rows_per_second,
            "seconds_left": now.left.map(|left| left.as_secs_f64()), "hot_share": now.hot_share,
            "limited_by": now.limited_by, "held_by": now.held_by,
        })
    };
    json!({
        "step": job.step, "rows": job.rows, "blocks_done": job.blocks_done, "blocks": job.blocks,
        "now": job.now.as_ref().map(now),
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
pub(super) fn closed(closed: &Closed) -> Value {
    let evidence = match closed {
        Closed::FailedRows { count, more, rows } => {
            json!({ "count": count, "more": more, "rows": failed(rows) })
        }
        Closed::Mismatches { count, rows } => json!({ "count": count, "rows": failed(rows) }),
        Closed::OutOfBounds { column, bound, count, more, keys } => {
            json!({ "column": column, "bound": bound, "count": count, "more": more, "keys": keys })
        }
        Closed::LockedRows { table, count } => json!({ "table": table, "count": count }),
        Closed::Soak { before, left } => json!({ "before": before, "seconds_left": left.as_secs_f64() }),
        Closed::Dependents { objects } => json!({ "objects": objects }),
        Closed::Unfinished { plan } => json!({ "plan": plan }),
        Closed::Instances { instances } => {
            json!({ "instances": instances.iter().map(instances::object).collect::<Vec<_>>() })
        }
        Closed::Sessions { sessions } => json!({ "sessions": seen(sessions) }),
        Closed::Statements { statements } => json!({ "statements": seen(statements) }),
        Closed::Functions { functions } => json!({ "functions": seen(functions) }),
        Closed::Unseen { evidence } => json!({ "unseen": seen(evidence) }),
        Closed::Paused { pause } => {
            let left = pause.left.map(|left| left.as_secs_f64());
            json!({ "by": pause.by, "reason": pause.reason, "seconds_left": left })
        }
        Closed::JobHeld { reason } => json!({ "reason": reason }),
        Closed::Held { at } => json!({ "at": at.map(Phase::as_str) }),
        _ => Value::Null,
    };
    json!({ "gate": closed.gate(), "message": closed.to_string(), "evidence": evidence })
}

/// Evidence with the word that acknowledges it.
fn seen(evidence: &[Evidence]) -> Vec<Value> {
    evidence.iter().map(|one| json!({ "key": one.key, "shown": one.shown })).collect()
}

fn failed(rows: &[FailedRow]) -> Vec<Value> {
    rows.iter().map(failed_row).collect()
}

/// A failed row for a script: its value is an object, a text for each column.
pub(super) fn failed_row(row: &FailedRow) -> Value {
    let value: Option<Value> = row.value.as_ref().and_then(|value| serde_json::from_str(value).ok());
    json!({ "table": row.table, "key": row.key, "value": value, "sqlstate": row.sqlstate, "message": row.message })
}
