//! What can be said about a subject at one moment: the words and figures that messages and events are made of.
//!
//! Names come from the POS; they are made printable here, once, so that no later use can forget it.

use std::cell::OnceCell;
use std::time::Duration;

use crate::alerts::set::SetFacts;
use crate::calendar::Calendar;
use crate::catalog::{Modifier, Product};
use crate::rules::Subject;
use crate::snapshot::diff::Change;
use crate::snapshot::outlook::Outlook;
use crate::snapshot::pace::Estimate;
use crate::snapshot::recipes::{self, Gaps, Users};
use crate::snapshot::{Access, Gap, Snapshot, StopRow};
use crate::units::{BrandId, CategoryId, Money, ProductId, Quantity, StationId, Timestamp, VenueId, printable};

/// The longest name that is shown: a screen's line, with room for the rest of the sentence.
pub const NAME_LENGTH_MAX: usize = 80;
/// What stands behind the number of a product that the catalog does not know.
pub(super) const NOT_IN_CATALOG: &str = " (not in catalog)";
/// What stands before the number of a venue that has no name.
pub(super) const NAMELESS_VENUE: &str = "venue ";
/// What stands before the number of a category that has no name.
pub(super) const NAMELESS_CATEGORY: &str = "category ";
/// What stands before the number of a station that was not read.
pub(super) const NAMELESS_STATION: &str = "station ";
/// The longest explanation of a failure that is shown.
const TROUBLE_LENGTH_MAX: usize = 300;

/// From here on an estimate is shown in whole numbers.
const TENS: Quantity = Quantity::whole(10);

/// Everything known about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The tenant.
    pub brand: BrandId,
    /// The venue, unless the subject is the brand.
    pub venue: Option<VenueFacts>,
    /// The station that is concerned.
    pub station: Option<StationFacts>,
    /// The product or variant that is concerned.
    pub item: Option<ItemFacts>,
    /// The set of items that is concerned.
    pub set: Option<SetFacts>,
    /// What changed, in a notice of change.
    pub change: Option<ChangeFacts>,
    /// Why the brand cannot be read, when somebody must mend something first.
    pub refused: Option<String>,
    /// What the item goes into and what it lacks, where a message may say it; see [`recipe_facts`].
    pub recipe: Option<RecipeFacts>,
    /// What the item's countdown says of the time to come, where a message may say it; see [`forecast_facts`].
    pub forecast: Option<ForecastFacts>,
    /// How often the item ran out in the business day, where a message may say it; see [`times_today`].
    pub times_today: Option<u32>,
    /// Of what was found after nobody had read the list: when that was, and when it happened therefore.
    pub found_after: Option<Gap>,
}

/// Estimates from the countdown of an item, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForecastFacts {
    /// When nothing will be left, if the doors stay open.
    pub runs_out_at: Option<Estimate<Timestamp>>,
    /// What is sold in an hour.
    pub sold_per_hour: Estimate<Quantity>,
    /// What that brings; `None` while the catalog does not know the price, or too few sales were seen to say it.
    pub money_per_hour: Option<Estimate<Money>>,
}

/// The recipes around an item, by the names of the products, in order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RecipeFacts {
    /// Dishes that need it and can still be ordered.
    pub dishes_on: Vec<String>,
    /// Dishes that need it and are out already.
    pub dishes_off: Vec<String>,
    /// Add-ons that need it, with their dish, which can be made without: `Cheese (Salad)`.
    pub add_ons: Vec<String>,
    /// What goes into it and is out.
    pub blocked_by: Vec<String>,
}

/// A venue, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueFacts {
    /// Its id.
    pub id: VenueId,
    /// Its name.
    pub name: String,
    /// How old the stop list is; `None` when it was never read.
    pub reading_age: Option<Duration>,
    /// Why the last request gave no reading, when it gave none.
    pub trouble: Option<String>,
}

/// A station, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationFacts {
    /// Its id.
    pub id: StationId,
    /// Its name.
    pub name: String,
    /// False when switched off.
    pub active: bool,
    /// How many products it prepares.
    pub products: usize,
}

/// A product or variant at a venue, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemFacts {
    /// Its id.
    pub id: ProductId,
    /// Its full name, or `#332 (not in catalog)`.
    pub name: String,
    /// The product of which it is a variant.
    pub parent: Option<ProductId>,
    /// Its category.
    pub category: Option<CategoryId>,
    /// Its base price.
    pub price: Option<Money>,
    /// What is left; `None` when unrestricted.
    pub limit: Option<Quantity>,
    /// The threshold below which it is low.
    pub low_stock: Option<Quantity>,
    /// Since when it has been out or limited.
    pub since: Option<Timestamp>,
    /// Names of the sibling variants that are still on sale.
    pub others_on: Vec<String>,
}

/// What a notice of change says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeFacts {
    /// The name of the price list that is concerned.
    pub list: Option<String>,
    /// What it was.
    pub before: ChangeValue,
    /// What it is.
    pub after: ChangeValue,
    /// How long it had been out, when it came back.
    pub out_for: Option<Duration>,
}

/// What something was, or is, that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeValue {
    /// Nothing limits the item.
    Unrestricted,
    /// Nothing is left.
    Out,
    /// So much is left.
    Left(Quantity),
    /// An amount.
    Price(Money),
    /// The list has no price for it.
    NoPrice,
    /// A station that takes orders.
    Active,
    /// A station that is switched off.
    Inactive,
    /// It was not there, or is there no more.
    Absent,
    /// A name.
    Named(String),
}

impl ChangeValue {
    /// Returns it as events hold it and ids are derived of it, whatever the reader's language: `out`, `3 left`, `7.50`.
    pub fn code(&self) -> String {
        match self {
            Self::Unrestricted => "unrestricted".to_owned(),
            Self::Out => "out".to_owned(),
            Self::Left(limit) => format!("{limit} left"),
            Self::Price(price) => price.to_string(),
            Self::NoPrice => "no price".to_owned(),
            Self::Active => "active".to_owned(),
            Self::Inactive => "inactive".to_owned(),
            Self::Absent => "absent".to_owned(),
            Self::Named(name) => name.clone(),
        }
    }
}

impl Facts {
    /// Returns what there is to say where nothing is looked up.
    pub fn unknown(brand: &BrandId) -> Self {
        Self {
            brand: brand.clone(),
            venue: None,
            station: None,
            item: None,
            set: None,
            change: None,
            refused: None,
            recipe: None,
            forecast: None,
            times_today: None,
            found_after: None,
        }
    }
}

/// Gathers what is known about a subject of a brand.
pub fn of_subject(
    brand: &BrandId,
    access: &Access,
    snapshot: Option<&Snapshot>,
    subject: &Subject,
    now: Timestamp,
) -> Facts {
    let refused = match access {
        Access::Refused { why, .. } | Access::Unreachable { why, .. } => Some(printable(why, TROUBLE_LENGTH_MAX)),
        Access::Untried | Access::Granted => None,
    };
    let trouble =
        |snapshot: &Snapshot| snapshot.trouble.as_ref().map(|trouble| printable(&trouble.why, TROUBLE_LENGTH_MAX));
    let venue =
        snapshot.map(|s| VenueFacts { id: s.id(), name: venue_name(s), reading_age: s.age(now), trouble: trouble(s) });
    let (station, item) = match (subject, snapshot) {
        (Subject::Item(_, id), Some(snapshot)) => {
            let product = snapshot.picture.catalog.products.get(id);
            let station = product.and_then(|product| snapshot.picture.catalog.station_of(product));
            (station.and_then(|id| station_facts(snapshot, id)), Some(item_facts(snapshot, *id)))
        }
        (Subject::Station(_, id) | Subject::OfStation(_, id), Some(snapshot)) => (station_facts(snapshot, *id), None),
        (
            Subject::Brand
            | Subject::Venue(_)
            | Subject::Station(..)
            | Subject::Item(..)
            | Subject::OfCategory(..)
            | Subject::OfStation(..)
            | Subject::OfVenues(_),
            _,
        ) => (None, None),
    };
    let set = snapshot.and_then(|snapshot| SetFacts::of_venue(snapshot, subject));
    Facts { venue, station, item, set, refused, ..Facts::unknown(brand) }
}

/// Says what changed; `now` is the time of the reading that showed it.
pub fn of_change(change: &Change, snapshot: &Snapshot, now: Timestamp) -> ChangeFacts {
    let (before, after) = change_values(change);
    let out_for = match change {
        Change::Row { before: Some(before), .. } if before.is_out() => Some(now.since(before.since)),
        Change::Row { .. }
        | Change::Product { .. }
        | Change::Station { .. }
        | Change::PriceList { .. }
        | Change::Price { .. } => None,
    };
    let list = match change {
        Change::Price { list, .. } => snapshot.picture.catalog.price_lists.get(list),
        Change::Row { .. } | Change::Product { .. } | Change::Station { .. } | Change::PriceList { .. } => None,
    };
    ChangeFacts { list: list.map(|list| printable(&list.name, NAME_LENGTH_MAX)), before, after, out_for }
}

/// Says what something was before a change, and after it.
pub fn change_values(change: &Change) -> (ChangeValue, ChangeValue) {
    match change {
        Change::Row { before, after, .. } => {
            (limit_value(before.map(|r| r.limit)), limit_value(after.map(|r| r.limit)))
        }
        Change::Product { before, after, .. } => (price_value(before.as_deref()), price_value(after.as_deref())),
        Change::Station { before, after, .. } => {
            let value = |active: Option<bool>| match active {
                Some(true) => ChangeValue::Active,
                Some(false) => ChangeValue::Inactive,
                None => ChangeValue::Absent,
            };
            (value(before.as_ref().map(|s| s.active)), value(after.as_ref().map(|s| s.active)))
        }
        Change::PriceList { before, after, .. } => {
            let value = |name: Option<&String>| {
                name.map_or(ChangeValue::Absent, |name| ChangeValue::Named(printable(name, NAME_LENGTH_MAX)))
            };
            (value(before.as_ref().map(|l| &l.name)), value(after.as_ref().map(|l| &l.name)))
        }
        Change::Price { before, after, .. } => {
            let value = |price: &Option<Money>| price.map_or(ChangeValue::NoPrice, ChangeValue::Price);
            (value(before), value(after))
        }
    }
}

/// Returns the venue's name, or its number when it has none.
pub fn venue_name(snapshot: &Snapshot) -> String {
    if snapshot.venue.name.is_empty() {
        format!("{NAMELESS_VENUE}{}", snapshot.id())
    } else {
        printable(&snapshot.venue.name, NAME_LENGTH_MAX)
    }
}

/// Returns a product's name for people, or its number when the catalog does not know it.
pub fn product_name(snapshot: &Snapshot, id: ProductId) -> String {
    snapshot.picture.catalog.products.get(&id).map_or_else(|| format!("#{id}{NOT_IN_CATALOG}"), shown_name)
}

/// Returns the name of the station that prepares a product, as far as the catalog knows it.
pub fn station_name(snapshot: &Snapshot, id: ProductId) -> Option<String> {
    let catalog = &snapshot.picture.catalog;
    let station = catalog.stations.get(&catalog.station_of(catalog.products.get(&id)?)?)?;
    Some(printable(&station.name, NAME_LENGTH_MAX))
}

/// Returns a station's name, or its number when it was not read.
pub fn label_of_station(snapshot: &Snapshot, id: StationId) -> String {
    let station = snapshot.picture.catalog.stations.get(&id);
    station.map_or_else(|| format!("{NAMELESS_STATION}{id}"), |station| printable(&station.name, NAME_LENGTH_MAX))
}

fn shown_name(product: &Product) -> String {
    let name = if product.full_name.is_empty() { &product.name } else { &product.full_name };
    printable(name, NAME_LENGTH_MAX)
}

fn station_facts(snapshot: &Snapshot, id: StationId) -> Option<StationFacts> {
    let station = snapshot.picture.catalog.stations.get(&id)?;
    Some(StationFacts {
        id,
        name: printable(&station.name, NAME_LENGTH_MAX),
        active: station.active,
        products: snapshot.picture.catalog.products_at(id),
    })
}

/// Gathers what is known about a product at a venue.
pub fn item_facts(snapshot: &Snapshot, id: ProductId) -> ItemFacts {
    let catalog = &snapshot.picture.catalog;
    let product = catalog.products.get(&id);
    let row = snapshot.picture.rows.get(&id);
    let is_on = |sibling: &&Product| {
        sibling.id != id && sibling.active && !snapshot.picture.rows.get(&sibling.id).is_some_and(StopRow::is_out)
    };
    let others_on = product.and_then(|product| product.parent).map(|parent| {
        catalog.variants_of(parent).filter(is_on).map(|sibling| printable(&sibling.name, NAME_LENGTH_MAX)).collect()
    });
    ItemFacts {
        id,
        name: product_name(snapshot, id),
        parent: product.and_then(|product| product.parent),
        category: product.and_then(|product| product.category),
        price: product.map(|product| product.price),
        limit: row.map(|row| row.limit),
        low_stock: product.and_then(|product| product.low_stock),
        since: row.map(|row| row.since),
        others_on: others_on.unwrap_or_default(),
    }
}

/// Gathers the recipes around the item of some facts, if they are about one. `gaps` are those of the snapshot,
/// found when somebody asks first.
///
/// They are read for messages alone: most changes are told without words.
pub fn recipe_facts(facts: &Facts, snapshot: &Snapshot, gaps: &OnceCell<Gaps>) -> Option<RecipeFacts> {
    let id = facts.item.as_ref()?.id;
    let Users { on, off, add_ons } = recipes::users(&snapshot.picture, id);
    let names = |products: Vec<&Product>| products.into_iter().map(shown_name).collect();
    let add_on = |(product, modifier): (&Product, &Modifier)| {
        format!("{} ({})", printable(&modifier.name, NAME_LENGTH_MAX), shown_name(product))
    };
    let gaps = gaps.get_or_init(|| recipes::gaps(&snapshot.picture)).get(&id).map_or(&[][..], Vec::as_slice);
    Some(RecipeFacts {
        dishes_on: names(on),
        dishes_off: names(off),
        add_ons: add_ons.into_iter().map(add_on).collect(),
        blocked_by: gaps.iter().map(|part| product_name(snapshot, *part)).collect(),
    })
}

/// Gathers what the countdown of the item of some facts says, if they are about one and it says anything. What is said is
/// said of the last reading, as rules have it.
pub fn forecast_facts(
    facts: &Facts,
    snapshot: &Snapshot,
    calendar: &Calendar,
    now: Timestamp,
) -> Option<ForecastFacts> {
    let item = facts.item.as_ref()?;
    let outlook = Outlook::new(snapshot, calendar, now);
    let (said, as_of) = (outlook.of(item.id).ok()?, outlook.as_of());
    Some(ForecastFacts {
        runs_out_at: said.runs_out_in.map(|ends| Estimate {
            from: as_of.plus(ends.from),
            central: as_of.plus(ends.central),
            to: as_of.plus(ends.to),
        }),
        sold_per_hour: said.sold_per_hour,
        money_per_hour: item.price.and_then(|price| said.money_per_hour(price)),
    })
}

/// Counts how often the item of some facts ran out in the business day of the last reading, if they are about one.
pub fn times_today(facts: &Facts, snapshot: &Snapshot, calendar: &Calendar, now: Timestamp) -> Option<u32> {
    let id = facts.item.as_ref()?.id;
    let today = calendar.business_day(snapshot.items_as_of(now));
    let times = snapshot.stops_of(id).into_iter().filter(|since| calendar.business_day(*since) == today).count();
    u32::try_from(times).ok()
}

impl ForecastFacts {
    /// Returns how many are sold in an hour, rounded to a range: never one figure, since it is none.
    pub fn sold_range(&self) -> (Quantity, Quantity) {
        let Estimate { from, to, .. } = self.sold_per_hour;
        let place = if to < TENS { 100_000 } else { 1_000_000 };
        let rounded = |millionths: i64| Quantity::from_millionths(millionths.saturating_mul(place));
        (rounded(from.millionths() / place), rounded(to.millionths().saturating_add(place - 1) / place))
    }

    /// Returns what an hour brings, rounded to a range of whole amounts.
    pub fn money_range(&self) -> Option<(Money, Money)> {
        let Estimate { from, to, .. } = self.money_per_hour?;
        let whole = |amount: i64| Money::from_ten_thousandths(amount.saturating_mul(10_000));
        Some((whole(from.ten_thousandths() / 10_000), whole(to.ten_thousandths().saturating_add(9_999) / 10_000)))
    }
}

fn limit_value(limit: Option<Quantity>) -> ChangeValue {
    match limit {
        None => ChangeValue::Unrestricted,
        Some(limit) if limit <= Quantity::ZERO => ChangeValue::Out,
        Some(limit) => ChangeValue::Left(limit),
    }
}

fn price_value(product: Option<&Product>) -> ChangeValue {
    product.map_or(ChangeValue::Absent, |product| ChangeValue::Price(product.price))
}
