//! TLS, as `sslmode` and its companions ask for it.

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
#[path = "native.rs"]
mod library;
#[cfg(feature = "rustls")]
#[path = "rustls.rs"]
mod library;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod pem;

use std::path::PathBuf;

use postgres::config::{SslMode, SslNegotiation};
use postgres::error::SqlState;
use postgres::{CancelToken, Client, Config, NoTls};

use crate::error::Error;

/// Whether a library for it is built in.
const IS_BUILT_IN: bool = cfg!(any(feature = "rustls", feature = "native-tls"));

/// `sslmode`, from the least to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Disable,
    Allow,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    const ALL: [(&str, Mode); 6] = [
        ("disable", Mode::Disable),
        ("allow", Mode::Allow),
        ("prefer", Mode::Prefer),
        ("require", Mode::Require),
        ("verify-ca", Mode::VerifyCa),
        ("verify-full", Mode::VerifyFull),
    ];

    pub(super) fn named(name: &str) -> Result<Mode, String> {
        let known = Mode::ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, mode)| *mode).ok_or_else(|| {
            "`sslmode` is one of `disable`, `allow`, `prefer`, `require`, `verify-ca` and `verify-full`".to_owned()
        })
    }

    /// As a configuration of the driver has it.
    pub(super) fn of(mode: SslMode) -> Mode {
        match mode {
            SslMode::Disable => Mode::Disable,
            SslMode::Require => Mode::Require,
            _ => Mode::Prefer,
        }
    }

    fn name(self) -> &'static str {
        Mode::ALL.iter().find(|(_, mode)| *mode == self).map_or("prefer", |(name, _)| name)
    }

    /// What to try, and what else where the server wants it otherwise.
    pub(super) fn attempts(self) -> (SslMode, Option<SslMode>) {
        match self {
            Mode::Allow if IS_BUILT_IN => (SslMode::Disable, Some(SslMode::Require)),
            Mode::Prefer if IS_BUILT_IN => (SslMode::Prefer, Some(SslMode::Disable)),
            Mode::Disable | Mode::Allow | Mode::Prefer => (SslMode::Disable, None),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => (SslMode::Require, None),
        }
    }
}

/// Whether a connection may come to be with TLS in place of none, or the other way round: the handshake failed, or
/// `pg_hba.conf` lets nobody in like this.
pub(super) fn may_go_otherwise(error: &postgres::Error) -> bool {
    // The driver has no accessor for the kind of its errors.
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        || error.to_string() == "error performing TLS handshake"
}

/// `sslrootcert`: whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    System,
    File(PathBuf),
}

impl Root {
    pub(super) fn named(name: &str) -> Root {
        if name == "system" { Root::System } else { Root::File(name.into()) }
    }
}

/// What is wished for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) mode: Mode,
    pub(super) root: Option<Root>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// What is looked at in the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(any(feature = "rustls", feature = "native-tls")), allow(dead_code, reason = "no library looks"))]
enum Check {
    Nothing,
    /// Who has signed it.
    Chain,
    /// And that it is the host's.
    Host,
}

impl Wish {
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    fn check(&self) -> Check {
        match (self.mode, &self.root) {
            (Mode::VerifyFull, _) => Check::Host,
            // As libpq has it: who names the root certificate wants it to be looked at.
            (Mode::VerifyCa, _) | (Mode::Require, Some(Root::File(_))) => Check::Chain,
            _ => Check::Nothing,
        }
    }
}

/// What connections are encrypted with.
pub(super) enum Tls {
    /// Nothing.
    Plain,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    Library(library::Connector),
}

impl Tls {
    /// Prepares what is wished for, once for all connections: certificates are read here.
    pub(super) fn prepare(wish: &Wish, negotiation: SslNegotiation) -> Result<Tls, Error> {
        if negotiation == SslNegotiation::Direct && wish.mode < Mode::Require {
            let why = "`sslnegotiation=direct` goes with `sslmode=require` or more".to_owned();
            return Err(Error::Address { why });
        }
        if wish.mode >= Mode::Require && !IS_BUILT_IN {
            return Err(Error::TlsMissing { asked: format!("sslmode={}", wish.mode.name()) });
        }
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        if wish.mode != Mode::Disable {
            return Ok(Tls::Library(library::connector(wish, negotiation == SslNegotiation::Direct)?));
        }
        Ok(Tls::Plain)
    }

    /// For what is known to be no more than a request to cancel.
    pub(super) fn unverified() -> Tls {
        Tls::prepare(&Wish::default(), SslNegotiation::Postgres).unwrap_or(Tls::Plain)
    }

    pub(super) fn connect(&self, config: &Config) -> Result<Client, postgres::Error> {
        match self {
            Tls::Plain => config.connect(NoTls),
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            Tls::Library(connector) => config.connect(connector.clone()),
        }
    }

    pub(super) fn cancel(&self, token: &CancelToken) -> Result<(), postgres::Error> {
        match self {
            Tls::Plain => token.cancel_query(NoTls),
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            Tls::Library(connector) => token.cancel_query(connector.clone()),
        }
    }
}
