//! Changes a live PostgreSQL schema without downtime, from a typed plan that the compiler checks.
//!
//! A change is declared once, with [`plan!`], in the code of the application. The compiler refuses what is unsafe or
//! wrong, with an error on the very token. The rest becomes steps in four phases: *expand* (the new shape appears, and
//! every write reaches both), *dual-write* (the rows that exist are filled), *switch* (the new side wins) and
//! *contract* (the old shape goes). A [`Migrator`] carries them out when the service starts, as far as the stage of
//! the build and the data allow; until the last step everything can be taken back.

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
///     table orders (currency: text not null) {
///         total: numeric(12, 2) not null => total_cents: bigint not null {
///             up   case when currency = "JPY" then total else round(total * 100) end::bigint;
///             down case when currency = "JPY" then total_cents else total_cents / 100.0 end;
///         }
///         nick: text => nickname: text;
///     }
/// }
///
/// use orders_total_cents::orders::{new, old};
///
/// # fn main() {
/// assert_eq!(orders_total_cents::PLAN.name, "orders_total_cents");
/// assert_eq!(format!("select {}, {} from orders", old::total, new::total_cents),
///     r#"select "total", "total_cents" from orders"#);
/// # }
/// ```
///
/// # The parts
///
/// - `pub mod name;` The name is the plan's identity in the database for ever. Doc comments and attributes
///   go to the module.
/// - `stage dual_write;` What the code of this build is ready for. At `dual_write` it can use both sides; at
///   `switch` it uses the new one, and the old columns are `#[deprecated]`; at `contract` it knows the new one
///   only, and the old columns do not exist.
/// - `extern fn app.f(text, integer) -> bigint immutable strict;` A function of your own or of an extension that
///   conversions call; `strict` where null gives null. Before the first step it is compared with the database.
/// - `table schema.name (columns) { changes }` The schema is `public` where none is written. In brackets
///   stand other columns that conversions read; the brackets may be left out.
/// - `old: type => new: type { up …; down …; }` `up` makes the new value from the old one and `down` the
///   old from the new. Where the type stays, or a cast loses nothing (`integer => bigint`), `;` takes the place of both.
/// - `lossy "cents are rounded";` beside `up` and `down` says what does not come back from the new column. It is
///   required where `down(up(x))` is not shown to be `x`, and refused where it is. Where the types have a cast, it may
///   stand alone: `at: timestamp => day: date { lossy "the time of day goes"; }`.
/// - After a type: `not null`, `default …` and, for a column that exists, a bound of its values: `between 0 and 20_000_000`,
///   `length between 1 and 80`; in any order. The ranges of the conversions follow from it, and the runner looks for
///   rows outside of it before the first step.
///
/// Names are Rust identifiers, taken as they are, or string constants: `"Total Amount"`. `r#type` is `type`.
///
/// # Types
///
/// PostgreSQL's own spelling, every built-in type and alias: `numeric(12, 2)`, `double precision`,
/// `timestamp(3) with time zone`, `interval day to second`, `text[]`, `"char"`. Types of your own and of extensions
/// have their schema: `app.status`, `public.geometry(Point, 4326)`.
///
/// # Expressions
///
/// SQL in Rust's tokens, with PostgreSQL's operators and precedence. Text stands in double quotes:
/// `currency = "JPY"`. A function without a schema is one of PostgreSQL's own; others are `schema.function(x)`, and
/// declared. A column whose name is no identifier is `col("Total Amount")`. An expression reads the columns of one row
/// and depends on nothing else: no clock, no random value, no setting of the session, no query. Its types are resolved
/// as PostgreSQL does it, and it gives null only for a column that may be null.
///
/// # Errors
///
/// All mistakes of a plan are reported at once, each on its token. The module is made all the same, so that no
/// second error follows from the first.
#[macro_export]
macro_rules! plan {
    ($($plan:tt)*) => {
        $crate::__private::plan! { $crate; $($plan)* }
    };
}

/// The plans of a program, in their order.
///
/// In a `static` it is checked while the program compiles that no two plans share a name, that no two change
/// one column at a time, and that a plan stands after the one it builds on.
///
/// ```
/// # migrate::plan! { mod first; stage contract; table t { a: text => b: text; } }
/// # mod later { migrate::plan! { pub mod second; stage dual_write; table t { b: text => c: text; } } }
/// use migrate::{Migrations, migrations};
///
/// static MIGRATIONS: Migrations = migrations![first, later::second];
/// # fn main() { assert_eq!(MIGRATIONS.plans().len(), 2); }
/// ```
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
    pub use migrate_plan::plan::{Bounded, Declared, Routine, Table};
    pub use migrate_plan::types::Image::*;
    pub use migrate_plan::{Held::*, LockMode::*, Phase::*, Side::*, SyncChange::*, Work::*};
    pub use migrate_plan::{List, Lock, Plan, Stage, Step};
    pub use std::option::Option::{None, Some};
}

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
