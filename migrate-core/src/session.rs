//! The session that the runner works in: what it needs set, and what it gives back.

use postgres::Client;

use crate::database::Doing;
use crate::error::Error;

/// The oldest `server_version_num` supported: PostgreSQL 14 brought TID range scans, SQL-body functions
/// and `CREATE OR REPLACE TRIGGER`, and its first releases could corrupt concurrently built indexes.
const OLDEST: i32 = 140_000;

/// What the caller's session is set to while the runner works. `pg_temp` stands last, since PostgreSQL
/// would otherwise look there first.
const WHILE_RUNNING: [(&str, &str); 12] = [
    ("search_path", "pg_catalog, pg_temp"),
    ("lock_timeout", "0"),
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
    ("standard_conforming_strings", "on"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("client_min_messages", "warning"),
];

/// Runs `work` in a session set up for it, and gives the session back as it was.
pub(crate) fn with_session<T>(
    client: &mut Client,
    work: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let before = WHILE_RUNNING.map(|(name, _)| name);
    let names: Vec<&str> = before.to_vec();
    let saved: Vec<(String, String)> = client
        .query(
            "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.unnest($1::pg_catalog.text[]) AS name",
            &[&names],
        )
        .doing("reading the session's settings")?
        .into_iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let running = WHILE_RUNNING.map(|(name, value)| (name.to_owned(), value.to_owned()));
    set(client, &running)?;
    let outcome = require_usable(client).and_then(|()| work(client));
    match (outcome, set(client, &saved)) {
        (Ok(value), Ok(())) => Ok(value),
        (Ok(_), Err(error)) => Err(error),
        // The first error says more than that the session could not be given back.
        (Err(error), _) => Err(error),
    }
}

fn set(client: &mut Client, settings: &[(String, String)]) -> Result<(), Error> {
    let (names, values): (Vec<&str>, Vec<&str>) =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).unzip();
    client
        .query(
            "SELECT pg_catalog.set_config(name, value, false) \
             FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) \
             AS setting(name, value)",
            &[&names, &values],
        )
        .doing("setting up the session")?;
    Ok(())
}

fn require_usable(client: &mut Client) -> Result<(), Error> {
    let row = client
        .query_one("SELECT pg_catalog.current_setting('server_version_num')::int, pg_catalog.pg_is_in_recovery()", &[])
        .doing("asking for the server's version")?;
    let found: i32 = row.get(0);
    if found < OLDEST {
        return Err(Error::ServerTooOld { found });
    }
    if row.get(1) {
        return Err(Error::ReadOnly { reason: "it is a standby".to_owned() });
    }
    Ok(())
}
