//! One connection to a broker: opened, used for publishes that count after their PUBACK, and dropped at its first error.
//!
//! Never resumes an MQTT session and never sends again: whatever was open when the connection ends is reported as
//! [`Outcome::Later`] at once, and its owner decides. A publish is never open twice in one connection.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ClientError, ConnAck, ConnectionError, Event, EventLoop, Incoming, LastWill, LastWillProperties,
    MqttOptions, PubAckReason, PublishNotice, PublishNoticeError, PublishOptions, PublishProperties, QoS,
    TlsConfiguration, Transport,
};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::alerts::notice::MqttMessage;
use crate::board::CONTENT_TYPE;
use crate::board::bridge::{self, Presence};
use crate::sinks::Outcome;
use crate::sinks::mqtt::Settings;
use crate::sinks::mqtt::failure::{self, LinkError};
use crate::tls;
use crate::topics::check_topic;

/// How long name, TCP, TLS and CONNACK may take together; longer than mosquitto's own 5 s for a slow password check.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long a PUBACK may take. A broker that holds one back longer is taken for dead: its slot would be lost for good.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Publishes in flight: enough to hide 100 ms of distance at 600 a second; a broker may ask for fewer.
const IN_FLIGHT_MAX: u16 = 64;
/// The largest body that leaves. The contract keeps a list under 64 KiB; four times that is a fault of ours.
pub const BODY_MAX: usize = 256 * 1024;
/// The largest packet that is read. Only acknowledgements come in; without a limit of ours the client stops at 10 KiB.
const INCOMING_PACKET_MAX: u32 = 256 * 1024;
/// How long the broker keeps the will back (features.md), so that a short break goes unseen.
pub const WILL_DELAY_S: u32 = 10;

/// A connection that has seen its CONNACK.
pub(super) struct Session {
    client: AsyncClient,
    broker: String,
    permits: Semaphore,
    /// The broker's limit for a whole packet.
    packet_max: usize,
    retain_available: bool,
    /// Sizes of the bodies in line or in flight, for [`Session::largest_open`].
    open: Mutex<Vec<usize>>,
    /// Set by the link when the connection is gone.
    pub(super) over: CancellationToken,
    /// Set by a publish that waited in vain for its PUBACK; the link then drops the connection.
    pub(super) silent: CancellationToken,
}

/// Connects, and returns the connection with the loop that must be polled for it to live.
pub(super) async fn open(settings: &Settings, with_will: bool) -> Result<(Session, EventLoop), LinkError> {
    let options = options(settings, with_will).await?;
    let (client, mut eventloop) = AsyncClient::builder(options).capacity(usize::from(IN_FLIGHT_MAX)).build();
    let connack = connack(settings, &mut eventloop).await?;
    let limits = connack.properties.as_ref();
    if limits.and_then(|limits| limits.max_qos) == Some(0) {
        return Err(LinkError::NoAcknowledgements { address: settings.url.to_string() });
    }
    let packet_max = limits.and_then(|limits| limits.max_packet_size).map_or(usize::MAX, |max| max as usize);
    let session = Session {
        client,
        broker: settings.name.clone(),
        permits: Semaphore::new(usize::from(IN_FLIGHT_MAX)),
        packet_max,
        retain_available: limits.and_then(|limits| limits.retain_available) != Some(0),
        open: Mutex::default(),
        over: CancellationToken::new(),
        silent: CancellationToken::new(),
    };
    Ok((session, eventloop))
}

/// Polls until the connection ends, and returns how.
pub(super) async fn drive(eventloop: &mut EventLoop) -> ConnectionError {
    loop {
        if let Err(error) = eventloop.poll().await {
            return error;
        }
    }
}

impl Session {
    /// Publishes with QoS 1 and waits for the PUBACK; `body_max` is what the broker is known to take.
    pub(super) async fn publish(&self, message: &MqttMessage, body_max: &AtomicUsize) -> Outcome {
        if let Err(why) = self.check(message, body_max.load(Ordering::Relaxed)) {
            return self.never(&message.topic, &why);
        }
        // Listed before it can be sent: the broker may end the connection over it at any time after.
        let _open = OpenBody::new(&self.open, message.body.len());
        let in_line = async {
            let permit = self.permits.acquire().await.ok()?;
            let options = publish_options(message);
            let sent = self.client.publish_tracked(message.topic.as_str(), message.body.as_str(), options).await;
            Some((permit, sent))
        };
        let queued = tokio::select! {
            biased;
            () = self.over.cancelled() => return self.later(&message.topic, "the connection was lost"),
            queued = timeout(ACK_WAIT, in_line) => queued,
        };
        let Ok(Some((_permit, sent))) = queued else {
            return self.later(&message.topic, "too many publishes wait for the broker");
        };
        match sent {
            Ok(notice) => self.acknowledged(&message.topic, notice).await,
            Err(ClientError::InvalidRequest(_)) => self.never(&message.topic, "mqtt does not allow this topic"),
            Err(error) => self.later(&message.topic, &failure_text(&error)),
        }
    }

    /// Says goodbye; the loop must be polled on until it ends, at most `wait` later.
    pub(super) async fn disconnect(&self, wait: Duration) {
        // An error means that the loop has ended already, which is what was wanted.
        let _ = self.client.disconnect_with_timeout(wait).await;
    }

    /// Returns the size of the largest body that waits for its PUBACK.
    pub(super) fn largest_open(&self) -> Option<usize> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).iter().max().copied()
    }

    async fn acknowledged(&self, topic: &str, notice: PublishNotice) -> Outcome {
        // The notice comes first: an acknowledgement that was read before the connection broke still counts.
        tokio::select! {
            biased;
            completed = notice.wait_completion_async() => match completed {
                Ok(()) => Outcome::Delivered,
                Err(PublishNoticeError::V5PubAck(reason)) => self.refused(topic, reason),
                Err(PublishNoticeError::RetainNotSupported) => self.never(topic, NO_RETAIN),
                Err(_) => self.later(topic, "the connection was lost before the acknowledgement"),
            },
            () = self.over.cancelled() => self.later(topic, "the connection was lost before the acknowledgement"),
            () = sleep(ACK_WAIT) => {
                self.silent.cancel();
                self.later(topic, &format!("no acknowledgement within {} s", ACK_WAIT.as_secs()))
            }
        }
    }

    fn check(&self, message: &MqttMessage, body_max: usize) -> Result<(), String> {
        check_topic(&message.topic)?;
        if message.retain && !self.retain_available {
            return Err(NO_RETAIN.to_owned());
        }
        let (body, packet) = (message.body.len(), packet_size_max(message));
        if body > body_max {
            return Err(format!("a body of {body} bytes is too large, at most {body_max} are taken"));
        }
        // Sent anyway, it would end the connection for everything else.
        if packet > self.packet_max {
            return Err(format!("a packet of {packet} bytes is too large, the broker takes {}", self.packet_max));
        }
        Ok(())
    }

    fn refused(&self, topic: &str, reason: PubAckReason) -> Outcome {
        let said = format!("the broker refuses it ({})", failure::words(&format!("{reason:?}")));
        match reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Outcome::Delivered,
            PubAckReason::NotAuthorized | PubAckReason::TopicNameInvalid | PubAckReason::PayloadFormatInvalid => {
                self.never(topic, &said)
            }
            PubAckReason::UnspecifiedError
            | PubAckReason::ImplementationSpecificError
            | PubAckReason::PacketIdentifierInUse
            | PubAckReason::QuotaExceeded => self.later(topic, &said),
        }
    }

    fn later(&self, topic: &str, why: &str) -> Outcome {
        Outcome::Later { why: format!("publish {topic} at {}: {why}", self.broker), wait_min: None }
    }

    fn never(&self, topic: &str, why: &str) -> Outcome {
        Outcome::Never { why: format!("publish {topic} at {}: {why}", self.broker) }
    }
}

/// Why a state cannot be published at a broker without retained messages.
const NO_RETAIN: &str = "the broker keeps no retained messages, which screens need";

/// Lists a body as open until it is dropped.
struct OpenBody<'a> {
    open: &'a Mutex<Vec<usize>>,
    size: usize,
}

impl<'a> OpenBody<'a> {
    fn new(open: &'a Mutex<Vec<usize>>, size: usize) -> Self {
        open.lock().unwrap_or_else(PoisonError::into_inner).push(size);
        Self { open, size }
    }
}

impl Drop for OpenBody<'_> {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|size| *size == self.size) {
            open.swap_remove(at);
        }
    }
}

async fn connack(settings: &Settings, eventloop: &mut EventLoop) -> Result<ConnAck, LinkError> {
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(connack))) => return Ok(connack),
            Ok(_) => {}
            Err(error) => return Err(LinkError::connecting(settings, &error, CONNECT_WAIT.as_secs())),
        }
    }
}

async fn options(settings: &Settings, with_will: bool) -> Result<MqttOptions, LinkError> {
    let mut options = MqttOptions::new(settings.client_id.as_str(), (settings.url.host(), settings.url.port()));
    if settings.url.is_tls() {
        options.set_transport(Transport::tls_with_config(tls_configuration(settings).await?));
    }
    let (host, port) = (settings.url.host().to_owned(), settings.url.port());
    options.set_socket_connector(move |_, _| connect_tcp(host.clone(), port));
    let keep_alive_s = u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX);
    options
        .set_connect_timeout(CONNECT_WAIT)
        .set_keep_alive(keep_alive_s)
        .set_clean_start(true)
        // The broker sends the will when the session ends or its delay is over, whichever comes first; so the session
        // outlives the delay, although it is never resumed.
        .set_session_expiry_interval(with_will.then_some(WILL_DELAY_S + 1))
        .set_max_packet_size(Some(INCOMING_PACKET_MAX))
        .set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX);
    if let Some(username) = &settings.username {
        match &settings.password {
            Some(password) => options.set_credentials(username.as_str(), password.expose().as_bytes().to_vec()),
            None => options.set_username(username.as_str()),
        };
    }
    if with_will {
        let properties = LastWillProperties {
            delay_interval: Some(WILL_DELAY_S),
            payload_format_indicator: Some(1),
            message_expiry_interval: None,
            content_type: Some(CONTENT_TYPE.to_owned()),
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        let topic = settings.base_topic.bridge_state();
        options.set_last_will(LastWill::new(
            topic,
            bridge::state(Presence::Offline),
            QoS::AtLeastOnce,
            true,
            Some(properties),
        ));
    }
    Ok(options)
}

/// Connects to the first of the host's addresses that answers. A name without address is [`io::ErrorKind::NotFound`],
/// because the system's own error for it cannot be told from others.
async fn connect_tcp(host: String, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<_> = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?
        .collect();
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Builds the TLS settings anew for each connection, so that a renewed `ca_file` counts without a restart.
async fn tls_configuration(settings: &Settings) -> Result<TlsConfiguration, LinkError> {
    let failed = |reason: String| LinkError::Tls { address: settings.url.to_string(), reason };
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
    let system = loaded.await.map_err(|error| failed(error.to_string()))?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = &settings.ca_file {
        roots.add_parsable_certificates(ca_certificates(settings, path).await?);
    }
    if roots.is_empty() {
        return Err(failed("this machine has no certificate authorities; install ca-certificates".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConfiguration::Rustls(Arc::new(config)))
}

async fn ca_certificates(settings: &Settings, path: &Path) -> Result<Vec<CertificateDer<'static>>, LinkError> {
    let failed = |reason: String| LinkError::CaFile {
        address: settings.url.to_string(),
        path: path.display().to_string(),
        reason,
    };
    let file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || tls::authorities(&file)).await;
    read.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

fn publish_options(message: &MqttMessage) -> PublishOptions {
    let properties = PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: message.expiry_s,
        content_type: message.content_type.clone(),
        user_properties: message.properties.clone(),
        ..PublishProperties::default()
    };
    PublishOptions::at_least_once().retain(message.retain).properties(properties)
}

/// Returns the largest size the packet can have: the parts, their lengths and the fixed header.
fn packet_size_max(message: &MqttMessage) -> usize {
    let properties: usize = message.properties.iter().map(|(name, value)| 5 + name.len() + value.len()).sum();
    let content_type = message.content_type.as_ref().map_or(0, |content_type| 3 + content_type.len());
    // 5 fixed header, 2 topic length, 2 packet id, 4 property length, 2 payload format, 5 expiry.
    20 + message.topic.len() + properties + content_type + message.body.len()
}

fn failure_text(error: &ClientError) -> String {
    if let ClientError::RequestChannelDisconnected(_) = error {
        return "the connection was lost".to_owned();
    }
    error.to_string()
}
