//! Who decides something, and why.

use std::env;

use clap::Args;

use crate::Migrator;

/// What the history tells of a decision.
#[derive(Args)]
pub(super) struct Decision {
    /// Who decides this, for the history; the user of this machine where it is not given.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

impl Decision {
    pub(super) fn sign(self, mut migrator: Migrator) -> Migrator {
        if let Some(by) = self.by.or_else(|| env::var("USER").ok()) {
            migrator = migrator.decided_by(by);
        }
        if let Some(why) = self.why {
            migrator = migrator.reason(why);
        }
        migrator
    }
}
