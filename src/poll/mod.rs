//! Which request is next: the venue whose knowledge is worth most to renew, walks in the gaps, second looks at once.
//!
//! Pure: answers and the time go in, requests and readings come out; the budget says when, this says what. Invariant: at
//! most one request of a venue is on its way, so that its readings are folded in the order in which they were made.

pub mod pace;
pub mod quota;
pub mod walks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::catalog::Venue;
use crate::clopos::decode::{Answer, StopList, VenueList};
use crate::clopos::query::Request;
use crate::clopos::verdict::Verdict;
use crate::poll::pace::Pace;
use crate::poll::quota::Quota;
use crate::poll::walks::{PriceWalks, VenueWalks, products_reading, stations_reading};
use crate::snapshot::{Reading, Snapshot};
use crate::units::{ProductId, Uptime, VenueId};

/// How often things are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A stop list is read at most this often; 3 s by default.
    pub fastest: Duration,
    /// No stop list should get older than this; 60 s by default.
    pub oldest: Duration,
    /// Products and stations are walked this often; 15 min by default.
    pub catalog: Duration,
    /// Prices and the list of venues are read this often; an hour by default.
    pub prices: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fastest: Duration::from_secs(3),
            oldest: Duration::from_mins(1),
            catalog: Duration::from_mins(15),
            prices: Duration::from_hours(1),
        }
    }
}

/// One request in this many may be a page of a walk while stop lists wait: walks get on and starve nobody.
const WALK_SHARE: u32 = 4;
/// What an overdue stop list is worth: more than any rate x age^2 of one that is not.
const OVERDUE: f64 = 1e12;
/// A list of venues that names none while some are watched is asked for again after this.
const EMPTY_VENUES_WAIT: Duration = Duration::from_mins(1);
/// What could not be taken in, because the store failed, is asked for again after this.
const NOT_TAKEN_WAIT: Duration = Duration::from_secs(5);
/// First and longest wait after a request that failed in passing.
const PASSING_WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));
/// First and longest wait when somebody must mend something first: noticed within minutes, never hammered.
const MENDING_WAIT: (Duration, Duration) = (Duration::from_secs(30), Duration::from_mins(10));

/// What the brand's task does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this.
    Send(Request),
    /// Nothing is due before this moment.
    Wait {
        /// The moment.
        until: Uptime,
        /// What is due then.
        why: &'static str,
    },
}

/// What an answer amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The brand's venues, the watched ones only.
    Venues(Vec<Venue>),
    /// A reading of one venue.
    OfVenue(VenueId, Reading),
    /// The same reading for every venue: prices belong to the brand.
    OfBrand(Reading),
}

/// What was read and could not be taken in. A stop list is not among them: it is read again anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The list of venues.
    Venues,
    /// The price walk.
    Prices,
    /// A walk of this venue.
    Walks(VenueId),
}

/// The plan of one brand.
#[derive(Clone, Debug)]
pub struct Plan {
    settings: Settings,
    /// How many requests a minute there are: how old a list may get follows from it ([`Quota`]).
    per_minute: u32,
    /// The venues to watch; `None` means all that Clopos lists.
    wanted: Option<BTreeSet<VenueId>>,
    venues: BTreeMap<VenueId, VenuePlan>,
    /// The only venues that may have a second look to make; one that has none any more is not missed.
    doubted: BTreeSet<VenueId>,
    /// The only venues that may have a product to ask for.
    asking: BTreeSet<VenueId>,
    /// No venue has a page of a walk due before this: between walks, a poll does not look for one.
    walks_not_before: Uptime,
    venues_read_at: Option<Uptime>,
    /// Venues that the last list lacked; a second list that lacks them ends their watch.
    missing_venues: BTreeSet<VenueId>,
    /// What is wrong with the last list of venues.
    venues_doubt: Option<String>,
    prices: PriceWalks,
    brand_on_the_way: bool,
    brand_failures: u32,
    brand_not_before: Uptime,
    /// Stop lists asked for since the last page of a walk.
    since_walk: u32,
}

#[derive(Clone, Debug, Default)]
struct VenuePlan {
    pace: Pace,
    read_at: Option<Uptime>,
    asked_at: Option<Uptime>,
    on_the_way: bool,
    failures: u32,
    not_before: Uptime,
    /// Apart, since every choice of a request looks over the rest.
    walks: Box<VenueWalks>,
    second_look: Vec<ProductId>,
    ask: BTreeSet<ProductId>,
    /// When an alert waits for a reading.
    wanted_at: Option<Uptime>,
    /// Nobody is served now, by the hours that are written down.
    is_closed: bool,
}

impl VenuePlan {
    /// Says whether no request is on its way and no failure is waited out.
    fn is_free(&self, now: Uptime) -> bool {
        !self.on_the_way && self.not_before <= now
    }
}

impl Plan {
    /// Starts with the venues that are known already; `wanted` is `None` for all that Clopos lists. `per_minute` requests can
    /// be made at a steady pace.
    pub fn new(
        settings: Settings,
        per_minute: u32,
        wanted: Option<BTreeSet<VenueId>>,
        known: impl IntoIterator<Item = VenueId>,
    ) -> Self {
        let known = known.into_iter().chain(wanted.iter().flatten().copied());
        Self {
            settings,
            per_minute,
            venues: known.map(|venue| (venue, VenuePlan::default())).collect(),
            wanted,
            doubted: BTreeSet::new(),
            asking: BTreeSet::new(),
            walks_not_before: Uptime::default(),
            venues_read_at: None,
            missing_venues: BTreeSet::new(),
            venues_doubt: None,
            prices: PriceWalks::new(),
            brand_on_the_way: false,
            brand_failures: 0,
            brand_not_before: Uptime::default(),
            since_walk: 0,
        }
    }

    /// Takes new settings. What was read stays read; requests that were on their way are forgotten with their task.
    pub fn reload(&mut self, settings: Settings, per_minute: u32, wanted: Option<BTreeSet<VenueId>>) {
        (self.settings, self.per_minute) = (settings, per_minute);
        self.brand_on_the_way = false;
        for plan in self.venues.values_mut() {
            plan.on_the_way = false;
        }
        if let Some(wanted) = &wanted {
            self.venues.retain(|venue, _| wanted.contains(venue));
            for venue in wanted {
                self.venues.entry(*venue).or_default();
            }
        }
        self.venues_read_at = None;
        self.wanted = wanted;
        self.look_for_walks();
    }

    /// Returns the request that is worth most now. The caller reports how it ended to [`Plan::answered`].
    pub fn next(&self, now: Uptime) -> Next {
        let second_look = self.free_of(&self.doubted, now).find(|(_, plan)| !plan.second_look.is_empty());
        if let Some((venue, plan)) = second_look {
            return Next::Send(Request::StopList { venue, only: plan.second_look.clone() });
        }
        if let Some(request) = self.venues_request(now) {
            return Next::Send(request);
        }
        let stop_list = self.most_urgent_stop_list(now);
        let walk = self.walk_request(now);
        match (stop_list, walk) {
            (Some(venue), None) => Next::Send(Request::StopList { venue, only: Vec::new() }),
            (Some(venue), Some((_, is_first))) if !self.is_walk_s_turn(is_first) => {
                Next::Send(Request::StopList { venue, only: Vec::new() })
            }
            (_, Some((walk, _))) => Next::Send(walk),
            (None, None) => self.wait(now),
        }
    }

    /// Says whose turn it is when a stop list and a page of a walk are both due. A venue whose catalog was never read
    /// shows numbers without names and fires no rule, so its first walk gets every other turn.
    fn is_walk_s_turn(&self, is_first: bool) -> bool {
        let since = if is_first { 1 } else { WALK_SHARE - 1 };
        self.since_walk >= since
    }

    /// Notes that a request left.
    pub fn sent(&mut self, request: &Request, now: Uptime) {
        match request.venue() {
            None => self.brand_on_the_way = true,
            Some(venue) => {
                if let Some(plan) = self.venues.get_mut(&venue) {
                    plan.on_the_way = true;
                }
            }
        }
        match request {
            Request::StopList { venue, only } if only.is_empty() => {
                self.since_walk = self.since_walk.saturating_add(1);
                if let Some(plan) = self.venues.get_mut(venue) {
                    plan.asked_at = Some(now);
                }
            }
            Request::StopList { venue, .. } => {
                self.doubted.remove(venue);
                if let Some(plan) = self.venues.get_mut(venue) {
                    plan.second_look.clear();
                }
            }
            Request::Products { .. }
            | Request::Product { .. }
            | Request::Stations { .. }
            | Request::PriceLists { .. }
            | Request::Prices { .. } => self.since_walk = 0,
            Request::Venues => {}
        }
    }

    /// Takes what became of a request and returns the reading that it completed, if any.
    pub fn answered(&mut self, request: &Request, result: Result<Answer, &Verdict>, now: Uptime) -> Option<Learned> {
        match (request.venue(), result) {
            (None, Ok(answer)) => self.brand_answered(answer, now),
            (None, Err(verdict)) => {
                self.brand_on_the_way = false;
                self.brand_failures = self.brand_failures.saturating_add(1);
                let wait = wait_after(verdict, self.brand_failures, 0);
                self.prices.hold(wait, now);
                self.brand_not_before = now.plus(wait);
                None
            }
            (Some(venue), Ok(answer)) => self.venue_answered(venue, request, answer, now),
            (Some(venue), Err(verdict)) => self.venue_failed(venue, request, verdict, now),
        }
    }

    /// Returns why what this request belongs to was answered and yet could not be taken in, for people.
    pub fn doubt(&self, request: &Request) -> Option<String> {
        let walks = request.venue().and_then(|venue| Some(&self.venues.get(&venue)?.walks));
        let failed = match request {
            Request::Venues => return self.venues_doubt.clone(),
            Request::Products { .. } => walks?.products.failed(),
            Request::Stations { .. } => walks?.stations.failed(),
            Request::PriceLists { .. } | Request::Prices { .. } => self.prices.failed(),
            Request::StopList { .. } | Request::Product { .. } => None,
        };
        failed.map(|why| {
            format!("not read to the end, so that what was known stays ({why}); it is tried again by itself")
        })
    }

    /// Learns from a folded reading: the venue's pace, a wanted second look, ids to ask for.
    pub fn observed(&mut self, snapshot: &Snapshot, changed: bool, now: Uptime) {
        let Some(plan) = self.venues.get_mut(&snapshot.id()) else { return };
        if let Some(read_at) = plan.read_at {
            plan.pace.learn(changed, now.since(read_at), !plan.is_closed);
        }
        plan.read_at = Some(now);
        plan.second_look = snapshot.doubt.as_ref().map(|doubt| doubt.ask.clone()).unwrap_or_default();
        if plan.second_look.is_empty() {
            self.doubted.remove(&snapshot.id());
        } else {
            self.doubted.insert(snapshot.id());
        }
    }

    /// Notes which ids of the stop list the catalog lacks, after any reading of the venue.
    pub fn known(&mut self, snapshot: &Snapshot) {
        if let Some(plan) = self.venues.get_mut(&snapshot.id()) {
            plan.ask = snapshot.products_to_ask().collect();
            if plan.ask.is_empty() {
                self.asking.remove(&snapshot.id());
            } else {
                self.asking.insert(snapshot.id());
            }
        }
    }

    /// Notes when an alert of the venue waits for a reading, so that the stop list is read then.
    pub fn want(&mut self, venue: VenueId, at: Option<Uptime>) {
        if let Some(plan) = self.venues.get_mut(&venue) {
            plan.wanted_at = at;
        }
    }

    /// Notes whether the venue serves guests now: behind closed doors little changes.
    pub fn note_doors(&mut self, venue: VenueId, are_open: bool) {
        if let Some(plan) = self.venues.get_mut(&venue) {
            plan.is_closed = !are_open;
        }
    }

    /// Takes back that something was read, since it could not be taken in.
    pub fn not_taken(&mut self, learned: &Missed, now: Uptime) {
        match learned {
            Missed::Venues => {
                self.venues_read_at = None;
                self.brand_not_before = now.plus(NOT_TAKEN_WAIT);
            }
            Missed::Prices => self.prices = PriceWalks::new(),
            Missed::Walks(venue) => {
                if let Some(plan) = self.venues.get_mut(venue) {
                    *plan.walks = VenueWalks::new();
                    plan.not_before = now.plus(NOT_TAKEN_WAIT);
                }
                self.look_for_walks();
            }
        }
    }

    /// Sets the watched venues, as learned from Clopos.
    fn set_venues(&mut self, list: VenueList) -> Vec<Venue> {
        let VenueList { rows: listed, unreadable, whole } = list;
        let rows: BTreeSet<VenueId> = listed.iter().map(|venue| venue.id).collect();
        let mut watched: Vec<Venue> = match &self.wanted {
            None => listed.into_iter().filter(|venue| venue.active).collect(),
            Some(wanted) => listed.into_iter().filter(|venue| wanted.contains(&venue.id)).collect(),
        };
        let is_lacked = |id: &VenueId| whole && !rows.contains(id) && !unreadable.contains(id);
        // A venue goes only when two lists in a row lack it.
        let has_gone = |id: &VenueId| is_lacked(id) && self.missing_venues.contains(id);
        let unlisted = self.venues.keys().filter(|id| self.wanted.is_none() && !rows.contains(*id));
        let kept: BTreeSet<VenueId> = unlisted.filter(|id| !has_gone(id)).copied().collect();
        // A configured venue that Clopos does not list is polled all the same, so that its own answer says what is wrong.
        for id in self.wanted.iter().flatten().chain(&kept) {
            if !watched.iter().any(|venue| venue.id == *id) {
                watched.push(Venue { id: *id, name: String::new(), active: true });
            }
        }
        let ids: BTreeSet<VenueId> = watched.iter().map(|venue| venue.id).collect();
        self.venues.retain(|venue, _| ids.contains(venue));
        for id in ids {
            self.venues.entry(id).or_default();
        }
        self.missing_venues = kept.into_iter().filter(is_lacked).collect();
        self.look_for_walks();
        watched
    }

    fn brand_answered(&mut self, answer: Answer, now: Uptime) -> Option<Learned> {
        self.brand_on_the_way = false;
        self.brand_failures = 0;
        match answer {
            // Nobody closes a whole chain in an hour: an empty list is an error that looks like an answer.
            Answer::Venues(list) if list.rows.is_empty() && !self.venues.is_empty() => {
                self.brand_not_before = now.plus(EMPTY_VENUES_WAIT);
                let doubt = "Clopos lists none, which is not believed; it is tried again by itself";
                self.venues_doubt = Some(doubt.to_owned());
                None
            }
            Answer::Venues(list) => {
                self.venues_read_at = Some(now);
                self.venues_doubt = unlisted(self.wanted.as_ref(), &list.rows);
                Some(Learned::Venues(self.set_venues(list)))
            }
            Answer::PriceLists(page) => {
                self.prices.take_lists(page, now);
                None
            }
            Answer::Prices(page) => self.prices.take_prices(page, now).map(Learned::OfBrand),
            Answer::StopList(_)
            | Answer::SameStopList
            | Answer::Products(_)
            | Answer::Product(_)
            | Answer::Stations(_) => None,
        }
    }

    fn venue_answered(&mut self, venue: VenueId, request: &Request, answer: Answer, now: Uptime) -> Option<Learned> {
        let plan = self.venues.get_mut(&venue)?;
        plan.on_the_way = false;
        plan.failures = 0;
        let reading = match answer {
            Answer::StopList(list) => Some(stop_list_reading(request, list)),
            Answer::SameStopList => Some(Reading::SameStopList),
            Answer::Products(page) => plan.walks.products.take(page, now).map(products_reading),
            Answer::Stations(page) => plan.walks.stations.take(page, now).map(stations_reading),
            Answer::Product(family) => {
                plan.ask.remove(&family.product.id);
                Some(Reading::Product(std::iter::once(family.product).chain(family.variants).collect()))
            }
            Answer::Venues(_) | Answer::PriceLists(_) | Answer::Prices(_) => None,
        };
        if let Request::Products { .. } | Request::Stations { .. } = request {
            self.look_for_walks();
        }
        reading.map(|reading| Learned::OfVenue(venue, reading))
    }

    fn venue_failed(&mut self, venue: VenueId, request: &Request, verdict: &Verdict, now: Uptime) -> Option<Learned> {
        let plan = self.venues.get_mut(&venue)?;
        plan.on_the_way = false;
        if let (Request::Product { id, .. }, Verdict::NotFound { .. }) = (request, verdict) {
            plan.ask.remove(id);
            return Some(Learned::OfVenue(venue, Reading::ProductGone(*id)));
        }
        plan.failures = plan.failures.saturating_add(1);
        let wait = wait_after(verdict, plan.failures, venue.0);
        match request {
            Request::StopList { .. } => plan.not_before = now.plus(wait),
            // A page that cannot be had must not keep the venue from being polled.
            Request::Products { .. } => plan.walks.products.hold(wait, now),
            Request::Stations { .. } => plan.walks.stations.hold(wait, now),
            Request::Product { id, .. } => {
                plan.ask.remove(id);
            }
            Request::Venues | Request::PriceLists { .. } | Request::Prices { .. } => {}
        }
        if let Request::Products { .. } | Request::Stations { .. } = request {
            self.look_for_walks();
        }
        is_whole_list(request).then(|| Learned::OfVenue(venue, Reading::Failed { why: verdict.to_string() }))
    }

    /// Returns the venues that have no request on its way and are not waiting after a failure.
    fn free(&self, now: Uptime) -> impl Iterator<Item = (&VenueId, &VenuePlan)> {
        self.venues.iter().filter(move |(_, plan)| plan.is_free(now))
    }

    /// Returns those of `ids` that are free.
    fn free_of(&self, ids: &BTreeSet<VenueId>, now: Uptime) -> impl Iterator<Item = (VenueId, &VenuePlan)> {
        let known = ids.iter().filter_map(|id| Some((*id, self.venues.get(id)?)));
        known.filter(move |(_, plan)| plan.is_free(now))
    }

    /// Finds when the first page of all walks is due, after anything that may have moved it.
    fn look_for_walks(&mut self) {
        let due = self.venues.values().map(|plan| plan.walks.due_at(self.settings.catalog));
        self.walks_not_before = due.min().unwrap_or_default();
    }

    fn venues_request(&self, now: Uptime) -> Option<Request> {
        let is_due = self.venues_read_at.is_none_or(|at| now.since(at) >= self.settings.prices);
        (is_due && !self.brand_on_the_way && self.brand_not_before <= now).then_some(Request::Venues)
    }

    /// Returns the due venue with the largest rate x age^2; one never read, or too old, goes before all others.
    fn most_urgent_stop_list(&self, now: Uptime) -> Option<VenueId> {
        let due = self.free(now).filter(|(_, plan)| self.stop_list_due_at(plan) <= now);
        let oldest = Quota::new(self.venues.len(), self.per_minute, &self.settings).worst_age();
        let urgency = |plan: &VenuePlan| match plan.read_at.or(plan.asked_at) {
            None => f64::INFINITY,
            Some(at) => {
                let age = now.since(at);
                let is_wanted = plan.wanted_at.is_some_and(|wanted_at| wanted_at <= now);
                if is_wanted || age >= oldest {
                    // The oldest first: the pace decides among the fresh ones only.
                    OVERDUE + age.as_secs_f64()
                } else {
                    plan.pace.rate(!plan.is_closed) * age.as_secs_f64().powi(2)
                }
            }
        };
        due.map(|(venue, plan)| (venue, urgency(plan))).max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(venue, _)| *venue)
    }

    fn stop_list_due_at(&self, plan: &VenuePlan) -> Uptime {
        let next = plan.asked_at.map_or(Uptime::default(), |at| at.plus(self.settings.fastest));
        next.max(plan.not_before)
    }

    /// Returns the next page of a walk, and whether it is of a venue's first.
    fn walk_request(&self, now: Uptime) -> Option<(Request, bool)> {
        let every = self.settings.catalog;
        // Before the first walk every id is unknown; the walk answers for all of them at once.
        let mut walked = self.free_of(&self.asking, now).filter(|(_, plan)| plan.walks.products.was_finished());
        let product = walked.find_map(|(venue, plan)| plan.ask.first().map(|id| Request::Product { venue, id: *id }));
        let venue_walk = || {
            if now < self.walks_not_before {
                return None;
            }
            let due = self.free(now).filter_map(|(venue, plan)| Some((plan, plan.walks.request(*venue, every, now)?)));
            due.min_by_key(|(plan, _)| (plan.walks.was_finished(), plan.walks.due_at(every)))
                .map(|(plan, request)| (request, !plan.walks.was_finished()))
        };
        let prices = || {
            let may = !self.brand_on_the_way && self.brand_not_before <= now;
            may.then(|| self.prices.request(self.settings.prices, now)).flatten().map(|request| (request, false))
        };
        product.map(|request| (request, false)).or_else(venue_walk).or_else(prices)
    }

    fn wait(&self, now: Uptime) -> Next {
        let every = self.settings.catalog;
        let lists = self
            .venues
            .values()
            .filter(|plan| !plan.on_the_way)
            .map(|plan| (self.stop_list_due_at(plan), "a stop list is due"));
        let walks = self
            .venues
            .values()
            .filter(|plan| !plan.on_the_way)
            .map(|plan| (plan.walks.due_at(every).max(plan.not_before), "a page of a walk is due"));
        let venues_due = self.venues_read_at.map_or(Uptime::default(), |at| at.plus(self.settings.prices));
        let of_brand = [
            (venues_due.max(self.brand_not_before), "the list of venues is due"),
            (self.prices.due_at(self.settings.prices).max(self.brand_not_before), "a page of the prices is due"),
        ];
        let of_brand = of_brand.into_iter().filter(|_| !self.brand_on_the_way);
        let next = lists.chain(walks).chain(of_brand).min_by_key(|(at, _)| *at);
        // With everything on its way nothing is due; the next answer asks again.
        let (until, why) = next.unwrap_or((now.plus(self.settings.oldest), "answers are on their way"));
        Next::Wait { until: until.max(now.plus(Duration::from_millis(1))), why }
    }
}

/// Says which of the wanted venues Clopos does not list.
fn unlisted(wanted: Option<&BTreeSet<VenueId>>, listed: &[Venue]) -> Option<String> {
    let is_listed = |id: &&VenueId| listed.iter().any(|venue| venue.id == **id);
    let missing: Vec<String> = wanted?.iter().filter(|id| !is_listed(id)).map(ToString::to_string).collect();
    let (first, count) = (missing.first()?, missing.len());
    let others = if count > 1 { format!(" and {} others", count - 1) } else { String::new() };
    Some(format!("Clopos does not list venue {first}{others}; check venues in the configuration"))
}

fn stop_list_reading(request: &Request, list: StopList) -> Reading {
    let StopList { entries, unreadable, whole } = list;
    let only = match request {
        Request::StopList { only, .. } if !only.is_empty() => only,
        Request::StopList { .. }
        | Request::Venues
        | Request::Products { .. }
        | Request::Product { .. }
        | Request::Stations { .. }
        | Request::PriceLists { .. }
        | Request::Prices { .. } => return Reading::StopList { entries, unreadable, whole },
    };
    // What a look could not read says nothing, and so it must not confirm anything.
    let asked = if whole && unreadable.is_empty() { only.clone() } else { Vec::new() };
    Reading::StopListOf { asked, rows: entries }
}

/// Says whether this asks for the whole stop list of a venue.
fn is_whole_list(request: &Request) -> bool {
    matches!(request, Request::StopList { only, .. } if only.is_empty())
}

/// Returns how long to wait after a failure; `spread` keeps venues that failed together from returning together.
fn wait_after(verdict: &Verdict, failures: u32, spread: u64) -> Duration {
    let (first, longest) = match verdict {
        Verdict::RateLimited { wait } => return *wait,
        // The session fetches a new token and the request is repeated with it.
        Verdict::TokenStale { .. } if failures <= 1 => return Duration::ZERO,
        Verdict::IntegratorRefused { .. }
        | Verdict::CredentialsRefused { .. }
        | Verdict::Forbidden { .. }
        | Verdict::NotFound { .. }
        | Verdict::Refused { .. } => MENDING_WAIT,
        Verdict::TokenStale { .. } | Verdict::Passing { .. } | Verdict::Unreadable { .. } => PASSING_WAIT,
    };
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    let percent = 80 + u32::try_from(spread.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58).unwrap_or(0) * 40 / 63;
    doubled.saturating_mul(percent) / 100
}

#[cfg(test)]
mod tests;
