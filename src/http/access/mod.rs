//! Who may see and change what on the web side: tokens, a proxy that names its users, and whoever sits at this machine.
//!
//! Decides for each request and keeps nothing of it but how often somebody failed. Invariant: a request that is let in
//! has a `Visitor`, and one that changes something came from a page of ours or from a program that names its token.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use crate::broker;
use crate::http::PublicUrl;
use crate::http::access::session::{Reach, Sessions};
use crate::http::limit::{Count, PerMinute};
use crate::http::stream::Holder;
use crate::units::{Secret, Timestamp, Uptime, printable};

mod gate;
mod login;
pub(super) mod refusal;
mod session;

pub(super) use gate::admit;
pub(super) use login::router as login_router;
pub(super) use session::signature;

/// What is for administrators alone.
const RELOAD: &str = "/api/v1/reload";

/// Tokens that do not fit, by address and minute: nobody mistypes so often, and a token is not guessed by so few.
const FAILURES_PER_MINUTE_MAX: u32 = 10;
/// Characters of a token at least: half of them drawn at random are beyond guessing.
pub const TOKEN_LENGTH_MIN: usize = 16;
/// Characters of the name that a proxy gives to somebody.
const NAME_LENGTH_MAX: usize = 100;

/// What somebody may do; each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See everything.
    Read,
    /// Acknowledge, silence, send again.
    Act,
    /// Reload the configuration.
    Admin,
}

impl Role {
    /// The words of the configuration and what they stand for.
    pub const WORDS: [(&'static str, Self); 3] = [("read", Self::Read), ("act", Self::Act), ("admin", Self::Admin)];

    /// Returns its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Act => "act",
            Self::Admin => "admin",
        }
    }
}

/// A token that is given to a person, a screen or a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What whoever has it may do.
    pub may: Role,
    /// The token.
    pub secret: Secret,
}

/// A proxy in front of the web side: it says from where its requests come, and may have asked its users who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// From where it comes; the headers of anybody else mean nothing.
    pub from: Vec<IpAddr>,
    /// How it names its users; `None` for one that asks nobody.
    pub users: Option<Users>,
}

/// The users of a proxy that has asked them who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    /// The header that names the user, in small letters.
    pub header: String,
    /// What they may do.
    pub may: Role,
}

/// Who is let in. With neither tokens nor a proxy it is whoever sits at this machine, and he may do everything.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Settings {
    /// The tokens by their names.
    pub tokens: BTreeMap<String, Token>,
    /// The proxy.
    pub proxy: Option<Proxy>,
}

impl Settings {
    /// Says whether nobody is asked who he is.
    pub fn asks_nobody(&self) -> bool {
        self.tokens.is_empty() && self.users().is_none()
    }

    fn users(&self) -> Option<&Users> {
        self.proxy.as_ref().and_then(|proxy| proxy.users.as_ref())
    }
}

/// Returns what is wrong with who is let in, as sentences for people, each with the setting that it is about.
pub(super) fn problems(
    settings: &Settings,
    listen: SocketAddr,
    public_url: Option<&PublicUrl>,
) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mend = "write tokens, such as { wall: { may: read, token: { file: secrets/wall } } }, or a proxy that asks";
    if settings.asks_nobody() && broker::is_open_to_others(listen) {
        let why = format!("other machines reach {listen}, and nobody is asked who he is");
        found.push(("listen", format!("{why}: {mend}, or let http listen on 127.0.0.1")));
    } else if settings.asks_nobody() && public_url.is_some_and(|url| !url.is_local()) {
        let why = "others reach the web side by the public_url, and nobody is asked who he is";
        found.push(("public_url", format!("{why}: {mend}")));
    }
    if settings.users().is_some() && public_url.is_none() {
        let why = "a proxy that names its users needs the public_url under which they reach it: a request by another name \
            was not made by its pages; write it, such as public_url: https://86.example.com";
        found.push(("proxy", why.to_owned()));
    }
    let tokens: Vec<(&String, &Token)> = settings.tokens.iter().collect();
    for (at, (name, token)) in tokens.iter().enumerate() {
        let length = token.secret.expose().chars().count();
        if length < TOKEN_LENGTH_MIN {
            let long = "make one with: openssl rand -base64 32";
            let why =
                format!("the token '{name}' has {length} characters, and needs at least {TOKEN_LENGTH_MIN}: {long}");
            found.push(("tokens", why));
        }
        if let Some((other, _)) = tokens[..at].iter().find(|(_, other)| other.secret == token.secret) {
            let why = format!("the tokens '{other}' and '{name}' are the same, so nobody knows who used it: make two");
            found.push(("tokens", why));
        }
    }
    found
}

/// By what somebody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// He sits at this machine.
    Here,
    /// A program names its token with each request.
    Bearer,
    /// A browser that logged in, when that was.
    Session(Timestamp),
    /// The proxy named him.
    Proxy,
}

/// Somebody who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The name of his token, or the one that the proxy gave; empty for whoever sits at this machine.
    pub(super) name: String,
    /// What he may do.
    pub(super) may: Role,
    /// By what he is known.
    pub(super) by: Means,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// He did not say who he is.
    Unknown,
    /// What he says does not fit.
    Wrong,
    /// He was wrong too often.
    TooOften,
    /// He may not do that.
    NotAllowed(Role),
    /// The request comes from a page of somebody else.
    CrossSite,
    /// The request was meant for another name: a page elsewhere made its name lead to this machine.
    ForeignHost,
}

/// Who is let in, and who failed.
pub(super) struct Gate {
    settings: Settings,
    sessions: Sessions,
    /// The name under which the proxy is reached: what browsers send to it comes from our pages, and to another name does not.
    public_host: Option<String>,
    public_path: String,
    is_encrypted: bool,
    failures: Mutex<PerMinute<IpAddr>>,
}

impl Gate {
    pub(super) fn new(settings: Settings, public_url: Option<&PublicUrl>, port: u16, key: Secret) -> Self {
        Self {
            sessions: Sessions::new(key, port),
            settings,
            public_path: public_url.map(|url| url.path().to_owned()).unwrap_or_default(),
            is_encrypted: public_url.is_some_and(PublicUrl::is_encrypted),
            public_host: public_url.map(|url| url.authority().to_owned()),
            failures: Mutex::new(PerMinute::new(FAILURES_PER_MINUTE_MAX)),
        }
    }

    /// Returns where the browser of a request reaches us: through the proxy, or past it by an address of this house.
    fn reach(&self, headers: &HeaderMap) -> Reach<'_> {
        let is_public = is_host(headers, self.public_host.as_deref());
        Reach { base: if is_public { &self.public_path } else { "" }, is_encrypted: is_public && self.is_encrypted }
    }

    /// Finds out who asks, and whether he may.
    pub(super) fn visitor(
        &self,
        request: &Parts,
        peer: IpAddr,
        wall: Timestamp,
        now: Uptime,
    ) -> Result<Visitor, Refusal> {
        let visitor = self.known(&request.headers, peer, wall, now)?;
        let changes = !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
        // A browser sends its cookie, its address and what the proxy adds along with whatever page asks for it; a token it
        // sends only for whoever knows it.
        if changes && visitor.by != Means::Bearer && !is_same_origin(&request.headers, self.public_host.as_deref()) {
            return Err(Refusal::CrossSite);
        }
        let needed = if request.uri.path() == RELOAD { Role::Admin } else { Role::Act };
        if changes && visitor.may < needed { Err(Refusal::NotAllowed(needed)) } else { Ok(visitor) }
    }

    fn known(&self, headers: &HeaderMap, peer: IpAddr, wall: Timestamp, now: Uptime) -> Result<Visitor, Refusal> {
        if let Some(visitor) = self.named_by_proxy(headers, peer) {
            // A page elsewhere whose name was made to lead to this machine could name its user itself.
            let is_ours = is_host(headers, self.public_host.as_deref());
            return if is_ours { Ok(visitor) } else { Err(Refusal::ForeignHost) };
        }
        // Where there are no tokens, none can fit.
        if let Some(token) = bearer(headers).filter(|_| !self.settings.tokens.is_empty()) {
            let (name, may) = self.tried(token, self.source(headers, peer), now)?;
            return Ok(Visitor { name, may, by: Means::Bearer });
        }
        if let Some((name, at, token)) = self.sessions.read(headers, &self.settings.tokens, wall) {
            return Ok(Visitor { name: name.to_owned(), may: token.may, by: Means::Session(at) });
        }
        if !self.settings.asks_nobody() {
            return Err(Refusal::Unknown);
        }
        if is_host_of_this_machine(headers, self.public_host.as_deref()) {
            Ok(Visitor { name: String::new(), may: Role::Admin, by: Means::Here })
        } else {
            Err(Refusal::ForeignHost)
        }
    }

    /// Looks a token up and returns its name and what it allows; counts those that do not fit.
    pub(super) fn tried(&self, token: &str, source: IpAddr, now: Uptime) -> Result<(String, Role), Refusal> {
        let source = network(source);
        if self.failures().is_used_up(&source, now) {
            return Err(Refusal::TooOften);
        }
        if let Some((name, found)) = self.sessions.find(&self.settings.tokens, token) {
            return Ok((name.to_owned(), found.may));
        }
        if self.failures().count(&source, now) != Count::Within || self.failures().is_used_up(&source, now) {
            tracing::warn!(%source, "{FAILURES_PER_MINUTE_MAX} wrong tokens within a minute; no token is looked at for the rest of it");
        }
        Err(Refusal::Wrong)
    }

    /// Returns from where a request comes: what the proxy says, if it comes from there.
    pub(super) fn source(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
        let last = forwarded.and_then(|value| value.rsplit(',').next()).and_then(|last| last.trim().parse().ok());
        if self.is_proxy(peer) { last.unwrap_or(peer) } else { peer }
    }

    /// Returns whom the streams of a visitor are counted for: a token or a user by the name, and by his address whoever has none.
    fn holder(&self, visitor: &Visitor, headers: &HeaderMap, peer: IpAddr) -> Holder {
        match visitor.by {
            Means::Bearer | Means::Session(_) | Means::Proxy => Holder::Named(visitor.name.clone()),
            Means::Here => Holder::Address(network(self.source(headers, peer))),
        }
    }

    fn named_by_proxy(&self, headers: &HeaderMap, peer: IpAddr) -> Option<Visitor> {
        let users = self.settings.users().filter(|_| self.is_proxy(peer))?;
        let name = std::str::from_utf8(headers.get(&users.header)?.as_bytes()).ok()?.trim();
        (!name.is_empty()).then(|| Visitor { name: printable(name, NAME_LENGTH_MAX), may: users.may, by: Means::Proxy })
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.settings.proxy.as_ref().is_some_and(|proxy| proxy.from.contains(&peer.to_canonical()))
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, PerMinute<IpAddr>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns what one subscriber has of addresses: of IPv6 it is a whole network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Says whether a request that changes something was made by a page of ours, as browsers say it of themselves. A program
/// that is no browser says nothing of the kind, and has no cookie of somebody else.
fn is_same_origin(headers: &HeaderMap, public_host: Option<&str>) -> bool {
    let text = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or("?"));
    match (text(header::HeaderName::from_static("sec-fetch-site")), text(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => {
            let Some((_, host)) = origin.split_once("://") else { return false };
            text(header::HOST) == Some(host) || public_host == Some(host)
        }
        (None, None) => !headers.contains_key(header::COOKIE),
    }
}

/// Says whether a request was meant for this name.
fn is_host(headers: &HeaderMap, name: Option<&str>) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some() && host == name
}

/// Says whether a request was meant for this machine. A name that leads here may be anybody's: his pages would speak to us as
/// if they were ours.
fn is_host_of_this_machine(headers: &HeaderMap, public_host: Option<&str>) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    if public_host == Some(host) {
        return true;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let ip: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
    name == "localhost" || name.ends_with(".localhost") || ip.is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
