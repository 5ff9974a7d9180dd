//! What a brand keeps over a reload: its memory, its plan, its share of the quota and its token.
//!
//! A reload must not make a brand walk everything again, forget a 429 or log in anew. Invariant: what the new settings
//! contradict is made anew, everything else goes on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use anyhow::anyhow;
use tokio::sync::mpsc;

use crate::clopos::budget::IpBudget;
use crate::clopos::{BrandSettings, Client};
use crate::config::{Config, Venues};
use crate::engine::{Memory, Policy};
use crate::http::live::LiveBrand;
use crate::service::Process;
use crate::service::brand::Brand;
use crate::service::feeds::Feeds;
use crate::service::measure::Measure;
use crate::service::orders::Ordered;
use crate::service::receivers::Wakes;
use crate::store::Store;
use crate::units::VenueId;
use crate::watcher::{Settings, Watcher};
use crate::{clock, telemetry};

/// What one brand keeps.
pub enum Kept {
    /// What the store remembers, after a start; or what was remembered where the new task was never begun.
    Memory(Box<Memory>),
    /// Where the brand's task stood.
    Course(Box<Course>),
}

/// A watcher between two tasks, and what it asked with.
pub struct Course {
    client: Client,
    watcher: Watcher,
}

/// What the new generation gives to a brand's task.
pub struct Outfit {
    /// Asks Clopos.
    pub client: Client,
    /// Remembers.
    pub store: Store,
    /// Shows at the brokers.
    pub feeds: Feeds,
    /// Shows on the pages.
    pub live: Arc<LiveBrand>,
    /// Delivers.
    pub wakes: Wakes,
    /// Brings what people ask for.
    pub orders: mpsc::Receiver<Ordered>,
    /// Notes what is done.
    pub measure: Measure,
}

impl Kept {
    /// Reads what the store remembers of a brand.
    pub(super) async fn load(process: &Process, settings: &BrandSettings) -> anyhow::Result<Self> {
        let memory = process.store.load(&settings.brand).await;
        Ok(Self::Memory(Box::new(memory.map_err(|error| anyhow!(telemetry::chain(&error)))?)))
    }

    /// Takes over from a task that has ended.
    pub fn of(brand: Brand) -> Self {
        let Brand { client, watcher, .. } = brand;
        Self::Course(Box::new(Course { client, watcher }))
    }

    /// Returns what must not be lost if the new configuration cannot be started: the memory.
    pub fn memory_only(&self) -> Self {
        Self::Memory(match self {
            Self::Memory(memory) => memory.clone(),
            Self::Course(course) => Box::new(course.watcher.engine().memory().clone()),
        })
    }

    /// Makes a task of it under new settings.
    pub fn resume(
        self,
        settings: &BrandSettings,
        config: &Config,
        policy: &Arc<Policy>,
        outfit: Outfit,
        ip_budget: &Arc<Mutex<IpBudget>>,
    ) -> Brand {
        let Outfit { client, store, feeds, live, wakes, orders, measure } = outfit;
        let (policy, ip, now) = (Arc::clone(policy), Arc::clone(ip_budget), clock::now());
        let watching = Settings {
            polling: config.polling,
            venues: wanted(settings, config),
            per_minute: settings.requests_per_minute,
        };
        let watcher = match self {
            Self::Memory(memory) => Watcher::start(settings.brand.clone(), watching, policy, *memory, ip, now),
            Self::Course(course) => {
                let same_login = course.client.logs_in_as(&client);
                course.watcher.reload(watching, policy, same_login, ip, now)
            }
        };
        Brand { client, watcher, store, feeds, live, wakes, orders, measure }
    }
}

fn wanted(settings: &BrandSettings, config: &Config) -> Option<BTreeSet<VenueId>> {
    match config.venues.get(&settings.brand) {
        Some(Venues::Listed(venues)) => Some(venues.clone()),
        Some(Venues::All) | None => None,
    }
}
