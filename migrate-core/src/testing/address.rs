//! Connection strings: one for a socket, and others made from a given one.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use postgres::config::Host;
use postgres::{Client, Config, NoTls};

use super::error::ScratchError;

/// The port of servers with nothing but a socket. Each has a folder of its own, so they can all have the same.
pub(super) const PORT: u16 = 5432;

/// The URL of the database `postgres` behind the socket in `folder`, for the superuser.
pub(super) fn of_socket_folder(folder: &Path, port: u16) -> String {
    let host = percent_encoded(folder.as_os_str().as_bytes());
    format!("postgres://postgres@{host}:{port}/postgres")
}

/// The same server with another database.
pub(super) fn with_database(url: &str, name: &str) -> String {
    let Some(Url { scheme, credentials, host, query, .. }) = Url::split(url) else {
        return format!("{url} dbname={}", quoted(name));
    };
    let name = percent_encoded(name.as_bytes());
    let query = query.without("dbname");
    format!("{scheme}{credentials}{host}/{name}{query}")
}

/// The same server and database with another role, which keeps the password if there is one.
pub(super) fn with_role(url: &str, role: &str) -> String {
    let Some(Url { scheme, credentials, host, database, query }) = Url::split(url) else {
        return format!("{url} user={}", quoted(role));
    };
    let role = percent_encoded(role.as_bytes());
    let password = credentials.find(':').map_or("@", |colon| &credentials[colon..]);
    let query = query.without("user");
    format!("{scheme}{role}{password}{host}{database}{query}")
}

/// Opens a connection.
pub(super) fn connect(url: &str) -> Result<Client, ScratchError> {
    Client::connect(url, NoTls).map_err(|source| ScratchError::Connect { target: target(url), source })
}

/// What `url` points at, without its password.
fn target(url: &str) -> String {
    let Ok(config) = url.parse::<Config>() else {
        return "the server of a malformed connection string".to_owned();
    };
    let hosts: Vec<_> = config.get_hosts().iter().map(host_name).collect();
    format!(
        "database `{}` as `{}` at {}",
        config.get_dbname().unwrap_or_default(),
        config.get_user().unwrap_or_default(),
        hosts.join(", "),
    )
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

/// The parts of a connection URL; joined they give it back.
struct Url<'u> {
    scheme: &'u str,
    credentials: &'u str,
    host: &'u str,
    database: &'u str,
    query: Query<'u>,
}

impl<'u> Url<'u> {
    /// `None` for the other form, `host=… dbname=…`.
    fn split(url: &'u str) -> Option<Url<'u>> {
        let schemes = ["postgres://", "postgresql://"];
        let length = schemes.iter().find(|scheme| url.starts_with(**scheme))?.len();
        let (scheme, rest) = url.split_at(length);
        let (credentials, rest) = rest.split_at(rest.find('@').map_or(0, |at| at + 1));
        let (rest, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (host, database) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(Url { scheme, credentials, host, database, query: Query(query) })
    }
}

/// The part of a URL from its `?` on, or nothing.
struct Query<'u>(&'u str);

impl Query<'_> {
    fn without(&self, name: &str) -> String {
        let kept = self.0.trim_start_matches('?').split('&');
        let kept = kept.filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
        let kept: Vec<_> = kept.collect();
        if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) }
    }
}

pub(super) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Encodes all but the characters that RFC 3986, section 2.3, calls unreserved.
fn percent_encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Config {
        url.parse().unwrap()
    }

    #[test]
    fn a_socket_folder_is_an_address_that_the_driver_reads() {
        let config = parsed(&of_socket_folder(Path::new("/tmp/a b@c"), PORT));
        assert_eq!(config.get_hosts(), [Host::Unix("/tmp/a b@c".into())]);
        assert_eq!(config.get_dbname(), Some("postgres"));
        assert_eq!(config.get_user(), Some("postgres"));
    }

    #[test]
    fn only_the_database_changes_in_either_form() {
        for url in [
            "postgres://me:secret@db.example:6543/main?connect_timeout=7",
            "postgresql://me:secret@db.example:6543?dbname=main&connect_timeout=7",
            "host=db.example port=6543 user=me password=secret dbname=main connect_timeout=7",
        ] {
            let config = parsed(&with_database(url, "o'ther"));
            assert_eq!(config.get_dbname(), Some("o'ther"), "{url}");
            assert_eq!(config.get_user(), Some("me"), "{url}");
            assert_eq!(config.get_password(), Some(&b"secret"[..]), "{url}");
            assert_eq!(config.get_hosts(), [Host::Tcp("db.example".into())], "{url}");
            assert_eq!(config.get_ports(), [6543], "{url}");
            assert_eq!(config.get_connect_timeout().map(|t| t.as_secs()), Some(7), "{url}");
        }
    }

    #[test]
    fn only_the_role_changes_in_either_form() {
        for url in [
            "postgres://me@db.example/main",
            "postgres://db.example/main?user=me",
            "host=db.example user=me dbname=main",
        ] {
            let config = parsed(&with_role(url, "the \"app\""));
            assert_eq!(config.get_user(), Some("the \"app\""), "{url}");
            assert_eq!(config.get_dbname(), Some("main"), "{url}");
            assert_eq!(config.get_password(), None, "{url}");
        }
        let config = parsed(&with_role("postgres://me:secret@db.example/main", "app"));
        assert_eq!(config.get_password(), Some(&b"secret"[..]));
    }

    #[test]
    fn an_error_does_not_name_the_password() {
        let text = target("postgres://me:secret@db.example/main");
        assert_eq!(text, "database `main` as `me` at db.example");
    }
}
