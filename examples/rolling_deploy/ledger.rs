//! What every row of one slot must hold: the seed, and each write since, by whatever build.

use std::collections::HashMap;

use migrate::Side;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Error};
use serde::{Deserialize, Serialize};

use crate::orders::{Order, SLOTS, Seed, columns, order_of};

/// A shop's own books.
#[derive(Debug)]
pub(crate) struct Ledger {
    seed: Seed,
    slot: i64,
    /// What differs from the seed; `None` is deleted.
    written: HashMap<i64, Option<Order>>,
    /// How many more orders a customer has than in the seed.
    gained: HashMap<i32, i64>,
}

/// A line of a ledger, as one shop hands it to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    id: i64,
    /// Customer, cents, note.
    order: Option<(i32, i64, i64)>,
}

/// What came of comparing a whole slot with the table.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Audit {
    /// Rows that must be there.
    pub(crate) rows: u64,
    /// Rows that are not as they must be, in words.
    pub(crate) wrong: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(seed: Seed, slot: i64) -> Ledger {
        Ledger { seed, slot, written: HashMap::new(), gained: HashMap::new() }
    }

    pub(crate) fn seed(&self) -> Seed {
        self.seed
    }

    pub(crate) fn slot(&self) -> i64 {
        self.slot
    }

    /// What the row must hold, if it must be there.
    pub(crate) fn order(&self, id: i64) -> Option<Order> {
        self.written.get(&id).cloned().unwrap_or_else(|| self.seed.order(id))
    }

    /// Books a write that the database has confirmed.
    pub(crate) fn book(&mut self, id: i64, order: Option<Order>) {
        if let Some(before) = self.order(id) {
            *self.gained.entry(before.customer).or_default() -= 1;
        }
        if let Some(after) = &order {
            *self.gained.entry(after.customer).or_default() += 1;
        }
        self.written.insert(id, order);
    }

    /// How many orders a customer must have.
    pub(crate) fn orders_of(&self, customer: i32) -> i64 {
        self.seed.orders_of(customer) + self.gained.get(&customer).copied().unwrap_or_default()
    }

    /// The ids that the seed does not have.
    pub(crate) fn placed(&self) -> Vec<i64> {
        self.written.iter().filter(|(id, order)| **id > self.seed.rows && order.is_some()).map(|(id, _)| *id).collect()
    }

    /// The ids that were deleted.
    pub(crate) fn deleted(&self) -> Vec<i64> {
        self.written.iter().filter(|(_, order)| order.is_none()).map(|(id, _)| *id).collect()
    }

    /// Everything that differs from the seed.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.written.iter().map(|(&id, order)| Entry {
            id,
            order: order.as_ref().map(|order| (order.customer, order.cents, order.note)),
        })
    }

    /// Takes over an entry.
    pub(crate) fn take(&mut self, entry: Entry) {
        self.book(entry.id, entry.order.map(|(customer, cents, note)| Order { customer, cents, note }));
    }

    /// What is wrong with a row that was read, if anything is.
    pub(crate) fn fault(&self, id: i64, found: Option<&Order>) -> Option<String> {
        let expected = self.order(id);
        (expected.as_ref() != found)
            .then(|| format!("order {id} must be {}, and is {}", shown(&expected), shown(&found.cloned())))
    }

    /// Compares every row of the slot with the table.
    pub(crate) fn audit(&self, client: &mut Client, side: Side, money: &str) -> Result<Audit, Error> {
        let sql = format!("SELECT {} FROM orders WHERE id % {SLOTS} = {}", columns(side, money), self.slot);
        let mut missing: HashMap<i64, Order> = (1..=self.seed.rows)
            .filter(|id| id % SLOTS == self.slot)
            .chain(self.placed())
            .filter_map(|id| Some((id, self.order(id)?)))
            .collect();
        let mut audit = Audit { rows: missing.len() as u64, wrong: Vec::new() };
        let mut rows = client.query_raw(&sql, std::iter::empty::<i64>())?;
        while let Some(row) = rows.next()? {
            let (id, order) = order_of(&row, side).map_or((row.get(0), None), |(id, order)| (id, Some(order)));
            missing.remove(&id);
            audit.wrong.extend(self.fault(id, order.as_ref()));
        }
        audit.wrong.extend(missing.keys().filter_map(|id| self.fault(*id, None)));
        Ok(audit)
    }
}

fn shown(order: &Option<Order>) -> String {
    match order {
        Some(Order { customer, cents, note }) => format!("{cents} cents of customer {customer} with note {note}"),
        None => "absent or unreadable".to_owned(),
    }
}
