//! What a plan declares of the values in its columns, looked at on the live rows before the first step.

use std::time::{Duration, Instant};

use migrate_plan::Plan;
use migrate_plan::plan::{Bounded, Table};
use postgres::{Client, Transaction};

use crate::ask::Ask;
use crate::catalog::{self, Heap};
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::report::Closed;
use crate::settings::Settings;

/// The first window, in blocks of usually 8 kB.
const FIRST: f64 = 16.0;

/// The largest window.
const LARGEST: f64 = 65_536.0;

/// After so many rows outside of its bound a column is not looked at any further.
const ENOUGH: u64 = 1000;

/// How many keys are told of each column.
const KEYS: usize = 10;

/// A window that PostgreSQL ended for a passing reason is tried this often before the run gives up.
const RETRIES: u32 = 100;

/// Looks for rows outside of the plan's bounds; nothing is written and no lock is taken that stops anyone.
///
/// Rows that are written later are not its business: outside of a bound they are what any value is that a
/// conversion refuses, and reported as such.
pub(crate) fn before_start(client: &mut Client, settings: &Settings, plan: &Plan) -> Result<Vec<Closed>, Error> {
    let mut closed = Vec::new();
    for table in plan.tables.iter().filter(|table| !table.bounds.is_empty()) {
        let name = table.qualified().to_string();
        let mut scan = Scan { settings, found: table.bounds.iter().map(Found::new).collect() };
        for heap in catalog::heaps(client, &name)? {
            scan.heap(client, &heap)?;
        }
        closed.extend(scan.found.into_iter().filter(|found| found.count > 0).map(|found| found.closed(table)));
    }
    Ok(closed)
}

/// What was found of one bound.
struct Found<'a> {
    bounded: &'a Bounded,
    count: u64,
    keys: Vec<String>,
}

impl<'a> Found<'a> {
    fn new(bounded: &'a Bounded) -> Found<'a> {
        Found { bounded, count: 0, keys: Vec::new() }
    }

    fn is_enough(&self) -> bool {
        self.count >= ENOUGH
    }

    fn closed(self, table: &Table) -> Closed {
        Closed::OutOfBounds {
            column: format!("{}.{}.{}", table.schema, table.name, self.bounded.column),
            bound: self.bounded.bound.to_string(),
            more: self.is_enough(),
            count: self.count,
            keys: self.keys,
        }
    }
}

/// One pass over a table.
struct Scan<'a> {
    settings: &'a Settings,
    found: Vec<Found<'a>>,
}

impl Scan<'_> {
    /// A heap in windows of blocks, each a transaction of its own: no old snapshot is held.
    fn heap(&mut self, client: &mut Client, heap: &Heap) -> Result<(), Error> {
        let (mut from, mut size, mut retries) = (0, FIRST, 0);
        let mut key = None;
        while from < heap.blocks && !self.found.iter().all(Found::is_enough) {
            let to = heap.blocks.min(from + (size as i64).max(1));
            let begun = Instant::now();
            match self.window(client, heap, &mut key, from, to) {
                Ok(()) => {
                    let target = self.settings.batch_target.as_secs_f64();
                    let took = begun.elapsed().as_secs_f64().max(1e-6);
                    size = (size * (target / took).clamp(0.5, 2.0)).clamp(1.0, LARGEST);
                    (from, retries) = (to, 0);
                }
                Err(Error::Database(error)) if error.is_transient() && retries < RETRIES => {
                    retries += 1;
                    size = (size / 2.0).max(1.0);
                    self.wait(&error, retries);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn window(
        &mut self,
        client: &mut Client,
        heap: &Heap,
        key: &mut Option<String>,
        from: i64,
        to: i64,
    ) -> Result<(), Error> {
        let mut transaction = client.build_transaction().read_only(true).start().doing("looking at bounds")?;
        let budget = (self.settings.stall_budget / 2).as_millis().max(1);
        transaction.batch_execute(&format!("SET LOCAL lock_timeout = {budget}")).doing("looking at bounds")?;
        let window = format!("ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid");
        let counts: Vec<String> = self
            .found
            .iter()
            .map(|found| format!("pg_catalog.count(*) FILTER (WHERE {})", found.bounded.outside))
            .collect();
        let sql = format!("SELECT {} FROM ONLY {} WHERE {window}", counts.join(", "), heap.sql);
        let row = transaction.ask_one(&sql, &[]).running("looking at bounds", &sql)?;
        for (place, found) in self.found.iter_mut().enumerate() {
            let outside = row.get::<_, i64>(place) as u64;
            if outside == 0 || found.is_enough() {
                continue;
            }
            if found.keys.len() < KEYS {
                found.keys.extend(keys(&mut transaction, heap, key, found, &window)?);
            }
            found.count += outside;
        }
        transaction.commit().doing("looking at bounds")?;
        Ok(())
    }

    fn wait(&self, error: &DatabaseError, retries: u32) {
        tracing::debug!(%error, "a look at bounds is tried again");
        // Not all at once with whoever it met.
        std::thread::sleep(Duration::from_millis(u64::from(retries.min(20)) * 5));
    }
}

/// The keys of the first rows of a window that lie outside.
fn keys(
    transaction: &mut Transaction<'_>,
    heap: &Heap,
    key: &mut Option<String>,
    found: &Found<'_>,
    window: &str,
) -> Result<Vec<String>, Error> {
    let key = match key {
        Some(key) => key,
        None => key.insert(catalog::key_sql(transaction, heap.relation)?),
    };
    let sql = format!(
        "SELECT {key}::text FROM ONLY {} WHERE {window} AND {} ORDER BY ctid LIMIT {}",
        heap.sql,
        found.bounded.outside,
        KEYS - found.keys.len()
    );
    let rows = transaction.ask(&sql, &[]).running("looking at bounds", &sql)?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}
