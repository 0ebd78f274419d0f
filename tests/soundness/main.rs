//! What the compiler says of expressions, ranges and conversions, against a real PostgreSQL.
//!
//! Random expressions are printed and given to the server: types, nulls and volatility must be what the
//! expression language inferred. `MIGRATE_TEST_SCALE` multiplies their number.

#![allow(unreachable_pub, missing_docs)]

mod catalog;
mod generate;
mod inference;
mod lossless;
mod ranges;
mod rows;
mod server;

/// How many times the small size a random test is to be.
pub fn scale() -> usize {
    std::env::var("MIGRATE_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
