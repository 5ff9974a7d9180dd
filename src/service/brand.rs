//! The task of one brand: ask, fold, commit, wake.
//!
//! Its loop waits on what is cancel-safe and works at its own pace (style 32). Invariant: memory follows the store; a
//! cycle that could not be stored did not happen, and the next reading makes up for it.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::clopos::auth::{Session, Stale, Step};
use crate::clopos::budget::{Budget, Permit};
use crate::clopos::query::Request;
use crate::clopos::verdict::Verdict;
use crate::clopos::{Client, Fetched, LoggedIn};
use crate::engine::{Commit, Engine, Input};
use crate::poll::{self, Learned, Missed, Next, Plan};
use crate::service::feeds::{Differences, Feeds};
use crate::service::receivers::Wakes;
use crate::snapshot::{Access, Reading};
use crate::store::Store;
use crate::telemetry::{self, Repeat, Repeats};
use crate::units::{Timestamp, Uptime, VenueId, human_duration};

/// Requests of a brand on their way at once: a venue that hangs for its 12 s must not hold up the others.
const ON_THE_WAY_MAX: usize = 8;
/// How long the loop sleeps at most: a wall clock that is set back must not stop the timers for its whole step.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// After the store failed, so that a full disk does not make a storm of attempts.
const STORE_FAILED_WAIT: Duration = Duration::from_secs(5);

/// Everything the task works with.
pub struct Brand {
    /// Asks Clopos.
    pub client: Client,
    /// Decides.
    pub engine: Engine,
    /// Says what to ask next.
    pub plan: Plan,
    /// Says when.
    pub budget: Budget,
    /// The token and its life.
    pub session: Session,
    /// Remembers.
    pub store: Store,
    /// Shows.
    pub feeds: Feeds,
    /// Delivers.
    pub wakes: Wakes,
    /// How often things are read.
    pub polling: poll::Settings,
    /// The configured share of the quota, in requests a minute.
    pub per_minute: u32,
    /// What the user behind the credentials may not read, of what the rules need.
    pub forbidden: BTreeSet<(VenueId, String)>,
}

enum Event {
    Stopped,
    Timer,
    LoggedIn(Permit, LoggedIn),
    Fetched(Box<Ended>),
}

/// A read that has ended, one way or the other.
struct Ended {
    request: Request,
    permit: Permit,
    generation: u64,
    fetched: Fetched,
}

type OnTheWay = FuturesUnordered<Pin<Box<dyn Future<Output = Event> + Send>>>;

struct Task {
    brand: Brand,
    on_the_way: OnTheWay,
    is_logging_in: bool,
    sleep_until: Uptime,
    repeats: Repeats,
    /// No commit is tried before this: the store failed.
    store_not_before: Uptime,
    /// The business day of the returns that screens show.
    day: jiff::civil::Date,
}

/// Watches the brand until `cancel`, and hands everything back for the next start.
pub async fn run(brand: Brand, cancel: CancellationToken) -> Brand {
    let day = brand.feeds.business_day(clock::now());
    let mut task = Task {
        brand,
        on_the_way: FuturesUnordered::new(),
        is_logging_in: false,
        sleep_until: Uptime::default(),
        repeats: Repeats::default(),
        store_not_before: Uptime::default(),
        day,
    };
    task.cycle(Input::Reloaded, clock::now()).await;
    loop {
        task.send();
        let event = task.next(&cancel).await;
        match event {
            Event::Stopped => return task.brand,
            Event::Timer => {}
            Event::LoggedIn(permit, logged_in) => task.logged_in(permit, logged_in).await,
            Event::Fetched(ended) => task.fetched(*ended).await,
        }
        task.turn_the_day(clock::now());
        if task.brand.engine.next_deadline().is_some_and(|(at, _)| at <= clock::now()) {
            task.cycle(Input::Tick, clock::now()).await;
        }
    }
}

impl Task {
    async fn next(&mut self, cancel: &CancellationToken) -> Event {
        let deadline = self.brand.engine.next_deadline().map(|(at, _)| at.since(clock::now()));
        let until_send = self.sleep_until.since(clock::uptime());
        let sleep = until_send.min(deadline.unwrap_or(SLEEP_MAX)).min(SLEEP_MAX);
        tokio::select! {
            biased;
            () = cancel.cancelled() => Event::Stopped,
            Some(event) = self.on_the_way.next(), if !self.on_the_way.is_empty() => event,
            () = tokio::time::sleep(sleep) => Event::Timer,
        }
    }

    /// Takes yesterday's returns off the screens when the business day turns.
    fn turn_the_day(&mut self, now: Timestamp) {
        let today = self.brand.feeds.business_day(now);
        if today != self.day {
            self.day = today;
            let differences = Differences::of_all_lists(&self.brand.engine);
            self.brand.feeds.show(&self.brand.engine, &differences, now);
        }
    }

    /// Sends as much as plan, session and budget allow now, and notes when to look again.
    fn send(&mut self) {
        self.sleep_until = clock::uptime().plus(SLEEP_MAX);
        while self.on_the_way.len() < ON_THE_WAY_MAX {
            let now = clock::uptime();
            let lease = match self.brand.session.step(now) {
                Step::Wait(until) => return self.look_at(until),
                Step::Login => {
                    if !self.log_in(now) {
                        return;
                    }
                    continue;
                }
                Step::UseAndRenew(lease) => {
                    self.log_in(now);
                    lease
                }
                Step::Use(lease) => lease,
            };
            let request = match self.brand.plan.next(now) {
                Next::Send(request) => request,
                Next::Wait { until, .. } => return self.look_at(until),
            };
            let permit = match self.brand.budget.try_take(now) {
                Ok(permit) => permit,
                Err(wait) => return self.look_at(now.plus(wait.time)),
            };
            self.brand.plan.sent(&request, now);
            let client = self.brand.client.clone();
            self.on_the_way.push(Box::pin(async move {
                let fetched = client.fetch(&request, &lease.token).await;
                Event::Fetched(Box::new(Ended { request, permit, generation: lease.generation, fetched }))
            }));
        }
    }

    fn look_at(&mut self, at: Uptime) {
        self.sleep_until = self.sleep_until.min(at);
    }

    /// Starts a login unless one is on its way, and says whether one was started.
    fn log_in(&mut self, now: Uptime) -> bool {
        if self.is_logging_in {
            return false;
        }
        match self.brand.budget.try_take_auth(now) {
            Ok(permit) => {
                self.is_logging_in = true;
                let client = self.brand.client.clone();
                self.on_the_way.push(Box::pin(async move { Event::LoggedIn(permit, client.authenticate().await) }));
                true
            }
            Err(wait) => {
                self.look_at(now.plus(wait.time));
                false
            }
        }
    }

    async fn logged_in(&mut self, permit: Permit, logged_in: LoggedIn) {
        let now = clock::uptime();
        self.is_logging_in = false;
        self.brand.budget.settle(permit, &logged_in.outcome, now);
        match logged_in.result {
            Ok(token) => {
                self.brand.session.logged_in(token);
                if let Some(failures) = self.repeats.works("login") {
                    tracing::info!(brand = %self.brand.engine.brand(), failures, "Clopos lets us in again");
                }
                self.let_in().await;
            }
            Err(verdict) => {
                self.brand.session.login_failed(&verdict, now);
                self.say("login", &verdict);
                let still_served = matches!(self.brand.session.step(now), Step::Use(_) | Step::UseAndRenew(_));
                // A renewal that fails in passing shuts nobody out while the old token lives.
                if !still_served || verdict.needs_a_person() {
                    self.shut_out(&verdict).await;
                }
            }
        }
    }

    async fn fetched(&mut self, ended: Ended) {
        let Ended { request, permit, generation, fetched } = ended;
        let request = &request;
        let now = clock::uptime();
        self.brand.budget.settle(permit, &fetched.outcome, now);
        let thing = thing_of(request);
        let learned = match fetched.result {
            Ok((answer, oddities)) => {
                self.brand.session.served(generation);
                if request.venue().is_some_and(|venue| self.brand.forbidden.remove(&(venue, thing.clone()))) {
                    self.let_in().await;
                }
                if let Some(failures) = self.repeats.works(&thing) {
                    tracing::info!(brand = %self.brand.engine.brand(), failures, "{request}: readable again");
                }
                if let Some(oddity) = oddities.first.first() {
                    tracing::debug!(brand = %self.brand.engine.brand(), count = oddities.count, "{request}: {}", oddity.what);
                }
                self.brand.plan.answered(request, Ok(answer), now)
            }
            Err(verdict) => {
                let is_passing_stale = self.note_failure(&verdict, generation, now);
                if !is_passing_stale && !matches!(verdict, Verdict::NotFound { .. }) {
                    self.say(&thing, &verdict);
                }
                if matches!(verdict, Verdict::IntegratorRefused { .. } | Verdict::CredentialsRefused { .. }) {
                    self.shut_out(&verdict).await;
                }
                if let (Verdict::Forbidden { .. }, Some(venue)) = (&verdict, request.venue()) {
                    self.brand.forbidden.insert((venue, thing));
                    self.refuse(&verdict, clock::now()).await;
                }
                self.brand.plan.answered(request, Err(&verdict), now)
            }
        };
        if let Some(learned) = learned {
            self.learn(learned, clock::now()).await;
        }
    }

    /// Tells the session of a failure; true when it is a stale token that the next login mends.
    fn note_failure(&mut self, verdict: &Verdict, generation: u64, now: Uptime) -> bool {
        match verdict {
            Verdict::TokenStale { .. } => self.brand.session.stale(generation, now) == Stale::LoginAgain,
            Verdict::IntegratorRefused { .. } | Verdict::CredentialsRefused { .. } => {
                self.brand.session.refused(verdict, now);
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
    async fn shut_out(&mut self, verdict: &Verdict) {
        let now = clock::now();
        if verdict.needs_a_person() || matches!(verdict, Verdict::Refused { .. }) {
            self.refuse(verdict, now).await;
        } else if let Access::Untried | Access::Granted = self.brand.engine.memory().access {
            self.cycle(Input::Access(Access::Unreachable { since: now, why: verdict.to_string() }), now).await;
        }
        let venues: Vec<VenueId> = self.brand.engine.memory().venues.keys().copied().collect();
        for venue in venues {
            self.cycle(Input::Reading(venue, Reading::Failed { why: verdict.to_string() }), now).await;
        }
    }

    /// Notes that somebody must mend something before the brand can be read as it should.
    async fn refuse(&mut self, verdict: &Verdict, now: Timestamp) {
        let since = match self.brand.engine.memory().access {
            Access::Refused { since, .. } => since,
            Access::Untried | Access::Granted | Access::Unreachable { .. } => now,
        };
        self.cycle(Input::Access(Access::Refused { since, why: verdict.to_string() }), now).await;
    }

    /// Notes that the brand can be read, unless something that the rules need is still forbidden.
    async fn let_in(&mut self) {
        if self.brand.forbidden.is_empty() {
            self.cycle(Input::Access(Access::Granted), clock::now()).await;
        }
    }

    async fn learn(&mut self, learned: Learned, now: Timestamp) {
        match learned {
            Learned::Venues(venues) => {
                let ids: BTreeSet<VenueId> = venues.iter().map(|venue| venue.id).collect();
                if !self.cycle(Input::Venues(venues), now).await {
                    return self.brand.plan.not_taken(&Missed::Venues, clock::uptime());
                }
                self.pace(ids.len());
                let was_forbidden = !self.brand.forbidden.is_empty();
                self.brand.forbidden.retain(|(venue, _)| ids.contains(venue));
                if was_forbidden {
                    self.let_in().await;
                }
            }
            Learned::OfVenue(venue, reading) => self.observe(venue, reading, now).await,
            Learned::OfBrand(reading) => {
                if !self.cycle(Input::OfBrand(reading), now).await {
                    self.brand.plan.not_taken(&Missed::Prices, clock::uptime());
                }
            }
        }
    }

    /// Sets what counts as stale from what the budget allows, and says so when that is more than was asked for.
    fn pace(&mut self, venues: usize) {
        let (brand, per_minute) = (self.brand.engine.brand().clone(), self.brand.budget.per_minute());
        let worst_age = poll::worst_age(venues, per_minute, &self.brand.polling);
        self.brand.engine.set_limits(poll::freshness_limits(worst_age));
        let oldest = self.brand.polling.oldest;
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

    async fn observe(&mut self, venue: VenueId, reading: Reading, now: Timestamp) {
        let is_stop_list = matches!(reading, Reading::StopList { .. } | Reading::StopListOf { .. });
        let is_walk = matches!(reading, Reading::Products { .. } | Reading::Stations { .. });
        let before = self.brand.engine.memory().venues.get(&venue).map_or(0, |snapshot| snapshot.seq);
        if !self.cycle(Input::Reading(venue, reading), now).await {
            if is_walk {
                self.brand.plan.not_taken(&Missed::Walks(venue), clock::uptime());
            }
            return;
        }
        let Some(after) = self.brand.engine.memory().venues.get(&venue) else { return };
        if is_stop_list {
            self.brand.plan.observed(after, after.seq != before, clock::uptime());
        }
        self.brand.plan.known(after);
        let wanted = self.brand.engine.reading_wanted_at(venue);
        self.brand.plan.want(venue, wanted.map(|at| clock::uptime().plus(at.since(now))));
    }

    /// Steps, stores, adopts, wakes and shows; false when it could not be stored and so did not happen.
    async fn cycle(&mut self, input: Input, now: Timestamp) -> bool {
        let commit = self.brand.engine.step(input, now);
        if commit.is_durable() {
            if clock::uptime() < self.store_not_before {
                return false;
            }
            let stored = self.brand.store.commit(self.brand.engine.brand(), &commit, now).await;
            if let Err(error) = stored {
                let text = telemetry::chain(&error);
                if let Repeat::First { .. } = self.repeats.failed("store", &text) {
                    tracing::error!(brand = %self.brand.engine.brand(), "nothing is taken in until the store works: {text}");
                }
                self.store_not_before = clock::uptime().plus(STORE_FAILED_WAIT);
                return false;
            }
            if self.repeats.works("store").is_some() {
                tracing::info!(brand = %self.brand.engine.brand(), "the store works again");
            }
        }
        self.adopt(commit, now);
        true
    }

    fn adopt(&mut self, commit: Commit, now: Timestamp) {
        for notice in &commit.notices {
            self.brand.wakes.wake(&notice.receiver, notice.content.channel());
        }
        let differences = self.brand.feeds.differences(&commit);
        self.brand.engine.adopt(commit);
        self.brand.feeds.show(&self.brand.engine, &differences, now);
    }

    fn say(&mut self, thing: &str, verdict: &Verdict) {
        let brand = self.brand.engine.brand().clone();
        if let Repeat::First { .. } = self.repeats.failed(thing, verdict.word()) {
            if verdict.needs_a_person() {
                tracing::error!(%brand, verdict = verdict.word(), "{thing}: {verdict}");
            } else {
                tracing::warn!(%brand, verdict = verdict.word(), "{thing}: {verdict}");
            }
        }
    }
}

/// Names what a request reads, so that the failures of one thing are one trouble whatever the page.
fn thing_of(request: &Request) -> String {
    match request {
        Request::Venues => "the venues".to_owned(),
        Request::StopList { venue, .. } => format!("the stop list of venue {venue}"),
        Request::Products { venue, .. } | Request::Product { venue, .. } => format!("the products of venue {venue}"),
        Request::Stations { venue, .. } => format!("the stations of venue {venue}"),
        Request::PriceLists { .. } | Request::Prices { .. } => "the prices".to_owned(),
    }
}
