//! How a heap is cut into lanes: parts that are done each by itself, so that several sessions can work side by side.

/// Blocks of a lane, 64 MB: four rings. Many more than there are workers, so that one that joins late finds one, and the last
/// ones end at about the same time.
const LANE: i64 = 8192;

/// The smallest, 4 MB: between two slices of it a few transactions have ended.
const SMALLEST: i64 = 512;

/// More than this many lanes are of no use, and each is a row of the state.
const MOST: i64 = 64;

/// The lanes of a heap of so many blocks, for so many workers at most: the block that each begins at, and that it ends before.
pub(super) fn lanes(blocks: i64, workers: u32) -> Vec<(i64, i64)> {
    let count = (blocks / LANE).max((blocks / SMALLEST).min(i64::from(workers))).clamp(1, MOST);
    let begin = |lane: i64| (i128::from(blocks) * i128::from(lane) / i128::from(count)) as i64;
    (0..count).map(|lane| (begin(lane), begin(lane + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::lanes;

    #[test]
    fn they_cover_the_heap_once_and_in_order() {
        for blocks in [0, 1, 127, 128, 255, 256, 300, 8191, 16_384, 1_000_003, i64::MAX / 2] {
            for workers in [1, 2, 8] {
                let lanes = lanes(blocks, workers);
                assert_eq!((lanes[0].0, lanes.last().map(|lane| lane.1)), (0, Some(blocks)), "{blocks} {workers}");
                assert!(lanes.windows(2).all(|pair| pair[0].1 == pair[1].0 && pair[0].0 < pair[0].1), "{lanes:?}");
            }
        }
    }

    #[test]
    fn a_small_heap_has_one_and_a_larger_one_has_as_many_as_there_are_workers() {
        assert_eq!(lanes(1000, 4).len(), 1);
        assert_eq!(lanes(1200, 4).len(), 2);
        assert_eq!(lanes(3000, 4).len(), 4);
        assert_eq!(lanes(3000, 1).len(), 1);
        assert_eq!(lanes(100_000, 1).len(), 12);
        assert_eq!(lanes(100_000_000, 4).len(), 64);
    }
}
