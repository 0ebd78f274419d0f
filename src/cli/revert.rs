//! `revert`: takes a plan back.

use clap::Args;
use postgres::Client;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::{Answer, Context, Error, phase};
use crate::{Migrator, Phase, Position, Side, Stage};

/// Takes a plan back to the old shape, with all later writes in it, and holds it there.
///
/// The new columns go: a process that still uses them fails. With `--to` it goes back to the end of that phase only,
/// and both sides stay.
#[derive(Args)]
pub(super) struct Revert {
    /// The plan.
    plan: String,

    /// The last phase to keep.
    #[arg(long, value_name = "PHASE", value_parser = phase::parser([Phase::Expand, Phase::DualWrite, Phase::Switch]))]
    to: Option<Phase>,

    /// Says that no process uses the new columns any more.
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Revert {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let name = self.plan;
        let mut client = self.database.connect_direct()?;
        let migrator = self.decision.sign(context.migrator());
        let sentence = match self.to {
            Some(phase) => {
                migrator.revert_to(&mut client, &name, phase)?;
                format!("{name}: taken back to {phase}, and held there until it is released")
            }
            None => {
                if !self.yes
                    && let Some(why) = may_be_in_use(context, &migrator, &mut client, &name)?
                {
                    return Err(Error::Unconfirmed { plan: name, why });
                }
                migrator.revert(&mut client, &name)?;
                format!("{name}: reverted, and held until it is released")
            }
        };
        let to = self.to.map(Phase::as_str);
        context.say(&sentence, &json!({ "plan": name, "reverted_to": to, "held": true }))?;
        Ok(Answer::Yes)
    }
}

/// Why processes may use the new columns, as far as the database and this build tell.
fn may_be_in_use(
    context: &Context<'_>,
    migrator: &Migrator,
    client: &mut Client,
    name: &str,
) -> Result<Option<String>, Error> {
    let report = migrator.status(client)?;
    if report.unknown.iter().any(|unknown| unknown == name) {
        return Ok(Some("this program does not know the plan, so another build may use its new columns".to_owned()));
    }
    // What has not started, or is finished, is refused or left alone by the revert itself.
    let Some(plan) = report.plan(name).filter(|plan| matches!(plan.position, Position::After(_))) else {
        return Ok(None);
    };
    if plan.side == Side::New {
        return Ok(Some("the new side is the one in use".to_owned()));
    }
    let stage = context.plan(name)?.stage;
    Ok((stage > Stage::DualWrite).then(|| format!("this build is at stage {stage}, and uses the new columns only")))
}
