//! What a brand keeps over a reload: its memory, its plan, its share of the quota and its token.
//!
//! A reload must not make a brand walk everything again, forget a 429 or log in anew. Invariant: what the new settings
//! contradict is made anew, everything else goes on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use anyhow::anyhow;

use crate::catalog::Venue;
use crate::clopos::auth::Session;
use crate::clopos::budget::{Budget, IpBudget};
use crate::clopos::{BrandSettings, Client};
use crate::config::{Config, Venues};
use crate::engine::{Engine, Memory, Policy};
use crate::poll::{self, Plan};
use crate::service::Process;
use crate::service::brand::Brand;
use crate::service::feeds::Feeds;
use crate::service::receivers::Wakes;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::units::VenueId;
use crate::{clock, telemetry};

/// What one brand keeps.
pub struct Kept {
    memory: Memory,
    /// Missing after a start, and where the new task was never begun.
    course: Option<Course>,
}

/// Where the brand's task stood.
struct Course {
    client: Client,
    plan: Plan,
    budget: Budget,
    session: Session,
    per_minute: u32,
}

/// What the new generation gives to a brand's task.
pub struct Outfit {
    /// Asks Clopos.
    pub client: Client,
    /// Remembers.
    pub store: Store,
    /// Shows.
    pub feeds: Feeds,
    /// Delivers.
    pub wakes: Wakes,
    /// How often things are read.
    pub polling: poll::Settings,
}

impl Kept {
    /// Reads what the store remembers of a brand.
    pub(super) async fn load(process: &Process, settings: &BrandSettings) -> anyhow::Result<Self> {
        let memory = process.store.load(&settings.brand).await;
        let mut memory = memory.map_err(|error| anyhow!(telemetry::chain(&error)))?;
        let now = clock::now();
        for snapshot in memory.venues.values_mut() {
            *snapshot = Arc::new(snapshot.as_ref().clone().watched_from(now));
        }
        Ok(Self { memory, course: None })
    }

    /// Takes over from a task that has ended.
    pub fn of(brand: Brand) -> Self {
        let Brand { client, engine, plan, budget, session, per_minute, .. } = brand;
        Self { memory: engine.into_memory(), course: Some(Course { client, plan, budget, session, per_minute }) }
    }

    /// Returns what must not be lost if the new configuration cannot be started: the memory.
    pub fn memory_only(&self) -> Self {
        Self { memory: self.memory.clone(), course: None }
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
        let Self { mut memory, course } = self;
        let Outfit { client, store, feeds, wakes, polling } = outfit;
        let wanted = wanted(settings, config);
        // Configured venues are watched at once, even if Clopos does not let us list them.
        for id in wanted.iter().flatten() {
            let unnamed = Venue { id: *id, name: String::new(), active: true };
            let unread = || Arc::new(Snapshot::unread(unnamed).watched_from(clock::now()));
            memory.venues.entry(*id).or_insert_with(unread);
        }
        let per_minute = settings.requests_per_minute;
        let limits = poll::freshness_limits(poll::worst_age(memory.venues.len(), per_minute, &polling));
        let fresh_budget = || Budget::new(per_minute, Arc::clone(ip_budget));
        let fresh_session = || Session::new(&settings.brand);
        let (plan, budget, session) = match course {
            Some(Course { client: before, mut plan, budget, session, per_minute: share }) => {
                plan.reload(polling, wanted);
                let budget = if share == per_minute { budget } else { fresh_budget() };
                (plan, budget, if before.logs_in_as(&client) { session } else { fresh_session() })
            }
            None => (Plan::new(polling, wanted, memory.venues.keys().copied()), fresh_budget(), fresh_session()),
        };
        let engine = Engine::new(settings.brand.clone(), Arc::clone(policy), limits, memory);
        Brand { client, engine, plan, budget, session, store, feeds, wakes, polling, per_minute }
    }
}

fn wanted(settings: &BrandSettings, config: &Config) -> Option<BTreeSet<VenueId>> {
    match config.venues.get(&settings.brand) {
        Some(Venues::Listed(venues)) => Some(venues.clone()),
        Some(Venues::All) | None => None,
    }
}
