//! What a simulated world starts with: brands, credentials, venues and what is counted there already.
//!
//! Must never draw from anything but the plan's seed. Invariant: two worlds of one plan and instant are equal.

use std::collections::BTreeMap;
use std::time::Duration;

use super::chance::Chance;
use super::limits::Rates;
use super::menu::{Menu, Product};
use super::world::{Brand, Stop, Venue};
use crate::units::{BrandId, ProductId, Quantity, Secret, Timestamp, VenueId};

/// The brand of [`WorldPlan::demo`].
pub const DEMO_BRAND: &str = "sahil";
/// Its `client_id`.
pub const DEMO_CLIENT_ID: &str = "sahil-client";
/// Its `client_secret`; it opens nothing but the simulator.
pub const DEMO_CLIENT_SECRET: &str = "sahil-secret";
/// The integrator that may call it.
pub const DEMO_INTEGRATOR: &str = "int-demo";

/// How long Clopos's tokens live (clopos-api.md, authentication).
const TOKEN_LIFE: Duration = Duration::from_hours(1);

/// When the rows of a new world were made, so that two worlds of one seed are equal: a day of the published examples.
const ROWS_MADE_AT: Timestamp = Timestamp::from_unix_ms(1_768_334_645_000);

/// Where the venues of a big chain are; a second round is numbered.
const PLACES: [&str; 24] = [
    "Sahil",
    "İçərişəhər",
    "Gənclik",
    "28 May",
    "Nizami",
    "Elmlər Akademiyası",
    "Nərimanov",
    "Xətai",
    "Əhmədli",
    "Bakıxanov",
    "Badamdar",
    "Bayıl",
    "Bilgəh",
    "Mərdəkan",
    "Novxanı",
    "Nardaran",
    "Sumqayıt",
    "Gəncə",
    "Şəki",
    "Qəbələ",
    "Lənkəran",
    "Quba",
    "Şuşa",
    "Naxçıvan",
];

/// What a world starts with.
#[derive(Clone, Debug)]
pub struct WorldPlan {
    /// Seed of the first stop lists.
    pub seed: u64,
    /// The brands.
    pub brands: Vec<BrandPlan>,
    /// Known integrators.
    pub integrators: Vec<IntegratorPlan>,
    /// Rate limits.
    pub rates: Rates,
    /// How long a token lives.
    pub token_life: Duration,
}

/// One brand of a [`WorldPlan`].
#[derive(Clone, Debug)]
pub struct BrandPlan {
    /// The slug.
    pub brand: BrandId,
    /// `client_id` of its credentials.
    pub client_id: String,
    /// `client_secret` of its credentials.
    pub client_secret: Secret,
    /// True for a brand in test mode, which only test integrators may read.
    pub test: bool,
    /// Number of venues, with the ids 1 and up.
    pub venues: u64,
    /// Products at least; the built-in menu has some 120, the rest are plain dishes.
    pub products: usize,
}

/// One integrator of a [`WorldPlan`].
#[derive(Clone, Debug)]
pub struct IntegratorPlan {
    /// `integrator_id`.
    pub id: String,
    /// True for a test integrator, which may only read brands in test mode.
    pub test: bool,
}

impl WorldPlan {
    /// Returns one production brand with this many venues and the demo's credentials.
    pub fn demo(seed: u64, venues: u64) -> Self {
        let brand = BrandPlan::new(DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, venues);
        Self {
            seed,
            brands: brand.into_iter().collect(),
            integrators: vec![IntegratorPlan { id: DEMO_INTEGRATOR.to_owned(), test: false }],
            rates: Rates::default(),
            token_life: TOKEN_LIFE,
        }
    }
}

impl BrandPlan {
    /// Returns a production brand with the built-in menu.
    ///
    /// # Errors
    /// Returns the reason when the slug is not one.
    pub fn new(brand: &str, client_id: &str, client_secret: &str, venues: u64) -> Result<Self, String> {
        let (client_id, client_secret) = (client_id.to_owned(), Secret::new(client_secret));
        Ok(Self { brand: BrandId::new(brand)?, client_id, client_secret, test: false, venues, products: 0 })
    }

    /// Opens the brand: its menu, its venues and their first stop lists.
    pub fn open(&self, seed: u64, now: Timestamp) -> Brand {
        let mut menu = Menu::built_in(ROWS_MADE_AT);
        menu.grow_to(self.products, ROWS_MADE_AT);
        let venue = |id: u64| {
            let stop_list = first_stop_list(&menu, Chance::new(seed ^ id).bits(), now);
            (VenueId(id), Venue { name: venue_name(id), stations: menu.stations.clone(), stop_list })
        };
        let venues = (1..=self.venues).map(venue).collect();
        let BrandPlan { client_id, client_secret, test, .. } = self.clone();
        Brand { client_id, client_secret, enabled: true, test, menu, venues }
    }
}

fn venue_name(id: u64) -> String {
    let places = PLACES.len() as u64;
    let place = PLACES[usize::try_from((id - 1) % places).unwrap_or(0)];
    if id <= places { place.to_owned() } else { format!("{place} {}", (id - 1) / places + 1) }
}

/// Some counted dishes and one or two that ran out earlier, all set within the three hours before `now`.
fn first_stop_list(menu: &Menu, seed: u64, now: Timestamp) -> BTreeMap<ProductId, Stop> {
    let mut chance = Chance::new(seed);
    let counted: Vec<&Product> =
        menu.products.values().filter(|p| menu.is_sold(p.id) && p.active && !p.hidden && p.low_stock > 0).collect();
    let mut rows = BTreeMap::new();
    for place in 0..chance.between(6, 10) {
        let Some(product) = chance.pick(&counted) else { break };
        let left = if place < 2 { 0 } else { u64::from(product.low_stock) + chance.between(2, 9) };
        let limit = Quantity::whole(i64::try_from(left).unwrap_or(0));
        let at = now.minus(Duration::from_millis(chance.between(60_000, 10_800_000)));
        rows.insert(product.id, Stop { limit, at });
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::simulator::world::World;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

    #[test]
    fn a_thousand_venues_have_names_of_their_own_and_believable_lists() {
        let world = World::new(&WorldPlan::demo(1, 1_000), NOW);
        let brand = world.brand(&BrandId::new(DEMO_BRAND).expect("slug")).expect("the demo's");
        let names: BTreeSet<&str> = brand.venues.values().map(|venue| venue.name.as_str()).collect();
        assert_eq!(names.len(), 1_000);
        let sizes: BTreeSet<usize> = brand.venues.values().map(|venue| venue.stop_list.len()).collect();
        assert!(sizes.iter().all(|rows| (3..=10).contains(rows)) && sizes.len() > 3, "{sizes:?}");
        assert_eq!(brand.venues[&VenueId(2)].name, "İçərişəhər");
    }
}
