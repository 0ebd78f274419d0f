//! Three releases of the shop. The plan is one declaration; only the word after `stage` differs.

use std::fmt;

use clap::ValueEnum;
use migrate::{Migrations, Plan, Side};

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

build!(dual_write);
build!(switch);
build!(contract);

/// A release of the shop, by the stage of the plan in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Build {
    /// Uses the side that the database tells.
    DualWrite,
    /// Uses the new column only.
    Switch,
    /// Knows the new column only.
    Contract,
}

impl Build {
    pub(crate) const ALL: [Build; 3] = [Build::DualWrite, Build::Switch, Build::Contract];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Build::DualWrite => "dual_write",
            Build::Switch => "switch",
            Build::Contract => "contract",
        }
    }

    pub(crate) fn plan(self) -> &'static Plan {
        match self {
            Build::DualWrite => &dual_write::orders_total_cents::PLAN,
            Build::Switch => &switch::orders_total_cents::PLAN,
            Build::Contract => &contract::orders_total_cents::PLAN,
        }
    }

    pub(crate) fn migrations(self) -> &'static Migrations {
        match self {
            Build::DualWrite => &dual_write::MIGRATIONS,
            Build::Switch => &switch::MIGRATIONS,
            Build::Contract => &contract::MIGRATIONS,
        }
    }

    /// The column with the money, quoted. Written `old::total`, the second arm would be a warning, and
    /// the third would not compile.
    pub(crate) fn money(self, side: Side) -> String {
        match (self, side) {
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
