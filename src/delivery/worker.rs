//! One worker for each channel of each receiver: lease, send, finish.
//!
//! A receiver's trouble delays only that receiver. A wake-up carries no data and may be lost: a timer looks as well.
//! Invariant: a leased notice is finished, or its lease runs out and it is due again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::alerts::notice::{Channel, Content, Notice, ReceiverName};
use crate::clock;
use crate::delivery;
use crate::sinks::Outcome;
use crate::sinks::email::{Address, EmailSink};
use crate::sinks::mqtt::link::{Link, LinkState};
use crate::sinks::webhook::WebhookSink;
use crate::store::{Finish, Leased, Store, StoreError};
use crate::telemetry;

/// How often a worker looks without being woken: a lost wake-up costs this much.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How long a lease lasts: longer than the longest attempt of any sink (a minute for a PUBACK), with a margin.
const LEASE: Duration = Duration::from_secs(150);
/// How many notices one MQTT connection has on their way at once; half of what the link takes, the feed has the rest.
const MQTT_BATCH: u32 = 32;
/// A stopping worker waits this long for the attempts on their way.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// After the store failed, so that a full disk does not make a storm of attempts.
const STORE_FAILED_WAIT: Duration = Duration::from_secs(5);

/// The way out of one channel of one receiver.
#[derive(Clone)]
pub enum Way {
    /// Publishes on a broker.
    Mqtt(Link),
    /// Sends mail to these addresses.
    Email {
        /// The server or folder.
        sink: Arc<EmailSink>,
        /// The receiver's addresses.
        to: Vec<Address>,
    },
    /// Posts to an endpoint.
    Webhook(Arc<WebhookSink>),
}

impl Way {
    /// Returns the channel.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Mqtt(_) => Channel::Mqtt,
            Self::Email { .. } => Channel::Email,
            Self::Webhook(_) => Channel::Webhook,
        }
    }

    /// Waits until an attempt makes sense: nothing is claimed while a broker is down.
    async fn ready(&self) {
        if let Self::Mqtt(link) = self {
            let mut state = link.state();
            // An error means that the link is gone, and then the worker is being stopped as well.
            let _ = state.wait_for(|state| matches!(state, LinkState::Up { .. })).await;
        }
    }

    /// How many attempts run at once. People's channels go one by one, so that a thread of mails keeps its order.
    const fn batch(&self) -> u32 {
        match self {
            Self::Mqtt(_) => MQTT_BATCH,
            Self::Email { .. } | Self::Webhook(_) => 1,
        }
    }

    async fn deliver(&self, notice: &Notice) -> Outcome {
        match (self, &notice.content) {
            (Self::Mqtt(link), Content::Mqtt(message)) => link.publish(message).await,
            (Self::Email { sink, to }, Content::Email(mail)) => sink.deliver(mail, &notice.id, notice.at, to).await,
            (Self::Webhook(sink), Content::Webhook(event)) => sink.deliver(event, &notice.id, clock::now()).await,
            (Self::Mqtt(_) | Self::Email { .. } | Self::Webhook(_), _) => {
                Outcome::Never { why: "the stored notice is for another channel".to_owned() }
            }
        }
    }
}

/// Told after every finished attempt, for those who show what happens.
pub type Report = Arc<dyn Fn(&Notice, &Finish) + Send + Sync>;

/// Delivers a receiver's notices on one channel until `cancel`.
pub async fn run(
    receiver: ReceiverName,
    way: Way,
    store: Store,
    wake: Arc<Notify>,
    report: Report,
    cancel: CancellationToken,
) {
    let worker = Worker { receiver, way, store, report };
    loop {
        // Registered before looking, so that a notice committed in between wakes us (style 33).
        let woken = wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let ready = async {
            worker.way.ready().await;
            worker.round(&cancel).await
        };
        let pause = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            pause = ready => pause,
        };
        if pause.is_zero() {
            continue;
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Worker {
    receiver: ReceiverName,
    way: Way,
    store: Store,
    report: Report,
}

impl Worker {
    /// Makes one round of attempts and returns how long nothing is due; zero means that there may be more.
    async fn round(&self, cancel: &CancellationToken) -> Duration {
        let channel = self.way.channel();
        let leased = self.store.lease(&self.receiver, channel, self.way.batch(), LEASE, clock::now()).await;
        let leased = match leased {
            Ok(leased) => leased,
            Err(error) => return self.store_failed(&error),
        };
        if leased.is_empty() {
            return match self.store.next_due(&self.receiver, channel).await {
                Ok(due) => {
                    due.map_or(LOOK_EVERY, |at| at.since(clock::now()).clamp(Duration::from_millis(10), LOOK_EVERY))
                }
                Err(error) => self.store_failed(&error),
            };
        }
        let mut finished = self.attempt(&leased, cancel).await;
        let rows: Vec<(i64, Finish)> = finished.iter().map(|(leased, finish)| (leased.row, finish.clone())).collect();
        if let Err(error) = self.store.finish(&rows, clock::now()).await {
            // The leases run out and the notices go out again under their old ids.
            return self.store_failed(&error);
        }
        for (leased, finish) in finished.drain(..) {
            self.note(leased, &finish);
        }
        Duration::ZERO
    }

    async fn attempt<'a>(&self, leased: &'a [Leased], cancel: &CancellationToken) -> Vec<(&'a Leased, Finish)> {
        let mut attempts: FuturesOrdered<_> =
            leased.iter().map(|leased| async move { (leased, self.way.deliver(&leased.notice).await) }).collect();
        let mut finished = Vec::with_capacity(leased.len());
        let grace = async {
            cancel.cancelled().await;
            tokio::time::sleep(STOP_WAIT).await;
        };
        tokio::pin!(grace);
        loop {
            let next = tokio::select! {
                next = attempts.next() => next,
                () = &mut grace => None,
            };
            let Some((leased, outcome)) = next else { return finished };
            let (id, now) = (&leased.notice.id, clock::now());
            let finish = delivery::next(self.way.channel(), id, leased.attempts + 1, outcome, leased.queued_at, now);
            finished.push((leased, finish));
        }
    }

    fn note(&self, leased: &Leased, finish: &Finish) {
        let (notice, channel) = (&leased.notice, self.way.channel().word());
        let attempt = leased.attempts + 1;
        match finish {
            Finish::Delivered { but: None } => {
                tracing::info!(notice.id = %notice.id, receiver = %notice.receiver, channel, attempt, "told: {}", notice.summary);
            }
            Finish::Delivered { but: Some(why) } => {
                tracing::warn!(notice.id = %notice.id, receiver = %notice.receiver, channel, "told in part ({why}): {}", notice.summary);
            }
            // The first failure is news; those after it are the same trouble, which `status` and the store count.
            Finish::Retry { why, at } if attempt == 1 => {
                tracing::warn!(notice.id = %notice.id, receiver = %notice.receiver, channel, due = %at, "not told yet: {why}");
            }
            Finish::Retry { why, .. } => {
                tracing::debug!(notice.id = %notice.id, receiver = %notice.receiver, channel, attempt, "not told yet: {why}");
            }
            Finish::Dead { why } => {
                tracing::error!(notice.id = %notice.id, receiver = %notice.receiver, channel, "given up, see dead-letters: {why}");
            }
        }
        (self.report)(notice, finish);
    }

    fn store_failed(&self, error: &StoreError) -> Duration {
        tracing::error!(receiver = %self.receiver, "delivery waits for the store: {}", telemetry::chain(error));
        STORE_FAILED_WAIT
    }
}
