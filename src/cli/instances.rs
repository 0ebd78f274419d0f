//! `instances`: who runs with this database.

use clap::Args;
use serde_json::{Map, Value, json};

use super::database::Database;
use super::{Answer, Context, Error};
use crate::InstanceReport;

/// Shows the live instances of all applications: build, process, when each was last heard of, and the stages of its plans.
#[derive(Args)]
pub(super) struct Instances {
    #[command(flatten)]
    database: Database,
}

impl Instances {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let mut client = self.database.connect()?;
        let instances = context.migrator().instances(&mut client)?;
        if context.json {
            let instances: Vec<Value> = instances.iter().map(object).collect();
            context.line(&json!({ "instances": instances }).to_string())?;
        } else if instances.is_empty() {
            context.line("no instance is live")?;
        } else {
            for instance in &instances {
                context.line(&sentence(instance))?;
            }
        }
        Ok(Answer::Yes)
    }
}

fn sentence(instance: &InstanceReport) -> String {
    let InstanceReport { id, name, process, host, started_at, plans, .. } = instance;
    let suspect = if instance.is_suspect { ", suspect: its lease is over" } else { "" };
    let plans: Vec<String> = plans.iter().map(|(plan, stage)| format!("{plan} at {stage}")).collect();
    let plans = if plans.is_empty() { "no plans".to_owned() } else { plans.join(", ") };
    let silent = instance.silent.as_secs_f64();
    format!(
        "{id}  {name}  process {process} on {host}, since {started_at}, heard of {silent:.1} s ago{suspect}, sessions: {}; \
         {plans}",
        instance.sessions
    )
}

/// An instance for a script.
pub(super) fn object(instance: &InstanceReport) -> Value {
    let plans: Map<String, Value> =
        instance.plans.iter().map(|(plan, stage)| (plan.clone(), Value::from(stage.as_str()))).collect();
    json!({
        "id": instance.id,
        "application": instance.application,
        "version": instance.version,
        "host": instance.host,
        "process": instance.process,
        "role": instance.role,
        "name": instance.name,
        "started_at": instance.started_at,
        "silent_seconds": instance.silent.as_secs_f64(),
        "suspect": instance.is_suspect,
        "lock_held": instance.has_lock,
        "sessions": instance.sessions,
        "plans": plans,
    })
}
