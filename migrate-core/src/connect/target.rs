//! What a configuration points at, without its password.

use postgres::Config;
use postgres::config::Host;

/// `database "x" on host port 5432 as "user"`.
pub(super) fn target(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = hosts(config)
        .into_iter()
        .enumerate()
        .map(|(place, host)| format!("{host} port {}", port(ports, place)))
        .collect();
    let user = config.get_user().map_or_else(String::new, |user| format!(" as \"{user}\""));
    let database = config.get_dbname().or(config.get_user());
    let database = database.map_or_else(String::new, |name| format!("database \"{name}\" on "));
    format!("{database}{}{user}", hosts.join(", "))
}

/// The names of its hosts, or their numbers where they have none.
pub(super) fn hosts(config: &Config) -> Vec<String> {
    let name = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    };
    let named: Vec<String> = config.get_hosts().iter().map(name).collect();
    if named.is_empty() { config.get_hostaddrs().iter().map(ToString::to_string).collect() } else { named }
}

/// The port of the host at `place`: each has its own, or one is for all.
pub(super) fn port(ports: &[u16], place: usize) -> u16 {
    ports.get(place).or(ports.first()).copied().unwrap_or(5432)
}
