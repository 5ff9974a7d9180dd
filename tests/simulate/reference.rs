//! What must be true, said as plainly as possible: a dish that every good answer showed to be out for long enough is
//! told, one that was not is not, and nothing ends by a bad answer.
//!
//! It sees the restaurants themselves and which answers arrived; it knows no snapshot, no book and no plan. Invariant:
//! it shares no code with what it judges but ids, times and the published events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eightysix::alerts::silence::{Criteria, Silence, SilenceId};
use eightysix::clopos::query::Request;
use eightysix::simulator::route::Endpoint;
use eightysix::simulator::world::World;
use eightysix::units::{BrandId, ProductId, Quantity, StationId, Timestamp, Uptime, VenueId};

use crate::chain::{CAUSE, COOKED_OF_INGREDIENT, INGREDIENT};
use crate::driver::{Clock, Observer};

/// After an edit in the back office nobody can say when the next complete walk has seen it; two walks and some failures.
const UNSETTLED: Duration = Duration::from_mins(5);
/// A list that changes a lot at once, or that empties, is looked at again before it is believed.
const DOUBT: Duration = Duration::from_secs(90);
/// Two lies within this time could be taken for two looks that agree, or for the two ends of a wait.
const LIES_APART: Duration = Duration::from_mins(1);
/// After a failure the store is left alone for so long, and a little more.
const STORE_TRIED_AGAIN: Duration = Duration::from_secs(12);
/// That a window has begun or ended is seen so late at most: what turns by time is looked at so often.
const WINDOW_SEEN_LATE: Duration = Duration::from_secs(6);
/// What nothing silences any longer is told so late at most: the end of a silence is seen when the rules are asked again.
const TOLD_LATE: Duration = Duration::from_secs(6);
/// A dish runs out soon when that is within so many hours (`soon` in the rules).
const SOON_H: f64 = 0.5;
/// What the forecast adds to the time that it saw a dish sell, in hours (docs/forecast.md).
const SEEN_BEFOREHAND_H: f64 = 0.01;
/// Good readings so close to each other leave no stretch of which nothing is known.
const WATCHED_APART: Duration = Duration::from_mins(1);
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
pub(crate) struct Reading {
    venue: VenueId,
    /// The ids that were asked for; none for all.
    only: Vec<ProductId>,
    worth: Worth,
    /// The truth when it was asked.
    pub(crate) limits: BTreeMap<ProductId, Quantity>,
    /// When it was taken in.
    pub(crate) heard_at: Uptime,
    /// The same on our wall clock.
    pub(crate) heard_wall: Timestamp,
    /// What interrupts a wait: kills, reloads, a clock that was set.
    life: u64,
}

impl Reading {
    fn covers(&self, product: ProductId) -> bool {
        self.only.is_empty() || self.only.contains(&product)
    }

    /// It said what was not so.
    pub(crate) fn is_lie(&self) -> bool {
        self.worth == Worth::Lie
    }

    /// Returns what is out by it.
    pub(crate) fn out(&self) -> BTreeSet<ProductId> {
        self.limits.iter().filter(|(_, left)| **left <= Quantity::ZERO).map(|(id, _)| *id).collect()
    }

    /// It was whole and true, and was taken in.
    pub(crate) fn is_believed(&self) -> bool {
        self.worth == Worth::Good && self.only.is_empty()
    }

    pub(crate) fn has_at_most(&self, product: ProductId, left: i64) -> bool {
        self.limits.get(&product).is_some_and(|limit| *limit <= Quantity::whole(left))
    }
}

/// What a rule says of a dish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// It is out.
    Out,
    /// It is out, and stays so until three are there.
    OutUntilThree,
    /// It is out at night.
    OutAtNight,
    /// What it is cooked of is out.
    OutOfIngredient,
}

/// A rule about dishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DishRule {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) about: About,
    /// `for`.
    pub(crate) hold_for: Duration,
    /// `clear_for`.
    pub(crate) clear_for: Duration,
    /// `notify`.
    pub(crate) notify: &'static [&'static str],
    /// `send_resolved`.
    pub(crate) tells_ends: bool,
    /// Those who are told of the ingredient that is out instead of the dishes that are cooked of it.
    pub(crate) explained_to: &'static [&'static str],
}

impl DishRule {
    /// Returns the row of the stop list that it looks at.
    fn row(self, dish: ProductId) -> ProductId {
        if self.about == About::OutOfIngredient { INGREDIENT } else { dish }
    }
}

/// The night of a life, on our wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Night {
    pub(crate) begins: Timestamp,
    pub(crate) ends: Timestamp,
}

impl Night {
    pub(crate) fn holds(self, wall: Timestamp) -> bool {
        self.begins <= wall && wall < self.ends
    }
}

/// The judge.
pub(crate) struct Reference {
    brand: BrandId,
    /// The rules in force, and since which life.
    pub(crate) rules: Vec<DishRule>,
    night: Night,
    /// The dishes that are cooked of the ingredient.
    cooked: Vec<ProductId>,
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
    /// Until when nobody can say what is known of a dish that was edited, of a station that was switched.
    unsettled_dishes: BTreeMap<ProductId, Uptime>,
    unsettled_stations: BTreeMap<(VenueId, StationId), Uptime>,
    /// Until when the walks through the catalog and the stations may fail: what was edited is seen later, and what was not
    /// stays known.
    catalog_fails_until: Uptime,
    stations_fail_until: Uptime,
    doubtful: BTreeMap<VenueId, Uptime>,
    /// When rules were last changed: what they meant ends at once.
    reloaded_at: Option<Uptime>,
    /// When the process started, or took a configuration.
    started_at: Uptime,
    /// Rules are written that are not in force yet.
    are_new: bool,
    /// What is not to be told, by the ids of the silences.
    silences: BTreeMap<SilenceId, Hush>,
    /// The silences that somebody ended.
    ended: BTreeSet<SilenceId>,
    /// When the last silence was over.
    spoke_at: Option<Uptime>,
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

impl Hush {
    fn may_cover(&self, dish: ProductId, station: StationId) -> bool {
        self.covers.product == Some(dish) || self.covers.station == Some(station)
    }
}

impl Reference {
    pub(crate) fn new(brand: BrandId, rules: &[DishRule], night: Night, dishes: &[(ProductId, StationId)]) -> Self {
        Self {
            brand,
            rules: rules.to_vec(),
            night,
            cooked: dishes.iter().take(COOKED_OF_INGREDIENT).map(|(dish, _)| *dish).collect(),
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
            catalog_fails_until: Uptime::default(),
            stations_fail_until: Uptime::default(),
            doubtful: BTreeMap::new(),
            reloaded_at: None,
            started_at: Uptime::default(),
            are_new: false,
            silences: BTreeMap::new(),
            ended: BTreeSet::new(),
            spoke_at: None,
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

    /// A silence is over, which it may only be for a reason. Returns the dishes that it covered.
    pub(crate) fn speaks_again(&mut self, id: &SilenceId, clock: Clock) -> Vec<ProductId> {
        let Some(hush) = self.silences.remove(id) else { return Vec::new() };
        self.spoke_at = Some(clock.uptime);
        let may = self.ended.contains(id) || hush.until_back || clock.wall >= hush.until;
        assert!(may, "a silence until {} ended at {}: {hush:?}", hush.until, clock.wall);
        let dishes = self.stations.iter().filter(|(dish, station)| hush.may_cover(**dish, **station));
        dishes.map(|(dish, _)| *dish).collect()
    }

    /// Says whether whatever a silence held back of a dish must have been told by now, if it is still so.
    pub(crate) fn nothing_silences(&self, venue: VenueId, dish: ProductId, now: Uptime) -> bool {
        let may_cover = |hush: &Hush| hush.covers.venue == Some(venue) && hush.may_cover(dish, self.stations[&dish]);
        let is_told_by_now = self.spoke_at.is_none_or(|at| now.since(at) > TOLD_LATE);
        is_told_by_now && !self.silences.values().any(may_cover)
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

    /// Says whether what is so of a station is not to be told at this time.
    pub(crate) fn is_station_silenced(&self, venue: VenueId, station: StationId, wall: Timestamp) -> bool {
        let covers = |hush: &Hush| hush.covers.venue == Some(venue) && hush.covers.station == Some(station);
        self.silences.values().any(|hush| wall < hush.until && covers(hush))
    }

    /// Returns the dishes that are cooked of the ingredient.
    pub(crate) fn cooked_of_ingredient(&self) -> &[ProductId] {
        &self.cooked
    }

    /// Returns the station that cooks a dish.
    pub(crate) fn station_of(&self, dish: ProductId) -> Option<StationId> {
        self.stations.get(&dish).copied()
    }

    /// Says whether what a rule says of a dish is so because what it is cooked of is out, of which some are told instead;
    /// `None` when nobody can say.
    pub(crate) fn is_explained(&self, rule: DishRule, venue: VenueId, dish: ProductId, now: Uptime) -> Option<bool> {
        if rule.explained_to.is_empty() || !self.cooked.contains(&dish) {
            return Some(false);
        }
        let is_unsettled = self.unsettled_dishes.get(&dish).is_some_and(|until| now < *until);
        let run = self.run(CAUSE, venue, INGREDIENT);
        let (first, last) = (run.first()?, run.last()?);
        // What looked at a part of the list since then may have seen something else.
        let is_latest = self.heard(CAUSE, venue, INGREDIENT).last().is_some_and(|heard| heard.only.is_empty());
        if is_unsettled || !is_latest {
            return None;
        }
        if self.holds(CAUSE, INGREDIENT, last) {
            return Some(true);
        }
        // What it holds back is told when it is over, and not before.
        let is_over = last.heard_wall.since(first.heard_wall) >= CAUSE.clear_for;
        is_over.then_some(false)
    }

    /// Returns the answers of which the last one that was taken in is what is known of a venue: the last good one, which
    /// was, and those after it, each of which was or was not.
    pub(crate) fn may_be_known(&self, venue: VenueId) -> &[Reading] {
        let heard = self.readings.get(&venue).map_or(&[][..], Vec::as_slice);
        let last_good = heard.iter().rposition(Reading::is_believed).unwrap_or_default();
        &heard[last_good..]
    }

    /// Returns what may have come back at a venue since then, and what did: it was out by a good answer, and by a later one
    /// it was not.
    pub(crate) fn came_back(&self, venue: VenueId, since: Timestamp) -> (BTreeSet<ProductId>, BTreeSet<ProductId>) {
        let (mut may, mut did, mut out) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for reading in self.readings.get(&venue).into_iter().flatten().filter(|reading| !reading.is_lie()) {
            may.extend(reading.out());
            if reading.is_believed() && reading.heard_wall >= since {
                let now = reading.out();
                did.extend(out.difference(&now).copied());
                out = now;
            }
        }
        (may, did)
    }

    /// Says whether whatever is decided can be stored.
    pub(crate) fn can_store(&self, now: Uptime) -> bool {
        now >= self.unstored_until
    }

    /// Says whether a good answer was heard since anything interrupted.
    pub(crate) fn is_sure(&self, reading: &Reading) -> bool {
        reading.is_believed() && reading.life == self.life
    }

    /// Returns what is another number after each interruption.
    pub(crate) fn life(&self) -> u64 {
        self.life
    }

    /// Says whether nobody can say what is known of a dish that was edited.
    pub(crate) fn is_dish_unsettled(&self, dish: ProductId, now: Uptime) -> bool {
        self.unsettled_dishes.get(&dish).is_some_and(|until| now < *until)
    }

    /// Says whether nobody can say what is known of a station that was switched.
    pub(crate) fn is_station_unsettled(&self, venue: VenueId, station: StationId, now: Uptime) -> bool {
        self.unsettled_stations.get(&(venue, station)).is_some_and(|until| now < *until)
    }

    /// The process is dead: what it heard last may not be on the disk.
    pub(crate) fn dies(&mut self, now: Uptime) {
        self.interrupted();
        let heard = self.readings.values_mut().flatten().rev().filter(|reading| reading.heard_at == now);
        heard.filter(|reading| reading.worth == Worth::Good).for_each(|reading| reading.worth = Worth::Part);
    }

    /// Something ends every wait that was running, as far as a plain mind can tell.
    pub(crate) fn interrupted(&mut self) {
        self.life += 1;
    }

    /// Other rules are written; they are in force from the next start or reload on.
    pub(crate) fn reloads(&mut self, rules: &[DishRule]) {
        (self.rules, self.are_new) = (rules.to_vec(), true);
    }

    /// The process starts or takes another configuration: what it no longer means ends at once.
    pub(crate) fn started(&mut self, now: Uptime) {
        self.interrupted();
        self.started_at = now;
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
        self.unsettled_dishes.insert(dish, now.max(self.catalog_fails_until).plus(UNSETTLED));
    }

    /// A station was switched.
    pub(crate) fn switched(&mut self, venue: VenueId, station: StationId, now: Uptime) {
        self.unsettled_stations.insert((venue, station), now.max(self.stations_fail_until).plus(UNSETTLED));
    }

    /// Answers of an endpoint fail until then, or those of all. Stop lists are judged by each of their answers.
    pub(crate) fn fails(&mut self, endpoint: Option<Endpoint>, now: Uptime, until: Uptime) {
        let is_everything = matches!(endpoint, None | Some(Endpoint::Auth));
        let later = until.plus(UNSETTLED);
        let wait_longer = |known: &mut Uptime| *known = if now < *known { later.max(*known) } else { *known };
        if is_everything || endpoint == Some(Endpoint::Products) {
            self.catalog_fails_until = self.catalog_fails_until.max(until);
            self.unsettled_dishes.values_mut().for_each(wait_longer);
        }
        if is_everything || endpoint == Some(Endpoint::Stations) {
            self.stations_fail_until = self.stations_fail_until.max(until);
            self.unsettled_stations.values_mut().for_each(wait_longer);
        }
    }

    /// Says whether a rule holds by what a reading says of a dish whose station cooks.
    fn holds(&self, rule: DishRule, dish: ProductId, reading: &Reading) -> bool {
        let is_watched = match rule.about {
            About::Out | About::OutUntilThree => true,
            About::OutAtNight => self.night.holds(reading.heard_wall),
            About::OutOfIngredient => self.cooked.contains(&dish),
        };
        is_watched && reading.has_at_most(rule.row(dish), 0)
    }

    /// Says whether an alert that is open stays open by that.
    fn keeps(&self, rule: DishRule, dish: ProductId, reading: &Reading) -> bool {
        match rule.about {
            About::OutUntilThree => reading.has_at_most(dish, 2),
            About::Out | About::OutAtNight | About::OutOfIngredient => self.holds(rule, dish, reading),
        }
    }

    pub(crate) fn rule(&self, name: &str) -> Option<DishRule> {
        self.rules.iter().find(|known| known.name == name).copied()
    }

    /// Judges an alert about a dish that is told to have opened.
    pub(crate) fn judge_opening(&self, rule: &str, venue: VenueId, dish: ProductId) {
        let known = self.rule(rule);
        let rule = known.unwrap_or_else(|| panic!("{venue} {dish} opened by {rule}, which is not in force"));
        let heard: Vec<&Reading> = self.heard(rule, venue, dish).collect();
        let last = heard.last().unwrap_or_else(|| panic!("{venue} {dish} opened before anything was read"));
        let holds = |reading: &Reading| self.holds(rule, dish, reading);
        // Those after the last good one were taken in or not.
        let last_good = heard.iter().rposition(|reading| reading.worth == Worth::Good).unwrap_or_default();
        let is_so = heard[last_good..].iter().any(|reading| reading.worth != Worth::Lie && holds(reading));
        assert!(is_so, "{venue} {dish} opened, and {rule:?} does not hold: {last:?}");
        let begins = heard.iter().rev().take_while(|reading| reading.worth != Worth::Good || holds(reading));
        let longest = begins.map(|reading| last.heard_wall.since(reading.heard_wall)).max().unwrap_or_default();
        assert!(longest >= rule.hold_for, "{venue} {dish} opened after {longest:?} instead of {:?}", rule.hold_for);
    }

    /// Judges that a dish is told to run out soon: at least three sales were seen, and they make the pace that this takes.
    ///
    /// The pace is the largest that the readings allow: from whichever of them the sales are counted, all of these, over the
    /// time in which one good reading followed the other and something was left.
    pub(crate) fn judge_soon(&self, venue: VenueId, dish: ProductId) {
        let of_venue = self.readings.get(&venue).into_iter().flatten();
        let heard: Vec<&Reading> = of_venue.filter(|it| it.covers(dish) && it.worth != Worth::Lie).collect();
        let left = |reading: &Reading| reading.limits.get(&dish).copied();
        let last_good = heard.iter().rposition(|reading| reading.worth == Worth::Good).unwrap_or_default();
        let least = heard[last_good..].iter().filter_map(|it| left(it)).filter(|left| *left > Quantity::ZERO).min();
        let least = least.unwrap_or_else(|| panic!("{venue} {dish} runs out soon, and is not limited or out"));
        // With its row goes what was sold before.
        let begins = heard.iter().rposition(|it| it.worth == Worth::Good && left(it).is_none());
        let since = &heard[begins.map_or(0, |gone| gone + 1)..];
        let counted: Vec<&Reading> = since.iter().filter(|it| left(it).is_some()).copied().collect();
        let (mut sold, mut sales, mut hours, mut allows, mut is_forgotten) = (0.0, 0, 0.0, false, false);
        for pair in counted.windows(2).rev() {
            let [before, after] = [pair[0], pair[1]].map(|it| left(it).unwrap_or_default());
            let is_one_life = pair[0].life == pair[1].life;
            // A new process counts from what was stored: readings before it that changed nothing are forgotten.
            is_forgotten = !is_one_life || (is_forgotten && before == after);
            if before > after && before > Quantity::ZERO {
                sold += before.as_f64() - after.as_f64().max(0.0);
                sales += 1;
            }
            let apart = pair[1].heard_wall.since(pair[0].heard_wall);
            let is_watched = pair.iter().all(|it| it.worth == Worth::Good && left(it) > Some(Quantity::ZERO));
            if is_watched && apart <= WATCHED_APART && is_one_life && !is_forgotten {
                hours += apart.as_secs_f64() / 3600.0;
            }
            // Older time weighs less: an hour of it half, and hours at all no more than one.
            let weighed_h = hours / (1.0 + hours) + SEEN_BEFOREHAND_H;
            let is_fast = SOON_H * sold / weighed_h * 1.001 >= least.as_f64();
            allows |= sales >= 3 && is_fast;
        }
        assert!(sales >= 3, "{venue} {dish} runs out soon, and {sales} sales were seen of it");
        assert!(allows, "{venue} {dish} runs out soon: {sold} sold in {hours} h, {least:?} left");
    }

    /// Judges what screens are told of a dish: that it ran out, or is back.
    pub(crate) fn judge_shown(&self, venue: VenueId, dish: ProductId, is_out: bool, now: Uptime) {
        if self.unsettled_dishes.get(&dish).is_some_and(|until| now < *until) {
            return;
        }
        let of_venue = self.readings.get(&venue).into_iter().flatten();
        let heard: Vec<&Reading> = of_venue.filter(|reading| reading.covers(dish)).collect();
        // Those after the last good one were taken in or not.
        let last_good = heard.iter().rposition(|reading| reading.worth == Worth::Good).unwrap_or_default();
        let says_so = |reading: &&Reading| reading.worth != Worth::Lie && reading.has_at_most(dish, 0) == is_out;
        let last = heard.last();
        assert!(heard[last_good..].iter().any(says_so), "{venue} {dish} is shown, out: {is_out}, after {last:?}");
    }

    /// Judges an alert about a dish that is told long after it opened, because nothing holds it back any longer.
    pub(crate) fn judge_late_telling(&self, rule: &str, venue: VenueId, dish: ProductId) {
        let known = self.rule(rule);
        let rule = known.unwrap_or_else(|| panic!("{venue} {dish} is told by {rule}, which is not in force"));
        let last = self.heard(rule, venue, dish).last();
        let last = last.unwrap_or_else(|| panic!("{venue} {dish} is told before anything was read"));
        let may_be_so = last.worth != Worth::Good || self.keeps(rule, dish, last);
        assert!(may_be_so, "{venue} {dish} is told, and {rule:?} is no longer so: {last:?}");
    }

    /// Judges an alert about a dish that is told to have closed. What ended one that `waited` for calm is that long ago.
    pub(crate) fn judge_closing(
        &self,
        rule: &str,
        venue: VenueId,
        dish: ProductId,
        station: Option<StationId>,
        waited: Duration,
        now: Uptime,
    ) {
        let known = self.rule(rule);
        let is_excused = self.ends_by_reload(known.is_some(), now)
            || self.unsettled_dishes.get(&dish).is_some_and(|until| now < until.plus(waited))
            || station
                .and_then(|id| self.unsettled_stations.get(&(venue, id)))
                .is_some_and(|until| now < until.plus(waited));
        if is_excused {
            return;
        }
        let rule = known.unwrap_or_else(|| panic!("{venue} {dish} closed by {rule}, which is not in force"));
        assert!(rule.tells_ends, "{venue} {dish}: the end is told of {rule:?}");
        let heard: Vec<&Reading> = self.heard(rule, venue, dish).collect();
        let last = heard.last().expect("something was read before");
        // At the end of the night its alerts end, whatever is out.
        if rule.about == About::OutAtNight && !self.night.holds(last.heard_wall) {
            return;
        }
        let why = format!("{venue} {dish} closed by {last:?}");
        let keeps = |reading: &Reading| self.keeps(rule, dish, reading);
        // A lie that happens to be true of this dish ends nothing wrongly.
        assert!(!keeps(last), "{why}");
        let clear = heard.iter().rev().take_while(|reading| reading.worth != Worth::Good || !keeps(reading));
        let longest = clear.map(|reading| last.heard_wall.since(reading.heard_wall)).max().unwrap_or_default();
        assert!(longest >= rule.clear_for, "{why} after {longest:?} instead of {:?}", rule.clear_for);
    }

    /// Says whether an alert may end now because other rules are in force. One of a rule that was taken away ends as soon as
    /// that can be stored by a process that runs.
    pub(crate) fn ends_by_reload(&self, is_in_force: bool, now: Uptime) -> bool {
        let ends_by = |at: Uptime| at.max(self.unstored_until).max(self.started_at).plus(STORE_TRIED_AGAIN);
        self.reloaded_at == Some(now) || !is_in_force && self.reloaded_at.is_some_and(|at| now <= ends_by(at))
    }

    /// Returns the dishes of which an alert of this rule must be open, and those of which none may be.
    ///
    /// `stations` says which station cooks which dish, and whether it takes orders.
    pub(crate) fn certain(
        &self,
        rule: DishRule,
        venue: VenueId,
        dishes: &BTreeMap<ProductId, (StationId, bool)>,
        now: Uptime,
    ) -> (BTreeSet<ProductId>, BTreeSet<ProductId>) {
        let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
        for (dish, (station, is_cooked)) in dishes {
            let is_unsettled = self.unsettled_dishes.get(dish).is_some_and(|until| now < *until)
                || self.unsettled_stations.get(&(venue, *station)).is_some_and(|until| now < *until);
            if is_unsettled {
                continue;
            }
            let run: Vec<&Reading> = self.run(rule, venue, *dish);
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let lasted = last.heard_wall.since(first.heard_wall);
            let (holds, keeps) = (self.holds(rule, *dish, last), self.keeps(rule, *dish, last));
            let late = if rule.about == About::OutAtNight { WINDOW_SEEN_LATE } else { Duration::ZERO };
            if holds && *is_cooked && lasted >= rule.hold_for + late {
                open.insert(*dish);
            } else if !(keeps && *is_cooked) && lasted >= rule.clear_for + late {
                closed.insert(*dish);
            }
        }
        (open, closed)
    }

    /// Returns the last good readings that agree about a dish and that nothing interrupted, oldest first.
    fn run(&self, rule: DishRule, venue: VenueId, dish: ProductId) -> Vec<&Reading> {
        let heard = || {
            let of_venue = self.readings.get(&venue).into_iter().flatten();
            of_venue.rev().filter(|reading| reading.only.is_empty())
        };
        let is_certain = |last: &&Reading| last.life == self.life && last.worth == Worth::Good;
        let Some(last) = heard().next().filter(is_certain) else { return Vec::new() };
        let says = |reading: &Reading| (self.holds(rule, dish, reading), self.keeps(rule, dish, reading));
        let agrees =
            |reading: &&Reading| (reading.life, reading.worth, says(reading)) == (last.life, Worth::Good, says(last));
        let mut run: Vec<&Reading> = heard().take_while(agrees).collect();
        run.reverse();
        run
    }

    fn heard(&self, rule: DishRule, venue: VenueId, dish: ProductId) -> impl Iterator<Item = &Reading> {
        self.readings.get(&venue).into_iter().flatten().filter(move |reading| reading.covers(rule.row(dish)))
    }

    /// Marks what is not believed at once: a list that changes a lot or empties, and those after it until that was looked at again.
    fn doubt(&mut self, reading: &mut Reading) {
        // One that is no good may have been taken in or not: the next one may differ much from it or from what it replaced.
        let whole = self.readings.get(&reading.venue).into_iter().flatten().rev().filter(|known| known.only.is_empty());
        let (mut earlier, mut is_settled) = (Vec::new(), false);
        for known in whole.take_while(|known| !std::mem::replace(&mut is_settled, known.worth == Worth::Good)) {
            earlier.push(&known.limits);
        }
        let nothing = BTreeMap::new();
        if !is_settled {
            earlier.push(&nothing);
        }
        let is_far = |before: &&BTreeMap<ProductId, Quantity>| {
            let ids: BTreeSet<&ProductId> = before.keys().chain(reading.limits.keys()).collect();
            let changed = ids.into_iter().filter(|id| before.get(id) != reading.limits.get(id)).count();
            changed >= MANY || !before.is_empty() && reading.limits.is_empty()
        };
        let is_odd = reading.only.is_empty() && (reading.worth != Worth::Good || earlier.iter().any(is_far));
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
            // Two ids are taken for a range of ids, and a whole list is what it is.
            Some("filter-as-range") if only.len() != 2 => Worth::Good,
            Some("empty-stop-list") => Worth::Lie,
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
