//! How many blocks the next batch takes: as many as last as long as a batch should.

use std::time::Duration;

use super::place::{Place, Portion};
use crate::database::DatabaseError;

/// The first window, in blocks of usually 8 kB.
const FIRST: f64 = 16.0;

/// The largest window, in blocks for each second of a batch: 4,000 at 50 ms, 800 at the 10 ms of a batch beside others. Full blocks,
/// a few rows of each to be filled, come to 50,000 a second; so it is reached only where less is to be done, which says little of
/// the blocks that follow: after an earlier backfill empty ones turn into full ones, and writers wait for all rows of the batch.
const LARGEST: f64 = 80_000.0;

/// Sizes that follow the time. The first slice of a ring has its own: its updates go to other blocks and into every index,
/// and take several times as long a row as those after it.
pub(super) struct Pace {
    target: f64,
    first_slice: f64,
    later_slices: f64,
}

impl Pace {
    pub(super) fn new(target: Duration) -> Pace {
        Pace { target: target.as_secs_f64(), first_slice: FIRST, later_slices: FIRST }
    }

    pub(super) fn blocks(&self, place: Place) -> i64 {
        (if place.slice > 0 { self.later_slices } else { self.first_slice }) as i64
    }

    fn size(&mut self, portion: Portion) -> &mut f64 {
        if portion.is_later_slice() { &mut self.later_slices } else { &mut self.first_slice }
    }

    /// A batch is to last this long from now on.
    pub(super) fn aim(&mut self, target: Duration) {
        let change = target.as_secs_f64() / self.target;
        self.target = target.as_secs_f64();
        for size in [&mut self.first_slice, &mut self.later_slices] {
            // To shorter ones at once; longer ones are found by and by.
            *size = (*size * change.min(1.0)).max(1.0);
        }
    }

    /// A whole window took this long.
    pub(super) fn took(&mut self, portion: Portion, took: Duration) {
        let change = (self.target / took.as_secs_f64().max(1e-6)).clamp(0.5, 1.5);
        let largest = (LARGEST * self.target).max(1.0);
        let size = self.size(portion);
        *size = (*size * change).clamp(1.0, largest);
    }

    /// Half of that window.
    pub(super) fn halve(&mut self, portion: Portion) {
        *self.size(portion) = (portion.window.blocks() as f64 / 2.0).max(1.0);
    }

    /// PostgreSQL ended the batch.
    pub(super) fn refused(&mut self, portion: Portion, error: &DatabaseError) {
        let size = self.size(portion);
        *size = (*size / if error.is_cancelled() { 8.0 } else { 2.0 }).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::{Place, Ring};
    use super::*;

    #[test]
    fn a_window_with_nothing_in_it_says_little_of_the_next_one() {
        let place = Place::before(0).begin(&Ring::REST, 1_000_000);
        let mut pace = Pace::new(Duration::from_millis(10));
        let mut grown = |target: u64| {
            pace.aim(Duration::from_millis(target));
            for _ in 0..40 {
                pace.took(place.portion(pace.blocks(place)), Duration::from_micros(1));
            }
            pace.blocks(place)
        };
        assert_eq!((grown(10), grown(50), grown(10)), (800, 4000, 800));
    }
}
