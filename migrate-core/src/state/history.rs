//! Who did what when.

use postgres::GenericClient;

use crate::database::Doing;
use crate::error::Error;

/// One thing that happened to a plan.
pub(crate) struct Entry<'a> {
    pub(crate) plan: &'a str,
    pub(crate) event: &'a str,
    pub(crate) step: Option<&'a str>,
    pub(crate) statements: &'a [String],
}

/// Adds an entry, in the transaction of what it tells.
pub(crate) fn record(client: &mut impl GenericClient, entry: &Entry<'_>) -> Result<(), Error> {
    client
        .execute(
            "INSERT INTO migrate.history (plan, event, step, statements) VALUES ($1, $2, $3, $4)",
            &[&entry.plan, &entry.event, &entry.step, &entry.statements],
        )
        .doing("writing the history")?;
    Ok(())
}
