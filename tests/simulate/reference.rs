//! What must be true, said as plainly as possible: a dish that every good answer showed to be out for long enough is
//! told, one that was not is not, and nothing ends by a bad answer.
//!
//! It sees the restaurants themselves and which answers arrived; it knows no snapshot, no book and no plan. Invariant:
//! it shares no code with what it judges but ids, times and the published events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eightysix::alerts::silence::{Criteria, Silence, SilenceId};
use eightysix::clopos::query::Request;
use eightysix::simulator::world::World;
use eightysix::units::{BrandId, ProductId, Quantity, StationId, Timestamp, Uptime, VenueId};

use crate::driver::{Clock, Observer};

/// After an edit in the back office nobody can say when the next complete walk has seen it; two walks and some failures.
const UNSETTLED: Duration = Duration::from_mins(5);
/// A list that changes a lot at once is looked at again before it is believed.
const DOUBT: Duration = Duration::from_secs(90);
/// Two lies within this time could be taken for two looks that agree, or for the two ends of a wait.
const LIES_APART: Duration = Duration::from_mins(1);
/// After a failure the store is left alone for so long, and a little more.
const STORE_TRIED_AGAIN: Duration = Duration::from_secs(12);
/// From this many changed rows on.
const MANY: usize = 4;

/// What an answer was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// It said the truth of the moment when it was asked.
    Good,
    /// It may have said a part of it.
    Part,
    /// It said what was not so.
    Lie,
}

/// A stop list that was asked for.
#[derive(Clone, Debug)]
struct Reading {
    venue: VenueId,
    /// The ids that were asked for; none for all.
    only: Vec<ProductId>,
    worth: Worth,
    /// The truth when it was asked.
    limits: BTreeMap<ProductId, Quantity>,
    /// When it was taken in.
    heard_at: Uptime,
    /// The same on our wall clock.
    heard_wall: Timestamp,
    /// What interrupts a wait: kills, reloads, a clock that was set.
    life: u64,
}

impl Reading {
    fn covers(&self, dish: ProductId) -> bool {
        self.only.is_empty() || self.only.contains(&dish)
    }

    fn is_out(&self, dish: ProductId) -> bool {
        self.limits.get(&dish).is_some_and(|limit| *limit <= Quantity::default())
    }
}

/// The waits of a rule about dishes that are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutRule {
    /// Its name.
    pub(crate) name: &'static str,
    /// `for`.
    pub(crate) hold_for: Duration,
    /// `clear_for`.
    pub(crate) clear_for: Duration,
    /// `notify`.
    pub(crate) notify: &'static [&'static str],
}

/// The judge.
pub(crate) struct Reference {
    brand: BrandId,
    /// The rules in force, and since which life.
    pub(crate) rules: Vec<OutRule>,
    asked: BTreeMap<u64, Reading>,
    tickets: u64,
    /// Of each venue, oldest first.
    readings: BTreeMap<VenueId, Vec<Reading>>,
    life: u64,
    /// Until when readings may not have been taken in.
    unstored_until: Uptime,
    /// When the last lie was told, and whether one still waits to be told.
    lied_at: Option<Uptime>,
    lie_waits: bool,
    /// Something was heard since the book was judged.
    pub(crate) has_news: bool,
    /// Until when nobody can say what is known of a dish, of a station, of anything.
    unsettled_dishes: BTreeMap<ProductId, Uptime>,
    unsettled_stations: BTreeMap<(VenueId, StationId), Uptime>,
    unsettled: Uptime,
    doubtful: BTreeMap<VenueId, Uptime>,
    /// When rules were last changed: what they meant ends at once.
    reloaded_at: Option<Uptime>,
    /// Rules are written that are not in force yet.
    are_new: bool,
    /// What is not to be told, by the ids of the silences.
    silences: BTreeMap<SilenceId, Hush>,
    /// The silences that somebody ended.
    ended: BTreeSet<SilenceId>,
    /// Which station cooks a dish.
    stations: BTreeMap<ProductId, StationId>,
}

/// A silence.
#[derive(Clone, Debug)]
struct Hush {
    covers: Criteria,
    until: Timestamp,
    until_back: bool,
}

impl Reference {
    pub(crate) fn new(brand: BrandId, rules: Vec<OutRule>, dishes: &[(ProductId, StationId)]) -> Self {
        Self {
            brand,
            rules,
            asked: BTreeMap::new(),
            tickets: 0,
            readings: BTreeMap::new(),
            life: 0,
            unstored_until: Uptime::default(),
            lied_at: None,
            lie_waits: false,
            has_news: false,
            unsettled_dishes: BTreeMap::new(),
            unsettled_stations: BTreeMap::new(),
            unsettled: Uptime::default(),
            doubtful: BTreeMap::new(),
            reloaded_at: None,
            are_new: false,
            silences: BTreeMap::new(),
            ended: BTreeSet::new(),
            stations: dishes.iter().copied().collect(),
        }
    }

    /// Something is not to be told from now on.
    pub(crate) fn falls_silent(&mut self, silence: &Silence) {
        let Silence { id, covers, until, until_back, .. } = silence.clone();
        self.silences.insert(id, Hush { covers, until, until_back });
    }

    /// Somebody ends a silence.
    pub(crate) fn ends_silence(&mut self, id: &SilenceId) {
        self.ended.insert(id.clone());
    }

    /// A silence is over, which it may only be for a reason.
    pub(crate) fn speaks_again(&mut self, id: &SilenceId, wall: Timestamp) {
        let Some(hush) = self.silences.remove(id) else { return };
        let may = self.ended.contains(id) || hush.until_back || wall >= hush.until;
        assert!(may, "a silence until {} ended at {wall}: {hush:?}", hush.until);
    }

    /// Says whether what is so of a dish is not to be told at this time; `None` when nobody can say where it is cooked.
    pub(crate) fn is_silenced(&self, venue: VenueId, dish: ProductId, wall: Timestamp) -> Option<bool> {
        let at_station = |station: StationId| self.stations.get(&dish) == Some(&station);
        let mut unsure = false;
        for hush in self.silences.values().filter(|hush| wall < hush.until && hush.covers.venue == Some(venue)) {
            if hush.covers.product == Some(dish) {
                return Some(true);
            }
            let covers = hush.covers.station.is_some_and(at_station);
            if covers && !self.unsettled_dishes.contains_key(&dish) {
                return Some(true);
            }
            unsure |= covers;
        }
        (!unsure).then_some(false)
    }

    /// Something ends every wait that was running, as far as a plain mind can tell.
    pub(crate) fn interrupted(&mut self) {
        self.life += 1;
    }

    /// Other rules are written; they are in force from the next start or reload on.
    pub(crate) fn reloads(&mut self, rules: Vec<OutRule>) {
        (self.rules, self.are_new) = (rules, true);
    }

    /// The process starts or takes another configuration: what it no longer means ends at once.
    pub(crate) fn started(&mut self, now: Uptime) {
        self.interrupted();
        if std::mem::take(&mut self.are_new) {
            self.reloaded_at = Some(now);
        }
    }

    /// Says whether another lie may be told: what two answers in a row say is believed, true or not.
    pub(crate) fn may_lie(&mut self, now: Uptime) -> bool {
        let may = !self.lie_waits && self.lied_at.is_none_or(|at| now.since(at) >= LIES_APART);
        self.lie_waits |= may;
        may
    }

    /// Nothing can be written until then.
    pub(crate) fn stores_nothing(&mut self, until: Uptime) {
        self.unstored_until = self.unstored_until.max(until.plus(STORE_TRIED_AGAIN));
    }

    /// A dish was edited.
    pub(crate) fn edited(&mut self, dish: ProductId, now: Uptime) {
        self.unsettled_dishes.insert(dish, now.plus(UNSETTLED));
    }

    /// A station was switched.
    pub(crate) fn switched(&mut self, venue: VenueId, station: StationId, now: Uptime) {
        self.unsettled_stations.insert((venue, station), now.plus(UNSETTLED));
    }

    /// Something is wrong with more than stop lists.
    pub(crate) fn unsettles(&mut self, until: Uptime) {
        self.unsettled = self.unsettled.max(until.plus(UNSETTLED));
    }

    /// Judges an alert about a dish that is told to have opened.
    pub(crate) fn judge_opening(&self, rule: &str, venue: VenueId, dish: ProductId) {
        let rule = self.rules.iter().find(|known| known.name == rule);
        let rule = rule.unwrap_or_else(|| panic!("{venue} {dish} opened by a rule that is not in force"));
        let heard: Vec<&Reading> = self.heard(venue, dish).collect();
        let last = heard.last().unwrap_or_else(|| panic!("{venue} {dish} opened before anything was read"));
        assert!(last.worth != Worth::Lie && last.is_out(dish), "{venue} {dish} opened, and it was not out: {last:?}");
        let begins = heard.iter().rev().take_while(|reading| reading.worth != Worth::Good || reading.is_out(dish));
        let longest = begins.map(|reading| last.heard_wall.since(reading.heard_wall)).max().unwrap_or_default();
        assert!(longest >= rule.hold_for, "{venue} {dish} opened after {longest:?} instead of {:?}", rule.hold_for);
    }

    /// Judges an alert about a dish that is told to have closed.
    pub(crate) fn judge_closing(
        &self,
        rule: &str,
        venue: VenueId,
        dish: ProductId,
        station: Option<StationId>,
        now: Uptime,
    ) {
        // A rule that was taken away ends what it meant, as soon as that can be stored.
        let ends_by = |at: Uptime| at.max(self.unstored_until).plus(STORE_TRIED_AGAIN);
        let is_withdrawn = !self.rules.iter().any(|known| known.name == rule);
        let is_excused = self.reloaded_at == Some(now)
            || is_withdrawn && self.reloaded_at.is_some_and(|at| now <= ends_by(at))
            || self.unsettled_dishes.get(&dish).is_some_and(|until| now < self.unsettled.max(*until))
            || station
                .and_then(|id| self.unsettled_stations.get(&(venue, id)))
                .is_some_and(|until| now < self.unsettled.max(*until));
        if is_excused {
            return;
        }
        let Some(rule) = self.rules.iter().find(|known| known.name == rule) else {
            panic!("{venue} {dish} closed by a rule that is not in force");
        };
        let heard: Vec<&Reading> = self.heard(venue, dish).collect();
        let last = heard.last().expect("something was read before");
        let why = format!("{venue} {dish} closed by {last:?}");
        // A lie that happens to be true of this dish ends nothing wrongly.
        assert!(!last.is_out(dish), "{why}");
        let clear = heard.iter().rev().take_while(|reading| reading.worth != Worth::Good || !reading.is_out(dish));
        let longest = clear.map(|reading| last.heard_wall.since(reading.heard_wall)).max().unwrap_or_default();
        assert!(longest >= rule.clear_for, "{why} after {longest:?} instead of {:?}", rule.clear_for);
    }

    /// Returns the dishes of which an alert of this rule must be open, and those of which none may be.
    ///
    /// `stations` says which station cooks which dish, and whether it takes orders.
    pub(crate) fn certain(
        &self,
        rule: OutRule,
        venue: VenueId,
        dishes: &BTreeMap<ProductId, (StationId, bool)>,
        now: Uptime,
    ) -> (BTreeSet<ProductId>, BTreeSet<ProductId>) {
        let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
        if now < self.unsettled {
            return (open, closed);
        }
        for (dish, (station, is_cooked)) in dishes {
            let is_unsettled = self.unsettled_dishes.get(dish).is_some_and(|until| now < *until)
                || self.unsettled_stations.get(&(venue, *station)).is_some_and(|until| now < *until);
            if is_unsettled {
                continue;
            }
            let run: Vec<&Reading> = self.run(venue, *dish);
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let is_out = last.is_out(*dish) && *is_cooked;
            let lasted = last.heard_wall.since(first.heard_wall);
            if is_out && lasted >= rule.hold_for {
                open.insert(*dish);
            } else if !is_out && lasted >= rule.clear_for {
                closed.insert(*dish);
            }
        }
        (open, closed)
    }

    /// Returns the last good readings that agree about a dish and that nothing interrupted, oldest first.
    fn run(&self, venue: VenueId, dish: ProductId) -> Vec<&Reading> {
        let heard = || {
            let of_venue = self.readings.get(&venue).into_iter().flatten();
            of_venue.rev().filter(|reading| reading.only.is_empty())
        };
        let is_certain = |last: &&Reading| last.life == self.life && last.worth == Worth::Good;
        let Some(last) = heard().next().filter(is_certain) else { return Vec::new() };
        let agrees = |reading: &&Reading| {
            (reading.life, reading.worth, reading.is_out(dish)) == (last.life, Worth::Good, last.is_out(dish))
        };
        let mut run: Vec<&Reading> = heard().take_while(agrees).collect();
        run.reverse();
        run
    }

    fn heard(&self, venue: VenueId, dish: ProductId) -> impl Iterator<Item = &Reading> {
        self.readings.get(&venue).into_iter().flatten().filter(move |reading| reading.covers(dish))
    }

    /// Marks what is not believed at once: a list that changes a lot, and those after it until that was looked at again.
    fn doubt(&mut self, reading: &mut Reading) {
        let earlier = self.readings.get(&reading.venue).into_iter().flatten().rev().find(|known| known.only.is_empty());
        let nothing = BTreeMap::new();
        let before = earlier.map_or(&nothing, |known| &known.limits);
        let ids: BTreeSet<&ProductId> = before.keys().chain(reading.limits.keys()).collect();
        let changed = ids.into_iter().filter(|id| before.get(id) != reading.limits.get(id)).count();
        let is_odd = reading.only.is_empty() && (reading.worth != Worth::Good || changed >= MANY);
        if is_odd {
            self.doubtful.insert(reading.venue, reading.heard_at.plus(DOUBT));
        }
        let is_doubted = self.doubtful.get(&reading.venue).is_some_and(|until| reading.heard_at < *until);
        // What cannot be stored is not taken in, whatever it says; the store is tried again after some seconds.
        let is_lost = reading.heard_at < self.unstored_until;
        if (is_doubted || is_lost) && reading.worth == Worth::Good {
            reading.worth = Worth::Part;
        }
    }
}

impl Observer for Reference {
    fn asked(&mut self, request: &Request, world: &World, clock: Clock) -> u64 {
        self.tickets += 1;
        let fault = world.log().requests.back().and_then(|entry| entry.fault);
        let Request::StopList { venue, only } = request else { return self.tickets };
        let worth = match fault {
            None => Worth::Good,
            Some("duplicate-rows" | "unknown-fields" | "numbers-as-strings" | "ids-as-strings" | "gzip" | "late") => {
                Worth::Good
            }
            Some("empty-stop-list" | "filter-as-range") => Worth::Lie,
            Some(_) => Worth::Part,
        };
        if fault == Some("empty-stop-list") {
            (self.lied_at, self.lie_waits) = (Some(clock.uptime), false);
        }
        let known = world.venue(&self.brand, *venue).expect("a venue of the plan");
        let limits = known.stop_list.iter().map(|(id, stop)| (*id, stop.limit)).collect();
        let reading = Reading {
            venue: *venue,
            only: only.clone(),
            worth,
            limits,
            heard_at: clock.uptime,
            heard_wall: clock.wall,
            life: self.life,
        };
        self.asked.insert(self.tickets, reading);
        self.tickets
    }

    fn heard(&mut self, ticket: u64, is_readable: bool, clock: Clock) {
        let Some(mut reading) = self.asked.remove(&ticket) else { return };
        if is_readable {
            (reading.heard_at, reading.heard_wall) = (clock.uptime, clock.wall);
            self.doubt(&mut reading);
            self.readings.entry(reading.venue).or_default().push(reading);
            self.has_news = true;
        }
    }
}
