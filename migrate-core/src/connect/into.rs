//! What can be given where a source is asked for.

use postgres::Config;

use super::Source;
use crate::error::Error;

/// What names a [`Source`].
pub trait IntoSource {
    /// The source.
    ///
    /// # Errors
    ///
    /// As for [`Source::url`] and [`Source::config`].
    fn into_source(self) -> Result<Source, Error>;
}

impl IntoSource for Source {
    fn into_source(self) -> Result<Source, Error> {
        Ok(self)
    }
}

impl IntoSource for &Source {
    fn into_source(self) -> Result<Source, Error> {
        Ok(self.clone())
    }
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

impl IntoSource for String {
    fn into_source(self) -> Result<Source, Error> {
        Source::url(&self)
    }
}

impl IntoSource for Config {
    fn into_source(self) -> Result<Source, Error> {
        Source::config(self)
    }
}
