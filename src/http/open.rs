//! What is open in a brand now, and what silences hide of it: the pages and the API answer from the same.
//!
//! Looks at what is live and changes nothing. Invariant: a silence hides here what the engine holds back for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{Alert, EpisodeId, OpenAlert};
use crate::alerts::silence::{Silence, SilenceId};
use crate::alerts::{AlertKey, facts};
use crate::calendar::Calendars;
use crate::catalog::Catalog;
use crate::http::live::{Live, LiveBrand};
use crate::rules::{RuleName, Subject};
use crate::snapshot::Snapshot;
use crate::units::{BrandId, Timestamp, VenueId};

/// A brand as it is at one moment.
pub(super) struct BrandNow {
    /// Its slug.
    pub(super) brand: BrandId,
    /// What keeps on changing.
    pub(super) live: Arc<LiveBrand>,
    /// Every venue.
    pub(super) venues: BTreeMap<VenueId, Arc<Snapshot>>,
    /// Every alert that is pending or open, those of venues first.
    pub(super) alerts: Vec<Seen>,
    /// What is not to be told for a while, and is not over.
    pub(super) silences: Vec<Silence>,
}

/// An alert that is pending or open.
pub(super) struct Seen {
    /// The venue, unless the brand itself is concerned.
    pub(super) venue: Option<Arc<Snapshot>>,
    /// Its identity.
    pub(super) key: AlertKey,
    /// The alert.
    pub(super) alert: Alert,
}

impl Seen {
    /// Returns the alert while it is open.
    pub(super) fn open(&self) -> Option<&OpenAlert> {
        self.alert.open()
    }
}

impl BrandNow {
    /// Looks at a brand.
    pub(super) fn of(brand: &BrandId, live: &Arc<LiveBrand>, now: Timestamp) -> Self {
        let (mut venues, mut alerts) = (BTreeMap::new(), Vec::new());
        let of = |venue: Option<&Arc<Snapshot>>, (key, alert): (&AlertKey, &Alert)| Seen {
            venue: venue.cloned(),
            key: key.clone(),
            alert: alert.clone(),
        };
        for venue in live.venues() {
            let known = venue.alerts.iter().filter(|(_, alert)| !alert.is_over());
            alerts.extend(known.map(|known| of(Some(&venue.snapshot), known)));
            venues.insert(venue.snapshot.id(), venue.snapshot);
        }
        let itself = live.itself();
        alerts.extend(itself.alerts.iter().filter(|(_, alert)| !alert.is_over()).map(|known| of(None, known)));
        let silences = itself.silences.values().filter(|silence| silence.until > now).cloned().collect();
        Self { brand: brand.clone(), live: Arc::clone(live), venues, alerts, silences }
    }

    /// Looks at every brand.
    pub(super) fn all(live: &Live, now: Timestamp) -> Vec<Self> {
        live.brands().map(|(brand, live)| Self::of(brand, live, now)).collect()
    }

    /// Looks at the brand of this slug.
    pub(super) fn named(live: &Live, brand: &str, now: Timestamp) -> Option<Self> {
        live.brands().find(|(id, _)| id.as_str() == brand).map(|(id, live)| Self::of(id, live, now))
    }

    /// Finds an open alert by its episode.
    pub(super) fn episode(&self, episode: &str) -> Option<(&Seen, &OpenAlert)> {
        let open = self.alerts.iter().filter_map(|seen| Some((seen, seen.open()?)));
        open.into_iter().find(|(_, alert)| alert.episode.as_str() == episode)
    }

    /// Returns the name of the place that an alert is about: of the venue, or of the brand.
    pub(super) fn place(&self, seen: &Seen) -> String {
        seen.venue.as_ref().map_or_else(|| self.brand.to_string(), |venue| facts::venue_name(venue))
    }

    /// Returns what a silence hides now: the open alerts that it covers while it is in force.
    pub(super) fn hidden_by<'a>(
        &'a self,
        silence: &Silence,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Vec<(&'a Seen, &'a OpenAlert)> {
        let open = self.alerts.iter().filter_map(|seen| Some((seen, seen.open()?)));
        open.filter(|(seen, _)| self.is_hidden(silence, &seen.key, calendars, now)).collect()
    }

    /// Says whether a silence covers anything that is open, in force or not: one that lasts until that is back needs it.
    pub(super) fn has_open_under(&self, silence: &Silence) -> bool {
        let open = self.alerts.iter().filter(|seen| seen.open().is_some()).map(|seen| &seen.key);
        open.into_iter().any(|key| silence.covers(&key.rule, &key.subject, self.catalog_of(&key.subject)))
    }

    /// Returns the silences that hide an alert now.
    pub(super) fn silences_over(&self, seen: &Seen, calendars: &Calendars, now: Timestamp) -> Vec<&Silence> {
        self.silences.iter().filter(|silence| self.is_hidden(silence, &seen.key, calendars, now)).collect()
    }

    fn is_hidden(&self, silence: &Silence, key: &AlertKey, calendars: &Calendars, now: Timestamp) -> bool {
        let venue = key.subject.venue();
        let calendar = venue.map(|venue| calendars.of(&self.brand, venue));
        silence.is_in_force(calendar, now) && silence.covers(&key.rule, &key.subject, self.catalog_of(&key.subject))
    }

    fn catalog_of(&self, subject: &Subject) -> Option<&Catalog> {
        let mut catalogs = self.venues.values().map(|snapshot| &*snapshot.picture.catalog);
        match subject {
            Subject::OfVenues(product) => catalogs.find(|catalog| catalog.products.contains_key(product)),
            Subject::Brand
            | Subject::Venue(_)
            | Subject::Station(..)
            | Subject::Item(..)
            | Subject::OfCategory(..)
            | Subject::OfStation(..) => {
                subject.venue().and_then(|venue| self.venues.get(&venue)).map(|snapshot| &*snapshot.picture.catalog)
            }
        }
    }

    /// Returns what holds an alert back: the rule and label of its cause, or the silence.
    pub(super) fn reason_of<'a>(&'a self, hold: &'a Hold) -> HeldBy<'a> {
        match hold {
            Hold::Silence(id) => HeldBy::Silence(id),
            Hold::Cause(key) => {
                let cause = self.alerts.iter().find(|seen| seen.key == *key);
                HeldBy::Cause(&key.rule, cause.and_then(Seen::open))
            }
        }
    }
}

/// Why somebody is not told of an alert for now.
pub(super) enum HeldBy<'a> {
    /// Somebody asked for silence.
    Silence(&'a SilenceId),
    /// Another alert explains it: of this rule, while it is open.
    Cause(&'a RuleName, Option<&'a OpenAlert>),
}

/// Says whether a brand shows that somebody takes care of this episode since `at`.
pub(super) fn shows_care(live: &LiveBrand, key: &AlertKey, episode: &EpisodeId, at: Timestamp) -> bool {
    let alerts = match key.subject.venue() {
        Some(venue) => live.venue(venue).map(|venue| venue.alerts),
        None => Some(live.itself().alerts),
    };
    let open = alerts.as_ref().and_then(|alerts| alerts.get(key)?.open());
    // One that is over meanwhile is shown as that.
    open.is_none_or(|open| open.episode != *episode || open.acknowledged.as_ref().is_some_and(|said| said.at >= at))
}
