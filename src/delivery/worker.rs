//! One worker for each channel of each receiver: look, send, finish.
//!
//! A receiver's trouble delays only that receiver. A wake-up carries no data and may be lost: a timer looks as well.
//! Invariant: a notice is not sent again by this worker before the end of its last attempt is stored; only a kill, or a stop
//! while the store fails, forgets an end, and then the notice goes out again under its id, by which it is recognised (style 39).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::alerts::notice::{Channel, Content, MqttMessage, Notice, ReceiverName};
use crate::clock;
use crate::delivery::{self, TimeLeft};
use crate::sinks::Outcome;
use crate::sinks::email::{Address, EmailSink};
use crate::sinks::mqtt::link::{Link, LinkState};
use crate::sinks::webhook::WebhookSink;
use crate::store::{Finish, Queued, Store, StoreError};
use crate::telemetry::{self, Repeat, Repeats};
use crate::units::{Timestamp, human_duration};
use crate::vitals::Promise;

/// How often a worker looks without being woken: a lost wake-up costs this much.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How many notices one MQTT connection has on their way at once; half of what the link takes, the feed has the rest.
const MQTT_BATCH: u32 = 32;
/// A stopping worker waits this long for the attempts on their way.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// The shortest pause: what is due in an instant must not make a loop without rest.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(10);
/// After the store failed, so that a full disk does not make a storm of attempts.
const STORE_FAILED_WAIT: Duration = Duration::from_secs(5);

/// How long a round may take: the longest attempt, of mail, and the store before and after it.
const ROUND_MAX: Duration = Duration::from_mins(3);

/// What fails, for the count of failures.
const THE_STORE: &str = "the store";
/// Why an attempt is made again that a stop cut off.
const UNKNOWN_END: &str = "it was on its way at a stop, and whether it arrived is not known";

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

    /// Waits until an attempt makes sense: none is made while a broker is down.
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

    async fn deliver(&self, notice: &Notice) -> Attempt {
        let outcome = match (self, &notice.content) {
            (Self::Mqtt(link), Content::Mqtt(message)) => {
                return match delivery::time_left(message, notice.at, clock::now()) {
                    TimeLeft::Endless => Attempt::Made(link.publish(message).await),
                    TimeLeft::Seconds(left_s) => {
                        let message = MqttMessage { expiry_s: Some(left_s), ..message.clone() };
                        Attempt::Made(link.publish(&message).await)
                    }
                    TimeLeft::Over { age } => Attempt::TooLate { age },
                };
            }
            (Self::Email { sink, to }, Content::Email(mail)) => sink.deliver(mail, &notice.id, notice.at, to).await,
            (Self::Webhook(sink), Content::Webhook(event)) => sink.deliver(event, &notice.id, clock::now()).await,
            (Self::Mqtt(_) | Self::Email { .. } | Self::Webhook(_), _) => {
                Outcome::Never { why: "the stored notice is for another channel".to_owned() }
            }
        };
        Attempt::Made(outcome)
    }
}

/// Returns what is due of that which waits, or how long to wait for it. Nothing overtakes: what is not due holds those behind.
fn turn(mut waiting: Vec<Queued>, now: Timestamp) -> Result<Vec<Queued>, Duration> {
    let first = waiting.first().ok_or(LOOK_EVERY)?;
    if first.due > now {
        return Err(first.due.since(now).clamp(LOOK_AGAIN_MIN, LOOK_EVERY));
    }
    let due = waiting.iter().take_while(|queued| queued.due <= now).count();
    waiting.truncate(due);
    Ok(waiting)
}

/// What became of a notice when its turn came.
enum Attempt {
    Made(Outcome),
    TooLate { age: Duration },
}

/// Told after every finished attempt, for those who show what happens.
pub type Report = Arc<dyn Fn(&Notice, &Finish) + Send + Sync>;

/// Delivers a receiver's notices on one channel until `cancel`. Once the receiver says that it is gone (HTTP 410), nothing
/// more is tried before another configuration, and what waits ends by its patience.
///
/// `promise` says that it is back in time, or rests while a broker is away. After `cancel` it ends within 5 s and what the store needs: attempts on their way may end, none is begun.
pub async fn run(
    receiver: ReceiverName,
    way: Way,
    store: Store,
    wake: Arc<Notify>,
    report: Report,
    promise: Promise,
    cancel: CancellationToken,
) {
    let mut worker = Worker::new(receiver, way, store, report, promise);
    work(&mut worker, &wake, &cancel).await;
    worker.try_last().await;
}

async fn work(worker: &mut Worker, wake: &Notify, cancel: &CancellationToken) {
    loop {
        // Registered before looking, so that a notice committed in between wakes us (style 33).
        let woken = wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        // What is to be stored needs nobody at the other end.
        if worker.ended.is_empty() {
            worker.promise.rest();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = worker.way.ready() => {}
            }
        }
        worker.promise.back_within(ROUND_MAX, clock::uptime());
        // Not raced against `cancel`: a round that is dropped forgets what the other side took, and tells it again.
        let pause = match worker.round(cancel).await {
            Next::Look => continue,
            Next::Wait(pause) => pause,
            Next::End => {
                worker.promise.rest();
                return cancel.cancelled().await;
            }
        };
        worker.promise.back_within(ROUND_MAX, clock::uptime());
        tokio::select! {
            () = cancel.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What follows a round.
#[derive(Debug)]
enum Next {
    /// There may be more.
    Look,
    /// Nothing is due so long.
    Wait(Duration),
    /// Nothing is wanted any more.
    End,
}

struct Worker {
    receiver: ReceiverName,
    way: Way,
    store: Store,
    report: Report,
    promise: Promise,
    failures: Repeats,
    /// How attempts ended, until that is stored.
    ended: Vec<(Queued, Finish)>,
    /// Why the receiver is gone.
    gone: Option<String>,
}

impl Worker {
    fn new(receiver: ReceiverName, way: Way, store: Store, report: Report, promise: Promise) -> Self {
        Self { receiver, way, store, report, promise, failures: Repeats::default(), ended: Vec::new(), gone: None }
    }

    /// Makes one round of attempts.
    async fn round(&mut self, cancel: &CancellationToken) -> Next {
        let result = self.try_round(cancel).await;
        match result {
            Ok(next) => {
                if let Some(times) = self.failures.works(THE_STORE) {
                    tracing::info!(receiver = %self.receiver, "delivery goes on: the store failed {} times", times + 1);
                }
                next
            }
            Err(error) => self.store_failed(&error),
        }
    }

    async fn try_round(&mut self, cancel: &CancellationToken) -> Result<Next, StoreError> {
        if !self.ended.is_empty() {
            self.store_ends().await?;
            return Ok(self.next());
        }
        let (channel, now) = (self.way.channel(), clock::now());
        let waiting = self.store.waiting(&self.receiver, channel, self.way.batch(), now).await?;
        if cancel.is_cancelled() {
            return Ok(Next::Look);
        }
        let due = match turn(waiting, now) {
            Ok(due) => due,
            Err(pause) => return Ok(Next::Wait(pause)),
        };
        self.ended = self.attempt(due, cancel).await;
        self.store_ends().await?;
        Ok(self.next())
    }

    /// Returns what follows when all that was attempted is stored.
    fn next(&self) -> Next {
        let Some(why) = &self.gone else { return Next::Look };
        let channel = self.way.channel().word();
        tracing::error!(receiver = %self.receiver, channel, "nothing more is sent there until the configuration is loaded again: {why}");
        Next::End
    }

    /// Stores what could not be stored before the end.
    async fn try_last(&mut self) {
        if let Err(error) = self.store_ends().await {
            let (many, why) = (self.ended.len(), telemetry::chain(&error));
            tracing::error!(receiver = %self.receiver, "how {many} attempts ended is not stored, and they will be made again under their ids: {why}");
        }
    }

    /// Stores how attempts ended. What cannot be stored is kept, and nothing is sent before it is.
    async fn store_ends(&mut self) -> Result<(), StoreError> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let rows: Vec<(i64, Finish)> = self.ended.iter().map(|(queued, finish)| (queued.row, finish.clone())).collect();
        self.store.finish(&rows, clock::now()).await?;
        self.promise.moved(clock::uptime());
        let ended = std::mem::take(&mut self.ended);
        for (queued, finish) in &ended {
            self.note(queued, finish);
        }
        self.note_expired(&ended);
        Ok(())
    }

    /// Makes the attempts, and returns how each ended.
    async fn attempt(&mut self, due: Vec<Queued>, cancel: &CancellationToken) -> Vec<(Queued, Finish)> {
        let way = &self.way;
        let mut attempts: FuturesUnordered<_> =
            due.iter().map(|queued| async move { (queued.row, way.deliver(&queued.notice).await) }).collect();
        let grace = async {
            cancel.cancelled().await;
            tokio::time::sleep(STOP_WAIT).await;
        };
        tokio::pin!(grace);
        let mut made = BTreeMap::new();
        loop {
            let next = tokio::select! {
                biased;
                next = attempts.next() => next,
                () = &mut grace => None,
            };
            let Some((row, attempt)) = next else { break };
            made.insert(row, attempt);
        }
        drop(attempts);
        let end = |queued: Queued| {
            // What is still on its way may arrive or not: an attempt like one that timed out.
            let unknown = || Attempt::Made(Outcome::later(UNKNOWN_END.to_owned()));
            let attempt = made.remove(&queued.row).unwrap_or_else(unknown);
            if let Attempt::Made(Outcome::Gone { why }) = &attempt {
                self.gone = Some(why.clone());
            }
            let finish = self.finish(&queued, attempt);
            (queued, finish)
        };
        due.into_iter().map(end).collect()
    }

    fn finish(&self, queued: &Queued, attempt: Attempt) -> Finish {
        let (channel, id) = (self.way.channel(), &queued.notice.id);
        match attempt {
            Attempt::Made(outcome) => {
                delivery::next(channel, id, queued.attempts + 1, outcome, queued.queued_at, clock::now())
            }
            Attempt::TooLate { age } => {
                Finish::Expired { why: format!("{} old when it could be told", human_duration(age)) }
            }
        }
    }

    fn note(&self, queued: &Queued, finish: &Finish) {
        let (notice, channel) = (&queued.notice, self.way.channel().word());
        let attempt = queued.attempts + 1;
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
            // Said for all of a round at once: an outage of an evening leaves hundreds.
            Finish::Expired { why } => {
                tracing::debug!(notice.id = %notice.id, receiver = %notice.receiver, channel, "not told, {why}: {}", notice.summary);
            }
        }
        (self.report)(notice, finish);
    }

    fn note_expired(&self, finished: &[(Queued, Finish)]) {
        let expired = finished.iter().filter(|(_, finish)| matches!(finish, Finish::Expired { .. })).count();
        if expired > 0 {
            let channel = self.way.channel().word();
            tracing::warn!(receiver = %self.receiver, channel, expired, "{expired} events were over before they could be told, and are not told");
        }
    }

    fn store_failed(&mut self, error: &StoreError) -> Next {
        let text = telemetry::chain(error);
        match self.failures.failed(THE_STORE, &text) {
            Repeat::First { unsaid: _ } => {
                tracing::error!(receiver = %self.receiver, "delivery waits for the store: {text}");
            }
            Repeat::Again { times } => {
                tracing::debug!(receiver = %self.receiver, times, "delivery waits for the store: {text}");
            }
        }
        Next::Wait(STORE_FAILED_WAIT)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
