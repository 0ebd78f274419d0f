//! Changes a live PostgreSQL schema without downtime, from a typed plan that the compiler checks.
//!
//! A change is declared once, with [`plan!`], in the code of the application. The compiler refuses what is unsafe or
//! wrong, with an error on the very token. The rest becomes steps in four phases: *expand* (the new shape appears, and
//! every write reaches both), *dual-write* (the rows that exist are filled), *switch* (the new side wins) and
//! *contract* (the old shape goes). [`Migrator::start`] makes the process one of the instances that live with the schema,
//! and carries the steps out, as far as the stage of the build and the data allow; until the last step everything can be
//! taken back. [`Migrator::run`] does the same once, on a connection of the caller's.

#[cfg(feature = "cli")]
pub mod cli;

#[cfg(feature = "metrics")]
pub use migrate_core::metrics;
#[cfg(feature = "testing")]
pub use migrate_core::testing;
pub use migrate_core::{
    Acknowledged, Blocker, BlockerKind, Closed, DatabaseError, Error, Event, Evidence, FailedRow, Failure, Failures,
    HistoryEntry, HoldWhile, Instance, InstanceReport, IntoSource, JobNow, JobReport, Limit, Migrator, Pause,
    PlanReport, PlanStatus, Position, Problem, Report, Service, ServiceStatus, Settings, Source, Starting,
    Verification,
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
///             up   case when currency = "JPY" then trunc(total) else round(total * 100) end::bigint;
///             down case when currency = "JPY" then total_cents else total_cents / 100.0 end;
///             lossy "a yen has no hundredths";
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
///   old from the new. Where the type stays, or widens without a loss, `;` takes the place of both.
/// - After a type, in any order: `not null`, `default …`, and what is known of the values that are there,
///   `between 0 and 20_000_000`, `between "2000-01-01" and "2050-01-01"`, or `length between 1 and 80` for a text.
/// - `lossy "cents are rounded";` beside `up` and `down`: not every old value comes back, and why that is well.
/// - `extern fn app.cents(numeric) -> bigint immutable strict;` before the tables: a function of the database's
///   own that conversions call.
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
/// Every operator, function and cast is looked up as PostgreSQL looks it up, in tables made from the catalogs of
/// its versions 14, 15 and 18: a wrong type, a wrong number of arguments, or text that is no value of the type it stands
/// beside is an error. A function of a schema is declared with `extern fn`, and held against the database before
/// the first step.
///
/// # Conversions, ranges and losses
///
/// - **Lossless** pairs of types need neither `up` nor `down`: `integer => bigint`, `varchar(20) => text`,
///   `numeric(10, 2) => numeric(12, 3)`. PostgreSQL's casts are written for you.
/// - **Lossy** pairs need the word, and may leave the rest to PostgreSQL's casts:
///   `price: numeric(10, 2) => euros: integer { lossy "cents are rounded"; }`.
/// - All others need `up` and `down`.
///
/// The range of every node is computed from the declared types and bounds, in the type PostgreSQL computes it in:
/// what can overflow, divide by zero, or be cut off is an error that shows the range and the type that fits. A
/// bound that is declared is held against the rows of the table before the first step, and closes its gate with the
/// keys of those outside. `down` is judged for the values that `up` can make: until contract the new column holds
/// only what the old one can, and PostgreSQL refuses a write beyond.
///
/// Where `down(up(x)) = x` can be shown, nothing is to be said; where it cannot, the plan says `lossy`, and the error
/// that asks for it names a value that does not come back, if there is one. A word that is not needed is an error too.
/// Neither direction gives null for a column that is `not null`.
///
/// ```
/// migrate::plan! {
///     pub mod items_weight;
///     stage dual_write;
///     extern fn app.slug(text) -> text immutable strict;
///     table items (id: bigint) {
///         weight: numeric(12, 3) not null between 0 and 2_000_000 => grams: integer not null {
///             up   round(weight * 1000)::integer;
///             down grams / 1000.0;
///         }
///         title: text not null => handle: text not null {
///             up   coalesce(app.slug(title), "");
///             down handle;
///             lossy "a handle has no capitals, and old pages show it as it is";
///         }
///         views: integer not null => view_count: bigint not null;
///     }
/// }
/// # fn main() {}
/// ```
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
/// It is checked while the program compiles that no two plans share a name, that no two change one column at a time, that
/// a plan stands after the one it builds on, and that no stage drops a column that another plan still reads. Each error
/// is on the path of the plan it is about.
///
/// # The lock file
///
/// Where `migrate.lock` stands beside `Cargo.toml`, or at the place that the environment variable `MIGRATE_LOCK` names
/// (a relative path starts at the folder of `Cargo.toml`), the plans are held against it too: a released plan is not
/// edited, not renamed, and not removed before it is finished; it goes through all three stages, and a new one starts
/// at `dual_write`. To go back a stage is allowed. The command `lock` writes the file (feature `cli`, module
/// `migrate::cli`), and it is committed.
///
/// A plan is known by its name and by the module in which `migrations!` lists it. Several sets in one crate stand in
/// several modules, and are locked each by itself into one file; a set that was never locked, such as one of tests, is
/// not checked. A set that has moved to another module of its crate is known again by its plans. The plans of a set may
/// change their order: only the rules above bind it.
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
    ($($plans:tt)*) => {
        $crate::__private::migrations! { $crate; $($plans)* }
    };
}

/// What this process calls itself: the name and the version of the package that the call stands in.
///
/// ```
/// let instance = migrate::instance!();
/// assert_eq!(instance.application(), env!("CARGO_PKG_NAME"));
/// ```
#[macro_export]
macro_rules! instance {
    () => {
        $crate::Instance::new(::core::env!("CARGO_PKG_NAME"), ::core::env!("CARGO_PKG_VERSION"))
    };
}

/// What the code that [`plan!`] makes needs, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use migrate_macros::{migrations, plan};
    pub use migrate_plan::{Key, Locked, Outline, Plan, Planned, Stage, TableOutline};
    pub use std::sync::OnceLock;
}

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
