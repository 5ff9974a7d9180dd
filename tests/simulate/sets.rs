//! What must be true of rules that count items together, from docs/rules.md ("Sets"): so many dishes of a category or a
//! station, or one dish at so many venues.
//!
//! Counts each time anew, with what the restaurants did and what was heard. Invariant: a member of which nobody can say
//! counts neither for nor against anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eightysix::alerts::AlertKey;
use eightysix::alerts::lifecycle::OpenAlert;
use eightysix::rules::Subject;
use eightysix::units::{CategoryId, ProductId, StationId, Timestamp, Uptime, VenueId};

use crate::chain::INGREDIENT;
use crate::driver::Clock;
use crate::reference::Reference;

/// A list that is older says nothing of its venue to rules that count venues.
const STALE_AFTER: Duration = Duration::from_mins(1);
/// Neither a list that is just not stale nor one that just is counts for anything: that is seen with the next look.
const NEARLY_STALE: Duration = Duration::from_secs(6);
/// What a rule over the venues makes of its waits is seen so late at most.
const SEEN_LATE: Duration = Duration::from_secs(6);

/// What belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The dishes of a category at a venue.
    Category,
    /// The dishes that a station of a venue prepares.
    Station,
    /// One dish at all venues.
    Venues,
}

/// A rule about dishes of the menu that are out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SetRule {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it counts.
    pub(crate) of: Of,
    /// How many must be out.
    pub(crate) count: usize,
    /// Only what a station prepares that takes orders.
    pub(crate) is_cooked: bool,
    /// With so many left it stays open (`keep_while`).
    pub(crate) keeps_until: i64,
    /// `for`.
    pub(crate) hold_for: Duration,
    /// `clear_for`.
    pub(crate) clear_for: Duration,
}

/// What people made of a dish. What dishes are cooked of has no category and no station.
#[derive(Clone, Copy, Debug)]
struct Dish {
    category: Option<CategoryId>,
    station: Option<StationId>,
    is_on_the_menu: bool,
}

/// How many members it is so of, and how many of them it may be so of: that they hold, that they are clear.
#[derive(Clone, Debug, Default)]
struct Count {
    members: BTreeSet<u64>,
    hold: BTreeSet<u64>,
    may_hold: BTreeSet<u64>,
    clear: BTreeSet<u64>,
    may_be_clear: BTreeSet<u64>,
}

/// Since when something was certain of a set, without a doubt in between, and when it was last.
#[derive(Clone, Copy, Debug, Default)]
struct Certain {
    life: u64,
    holds_since: Option<Timestamp>,
    clear_since: Option<Timestamp>,
    last_kept: Option<Timestamp>,
    last_not_held: Option<Timestamp>,
}

/// What must be so of a set at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Must {
    /// The rule and the set.
    pub(crate) key: AlertKey,
    /// Its alert is open, or is not; `None` where nobody can say.
    is_open: Option<bool>,
    /// Who is listed while it is open, and who is not.
    members: BTreeSet<u64>,
    others: BTreeSet<u64>,
    /// Who stays listed, since nobody says that he is clear.
    kept: BTreeSet<u64>,
}

/// The judge of sets.
#[derive(Debug)]
pub(crate) struct Sets {
    /// The rules in force.
    pub(crate) rules: &'static [SetRule],
    venues: u64,
    dishes: BTreeMap<ProductId, Dish>,
    stations_off: BTreeSet<(VenueId, StationId)>,
    /// Every set that the rules count.
    keys: Vec<(SetRule, AlertKey)>,
    certain: BTreeMap<AlertKey, Certain>,
    /// When each venue was read, as of the last look.
    read: BTreeMap<VenueId, Uptime>,
    /// Who was listed then of each set that was open.
    listed: BTreeMap<AlertKey, BTreeSet<u64>>,
}

impl Sets {
    pub(crate) fn new(
        rules: &'static [SetRule],
        venues: u64,
        dishes: impl IntoIterator<Item = (ProductId, StationId, CategoryId)>,
    ) -> Self {
        let dish = |(id, station, category)| {
            (id, Dish { category: Some(category), station: Some(station), is_on_the_menu: true })
        };
        let ingredient = Dish { category: None, station: None, is_on_the_menu: true };
        let dishes = dishes.into_iter().map(dish).chain([(INGREDIENT, ingredient)]).collect();
        let mut sets = Self {
            rules,
            venues,
            dishes,
            stations_off: BTreeSet::new(),
            keys: Vec::new(),
            certain: BTreeMap::new(),
            read: BTreeMap::new(),
            listed: BTreeMap::new(),
        };
        sets.follows(rules);
        sets
    }

    /// Other rules are in force.
    pub(crate) fn follows(&mut self, rules: &'static [SetRule]) {
        self.rules = rules;
        self.keys = rules.iter().flat_map(|rule| self.keys_of(*rule)).collect();
        self.certain.clear();
        self.listed.clear();
    }

    /// Of a clock that was set nobody knows how long ago anything was.
    pub(crate) fn clock_is_set(&mut self) {
        self.certain.clear();
    }

    /// A dish came onto the menu, or left it.
    pub(crate) fn edited(&mut self, dish: ProductId, is_on_the_menu: bool) {
        self.dishes.get_mut(&dish).expect("a dish that takes part").is_on_the_menu = is_on_the_menu;
    }

    /// A station was switched.
    pub(crate) fn switched(&mut self, venue: VenueId, station: StationId, is_on: bool) {
        if is_on {
            self.stations_off.remove(&(venue, station));
        } else {
            self.stations_off.insert((venue, station));
        }
    }

    pub(crate) fn rule(&self, name: &str) -> Option<SetRule> {
        self.rules.iter().find(|rule| rule.name == name).copied()
    }

    /// Says for each set what must be so now. `complete` are the venues of which the menu was read.
    pub(crate) fn look(&mut self, reference: &Reference, complete: &BTreeSet<VenueId>, clock: Clock) -> Vec<Must> {
        // What is counted at one venue turns by its readings alone.
        let read_at = |venue: &VenueId| Some((*venue, reference.may_be_known(*venue).last()?.heard_at));
        let read: BTreeMap<VenueId, Uptime> = complete.iter().filter_map(read_at).collect();
        let is_news = |venue: &VenueId| read.get(venue) != self.read.get(venue);
        let is_watched = |(_, key): &&(SetRule, AlertKey)| match key.subject.venue() {
            Some(venue) => complete.contains(&venue) && is_news(&venue),
            None => complete.len() as u64 == self.venues,
        };
        let watched: Vec<(SetRule, AlertKey)> = self.keys.iter().filter(is_watched).cloned().collect();
        self.read = read;
        watched.into_iter().map(|(rule, key)| self.look_at(rule, key, reference, clock)).collect()
    }

    fn look_at(&mut self, rule: SetRule, key: AlertKey, reference: &Reference, clock: Clock) -> Must {
        let (holding, keeping) = self.counted(rule, &key.subject, reference, clock);
        let known = self.certain.entry(key.clone()).or_default();
        if known.life != reference.life() {
            let Certain { last_kept, last_not_held, .. } = *known;
            *known = Certain { life: reference.life(), last_kept, last_not_held, ..Certain::default() };
        }
        let read = key.subject.venue().and_then(|venue| reference.may_be_known(venue).last());
        let now = read.map_or(clock.wall, |reading| reading.heard_wall);
        let since = |is_so: bool, since: Option<Timestamp>| is_so.then(|| since.unwrap_or(now));
        known.holds_since = since(holding.is_enough(rule), known.holds_since);
        known.clear_since = since(keeping.is_too_few(rule), known.clear_since);
        known.last_kept = if keeping.is_enough(rule) { Some(now) } else { known.last_kept };
        known.last_not_held = if holding.is_too_few(rule) { Some(now) } else { known.last_not_held };
        let late = if rule.of == Of::Venues { SEEN_LATE } else { Duration::ZERO };
        let has_lasted =
            |since: Option<Timestamp>, wait: Duration| since.is_some_and(|since| now.since(since) >= wait + late);
        let is_open =
            match (has_lasted(known.holds_since, rule.hold_for), has_lasted(known.clear_since, rule.clear_for)) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                (false, false) => None,
            };
        let kept = holding.members.difference(&holding.may_be_clear).copied().collect();
        Must { key, is_open, members: holding.hold, others: holding.clear, kept }
    }

    /// Judges whether an alert is open, and the members that it lists.
    pub(crate) fn judge(&mut self, must: &Must, open: Option<&OpenAlert>) {
        let is_open = open.is_some_and(|open| open.unstable_since.is_none() || open.clear_since.is_none());
        assert!(must.is_open.is_none_or(|it| it == is_open), "it is open: {is_open}; {must:?} {open:?}");
        let Some(open) = open else { return drop(self.listed.remove(&must.key)) };
        let before = self.listed.entry(must.key.clone()).or_default();
        before.retain(|member| must.kept.contains(member));
        // When none holds, the list stays as it was.
        if open.clear_since.is_some() || must.members.is_empty() {
            return;
        }
        let listed = listed(open);
        let is_right = must.members.is_subset(&listed) && must.others.is_disjoint(&listed);
        assert!(is_right, "{listed:?} are listed: {must:?}");
        assert!(before.is_subset(&listed), "{before:?} were listed, and nobody says that they are clear: {must:?}");
        *before = listed;
    }

    /// Judges that the alert of a set opens: enough may hold, and did for as long as the rule wants.
    pub(crate) fn judge_opening(&self, key: &AlertKey, open: &OpenAlert, reference: &Reference, clock: Clock) {
        let rule =
            self.rule(key.rule.as_str()).unwrap_or_else(|| panic!("{key:?} opened, a rule that is not in force"));
        let (holding, _) = self.counted(rule, &key.subject, reference, clock);
        assert!(holding.may_hold.len() >= rule.count, "{key:?} opened, and nobody can hold that it is so: {holding:?}");
        let last_not_held = self.certain.get(key).and_then(|certain| certain.last_not_held);
        let waited = last_not_held.map(|at| clock.wall.since(at));
        assert!(waited.is_none_or(|waited| waited >= rule.hold_for), "{key:?} opened after {waited:?}");
        let listed = listed(open);
        let is_listed = holding.hold.is_subset(&listed) && listed.is_subset(&holding.may_hold);
        assert!(is_listed, "{key:?} opened with {listed:?}: {holding:?}");
    }

    /// Judges that the alert of a set ends: fewer than enough can be left, and that for as long as the rule wants.
    pub(crate) fn judge_closing(&self, key: &AlertKey, reference: &Reference, clock: Clock) {
        let known = self.rule(key.rule.as_str());
        if reference.ends_by_reload(known.is_some(), clock.uptime) {
            return;
        }
        let rule = known.unwrap_or_else(|| panic!("{key:?} closed, a rule that is not in force"));
        let (_, keeping) = self.counted(rule, &key.subject, reference, clock);
        let left = keeping.members.len() - keeping.may_be_clear.len();
        assert!(left < rule.count, "{key:?} closed, and at least {left} keep it: {keeping:?}");
        let last_kept = self.certain.get(key).and_then(|certain| certain.last_kept);
        let waited = last_kept.map(|at| clock.wall.since(at));
        assert!(waited.is_none_or(|waited| waited >= rule.clear_for), "{key:?} closed after {waited:?}");
    }

    /// Says whether enough may hold, without those that an ingredient explains.
    pub(crate) fn needs(
        &self,
        key: &AlertKey,
        explained: &[ProductId],
        reference: &Reference,
        clock: Clock,
    ) -> Option<bool> {
        let rule = self.rule(key.rule.as_str())?;
        let (holding, _) = self.counted(rule, &key.subject, reference, clock);
        let left = |holding: &BTreeSet<u64>| holding.iter().filter(|id| !explained.contains(&ProductId(**id))).count();
        match (left(&holding.hold) >= rule.count, left(&holding.may_hold) < rule.count) {
            (_, true) => Some(true),
            (true, false) => Some(false),
            (false, false) => None,
        }
    }

    /// Returns every set that a rule counts.
    fn keys_of(&self, rule: SetRule) -> Vec<(SetRule, AlertKey)> {
        let venues = || (1..=self.venues).map(VenueId);
        let dishes = self.dishes.values();
        let subjects: BTreeSet<Subject> = match rule.of {
            Of::Category => {
                let categories = dishes.filter_map(|dish| dish.category);
                categories.flat_map(|id| venues().map(move |venue| Subject::OfCategory(venue, id))).collect()
            }
            Of::Station => {
                let stations = dishes.filter_map(|dish| dish.station);
                stations.flat_map(|id| venues().map(move |venue| Subject::OfStation(venue, id))).collect()
            }
            Of::Venues => self.dishes.keys().map(|dish| Subject::OfVenues(*dish)).collect(),
        };
        let name = eightysix::rules::RuleName::new(rule.name).expect("a name");
        subjects.into_iter().map(|subject| (rule, AlertKey { subject, rule: name.clone() })).collect()
    }

    /// Counts the members that hold, and those that keep an open alert.
    fn counted(&self, rule: SetRule, subject: &Subject, reference: &Reference, clock: Clock) -> (Count, Count) {
        let members = self.members(subject);
        let count = |left: i64| {
            let mut count = Count::default();
            for (member, venue, dish) in &members {
                count.add(*member, self.said(rule, left, *venue, *dish, reference, clock));
            }
            count
        };
        let holding = count(0);
        let keeping = if rule.keeps_until == 0 { holding.clone() } else { count(rule.keeps_until) };
        (holding, keeping)
    }

    /// Returns the members of a set: how each is listed, and which dish at which venue it is.
    fn members(&self, subject: &Subject) -> Vec<(u64, VenueId, ProductId)> {
        let of = |venue: VenueId, belongs: &dyn Fn(&Dish) -> bool| {
            let dishes = self.dishes.iter().filter(|(_, dish)| belongs(dish));
            dishes.map(|(id, _)| (id.0, venue, *id)).collect()
        };
        match subject {
            Subject::OfCategory(venue, category) => of(*venue, &|dish| dish.category == Some(*category)),
            Subject::OfStation(venue, station) => of(*venue, &|dish| dish.station == Some(*station)),
            Subject::OfVenues(dish) => (1..=self.venues).map(|venue| (venue, VenueId(venue), *dish)).collect(),
            Subject::Brand | Subject::Venue(_) | Subject::Station(..) | Subject::Item(..) => panic!("{subject:?}"),
        }
    }

    /// Returns what can be said of a dish at a venue: that at most so many are `left`, by all that may be known there.
    fn said(
        &self,
        rule: SetRule,
        left: i64,
        venue: VenueId,
        dish: ProductId,
        reference: &Reference,
        clock: Clock,
    ) -> Said {
        let is_meant = self.is_meant(rule, venue, dish, reference, clock);
        let (mut said, mut is_old) = (Said::default(), false);
        let heard = reference.may_be_known(venue);
        for reading in heard.iter().filter(|reading| !reading.is_lie()) {
            let age = clock.wall.since(reading.heard_wall);
            is_old |= rule.of == Of::Venues && age + NEARLY_STALE >= STALE_AFTER;
            if rule.of == Of::Venues && age >= STALE_AFTER + NEARLY_STALE {
                continue;
            }
            let is_out = reading.has_at_most(dish, left);
            said.may_hold |= is_out && is_meant != Some(false);
            said.may_be_clear |= !is_out || is_meant != Some(true);
        }
        let is_sure = !is_old && matches!(heard, [reading] if reference.is_sure(reading));
        said.holds = is_sure && !said.may_be_clear;
        said.is_clear = is_sure && !said.may_hold;
        said
    }

    /// Says whether a dish counts when it is out; `None` where nobody can say what is known of it.
    fn is_meant(
        &self,
        rule: SetRule,
        venue: VenueId,
        dish: ProductId,
        reference: &Reference,
        clock: Clock,
    ) -> Option<bool> {
        let Dish { station, is_on_the_menu, .. } = self.dishes[&dish];
        let is_off = |station: StationId| self.stations_off.contains(&(venue, station));
        let is_cooked = !rule.is_cooked || station.is_some_and(|station| !is_off(station));
        let is_unsettled = |station: StationId| reference.is_station_unsettled(venue, station, clock.uptime);
        let is_station_unsure = rule.is_cooked && station.is_some_and(is_unsettled);
        let is_unsure = reference.is_dish_unsettled(dish, clock.uptime) || is_station_unsure;
        (!is_unsure).then_some(is_on_the_menu && is_cooked)
    }
}

/// What can be said of one member.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    holds: bool,
    may_hold: bool,
    is_clear: bool,
    may_be_clear: bool,
}

impl Count {
    fn add(&mut self, member: u64, said: Said) {
        self.members.insert(member);
        let lists = [&mut self.hold, &mut self.may_hold, &mut self.clear, &mut self.may_be_clear];
        let is_so = [said.holds, said.may_hold, said.is_clear, said.may_be_clear];
        for (list, _) in lists.into_iter().zip(is_so).filter(|(_, is_so)| *is_so) {
            list.insert(member);
        }
    }

    /// Enough hold, whatever is so of the others.
    fn is_enough(&self, rule: SetRule) -> bool {
        self.hold.len() >= rule.count
    }

    /// Fewer than enough hold, whatever is so of those of which nobody knows.
    fn is_too_few(&self, rule: SetRule) -> bool {
        self.members.len() - self.clear.len() < rule.count
    }
}

/// Returns the members that an alert lists: dishes, or venues.
pub(crate) fn listed(open: &OpenAlert) -> BTreeSet<u64> {
    let set = open.set.as_ref().expect("an alert about a set has one");
    assert_eq!(set.count, set.members.len(), "few are all named: {set:?}");
    set.members.iter().map(|member| member.id).collect()
}
