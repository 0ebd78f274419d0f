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
        let (rows, name) = (found.rows, &found.plan);
        let mut sentence = match found.closed.is_empty() {
            true => format!("{name}: both sides of {rows} rows agree"),
            false => format!("{name}: {rows} rows were compared"),
        };
        for closed in &found.closed {
            sentence = format!("{sentence}\n    closed  {closed}");
        }
        let closed: Vec<_> = found.closed.iter().map(report::closed).collect();
        context.say(&sentence, &json!({ "plan": name, "rows": rows, "agree": closed.is_empty(), "closed": closed }))?;
        Ok(if found.closed.is_empty() { Answer::Yes } else { Answer::No })
    }
}
