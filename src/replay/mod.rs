//! What other rules would have told: recorded history lived again on the engine, once under each set of rules.
//!
//! `player` drives a brand's engine from change to change, `turns` says when time alone turns a rule, `told` keeps what
//! came of it, `compare` puts two sides together, `unknowable` names the rules of which the history knows too little.
//! Reads nothing by itself. Invariant: the same rules over the same history tell the same.

mod compare;
mod player;
mod silence;
mod told;
mod turns;
mod unknowable;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::alerts::{self, followup};
use crate::calendar::QuietHours;
use crate::engine::Policy;
use crate::replay::player::Player;
use crate::rules::Form;
use crate::snapshot::Snapshot;
use crate::snapshot::diff::{Recorded, undo};
use crate::units::{BrandId, Timestamp, VenueId};

pub use crate::replay::compare::{Alert, Comparison, compare};
pub use crate::replay::told::{Count, Told};
pub use crate::replay::unknowable::{LeftOut, leave_out};

/// Beyond the longest wait of a rule or a mail, so that what was so before the period is no news in it.
const WARM_UP_MARGIN: Duration = Duration::from_mins(1);

/// The longest business day: one on which the clock is put back, by two hours in some places.
const DAY_MAX: Duration = Duration::from_hours(26);

/// What is lived again, and from when on it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// From here on the engine lives: what was pending, and mail that waited, is there when the period starts.
    pub begins: Timestamp,
    /// From here on what is told counts.
    pub starts: Timestamp,
    /// The end.
    pub ends: Timestamp,
}

impl Period {
    /// Takes the period that counts, and begins so much earlier that nothing which waits then began before.
    pub fn new(starts: Timestamp, ends: Timestamp, policies: &[&Policy]) -> Self {
        let rules = || policies.iter().flat_map(|policy| policy.rules.rules());
        let timings = rules().filter_map(alerts::timing).map(|timing| timing.hold_for.max(timing.clear_for));
        let states = rules().filter_map(|rule| match &rule.form {
            Form::State(state) => Some(state),
            Form::Event(_) => None,
        });
        let follow_ups = states.flat_map(|state| followup::ages(&state.remind, &state.escalate));
        let waits = policies
            .iter()
            .flat_map(|policy| policy.routes.values())
            .map(|route| route.group_wait + route.quiet.as_ref().map(QuietHours::longest).unwrap_or_default());
        let longest = timings.chain(waits).chain(follow_ups).max().unwrap_or_default();
        // What is counted of a day, a wait that holds for a while, and mail that waits for it come one after the other.
        let counted = if rules().any(turns::counts_stops_of_the_day) { DAY_MAX } else { Duration::ZERO };
        let warm_up = longest.saturating_mul(2).saturating_add(counted).saturating_add(WARM_UP_MARGIN);
        Self { begins: starts.minus(warm_up), starts, ends }
    }
}

/// The venues of each brand as they were at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pictures {
    brands: BTreeMap<BrandId, BTreeMap<VenueId, Snapshot>>,
}

impl Pictures {
    /// Adds what is known of a venue at present.
    pub fn add(&mut self, brand: &BrandId, snapshot: Snapshot) {
        self.brands.entry(brand.clone()).or_default().insert(snapshot.id(), snapshot);
    }

    /// Takes back what was recorded; it comes newest first. Says whether the venue is one of these.
    pub fn undo(&mut self, recorded: &Recorded) -> bool {
        let venue = self.brands.get_mut(&recorded.brand).and_then(|venues| venues.get_mut(&recorded.venue));
        let is_known = venue.is_some();
        if let Some(snapshot) = venue {
            undo(&mut snapshot.picture, &recorded.change);
        }
        is_known
    }

    /// Returns how many venues there are.
    pub fn venues(&self) -> usize {
        self.brands.values().map(BTreeMap::len).sum()
    }
}

/// One side of the comparison: a set of rules, and what it tells of the history.
pub struct Side {
    players: BTreeMap<BrandId, Player>,
    told: Told,
    period: Period,
}

impl Side {
    /// Opens every venue as it was when the period begins.
    pub fn open(policy: &Arc<Policy>, pictures: &Pictures, period: Period) -> Self {
        let mut told = Told::new(policy, period);
        let player = |(brand, venues): (&BrandId, &BTreeMap<VenueId, Snapshot>)| {
            (brand.clone(), Player::open(brand, Arc::clone(policy), venues.values(), period.begins, &mut told))
        };
        let players = pictures.brands.iter().map(player).collect();
        Self { players, told, period }
    }

    /// Lives a change, and the time before it; they come in the order in which they were recorded.
    pub fn live(&mut self, recorded: &Recorded) {
        let Some(player) = self.players.get_mut(&recorded.brand) else { return };
        let at = recorded.at.max(self.period.begins).min(self.period.ends);
        player.meet(recorded.venue, &recorded.change, at, &mut self.told);
    }

    /// Lives the rest of the period and returns what was told.
    pub fn end(mut self) -> Told {
        for player in self.players.values_mut() {
            player.end(self.period.ends, &mut self.told);
        }
        self.told
    }
}

#[cfg(test)]
mod tests;
