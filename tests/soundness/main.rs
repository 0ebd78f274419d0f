//! What the compiler says of an expression, against a real PostgreSQL.
//!
//! Random expressions and conversions are printed and given to the server: types, nulls, volatility, ranges and
//! round trips must be what was inferred. `MIGRATE_TEST_SCALE` multiplies their number.

#![allow(unreachable_pub, missing_docs)]

mod catalog;
mod generate;
mod inference;
mod lossless;
mod ranges;
mod rows;
mod server;
mod times;

/// How many times the small size a random test is to be.
pub fn scale() -> usize {
    std::env::var("MIGRATE_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
