//! One brand's watcher without its task: what to ask now, what an answer means, and what must be stored because of it.
//!
//! The shell asks Clopos, stores the commits and tells how both ended; no clock is read here, so that simulations drive
//! the same code as the service. Invariant: memory follows the store; a cycle that could not be stored did not happen,
//! and the next reading makes up for it.

mod history;
mod lists;
mod said;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::alerts::order::{Order, OrderId};
use crate::catalog::Venue;
use crate::clopos::auth::{Lease, Session, Stale, Step};
use crate::clopos::budget::{Budget, IpBudget, Permit, steady};
use crate::clopos::query::Request;
use crate::clopos::repeat::ListBytes;
use crate::clopos::verdict::Verdict;
use crate::clopos::{Fetched, LoggedIn};
use crate::engine::{Commit, Engine, Input, Memory, Policy};
use crate::poll::quota::Quota;
use crate::poll::{self, Learned, Missed, Next, Plan};
use crate::snapshot::{Access, Reading, Snapshot};
use crate::telemetry::{Repeat, Repeats};
use crate::units::{BrandId, Timestamp, Uptime, VenueId, human_duration};
use crate::watcher::lists::KnownLists;

/// Requests of a brand on their way at once: a venue that hangs for its 12 s must not hold up the others.
const ON_THE_WAY_MAX: usize = 8;
/// How often it is looked which venues serve guests now: a look at the calendar costs more than a poll that found nothing.
const DOORS_EVERY: Duration = Duration::from_mins(1);
/// After the store failed, so that a full disk does not make a storm of attempts.
const STORE_FAILED_WAIT: Duration = Duration::from_secs(5);

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, which may be set.
    pub wall: Timestamp,
    /// The time since the start of the process, which only grows.
    pub uptime: Uptime,
}

/// What the configuration says of a brand's watching.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often things are read.
    pub polling: poll::Settings,
    /// The venues to watch; `None` for all that Clopos lists.
    pub venues: Option<BTreeSet<VenueId>>,
    /// The share of the quota, in requests a minute.
    pub per_minute: u32,
}

/// What the shell is to ask of Clopos.
#[derive(Debug)]
pub enum Errand {
    /// Log in, and report it to [`Watcher::logged_in`].
    LogIn(Permit),
    /// Read, and report it to [`Watcher::fetched`].
    Read(Asked),
}

/// A read on its way.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// The token to ask with.
    pub lease: Lease,
    /// What the newest list of the venue is recognised by, when it is the stop list that is asked for.
    pub known: Option<Arc<ListBytes>>,
    permit: Permit,
}

/// A commit on its way to the store, and what follows once it is there.
#[derive(Debug)]
pub struct Cycle {
    /// What changes.
    pub commit: Commit,
    then: Then,
}

/// What follows an input that was taken in, or must be read again because it could not be.
#[derive(Debug)]
enum Then {
    Nothing,
    /// What the configuration changed is decided at once, or when the store works again.
    Configured,
    /// Whether Clopos lets us in is learnt by a login, which is far off: it is taken in when the store works again.
    Access(Access),
    Venues {
        ids: BTreeSet<VenueId>,
    },
    Observed {
        venue: VenueId,
        is_stop_list: bool,
        is_walk: bool,
        bytes: Option<ListBytes>,
    },
    Prices,
}

/// Watches one brand.
pub struct Watcher {
    engine: Engine,
    plan: Plan,
    budget: Budget,
    session: Session,
    settings: Settings,
    /// What the user behind the credentials may not read, of what the rules need.
    forbidden: BTreeSet<(VenueId, String)>,
    on_the_way: usize,
    is_logging_in: bool,
    inputs: VecDeque<(Input, Then)>,
    repeats: Repeats,
    /// Clopos asked to wait, and that was said.
    is_told_to_wait: bool,
    /// No commit is tried before this: the store failed.
    store_not_before: Uptime,
    /// No history is read before this: that failed.
    history_not_before: Uptime,
    /// What another configuration ends or begins could not be stored.
    is_configuration_unstored: bool,
    /// The newest access that could not be stored.
    unstored_access: Option<Access>,
    /// The newest stop lists, to recognise them by.
    lists: KnownLists,
    /// When it was last looked which venues serve guests.
    doors_noted_at: Option<Uptime>,
}

impl Watcher {
    /// Starts from what the store remembers.
    pub fn start(
        brand: BrandId,
        settings: Settings,
        policy: Arc<Policy>,
        mut memory: Memory,
        ip: Arc<Mutex<IpBudget>>,
        now: Timestamp,
    ) -> Self {
        for snapshot in memory.venues.values_mut() {
            *snapshot = Arc::new(snapshot.as_ref().clone().watched_from(now));
        }
        watch_configured(&mut memory, &settings, now);
        let (budget, session) = (Budget::new(settings.per_minute, ip), Session::new(&brand));
        let known = memory.venues.keys().copied();
        let plan = Plan::new(settings.polling, budget.per_minute(), settings.venues.clone(), known);
        let engine = Engine::new(brand, policy, limits(&memory, &settings), memory);
        Self::new(engine, plan, budget, session, settings, BTreeSet::new())
    }

    /// Goes on under another configuration: a brand must not walk everything again, forget a 429 or log in anew.
    ///
    /// Requests on their way are forgotten. `same_login` says that the credentials are what they were; other ones may
    /// read other things, and what they may not is found out anew.
    pub fn reload(
        self,
        settings: Settings,
        policy: Arc<Policy>,
        same_login: bool,
        ip: Arc<Mutex<IpBudget>>,
        now: Timestamp,
    ) -> Self {
        let Self { engine, mut plan, budget, session, settings: before, forbidden, .. } = self;
        let brand = engine.brand().clone();
        let mut memory = engine.into_memory();
        watch_configured(&mut memory, &settings, now);
        let same_share = before.per_minute == settings.per_minute;
        let budget = if same_share { budget } else { Budget::new(settings.per_minute, ip) };
        plan.reload(settings.polling, budget.per_minute(), settings.venues.clone());
        let (session, forbidden) =
            if same_login { (session, forbidden) } else { (Session::new(&brand), BTreeSet::new()) };
        let engine = Engine::new(brand, policy, limits(&memory, &settings), memory);
        Self::new(engine, plan, budget, session, settings, forbidden)
    }

    fn new(
        engine: Engine,
        plan: Plan,
        budget: Budget,
        session: Session,
        settings: Settings,
        forbidden: BTreeSet<(VenueId, String)>,
    ) -> Self {
        Self {
            engine,
            plan,
            budget,
            session,
            settings,
            forbidden,
            on_the_way: 0,
            is_logging_in: false,
            inputs: VecDeque::from([(Input::Reloaded, Then::Configured)]),
            repeats: Repeats::default(),
            is_told_to_wait: false,
            store_not_before: Uptime::default(),
            history_not_before: Uptime::default(),
            is_configuration_unstored: false,
            unstored_access: None,
            lists: KnownLists::default(),
            doors_noted_at: None,
        }
    }

    /// Returns the engine, for those who show what it knows.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Takes the memory out.
    pub fn into_memory(self) -> Memory {
        self.engine.into_memory()
    }

    /// Returns the next errand that plan, session and budget allow now.
    ///
    /// # Errors
    /// Returns when to ask again, or `None` when only the end of an errand can bring another.
    pub fn errand(&mut self, now: Uptime) -> Result<Errand, Option<Uptime>> {
        if self.on_the_way >= ON_THE_WAY_MAX {
            return Err(None);
        }
        let mut login_waits = None;
        let lease = match self.session.step(now) {
            Step::Wait(until) => return Err(Some(until)),
            Step::Login => return self.log_in(now).map(Errand::LogIn),
            Step::UseAndRenew(lease) => match self.log_in(now) {
                Ok(permit) => return Ok(Errand::LogIn(permit)),
                Err(wait) => {
                    login_waits = wait;
                    lease
                }
            },
            Step::Use(lease) => lease,
        };
        let earliest = |until: Uptime| Some(login_waits.map_or(until, |wait: Uptime| wait.min(until)));
        let request = match self.plan.next(now) {
            Next::Send(request) => request,
            Next::Wait { until, .. } => return Err(earliest(until)),
        };
        let taken = self.budget.try_take(now);
        self.say_quota(taken.as_ref().err());
        let permit = taken.map_err(|wait| earliest(now.plus(wait.time)))?;
        self.plan.sent(&request, now);
        self.on_the_way += 1;
        let known = self.lists.of(&request, self.engine.memory());
        Ok(Errand::Read(Asked { request, lease, known, permit }))
    }

    /// Takes a permit for a login, unless one is on its way or the budget has none left.
    fn log_in(&mut self, now: Uptime) -> Result<Permit, Option<Uptime>> {
        if self.is_logging_in {
            return Err(None);
        }
        let permit = self.budget.try_take_auth(now).map_err(|wait| Some(now.plus(wait.time)))?;
        self.is_logging_in = true;
        self.on_the_way += 1;
        Ok(permit)
    }

    /// Takes the end of a login.
    pub fn logged_in(&mut self, permit: Permit, logged_in: LoggedIn, now: Moment) {
        self.is_logging_in = false;
        self.on_the_way = self.on_the_way.saturating_sub(1);
        self.budget.settle(permit, &logged_in.outcome, now.uptime);
        match logged_in.result {
            Ok(token) => {
                self.session.logged_in(token);
                if let Some(failures) = self.repeats.works("login") {
                    tracing::info!(brand = %self.engine.brand(), failures, "Clopos lets us in again");
                }
                self.let_in();
            }
            Err(verdict) => {
                self.session.login_failed(&verdict, now.uptime);
                self.say("login", &verdict);
                let still_served = matches!(self.session.step(now.uptime), Step::Use(_) | Step::UseAndRenew(_));
                // A renewal that fails in passing shuts nobody out while the old token lives.
                if !still_served || verdict.needs_a_person() {
                    self.shut_out(&verdict, now.wall);
                }
            }
        }
    }

    /// Takes the end of a read.
    pub fn fetched(&mut self, asked: Asked, fetched: Fetched, now: Moment) {
        let Asked { request, lease, known: _, permit } = asked;
        let request = &request;
        self.on_the_way = self.on_the_way.saturating_sub(1);
        self.budget.settle(permit, &fetched.outcome, now.uptime);
        let thing = thing_of(request);
        let learned = match fetched.result {
            Ok((answer, oddities)) => {
                self.session.served(lease.generation);
                if self.may_read(request) {
                    self.let_in();
                }
                if let Some(failures) = self.repeats.works(&thing) {
                    tracing::info!(brand = %self.engine.brand(), failures, "{request}: readable again");
                }
                self.say_oddities(request, &oddities);
                let learned = self.plan.answered(request, Ok(answer), now.uptime);
                self.say_doubt(request);
                learned
            }
            Err(verdict) => {
                let is_passing_stale = self.note_failure(&verdict, lease.generation, now.uptime);
                if !is_passing_stale && !matches!(verdict, Verdict::NotFound { .. }) {
                    self.say(&thing, &verdict);
                }
                self.is_told_to_wait |= matches!(verdict, Verdict::RateLimited { .. });
                if matches!(verdict, Verdict::IntegratorRefused { .. } | Verdict::CredentialsRefused { .. }) {
                    self.shut_out(&verdict, now.wall);
                }
                if let (Verdict::Forbidden { .. }, Some(venue)) = (&verdict, request.venue()) {
                    self.forbidden.insert((venue, thing));
                    self.refuse(&verdict, now.wall);
                }
                self.plan.answered(request, Err(&verdict), now.uptime)
            }
        };
        if let Some(learned) = learned {
            self.learn(learned, fetched.bytes);
        }
    }

    /// Notes that what is asked for may be read; true when it was forbidden until now.
    fn may_read(&mut self, request: &Request) -> bool {
        let Some(venue) = request.venue() else { return false };
        let was_forbidden = self.forbidden.remove(&(venue, thing_of(request)));
        // Whoever may read all products may read each, and a single one may never be asked for again.
        let single =
            matches!(request, Request::Products { .. }) && self.forbidden.remove(&(venue, single_products(venue)));
        was_forbidden || single
    }

    /// Tells the session of a failure; true when it is a stale token that the next login mends.
    fn note_failure(&mut self, verdict: &Verdict, generation: u64, now: Uptime) -> bool {
        match verdict {
            Verdict::TokenStale { .. } => self.session.stale(generation, now) == Stale::LoginAgain,
            Verdict::IntegratorRefused { .. } | Verdict::CredentialsRefused { .. } => {
                self.session.refused(verdict, now);
                false
            }
            Verdict::Forbidden { .. }
            | Verdict::NotFound { .. }
            | Verdict::RateLimited { .. }
            | Verdict::Passing { .. }
            | Verdict::Unreadable { .. }
            | Verdict::Refused { .. } => false,
        }
    }

    /// Notes that the whole brand cannot be read: every venue's trouble, and a refusal if somebody must mend it.
    fn shut_out(&mut self, verdict: &Verdict, now: Timestamp) {
        if verdict.needs_a_person() || matches!(verdict, Verdict::Refused { .. }) {
            self.refuse(verdict, now);
        } else if let Access::Untried | Access::Granted = self.engine.memory().access {
            self.note_access(Access::Unreachable { since: now, why: verdict.to_string() });
        }
        for venue in self.engine.memory().venues.keys() {
            let failed = Reading::Failed { why: verdict.to_string() };
            self.inputs.push_back((Input::Reading(*venue, failed), Then::Nothing));
        }
    }

    /// Notes that somebody must mend something before the brand can be read as it should.
    fn refuse(&mut self, verdict: &Verdict, now: Timestamp) {
        let since = match self.engine.memory().access {
            Access::Refused { since, .. } => since,
            Access::Untried | Access::Granted | Access::Unreachable { .. } => now,
        };
        self.note_access(Access::Refused { since, why: verdict.to_string() });
    }

    /// Notes that the brand can be read, unless something that the rules need is still forbidden.
    fn let_in(&mut self) {
        if self.forbidden.is_empty() {
            self.note_access(Access::Granted);
        }
    }

    fn learn(&mut self, learned: Learned, bytes: Option<ListBytes>) {
        self.inputs.push_back(match learned {
            Learned::Venues(venues) => {
                let ids = venues.iter().map(|venue| venue.id).collect();
                (Input::Venues(venues), Then::Venues { ids })
            }
            Learned::OfVenue(venue, reading) => {
                let is_stop_list =
                    matches!(reading, Reading::StopList { .. } | Reading::SameStopList | Reading::StopListOf { .. });
                let is_walk = matches!(reading, Reading::Products { .. } | Reading::Stations { .. });
                (Input::Reading(venue, reading), Then::Observed { venue, is_stop_list, is_walk, bytes })
            }
            Learned::OfBrand(reading) => (Input::OfBrand(reading), Then::Prices),
        });
    }

    /// Returns when time alone changes something, whatever Clopos says.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.engine.next_deadline().map(|(at, _)| at)
    }

    /// Notes that time has passed, if that changes something. Nothing is tried that could not be stored.
    pub fn tick(&mut self, now: Moment) {
        if now.uptime < self.store_not_before {
            return;
        }
        if std::mem::take(&mut self.is_configuration_unstored) {
            self.inputs.push_back((Input::Reloaded, Then::Configured));
        }
        if let Some(access) = self.unstored_access.take() {
            self.note_access(access);
        }
        if self.next_deadline().is_some_and(|at| at <= now.wall) {
            self.inputs.push_back((Input::Tick, Then::Nothing));
        }
    }

    /// Takes in what somebody asks for. When it cannot be stored it is not tried again: who asked takes it back and is
    /// told that nothing was changed.
    pub fn take_order(&mut self, id: OrderId, order: Order) {
        self.inputs.push_back((Input::Order(id, order), Then::Nothing));
    }

    /// Notes that the process is about to end, or this configuration of it. Nothing is tried that could not be stored.
    pub fn end(&mut self, now: Uptime) {
        if now >= self.store_not_before {
            self.inputs.push_back((Input::Ending, Then::Nothing));
        }
    }

    /// Returns before when no [`Watcher::tick`] does anything, because the store failed.
    pub const fn store_not_before(&self) -> Uptime {
        self.store_not_before
    }

    fn note_access(&mut self, access: Access) {
        self.unstored_access = None;
        self.inputs.push_back((Input::Access(access.clone()), Then::Access(access)));
    }

    /// Returns the next commit, until none is left. It is to be stored if it is durable, and then handed to
    /// [`Watcher::adopt`], or to [`Watcher::store_failed`].
    pub fn step(&mut self, now: Moment) -> Option<Cycle> {
        loop {
            let (input, then) = self.inputs.pop_front()?;
            let commit = self.engine.step(input, now.wall);
            if now.uptime >= self.store_not_before || !commit.is_durable() {
                return Some(Cycle { commit, then });
            }
            self.read_again(then, now.uptime);
        }
    }

    /// Takes a commit into memory, after it was stored.
    pub fn adopt(&mut self, cycle: Cycle, now: Moment) {
        let Cycle { commit, then } = cycle;
        if commit.is_durable() && self.repeats.works("store").is_some() {
            tracing::info!(brand = %self.engine.brand(), "the store works again");
        }
        self.say_what_failed(&commit);
        let seq = |engine: &Engine, venue| engine.memory().venues.get(venue).map_or(0, |snapshot| snapshot.seq);
        let before = if let Then::Observed { venue, .. } = &then { seq(&self.engine, venue) } else { 0 };
        self.engine.adopt(commit);
        match then {
            Then::Nothing | Then::Configured | Then::Access(_) | Then::Prices => {}
            Then::Venues { ids } => {
                self.pace();
                self.lists.retain(&ids);
                let was_forbidden = !self.forbidden.is_empty();
                self.forbidden.retain(|(venue, _)| ids.contains(venue));
                if was_forbidden {
                    self.let_in();
                }
            }
            Then::Observed { venue, is_stop_list, is_walk: _, bytes } => {
                let Some(after) = self.engine.memory().venues.get(&venue) else { return };
                self.lists.note(bytes, after);
                if is_stop_list {
                    self.plan.observed(after, after.seq != before, now.uptime);
                }
                self.plan.known(after);
                let wanted = self.engine.reading_wanted_at(venue);
                self.plan.want(venue, wanted.map(|at| now.uptime.plus(at.since(now.wall))));
                self.note_doors(now);
            }
        }
    }

    /// Tells the plan now and then which venues serve guests.
    fn note_doors(&mut self, now: Moment) {
        if self.doors_noted_at.is_some_and(|at| now.uptime.since(at) < DOORS_EVERY) {
            return;
        }
        self.doors_noted_at = Some(now.uptime);
        for venue in self.engine.memory().venues.keys() {
            self.plan.note_doors(*venue, self.engine.is_open(*venue, now.wall));
        }
    }

    /// Notes that a commit could not be stored and why: it did not happen.
    pub fn store_failed(&mut self, cycle: Cycle, why: &str, now: Uptime) {
        if let Repeat::First { .. } = self.repeats.failed("store", why) {
            tracing::error!(brand = %self.engine.brand(), "nothing is taken in until the store works: {why}");
        }
        self.store_not_before = now.plus(STORE_FAILED_WAIT);
        self.read_again(cycle.then, now);
    }

    /// Has read again what is not read again anyway.
    fn read_again(&mut self, then: Then, now: Uptime) {
        let missed = match then {
            Then::Configured => {
                self.is_configuration_unstored = true;
                return;
            }
            Then::Access(access) => {
                self.unstored_access = Some(access);
                return;
            }
            Then::Venues { .. } => Missed::Venues,
            Then::Observed { venue, is_walk: true, .. } => Missed::Walks(venue),
            Then::Prices => Missed::Prices,
            Then::Nothing | Then::Observed { is_walk: false, .. } => return,
        };
        self.plan.not_taken(&missed, now);
    }

    /// Returns what the quota buys for the venues that are watched.
    pub fn quota(&self) -> Quota {
        let venues = self.engine.memory().venues.len();
        Quota::new(venues, self.budget.per_minute(), &self.settings.polling)
    }

    /// Sets what counts as stale from what the budget allows, and says so when that is more than was asked for.
    fn pace(&mut self) {
        let (brand, quota) = (self.engine.brand().clone(), self.quota());
        let Quota { venues, per_minute, fastest: _, oldest } = quota;
        self.engine.set_limits(quota.limits());
        let worst_age = quota.worst_age();
        if worst_age > oldest {
            if let Repeat::First { .. } = self.repeats.failed("pace", &venues.to_string()) {
                tracing::warn!(
                    %brand,
                    "{venues} venues at {per_minute} requests a minute: a stop list can get {} old, more than polling.oldest ({})",
                    human_duration(worst_age),
                    human_duration(oldest)
                );
            }
        } else {
            tracing::info!(%brand, "watching {venues} venues, each at least every {}", human_duration(worst_age));
        }
    }
}

/// Watches configured venues at once, even if Clopos does not let us list them.
fn watch_configured(memory: &mut Memory, settings: &Settings, now: Timestamp) {
    for id in settings.venues.iter().flatten() {
        let unnamed = Venue { id: *id, name: String::new(), active: true };
        let unread = || Arc::new(Snapshot::unread(unnamed).watched_from(now));
        memory.venues.entry(*id).or_insert_with(unread);
    }
}

fn limits(memory: &Memory, settings: &Settings) -> crate::snapshot::FreshnessLimits {
    Quota::new(memory.venues.len(), steady(settings.per_minute), &settings.polling).limits()
}

/// Names what a request reads, so that the failures of one thing are one trouble whatever the page.
fn thing_of(request: &Request) -> String {
    match request {
        Request::Venues => "the venues".to_owned(),
        Request::StopList { venue, .. } => format!("the stop list of venue {venue}"),
        Request::Products { venue, .. } => format!("the products of venue {venue}"),
        // Its answer says nothing of the walk.
        Request::Product { venue, .. } => single_products(*venue),
        Request::Stations { venue, .. } => format!("the stations of venue {venue}"),
        Request::PriceLists { .. } | Request::Prices { .. } => "the prices".to_owned(),
    }
}

fn single_products(venue: VenueId) -> String {
    format!("single products of venue {venue}")
}
