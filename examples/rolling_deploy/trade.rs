//! What a shop does all day, and how it checks what it gets to see.

use std::collections::HashMap;
use std::time::Instant;

use migrate::Side;
use postgres::types::ToSql;
use postgres::{Client, Row, Statement};

use crate::builds::Build;
use crate::ledger::Ledger;
use crate::orders::{Deed, Order, SLOTS, Seed, given, note, order_of};

/// Why a deed did not come out.
pub(crate) enum Trouble {
    /// The statement failed.
    Failed(postgres::Error),
    /// A row is not as it was written.
    Wrong(String),
}

impl From<postgres::Error> for Trouble {
    fn from(error: postgres::Error) -> Trouble {
        Trouble::Failed(error)
    }
}

/// One connection and one ledger.
pub(crate) struct Trader {
    pub(crate) client: Client,
    pub(crate) build: Build,
    slot: i64,
    seed: Seed,
    pub(crate) ledger: Ledger,
    /// Ids to choose from beside those of the seed.
    placed: Vec<i64>,
    /// Ids that can be written anew.
    deleted: Vec<i64>,
    /// The shape in use.
    pub(crate) side: Side,
    prepared: HashMap<(Deed, bool), Statement>,
    /// What each statement took, in µs.
    pub(crate) took: Vec<u32>,
}

impl Trader {
    pub(crate) fn new(client: Client, build: Build, ledger: Ledger) -> Trader {
        Trader {
            client,
            build,
            slot: ledger.slot(),
            seed: ledger.seed(),
            placed: ledger.placed(),
            deleted: ledger.deleted(),
            ledger,
            side: build.side(),
            prepared: HashMap::new(),
            took: Vec::new(),
        }
    }

    /// Does one thing or another.
    pub(crate) fn trade(&mut self) -> Result<(), (Deed, Trouble)> {
        let deed = match fastrand::u32(0..100) {
            0..=19 => Deed::Read,
            20..=29 => Deed::List,
            30..=49 => Deed::Change,
            50..=59 => Deed::Adjust,
            60..=69 => Deed::Upsert,
            70..=81 => Deed::Annotate,
            82..=95 => Deed::Place,
            _ => Deed::Delete,
        };
        self.perform(deed).map_err(|trouble| (deed, trouble))
    }

    fn perform(&mut self, deed: Deed) -> Result<(), Trouble> {
        match deed {
            Deed::Place => {
                let order = Order { customer: self.customer(), cents: amount(), note: fastrand::i64(0..1_000_000) };
                let money = given(order.cents, self.side);
                let rows = self.query(deed, &[&order.customer, &*money, &note(order.note)])?;
                let id = rows.first().ok_or_else(|| Trouble::Wrong("no row came back".to_owned()))?.get(0);
                self.placed.push(id);
                self.wrote(id, Some(order), &rows)
            }
            Deed::Change => {
                let (id, order) = self.pick();
                let order = Order { cents: amount(), ..order };
                let rows = self.query(deed, &[&id, &*given(order.cents, self.side)])?;
                self.wrote(id, Some(order), &rows)
            }
            Deed::Adjust => {
                let (id, order) = self.pick();
                let by = fastrand::i64(-500..=500);
                let order = Order { cents: order.cents + by, ..order };
                let rows = self.query(deed, &[&id, &*given(by, self.side)])?;
                self.wrote(id, Some(order), &rows)
            }
            Deed::Upsert => {
                let (id, order) = match fastrand::bool().then(|| self.deleted.pop()).flatten() {
                    Some(id) => (id, Order { customer: self.customer(), cents: 0, note: 0 }),
                    None => self.pick(),
                };
                let order = Order { cents: amount(), note: fastrand::i64(0..1_000_000), ..order };
                let money = given(order.cents, self.side);
                let rows = self.query(deed, &[&id, &order.customer, &*money, &note(order.note)])?;
                self.wrote(id, Some(order), &rows)
            }
            Deed::Annotate => {
                let (id, order) = self.pick();
                let order = Order { note: fastrand::i64(0..1_000_000), ..order };
                let rows = self.query(deed, &[&id, &note(order.note)])?;
                self.wrote(id, Some(order), &rows)
            }
            Deed::Read => {
                let (id, _) = self.pick();
                let rows = self.query(deed, &[&id])?;
                self.saw(id, &rows)
            }
            Deed::List => self.list(),
            Deed::Delete => {
                let (id, _) = self.pick();
                let rows = self.query(deed, &[&id])?;
                self.saw(id, &rows)?;
                self.deleted.push(id);
                self.ledger.book(id, None);
                Ok(())
            }
        }
    }

    /// All orders of a customer: each as it must be, and none missing.
    fn list(&mut self) -> Result<(), Trouble> {
        let customer = self.customer();
        let rows = self.query(Deed::List, &[&customer])?;
        for row in &rows {
            self.saw(row.get(0), std::slice::from_ref(row))?;
        }
        match self.ledger.orders_of(customer) {
            count if count == rows.len() as i64 => Ok(()),
            count => {
                Err(Trouble::Wrong(format!("customer {customer} must have {count} orders, and has {}", rows.len())))
            }
        }
    }

    /// Books a write, then checks what the statement returned.
    fn wrote(&mut self, id: i64, order: Option<Order>, rows: &[Row]) -> Result<(), Trouble> {
        self.ledger.book(id, order);
        self.saw(id, rows)
    }

    fn saw(&self, id: i64, rows: &[Row]) -> Result<(), Trouble> {
        let found = rows.first().and_then(|row| order_of(row, self.side)).filter(|(found, _)| *found == id);
        match self.ledger.fault(id, found.as_ref().map(|(_, order)| order)) {
            None => Ok(()),
            Some(fault) => Err(Trouble::Wrong(fault)),
        }
    }

    /// Runs the statement of a deed, prepared when the shape is first used.
    fn query(&mut self, deed: Deed, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, postgres::Error> {
        let begun = Instant::now();
        let key = (deed, self.side == Side::New);
        let statement = match self.prepared.get(&key) {
            Some(statement) => statement.clone(),
            None => {
                let money = self.build.money(self.side);
                let statement = self.client.prepare(&deed.sql(self.side, &money, self.slot))?;
                self.prepared.entry(key).or_insert(statement).clone()
            }
        };
        let rows = self.client.query(&statement, parameters);
        self.took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        rows
    }

    /// An order that must be there.
    fn pick(&self) -> (i64, Order) {
        loop {
            let id = match fastrand::u8(0..10) {
                0..=2 if !self.placed.is_empty() => self.placed[fastrand::usize(0..self.placed.len())],
                _ => fastrand::i64(0..=self.seed.rows / SLOTS) * SLOTS + self.slot,
            };
            if let Some(order) = self.ledger.order(id) {
                return (id, order);
            }
        }
    }

    /// A customer of this shop.
    fn customer(&self) -> i32 {
        (fastrand::i64(0..self.seed.customers() / SLOTS) * SLOTS + self.slot) as i32
    }
}

/// Between 0 and 2,000.00.
fn amount() -> i64 {
    fastrand::i64(0..200_000)
}
