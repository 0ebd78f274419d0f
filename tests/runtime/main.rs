//! The runtime against a real PostgreSQL: a scratch server, or the one `DATABASE_URL` names.
//!
//! `MIGRATE_TEST_SCALE` multiplies the random tests: 1 by default, 20 for the figures of a release.

#![allow(unreachable_pub, missing_docs)]

mod acknowledge;
mod backfill_kills;
mod bad_input;
mod bad_orders;
mod bad_rows;
mod bad_state;
mod baseline;
mod bounds;
mod configs;
mod crossings;
mod database;
mod durability;
mod exhaustive;
mod failed_rows;
mod gates;
mod gates_functions;
mod gates_sessions;
mod gates_statements;
mod hazards;
mod hazards_cases;
mod hazards_refused;
mod hostile;
mod interleavings;
mod kills;
mod locks;
mod looks;
mod measured;
mod model;
mod mutants;
mod observed;
mod passes;
mod paths;
mod paths_callers;
mod paths_contracted;
mod paths_reverted;
mod paths_triggers;
mod phases;
mod rivals;
mod rivals_runs;
mod role;
mod settled;
mod slicing;
mod sync_lost;
mod throttle;
mod two_plans;
mod two_tables;
mod verification;
