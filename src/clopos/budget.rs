//! When the next request may leave, so that no rate limit of Clopos is ever exceeded by us.
//!
//! Owns the three one-minute windows (clopos-api.md, "Rate limits") and the pacing. Pure: time comes as an argument.
//! Invariant: whatever the delays of the network, no sliding minute at the server holds more of our requests than a tier
//! allows. `Window` says why it holds.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::units::Uptime;

/// Requests a minute that Clopos allows to a brand, whatever the venues, tokens and processes.
pub const BRAND_QUOTA: u32 = 300;
/// Calls of `/auth` a minute that Clopos allows to an address (60), less a third for other programs behind it.
const AUTH_SHARE: usize = 40;
/// Failed answers a minute that Clopos allows to an address (600), less a sixth for other programs behind it.
const ERROR_SHARE: usize = 500;
/// The tier of failed answers names itself by this `RateLimit-Limit`; it says nothing about a brand.
const ERROR_TIER: u32 = 600;
/// The tier of `/auth` names itself by this `RateLimit-Limit`.
const AUTH_TIER: u32 = 60;
/// Requests of the quota that are never used, so that `RateLimit-Remaining` near zero always means somebody else.
const RESERVE: u32 = 3;
/// At or below this many remaining requests, which we never cause, we stand still until the window resets.
const NEARLY_EMPTY: u32 = 2;
/// Requests that may leave at once. With the rate lowered by it, rate + burst stays within the setting: a limiter lets
/// burst + rate pass in its worst minute (libraries.md).
const BURST_MAX: u32 = 6;
/// A minute, and a second for clocks that run apart and for servers that count in whole seconds.
const WINDOW: Duration = Duration::from_secs(61);
/// The longest that a request may still arrive after it left: the client gives up after 12 s, and what its sockets
/// still hold then is dropped within seconds.
const FLIGHT_MAX: Duration = Duration::from_secs(15);
/// The wait after a 429 that names none: the length of Clopos's window.
const WAIT_DEFAULT: Duration = Duration::from_mins(1);
/// The longest wait that a header is believed. Windows are a minute long; more than an hour is a date in the wrong
/// place.
const WAIT_BELIEVED: Duration = Duration::from_hours(1);
/// Waited beyond what a 429 says, because `RateLimit-Reset` comes in whole seconds.
const WAIT_MARGIN: Duration = Duration::from_secs(1);

/// The `RateLimit-*` headers of an answer, for the tier that is tightest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RateLimit {
    /// Requests a minute in that tier; tells which tier it is.
    pub limit: Option<u32>,
    /// Requests left.
    pub remaining: Option<u32>,
    /// Time until the window resets.
    pub reset: Option<Duration>,
}

impl RateLimit {
    /// Reads the values of `RateLimit-Limit`, `-Remaining`, `-Reset` and of `Retry-After`, which a proxy may send.
    pub fn read(limit: Option<&str>, remaining: Option<&str>, reset: Option<&str>, retry_after: Option<&str>) -> Self {
        let seconds = |text: Option<&str>| {
            let wait = Duration::from_secs(text?.trim().parse().ok()?);
            (wait <= WAIT_BELIEVED).then_some(wait)
        };
        Self {
            // IETF drafts allow `300, 300;w=60`; the first number is the limit.
            limit: limit.and_then(|text| text.split([',', ';']).next()?.trim().parse().ok()),
            remaining: remaining.and_then(|text| text.trim().parse().ok()),
            reset: seconds(reset).max(seconds(retry_after)),
        }
    }

    /// Returns how long to wait after a 429.
    pub fn wait(self) -> Duration {
        self.reset.unwrap_or(WAIT_DEFAULT)
    }
}

/// How a request ended, for [`Budget::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Outcome {
    /// HTTP status; `None` when no answer came.
    pub status: Option<u16>,
    /// True when no connection came about, so that the server cannot have counted anything.
    pub never_left: bool,
    /// The headers of the answer.
    pub rate_limit: RateLimit,
}

/// Leave to send one request. Hand it back to [`Budget::settle`] when the request has ended, however it ended; one that
/// is lost counts as in flight for 15 s.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    ticket: u64,
    ip_ticket: u64,
    auth_ticket: Option<u64>,
}

/// Why a request may not leave yet, and for how long at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Ask again after this.
    pub time: Duration,
    /// What is waited for.
    pub why: Why,
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The even spacing of requests.
    Pace,
    /// Room in the brand's minute.
    Window,
    /// The server asked this brand to wait, or its quota is used up by somebody else.
    Told,
    /// The server asked everybody at this address to wait.
    AddressTold,
    /// Room in the address's minute of `/auth` or of failed answers.
    AddressWindow,
}

/// Returns the steady pace of a brand that may use so many requests of any minute, in requests a minute: a limiter passes that
/// and a burst.
pub fn steady(per_minute: u32) -> u32 {
    per_minute.clamp(1, BRAND_QUOTA) - burst(per_minute) + 1
}

fn burst(per_minute: u32) -> u32 {
    (per_minute.clamp(1, BRAND_QUOTA) / 40).clamp(1, BURST_MAX)
}

/// What one brand may send.
#[derive(Debug)]
pub struct Budget {
    clock: HandClock,
    pace: RateLimiter<NotKeyed, InMemoryState, HandClock, NoOpMiddleware<Duration>>,
    per_minute: u32,
    window: Window,
    /// The brand's quota as last heard, never above [`BRAND_QUOTA`].
    quota: u32,
    /// Requests in the server's window that cannot be ours, until they have left it.
    foreign: u32,
    foreign_until: Uptime,
    told_until: Uptime,
    /// The latest-sent request whose headers were heard; headers of earlier ones are old news.
    heard: Option<u64>,
    ip: Arc<Mutex<IpBudget>>,
}

impl Budget {
    /// Makes the budget of a brand. `per_minute` is what this program may use of the 300; it is held to 1..=300.
    pub fn new(per_minute: u32, ip: Arc<Mutex<IpBudget>>) -> Self {
        let burst = burst(per_minute);
        let per_minute = NonZeroU32::new(steady(per_minute)).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(per_minute).allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        let clock = HandClock::default();
        Self {
            pace: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            per_minute: per_minute.get(),
            window: Window::default(),
            quota: BRAND_QUOTA,
            foreign: 0,
            foreign_until: Uptime::default(),
            told_until: Uptime::default(),
            heard: None,
            ip,
        }
    }

    /// Returns the steady rate that this budget gives, in requests a minute.
    pub const fn per_minute(&self) -> u32 {
        self.per_minute
    }

    /// Returns how many requests may be in the server's present minute, and how many it may hold: for `status`.
    pub fn spent(&self, now: Uptime) -> (usize, usize) {
        (self.window.count(now), self.room(now))
    }

    /// Takes leave for one request to an authenticated route.
    ///
    /// # Errors
    /// Returns how long to wait at least; nothing was taken.
    pub fn try_take(&mut self, now: Uptime) -> Result<Permit, Wait> {
        self.take(false, now)
    }

    /// Takes leave for one call of `/auth`, which counts for the address and, to be safe, for the brand.
    ///
    /// # Errors
    /// Returns how long to wait at least; nothing was taken.
    pub fn try_take_auth(&mut self, now: Uptime) -> Result<Permit, Wait> {
        self.take(true, now)
    }

    /// Takes the permit back with what the answer said; a 429 makes this brand wait, or every brand when its headers
    /// name a tier of the address.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is spent: it can be neither settled twice nor reused")]
    pub fn settle(&mut self, permit: Permit, outcome: &Outcome, now: Uptime) {
        let Permit { ticket, ip_ticket, auth_ticket } = permit;
        let Outcome { status, never_left, rate_limit } = *outcome;
        let mut ip = lock(&self.ip);
        if never_left || status.is_some_and(|status| status < 400) {
            ip.errors.forget(ip_ticket);
        }
        if never_left {
            auth_ticket.inspect(|auth_ticket| ip.auth.forget(*auth_ticket));
            self.window.forget(ticket);
        }
        // Without an answer the request may arrive, and fail, as late as FLIGHT_MAX: the windows keep it until then.
        let Some(status) = status else { return };
        ip.errors.settle(ip_ticket, now);
        auth_ticket.inspect(|auth_ticket| ip.auth.settle(*auth_ticket, now));
        drop(ip);
        self.window.settle(ticket, now);
        if status == 429 {
            self.blocked(rate_limit, now);
        }
        if auth_ticket.is_none() {
            self.hear(ticket, rate_limit, now);
        }
    }

    /// Waits as a 429 said.
    fn blocked(&mut self, rate_limit: RateLimit, now: Uptime) {
        let until = now.plus(rate_limit.wait()).plus(WAIT_MARGIN);
        match rate_limit.limit {
            Some(ERROR_TIER) => lock(&self.ip).told_until(until),
            Some(AUTH_TIER) => lock(&self.ip).auth_told_until(until),
            Some(_) | None => self.told_until = self.told_until.max(until),
        }
    }

    /// Compares what the server counted with what we know of, and leaves the difference to whoever sent it.
    fn hear(&mut self, ticket: u64, rate_limit: RateLimit, now: Uptime) {
        let (Some(limit), Some(remaining)) = (rate_limit.limit, rate_limit.remaining) else { return };
        if limit >= ERROR_TIER || self.heard.is_some_and(|heard| heard > ticket) {
            return;
        }
        self.heard = Some(ticket);
        self.quota = limit.min(BRAND_QUOTA);
        let used = limit.saturating_sub(remaining);
        let (surely_ours, perhaps_ours) = self.window.counted_with(ticket, now);
        // More than could be ours is proof of a stranger. Without proof nothing is held back: each of our own requests
        // on its way would look like one. With it, all that is not surely ours counts as the stranger's.
        self.foreign = if used > perhaps_ours { used.saturating_sub(surely_ours) } else { 0 };
        self.foreign_until = now.plus(WINDOW);
        if remaining <= NEARLY_EMPTY && limit > RESERVE {
            self.told_until = self.told_until.max(now.plus(rate_limit.wait().min(WINDOW)));
        }
    }

    fn take(&mut self, for_auth: bool, now: Uptime) -> Result<Permit, Wait> {
        if self.told_until > now {
            return Err(Wait { time: self.told_until.since(now), why: Why::Told });
        }
        self.window.wait(self.room(now), now).map_or(Ok(()), |time| Err(Wait { time, why: Why::Window }))?;
        let mut ip = lock(&self.ip);
        ip.wait(for_auth, now).map_or(Ok(()), Err)?;
        self.clock.set(now);
        if let Err(not_until) = self.pace.check() {
            let time = not_until.wait_time_from(now.0).max(Duration::from_millis(1));
            return Err(Wait { time, why: Why::Pace });
        }
        let auth_ticket = for_auth.then(|| ip.auth.take(now));
        let ip_ticket = ip.errors.take(now);
        Ok(Permit { ticket: self.window.take(now), ip_ticket, auth_ticket })
    }

    fn room(&self, now: Uptime) -> usize {
        // A stranger who sent so much in this minute may send more before we hear of it, and stopping for want of room
        // also stops the news: some more is left to it.
        let foreign = if now < self.foreign_until { self.foreign + (self.foreign / 4).min(20) } else { 0 };
        // One request a minute is left of the smallest quota: only an answer can tell that it has grown again.
        self.quota.saturating_sub(RESERVE).max(1).saturating_sub(foreign) as usize
    }
}

/// What all brands together may do from one address. Shared by every [`Budget`].
#[derive(Debug, Default)]
pub struct IpBudget {
    auth: Window,
    /// Failed answers, and requests in flight that may become such.
    errors: Window,
    told_until: Uptime,
    auth_told_until: Uptime,
}

impl IpBudget {
    /// Makes one, ready to be shared.
    pub fn shared() -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self::default()))
    }

    fn told_until(&mut self, until: Uptime) {
        self.told_until = self.told_until.max(until);
    }

    fn auth_told_until(&mut self, until: Uptime) {
        self.auth_told_until = self.auth_told_until.max(until);
    }

    fn wait(&mut self, for_auth: bool, now: Uptime) -> Option<Wait> {
        let told_until = if for_auth { self.told_until.max(self.auth_told_until) } else { self.told_until };
        if told_until > now {
            return Some(Wait { time: told_until.since(now), why: Why::AddressTold });
        }
        let for_errors = self.errors.wait(ERROR_SHARE, now);
        let for_auths = if for_auth { self.auth.wait(AUTH_SHARE, now) } else { None };
        for_errors.max(for_auths).map(|time| Wait { time, why: Why::AddressWindow })
    }
}

/// The requests that may be in the server's present minute.
///
/// A request counts when it arrives, which nobody here sees: at the latest when its answer is back, at the earliest when
/// it left. So it is kept in the window until a minute after its *answer*, and counts all the time it is in flight. Take
/// any minute at the server and the last-sent request in it: when that one left, every other one of that minute was
/// still in our window. As it may leave only while the window has room, the minute cannot be over-full.
#[derive(Debug, Default)]
struct Window {
    /// In order of leaving. Bounded, because nothing enters a full window: at most its room, and what still lingers.
    sent: Vec<Sent>,
    next: u64,
}

#[derive(Debug)]
struct Sent {
    ticket: u64,
    left: Uptime,
    /// The latest moment at which the server can have counted it.
    counted_by: Uptime,
}

impl Window {
    fn take(&mut self, now: Uptime) -> u64 {
        // A slow answer is compared with the minute in which it was counted, so entries linger for that long.
        self.sent.retain(|sent| sent.counted_by.plus(WINDOW).plus(FLIGHT_MAX) > now);
        self.next += 1;
        self.sent.push(Sent { ticket: self.next, left: now, counted_by: now.plus(FLIGHT_MAX) });
        self.next
    }

    fn settle(&mut self, ticket: u64, now: Uptime) {
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.ticket == ticket) {
            sent.counted_by = sent.counted_by.min(now);
        }
    }

    fn forget(&mut self, ticket: u64) {
        self.sent.retain(|sent| sent.ticket != ticket);
    }

    fn count(&self, now: Uptime) -> usize {
        self.sent.iter().filter(|sent| sent.counted_by.plus(WINDOW) > now).count()
    }

    /// Returns how many of ours the server had surely, and at most, in its minute when it counted this request.
    fn counted_with(&self, ticket: u64, now: Uptime) -> (u32, u32) {
        let left = self.sent.iter().find(|sent| sent.ticket == ticket).map_or(now, |sent| sent.left);
        let surely = |sent: &&Sent| {
            sent.ticket == ticket || sent.counted_by <= left && sent.left.plus(Duration::from_mins(1)) > now
        };
        let surely = self.sent.iter().filter(surely).count();
        (u32::try_from(surely).unwrap_or(u32::MAX), u32::try_from(self.count(left)).unwrap_or(u32::MAX))
    }

    /// Returns how long it takes until one more fits into `room`; `None` when it does now.
    fn wait(&self, room: usize, now: Uptime) -> Option<Duration> {
        if self.count(now) < room {
            return None;
        }
        let mut leaves: Vec<Uptime> =
            self.sent.iter().map(|sent| sent.counted_by.plus(WINDOW)).filter(|leaves| *leaves > now).collect();
        leaves.sort_unstable();
        // With no room at all there is nothing to wait for but news, which a later answer or a minute brings.
        let wait = leaves.get(leaves.len() - room).map_or(WINDOW, |leaves| leaves.since(now));
        Some(wait.max(Duration::from_millis(1)))
    }
}

/// A clock for the limiter that shows what it was last set to; the limiter has no other way to take the time.
#[derive(Clone, Debug, Default)]
struct HandClock(Arc<AtomicU64>);

impl HandClock {
    fn set(&self, now: Uptime) {
        self.0.store(u64::try_from(now.0.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Locks for a few lines without a wait in them. A thread that panicked meanwhile leaves counts that are still true.
fn lock(ip: &Mutex<IpBudget>) -> MutexGuard<'_, IpBudget> {
    ip.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use proptest::prelude::*;

    use super::*;

    /// A server that counts strictly, written without a look at the code above.
    #[derive(Default)]
    struct StrictServer {
        arrivals: VecDeque<u64>,
        excesses: u32,
        excesses_of_stranger: u32,
        fullest: usize,
    }

    impl StrictServer {
        /// Counts a request that arrives at `at_ms` and returns the status and headers that it gets.
        fn count(&mut self, at_ms: u64) -> Outcome {
            while self.arrivals.front().is_some_and(|earlier_ms| earlier_ms + 60_000 <= at_ms) {
                self.arrivals.pop_front();
            }
            let refused = self.arrivals.len() >= 300;
            if refused {
                self.excesses += 1;
            } else {
                self.arrivals.push_back(at_ms);
            }
            self.fullest = self.fullest.max(self.arrivals.len());
            let oldest_ms = self.arrivals.front().copied().unwrap_or(at_ms);
            let rate_limit = RateLimit {
                limit: Some(300),
                remaining: u32::try_from(300 - self.arrivals.len()).ok(),
                reset: Some(Duration::from_millis((oldest_ms + 60_000 - at_ms).next_multiple_of(1_000))),
            };
            Outcome { status: Some(if refused { 429 } else { 200 }), never_left: false, rate_limit }
        }
    }

    /// The same numbers on every run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    enum Event {
        Ask,
        Arrive(Permit, u64),
        Answer(Permit, Outcome),
        Stranger,
    }

    struct Brand {
        budget: Budget,
        server: StrictServer,
        sent_at_ms: Vec<u64>,
    }

    fn brand(per_minute: u32, ip: &Arc<Mutex<IpBudget>>) -> Brand {
        let budget = Budget::new(per_minute, Arc::clone(ip));
        Brand { budget, server: StrictServer::default(), sent_at_ms: Vec::new() }
    }

    /// Polls as fast as the budget allows. `flight_ms` gives the way there and the way back for a request sent at a
    /// time; `stranger_every_ms` is another program with the same credentials.
    fn run(
        brand: &mut Brand,
        minutes: u64,
        stranger_every_ms: Option<u64>,
        mut flight_ms: impl FnMut(u64) -> (u64, u64),
    ) {
        let at = |ms: u64| Uptime(Duration::from_millis(ms));
        let mut events: BTreeMap<(u64, u64), Event> = BTreeMap::from([((0, 0), Event::Ask)]);
        if let Some(every_ms) = stranger_every_ms {
            events.insert((every_ms, 1), Event::Stranger);
        }
        let mut order = 2;
        while let Some(((now_ms, _), event)) = events.pop_first() {
            if now_ms > minutes * 60_000 {
                break;
            }
            order += 1;
            match event {
                Event::Ask => match brand.budget.try_take(at(now_ms)) {
                    Ok(permit) => {
                        brand.sent_at_ms.push(now_ms);
                        let (there_ms, back_ms) = flight_ms(now_ms);
                        events.insert((now_ms + there_ms, order), Event::Arrive(permit, back_ms));
                        order += 1;
                        events.insert((now_ms, order), Event::Ask);
                    }
                    Err(wait) => {
                        let wait_ms = u64::try_from(wait.time.as_millis()).expect("short") + 1;
                        events.insert((now_ms + wait_ms, order), Event::Ask);
                    }
                },
                Event::Arrive(permit, back_ms) => {
                    let outcome = brand.server.count(now_ms);
                    events.insert((now_ms + back_ms, order), Event::Answer(permit, outcome));
                }
                Event::Answer(permit, outcome) => brand.budget.settle(permit, &outcome, at(now_ms)),
                Event::Stranger => {
                    let refused = brand.server.count(now_ms).status == Some(429);
                    brand.server.excesses_of_stranger += u32::from(refused);
                    let every_ms = stranger_every_ms.expect("only then are there strangers");
                    events.insert((now_ms + every_ms, order), Event::Stranger);
                }
            }
        }
    }

    /// Networks: the way there and the way back of a request sent at a time, in milliseconds.
    fn network(name: &'static str, seed: u64) -> impl FnMut(u64) -> (u64, u64) {
        let mut dice = Dice(seed);
        move |now_ms| match name {
            "near" => (5 + dice.below(40), 5 + dice.below(60)),
            "usual" => (10 + dice.below(150), 20 + dice.below(300)),
            "slow" => (dice.below(4_000), dice.below(3_000)),
            // Most pass at once, some wait in a queue for seconds: they arrive with those sent much later.
            "queue" => (if dice.below(4) == 0 { 7_000 } else { 20 }, 20),
            // Every 40 s the line stands still for 8 s, then all that was sent arrives at once.
            "freeze" => {
                let phase_ms = now_ms % 40_000;
                (if phase_ms > 32_000 { 40_000 - phase_ms } else { 20 }, 20)
            }
            other => panic!("no network is called {other}"),
        }
    }

    #[test]
    fn a_quota_of_nothing_is_asked_about_again() {
        let at = |s: u64| Uptime(Duration::from_secs(s));
        for limit in 0..=5 {
            // A proxy on the way may send such headers, and stop doing so.
            let told = RateLimit { limit: Some(limit), remaining: Some(0), reset: Some(Duration::from_secs(17)) };
            let mut budget = Budget::new(240, IpBudget::shared());
            let permit = budget.try_take(at(1)).expect("nothing was asked yet");
            budget.settle(permit, &Outcome { status: Some(503), never_left: false, rate_limit: told }, at(2));
            assert!(budget.try_take(at(3)).is_err(), "a limit of {limit}");
            let permit = budget.try_take(at(130)).expect("two minutes later");
            let told = RateLimit { limit: Some(300), remaining: Some(299), ..told };
            budget.settle(permit, &Outcome { status: Some(200), never_left: false, rate_limit: told }, at(131));
            assert!(budget.try_take(at(132)).is_ok(), "a limit of {limit} is forgotten");
        }
    }

    #[test]
    fn an_hour_at_full_budget_with_50_venues_causes_not_one_excess() {
        const VENUES: usize = 50;
        for network_name in ["near", "usual", "slow", "queue", "freeze"] {
            for per_minute in if network_name == "usual" { &[240, 300][..] } else { &[300] } {
                let per_minute = *per_minute;
                let mut brand = brand(per_minute, &IpBudget::shared());
                run(&mut brand, 60, None, network(network_name, 86));
                let StrictServer { excesses, fullest, .. } = brand.server;
                assert_eq!(excesses, 0, "{network_name} at {per_minute}: {fullest} in a minute");
                assert!(fullest <= 297, "{network_name} at {per_minute}: {fullest} in a minute");
                // Venues take turns here, so each was polled once in as many requests as there are venues.
                assert!(brand.sent_at_ms.len() / VENUES > 30, "{network_name} at {per_minute}");
            }
        }
    }

    #[test]
    fn the_share_is_used_to_95_percent_and_never_exceeded() {
        for network_name in ["near", "usual"] {
            for per_minute in [1, 7, 40, 240, 300, 5_000] {
                let mut brand = brand(per_minute, &IpBudget::shared());
                run(&mut brand, 20, None, network(network_name, 7));
                let sent = brand.sent_at_ms.len();
                let per_minute = per_minute.min(300);
                let wanted = per_minute as usize * 20;
                assert!(sent * 100 >= wanted * 95, "{network_name}: {sent} of {wanted} sent");
                let sent_at_ms = &brand.sent_at_ms;
                let in_a_minute =
                    |(n, from): (usize, &u64)| sent_at_ms.partition_point(|at_ms| *at_ms < from + 60_000) - n;
                let most = sent_at_ms.iter().enumerate().map(in_a_minute).max().unwrap_or(0);
                assert!(most <= per_minute as usize, "{network_name}: {most} of {per_minute} sent in a minute");
            }
        }
    }

    #[test]
    fn a_stranger_on_the_same_credentials_slows_us_down() {
        for (every_ms, stranger_per_minute) in [(600, 100), (300, 200), (2_000, 30)] {
            let mut brand = brand(300, &IpBudget::shared());
            run(&mut brand, 60, Some(every_ms), network("usual", 3));
            let left = (300 - stranger_per_minute) * 60;
            let StrictServer { excesses, excesses_of_stranger, .. } = brand.server;
            // The stranger does not look at its headers, so it runs into the limit now and then; we hardly ever do.
            let ours = excesses - excesses_of_stranger;
            let sent = u32::try_from(brand.sent_at_ms.len()).expect("an hour of requests");
            assert!(ours * 1_000 <= sent, "{ours} of our {sent} refused, with {stranger_per_minute} a minute");
            let strangers_all = stranger_per_minute * 60;
            assert!(excesses_of_stranger * 50 <= strangers_all, "{excesses_of_stranger} of {strangers_all} refused");
            assert!(sent <= left, "{sent} sent, {left} left by the stranger");
            assert!(sent * 100 >= left * 70, "{sent} sent of {left} left by the stranger");
        }
    }

    #[test]
    fn a_429_makes_its_brand_wait_as_told_and_no_other() {
        let ip = IpBudget::shared();
        let (mut told, mut other) = (brand(240, &ip).budget, brand(240, &ip).budget);
        let start = Uptime(Duration::from_secs(100));
        let permit = told.try_take(start).expect("a fresh budget");
        let rate_limit = RateLimit::read(Some("300"), Some("0"), Some("37"), None);
        told.settle(permit, &Outcome { status: Some(429), never_left: false, rate_limit }, start);
        let mut polled = 0;
        for ms in (0..37_000).step_by(100) {
            let now = start.plus(Duration::from_millis(ms));
            let wait = told.try_take(now).expect_err("told to wait");
            assert_eq!(wait.why, Why::Told);
            assert!(now.plus(wait.time) >= start.plus(Duration::from_secs(37)), "{wait:?} at {ms} ms");
            if let Ok(permit) = other.try_take(now) {
                polled += 1;
                other.settle(permit, &Outcome { status: Some(200), ..Outcome::default() }, now);
            }
        }
        assert!(polled >= 37 * 235 / 60, "the other brand polled {polled} times");
        let wait = told.try_take(start).expect_err("still told");
        // The stranger who used the quota up may still be in the minute; then one window is waited, not more.
        assert!(told.try_take(start.plus(wait.time).plus(WINDOW)).is_ok());
    }

    #[test]
    fn a_429_of_a_tier_of_the_address_stops_every_brand() {
        for (tier, stops_reads) in [("600", true), ("60", false)] {
            let ip = IpBudget::shared();
            let (mut told, mut other) = (brand(240, &ip).budget, brand(240, &ip).budget);
            let now = Uptime(Duration::from_secs(5));
            let permit = told.try_take_auth(now).expect("a fresh budget");
            let rate_limit = RateLimit::read(Some(tier), Some("0"), Some("20"), None);
            told.settle(permit, &Outcome { status: Some(429), never_left: false, rate_limit }, now);
            assert_eq!(other.try_take(now).is_err(), stops_reads, "tier {tier}");
            assert_eq!(other.try_take_auth(now).expect_err("told").why, Why::AddressTold, "tier {tier}");
            assert!(other.try_take_auth(now.plus(Duration::from_secs(21))).is_ok(), "tier {tier}");
        }
    }

    #[test]
    fn logins_and_failures_of_all_brands_stay_within_the_address() {
        let ip = IpBudget::shared();
        let mut brands: Vec<Budget> = (0..100).map(|_| brand(300, &ip).budget).collect();
        let now = Uptime(Duration::from_secs(9));
        let logins = brands.iter_mut().filter_map(|budget| budget.try_take_auth(now).ok()).count();
        assert_eq!(logins, 40, "of 100 brands that start at once");
        let mut failed = 0;
        for ms in (0..60_000).step_by(250) {
            let now = now.plus(Duration::from_millis(ms));
            for budget in &mut brands {
                if let Ok(permit) = budget.try_take(now) {
                    failed += 1;
                    budget.settle(permit, &Outcome { status: Some(404), ..Outcome::default() }, now);
                }
            }
        }
        assert!((400..=500).contains(&failed), "{failed} failures in a minute");
        // What never left the machine costs nothing: after an outage of the network nobody has to wait.
        let later = now.plus(Duration::from_mins(3));
        for _ in 0..20 {
            for budget in &mut brands {
                if let Ok(permit) = budget.try_take(later) {
                    budget.settle(permit, &Outcome { never_left: true, ..Outcome::default() }, later);
                }
            }
        }
        assert_eq!(brands[0].spent(later), (0, 297));
    }

    #[test]
    fn headers_are_read_with_caution() {
        let cases = [
            (RateLimit::read(None, None, Some("12"), None), 12),
            (RateLimit::read(None, None, Some("12"), Some("30")), 30),
            (RateLimit::read(None, None, None, None), 60),
            (RateLimit::read(None, None, Some("1761202010"), None), 60),
            (RateLimit::read(None, None, Some("Fri, 31 Dec 1999 23:59:59 GMT"), Some("soon")), 60),
        ];
        for (rate_limit, wait_s) in cases {
            assert_eq!(rate_limit.wait().as_secs(), wait_s, "{rate_limit:?}");
        }
        assert_eq!(RateLimit::read(Some("300, 300;w=60"), Some("5"), None, None).limit, Some(300));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn no_network_makes_us_exceed_the_quota(
            per_minute in 200_u32..=300,
            flights_ms in proptest::collection::vec((0_u64..9_000, 0_u64..3_000), 1..40),
        ) {
            let mut brand = brand(per_minute, &IpBudget::shared());
            let mut turn = 0;
            run(&mut brand, 6, None, |_| {
                turn += 1;
                flights_ms[turn % flights_ms.len()]
            });
            prop_assert_eq!(brand.server.excesses, 0);
            prop_assert!(brand.server.fullest <= 297);
        }
    }
}
