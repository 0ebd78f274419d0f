//! An ordered set of plans.

use crate::plan::Plan;

/// The plans of a program.
#[derive(Debug)]
pub struct Migrations {
    plans: &'static [&'static Plan],
}

impl Migrations {
    /// A set in this order.
    pub const fn new(plans: &'static [&'static Plan]) -> Migrations {
        Migrations { plans }
    }

    /// The plans in their order.
    pub const fn plans(&self) -> &'static [&'static Plan] {
        self.plans
    }
}
