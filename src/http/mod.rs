//! The web side: the pages, the door by which browsers reach the MQTT feed, `/mqtt`, and the page behind the links of mails.
//!
//! One slow, silent or hostile socket must never hold up another, nor the end of the process. Invariant: when [`serve`]
//! returns, every socket it accepted is closed, or a line in the log says how many are not.

use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::extract::connect_info::Connected;
use axum::handler::Handler;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use axum::serve::IncomingStream;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::broker;
use crate::engine::Policy;
use crate::http::access::refusal::wants_page;
use crate::metrics::Insight;
use crate::units::Secret;

pub mod access;
pub mod ack;
mod api;
pub mod desk;
mod door;
mod health;
mod limit;
pub mod live;
mod metrics;
mod open;
mod page;
mod problem;
mod public_url;
mod silencing;
mod stream;
mod view;
mod websocket;
mod words;

pub use api::description as api_description;
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
    /// How people outside reach the web side; without it mails have no links.
    pub public_url: Option<PublicUrl>,
    /// Who is let in.
    pub access: access::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8686)),
            origins: Vec::new(),
            public_url: None,
            access: access::Settings::default(),
        }
    }
}

/// The web side could not listen.
#[derive(Debug, thiserror::Error)]
#[error("listen for browsers on {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Returns everything that is wrong with the settings, each as a sentence for people, with the setting that it is about; empty
/// when they can be used.
///
/// `displays` are the embedded broker's settings when there is one: its door must not be wider than the broker itself.
pub fn problems(settings: &Settings, displays: Option<&broker::Settings>) -> Vec<(&'static str, String)> {
    let Settings { listen, origins, public_url, access } = settings;
    let mut found = access::problems(access, *listen, public_url.as_ref());
    if let Some(displays) = displays
        && displays.password.is_none()
        && !displays.anonymous
        && broker::is_open_to_others(*listen)
    {
        let why = format!(
            "other machines reach {listen}, and with it the embedded broker, which needs no password: set one for \
             displays, or write 'anonymous: true' there, or let http listen on 127.0.0.1"
        );
        found.push(("listen", why));
    }
    for origin in origins {
        let named = origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
        if !named && origin != "null" {
            let why = format!("'{origin}' is not an origin: write one such as https://screens.example.com, no path");
            found.push(("origins", why));
        }
    }
    found
}

/// What the web side shows, and what it is served with.
pub struct Surroundings {
    /// What is known of the brands.
    pub live: live::Live,
    /// The rules, receivers, calendars and times.
    pub policy: Arc<Policy>,
    /// Signs the cookies of browsers that signed in.
    pub key: Secret,
    /// The TCP address behind `/mqtt`; without one it says that there is none.
    pub broker: Option<SocketAddr>,
    /// What `/metrics`, `/livez` and `/readyz` show.
    pub insight: Insight,
    /// What the page behind the links of mails needs; without it there is none.
    pub ack: Option<ack::Surroundings>,
    /// The store, and who takes orders; without it there is no API.
    pub desk: Option<desk::Desk>,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, door::Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, door::Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A web side that listens and does not answer yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
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
    Ok(Bound { listener, address, settings: settings.clone() })
}

/// Answers until `stop`, then ends every socket: answers under way get 2 s, whoever is left is cut.
pub async fn serve(bound: Bound, around: Surroundings, stop: CancellationToken) {
    let Bound { listener, address, settings } = bound;
    let sockets = Arc::new(Semaphore::new(SOCKETS_MAX as usize));
    let cut = CancellationToken::new();
    // axum's graceful end waits for ever for a socket that never asked anything; and when this future is dropped
    // instead of stopped, its tasks would live on. The cut ends both.
    let _cut_if_dropped = cut.clone().drop_guard();
    let door = door::Door::new(listener, Arc::clone(&sockets), cut.clone());
    let pages = router(&settings, address, around, &stop).into_make_service_with_connect_info::<Peer>();
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

fn router(settings: &Settings, address: SocketAddr, around: Surroundings, stop: &CancellationToken) -> Router {
    let Surroundings { live, policy, key, broker, insight, ack, desk } = around;
    let Settings { listen: _, origins, public_url, access } = settings;
    let base: Arc<str> = public_url.as_ref().map_or("", PublicUrl::path).into();
    let feed = Arc::new(websocket::Feed::new(broker, origins.clone(), stop.clone()));
    // They ask for a password or a signature of their own.
    let others = Router::new().route("/mqtt", any(websocket::open)).with_state(feed);
    let others = others.merge(ack.map(ack::router).unwrap_or_default());
    let deeds = page::deed::Deeds::new(key.clone());
    let gate = Arc::new(access::Gate::new(access.clone(), public_url.as_ref(), address.port(), key));
    let readers = page::Readers { language: policy.setting.language, base: Arc::clone(&base) };
    let streams = stream::Streams::new(stop.clone());
    let managers = desk.map(|desk| managers(&live, &policy, desk, deeds, &streams)).unwrap_or_default();
    let boards = page::board::Boards { live, policy, streams };
    let home = Router::new().route("/", get(to_now)).method_not_allowed_fallback(page::input::wrong_method);
    let guarded = home.merge(page::board::router(boards)).merge(managers);
    // Whoever looks whether we live has no token, and is shown no names.
    let health = health::router(Arc::clone(&insight.vitals));
    let guarded = guarded.merge(metrics::router(insight));
    let guarded = guarded.route_layer(from_fn_with_state(Arc::clone(&gate), access::admit));
    let pages = guarded.merge(access::login_router(gate)).merge(page::assets::router()).merge(health);
    let fixed = page::headers();
    let with_headers = move |mut response: Response| {
        let headers = response.headers_mut();
        headers.extend(fixed.clone());
        // What says nothing else of it is kept by nobody: it shows what the next moment may change.
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        std::future::ready(response)
    };
    let greeted = (from_fn_with_state(readers, page::greet), map_response(with_headers));
    let nothing_here = nothing_here.layer(greeted.0.clone()).layer(greeted.1.clone());
    let pages = pages.route_layer(greeted.0).route_layer(greeted.1);
    // A proxy may take the path of the public address away or leave it.
    let pages = if base.is_empty() {
        pages
    } else {
        let home = Redirect::to(&format!("{base}/now"));
        let below =
            Router::new().route(&format!("{base}/"), get(|| std::future::ready(home))).nest(&base, pages.clone());
        pages.merge(below)
    };
    others.merge(pages).fallback(nothing_here)
}

/// Returns what managers and programs use, which needs the store.
fn managers(
    live: &live::Live,
    policy: &Arc<Policy>,
    desk: desk::Desk,
    deeds: page::deed::Deeds,
    streams: &stream::Streams,
) -> Router {
    let (live, policy, streams) = (live.clone(), Arc::clone(policy), streams.clone());
    let now = page::now::Now { live, policy, desk, streams };
    let page::now::Now { live, policy, desk, streams } = now.clone();
    let api = api::Api { live, policy, desk, streams };
    let pages = page::now::router(now).merge(page::manager_router(api.clone())).layer(Extension(deeds));
    pages.merge(api::router(api))
}

async fn to_now(Extension(reader): Extension<page::Reader>) -> Redirect {
    Redirect::to(&format!("{}/now", reader.base))
}

async fn nothing_here(request: Request) -> Response {
    if wants_page(request.headers()) {
        return page::input::nothing_here(&request.into_parts().0);
    }
    let text = "nothing is here; the pages begin at /now, the boards at /board, the API at /api/v1/openapi.json, and browsers read the MQTT feed at /mqtt (WebSocket, subprotocol mqtt)\n";
    (StatusCode::NOT_FOUND, text).into_response()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinSet;

    use super::*;
    use crate::alerts::render::Messages;
    use crate::board::Setting;
    use crate::calendar::{Calendar, Calendars};
    use crate::clock;
    use crate::language::Language;
    use crate::rules::RuleSet;
    use crate::units::Zone;

    /// No rules and nobody to tell.
    pub(in crate::http) fn policy(zone: Zone) -> Policy {
        let (rules, day_starts) = (RuleSet::default(), jiff::civil::time(4, 0, 0, 0));
        let setting = Setting { boot: "1".to_owned(), language: Language::En, zone, day_starts };
        Policy {
            messages: Messages::compile(&rules, &setting.zone, setting.language).expect("there are no messages"),
            rules,
            routes: [].into(),
            feeds: Vec::new(),
            calendars: Calendars::of_all(Calendar::plain(setting.zone.clone(), day_starts)),
            setting,
            links: None,
        }
    }

    /// No rules, nobody to tell and no brand.
    fn surroundings(broker: Option<SocketAddr>) -> Surroundings {
        Surroundings {
            live: live::Live::default(),
            policy: Arc::new(policy(Zone::utc())),
            key: Secret::new("key"),
            broker,
            insight: Insight::default(),
            ack: None,
            desk: None,
        }
    }

    /// Serves before `broker`, sends `bytes`, and returns what came back until the server closed, and after how long.
    async fn converse(broker: Option<SocketAddr>, bytes: &[u8]) -> (Vec<u8>, Duration) {
        let settings = Settings { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Settings::default() };
        let bound = bind(&settings).await.expect("a port");
        let (address, stop) = (bound.address(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(bound, surroundings(broker), stop.clone()));
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
        let token = access::Token { may: access::Role::Read, secret: Secret::new("correct horse battery") };
        let access = access::Settings { tokens: [("wall".to_owned(), token)].into(), proxy: None };
        let listen = |listen: &str| listen.parse().expect("an address");
        let http = |address: &str| Settings { listen: listen(address), access: access.clone(), ..Settings::default() };
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
