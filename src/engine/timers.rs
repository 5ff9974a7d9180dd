//! The deadlines of a brand's scopes and groups, the first of them at hand.
//!
//! Knows nothing of what they are for; the engine sets one anew whenever what it follows from changed. Invariant: both
//! maps hold the same timers.

use std::collections::{BTreeMap, BTreeSet};

use crate::alerts::group::GroupKey;
use crate::units::{Timestamp, VenueId};

/// What a deadline belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A venue, or the brand itself for `None`.
    Scope(Option<VenueId>),
    /// Mail that waits.
    Group(GroupKey),
    /// What a venue is reported by the clock.
    Report(VenueId),
    /// When venues were read, to be noted.
    Readings,
}

/// Every deadline, and why it is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    set: BTreeMap<Timer, (Timestamp, &'static str)>,
    in_order: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    /// Replaces the deadline of one thing; `None` takes it away.
    pub(super) fn set(&mut self, timer: Timer, deadline: Option<(Timestamp, &'static str)>) {
        let before = match deadline {
            Some(deadline) => self.set.insert(timer.clone(), deadline),
            None => self.set.remove(&timer),
        };
        let kept = before.map(|(at, _)| at) == deadline.map(|(at, _)| at);
        if kept {
            return;
        }
        let mut entry = (Timestamp::from_unix_ms(0), timer);
        if let Some((at, _)) = before {
            entry.0 = at;
            self.in_order.remove(&entry);
        }
        if let Some((at, _)) = deadline {
            entry.0 = at;
            self.in_order.insert(entry);
        }
    }

    /// Returns the deadline of one thing.
    pub(super) fn get(&self, timer: &Timer) -> Option<Timestamp> {
        self.set.get(timer).map(|(at, _)| *at)
    }

    /// Returns everything whose deadline has come.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = &Timer> {
        self.in_order.iter().take_while(move |(at, _)| *at <= now).map(|(_, timer)| timer)
    }

    /// Returns the mail that has waited for long enough.
    pub(super) fn due_groups(&self, now: Timestamp) -> impl Iterator<Item = &GroupKey> {
        self.due(now).filter_map(|timer| match timer {
            Timer::Group(key) => Some(key),
            Timer::Scope(_) | Timer::Report(_) | Timer::Readings => None,
        })
    }

    /// Returns the venues of which a report may be due.
    pub(super) fn due_reports(&self, now: Timestamp) -> impl Iterator<Item = VenueId> {
        self.due(now).filter_map(|timer| match timer {
            Timer::Report(venue) => Some(*venue),
            Timer::Scope(_) | Timer::Group(_) | Timer::Readings => None,
        })
    }

    /// Returns the first deadline of all.
    pub(super) fn first(&self) -> Option<(Timestamp, &'static str)> {
        self.set.get(&self.in_order.first()?.1).copied()
    }
}
