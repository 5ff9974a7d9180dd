//! How a life is judged when everything has calmed down: what is known and told is what is so in the restaurants.
//!
//! Looks at the restaurants themselves. Must change nothing but the screens, which may publish what they still owe.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eightysix::alerts::AlertKey;
use eightysix::alerts::hold::Hold;
use eightysix::alerts::lifecycle::{Alert, OpenAlert};
use eightysix::rules::{Severity, Subject};
use eightysix::units::{ProductId, Quantity, StationId, Timestamp, VenueId};

use super::Life;
use crate::chain::{COOKED_OF_INGREDIENT, ESCALATED, GROUP_WAIT, INGREDIENT, REMINDED, RULES, RuleSet, category_of};
use crate::reference::{About, DishRule};
use crate::sets::{self, Of, SetRule};
use crate::stories;

/// The dishes of a venue, the stations that cook them, and whether they can be sold out there.
type Menu = BTreeMap<ProductId, (StationId, bool)>;

/// So long after the night has begun or ended it is seen at the latest, and every wait is over.
const NIGHT_TURNS: Duration = Duration::from_secs(40);
/// So long after its time a reminder has gone out, when nothing fails: the next look, of something that was read.
const FOLLOWED_UP: Duration = Duration::from_secs(30);

impl Life {
    /// Returns the dishes of the menu, the stations that cook them, and whether they can be sold out there.
    pub(super) fn menu(&self, venue: VenueId) -> Menu {
        let known = self.world.venue(&self.brand, venue).expect("a venue of the plan");
        let dish = |(id, station): &(ProductId, StationId)| {
            let is_active = self.world.product(&self.brand, *id).is_ok_and(|product| product.active);
            (*id, (*station, is_active && known.stations[station].active))
        };
        self.dishes.iter().map(dish).collect()
    }

    /// Returns the subjects of the open alerts of a rule at a venue, but for those that wait only for calm.
    pub(super) fn open(&self, rule: &str, venue: VenueId) -> BTreeSet<u64> {
        let book = &self.driver.watcher().engine().memory().book;
        let is_open = |alert: &Alert| {
            alert.open().is_some_and(|open| open.unstable_since.is_none() || open.clear_since.is_none())
        };
        let open = book.of(Some(venue)).filter(|(key, alert)| key.rule.as_str() == rule && is_open(alert));
        open.map(|(key, _)| match &key.subject {
            Subject::Item(_, product) | Subject::OfVenues(product) => product.0,
            Subject::OfCategory(_, category) => category.0,
            Subject::Station(_, station) | Subject::OfStation(_, station) => station.0,
            Subject::Venue(venue) => venue.0,
            Subject::Brand => 0,
        })
        .collect()
    }

    /// Holds what managers believe to be out against what is: all but what opened too late for the last mail.
    pub(super) fn check_last_mails(&self, told: &BTreeSet<(String, String)>) {
        let now = self.calm_at;
        let mut open = BTreeSet::new();
        let mut may_be_open = BTreeSet::new();
        for (key, alert) in self.driver.watcher().engine().memory().book.iter() {
            let Alert::Open(alert) = alert else { continue };
            let Some(venue) = key.subject.venue().filter(|_| stories::MAILED.contains(&key.rule.as_str())) else {
                continue;
            };
            if alert.told.iter().any(|receiver| receiver.as_str() == "managers") {
                let believed = (venue.to_string(), alert.label.clone());
                may_be_open.insert(believed.clone());
                let due = alert.opened_at.plus(GROUP_WAIT);
                let sleeps_through = self.night.holds(due) && alert.severity != Severity::Critical;
                if now > if sleeps_through { self.night.ends } else { due } {
                    open.insert(believed);
                }
            }
        }
        assert!(open.is_subset(told), "managers were not told of {:?}", open.difference(told));
        // What is over is told when the night is.
        let groups = self.driver.watcher().engine().memory().groups.keys();
        let waiting: BTreeSet<String> = groups.filter_map(|key| key.venue).map(|venue| venue.to_string()).collect();
        let waits = |venue: &String| self.night.holds(now) && waiting.contains(venue);
        let wrong: Vec<_> = told.difference(&may_be_open).filter(|(venue, _)| !waits(venue)).collect();
        assert!(wrong.is_empty(), "managers believe in {wrong:?}");
    }

    /// Returns the rules of which an alert of the brand itself is open.
    fn open_of_brand(&self) -> BTreeSet<String> {
        let book = &self.driver.watcher().engine().memory().book;
        let is_of_brand = |key: &AlertKey| key.subject == Subject::Brand;
        let open = book.of(None).filter(|(key, alert)| is_of_brand(key) && matches!(alert, Alert::Open(_)));
        open.map(|(key, _)| key.rule.as_str().to_owned()).collect()
    }

    /// Holds everything that is known against the restaurants.
    pub(super) fn check_end(&self) -> Result<(), String> {
        let clock = self.clock();
        let refused = self.world.log().counters.refused;
        assert_eq!(refused.total(), 0, "requests over the rate limit: {refused:?}");
        let engine = self.driver.watcher().engine();
        self.onlookers.borrow_mut().screens.settle(engine, clock);
        self.onlookers.borrow().screens.check(engine, clock.wall)?;
        let in_force = |rule: &str| RULES[self.rules].text.contains(&format!("name: {rule},"));
        let of_no_rule = engine.memory().book.iter().map(|(key, _)| key.rule.as_str()).find(|rule| !in_force(rule));
        if let Some(rule) = of_no_rule {
            return Err(format!("an alert of {rule}, a rule that was taken away"));
        }
        // What hangs under a station that is off stays so.
        let is_quiet = |hold: &Hold| matches!(hold, Hold::Silence(_));
        let is_held = |alert: &Alert| matches!(alert, Alert::Open(open) if open.held.values().any(is_quiet));
        if let Some((key, _)) = engine.memory().book.iter().find(|(_, alert)| is_held(alert)) {
            return Err(format!("{key:?} is held back, and nothing is silenced"));
        }
        let venues = &self.world.brand(&self.brand).expect("known").venues;
        same("the venues", &engine.memory().venues.keys().copied().collect(), &venues.keys().copied().collect())?;
        for (id, venue) in venues {
            let menu = self.menu(*id);
            let left = |dish: &ProductId| venue.stop_list.get(dish).map(|stop| stop.limit);
            let RuleSet { text: rules, dishes: dish_rules, sets: _, others: _ } = RULES[self.rules];
            for rule in dish_rules {
                self.check_dishes(*rule, *id, &menu, clock.wall)?;
            }
            let products = &engine.memory().venues[id].picture.catalog.products;
            let on_the_menu = &self.world.brand(&self.brand).expect("known").menu.products;
            same("the menu", &products.keys().collect(), &on_the_menu.keys().collect())?;
            if rules.contains("name: low") {
                let is_low = |dish: &ProductId| {
                    let threshold = self.world.product(&self.brand, *dish).map_or(0, |product| product.low_stock);
                    let left = left(dish).filter(|_| threshold > 0);
                    left.is_some_and(|left| left > Quantity::default() && left <= Quantity::whole(i64::from(threshold)))
                };
                let low = menu.keys().filter(|dish| is_low(dish)).map(|dish| dish.0);
                same("what is low", &self.open("low", *id), &low.collect())?;
            }
            if rules.contains(REMINDED.0) {
                self.check_reminders(*id, clock.wall)?;
            }
            if rules.contains("name: off") {
                let off = venue.stations.values().filter(|station| !station.active).map(|station| station.id.0);
                same("which stations are off", &self.open("off", *id), &off.collect())?;
            }
            if rules.contains("name: bare") {
                let is_out = left(&INGREDIENT).is_some_and(|left| left <= Quantity::default());
                same(
                    "what dishes are cooked of",
                    &self.open("bare", *id),
                    &is_out.then_some(INGREDIENT.0).into_iter().collect(),
                )?;
                self.check_causes(*id, is_out)?;
            }
            same("which venue is blind", &self.open("blind", *id), &BTreeSet::new())?;
            same("who is refused", &self.open_of_brand(), &BTreeSet::new())?;
            self.check_screen(*id, &venue.stop_list.keys().copied().collect())?;
        }
        self.check_sets()?;
        self.onlookers.borrow().prices.check_end(|dish| self.world.product(&self.brand, dish).is_ok())
    }

    /// Holds the open alerts about sets, and their members, against the restaurants.
    fn check_sets(&self) -> Result<(), String> {
        let book = &self.driver.watcher().engine().memory().book;
        for rule in RULES[self.rules].sets {
            let named = |key: &AlertKey| key.rule.as_str() == rule.name;
            let open = book.iter().filter(|(key, _)| named(key)).filter_map(|(key, alert)| Some((key, alert.open()?)));
            let open = open.filter(|(_, open)| open.unstable_since.is_none() || open.clear_since.is_none());
            let open: BTreeMap<&Subject, &OpenAlert> = open.map(|(key, open)| (&key.subject, open)).collect();
            let (out, few) = (self.out_together(*rule, 0), self.out_together(*rule, rule.keeps_until));
            for subject in open.keys() {
                if !few.contains_key(subject) {
                    return Err(format!("{}: {subject:?} is open, and it is not so", rule.name));
                }
            }
            for (subject, members) in out {
                let Some(alert) = open.get(&subject) else {
                    return Err(format!("{}: {subject:?} is so of {members:?}, and is not open", rule.name));
                };
                same(rule.name, &sets::listed(alert), &members)?;
            }
        }
        Ok(())
    }

    /// Returns the sets of which at most so many portions are left of enough members, and these.
    fn out_together(&self, rule: SetRule, left: i64) -> BTreeMap<Subject, BTreeSet<u64>> {
        let mut together: BTreeMap<Subject, BTreeSet<u64>> = BTreeMap::new();
        for (venue, known) in &self.world.brand(&self.brand).expect("known").venues {
            let is_out =
                |id: ProductId| known.stop_list.get(&id).is_some_and(|stop| stop.limit <= Quantity::whole(left));
            for (nth, (dish, station)) in self.dishes.iter().enumerate() {
                let is_active = self.world.product(&self.brand, *dish).is_ok_and(|product| product.active);
                let is_meant = is_active && (!rule.is_cooked || known.stations[station].active);
                let (subject, member) = match rule.of {
                    Of::Category => (Subject::OfCategory(*venue, category_of(nth)), dish.0),
                    Of::Station => (Subject::OfStation(*venue, *station), dish.0),
                    Of::Venues => (Subject::OfVenues(*dish), venue.0),
                };
                if is_meant && is_out(*dish) {
                    together.entry(subject).or_default().insert(member);
                }
            }
            // What dishes are cooked of has no category and no station.
            if rule.of == Of::Venues && !rule.is_cooked && is_out(INGREDIENT) {
                together.entry(Subject::OfVenues(INGREDIENT)).or_default().insert(venue.0);
            }
        }
        together.retain(|_, members| members.len() >= rule.count);
        together
    }

    /// Checks that nothing waits for the end of a cause that is over.
    fn check_causes(&self, venue: VenueId, is_out: bool) -> Result<(), String> {
        let waits = |alert: &Alert| matches!(alert, Alert::Open(open) if !open.held.is_empty());
        let mut of_venue = self.driver.watcher().engine().memory().book.of(Some(venue));
        match of_venue.find(|(_, alert)| waits(alert)).filter(|_| !is_out) {
            Some((key, _)) => Err(format!("{key:?} is held back, and what it is cooked of is there")),
            None => Ok(()),
        }
    }

    /// Checks that the office was reminded of what has been low for long, and that the kitchen heard of it.
    fn check_reminders(&self, venue: VenueId, wall: Timestamp) -> Result<(), String> {
        for (key, alert) in self.driver.watcher().engine().memory().book.of(Some(venue)) {
            let Alert::Open(alert) = alert else { continue };
            let age = wall.since(alert.opened_at);
            if key.rule.as_str() != "low" || alert.acknowledged.is_some() || alert.clear_since.is_some() {
                continue;
            }
            // When a venue has doors they are closed, or close too soon for a reminder.
            if age > REMINDED.1 + FOLLOWED_UP && alert.reminded_at.is_none() && !self.has_doors {
                return Err(format!("nobody was reminded of {key:?}, which has been open for {age:?}"));
            }
            if age > ESCALATED + FOLLOWED_UP && !alert.told.iter().any(|to| to.as_str() == "kitchen") {
                return Err(format!("the kitchen was not told of {key:?}, which has been open for {age:?}"));
            }
        }
        Ok(())
    }

    /// Holds the open alerts of a rule about dishes against the restaurant.
    fn check_dishes(&self, rule: DishRule, venue: VenueId, menu: &Menu, wall: Timestamp) -> Result<(), String> {
        let stop_list = &self.world.venue(&self.brand, venue).expect("known").stop_list;
        let has_at_most =
            |id: ProductId, left: i64| stop_list.get(&id).is_some_and(|stop| stop.limit <= Quantity::whole(left));
        let is_night = self.night.holds(wall);
        let has_just_turned = |at: Timestamp| at <= wall && wall < at.plus(NIGHT_TURNS);
        if rule.about == About::OutAtNight && (has_just_turned(self.night.begins) || has_just_turned(self.night.ends)) {
            return Ok(());
        }
        let is_cooked_of_it = |dish: ProductId| self.dishes[..COOKED_OF_INGREDIENT].iter().any(|(id, _)| *id == dish);
        let holds = |dish: ProductId| match rule.about {
            About::Out | About::OutUntilThree => has_at_most(dish, 0),
            About::OutAtNight => is_night && has_at_most(dish, 0),
            About::OutOfIngredient => is_cooked_of_it(dish) && has_at_most(INGREDIENT, 0),
        };
        let known = self.open(rule.name, venue);
        let cooked = || menu.iter().filter(|(_, (_, is_cooked))| *is_cooked).map(|(dish, _)| *dish);
        let out: BTreeSet<u64> = cooked().filter(|dish| holds(*dish)).map(|dish| dish.0).collect();
        if rule.about == About::OutUntilThree {
            // With one or two left it is as it was.
            let few: BTreeSet<u64> = cooked().filter(|dish| has_at_most(*dish, 2)).map(|dish| dish.0).collect();
            let fits = out.is_subset(&known) && known.is_subset(&few);
            return if fits { Ok(()) } else { Err(format!("{rule:?}: {known:?} is known, {out:?} to {few:?} is so")) };
        }
        same(rule.name, &known, &out)
    }

    /// Holds the list that screens show against the restaurant's own.
    fn check_screen(&self, venue: VenueId, listed: &BTreeSet<ProductId>) -> Result<(), String> {
        let onlookers = self.onlookers.borrow();
        let topic = onlookers.screens.topics().stop(&self.brand, venue);
        let body =
            onlookers.screens.retained.get(&topic).ok_or_else(|| format!("no list on the screens of {venue}"))?;
        let list: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let shown = |item: &serde_json::Value| {
            (ProductId(item["id"].as_u64().expect("an id")), item["limit"].as_f64().expect("a limit"))
        };
        let shown: BTreeMap<ProductId, f64> = list["items"].as_array().expect("items").iter().map(shown).collect();
        same("the list on the screens", &shown.keys().copied().collect(), listed)?;
        for (dish, left) in shown {
            let limit = self.world.limit(&self.brand, venue, dish).expect("known").expect("listed");
            if (limit.as_f64() - left).abs() > 1e-6 {
                return Err(format!("{dish} on the screens of {venue}: {left} instead of {limit:?}"));
            }
        }
        Ok(())
    }
}

fn same<T: Ord + std::fmt::Debug>(what: &str, known: &BTreeSet<T>, true_ones: &BTreeSet<T>) -> Result<(), String> {
    if known == true_ones { Ok(()) } else { Err(format!("{what}: {known:?} is known, {true_ones:?} is so")) }
}
