//! `Migrator::start` against a real PostgreSQL: a scratch server, or the one `DATABASE_URL` names.
//!
//! `MIGRATE_TEST_SCALE` multiplies the random tests: 1 by default, 20 for the figures of a release.

#![allow(unreachable_pub, missing_docs)]

mod agent;
mod builds;
mod failover;
mod failures;
mod faults;
mod fleets;
mod fresh;
mod gates;
mod leads;
mod proxy;
mod schedules;
mod starts;
mod traffic;
mod versions;
