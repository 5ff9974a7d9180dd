//! The newest of several lists together, each of which is read from its newest on.
//!
//! Where there are enough, only what is newer than the last of them is still asked for, so that few rows are read of all
//! lists together. Invariant: what is held are the newest of all that were given, and never more than were wanted.

use std::collections::BTreeMap;

/// The newest so far.
pub(super) struct Newest<K, T> {
    most: usize,
    held: BTreeMap<K, T>,
}

impl<K: Ord + Copy, T> Newest<K, T> {
    /// Begins with nothing, for at most so many.
    pub(super) fn of(most: u32) -> Self {
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), held: BTreeMap::new() }
    }

    /// Returns the key above which whatever comes must be; `None` while anything is taken.
    pub(super) fn above(&self) -> Option<K> {
        if self.held.len() < self.most { None } else { self.held.keys().next().copied() }
    }

    /// Takes one, and lets the oldest go where that is one too many.
    pub(super) fn take(&mut self, key: K, one: T) {
        self.held.insert(key, one);
        if self.held.len() > self.most {
            self.held.pop_first();
        }
    }

    /// Returns them, the newest first.
    pub(super) fn into_newest_first(self) -> impl Iterator<Item = (K, T)> {
        self.held.into_iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_newest_of_all_lists_are_held(
            lists in prop::collection::vec(prop::collection::btree_set(0_u32..200, 0..20), 0..6),
            most in 1_u32..12,
        ) {
            let mut newest = Newest::of(most);
            for list in &lists {
                let above = newest.above();
                for key in list.iter().rev().filter(|key| above.is_none_or(|above| **key > above)) {
                    newest.take(*key, ());
                }
            }
            let mut all: Vec<u32> = lists.into_iter().flatten().collect();
            all.sort_unstable_by(|one, other| other.cmp(one));
            all.dedup();
            all.truncate(usize::try_from(most).expect("few"));
            prop_assert_eq!(newest.into_newest_first().map(|(key, ())| key).collect::<Vec<_>>(), all);
        }
    }
}
