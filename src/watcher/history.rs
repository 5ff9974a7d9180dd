//! The history that a report of a week is made of: when the shell is to read it, and what is done with it.
//!
//! One venue after the other, between the polls. Invariant: what was read of the history and what is known of the venue are
//! of one moment, since nothing is stored in between.

use crate::alerts::report::week::History;
use crate::engine::{HistoryWanted, Input};
use crate::telemetry::Repeat;
use crate::units::{Uptime, VenueId};
use crate::watcher::{STORE_FAILED_WAIT, Then, Watcher};

impl Watcher {
    /// Returns of which venue the history is wanted now, if any is. It is to be read at once, before anything else is
    /// stored, and handed to [`Watcher::take_history`] or [`Watcher::history_failed`].
    pub fn history_wanted(&self, now: Uptime) -> Option<HistoryWanted> {
        let is_free = self.inputs.is_empty() && now >= self.history_not_before.max(self.store_not_before);
        self.engine.history_wanted().filter(|_| is_free)
    }

    /// Takes the history of a venue.
    pub fn take_history(&mut self, venue: VenueId, history: History) {
        if self.repeats.works("history").is_some() {
            tracing::info!(brand = %self.engine.brand(), "the history can be read again");
        }
        self.inputs.push_back((Input::History(venue, history), Then::Nothing));
    }

    /// Notes that the history could not be read, and why: it is tried again.
    pub fn history_failed(&mut self, why: &str, now: Uptime) {
        self.history_not_before = now.plus(STORE_FAILED_WAIT);
        if let Repeat::First { .. } = self.repeats.failed("history", why) {
            tracing::error!(brand = %self.engine.brand(), "no report of the week is written until the history can be read: {why}");
        }
    }
}
