//! `acknowledge`: evidence at a gate that has nothing to do with the plan.

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::{Answer, Context, Error};

/// Says that something which keeps a plan's gate closed has nothing to do with it.
///
/// The word is the one that the gate shows in brackets: `session:NAME@ROLE`, or `session:NAME` for every role;
/// `statement:ID`; `function:NAME(ARGUMENTS)`; `rights:pg_read_all_stats`. `application:NAME` stands for all instances of an
/// application, and `instance:ID` says that an instance whose lease is over is dead: the sessions with its name are ended.
#[derive(Args)]
pub(super) struct Acknowledge {
    /// The plan.
    plan: String,

    /// The word for the evidence.
    evidence: String,

    /// Takes the word back: the evidence closes the gate again.
    #[arg(long)]
    withdraw: bool,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Acknowledge {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let (plan, evidence) = (self.plan, self.evidence);
        let mut client = self.database.connect()?;
        let migrator = self.decision.sign(context.migrator());
        if self.withdraw {
            migrator.withdraw(&mut client, &plan, &evidence)?;
            let object = json!({ "plan": plan, "evidence": evidence, "acknowledged": false });
            context.say(&format!("{plan}: {evidence} closes its gates again"), &object)?;
            return Ok(Answer::Yes);
        }
        let done = migrator.acknowledge(&mut client, &plan, &evidence)?;
        let sentence = if evidence.starts_with("instance:") {
            let left = match done.left {
                0 => String::new(),
                left => format!("; {left} are left, which this role may not end"),
            };
            format!("{plan}: {evidence} is off the list, and {} of its sessions were ended{left}", done.ended)
        } else {
            format!("{plan}: {evidence} closes its gates no more")
        };
        let object = json!({
            "plan": plan,
            "evidence": evidence,
            "acknowledged": true,
            "sessions_ended": done.ended,
            "sessions_left": done.left,
        });
        context.say(&sentence, &object)?;
        Ok(Answer::Yes)
    }
}
