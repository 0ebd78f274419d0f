//! `pause` and `resume`: have jobs stand still, and go on.

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::lasting::Lasting;
use super::{Answer, Context, Error};

/// Has the backfills and verifications of a plan, or of all plans, stand still, until `resume`.
#[derive(Args)]
pub(super) struct Pause {
    /// The plan; all plans where none is named.
    plan: Option<String>,

    #[command(flatten)]
    lasting: Lasting,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Pause {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let plan = self.plan.as_deref();
        let mut client = self.database.connect_direct()?;
        self.decision.sign(context.migrator()).pause(&mut client, plan, self.lasting.duration())?;
        let sentence =
            format!("{}: jobs paused {}", plan.unwrap_or("all plans"), self.lasting.or("until they are resumed"));
        context.say(&sentence, &json!({ "plan": plan, "paused": true, "seconds": self.lasting.seconds() }))?;
        Ok(Answer::Yes)
    }
}

/// Has the jobs of a plan, or those of all plans, go on after `pause`.
#[derive(Args)]
pub(super) struct Resume {
    /// The plan; where none is named, the pause of all plans ends, and those of single plans stay.
    plan: Option<String>,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Resume {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let plan = self.plan.as_deref();
        let mut client = self.database.connect_direct()?;
        let was_paused = self.decision.sign(context.migrator()).resume(&mut client, plan)?;
        let what = if was_paused { "jobs resumed" } else { "there was no pause" };
        let sentence = format!("{}: {what}", plan.unwrap_or("all plans"));
        context.say(&sentence, &json!({ "plan": plan, "paused": false, "was_paused": was_paused }))?;
        Ok(Answer::Yes)
    }
}
