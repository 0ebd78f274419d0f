//! Ranges: what the values of an expression lie between, whatever the row holds.
//!
//! Numbers have their value, texts and other strings their length. What is not known is no error: a text
//! that is read as a number, a function of the user's, a float. `NaN` and `infinity` are outside of every
//! range; PostgreSQL itself refuses them where they do not fit. A function of case is taken to keep the
//! number of characters: a collation that adds some makes PostgreSQL refuse the row, and loses nothing.

mod analysis;
mod conditions;
mod decimal;
mod extent;
mod finding;
mod functions;
mod interval;
mod moment;

pub use analysis::{Analysis, Columns, of, typed};
pub use decimal::{Decimal, Rounding};
pub(crate) use extent::constant;
pub use extent::{Extent, declared, fits, held};
pub use finding::{Finding, Reaches};
pub use interval::{Edge, Interval, quotient_digits};
