//! Where connections come from. (Stands in for the module to be merged.)

use std::sync::Arc;

use postgres::{Client, Config, NoTls};

use crate::database::DatabaseError;
use crate::error::Error;

/// Where connections come from.
#[derive(Clone)]
pub struct Source(Arc<Config>);

#[allow(missing_docs)]
impl Source {
    pub fn url(url: &str) -> Result<Source, Error> {
        let config = url.parse().map_err(|source| DatabaseError::new("reading an address", source))?;
        Ok(Source(Arc::new(config)))
    }

    pub fn connect(&self, application_name: &str) -> Result<Client, Error> {
        let mut config = (*self.0).clone();
        config.application_name(application_name);
        Ok(config.connect(NoTls).map_err(|source| DatabaseError::new("connecting", source))?)
    }

    pub fn cancel(&self, token: &postgres::CancelToken) -> Result<(), Error> {
        Ok(token.cancel_query(NoTls).map_err(|source| DatabaseError::new("cancelling", source))?)
    }
}

/// What can be connected to.
pub trait IntoSource {
    /// The source.
    #[allow(missing_docs, clippy::missing_errors_doc)]
    fn into_source(self) -> Result<Source, Error>;
}

impl IntoSource for &str {
    fn into_source(self) -> Result<Source, Error> {
        Source::url(self)
    }
}

impl IntoSource for &String {
    fn into_source(self) -> Result<Source, Error> {
        Source::url(self)
    }
}

impl IntoSource for Source {
    fn into_source(self) -> Result<Source, Error> {
        Ok(self)
    }
}
