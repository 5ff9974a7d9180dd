//! The restaurants themselves: brands, their venues, stations and stop lists, and what people do to them.
//!
//! Acting as a person is typed, and an unknown id is an error, never a silent nothing. Invariant: a stop list and a
//! price name only products that the brand has.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use super::chance::Chance;
use super::faults::{FaultPlan, ScriptedFault};
use super::limits::{RateBook, Rates};
use super::log::RequestLog;
use super::menu::{Menu, Product, Station};
use super::plan::{BrandPlan, IntegratorPlan, WorldPlan};
use super::tokens::TokenBook;
use crate::units::{BrandId, Money, PriceListId, ProductId, Quantity, Secret, StationId, Timestamp, VenueId};

/// Everything the simulator knows. One owner; the server shares it behind a mutex.
#[derive(Debug)]
pub struct World {
    pub(super) brands: BTreeMap<BrandId, Brand>,
    pub(super) integrators: BTreeMap<String, Integrator>,
    pub(super) rates: Rates,
    pub(super) token_life: Duration,
    pub(super) tokens: TokenBook,
    pub(super) rate_book: RateBook,
    pub(super) faults: FaultPlan,
    pub(super) log: RequestLog,
}

/// A tenant.
#[derive(Clone, Debug)]
pub struct Brand {
    /// `client_id` of its credentials.
    pub client_id: String,
    /// `client_secret` of its credentials.
    pub client_secret: Secret,
    /// False when the owner switched the Open API module off.
    pub enabled: bool,
    /// True in test mode.
    pub test: bool,
    /// What it sells.
    pub menu: Menu,
    /// Its restaurants.
    pub venues: BTreeMap<VenueId, Venue>,
}

/// A restaurant.
#[derive(Clone, Debug)]
pub struct Venue {
    /// Its name.
    pub name: String,
    /// Its stations.
    pub stations: BTreeMap<StationId, Station>,
    /// Constrained products; one that is absent is not constrained.
    pub stop_list: BTreeMap<ProductId, Stop>,
}

/// A row of a stop list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What is left.
    pub limit: Quantity,
    /// When it was last set.
    pub at: Timestamp,
}

/// A caller of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integrator {
    /// True when it may only read brands in test mode.
    pub test: bool,
    /// False when Clopos switched it off.
    pub active: bool,
}

/// An edit of a product in the back office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProductEdit {
    /// On or off.
    Active(bool),
    /// Hidden from menus or not.
    Hidden(bool),
    /// Another name; variants keep theirs.
    Name(String),
    /// Another low threshold, 0 for none.
    LowStock(u32),
    /// Another station, or none.
    Station(Option<StationId>),
}

/// Why somebody could not do something in the world, or ask for its truth: the thing is not there, or the wish makes no
/// sense. The world is then as before.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ActionError {
    /// There is no such brand.
    #[error("find brand {0}: there is none")]
    Brand(BrandId),
    /// The brand has no such venue.
    #[error("find venue {1} of brand {0}: there is none")]
    Venue(BrandId, VenueId),
    /// The brand has no such product.
    #[error("find product {1} of brand {0}: there is none")]
    Product(BrandId, ProductId),
    /// The id is in use.
    #[error("add product {1} to brand {0}: the id is taken")]
    ProductTaken(BrandId, ProductId),
    /// The venue has no such station.
    #[error("find station {1} of venue {0}: there is none")]
    Station(VenueId, StationId),
    /// The product is in no such list.
    #[error("find the price of product {product} in list {}: there is none", list.0)]
    Price {
        /// The list.
        list: PriceListId,
        /// The product.
        product: ProductId,
    },
    /// There is no such integrator.
    #[error("find integrator {0}: there is none")]
    Integrator(String),
    /// The script of faults is full.
    #[error("script a fault: {0} are waiting already, which is the most")]
    Faults(usize),
    /// A text of the control door is no value of its kind.
    #[error("read {field}: {reason}")]
    Value {
        /// The field of the action.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl World {
    /// Builds the world of a plan, its first stop lists filled as during a shift that began before `now`.
    pub fn new(plan: &WorldPlan, now: Timestamp) -> Self {
        let mut seeds = Chance::new(plan.seed);
        let brand = |plan: &BrandPlan| (plan.brand.clone(), plan.open(seeds.bits(), now));
        let integrator = |plan: &IntegratorPlan| (plan.id.clone(), Integrator { test: plan.test, active: true });
        Self {
            brands: plan.brands.iter().map(brand).collect(),
            integrators: plan.integrators.iter().map(integrator).collect(),
            rates: plan.rates,
            token_life: plan.token_life,
            tokens: TokenBook::new(plan.seed),
            rate_book: RateBook::default(),
            faults: FaultPlan::default(),
            log: RequestLog::default(),
        }
    }

    /// Returns the slugs of all brands.
    pub fn brands(&self) -> impl Iterator<Item = &BrandId> {
        self.brands.keys()
    }

    /// Returns the truth about a brand.
    pub fn brand(&self, brand: &BrandId) -> Result<&Brand, ActionError> {
        self.brands.get(brand).ok_or_else(|| ActionError::Brand(brand.clone()))
    }

    /// Returns the truth about a venue.
    pub fn venue(&self, brand: &BrandId, venue: VenueId) -> Result<&Venue, ActionError> {
        self.brand(brand)?.venues.get(&venue).ok_or_else(|| ActionError::Venue(brand.clone(), venue))
    }

    /// Returns the truth about a product.
    pub fn product(&self, brand: &BrandId, product: ProductId) -> Result<&Product, ActionError> {
        let known = self.brand(brand)?.menu.products.get(&product);
        known.ok_or_else(|| ActionError::Product(brand.clone(), product))
    }

    /// Returns what is left of a product at a venue; `None` when it is not constrained.
    pub fn limit(&self, brand: &BrandId, venue: VenueId, product: ProductId) -> Result<Option<Quantity>, ActionError> {
        self.product(brand, product)?;
        Ok(self.venue(brand, venue)?.stop_list.get(&product).map(|stop| stop.limit))
    }

    /// Returns the requests seen and the counters.
    pub const fn log(&self) -> &RequestLog {
        &self.log
    }

    /// Puts a product on the stop list of a venue, or changes what is left of it.
    pub fn set_limit(
        &mut self,
        brand: &BrandId,
        venue: VenueId,
        product: ProductId,
        limit: Quantity,
        now: Timestamp,
    ) -> Result<(), ActionError> {
        self.product(brand, product)?;
        self.venue_mut(brand, venue)?.stop_list.insert(product, Stop { limit, at: now });
        Ok(())
    }

    /// Takes a product off the stop list; nothing happens when it was not on it.
    pub fn clear_limit(&mut self, brand: &BrandId, venue: VenueId, product: ProductId) -> Result<(), ActionError> {
        self.product(brand, product)?;
        self.venue_mut(brand, venue)?.stop_list.remove(&product);
        Ok(())
    }

    /// Empties the stop list of a venue, as at closing.
    pub fn clear_all_limits(&mut self, brand: &BrandId, venue: VenueId) -> Result<(), ActionError> {
        self.venue_mut(brand, venue)?.stop_list.clear();
        Ok(())
    }

    /// Switches a station of a venue on or off.
    pub fn set_station_active(
        &mut self,
        brand: &BrandId,
        venue: VenueId,
        station: StationId,
        active: bool,
        now: Timestamp,
    ) -> Result<(), ActionError> {
        let stations = &mut self.venue_mut(brand, venue)?.stations;
        let row = stations.get_mut(&station).ok_or(ActionError::Station(venue, station))?;
        row.active = active;
        row.updated_at = now;
        Ok(())
    }

    /// Changes a price: the base price, or the one of a list.
    pub fn set_price(
        &mut self,
        brand: &BrandId,
        product: ProductId,
        list: Option<PriceListId>,
        price: Money,
        now: Timestamp,
    ) -> Result<(), ActionError> {
        if let Some(list) = list {
            let prices = &mut self.brand_mut(brand)?.menu.prices;
            prices.get_mut(&(list, product)).ok_or(ActionError::Price { list, product })?.price = price;
            return Ok(());
        }
        let row = self.product_mut(brand, product)?;
        row.price = price;
        row.updated_at = now;
        Ok(())
    }

    /// Edits a product.
    pub fn edit_product(
        &mut self,
        brand: &BrandId,
        product: ProductId,
        edit: ProductEdit,
        now: Timestamp,
    ) -> Result<(), ActionError> {
        let row = self.product_mut(brand, product)?;
        row.updated_at = now;
        match edit {
            ProductEdit::Active(active) => row.active = active,
            ProductEdit::Hidden(hidden) => row.hidden = hidden,
            ProductEdit::Name(name) => {
                row.full_name.clone_from(&name);
                row.name = name;
            }
            ProductEdit::LowStock(threshold) => row.low_stock = threshold,
            ProductEdit::Station(station) => row.station = station,
        }
        Ok(())
    }

    /// Adds a product and, when it is sold, its prices.
    pub fn add_product(&mut self, brand: &BrandId, product: Product) -> Result<(), ActionError> {
        let menu = &mut self.brand_mut(brand)?.menu;
        let id = product.id;
        if menu.products.contains_key(&id) {
            return Err(ActionError::ProductTaken(brand.clone(), id));
        }
        menu.products.insert(id, product);
        if menu.is_sold(id) {
            menu.list_prices(id);
        }
        Ok(())
    }

    /// Removes a product, its prices and its rows in the stop lists; recipes that name it keep doing so, as in Clopos.
    pub fn remove_product(&mut self, brand: &BrandId, product: ProductId) -> Result<Product, ActionError> {
        let row = self.brand_mut(brand)?;
        let removed = row.menu.products.remove(&product);
        row.menu.prices.retain(|(_, id), _| *id != product);
        for venue in row.venues.values_mut() {
            venue.stop_list.remove(&product);
        }
        removed.ok_or_else(|| ActionError::Product(brand.clone(), product))
    }

    /// Renames a venue.
    pub fn rename_venue(&mut self, brand: &BrandId, venue: VenueId, name: &str) -> Result<(), ActionError> {
        name.clone_into(&mut self.venue_mut(brand, venue)?.name);
        Ok(())
    }

    /// Switches the brand's Open API module on or off (`Client is disabled`).
    pub fn set_client_enabled(&mut self, brand: &BrandId, enabled: bool) -> Result<(), ActionError> {
        self.brand_mut(brand)?.enabled = enabled;
        Ok(())
    }

    /// Puts the brand into test mode or production.
    pub fn set_test_mode(&mut self, brand: &BrandId, test: bool) -> Result<(), ActionError> {
        self.brand_mut(brand)?.test = test;
        Ok(())
    }

    /// Gives the brand another secret, as Clopos's support does; tokens stay valid.
    pub fn set_client_secret(&mut self, brand: &BrandId, secret: Secret) -> Result<(), ActionError> {
        self.brand_mut(brand)?.client_secret = secret;
        Ok(())
    }

    /// Switches an integrator on or off (`Invalid integrator_id`).
    pub fn set_integrator_active(&mut self, integrator: &str, active: bool) -> Result<(), ActionError> {
        let known = self.integrators.get_mut(integrator);
        known.ok_or_else(|| ActionError::Integrator(integrator.to_owned()))?.active = active;
        Ok(())
    }

    /// Lets all tokens of a brand expire now.
    pub fn expire_tokens(&mut self, brand: &BrandId, now: Timestamp) -> Result<(), ActionError> {
        self.brand(brand)?;
        self.tokens.expire(brand, now);
        Ok(())
    }

    /// Scripts a fault.
    pub fn add_fault(&mut self, fault: ScriptedFault) -> Result<(), ActionError> {
        self.faults.add(fault).map_err(ActionError::Faults)
    }

    /// Forgets every scripted fault.
    pub fn clear_faults(&mut self) {
        self.faults = FaultPlan::default();
    }

    /// Changes the rate limits; what the windows have counted stays counted.
    pub const fn set_rates(&mut self, rates: Rates) {
        self.rates = rates;
    }

    fn brand_mut(&mut self, brand: &BrandId) -> Result<&mut Brand, ActionError> {
        self.brands.get_mut(brand).ok_or_else(|| ActionError::Brand(brand.clone()))
    }

    fn venue_mut(&mut self, brand: &BrandId, venue: VenueId) -> Result<&mut Venue, ActionError> {
        let row = self.brand_mut(brand)?.venues.get_mut(&venue);
        row.ok_or_else(|| ActionError::Venue(brand.clone(), venue))
    }

    fn product_mut(&mut self, brand: &BrandId, product: ProductId) -> Result<&mut Product, ActionError> {
        let row = self.brand_mut(brand)?.menu.products.get_mut(&product);
        row.ok_or_else(|| ActionError::Product(brand.clone(), product))
    }
}

impl Brand {
    /// Returns the venue that a token stands for when the caller names none.
    pub fn main_venue(&self) -> Option<VenueId> {
        self.venues.keys().next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::plan::DEMO_BRAND;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

    #[test]
    fn unknown_ids_are_errors_and_known_ones_change_the_truth() {
        let mut world = World::new(&WorldPlan::demo(1, 2), NOW);
        let sahil = BrandId::new(DEMO_BRAND).expect("slug");
        let other = BrandId::new("other").expect("slug");
        let (venue, kebab, limit) = (VenueId(1), ProductId(101), Quantity::whole(3));
        let text = |error: Result<(), ActionError>| error.expect_err("unknown").to_string();
        for (error, shown) in [
            (world.set_limit(&other, venue, kebab, limit, NOW), "find brand other: there is none"),
            (world.set_limit(&sahil, VenueId(9), kebab, limit, NOW), "find venue 9 of brand sahil: there is none"),
            (world.clear_limit(&sahil, venue, ProductId(9_999)), "find product 9999 of brand sahil: there is none"),
            (
                world.set_station_active(&sahil, venue, StationId(9), true, NOW),
                "find station 9 of venue 1: there is none",
            ),
            (
                world.set_price(&sahil, ProductId(1), Some(PriceListId(1)), Money::default(), NOW),
                "find the price of product 1 in list 1: there is none",
            ),
            (world.set_integrator_active("nobody", false), "find integrator nobody: there is none"),
        ] {
            assert_eq!(text(error), shown);
        }
        world.set_limit(&sahil, venue, kebab, limit, NOW).expect("known");
        assert_eq!(world.limit(&sahil, venue, kebab), Ok(Some(limit)));
        assert_eq!(world.venue(&sahil, venue).expect("known").stop_list[&kebab].at, NOW);
        world.clear_limit(&sahil, venue, kebab).expect("known");
        assert_eq!(world.limit(&sahil, venue, kebab), Ok(None));
        let removed = world.remove_product(&sahil, kebab).expect("known");
        assert!(world.product(&sahil, kebab).is_err());
        world.add_product(&sahil, removed.clone()).expect("free");
        assert_eq!(world.add_product(&sahil, removed), Err(ActionError::ProductTaken(sahil.clone(), kebab)));
        assert!(world.brand(&sahil).expect("known").menu.prices.contains_key(&(PriceListId(2), kebab)));
    }
}
