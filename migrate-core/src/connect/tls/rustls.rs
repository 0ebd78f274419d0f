//! TLS through rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{Check, Root, Wish, pem};
use crate::error::Error;

pub(super) type Connector = tokio_postgres_rustls::MakeRustlsConnect;

/// Reads the certificates, and prepares connections.
pub(super) fn connector(wish: &Wish, is_direct: bool) -> Result<Connector, Error> {
    // Not the process's own provider: that is the program's to install, or not.
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(wish, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match pem::identity(wish)? {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => config
            .with_client_auth_cert(certificates("sslcert", certificate)?, private_key(key)?)
            .map_err(|error| pem::unusable("sslcert", certificate, &error))?,
    };
    if is_direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(Connector::new(config))
}

fn failed(error: &rustls::Error) -> Error {
    Error::Address { why: format!("TLS cannot be set up: {error}") }
}

fn verifier(wish: &Wish, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let check = wish.check();
    if check == Check::Nothing {
        return Ok(Arc::new(Unverified(Arc::clone(provider))));
    }
    let roots = Arc::new(roots(wish)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| Error::Address { why: format!("TLS cannot be set up: {error}") })?;
    Ok(if check == Check::Host { verifier } else { Arc::new(ChainOnly(verifier)) })
}

fn roots(wish: &Wish) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(Root::File(file)) = &wish.root {
        for certificate in certificates("sslrootcert", file)? {
            roots.add(certificate).map_err(|error| pem::unusable("sslrootcert", file, &error))?;
        }
        return Ok(roots);
    }
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = "this system has no root certificates: name a file with `sslrootcert`".to_owned();
        return Err(Error::Address { why });
    }
    Ok(roots)
}

fn certificates(name: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = pem::read(name, file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(pem::unusable(name, file, &"there is no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(pem::unusable(name, file, &error)),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = pem::read("sslkey", file)?;
    // What cannot be read is not said in other words than these: the file is a secret.
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| pem::unusable("sslkey", file, &"there is no PEM key in it"))
}

/// `require`: encrypts, and asks nobody who the server is.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// `verify-ca`: who has signed the certificate counts, and not whose it is.
#[derive(Debug)]
struct ChainOnly(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for ChainOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The name is what is looked at last.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
