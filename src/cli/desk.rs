//! One brand as a command beside the service sees it: the configuration, what is stored, and the names that people type.
//!
//! Shared by the commands about alerts. Never writes; what it cannot find it answers with the nearest name.

use std::collections::BTreeSet;

use anyhow::anyhow;

use crate::alerts::facts;
use crate::alerts::order::SAID_LENGTH_MAX;
use crate::catalog::Catalog;
use crate::cli::output::show_report;
use crate::cli::{Failure, WithBrand, WithConfig};
use crate::config::Config;
use crate::document::nearest;
use crate::engine::Memory;
use crate::rules::RuleName;
use crate::store::Store;
use crate::telemetry;
use crate::units::{BrandId, ProductId, VenueId, printable};

/// How many names are suggested before it is said how many more there are.
const SUGGESTED_MAX: usize = 10;

/// One brand's memory, read beside the service.
pub(super) struct Desk {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) brand: BrandId,
    pub(super) memory: Memory,
}

impl Desk {
    /// Reads the configuration and what is stored of the brand.
    pub(super) async fn open(of: &WithBrand) -> Result<Self, Failure> {
        let config = load(&of.file)?;
        let brand = brand_of(&config, of.brand.as_deref())?;
        let store = open_store(&config).await?;
        let memory = store.load(&brand).await.map_err(|error| anyhow!(telemetry::chain(&error)))?;
        Ok(Self { config, store, brand, memory })
    }

    /// Returns the catalog of every venue.
    pub(super) fn catalogs(&self) -> impl Iterator<Item = (VenueId, &Catalog)> {
        self.memory.venues.iter().map(|(venue, snapshot)| (*venue, &*snapshot.picture.catalog))
    }

    /// Returns every venue with its name.
    pub(super) fn venues(&self) -> impl Iterator<Item = (VenueId, String)> {
        self.memory.venues.values().map(|snapshot| (snapshot.id(), facts::venue_name(snapshot)))
    }

    /// Finds a product by its number or its whole name: one of the catalogs, or a number that a stop list alone knows.
    pub(super) fn product(&self, text: &str) -> Result<ProductId, Failure> {
        let products = self.catalogs().flat_map(|(_, catalog)| catalog.products.values());
        let catalogued = products.map(|product| (product.id, product.full_name.clone()));
        let rows = self
            .memory
            .venues
            .values()
            .flat_map(|snapshot| snapshot.picture.rows.keys().map(|id| (*id, facts::product_name(snapshot, *id))));
        one_of("product", text, catalogued.chain(rows))
    }

    /// Finds a rule.
    pub(super) fn rule(&self, name: &str) -> Result<RuleName, Failure> {
        let rules = self.config.rules.rules();
        let found = rules.iter().find(|rule| rule.name.as_str() == name).map(|rule| rule.name.clone());
        let known: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        let shown = printable(name, SAID_LENGTH_MAX);
        found.ok_or_else(|| {
            Failure::Argument(format!("there is no rule '{shown}'{}", did_you_mean(name, known.iter().copied())))
        })
    }
}

/// Reads the configuration, or shows what is wrong with it.
pub(super) fn load(file: &WithConfig) -> Result<Config, Failure> {
    Config::load(&file.config).map_err(|report| {
        show_report(&report);
        Failure::Wrong
    })
}

/// Opens the database beside the service.
pub(super) async fn open_store(config: &Config) -> Result<Store, Failure> {
    let opened = Store::open_beside(&config.store.path).await;
    Ok(opened.map_err(|error| anyhow!(telemetry::chain(&error)))?)
}

/// Finds the brand of that name, or the only one.
pub(super) fn brand_of(config: &Config, name: Option<&str>) -> Result<BrandId, Failure> {
    let brands: Vec<&BrandId> = config.clopos.brands.iter().map(|settings| &settings.brand).collect();
    let known: Vec<&str> = brands.iter().map(|brand| brand.as_str()).collect();
    match (name, brands.as_slice()) {
        (None, [only]) => Ok((*only).clone()),
        (None, _) => Err(Failure::Argument(format!("say which brand: --brand with one of {}", known.join(", ")))),
        (Some(name), _) => {
            let found = brands.iter().find(|brand| brand.as_str() == name);
            let unknown = || {
                let name = printable(name, SAID_LENGTH_MAX);
                Failure::Argument(format!("there is no brand '{name}'{}", did_you_mean(&name, known.iter().copied())))
            };
            Ok((*found.ok_or_else(unknown)?).clone())
        }
    }
}

/// Says which name may be meant.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let shown = known.iter().take(SUGGESTED_MAX).copied().collect::<Vec<_>>().join(", ");
    match (nearest(name, known.iter().copied()), known.len().saturating_sub(SUGGESTED_MAX)) {
        (Some(near), _) => format!("; did you mean '{near}'?"),
        (None, 0) if known.is_empty() => "; there is none at all".to_owned(),
        (None, 0) => format!("; there are {shown}"),
        (None, more) => format!("; there are {shown} and {more} more"),
    }
}

/// Finds a thing by its number or its whole name, whatever its capitals. Each venue may name it again.
pub(super) fn one_of<T: Copy + Ord + ToString>(
    what: &str,
    text: &str,
    known: impl Iterator<Item = (T, String)>,
) -> Result<T, Failure> {
    let known: BTreeSet<(T, String)> = known.collect();
    let wanted = text.to_lowercase();
    let by_number = known.iter().find(|(id, _)| id.to_string() == text).map(|(id, _)| *id);
    let by_name = known.iter().filter(|(_, name)| name.to_lowercase() == wanted).map(|(id, _)| *id);
    let found: BTreeSet<T> = by_number.map_or_else(|| by_name.collect(), |id| [id].into());
    let found: Vec<T> = found.into_iter().collect();
    let shown = printable(text, SAID_LENGTH_MAX);
    match found.as_slice() {
        [only] => Ok(*only),
        [] => {
            let names: BTreeSet<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
            let advice = did_you_mean(text, names);
            Err(Failure::Argument(format!("there is no {what} '{shown}'{advice}")))
        }
        several => {
            let ids = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(Failure::Argument(format!("several are called '{shown}'; give the number of one: {ids}")))
        }
    }
}
