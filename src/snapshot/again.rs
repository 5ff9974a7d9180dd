//! The readings of a world that is known: what Clopos would answer there, and once more where it must be asked twice.
//!
//! Tests of rules and the replay of the history live on it. Never reads anything. Invariant: a world that says the same
//! twice is believed, however much it differs from the last reading.

use std::collections::BTreeMap;

use crate::catalog::StopEntry;
use crate::snapshot::{Reading, Rows, Snapshot};
use crate::units::ProductId;

/// Returns the stop list, read to its end.
pub fn stop_list(entries: Vec<StopEntry>) -> Reading {
    Reading::StopList { entries, unreadable: Vec::new(), whole: true }
}

/// Returns the second look at what a reading left in doubt, if it did: it says the same again.
pub fn second_look(after: &Snapshot) -> Option<Reading> {
    let doubt = after.doubt.as_ref()?;
    let rows = doubt.ask.iter().filter_map(|id| doubt.rows.get(id)).copied().collect();
    Some(Reading::StopListOf { asked: doubt.ask.clone(), rows })
}

/// Returns the entries that known rows were made of.
pub fn entries_of(rows: &Rows) -> BTreeMap<ProductId, StopEntry> {
    let entry = |(id, row): (&ProductId, &crate::snapshot::StopRow)| {
        (*id, StopEntry { product: *id, limit: row.limit, updated_at: row.updated_at })
    };
    rows.iter().map(entry).collect()
}
