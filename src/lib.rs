//! Changes a live PostgreSQL schema without downtime, from a typed plan that the compiler checks.

#[cfg(feature = "testing")]
pub use migrate_core::testing;
pub use migrate_core::{
    Blocker, Closed, DatabaseError, Error, Event, FailedRow, Migrator, PlanReport, Position, Problem, Report, Settings,
};
pub use migrate_plan::column::{Column, types};
pub use migrate_plan::{Migrations, Phase, Plan, Side, Stage};

/// Declares a plan: a module with [`PLAN`](Plan) and the typed columns of both sides.
///
/// ```
/// migrate::plan! {
///     /// Money becomes integer cents.
///     pub mod orders_total_cents;
///
///     stage dual_write;
///
///     table orders (id: bigint) {
///         total: numeric(12, 2) not null => total_cents: bigint not null {
///             up   round(total * 100)::bigint;
///             down total_cents / 100.0;
///         }
///     }
/// }
/// # fn main() { assert_eq!(orders_total_cents::PLAN.name, "orders_total_cents"); }
/// ```
#[macro_export]
macro_rules! plan {
    ($($plan:tt)*) => {
        $crate::__private::plan! { $crate; $($plan)* }
    };
}

/// The plans of a program, in their order: `static MIGRATIONS: Migrations = migrations![a, b::c];`
#[macro_export]
macro_rules! migrations {
    ($($($plan:ident)::+),* $(,)?) => {
        $crate::Migrations::new(&[$(&$($plan)::+::PLAN),*])
    };
}

/// What the code that [`plan!`] makes needs, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use std::borrow::Cow::Borrowed as B;

    pub use migrate_macros::plan;
    pub use migrate_plan::lens::{Context, Conversion, Lens, Shape};
    pub use migrate_plan::plan::{Declared, Table};
    pub use migrate_plan::types::Image::*;
    pub use migrate_plan::{Held::*, LockMode::*, Phase::*, Side::*, SyncChange::*, Work::*};
    pub use migrate_plan::{List, Lock, Plan, Stage, Step};
    pub use std::option::Option::{None, Some};
}
