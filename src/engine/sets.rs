//! Alerts about sets of items: who their members are now, and the judgement of products over the venues.
//!
//! Never tells anybody that other members hold than before; the list is kept as it is, for whoever reads it next.
//! Invariant: a member that was listed and of which nobody knows now stays in the list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alerts::group::GroupKey;
use crate::alerts::lifecycle::{Alert, OpenAlert};
use crate::alerts::set::SetFacts;
use crate::alerts::{self, AlertKey, Scope, facts, render};
use crate::engine::chain::{After, Pair};
use crate::engine::look::Look;
use crate::engine::settle::{self, Settling};
use crate::engine::tell::Teller;
use crate::engine::timers::Timer;
use crate::engine::{Commit, Engine, Evaluated};
use crate::rules::condition::Truth;
use crate::rules::evaluate::Evaluation;
use crate::rules::set::{Gathered, SetKind};
use crate::rules::{Finding, Form, State, Subject};
use crate::snapshot::Snapshot;
use crate::units::{ProductId, Timestamp, VenueId};

/// Where the members of the sets of a scope are known.
#[derive(Clone, Copy)]
pub(super) enum Sets<'a> {
    /// The scope has no sets.
    None,
    /// The sets of a venue.
    OfVenue(&'a Evaluation),
    /// Products over the venues.
    OfVenues(&'a Venues<'a>),
}

/// The venues as they will be after a step.
pub(super) struct Venues<'a> {
    engine: &'a Engine,
    chain: After<'a>,
    /// What was read in the step.
    read: BTreeMap<VenueId, Arc<Snapshot>>,
    /// There are others than before, or something has another name.
    are_others: bool,
}

impl<'a> Sets<'a> {
    /// Returns what is to be said of a set now; `known` is what was said of it. `None` for what is no set.
    pub(super) fn facts(self, look: &Look<'_>, key: &AlertKey, known: Option<&SetFacts>) -> Option<SetFacts> {
        key.subject.set()?;
        let rule = look.engine.policy.rules.get(&key.rule);
        let state = rule.and_then(|rule| match &rule.form {
            Form::State(state) => state.at_least.map(|_| state),
            Form::Event(_) => None,
        });
        let now = match (self, state, look.snapshot) {
            (Self::OfVenue(evaluation), Some(_), Some(snapshot)) => of_venue(evaluation, snapshot, key, known),
            (Self::OfVenues(venues), Some(state), _) => venues.facts(state, key, known),
            (Self::None | Self::OfVenue(_) | Self::OfVenues(_), _, _) => None,
        };
        now.or_else(|| known.cloned())
    }

    /// Returns what is said of the members of a set of a venue.
    pub(super) fn gathered(self, key: &AlertKey) -> Option<&'a Gathered> {
        match self {
            Self::OfVenue(evaluation) => evaluation.sets.get(&(key.subject.clone(), key.rule.clone())),
            Self::None | Self::OfVenues(_) => None,
        }
    }

    /// Says whether the members of a set may be others than before.
    fn may_differ(self, key: &AlertKey) -> bool {
        match (self, &key.subject) {
            (Self::OfVenues(venues), Subject::OfVenues(product)) => {
                venues.are_others || venues.chain.may_differ(&(key.rule.clone(), *product))
            }
            (Self::OfVenue(_), subject) => subject.set().is_some(),
            (Self::None | Self::OfVenues(_), _) => false,
        }
    }
}

/// Returns what is to be said of a set of a venue, unless nothing is known of its members.
fn of_venue(
    evaluation: &Evaluation,
    snapshot: &Snapshot,
    key: &AlertKey,
    known: Option<&SetFacts>,
) -> Option<SetFacts> {
    if evaluation.items_unknown || evaluation.products_unknown {
        return None;
    }
    let set = SetFacts::of_venue(snapshot, &key.subject)?;
    let gathered = evaluation.sets.get(&(key.subject.clone(), key.rule.clone()));
    let members = gathered.map_or(&[][..], |gathered| &gathered.members);
    let is_listed = |id: ProductId| known.is_some_and(|set| set.members.iter().any(|member| member.id == id.0));
    let listed = members.iter().filter(|(id, truth)| *truth == Truth::Holds || is_listed(*id));
    Some(set.with_members(listed.map(|(id, _)| id.0), |id| facts::product_name(snapshot, ProductId(id))))
}

impl Venues<'_> {
    fn snapshot(&self, venue: VenueId) -> Option<&Snapshot> {
        self.read.get(&venue).or_else(|| self.engine.memory.venues.get(&venue)).map(Arc::as_ref)
    }

    fn facts(&self, state: &State, key: &AlertKey, known: Option<&SetFacts>) -> Option<SetFacts> {
        let Subject::OfVenues(product) = key.subject else { return None };
        let mut members = self.chain.members(&(key.rule.clone(), product));
        let listed = known.into_iter().flat_map(|set| &set.members).map(|member| VenueId(member.id));
        let listed: BTreeSet<VenueId> = listed.collect();
        members.retain(|venue, truth| *truth == Truth::Holds || (*truth == Truth::Unknown && listed.contains(venue)));
        let unseen = listed.into_iter().filter(|venue| self.chain.is_unseen(*venue, state.needs_row));
        let watched = unseen.filter(|venue| self.snapshot(*venue).is_some());
        members.extend(watched.map(|venue| (venue, Truth::Unknown)));
        let named_by = members.keys().filter_map(|venue| self.snapshot(*venue));
        let named_by = named_by.into_iter().find(|it| it.picture.catalog.products.contains_key(&product));
        let set = SetFacts::of_venues(named_by, product, self.chain.venues());
        // Without a venue that lacks it, it keeps the name that it had.
        let name = known.filter(|_| named_by.is_none()).map_or(set.name.clone(), |known| known.name.clone());
        let named = |id| self.snapshot(VenueId(id)).map_or_else(|| id.to_string(), facts::venue_name);
        Some(SetFacts { name, ..set }.with_members(members.into_keys().map(|venue| venue.0), named))
    }
}

impl Engine {
    /// Returns when the list of a venue becomes too old to be counted, if that is after `last` and anything counts it.
    pub(super) fn goes_stale_at(&self, venue: VenueId, last: Timestamp) -> Option<Timestamp> {
        let snapshot = self.memory.venues.get(&venue).filter(|_| self.policy.rules.counts_venues())?;
        Some(snapshot.read_at?.plus(self.limits.stale_after)).filter(|at| *at > last)
    }

    /// Notes that something was evaluated. While a clock was set back, what was evaluated before counts on.
    pub(super) fn note_latest(&mut self, evaluated: &[(Option<VenueId>, Evaluated)]) {
        let Some(now) = evaluated.iter().map(|(_, evaluated)| evaluated.at).max() else { return };
        let is_behind = self.latest.is_some_and(|latest| now < latest);
        self.latest = if is_behind { self.evaluated.values().map(|it| it.at).max() } else { Some(now) };
    }

    /// Returns the venues that may no longer say what they said, since nobody looked at them in time.
    fn behind(&self, commit: &Commit, now: Timestamp) -> Vec<VenueId> {
        let was_set_back = self.latest.is_some_and(|latest| now < latest);
        let of_timer = |timer: &Timer| match timer {
            Timer::Scope(venue) => *venue,
            Timer::Group(_) | Timer::Report(_) | Timer::Readings => None,
        };
        let behind: BTreeSet<VenueId> = if was_set_back {
            self.memory.venues.keys().copied().collect()
        } else {
            self.timers.due(now).filter_map(of_timer).collect()
        };
        let looked_at: BTreeSet<VenueId> =
            commit.evaluated_venues().chain(commit.venues_gone.iter().copied()).collect();
        behind.difference(&looked_at).copied().collect()
    }

    /// Judges the products that are counted over the venues, where a venue says something new or `is_due`. Comes last in a
    /// step, when every venue has said what it says now.
    pub(super) fn evaluate_chain(
        &self,
        is_due: bool,
        baseline: bool,
        commit: &mut Commit,
        teller: &mut Teller<'_>,
        now: Timestamp,
    ) {
        let is_alike = |one: &Snapshot, other: &Snapshot| {
            one.venue == other.venue && one.picture.catalog.is_same_as(&other.picture.catalog)
        };
        let is_other = |it: &Arc<Snapshot>| self.memory.venues.get(&it.id()).is_none_or(|known| !is_alike(known, it));
        let are_others = !commit.venues_gone.is_empty() || commit.venues.iter().any(is_other);
        if commit.parts.is_empty() && !are_others && !is_due {
            return;
        }
        let known: Vec<Pair> = self.memory.book.of(None).filter_map(|(key, _)| pair_of(key)).collect();
        if known.is_empty() && !self.policy.rules.counts_venues() {
            return;
        }
        for venue in self.behind(commit, now) {
            self.evaluate(Some(venue), false, commit, teller, now);
        }
        let read: BTreeMap<VenueId, Arc<Snapshot>> = commit.venues.iter().map(|it| (it.id(), Arc::clone(it))).collect();
        let gone = |venue: &&VenueId| commit.venues_gone.contains(venue);
        let added = read.keys().filter(|venue| !self.memory.venues.contains_key(venue)).count();
        let watched = self.memory.venues.len() + added - self.memory.venues.keys().filter(gone).count();
        let mut parts = commit.parts.clone();
        parts.extend(commit.venues_gone.iter().map(|venue| (*venue, None)));
        let venues = Venues { engine: self, chain: self.chain.after(&parts, watched), read, are_others };
        let findings = self.findings_of_venues(&venues.chain, &known);
        let scope =
            Scope { venue: None, of_venues: true, findings: &findings, silence: None, baseline, items_as_of: now };
        let turned = alerts::reconcile(&self.memory.book, &self.policy.rules, &scope, now);
        let access = commit.access.clone().unwrap_or_else(|| self.memory.access.clone());
        let look = Look::new(self, None, &access, now).with(Sets::OfVenues(&venues));
        let mut settling = Settling::of(self, None, &findings);
        for turned in turned {
            let (facts, end) = look.at_turn(&turned);
            let (key, alert) = teller.tell_turn(turned, facts, end);
            settling.turned(&key, alert.as_ref());
            commit.alerts.push((key, alert));
        }
        settling.settle(&look, commit, teller);
        self.relist(&look, &findings, commit, teller);
    }

    /// Returns what the rules say of what changed, and of what there is an alert about. What is unknown opens none, so that
    /// nothing is said of it elsewhere.
    fn findings_of_venues(&self, chain: &After<'_>, known: &[Pair]) -> Vec<Finding> {
        let known: BTreeSet<&Pair> = known.iter().collect();
        let asked: BTreeSet<&Pair> = chain.changed().chain(known.iter().copied()).collect();
        let finding = |pair: &&Pair| {
            let rule = self.policy.rules.get(&pair.0)?;
            let Form::State(state) = &rule.form else { return None };
            let at_least = state.at_least.filter(|at_least| at_least.of == SetKind::Venues)?;
            let (holds, keeps) = at_least.truths(chain.counts(pair), chain.unseen(state.needs_row));
            let is_said = keeps != Truth::Clear && (holds == Truth::Holds || known.contains(pair));
            let subject = Subject::OfVenues(pair.1);
            is_said.then(|| Finding { rule: rule.name.clone(), subject, holds, keeps })
        };
        asked.iter().filter_map(finding).collect()
    }

    /// Keeps the members of open alerts about sets as they are now, in what is stored, shown and mailed of them.
    pub(super) fn relist(&self, look: &Look<'_>, findings: &[Finding], commit: &mut Commit, teller: &mut Teller<'_>) {
        if findings.iter().all(|finding| finding.subject.set().is_none()) {
            return;
        }
        let turned: BTreeMap<&AlertKey, Option<&Alert>> =
            commit.alerts.iter().map(|(key, alert)| (key, alert.as_ref())).collect();
        let mut listed = BTreeMap::new();
        for Finding { rule, subject, .. } in findings.iter().filter(|finding| finding.subject.set().is_some()) {
            let key = AlertKey { subject: subject.clone(), rule: rule.clone() };
            let Some(rule) = self.policy.rules.get(rule).filter(|_| look.sets().may_differ(&key)) else { continue };
            let after = turned.get(&key).copied().unwrap_or_else(|| self.memory.book.get(&key));
            let Some(Alert::Open(open)) = after else { continue };
            let set = look.sets().facts(look, &key, open.set.as_ref());
            // Kept open by what is only nearly so, such as two portions left, it would be told of no member at all.
            if set == open.set || set.as_ref().is_some_and(|set| set.count == 0) {
                continue;
            }
            let facts = look.facts(&key);
            let open = OpenAlert { set, label: render::label(&facts), ..open.as_ref().clone() };
            let open = OpenAlert { message: teller.message(rule, &open, &facts), ..open };
            for receiver in &open.told {
                let waiting = GroupKey { receiver: receiver.clone(), venue: subject.venue() };
                teller.correct_opening(&waiting, rule, &open);
            }
            listed.insert(key, open);
        }
        settle::put(commit, listed);
    }
}

fn pair_of(key: &AlertKey) -> Option<Pair> {
    match key.subject {
        Subject::OfVenues(product) => Some((key.rule.clone(), product)),
        Subject::Brand
        | Subject::Venue(_)
        | Subject::Station(..)
        | Subject::Item(..)
        | Subject::OfCategory(..)
        | Subject::OfStation(..) => None,
    }
}
