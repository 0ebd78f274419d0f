//! The session that the runner works in: what it needs set, and what it gives back.

use postgres::error::SqlState;
use postgres::{Client, SimpleQueryMessage};

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;

/// The oldest `server_version_num` supported: PostgreSQL 14 brought TID range scans, SQL-body functions
/// and `CREATE OR REPLACE TRIGGER`, and its first releases could corrupt concurrently built indexes.
const OLDEST: i32 = 140_000;

/// What the caller's session is set to while the runner works. `pg_temp` stands last, since PostgreSQL
/// would otherwise look there first. With `row_security` off, a policy that would hide rows is an error. `jit` is off as a
/// precaution: queries of the catalog are small, and without statistics may look expensive enough to be compiled.
const WHILE_RUNNING: [(&str, &str); 14] = [
    ("search_path", "pg_catalog, pg_temp"),
    ("row_security", "off"),
    ("jit", "off"),
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

/// Who has what is done in a session done, and why. The history takes it from the session's settings, so that every
/// entry has it, whatever writes it.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    pub(crate) by: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Decision {
    fn is_said(&self) -> bool {
        self.by.is_some() || self.reason.is_some()
    }

    fn settings(&self) -> [(String, String); 2] {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        [("migrate.decided_by".to_owned(), text(&self.by)), ("migrate.reason".to_owned(), text(&self.reason))]
    }
}

/// Runs `work` on a primary, in a session set up for it, and gives the session back as it was.
pub(crate) fn with_session<T>(
    client: &mut Client,
    decision: &Decision,
    work: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    require_no_transaction(client)?;
    with_settings(client, |client| {
        require_usable(client)?;
        if !decision.is_said() {
            return work(client);
        }
        set(client, &decision.settings())?;
        let outcome = work(client);
        let ended = set(client, &Decision::default().settings());
        let value = outcome?;
        ended?;
        Ok(value)
    })
}

/// Runs `work`, which only reads, in a session set up for it, and gives the session back as it was.
pub(crate) fn with_settings<T>(
    client: &mut Client,
    work: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let before = WHILE_RUNNING.map(|(name, _)| name);
    let names: Vec<&str> = before.to_vec();
    let saved: Vec<(String, String)> = client
        .ask(
            "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.unnest($1::pg_catalog.text[]) AS name",
            &[&names],
        )
        .doing("reading the session's settings")?
        .into_iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let running = WHILE_RUNNING.map(|(name, value)| (name.to_owned(), value.to_owned()));
    set(client, &running)?;
    let outcome = work(client);
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
        .ask(
            "SELECT pg_catalog.set_config(name, value, false) \
             FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) \
             AS setting(name, value)",
            &[&names, &values],
        )
        .doing("setting up the session")?;
    Ok(())
}

/// The caller's transaction would be committed by the first of ours, or ours be undone with it.
fn require_no_transaction(client: &mut Client) -> Result<(), Error> {
    // A statement of its own in the simple protocol begins its transaction at its own start.
    let alone = "SELECT pg_catalog.now() OPERATOR(pg_catalog.=) pg_catalog.statement_timestamp()";
    let messages = match client.simple_query(alone) {
        // The look for something to do has failed in it, as everything does in a database without a state.
        Err(error) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => return Err(Error::InTransaction),
        answer => answer.doing("looking for an open transaction")?,
    };
    let is_alone = messages.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
        _ => false,
    });
    if is_alone { Ok(()) } else { Err(Error::InTransaction) }
}

fn require_usable(client: &mut Client) -> Result<(), Error> {
    let row = client
        .ask_one("SELECT pg_catalog.current_setting('server_version_num')::int, pg_catalog.pg_is_in_recovery()", &[])
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
