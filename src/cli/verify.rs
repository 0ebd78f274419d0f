//! `verify`: compares both sides of a plan.

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::{Answer, Context, Error, report};

/// Compares both sides of every row of a plan now, in small transactions. At any time from when its tables are filled until the
/// old columns are retired; it goes on where it was cut short.
#[derive(Args)]
pub(super) struct Verify {
    /// The plan.
    plan: String,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Verify {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let mut client = self.database.connect_direct()?;
        let migrator = self.database.with_more(self.decision.sign(context.migrator()))?;
        let found = migrator.verify(&mut client, &self.plan)?;
        let closed: Vec<_> = found.closed.iter().map(report::closed).collect();
        let answer = json!({ "plan": found.plan, "rows": found.rows, "agree": closed.is_empty(), "closed": closed });
        context.say(&found.to_string(), &answer)?;
        Ok(if found.closed.is_empty() { Answer::Yes } else { Answer::No })
    }
}
