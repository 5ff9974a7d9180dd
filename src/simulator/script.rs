//! Acting on the world from outside the process: a small JSON script of actions, for tests and curious users.
//!
//! `{"set_limit": {"brand": "sahil", "venue": 1, "product": 101, "limit": 0}}`, or an array of such. Must never offer
//! what a person or an operator of Clopos could not do. Invariant: a key that is not known is an error.

use serde::Deserialize;
use serde_json::Number;
use thiserror::Error;

use super::faults::{Fault, Scope, ScriptedFault, Span};
use super::limits::Rates;
use super::menu::{Kind, Product};
use super::route::Endpoint;
use super::world::{ActionError, ProductEdit, World};
use crate::units::{BrandId, Money, PriceListId, ProductId, Quantity, Secret, StationId, Timestamp, VenueId};

/// Actions of one script at most: a test sends a few, and one lock is held for all of them.
const ACTIONS_MAX: usize = 1_000;

/// Actions to be done in order.
#[derive(Clone, Debug)]
pub struct Script(Vec<Action>);

/// One action; the fields are those of the methods of [`World`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Action {
    /// Puts a product on a stop list or changes what is left.
    SetLimit { brand: String, venue: u64, product: u64, limit: Number },
    /// Takes a product off a stop list.
    ClearLimit { brand: String, venue: u64, product: u64 },
    /// Empties a stop list.
    ClearAllLimits { brand: String, venue: u64 },
    /// Switches a station.
    Station { brand: String, venue: u64, station: u64, active: bool },
    /// Changes the base price, or with `list` the one of a list.
    Price { brand: String, product: u64, list: Option<u64>, price: Number },
    /// Edits a product; what is left out stays, station 0 takes it from its station.
    EditProduct(Edit),
    /// Adds a dish.
    AddDish { brand: String, product: u64, name: String, station: Option<u64>, price: Number },
    /// Removes a product.
    RemoveProduct { brand: String, product: u64 },
    /// Renames a venue.
    RenameVenue { brand: String, venue: u64, name: String },
    /// Switches the brand's API module.
    Client { brand: String, enabled: bool },
    /// Changes the brand's mode.
    TestMode { brand: String, test: bool },
    /// Changes the brand's secret.
    ClientSecret { brand: String, secret: ScriptSecret },
    /// Switches an integrator.
    Integrator { integrator: String, active: bool },
    /// Lets all tokens of the brand expire.
    ExpireTokens { brand: String },
    /// Scripts a fault for the next requests, or for so many milliseconds.
    Fault {
        /// What goes wrong.
        fault: Fault,
        /// Where, else everywhere.
        endpoint: Option<Endpoint>,
        /// Whose, else everybody's.
        brand: Option<String>,
        /// At which venue, else at all.
        venue: Option<u64>,
        /// For so many requests; 1 when neither this nor `for_ms` is given.
        next: Option<u32>,
        /// For so long.
        for_ms: Option<u64>,
    },
    /// Forgets all faults that wait.
    ClearFaults {},
    /// Changes the rate limits.
    Rates { auth: u32, errors: u32, tenant: u32 },
}

/// What [`Action::EditProduct`] changes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    brand: String,
    product: u64,
    active: Option<bool>,
    hidden: Option<bool>,
    name: Option<String>,
    low_stock: Option<u32>,
    station: Option<u64>,
}

/// A secret in a script: read, never shown.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
struct ScriptSecret(Secret);

impl From<String> for ScriptSecret {
    fn from(text: String) -> Self {
        Self(Secret::new(&text))
    }
}

/// Why a script was not done to its end.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// The text is no script.
    #[error("read the script: {0}")]
    Text(String),
    /// The script is too long.
    #[error("read the script: it has {0} actions and {ACTIONS_MAX} are the most")]
    Length(usize),
    /// An action failed; those before it are done.
    #[error("do action {index} of the script")]
    Action {
        /// Its index, from 0.
        index: usize,
        /// Why.
        source: ActionError,
    },
}

/// Reads a script: one action or an array of them.
///
/// # Errors
/// Returns what is wrong with the text.
pub fn read(text: &[u8]) -> Result<Script, ScriptError> {
    let refuse = |error: serde_json::Error| ScriptError::Text(error.to_string());
    // Not an untagged enum: its errors hide which action is wrong.
    let several = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let actions: Vec<Action> = if several {
        serde_json::from_slice(text).map_err(refuse)?
    } else {
        vec![serde_json::from_slice(text).map_err(refuse)?]
    };
    if actions.len() > ACTIONS_MAX { Err(ScriptError::Length(actions.len())) } else { Ok(Script(actions)) }
}

impl World {
    /// Does the actions in order and returns how many there were.
    ///
    /// # Errors
    /// Returns the first that failed; the ones before it are done.
    pub fn act(&mut self, Script(actions): Script, now: Timestamp) -> Result<usize, ScriptError> {
        let count = actions.len();
        for (index, action) in actions.into_iter().enumerate() {
            self.act_once(action, now).map_err(|source| ScriptError::Action { index, source })?;
        }
        Ok(count)
    }

    fn act_once(&mut self, action: Action, now: Timestamp) -> Result<(), ActionError> {
        match action {
            Action::SetLimit { brand, venue, product, limit } => {
                self.set_limit(&slug(&brand)?, VenueId(venue), ProductId(product), quantity(&limit)?, now)
            }
            Action::ClearLimit { brand, venue, product } => {
                self.clear_limit(&slug(&brand)?, VenueId(venue), ProductId(product))
            }
            Action::ClearAllLimits { brand, venue } => self.clear_all_limits(&slug(&brand)?, VenueId(venue)),
            Action::Station { brand, venue, station, active } => {
                self.set_station_active(&slug(&brand)?, VenueId(venue), StationId(station), active, now)
            }
            Action::Price { brand, product, list, price } => {
                self.set_price(&slug(&brand)?, ProductId(product), list.map(PriceListId), money(&price)?, now)
            }
            Action::EditProduct(edit) => self.edit(edit, now),
            Action::AddDish { brand, product, name, station, price } => {
                let mut dish = Product::plain(ProductId(product), Kind::Dish, &name, now);
                dish.station = station.map(StationId);
                dish.price = money(&price)?;
                self.add_product(&slug(&brand)?, dish)
            }
            Action::RemoveProduct { brand, product } => {
                self.remove_product(&slug(&brand)?, ProductId(product)).map(|_| ())
            }
            Action::RenameVenue { brand, venue, name } => self.rename_venue(&slug(&brand)?, VenueId(venue), &name),
            Action::Client { brand, enabled } => self.set_client_enabled(&slug(&brand)?, enabled),
            Action::TestMode { brand, test } => self.set_test_mode(&slug(&brand)?, test),
            Action::ClientSecret { brand, secret } => self.set_client_secret(&slug(&brand)?, secret.0),
            Action::Integrator { integrator, active } => self.set_integrator_active(&integrator, active),
            Action::ExpireTokens { brand } => self.expire_tokens(&slug(&brand)?, now),
            Action::Fault { fault, endpoint, brand, venue, next, for_ms } => {
                let brand = brand.as_deref().map(slug).transpose()?;
                let span = span(next, for_ms, now)?;
                let scope = Scope { endpoint, brand, venue: venue.map(VenueId) };
                self.add_fault(ScriptedFault { fault, scope, span })
            }
            Action::ClearFaults {} => {
                self.clear_faults();
                Ok(())
            }
            Action::Rates { auth, errors, tenant } => {
                self.set_rates(Rates { auth, errors, tenant });
                Ok(())
            }
        }
    }

    fn edit(&mut self, edit: Edit, now: Timestamp) -> Result<(), ActionError> {
        let Edit { brand, product, active, hidden, name, low_stock, station } = edit;
        let (brand, product) = (slug(&brand)?, ProductId(product));
        let edits = [
            active.map(ProductEdit::Active),
            hidden.map(ProductEdit::Hidden),
            name.map(ProductEdit::Name),
            low_stock.map(ProductEdit::LowStock),
            station.map(|id| ProductEdit::Station((id > 0).then_some(StationId(id)))),
        ];
        edits.into_iter().flatten().try_for_each(|edit| self.edit_product(&brand, product, edit, now))
    }
}

fn span(next: Option<u32>, for_ms: Option<u64>, now: Timestamp) -> Result<Span, ActionError> {
    match (next, for_ms) {
        (None, Some(ms)) => Ok(Span::Between(now, now.plus(std::time::Duration::from_millis(ms)))),
        (next, None) => Ok(Span::Next(next.unwrap_or(1))),
        (Some(_), Some(_)) => {
            Err(ActionError::Value { field: "fault", reason: "give either next or for_ms".to_owned() })
        }
    }
}

fn slug(text: &str) -> Result<BrandId, ActionError> {
    BrandId::new(text).map_err(|reason| ActionError::Value { field: "brand", reason })
}

fn quantity(number: &Number) -> Result<Quantity, ActionError> {
    number.to_string().parse().map_err(|reason| ActionError::Value { field: "limit", reason })
}

fn money(number: &Number) -> Result<Money, ActionError> {
    number.to_string().parse().map_err(|reason| ActionError::Value { field: "price", reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::plan::{DEMO_BRAND, WorldPlan};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

    #[test]
    fn every_action_is_understood_and_done() {
        let mut world = World::new(&WorldPlan::demo(1, 2), NOW);
        for text in [
            r#"{"set_limit": {"brand": "sahil", "venue": 1, "product": 107, "limit": 2.4}}"#,
            r#"{"clear_limit": {"brand": "sahil", "venue": 1, "product": 101}}"#,
            r#"{"clear_all_limits": {"brand": "sahil", "venue": 2}}"#,
            r#"{"station": {"brand": "sahil", "venue": 1, "station": 2, "active": false}}"#,
            r#"{"price": {"brand": "sahil", "product": 101, "price": 10.5}}"#,
            r#"{"price": {"brand": "sahil", "product": 101, "list": 2, "price": 11}}"#,
            r#"{"edit_product": {"brand": "sahil", "product": 102, "hidden": true, "station": 0, "low_stock": 9}}"#,
            r#"{"add_dish": {"brand": "sahil", "product": 900, "name": "Nohut", "station": 1, "price": 5}}"#,
            r#"{"remove_product": {"brand": "sahil", "product": 103}}"#,
            r#"{"rename_venue": {"brand": "sahil", "venue": 2, "name": "Bulvar"}}"#,
            r#"{"client": {"brand": "sahil", "enabled": false}}"#,
            r#"{"test_mode": {"brand": "sahil", "test": true}}"#,
            r#"{"client_secret": {"brand": "sahil", "secret": "next"}}"#,
            r#"{"integrator": {"integrator": "int-demo", "active": false}}"#,
            r#"{"expire_tokens": {"brand": "sahil"}}"#,
            r#"{"fault": {"fault": {"status": {"code": 502}}, "endpoint": "stop-list", "venue": 1, "next": 3}}"#,
            r#"{"fault": {"fault": "html", "brand": "sahil", "for_ms": 2000}}"#,
            r#"{"rates": {"auth": 60, "errors": 600, "tenant": 30}}"#,
        ] {
            let actions = read(text.as_bytes()).expect(text);
            assert_eq!(world.act(actions, NOW).expect(text), 1);
        }
        let sahil = slug(DEMO_BRAND).expect("slug");
        let brand = world.brand(&sahil).expect("known");
        let weighed = brand.venues[&VenueId(1)].stop_list[&ProductId(107)];
        assert_eq!(weighed.limit, Quantity::from_millionths(2_400_000));
        let edited = &brand.menu.products[&ProductId(102)];
        assert_eq!((edited.hidden, edited.active, edited.station, edited.low_stock), (true, true, None, 9));
        assert_eq!(brand.venues[&VenueId(2)].name, "Bulvar");
        assert!(!brand.enabled && brand.test && brand.client_secret.expose() == "next");
        assert_eq!(world.act(read(br#" [{"clear_faults": {}}]"#).expect("a list"), NOW).expect("done"), 1);
    }

    #[test]
    fn mistakes_are_told() {
        let mut world = World::new(&WorldPlan::demo(1, 1), NOW);
        for text in ["", "{}", "[7]", r#"{"set_limit": {"brand": "sahil"}}"#, r#"{"clear_faults": {"all": true}}"#] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        let script = r#"[{"clear_faults": {}}, {"clear_all_limits": {"brand": "sahil", "venue": 7}}]"#;
        let error = world.act(read(script.as_bytes()).expect("a script"), NOW).expect_err("no such venue");
        assert_eq!(error.to_string(), "do action 1 of the script");
        let both = r#"{"fault": {"fault": "hang", "next": 1, "for_ms": 1}}"#;
        assert!(world.act(read(both.as_bytes()).expect("a script"), NOW).is_err());
        let secret = read(br#"{"client_secret": {"brand": "sahil", "secret": "hunter2"}}"#).expect("a script");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }
}
