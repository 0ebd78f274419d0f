//! `history`: who did what when.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::database::Database;
use super::{Answer, Context, Error};
use crate::HistoryEntry;

/// Shows what happened, the newest last: when, what, and by whom. `--json` has the SQL too.
#[derive(Args)]
pub(super) struct History {
    /// The plan; all of them where none is given.
    plan: Option<String>,

    /// How many entries, from the newest.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,

    #[command(flatten)]
    database: Database,
}

impl History {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let mut client = self.database.connect()?;
        // One entry is looked for even where none is to be shown, to tell a plan that nobody knows.
        let mut entries = context.migrator().history(&mut client, self.plan.as_deref(), self.limit.max(1))?;
        if let Some(plan) = self.plan.filter(|_| entries.is_empty()) {
            return Err(crate::Error::NotStarted { plan }.into());
        }
        entries.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        entries.reverse();
        if context.json {
            let entries: Vec<Value> = entries.iter().map(object).collect();
            context.line(&json!({ "history": entries }).to_string())?;
        } else {
            for entry in &entries {
                context.line(&sentence(entry))?;
            }
        }
        Ok(Answer::Yes)
    }
}

fn sentence(entry: &HistoryEntry) -> String {
    let HistoryEntry { at, plan, event, role, application, .. } = entry;
    let step = entry.step.as_ref().map_or_else(String::new, |step| format!(" `{step}`"));
    let by = entry.decided_by.as_ref().map_or_else(String::new, |by| format!(" by {}", in_one_line(by)));
    let reason = entry.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", in_one_line(reason)));
    let took = entry.took.map_or_else(String::new, |took| format!(" in {:.3} s", took.as_secs_f64()));
    let waited = entry.lock_waited.map_or_else(String::new, |waited| lock(waited, &entry.lock_holders));
    format!("{at}  {plan}  {event}{step}{took}{waited}{by} (role {role}, {application}){reason}")
}

fn lock(waited: Duration, holders: &[String]) -> String {
    let held = if holders.is_empty() { String::new() } else { format!(", held by {}", holders.join(", ")) };
    format!(" after {:.3} s for its lock{held}", waited.as_secs_f64())
}

/// What an operator has typed, or a value says, stays on the line of its entry.
pub(super) fn in_one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ")
}

fn object(entry: &HistoryEntry) -> Value {
    json!({
        "at": entry.at,
        "plan": entry.plan,
        "event": entry.event,
        "step": entry.step,
        "statements": entry.statements,
        "role": entry.role,
        "application": entry.application,
        "instance": entry.instance,
        "seconds": entry.took.map(|took| took.as_secs_f64()),
        "lock_waited_seconds": entry.lock_waited.map(|waited| waited.as_secs_f64()),
        "lock_holders": entry.lock_holders,
        "by": entry.decided_by,
        "why": entry.reason,
    })
}
