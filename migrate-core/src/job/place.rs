//! Where in a heap a job is: rings of blocks, each done in slices, each slice in windows.
//!
//! The windows of a slice may be of any size, so that a batch lasts as long as it should; what is remembered is only up to
//! which block the slice is done. A row belongs to one slice by its place, or by its key: a row that is still to be done has not been
//! moved by the job, and one that a writer moves is done by the sync trigger in that very write. So it is with a key that a
//! writer changes.

use super::slicing::Slicing;

/// Blocks from `from` up to, not including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Window {
    /// The condition on `ctid` that PostgreSQL answers with a TID range scan. The numbers are our own, so
    /// they stand in the text: a plan for a parameter would not know how small the range is.
    pub(super) fn condition(self) -> String {
        format!("ctid >= '({},0)'::tid AND ctid < '({},0)'::tid", self.from, self.to)
    }

    pub(super) fn blocks(self) -> i64 {
        self.to - self.from
    }
}

/// What one transaction does: of a window, the rows of one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    pub(super) window: Window,
    pub(super) slice: i32,
    pub(super) slices: i32,
}

impl Portion {
    /// The condition on a row of this heap.
    pub(super) fn condition(self, heap: &str, slicing: &Slicing) -> String {
        if self.slices == 1 {
            return self.window.condition();
        }
        slicing.condition(heap, self.window, self.slice)
    }

    /// Whether an earlier slice has made room in its blocks.
    pub(super) fn is_later_slice(self) -> bool {
        self.slice > 0
    }
}

/// How the next blocks are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    pub(super) blocks: i64,
    pub(super) slicing: Slicing,
}

impl Ring {
    /// All that is left, in one pass.
    pub(super) const REST: Ring = Ring { blocks: i64::MAX, slicing: Slicing::NONE };
}

/// The place of a job in a heap, as the table of cursors has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The blocks before are done in all slices; the ring at hand begins here.
    pub(super) ring: i64,
    /// Where it ends; there is none at hand where that is where it begins.
    pub(super) ring_end: i64,
    pub(super) slices: i32,
    pub(super) slice: i32,
    /// The blocks of the ring before this one are done in the slice at hand.
    pub(super) block: i64,
}

impl Place {
    /// Between two rings.
    pub(super) fn before(block: i64) -> Place {
        Place { ring: block, ring_end: block, slices: 1, slice: 0, block }
    }

    pub(super) fn is_in_ring(self) -> bool {
        self.ring < self.ring_end
    }

    /// Begins a ring, in a heap of this many blocks.
    pub(super) fn begin(self, ring: &Ring, blocks: i64) -> Place {
        Place { ring_end: self.ring.saturating_add(ring.blocks).min(blocks), slices: ring.slicing.slices(), ..self }
    }

    /// The same ring from its begin, in one pass: the rows that are done already are passed over.
    pub(super) fn in_one_pass(self) -> Place {
        Place { slices: 1, slice: 0, block: self.ring, ..self }
    }

    pub(super) fn portion(self, blocks: i64) -> Portion {
        let to = self.ring_end.min(self.block.saturating_add(blocks.max(1)));
        Portion { window: Window { from: self.block, to }, slice: self.slice, slices: self.slices }
    }

    /// The place once that portion is done.
    pub(super) fn after(self, portion: Portion) -> Place {
        if portion.window.to < self.ring_end {
            return Place { block: portion.window.to, ..self };
        }
        if self.slice + 1 < self.slices {
            return Place { slice: self.slice + 1, block: self.ring, ..self };
        }
        Place::before(self.ring_end)
    }

    /// For progress: a block of the ring counts by the slices that it is done in.
    pub(super) fn blocks_done(self) -> i64 {
        let blocks = i128::from(self.ring_end - self.ring);
        let visited = i128::from(self.slice) * blocks + i128::from(self.block - self.ring);
        self.ring + i64::try_from(visited / i128::from(self.slices.max(1))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::slicing::Key;
    use super::*;

    fn ring(slices: i32) -> Ring {
        Ring { blocks: 10, slicing: Slicing { key: Key::Place, ends: (1..=slices).collect() } }
    }

    #[test]
    fn every_block_of_every_slice_is_visited_once_and_in_the_order_of_slices() {
        let (blocks, mut place, mut visits) = (25, Place::before(0), Vec::new());
        let mut done = 0;
        while place.ring < blocks {
            if !place.is_in_ring() {
                place = place.begin(&ring(3), blocks);
            }
            let portion = place.portion(4);
            visits.extend((portion.window.from..portion.window.to).map(|block| (block / 10, portion.slice, block)));
            place = place.after(portion);
            assert!(place.blocks_done() >= done, "{place:?}");
            done = place.blocks_done();
        }
        let mut once = visits.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once, visits);
        assert_eq!((visits.len(), done), (75, blocks));
    }

    #[test]
    fn a_ring_that_goes_on_in_one_pass_begins_again() {
        let place = Place::before(7).begin(&ring(4), 100);
        let place = place.after(place.portion(10));
        assert_eq!((place.slice, place.block), (1, 7));
        let place = place.in_one_pass();
        assert_eq!(
            place.portion(100).condition("t", &ring(4).slicing),
            "ctid >= '(7,0)'::tid AND ctid < '(17,0)'::tid"
        );
        assert_eq!(place.after(place.portion(100)), Place::before(17));
    }
}
