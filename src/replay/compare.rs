//! Two sides of a history -> what differs: messages for each receiver and day, alerts that appear and that vanish.
//!
//! An alert is the same on both sides when its rule, by its name, and what it is about are the same and the times
//! overlap. Invariant: a side compared with itself differs in nothing.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::alerts::notice::ReceiverName;
use crate::calendar::business_day;
use crate::replay::Period;
use crate::replay::told::{Count, Identity, Life, Stretch, Told};
use crate::rules::{RuleName, Subject};
use crate::units::{BrandId, ProductId, StationId, Timestamp, VenueId, VenueKey, Zone};

/// Something that was told on one side alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The brand.
    pub brand: BrandId,
    /// The rule.
    pub rule: RuleName,
    /// The venue and its name; `None` for the brand as a whole.
    pub venue: Option<(VenueId, String)>,
    /// The product, where it is about one.
    pub product: Option<ProductId>,
    /// The station, where it is about one.
    pub station: Option<StationId>,
    /// What it is about, in words.
    pub label: String,
    /// True for what an event rule tells: it has one instant.
    pub is_change: bool,
    /// Since when; `None` for what was so when the period started.
    pub from: Option<Timestamp>,
    /// Until when; `None` for what is so at its end.
    pub until: Option<Timestamp>,
}

/// What the old rules told, and the new ones tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Messages by receiver, old and new.
    pub receivers: BTreeMap<ReceiverName, [Count; 2]>,
    /// Alerts and changes by rule, old and new.
    pub rules: BTreeMap<RuleName, [u64; 2]>,
    /// Messages by business day, old and new; has every day of the period.
    pub days: BTreeMap<Date, [u64; 2]>,
    /// What the new rules alone tell, in order of time.
    pub appears: Vec<Alert>,
    /// What the old rules alone tell, in order of time.
    pub vanishes: Vec<Alert>,
}

/// Compares two sides of the same period.
pub fn compare(old: &Told, new: &Told, period: Period, zone: &Zone, day_starts: jiff::civil::Time) -> Comparison {
    let sides = [old, new];
    let mut receivers: BTreeMap<ReceiverName, [Count; 2]> = BTreeMap::new();
    let mut rules: BTreeMap<RuleName, [u64; 2]> = BTreeMap::new();
    let mut days: BTreeMap<Date, [u64; 2]> = BTreeMap::new();
    let first = business_day(period.starts, zone, day_starts);
    let last = business_day(period.ends, zone, day_starts);
    days.extend(first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).map(|day| (day, [0; 2])));
    for (side, told) in sides.into_iter().enumerate() {
        for (receiver, count) in &told.receivers {
            receivers.entry(receiver.clone()).or_default()[side] = *count;
        }
        for (day, count) in &told.days {
            days.entry(*day).or_default()[side] = *count;
        }
        for (identity, life) in &told.lives {
            rules.entry(identity.key.rule.clone()).or_default()[side] += life.stretches.len() as u64;
        }
    }
    Comparison { receivers, rules, days, appears: only_of(new, old), vanishes: only_of(old, new) }
}

/// Returns what `one` tells and `other` does not.
fn only_of(one: &Told, other: &Told) -> Vec<Alert> {
    let mut only = Vec::new();
    for (identity, life) in &one.lives {
        let others = other.lives.get(identity).map_or(&[][..], |life| &life.stretches);
        let mut at = 0;
        for stretch in &life.stretches {
            // Both are in order: what ended before this began ended before all that follow.
            while others.get(at).is_some_and(|other| is_before(other, stretch)) {
                at += 1;
            }
            if others.get(at).is_none_or(|other| is_before(stretch, other)) {
                only.push(alert(identity, life, stretch, one));
            }
        }
    }
    only.sort_by_key(|alert| alert.from);
    only
}

/// Says whether a stretch is over when the other begins. Two changes of one instant are one.
fn is_before(one: &Stretch, other: &Stretch) -> bool {
    match (one.until, other.from) {
        (Some(until), Some(from)) => until < from || (until == from && one.from != Some(until)),
        (None, _) | (_, None) => false,
    }
}

fn alert(identity: &Identity, life: &Life, stretch: &Stretch, told: &Told) -> Alert {
    let Identity { brand, key, is_change } = identity;
    let venue = key.subject.venue();
    let name = |venue: VenueId| {
        let named = told.venues.get(&VenueKey { brand: brand.clone(), venue });
        named.cloned().unwrap_or_else(|| format!("venue {venue}"))
    };
    let (product, station) = match key.subject {
        Subject::Item(_, product) | Subject::OfVenues(product) => (Some(product), None),
        Subject::Station(_, station) | Subject::OfStation(_, station) => (None, Some(station)),
        Subject::Brand | Subject::Venue(_) | Subject::OfCategory(..) => (None, None),
    };
    Alert {
        brand: brand.clone(),
        rule: key.rule.clone(),
        venue: venue.map(|venue| (venue, name(venue))),
        product,
        station,
        label: life.label.to_string(),
        is_change: *is_change,
        from: stretch.from,
        until: stretch.until,
    }
}
