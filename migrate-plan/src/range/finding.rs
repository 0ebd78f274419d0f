//! What a range shows to go wrong for some row.

use super::interval::Interval;
use crate::types::Type;

/// A node that fails, or loses something, for some value that the declared columns can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding<'a, S> {
    /// The node.
    pub expr: &'a crate::expr::Expr<S>,
    /// What it does.
    pub reaches: Reaches,
}

/// How far a value goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Reaches {
    /// Numbers that the type does not hold in which the node is computed.
    Beyond(Interval, Type),
    /// Numbers that the type of a cast does not hold.
    BeyondCast(Interval, Type),
    /// Texts that a cast cuts off without a word.
    Cut(Interval, Type),
    /// A divisor of zero.
    Zero,
    /// Numbers for which a function has no value: its name, and what it takes.
    Outside(Interval, String, &'static str),
}
