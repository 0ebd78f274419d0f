//! Intervals of numbers, rounded outward: a value that the server computes always lies inside.

use std::cmp::Ordering;

use super::decimal::{Decimal, Rounding, Toward};

/// One end of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// No number is too small.
    Lowest,
    /// This number, included.
    At(Decimal),
    /// No number is too large.
    Highest,
}

impl PartialOrd for Edge {
    fn partial_cmp(&self, other: &Edge) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Edge {
    fn cmp(&self, other: &Edge) -> Ordering {
        match (self, other) {
            (Edge::At(a), Edge::At(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Edge {
    fn rank(self) -> i8 {
        match self {
            Edge::Lowest => -1,
            Edge::At(_) => 0,
            Edge::Highest => 1,
        }
    }

    fn sign(self) -> i128 {
        match self {
            Edge::Lowest => -1,
            Edge::At(number) => number.signum(),
            Edge::Highest => 1,
        }
    }

    fn negated(self) -> Edge {
        match self {
            Edge::Lowest => Edge::Highest,
            Edge::At(number) => Edge::At(number.negated()),
            Edge::Highest => Edge::Lowest,
        }
    }

    fn infinite(sign: i128) -> Edge {
        match sign {
            0 => Edge::At(Decimal::ZERO),
            1 => Edge::Highest,
            _ => Edge::Lowest,
        }
    }

    fn map(self, change: impl Fn(Decimal) -> Decimal) -> Edge {
        match self {
            Edge::At(number) => Edge::At(change(number)),
            other => other,
        }
    }

    fn plus(self, other: Edge, side: Toward) -> Edge {
        match (self, other) {
            (Edge::At(a), Edge::At(b)) => Edge::At(a.plus_toward(b, side)),
            (Edge::At(_), infinite) | (infinite, _) => infinite,
        }
    }

    fn times(self, other: Edge, side: Toward) -> Edge {
        match (self, other) {
            (Edge::At(a), Edge::At(b)) => Edge::At(a.times_toward(b, side)),
            (a, b) => Edge::infinite(a.sign() * b.sign()),
        }
    }

    /// Divided by a number that is not zero.
    fn over(self, other: Edge, side: Toward) -> Edge {
        match (self, other) {
            (Edge::At(a), Edge::At(b)) => Edge::At(a.over_toward(b, side)),
            (_, Edge::Lowest | Edge::Highest) => Edge::At(Decimal::ZERO),
            (a, b) => Edge::infinite(a.sign() * b.sign()),
        }
    }
}

/// The numbers from one end to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The least.
    pub low: Edge,
    /// The greatest.
    pub high: Edge,
    /// No number has more digits after the point; `None` where that is not known.
    pub scale: Option<i32>,
    /// Whether zero is none of them, although it may lie between.
    pub without_zero: bool,
}

impl Interval {
    /// Every number.
    pub const ALL: Interval = Interval { low: Edge::Lowest, high: Edge::Highest, scale: None, without_zero: false };

    /// From `low` to `high`.
    pub fn new(low: Decimal, high: Decimal, scale: Option<i32>) -> Interval {
        Interval { low: Edge::At(low), high: Edge::At(high), scale, without_zero: false }
    }

    /// Whole numbers from `low` to `high`.
    pub fn whole(low: i128, high: i128) -> Interval {
        Interval::new(Decimal::new(low, 0), Decimal::new(high, 0), Some(0))
    }

    /// Whole numbers from `low` on.
    pub fn at_least(low: i128) -> Interval {
        Interval { low: Edge::At(Decimal::new(low, 0)), high: Edge::Highest, scale: Some(0), without_zero: false }
    }

    /// One number.
    pub fn exactly(number: Decimal) -> Interval {
        Interval::new(number, number, Some(number.scale().max(0)))
    }

    /// The one number, where it is only one.
    pub fn single(&self) -> Option<Decimal> {
        match (self.low, self.high) {
            (Edge::At(a), Edge::At(b)) if a == b => Some(a),
            _ => None,
        }
    }

    /// Whether zero may be one of the numbers.
    pub fn has_zero(&self) -> bool {
        let zero = Edge::At(Decimal::ZERO);
        !self.without_zero && self.low <= zero && zero <= self.high
    }

    /// Whether all of its numbers are in `other`.
    pub fn is_within(&self, other: &Interval) -> bool {
        other.low <= self.low && self.high <= other.high
    }

    /// Whether a number is one of it.
    pub fn has(&self, number: Decimal) -> bool {
        let at = Edge::At(number);
        self.low <= at && at <= self.high && !(self.without_zero && number.signum() == 0)
    }

    /// What both have in common; nothing where that is empty.
    pub fn meet(&self, other: &Interval) -> Option<Interval> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        let scale = match (self.scale, other.scale) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let without_zero = self.without_zero || other.without_zero;
        (low <= high).then_some(Interval { low, high, scale, without_zero })
    }

    /// The smallest interval around both.
    pub fn join(&self, other: &Interval) -> Interval {
        Interval {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            scale: self.scale.zip(other.scale).map(|(a, b)| a.max(b)),
            without_zero: !self.has_zero() && !other.has_zero(),
        }
    }

    /// `-x`
    pub fn negated(&self) -> Interval {
        Interval { low: self.high.negated(), high: self.low.negated(), ..*self }
    }

    /// `abs(x)`
    pub fn abs(&self) -> Interval {
        let zero = Edge::At(Decimal::ZERO);
        if self.low >= zero {
            return *self;
        }
        let other = self.negated();
        if self.high <= zero {
            return other;
        }
        Interval { low: zero, high: self.high.max(other.high), ..*self }
    }

    /// `a + b`
    pub fn plus(&self, other: &Interval) -> Interval {
        Interval {
            low: self.low.plus(other.low, Toward::Below),
            high: self.high.plus(other.high, Toward::Above),
            scale: self.scale.zip(other.scale).map(|(a, b)| a.max(b)),
            without_zero: false,
        }
    }

    /// `a - b`
    pub fn minus(&self, other: &Interval) -> Interval {
        self.plus(&other.negated())
    }

    /// `a * b`
    pub fn times(&self, other: &Interval) -> Interval {
        let pairs = [(self.low, other.low), (self.low, other.high), (self.high, other.low), (self.high, other.high)];
        Interval {
            scale: self.scale.zip(other.scale).map(|(a, b)| a + b),
            without_zero: !self.has_zero() && !other.has_zero(),
            ..around(pairs, Edge::times)
        }
    }

    /// `a / b` as an exact quotient, for a divisor that is never zero.
    pub fn over(&self, other: &Interval) -> Interval {
        let Some(parts) = other.sides_of_zero() else {
            return Interval::ALL;
        };
        let mut result: Option<Interval> = None;
        for part in parts.into_iter().flatten() {
            let pairs = [(self.low, part.low), (self.low, part.high), (self.high, part.low), (self.high, part.high)];
            let quotient = around(pairs, Edge::over);
            result = Some(result.map_or(quotient, |before| before.join(&quotient)));
        }
        result.unwrap_or(Interval::ALL)
    }

    /// The numbers below zero and those above it; nothing where they may come as close to it as they like.
    fn sides_of_zero(&self) -> Option<[Option<Interval>; 2]> {
        let zero = Edge::At(Decimal::ZERO);
        if self.low > zero || self.high < zero {
            return Some([Some(*self), None]);
        }
        // The number next to zero.
        let step = Decimal::power_of_ten(-self.scale?);
        let below = Interval { high: Edge::At(step.negated()), ..*self };
        let above = Interval { low: Edge::At(step), ..*self };
        Some([below, above].map(|side| (side.low <= side.high).then_some(side)))
    }

    /// The remainder of a division: its sign is that of what is divided.
    pub fn remainder(&self, divisor: &Interval) -> Interval {
        let zero = Edge::At(Decimal::ZERO);
        let most = self.abs().high.min(divisor.abs().high);
        Interval {
            low: if self.low < zero { most.negated() } else { zero },
            high: if self.high > zero { most } else { zero },
            scale: self.scale.zip(divisor.scale).map(|(a, b)| a.max(b)),
            without_zero: false,
        }
    }

    /// Every number with `scale` digits after the point, which PostgreSQL shows even where they are zeros.
    pub fn rounded(&self, scale: i32, rounding: Rounding) -> Interval {
        let round = |number: Decimal| number.rounded(scale, rounding).unwrap_or(number);
        Interval {
            low: self.low.map(round),
            high: self.high.map(round),
            scale: Some(scale.max(0)),
            without_zero: false,
        }
    }

    /// A quotient as PostgreSQL's `numeric` rounds it.
    pub fn as_quotient(&self) -> Interval {
        self.widened(quotient_digits)
    }

    /// A power as PostgreSQL's `numeric` rounds it: to sixteen digits at the least.
    pub fn as_power(&self) -> Interval {
        self.widened(|number| (15 - number.magnitude()).max(0))
    }

    /// Each end rounded outward to as many digits after the point.
    fn widened(&self, digits: impl Fn(Decimal) -> i32 + Copy) -> Interval {
        let outward = |side: Toward| move |number: Decimal| number.rounded_toward(digits(number), side);
        Interval {
            low: self.low.map(outward(Toward::Below)),
            high: self.high.map(outward(Toward::Above)),
            scale: None,
            without_zero: false,
        }
    }
}

/// The fewest digits after the point that a quotient of this size has, and so has any smaller one: sixteen
/// that count, less a group of four for each group of four before the point (`select_div_scale`).
pub fn quotient_digits(quotient: Decimal) -> i32 {
    (16 - 4 * (quotient.magnitude() - 1).div_euclid(4)).clamp(0, 1000)
}

/// The least and the greatest of what `operation` makes of the corners.
fn around(corners: [(Edge, Edge); 4], operation: impl Fn(Edge, Edge, Toward) -> Edge) -> Interval {
    let of = |side: Toward| corners.map(|(a, b)| operation(a, b, side));
    let low = of(Toward::Below).into_iter().fold(Edge::Highest, Edge::min);
    let high = of(Toward::Above).into_iter().fold(Edge::Lowest, Edge::max);
    Interval { low, high, scale: None, without_zero: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(low: &str, high: &str) -> Interval {
        let parse = |text: &str| Decimal::parse(text).expect("a number");
        Interval::new(parse(low), parse(high), Some(2))
    }

    #[test]
    fn products_take_the_outermost_corners() {
        let product = interval("-3", "2").times(&interval("-5", "4"));
        assert!(product.has(Decimal::new(15, 0)) && product.has(Decimal::new(-12, 0)));
        assert!(!product.has(Decimal::new(16, 0)) && !product.has(Decimal::new(-13, 0)));
        assert_eq!(product.scale, Some(4));
        assert_eq!(Interval::ALL.times(&Interval::exactly(Decimal::ZERO)).single(), Some(Decimal::ZERO));
    }

    #[test]
    fn a_divisor_without_zero_has_two_sides() {
        let divisor = Interval { without_zero: true, ..Interval::whole(-2, 4) };
        let quotient = interval("-10", "10").over(&divisor);
        assert_eq!((quotient.low, quotient.high), (Edge::At(Decimal::new(-10, 0)), Edge::At(Decimal::new(10, 0))));
        assert_eq!(interval("1", "1").over(&Interval { scale: None, ..divisor }), Interval::ALL);
    }

    #[test]
    fn a_remainder_has_the_sign_of_what_is_divided() {
        let rest = interval("-7", "100").remainder(&Interval::whole(-10, 3));
        assert_eq!((rest.low, rest.high), (Edge::At(Decimal::new(-10, 0)), Edge::At(Decimal::new(10, 0))));
        assert_eq!(interval("0", "5").remainder(&Interval::whole(-10, 3)).low, Edge::At(Decimal::ZERO));
    }
}
