//! `failed`: rows that stand in the way.

use clap::Args;
use serde_json::{Value, json};

use super::database::Database;
use super::{Answer, Context, Error, history, report};
use crate::Failure;

/// Shows the rows that stand in the way of running plans: plan, step, table, key, value and error.
///
/// Mend them in the table, on either side, or a function that the conversion calls; then `retry`.
#[derive(Args)]
pub(super) struct Failed {
    /// The plan; all of them where none is given.
    plan: Option<String>,

    /// How many rows.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,

    #[command(flatten)]
    database: Database,
}

impl Failed {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let mut client = self.database.connect()?;
        let failed = context.migrator().failed(&mut client, self.plan.as_deref(), self.limit)?;
        if context.json {
            let rows: Vec<Value> = failed.rows.iter().map(object).collect();
            context.line(&json!({ "count": failed.count, "rows": rows }).to_string())?;
            return Ok(Answer::Yes);
        }
        for failure in &failed.rows {
            context.line(&sentence(failure))?;
        }
        match (failed.count, failed.rows.len() as u64) {
            (0, _) => context.line("no row stands in the way")?,
            (count, shown) if shown < count => context.line(&format!("{shown} of {count} rows"))?,
            _ => {}
        }
        Ok(Answer::Yes)
    }
}

fn sentence(failure: &Failure) -> String {
    let Failure { plan, step, row, .. } = failure;
    format!("{plan}  {step}  {}", history::in_one_line(&row.to_string()))
}

fn object(failure: &Failure) -> Value {
    let mut object = report::failed_row(&failure.row);
    object["plan"] = failure.plan.as_str().into();
    object["step"] = failure.step.as_str().into();
    object["seen_at"] = failure.seen_at.as_str().into();
    object
}
