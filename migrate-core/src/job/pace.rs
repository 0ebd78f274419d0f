//! How many blocks the next batch takes: as many as last as long as a batch should.

use std::time::Duration;

use super::place::{Place, Portion};
use crate::database::DatabaseError;

/// The first window, in blocks of usually 8 kB.
const FIRST: f64 = 16.0;

/// The largest window. At 50 ms a batch it is reached only where little is to be done.
const LARGEST: f64 = 8192.0;

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
        let size = self.size(portion);
        *size = (*size * change).clamp(1.0, LARGEST);
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
