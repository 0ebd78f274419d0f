//! An ordered set of plans, and what must hold between them.

mod constant;
mod key;
mod locked;
mod rules;
#[cfg(test)]
mod tests;

use crate::plan::Plan;

pub use key::Key;
pub use locked::Locked;
pub(crate) use locked::crate_of;

/// The plans of a program.
#[derive(Debug)]
pub struct Migrations {
    plans: &'static [&'static Plan],
    module: &'static str,
}

impl Migrations {
    /// A set in this order. In a `static` it is checked while the program compiles.
    ///
    /// `migrations!` makes the same, with each error on the plan it is about, and holds the plans against the lock file.
    ///
    /// # Panics
    ///
    /// Where the plans contradict each other: two of one name, two that replace or add one column of a table while no
    /// plan between them undoes the first, one that stands before the plan whose column it builds on, and one whose
    /// stage drops a column that another plan still needs.
    #[track_caller]
    pub const fn new(plans: &'static [&'static Plan]) -> Migrations {
        let mut place = 0;
        while place < plans.len() {
            rules::check(plans, place);
            place += 1;
        }
        Migrations { plans, module: "" }
    }

    /// For the code that `migrations!` makes: a set that [`check`](Migrations::check) has seen.
    #[doc(hidden)]
    pub const fn checked(plans: &'static [&'static Plan], module: &'static str) -> Migrations {
        Migrations { plans, module }
    }

    /// For the code that `migrations!` makes: all rules about the plan at `place`.
    #[doc(hidden)]
    #[track_caller]
    pub const fn check(plans: &[&'static Plan], keys: &[Key], place: usize, module: &str, lock: &[Locked]) {
        // Nothing can be held against a plan that shares neither name nor table.
        if !keys[place].is_alone {
            rules::check(plans, place);
        }
        locked::check(plans, keys, place, module, lock);
    }

    /// For the code that `migrations!` makes: no plan of the lock file is missing that has not finished.
    #[doc(hidden)]
    #[track_caller]
    pub const fn check_whole(plans: &[&'static Plan], keys: &[Key], module: &str, lock: &[Locked]) {
        locked::check_whole(plans, keys, module, lock);
    }

    /// The plans in their order.
    pub const fn plans(&self) -> &'static [&'static Plan] {
        self.plans
    }

    /// The module in which `migrations!` was called; empty for a set that was made without it. The lock file tells
    /// several sets of a program apart by it.
    pub const fn module(&self) -> &'static str {
        self.module
    }
}
