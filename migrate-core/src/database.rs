//! Errors of the database, with everything the person who must act needs to see.

use std::fmt;

use postgres::error::SqlState;

/// A statement that PostgreSQL refused, or a connection that broke.
#[derive(Debug)]
pub struct DatabaseError {
    doing: String,
    statement: Option<String>,
    source: postgres::Error,
}

impl DatabaseError {
    pub(crate) fn new(doing: impl Into<String>, source: postgres::Error) -> DatabaseError {
        DatabaseError { doing: doing.into(), statement: None, source }
    }

    pub(crate) fn with_statement(mut self, statement: &str) -> DatabaseError {
        self.statement = Some(statement.to_owned());
        self
    }

    /// What the driver says.
    pub(crate) fn driver(&self) -> &postgres::Error {
        &self.source
    }

    /// The SQLSTATE, unless the connection itself broke.
    pub fn code(&self) -> Option<&SqlState> {
        self.source.code()
    }

    /// The statement that failed, where it was one of the plan's.
    pub fn statement(&self) -> Option<&str> {
        self.statement.as_deref()
    }

    /// Whether the value of some row is to blame: overflow, invalid text, a violated check, `NaN` as a whole
    /// number …
    pub(crate) fn is_about_data(&self) -> bool {
        self.code().is_some_and(|code| {
            let code = code.code();
            code.starts_with("22") || code.starts_with("23") || code == "P0001" || code == "0A000"
        })
    }

    /// Whether the same transaction may succeed when it is run again.
    pub(crate) fn is_transient(&self) -> bool {
        self.code().is_some_and(|code| {
            [
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::QUERY_CANCELED,
            ]
            .contains(code)
        })
    }

    /// Whether the statement was ended while it ran, by a time limit or by somebody.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.code() == Some(&SqlState::QUERY_CANCELED)
    }

    /// Whether a lock was not to be had in time, or at once.
    pub(crate) fn is_lock_refused(&self) -> bool {
        self.code().is_some_and(|code| [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].contains(code))
    }

    /// The SQLSTATE; a word where the connection is to blame.
    pub(crate) fn sqlstate(&self) -> &str {
        self.code().map_or("connection", |code| code.code())
    }

    /// Whether the session is gone: the connection broke, or the server ended it.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        self.code().is_none_or(|code| code.code().starts_with("08") || code.code().starts_with("57P"))
    }

    /// PostgreSQL's own message.
    pub(crate) fn message(&self) -> String {
        self.source.as_db_error().map_or_else(|| self.source.to_string(), |error| error.message().to_owned())
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.doing)?;
        match self.source.as_db_error() {
            Some(error) => {
                write!(f, "{} {}", error.code().code(), error.message())?;
                for (word, text) in [("detail", error.detail()), ("hint", error.hint()), ("where", error.where_())] {
                    if let Some(text) = text {
                        write!(f, "\n  {word}: {text}")?;
                    }
                }
            }
            None => {
                write!(f, "{}", self.source)?;
                let mut cause = std::error::Error::source(&self.source);
                while let Some(inner) = cause {
                    write!(f, ": {inner}")?;
                    cause = inner.source();
                }
            }
        }
        if let Some(statement) = &self.statement {
            write!(f, "\n  statement: {statement}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Says what was being done when a call to the database fails.
pub(crate) trait Doing<T> {
    /// Names what was being done.
    fn doing(self, what: &str) -> Result<T, DatabaseError>;

    /// Names what was being done and the statement.
    fn running(self, what: &str, statement: &str) -> Result<T, DatabaseError>;
}

impl<T> Doing<T> for Result<T, postgres::Error> {
    fn doing(self, what: &str) -> Result<T, DatabaseError> {
        self.map_err(|source| DatabaseError::new(what, source))
    }

    fn running(self, what: &str, statement: &str) -> Result<T, DatabaseError> {
        self.map_err(|source| DatabaseError::new(what, source).with_statement(statement))
    }
}
