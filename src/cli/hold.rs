//! `hold`: keeps a plan where it is.

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::{Answer, Context, Error};
use crate::Phase;

/// Keeps a plan where it is, until `release`. A run at work stops after its step.
#[derive(Args)]
pub(super) struct Hold {
    /// The plan.
    plan: String,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Hold {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let name = self.plan;
        let mut client = self.database.connect_direct()?;
        let at = self.decision.sign(context.migrator()).hold(&mut client, &name)?;
        let place = at.map_or_else(|| "before its first step".to_owned(), |phase| format!("at {phase}"));
        let sentence = format!("{name}: held {place} until it is released");
        context.say(&sentence, &json!({ "plan": name, "held": true, "held_at": at.map(Phase::as_str) }))?;
        Ok(Answer::Yes)
    }
}
