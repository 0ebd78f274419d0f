//! Signs of a pooler that any query can bring along.

use std::time::{Duration, Instant};

use postgres::Row;

use super::{Source, target};

/// Columns for any query: the server's own address and port, and how long its connection is open, in seconds.
pub(super) const COLUMNS: &str = "pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.inet_server_port(), \
     extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) \
     (SELECT backend_start FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())))::pg_catalog.float8";

/// What these columns say. A sign is no proof: a forwarded port looks the same.
pub(super) struct Hint {
    /// Of the connection that the server sees; none for a Unix socket.
    endpoint: Option<(String, i32)>,
    age: Option<Duration>,
}

impl Hint {
    /// Reads the columns, which stand from `first` on.
    pub(super) fn of(row: &Row, first: usize) -> Hint {
        let (host, port): (Option<String>, Option<i32>) = (row.get(first), row.get(first + 1));
        let age: Option<f64> = row.get(first + 2);
        Hint { endpoint: host.zip(port), age: age.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) }
    }

    /// A sign that the server's connection is not the one that was opened from `source` at `begun`.
    pub(super) fn sign(&self, source: &Source, begun: Instant) -> Option<String> {
        if source.is_said_to_be_pooled() {
            return Some("its address has `pgbouncer=true`".to_owned());
        }
        if let Some(age) = self.age.filter(|age| *age > begun.elapsed()) {
            let age = age.as_secs_f64();
            return Some(format!("the server's connection is open for {age:.1} s, longer than ours"));
        }
        let config = source.configured()?;
        let hosts = target::hosts(config);
        let is_ours = |(place, host): (usize, &String)| self.is_at(host, target::port(config.get_ports(), place));
        match &self.endpoint {
            _ if hosts.iter().enumerate().any(is_ours) => None,
            Some((host, port)) => Some(format!("the server was reached at {host} port {port}")),
            None => Some("the server was reached through a Unix socket".to_owned()),
        }
    }

    /// Whether the server may have been reached at `host` and `port`.
    fn is_at(&self, host: &str, port: u16) -> bool {
        match &self.endpoint {
            None => host.starts_with('/'),
            Some((number, own)) => {
                let is_number = host.parse::<std::net::IpAddr>().is_ok();
                !host.starts_with('/') && *own == i32::from(port) && (!is_number || host == number)
            }
        }
    }
}
