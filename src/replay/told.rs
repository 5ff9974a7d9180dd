//! What one side tells: messages by receiver and day, and every alert and change with its times.
//!
//! Keeps times and labels, never texts, so that months of a chain fit into memory. Invariant: what is told before the
//! period starts is not counted, and what ended before it is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::{Date, Time};

use crate::alerts::facts;
use crate::alerts::lifecycle::Alert;
use crate::alerts::notice::{Channel, ReceiverName};
use crate::alerts::{AlertKey, render};
use crate::calendar::business_day;
use crate::engine::{Commit, Engine, Policy};
use crate::replay::Period;
use crate::rules::events::events;
use crate::rules::subject::VenueView;
use crate::rules::{Form, RuleName};
use crate::snapshot::Snapshot;
use crate::snapshot::diff::Change;
use crate::units::{BrandId, Timestamp, VenueId, VenueKey, Zone};

/// How many messages somebody gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Mails, each of which may tell several things.
    pub mails: u64,
    /// Events by MQTT or webhook.
    pub events: u64,
}

/// How long something was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Since when; `None` for what was so already when the period started.
    pub(super) from: Option<Timestamp>,
    /// Until when; `None` for what is so at the end. A change that was told has the one instant.
    pub(super) until: Option<Timestamp>,
}

/// An alert or a change by what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) brand: BrandId,
    pub(super) key: AlertKey,
    /// True for what an event rule tells: it has no duration.
    pub(super) is_change: bool,
}

/// Everything of one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// What it is about, in words.
    pub(super) label: Arc<str>,
    /// In order; only the last may be open.
    pub(super) stretches: Vec<Stretch>,
}

/// What was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Messages by receiver; has every receiver.
    pub receivers: BTreeMap<ReceiverName, Count>,
    /// Messages by business day.
    pub days: BTreeMap<Date, u64>,
    /// Changes that were lived again in the period.
    pub changes: u64,
    /// Changes that do not begin with what was known before: something in between was not recorded.
    pub gaps: u64,
    /// Venues of which there is history, but nothing is known any more.
    pub unwatched: BTreeSet<VenueKey>,
    pub(super) lives: BTreeMap<Identity, Life>,
    pub(super) venues: BTreeMap<VenueKey, String>,
    event_rules: BTreeSet<RuleName>,
    starts: Timestamp,
    zone: Zone,
    day_starts: Time,
}

impl Told {
    /// Starts with nothing told.
    pub(super) fn new(policy: &Policy, period: Period) -> Self {
        let is_event = |rule: &&crate::rules::Rule| matches!(rule.form, Form::Event(_));
        Self {
            receivers: policy.routes.keys().map(|receiver| (receiver.clone(), Count::default())).collect(),
            days: BTreeMap::new(),
            changes: 0,
            gaps: 0,
            unwatched: BTreeSet::new(),
            lives: BTreeMap::new(),
            venues: BTreeMap::new(),
            event_rules: policy.rules.rules().iter().filter(is_event).map(|rule| rule.name.clone()).collect(),
            starts: period.starts,
            zone: policy.setting.zone.clone(),
            day_starts: policy.setting.day_starts,
        }
    }

    /// Returns from when on what is told counts.
    pub(super) const fn starts(&self) -> Timestamp {
        self.starts
    }

    /// Notes a change of a venue that is not known.
    pub(super) fn lacks_venue(&mut self, brand: &BrandId, venue: VenueId) {
        self.unwatched.insert(VenueKey { brand: brand.clone(), venue });
    }

    /// Takes what a step tells, before the engine adopts it.
    pub(super) fn take(&mut self, engine: &Engine, policy: &Policy, commit: &Commit, now: Timestamp) {
        if now >= self.starts {
            self.count(commit, now);
            self.note_changes(engine, policy, commit, now);
        }
        for (key, after) in &commit.alerts {
            let (before, after) = (open(engine.memory().book.get(key)), open(after.as_ref()));
            match (before, after) {
                (None, Some(label)) => {
                    let venue = key.subject.venue().and_then(|venue| engine.memory().venues.get(&venue));
                    self.name_venue(engine.brand(), venue.map(Arc::as_ref));
                    let from = (now >= self.starts).then_some(now);
                    self.begin(engine.brand(), key, false, label, Stretch { from, until: None });
                }
                (Some(_), None) => self.end(engine.brand(), key, now),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }

    /// Counts a mail that goes out.
    pub(super) fn count_mail(&mut self, receiver: &ReceiverName, now: Timestamp) {
        if now >= self.starts {
            self.receivers.entry(receiver.clone()).or_default().mails += 1;
            *self.days.entry(business_day(now, &self.zone, self.day_starts)).or_default() += 1;
        }
    }

    fn count(&mut self, commit: &Commit, now: Timestamp) {
        if commit.notices.is_empty() {
            return;
        }
        let day = business_day(now, &self.zone, self.day_starts);
        for notice in &commit.notices {
            let count = self.receivers.entry(notice.receiver.clone()).or_default();
            match notice.content.channel() {
                Channel::Email => count.mails += 1,
                Channel::Mqtt | Channel::Webhook => count.events += 1,
            }
            *self.days.entry(day).or_default() += 1;
        }
    }

    /// Notes what event rules tell, as the engine finds it.
    fn note_changes(&mut self, engine: &Engine, policy: &Policy, commit: &Commit, now: Timestamp) {
        if self.event_rules.is_empty() || commit.changes.is_empty() {
            return;
        }
        let mut told_of_brand = BTreeSet::new();
        for after in &commit.venues {
            let Some(before) = engine.memory().venues.get(&after.id()) else { continue };
            let of_venue = commit.changes.iter().filter(|(venue, _)| *venue == after.id());
            let changes: Vec<Change> = of_venue.map(|(_, change)| change.clone()).collect();
            let view = |snapshot| VenueView {
                brand: engine.brand(),
                access: &engine.memory().access,
                snapshot,
                freshness_limits: engine.limits(),
                calendar: policy.calendars.of(engine.brand(), after.id()),
            };
            for event in events(&policy.rules, &changes, &view(before), &view(after), now) {
                if let Change::Price { list, product, .. } = event.change
                    && !told_of_brand.insert((event.rule.clone(), list, product))
                {
                    continue;
                }
                let is_gone = matches!(event.change, Change::Product { after: None, .. });
                let shown: &Snapshot = if is_gone { before } else { after };
                let access = &engine.memory().access;
                let facts = facts::of_subject(engine.brand(), access, Some(shown), &event.subject, now);
                self.name_venue(engine.brand(), Some(shown));
                let key = AlertKey { subject: event.subject, rule: event.rule };
                let instant = Stretch { from: Some(now), until: Some(now) };
                self.begin(engine.brand(), &key, true, &render::label(&facts), instant);
            }
        }
    }

    fn name_venue(&mut self, brand: &BrandId, snapshot: Option<&Snapshot>) {
        let Some(snapshot) = snapshot else { return };
        let key = VenueKey { brand: brand.clone(), venue: snapshot.id() };
        self.venues.entry(key).or_insert_with(|| facts::venue_name(snapshot));
    }

    fn begin(&mut self, brand: &BrandId, key: &AlertKey, is_change: bool, label: &str, stretch: Stretch) {
        let identity = Identity { brand: brand.clone(), key: key.clone(), is_change };
        let life = || Life { label: label.into(), stretches: Vec::new() };
        self.lives.entry(identity).or_insert_with(life).stretches.push(stretch);
    }

    fn end(&mut self, brand: &BrandId, key: &AlertKey, now: Timestamp) {
        let identity = Identity { brand: brand.clone(), key: key.clone(), is_change: false };
        let Some(life) = self.lives.get_mut(&identity) else { return };
        if now < self.starts {
            life.stretches.pop();
        } else if let Some(last) = life.stretches.last_mut() {
            last.until = Some(now);
        }
        if life.stretches.is_empty() {
            self.lives.remove(&identity);
        }
    }
}

fn open(alert: Option<&Alert>) -> Option<&str> {
    alert.and_then(Alert::open).map(|open| open.label.as_str())
}
