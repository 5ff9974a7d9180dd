//! What the pages know of each brand: every venue as the brand's task last saw it.
//!
//! The tasks put in what a cycle changed, the pages read and wait for more; nobody waits for the other. Invariant: what is
//! shown was stored before, and a reader sees a venue's snapshot and alerts of the same cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

use crate::alerts::AlertKey;
use crate::alerts::lifecycle::Alert;
use crate::alerts::silence::{Silence, SilenceId};
use crate::engine::{Commit, Engine};
use crate::poll::quota::Quota;
use crate::snapshot::{Access, FreshnessLimits, Snapshot};
use crate::units::{BrandId, VenueId};

/// The alerts of a scope: pending, open, and those of late.
pub type Alerts = Arc<BTreeMap<AlertKey, Alert>>;

/// All brands of one configuration.
#[derive(Clone, Default)]
pub struct Live {
    brands: Arc<BTreeMap<BrandId, Arc<LiveBrand>>>,
}

impl Live {
    /// Takes the brands that are watched, of which nothing is known yet.
    pub fn new(brands: impl IntoIterator<Item = BrandId>) -> Self {
        let brands = brands.into_iter().map(|brand| (brand, Arc::default()));
        Self { brands: Arc::new(brands.collect()) }
    }

    /// Returns one brand.
    pub fn brand(&self, brand: &str) -> Option<&Arc<LiveBrand>> {
        self.brands.iter().find(|(id, _)| id.as_str() == brand).map(|(_, live)| live)
    }

    /// Returns every brand, in the order of their names.
    pub fn brands(&self) -> impl Iterator<Item = (&BrandId, &Arc<LiveBrand>)> {
        self.brands.iter()
    }
}

/// A venue as it is.
#[derive(Clone, Debug)]
pub struct LiveVenue {
    /// What is known of it.
    pub snapshot: Arc<Snapshot>,
    /// Its alerts.
    pub alerts: Alerts,
    /// From which age its list is stale and blind.
    pub limits: FreshnessLimits,
}

/// What is known of a brand beside its venues.
#[derive(Clone, Debug, Default)]
pub struct LiveSelf {
    /// Whether Clopos lets us read it.
    pub access: Access,
    /// Its own alerts, of no venue.
    pub alerts: Alerts,
    /// What is not to be told for a while.
    pub silences: Arc<BTreeMap<SilenceId, Silence>>,
    /// What its quota buys; `None` until its task began.
    pub quota: Option<Quota>,
}

/// One brand.
#[derive(Default)]
pub struct LiveBrand {
    venues: RwLock<BTreeMap<VenueId, watch::Sender<LiveVenue>>>,
    itself: Mutex<LiveSelf>,
    /// Which turn of the brand this is: grows whenever somebody who reads a page of the brand may see something new.
    turn: watch::Sender<u64>,
}

/// What of a brand differs after a commit.
#[derive(Clone, Debug, Default)]
pub struct Fresh {
    /// Venues with another snapshot.
    snapshots: BTreeSet<VenueId>,
    /// Venues with other alerts.
    alerts: BTreeSet<VenueId>,
    gone: Vec<VenueId>,
    /// Whether the brand itself differs.
    itself: bool,
    /// Whether more than the age of readings differs.
    is_news: bool,
}

impl Fresh {
    /// Takes what a commit changes, before it is adopted.
    pub fn of(commit: &Commit) -> Self {
        let alerts: BTreeSet<VenueId> = commit.alerts.iter().filter_map(|(key, _)| key.subject.venue()).collect();
        let of_brand = commit.alerts.iter().any(|(key, _)| key.subject.venue().is_none());
        let itself = of_brand || commit.access.is_some() || !commit.silences.is_empty();
        let is_news = itself || !(alerts.is_empty() && commit.stored.is_empty() && commit.venues_gone.is_empty());
        let snapshots = commit.venues.iter().map(|snapshot| snapshot.id()).collect();
        Self { snapshots, alerts, gone: commit.venues_gone.clone(), itself, is_news }
    }

    /// Means everything that an engine remembers.
    pub fn everything(engine: &Engine) -> Self {
        let venues: BTreeSet<VenueId> = engine.memory().venues.keys().copied().collect();
        Self { snapshots: venues.clone(), alerts: venues, gone: Vec::new(), itself: true, is_news: true }
    }
}

impl LiveBrand {
    /// Takes over what differs.
    pub fn show(&self, engine: &Engine, fresh: &Fresh, quota: Quota) {
        let Fresh { snapshots, alerts, gone, itself, is_news } = fresh;
        for venue in snapshots.union(alerts) {
            self.show_venue(engine, *venue, alerts.contains(venue));
        }
        if !gone.is_empty() {
            let mut venues = self.venues.write().unwrap_or_else(PoisonError::into_inner);
            for venue in gone {
                venues.remove(venue);
            }
        }
        let mut own = self.own();
        if *itself {
            let memory = engine.memory();
            own.access = memory.access.clone();
            own.alerts = alerts_of(engine, None);
            own.silences = Arc::new(memory.silences.clone());
        }
        own.quota = Some(quota);
        drop(own);
        if *is_news {
            self.turn.send_modify(|turn| *turn += 1);
        }
    }

    fn show_venue(&self, engine: &Engine, venue: VenueId, with_alerts: bool) {
        let (Some(snapshot), limits) = (engine.memory().venues.get(&venue), engine.limits()) else { return };
        let venues = self.venues.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = venues.get(&venue) {
            shown.send_modify(|shown| {
                shown.snapshot = Arc::clone(snapshot);
                shown.limits = limits;
                if with_alerts {
                    shown.alerts = alerts_of(engine, Some(venue));
                }
            });
            return;
        }
        drop(venues);
        let alerts = alerts_of(engine, Some(venue));
        let (shown, _) = watch::channel(LiveVenue { snapshot: Arc::clone(snapshot), alerts, limits });
        self.venues.write().unwrap_or_else(PoisonError::into_inner).insert(venue, shown);
    }

    /// Returns every venue as it is now.
    pub fn venues(&self) -> Vec<LiveVenue> {
        let venues = self.venues.read().unwrap_or_else(PoisonError::into_inner);
        venues.values().map(|shown| shown.borrow().clone()).collect()
    }

    /// Returns one venue as it is now.
    pub fn venue(&self, venue: VenueId) -> Option<LiveVenue> {
        let venues = self.venues.read().unwrap_or_else(PoisonError::into_inner);
        venues.get(&venue).map(|shown| shown.borrow().clone())
    }

    /// Follows one venue: each change of it wakes the reader. It ends when the venue is no longer watched.
    pub fn follow(&self, venue: VenueId) -> Option<watch::Receiver<LiveVenue>> {
        let venues = self.venues.read().unwrap_or_else(PoisonError::into_inner);
        venues.get(&venue).map(watch::Sender::subscribe)
    }

    /// Returns what is known of the brand itself.
    pub fn itself(&self) -> LiveSelf {
        self.own().clone()
    }

    /// Wakes whoever shows the whole brand when there is news in it.
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turn.subscribe()
    }

    fn own(&self) -> MutexGuard<'_, LiveSelf> {
        self.itself.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn alerts_of(engine: &Engine, scope: Option<VenueId>) -> Alerts {
    let alerts = engine.memory().book.of(scope);
    Arc::new(alerts.map(|(key, alert)| (key.clone(), alert.clone())).collect())
}
