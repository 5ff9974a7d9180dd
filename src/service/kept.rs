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
    forbidden: BTreeSet<(VenueId, String)>,
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
        let Brand { client, engine, plan, budget, session, per_minute, forbidden, .. } = brand;
        let course = Course { client, plan, budget, session, per_minute, forbidden };
        Self { memory: engine.into_memory(), course: Some(course) }
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
        let (plan, budget, session, forbidden) = if let Some(course) = course {
            let Course { client: before, mut plan, budget, session, per_minute: share, forbidden } = course;
            plan.reload(polling, wanted);
            let budget = if share == per_minute { budget } else { fresh_budget() };
            // Other credentials may read other things; what these may not is found out anew.
            let same = before.logs_in_as(&client);
            let (session, forbidden) = if same { (session, forbidden) } else { (fresh_session(), BTreeSet::new()) };
            (plan, budget, session, forbidden)
        } else {
            let plan = Plan::new(polling, wanted, memory.venues.keys().copied());
            (plan, fresh_budget(), fresh_session(), BTreeSet::new())
        };
        let engine = Engine::new(settings.brand.clone(), Arc::clone(policy), limits, memory);
        Brand { client, engine, plan, budget, session, store, feeds, wakes, polling, per_minute, forbidden }
    }
}

fn wanted(settings: &BrandSettings, config: &Config) -> Option<BTreeSet<VenueId>> {
    match config.venues.get(&settings.brand) {
        Some(Venues::Listed(venues)) => Some(venues.clone()),
        Some(Venues::All) | None => None,
    }
}
