//! Carries bytes between a browser's WebSocket and a broker's TCP port, understanding none of them.
//!
//! Each pipe is on its own: two directions that do not wait for each other, a limit on every wait, and an end with a
//! close code that says why. The broker judges passwords and rights; here only strange pages are kept out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::units::printable;

/// Screens by WebSocket at once: each costs a socket here and two at an embedded broker, of the usual 1,024 in all.
const SCREENS_MAX: usize = 200;

/// The largest message from a browser. Screens only connect, subscribe and acknowledge: a few hundred bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What waits in memory for a browser that reads slowly; beyond it the broker has to wait.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// The library's 128 KiB for each screen would be most of the memory of the whole process.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes taken from the broker at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The broker is on this machine or in the same building.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How long either side may take to accept bytes that are ready for it.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// Browsers answer a ping by themselves, which tells a quiet screen from one that was switched off.
const PING_EVERY: Duration = Duration::from_secs(30);

/// Two pings without any answer, and some time for a slow network.
const SILENCE_MAX: Duration = Duration::from_secs(75);

/// How long the last frame may take; the socket is closed in any case.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Refused pages that are worth a line: the first ones are a mistake in the configuration, thousands are an attack.
const REFUSALS_LOGGED_MAX: u32 = 20;

/// What every request to `/mqtt` needs.
#[derive(Debug)]
pub(super) struct Feed {
    broker: Option<SocketAddr>,
    origins: Vec<String>,
    stop: CancellationToken,
    screens: Arc<Semaphore>,
    refusals: AtomicU32,
}

impl Feed {
    pub(super) fn new(broker: Option<SocketAddr>, origins: Vec<String>, stop: CancellationToken) -> Self {
        Self { broker, origins, stop, screens: Arc::new(Semaphore::new(SCREENS_MAX)), refusals: AtomicU32::new(0) }
    }
}

/// Answers a request to `/mqtt`: a pipe to the broker, or a refusal that says what is missing.
pub(super) async fn open(
    State(feed): State<Arc<Feed>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let refuse = |status: StatusCode, text: &str| (status, format!("{text}\n")).into_response();
    let Some(broker) = feed.broker else {
        return refuse(StatusCode::NOT_FOUND, "no broker is set up behind /mqtt");
    };
    let Ok(upgrade) = upgrade else {
        let text = "here is MQTT over WebSocket: connect with ws:// or wss:// and the subprotocol 'mqtt'";
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, text);
        response.headers_mut().insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
        return response;
    };
    let text_of = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let host = text_of(header::HOST).unwrap_or_default();
    if let Some(origin) = text_of(header::ORIGIN)
        && !may_read(&origin, &host, &feed.origins)
    {
        if feed.refusals.fetch_add(1, Ordering::Relaxed) < REFUSALS_LOGGED_MAX {
            let origin = printable(&origin, 80);
            tracing::warn!(%origin, "a page asked for the feed and is not listed in the origins of http");
        }
        return refuse(
            StatusCode::FORBIDDEN,
            "pages of this origin may not read the feed: list it under http, origins",
        );
    }
    let upgrade = upgrade.protocols(["mqtt"]);
    if upgrade.selected_protocol().is_none() {
        return refuse(StatusCode::BAD_REQUEST, "ask for the WebSocket subprotocol 'mqtt'");
    }
    let Ok(place) = Arc::clone(&feed.screens).try_acquire_owned() else {
        tracing::warn!(screens = SCREENS_MAX, "too many screens by WebSocket; a new one was refused");
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many screens are connected; try again later");
    };
    let stop = feed.stop.clone();
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        // A message is for a person who waits: it goes out at once.
        .write_buffer_size(0)
        .max_write_buffer_size(WAITING_BYTES_MAX)
        .on_upgrade(move |socket| pipe(socket, broker, stop, place))
}

/// Says whether a page of this origin may read the feed: a listed one, or one that came from this very server.
///
/// A stranger's page can be served under a name that then points to this machine (DNS rebinding), so that it looks like
/// our own. Hence a name that is not listed counts only when nobody on the internet can own it.
fn may_read(origin: &str, host: &str, listed: &[String]) -> bool {
    if listed.iter().any(|entry| entry.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    own && is_private_name(host)
}

fn is_private_name(host: &str) -> bool {
    if host.parse::<SocketAddr>().is_ok() || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let suffixes = [".localhost", ".local", ".lan", ".home.arpa", ".internal"];
    !name.is_empty() && (!name.contains('.') || suffixes.iter().any(|suffix| name.ends_with(suffix)))
}

/// Why a pipe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    BrowserLeft,
    BrowserSilent,
    BrowserStuck,
    TextFrame,
    Unreadable,
    BrokerAway,
    BrokerLeft,
    Stopping,
}

impl Ending {
    /// Returns the close code and reason for the browser; nothing when it has left or takes no more bytes.
    const fn close(self) -> Option<(u16, &'static str)> {
        match self {
            Self::BrowserLeft | Self::BrowserStuck => None,
            Self::BrowserSilent => Some((close_code::POLICY, "nothing was heard from you for 75 s")),
            Self::TextFrame => Some((close_code::UNSUPPORTED, "MQTT must be in binary frames")),
            Self::Unreadable => Some((
                close_code::PROTOCOL,
                "a frame was malformed or above 64 KiB; MQTT packets of screens must be smaller",
            )),
            Self::BrokerAway => Some((close_code::AGAIN, "the broker does not answer; try again later")),
            Self::BrokerLeft => Some((close_code::NORMAL, "the broker closed the connection")),
            Self::Stopping => Some((close_code::AWAY, "the server is stopping")),
        }
    }
}

async fn pipe(socket: WebSocket, broker: SocketAddr, stop: CancellationToken, _place: OwnedSemaphorePermit) {
    let (mut to_browser, from_browser) = socket.split();
    let ending = tokio::select! {
        () = stop.cancelled() => Ending::Stopping,
        ending = carry(&mut to_browser, from_browser, broker) => ending,
    };
    tracing::debug!(?ending, "a screen by WebSocket ended");
    if let Some((code, reason)) = ending.close() {
        let last = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(CLOSE_MAX, to_browser.send(last)).await;
    } else if ending == Ending::BrowserLeft {
        // Answers the browser's own close frame, which it waits for.
        let _ = timeout(CLOSE_MAX, to_browser.close()).await;
    }
}

type ToBrowser = stream::SplitSink<WebSocket, Message>;
type FromBrowser = stream::SplitStream<WebSocket>;

async fn carry(to_browser: &mut ToBrowser, from_browser: FromBrowser, broker: SocketAddr) -> Ending {
    let tcp = match timeout(CONNECT_MAX, TcpStream::connect(broker)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => {
            tracing::warn!(%broker, %error, "connect a browser to the broker");
            return Ending::BrokerAway;
        }
        Err(_) => {
            tracing::warn!(%broker, "connect a browser to the broker: no answer within 5 s");
            return Ending::BrokerAway;
        }
    };
    // Without it small MQTT packets wait up to 40 ms for each other. A refusal costs only that.
    let _ = tcp.set_nodelay(true);
    let (from_broker, to_broker) = tcp.into_split();
    // Two futures and not one loop: a broker that waits for us to read must not keep us from reading the browser.
    tokio::select! {
        ending = upstream(from_browser, to_broker) => ending,
        ending = downstream(from_broker, to_browser) => ending,
    }
}

async fn upstream(mut from_browser: FromBrowser, mut to_broker: OwnedWriteHalf) -> Ending {
    loop {
        let bytes = match timeout(SILENCE_MAX, from_browser.next()).await {
            Err(_) => return Ending::BrowserSilent,
            Ok(None | Some(Ok(Message::Close(_)))) => return Ending::BrowserLeft,
            Ok(Some(Err(_))) => return Ending::Unreadable,
            Ok(Some(Ok(Message::Text(_)))) => return Ending::TextFrame,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
        };
        match timeout(WRITE_MAX, to_broker.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Ending::BrokerLeft,
        }
    }
}

async fn downstream(mut from_broker: OwnedReadHalf, to_browser: &mut ToBrowser) -> Ending {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.reset();
    loop {
        let message = tokio::select! {
            read = from_broker.read(&mut chunk) => match read {
                Ok(0) | Err(_) => return Ending::BrokerLeft,
                Ok(count) => Message::Binary(chunk[..count].to_vec().into()),
            },
            _ = ping.tick() => Message::Ping(Vec::new().into()),
        };
        match timeout(WRITE_MAX, to_browser.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Ending::BrowserStuck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_and_listed_pages_read_the_feed() {
        let listed = ["https://screens.example.com".to_owned(), "null".to_owned()];
        for (origin, host, allowed) in [
            ("http://127.0.0.1:8686", "127.0.0.1:8686", true),
            ("http://[::1]:8686", "[::1]:8686", true),
            ("http://192.168.1.5", "192.168.1.5", true),
            ("http://localhost:8686", "localhost:8686", true),
            ("http://KITCHEN:8686", "kitchen:8686", true),
            ("https://kitchen.local", "kitchen.local", true),
            ("https://screens.example.com", "feed.example.com", true),
            ("null", "127.0.0.1:8686", true),
            ("http://127.0.0.1:9999", "127.0.0.1:8686", false),
            ("http://evil.example", "127.0.0.1:8686", false),
            // A name that its owner points to this machine once the page is loaded.
            ("http://evil.example:8686", "evil.example:8686", false),
            ("http://screens.example.com", "feed.example.com", false),
            ("", "", false),
            ("://", "", false),
            ("file://", "127.0.0.1:8686", false),
        ] {
            assert_eq!(may_read(origin, host, &listed), allowed, "{origin} at {host}");
        }
    }
}
