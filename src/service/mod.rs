//! The one place that wires everything: a configuration becomes running tasks, a reload replaces them as a whole.
//!
//! No decision is made here. Invariant: a task is started here or not at all, and everything started is joined.
#![expect(clippy::disallowed_methods, reason = "tasks are started in the service, which joins them")]

pub mod brand;
pub mod brokers;
pub mod feeds;
pub mod kept;
pub mod measure;
pub mod orders;
pub mod pulse;
pub mod receivers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::alerts::link::Links;
use crate::alerts::notice::{Channel, ReceiverName};
use crate::alerts::render::Messages;
use crate::board::retained::Tree;
use crate::board::{Setting, bridge};
use crate::clopos::budget::IpBudget;
use crate::config::Config;
use crate::delivery::worker::Report;
use crate::engine::Policy;
use crate::heartbeat::Heartbeat;
use crate::http::desk::{Desk, Reload};
use crate::http::live::{Fresh, Live};
use crate::metrics::{Insight, Metrics};
use crate::service::brand::Brand;
use crate::service::brokers::{Brokers, Identity};
use crate::service::feeds::Feeds;
use crate::service::kept::{Kept, Outfit};
use crate::service::measure::Measure;
use crate::service::orders::Desks;
use crate::service::receivers::{Wakes, Ways, Workers};
use crate::store::Store;
use crate::units::BrandId;
use crate::vitals::{LoopKind, Promise};
use crate::{clock, clopos, http, telemetry};

/// How often old rows are pruned.
const PRUNE_EVERY: Duration = Duration::from_hours(1);
/// How long pruning may take: after a long time off there is much to forget.
const PRUNE_MAX: Duration = Duration::from_mins(30);
/// How often the housekeeper shows that it is there while there is nothing to prune.
const HOUSE_TURN: Duration = Duration::from_secs(15);

/// What the service is told and tells while it runs.
pub struct Surroundings {
    /// The file to read again on a reload; `None` ignores reloads.
    pub config_path: Option<PathBuf>,
    /// A message asks for a reload.
    pub reload: mpsc::Receiver<()>,
    /// Told of every finished attempt.
    pub report: Report,
    /// Told every so often how all is, while everything runs.
    pub pulse: pulse::Told,
    /// How often that is; [`pulse::EVERY`] unless somebody waits for it.
    pub pulse_every: Duration,
    /// Told once everything runs, and after each reload, even a refused one.
    pub ready: Box<dyn Fn(&Running) + Send>,
    /// Ends the service.
    pub stop: CancellationToken,
}

/// What runs, as people and those who wait for the start need it.
#[derive(Clone, Debug)]
pub struct Running {
    /// What is watched, in a line for people.
    pub line: String,
    /// Where the embedded broker is reached from this machine, with its real port.
    pub screens: Option<SocketAddr>,
    /// Where browsers are listened for, with the real port.
    pub web: SocketAddr,
}

/// What lives as long as the process.
struct Process {
    store: Store,
    /// Unique to this start of the process.
    boot: String,
    ip_budget: Arc<Mutex<IpBudget>>,
    report: Report,
    insight: Insight,
    /// By which the web side asks for a reload.
    reload: mpsc::Sender<Reload>,
}

impl Process {
    fn new(store: Store, report: &Report, reload: mpsc::Sender<Reload>) -> Self {
        let insight = Insight { vitals: Arc::default(), metrics: Arc::new(Metrics::new(clock::now())) };
        let (told, metrics) = (Arc::clone(report), Arc::clone(&insight.metrics));
        let report: Report = Arc::new(move |notice, finish| {
            metrics.delivered(notice.content.channel(), measure::delivered(finish));
            told(notice, finish);
        });
        Self {
            store,
            boot: format!("{:x}", clock::now().unix_ms()),
            ip_budget: IpBudget::shared(),
            report,
            insight,
            reload,
        }
    }

    /// Starts what runs as long as the process and needs no configuration.
    fn start_helpers(&self, told: pulse::Told, every: Duration, stop: &CancellationToken) -> JoinSet<()> {
        let mut helpers = JoinSet::new();
        let promise = self.insight.vitals.promise(LoopKind::Housekeeping, clock::uptime());
        helpers.spawn(keep_house(self.store.clone(), promise, stop.clone()));
        let (store, vitals, stop) = (self.store.clone(), Arc::clone(&self.insight.vitals), stop.clone());
        helpers.spawn(async move { pulse::run(store, &vitals, every, told, stop).await });
        helpers
    }
}

/// Runs until `stop`.
///
/// # Errors
/// Says what could not be started; once it runs, it ends without an error only.
pub async fn run(config: Config, mut surroundings: Surroundings) -> anyhow::Result<()> {
    let store = Store::open(&config.store.path).await.map_err(|error| anyhow!(telemetry::chain(&error)))?;
    let (reload, mut asked_by_web) = mpsc::channel(1);
    let process = Process::new(store, &surroundings.report, reload);
    let mut brokers = Brokers::default();
    let mut generation = Generation::prepare(&config, &process, &mut brokers, BTreeMap::new()).await?;
    (surroundings.ready)(&generation.running);
    let told = std::mem::replace(&mut surroundings.pulse, Box::new(|_| {}));
    let mut helpers = process.start_helpers(told, surroundings.pulse_every, &surroundings.stop);
    let mut result = Ok(());
    loop {
        tokio::select! {
            () = surroundings.stop.cancelled() => break,
            broken = generation.broken() => {
                tracing::error!("{broken:#}; ending, so that whoever started this can start it again");
                result = Err(broken);
                break;
            }
            asked = asked_for_reload(&mut surroundings.reload, &mut asked_by_web) => match (asked, &surroundings.config_path) {
                (Some(answer), Some(path)) => match Config::load(path) {
                    Ok(config) => {
                        say(answer, Ok(()));
                        generation = generation.replace(&config, &process, &mut brokers).await?;
                        tracing::info!("the configuration was reloaded: {}", generation.running.line);
                        (surroundings.ready)(&generation.running);
                    }
                    Err(report) => {
                        process.insight.metrics.reload_refused();
                        tracing::error!("the old configuration stays in force, the new one has mistakes:\n{}", report);
                        say(answer, Err(report.to_string()));
                        let line = format!("{}; the reload was refused, see the log", generation.running.line);
                        (surroundings.ready)(&Running { line, ..generation.running.clone() });
                    }
                },
                (Some(Some(answer)), None) => say(Some(answer), Err("there is no file to read again".to_owned())),
                // Nobody can ask any more, or there is no file to read: wait for the stop alone.
                (Some(None) | None, _) => surroundings.stop.cancelled().await,
            },
        }
    }
    generation.stop().await;
    brokers.stop().await;
    surroundings.stop.cancel();
    while helpers.join_next().await.is_some() {}
    process.store.close().await;
    result
}

/// Waits until a reload is asked for; with where to say what came of it, when the web side asks.
async fn asked_for_reload(
    signals: &mut mpsc::Receiver<()>,
    web: &mut mpsc::Receiver<Reload>,
) -> Option<Option<Reload>> {
    tokio::select! {
        asked = signals.recv() => asked.map(|()| None),
        Some(answer) = web.recv() => Some(Some(answer)),
    }
}

fn say(answer: Option<Reload>, what: Result<(), String>) {
    if let Some(answer) = answer {
        // Who asked may be gone.
        let _ = answer.send(what);
    }
}

/// Everything that a reload replaces.
struct Generation {
    config: Arc<Config>,
    brands: JoinSet<Brand>,
    workers: Workers,
    orders: JoinHandle<()>,
    heartbeat: Option<JoinHandle<()>>,
    door: Door,
    cancel: CancellationToken,
    running: Running,
}

impl Generation {
    async fn prepare(
        config: &Config,
        process: &Process,
        brokers: &mut Brokers,
        mut kept: BTreeMap<BrandId, Kept>,
    ) -> anyhow::Result<Self> {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let identity = identity(config, &process.boot);
        brokers.apply(config, &identity, &process.store).await?;
        let ways = Ways::prepare(config, &brokers.links()).map_err(|problems| anyhow!(problems.join("; ")))?;
        let wakes = ways.wakes();
        let links = links(config, &process.store).await?;
        let policy = Arc::new(policy(config, process, brokers, links.clone())?);
        let clients = clopos::connect(&config.clopos).map_err(|error| anyhow!(telemetry::chain(&error)))?;
        let heartbeat = config.heartbeat.as_ref().map(Heartbeat::new).transpose();
        let heartbeat = heartbeat.map_err(|why| anyhow!("heartbeat: {why}"))?;
        let cancel = CancellationToken::new();
        let bell = Arc::new(Notify::new());
        let live = Live::new(config.clopos.brands.iter().map(|settings| settings.brand.clone()));
        let web = http::Surroundings {
            live: live.clone(),
            policy: Arc::clone(&policy),
            key: process.store.link_key().await.map_err(|error| anyhow!(telemetry::chain(&error)))?,
            broker: brokers.embedded_address(),
            insight: process.insight.clone(),
            ack: links.map(|links| ack(config, process, links, &bell)),
            desk: Some(desk(process, &bell, wakes.clone())),
        };
        let bound = http::bind(&config.http).await.map_err(|error| anyhow!(telemetry::chain(&error)))?;
        let fallbacks = receivers::fallbacks(config, &policy.routes);
        let mut befores = Vec::new();
        for settings in &config.clopos.brands {
            befores.push(match kept.remove(&settings.brand) {
                Some(before) => before,
                None => Kept::load(process, settings).await?,
            });
        }
        // Nothing fails from here on: a worker that is dropped instead of stopped forgets what it has told.
        brokers.inform(&identity);
        let insight = &process.insight;
        let workers = Workers::start(ways, wakes, fallbacks, &process.store, &process.report, &insight.vitals);
        let feeds = Feeds::new(brokers.trees(), policy.setting.clone());
        let (mut watched, mut desks) = (Vec::new(), Desks::new());
        for ((client, settings), before) in clients.into_iter().zip(&config.clopos.brands).zip(befores) {
            let (store, feeds, wakes) = (process.store.clone(), feeds.clone(), workers.wakes());
            let (desk, orders) = orders::desk();
            desks.insert(settings.brand.as_str().to_owned(), desk);
            let measure = Measure::new(insight, &settings.brand, settings.requests_per_minute, clock::uptime());
            let live = live.brand(settings.brand.as_str()).cloned().unwrap_or_default();
            let outfit = Outfit { client, store, feeds, live, wakes, orders, measure };
            watched.push(before.resume(settings, config, &policy, outfit, &process.ip_budget));
        }
        show_everything(brokers, &feeds, &watched);
        // Whoever came since the address was taken waits until there is something to be shown.
        let door = Door::open(bound, web, &cancel);
        let running = Running { line: line(config), screens: brokers.embedded_address(), web: door.address };
        let mut brands = JoinSet::new();
        for brand in watched {
            brands.spawn(brand::run(brand, cancel.clone()));
        }
        let promise = insight.vitals.promise(LoopKind::Orders, clock::uptime());
        let orders = tokio::spawn(orders::run(process.store.clone(), desks, bell, promise, cancel.clone()));
        let heartbeat = heartbeat.map(|heartbeat| tokio::spawn(heartbeat.run(insight.clone(), cancel.clone())));
        note_configuration(config, insight);
        Ok(Self { config: Arc::new(config.clone()), brands, workers, orders, heartbeat, door, cancel, running })
    }

    /// Replaces the generation; when the new one cannot be started, the old configuration is started again.
    async fn replace(self, config: &Config, process: &Process, brokers: &mut Brokers) -> anyhow::Result<Self> {
        let old = Arc::clone(&self.config);
        let kept = self.stop().await;
        let memories = kept.iter().map(|(brand, kept)| (brand.clone(), kept.memory_only())).collect();
        match Self::prepare(config, process, brokers, kept).await {
            Ok(generation) => Ok(generation),
            Err(error) => {
                tracing::error!("the new configuration cannot be started, the old one stays in force: {error:#}");
                let again = Self::prepare(&old, process, brokers, memories).await;
                process.insight.metrics.reload_refused();
                again.context("start the old configuration again")
            }
        }
    }

    /// Waits until something ends that should not: a task that panicked must not leave a brand unwatched in silence.
    async fn broken(&mut self) -> anyhow::Error {
        tokio::select! {
            Some(ended) = self.brands.join_next() => match ended {
                Ok(brand) => anyhow!("the task of brand {} ended by itself", brand.watcher.engine().brand()),
                Err(error) => anyhow!("the task of a brand broke: {error}"),
            },
            why = self.workers.broken() => anyhow!("a delivery worker ended by itself: {why}"),
            _ = &mut self.door.task => anyhow!("the web side ended by itself"),
            _ = &mut self.orders => anyhow!("nobody takes in what people ask for any more: its task ended by itself"),
        }
    }

    async fn stop(mut self) -> BTreeMap<BrandId, Kept> {
        self.cancel.cancel();
        let mut kept = BTreeMap::new();
        while let Some(ended) = self.brands.join_next().await {
            match ended {
                Ok(brand) => drop(kept.insert(brand.watcher.engine().brand().clone(), Kept::of(brand))),
                Err(error) => tracing::error!("the task of a brand broke: {error}"),
            }
        }
        self.workers.stop().await;
        end(self.orders).await;
        if let Some(heartbeat) = self.heartbeat {
            let _ = heartbeat.await;
        }
        end(self.door.task).await;
        kept
    }
}

/// Waits for a task, unless its end was noted before: it has nothing more to say.
async fn end(task: JoinHandle<()>) {
    if !task.is_finished() {
        let _ = task.await;
    }
}

/// The open web side.
struct Door {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Door {
    fn open(bound: http::Bound, web: http::Surroundings, cancel: &CancellationToken) -> Self {
        let address = bound.address();
        let task = tokio::spawn(http::serve(bound, web, cancel.clone()));
        Self { address, task }
    }
}

/// Makes links only where somebody outside can follow them.
async fn links(config: &Config, store: &Store) -> anyhow::Result<Option<Links>> {
    let Some(public_url) = &config.http.public_url else { return Ok(None) };
    let key = store.link_key().await.map_err(|error| anyhow!(telemetry::chain(&error)))?;
    Ok(Some(Links::new(public_url.as_str(), key)))
}

/// Gathers what the manager pages and the API need.
fn desk(process: &Process, bell: &Arc<Notify>, wakes: Wakes) -> Desk {
    let wake = move |receiver: &ReceiverName, channel: Channel| wakes.wake(receiver, channel);
    Desk::new(process.store.clone(), Arc::clone(bell), process.reload.clone(), Arc::new(wake))
}

/// Gathers what the page behind the links needs.
fn ack(config: &Config, process: &Process, links: Links, bell: &Arc<Notify>) -> http::ack::Surroundings {
    let receivers = config.receivers.iter().map(|(name, settings)| (name.clone(), settings.language));
    http::ack::Surroundings {
        store: process.store.clone(),
        links,
        path: config.http.public_url.as_ref().map(|url| url.path().to_owned()).unwrap_or_default(),
        brands: config.clopos.brands.iter().map(|brand| brand.brand.clone()).collect(),
        receivers: receivers.collect(),
        zone: config.locale.timezone.clone(),
        bell: Arc::clone(bell),
    }
}

fn policy(config: &Config, process: &Process, brokers: &Brokers, links: Option<Links>) -> anyhow::Result<Policy> {
    let messages =
        Messages::compile(&config.rules, &config.locale.timezone, config.locale.language).map_err(|bad| {
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
            boot: process.boot.clone(),
            language: config.locale.language,
            zone: config.locale.timezone.clone(),
            day_starts: config.locale.business_day_starts,
        },
        calendars: config.calendars.clone(),
        links,
    })
}

/// Hands out the first trees and pages: what was remembered, of all brands at once.
fn show_everything(brokers: &Brokers, feeds: &Feeds, watched: &[Brand]) {
    let now = clock::now();
    for desired in brokers.trees() {
        let mut tree = Tree::new();
        for brand in watched {
            tree.extend(feeds.whole(&desired.topics, brand.watcher.engine(), now));
        }
        desired.tree.send_modify(|desired| desired.replace(tree));
    }
    for Brand { watcher, live, .. } in watched {
        live.show(watcher.engine(), &Fresh::everything(watcher.engine()), watcher.quota());
    }
}

fn identity(config: &Config, boot: &str) -> Identity {
    let brands: Vec<&str> = config.clopos.brands.iter().map(|brand| brand.brand.as_str()).collect();
    Identity { boot: boot.to_owned(), info: bridge::info(boot, &config.hash, &brands) }
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

/// Notes what is in force, and forgets the brands that are not watched any more.
fn note_configuration(config: &Config, insight: &Insight) {
    let Insight { vitals, metrics } = insight;
    for gone in vitals.keep_brands(&config.clopos.brands.iter().map(|brand| brand.brand.clone()).collect()) {
        metrics.forget(&gone);
    }
    metrics.configured(config.rules.rules().len(), clock::now());
}

/// Prunes what is too old, a little at a time.
async fn keep_house(store: Store, promise: Promise, stop: CancellationToken) {
    let (mut every, mut turns) = (tokio::time::interval(PRUNE_EVERY), tokio::time::interval(HOUSE_TURN));
    loop {
        promise.back_within(HOUSE_TURN * 4, clock::uptime());
        tokio::select! {
            () = stop.cancelled() => return,
            _ = turns.tick() => {}
            _ = every.tick() => {
                promise.back_within(PRUNE_MAX, clock::uptime());
                if let Err(error) = store.prune(clock::now()).await {
                    tracing::warn!("old rows cannot be pruned: {}", telemetry::chain(&error));
                }
            }
        }
    }
}
