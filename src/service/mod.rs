//! The one place that wires everything: a configuration becomes running tasks, a reload replaces them as a whole.
//!
//! No decision is made here. Invariant: a task is started here or not at all, and everything started is joined.
#![expect(clippy::disallowed_methods, reason = "tasks are started in the service, which joins them")]

pub mod brand;
pub mod brokers;
pub mod feeds;
pub mod receivers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::alerts::render::Messages;
use crate::board::Setting;
use crate::board::retained::Tree;
use crate::catalog::Venue;
use crate::clopos::budget::{Budget, IpBudget};
use crate::config::{Config, Venues};
use crate::delivery::worker::Report;
use crate::engine::{Engine, Memory, Policy};
use crate::poll::{self, Plan};
use crate::service::brand::Brand;
use crate::service::brokers::{Brokers, Identity};
use crate::service::feeds::Feeds;
use crate::service::receivers::{Ways, Workers};
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::units::BrandId;
use crate::{clock, clopos, http, telemetry};

/// How often old rows are pruned.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// What the service is told and tells while it runs.
pub struct Surroundings {
    /// The file to read again on a reload; `None` ignores reloads.
    pub config_path: Option<PathBuf>,
    /// A message asks for a reload.
    pub reload: mpsc::Receiver<()>,
    /// Told of every finished attempt.
    pub report: Report,
    /// Told once everything runs, and after each reload, with a line for people.
    pub ready: Box<dyn Fn(&str) + Send>,
    /// Ends the service.
    pub stop: CancellationToken,
}

/// What lives as long as the process.
struct Process {
    store: Store,
    identity: Identity,
    ip_budget: Arc<Mutex<IpBudget>>,
    report: Report,
}

/// Runs until `stop`.
///
/// # Errors
/// Says what could not be started; once it runs, it ends without an error only.
pub async fn run(config: Config, mut surroundings: Surroundings) -> anyhow::Result<()> {
    let store = Store::open(&config.store.path).await.map_err(|error| anyhow!(telemetry::chain(&error)))?;
    let identity = identity(&config);
    let report = Arc::clone(&surroundings.report);
    let process = Process { store, identity, ip_budget: IpBudget::shared(), report };
    let mut brokers = Brokers::default();
    let mut generation = Generation::prepare(&config, &process, &mut brokers, BTreeMap::new()).await?;
    let housekeeper = tokio::spawn(keep_house(process.store.clone(), surroundings.stop.clone()));
    (surroundings.ready)(&generation.line);
    loop {
        tokio::select! {
            () = surroundings.stop.cancelled() => break,
            asked = surroundings.reload.recv() => match (asked, &surroundings.config_path) {
                (Some(()), Some(path)) => match Config::load(path) {
                    Ok(config) => {
                        generation = generation.replace(&config, &process, &mut brokers).await?;
                        tracing::info!("the configuration was reloaded: {}", generation.line);
                        (surroundings.ready)(&generation.line);
                    }
                    Err(report) => {
                        tracing::error!("the old configuration stays in force, the new one has mistakes:\n{}", report);
                        (surroundings.ready)(&format!("{}; the reload was refused, see the log", generation.line));
                    }
                },
                // Nobody can ask any more, or there is no file to read: wait for the stop alone.
                (Some(()) | None, _) => surroundings.stop.cancelled().await,
            },
        }
    }
    generation.stop().await;
    brokers.stop().await;
    let _ = housekeeper.await;
    process.store.close().await;
    Ok(())
}

/// Everything that a reload replaces.
struct Generation {
    config: Arc<Config>,
    brands: JoinSet<Brand>,
    workers: Workers,
    door: Option<JoinHandle<()>>,
    cancel: CancellationToken,
    /// What is watched, for people.
    line: String,
}

impl Generation {
    async fn prepare(
        config: &Config,
        process: &Process,
        brokers: &mut Brokers,
        memories: BTreeMap<BrandId, Memory>,
    ) -> anyhow::Result<Self> {
        brokers.apply(config, &process.identity, &process.store).await?;
        let ways = Ways::prepare(config, &brokers.links()).map_err(|problems| anyhow!(problems.join("; ")))?;
        let policy = Arc::new(policy(config, process, brokers)?);
        let clients = clopos::connect(&config.clopos).map_err(|error| anyhow!(telemetry::chain(&error)))?;
        let cancel = CancellationToken::new();
        let door = open_door(config, brokers, &cancel).await?;
        let workers = Workers::start(ways, &process.store, &process.report);
        let feeds = Feeds::new(brokers.trees(), policy.setting.clone());
        let mut memories = memories;
        let mut watched = Vec::new();
        for (client, settings) in clients.into_iter().zip(&config.clopos.brands) {
            let mut memory = match memories.remove(&settings.brand) {
                Some(memory) => memory,
                None => process.store.load(&settings.brand).await.map_err(|error| anyhow!(telemetry::chain(&error)))?,
            };
            let limits = poll::freshness_limits(poll::worst_age(
                memory.venues.len(),
                settings.requests_per_minute,
                &config.polling,
            ));
            let wanted = match config.venues.get(&settings.brand) {
                Some(Venues::Listed(venues)) => Some(venues.clone()),
                Some(Venues::All) | None => None,
            };
            // Configured venues are watched at once, even if Clopos does not let us list them.
            for id in wanted.iter().flatten() {
                let unnamed = Venue { id: *id, name: String::new(), active: true };
                memory.venues.entry(*id).or_insert_with(|| Arc::new(Snapshot::unread(unnamed)));
            }
            let plan = Plan::new(config.polling, wanted, memory.venues.keys().copied());
            let engine = Engine::new(settings.brand.clone(), Arc::clone(&policy), limits, memory);
            let budget = Budget::new(settings.requests_per_minute, Arc::clone(&process.ip_budget));
            let (store, feeds, wakes) = (process.store.clone(), feeds.clone(), workers.wakes());
            watched.push(Brand { client, engine, plan, budget, store, feeds, wakes, polling: config.polling });
        }
        show_everything(brokers, &feeds, &watched);
        let line = line(config);
        let mut brands = JoinSet::new();
        for brand in watched {
            brands.spawn(brand::run(brand, cancel.clone()));
        }
        Ok(Self { config: Arc::new(config.clone()), brands, workers, door, cancel, line })
    }

    /// Replaces the generation; when the new one cannot be started, the old configuration is started again.
    async fn replace(self, config: &Config, process: &Process, brokers: &mut Brokers) -> anyhow::Result<Self> {
        let old = Arc::clone(&self.config);
        let memories = self.stop().await;
        match Self::prepare(config, process, brokers, memories.clone()).await {
            Ok(generation) => Ok(generation),
            Err(error) => {
                tracing::error!("the new configuration cannot be started, the old one stays in force: {error:#}");
                Self::prepare(&old, process, brokers, memories).await.context("start the old configuration again")
            }
        }
    }

    async fn stop(self) -> BTreeMap<BrandId, Memory> {
        self.cancel.cancel();
        let brands = self.brands.join_all().await;
        self.workers.stop().await;
        if let Some(door) = self.door {
            let _ = door.await;
        }
        brands.into_iter().map(|brand| (brand.engine.brand().clone(), brand.engine.into_memory())).collect()
    }
}

async fn open_door(
    config: &Config,
    brokers: &Brokers,
    cancel: &CancellationToken,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    // Until the board has pages, the WebSocket of the embedded broker is all that browsers can use.
    let Some(broker) = brokers.embedded_address() else { return Ok(None) };
    let bound = http::bind(&config.http).await.map_err(|error| anyhow!(telemetry::chain(&error)))?;
    Ok(Some(tokio::spawn(http::serve(bound, Some(broker), cancel.clone()))))
}

fn policy(config: &Config, process: &Process, brokers: &Brokers) -> anyhow::Result<Policy> {
    let messages = Messages::compile(&config.rules, &config.locale.timezone).map_err(|bad| {
        let texts: Vec<String> =
            bad.into_iter().map(|bad| format!("{}:{}: {}", bad.place.file, bad.place.line, bad.problem)).collect();
        anyhow!(texts.join("; "))
    })?;
    let topics = brokers.topics();
    let feed = |name: &String| Some((receivers::feed_receiver(name), topics.get(name)?.clone()));
    Ok(Policy {
        rules: config.rules.clone(),
        messages,
        routes: receivers::routes(config, &topics),
        feeds: config.feed.iter().filter_map(feed).collect(),
        setting: Setting {
            boot: process.identity.boot.clone(),
            zone: config.locale.timezone.clone(),
            day_starts: config.locale.business_day_starts,
        },
    })
}

/// Hands out the first trees: what was remembered, of all brands at once.
fn show_everything(brokers: &Brokers, feeds: &Feeds, watched: &[Brand]) {
    let now = clock::now();
    for desired in brokers.trees() {
        let mut tree = Tree::new();
        for brand in watched {
            tree.extend(feeds.whole(&desired.topics, &brand.engine, now));
        }
        desired.tree.send_replace(Some(Arc::new(tree)));
    }
}

fn identity(config: &Config) -> Identity {
    let boot = format!("{:x}", clock::now().unix_ms());
    let brands: Vec<&str> = config.clopos.brands.iter().map(|brand| brand.brand.as_str()).collect();
    let info = serde_json::json!({ "v": 1, "version": env!("CARGO_PKG_VERSION"), "boot": boot, "brands": brands });
    Identity { boot, info: info.to_string() }
}

fn line(config: &Config) -> String {
    let brands: Vec<&str> = config.clopos.brands.iter().map(|brand| brand.brand.as_str()).collect();
    format!(
        "watching {} with {} rules for {} receivers",
        brands.join(", "),
        config.rules.rules().len(),
        config.receivers.len()
    )
}

/// Prunes what is too old, a little at a time.
async fn keep_house(store: Store, stop: CancellationToken) {
    let mut every = tokio::time::interval(PRUNE_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {
                if let Err(error) = store.prune(clock::now()).await {
                    tracing::warn!("old rows cannot be pruned: {}", telemetry::chain(&error));
                }
            }
        }
    }
}
