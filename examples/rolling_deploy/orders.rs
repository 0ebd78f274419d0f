//! The table, and the statements that the shop runs on it, in either shape.

use migrate::Side;
use postgres::Row;
use postgres::types::ToSql;

/// Shops that run side by side. Each owns the orders whose id leaves its number when divided by this, so
/// it knows what every row of its own must hold.
pub(crate) const SLOTS: i64 = 4;

/// Makes a row of about 200 bytes.
const NOTE_LENGTH: usize = 140;
const NOTE_FILLER: &str = "Please leave it at the door. ";

/// An order as the shop thinks of it: money is integer cents, whatever the table says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) customer: i32,
    pub(crate) cents: i64,
    /// The number in its note; the rest of the note follows from it.
    pub(crate) note: i64,
}

/// The rows that the table starts with: numbers 1 to `rows`, each with contents that follow from its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    pub(crate) rows: i64,
}

impl Seed {
    /// About 40 orders each. A multiple of [`SLOTS`]: a customer's orders all belong to one shop.
    pub(crate) fn customers(self) -> i64 {
        (self.rows / 40 / SLOTS).max(1) * SLOTS
    }

    pub(crate) fn order(self, id: i64) -> Option<Order> {
        (1..=self.rows).contains(&id).then(|| Order {
            customer: (id % self.customers()) as i32,
            cents: id * 7919 % 10_000_000,
            note: id,
        })
    }

    /// How many of the first orders are a customer's.
    pub(crate) fn orders_of(self, customer: i32) -> i64 {
        let (customer, customers) = (i64::from(customer), self.customers());
        let up_to = |last: i64| (last - customer).div_euclid(customers) + 1;
        up_to(self.rows) - up_to(0)
    }

    /// The statements that make the table, with `role` as the application's role.
    pub(crate) fn schema(self, role: &str) -> String {
        let Seed { rows } = self;
        let customers = self.customers();
        let mut sql = format!(
            "CREATE TABLE orders (
                 id        bigint PRIMARY KEY,
                 customer  integer NOT NULL,
                 total     numeric(12, 2) NOT NULL,
                 note      text NOT NULL,
                 placed_at timestamptz NOT NULL DEFAULT now()
             );
             CREATE INDEX orders_customer ON orders (customer);
             INSERT INTO orders (id, customer, total, note)
                 SELECT id, id % {customers}, (id * 7919 % 10000000) / 100.0,
                        rpad('Note ' || id || '. ', {NOTE_LENGTH}, '{NOTE_FILLER}')
                 FROM generate_series(1, {rows}::bigint) AS id;
             REVOKE CREATE ON SCHEMA public FROM PUBLIC;
             GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO {role};"
        );
        for slot in 0..SLOTS {
            let first = (rows / SLOTS + 1) * SLOTS + slot;
            sql.push_str(&format!(
                "CREATE SEQUENCE orders_of_slot_{slot} START {first} INCREMENT {SLOTS};
                 GRANT USAGE ON SEQUENCE orders_of_slot_{slot} TO {role};"
            ));
        }
        sql
    }
}

/// What a shop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    Place,
    Change,
    Adjust,
    Upsert,
    Annotate,
    Read,
    List,
    Delete,
}

impl Deed {
    /// The statement, for the shape of `side` with the money in column `money`.
    pub(crate) fn sql(self, side: Side, money: &str, slot: i64) -> String {
        let given = match side {
            Side::Old => "text::numeric",
            Side::New => "bigint",
        };
        let row = columns(side, money);
        match self {
            Deed::Place => format!(
                "INSERT INTO orders (id, customer, {money}, note) \
                 VALUES (nextval('orders_of_slot_{slot}'), $1, $2::{given}, $3) RETURNING {row}"
            ),
            Deed::Change => format!("UPDATE orders SET {money} = $2::{given} WHERE id = $1 RETURNING {row}"),
            Deed::Adjust => format!("UPDATE orders SET {money} = {money} + $2::{given} WHERE id = $1 RETURNING {row}"),
            Deed::Upsert => format!(
                "INSERT INTO orders (id, customer, {money}, note) VALUES ($1, $2, $3::{given}, $4) \
                 ON CONFLICT (id) DO UPDATE SET {money} = excluded.{money}, note = excluded.note RETURNING {row}"
            ),
            Deed::Annotate => format!("UPDATE orders SET note = $2 WHERE id = $1 RETURNING {row}"),
            Deed::Read => format!("SELECT {row} FROM orders WHERE id = $1"),
            Deed::List => format!("SELECT {row} FROM orders WHERE customer = $1"),
            Deed::Delete => format!("DELETE FROM orders WHERE id = $1 RETURNING {row}"),
        }
    }
}

/// The columns that [`order_of`] reads.
pub(crate) fn columns(side: Side, money: &str) -> String {
    match side {
        Side::Old => format!("id, customer, {money}::text, note"),
        Side::New => format!("id, customer, {money}, note"),
    }
}

/// An id and its order; nothing where the row holds what no shop can have written.
pub(crate) fn order_of(row: &Row, side: Side) -> Option<(i64, Order)> {
    let cents = match side {
        Side::Old => cents_of(row.get(2))?,
        Side::New => row.get(2),
    };
    Some((row.get(0), Order { customer: row.get(1), cents, note: number_of(row.get(3))? }))
}

/// Cents as a parameter of a statement.
pub(crate) fn given(cents: i64, side: Side) -> Box<dyn ToSql + Sync> {
    match side {
        Side::Old => Box::new(decimal(cents)),
        Side::New => Box::new(cents),
    }
}

/// `-12.05` of −1205 cents.
fn decimal(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// −1205 cents of `-12.05`.
fn cents_of(decimal: &str) -> Option<i64> {
    let (sign, digits) = decimal.strip_prefix('-').map_or((1, decimal), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.')?;
    let (whole, fraction): (i64, i64) = (whole.parse().ok()?, fraction.parse().ok().filter(|_| fraction.len() == 2)?);
    Some(sign * (whole * 100 + fraction))
}

/// The note with this number.
pub(crate) fn note(number: i64) -> String {
    let mut text = format!("Note {number}. ");
    text.extend(NOTE_FILLER.chars().cycle().take(NOTE_LENGTH.saturating_sub(text.len())));
    text
}

/// The number of a whole note.
fn number_of(text: &str) -> Option<i64> {
    let number = text.strip_prefix("Note ")?.split_once('.')?.0.parse().ok()?;
    (note(number) == text).then_some(number)
}
