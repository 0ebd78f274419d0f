//! From what is written to what the driver is told.

use std::error::Error as _;

use postgres::Config;
use postgres::config::Host;

use super::fault::Fault;
use super::parameters::Parameters;
use super::target::hosts;
use super::tls::{Mode, Wish};
use super::written::Written;
use crate::error::Error;

/// An address that has been read.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Wish,
    /// Whether it says itself that it leads to a pooler.
    pub(super) is_pooler: bool,
}

impl Address {
    /// Reads an address; what it leaves out may stand in libpq's variables, which `variable` looks up.
    pub(super) fn read(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Address, Error> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let written = Written::read(text).map_err(|fault| fault.of(text))?;
        let parameters = Parameters::read(&written.parameters, variable).map_err(|fault| fault.of(text))?;
        let mut config: Config = written.with(&parameters.driver).parse().map_err(|error| not_taken(text, &error))?;
        // What stands before the last `@` is the password's, and must not be shown as a host.
        if hosts(&config).iter().any(|host| host.contains('@')) {
            let why = "there is an `@` in its user or password: write it as `%40`".to_owned();
            return Err(Error::Address { why });
        }
        if let (None, Some(user)) = (config.get_user(), variable("PGUSER")) {
            config.user(&user);
        }
        if let (None, Some(password)) = (config.get_password(), variable("PGPASSWORD")) {
            config.password(password);
        }
        Address { config, tls: parameters.tls, is_pooler: parameters.is_pooler }.settled()
    }

    /// Takes what the driver was configured with.
    pub(super) fn of(config: Config) -> Result<Address, Error> {
        let mode = Mode::of(config.get_ssl_mode());
        Address { config, tls: Wish { mode, ..Wish::default() }, is_pooler: false }.settled()
    }

    /// What must be so however it was written.
    fn settled(mut self) -> Result<Address, Error> {
        if hosts(&self.config).is_empty() {
            return Err(Error::Address { why: "it names no host".to_owned() });
        }
        if self.config.get_hosts().is_empty() {
            // The driver looks for the name of TLS among the hosts only.
            for number in self.config.get_hostaddrs().to_vec() {
                self.config.host(&number.to_string());
            }
        }
        // A socket of this machine is not encrypted, whatever is asked for: as libpq has it.
        if self.config.get_hosts().iter().all(is_socket) {
            self.tls.mode = Mode::Disable;
        }
        Ok(self)
    }
}

fn is_socket(host: &Host) -> bool {
    match host {
        Host::Tcp(_) => false,
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// What the driver says.
fn not_taken(text: &str, error: &postgres::Error) -> Error {
    let said = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Fault::quoting(said).of(text)
}
