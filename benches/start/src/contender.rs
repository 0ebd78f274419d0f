//! What all that are compared have in common.

/// How many migrations there are, and how many tables.
pub const MIGRATIONS: usize = 20;

/// A library that brings a database up to date when a program starts.
pub trait Contender {
    fn name(&self) -> &'static str;

    /// Opens a connection, as a program with this library does.
    fn connect(&self, url: &str) -> Box<dyn Session>;
}

/// A connection on which a start is made. What has to be ended after it ends when the value drops.
pub trait Session {
    /// Does what is left to do; that is nothing, but for the first time.
    fn start(&mut self);
}

/// The tables, each with ten rows.
pub fn tables() -> String {
    (1..=MIGRATIONS)
        .map(|number| {
            format!(
                "CREATE TABLE t{number:02} (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); \
                 INSERT INTO t{number:02} SELECT g, g FROM generate_series(1, 10) g;"
            )
        })
        .collect()
}

/// The migrations of the others: a number, a name, and SQL that does the first tenth of what a plan does.
pub fn scripts() -> impl Iterator<Item = (usize, String, String)> {
    (1..=MIGRATIONS).map(|number| {
        let sql = format!("ALTER TABLE t{number:02} ADD COLUMN total_cents bigint");
        (number, format!("cents_{number:02}"), sql)
    })
}
