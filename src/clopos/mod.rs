//! The client of the Clopos Open API v2, and the only place in this program that talks to it.
//!
//! This file owns the HTTP; the files beside it are pure and own the meaning. It must never retry (the caller schedules,
//! under the budget), log a secret, or wait without a limit. Invariant: [`Client::fetch`] sends exactly one request.

pub mod auth;
pub mod budget;
pub mod decode;
pub mod product;
pub mod query;
pub mod repeat;
pub mod skew;
pub mod verdict;
pub mod walk;
pub mod wire;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Certificate, Method, Response, Url};

use crate::clock;
use crate::clopos::auth::Token;
use crate::clopos::budget::{Outcome, RateLimit};
use crate::clopos::decode::{Answer, Oddities, Reply};
use crate::clopos::query::Request;
use crate::clopos::repeat::ListBytes;
use crate::clopos::skew::Dated;
use crate::clopos::verdict::{Said, Verdict};
use crate::tls;
use crate::units::{BrandId, Secret, Timestamp};

/// The published base URL, for production and test alike.
pub const BASE_URL: &str = "https://integrations.clopos.com/open-api/v2";
/// The time limit of a whole read: above the server's own 8 s, after which it answers 504, plus the way there. A shorter
/// one would hang up on answers that were coming, and still be counted for them.
pub const TIME_LIMIT: Duration = Duration::from_secs(12);
/// The time limit for reaching the server at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// The largest body that is read, decompressed: thirty times the largest page a real brand gives, and small enough that
/// all brands at once fit into memory.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How often an HTTP/2 connection is probed, and how long it may stay silent: without it a connection that a router
/// forgot takes every request with it until TCP gives up, many minutes later.
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept: longer than a poll waits in a chain that fits its quota.
const IDLE_LIMIT: Duration = Duration::from_secs(150);

/// How Clopos is reached, and for which brands.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The base URL, [`BASE_URL`] unless a simulator answers.
    pub base_url: String,
    /// Who is calling: the id that Clopos gave to this integration.
    pub integrator_id: String,
    /// The time limit of a whole read; [`TIME_LIMIT`] unless there is a reason.
    pub time_limit: Duration,
    /// The largest body that is read, in bytes after decompression; [`BODY_BYTES_MAX`] unless there is a reason.
    pub body_bytes_max: usize,
    /// PEM certificates to trust instead of the system's, where a proxy of the company's opens every connection.
    pub ca_file: Option<PathBuf>,
    /// The brands to watch.
    pub brands: Vec<BrandSettings>,
}

/// One brand's credentials and share.
#[derive(Clone, Debug)]
pub struct BrandSettings {
    /// The brand.
    pub brand: BrandId,
    /// The brand's client id.
    pub client_id: String,
    /// The brand's client secret.
    pub client_secret: Secret,
    /// Requests a minute that this program may use of the brand's 300, for [`budget::Budget::new`].
    pub requests_per_minute: u32,
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The base URL is none.
    #[error("base_url '{0}' is not a web address; write one such as {BASE_URL}")]
    BaseUrl(String),
    /// The authorities of one's own cannot be used.
    #[error("the certificates in {path} cannot be used: {why}", path = path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS or the resolver could not be set up.
    #[error("the connection to Clopos cannot be set up")]
    Http(#[source] reqwest::Error),
}

/// Reads one brand. Cheap to clone; the clients of one [`connect`] share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    integrator_id: String,
    time_limit: Duration,
    body_bytes_max: usize,
    brand: BrandSettings,
}

/// One read, however it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The answer with its oddities, or why there is none.
    pub result: Result<(Answer, Oddities), Verdict>,
    /// Status and `RateLimit-*`, for [`budget::Budget::settle`].
    pub outcome: Outcome,
    /// What a repetition of this stop list is recognised by.
    pub bytes: Option<ListBytes>,
    /// What Clopos's clock showed, for [`skew::Skew::note`].
    pub dated: Option<Dated>,
    /// From sending to the last byte.
    pub took: Duration,
}

/// One login, however it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The token, or why there is none.
    pub result: Result<Token, Verdict>,
    /// Status and `RateLimit-*`, for [`budget::Budget::settle`].
    pub outcome: Outcome,
    /// From sending to the last byte.
    pub took: Duration,
}

/// Makes a client for each brand, in the order of the settings.
///
/// A TLS provider of `rustls` must have been installed before.
///
/// # Errors
/// Returns why, when the base URL is none or TLS cannot be set up.
pub fn connect(settings: &Settings) -> Result<Vec<Client>, SetupError> {
    let base_url = settings.base_url.trim_end_matches('/').to_owned();
    let parsed = Url::parse(&base_url).map_err(|_| SetupError::BaseUrl(settings.base_url.clone()))?;
    let is_web = matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some_and(|host| !host.is_empty());
    if !is_web || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(SetupError::BaseUrl(settings.base_url.clone()));
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("eightysix/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_LIMIT.min(settings.time_limit))
        // Clopos publishes no redirect, and a followed one would carry the token to wherever it points.
        .redirect(reqwest::redirect::Policy::none())
        // One permit of the budget is one request: what failed is scheduled again, not repeated behind its back.
        .retry(reqwest::retry::never())
        .pool_idle_timeout(IDLE_LIMIT)
        .http2_keep_alive_interval(PROBE_EVERY)
        .http2_keep_alive_timeout(PROBE_LIMIT)
        .http2_keep_alive_while_idle(true);
    if parsed.host_str().is_some_and(|host| ["127.0.0.1", "[::1]", "localhost"].contains(&host)) {
        // A simulator on this machine is not behind the company's proxy.
        builder = builder.no_proxy();
    }
    if let Some(path) = &settings.ca_file {
        let certificates = tls::authorities(path).map_err(|why| SetupError::Authorities { path: path.clone(), why })?;
        let certificates: Result<Vec<Certificate>, _> =
            certificates.iter().map(|der| Certificate::from_der(der)).collect();
        builder = builder.tls_certs_only(certificates.map_err(SetupError::Http)?);
    }
    let http = builder.build().map_err(SetupError::Http)?;
    let client = |brand: &BrandSettings| Client {
        http: http.clone(),
        base_url: base_url.clone(),
        integrator_id: settings.integrator_id.clone(),
        time_limit: settings.time_limit,
        body_bytes_max: settings.body_bytes_max,
        brand: brand.clone(),
    };
    Ok(settings.brands.iter().map(client).collect())
}

impl Client {
    /// Returns the brand it reads.
    pub const fn brand(&self) -> &BrandId {
        &self.brand.brand
    }

    /// Says whether another client logs in with the same credentials at the same place, so that its token serves here.
    pub fn logs_in_as(&self, other: &Self) -> bool {
        let credentials = |client: &Self| (client.brand.client_id.clone(), client.brand.client_secret.clone());
        self.base_url == other.base_url
            && self.integrator_id == other.integrator_id
            && credentials(self) == credentials(other)
    }

    /// Logs in: `POST /auth`, once.
    pub async fn authenticate(&self) -> LoggedIn {
        let body = serde_json::json!({
            "client_id": self.brand.client_id,
            "client_secret": self.brand.client_secret.expose(),
            "brand": self.brand.brand.as_str(),
            "integrator_id": self.integrator_id,
        });
        let request = self
            .http
            .request(Method::POST, format!("{}/auth", self.base_url))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let secrets = [self.brand.client_secret.expose()];
        let started = clock::uptime();
        let received = self.receive(request, &secrets).await;
        let now = clock::uptime();
        let outcome = received.outcome;
        let result = received.body.and_then(|body| {
            let reply = reply(&body, &outcome, received.redirect.as_deref(), &secrets);
            auth::read_token(&reply, clock::now(), now)
        });
        LoggedIn { result, outcome, took: now.since(started) }
    }

    /// Reads what is asked for: one GET, once. A stop list that says what `known` does is not decoded again.
    pub async fn fetch(&self, asked: &Request, token: &Token, known: Option<&ListBytes>) -> Fetched {
        let secrets = [token.secret().expose(), self.brand.client_secret.expose()];
        let started = clock::uptime();
        let mut request = self.http.request(Method::GET, format!("{}{}", self.base_url, asked.path_and_query()));
        if let Ok(mut value) = HeaderValue::from_str(token.secret().expose()) {
            value.set_sensitive(true);
            request = request.header("x-token", value);
        }
        if let Some(venue) = asked.venue() {
            request = request.header("x-venue", venue.0);
        }
        let received = self.receive(request, &secrets).await;
        let outcome = received.outcome;
        let (result, bytes) = match received.body {
            Ok(body) => repeat::read(asked, &reply(&body, &outcome, received.redirect.as_deref(), &secrets), known),
            Err(verdict) => (Err(verdict), None),
        };
        Fetched { result, outcome, bytes, dated: received.dated, took: clock::uptime().since(started) }
    }

    async fn receive(&self, request: reqwest::RequestBuilder, secrets: &[&str]) -> Received {
        let mut received = Received {
            body: Err(Verdict::Passing { why: Said::own("") }),
            outcome: Outcome::default(),
            redirect: None,
            dated: None,
        };
        let sent_at = clock::now();
        let reading = async {
            let sent = request.header(ACCEPT, "application/json").send().await;
            let response = sent.map_err(|error| {
                received.outcome.never_left = error.is_connect();
                Broken::Way(error)
            })?;
            received.outcome.status = Some(response.status().as_u16());
            received.outcome.rate_limit = rate_limit(response.headers());
            received.dated = dated(response.headers(), sent_at, clock::now());
            if response.status().is_redirection() {
                received.redirect = Some(target(response.headers()));
            }
            read_body(response, self.body_bytes_max).await
        };
        let read = tokio::time::timeout(self.time_limit, reading).await.unwrap_or(Err(Broken::Late(self.time_limit)));
        received.body = read.map_err(|broken| broken.verdict(secrets));
        received
    }
}

/// What came over the network, before anybody looked at it.
struct Received {
    body: Result<Vec<u8>, Verdict>,
    outcome: Outcome,
    redirect: Option<String>,
    dated: Option<Dated>,
}

/// Why no whole body came.
enum Broken {
    Way(reqwest::Error),
    Body(reqwest::Error),
    TooLarge(usize),
    Late(Duration),
}

impl Broken {
    fn verdict(self, secrets: &[&str]) -> Verdict {
        match self {
            Self::Way(error) if error.is_builder() => Verdict::Refused { why: Said::new(&causes(&error), secrets) },
            Self::Way(error) => Verdict::Passing { why: Said::new(&causes(&error), secrets) },
            Self::Body(error) if was_reset(&error) => Verdict::Passing { why: Said::new(&causes(&error), secrets) },
            Self::Body(error) => {
                Verdict::Unreadable { why: Said::new(&format!("the body is cut off: {}", causes(&error)), secrets) }
            }
            Self::TooLarge(limit) => {
                let why = format!("the body is larger than {} KiB, the limit", limit / 1024);
                Verdict::Unreadable { why: Said::own(&why) }
            }
            Self::Late(limit) => {
                let why = format!("no complete answer within {} s", limit.as_secs_f32());
                Verdict::Passing { why: Said::own(&why) }
            }
        }
    }
}

/// Reads the body piece by piece, so that a small compressed one that unfolds without end is left at the limit.
async fn read_body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(Broken::Body)? {
        if body.len() + piece.len() > bytes_max {
            return Err(Broken::TooLarge(bytes_max));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn reply<'a>(body: &'a [u8], outcome: &Outcome, redirect: Option<&'a str>, secrets: &'a [&'a str]) -> Reply<'a> {
    Reply { status: outcome.status.unwrap_or(0), rate_limit: outcome.rate_limit, redirect, body, secrets }
}

fn rate_limit(headers: &HeaderMap) -> RateLimit {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    RateLimit::read(text("ratelimit-limit"), text("ratelimit-remaining"), text("ratelimit-reset"), text("retry-after"))
}

fn dated(headers: &HeaderMap, sent_at: Timestamp, heard_at: Timestamp) -> Option<Dated> {
    Dated::read(headers.get(DATE)?.to_str().ok()?, sent_at, heard_at)
}

/// Returns where a redirect points, without path and query.
fn target(headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
    Url::parse(location)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| "another path of the same host".to_owned())
}

/// Puts an error and its causes into one line, without the URL that reqwest repeats in each.
fn causes(error: &reqwest::Error) -> String {
    if let Some(why) = tls::reason(error) {
        let host = error.url().and_then(Url::host_str).unwrap_or("the server");
        return format!("could not agree on TLS with {host}: {why}");
    }
    let mut line = if error.is_connect() { "no connection" } else { "the connection failed" }.to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

fn was_reset(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the test server's task is aborted when the server is dropped")]

    use std::fmt::Write as _;
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::catalog::StopEntry;
    use crate::units::{ProductId, Quantity, VenueId};

    const SECRET: &str = "brand/secret-0123456789";
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.very-secret.token";
    const LIST: &str = r#"{"success":true,"data":[{"id":54,"limit":0,"timestamp":1761202010781}]}"#;
    const SILENCE: &[u8] = b"(silence)";
    const LIST_GZIPPED: &str = "1f8b080000000000020305c1310ac0200c05d0bbfcd92191b6965ca57410750854284d9cc4bbf7bd091ba53433887fa305d4ec19724d6885ec5bc0a35d1d4201aebd99e7fe42381d1c2912533a79ddeb0797bc6e9047000000";

    /// Says the same to everybody, byte by byte as given, and hangs up; after [`SILENCE`] it does neither.
    struct Server {
        base_url: String,
        heard: Arc<Mutex<Vec<String>>>,
        task: JoinHandle<()>,
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.task.abort();
        }
    }

    async fn server(answer: Vec<u8>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}/open-api/v2", listener.local_addr().expect("bound"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                log.lock().expect("log").push(request);
                if answer == SILENCE {
                    silent.push(stream);
                    continue;
                }
                // Errors are the client's business: it hangs up on what is too large.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        Server { base_url, heard, task }
    }

    async fn read_request(stream: &mut TcpStream) -> String {
        let mut request = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
            if let Some(end) = text.find("\r\n\r\n") {
                let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
                if request.len() >= end + 4 + length.unwrap_or(0) {
                    break;
                }
            }
            let mut piece = [0; 1024];
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(n) => request.extend_from_slice(&piece[..n]),
            }
        }
        String::from_utf8_lossy(&request).into_owned()
    }

    fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    fn client(base_url: &str) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let brand = BrandSettings {
            brand: BrandId::new("sahil").expect("slug"),
            client_id: "abc".to_owned(),
            client_secret: Secret::new(SECRET),
            requests_per_minute: 240,
        };
        let settings = Settings {
            base_url: base_url.to_owned(),
            integrator_id: "int-123".to_owned(),
            time_limit: Duration::from_millis(1_500),
            body_bytes_max: 256 * 1024,
            ca_file: None,
            brands: vec![brand],
        };
        connect(&settings).expect("settings are right").remove(0)
    }

    fn token() -> Token {
        Token::new(Secret::new(TOKEN), Duration::from_hours(1), clock::uptime())
    }

    fn ask() -> Request {
        Request::StopList { venue: VenueId(7), only: Vec::new() }
    }

    async fn fetch_from(answer: Vec<u8>) -> Fetched {
        let server = server(answer).await;
        client(&server.base_url).fetch(&ask(), &token(), None).await
    }

    fn unhex(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
    }

    /// A gzip stream of some hundred KB that unfolds to 64 MB of zeros: one literal, then copies of 258 bytes each.
    fn bomb() -> Vec<u8> {
        let mut bits: Vec<bool> = vec![true, true, false];
        let push = |bits: &mut Vec<bool>, code: u32, length: u32| {
            bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
        };
        push(&mut bits, 0b0011_0000, 8);
        for _ in 0..250_000 {
            push(&mut bits, 0b1100_0101, 8);
            push(&mut bits, 0, 5);
        }
        let mut bytes = unhex("1f8b0800000000000003");
        bytes.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | u8::from(*bit))));
        bytes
    }

    #[tokio::test]
    async fn a_read_carries_token_and_venue_and_brings_the_list() {
        let gzipped = http("200 OK", "Content-Encoding: gzip\r\n", &unhex(LIST_GZIPPED));
        let limits = "RateLimit-Limit: 300\r\nRateLimit-Remaining: 123\r\nRateLimit-Reset: 9\r\n";
        for answer in [http("200 OK", limits, LIST.as_bytes()), gzipped] {
            let server = server(answer).await;
            let fetched = client(&format!("{}/", server.base_url)).fetch(&ask(), &token(), None).await;
            let Ok((Answer::StopList(list), odd)) = fetched.result else { panic!("{fetched:?}") };
            let updated_at = Some(Timestamp::from_unix_ms(1_761_202_010_781));
            assert_eq!(list.entries, [StopEntry { product: ProductId(54), limit: Quantity::ZERO, updated_at }]);
            assert_eq!((list.whole, odd.count, fetched.outcome.status), (true, 0, Some(200)));
            let heard = server.heard.lock().expect("log").join("");
            assert!(heard.starts_with("GET /open-api/v2/products/stop-list HTTP/1.1\r\n"), "{heard}");
            for header in [format!("x-token: {TOKEN}"), "x-venue: 7".to_owned(), "accept-encoding: gzip".to_owned()] {
                assert!(heard.contains(&format!("{header}\r\n")), "{header} in {heard}");
            }
            assert!(heard.contains("user-agent: eightysix/") && !heard.contains("authorization"), "{heard}");
        }
    }

    #[tokio::test]
    async fn the_headers_of_the_limits_reach_the_budget() {
        let limits = "RateLimit-Limit: 300\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 33\r\n";
        let fetched = fetch_from(http("429 Too Many Requests", limits, b"slow down")).await;
        let wait = Duration::from_secs(33);
        assert_eq!(fetched.result, Err(Verdict::RateLimited { wait }));
        let rate_limit = RateLimit { limit: Some(300), remaining: Some(0), reset: Some(wait) };
        assert_eq!(fetched.outcome, Outcome { status: Some(429), never_left: false, rate_limit });
    }

    #[tokio::test]
    async fn the_clock_of_the_server_is_heard_also_of_a_failure() {
        for (status, date, expected) in [
            ("200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some("1994-11-06T08:49:37.000Z")),
            ("503 Service Unavailable", "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some("1994-11-06T08:49:37.000Z")),
            ("200 OK", "Date: yesterday\r\n", None),
            ("200 OK", "", None),
        ] {
            let fetched = fetch_from(http(status, date, LIST.as_bytes())).await;
            assert_eq!(fetched.dated.map(|dated| dated.said.to_string()).as_deref(), expected, "{status} {date}");
            let is_in_order = |dated: Dated| dated.sent_at <= dated.heard_at && dated.heard_at <= clock::now();
            assert!(fetched.dated.is_none_or(is_in_order), "{fetched:?}");
        }
    }

    #[tokio::test]
    async fn a_login_sends_the_four_names_and_brings_a_token() {
        let answer = format!(r#"{{"success":true,"token":"{TOKEN}","token_type":"Bearer","expires_in":3600}}"#);
        let server = server(http("200 OK", "", answer.as_bytes())).await;
        let logged_in = client(&server.base_url).authenticate().await;
        assert_eq!(logged_in.result.expect("a token").secret().expose(), TOKEN);
        let heard = server.heard.lock().expect("log").join("");
        assert!(heard.starts_with("POST /open-api/v2/auth HTTP/1.1\r\n"), "{heard}");
        let body: serde_json::Value =
            serde_json::from_str(heard.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
        let sent = serde_json::json!({
            "client_id": "abc", "client_secret": SECRET, "brand": "sahil", "integrator_id": "int-123"
        });
        assert_eq!(body, sent);
    }

    #[tokio::test]
    async fn whatever_a_network_answers_ends_in_a_verdict() {
        let bomb = bomb();
        assert!(bomb.len() > 256 * 1024 && bomb.len() < 512 * 1024, "{}", bomb.len());
        let cases = [
            ("HTML", http("200 OK", "", b"<html>Welcome to the guest network</html>"), "unreadable", "guest network"),
            ("an empty body", http("200 OK", "", b""), "unreadable", "empty"),
            ("nothing at all", Vec::new(), "passing", "connection"),
            ("no HTTP", b"SSH-2.0-OpenSSH\r\n".to_vec(), "passing", "connection"),
            (
                "a body cut by the way",
                format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{LIST}").into_bytes(),
                "unreadable",
                "cut off",
            ),
            (
                "a chunked body cut by the way",
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n{LIST}").into_bytes(),
                "unreadable",
                "cut off",
            ),
            (
                "a body cut by the server",
                http("200 OK", "", &LIST.as_bytes()[..40]),
                "unreadable",
                "cut off after 40 bytes",
            ),
            ("a bad gzip", http("200 OK", "Content-Encoding: gzip\r\n", b"plain"), "unreadable", "cut off"),
            ("a gzip bomb", http("200 OK", "Content-Encoding: gzip\r\n", &bomb), "unreadable", "larger than 256 KiB"),
            ("a large body", http("200 OK", "", &vec![b' '; 300 * 1024]), "unreadable", "larger than 256 KiB"),
            ("a page of a gateway", http("502 Bad Gateway", "", b"<html>"), "passing", "502"),
            ("nothing, and the line stays open", SILENCE.to_vec(), "passing", "within 1.5 s"),
        ];
        for (name, answer, word, says) in cases {
            let fetched = fetch_from(answer).await;
            let verdict = fetched.result.expect_err(name);
            assert_eq!(verdict.word(), word, "{name}: {verdict}");
            assert!(verdict.to_string().contains(says), "{name}: {verdict}");
            assert!(!fetched.outcome.never_left, "{name}");
            assert!(fetched.took < Duration::from_secs(10), "{name}");
        }
    }

    #[tokio::test]
    async fn what_never_left_is_told_apart() {
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("bound");
        // Hangs up on the greeting of TLS.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let no_tls = listener.local_addr().expect("bound");
        let task = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        for (base_url, says) in [
            (format!("http://{closed}"), "refused"),
            ("http://no-such-host.invalid".to_owned(), "no connection"),
            (format!("https://{no_tls}"), "no connection"),
        ] {
            let fetched = client(&base_url).fetch(&ask(), &token(), None).await;
            let verdict = fetched.result.expect_err(&base_url);
            assert_eq!(verdict.word(), "passing", "{base_url}: {verdict}");
            assert!(verdict.to_string().to_lowercase().contains(says), "{base_url}: {verdict}");
            assert!(fetched.outcome.never_left && fetched.outcome.status.is_none(), "{base_url}");
        }
        task.abort();
    }

    #[tokio::test]
    async fn no_redirect_is_followed_and_no_token_goes_astray() {
        let elsewhere = server(http("200 OK", "", LIST.as_bytes())).await;
        for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
            let location = format!("Location: {}/x?{TOKEN}\r\n", elsewhere.base_url);
            let server = server(http(status, &location, b"")).await;
            let fetched = client(&server.base_url).fetch(&ask(), &token(), None).await;
            let verdict = fetched.result.expect_err(status);
            assert_eq!(verdict.word(), "unreadable", "{verdict}");
            assert!(verdict.to_string().contains("a redirect to 127.0.0.1"), "{verdict}");
            let login = client(&server.base_url).authenticate().await;
            assert_eq!(login.result.expect_err(status).word(), "unreadable");
        }
        assert_eq!(*elsewhere.heard.lock().expect("log"), Vec::<String>::new());
    }

    #[tokio::test]
    async fn settings_that_are_no_web_address_are_refused() {
        let settings = |base_url: &str| Settings {
            base_url: base_url.to_owned(),
            integrator_id: String::new(),
            time_limit: TIME_LIMIT,
            body_bytes_max: BODY_BYTES_MAX,
            ca_file: None,
            brands: Vec::new(),
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        for base_url in ["", "integrations.clopos.com", "ftp://x/y", "https://x/y?z=1", "https://x/#y", "http://"] {
            let error = connect(&settings(base_url)).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains("is not a web address"), "{base_url}: {error}");
        }
        assert!(connect(&settings(BASE_URL)).is_ok());
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("log").extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn no_failure_shows_a_secret() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        // Other tests of this process may have met the same lines with nobody listening, and that is remembered.
        tracing::callsite::rebuild_interest_cache();
        tracing::trace!("the log is captured");
        let echo = format!("{} {SECRET} {TOKEN} {}", "y".repeat(170), SECRET.replace('/', "\\/"));
        let error = format!(r#"{{"success":false,"error":"Invalid token","message":"{echo}"}}"#);
        let answers = [
            http("401 Unauthorized", "", error.as_bytes()),
            http("400 Bad Request", "", error.as_bytes()),
            http("200 OK", "", error.as_bytes()),
            http("200 OK", "", echo.as_bytes()),
            http("500 Oops", "", format!("<p>{SECRET}{TOKEN}</p>").as_bytes()),
            http("302 Found", &format!("Location: https://{TOKEN}.example/{SECRET}\r\n"), b""),
            http("200 OK", "", format!(r#"{{"success":true,"data":"{SECRET}"}}"#).as_bytes()),
            http("200 OK", "", format!(r#"{{"success":true,"token":"{TOKEN}"}} Warning: odd"#).as_bytes()),
            Vec::new(),
        ];
        let mut shown = String::new();
        for answer in answers {
            let server = server(answer).await;
            let client = client(&server.base_url);
            let fetched = client.fetch(&ask(), &token(), None).await;
            let login = client.authenticate().await;
            let (read, logged_in) = (fetched.result.clone().expect_err("it fails"), login.result.clone());
            let logged_in = logged_in.expect_err("it fails");
            writeln!(shown, "{read} {logged_in} {fetched:?} {:?} {:?}", login.outcome, client.brand).expect("a string");
        }
        drop(guard);
        let logged = String::from_utf8_lossy(&log.0.lock().expect("log")).into_owned();
        assert!(logged.contains("the log is captured"), "{logged}");
        // Half of one is too much as well.
        for secret in ["secret-01", "very-secret", "eyJhbGciOi"] {
            assert!(!shown.to_lowercase().contains(&secret.to_lowercase()), "{secret} in {shown}");
            assert!(!logged.to_lowercase().contains(&secret.to_lowercase()), "{secret} in the log");
        }
        assert!(shown.contains("•••"), "{shown}");
    }
}
