//! The newest stop lists as bytes, to recognise a repetition by.
//!
//! Invariant: bytes are handed out only while their rows are what is known of the venue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clopos::query::Request;
use crate::clopos::repeat::ListBytes;
use crate::engine::Memory;
use crate::snapshot::{Rows, Snapshot};
use crate::units::VenueId;

/// The lists of a brand.
#[derive(Debug, Default)]
pub(super) struct KnownLists(BTreeMap<VenueId, KnownList>);

/// A list that was taken in.
#[derive(Debug)]
struct KnownList {
    bytes: Arc<ListBytes>,
    /// The very rows that it became: whatever else becomes of them makes this out of date.
    rows: Arc<Rows>,
}

impl KnownLists {
    /// Remembers what a list is recognised by that became what is known of a venue. One that waits for a second look did not.
    pub(super) fn note(&mut self, bytes: Option<ListBytes>, snapshot: &Snapshot) {
        if let Some(bytes) = bytes.filter(|_| snapshot.doubt.is_none()) {
            let known = KnownList { bytes: Arc::new(bytes), rows: Arc::clone(&snapshot.picture.rows) };
            self.0.insert(snapshot.id(), known);
        }
    }

    /// Returns what the stop list that is asked for is recognised by, if it says what is known of the venue.
    pub(super) fn of(&self, request: &Request, memory: &Memory) -> Option<Arc<ListBytes>> {
        let Request::StopList { venue, only } = request else { return None };
        let snapshot = memory.venues.get(venue).filter(|_| only.is_empty())?;
        let known = self.0.get(venue)?;
        Arc::ptr_eq(&known.rows, &snapshot.picture.rows).then(|| Arc::clone(&known.bytes))
    }

    /// Forgets all venues but these.
    pub(super) fn retain(&mut self, venues: &BTreeSet<VenueId>) {
        self.0.retain(|venue, _| venues.contains(venue));
    }
}
