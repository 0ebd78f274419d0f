//! The database that a command works on.

use std::env;
use std::error::Error as _;
use std::time::Duration;

use clap::Args;
use postgres::config::{Host, SslMode, SslNegotiation};
use postgres::{Client, Config, NoTls};

use super::Error;

/// The environment variable that names the database where no argument does.
const VARIABLE: &str = "DATABASE_URL";

/// How long a server may take to answer, where the URL does not say.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which database.
#[derive(Args)]
pub(super) struct Database {
    /// The database, in place of the one that `DATABASE_URL` names.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl Database {
    pub(super) fn connect(&self) -> Result<Client, Error> {
        let mut config = config(&self.url()?)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("migrate");
        }
        let target = target(&config);
        config.connect(NoTls).map_err(|source| Error::Connect { target, source })
    }

    fn url(&self) -> Result<String, Error> {
        if let Some(url) = &self.database_url {
            return Ok(url.clone());
        }
        match env::var(VARIABLE) {
            Ok(url) if !url.is_empty() => Ok(url),
            Err(env::VarError::NotUnicode(_)) => Err(Error::Url { why: format!("{VARIABLE} is not UTF-8") }),
            _ => Err(Error::NoDatabase),
        }
    }
}

fn config(url: &str) -> Result<Config, Error> {
    let words = url.split(['?', '&', ' ']).filter_map(|word| word.strip_prefix("sslmode="));
    let needs_tls = |mode: &&str| matches!(mode.trim_matches('\''), "require" | "verify-ca" | "verify-full");
    if let Some(mode) = words.into_iter().find(needs_tls) {
        return Err(Error::Tls { asked: format!("sslmode={mode}") });
    }
    let config: Config = url.parse().map_err(|error| malformed(url, &error))?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(Error::Tls { asked: "sslmode=require".to_owned() });
    }
    if config.get_ssl_negotiation() == SslNegotiation::Direct {
        return Err(Error::Tls { asked: "sslnegotiation=direct".to_owned() });
    }
    // What stands before the last `@` is the password's, and must not be shown as a host.
    if names(&config).iter().any(|host| host.contains('@')) {
        return Err(Error::Url { why: "there is an `@` in its user or password: write it as `%40`".to_owned() });
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(Error::Url { why: "it names no host".to_owned() });
    }
    Ok(config)
}

/// What the parser says, where nothing of it can be of a password.
fn malformed(url: &str, error: &postgres::Error) -> Error {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let is_secret = url.contains("password") || url.matches('@').count() > usize::from(is_url);
    let why = error.source().filter(|_| !is_secret).map_or_else(
        || "a special character in its user or password is written as `%` with two digits".to_owned(),
        ToString::to_string,
    );
    Error::Url { why }
}

/// What a configuration points at, without its password.
fn target(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = names(config)
        .into_iter()
        .enumerate()
        .map(|(place, host)| {
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
            format!("{host} port {port}")
        })
        .collect();
    let user = config.get_user().map_or_else(String::new, |user| format!(" as \"{user}\""));
    let database = config.get_dbname().or(config.get_user());
    let database = database.map_or_else(String::new, |name| format!("database \"{name}\" on "));
    format!("{database}{}{user}", hosts.join(", "))
}

fn names(config: &Config) -> Vec<String> {
    let name = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    };
    let named: Vec<String> = config.get_hosts().iter().map(name).collect();
    if named.is_empty() { config.get_hostaddrs().iter().map(ToString::to_string).collect() } else { named }
}
