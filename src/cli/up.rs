//! `up`: carries plans forward.

use std::time::Duration;

use clap::Args;

use super::database::Database;
use super::decision::Decision;
use super::{Answer, Context, Error, phase, report};
use crate::Phase;

/// Carries every plan as far as its stage and the data allow.
///
/// With `--plan` and `--to`, one plan goes to the end of that phase, and a hold on it ends there. `--to contract` drops
/// the old columns, and no revert brings them back. Exits with 1 where a gate is closed.
#[derive(Args)]
pub(super) struct Up {
    /// The plan to carry on to the end of `--to`.
    #[arg(long, value_name = "NAME", requires = "to")]
    plan: Option<String>,

    /// The phase to carry `--plan` to.
    #[arg(long, value_name = "PHASE", requires = "plan", value_parser = phase::parser(Phase::ALL))]
    to: Option<Phase>,

    /// How long the new side must have been in use before contract goes on; an hour where it is not given.
    #[arg(long, value_name = "SECONDS")]
    soak: Option<u64>,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Up {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let ordered = match self.plan.zip(self.to) {
            Some((name, to)) => Some((context.plan(&name)?, to)),
            None => None,
        };
        let mut client = self.database.connect_direct()?;
        let mut migrator = self.database.with_more(self.decision.sign(context.migrator()))?;
        if let Some(soak) = self.soak {
            migrator = migrator.soak(Duration::from_secs(soak));
        }
        let done = match ordered {
            Some((plan, to)) => migrator.advance(&mut client, plan, to)?,
            None => migrator.run(&mut client)?,
        };
        if let Some(leader) = done.leader {
            return Err(crate::Error::Busy { leader }.into());
        }
        report::say(context, &done)?;
        Ok(if done.is_complete() { Answer::Yes } else { Answer::No })
    }
}
