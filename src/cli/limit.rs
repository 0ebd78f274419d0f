//! `limit`: has jobs keep to less than the load of the database allows.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::decision::Decision;
use super::lasting::Lasting;
use super::{Answer, Context, Error};
use crate::Limit as Limits;

/// Has the backfills and verifications of a plan, or of all plans, keep to a limit, in place of the one before. Those at work
/// follow within a second.
#[derive(Args)]
pub(super) struct Limit {
    /// The plan; all plans where none is named.
    plan: Option<String>,

    /// The share of the time in which each session of a job works: `25%`, or `0.25`.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    duty: Option<f64>,

    /// Rows in a second, of all sessions of a job together.
    #[arg(long, value_name = "ROWS")]
    rate: Option<f64>,

    /// The sessions of a job.
    #[arg(long, value_name = "NUMBER")]
    workers: Option<u32>,

    /// The lag of a replica at which a job stands still: `500ms`, `10s`; or `off`.
    #[arg(long, value_name = "TIME", value_parser = lag)]
    replica_lag: Option<Duration>,

    /// Ends the limit.
    #[arg(long, conflicts_with_all = ["duty", "rate", "workers", "replica_lag", "lasting"])]
    off: bool,

    #[command(flatten)]
    lasting: Lasting,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    decision: Decision,
}

impl Limit {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let mut limit = Limits::NONE;
        limit.duty = self.duty;
        limit.rows_per_second = self.rate;
        limit.workers = self.workers;
        limit.replica_lag = self.replica_lag;
        if limit == Limits::NONE && !self.off {
            let why = "say one of `--duty`, `--rate`, `--workers`, `--replica-lag`, or `--off`".to_owned();
            return Err(crate::Error::NotALimit { why }.into());
        }
        let plan = self.plan.as_deref();
        let mut client = self.database.connect_direct()?;
        self.decision.sign(context.migrator()).limit(&mut client, plan, limit, self.lasting.duration())?;
        let name = plan.unwrap_or("all plans");
        let sentence = match self.off {
            true => format!("{name}: jobs are not limited any more"),
            false => format!("{name}: jobs keep to {limit} {}", self.lasting.or("until that is taken back")),
        };
        let object = json!({
            "plan": plan, "duty": self.duty, "rows_per_second": self.rate, "workers": self.workers,
            "replica_lag_seconds": self.replica_lag.filter(|lag| *lag < Duration::MAX).map(|lag| lag.as_secs_f64()),
            "replica_lag_off": self.replica_lag == Some(Duration::MAX),
            "seconds": self.lasting.seconds(),
        });
        context.say(&sentence, &object)?;
        Ok(Answer::Yes)
    }
}

/// A share as people write it.
fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number.trim_end(), 100.0));
    number.parse::<f64>().map(|number| number / whole).map_err(|_| "it is written `25%` or `0.25`".to_owned())
}

fn lag(text: &str) -> Result<Duration, String> {
    if text == "off" {
        return Ok(Duration::MAX);
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}
