//! The model of a live PostgreSQL schema change: what a plan declares, the expression language of its
//! conversions, the rules it must keep, the planner, and every line of SQL.
//!
//! This crate reads no tokens, talks to no server and depends on nothing. The macro runs it while the
//! program compiles; the runtime executes what it made. Users depend on the crate `migrate`.

pub mod check;
pub mod code;
pub mod column;
pub mod conversion;
pub mod declaration;
pub mod expr;
pub mod ident;
pub mod lens;
pub mod lock;
mod migrations;
pub mod plan;
mod planner;
pub mod range;
pub mod runbook;
pub mod step;
pub mod sync;
pub mod types;

pub use column::Column;
pub use migrations::{Key, Locked, Migrations};
pub use plan::{Outline, Phase, Plan, Planned, Side, Stage, TableOutline, Text};
pub use planner::plan;
pub use step::{Held, Lock, LockMode, Step, StepKind, SyncChange, Work};
