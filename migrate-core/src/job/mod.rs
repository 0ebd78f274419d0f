//! Jobs that walk a heap: in windows of blocks, a transaction each, with the cursor inside it.

mod backfill;
mod cursor;
mod failed;
mod verify;
mod walk;

pub(crate) use backfill::backfill;
pub(crate) use verify::verify;
