//! Keeps a broker's retained tree equal to the desired tree, whatever happens to broker, network or this process.
//!
//! Holds no backlog: while there is no connection only the newest tree exists, and what waits for its turn is a topic,
//! whose state is looked up when it comes. All publishes of a feed leave in one line, so their order holds at the broker,
//! and a topic is never in flight twice. The ledger names every topic that may be at the broker; it is written *before*
//! the first publish, so that no crash leaves a topic nobody clears.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::alerts::notice::MqttMessage;
use crate::board::CONTENT_TYPE;
use crate::board::retained::{ContentHash, Desired, RetainedState, Topic};
use crate::clock;
use crate::sinks::Outcome;
use crate::sinks::mqtt::link::{Link, LinkState};
use crate::sinks::mqtt::plan::{self, Published, REFRESH_EVERY, Step};
use crate::topics::{Rank, rank};

/// Publishes of the feed in flight: half of the link's, so that events never wait behind a tree that is being sent.
const IN_FLIGHT_MAX: usize = 32;
/// How often the whole tree is looked at without a reason: lost wake-ups, refused publishes and refreshes cost this much.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long the ledger may take. Screens come first: after that the states go out, and the ledger is tried again.
const LEDGER_WAIT: Duration = Duration::from_secs(10);

/// One line of the ledger of published topics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerChange {
    /// The topic is about to be published for the first time.
    Added(Topic),
    /// The broker acknowledged that the topic was cleared.
    Removed(Topic),
}

/// Changes to be stored in one transaction, in their order.
#[derive(Debug)]
pub struct LedgerWrite {
    /// What to store.
    pub changes: Vec<LedgerChange>,
    /// To be answered when it is durable; dropped without an answer means that it failed, and it is sent again.
    pub done: oneshot::Sender<()>,
}

/// Publishes until `cancel`, or until the link or the tree's owner is gone.
///
/// `desired` has no tree until the picture is known: an unknown tree publishes nothing and clears nothing.
/// `ledger` holds the topics as stored by an earlier run; `writes` takes its changes.
pub async fn run(
    link: Link,
    desired: watch::Receiver<Desired>,
    ledger: BTreeSet<Topic>,
    writes: mpsc::Sender<LedgerWrite>,
    cancel: CancellationToken,
) {
    let state = link.state();
    let mut feed = Feed {
        published: ledger.iter().map(|topic| (topic.clone(), Published::Unknown)).collect(),
        link,
        state,
        desired,
        planned: None,
        writes,
        ledger,
        cleared: BTreeSet::new(),
        session: None,
        queue: BTreeSet::new(),
        busy: BTreeSet::new(),
        refused: BTreeMap::new(),
        in_flight: FuturesUnordered::new(),
    };
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // In no order: a tree that changes all the time must not keep the publishes from going on.
        let event = tokio::select! {
            () = cancel.cancelled() => Event::Ended,
            changed = feed.state.changed() => changed.map_or(Event::Ended, |()| Event::Look),
            changed = feed.desired.changed() => changed.map_or(Event::Ended, |()| Event::Look),
            Some(sent) = feed.in_flight.next(), if !feed.in_flight.is_empty() => Event::Sent(sent),
            _ = look.tick() => Event::LookAtAll,
        };
        match event {
            Event::Ended => return feed.record(Vec::new()).await,
            Event::Look => feed.look().await,
            Event::LookAtAll => {
                feed.planned = None;
                feed.look().await;
            }
            Event::Sent(sent) => {
                feed.settle(sent);
                // One transaction for all that was cleared together.
                if feed.in_flight.is_empty() && feed.queue.is_empty() {
                    feed.record(Vec::new()).await;
                }
            }
        }
        feed.send();
    }
}

/// Makes the publish of a state, or the one that clears its topic.
pub fn message(topic: String, state: Option<&RetainedState>) -> MqttMessage {
    MqttMessage {
        topic,
        body: state.map(RetainedState::body).unwrap_or_default(),
        retain: true,
        expiry_s: state.and_then(RetainedState::expiry_s),
        content_type: state.map(|_| CONTENT_TYPE.to_owned()),
        properties: Vec::new(),
    }
}

enum Event {
    Ended,
    Look,
    LookAtAll,
    Sent(Sent),
}

/// A publish that has come to its end.
struct Sent {
    topic: Topic,
    /// What was said: `None` when the topic was cleared.
    content: Option<ContentHash>,
    session: u64,
    outcome: Outcome,
}

/// What a look found.
struct Look {
    steps: Vec<Step>,
    /// Topics that the ledger does not name yet.
    new: Vec<Topic>,
    is_whole: bool,
}

type IsCleared = bool;
type InFlight = Pin<Box<dyn Future<Output = Sent> + Send>>;

struct Feed {
    link: Link,
    state: watch::Receiver<LinkState>,
    desired: watch::Receiver<Desired>,
    /// How many edits of the tree were planned; `None` when all of it is to be.
    planned: Option<u64>,
    writes: mpsc::Sender<LedgerWrite>,
    /// The topics that are stored.
    ledger: BTreeSet<Topic>,
    /// Topics that were cleared and are still stored.
    cleared: BTreeSet<Topic>,
    published: BTreeMap<Topic, Published>,
    /// The connection that `published` speaks of.
    session: Option<u64>,
    /// What is left of the plan, in its order: what is cleared comes last, whatever else by rank and name.
    queue: BTreeSet<(IsCleared, Rank, Topic)>,
    /// The topics in flight.
    busy: BTreeSet<Topic>,
    /// What the broker refused for good in this connection; the same content is not offered again.
    refused: BTreeMap<Topic, Option<ContentHash>>,
    in_flight: FuturesUnordered<InFlight>,
}

impl Feed {
    /// Plans what was edited since the last look; everything, for another connection or when that is not known.
    async fn look(&mut self) {
        let session = match &*self.state.borrow_and_update() {
            LinkState::Up { session } => Some(*session),
            LinkState::Down { .. } => None,
        };
        if session != self.session {
            // A broker without persistence has forgotten everything; one with it is told again what it knows.
            self.session = session;
            self.refused.clear();
            self.published.values_mut().for_each(|known| *known = Published::Unknown);
            self.planned = None;
        }
        let Some(Look { steps, new, is_whole }) = self.take_edits() else {
            self.queue.clear();
            self.planned = None;
            return;
        };
        if is_whole {
            self.queue.clear();
        }
        let due: Vec<Step> = steps.into_iter().filter(|step| self.is_due(step)).collect();
        self.queue.extend(due.into_iter().map(place));
        // What was cleared may stay in the ledger for a while: it would only be cleared again.
        if !new.is_empty() || (is_whole && !self.cleared.is_empty()) {
            self.record(new).await;
        }
    }

    /// Plans what was edited, or the whole tree; `None` without a connection or a tree.
    fn take_edits(&mut self) -> Option<Look> {
        let desired = self.desired.borrow_and_update();
        let (Some(_), Some(tree)) = (self.session, desired.tree()) else { return None };
        let (ledger, cleared, published, now) = (&self.ledger, &self.cleared, &self.published, clock::uptime());
        let is_new = |topic: &&Topic| !ledger.contains(*topic) || cleared.contains(*topic);
        let edited = self.planned.and_then(|planned| desired.edited_since(planned));
        let look = if let Some(edited) = edited {
            let edited: BTreeSet<&Topic> = edited.collect();
            let steps = edited.iter().filter_map(|topic| plan::step(topic, tree, published, now)).collect();
            let new = edited.into_iter().filter(|topic| tree.contains_key(*topic)).filter(is_new).cloned().collect();
            Look { steps, new, is_whole: false }
        } else {
            let new = tree.keys().filter(is_new).cloned().collect();
            Look { steps: plan::plan(tree, published, now), new, is_whole: true }
        };
        self.planned = Some(desired.edits());
        Some(look)
    }

    fn is_due(&self, step: &Step) -> bool {
        let content = step.state.as_ref().map(|state| state.hash());
        !self.busy.contains(&step.topic) && self.refused.get(&step.topic) != Some(&content)
    }

    /// Starts as many publishes of the plan as may be in flight.
    fn send(&mut self) {
        let Some(session) = self.session else { return };
        while self.in_flight.len() < IN_FLIGHT_MAX {
            let Some((_, _, topic)) = self.queue.pop_first() else { return };
            let Some(step) = self.step(&topic).filter(|step| self.is_due(step)) else { continue };
            self.busy.insert(step.topic.clone());
            // From here on it may be at the broker, whatever becomes of the acknowledgement.
            self.published.insert(step.topic.clone(), Published::Unknown);
            self.cleared.remove(&step.topic);
            let link = self.link.clone();
            self.in_flight.push(Box::pin(publish(link, step, session)));
        }
    }

    /// Notes how a publish ended, and lets its topic be planned again when that is not what is wanted now.
    fn settle(&mut self, sent: Sent) {
        self.busy.remove(&sent.topic);
        if self.session != Some(sent.session) {
            // It belongs to a connection that is gone; the look that noticed left the topic out while it was busy.
            return self.plan_again(&sent.topic);
        }
        match sent.outcome {
            Outcome::Delivered | Outcome::DeliveredInPart { .. } => {
                if let Some(content) = sent.content {
                    let refresh_at = clock::uptime().plus(REFRESH_EVERY);
                    self.published.insert(sent.topic.clone(), Published::Confirmed { content, refresh_at });
                } else {
                    self.published.remove(&sent.topic);
                    if self.ledger.contains(&sent.topic) {
                        self.cleared.insert(sent.topic.clone());
                    }
                }
                self.plan_again(&sent.topic);
            }
            // The next look tries again: a lost connection is noticed by it, a busy broker is not pressed.
            Outcome::Later { .. } => {}
            Outcome::Never { why } | Outcome::Gone { why } => {
                tracing::warn!(broker = %self.link.name(), topic = %sent.topic, "the state stays unpublished: {why}");
                self.refused.insert(sent.topic, sent.content);
            }
        }
    }

    fn plan_again(&mut self, topic: &Topic) {
        let step = self.step(topic).filter(|step| self.is_due(step));
        self.queue.extend(step.map(place));
    }

    /// Returns what is to be published to a topic by the newest tree.
    fn step(&self, topic: &Topic) -> Option<Step> {
        plan::step(topic, self.desired.borrow().tree()?, &self.published, clock::uptime())
    }

    /// Stores the topics that are about to be published, and forgets those that were cleared.
    async fn record(&mut self, added: Vec<Topic>) {
        let removed = std::mem::take(&mut self.cleared);
        let changes: Vec<_> = removed
            .iter()
            .cloned()
            .map(LedgerChange::Removed)
            .chain(added.iter().cloned().map(LedgerChange::Added))
            .collect();
        if changes.is_empty() {
            return;
        }
        let (done, stored) = oneshot::channel();
        let write = async {
            self.writes.send(LedgerWrite { changes, done }).await.ok()?;
            stored.await.ok()
        };
        if let Ok(Some(())) = timeout(LEDGER_WAIT, write).await {
            self.ledger.retain(|topic| !removed.contains(topic));
            self.ledger.extend(added);
        } else {
            self.cleared = removed;
            tracing::warn!(broker = %self.link.name(), "the ledger of published topics was not stored; it is tried again");
        }
    }
}

/// Returns a step's place in the queue.
fn place(step: Step) -> (IsCleared, Rank, Topic) {
    (step.state.is_none(), rank(&step.topic), step.topic)
}

async fn publish(link: Link, step: Step, session: u64) -> Sent {
    let content = step.state.as_ref().map(|state| state.hash());
    let message = message(step.topic.as_ref().to_owned(), step.state.as_deref());
    let outcome = link.publish(&message).await;
    Sent { topic: step.topic, content, session, outcome }
}
