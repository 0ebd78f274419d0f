//! The server that all tests of this binary ask.

use std::sync::OnceLock;

use migrate::testing::{ScratchDatabase, ScratchServer};
use postgres::{Client, SimpleQueryMessage};

/// A fresh database, and a session in it.
pub(crate) fn fresh() -> (ScratchDatabase, Client) {
    let server = ScratchServer::shared().expect("a PostgreSQL server");
    let database = server.database().expect("a fresh database");
    let client = database.connect().expect("a connection");
    (database, client)
}

/// The least scale that a `numeric` may have: negative ones came with PostgreSQL 15.
pub(crate) fn least_scale() -> i32 {
    static LEAST: OnceLock<i32> = OnceLock::new();
    *LEAST.get_or_init(|| {
        let (_database, mut client) = fresh();
        let row = client.query_one("SELECT current_setting('server_version_num')::integer", &[]).expect("a version");
        if row.get::<_, i32>(0) >= 150_000 { -2 } else { 0 }
    })
}

/// Where a random test begins; another one with `MIGRATE_TEST_SEED`.
pub(crate) fn seed() -> u64 {
    std::env::var("MIGRATE_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7)
}

/// The rows of a query, or the SQLSTATE.
pub(crate) fn rows(client: &mut Client, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
    let messages = client.simple_query(sql).map_err(|error| match error.code() {
        Some(code) => code.code().to_owned(),
        None => panic!("{sql}: {error:?}"),
    })?;
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|place| row.get(place).map(str::to_owned)).collect()),
        _ => None,
    };
    Ok(messages.iter().filter_map(row).collect())
}

/// Runs statements, which must pass.
pub(crate) fn run(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}
