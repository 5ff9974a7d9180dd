//! The simulator behind a TCP listener: it reads requests, lets the world answer, and does to the answer what the
//! network would.
//!
//! The only file here with tasks, sockets and the clock. Must never hold the world's lock over an await. Invariant:
//! when [`serve`] has returned, every connection is closed.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::deeds::Happening;
use super::route::{ApiAnswer, ApiRequest, Transport};
use super::script;
use super::service::Service;
use super::wire::{Incoming, Length, Parsed, chunk, head, parse};
use super::world::World;
use crate::clock;
use crate::units::Timestamp;

/// Connections at once; one more is closed at once. A watcher needs a handful, a test of many watchers some hundred.
const CONNECTIONS_MAX: usize = 2_048;

/// How long a connection may be silent before the next request.
const IDLE_MAX: Duration = Duration::from_secs(75);

/// How long a caller may take to accept an answer.
const SEND_MAX: Duration = Duration::from_mins(1);

/// How long a hanging answer hangs at most; every client gives up before.
const HANG_MAX: Duration = Duration::from_mins(10);

/// Bytes of a body without end at most, so that a careless client cannot fill its memory for ever.
const ENDLESS_MAX: usize = 1 << 30;

/// How long [`live`] sleeps at most: a corrected clock must not silence the restaurants.
const NAP_MAX: Duration = Duration::from_secs(1);

/// Whether the world can be acted on over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Only the API is served.
    Closed,
    /// `POST /_control` takes a script of actions, `GET /_control/log` gives the requests seen and the counters.
    Open,
}

/// Serves the API until `stop`, then closes every connection.
///
/// # Errors
/// Returns the listener's error when it cannot accept any more.
pub async fn serve(
    world: Arc<Mutex<World>>,
    listener: TcpListener,
    door: Door,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    let ended = loop {
        tokio::select! {
            () = stop.cancelled() => break Ok(()),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((_, peer)) if connections.len() >= CONNECTIONS_MAX => {
                    tracing::warn!(%peer, "the simulator refuses a connection: {CONNECTIONS_MAX} are open");
                }
                Ok((stream, peer)) => {
                    connections.spawn(converse(stream, peer.ip(), Arc::clone(&world), door));
                }
                // A caller that went away before it was accepted is its own affair.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => break Err(error),
            },
        }
    };
    connections.shutdown().await;
    ended
}

/// Lets the restaurants live: does what is due in the service and tells it, until `stop` or until nobody listens.
pub async fn live(
    world: Arc<Mutex<World>>,
    mut service: Service,
    told: mpsc::Sender<Happening>,
    stop: CancellationToken,
) {
    loop {
        let now = clock::now();
        let seen = service.due(&mut lock(&world), now);
        for happening in seen {
            tokio::select! {
                () = stop.cancelled() => return,
                sent = told.send(happening) => if sent.is_err() { return },
            }
        }
        let nap = service.next_at().map_or(NAP_MAX, |next| next.since(clock::now()).min(NAP_MAX));
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(nap) => {}
        }
    }
}

async fn converse(mut stream: TcpStream, client: IpAddr, world: Arc<Mutex<World>>, door: Door) {
    // Small answers must not wait for the acknowledgement of the one before; without it the server is only slower.
    stream.set_nodelay(true).ok();
    let mut buffer = Vec::new();
    loop {
        match parse(&buffer, client) {
            Parsed::Partial => match timeout(IDLE_MAX, stream.read_buf(&mut buffer)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) | Err(_) => return,
            },
            Parsed::Refused(status) => {
                send(&mut stream, &plain(status, &json!({"error": "this is no HTTP/1.1 request"})), false).await.ok();
                return;
            }
            Parsed::Request(incoming, taken) => {
                buffer.drain(..taken);
                let answer = answer(&world, &incoming.request, door);
                if !deliver(&mut stream, answer, &incoming).await {
                    return;
                }
            }
        }
    }
}

fn answer(world: &Mutex<World>, request: &ApiRequest, door: Door) -> ApiAnswer {
    let now = clock::now();
    match (door, request.method.as_str(), request.path.as_str()) {
        (Door::Open, "POST", "/_control") => {
            let done = script::read(&request.body).and_then(|script| lock(world).act(script, now));
            match done {
                Ok(count) => plain(200, &json!({"done": count})),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    plain(400, &json!({"error": error.to_string(), "cause": cause}))
                }
            }
        }
        (Door::Open, "GET", "/_control/log") => plain(200, &json!(lock(world).log())),
        (Door::Open | Door::Closed, _, _) => {
            let mut answer = lock(world).answer(request, now);
            answer.headers.extend(http_date(now).map(|date| ("Date", date)));
            answer
        }
    }
}

/// Writes a moment as HTTP does, to the second.
fn http_date(now: Timestamp) -> Option<String> {
    let now = jiff::Timestamp::from_millisecond(now.unix_ms()).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()
}

/// Sends the answer as its transport says; false when the connection is over.
async fn deliver(stream: &mut TcpStream, mut answer: ApiAnswer, incoming: &Incoming) -> bool {
    let keep_alive = incoming.keep_alive;
    match answer.transport {
        Transport::Whole => send(stream, &answer, keep_alive).await.is_ok() && keep_alive,
        Transport::Late(by) => {
            sleep(by).await;
            send(stream, &answer, keep_alive).await.is_ok() && keep_alive
        }
        Transport::Gzip => {
            if incoming.accepts_gzip {
                answer.body = compress(&answer.body);
                answer.headers.push(("Content-Encoding", "gzip".to_owned()));
            }
            send(stream, &answer, keep_alive).await.is_ok() && keep_alive
        }
        Transport::Cut => {
            let half =
                [head(&answer, Length::Known, keep_alive), answer.body[..answer.body.len() / 2].to_vec()].concat();
            write(stream, &half).await.ok();
            false
        }
        Transport::Hang => {
            // Ends with the caller: what it sends is read and ignored until it goes away.
            timeout(HANG_MAX, ignore(stream)).await.ok();
            false
        }
        Transport::Reset => {
            // Closing with a linger of zero sends RST instead of FIN.
            stream.set_zero_linger().ok();
            false
        }
        Transport::Endless => {
            send_without_end(stream, &answer).await.ok();
            false
        }
    }
}

async fn send(stream: &mut TcpStream, answer: &ApiAnswer, keep_alive: bool) -> io::Result<()> {
    let mut bytes = head(answer, Length::Known, keep_alive);
    bytes.extend_from_slice(&answer.body);
    write(stream, &bytes).await
}

/// Sends the body without its last byte and then spaces, which JSON allows anywhere.
async fn send_without_end(stream: &mut TcpStream, answer: &ApiAnswer) -> io::Result<()> {
    write(stream, &head(answer, Length::Open, false)).await?;
    let begun = answer.body.len().saturating_sub(1);
    write(stream, &chunk(&answer.body[..begun])).await?;
    let spaces = chunk(&[b' '; 16 * 1024]);
    for _ in 0..ENDLESS_MAX / spaces.len() {
        write(stream, &spaces).await?;
    }
    Ok(())
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(SEND_MAX, stream.write_all(bytes)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn ignore(stream: &mut TcpStream) {
    let mut scratch = [0; 1_024];
    while let Ok(1..) = stream.read(&mut scratch).await {}
}

fn compress(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn plain(status: u16, body: &serde_json::Value) -> ApiAnswer {
    let headers = vec![("Content-Type", "application/json".to_owned())];
    ApiAnswer { status, headers, body: body.to_string().into_bytes(), transport: Transport::Whole }
}

/// A panic while the world was locked is a failed test or a lost demo line; serving on is the best that can be done.
fn lock(world: &Mutex<World>) -> std::sync::MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use serde_json::Value;

    use super::*;
    use crate::simulator::faults::{Fault, Scope, ScriptedFault, Span};
    use crate::simulator::plan::{DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_INTEGRATOR, WorldPlan};
    use crate::simulator::route::Endpoint;
    use crate::simulator::service::DEMO_SPEED;
    use crate::units::BrandId;

    /// No test waits longer for anything.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Running {
        world: Arc<Mutex<World>>,
        base: String,
        http: reqwest::Client,
        token: String,
        stop: CancellationToken,
        serving: JoinSet<io::Result<()>>,
    }

    async fn run(door: Door) -> Running {
        // A second test finds the provider installed already.
        rustls::crypto::ring::default_provider().install_default().ok();
        let world = Arc::new(Mutex::new(World::new(&WorldPlan::demo(1, 3), clock::now())));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(serve(Arc::clone(&world), listener, door, stop.clone()));
        let http = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
        let fields = json!({"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET, "brand": DEMO_BRAND,
            "integrator_id": DEMO_INTEGRATOR});
        let auth = http.post(format!("{base}/open-api/v2/auth")).header("content-type", "application/json");
        let answer = auth.body(fields.to_string()).send().await.expect("an answer");
        let body: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        let token = body["token"].as_str().expect("a token").to_owned();
        Running { world, base, http, token, stop, serving }
    }

    impl Running {
        fn fault(&self, fault: Fault) {
            let scope = Scope { endpoint: Some(Endpoint::StopList), ..Scope::default() };
            lock(&self.world).add_fault(ScriptedFault { fault, scope, span: Span::Next(1) }).expect("room");
        }

        fn get(&self, path: &str) -> reqwest::RequestBuilder {
            self.http.get(format!("{}{path}", self.base)).header("x-token", &self.token)
        }

        async fn stop_list(&self) -> Result<(u16, Vec<u8>), reqwest::Error> {
            let answer = self.get("/open-api/v2/products/stop-list").send().await?;
            Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
        }

        async fn end(mut self) {
            self.stop.cancel();
            let ended = timeout(PATIENCE, self.serving.join_next()).await.expect("in time");
            ended.expect("one task").expect("no panic").expect("no error");
        }
    }

    #[tokio::test]
    async fn every_fault_is_seen_by_a_real_client() {
        let running = run(Door::Closed).await;
        let (status, good) = running.stop_list().await.expect("an answer");
        let is_list = |body: &[u8]| serde_json::from_slice::<Value>(body).is_ok_and(|body| body["data"].is_array());
        assert!(status == 200 && is_list(&good));
        for (fault, expected) in [
            (Fault::TooManyRequests { reset_s: 3 }, 429),
            (Fault::Status { code: 500 }, 500),
            (Fault::Status { code: 504 }, 504),
            (Fault::BadGatewayPage, 502),
        ] {
            running.fault(fault);
            assert_eq!(running.stop_list().await.expect("an answer").0, expected, "{fault:?}");
        }
        for fault in [Fault::Html, Fault::EmptyBody, Fault::Refused, Fault::NullData] {
            running.fault(fault);
            let (status, body) = running.stop_list().await.expect("an answer");
            assert!(status == 200 && !is_list(&body), "{fault:?}");
        }
        for fault in [
            Fault::WrongTypes,
            Fault::UnknownFields,
            Fault::DuplicateRows,
            Fault::NumbersAsStrings,
            Fault::IdsAsStrings,
            Fault::EmptyStopList,
        ] {
            running.fault(fault);
            let (status, body) = running.stop_list().await.expect("an answer");
            assert!(status == 200 && is_list(&body), "{fault:?}");
            let data = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON")["data"].clone();
            assert_ne!(data(&body), data(&good), "{fault:?}");
        }
        for fault in [Fault::CutBody, Fault::Reset] {
            running.fault(fault);
            let error = running.stop_list().await.expect_err("no whole answer");
            assert!(!error.is_timeout(), "{fault:?}: {error:?}");
        }
        running.fault(Fault::TokenExpired);
        assert_eq!(running.stop_list().await.expect("an answer").0, 401);
        assert_eq!(lock(&running.world).log().counters.refused.total(), 0);
        running.end().await;
    }

    #[tokio::test]
    async fn late_hanging_and_endless_answers_take_their_time() {
        let running = run(Door::Closed).await;
        running.fault(Fault::Late { ms: 300 });
        let asked = clock::uptime();
        assert_eq!(running.stop_list().await.expect("an answer").0, 200);
        assert!(clock::uptime().since(asked) >= Duration::from_millis(300));
        running.fault(Fault::Hang);
        let impatient = running.get("/open-api/v2/products/stop-list").timeout(Duration::from_millis(200));
        assert!(impatient.send().await.expect_err("nothing comes").is_timeout());
        running.fault(Fault::EndlessBody);
        let mut endless = running.get("/open-api/v2/products/stop-list").send().await.expect("a head");
        let mut read = 0;
        while read < 4 << 20 {
            read += endless.chunk().await.expect("more").expect("no end").len();
        }
        drop(endless);
        assert_eq!(running.stop_list().await.expect("an answer").0, 200);
        running.end().await;
    }

    #[tokio::test]
    async fn a_reset_is_a_reset_and_gzip_is_for_those_who_ask() {
        let running = run(Door::Closed).await;
        let address = running.base.trim_start_matches("http://").to_owned();
        let ask = |more: &str| {
            format!("GET /open-api/v2/products/stop-list HTTP/1.1\r\nx-token: {}\r\n{more}\r\n", running.token)
        };
        running.fault(Fault::Reset);
        let mut raw = TcpStream::connect(&address).await.expect("a connection");
        raw.write_all(ask("").as_bytes()).await.expect("sent");
        let mut bytes = Vec::new();
        let error = raw.read_to_end(&mut bytes).await.expect_err("reset");
        assert_eq!((error.kind(), bytes.len()), (ErrorKind::ConnectionReset, 0));
        for (more, compressed) in
            [("Accept-Encoding: gzip\r\nConnection: close\r\n", true), ("Connection: close\r\n", false)]
        {
            running.fault(Fault::Gzip);
            let mut raw = TcpStream::connect(&address).await.expect("a connection");
            raw.write_all(ask(more).as_bytes()).await.expect("sent");
            let mut bytes = Vec::new();
            raw.read_to_end(&mut bytes).await.expect("an answer");
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(text.contains("Content-Encoding: gzip"), compressed);
            assert_eq!(text.contains("\"success\":true"), !compressed);
        }
        running.fault(Fault::Gzip);
        let (status, body) = running.stop_list().await.expect("an answer");
        assert!(status == 200 && body.starts_with(b"{\"success\":true"), "the client unpacks it");
        running.end().await;
    }

    #[tokio::test]
    async fn the_control_door_opens_only_when_asked() {
        let closed = run(Door::Closed).await;
        assert_eq!(closed.get("/_control/log").send().await.expect("an answer").status(), 404);
        closed.end().await;
        let running = run(Door::Open).await;
        let control = |text: &'static str| running.http.post(format!("{}/_control", running.base)).body(text).send();
        let script = r#"[{"clear_all_limits": {"brand": "sahil", "venue": 1}},
            {"set_limit": {"brand": "sahil", "venue": 1, "product": 302, "limit": 0}}]"#;
        assert_eq!(control(script).await.expect("an answer").status(), 200);
        let body: Value = serde_json::from_slice(&running.stop_list().await.expect("an answer").1).expect("JSON");
        assert_eq!((&body["data"][0]["id"], body["data"].as_array().map(Vec::len)), (&json!(302), Some(1)));
        let wrong = control(r#"{"clear_all_limits": {"brand": "sahil", "venue": 9}}"#).await.expect("an answer");
        assert_eq!(wrong.status(), 400);
        assert!(wrong.text().await.expect("a body").contains("find venue 9 of brand sahil: there is none"));
        let log = running.get("/_control/log").send().await.expect("an answer").text().await.expect("a body");
        let log: Value = serde_json::from_str(&log).expect("JSON");
        assert_eq!(log["counters"]["by_endpoint"]["stop-list"], 1);
        assert_eq!(log["counters"]["refused"]["tenant"], 0);
        assert_eq!(log["requests"][1]["path"], "/products/stop-list");
        assert!(!log.to_string().contains(&running.token) && !log.to_string().contains(DEMO_CLIENT_SECRET));
        running.end().await;
    }

    #[tokio::test]
    async fn restaurants_live_until_they_are_stopped() {
        let world = Arc::new(Mutex::new(World::new(&WorldPlan::demo(1, 1), clock::now())));
        let brand = BrandId::new(DEMO_BRAND).expect("slug");
        let service = Service::new(1, &lock(&world), &brand, DEMO_SPEED * 100, clock::now()).expect("known");
        let (told, mut heard) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let mut living = JoinSet::new();
        living.spawn(live(Arc::clone(&world), service, told, stop.clone()));
        let mut lines = Vec::new();
        while lines.len() < 50 {
            lines.push(timeout(PATIENCE, heard.recv()).await.expect("in time").expect("life goes on").text);
        }
        assert!(lines.contains(&"Kitchen at Sahil: Lülə kabab sold out".to_owned()), "{lines:?}");
        stop.cancel();
        timeout(PATIENCE, living.join_next()).await.expect("in time").expect("one task").expect("no panic");
    }
}
