//! The connection to one broker, kept up for as long as the service runs: connect, be born, publish, be lost, again.
//!
//! Never queues and never sends twice: while there is no connection every publish is [`Outcome::Later`] at once, so
//! delivery claims nothing (`libraries.md` section 1). Invariant: `Delivered` means that the PUBACK was read.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::alerts::notice::MqttMessage;
use crate::board::CONTENT_TYPE;
use crate::board::bridge::{Presence, state};
use crate::clock;
use crate::sinks::Outcome;
use crate::sinks::mqtt::Settings;
use crate::sinks::mqtt::failure::{self, LinkError};
use crate::sinks::mqtt::session::{self, BODY_MAX, Session};
use crate::units::Timestamp;

/// The shortest pause before a new attempt; it doubles up to [`Settings::reconnect_max`].
const RECONNECT_MIN: Duration = Duration::from_millis(100);
/// A connection that lived this long was a good one: the next pause starts from the shortest again.
const STEADY: Duration = Duration::from_secs(10);
/// How long a stop waits for the last acknowledgements and the broker's goodbye (`libraries.md` section 1, step 7).
const STOP_WAIT: Duration = Duration::from_secs(5);
/// How long a probe takes at most: longer than the connection's own limit, so that its clearer reason comes first.
const PROBE_WAIT: Duration = Duration::from_secs(15);

/// Whether a broker can be published to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// There is no connection.
    Down {
        /// Why, for people.
        why: Arc<str>,
        /// Since when; failed attempts in between do not change it.
        since: Timestamp,
    },
    /// Connected, and `bridge/state` says online.
    Up {
        /// Grows with each connection: a new number means that the broker may have forgotten everything.
        session: u64,
    },
}

/// A handle to one broker's connection; clones share it.
#[derive(Clone)]
pub struct Link(Arc<Shared>);

struct Shared {
    settings: Settings,
    /// The body of `bridge/info`.
    info: watch::Sender<String>,
    state: watch::Sender<LinkState>,
    session: Mutex<Option<Arc<Session>>>,
    /// The largest body the broker is believed to take; shrinks when it ends the connection over one.
    body_max: AtomicUsize,
}

/// How a connection ended.
enum Ended {
    Stopped,
    Lost(LinkError),
}

impl Link {
    /// Prepares a connection; nothing happens before [`Link::run`]. `info` is the JSON body of `bridge/info`.
    pub fn new(settings: Settings, info: String) -> Self {
        let (state, _) = watch::channel(LinkState::Down { why: "not connected yet".into(), since: clock::now() });
        Self(Arc::new(Shared {
            settings,
            info: watch::Sender::new(info),
            state,
            session: Mutex::default(),
            body_max: AtomicUsize::new(BODY_MAX),
        }))
    }

    /// Takes another body of `bridge/info`, which a connection publishes at once.
    pub fn inform(&self, info: &str) {
        self.0.info.send_if_modified(|told| {
            let is_news = told != info;
            if is_news {
                info.clone_into(told);
            }
            is_news
        });
    }

    /// Returns the configured name of the broker.
    pub fn name(&self) -> &str {
        &self.0.settings.name
    }

    /// Follows whether the broker can be published to; delivery claims nothing while it is down.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.0.state.subscribe()
    }

    /// Publishes with QoS 1 and waits for the PUBACK, at most a minute. Safe to drop at any time: the message may then
    /// have arrived or not.
    ///
    /// `Later` while there is no connection and when it is lost before the acknowledgement; `Never` when the broker
    /// refuses for good: not authorized, topic or payload invalid, too large.
    pub async fn publish(&self, message: &MqttMessage) -> Outcome {
        let session = self.0.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(session) = session {
            return session.publish(message, &self.0.body_max).await;
        }
        let why = match &*self.0.state.borrow() {
            LinkState::Down { why, .. } => {
                format!("publish {} at {}: no connection: {why}", message.topic, self.name())
            }
            LinkState::Up { .. } => format!("publish {} at {}: the connection was lost", message.topic, self.name()),
        };
        Outcome::Later { why, wait_min: None }
    }

    /// Keeps the connection until `cancel`, then says offline and disconnects; ends within about ten seconds of it.
    /// To be run once; stop whoever publishes before.
    pub async fn run(&self, cancel: CancellationToken) {
        let (mut number, mut failures) = (0, 0);
        loop {
            number += 1;
            let started = clock::uptime();
            let ended = self.connection(number, &cancel).await;
            let Ended::Lost(error) = ended else { break };
            let lived = clock::uptime().since(started);
            failures = if lived >= STEADY { 0 } else { failures + 1 };
            if self.down(&error.to_string()) {
                tracing::warn!(broker = %self.name(), "no connection to the broker: {error}");
            }
            let pause = pause(failures, self.0.settings.reconnect_max, RandomState::new().build_hasher().finish());
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = sleep(pause) => {}
            }
        }
        self.down("stopped");
    }

    /// One connection from CONNECT to its end.
    async fn connection(&self, number: u64, cancel: &CancellationToken) -> Ended {
        let opened = tokio::select! {
            biased;
            () = cancel.cancelled() => return Ended::Stopped,
            opened = session::open(&self.0.settings, true) => opened,
        };
        let (session, mut eventloop) = match opened {
            Ok((session, eventloop)) => (Arc::new(session), eventloop),
            Err(error) => return Ended::Lost(error),
        };
        let ended = {
            let mut driven = pin!(session::drive(&mut eventloop));
            let ended = tokio::select! {
                biased;
                error = &mut driven => self.lost(&session, &error),
                ended = self.conduct(&session, number, cancel) => ended,
            };
            if matches!(ended, Ended::Stopped) {
                session.disconnect(STOP_WAIT).await;
                // Whatever it ends with, this process is going; the broker sends the will if the goodbye was lost.
                let _ = timeout(STOP_WAIT, driven).await;
            }
            ended
        };
        // The loop goes first: notices that were resolved keep their word, the others fail at once.
        drop(eventloop);
        *self.0.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
        session.over.cancel();
        ended
    }

    /// What happens within a connection while it is being polled: birth, service, and the word offline at the end.
    async fn conduct(&self, session: &Arc<Session>, number: u64, cancel: &CancellationToken) -> Ended {
        let settings = &self.0.settings;
        let mut info = self.0.info.subscribe();
        let born = async {
            let state = bridge(settings.base_topic.bridge_state(), &state(Presence::Online));
            self.say(session, &state).await?;
            self.say_info(session, &mut info).await
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            born = born => {
                if let Err(error) = born {
                    return Ended::Lost(error);
                }
                self.up(session, number);
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => {}
                    () = session.silent.cancelled() => return Ended::Lost(self.silent()),
                    error = self.keep_informed(session, &mut info) => return Ended::Lost(error),
                }
            }
        }
        *self.0.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.down("stopping");
        let offline = bridge(settings.base_topic.bridge_state(), &state(Presence::Offline));
        if !matches!(timeout(STOP_WAIT, self.say(session, &offline)).await, Ok(Ok(()))) {
            tracing::warn!(broker = %settings.name, "the broker did not take the word offline; its will follows");
        }
        Ended::Stopped
    }

    /// Says each newer `bridge/info`, until one is not taken.
    async fn keep_informed(&self, session: &Session, info: &mut watch::Receiver<String>) -> LinkError {
        loop {
            if info.changed().await.is_err() {
                // Whoever asks holds the other end.
                return std::future::pending().await;
            }
            if let Err(error) = self.say_info(session, info).await {
                return error;
            }
        }
    }

    async fn say_info(&self, session: &Session, info: &mut watch::Receiver<String>) -> Result<(), LinkError> {
        let body = info.borrow_and_update().clone();
        self.say(session, &bridge(self.0.settings.base_topic.bridge_info(), &body)).await
    }

    async fn say(&self, session: &Session, message: &MqttMessage) -> Result<(), LinkError> {
        match session.publish(message, &self.0.body_max).await {
            Outcome::Delivered | Outcome::DeliveredInPart { .. } => Ok(()),
            Outcome::Later { why: reason, .. } | Outcome::Never { why: reason } | Outcome::Gone { why: reason } => {
                Err(LinkError::Birth { address: self.0.settings.url.to_string(), topic: message.topic.clone(), reason })
            }
        }
    }

    fn up(&self, session: &Arc<Session>, number: u64) {
        *self.0.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(session));
        self.0.state.send_replace(LinkState::Up { session: number });
        tracing::info!(broker = %self.0.settings.name, address = %self.0.settings.url, "connected to the broker");
    }

    /// Says that there is no connection, and returns whether that is news: the same reason again is no line in the log.
    fn down(&self, why: &str) -> bool {
        self.0.state.send_if_modified(|state| {
            let since = match state {
                LinkState::Down { why: before, .. } if **before == *why => return false,
                LinkState::Down { since, .. } => *since,
                LinkState::Up { .. } => clock::now(),
            };
            *state = LinkState::Down { why: why.into(), since };
            true
        })
    }

    fn lost(&self, session: &Session, error: &rumqttc::ConnectionError) -> Ended {
        // The refused body is in flight, so the largest in flight is not smaller than what the broker takes.
        if let Some(largest) = session.largest_open().filter(|_| failure::is_too_large_refusal(error)) {
            self.0.body_max.fetch_min(largest.saturating_sub(1), Ordering::Relaxed);
            let reason = format!("the broker refuses a body of {largest} bytes as too large");
            return Ended::Lost(LinkError::Lost { address: self.0.settings.url.to_string(), reason });
        }
        Ended::Lost(LinkError::connected(&self.0.settings, error))
    }

    fn silent(&self) -> LinkError {
        LinkError::Lost {
            address: self.0.settings.url.to_string(),
            reason: "the broker acknowledges nothing".to_owned(),
        }
    }
}

/// Connects once, without will, beside a running service, and publishes an unretained empty message to
/// `bridge/check`, to learn whether the broker can be used.
///
/// # Errors
/// Returns the reason that a person can act on, within 15 s.
pub async fn probe(settings: &Settings) -> Result<(), LinkError> {
    // Its own client id: with the service's it would take the connection away from it.
    let settings = Settings { client_id: format!("{}-check", settings.client_id), ..settings.clone() };
    timeout(PROBE_WAIT, try_once(&settings)).await.unwrap_or_else(|_| {
        Err(LinkError::NoAnswer { address: settings.url.to_string(), after_s: PROBE_WAIT.as_secs() })
    })
}

/// Makes a publish of what is said of this process.
pub fn bridge(topic: String, body: &str) -> MqttMessage {
    MqttMessage {
        topic,
        body: body.to_owned(),
        retain: true,
        expiry_s: None,
        content_type: Some(CONTENT_TYPE.to_owned()),
        properties: Vec::new(),
    }
}

async fn try_once(settings: &Settings) -> Result<(), LinkError> {
    let (session, mut eventloop) = session::open(settings, false).await?;
    let topic = settings.base_topic.bridge_check();
    let message = MqttMessage { retain: false, ..bridge(topic.clone(), "") };
    let body_max = AtomicUsize::new(BODY_MAX);
    let outcome = while_driven(&mut eventloop, settings, session.publish(&message, &body_max)).await?;
    if let Outcome::Later { why: reason, .. } | Outcome::Never { why: reason } = outcome {
        return Err(LinkError::Birth { address: settings.url.to_string(), topic, reason });
    }
    session.disconnect(STOP_WAIT).await;
    // The answer is known; how the goodbye goes changes nothing about it.
    let _ = timeout(STOP_WAIT, session::drive(&mut eventloop)).await;
    Ok(())
}

async fn while_driven<T>(
    eventloop: &mut rumqttc::EventLoop,
    settings: &Settings,
    work: impl Future<Output = T>,
) -> Result<T, LinkError> {
    tokio::select! {
        biased;
        error = session::drive(eventloop) => Err(LinkError::connected(settings, &error)),
        done = work => Ok(done),
    }
}

/// Returns the pause before the next attempt: doubled with each failure, and spread over its upper half so that a
/// broker that comes back is not met by all its clients at once.
fn pause(failures: u32, pause_max: Duration, drawn: u64) -> Duration {
    let longest = RECONNECT_MIN.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(pause_max);
    let half_ms = u64::try_from(longest.as_millis() / 2).unwrap_or(u64::MAX);
    longest / 2 + Duration::from_millis(drawn % half_ms.max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_grow_and_stay_bounded(failures in 0_u32.., max_ms in 200_u64..60_000, drawn in any::<u64>()) {
            let max = Duration::from_millis(max_ms);
            let this = pause(failures, max, drawn);
            prop_assert!(this >= RECONNECT_MIN / 2 && this <= max, "{this:?}");
            prop_assert!(pause(failures.saturating_add(2), max, 0) >= this.min(max / 2), "{this:?}");
        }
    }
}
