//! What is known of one scope in one step, for what is told of it and for why something is so.
//!
//! What costs a look over the venue is looked up once, and when it is needed.

use std::cell::OnceCell;

use crate::alerts::facts::{self, Facts};
use crate::alerts::lifecycle::{Alert, Turn};
use crate::alerts::published::End;
use crate::alerts::{AlertKey, Turned};
use crate::catalog::{Catalog, Product};
use crate::engine::Engine;
use crate::engine::sets::Sets;
use crate::rules::condition::Truth;
use crate::rules::evaluate;
use crate::rules::field::{Field, VenueField};
use crate::rules::subject::Scene;
use crate::rules::{Form, Rule, Subject};
use crate::snapshot::recipes::{self, Gaps};
use crate::snapshot::{Access, Freshness, Gap, Snapshot, StopRow};
use crate::units::{ProductId, StationId, Timestamp};

/// One venue, or the brand itself without a snapshot, after what the step read.
pub(super) struct Look<'a> {
    pub(super) engine: &'a Engine,
    pub(super) snapshot: Option<&'a Snapshot>,
    pub(super) now: Timestamp,
    access: &'a Access,
    sets: Sets<'a>,
    gaps: OnceCell<Gaps>,
    scene: OnceCell<Scene<'a>>,
}

impl<'a> Look<'a> {
    /// Begins to look.
    pub(super) fn new(engine: &'a Engine, snapshot: Option<&'a Snapshot>, access: &'a Access, now: Timestamp) -> Self {
        let (gaps, scene) = (OnceCell::new(), OnceCell::new());
        Self { engine, snapshot, now, access, sets: Sets::None, gaps, scene }
    }

    /// Knows the members of sets.
    pub(super) fn with(self, sets: Sets<'a>) -> Self {
        Self { sets, ..self }
    }

    /// Returns where the members of sets are known.
    pub(super) fn sets(&self) -> Sets<'a> {
        self.sets
    }

    /// Returns what the catalog of the venue knows.
    pub(super) fn catalog(&self) -> Option<&'a Catalog> {
        self.snapshot.map(|snapshot| &*snapshot.picture.catalog)
    }

    /// Gathers what can be said of a turn, and what ended the alert if it ends.
    pub(super) fn at_turn(&self, turned: &Turned<'_>) -> (Facts, End) {
        match &turned.turn {
            Turn::Open { since, .. } => {
                let found_after = self.found_after(&turned.key, *since);
                (Facts { found_after, ..self.facts(&turned.key) }, End::Clear)
            }
            Turn::Close(open, _) => {
                let (facts, end) = (self.facts(&turned.key), self.end_of(turned));
                // Outside the windows of its rule nobody looked for the members of a set.
                let set = if end == End::Window { open.set.clone() } else { facts.set };
                let found_at = open.clear_since.unwrap_or_else(|| self.items_as_of());
                let found_after = self.found_after(&turned.key, found_at).filter(|_| end == End::Clear);
                (Facts { set, found_after, ..facts }, end)
            }
            // Nothing is said of it.
            Turn::Stay | Turn::Move(_) => (Facts::unknown(&self.engine.brand), End::Clear),
        }
    }

    /// Returns when nobody had read the stop list before the reading that first showed what turned an alert, if that list
    /// says something else of it since.
    fn found_after(&self, key: &AlertKey, found_at: Timestamp) -> Option<Gap> {
        let snapshot = self.snapshot?;
        let catalog = &snapshot.picture.catalog;
        let of = |is_of_set: &dyn Fn(&Product) -> bool| {
            let products = catalog.products.values().filter(|product| is_of_set(product)).map(|product| product.id);
            snapshot.gap_found(products, found_at)
        };
        match key.subject {
            Subject::Item(_, product) => snapshot.gap_found(std::iter::once(product), found_at),
            Subject::OfCategory(_, category) => of(&|product| product.category == Some(category)),
            Subject::OfStation(_, station) => of(&|product| catalog.station_of(product) == Some(station)),
            // What stands in other lists is read at other times.
            Subject::Station(..) | Subject::Brand | Subject::Venue(_) | Subject::OfVenues(_) => None,
        }
    }

    fn items_as_of(&self) -> Timestamp {
        self.snapshot.map_or(self.now, |snapshot| snapshot.items_as_of(self.now))
    }

    /// Gathers everything that a message may say of what an alert is about.
    pub(super) fn facts(&self, key: &AlertKey) -> Facts {
        let mut facts = self.brief(key);
        if let Some(snapshot) = self.snapshot {
            facts.recipe = facts::recipe_facts(&facts, snapshot, &self.gaps);
            let calendar = self.engine.policy.calendars.of(&self.engine.brand, snapshot.id());
            facts.forecast = facts::forecast_facts(&facts, snapshot, calendar, self.now);
            facts.times_today = facts::times_today(&facts, snapshot, calendar, self.now);
        }
        facts
    }

    /// Says whether one alert is why another is so: the brand that cannot be read, the station that is off, the
    /// ingredient that is out, the product of which no variant is left.
    pub(super) fn explains(&self, cause: &AlertKey, effect: &AlertKey) -> bool {
        match (&cause.subject, &effect.subject) {
            (Subject::Brand, Subject::Venue(_)) => self.is_about_a_failed_reading(effect),
            (Subject::Station(_, station), Subject::Item(_, item)) => self.is_of_station_off(*item, *station),
            (Subject::Item(_, part), Subject::Item(_, item)) if part != item => {
                self.is_missing_from(*part, *item) || self.is_sold_out_parent(*part, *item)
            }
            (Subject::Station(_, off), Subject::OfStation(_, station)) => off == station && self.is_off(*off),
            (Subject::Item(_, part), Subject::OfCategory(..) | Subject::OfStation(..)) => {
                self.is_why_enough_hold(*part, effect)
            }
            (
                Subject::Brand
                | Subject::Venue(_)
                | Subject::Station(..)
                | Subject::Item(..)
                | Subject::OfCategory(..)
                | Subject::OfStation(..)
                | Subject::OfVenues(_),
                _,
            ) => false,
        }
    }

    fn brief(&self, key: &AlertKey) -> Facts {
        let facts = facts::of_subject(&self.engine.brand, self.access, self.snapshot, &key.subject, self.now);
        let known = self.engine.memory.book.get(key).and_then(Alert::open).and_then(|open| open.set.as_ref());
        Facts { set: self.sets.facts(self, key, known).or(facts.set), ..facts }
    }

    fn gaps_of(&self, snapshot: &Snapshot) -> &Gaps {
        self.gaps.get_or_init(|| recipes::gaps(&snapshot.picture))
    }

    fn end_of(&self, turned: &Turned<'_>) -> End {
        let Some(rule) = turned.rule else { return End::Unwatched };
        let Some(snapshot) = self.snapshot else { return End::Clear };
        if rule.during.is_empty() {
            return End::Clear;
        }
        let price_lists = self.engine.policy.rules.price_lists();
        let of_now = || Scene::new(self.engine.view(snapshot, self.access), price_lists, self.now);
        let scene = self.scene.get_or_init(of_now);
        if evaluate::ends_by_window(rule, &turned.key.subject, scene, self.now) { End::Window } else { End::Clear }
    }

    fn is_about_a_failed_reading(&self, effect: &AlertKey) -> bool {
        let is_reading = |field: Field| {
            matches!(field, Field::Venue(VenueField::Reading | VenueField::Trouble | VenueField::ReadingAge))
        };
        let asks = || self.engine.policy.rules.get(&effect.rule).is_some_and(|rule| rule.when.asks_for(is_reading));
        // After a start nobody knows yet; what was decided before goes on until then.
        let is_shut_out = !matches!(self.access, Access::Granted);
        let is_old = |snapshot: &Snapshot| snapshot.freshness(self.engine.limits, self.now) != Freshness::Fresh;
        is_shut_out && self.snapshot.is_some_and(is_old) && asks()
    }

    fn is_of_station_off(&self, item: ProductId, station: StationId) -> bool {
        let Some(catalog) = self.catalog() else { return false };
        self.is_off(station)
            && catalog.products.get(&item).and_then(|product| catalog.station_of(product)) == Some(station)
    }

    fn is_off(&self, station: StationId) -> bool {
        self.catalog().and_then(|catalog| catalog.stations.get(&station)).is_some_and(|station| !station.active)
    }

    /// Says whether a set would not hold without the members that an item explains.
    fn is_why_enough_hold(&self, part: ProductId, set: &AlertKey) -> bool {
        let at_least = self.engine.policy.rules.get(&set.rule).and_then(Rule::at_least);
        let (Some(at_least), Some(gathered)) = (at_least, self.sets.gathered(set)) else { return false };
        let follows =
            |item: ProductId| item != part && (self.is_missing_from(part, item) || self.is_sold_out_parent(part, item));
        let holding = || gathered.members.iter().filter(|(_, truth)| *truth == Truth::Holds);
        let left = holding().filter(|(item, _)| !follows(*item)).count();
        left < usize::from(at_least.count) && holding().count() >= usize::from(at_least.count)
    }

    fn is_missing_from(&self, part: ProductId, item: ProductId) -> bool {
        let gaps = self.snapshot.and_then(|snapshot| self.gaps_of(snapshot).get(&item));
        gaps.is_some_and(|gaps| gaps.contains(&part))
    }

    fn is_sold_out_parent(&self, parent: ProductId, item: ProductId) -> bool {
        let Some(snapshot) = self.snapshot else { return false };
        let catalog = &snapshot.picture.catalog;
        let is_out = |id: &ProductId| snapshot.picture.rows.get(id).is_some_and(StopRow::is_out);
        let is_parent = catalog.products.get(&item).is_some_and(|product| product.parent == Some(parent));
        let mut variants = catalog.variants_of(parent).filter(|variant| variant.active);
        is_parent && (is_out(&parent) || variants.all(|variant| is_out(&variant.id)))
    }
}

/// Says whether an alert of this form can be why another is so.
pub(super) fn can_explain(form: &Form) -> bool {
    match form {
        Form::State(state) => state.says_it_is_off,
        Form::Event(_) => false,
    }
}
