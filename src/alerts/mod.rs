//! From findings to notices: which alerts are open, since when, and who must be told what.
//!
//! Pure: the alert book and the time go in, the differences to the book and the notices come out. Invariant: the book
//! follows the present level; running the same evaluation twice changes it once.

pub mod census;
pub mod facts;
pub mod followup;
pub mod group;
pub mod hold;
pub mod lifecycle;
pub mod link;
pub mod mail;
pub mod notice;
pub mod order;
pub mod published;
pub mod rate;
pub mod render;
pub mod report;
mod samples;
pub mod set;
pub mod silence;
pub mod texts;
pub mod when;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::alerts::lifecycle::{Alert, Timing, Turn};
use crate::rules::condition::Truth;
use crate::rules::evaluate::Evaluation;
use crate::rules::{Finding, Form, Rule, RuleName, RuleSet, Subject, SubjectKind};
use crate::units::{Timestamp, VenueId};

/// The identity of an alert within its brand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertKey {
    /// What it is about.
    pub subject: Subject,
    /// Which rule says so.
    pub rule: RuleName,
}

/// Every pending and open alert of a brand, by venue; `None` holds those of the brand itself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AlertBook {
    by_venue: BTreeMap<Option<VenueId>, BTreeMap<AlertKey, Alert>>,
}

impl AlertBook {
    /// Returns the alert with this identity.
    pub fn get(&self, key: &AlertKey) -> Option<&Alert> {
        self.by_venue.get(&key.subject.venue())?.get(key)
    }

    /// Puts an alert in, or takes it out with `None`.
    pub fn set(&mut self, key: AlertKey, alert: Option<Alert>) {
        let scope = key.subject.venue();
        match alert {
            Some(alert) => {
                self.by_venue.entry(scope).or_default().insert(key, alert);
            }
            None => {
                if let Some(alerts) = self.by_venue.get_mut(&scope) {
                    alerts.remove(&key);
                    if alerts.is_empty() {
                        self.by_venue.remove(&scope);
                    }
                }
            }
        }
    }

    /// Returns the alerts of a venue, or of the brand itself for `None`.
    pub fn of(&self, scope: Option<VenueId>) -> impl Iterator<Item = (&AlertKey, &Alert)> {
        self.by_venue.get(&scope).into_iter().flatten()
    }

    /// Returns every alert of the brand.
    pub fn iter(&self) -> impl Iterator<Item = (&AlertKey, &Alert)> {
        self.by_venue.values().flatten()
    }
}

/// What the rules say of one scope: a venue, or the brand itself.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// The venue, or `None` for the brand itself.
    pub venue: Option<VenueId>,
    /// True for products over the venues of the brand, which are judged apart from the brand itself.
    pub of_venues: bool,
    /// Subjects of which a rule holds or cannot be told.
    pub findings: &'a [Finding],
    /// What it means that a subject of the venue has no finding; of the brand itself, it is clear.
    pub silence: Option<&'a Evaluation>,
    /// True when this is the first reading of the venue: what holds is not news.
    pub baseline: bool,
    /// When the stop list was read: what is said of items is said of this moment, and an alert about one turns only by
    /// a reading, never by the time between two readings.
    pub items_as_of: Timestamp,
}

/// One alert that takes a turn, with the rule that it follows; `rule` is `None` when a reload took the rule away.
#[derive(Clone, Debug)]
pub struct Turned<'a> {
    /// The identity.
    pub key: AlertKey,
    /// What it does.
    pub turn: Turn,
    /// The rule.
    pub rule: Option<&'a Rule>,
}

/// Compares the book with the present level and returns every alert that takes a turn, in order of identity.
pub fn reconcile<'a>(book: &AlertBook, rules: &'a RuleSet, scope: &Scope<'_>, now: Timestamp) -> Vec<Turned<'a>> {
    let found: BTreeMap<(&Subject, &RuleName), (Truth, Truth)> =
        scope.findings.iter().map(|f| ((&f.subject, &f.rule), (f.holds, f.keeps))).collect();
    let is_of_scope = |key: &AlertKey| matches!(key.subject, Subject::OfVenues(_)) == scope.of_venues;
    let known = book.of(scope.venue).filter(|(key, _)| is_of_scope(key)).map(|(key, _)| (&key.subject, &key.rule));
    let all: BTreeSet<(&Subject, &RuleName)> = found.keys().copied().chain(known).collect();
    all.into_iter()
        .filter_map(|identity| {
            let key = AlertKey { subject: identity.0.clone(), rule: identity.1.clone() };
            let alert = book.get(&key);
            let known = rules.get(&key.rule).and_then(|rule| Some((rule, timing(rule)?)));
            let Some((rule, timing)) = known else { return alert.map(|alert| withdraw(key, alert)) };
            let unmentioned = || scope.silence.map_or(Truth::Clear, |silence| silence.unmentioned(rule, &key.subject));
            let (holds, keeps) = found.get(&identity).copied().unwrap_or_else(|| (unmentioned(), unmentioned()));
            let as_of = if key.subject.kind() == SubjectKind::Item { scope.items_as_of } else { now };
            let turn = lifecycle::advance(alert, holds, keeps, timing, scope.baseline, as_of);
            (turn != Turn::Stay).then_some(Turned { key, turn, rule: Some(rule) })
        })
        .collect()
}

/// Returns the end of every alert of a venue that is no longer watched.
pub fn withdraw_all<'a>(book: &AlertBook, rules: &'a RuleSet, venue: VenueId) -> Vec<Turned<'a>> {
    let ended =
        |(key, alert): (&AlertKey, &Alert)| Turned { rule: rules.get(&key.rule), ..withdraw(key.clone(), alert) };
    book.of(Some(venue)).map(ended).collect()
}

/// Ends an alert whose rule a reload took away: nobody can say any more whether it holds.
fn withdraw<'a>(key: AlertKey, alert: &Alert) -> Turned<'a> {
    let turn = match alert {
        Alert::Pending { .. } | Alert::Rested(_) => Turn::Move(None),
        Alert::Open(open) => Turn::Close(open.clone(), None),
    };
    Turned { key, turn, rule: None }
}

/// Returns how long the rule waits on both sides; an event rule has no episodes.
pub fn timing(rule: &Rule) -> Option<Timing> {
    match &rule.form {
        Form::State(state) => {
            Some(Timing { hold_for: state.hold_for, clear_for: state.clear_for, damps: state.flap_detection })
        }
        Form::Event(_) => None,
    }
}

/// Returns when time alone may turn each alert of this scope, and why.
pub fn deadlines<'a>(
    book: &'a AlertBook,
    rules: &'a RuleSet,
    scope: Option<VenueId>,
) -> impl Iterator<Item = (Timestamp, &'static str)> + 'a {
    book.of(scope).filter_map(|(key, alert)| lifecycle::deadline(alert, timing(rules.get(&key.rule)?)?))
}
