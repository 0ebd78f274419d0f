//! The session that the runner works in: what it needs set, and what it gives back.

use postgres::error::SqlState;
use postgres::types::{ToSql, Type};
use postgres::{Client, GenericClient, IsolationLevel, Row, SimpleQueryMessage, Transaction};

use crate::connect::{closed, explained, refused};
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::prepared;

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

/// The setting that says which process the session was set up in.
const OWN: &str = "migrate.session";

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
///
/// One connection alone cannot prove that it is a session of its own: a pooler with nothing else to do serves it by the
/// same process each time. So every message on the way looks, and what is set is set only where it was read.
pub(crate) fn with_session<T>(
    client: &mut Client,
    decision: &Decision,
    work: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let process = require_no_transaction(client)?;
    let found = Found::of(client)?;
    found.require_usable(process)?;
    let mut running: Vec<(String, String)> =
        WHILE_RUNNING.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut before = found.settings;
    running.push((OWN.to_owned(), process.to_string()));
    before.push((OWN.to_owned(), String::new()));
    if decision.is_said() {
        running.extend(decision.settings());
        before.extend(Decision::default().settings());
    }
    begin(client, process, &running)?;
    let outcome = prepared::keeping(|| work(client)).map_err(by_pooler);
    match (outcome, set(client, process, &before)) {
        (Ok(value), Ok(())) => Ok(value),
        (Ok(_), Err(error)) => Err(error),
        // The first error says more than that the session could not be given back.
        (Err(error), _) => Err(error),
    }
}

/// Runs `work`, which only reads, in one transaction whose settings end with it: through a pooler too, nobody else sees
/// them. What it asks must not be prepared under a name, which a pooler may not know in the next message.
pub(crate) fn reading<T>(
    client: &mut Client,
    work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    require_no_transaction(client)?;
    let doing = "setting up a transaction to read in";
    let begun = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).read_only(true).start();
    let mut transaction = start(begun, doing)?;
    let (names, values): (Vec<&str>, Vec<&str>) = WHILE_RUNNING.into_iter().unzip();
    let sql = format!("SELECT pg_catalog.set_config(name, value, true) {SETTINGS}");
    transaction.query_typed(&sql, &[(&names, Type::TEXT_ARRAY), (&values, Type::TEXT_ARRAY)]).doing(doing)?;
    let value = prepared::apart(|| work(&mut transaction))?;
    transaction.commit().doing("ending a transaction to read in")?;
    Ok(value)
}

/// The columns of a query by which [`require_kept_as`] knows the session: the process that serves it, and whether it is the
/// one that was set up.
pub(crate) fn kept() -> String {
    format!(
        "pg_catalog.pg_backend_pid(), pg_catalog.current_setting('{OWN}', true) \
         IS NOT DISTINCT FROM pg_catalog.pg_backend_pid()::pg_catalog.text"
    )
}

/// Refuses to go on where the session is not the one that was set up: a pooler has changed it. The columns of [`kept`] are in
/// `row` from that place on.
pub(crate) fn require_kept_as(row: &Row, place: usize) -> Result<(), Error> {
    let process: i32 = row.get(place);
    if row.get(place + 1) {
        return Ok(());
    }
    Err(refused(format!("process {process} serves it now, and has not its settings")))
}

/// Asks for nothing else.
pub(crate) fn require_kept(client: &mut Client) -> Result<(), Error> {
    let row = client.query_typed_one(&format!("SELECT {}", kept()), &[]).doing("looking for the session's settings")?;
    require_kept_as(&row, 0)
}

/// Sets a session up, in a transaction: not every pooler allows one.
fn begin(client: &mut Client, process: i32, settings: &[(String, String)]) -> Result<(), Error> {
    let doing = "setting up the session";
    let mut transaction = start(client.transaction(), doing)?;
    require_own_names(&mut transaction)?;
    set(&mut transaction, process, settings)?;
    transaction.commit().map_err(|error| broken(doing, error))
}

/// A pooler that follows statements from one session to another names them anew. In a transaction, so that one that
/// does not follow them is left without this one.
fn require_own_names(transaction: &mut Transaction<'_>) -> Result<(), Error> {
    let doing = "looking for a pooler";
    let sql = "SELECT name FROM pg_catalog.pg_prepared_statements \
               WHERE statement OPERATOR(pg_catalog.=) $1::pg_catalog.text";
    let rows = transaction.query(sql, &[&sql]).map_err(|error| broken(doing, error))?;
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    match names.first().filter(|_| !names.iter().any(|name| is_the_drivers(name))) {
        Some(name) => Err(refused(format!("what it prepares is prepared as \"{name}\""))),
        None => Ok(()),
    }
}

/// The rows of two arrays of parameters.
const SETTINGS: &str = "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS setting(name, value)";

/// Sets what is given, if `process` still serves the connection: elsewhere it would be somebody else's session.
fn set(client: &mut impl GenericClient, process: i32, settings: &[(String, String)]) -> Result<(), Error> {
    let (names, values): (Vec<&str>, Vec<&str>) =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).unzip();
    let sql = format!(
        "SELECT pg_catalog.set_config(name, value, false) {SETTINGS} \
         WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) $3"
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&names, Type::TEXT_ARRAY), (&values, Type::TEXT_ARRAY), (&process, Type::INT4)];
    let rows = client.query_typed(&sql, &parameters).map_err(|error| broken("setting up the session", error))?;
    if rows.len() == settings.len() { Ok(()) } else { Err(changed(process)) }
}

/// What a session is before the runner changes it.
struct Found {
    settings: Vec<(String, String)>,
    process: i32,
    version: i32,
    is_standby: bool,
}

impl Found {
    fn of(client: &mut Client) -> Result<Found, Error> {
        let names = WHILE_RUNNING.map(|(name, _)| name);
        let sql = "SELECT ARRAY (SELECT pg_catalog.current_setting(name) \
                                 FROM pg_catalog.unnest($1) WITH ORDINALITY AS setting(name, place) ORDER BY place), \
                          pg_catalog.pg_backend_pid(), pg_catalog.current_setting('server_version_num')::pg_catalog.int4, \
                          pg_catalog.pg_is_in_recovery()";
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&names.as_slice(), Type::TEXT_ARRAY)];
        let row = client.query_typed_one(sql, &parameters).doing("reading the session's settings")?;
        let values: Vec<String> = row.get(0);
        Ok(Found {
            settings: names.iter().map(|name| (*name).to_owned()).zip(values).collect(),
            process: row.get(1),
            version: row.get(2),
            is_standby: row.get(3),
        })
    }

    /// Refuses a session that no migration can run in.
    fn require_usable(&self, process: i32) -> Result<(), Error> {
        if self.process != process {
            return Err(changed(process));
        }
        if self.version < OLDEST {
            return Err(Error::ServerTooOld { found: self.version });
        }
        if self.is_standby {
            return Err(Error::ReadOnly { reason: "it is a standby".to_owned() });
        }
        Ok(())
    }
}

/// Whether the driver gives a statement such a name: `s` and a number.
fn is_the_drivers(name: &str) -> bool {
    name.strip_prefix('s').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn changed(process: i32) -> Error {
    refused(format!("it was served by process {process}, and then by another"))
}

/// The pooler that an error of the work comes of, or the error.
fn by_pooler(error: Error) -> Error {
    let evidence = match &error {
        Error::Database(error) => explained(error.driver()),
        _ => None,
    };
    evidence.map_or(error, refused)
}

/// A transaction that was begun. A pooler of statements allows none, and ends the connection that asks for one.
fn start<'a>(begun: Result<Transaction<'a>, postgres::Error>, doing: &str) -> Result<Transaction<'a>, Error> {
    begun.map_err(|error| match closed(&error) {
        true => refused("it was closed because a transaction began"),
        false => broken(doing, error),
    })
}

/// An error, or the pooler that it comes of.
fn broken(doing: &str, error: postgres::Error) -> Error {
    match explained(&error) {
        Some(evidence) => refused(evidence),
        None => DatabaseError::new(doing, error).into(),
    }
}

/// The caller's transaction would be committed by the first of ours, or ours be undone with it. Answers the process that
/// serves the connection.
fn require_no_transaction(client: &mut Client) -> Result<i32, Error> {
    let doing = "looking for an open transaction";
    // A statement of its own in the simple protocol begins its transaction at its own start.
    let alone = "SELECT pg_catalog.now() OPERATOR(pg_catalog.=) pg_catalog.statement_timestamp(), \
                 pg_catalog.pg_backend_pid()";
    let messages = match client.simple_query(alone) {
        // The look for something to do has failed in it, as everything does in a database without a state.
        Err(error) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => return Err(Error::InTransaction),
        answer => answer.doing(doing)?,
    };
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    match row.map(|row| (row.get(0), row.get(1).and_then(|process| process.parse().ok()))) {
        Some((Some("t"), Some(process))) => Ok(process),
        _ => Err(Error::InTransaction),
    }
}
