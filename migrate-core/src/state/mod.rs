//! The state in the database: plans, journal, cursors, history.

mod history;
mod jobs;
mod journal;
mod plans;
mod standing;
mod under_way;
mod work;

use postgres::error::SqlState;
use postgres::{Client, GenericClient};

pub use history::HistoryEntry;
pub(crate) use history::{Entry, entry_sql, history, record};
pub(crate) use jobs::job;
pub use jobs::{JobNow, JobReport};
pub(crate) use journal::{JournalStep, StepState, finish, mark, reached, steps};
pub(crate) use plans::{PlanRow, Shape, Status, TableRow, by_name, forget, insert, last_look, looked_at, plans, side};
pub(crate) use standing::{Standing, stand, switch};
pub(crate) use under_way::UnderWay;
pub(crate) use work::side_of;

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::{Error, Problem};

/// The version of the tables. A newer library may raise it and change them.
const VERSION: i32 = 1;

/// The oldest version of this library that can work with them: builds with older libraries live on beside newer ones, so it
/// is raised only where there is no other way.
const COMPATIBLE: i32 = 1;

/// The functions of the state are the same in every database, and tests call them: to check each as it is made is about a
/// tenth of what it takes to make the state.
const WITHOUT_CHECKS: &str = "SET LOCAL check_function_bodies = off; ";

/// Creates the state where it is missing. The caller holds the leader's lock, so nobody races.
pub(crate) fn ensure(client: &mut Client) -> Result<(), Error> {
    if exists(client)? {
        return Ok(());
    }
    require_right_to_create(client)?;
    let mut transaction = client.transaction().doing("creating the state")?;
    // Asking for a schema that is there would need the right to create one.
    let there: bool = transaction
        .ask_one("SELECT pg_catalog.to_regnamespace('migrate') IS NOT NULL", &[])
        .doing("looking for the state")?
        .get(0);
    let schema = if there { "" } else { "CREATE SCHEMA migrate; " };
    transaction
        .batch_execute(&format!(
            "{WITHOUT_CHECKS}{schema}GRANT USAGE ON SCHEMA migrate TO PUBLIC;\n{}\n{}\n\
             INSERT INTO migrate.state_version (version, compatible) VALUES ({VERSION}, {COMPATIBLE});",
            include_str!("schema.sql"),
            include_str!("functions.sql")
        ))
        .doing("creating the state in schema \"migrate\"")?;
    transaction.commit().doing("creating the state")?;
    Ok(())
}

/// Whether there is a state, which must be of a version that this library knows.
pub(crate) fn exists(client: &mut impl GenericClient) -> Result<bool, Error> {
    let Some((found, compatible)) = version(client)? else { return Ok(false) };
    require_compatible(found, compatible)?;
    Ok(true)
}

/// Refuses a state that this library cannot work with.
pub(crate) fn require_compatible(found: i32, compatible: i32) -> Result<(), Error> {
    if is_compatible(compatible) { Ok(()) } else { Err(Error::NewerState { found, known: VERSION }) }
}

/// Whether this library can work with a state that says so of the oldest one that can.
pub(crate) fn is_compatible(oldest: i32) -> bool {
    oldest <= VERSION
}

/// Whether a query of the state's functions was refused because there is no state.
pub(crate) fn is_absent(code: &SqlState) -> bool {
    [SqlState::INVALID_SCHEMA_NAME, SqlState::UNDEFINED_FUNCTION, SqlState::UNDEFINED_TABLE].contains(code)
}

/// The version of the state, if there is any, and the oldest library that may work with it.
fn version(client: &mut impl GenericClient) -> Result<Option<(i32, i32)>, Error> {
    let exists: bool = client
        .ask_one("SELECT pg_catalog.to_regclass('migrate.state_version') IS NOT NULL", &[])
        .doing("looking for the state")?
        .get(0);
    if !exists {
        return Ok(None);
    }
    let row = client
        .ask_opt("SELECT version, compatible FROM migrate.state_version", &[])
        .doing("reading the state's version")?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

fn require_right_to_create(client: &mut Client) -> Result<(), Error> {
    let row = client
        .ask_one(
            "SELECT current_user::text, current_database()::text, \
                    CASE WHEN pg_catalog.to_regnamespace('migrate') IS NULL \
                         THEN pg_catalog.has_database_privilege(current_database(), 'CREATE') \
                         ELSE pg_catalog.has_schema_privilege('migrate', 'CREATE') END, \
                    EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.to_regnamespace('migrate'))",
            &[],
        )
        .doing("asking for rights")?;
    let (role, database, allowed, occupied): (String, String, bool, bool) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    let problem = if !allowed {
        Problem::new(
            format!("role \"{role}\""),
            format!("may not create the schema \"migrate\" in database \"{database}\", which holds the state"),
            format!("GRANT CREATE ON DATABASE \"{database}\" TO \"{role}\""),
        )
    } else if occupied {
        Problem::new(
            "schema \"migrate\"",
            "holds tables that are not this library's",
            "rename it: the library keeps its state in a schema of that name",
        )
    } else {
        return Ok(());
    };
    Err(Error::Preflight { plan: "(state)".to_owned(), problems: vec![problem] })
}
