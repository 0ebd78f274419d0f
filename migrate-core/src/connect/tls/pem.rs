//! Files with certificates and keys.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::Wish;
use crate::error::Error;

/// The bytes of a file that the parameter `name` of an address names.
pub(super) fn read(name: &'static str, file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|source| unusable(name, file, &source))
}

/// A file that cannot be used, and why.
pub(super) fn unusable(name: &'static str, file: &Path, why: &dyn Display) -> Error {
    Error::Certificate { name, file: file.to_owned(), why: why.to_string() }
}

/// The certificate and the key of the client, where there are both.
pub(super) fn identity(wish: &Wish) -> Result<Option<(&PathBuf, &PathBuf)>, Error> {
    match (&wish.certificate, &wish.key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        _ => Err(Error::Address { why: "`sslcert` and `sslkey` go together".to_owned() }),
    }
}
