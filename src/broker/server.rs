//! Runs the library's broker on a thread and runtime of its own, and decides who may do what there.
//!
//! The library starts tasks that nobody joins, and some outlive its own shutdown: a client that reads nothing holds one
//! for minutes. Dropping the runtime ends them all, and a busy broker takes no time from the polls. It must never
//! answer a display's publish or Will with anything but a refusal.

use std::collections::VecDeque;
use std::future::ready;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mqtt5::broker::{AuthProvider, AuthResult, BrokerConfig, MqttBroker, StorageConfig};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{BrokerError, PUBLISHER_USERNAME, Publisher, Running, Settings, reachable};
use crate::units::Secret;

/// The largest packet, either way. A list stays under 64 KiB by the feed's contract; four times that is never met by
/// us, and is what a stranger may make us buffer before the password is checked.
const PACKET_BYTES_MAX: usize = 256 * 1024;

/// Clients at once. A restaurant has tens of screens; a thousand serves a chain on one box and leaves file
/// descriptors for the rest of the process.
const CLIENTS_MAX: usize = 1_000;

/// Retained topics. 10,000 constrained products, with their lists, alerts and statuses, fit twice.
const RETAINED_MAX: usize = 20_000;

/// Messages waiting for one client. A display that subscribes to everything gets every retained topic in one go, and
/// the library drops what does not fit for a QoS 0 subscriber; hence as many as there can be topics.
const WAITING_MAX: usize = RETAINED_MAX;

/// Bytes waiting for one client beyond its first [`WAITING_MAX`] messages; the oldest go first, and the state topics
/// heal that with their next publish.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Subscriptions of one client. A screen needs one to three topics; each more costs work on every publish.
const SUBSCRIPTIONS_MAX: usize = 64;

/// Messages that a client may have unanswered towards us, the window of our own sink (libraries.md, section 1).
const UNANSWERED_MAX: u16 = 64;

/// Client ids of our own connections that displays may not take over: the sink has one per link, and a link that
/// draws a new one on each connect cannot be guessed anyway.
const OWN_CLIENT_IDS_MAX: usize = 16;

/// Binding and starting take milliseconds; this is for a machine that is swapping.
const START_MAX: Duration = Duration::from_secs(10);

/// How long clients may take for their last bytes before their tasks are dropped.
const DRAIN_MAX: Duration = Duration::from_secs(2);

pub(super) async fn start(settings: &Settings) -> Result<Running, BrokerError> {
    let address = settings.listen;
    let failed = |why: String| BrokerError::Start { address, why };
    probe(address)?;
    let password = draw_password().map_err(failed)?;
    let doorkeeper = Doorkeeper {
        publisher_password: password.clone(),
        display: settings.password.clone().map(|password| (settings.username.clone(), password)),
        own_client_ids: Mutex::default(),
    };
    let stop = CancellationToken::new();
    let finished = CancellationToken::new();
    let (report, reported) = oneshot::channel();
    let thread = std::thread::Builder::new().name("embedded-broker".to_owned()).spawn({
        let (stop, finished) = (stop.clone(), finished.clone());
        move || {
            // Held to the very end, and through a panic: it says that the runtime and all its tasks are gone.
            let _finished = finished.drop_guard();
            host(configuration(address), doorkeeper, report, &stop);
        }
    });
    let stop = stop.drop_guard();
    let thread = thread.map_err(|error| failed(error.to_string()))?;
    let address = match tokio::time::timeout(START_MAX, reported).await {
        Ok(Ok(started)) => started.map_err(failed)?,
        Ok(Err(_)) => return Err(failed("it ended at once; the log says why".to_owned())),
        Err(_) => return Err(failed(format!("it was not ready within {} s", START_MAX.as_secs()))),
    };
    let url = format!("mqtt://{}", reachable(address));
    let publisher = Publisher { url, username: PUBLISHER_USERNAME.to_owned(), password };
    Ok(Running { address, publisher, stop, finished, thread })
}

/// Tries the address first: the library's own error is a paragraph that hides the reason.
fn probe(address: SocketAddr) -> Result<(), BrokerError> {
    let Err(source) = std::net::TcpListener::bind(address) else {
        return Ok(());
    };
    let advice = if source.kind() == ErrorKind::AddrInUse {
        "another program holds this port (a mosquitto?): stop it, or give the embedded broker another port"
    } else if source.kind() == ErrorKind::PermissionDenied {
        "ports below 1024 are for the system: give the embedded broker a higher one, such as 1883"
    } else if source.kind() == ErrorKind::AddrNotAvailable {
        "this machine has no such address: write one of its own, or 0.0.0.0 for all of them"
    } else {
        "the system refused it"
    };
    Err(BrokerError::Listen { address, advice, source })
}

/// Draws 32 hexadecimal digits from the generator that also makes our TLS keys.
fn draw_password() -> Result<Secret, String> {
    let mut bytes = [0_u8; 16];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).map_err(|_| "the system gave no random bytes for the publisher's password".to_owned())?;
    Ok(Secret::new(&format!("{:032x}", u128::from_be_bytes(bytes))))
}

/// Sets what the library's defaults get wrong for us: they store in the working directory, listen everywhere, take
/// packets of 256 MB and keep sessions for ever.
fn configuration(listen: SocketAddr) -> BrokerConfig {
    // Without a store no session outlives its connection: nobody can pile up sessions under invented client ids, and
    // a screen that comes back reads the retained state, not a backlog of old events.
    let storage = StorageConfig::new()
        .with_persistence(false)
        .with_max_queued_messages_per_client(WAITING_MAX)
        .with_max_queued_bytes_per_client(WAITING_BYTES_MAX);
    let mut config = BrokerConfig::new()
        .with_bind_address(listen)
        .with_max_clients(CLIENTS_MAX)
        .with_max_packet_size(PACKET_BYTES_MAX)
        .with_session_expiry(Duration::ZERO)
        .with_max_retained_messages(RETAINED_MAX)
        .with_max_retained_message_size(PACKET_BYTES_MAX)
        .with_client_channel_capacity(WAITING_MAX)
        .with_max_subscriptions_per_client(SUBSCRIPTIONS_MAX)
        .with_server_receive_maximum(UNANSWERED_MAX)
        .with_sys_topics_enabled(false)
        .with_storage(storage);
    // The library keeps an alias before it asks whether the client may publish: 65,535 of them are 4 GB.
    config.topic_alias_maximum = 0;
    config.shared_subscription_available = false;
    config
}

fn host(
    config: BrokerConfig,
    doorkeeper: Doorkeeper,
    report: oneshot::Sender<Result<SocketAddr, String>>,
    stop: &CancellationToken,
) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(config, doorkeeper, report, stop)),
        Err(error) => {
            let _ = report.send(Err(error.to_string()));
        }
    }
}

async fn run(
    config: BrokerConfig,
    doorkeeper: Doorkeeper,
    report: oneshot::Sender<Result<SocketAddr, String>>,
    stop: &CancellationToken,
) {
    let bound = MqttBroker::with_config(config).await.map_err(|error| error.to_string());
    let bound = bound.and_then(|broker| Ok((broker.local_addr().ok_or("it listens nowhere")?, broker)));
    let (address, broker) = match bound {
        Ok(bound) => bound,
        Err(why) => {
            let _ = report.send(Err(why));
            return;
        }
    };
    let mut broker = broker.with_auth_provider(Arc::new(doorkeeper));
    let (mut accepting, handle) = (broker.ready_receiver(), broker.shutdown_handle());
    let mut running = pin!(broker.run());
    tokio::select! {
        ended = &mut running => {
            let _ = report.send(Err(format!("it ended at once: {ended:?}")));
            return;
        }
        _ = accepting.wait_for(|accepts| *accepts) => {}
    }
    let _ = report.send(Ok(address));
    tokio::select! {
        ended = &mut running => tracing::error!(%address, ?ended, "the embedded broker ended by itself"),
        () = stop.cancelled() => {
            handle.shutdown();
            if tokio::time::timeout(DRAIN_MAX, running).await.is_err() {
                tracing::debug!(%address, "some displays did not take their last bytes; they are cut off");
            }
        }
    }
}

/// Says who comes in and who may publish: the holder of the drawn password everything, everybody else only read.
struct Doorkeeper {
    publisher_password: Secret,
    /// Name and password of the displays; without them everybody may read.
    display: Option<(String, Secret)>,
    own_client_ids: Mutex<VecDeque<String>>,
}

impl Doorkeeper {
    fn admit(&self, connect: &ConnectPacket) -> AuthResult {
        let username = connect.username.as_deref();
        let password = connect.password.as_deref().unwrap_or_default();
        let mut own_client_ids = self.own_client_ids.lock().unwrap_or_else(PoisonError::into_inner);
        if username == Some(PUBLISHER_USERNAME) {
            if !same(password, self.publisher_password.expose().as_bytes()) {
                return AuthResult::fail(ReasonCode::BadUsernameOrPassword);
            }
            if !own_client_ids.contains(&connect.client_id) {
                own_client_ids.truncate(OWN_CLIENT_IDS_MAX - 1);
                own_client_ids.push_front(connect.client_id.clone());
            }
            return AuthResult::success_with_user(PUBLISHER_USERNAME);
        }
        if let Some((name, secret)) = &self.display
            && !(username == Some(name) && same(password, secret.expose().as_bytes()))
        {
            return AuthResult::fail(ReasonCode::BadUsernameOrPassword);
        }
        // The second connection under a client id ends the first: a display must not do that to the feed.
        if own_client_ids.contains(&connect.client_id) {
            return AuthResult::fail(ReasonCode::ClientIdentifierNotValid);
        }
        AuthResult::success()
    }
}

/// Compares in a time that tells nothing about where the two differ.
fn same(given: &[u8], secret: &[u8]) -> bool {
    given.len() == secret.len() && given.iter().zip(secret).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

impl AuthProvider for Doorkeeper {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        _client: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = mqtt5::Result<AuthResult>> + Send + 'a>> {
        Box::pin(ready(Ok(self.admit(connect))))
    }

    /// Asked for every publish and for every Will when it falls due. A display with a Will is let in: Home Assistant
    /// and others always leave one.
    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        user_id: Option<&'a str>,
        _topic: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(ready(user_id == Some(PUBLISHER_USERNAME)))
    }

    /// Everything we publish may be read; `$SYS` and `$share` are not ours, and a shared subscription would take
    /// messages away from another screen.
    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        _user_id: Option<&'a str>,
        filter: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(ready(!filter.starts_with('$')))
    }
}
