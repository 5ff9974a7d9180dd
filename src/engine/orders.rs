//! What people ask for: acknowledgements and silences, taken in like readings.
//!
//! Invariant: a silence ends at its time, when its order says so, or when what it hides is back; never by itself later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alerts::AlertKey;
use crate::alerts::facts::{self, Facts};
use crate::alerts::group::{GroupKey, Way};
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{Alert, EpisodeId, OpenAlert};
use crate::alerts::notice::ReceiverName;
use crate::alerts::order::{Acknowledgement, Answer, Order};
use crate::alerts::silence::{Silence, SilenceId};
use crate::catalog::Catalog;
use crate::engine::tell::Teller;
use crate::engine::{Commit, Engine, Memory, settle};
use crate::rules::{RuleName, Subject};
use crate::units::{ProductId, Timestamp, VenueId};

/// Silences of a brand at once; who needs more wants fewer rules.
const SILENCES_MAX: usize = 1_000;

impl Engine {
    /// Takes an order in and says what became of it.
    pub(super) fn take_order(
        &self,
        order: Order,
        commit: &mut Commit,
        teller: &mut Teller<'_>,
        now: Timestamp,
    ) -> Answer {
        match order {
            Order::Acknowledge { key, episode, acknowledgement } => {
                self.acknowledge(&key, &episode, acknowledgement, commit, teller, now)
            }
            Order::Silence(silence) if silence.until <= now => Answer::Refused("its end is past already".to_owned()),
            Order::Silence(_) if self.memory.silences.len() >= SILENCES_MAX => {
                Answer::Refused(format!("there are {SILENCES_MAX} silences already; end some"))
            }
            Order::Silence(silence) => {
                self.hold_back(&silence, commit, teller, now);
                commit.silences.push((silence.id.clone(), Some(silence)));
                Answer::Done
            }
            Order::EndSilence(id) if self.silences_after(commit).contains_key(&id) => {
                commit.silences.push((id, None));
                Answer::Done
            }
            Order::EndSilence(id) => Answer::Refused(format!(
                "there is no silence {id}, or it is over; `eightysix silence list` shows those that there are"
            )),
        }
    }

    fn acknowledge(
        &self,
        key: &AlertKey,
        episode: &EpisodeId,
        acknowledgement: Acknowledgement,
        commit: &mut Commit,
        teller: &mut Teller<'_>,
        now: Timestamp,
    ) -> Answer {
        let Some(Alert::Open(open)) = self.memory.book.get(key).filter(|_| self.policy.rules.get(&key.rule).is_some())
        else {
            return Answer::Refused("the alert is over".to_owned());
        };
        if open.episode != *episode {
            return Answer::Refused("the alert is over; what is open now began later".to_owned());
        }
        let open = OpenAlert { acknowledged: Some(acknowledgement), ..open.as_ref().clone() };
        let snapshot = key.subject.venue().and_then(|venue| self.memory.venues.get(&venue));
        let snapshot = snapshot.map(Arc::as_ref);
        let facts = facts::of_subject(&self.brand, &self.memory.access, snapshot, &key.subject, now);
        let facts = Facts { set: open.set.clone(), ..facts };
        teller.tell_acknowledged(key, &open, &facts);
        for receiver in &open.told {
            let waiting = GroupKey { receiver: receiver.clone(), venue: key.subject.venue() };
            teller.take_reminders_back(&waiting, &open.episode);
            teller.correct_escalation(&waiting, &open);
        }
        settle::put(commit, BTreeMap::from([(key.clone(), open)]));
        if let Some(venue) = key.subject.venue() {
            self.store_with_alerts(venue, commit);
        }
        Answer::Done
    }

    /// Takes what the silence covers out of mails that still wait: who asked for it expects that nothing comes.
    fn hold_back(&self, silence: &Silence, commit: &mut Commit, teller: &mut Teller<'_>, now: Timestamp) {
        let mut held_back = BTreeMap::new();
        for (key, alert) in self.memory.book.iter() {
            let (Alert::Open(open), venue) = (alert, key.subject.venue()) else { continue };
            if !self.is_covered(silence, &key.rule, &key.subject, self.catalog_of(&key.subject, commit), now) {
                continue;
            }
            let by_mail_alone = |receiver: &&ReceiverName| {
                self.policy.routes.get(*receiver).is_some_and(|route| route.ways.iter().all(|way| *way == Way::Email))
            };
            let untold: BTreeSet<ReceiverName> = open
                .told
                .iter()
                .filter(by_mail_alone)
                .filter(|receiver| teller.take_back(&GroupKey { receiver: (*receiver).clone(), venue }, &open.episode))
                .cloned()
                .collect();
            if !untold.is_empty() {
                let mut open = open.as_ref().clone();
                open.told.retain(|receiver| !untold.contains(receiver));
                open.held.extend(untold.into_iter().map(|receiver| (receiver, Hold::Silence(silence.id.clone()))));
                held_back.insert(key.clone(), open);
            }
        }
        for venue in held_back.keys().filter_map(|key| key.subject.venue()).collect::<BTreeSet<_>>() {
            self.store_with_alerts(venue, commit);
        }
        settle::put(commit, held_back);
    }

    /// Returns the silence that covers what a rule says of a subject now, the one that lasts longest.
    pub(super) fn silence_over(
        &self,
        rule: &RuleName,
        subject: &Subject,
        catalog: Option<&Catalog>,
        commit: &Commit,
        now: Timestamp,
    ) -> Option<SilenceId> {
        let silences = self.silences_after(commit).into_values();
        let catalog = if silences.len() == 0 { None } else { catalog.or_else(|| self.catalog_of(subject, commit)) };
        let covering = silences.filter(|silence| self.is_covered(silence, rule, subject, catalog, now));
        covering.max_by_key(|silence| (silence.until, &silence.id)).map(|silence| silence.id.clone())
    }

    fn is_covered(
        &self,
        silence: &Silence,
        rule: &RuleName,
        subject: &Subject,
        catalog: Option<&Catalog>,
        now: Timestamp,
    ) -> bool {
        let calendar = subject.venue().map(|venue| self.policy.calendars.of(&self.brand, venue));
        silence.is_in_force(calendar, now) && silence.covers(rule, subject, catalog)
    }

    /// Returns the catalog in which a subject is found: that of its venue, or of the first venue that knows the product.
    fn catalog_of<'a>(&'a self, subject: &Subject, commit: &'a Commit) -> Option<&'a Catalog> {
        if let Subject::OfVenues(product) = subject {
            return self.memory.catalog_knowing(*product);
        }
        Some(&self.snapshot_in(commit, subject.venue()?)?.picture.catalog)
    }

    fn silences_after<'a>(&'a self, commit: &'a Commit) -> BTreeMap<&'a SilenceId, &'a Silence> {
        let mut after: BTreeMap<&SilenceId, &Silence> = self.memory.silences.iter().collect();
        for (id, silence) in &commit.silences {
            match silence {
                Some(silence) => after.insert(id, silence),
                None => after.remove(id),
            };
        }
        after
    }

    /// Forgets the silences whose time is over.
    pub(super) fn end_silences(&self, commit: &mut Commit, now: Timestamp) {
        let over = self.memory.silences.values().filter(|silence| silence.until <= now);
        commit.silences.extend(over.map(|silence| (silence.id.clone(), None)));
    }

    /// Forgets the silences that end when what they hide is back.
    pub(super) fn end_silences_of_what_is_back(&self, commit: &mut Commit) {
        let has_ended = commit.alerts.iter().any(|(_, alert)| alert.as_ref().is_none_or(Alert::is_over));
        if !has_ended || self.memory.silences.values().all(|silence| !silence.until_back) {
            return;
        }
        let scopes: Vec<Option<VenueId>> = self.scopes().collect();
        let alerts = scopes.iter().flat_map(|scope| self.alerts_after(commit, *scope).into_keys()).collect::<Vec<_>>();
        let is_back = |silence: &&Silence| {
            let covers =
                |key: &&AlertKey| silence.covers(&key.rule, &key.subject, self.catalog_of(&key.subject, commit));
            silence.until_back && !alerts.iter().any(covers)
        };
        let over: Vec<SilenceId> =
            self.silences_after(commit).into_values().filter(is_back).map(|silence| silence.id.clone()).collect();
        commit.silences.extend(over.into_iter().map(|id| (id, None)));
    }
}

impl Memory {
    /// Returns the catalog of the first venue that knows a product; a product is the same at every venue.
    pub fn catalog_knowing(&self, product: ProductId) -> Option<&Catalog> {
        let mut catalogs = self.venues.values().map(|snapshot| &*snapshot.picture.catalog);
        catalogs.find(|catalog| catalog.products.contains_key(&product))
    }
}
