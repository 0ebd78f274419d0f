//! `status`: where every plan is.

use clap::Args;

use super::database::Database;
use super::{Answer, Context, Error, report};

/// Shows where every plan is, and what keeps it from going on. Changes nothing.
#[derive(Args)]
pub(super) struct Status {
    #[command(flatten)]
    database: Database,
}

impl Status {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let mut client = self.database.connect()?;
        let found = context.migrator().status(&mut client)?;
        report::say(context, &found)?;
        Ok(Answer::Yes)
    }
}
