//! When nobody read: what a snapshot and events say of it is held against the readings that were taken in and stored.
//!
//! Knows two things: when the process that runs read each venue last, and what the disk says of that. Invariant, judged: a
//! reading that comes as long after the one before as makes a list blind ends a gap between the two, whatever was killed
//! in it, and what the feed tells of it says so.

use std::collections::BTreeMap;
use std::time::Duration;

use eightysix::alerts::notice::Content;
use eightysix::engine::Commit;
use eightysix::snapshot::{Gap, Snapshot};
use eightysix::units::{Timestamp, VenueId};

use crate::life::{GAP, Met};

/// What is known of the readings.
#[derive(Default)]
pub(crate) struct Gaps {
    /// The last reading of each venue in the process that runs.
    read_at: BTreeMap<VenueId, Timestamp>,
    /// The last reading of each venue that stands in its row.
    stored: BTreeMap<VenueId, Timestamp>,
    /// What was noted of readings that changed nothing; `None` until something was.
    noted: Option<BTreeMap<VenueId, Timestamp>>,
    /// From which age a list is blind, as the engine had it last.
    blind_after: Option<Duration>,
    known: BTreeMap<VenueId, Vec<Gap>>,
}

impl Gaps {
    /// Another process begins, which knows what is on the disk.
    pub(crate) fn process_begins(&mut self) {
        self.read_at.clear();
        self.blind_after = None;
    }

    /// The engine knows by now from which age a list is blind.
    pub(crate) fn goes_blind_after(&mut self, blind_after: Duration) {
        self.blind_after = Some(blind_after);
    }

    /// Judges the readings of a commit, and takes in what it stores.
    pub(crate) fn judge(&mut self, commit: &Commit, now: Timestamp, met: &mut Met) {
        for snapshot in &commit.venues {
            // A venue may be stored for another reason than a reading.
            if snapshot.followed_at == Some(now) && self.read_at.get(&snapshot.id()) != Some(&now) {
                self.judge_reading(snapshot, commit, now, met);
            }
        }
        for snapshot in &commit.venues {
            if let (Some(read_at), true) =
                (snapshot.read_at, commit.stored.get(&snapshot.id()).is_some_and(|it| it.snapshot))
            {
                self.stored.insert(snapshot.id(), read_at);
            }
        }
        for gone in &commit.venues_gone {
            self.stored.remove(gone);
            self.read_at.remove(gone);
        }
        if !commit.readings.is_empty() {
            self.noted = Some(commit.readings.clone());
        }
    }

    fn judge_reading(&mut self, snapshot: &Snapshot, commit: &Commit, now: Timestamp, met: &mut Met) {
        let venue = snapshot.id();
        let of_disk = || {
            let noted = self.noted.as_ref()?.get(&venue).copied();
            let stored = self.stored.get(&venue).copied()?;
            Some(noted.map_or(stored, |noted| noted.max(stored)))
        };
        let before = self.read_at.get(&venue).copied().or_else(of_disk);
        self.read_at.insert(venue, now);
        let Some(blind_after) = self.blind_after else { return };
        let expected = before.filter(|from| now.since(*from) >= blind_after).map(|from| Gap { from, until: now });
        assert_eq!(snapshot.gap_until(now), expected, "the gap of {venue} that a reading at {now} ends");
        let Some(gap) = expected else { return };
        *met.entry(GAP.to_owned()).or_default() += 1;
        self.known.entry(venue).or_default().push(gap);
        let of_feed = commit.notices.iter().filter(|notice| notice.receiver.as_str() == "feed");
        for notice in of_feed {
            let Content::Mqtt(message) = &notice.content else { panic!("the feed goes to a broker") };
            let body: serde_json::Value = serde_json::from_str(&message.body).expect("JSON");
            if body["data"]["venue"]["id"] == venue.0 {
                assert_eq!(said(&body), Some(gap), "the feed tells of {venue} what was found after a gap: {body}");
            }
        }
    }

    /// Judges that what an event says of a gap is so.
    pub(crate) fn judge_event(&self, event: &serde_json::Value) {
        let (Some(gap), Some(venue)) = (said(event), event["data"]["venue"]["id"].as_u64()) else { return };
        let known = self.known.get(&VenueId(venue)).map(Vec::as_slice).unwrap_or_default();
        assert!(known.contains(&gap), "an event tells of a gap that there was not: {event}");
    }
}

fn said(event: &serde_json::Value) -> Option<Gap> {
    let time = |name: &str| event["data"]["found_after"][name].as_str()?.parse::<Timestamp>().ok();
    Some(Gap { from: time("from")?, until: time("until")? })
}
