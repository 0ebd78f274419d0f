//! `retry`: another look at failed rows.

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::{Answer, Context, Error};

/// Has the service that leads look at a plan's failed rows again at once; where none lives, `up` looks.
#[derive(Args)]
pub(super) struct Retry {
    /// The plan.
    plan: String,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Retry {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let name = self.plan;
        let mut client = self.database.connect_direct()?;
        let migrator = self.decision.sign(context.migrator());
        let rows = migrator.retry(&mut client, &name)?;
        let instances = migrator.instances(&mut client)?.len();
        let sentence = match (rows, instances) {
            (0, _) => format!("{name}: no row stands in the way"),
            (_, 0) => format!("{name}: no instance is live to look at its failed rows, {rows} of them; `up` does"),
            _ => format!("{name}: the instance that leads looks at its failed rows again, {rows} of them"),
        };
        context.say(&sentence, &json!({ "plan": name, "failed_rows": rows, "instances": instances }))?;
        Ok(Answer::Yes)
    }
}
