//! `baseline`: records plans as finished.

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::{Answer, Context, Error};
use crate::{Plan, Stage};

/// Records plans as finished in a database that was made from a schema in which they are.
///
/// For a fresh database that a dump was loaded into: the new columns are there, and the old ones are not. Nothing is changed
/// but the ledger. Exits with 1 where a table looks otherwise, and says what is different.
#[derive(Args)]
pub(super) struct Baseline {
    /// The plans; every one that this build has at `stage contract` where none is given.
    plans: Vec<String>,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Baseline {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let plans: Vec<&'static Plan> = if self.plans.is_empty() {
            context.migrations.plans().iter().copied().filter(|plan| plan.stage == Stage::Contract).collect()
        } else {
            self.plans.iter().map(|name| context.plan(name)).collect::<Result<_, _>>()?
        };
        let mut client = self.database.connect()?;
        let migrator = self.decision.sign(context.migrator());
        for plan in &plans {
            migrator.baseline(&mut client, plan)?;
        }
        let names: Vec<&str> = plans.iter().map(|plan| &*plan.name).collect();
        let sentence = match names.as_slice() {
            [] => "this build has no plan at `stage contract`; there is nothing to record".to_owned(),
            names => format!("recorded as finished: {}", names.join(", ")),
        };
        context.say(&sentence, &json!({ "finished": names }))?;
        Ok(Answer::Yes)
    }
}
