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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{StopEntry, Venue};
    use crate::clopos::budget::RateLimit;
    use crate::clopos::decode::Reply;
    use crate::clopos::repeat;
    use crate::snapshot::Reading;
    use crate::units::{ProductId, Quantity, Timestamp};

    const LIST: Request = Request::StopList { venue: VenueId(1), only: Vec::new() };

    fn bytes() -> Option<ListBytes> {
        let body = br#"{"success":true,"data":[]}"#;
        let reply = Reply { status: 200, rate_limit: RateLimit::default(), redirect: None, body, secrets: &[] };
        repeat::read(&LIST, &reply, None).1
    }

    fn reading(limits: &[u64]) -> Reading {
        let entry = |id: &u64| StopEntry { product: ProductId(*id), limit: Quantity::ZERO, updated_at: None };
        Reading::StopList { entries: limits.iter().map(entry).collect(), unreadable: Vec::new(), whole: true }
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000 + 1_000 * s)
    }

    /// A venue whose first list was taken in, and what is known of it.
    fn known() -> (KnownLists, Snapshot) {
        let unread = Snapshot::unread(Venue { id: VenueId(1), name: String::new(), active: true });
        let (mut lists, snapshot) = (KnownLists::default(), unread.fold(reading(&[1, 2]), at(0)));
        lists.note(bytes(), &snapshot);
        (lists, snapshot)
    }

    fn is_handed_out(lists: &KnownLists, request: &Request, snapshot: &Snapshot) -> bool {
        let memory = Memory { venues: [(snapshot.id(), Arc::new(snapshot.clone()))].into(), ..Memory::default() };
        lists.of(request, &memory).is_some()
    }

    #[test]
    fn bytes_are_handed_out_for_the_whole_list_while_its_rows_are_known() {
        let (lists, snapshot) = known();
        let again = snapshot.fold(Reading::SameStopList, at(1)).fold(Reading::Failed { why: String::new() }, at(2));
        assert!(is_handed_out(&lists, &LIST, &snapshot) && is_handed_out(&lists, &LIST, &again));
        let second_look = Request::StopList { venue: VenueId(1), only: vec![ProductId(1)] };
        assert!(!is_handed_out(&lists, &second_look, &snapshot) && !is_handed_out(&lists, &Request::Venues, &snapshot));
        // As another process finds it, or after another list.
        assert!(!is_handed_out(&KnownLists::default(), &LIST, &snapshot));
        assert!(!is_handed_out(&lists, &LIST, &snapshot.fold(reading(&[1]), at(1))));
        let mut gone = known().0;
        gone.retain(&BTreeSet::new());
        assert!(!is_handed_out(&gone, &LIST, &snapshot));
    }

    #[test]
    fn a_list_that_waits_for_a_second_look_is_not_remembered() {
        let (mut lists, snapshot) = known();
        let doubtful = snapshot.fold(reading(&[]), at(1));
        assert!(doubtful.doubt.is_some());
        lists.note(bytes(), &doubtful);
        // What is known is still the first one, and its bytes with it.
        assert!(is_handed_out(&lists, &LIST, &doubtful));
        let confirmed = doubtful.fold(reading(&[]), at(2));
        assert!(confirmed.picture.rows.is_empty() && !is_handed_out(&lists, &LIST, &confirmed));
    }
}
