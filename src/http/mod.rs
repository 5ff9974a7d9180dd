//! The web side: the door by which browsers reach the MQTT feed, `/mqtt`, and the page behind the links of mails, `/ack/`.
//!
//! One slow, silent or hostile socket must never hold up another, nor the end of the process. Invariant: when [`serve`]
//! returns, every socket it accepted is closed, or a line in the log says how many are not.

use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::broker;

pub mod ack;
mod door;
mod public_url;
mod websocket;

pub use public_url::PublicUrl;

/// Sockets at once, of all kinds. A restaurant has tens of screens and a browser opens up to six; half of the usual
/// 1,024 file descriptors stay for everything else.
const SOCKETS_MAX: u32 = 512;

/// How long answers that are under way may take once the stop is asked for.
const GRACE: Duration = Duration::from_secs(2);

/// How long tasks may take to notice that their sockets were cut. They are woken at once: this is for a busy machine.
const CUT_MAX: Duration = Duration::from_secs(2);

/// Where the web side listens and which pages may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address browsers connect to; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Pages from elsewhere that may read the feed, as browsers name them: `https://screens.example.com`, and `null`
    /// for pages opened from a file.
    pub origins: Vec<String>,
    /// How people outside reach the web side; without it mails have no links and there is no page.
    pub public_url: Option<PublicUrl>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8686)), origins: Vec::new(), public_url: None }
    }
}

/// The web side could not listen.
#[derive(Debug, thiserror::Error)]
#[error("listen for browsers on {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Returns everything that is wrong with the settings, each as a sentence for people; empty when they can be used.
///
/// `displays` are the embedded broker's settings when there is one: its door must not be wider than the broker itself.
pub fn problems(settings: &Settings, displays: Option<&broker::Settings>) -> Vec<String> {
    let Settings { listen, origins, public_url: _ } = settings;
    let mut found = Vec::new();
    if let Some(displays) = displays
        && displays.password.is_none()
        && !displays.anonymous
        && broker::is_open_to_others(*listen)
    {
        found.push(format!(
            "other machines reach {listen}, and with it the embedded broker, which needs no password: set one for \
             displays, or write 'anonymous: true' there, or let http listen on 127.0.0.1"
        ));
    }
    for origin in origins {
        let named = origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
        if !named && origin != "null" {
            found.push(format!("'{origin}' is not an origin: write one such as https://screens.example.com, no path"));
        }
    }
    found
}

/// A web side that listens and does not answer yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    origins: Vec<String>,
}

impl Bound {
    /// Returns the address it listens on, with the real port when the configured one was 0.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Takes the address; from here on browsers wait instead of being refused.
///
/// # Errors
/// Returns why the address cannot be listened on.
pub async fn bind(settings: &Settings) -> Result<Bound, ListenError> {
    let address = settings.listen;
    let failed = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address, origins: settings.origins.clone() })
}

/// Answers until `stop`, then ends every socket: answers under way get 2 s, whoever is left is cut.
///
/// `broker` is the TCP address behind `/mqtt`, embedded or not; without one `/mqtt` says that there is none. Without `ack`
/// there is no page for the links in mails.
pub async fn serve(bound: Bound, broker: Option<SocketAddr>, ack: Option<ack::Surroundings>, stop: CancellationToken) {
    let Bound { listener, address, origins } = bound;
    let sockets = Arc::new(Semaphore::new(SOCKETS_MAX as usize));
    let cut = CancellationToken::new();
    // axum's graceful end waits for ever for a socket that never asked anything; and when this future is dropped
    // instead of stopped, its tasks would live on. The cut ends both.
    let _cut_if_dropped = cut.clone().drop_guard();
    let door = door::Door::new(listener, Arc::clone(&sockets), cut.clone());
    let pages = router(websocket::Feed::new(broker, origins, stop.clone()), ack);
    let answering = axum::serve(door, pages).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future();
    let all_closed = async {
        let _ = answering.await;
        let _ = sockets.acquire_many(SOCKETS_MAX).await;
    };
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
        cut.cancel();
        tokio::time::sleep(CUT_MAX).await;
    };
    tokio::select! {
        () = all_closed => {}
        () = overdue => {
            let left = SOCKETS_MAX as usize - sockets.available_permits();
            tracing::error!(%address, left, "sockets of browsers did not end in time and were left behind");
        }
    }
}

fn router(feed: websocket::Feed, ack: Option<ack::Surroundings>) -> Router {
    let screens = Router::new().route("/mqtt", any(websocket::open)).with_state(Arc::new(feed));
    let readers = ack.map(ack::router).unwrap_or_default();
    screens.merge(readers).fallback(nothing_here)
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "nothing is here; browsers read the MQTT feed at /mqtt (WebSocket, subprotocol mqtt)\n")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinSet;

    use super::*;
    use crate::clock;
    use crate::units::Secret;

    /// Serves before `broker`, sends `bytes`, and returns what came back until the server closed, and after how long.
    async fn converse(broker: Option<SocketAddr>, bytes: &[u8]) -> (Vec<u8>, Duration) {
        let settings = Settings { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Settings::default() };
        let bound = bind(&settings).await.expect("a port");
        let (address, stop) = (bound.address(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(bound, broker, None, stop.clone()));
        let mut tcp = TcpStream::connect(address).await.expect("a socket");
        let started = clock::uptime();
        tcp.write_all(bytes).await.expect("sent");
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).await.expect("closed in peace");
        let took = clock::uptime().since(started);
        stop.cancel();
        tasks.join_next().await.expect("a task").expect("no panic");
        (answer, took)
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_never_asks_is_closed() {
        let (answer, took) = converse(None, b"").await;
        assert_eq!(answer, b"");
        assert_eq!(took.as_secs(), door::FIRST_ANSWER_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_that_answers_no_ping_is_let_go_with_a_reason() {
        let broker = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let request = b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: mqtt\r\n\r\n";
        let (answer, took) = converse(broker.local_addr().ok(), request).await;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        let reason = b"nothing was heard from you for 75 s";
        // Two pings, then the close frame with code 1008.
        let frames = [&[0x89, 0, 0x89, 0, 0x88, 37, 3, 0xf0][..], reason].concat();
        assert_eq!(answer[end..], frames);
        assert_eq!(took.as_secs(), 75);
    }

    #[tokio::test(start_paused = true)]
    async fn only_http_1_is_spoken() {
        let (answer, took) = converse(None, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        assert_eq!((answer, took.as_secs()), (vec![], 0));
        // What only begins like it is answered as any request.
        let (answer, _) = converse(None, b"PROPFIND /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
    }

    #[test]
    fn the_door_is_not_wider_than_the_broker() {
        let http = |listen: &str| Settings { listen: listen.parse().expect("an address"), ..Settings::default() };
        let open = broker::Settings::default();
        let stated = broker::Settings { anonymous: true, ..open.clone() };
        let locked = broker::Settings { password: Some(Secret::new("correct horse")), ..open.clone() };
        for (http, displays, count) in [
            (http("127.0.0.1:8686"), Some(&open), 0),
            (http("0.0.0.0:8686"), None, 0),
            (http("0.0.0.0:8686"), Some(&stated), 0),
            (http("0.0.0.0:8686"), Some(&locked), 0),
            (http("0.0.0.0:8686"), Some(&open), 1),
            (http("192.168.1.5:8686"), Some(&open), 1),
        ] {
            assert_eq!(problems(&http, displays).len(), count, "{http:?} {displays:?}");
        }
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for (origin, count) in [
            ("https://screens.example.com", 0),
            ("http://kitchen:8080", 0),
            ("null", 0),
            ("screens.example.com", 1),
            ("https://screens.example.com/", 1),
            ("https://", 1),
        ] {
            let settings = Settings { origins: vec![origin.to_owned()], ..Settings::default() };
            assert_eq!(problems(&settings, None).len(), count, "{origin}");
        }
    }
}
