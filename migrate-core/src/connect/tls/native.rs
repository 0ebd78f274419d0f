//! TLS through the platform's own library.

use native_tls::{Certificate, Identity, TlsConnector};
use postgres_native_tls::{MakeTlsConnector, set_postgresql_alpn};

use super::{Check, Root, Wish, pem};
use crate::error::Error;

pub(super) type Connector = MakeTlsConnector;

/// Reads the certificates, and prepares connections.
pub(super) fn connector(wish: &Wish, is_direct: bool) -> Result<Connector, Error> {
    let check = wish.check();
    let mut builder = TlsConnector::builder();
    builder.danger_accept_invalid_certs(check == Check::Nothing);
    builder.danger_accept_invalid_hostnames(check != Check::Host);
    if let (Some(Root::File(file)), true) = (&wish.root, check != Check::Nothing) {
        let unusable = |error| pem::unusable("sslrootcert", file, &error);
        let found = Certificate::stack_from_pem(&pem::read("sslrootcert", file)?).map_err(unusable)?;
        if found.is_empty() {
            return Err(pem::unusable("sslrootcert", file, &"there is no certificate in it"));
        }
        builder.disable_built_in_roots(true);
        for certificate in found {
            builder.add_root_certificate(certificate);
        }
    }
    if let Some((certificate, key)) = pem::identity(wish)? {
        let (chain, secret) = (pem::read("sslcert", certificate)?, pem::read("sslkey", key)?);
        let identity = Identity::from_pkcs8(&chain, &secret);
        // What cannot be read is not said in other words than these: the file is a secret.
        let unusable = |_| pem::unusable("sslkey", key, &"it is no PKCS#8 key of `sslcert` in PEM");
        builder.identity(identity.map_err(unusable)?);
    }
    if is_direct {
        set_postgresql_alpn(&mut builder);
    }
    let connector =
        builder.build().map_err(|error| Error::Address { why: format!("TLS cannot be set up: {error}") })?;
    Ok(MakeTlsConnector::new(connector))
}
