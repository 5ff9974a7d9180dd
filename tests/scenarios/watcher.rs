//! One brand's watcher without a task: the steps of `service::brand`, driven by a time that the story moves.
//!
//! Requests are answered by the simulator at once, as bytes; from there on everything is the real code. Invariant: it
//! reads no clock, and a restart keeps nothing but the rows that were committed.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eightysix::catalog::Venue;
use eightysix::clopos::auth::{self, Session, Step};
use eightysix::clopos::budget::{Budget, IpBudget, Outcome, RateLimit};
use eightysix::clopos::decode::{self, Answer, Reply};
use eightysix::clopos::query::Request;
use eightysix::clopos::verdict::{Said, Verdict};
use eightysix::clopos::{TIME_LIMIT, auth::Token};
use eightysix::engine::{Commit, Engine, Input, Memory, Policy};
use eightysix::poll::{self, Learned, Next, Plan};
use eightysix::rules::SubjectKind;
use eightysix::simulator::plan::DEMO_INTEGRATOR;
use eightysix::simulator::route::{ApiAnswer, ApiRequest, BASE_PATH, Transport};
use eightysix::simulator::world::World;
use eightysix::snapshot::{Access, Reading, Snapshot};
use eightysix::units::{BrandId, Timestamp, Uptime, VenueId};

use crate::durable::Tables;

/// How long `service::brand` sleeps at most.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// Requests of a brand in a minute, as configured by default.
const PER_MINUTE: u32 = 240;

/// When the watcher is killed and started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restarts {
    /// Not at all.
    Never,
    /// What it remembers is read back after every commit; what it was about to ask goes on.
    RereadsAfterEachCommit,
    /// The whole process is new after every commit: plan, budget and login start over.
    AfterEachCommit,
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

/// The watcher of one brand.
pub(crate) struct Watcher {
    /// What was committed.
    pub(crate) tables: Tables,
    /// Decides.
    pub(crate) engine: Engine,
    /// What it may watch; `None` for all venues.
    wanted: Option<BTreeSet<VenueId>>,
    policy: Arc<Policy>,
    plan: Plan,
    budget: Budget,
    session: Session,
    polling: poll::Settings,
    login: (String, String),
    ip: Arc<Mutex<IpBudget>>,
    restarts: Restarts,
    is_killed: bool,
}

impl Watcher {
    /// Prepares the watcher of a brand; `login` is its client id and secret.
    pub(crate) fn new(
        brand: &BrandId,
        login: (String, String),
        policy: Arc<Policy>,
        polling: poll::Settings,
        ip: Arc<Mutex<IpBudget>>,
        restarts: Restarts,
    ) -> Self {
        Self {
            tables: Tables::default(),
            engine: Engine::new(brand.clone(), Arc::clone(&policy), limits(0, &polling), Memory::default()),
            wanted: None,
            policy,
            plan: Plan::new(polling, None, []),
            budget: Budget::new(PER_MINUTE, Arc::clone(&ip)),
            session: Session::new(brand),
            polling,
            login,
            ip,
            restarts,
            is_killed: false,
        }
    }

    /// Starts a new process on what was committed, as `service::run` does.
    pub(crate) fn restart(&mut self, clock: Clock) {
        let memory = self.tables.load(clock.wall);
        self.start(memory, clock);
        self.budget = Budget::new(PER_MINUTE, Arc::clone(&self.ip));
    }

    /// Takes another policy or other venues, as a reload does: the memory stays.
    pub(crate) fn reload(&mut self, policy: Arc<Policy>, wanted: Option<BTreeSet<VenueId>>, clock: Clock) {
        (self.policy, self.wanted) = (policy, wanted);
        let memory = self.engine.memory().clone();
        let (mut plan, session) = (self.plan.clone(), self.session.clone());
        self.start(memory, clock);
        plan.reload(self.polling, self.wanted.clone());
        (self.plan, self.session) = (plan, session);
    }

    fn start(&mut self, mut memory: Memory, clock: Clock) {
        for id in self.wanted.iter().flatten() {
            let unnamed = Venue { id: *id, name: String::new(), active: true };
            let unread = Snapshot::unread(unnamed).watched_from(clock.wall);
            memory.venues.entry(*id).or_insert_with(|| Arc::new(unread));
        }
        self.is_killed = false;
        self.plan = Plan::new(self.polling, self.wanted.clone(), memory.venues.keys().copied());
        self.session = Session::new(self.engine.brand());
        let limits = limits(memory.venues.len(), &self.polling);
        self.engine = Engine::new(self.engine.brand().clone(), Arc::clone(&self.policy), limits, memory);
        self.cycle(Input::Reloaded, clock.wall);
        self.is_killed = false;
    }

    /// Does what is due, and returns when to look again.
    pub(crate) fn turn(&mut self, world: &mut World, clock: Clock) -> Uptime {
        let look_at = loop {
            if self.is_killed {
                self.restart(clock);
            }
            if let Some(until) = self.ask(world, clock) {
                break until;
            }
            self.tick_if_due(clock);
        };
        self.tick_if_due(clock);
        let deadline = self.engine.next_deadline().map(|(at, _)| at.since(clock.wall));
        let until_deadline = clock.uptime.plus(deadline.unwrap_or(SLEEP_MAX).min(SLEEP_MAX));
        look_at.min(until_deadline).max(clock.uptime.plus(Duration::from_millis(1)))
    }

    fn tick_if_due(&mut self, clock: Clock) {
        if self.engine.next_deadline().is_some_and(|(at, _)| at <= clock.wall) {
            self.cycle(Input::Tick, clock.wall);
        }
    }

    /// Sends one request, or returns until when there is none to send.
    fn ask(&mut self, world: &mut World, clock: Clock) -> Option<Uptime> {
        let now = clock.uptime;
        let lease = match self.session.step(now) {
            Step::Wait(until) => return Some(until),
            Step::Login => return self.log_in(world, clock),
            Step::UseAndRenew(lease) => {
                self.log_in(world, clock);
                lease
            }
            Step::Use(lease) => lease,
        };
        let request = match self.plan.next(now) {
            Next::Send(request) => request,
            Next::Wait { until, .. } => return Some(until),
        };
        let permit = match self.budget.try_take(now) {
            Ok(permit) => permit,
            Err(wait) => return Some(now.plus(wait.time)),
        };
        self.plan.sent(&request, now);
        let answer = world.answer(&get(&request, &lease.token), clock.clopos);
        let (outcome, body) = receive(&answer);
        let result = body.and_then(|body| decode::decode(&request, &reply(&outcome, body)).map(|(answer, _)| answer));
        self.budget.settle(permit, &outcome, now);
        self.fetched(&request, result, lease.generation, clock);
        None
    }

    fn log_in(&mut self, world: &mut World, clock: Clock) -> Option<Uptime> {
        let now = clock.uptime;
        let permit = match self.budget.try_take_auth(now) {
            Ok(permit) => permit,
            Err(wait) => return Some(now.plus(wait.time)),
        };
        let answer = world.answer(&self.post(), clock.clopos);
        let (outcome, body) = receive(&answer);
        let token = body.and_then(|body| auth::read_token(&reply(&outcome, body), clock.wall, now));
        self.budget.settle(permit, &outcome, now);
        match token {
            Ok(token) => {
                self.session.logged_in(token);
                self.cycle(Input::Access(Access::Granted), clock.wall);
            }
            Err(verdict) => {
                self.session.login_failed(&verdict, now);
                self.shut_out(&verdict, clock.wall);
            }
        }
        None
    }

    fn fetched(&mut self, request: &Request, result: Result<Answer, Verdict>, generation: u64, clock: Clock) {
        let now = clock.uptime;
        let learned = match result {
            Ok(answer) => {
                self.session.served(generation);
                self.plan.answered(request, Ok(answer), now)
            }
            Err(verdict) => {
                let is_refused =
                    matches!(verdict, Verdict::IntegratorRefused { .. } | Verdict::CredentialsRefused { .. });
                if matches!(verdict, Verdict::TokenStale { .. }) {
                    self.session.stale(generation, now);
                } else if is_refused {
                    self.session.refused(&verdict, now);
                    self.shut_out(&verdict, clock.wall);
                }
                self.plan.answered(request, Err(&verdict), now)
            }
        };
        match learned {
            None => {}
            Some(Learned::Venues(venues)) => {
                self.engine.set_limits(limits(venues.len(), &self.polling));
                self.cycle(Input::Venues(venues), clock.wall);
            }
            Some(Learned::OfVenue(venue, reading)) => self.observe(venue, reading, clock),
            Some(Learned::OfBrand(reading)) => {
                self.cycle(Input::OfBrand(reading), clock.wall);
            }
        }
    }

    fn observe(&mut self, venue: VenueId, reading: Reading, clock: Clock) {
        let is_stop_list = matches!(reading, Reading::StopList { .. } | Reading::StopListOf { .. });
        let seq = |engine: &Engine| engine.memory().venues.get(&venue).map_or(0, |snapshot| snapshot.seq);
        let before = seq(&self.engine);
        self.cycle(Input::Reading(venue, reading), clock.wall);
        let Some(after) = self.engine.memory().venues.get(&venue) else { return };
        if is_stop_list {
            self.plan.observed(after, after.seq != before, clock.uptime);
        }
        self.plan.known(after);
        let wanted = self.engine.reading_wanted_at(venue);
        self.plan.want(venue, wanted.map(|at| clock.uptime.plus(at.since(clock.wall))));
    }

    fn shut_out(&mut self, verdict: &Verdict, now: Timestamp) {
        if verdict.needs_a_person() || matches!(verdict, Verdict::Refused { .. }) {
            let since = match self.engine.memory().access {
                Access::Refused { since, .. } => since,
                Access::Untried | Access::Granted | Access::Unreachable { .. } => now,
            };
            self.cycle(Input::Access(Access::Refused { since, why: verdict.to_string() }), now);
        } else if let Access::Untried | Access::Granted = self.engine.memory().access {
            self.cycle(Input::Access(Access::Unreachable { since: now, why: verdict.to_string() }), now);
        }
        for venue in self.venues() {
            self.cycle(Input::Reading(venue, Reading::Failed { why: verdict.to_string() }), now);
        }
    }

    fn venues(&self) -> Vec<VenueId> {
        self.engine.memory().venues.keys().copied().collect()
    }

    /// Steps, commits and adopts; a process that was killed after its last commit does nothing any more.
    fn cycle(&mut self, input: Input, now: Timestamp) {
        if self.is_killed {
            return;
        }
        if let Input::Reading(venue, Reading::Failed { .. }) = &input {
            self.assert_that_a_failure_decides_nothing(*venue, &input, now);
        }
        let commit = self.engine.step(input, now);
        let is_durable = commit.is_durable();
        let access = commit.access.clone().unwrap_or_else(|| self.engine.memory().access.clone());
        if is_durable {
            self.tables.commit(&commit);
        }
        self.engine.adopt(commit);
        match self.restarts {
            Restarts::Never | Restarts::RereadsAfterEachCommit if !is_durable => {}
            Restarts::Never => {}
            Restarts::RereadsAfterEachCommit => {
                let memory = Memory { access, ..self.tables.load(now) };
                let limits = self.engine.limits();
                self.engine = Engine::new(self.engine.brand().clone(), Arc::clone(&self.policy), limits, memory);
            }
            Restarts::AfterEachCommit => self.is_killed = is_durable,
        }
    }

    /// A failed reading turns no alert of an item, and of a station only what the time turns anyway.
    fn assert_that_a_failure_decides_nothing(&self, venue: VenueId, failed: &Input, now: Timestamp) {
        let turned = |commit: Commit, kind: SubjectKind| -> Vec<String> {
            let of_venue = commit.alerts.into_iter().filter(|(key, _)| key.subject.venue() == Some(venue));
            let of_kind = of_venue.filter(|(key, _)| key.subject.kind() == kind);
            of_kind.map(|(key, alert)| format!("{key:?} {}", alert.is_some())).collect()
        };
        let step = |input: Input| self.engine.step(input, now);
        assert_eq!(turned(step(failed.clone()), SubjectKind::Item), [""; 0], "a failed reading turned an alert");
        let by_failure = turned(step(failed.clone()), SubjectKind::Station);
        let by_time = turned(step(Input::Reloaded), SubjectKind::Station);
        assert!(by_failure.iter().all(|turn| by_time.contains(turn)), "{by_failure:?}, by time {by_time:?}");
    }

    fn post(&self) -> ApiRequest {
        let body = serde_json::json!({
            "client_id": self.login.0,
            "client_secret": self.login.1,
            "brand": self.engine.brand().as_str(),
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

/// From where every brand is asked.
const OUR_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn limits(venues: usize, polling: &poll::Settings) -> eightysix::snapshot::FreshnessLimits {
    poll::freshness_limits(poll::worst_age(venues, PER_MINUTE, polling))
}

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
