//! What the parameters of an address mean, whichever library it was written for.

use migrate_plan::check::nearest;

use super::fault::Fault;
use super::tls::{Mode, Root, Wish};

/// Those that the driver knows, under its names.
const DRIVERS: [&str; 18] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Those that are understood here.
const OURS: [&str; 16] = [
    "fallback_application_name",
    "gssencmode",
    "keepalives_count",
    "pgbouncer",
    "requiressl",
    "ssl",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslaccept",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];

/// Those of other libraries and of libpq that change nothing for us: pools, caches of statements, schemas (every
/// statement of ours names its own), Kerberos, and TLS that is older than what is used.
const IGNORED: [&str; 30] = [
    "client_encoding",
    "connection_limit",
    "currentSchema",
    "default_query_exec_mode",
    "description_cache_capacity",
    "gssdelegation",
    "gsslib",
    "krbsrvname",
    "max_protocol_version",
    "min_protocol_version",
    "pool",
    "pool_max_conn_idle_time",
    "pool_max_conn_lifetime",
    "pool_max_conns",
    "pool_min_conns",
    "pool_size",
    "pool_timeout",
    "prepared_statements",
    "schema",
    "search_path",
    "socket_timeout",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslkeylogfile",
    "sslsni",
    "statement-cache-capacity",
    "statement_cache_capacity",
    "statement_cache_size",
    "uselibpqcompat",
];

/// Those that ask for what is not done, and must not be passed over: with each, the way out.
const REFUSED: [(&str, &str); 10] = [
    ("passfile", "password files are not read: give the password in PGPASSWORD"),
    ("replication", "a replication connection runs no migrations"),
    ("require_auth", "the method of authentication is not checked: give `channel_binding=require`"),
    ("requirepeer", "the owner of a socket is not checked"),
    ("service", "service files are not read: give the address itself"),
    ("ssl_max_protocol_version", "the version of TLS is not limited"),
    ("sslcrl", "lists of revoked certificates are not read"),
    ("sslcrldir", "lists of revoked certificates are not read"),
    ("sslidentity", "a PKCS#12 archive is not read: give `sslcert` and `sslkey` in PEM"),
    ("sslpassword", "an encrypted key is not read: give `sslkey` without a password"),
];

/// What an address says beside what the driver understands.
#[derive(Default)]
pub(super) struct Parameters {
    /// For the driver.
    pub(super) driver: Vec<(String, String)>,
    pub(super) tls: Wish,
    /// Whether it says itself that it leads to a pooler.
    pub(super) is_pooler: bool,
    /// The name where no other is given.
    fallback_name: Option<String>,
    /// `sslmode`, or what stands for it.
    mode: Option<Mode>,
    is_strict: bool,
}

impl Parameters {
    /// Sorts what is written; what it leaves out of TLS may stand in libpq's variables, which `variable` looks up.
    pub(super) fn read(
        written: &[(String, String)],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Parameters, Fault> {
        let mut parameters = Parameters::default();
        for (key, value) in written {
            parameters.take(key, value)?;
        }
        if let (None, Some(file)) = (&parameters.tls.root, variable("PGSSLROOTCERT")) {
            parameters.tls.root = Some(Root::named(&file));
        }
        if let (None, Some(mode)) = (parameters.mode, variable("PGSSLMODE")) {
            parameters.mode = Some(Mode::named(&mode).map_err(Fault::plain)?);
        }
        let has_name = parameters.driver.iter().any(|(key, _)| key == "application_name");
        if let Some(name) = parameters.fallback_name.take().filter(|_| !has_name) {
            parameters.driver.push(("application_name".to_owned(), name));
        }
        parameters.tls.mode = parameters.settled_mode()?;
        Ok(parameters)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        if let Some(name) = key.strip_prefix("options[").and_then(|rest| rest.strip_suffix(']')) {
            self.option(name, value);
            return Ok(());
        }
        if let Some((_, why)) = REFUSED.iter().find(|(name, _)| *name == key) {
            return Err(Fault::plain(format!("it has `{key}`, and {why}")));
        }
        if IGNORED.contains(&key) {
            tracing::debug!(option = key, "an option of the database's address has no meaning for migrations");
            return Ok(());
        }
        match key {
            "sslmode" | "ssl-mode" => self.mode = Some(Mode::named(value).map_err(Fault::plain)?),
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => self.tls.root = Some(Root::named(value)),
            "sslcert" | "ssl-cert" => self.tls.certificate = Some(value.into()),
            "sslkey" | "ssl-key" => self.tls.key = Some(value.into()),
            "ssl" | "requiressl" if is_true(value) => self.mode = self.mode.or(Some(Mode::Require)),
            "ssl" | "requiressl" => {}
            "sslaccept" => self.is_strict = value == "strict",
            "pgbouncer" => self.is_pooler = is_true(value),
            "fallback_application_name" => self.fallback_name = Some(value.to_owned()),
            "gssencmode" if value == "require" => {
                return Err(Fault::plain("it has `gssencmode=require`, and connections are encrypted by TLS only"));
            }
            "gssencmode" => {}
            "keepalives_count" => self.driver.push(("keepalives_retries".to_owned(), value.to_owned())),
            "target_session_attrs" => self.driver.push((key.to_owned(), session_attrs(value).to_owned())),
            "options" => self.options(value),
            key if DRIVERS.contains(&key) => self.driver.push((key.to_owned(), value.to_owned())),
            unknown => return Err(Fault::quoting(not_known(unknown))),
        }
        Ok(())
    }

    /// One setting, in sqlx's form.
    fn option(&mut self, name: &str, value: &str) {
        let value = value.replace('\\', r"\\").replace(' ', r"\ ");
        self.options(&format!("-c {name}={value}"));
    }

    /// Settings for the server; those that come first stay.
    fn options(&mut self, more: &str) {
        match self.driver.iter_mut().find(|(key, _)| key == "options") {
            Some((_, options)) => {
                options.push(' ');
                options.push_str(more);
            }
            None => self.driver.push(("options".to_owned(), more.to_owned())),
        }
    }

    fn settled_mode(&self) -> Result<Mode, Fault> {
        let is_system = self.tls.root == Some(Root::System);
        match self.mode {
            // As libpq has it: the whole world's authorities say nothing without the name of the host.
            None if is_system => Ok(Mode::VerifyFull),
            Some(mode) if is_system && mode < Mode::VerifyFull => {
                Err(Fault::plain("`sslrootcert=system` goes with `sslmode=verify-full` only"))
            }
            // Prisma's way to ask for it.
            Some(Mode::Require) if self.is_strict => Ok(Mode::VerifyFull),
            mode => Ok(mode.unwrap_or_default()),
        }
    }
}

fn not_known(key: &str) -> String {
    let names = DRIVERS.iter().chain(&OURS).chain(&IGNORED).copied();
    match nearest(key, names) {
        Some(near) => format!("unknown option `{key}`; did you mean `{near}`?"),
        None => format!("unknown option `{key}`"),
    }
}

fn is_true(value: &str) -> bool {
    matches!(value, "1" | "on" | "true" | "yes" | "require")
}

/// libpq's names of a primary and a standby, as the driver has them.
fn session_attrs(value: &str) -> &str {
    match value {
        "primary" => "read-write",
        "standby" => "read-only",
        "prefer-standby" => "any",
        other => other,
    }
}
