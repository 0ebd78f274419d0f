//! Which errors are waited out, and which are not.

use std::time::Duration;

use postgres::error::SqlState;

use crate::error::Error;
use crate::settings::Settings;

/// Whether an error ends the pulse: what no time and no other connection mends. A password or a database that is not there is
/// an error of the configuration at the start, and may be a passing one later.
pub(super) fn is_final(error: &Error, was_served: bool) -> bool {
    match error {
        Error::Retired { .. } | Error::NewerState { .. } | Error::ServerTooOld { .. } | Error::Pooled { .. } => true,
        Error::Database(error) if !was_served => error.code().is_some_and(|code| {
            [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION, SqlState::INVALID_CATALOG_NAME]
                .contains(code)
        }),
        _ => false,
    }
}

/// Whether an error of a pass would come again and again, until somebody has changed the database or the program.
pub(super) fn is_hopeless(error: &Error) -> bool {
    match error {
        Error::Preflight { .. }
        | Error::PlanEdited { .. }
        | Error::Drift { .. }
        | Error::TriggerOrder { .. }
        | Error::NewerState { .. }
        | Error::ServerTooOld { .. }
        | Error::Pooled { .. } => true,
        Error::Database(error) => error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE),
        _ => false,
    }
}

/// How long nobody needs to try again after an error.
pub(super) fn pause(error: &Error, settings: &Settings) -> Duration {
    if is_hopeless(error) { settings.poll * 10 } else { settings.poll }
}
