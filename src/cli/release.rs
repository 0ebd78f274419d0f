//! `release`: ends a hold.

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::{Answer, Context, Error};

/// Ends the hold that `hold` or `revert` has set: the next `up` takes the plan on.
#[derive(Args)]
pub(super) struct Release {
    /// The plan.
    plan: String,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Release {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let name = self.plan;
        let mut client = self.database.connect_direct()?;
        self.decision.sign(context.migrator()).release(&mut client, &name)?;
        context.say(&format!("{name}: released"), &json!({ "plan": name, "held": false }))?;
        Ok(Answer::Yes)
    }
}
