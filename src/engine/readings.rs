//! When venues were last read, noted now and then for the next process.
//!
//! An unchanged poll writes nothing, and still a new process must know since when nobody has read: what it finds then
//! happened at any time since. Invariant: it is noted once for many readings, and only when there was one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::timers::Timer;
use crate::engine::{Commit, Engine};
use crate::snapshot::Snapshot;
use crate::units::{Timestamp, VenueId};

/// How long after a reading it is noted at the latest. Shorter than makes a list blind, so that a restart of seconds is
/// never taken for a gap; long enough that the disk of a small machine rests.
pub const NOTED_WITHIN: Duration = Duration::from_mins(1);

impl Engine {
    /// Notes when venues were read, when that is due or the process is about to end.
    pub(super) fn note_readings(&self, is_last: bool, commit: &mut Commit, now: Timestamp) {
        if self.timers.get(&Timer::Readings).is_some_and(|at| is_last || at <= now) {
            let read_at = |snapshot: &Arc<Snapshot>| Some((snapshot.id(), snapshot.read_at?));
            commit.readings = self.memory.venues.values().filter_map(read_at).collect();
        }
    }

    /// Has what was noted rest until there is another reading.
    pub(super) fn adopt_noted(&mut self, readings: &BTreeMap<VenueId, Timestamp>) {
        if !readings.is_empty() {
            self.timers.set(Timer::Readings, None);
        }
    }

    /// Has a reading noted in time.
    pub(super) fn adopt_reading(&mut self, snapshot: &Snapshot) {
        let Some(read_at) = snapshot.read_at else { return };
        let known = self.memory.venues.get(&snapshot.id()).and_then(|known| known.read_at);
        let due_at = read_at.plus(NOTED_WITHIN);
        // A later deadline is of a clock that was set back since.
        if known != Some(read_at) && self.timers.get(&Timer::Readings).is_none_or(|at| due_at < at) {
            self.timers.set(Timer::Readings, Some((due_at, "it is to be noted when venues were read")));
        }
    }
}
