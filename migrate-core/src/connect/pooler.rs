//! Whether a connection is a session of its own, or a pooler's that is shared between transactions.
//!
//! While a second connection of the same source holds a transaction open, the first asks which process serves it. A
//! session has one process for all its life, and nobody else has that one: with PostgreSQL itself and with session
//! pooling. A pooler of transactions or statements gives the first one's process to the second as soon as the first is
//! idle, or another process to the first while the second holds its own, or none at all where it has no more.

use std::thread;
use std::time::{Duration, Instant};

use postgres::error::SqlState;
use postgres::{Client, SimpleQueryMessage};

use super::Source;
use super::hint::{COLUMNS, Hint};
use crate::database::{DatabaseError, Doing};
use crate::error::Error;

/// How long an answer that takes no work may take. A pooler whose connections are all in use gives none.
const ANSWER: Duration = Duration::from_secs(5);

/// How long closing may take where nothing is waited for, and how often that is looked at.
const CLOSING: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_millis(2);

/// How often both are compared: a pooler that takes turns among its connections gives itself away in some of them.
const ROUNDS: usize = 4;

/// The mark of the first connection, which no other should see.
const MARK: &str = "migrate.probe";

/// The `application_name` of the second connection.
const WITNESS: &str = "migrate looks for a pooler";

const DOING: &str = "looking for a pooler";

/// Looks for signs, and where there are any makes sure.
pub(super) fn require_direct(source: &Source, client: &mut Client, begun: Instant) -> Result<(), Error> {
    let Some(sign) = sign(source, client, begun)? else { return Ok(()) };
    tracing::debug!(sign, "this may be a pooler");
    compare(source, client, source.connect(WITNESS)?)
}

/// Makes sure, where a second connection can be had or where there are signs.
pub(super) fn prove_direct(source: &Source, client: &mut Client, begun: Instant) -> Result<(), Error> {
    let sign = sign(source, client, begun)?;
    match source.connect(WITNESS) {
        Ok(witness) => compare(source, client, witness),
        Err(error) if sign.is_none() => {
            tracing::debug!(%error, "there is no second connection to look for a pooler with, and no sign of one");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn sign(source: &Source, client: &mut Client, begun: Instant) -> Result<Option<String>, Error> {
    let row = client.query_typed_one(&format!("SELECT {COLUMNS}"), &[]).doing(DOING)?;
    Ok(Hint::of(&row, 0).sign(source, begun))
}

fn compare(source: &Source, client: &mut Client, mut witness: Client) -> Result<(), Error> {
    let own = Standing::of(client)?.process;
    let token = format!("{own} {:?}", Instant::now());
    mark(client, &token)?;
    let evidence = rounds(client, &mut witness, &own, &token);
    release(source, witness);
    match evidence? {
        Some(evidence) => Err(refused(evidence)),
        None => mark(client, ""),
    }
}

/// Closes the second connection. One that waits for a pooler is closed when that one has answered.
fn release(source: &Source, witness: Client) {
    let token = witness.cancel_token();
    let closing = thread::Builder::new().name("migrate: closing".to_owned()).spawn(move || drop(witness));
    let Ok(closing) = closing else { return };
    let begun = Instant::now();
    while !closing.is_finished() && begun.elapsed() < CLOSING {
        thread::sleep(POLL);
    }
    if !closing.is_finished() {
        // What it waits for is not needed any more.
        let _ = source.cancel(&token);
    }
}

fn rounds(client: &mut Client, witness: &mut Client, own: &str, token: &str) -> Result<Option<String>, Error> {
    for _ in 0..ROUNDS {
        let other = match beside(witness)? {
            Beside::Served(other) => other,
            // Whoever waits is served before whoever asks later: where the first one is served and the second one is
            // not, the first one has its connection for itself.
            Beside::Waits if answers(client).is_err() => return Ok(Some("no connection is free for it".to_owned())),
            Beside::Waits => return Ok(Standing::of(client)?.differs(own, token)),
            Beside::Refused(evidence) => return Ok(Some(evidence)),
        };
        if other.process == own || other.mark.as_deref() == Some(token) {
            return Ok(Some(format!("a second connection was served by its process {own} too")));
        }
        if answers(client).is_err() {
            return Ok(Some("while a second connection has a transaction open, it is not served".to_owned()));
        }
        let while_open = Standing::of(client)?;
        witness.batch_execute("ROLLBACK").doing(DOING)?;
        for standing in [while_open, Standing::of(client)?, Standing::of(client)?] {
            if let Some(evidence) = standing.differs(own, token) {
                return Ok(Some(evidence));
            }
        }
    }
    Ok(None)
}

/// What comes of a transaction on the second connection.
enum Beside {
    Served(Standing),
    Waits,
    Refused(String),
}

/// Opens a transaction on the second connection, and leaves it open.
fn beside(witness: &mut Client) -> Result<Beside, Error> {
    if let Err(error) = answers(witness) {
        // The driver has no accessor for the kind of its errors; a time-out is one that nothing stands behind.
        return if std::error::Error::source(&error).is_none() && !witness.is_closed() {
            Ok(Beside::Waits)
        } else {
            Err(DatabaseError::new(DOING, error).into())
        };
    }
    match witness.batch_execute("BEGIN") {
        Ok(()) => Ok(Beside::Served(Standing::of(witness)?)),
        Err(error) if closed(&error) => {
            Ok(Beside::Refused("a second connection was closed because a transaction began".to_owned()))
        }
        Err(error) => match explained(&error) {
            Some(evidence) => Ok(Beside::Refused(evidence)),
            None => Err(DatabaseError::new(DOING, error).into()),
        },
    }
}

fn answers(client: &mut Client) -> Result<(), postgres::Error> {
    client.is_valid(ANSWER)
}

fn mark(client: &mut Client, token: &str) -> Result<(), Error> {
    let sql = format!("SELECT pg_catalog.set_config('{MARK}', '{token}', false)");
    client.simple_query(&sql).doing(DOING)?;
    Ok(())
}

/// Who serves a connection, and which mark that one has.
struct Standing {
    process: String,
    mark: Option<String>,
}

impl Standing {
    /// In one transaction of its own, or in the one that is open.
    fn of(client: &mut Client) -> Result<Standing, Error> {
        let sql = format!("SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('{MARK}', true)");
        let messages = client.simple_query(&sql).doing(DOING)?;
        let row = messages.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let text = |place| row.as_ref().and_then(|row| row.get(place)).map(str::to_owned);
        Ok(Standing { process: text(0).unwrap_or_default(), mark: text(1) })
    }

    /// How it is not what a session of its own would be.
    fn differs(&self, own: &str, token: &str) -> Option<String> {
        if self.process != own {
            return Some(format!("it was served by process {own}, then by process {}", self.process));
        }
        (self.mark.as_deref() != Some(token))
            .then(|| "a setting was gone after the transaction that made it".to_owned())
    }
}

/// The refusal.
pub(crate) fn refused(evidence: impl Into<String>) -> Error {
    Error::Pooled { evidence: evidence.into() }
}

/// What an error says of a pooler, where it comes of one: a statement was prepared in another session than the one that is
/// to execute it, or transactions are not allowed at all.
pub(crate) fn explained(error: &postgres::Error) -> Option<String> {
    let error = error.as_db_error()?;
    let is_about_statements =
        [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(error.code());
    let is_by_statement = error.message().contains("statement pooling mode");
    (is_about_statements || is_by_statement).then(|| error.message().to_owned())
}

/// Whether the connection was closed without a word.
pub(crate) fn closed(error: &postgres::Error) -> bool {
    // The driver has no accessor for the kind of its errors.
    error.to_string() == "connection closed"
}
