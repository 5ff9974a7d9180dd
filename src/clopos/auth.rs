//! The life of a brand's token: when to fetch one, when to doubt it, when to stop asking.
//!
//! Pure. The token is opaque and secret; it is compared with nothing and shown to nobody. Invariant: a token that was
//! refused is fetched anew at once only if its predecessor had served, so a broken login never becomes a storm.

use std::time::Duration;

use crate::clopos::decode::{Reply, open};
use crate::clopos::verdict::{Said, Subject, Verdict};
use crate::clopos::wire::{self, AuthRow};
use crate::units::{BrandId, Secret, Timestamp, Uptime};

/// How long before its end a token is renewed: long enough for several tries through a passing trouble.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// The life assumed of a token whose answer states none that makes sense: short, yet far from hammering `/auth`.
const LIFE_ASSUMED: Duration = Duration::from_mins(10);
/// The shortest life that is believed: a clock that is wrong must not make a login for every request.
const LIFE_MIN: Duration = Duration::from_mins(2);
/// The longest life that is believed. The published one is an hour.
const LIFE_MAX: Duration = Duration::from_hours(24);
/// First and longest wait after a trouble that passes.
const PASSING_WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));
/// First and longest wait when a person must put something right: seen within minutes, never hammered.
const REFUSED_WAIT: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(15));
/// Tokens refused in quick succession, by one venue of many perhaps, cause one login in this time.
const STALE_LOGIN_EVERY: Duration = Duration::from_mins(1);

/// A token and how long it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    secret: Secret,
    renew_at: Uptime,
    ends_at: Uptime,
}

impl Token {
    /// Makes a token with a life counted from `now`.
    pub fn new(secret: Secret, life: Duration, now: Uptime) -> Self {
        let life = life.clamp(LIFE_MIN, LIFE_MAX);
        let renew_before = RENEW_BEFORE.min(life / 4);
        Self { secret, renew_at: now.plus(life.saturating_sub(renew_before)), ends_at: now.plus(life) }
    }

    /// Returns the value for the header `x-token`.
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns when it should be renewed while it still works, and when it ends.
    pub const fn life(&self) -> (Uptime, Uptime) {
        (self.renew_at, self.ends_at)
    }
}

/// Reads the answer of `/auth`. `wall` is the time of day at which it came, which `expires_at` is compared with.
///
/// # Errors
/// Returns the verdict of a refusal, a 200 with `success: false` included.
pub fn read_token(reply: &Reply<'_>, wall: Timestamp, now: Uptime) -> Result<Token, Verdict> {
    open(Subject::Auth, reply)?;
    let unreadable = |why: &str| Verdict::Unreadable { why: Said::own(why) };
    let body = reply.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(reply.body);
    let row: AuthRow<'_> = serde_json::from_slice(body).map_err(|_| unreadable("the answer to the login is odd"))?;
    let token = row.token.and_then(wire::text).filter(|token| !token.trim().is_empty());
    let token = token.ok_or_else(|| unreadable("the login succeeded without a token"))?;
    if !token.trim().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unreadable("the login gave a token that does not fit into a header"));
    }
    // Both are stated. `expires_at` is the one to trust, but it is by another clock: if ours is wrong, the other stays.
    let stated_s = [
        row.expires_at.and_then(wire::whole).map(|at_s| at_s.saturating_sub(wall.unix_s())),
        row.expires_in.and_then(wire::whole),
    ];
    let sane = |life_s: Option<i64>| {
        let life = Duration::from_secs(u64::try_from(life_s?).ok()?);
        (life >= LIFE_MIN && life <= LIFE_MAX).then_some(life)
    };
    let life = stated_s.into_iter().filter_map(sane).min().unwrap_or(LIFE_ASSUMED);
    Ok(Token::new(Secret::new(token.trim()), life, now))
}

/// What to do about the token now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send requests with it.
    Use(Lease),
    /// Send requests with it, and log in as soon as the budget allows: it ends soon.
    UseAndRenew(Lease),
    /// Log in.
    Login,
    /// Nothing works before this moment; ask again then.
    Wait(Uptime),
}

/// A token in use, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The token.
    pub token: Token,
    /// Counts the logins; tells a late refusal of an old token from one of the present token.
    pub generation: u64,
}

/// What a refused token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It was replaced already, or it will be now: repeat the request with the next one.
    LoginAgain,
    /// A fresh token was refused as well: an outage of the brand.
    Outage,
}

/// The login of one brand.
#[derive(Clone, Debug)]
pub struct Session {
    /// Spreads the waits of several brands, so that they do not log in together after an outage.
    spread: u64,
    token: Option<Token>,
    generation: u64,
    /// True when the present token was accepted at least once.
    served: bool,
    /// Failures in a row.
    failures: u32,
    login_not_before: Uptime,
    stale_login_at: Option<Uptime>,
}

impl Session {
    /// Starts without a token.
    pub fn new(brand: &BrandId) -> Self {
        // FNV-1a: any fixed mixing of the name will do.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self {
            spread: brand.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix),
            token: None,
            generation: 0,
            served: false,
            failures: 0,
            login_not_before: Uptime::default(),
            stale_login_at: None,
        }
    }

    /// Says what to do now.
    pub fn step(&self, now: Uptime) -> Step {
        let may_login = now >= self.login_not_before;
        match &self.token {
            Some(token) if now < token.ends_at => {
                let lease = Lease { token: token.clone(), generation: self.generation };
                if now >= token.renew_at && may_login { Step::UseAndRenew(lease) } else { Step::Use(lease) }
            }
            Some(_) | None if may_login => Step::Login,
            Some(_) | None => Step::Wait(self.login_not_before),
        }
    }

    /// Takes a new token.
    pub fn logged_in(&mut self, token: Token) {
        self.token = Some(token);
        self.generation += 1;
        self.served = false;
        // The failures stay counted until the token has served: a login that works proves little by itself.
    }

    /// Notes that a request was answered with this token, in whatever way but as stale.
    pub fn served(&mut self, generation: u64) {
        if generation == self.generation {
            self.served = true;
            self.failures = 0;
        }
    }

    /// Takes the refusal of a token (`Verdict::TokenStale` of a request).
    pub fn stale(&mut self, generation: u64, now: Uptime) -> Stale {
        if generation != self.generation || self.token.is_none() {
            return Stale::LoginAgain;
        }
        let lately = self.stale_login_at.is_some_and(|at| now.since(at) < STALE_LOGIN_EVERY);
        let outage = !self.served && self.failures > 0 || lately;
        if self.served && lately {
            // Others are served by it; only this request is not. The token stays.
            return Stale::Outage;
        }
        self.token = None;
        self.served = false;
        self.failures = self.failures.saturating_add(1);
        self.stale_login_at = Some(now);
        if outage {
            self.login_not_before = now.plus(self.wait(PASSING_WAIT));
            return Stale::Outage;
        }
        self.login_not_before = now;
        Stale::LoginAgain
    }

    /// Takes a failed login, and waits as long as its kind asks for. A token that still lives stays in use.
    pub fn login_failed(&mut self, verdict: &Verdict, now: Uptime) {
        self.failures = self.failures.saturating_add(1);
        let wait = match verdict {
            Verdict::RateLimited { wait } => *wait,
            Verdict::IntegratorRefused { .. }
            | Verdict::CredentialsRefused { .. }
            | Verdict::Forbidden { .. }
            | Verdict::NotFound { .. }
            | Verdict::Refused { .. } => self.wait(REFUSED_WAIT),
            Verdict::TokenStale { .. } | Verdict::Passing { .. } | Verdict::Unreadable { .. } => {
                self.wait(PASSING_WAIT)
            }
        };
        self.login_not_before = now.plus(wait);
    }

    /// Takes a refusal of the credentials that a request met: the token is worth nothing, look again slowly.
    pub fn refused(&mut self, verdict: &Verdict, now: Uptime) {
        self.token = None;
        self.served = false;
        self.login_failed(verdict, now);
    }

    fn wait(&self, (first, longest): (Duration, Duration)) -> Duration {
        let doubled = first.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(longest);
        // 80 to 120 %, fixed by the brand and the count.
        let percent = 80 + self.spread.rotate_left(self.failures) % 41;
        doubled.saturating_mul(u32::try_from(percent).unwrap_or(100)) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clopos::budget::RateLimit;

    fn reply(status: u16, body: &str) -> Reply<'_> {
        Reply { status, rate_limit: RateLimit::default(), redirect: None, body: body.as_bytes(), secrets: &["hush"] }
    }

    fn at(s: u64) -> Uptime {
        Uptime(Duration::from_secs(s))
    }

    #[test]
    fn the_life_of_a_token_is_read_with_caution() {
        // Wall clock at 1,767,848,732 s: the published answer ends an hour later.
        let wall = Timestamp::from_unix_ms(1_767_848_732_000);
        let cases = [
            (r#""expires_in":3600,"expires_at":1767852332"#, 3_600),
            (r#""expires_in":"3600","expires_at":"1767852332""#, 3_600),
            (r#""expires_in":3600"#, 3_600),
            (r#""expires_at":1767850532"#, 1_800),
            // Our clock is two hours ahead, or behind: the stated length stays.
            (r#""expires_in":3600,"expires_at":1767845132"#, 3_600),
            (r#""expires_in":3600,"expires_at":1767859532"#, 3_600),
            (r#""expires_in":0"#, 600),
            (r#""expires_at":"2026-01-08T06:05:32Z""#, 600),
            (r#""message":"hello""#, 600),
        ];
        for (life, wanted_s) in cases {
            let body = format!(r#"{{"success":true,"token":"eyJ.x.y","token_type":"Bearer",{life}}}"#);
            let token = read_token(&reply(200, &body), wall, at(1_000)).expect(life);
            assert_eq!(token.life().1, at(1_000 + wanted_s), "{life}");
            assert_eq!(token.life().0, at(1_000 + wanted_s - 300.min(wanted_s / 4)), "{life}");
            assert_eq!(token.secret().expose(), "eyJ.x.y");
            assert!(!format!("{token:?}").contains("eyJ"), "{token:?}");
        }
    }

    #[test]
    fn every_refused_login_says_what_to_put_right() {
        let error = |error: &str| format!(r#"{{"success":false,"error":"{error}","message":""}}"#);
        let cases = [
            (400, error("client_id is required"), "credentials_refused", "is missing or malformed"),
            (400, error("Invalid integrator_id"), "integrator_refused", "check integrator_id"),
            (401, error("Invalid credentials"), "credentials_refused", "check client_id, client_secret and brand"),
            (401, error("hush is wrong"), "credentials_refused", "••• is wrong"),
            (401, error("Client is disabled"), "credentials_refused", "switched off"),
            (
                200,
                error("Integrator in test mode, brand is production"),
                "credentials_refused",
                "same kind as the brand",
            ),
            (200, error("no"), "credentials_refused", "check client_id"),
            (404, error("Not found"), "refused", "check base_url"),
            (429, error("slow down"), "rate_limited", "60 s"),
            (502, "<html>".to_owned(), "passing", "502"),
            (200, "<html>login to the guest network</html>".to_owned(), "unreadable", "HTML"),
            (200, r#"{"success":true}"#.to_owned(), "unreadable", "without a token"),
            (200, r#"{"success":true,"token":"a\nb"}"#.to_owned(), "unreadable", "header"),
        ];
        for (status, body, word, says) in cases {
            let verdict = read_token(&reply(status, &body), Timestamp::from_unix_ms(0), at(0)).expect_err(&body);
            assert_eq!(verdict.word(), word, "{status} {body}");
            assert!(verdict.to_string().contains(says), "{status} {body}: {verdict}");
        }
    }

    fn session() -> Session {
        Session::new(&BrandId::new("sahil").expect("slug"))
    }

    fn token(now: Uptime) -> Token {
        Token::new(Secret::new("t"), Duration::from_hours(1), now)
    }

    fn lease(session: &Session, now: Uptime) -> Lease {
        match session.step(now) {
            Step::Use(lease) | Step::UseAndRenew(lease) => lease,
            other @ (Step::Login | Step::Wait(_)) => panic!("{other:?} at {now:?}"),
        }
    }

    #[test]
    fn a_token_is_renewed_before_it_ends_and_used_until_then() {
        let mut session = session();
        assert_eq!(session.step(at(0)), Step::Login);
        session.logged_in(token(at(0)));
        assert!(matches!(session.step(at(3_299)), Step::Use(_)));
        assert!(matches!(session.step(at(3_300)), Step::UseAndRenew(_)));
        session.login_failed(&Verdict::Passing { why: Said::own("reset") }, at(3_300));
        assert!(matches!(session.step(at(3_301)), Step::Use(_)), "the old one serves while the login waits");
        assert!(matches!(session.step(at(3_310)), Step::UseAndRenew(_)));
        assert_eq!(session.step(at(3_600)), Step::Login);
    }

    #[test]
    fn a_stale_token_is_replaced_once_and_then_it_is_an_outage() {
        let mut session = session();
        session.logged_in(token(at(0)));
        session.served(1);
        assert_eq!(session.stale(1, at(100)), Stale::LoginAgain);
        assert_eq!(session.stale(1, at(100)), Stale::LoginAgain, "another request that was under way");
        assert_eq!(session.step(at(100)), Step::Login);
        session.logged_in(token(at(101)));
        assert_eq!(session.stale(1, at(101)), Stale::LoginAgain, "a late answer for the old token");
        assert_eq!(lease(&session, at(101)).generation, 2);
        assert_eq!(session.stale(2, at(102)), Stale::Outage);
        let Step::Wait(until) = session.step(at(102)) else { panic!("{:?}", session.step(at(102))) };
        assert!(until > at(103) && until < at(110), "{until:?}");
        session.logged_in(token(until));
        session.served(3);
        assert_eq!(session.stale(3, at(1_000)), Stale::LoginAgain, "the outage is over and forgotten");
    }

    #[test]
    fn one_venue_that_refuses_every_token_does_not_cost_the_others_theirs() {
        let mut session = session();
        session.logged_in(token(at(0)));
        session.served(1);
        assert_eq!(session.stale(1, at(10)), Stale::LoginAgain);
        session.logged_in(token(at(11)));
        session.served(2);
        assert_eq!(session.stale(2, at(12)), Stale::Outage);
        assert_eq!(lease(&session, at(12)).generation, 2, "the token stays in use");
    }

    #[test]
    fn refused_credentials_are_tried_again_slowly() {
        let refusal = Verdict::CredentialsRefused { fix: "check", said: Said::own("no") };
        let passing = Verdict::Passing { why: Said::own("reset") };
        for (verdict, first_s, last_s) in [(refusal, 60.0, 900.0), (passing, 2.0, 60.0)] {
            let mut session = session();
            let mut waits = Vec::new();
            let mut now = at(0);
            for _ in 0..12 {
                assert_eq!(session.step(now), Step::Login);
                session.login_failed(&verdict, now);
                let Step::Wait(until) = session.step(now) else { panic!("it must wait") };
                waits.push(until.since(now).as_secs_f64());
                now = until;
            }
            assert!((first_s * 0.8..=first_s * 1.2).contains(&waits[0]), "{waits:?}");
            assert!(waits[8..].iter().all(|wait| (last_s * 0.8..=last_s * 1.2).contains(wait)), "{waits:?}");
        }
        let mut session = session();
        session.login_failed(&Verdict::RateLimited { wait: Duration::from_secs(42) }, at(0));
        assert_eq!(session.step(at(1)), Step::Wait(at(42)));
    }
}
