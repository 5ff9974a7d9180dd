//! The brokers of a configuration: the embedded one, the connections, and the feed on each.
//!
//! A reload keeps what is configured as before, so that screens do not blink. Invariant: every task started here is
//! joined when its broker stops.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::board::retained::{Desired, Topic};
use crate::broker;
use crate::config::{BrokerSettings, Config};
use crate::service::feeds::DesiredTree;
use crate::sinks::mqtt::feed::{self, LedgerChange, LedgerWrite};
use crate::sinks::mqtt::link::Link;
use crate::sinks::mqtt::{self};
use crate::store::Store;
use crate::telemetry;
use crate::topics::BaseTopic;

/// Ledger writes that may wait for the store: the feed stops for each one anyway.
const LEDGER_WRITES_MAX: usize = 4;

/// The brokers that run.
#[derive(Default)]
pub struct Brokers {
    running: BTreeMap<String, Running>,
}

struct Running {
    settings: BrokerSettings,
    carries_feed: bool,
    topics: BaseTopic,
    link: Link,
    tree: watch::Sender<Desired>,
    embedded: Option<broker::Running>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

/// What every connection says of this process and its configuration.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Unique to this start of the process.
    pub boot: String,
    /// The body of `bridge/info`.
    pub info: String,
}

impl Brokers {
    /// Makes the running brokers those of the configuration; on an error the old ones run on.
    ///
    /// # Errors
    /// Says which broker could not be started and why.
    pub async fn apply(&mut self, config: &Config, identity: &Identity, store: &Store) -> anyhow::Result<()> {
        let is_kept = |name: &String, running: &Running| {
            config.brokers.get(name) == Some(&running.settings) && config.feed.contains(name) == running.carries_feed
        };
        let leaving: Vec<String> = self
            .running
            .iter()
            .filter(|(name, running)| !is_kept(name, running))
            .map(|(name, _)| name.clone())
            .collect();
        let mut left = Vec::new();
        for name in leaving {
            if let Some(running) = self.running.remove(&name) {
                left.push((name, running.settings.clone(), running.carries_feed));
                running.stop().await;
            }
        }
        let wanted: Vec<(&String, &BrokerSettings)> =
            config.brokers.iter().filter(|(name, _)| !self.running.contains_key(*name)).collect();
        let mut started = Vec::new();
        for (name, settings) in wanted {
            match Running::start(name, settings, config.feed.contains(name), identity, store).await {
                Ok(running) => {
                    self.running.insert(name.clone(), running);
                    started.push(name.clone());
                }
                Err(error) => {
                    self.go_back(started, left, identity, store).await;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Says on every connection which configuration is in force.
    pub fn inform(&self, identity: &Identity) {
        for running in self.running.values() {
            running.link.inform(&identity.info);
        }
    }

    /// Undoes a change that failed half way.
    async fn go_back(
        &mut self,
        started: Vec<String>,
        left: Vec<(String, BrokerSettings, bool)>,
        identity: &Identity,
        store: &Store,
    ) {
        for name in started {
            if let Some(running) = self.running.remove(&name) {
                running.stop().await;
            }
        }
        for (name, settings, carries_feed) in left {
            match Running::start(&name, &settings, carries_feed, identity, store).await {
                Ok(running) => drop(self.running.insert(name, running)),
                Err(error) => tracing::error!(broker = %name, "the old broker could not be started again: {error:#}"),
            }
        }
    }

    /// Returns the connections by name.
    pub fn links(&self) -> BTreeMap<String, Link> {
        self.running.iter().map(|(name, running)| (name.clone(), running.link.clone())).collect()
    }

    /// Returns the topics by name.
    pub fn topics(&self) -> BTreeMap<String, BaseTopic> {
        self.running.iter().map(|(name, running)| (name.clone(), running.topics.clone())).collect()
    }

    /// Returns the desired trees of the brokers that carry the feed.
    pub fn trees(&self) -> Vec<DesiredTree> {
        let feeds = self.running.values().filter(|running| running.carries_feed);
        feeds.map(|running| DesiredTree { topics: running.topics.clone(), tree: running.tree.clone() }).collect()
    }

    /// Returns where the embedded broker listens, if there is one.
    pub fn embedded_address(&self) -> Option<std::net::SocketAddr> {
        self.running.values().find_map(|running| running.embedded.as_ref()).map(broker::Running::local_address)
    }

    /// Stops every broker: says goodbye, joins the tasks, ends the embedded one last.
    pub async fn stop(self) {
        for (_, running) in self.running {
            running.stop().await;
        }
    }
}

impl Running {
    async fn start(
        name: &str,
        settings: &BrokerSettings,
        carries_feed: bool,
        identity: &Identity,
        store: &Store,
    ) -> anyhow::Result<Self> {
        let (embedded, connection) = match settings {
            BrokerSettings::External(connection) => (None, connection.clone()),
            BrokerSettings::Embedded { settings, base_topic } => {
                let running = broker::start(settings).await.with_context(|| format!("mqtt broker {name}"))?;
                let connection = own_connection(name, &running, base_topic, &identity.boot)?;
                (Some(running), connection)
            }
        };
        let topics = connection.base_topic.clone();
        let link = Link::new(connection, identity.info.clone());
        let cancel = CancellationToken::new();
        let (tree, desired) = watch::channel(Desired::default());
        let mut tasks = JoinSet::new();
        let (running_link, stop) = (link.clone(), cancel.clone());
        tasks.spawn(async move { running_link.run(stop).await });
        if carries_feed {
            let ledger = store.published_topics(name).await?.into_iter().map(Topic::from).collect();
            let (writes, pending) = mpsc::channel(LEDGER_WRITES_MAX);
            tasks.spawn(feed::run(link.clone(), desired, ledger, writes, cancel.clone()));
            tasks.spawn(keep_ledger(name.to_owned(), store.clone(), pending));
        }
        Ok(Self { settings: settings.clone(), carries_feed, topics, link, tree, embedded, cancel, tasks })
    }

    async fn stop(self) {
        self.cancel.cancel();
        let _ = self.tasks.join_all().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// Returns the settings of our own connection to the embedded broker.
fn own_connection(
    name: &str,
    running: &broker::Running,
    base_topic: &BaseTopic,
    boot: &str,
) -> anyhow::Result<mqtt::Settings> {
    let publisher = running.publisher();
    let url = publisher.url.parse().map_err(|why: String| anyhow!("mqtt broker {name}: {why}"))?;
    Ok(mqtt::Settings {
        username: Some(publisher.username.clone()),
        password: Some(publisher.password.clone()),
        base_topic: base_topic.clone(),
        ..mqtt::Settings::at(name, url, &format!("eightysix-{boot}"))
    })
}

/// Writes the ledger of published topics until the feed ends.
async fn keep_ledger(broker: String, store: Store, mut writes: mpsc::Receiver<LedgerWrite>) {
    while let Some(LedgerWrite { changes, done }) = writes.recv().await {
        let change = |change: LedgerChange| match change {
            LedgerChange::Added(topic) => (topic, true),
            LedgerChange::Removed(topic) => (topic, false),
        };
        let changes: Vec<(Topic, bool)> = changes.into_iter().map(change).collect();
        match store.note_published(&broker, &changes).await {
            // Nobody listens any more when the feed gave up waiting; it sends the change again.
            Ok(()) => drop(done.send(())),
            Err(error) => {
                tracing::error!(%broker, "the ledger of topics cannot be written: {}", telemetry::chain(&error));
            }
        }
    }
}
