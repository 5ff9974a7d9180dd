//! One brand's watcher without a task: what `service::brand` does, driven by a time that the test moves.
//!
//! Requests are answered by the simulator, as bytes, and arrive as late as the test wants; from there on everything is
//! the real code. Invariant: no clock is read, and a new process finds nothing but the rows that were committed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eightysix::alerts::lifecycle::Alert;
use eightysix::alerts::order::{Order, OrderId};
use eightysix::clopos::auth::{self, Token};
use eightysix::clopos::budget::{IpBudget, Outcome, Permit, RateLimit};
use eightysix::clopos::decode::Reply;
use eightysix::clopos::query::Request;
use eightysix::clopos::repeat;
use eightysix::clopos::verdict::{Said, Verdict};
use eightysix::clopos::{Fetched, LoggedIn, TIME_LIMIT};
use eightysix::engine::{Commit, Engine, Policy};
use eightysix::http::live::{Fresh, LiveBrand};
use eightysix::rules::SubjectKind;
use eightysix::simulator::plan::DEMO_INTEGRATOR;
use eightysix::simulator::route::{ApiAnswer, ApiRequest, BASE_PATH, Transport};
use eightysix::simulator::world::World;
use eightysix::units::{BrandId, Timestamp, Uptime, VenueId};
use eightysix::watcher::{Asked, Cycle, Errand, Moment, Settings, Watcher};

use crate::tables::Tables;

/// How long `service::brand` sleeps at most.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// After so many commits that are not written the store is held against the memory.
const LOOKED_AT_EVERY: u64 = 10;
/// What one event causes is committed in so many steps: for each venue, and what follows of it.
const STEPS_MAX: usize = 100;

/// When the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kill {
    /// Not by itself.
    Never,
    /// After every commit, and started again at once: plan, budget and login start over. Not after one that only notes
    /// when was read, which comes each minute: what a process waits for in minutes would never be.
    AfterEachCommit,
    /// At the commit after this many more.
    At {
        /// Commits that go well before.
        commits_left: u32,
        /// Whether that last commit is on the disk.
        stored: bool,
    },
}

/// The times of one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Never jumps.
    pub(crate) uptime: Uptime,
    /// Our wall clock.
    pub(crate) wall: Timestamp,
    /// The wall clock of Clopos.
    pub(crate) clopos: Timestamp,
}

impl Clock {
    fn moment(self) -> Moment {
        Moment { wall: self.wall, uptime: self.uptime }
    }
}

/// What the configuration says of a brand.
#[derive(Clone)]
pub(crate) struct Configured {
    /// The brand.
    pub(crate) brand: BrandId,
    /// Client id and secret.
    pub(crate) login: (String, String),
    /// What is watched how often.
    pub(crate) settings: Settings,
    /// Who is told what.
    pub(crate) policy: Arc<Policy>,
}

/// An answer that has been given and has not arrived.
struct OnTheWay {
    arrives_at: Uptime,
    end: End,
}

enum End {
    LoggedIn(Permit, LoggedIn),
    Fetched { ticket: u64, ended: Box<(Asked, Fetched)> },
}

/// Why the watcher has something to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It was started or reloaded.
    Configuration,
    /// Clopos answered, and the answer can be read.
    Answer,
    /// Clopos did not answer as it should.
    Failure,
    /// Time passed.
    Time,
    /// Somebody asked for something.
    Order,
}

/// Says whether a commit changes anything but the note of when was read.
fn changes_more_than_the_note(commit: &Commit) -> bool {
    let mut rest = commit.clone();
    rest.readings.clear();
    rest.is_durable()
}

/// Something that people do in the back office.
pub(crate) type Deed = Box<dyn FnOnce(&mut World)>;

/// Those who look on: they see what the process hears and remembers, and change nothing.
pub(crate) trait Observer {
    /// Clopos was asked, and has answered; the return value names the answer.
    fn asked(&mut self, _request: &Request, _world: &World, _clock: Clock) -> u64 {
        0
    }

    /// An answer arrived, and can be read or not.
    fn heard(&mut self, _ticket: u64, _is_readable: bool, _clock: Clock) {}

    /// A commit is about to be adopted, and is stored if it is durable.
    fn commits(&mut self, _commit: &Commit, _clock: Clock) {}

    /// The commit was adopted.
    fn adopted(&mut self, _engine: &Engine, _clock: Clock) {}
}

/// Nobody looks on.
struct Nobody;

impl Observer for Nobody {}

/// The process that watches one brand, running or not.
pub(crate) struct Driver {
    /// What was committed.
    pub(crate) tables: Tables,
    /// What the next start or reload finds.
    pub(crate) configured: Configured,
    /// How long answers take that no fault delays: asked for each, in order.
    pub(crate) latency: Box<dyn FnMut() -> Duration>,
    /// What happens next in the back office while a walk through a menu is between its first two pages.
    pub(crate) within_a_walk: Option<Deed>,
    /// Who looks on.
    pub(crate) observer: Rc<RefCell<dyn Observer>>,
    /// Commits fail: the disk is full.
    pub(crate) store_is_broken: bool,
    /// When it is killed next.
    pub(crate) kill: Kill,
    /// How often it was killed after a commit.
    pub(crate) deaths: u64,
    /// Commits that were not written, because they changed nothing that a new process needs.
    unwritten: u64,
    /// `None` while it does not run.
    watcher: Option<Watcher>,
    /// What the pages of the running process know.
    live: LiveBrand,
    on_the_way: Vec<OnTheWay>,
    /// What the configuration changes could not be stored and is decided later.
    is_configuration_late: bool,
    /// The last order that the running process was handed.
    ordered: OrderId,
    /// The reading of which each venue was last judged.
    judged: BTreeMap<VenueId, Option<Timestamp>>,
    ip: Arc<Mutex<IpBudget>>,
}

impl Driver {
    /// Prepares the watcher of a brand; [`Driver::start`] begins.
    pub(crate) fn new(configured: Configured, ip: Arc<Mutex<IpBudget>>, kill: Kill) -> Self {
        Self {
            tables: Tables::default(),
            configured,
            latency: Box::new(|| Duration::ZERO),
            within_a_walk: None,
            observer: Rc::new(RefCell::new(Nobody)),
            store_is_broken: false,
            kill,
            deaths: 0,
            unwritten: 0,
            watcher: None,
            live: LiveBrand::default(),
            on_the_way: Vec::new(),
            is_configuration_late: false,
            ordered: OrderId(0),
            judged: BTreeMap::new(),
            ip,
        }
    }

    /// Returns the running watcher.
    pub(crate) fn watcher(&self) -> &Watcher {
        self.watcher.as_ref().expect("the process runs")
    }

    /// Says whether the process runs.
    pub(crate) fn runs(&self) -> bool {
        self.watcher.is_some()
    }

    /// Kills the process: what is on its way is lost.
    pub(crate) fn dies(&mut self) {
        self.watcher = None;
        self.on_the_way.clear();
        self.ordered = OrderId(0);
        self.judged.clear();
    }

    /// Puts an order beside the process, which takes it in as soon as it runs.
    pub(crate) fn order(&mut self, order: Order, clock: Clock) {
        let id = self.tables.orders_asked + 1;
        self.tables.orders_asked = id;
        self.tables.orders.insert(OrderId(id), order);
        self.take_orders(clock);
    }

    /// Hands over the orders that wait, as `service::orders` does.
    fn take_orders(&mut self, clock: Clock) {
        let waiting: Vec<(OrderId, Order)> =
            self.tables.orders.iter().filter(|(id, _)| **id > self.ordered).map(|(id, it)| (*id, it.clone())).collect();
        for (id, order) in waiting {
            let Some(watcher) = &mut self.watcher else { return };
            self.ordered = id;
            watcher.take_order(id, order);
            self.commit_all(Cause::Order, clock);
        }
    }

    /// Forgets what was sent from this address and what its limits said, as a new process does.
    pub(crate) fn forget_address(&mut self) {
        self.ip = IpBudget::shared();
    }

    /// Starts a new process on what was committed, as `service::run` does.
    pub(crate) fn start(&mut self, clock: Clock) {
        self.dies();
        let Configured { brand, settings, policy, login: _ } = self.configured.clone();
        let memory = self.tables.load();
        self.watcher = Some(Watcher::start(brand, settings, policy, memory, Arc::clone(&self.ip), clock.wall));
        self.show_anew();
        self.commit_all(Cause::Configuration, clock);
    }

    /// Reloads what is configured by now: the memory stays, what is on its way does not.
    pub(crate) fn reload(&mut self, clock: Clock) {
        self.on_the_way.clear();
        self.ordered = OrderId(0);
        let Configured { settings, policy, .. } = self.configured.clone();
        let watcher = self.watcher.take().expect("the process runs");
        self.watcher = Some(watcher.reload(settings, policy, true, Arc::clone(&self.ip), clock.wall));
        self.show_anew();
        self.commit_all(Cause::Configuration, clock);
    }

    /// Does what is due, and returns when to look again. A process that dies of [`Kill::AfterEachCommit`] starts again.
    pub(crate) fn turn(&mut self, world: &mut World, clock: Clock) -> Uptime {
        let until = loop {
            if !self.runs() && self.kill == Kill::AfterEachCommit {
                self.start(clock);
                continue;
            }
            self.arrive(clock);
            self.take_orders(clock);
            let Some(watcher) = &mut self.watcher else { break None };
            let errand = watcher.errand(clock.uptime);
            match errand {
                Ok(errand) => self.send(errand, world, clock),
                Err(until) => break until,
            }
        };
        self.tick(clock);
        let deadline = self.watcher.as_ref().and_then(Watcher::next_deadline).map(|at| at.since(clock.wall));
        let asleep = clock.uptime.plus(deadline.unwrap_or(SLEEP_MAX).min(SLEEP_MAX));
        let arrival = self.on_the_way.iter().map(|end| end.arrives_at).min();
        let next = [Some(asleep), until, arrival].into_iter().flatten().min().unwrap_or(asleep);
        next.max(clock.uptime.plus(Duration::from_millis(1)))
    }

    fn send(&mut self, errand: Errand, world: &mut World, clock: Clock) {
        let now = clock.uptime;
        let request = match &errand {
            Errand::LogIn(_) => self.post(),
            Errand::Read(asked) => get(&asked.request, &asked.lease.token),
        };
        let answer = world.answer(&request, clock.clopos);
        let took = (self.latency)() + delay(&answer);
        let arrives_at = now.plus(took);
        let (outcome, body) = receive(&answer);
        let end = match errand {
            Errand::LogIn(permit) => {
                let result = body.and_then(|body| auth::read_token(&reply(&outcome, body), clock.wall, now));
                End::LoggedIn(permit, LoggedIn { result, outcome, took })
            }
            Errand::Read(asked) => {
                let (result, bytes) = match body {
                    Ok(body) => repeat::read(&asked.request, &reply(&outcome, body), asked.known.as_deref()),
                    Err(verdict) => (Err(verdict), None),
                };
                let ticket = self.observer.borrow_mut().asked(&asked.request, world, clock);
                let begins_a_walk = matches!(asked.request, Request::Products { page: 1, .. });
                if let Some(happens) = self.within_a_walk.take_if(|_| begins_a_walk) {
                    happens(world);
                }
                End::Fetched { ticket, ended: Box::new((asked, Fetched { result, outcome, bytes, dated: None, took })) }
            }
        };
        self.on_the_way.push(OnTheWay { arrives_at, end });
        self.arrive(clock);
        self.tick(clock);
    }

    /// Hands over what has arrived, in the order of arrival.
    fn arrive(&mut self, clock: Clock) {
        while let Some(watcher) = &mut self.watcher {
            let arrived = self.on_the_way.iter().enumerate().filter(|(_, end)| end.arrives_at <= clock.uptime);
            let Some((first, _)) = arrived.min_by_key(|(_, end)| end.arrives_at) else { return };
            let cause = |is_ok: bool| if is_ok { Cause::Answer } else { Cause::Failure };
            let cause = match self.on_the_way.remove(first).end {
                End::LoggedIn(permit, logged_in) => {
                    let cause = cause(logged_in.result.is_ok());
                    watcher.logged_in(permit, logged_in, clock.moment());
                    cause
                }
                End::Fetched { ticket, ended } => {
                    let (asked, fetched) = *ended;
                    self.observer.borrow_mut().heard(ticket, fetched.result.is_ok(), clock);
                    let cause = cause(fetched.result.is_ok());
                    watcher.fetched(asked, fetched, clock.moment());
                    cause
                }
            };
            self.commit_all(cause, clock);
        }
    }

    fn tick(&mut self, clock: Clock) {
        if let Some(watcher) = &mut self.watcher {
            watcher.tick(clock.moment());
            let is_late = clock.uptime >= watcher.store_not_before() && std::mem::take(&mut self.is_configuration_late);
            self.commit_all(if is_late { Cause::Configuration } else { Cause::Time }, clock);
        }
        self.read_history(clock);
    }

    /// Reads the history of one venue after the other, as `service::brand` does, unless it cannot be read.
    fn read_history(&mut self, clock: Clock) {
        while let Some(watcher) = &mut self.watcher
            && let Some(wanted) = watcher.history_wanted(clock.uptime)
        {
            if self.store_is_broken {
                return watcher.history_failed("disk I/O error", clock.uptime);
            }
            watcher.take_history(wanted.venue, self.tables.history_of(wanted));
            self.commit_all(Cause::Time, clock);
        }
    }

    /// Stores and adopts everything that the last event causes; a process that was killed does nothing any more.
    fn commit_all(&mut self, cause: Cause, clock: Clock) {
        self.is_configuration_late |= self.store_is_broken && cause == Cause::Configuration;
        let mut steps = 0;
        while let Some(cycle) = self.watcher.as_mut().and_then(|watcher| watcher.step(clock.moment())) {
            steps += 1;
            assert!(steps <= STEPS_MAX, "it does not come to rest: {:?}", cycle.commit);
            self.assert_that_only_readings_decide(&cycle.commit, cause);
            if cycle.commit.is_durable() {
                self.commit_durably(cycle, clock);
            } else {
                self.adopt(cycle, clock);
                self.unwritten += 1;
                // Reading all that is stored takes much longer than the step.
                if self.unwritten.is_multiple_of(LOOKED_AT_EVERY) {
                    self.tables.assert_equal(self.watcher().engine().memory());
                }
            }
        }
    }

    fn commit_durably(&mut self, cycle: Cycle, clock: Clock) {
        let Some(watcher) = &mut self.watcher else { return };
        if self.store_is_broken {
            return watcher.store_failed(cycle, "database or disk is full", clock.uptime);
        }
        let dies = match &mut self.kill {
            Kill::Never => false,
            Kill::AfterEachCommit => changes_more_than_the_note(&cycle.commit),
            Kill::At { commits_left: 0, stored: true } => {
                self.kill = Kill::Never;
                true
            }
            Kill::At { commits_left: 0, stored: false } => {
                self.kill = Kill::Never;
                return self.dies();
            }
            Kill::At { commits_left, .. } => {
                *commits_left -= 1;
                false
            }
        };
        self.tables.commit(&cycle.commit, clock.wall);
        self.adopt(cycle, clock);
        self.tables.assert_equal(self.watcher().engine().memory());
        if dies {
            self.deaths += 1;
            self.dies();
        }
    }

    /// No alert of an item turns by a failure or by time alone: both say nothing new of the stop list. A reading of which
    /// the alerts were not judged at once may turn them later; an alert whose rule was taken away ends when that can be
    /// stored.
    fn assert_that_only_readings_decide(&self, commit: &Commit, cause: Cause) {
        if matches!(cause, Cause::Configuration | Cause::Answer) {
            return;
        }
        let memory = self.watcher().engine().memory();
        let is_judged = |venue: VenueId| {
            let read_at = memory.venues.get(&venue).and_then(|snapshot| snapshot.read_at);
            self.judged.get(&venue).is_some_and(|judged| *judged == read_at)
        };
        let of_items = commit.alerts.iter().filter(|(key, _)| key.subject.kind() == SubjectKind::Item);
        let of_rules = of_items.filter(|(key, _)| self.configured.policy.rules.get(&key.rule).is_some());
        let of_judged = of_rules.filter(|(key, _)| key.subject.venue().is_some_and(is_judged));
        // Who is told of it is no turn: a silence begins and ends by the clock.
        let stands = |alert: Option<&Alert>| match alert {
            None | Some(Alert::Rested(_)) => None,
            Some(Alert::Pending { since, .. }) => Some((*since, None, None)),
            Some(Alert::Open(open)) => Some((open.since, Some(open.opened_at), open.clear_since)),
        };
        let turned: Vec<_> =
            of_judged.filter(|(key, alert)| stands(memory.book.get(key)) != stands(alert.as_ref())).collect();
        assert!(turned.is_empty(), "turned by {cause:?}: {turned:?}");
    }

    fn adopt(&mut self, cycle: Cycle, clock: Clock) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut observer = self.observer.borrow_mut();
        observer.commits(&cycle.commit, clock);
        let judged: Vec<VenueId> = cycle.commit.evaluated_venues().collect();
        let fresh = Fresh::of(&cycle.commit);
        watcher.adopt(cycle, clock.moment());
        self.live.show(watcher.engine(), &fresh, watcher.quota());
        assert_shown(&self.live, watcher.engine());
        let read_at = |venue: &VenueId| watcher.engine().memory().venues.get(venue)?.read_at;
        self.judged.extend(judged.iter().map(|venue| (*venue, read_at(venue))));
        observer.adopted(watcher.engine(), clock);
    }

    fn show_anew(&mut self) {
        let Some(watcher) = &self.watcher else { return };
        self.live = LiveBrand::default();
        self.live.show(watcher.engine(), &Fresh::everything(watcher.engine()), watcher.quota());
    }

    fn post(&self) -> ApiRequest {
        let (client_id, client_secret) = &self.configured.login;
        let body = serde_json::json!({
            "client_id": client_id,
            "client_secret": client_secret,
            "brand": self.configured.brand.as_str(),
            "integrator_id": DEMO_INTEGRATOR,
        });
        ApiRequest {
            method: "POST".to_owned(),
            path: format!("{BASE_PATH}/auth"),
            raw_query: String::new(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            client: OUR_ADDRESS,
        }
    }
}

/// Returns how long a fault delays an answer; nobody waits longer than the client does.
fn delay(answer: &ApiAnswer) -> Duration {
    match answer.transport {
        Transport::Late(wait) => wait.min(TIME_LIMIT),
        Transport::Hang => TIME_LIMIT,
        Transport::Whole | Transport::Gzip | Transport::Reset | Transport::Cut | Transport::Endless => Duration::ZERO,
    }
}

/// From where every brand is asked.
const OUR_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn get(request: &Request, token: &Token) -> ApiRequest {
    let whole = request.path_and_query();
    let (path, query) = whole.split_once('?').unwrap_or((&whole, ""));
    let venue = request.venue().map(|venue| ("x-venue".to_owned(), venue.to_string()));
    ApiRequest {
        method: "GET".to_owned(),
        path: format!("{BASE_PATH}{path}"),
        raw_query: query.to_owned(),
        headers: std::iter::once(("x-token".to_owned(), token.secret().expose().to_owned())).chain(venue).collect(),
        body: Vec::new(),
        client: OUR_ADDRESS,
    }
}

/// What the client makes of an answer before anybody looks at its meaning (`clopos::Client`).
fn receive(answer: &ApiAnswer) -> (Outcome, Result<&[u8], Verdict>) {
    let header = |name: &str| answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let [limit, remaining, reset] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"].map(header);
    let rate_limit = RateLimit::read(limit, remaining, reset, header("Retry-After"));
    let heard = Outcome { status: Some(answer.status), never_left: false, rate_limit };
    let passing = |why: &str| Err(Verdict::Passing { why: Said::own(why) });
    let unreadable = |why: &str| Err(Verdict::Unreadable { why: Said::own(why) });
    match answer.transport {
        Transport::Whole | Transport::Gzip => (heard, Ok(&answer.body)),
        Transport::Late(wait) if wait < TIME_LIMIT => (heard, Ok(&answer.body)),
        Transport::Late(_) | Transport::Hang => (Outcome::default(), passing("no complete answer within 12 s")),
        Transport::Reset => (Outcome::default(), passing("the connection was reset")),
        Transport::Cut => (heard, unreadable("the body is cut off")),
        Transport::Endless => (heard, unreadable("the body is larger than 8192 KiB, the limit")),
    }
}

fn reply<'a>(outcome: &Outcome, body: &'a [u8]) -> Reply<'a> {
    Reply { status: outcome.status.unwrap_or(0), rate_limit: outcome.rate_limit, redirect: None, body, secrets: &[] }
}

/// Asserts that the pages know what the engine remembers: after each cycle, though they are told only what differs.
fn assert_shown(live: &LiveBrand, engine: &Engine) {
    let memory = engine.memory();
    let shown = live.venues();
    let snapshots = shown.iter().map(|venue| (venue.snapshot.id(), &venue.snapshot));
    assert!(
        snapshots.clone().eq(memory.venues.iter().map(|(id, known)| (*id, known))),
        "venues, or what is known of one"
    );
    for venue in &shown {
        assert!(venue.alerts.iter().eq(memory.book.of(Some(venue.snapshot.id()))), "alerts of {}", venue.snapshot.id());
    }
    let itself = live.itself();
    assert!(itself.alerts.iter().eq(memory.book.of(None)), "alerts of the brand");
    assert_eq!((&itself.access, &*itself.silences), (&memory.access, &memory.silences));
}
