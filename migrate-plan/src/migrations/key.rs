//! What tells most plans apart at once: constant expressions are slow readers.

use crate::plan::Plan;

/// So many plans, or tables, are told apart by their hashes nearly always.
const SLOTS: usize = 4096;

/// A plan among others.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// A hash of its name.
    pub(super) name: u64,
    /// Whether no other plan has its name or changes one of its tables. Where it is `false`, that is not certain.
    pub(super) is_alone: bool,
}

impl Key {
    /// The keys of all plans, in one pass over them.
    ///
    /// # Panics
    ///
    /// Where there are not `N` plans.
    pub const fn of_all<const N: usize>(plans: &[&'static Plan]) -> [Key; N] {
        let (mut names, mut tables) = ([0_u8; SLOTS], [0_u8; SLOTS]);
        let mut keys = [Key { name: 0, is_alone: true }; N];
        let mut place = 0;
        while place < N {
            let outline = plans[place].outline();
            keys[place].name = hash(outline.name);
            count(&mut names, keys[place].name);
            let mut t = 0;
            while t < outline.tables.len() {
                count(&mut tables, hash(outline.tables[t].name));
                t += 1;
            }
            place += 1;
        }
        let mut place = 0;
        while place < N {
            let changed = plans[place].outline().tables;
            let mut is_alone = names[slot(keys[place].name)] == 1;
            let mut t = 0;
            while t < changed.len() {
                is_alone = is_alone && tables[slot(hash(changed[t].name))] == 1;
                t += 1;
            }
            keys[place].is_alone = is_alone;
            place += 1;
        }
        keys
    }

    /// The hash of a plan's name.
    pub const fn of_name(name: &str) -> u64 {
        hash(name)
    }
}

const fn slot(hash: u64) -> usize {
    (hash % SLOTS as u64) as usize
}

const fn count(slots: &mut [u8; SLOTS], hash: u64) {
    let slot = &mut slots[slot(hash)];
    *slot = slot.saturating_add(1);
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
const fn hash(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash ^ (hash >> 32)
}
