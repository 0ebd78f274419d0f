//! What code of each build does with the table, on rows of its own that nobody else writes.

use std::collections::BTreeMap;

use migrate::{Service, Side};
use postgres::{Client, Config, NoTls};

use crate::builds::Build;

/// How many rows a writer has.
const ROWS: i64 = 20;

/// Writes and reads through the columns that its build knows, and knows what must be there.
pub struct Writer<'a> {
    config: Config,
    service: &'a Service,
    build: Build,
    first: i64,
    client: Option<Client>,
    /// In cents: what a row holds, or the two things it may hold after a write whose answer was lost.
    rows: BTreeMap<i64, Vec<i64>>,
    statements: u64,
    random: fastrand::Rng,
}

impl<'a> Writer<'a> {
    pub fn new(url: &str, build: Build, number: u32, service: &'a Service) -> Writer<'a> {
        let mut config: Config = url.parse().expect("an address");
        config.application_name(&service.application_name());
        let first = 1_000_000 + i64::from(number) * 1000;
        let random = fastrand::Rng::with_seed(u64::from(number));
        Writer { config, service, build, first, client: None, rows: BTreeMap::new(), statements: 0, random }
    }

    pub fn statements(&self) -> u64 {
        self.statements
    }

    /// Makes one statement, and says what was wrong with it. A server that is not there is waited for.
    pub fn act(&mut self, say: &mut dyn FnMut(String)) {
        if self.client.is_none() {
            self.client = self.config.connect(NoTls).ok();
        }
        let Some(mut client) = self.client.take() else { return };
        let is_new = match self.build {
            Build::Before => false,
            Build::DualWrite => self.service.side(self.build.plan()) == Side::New,
            Build::Switch | Build::Contract => true,
        };
        let id = self.first + self.random.i64(0..ROWS);
        let outcome = match (self.rows.contains_key(&id), self.random.u8(0..10)) {
            (false, _) => self.insert(&mut client, is_new, id),
            (true, 0..4) => self.update(&mut client, is_new, id),
            (true, 4) => client.execute("UPDATE till SET note = 'n' || id WHERE id = $1", &[&id]).map(drop),
            (true, 5) => self.delete(&mut client, id),
            (true, _) => self.read(&mut client, is_new, id, say),
        };
        self.statements += 1;
        match outcome {
            Ok(()) => self.client = Some(client),
            // The server went away under it; what it had been told may or may not have been done.
            Err(error) if is_lost(&error) => {}
            Err(error) => {
                say(format!("failed {:?} {error:?}", self.build).replace('\n', " "));
                self.client = Some(client);
            }
        }
    }

    /// Notes what a write may have left before it is known whether it was done, and what it has left after.
    fn write(
        &mut self,
        id: i64,
        cents: i64,
        statement: impl FnOnce() -> Result<u64, postgres::Error>,
    ) -> Result<(), postgres::Error> {
        let before = self.rows.get(&id).cloned().unwrap_or_else(|| vec![-1]);
        self.rows.insert(id, before.iter().copied().chain([cents]).collect());
        match statement() {
            Ok(_) => {
                self.rows.insert(id, vec![cents]);
                Ok(())
            }
            Err(error) => {
                if !is_lost(&error) {
                    self.rows.insert(id, before);
                }
                Err(error)
            }
        }
    }

    fn insert(&mut self, client: &mut Client, is_new: bool, id: i64) -> Result<(), postgres::Error> {
        let cents = self.random.i64(1..1_000_000);
        let sql = match is_new {
            true => {
                "INSERT INTO till (id, total_cents) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET total_cents = $2"
            }
            false => {
                "INSERT INTO till (id, total) VALUES ($1, $2::bigint / 100.0) \
                 ON CONFLICT (id) DO UPDATE SET total = excluded.total"
            }
        };
        self.write(id, cents, || client.execute(sql, &[&id, &cents]))
    }

    fn update(&mut self, client: &mut Client, is_new: bool, id: i64) -> Result<(), postgres::Error> {
        let cents = self.random.i64(1..1_000_000);
        let sql = match is_new {
            true => "UPDATE till SET total_cents = $2 WHERE id = $1",
            false => "UPDATE till SET total = $2::bigint / 100.0 WHERE id = $1",
        };
        if self.rows.get(&id).is_some_and(|values| values.len() > 1) {
            // The row itself may not be there.
            return self.insert(client, is_new, id);
        }
        self.write(id, cents, || client.execute(sql, &[&id, &cents]))
    }

    fn delete(&mut self, client: &mut Client, id: i64) -> Result<(), postgres::Error> {
        self.write(id, -1, || client.execute("DELETE FROM till WHERE id = $1", &[&id]))?;
        self.rows.remove(&id);
        Ok(())
    }

    fn read(
        &mut self,
        client: &mut Client,
        is_new: bool,
        id: i64,
        say: &mut dyn FnMut(String),
    ) -> Result<(), postgres::Error> {
        let sql = match is_new {
            true => "SELECT total_cents FROM till WHERE id = $1",
            false => "SELECT (total * 100)::bigint FROM till WHERE id = $1",
        };
        let found: i64 = client.query_opt(sql, &[&id])?.map_or(-1, |row| row.get::<_, Option<i64>>(0).unwrap_or(-2));
        let known = self.rows.get(&id).cloned().unwrap_or_else(|| vec![-1]);
        if known.contains(&found) {
            self.rows.insert(id, vec![found]);
        } else {
            say(format!("lost {:?} row {id} holds {found}, and {known:?} was written", self.build));
        }
        if found == -1 {
            self.rows.remove(&id);
        }
        Ok(())
    }
}

/// Whether the connection broke, or the server ended it.
fn is_lost(error: &postgres::Error) -> bool {
    error.is_closed() || error.code().is_none_or(|code| code.code().starts_with("57P") || code.code().starts_with("08"))
}
