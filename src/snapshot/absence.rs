//! What a complete walk misses: it goes only when a second walk misses it too.
//!
//! Knows nothing of what the rows are. Invariant: what could not be read is held as it was.

use std::collections::{BTreeMap, BTreeSet};

/// What it means that a walk did not show a row.
pub(super) struct Absence<'a, K> {
    /// Rows that are there and could not be read.
    pub(super) unreadable: &'a [K],
    /// True when what was not shown was not there.
    pub(super) counts: bool,
}

/// Merges a complete walk: what it shows replaces, what it misses stays until a second walk misses it too.
pub(super) fn two_walks<K: Ord + Copy, V: Clone>(
    known: &BTreeMap<K, V>,
    walked: BTreeMap<K, V>,
    missing_before: &BTreeSet<K>,
    absence: &Absence<'_, K>,
) -> (BTreeMap<K, V>, BTreeSet<K>) {
    let mut merged = walked;
    let mut missing = BTreeSet::new();
    for (id, value) in known {
        if merged.contains_key(id) {
            continue;
        }
        let is_held = absence.unreadable.contains(id);
        let was_missing = missing_before.contains(id);
        if absence.counts && was_missing && !is_held {
            continue;
        }
        merged.insert(*id, value.clone());
        if (absence.counts || was_missing) && !is_held {
            missing.insert(*id);
        }
    }
    (merged, missing)
}
