//! The changes between two pictures -> the events that rules want told.
//!
//! A rule's `when` is asked of the later picture, of the earlier one where the subject is gone. The first reading of a
//! list is nobody's news: what it shows was so before anybody looked. Invariant: events come in order of rule and change.

use crate::rules::condition::Truth;
use crate::rules::subject::{Scene, VenueView};
use crate::rules::value::View;
use crate::rules::{EventKind, Form, Rule, RuleName, RuleSet, Subject, SubjectKind};
use crate::snapshot::StopRow;
use crate::snapshot::diff::Change;
use crate::units::{ProductId, StationId, Timestamp};

/// An event that a rule wants told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventFinding {
    /// The rule.
    pub rule: RuleName,
    /// What it is about: an item or a station.
    pub subject: Subject,
    /// What happened.
    pub change: Change,
}

/// Returns the events that rules tell of `changes`, which lead from the picture of `before` to that of `after`.
pub fn events(
    rules: &RuleSet,
    changes: &[Change],
    before: &VenueView<'_>,
    after: &VenueView<'_>,
    now: Timestamp,
) -> Vec<EventFinding> {
    let event_rules: Vec<(&Rule, EventKind)> = rules.rules().iter().filter_map(event_rule).collect();
    let told: Vec<(&Change, Vec<EventKind>)> = changes
        .iter()
        .map(|change| (change, kinds_of(change, before)))
        // What no rule asks for needs no look over the venue: most changes are countdowns.
        .filter(|(_, kinds)| event_rules.iter().any(|(_, event)| kinds.contains(event)))
        .collect();
    if told.is_empty() {
        return Vec::new();
    }
    let earlier = Scene::new(*before, rules.price_lists(), now);
    let later = Scene::new(*after, rules.price_lists(), now);
    let mut found = Vec::new();
    for (rule, event) in event_rules {
        for (change, _) in told.iter().filter(|(_, kinds)| kinds.contains(&event)) {
            if let Some((subject, view)) = seen(change, &earlier, &later)
                && later.is_within(&rule.during, SubjectKind::Venue)
                && rule.when.truth(&view, now) == Truth::Holds
            {
                found.push(EventFinding { rule: rule.name.clone(), subject, change: (*change).clone() });
            }
        }
    }
    found
}

fn event_rule(rule: &Rule) -> Option<(&Rule, EventKind)> {
    match rule.form {
        Form::State(_) => None,
        Form::Event(event) => Some((rule, event)),
    }
}

/// Returns what a change is, none when it is no news: nothing was read before, or only a time differs.
fn kinds_of(change: &Change, before: &VenueView<'_>) -> Vec<EventKind> {
    let read_before = before.snapshot;
    match change {
        Change::Row { .. } if read_before.read_at.is_none() => Vec::new(),
        Change::Row { before, after, .. } => row_kinds(before.as_ref(), after.as_ref()),
        Change::Product { before: Some(old), after: Some(new), .. } if old.price != new.price => {
            vec![EventKind::PriceChanged]
        }
        Change::Product { before: None, after: Some(_), .. } if read_before.catalog_read_at.is_some() => {
            vec![EventKind::ProductAdded]
        }
        Change::Product { before: Some(_), after: None, .. } => vec![EventKind::ProductRemoved],
        Change::Station { .. } if !read_before.picture.catalog.stations.is_empty() => vec![EventKind::StationChanged],
        // A price that comes or goes with its product or its list is no change of price.
        Change::Price { before: Some(_), after: Some(_), .. } => vec![EventKind::PriceChanged],
        Change::Product { .. } | Change::Station { .. } | Change::Price { .. } | Change::PriceList { .. } => Vec::new(),
    }
}

fn row_kinds(before: Option<&StopRow>, after: Option<&StopRow>) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    match (before.is_some_and(StopRow::is_out), after.is_some_and(StopRow::is_out)) {
        (false, true) => kinds.push(EventKind::Stopped),
        (true, false) => kinds.push(EventKind::Back),
        (true, true) | (false, false) => {}
    }
    if before.map(|row| row.limit) != after.map(|row| row.limit) {
        kinds.push(EventKind::LimitChanged);
    }
    kinds
}

/// Returns the subject of a change as the later picture shows it, or the earlier one where it is gone.
fn seen<'a>(change: &'a Change, earlier: &'a Scene<'a>, later: &'a Scene<'a>) -> Option<(Subject, View<'a>)> {
    match change {
        Change::Row { product, .. } | Change::Price { product, .. } | Change::Product { id: product, .. } => {
            item_seen(*product, change, later).or_else(|| item_seen(*product, change, earlier))
        }
        Change::Station { id, .. } => station_seen(*id, later).or_else(|| station_seen(*id, earlier)),
        Change::PriceList { .. } => None,
    }
}

fn item_seen<'a>(id: ProductId, change: &'a Change, scene: &'a Scene<'a>) -> Option<(Subject, View<'a>)> {
    // A removed product may leave a row behind: only the earlier picture knows what it was.
    let is_removal = matches!(change, Change::Product { after: None, .. });
    let item = scene.item(id).filter(|item| !is_removal || item.product.is_some())?;
    Some((Subject::Item(scene.snapshot().id(), id), View::Item(scene, item, Some(change))))
}

fn station_seen<'a>(id: StationId, scene: &'a Scene<'a>) -> Option<(Subject, View<'a>)> {
    let station = scene.catalog().stations.get(&id)?;
    Some((Subject::Station(scene.snapshot().id(), id), View::Station(scene, station)))
}
