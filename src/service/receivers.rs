//! The receivers of a configuration: their routes for the engine, and one delivery worker for each of their channels.
//!
//! A failed setting is found before anything is started. Invariant: every worker started here is joined by
//! [`Workers::stop`].

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alerts::group::{self, Route};
use crate::alerts::notice::{Channel, ReceiverName};
use crate::clock;
use crate::config::{ChannelSettings, Config, ReceiverSettings};
use crate::delivery::fallback;
use crate::delivery::untold::Fallback;
use crate::delivery::worker::{self, Report, Way};
use crate::sinks::email::EmailSink;
use crate::sinks::mqtt::link::Link;
use crate::sinks::webhook::WebhookSink;
use crate::store::Store;
use crate::topics::BaseTopic;
use crate::vitals::{LoopKind, Vitals};

/// Wakes the worker of a receiver's channel.
#[derive(Clone, Default)]
pub struct Wakes(Arc<BTreeMap<(ReceiverName, Channel), Arc<Notify>>>);

impl Wakes {
    /// Wakes one worker; one that does not exist is not missed, its notices wait in the outbox.
    pub fn wake(&self, receiver: &ReceiverName, channel: Channel) {
        if let Some(notify) = self.0.get(&(receiver.clone(), channel)) {
            notify.notify_one();
        }
    }
}

/// The ways out of a configuration, by receiver and channel.
pub struct Ways(BTreeMap<(ReceiverName, Channel), Way>);

impl Ways {
    /// Makes the bells of the workers that will serve these ways.
    pub fn wakes(&self) -> Wakes {
        Wakes(Arc::new(self.0.keys().map(|way| (way.clone(), Arc::default())).collect()))
    }
}

/// Returns the receiver that stands for the events of a broker's feed.
pub fn feed_receiver(broker: &str) -> ReceiverName {
    ReceiverName::new(&format!("feed/{broker}"))
}

/// Returns the routes of all receivers.
pub fn routes(config: &Config, topics: &BTreeMap<String, BaseTopic>) -> BTreeMap<ReceiverName, Route> {
    let way = |channel: &ChannelSettings| match channel {
        ChannelSettings::Email { .. } => Some(group::Way::Email),
        ChannelSettings::Webhook(_) => Some(group::Way::Webhook),
        ChannelSettings::Mqtt { broker } => topics.get(broker).cloned().map(group::Way::Mqtt),
    };
    let route = |(receiver, settings): (&ReceiverName, &ReceiverSettings)| {
        let ways = settings.channels.iter().filter_map(way).collect();
        let ReceiverSettings { channels: _, language, group_wait, quiet, at_most, reports, fallback: _ } = settings;
        let (language, group_wait, quiet, at_most, reports) =
            (*language, *group_wait, quiet.clone(), *at_most, *reports);
        (receiver.clone(), Route { receiver: receiver.clone(), language, group_wait, quiet, at_most, reports, ways })
    };
    config.receivers.iter().map(route).collect()
}

impl Ways {
    /// Prepares every sink of the configuration; connects nowhere yet.
    ///
    /// # Errors
    /// Says which sinks cannot be prepared and why. `Config::load` tries the same, so this is a file that changed since.
    pub fn prepare(config: &Config, links: &BTreeMap<String, Link>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut mail = BTreeMap::new();
        for (name, settings) in &config.mail {
            match EmailSink::new(settings) {
                Ok(sink) => drop(mail.insert(name.clone(), Arc::new(sink))),
                Err(found) => problems.extend(found.iter().map(|problem| format!("smtp {name}: {}", problem.text))),
            }
        }
        let mut ways = BTreeMap::new();
        for (receiver, settings) in &config.receivers {
            for channel in &settings.channels {
                let way = match channel {
                    ChannelSettings::Email { smtp, to } => {
                        mail.get(smtp).map(|sink| Way::Email { sink: Arc::clone(sink), to: to.clone() })
                    }
                    ChannelSettings::Mqtt { broker } => links.get(broker).cloned().map(Way::Mqtt),
                    ChannelSettings::Webhook(settings) => match WebhookSink::new(settings) {
                        Ok(sink) => Some(Way::Webhook(Arc::new(sink))),
                        Err(found) => {
                            problems
                                .extend(found.iter().map(|problem| format!("receiver {receiver}: {}", problem.text)));
                            None
                        }
                    },
                };
                if let Some(way) = way {
                    ways.insert((receiver.clone(), way.channel()), way);
                }
            }
        }
        for broker in &config.feed {
            if let Some(link) = links.get(broker) {
                ways.insert((feed_receiver(broker), Channel::Mqtt), Way::Mqtt(link.clone()));
            }
        }
        if problems.is_empty() { Ok(Self(ways)) } else { Err(problems) }
    }
}

/// Returns who is told instead of whom.
pub fn fallbacks(config: &Config, routes: &BTreeMap<ReceiverName, Route>) -> Vec<Fallback> {
    let fallback = |(of, settings): (&ReceiverName, &ReceiverSettings)| {
        let fallback = settings.fallback.as_ref()?;
        Some(Fallback {
            of: of.clone(),
            after: fallback.after,
            to: routes.get(&fallback.to)?.clone(),
            zone: config.locale.timezone.clone(),
            day_starts: config.locale.business_day_starts,
        })
    };
    config.receivers.iter().filter_map(fallback).collect()
}

/// The running workers.
pub struct Workers {
    tasks: JoinSet<()>,
    cancel: CancellationToken,
    wakes: Wakes,
}

impl Workers {
    /// Starts a worker for every way, and a look after each receiver that another one stands in for. `wakes` are of these
    /// ways.
    pub fn start(
        ways: Ways,
        wakes: Wakes,
        fallbacks: Vec<Fallback>,
        store: &Store,
        report: &Report,
        vitals: &Vitals,
    ) -> Self {
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for ((receiver, channel), way) in ways.0 {
            let wake = wakes.0.get(&(receiver.clone(), channel)).cloned().unwrap_or_default();
            let (store, report, cancel) = (store.clone(), Arc::clone(report), cancel.clone());
            let kind = LoopKind::Delivery { receiver: receiver.as_str().to_owned(), channel: channel.word() };
            let promise = vitals.promise(kind, clock::uptime());
            tasks.spawn(worker::run(receiver, way, store, wake, report, promise, cancel));
        }
        for fallback in fallbacks {
            let of_it = wakes.0.iter().filter(|((receiver, _), _)| *receiver == fallback.to.receiver);
            let bells = of_it.map(|(_, wake)| Arc::clone(wake)).collect();
            let promise = vitals.promise(LoopKind::Fallback, clock::uptime());
            tasks.spawn(fallback::run(fallback, store.clone(), bells, promise, cancel.clone()));
        }
        Self { tasks, cancel, wakes }
    }

    /// Returns the bell of the workers.
    pub fn wakes(&self) -> Wakes {
        self.wakes.clone()
    }

    /// Waits until a worker ends by itself, and says how; for ever when there is none.
    pub async fn broken(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(())) => "it stopped".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => std::future::pending().await,
        }
    }

    /// Lets the attempts on their way end and joins the workers.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!("a delivery worker broke: {error}");
            }
        }
    }
}
