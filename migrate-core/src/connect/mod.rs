//! Where connections come from.
//!
//! A [`Source`] opens as many connections to one database as it is asked for: from an address as it stands in
//! `DATABASE_URL`, from a configuration of the driver, or through a function of the program.
//!
//! ```no_run
//! use migrate_core::Source;
//!
//! # fn main() -> Result<(), migrate_core::Error> {
//! let source = Source::url("postgres://anna@db.example/shop?sslmode=verify-full&sslrootcert=/etc/ssl/shop.pem")?;
//! assert_eq!(source.target(), r#"database "shop" on db.example port 5432 as "anna""#);
//! let client = source.connect_direct("deploy")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Addresses
//!
//! URLs (`postgres://…`, `postgresql://…`) and libpq's words (`host=… dbname=…`), with several hosts, IPv6 and Unix
//! sockets, are read as they are written for libpq, `sqlx`, `diesel` and `deadpool`: the options of pools and caches are
//! passed over, and one that is not known is an error. What an address leaves out is taken from `PGUSER`, `PGPASSWORD`,
//! `PGSSLMODE` and `PGSSLROOTCERT`. A server has 10 s for each attempt to connect, unless `connect_timeout` says
//! otherwise, and a peer that is gone is noticed by keepalives.
//!
//! # TLS
//!
//! With the feature `rustls`, or `native-tls` for the platform's library (`rustls` wins over it), `sslmode` means what it
//! means for libpq:
//!
//! | `sslmode` | |
//! |---|---|
//! | `disable` | no TLS |
//! | `allow` | TLS if the server lets nobody in without |
//! | `prefer`, and nothing | TLS if the server has it and lets in with it |
//! | `require` | TLS; with `sslrootcert` as `verify-ca`, without it nobody asks who the server is |
//! | `verify-ca` | the certificate is signed by one of `sslrootcert` |
//! | `verify-full` | and it is the host's |
//!
//! Without `sslrootcert` the certificates that this system trusts are believed. `sslcert` and `sslkey` are PEM files,
//! `sslnegotiation=direct` saves a round trip from PostgreSQL 17 on. A Unix socket is never encrypted. Without either
//! feature `allow` and `prefer` mean no TLS, and the others are an error.
//!
//! # Poolers
//!
//! A migration needs sessions of its own: behind a pooler that gives each transaction whatever connection is free, a
//! lock stays with the pooler, `LISTEN` hears nothing, and a setting reaches other clients. So
//! [`connect_direct`](Source::connect_direct) refuses such an address, with [`Error::Pooled`]; a pooler that keeps a
//! connection for each session is none the worse.

mod address;
mod fault;
mod hint;
mod parameters;
mod pooler;
mod target;
#[cfg(test)]
mod tests;
mod tls;
mod written;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres::{CancelToken, Client, Config};

use crate::database::DatabaseError;
use crate::error::Error;
use address::Address;
pub(crate) use pooler::{closed, explained, refused};
use tls::Tls;

/// How long a server may take to answer, where the address does not say.
const PATIENCE: Duration = Duration::from_secs(10);

/// The driver's own pause before the first keepalive, which nobody has asked for: then it is ours.
const KEEPALIVE_UNSET: Duration = Duration::from_secs(2 * 60 * 60);

/// A peer that is gone is noticed after a minute: 30 s, and three times 10 s.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// What stands behind an error of a program's own connector.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Where connections come from. Its clones are the same source.
#[derive(Clone)]
pub struct Source(Arc<Origin>);

enum Origin {
    Server(Server),
    Connector(Box<dyn Fn(&str) -> Result<Client, Cause> + Send + Sync>),
}

/// A server, and how to talk to it.
struct Server {
    address: Address,
    tls: Tls,
}

impl Source {
    /// The server that an address names: a URL or libpq's words.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for one that cannot be read; [`Error::TlsMissing`] for TLS where none is built in;
    /// [`Error::Certificate`] for a file that it names and that cannot be used.
    pub fn url(url: &str) -> Result<Source, Error> {
        Server::at(Address::read(url, |name| std::env::var(name).ok())?)
    }

    /// The server that a configuration of the driver names. `SslMode::Require` encrypts and does not ask who the server
    /// is, as `sslmode=require` does.
    ///
    /// # Errors
    ///
    /// As for [`url`](Source::url).
    pub fn config(config: Config) -> Result<Source, Error> {
        Server::at(Address::of(config)?)
    }

    /// Connections that the program opens itself. `connect` is given the `application_name` that they should have.
    ///
    /// It is called on threads of the library's own, outside of any asynchronous runtime.
    ///
    /// ```
    /// use migrate_core::Source;
    ///
    /// let source = Source::connector(|name| {
    ///     let mut config = postgres::Config::new();
    ///     config.host("db.example").user("anna").password(todays_password()).application_name(name);
    ///     config.connect(postgres::NoTls)
    /// });
    /// # fn todays_password() -> String { String::new() }
    /// ```
    pub fn connector<F, E>(connect: F) -> Source
    where
        F: Fn(&str) -> Result<Client, E> + Send + Sync + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Source(Arc::new(Origin::Connector(Box::new(move |name| connect(name).map_err(Into::into)))))
    }

    /// Opens a connection under this `application_name`. It may lead through a pooler.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] where the server does not answer, or lets nobody in.
    pub fn connect(&self, application_name: &str) -> Result<Client, Error> {
        let outcome = match &*self.0 {
            Origin::Server(server) => server.connect(application_name).map_err(Cause::from),
            Origin::Connector(connect) => connect(application_name),
        };
        outcome.map_err(|source| Error::Connect { target: self.target(), source })
    }

    /// Opens a connection that is a session of its own, as migrations need it: beside it a second one is opened for a
    /// moment, to see that they do not share.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Source::connect), and [`Error::Pooled`].
    pub fn connect_direct(&self, application_name: &str) -> Result<Client, Error> {
        let begun = Instant::now();
        let mut client = self.connect(application_name)?;
        pooler::prove_direct(self, &mut client, begun)?;
        Ok(client)
    }

    /// Refuses a connection of this source that is no session of its own. `begun` is when it began to be opened.
    ///
    /// One query looks for signs of a pooler; only where there are any, a second connection is opened to be sure. A
    /// pooler that listens on the server's own port, and has just opened its connection to the server, gives no sign:
    /// [`connect_direct`](Source::connect_direct) finds that one too.
    ///
    /// # Errors
    ///
    /// [`Error::Pooled`]; [`Error::Connect`] where the second connection is not to be had; [`Error::Database`].
    pub fn require_direct(&self, client: &mut Client, begun: Instant) -> Result<(), Error> {
        pooler::require_direct(self, client, begun)
    }

    /// Asks the server to end what a connection of this source is doing, over TLS where that connection has it. A
    /// source with a [`connector`](Source::connector) does not know whom to believe, and checks no certificate here.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] where the request does not reach the server. Whether it came in time nobody says.
    pub fn cancel(&self, token: &CancelToken) -> Result<(), Error> {
        let outcome = match &*self.0 {
            Origin::Server(server) => server.tls.cancel(token),
            Origin::Connector(_) => Tls::unverified().cancel(token),
        };
        outcome.map_err(|source| DatabaseError::new("asking the server to cancel a statement", source).into())
    }

    /// What it points at: `database "x" on host port 5432 as "user"`, never a password.
    pub fn target(&self) -> String {
        match &*self.0 {
            Origin::Server(server) => target::target(&server.address.config),
            Origin::Connector(_) => "the database of the program's own connector".to_owned(),
        }
    }

    /// The `application_name` that the address has.
    pub fn application_name(&self) -> Option<&str> {
        self.configured()?.get_application_name()
    }

    fn configured(&self) -> Option<&Config> {
        match &*self.0 {
            Origin::Server(server) => Some(&server.address.config),
            Origin::Connector(_) => None,
        }
    }

    /// Whether the address says itself that it leads to a pooler.
    fn is_said_to_be_pooled(&self) -> bool {
        matches!(&*self.0, Origin::Server(server) if server.address.is_pooler)
    }
}

impl Server {
    fn at(mut address: Address) -> Result<Source, Error> {
        let tls = Tls::prepare(&address.tls, address.config.get_ssl_negotiation())?;
        let config = &mut address.config;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        let (idle, interval, retries) = KEEPALIVE;
        if config.get_keepalives_idle() == KEEPALIVE_UNSET {
            config.keepalives_idle(idle);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(interval);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(retries);
        }
        Ok(Source(Arc::new(Origin::Server(Server { address, tls }))))
    }

    fn connect(&self, application_name: &str) -> Result<Client, postgres::Error> {
        let mut config = self.address.config.clone();
        config.application_name(application_name);
        let (first, other) = self.address.tls.mode.attempts();
        config.ssl_mode(first);
        match (self.tls.connect(&config), other) {
            (Err(error), Some(other)) if tls::may_go_otherwise(&error) => {
                config.ssl_mode(other);
                self.tls.connect(&config)
            }
            (outcome, _) => outcome,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&format_args!("{}", self.target())).finish()
    }
}

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
