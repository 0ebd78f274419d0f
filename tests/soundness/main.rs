//! What the compiler says of types, ranges and conversions, against what PostgreSQL does.

mod lossless;
mod ranges;
mod server;
