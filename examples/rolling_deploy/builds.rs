//! Four releases of the application. The first knows nothing of the plan; in the others it is one declaration, and only the
//! word after `stage` differs.

use std::fmt;

use clap::ValueEnum;
use migrate::{Instance, Migrations, Plan, Side};

macro_rules! build {
    ($stage:ident) => {
        mod $stage {
            migrate::plan! {
                /// Money becomes integer cents.
                pub mod orders_total_cents;

                stage $stage;

                table orders (id: bigint not null) {
                    total: numeric(12, 2) not null => total_cents: bigint not null {
                        up   round(total * 100)::bigint;
                        down total_cents / 100.0;
                    }
                }
            }

            pub(super) static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_total_cents];
        }
    };
}

/// Nothing was planned yet when this was built.
static BEFORE: Migrations = migrate::migrations![];

build!(dual_write);
build!(switch);
build!(contract);

/// The plan, as it is known to the release that can use either side of it.
pub(crate) static PLAN: &Plan = &dual_write::orders_total_cents::PLAN;

/// A release of the application, by the stage of the plan in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Build {
    /// Knows the old column only.
    Before,
    /// Uses the side that its service tells.
    DualWrite,
    /// Uses the new column only.
    Switch,
    /// Knows the new column only.
    Contract,
}

impl Build {
    pub(crate) const ALL: [Build; 4] = [Build::Before, Build::DualWrite, Build::Switch, Build::Contract];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Build::Before => "before",
            Build::DualWrite => "dual_write",
            Build::Switch => "switch",
            Build::Contract => "contract",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Build::Before => "1.0",
            Build::DualWrite => "1.1",
            Build::Switch => "1.2",
            Build::Contract => "1.3",
        }
    }

    /// What a process of `application` in this release calls itself.
    pub(crate) fn instance(self, application: &str) -> Instance {
        Instance::new(application, self.version())
    }

    pub(crate) fn migrations(self) -> &'static Migrations {
        match self {
            Build::Before => &BEFORE,
            Build::DualWrite => &dual_write::MIGRATIONS,
            Build::Switch => &switch::MIGRATIONS,
            Build::Contract => &contract::MIGRATIONS,
        }
    }

    /// The side that code of this release uses until its service tells another.
    pub(crate) fn side(self) -> Side {
        match self {
            Build::Before | Build::DualWrite => Side::Old,
            Build::Switch | Build::Contract => Side::New,
        }
    }

    /// The column with the money, quoted. Written `old::total`, the arm of `switch` would be a warning, and that of
    /// `contract` would not compile.
    pub(crate) fn money(self, side: Side) -> String {
        match (self, side) {
            (Build::Before, _) => "total".to_owned(),
            (Build::DualWrite, Side::Old) => dual_write::orders_total_cents::orders::old::total.to_string(),
            (Build::DualWrite, Side::New) => dual_write::orders_total_cents::orders::new::total_cents.to_string(),
            (Build::Switch, _) => switch::orders_total_cents::orders::new::total_cents.to_string(),
            (Build::Contract, _) => contract::orders_total_cents::orders::new::total_cents.to_string(),
        }
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
