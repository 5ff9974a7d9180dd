//! Dinner service without end, from a seed: guests buy, dishes run out and come back, and now and then the API fails.
//!
//! It starts with a fixed opening that shows every kind of thing within twenty minutes of its own time, then lives on
//! by chance. Must never depend on how often it is asked. Invariant: the same seed, world and start give the same
//! happenings, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::chance::Chance;
use super::deeds::{Deed, Happening, Trouble, perform};
use super::faults::{Fault, Span};
use super::menu::{Kind, Menu, Product};
use super::opening;
use super::route::Endpoint;
use super::world::{ActionError, Venue, World};
use crate::units::{BrandId, Money, ProductId, Quantity, StationId, Timestamp, VenueId};

/// How much faster than the clock the demo's restaurants live: a minute of theirs is a second of ours.
pub const DEMO_SPEED: u32 = 60;

/// Steps done in one call at most, so that a clock set far ahead cannot hold the caller; the rest follows next time.
const STEPS_MAX: usize = 10_000;

/// Rows on a stop list beyond which the kitchen restocks before it counts anything new.
const ROWS_FULL: usize = 24;

/// One minute of the restaurants' time.
const MINUTE_MS: u64 = 60_000;

/// When chance takes over the venues of the opening.
const LIFE_BEGINS_MS: u64 = 19 * MINUTE_MS;

/// The coming steps of one brand's restaurants.
#[derive(Clone, Debug)]
pub struct Service {
    brand: BrandId,
    start: Timestamp,
    speedup: u32,
    chance: Chance,
    /// Steps by their time in the restaurants' milliseconds; the number keeps steps of one time in their order.
    agenda: BTreeMap<(u64, u64), Step>,
    added: u64,
    pace_ms: BTreeMap<VenueId, u64>,
    closed: BTreeSet<VenueId>,
}

#[derive(Clone, Debug)]
enum Step {
    Do(Deed),
    Live(VenueId),
    Closing(VenueId),
    Opening(VenueId),
    BackOffice,
    Trouble,
}

impl Service {
    /// Plans the service of `brand` from `start` on, `speedup` times faster than the clock (0 counts as 1).
    ///
    /// # Errors
    /// Returns which brand is unknown.
    pub fn new(seed: u64, world: &World, brand: &BrandId, speedup: u32, start: Timestamp) -> Result<Self, ActionError> {
        let mut service = Self {
            brand: brand.clone(),
            start,
            speedup: speedup.max(1),
            chance: Chance::new(seed),
            agenda: BTreeMap::new(),
            added: 0,
            pace_ms: BTreeMap::new(),
            closed: BTreeSet::new(),
        };
        let known = world.brand(brand)?;
        let stage: Vec<VenueId> = known.venues.keys().copied().take(opening::STAGE).collect();
        for (minute_tenths, deed) in opening::deeds(&known.menu, &stage) {
            let due_ms = minute_tenths * MINUTE_MS / 10;
            let deed = service.timed(deed, due_ms);
            service.plan(due_ms, Step::Do(deed));
        }
        for venue in known.venues.keys() {
            // Busyness is skewed, as in real chains: from a step every two minutes to one every half hour.
            let pace_ms = (2 * MINUTE_MS) << service.chance.below(5);
            service.pace_ms.insert(*venue, pace_ms);
            let begin_ms = if stage.contains(venue) { LIFE_BEGINS_MS } else { 0 };
            let first_ms = begin_ms + service.chance.wait_ms(pace_ms);
            service.plan(first_ms, Step::Live(*venue));
            let closing_ms = service.chance.between(270, 360) * MINUTE_MS;
            service.plan(closing_ms, Step::Closing(*venue));
        }
        service.plan(LIFE_BEGINS_MS + 9 * MINUTE_MS, Step::Trouble);
        service.plan(LIFE_BEGINS_MS + 14 * MINUTE_MS, Step::BackOffice);
        Ok(service)
    }

    /// Returns when the next step is due; `None` only for a brand without venues whose opening is over.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.agenda.keys().next().map(|(due_ms, _)| self.clock_time(*due_ms))
    }

    /// Does what is due at `now` and returns what was seen, in order. Each thing happens at its own planned time.
    pub fn due(&mut self, world: &mut World, now: Timestamp) -> Vec<Happening> {
        let mut seen = Vec::new();
        for _ in 0..STEPS_MAX {
            let Some(&(due_ms, _)) = self.agenda.keys().next() else { break };
            let at = self.clock_time(due_ms);
            if at > now {
                break;
            }
            let Some((_, step)) = self.agenda.pop_first() else { break };
            for deed in self.decide(world, step, due_ms) {
                seen.extend(perform(world, &self.brand, &deed, at));
            }
        }
        seen
    }

    fn plan(&mut self, due_ms: u64, step: Step) {
        self.added += 1;
        self.agenda.insert((due_ms, self.added), step);
    }

    fn clock_time(&self, due_ms: u64) -> Timestamp {
        self.start.plus(Duration::from_millis(due_ms / u64::from(self.speedup)))
    }

    /// Moves the time of a trouble from the restaurants' minutes since its beginning to the clock.
    fn timed(&self, deed: Deed, due_ms: u64) -> Deed {
        match deed {
            Deed::Break(Trouble { fault, endpoint, venue, span: Span::Between(from, until) }) => {
                let long_ms = u64::try_from(until.since(from).as_millis()).unwrap_or(0);
                let span = Span::Between(self.clock_time(due_ms), self.clock_time(due_ms + long_ms));
                Deed::Break(Trouble { fault, endpoint, venue, span })
            }
            Deed::Break(_)
            | Deed::Sell(..)
            | Deed::Count(..)
            | Deed::Stop(..)
            | Deed::Restock(..)
            | Deed::RunDry(..)
            | Deed::Refill(..)
            | Deed::Switch(..)
            | Deed::Reprice(..)
            | Deed::Close(_) => deed,
        }
    }

    fn decide(&mut self, world: &World, step: Step, due_ms: u64) -> Vec<Deed> {
        match step {
            Step::Do(deed) => vec![deed],
            Step::Live(venue) => {
                let pace_ms = self.pace_ms.get(&venue).copied().unwrap_or(MINUTE_MS);
                let next_ms = due_ms + self.chance.wait_ms(pace_ms).max(1_000);
                self.plan(next_ms, Step::Live(venue));
                if self.closed.contains(&venue) { Vec::new() } else { self.live(world, venue, due_ms) }
            }
            Step::Closing(venue) => {
                self.closed.insert(venue);
                let next_ms = due_ms + self.chance.between(30, 60) * MINUTE_MS;
                self.plan(next_ms, Step::Opening(venue));
                vec![Deed::Close(venue)]
            }
            Step::Opening(venue) => {
                self.closed.remove(&venue);
                let next_ms = due_ms + self.chance.between(270, 360) * MINUTE_MS;
                self.plan(next_ms, Step::Closing(venue));
                let Ok(brand) = world.brand(&self.brand) else { return Vec::new() };
                (0..self.chance.between(5, 8)).filter_map(|_| self.count_something(&brand.menu, venue)).collect()
            }
            Step::BackOffice => {
                let next_ms = due_ms + 10 * MINUTE_MS + self.chance.wait_ms(30 * MINUTE_MS);
                self.plan(next_ms, Step::BackOffice);
                self.reprice_something(world).into_iter().collect()
            }
            Step::Trouble => {
                let next_ms = due_ms + 8 * MINUTE_MS + self.chance.wait_ms(20 * MINUTE_MS);
                self.plan(next_ms, Step::Trouble);
                self.break_something(due_ms).into_iter().collect()
            }
        }
    }

    /// One step of a venue's evening, chosen by what its stop list looks like.
    fn live(&mut self, world: &World, venue: VenueId, due_ms: u64) -> Vec<Deed> {
        let (Ok(brand), Ok(place)) = (world.brand(&self.brand), world.venue(&self.brand, venue)) else {
            return Vec::new();
        };
        let menu = &brand.menu;
        let row = |out: bool| {
            let rows = place.stop_list.iter().filter(move |(_, stop)| (stop.limit <= Quantity::ZERO) == out);
            rows.map(|(id, _)| *id).collect::<Vec<ProductId>>()
        };
        let (counted, out) = (row(false), row(true));
        let drawn = self.chance.below(100);
        let full = place.stop_list.len() > ROWS_FULL;
        let deed = match drawn {
            _ if full || out.len() > 10 => self.chance.pick(&out).map(|id| Deed::Restock(venue, *id)),
            0..=54 => self.sell_something(menu, place, venue, &counted),
            55..=69 => self.chance.pick(&out).map(|id| Deed::Restock(venue, *id)),
            70..=85 => self.count_something(menu, venue),
            86..=92 => self.pick_sold(menu).map(|id| Deed::Stop(venue, id)),
            93..=95 => self.chance.pick(&counted).map(|id| Deed::Restock(venue, *id)),
            96..=97 => return self.switch_something(venue, due_ms).into_iter().collect(),
            _ => return self.run_something_dry(menu, venue, due_ms).into_iter().collect(),
        };
        deed.or_else(|| self.count_something(menu, venue)).into_iter().collect()
    }

    fn sell_something(&mut self, menu: &Menu, place: &Venue, venue: VenueId, counted: &[ProductId]) -> Option<Deed> {
        let id = *self.chance.pick(counted)?;
        let by_weight = menu.products.get(&id).is_some_and(|product| product.sold_by_weight);
        let left = place.stop_list.get(&id)?.limit;
        let amount = if by_weight {
            Quantity::from_millionths(i64::try_from(self.chance.between(2, 8)).unwrap_or(2) * 100_000)
        } else {
            Quantity::whole(i64::try_from(self.chance.between(1, 3)).unwrap_or(1))
        };
        Some(Deed::Sell(venue, id, amount.min(left)))
    }

    fn count_something(&mut self, menu: &Menu, venue: VenueId) -> Option<Deed> {
        let id = self.pick_sold(menu)?;
        let product = menu.products.get(&id)?;
        let above = i64::try_from(self.chance.between(1, 9)).unwrap_or(1);
        let limit = Quantity::whole(i64::from(product.low_stock) + above);
        let limit = if product.sold_by_weight { limit.plus(Quantity::from_millionths(500_000)) } else { limit };
        Some(Deed::Count(venue, id, limit))
    }

    fn pick_sold(&mut self, menu: &Menu) -> Option<ProductId> {
        let sold: Vec<ProductId> = menu
            .products
            .values()
            .filter(|product| {
                product.active && !product.hidden && product.kind != Kind::Timer && menu.is_sold(product.id)
            })
            .map(|product| product.id)
            .collect();
        self.chance.pick(&sold).copied()
    }

    fn switch_something(&mut self, venue: VenueId, due_ms: u64) -> Option<Deed> {
        // The kitchen stays on: a venue without it is closed.
        let station = *self.chance.pick(&[StationId(2), StationId(3)])?;
        let back_ms = due_ms + self.chance.between(4, 15) * MINUTE_MS;
        self.plan(back_ms, Step::Do(Deed::Switch(venue, station, true)));
        Some(Deed::Switch(venue, station, false))
    }

    fn run_something_dry(&mut self, menu: &Menu, venue: VenueId, due_ms: u64) -> Option<Deed> {
        let raw: Vec<ProductId> = menu.products.values().filter(|p| p.kind == Kind::Ingredient).map(|p| p.id).collect();
        let ingredient = *self.chance.pick(&raw)?;
        let dishes = dishes_with(menu, ingredient);
        let back_ms = due_ms + self.chance.between(20, 50) * MINUTE_MS;
        self.plan(back_ms, Step::Do(Deed::Refill(venue, ingredient, dishes.clone())));
        Some(Deed::RunDry(venue, ingredient, dishes))
    }

    fn reprice_something(&mut self, world: &World) -> Option<Deed> {
        let menu = &world.brand(&self.brand).ok()?.menu;
        let id = self.pick_sold(menu)?;
        let before = menu.products.get(&id)?.price.ten_thousandths();
        let percent =
            100 + i64::try_from(self.chance.between(4, 12)).unwrap_or(4) * if self.chance.happens(70) { 1 } else { -1 };
        // Whole tens of qəpik, and never the same price again.
        let rounded = before * percent / 100 / 1_000 * 1_000;
        let after = if rounded == before { before + 1_000 } else { rounded };
        Some(Deed::Reprice(id, Money::from_ten_thousandths(after)))
    }

    fn break_something(&mut self, due_ms: u64) -> Option<Deed> {
        let venues: Vec<VenueId> = self.pace_ms.keys().copied().collect();
        let venue = *self.chance.pick(&venues)?;
        let few = u32::try_from(self.chance.between(1, 3)).unwrap_or(1);
        let at_venue = |fault, span| Trouble { fault, endpoint: Some(Endpoint::StopList), venue: Some(venue), span };
        let anywhere = |fault| Trouble { fault, endpoint: None, venue: None, span: Span::Next(1) };
        let outage = Span::Between(self.clock_time(due_ms), self.clock_time(due_ms + u64::from(few) * MINUTE_MS));
        let trouble = match self.chance.below(10) {
            0 => at_venue(Fault::BadGatewayPage, outage),
            1 => at_venue(Fault::Html, Span::Next(few)),
            2 => anywhere(Fault::TooManyRequests { reset_s: few }),
            3 => anywhere(Fault::TokenExpired),
            4 => at_venue(Fault::EmptyBody, Span::Next(few)),
            5 => at_venue(Fault::CutBody, Span::Next(few)),
            6 => at_venue(Fault::Late { ms: 1_500 }, Span::Next(few)),
            7 => at_venue(Fault::NullData, Span::Next(1)),
            8 => at_venue(Fault::EmptyStopList, Span::Next(1)),
            _ => at_venue(Fault::Status { code: 504 }, Span::Next(few)),
        };
        Some(Deed::Break(trouble))
    }
}

/// Returns up to six dishes on the menu whose recipe names the ingredient itself.
pub fn dishes_with(menu: &Menu, ingredient: ProductId) -> Vec<ProductId> {
    let uses = |product: &&Product| {
        product.kind == Kind::Dish
            && product.active
            && !product.hidden
            && product.recipe.iter().any(|part| part.ingredient == ingredient)
    };
    menu.products.values().filter(uses).map(|product| product.id).take(6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::deeds::HappeningKind;
    use crate::simulator::plan::{DEMO_BRAND, WorldPlan};

    const START: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

    fn history(
        seed: u64,
        venues: u64,
        speedup: u32,
        calls_ms: u64,
        total: Duration,
    ) -> (Vec<u8>, Vec<Happening>, World) {
        let brand = BrandId::new(DEMO_BRAND).expect("slug");
        let mut world = World::new(&WorldPlan::demo(seed, venues), START);
        let mut service = Service::new(seed, &world, &brand, speedup, START).expect("known");
        let mut told = Vec::new();
        let mut passed = Duration::ZERO;
        while passed <= total {
            told.extend(service.due(&mut world, START.plus(passed)));
            passed += Duration::from_millis(calls_ms);
        }
        assert!(service.next_at().is_some_and(|next| next > START.plus(total)));
        let mut bytes = serde_json::to_vec(&told).expect("plain data");
        for venue in world.brand(&brand).expect("known").venues.values() {
            bytes.extend(format!("{:?}", venue.stop_list).into_bytes());
        }
        (bytes, told, world)
    }

    #[test]
    fn the_same_seed_gives_the_same_ten_minutes_however_often_it_is_asked() {
        let total = Duration::from_mins(10);
        let (first, seen, _) = history(42, 3, DEMO_SPEED, 50, total);
        assert!(seen.len() > 300, "only {} things happened", seen.len());
        assert!(first == history(42, 3, DEMO_SPEED, 50, total).0);
        assert!(first == history(42, 3, DEMO_SPEED, 7_500, total).0);
        assert!(first != history(43, 3, DEMO_SPEED, 50, total).0);
    }

    #[test]
    fn twenty_seconds_show_every_kind_of_thing() {
        for venues in [1, 3, 40] {
            let (_, seen, world) = history(7, venues, DEMO_SPEED, 100, Duration::from_secs(20));
            let brand = world.brand(&BrandId::new(DEMO_BRAND).expect("slug")).expect("known");
            let at = |kind: HappeningKind, product: u64| {
                let found = seen.iter().find(|h| h.kind == kind && h.product == Some(product));
                found.unwrap_or_else(|| panic!("{kind:?} of {product} at {venues} venues")).at_ms
            };
            let (out, back) = (at(HappeningKind::SoldOut, 101), at(HappeningKind::Restocked, 101));
            assert!(out >= START.unix_ms() + 4_000 && back >= out + 5_000, "both can be seen by a poll every 3 s");
            at(HappeningKind::Low, 114);
            at(HappeningKind::SoldOut, 302);
            let terrace = at(HappeningKind::SoldOut, 112);
            assert!(terrace > 0 && !brand.menu.stations[&StationId(4)].active);
            at(HappeningKind::PriceChanged, 124);
            at(HappeningKind::IngredientOut, 1);
            for kind in [HappeningKind::StationOff, HappeningKind::StationOn, HappeningKind::IngredientBack] {
                assert!(seen.iter().any(|h| h.kind == kind), "{kind:?}");
            }
            let faults: Vec<&str> =
                seen.iter().filter(|h| h.kind == HappeningKind::Fault).map(|h| h.text.as_str()).collect();
            for name in ["an HTML page", "502 Bad Gateway pages", "429 Too Many Requests", "the token expire"] {
                assert!(faults.iter().any(|text| text.contains(name)), "{name} in {faults:?}");
            }
        }
    }

    #[test]
    fn life_goes_on_for_days_and_stays_believable() {
        let (_, seen, world) = history(3, 5, 600, 500, Duration::from_mins(6));
        for kind in [
            HappeningKind::Sold,
            HappeningKind::Low,
            HappeningKind::SoldOut,
            HappeningKind::Counted,
            HappeningKind::Stopped,
            HappeningKind::Restocked,
            HappeningKind::StationOff,
            HappeningKind::PriceChanged,
            HappeningKind::Closed,
            HappeningKind::Fault,
        ] {
            let count = seen.iter().filter(|happening| happening.kind == kind).count();
            assert!(count >= 10, "{kind:?} only {count} times");
        }
        for venue in world.brand(&BrandId::new(DEMO_BRAND).expect("slug")).expect("known").venues.values() {
            assert!(venue.stop_list.len() <= ROWS_FULL + 8, "{} rows", venue.stop_list.len());
        }
        assert!(seen.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
    }
}
