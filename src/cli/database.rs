//! The database that a command works on.

use std::env;

use clap::Args;
use postgres::Client;

use super::Error;
use crate::{Migrator, Source};

/// The environment variable that names the database where no argument does.
const VARIABLE: &str = "DATABASE_URL";

/// The `application_name` where the address has none.
const NAME: &str = "migrate";

/// Which database.
#[derive(Args)]
pub(super) struct Database {
    /// The database, in place of the one that `DATABASE_URL` names.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl Database {
    /// A connection to read with: a pooler's is as good as any.
    pub(super) fn connect(&self) -> Result<Client, Error> {
        let source = self.source()?;
        Ok(source.connect(source.application_name().unwrap_or(NAME))?)
    }

    /// A connection to migrate with, which must be a session of its own.
    pub(super) fn connect_direct(&self) -> Result<Client, Error> {
        let source = self.source()?;
        Ok(source.connect_direct(source.application_name().unwrap_or(NAME))?)
    }

    /// Has a runner open more connections like this one, where it needs them.
    pub(super) fn with_more(&self, migrator: Migrator) -> Result<Migrator, Error> {
        let source = self.source()?;
        Ok(migrator.watcher(move || source.connect(source.application_name().unwrap_or(NAME))))
    }

    fn source(&self) -> Result<Source, Error> {
        Ok(Source::url(&self.url()?)?)
    }

    fn url(&self) -> Result<String, Error> {
        if let Some(url) = &self.database_url {
            return Ok(url.clone());
        }
        match env::var(VARIABLE) {
            Ok(url) if !url.is_empty() => Ok(url),
            Err(env::VarError::NotUnicode(_)) => {
                Err(crate::Error::Address { why: format!("{VARIABLE} is not UTF-8") }.into())
            }
            _ => Err(Error::NoDatabase),
        }
    }
}
