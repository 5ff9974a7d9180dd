//! Webhooks: one signed POST per attempt, to addresses that are allowed, and what the answer means.
//!
//! Owns the HTTP client for receivers. Must never follow a redirect, use a proxy, connect to an address that
//! `reach` refuses, or show more of the receiver's address than its host: for many services the address is the
//! password. Invariant: the body is sent byte for byte as it is signed.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, Url};

use self::answer::Answer;
use self::reach::{Guard, Kind, NoWay};
use self::sign::Key;
use crate::alerts::link;
use crate::alerts::notice::{Event, NoticeId};
use crate::mask;
use crate::sinks::{self, Outcome, Problem};
use crate::tls;
use crate::units::{Secret, Timestamp, printable};

pub mod answer;
mod reach;
mod sign;

pub use self::reach::Allowed;

/// The default of [`Settings::time_max`]: the lower end of the 15 to 30 s that Standard Webhooks advises.
pub const TIME_MAX_DEFAULT: Duration = Duration::from_secs(15);
/// Secrets of one receiver: the old and the new one while it changes them.
pub const SECRETS_MAX: usize = 2;
/// Bytes of an answer's body that are read: enough for a reason, too few to be kept busy with.
const ANSWER_BYTES_MAX: usize = 2_048;
/// Characters of a cause that are shown.
const CAUSE_MAX: usize = 200;
/// Our own headers and those that HTTP sets itself.
const HEADERS_RESERVED: [&str; 8] = [
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "host",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// Where a receiver's webhooks go and how they are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The receiver's `https://` address. It is kept as a secret, because with many services who knows it may post.
    pub url: Secret,
    /// None to two secrets, `whsec_` with base64 or plain text; every request is signed with each of them.
    pub secrets: Vec<Secret>,
    /// Further headers, such as an `Authorization` that the receiver asks for.
    pub headers: Vec<(String, Secret)>,
    /// Hosts, addresses and networks outside the public Internet that may be reached; nothing else there may.
    pub allow_private: Vec<Allowed>,
    /// Whether `http://` is accepted for other receivers than those in `allow_private`: everyone on the way can then
    /// read the notices (but not forge them).
    pub plain_http: bool,
    /// PEM certificates to trust instead of the system's, for a receiver with its own authority.
    pub ca_file: Option<PathBuf>,
    /// The time for one attempt, from resolving the name to the end of the answer.
    pub time_max: Duration,
}

impl Settings {
    /// Returns the defaults for this address: unsigned, no private addresses, 15 s.
    pub fn for_url(url: Secret) -> Self {
        Self {
            url,
            secrets: Vec::new(),
            headers: Vec::new(),
            allow_private: Vec::new(),
            plain_http: false,
            ca_file: None,
            time_max: TIME_MAX_DEFAULT,
        }
    }
}

/// Posts events to one receiver.
pub struct WebhookSink {
    client: Client,
    url: Url,
    host: String,
    keys: Vec<Key>,
    headers: HeaderMap,
    allowed: Arc<[Allowed]>,
    time_max: Duration,
    /// What a receiver could repeat in its answer and must not be shown.
    hidden: Vec<String>,
}

impl WebhookSink {
    /// Prepares the client; connects nowhere yet. A rustls crypto provider must be installed.
    ///
    /// # Errors
    /// Every setting that cannot work, at once.
    pub fn new(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let keys = keys(&settings.secrets).map_err(|problem| problems.push(problem));
        let headers = headers(&settings.headers).map_err(|problem| problems.push(problem));
        let url = url(settings).map_err(|problem| problems.push(problem));
        let client = client(settings).map_err(|problem| problems.push(problem));
        let (Ok(keys), Ok(headers), Ok(url), Ok(client)) = (keys, headers, url, client) else { return Err(problems) };
        Ok(Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            hidden: hidden(settings, &url),
            client,
            url,
            keys,
            headers,
            allowed: settings.allow_private.clone().into(),
            time_max: settings.time_max,
        })
    }

    /// Makes one attempt; ends within [`Settings::time_max`]. `now` is the time of the attempt, which is signed.
    ///
    /// Delivered: 2xx, whatever becomes of the body behind it. Gone: 410. Later: everything else, with the wait of
    /// `Retry-After` (at most a day; `delivery` waits 4 hours at most); also a connection that broke with an unknown end, since `webhook-id` lets the
    /// receiver recognise the repetition.
    pub async fn deliver(&self, event: &Event, id: &NoticeId, now: Timestamp) -> Outcome {
        let Ok(notice_id) = HeaderValue::from_str(id.as_str()) else {
            return Outcome::Never { why: format!("the notice id {id:?} does not fit into a header") };
        };
        let mut request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/cloudevents+json")
            .header("webhook-id", notice_id)
            .header("webhook-timestamp", now.unix_s());
        if !self.keys.is_empty() {
            let signed = sign::signatures(&self.keys, id.as_str(), now, &event.body);
            request = request.header("webhook-signature", signed);
        }
        match request.body(event.body.clone()).send().await {
            Ok(response) => answer::outcome(&self.host, &self.read(response).await, now),
            Err(error) => Outcome::later(self.explain(&error)),
        }
    }

    /// Tries everything but an event: resolve, connect, TLS and a `HEAD` request, which asks for nothing to be done.
    ///
    /// Any answer but a redirect and 410 is fine, since many receivers take nothing but POST and answer 404 or 405.
    ///
    /// # Errors
    /// Which step failed and why, for people.
    pub async fn probe(&self) -> Result<(), String> {
        let response = self
            .client
            .head(self.url.clone())
            .headers(self.headers.clone())
            .send()
            .await
            .map_err(|error| self.explain(&error))?;
        let status = response.status();
        if status.is_redirection() || status.as_u16() == 410 {
            let answer = self.read(response).await;
            return match answer::outcome(&self.host, &answer, Timestamp::from_unix_ms(0)) {
                Outcome::Delivered => Ok(()),
                Outcome::DeliveredInPart { why }
                | Outcome::Later { why, .. }
                | Outcome::Never { why }
                | Outcome::Gone { why } => Err(why),
            };
        }
        Ok(())
    }

    async fn read(&self, mut response: Response) -> Answer {
        let header = |name: HeaderName| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let location = header(LOCATION).map(|to| self.masked(&to));
        let (retry_after, date) = (header(RETRY_AFTER), header(DATE));
        let mut body = Vec::new();
        if !response.status().is_success() {
            // The client's time limit covers the body as well; a body that breaks off leaves what came of it.
            while let (true, Ok(Some(chunk))) = (body.len() < ANSWER_BYTES_MAX, response.chunk().await) {
                body.extend_from_slice(&chunk);
            }
            body.truncate(ANSWER_BYTES_MAX);
        }
        let excerpt = self.masked(&String::from_utf8_lossy(&body));
        Answer { status: response.status().as_u16(), retry_after, date, location, excerpt }
    }

    fn masked(&self, said: &str) -> String {
        link::without_tokens(&mask::masked(said, &self.hidden))
    }

    /// Says which step failed and why; reqwest's own text would show the whole address.
    fn explain(&self, error: &reqwest::Error) -> String {
        if let Some(no_way) = no_way(error) {
            return no_way.to_string();
        }
        let host = &self.host;
        if let Some(why) = tls::reason(error) {
            return format!("could not agree on TLS with {host}: {why}");
        }
        let cause = printable(&self.masked(&sinks::root_cause(error)), CAUSE_MAX);
        if error.is_timeout() {
            let step = if error.is_connect() { "could not connect to" } else { "no answer from" };
            format!("{step} {host} within {} s", self.time_max.as_secs_f64())
        } else if error.is_connect() {
            format!("could not connect to {host}: {cause}")
        } else {
            format!("{host} broke the connection before its answer: {cause}")
        }
    }
}

/// Shows the host only.
impl fmt::Debug for WebhookSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSink").field("host", &self.host).field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

fn no_way(error: &reqwest::Error) -> Option<&NoWay> {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(no_way) = cause.downcast_ref::<NoWay>() {
            return Some(no_way);
        }
        cause = cause.source()?;
    }
}

fn keys(secrets: &[Secret]) -> Result<Vec<Key>, Problem> {
    if secrets.len() > SECRETS_MAX {
        let text = format!("{} secrets are too many; the old and the new one are {SECRETS_MAX}", secrets.len());
        return Err(Problem::new("secrets", text));
    }
    secrets.iter().map(|secret| Key::parse(secret).map_err(|text| Problem::new("secrets", text))).collect()
}

fn headers(wanted: &[(String, Secret)]) -> Result<HeaderMap, Problem> {
    let problem = |text| Problem::new("headers", text);
    let mut headers = HeaderMap::new();
    for (name, value) in wanted {
        let parsed: HeaderName =
            name.parse().map_err(|_| problem(format!("'{name}' cannot be the name of a header")))?;
        if HEADERS_RESERVED.contains(&parsed.as_str()) {
            return Err(problem(format!("the header '{name}' is set by eightysix itself; leave it out")));
        }
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| problem(format!("the value of the header '{name}' holds characters that HTTP forbids")))?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}

fn url(settings: &Settings) -> Result<Url, Problem> {
    let problem = |text: String| Problem::new("url", text);
    // Never repeats the text, which may be a password as a whole.
    let url = Url::parse(settings.url.expose())
        .map_err(|error| problem(format!("the address is not a url ({error}); write https://host/path")))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem(format!("the address of {host} holds an account; write it as a header instead")));
    }
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    if let Some(address) = literal {
        // reqwest asks the resolver for names only, so an address is judged here, once: it cannot change.
        reach::admit(address, &host, &settings.allow_private).map_err(problem)?;
    }
    let inside = literal.is_some_and(|address| reach::kind(address) != Kind::Public)
        || settings.allow_private.iter().any(|entry| entry.names(&host));
    match url.scheme() {
        "https" => Ok(url),
        "http" if settings.plain_http || inside => Ok(url),
        "http" => Err(problem(format!(
            "http:// to {host} lets everyone on the way read the notices; write https://, list the host in \
             allow_private or set plain_http"
        ))),
        other => Err(problem(format!("'{other}://' is not a way for webhooks; write https://host/path"))),
    }
}

fn client(settings: &Settings) -> Result<Client, Problem> {
    let mut builder = Client::builder()
        .user_agent(concat!("eightysix/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // A proxy would resolve the name itself, unguarded.
        .no_proxy()
        .dns_resolver(Arc::new(Guard { allowed: settings.allow_private.clone().into() }))
        // No connection is kept, so that every attempt asks the resolver again.
        .pool_max_idle_per_host(0)
        .no_gzip()
        .connect_timeout(settings.time_max)
        .timeout(settings.time_max);
    if let Some(path) = &settings.ca_file {
        let refuse = |why: String| {
            Problem::new("ca_file", format!("could not read certificates from {}: {why}", path.display()))
        };
        let certificates = tls::authorities(path).map_err(refuse)?;
        let certificates: Result<Vec<Certificate>, _> =
            certificates.iter().map(|der| Certificate::from_der(der)).collect();
        let certificates = certificates.map_err(|error| refuse(sinks::root_cause(&error)))?;
        builder = builder.tls_certs_only(certificates);
    }
    builder
        .build()
        .map_err(|error| Problem::new("url", format!("could not prepare HTTP: {}", sinks::root_cause(&error))))
}

/// Returns what must not be shown: the values of headers, the secrets, and the parts of the address behind its host.
fn hidden(settings: &Settings, url: &Url) -> Vec<String> {
    /// A shorter part of a path or a header is a word such as `services` or `Bearer`.
    const TOKEN_MIN: usize = 12;
    let mut hidden: Vec<String> = settings.secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    for (_, value) in &settings.headers {
        hidden.push(value.expose().to_owned());
        // `Bearer` and its token, or `Basic` and what stands in it: a receiver may repeat the one part alone.
        for part in value.expose().split_whitespace() {
            hidden.extend(STANDARD.decode(part).ok().and_then(|login| login_parts(&login)).unwrap_or_default());
            hidden.extend((part.len() >= TOKEN_MIN).then(|| part.to_owned()));
        }
    }
    let parts = url.path().split('/').chain(url.query().unwrap_or_default().split(['&', '=']));
    hidden.extend(parts.filter(|part| part.len() >= TOKEN_MIN).map(str::to_owned));
    hidden
}

/// Takes apart the `user:password` of basic authentication.
fn login_parts(login: &[u8]) -> Option<Vec<String>> {
    let login = std::str::from_utf8(login).ok()?;
    let (_, password) = login.split_once(':')?;
    Some(vec![login.to_owned(), password.to_owned()])
}
