//! The value of every field for a subject at a moment.
//!
//! Never guesses: what was not read is `Unknown`, what was read and is not there is `Unset`. Never allocates. Invariant:
//! a value has the type that the table of fields gives.

use std::time::Duration;

use crate::calendar::LocalTime;
use crate::catalog::{InventoryBehavior, Product, Station};
use crate::rules::SubjectKind;
use crate::rules::field::{
    BrandField, ChangeField, Field, ForecastField, ListIndex, ParentField, ProductField, RecipeField, RowField,
    StationField, VariantsField, VenueField,
};
use crate::rules::subject::{BrandView, Item, Scene, StationLink};
use crate::snapshot::diff::Change;
use crate::snapshot::{Access, Freshness, StopRow};
use crate::units::{Money, ProductId, Quantity, Timestamp};

/// The part of the threshold by which a limit must exceed it before low stock may fire anew (features.md: +20 %).
const REARM_SHARE: i64 = 5;
/// The least such gap: thresholds of a few pieces would otherwise flap with each void.
const REARM_MIN: Quantity = Quantity::whole(1);

/// A field's value for one subject at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A stock figure or a count.
    Number(Quantity),
    /// An amount.
    Money(Money),
    /// A time span.
    Duration(Duration),
    /// A time of the clock, seen from a business day.
    Time(LocalTime),
    /// True or false.
    Flag(bool),
    /// One of a field's words.
    Word(&'a str),
    /// Any text.
    Text(&'a str),
    /// Several texts, at least one.
    Texts(&'a [String]),
    /// A number that names something.
    Id(u64),
    /// Read, and there is none.
    Unset,
    /// Not read.
    Unknown,
}

/// One subject, as a condition sees it.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// An item, and the change when an event is told of it.
    Item(&'a Scene<'a>, Item<'a>, Option<&'a Change>),
    /// A station.
    Station(&'a Scene<'a>, &'a Station),
    /// A venue.
    Venue(&'a Scene<'a>),
    /// A brand.
    Brand(BrandView<'a>),
}

impl<'a> View<'a> {
    /// Returns the kind of the subject.
    const fn kind(&self) -> SubjectKind {
        match self {
            Self::Item(..) => SubjectKind::Item,
            Self::Station(..) => SubjectKind::Station,
            Self::Venue(_) => SubjectKind::Venue,
            Self::Brand(_) => SubjectKind::Brand,
        }
    }

    /// Returns the value of a field. A field that the subject does not have is unknown; the parser refuses such rules.
    pub fn value(&self, field: Field, now: Timestamp) -> Value<'a> {
        match field {
            Field::Row(field) => self.item().map_or(Value::Unknown, |(scene, item)| row_value(scene, item, field, now)),
            Field::Forecast(field) => {
                self.item().map_or(Value::Unknown, |(scene, item)| forecast_value(scene, item, field))
            }
            Field::Product(field) => {
                self.item().and_then(|(_, item)| item.product).map_or(Value::Unknown, |it| product_value(it, field))
            }
            Field::Parent(field) => {
                self.item().map_or(Value::Unknown, |(scene, item)| parent_value(scene, item, field))
            }
            Field::Variants(field) => {
                self.item().map_or(Value::Unknown, |(scene, item)| variants_value(scene, item, field))
            }
            Field::Recipe(field) => {
                self.item().map_or(Value::Unknown, |(scene, item)| recipe_value(scene, item.id, field))
            }
            Field::Station(field) => self.station_value(field),
            Field::Price(list) => self.item().map_or(Value::Unknown, |(scene, item)| price_value(scene, item.id, list)),
            Field::Venue(field) => {
                self.scene().map_or(Value::Unknown, |scene| venue_value(scene, self.kind(), field, now))
            }
            Field::Brand(field) => brand_value(self.brand(), field),
            Field::Change(field) => self.change().map_or(Value::Unknown, |change| change_value(change, field, now)),
        }
    }

    fn item(&self) -> Option<(&'a Scene<'a>, &Item<'a>)> {
        match self {
            Self::Item(scene, item, _) => Some((scene, item)),
            Self::Station(..) | Self::Venue(_) | Self::Brand(_) => None,
        }
    }

    fn scene(&self) -> Option<&'a Scene<'a>> {
        match self {
            Self::Item(scene, ..) | Self::Station(scene, _) | Self::Venue(scene) => Some(scene),
            Self::Brand(_) => None,
        }
    }

    fn brand(&self) -> BrandView<'a> {
        match self {
            Self::Item(scene, ..) | Self::Station(scene, _) | Self::Venue(scene) => scene.brand(),
            Self::Brand(brand) => *brand,
        }
    }

    fn change(&self) -> Option<&'a Change> {
        match self {
            Self::Item(_, _, change) => *change,
            Self::Station(..) | Self::Venue(_) | Self::Brand(_) => None,
        }
    }

    fn station_value(&self, field: StationField) -> Value<'a> {
        let (scene, station) = match self {
            Self::Item(scene, item, _) => (scene, scene.station_of(item)),
            Self::Station(scene, station) => (scene, StationLink::Found(station)),
            Self::Venue(_) | Self::Brand(_) => return Value::Unknown,
        };
        match station {
            StationLink::Found(station) => station_value(scene, station, field),
            StationLink::Absent => Value::Unset,
            StationLink::Unread => Value::Unknown,
        }
    }
}

/// Returns the one value that a field has for every item without a row of the stop list, if there is only one.
pub(super) const fn without_row(field: Field) -> Option<Value<'static>> {
    match field {
        Field::Row(RowField::Limit | RowField::Since | RowField::StoppedFor) | Field::Forecast(_) => Some(Value::Unset),
        Field::Row(RowField::Limited | RowField::SoldOut | RowField::Low | RowField::NearLow) => {
            Some(Value::Flag(false))
        }
        Field::Row(RowField::TimesToday)
        | Field::Product(_)
        | Field::Parent(_)
        | Field::Variants(_)
        | Field::Recipe(_)
        | Field::Station(_)
        | Field::Price(_)
        | Field::Venue(_)
        | Field::Brand(_)
        | Field::Change(_) => None,
    }
}

fn row_value<'a>(scene: &Scene<'a>, item: &Item<'a>, field: RowField, now: Timestamp) -> Value<'a> {
    if !scene.sees_rows() {
        return Value::Unknown;
    }
    match field {
        RowField::Limit => item.row.map_or(Value::Unset, |row| Value::Number(row.limit)),
        RowField::Limited => Value::Flag(item.row.is_some()),
        RowField::SoldOut => Value::Flag(item.row.is_some_and(StopRow::is_out)),
        RowField::Low => low_value(item, Quantity::ZERO),
        RowField::NearLow => low_value(item, REARM_MIN),
        RowField::Since => item.row.map_or(Value::Unset, |row| Value::Time(scene.local_time(row.since))),
        RowField::TimesToday => count(scene.times_today(item.id)),
        RowField::StoppedFor => match item.row {
            Some(row) if row.is_out() => Value::Duration(now.since(row.since)),
            Some(_) | None => Value::Unset,
        },
    }
}

/// What its countdown says; without one, and while it says nothing, there is no value.
fn forecast_value<'a>(scene: &Scene<'a>, item: &Item<'a>, field: ForecastField) -> Value<'a> {
    if !scene.sees_rows() {
        return Value::Unknown;
    }
    let Ok(forecast) = scene.forecast(item.id) else { return Value::Unset };
    let runs_out_in = forecast.runs_out_in.map(|ends| ends.central);
    match field {
        ForecastField::RunsOutIn => runs_out_in.map_or(Value::Unset, Value::Duration),
        ForecastField::RunsOutBeforeClosing => match scene.moment(SubjectKind::Item).closes_in {
            Some(closes_in) => Value::Flag(runs_out_in.is_some_and(|ends| ends < closes_in)),
            None => Value::Unset,
        },
        ForecastField::SoldPerHour => Value::Number(forecast.sold_per_hour.central),
        ForecastField::MoneyPerHour => item.product.map_or(Value::Unknown, |product| {
            forecast.money_per_hour(product.price).map_or(Value::Unset, |money| Value::Money(money.central))
        }),
    }
}

/// Says whether something is left but at most the threshold and a gap: none when `gap_min` is zero, else 20 % of the
/// threshold and at least `gap_min`.
fn low_value<'a>(item: &Item<'_>, gap_min: Quantity) -> Value<'a> {
    let Some(row) = item.row.filter(|row| !row.is_out()) else { return Value::Flag(false) };
    let Some(product) = item.product else { return Value::Unknown };
    let Some(threshold) = product.low_stock else { return Value::Flag(false) };
    let share = Quantity::from_millionths(threshold.millionths() / REARM_SHARE);
    let gap = if gap_min == Quantity::ZERO { Quantity::ZERO } else { share.max(gap_min) };
    Value::Flag(row.limit <= threshold.plus(gap))
}

fn product_value(product: &Product, field: ProductField) -> Value<'_> {
    match field {
        ProductField::Id => Value::Id(product.id.0),
        ProductField::Name => Value::Text(&product.name),
        ProductField::FullName => Value::Text(&product.full_name),
        ProductField::Type => Value::Word(product.kind.word()),
        ProductField::Status => status(product.active),
        ProductField::Hidden => Value::Flag(product.hidden),
        ProductField::Price => Value::Money(product.price),
        ProductField::CostPrice => Value::Money(product.cost_price),
        ProductField::LowStock => product.low_stock.map_or(Value::Unset, Value::Number),
        ProductField::CategoryId => product.category.map_or(Value::Unset, |category| Value::Id(category.0)),
        ProductField::Category => match (&product.category_name, product.category) {
            (Some(name), _) => Value::Text(name),
            (None, Some(_)) => Value::Unknown,
            (None, None) => Value::Unset,
        },
        ProductField::Tags if product.tags.is_empty() => Value::Unset,
        ProductField::Tags => Value::Texts(&product.tags),
        ProductField::InventoryBehavior => Value::Word(match product.inventory {
            InventoryBehavior::MinusIngredients => "MINUS_INGREDIENTS",
            InventoryBehavior::MinusSelf => "MINUS_SELF",
            InventoryBehavior::Passive => "PASSIVE",
            InventoryBehavior::Other(_) => "OTHER",
        }),
        ProductField::SoldByWeight => Value::Flag(product.sold_by_weight),
        ProductField::CookingTime => Value::Duration(Duration::from_mins(u64::from(product.cooking_time_min))),
    }
}

fn parent_value<'a>(scene: &Scene<'a>, item: &Item<'a>, field: ParentField) -> Value<'a> {
    let Some(product) = item.product else { return Value::Unknown };
    let Some(id) = product.parent else { return Value::Unset };
    let parent = scene.catalog().products.get(&id);
    match field {
        ParentField::Id => Value::Id(id.0),
        ParentField::Name => parent.map_or(Value::Unknown, |parent| Value::Text(&parent.name)),
        ParentField::Status => parent.map_or(Value::Unknown, |parent| status(parent.active)),
    }
}

fn variants_value<'a>(scene: &Scene<'a>, item: &Item<'a>, field: VariantsField) -> Value<'a> {
    if item.product.is_none() || !scene.sees_rows() {
        return Value::Unknown;
    }
    let Some(variants) = scene.variants_of(item.id) else { return Value::Unset };
    match field {
        VariantsField::Left => count(variants.left),
        VariantsField::Out => count(variants.out),
    }
}

fn recipe_value<'a>(scene: &'a Scene<'a>, product: ProductId, field: RecipeField) -> Value<'a> {
    // Also of the count: what is left of a preparation decides how far it is followed.
    if !scene.sees_products() || !scene.sees_rows() {
        return Value::Unknown;
    }
    match field {
        RecipeField::BlockedBy => scene.blocked_by(product).map_or(Value::Unset, Value::Texts),
        RecipeField::Blocks => count(scene.blocks(product)),
    }
}

fn station_value<'a>(scene: &Scene<'a>, station: &'a Station, field: StationField) -> Value<'a> {
    match field {
        StationField::Id => Value::Id(station.id.0),
        StationField::Name => Value::Text(&station.name),
        StationField::Status => status(station.active),
        StationField::Kind => Value::Word(if station.kitchen { "kitchen" } else { "other" }),
        StationField::Printable => Value::Flag(station.printable),
        StationField::Products if !scene.sees_products() => Value::Unknown,
        StationField::Products => count(scene.products_at(station.id)),
    }
}

fn price_value<'a>(scene: &Scene<'a>, product: ProductId, list: ListIndex) -> Value<'a> {
    // No list at all means that prices were not read: they are walked last.
    if scene.catalog().price_lists.is_empty() {
        return Value::Unknown;
    }
    scene.price(list, product).map_or(Value::Unset, Value::Money)
}

fn venue_value<'a>(scene: &'a Scene<'a>, subject: SubjectKind, field: VenueField, now: Timestamp) -> Value<'a> {
    let (snapshot, moment) = (scene.snapshot(), || scene.moment(subject));
    match field {
        VenueField::Id => Value::Id(snapshot.venue.id.0),
        VenueField::Name => Value::Text(&snapshot.venue.name),
        VenueField::Status => status(snapshot.venue.active),
        // After a start a venue that was not read yet is neither fresh nor blind, whatever the age of what is stored.
        VenueField::Reading | VenueField::ReadingAge if scene.is_awaited() => Value::Unknown,
        VenueField::Reading => Value::Word(match scene.freshness() {
            Freshness::Fresh => "fresh",
            Freshness::Stale => "stale",
            Freshness::Blind => "blind",
        }),
        VenueField::Trouble => snapshot.trouble.as_ref().map_or(Value::Unset, |trouble| Value::Text(&trouble.why)),
        VenueField::ReadingAge => snapshot.age(now).map_or(Value::Unset, Value::Duration),
        VenueField::Open => moment().is_open.map_or(Value::Unset, Value::Flag),
        VenueField::Peak => moment().is_peak.map_or(Value::Unset, Value::Flag),
        VenueField::ClosesIn => moment().closes_in.map_or(Value::Unset, Value::Duration),
        VenueField::OpensIn => moment().opens_in.map_or(Value::Unset, Value::Duration),
    }
}

fn brand_value(brand: BrandView<'_>, field: BrandField) -> Value<'_> {
    match field {
        BrandField::Slug => Value::Text(brand.brand.as_str()),
        BrandField::Access => match brand.access {
            // After a restart nothing was tried yet: an open alert must not end by that.
            Access::Untried => Value::Unknown,
            Access::Granted => Value::Word("granted"),
            Access::Unreachable { .. } => Value::Word("unreachable"),
            Access::Refused { .. } => Value::Word("refused"),
        },
    }
}

fn change_value<'a>(change: &Change, field: ChangeField, now: Timestamp) -> Value<'a> {
    match (field, change) {
        (ChangeField::LimitBefore, Change::Row { before, .. }) => limit(before.as_ref()),
        (ChangeField::LimitAfter, Change::Row { after, .. }) => limit(after.as_ref()),
        (ChangeField::WasOutFor, Change::Row { before: Some(before), .. }) if before.is_out() => {
            Value::Duration(now.since(before.since))
        }
        (ChangeField::PriceBefore, Change::Price { before, .. }) => before.map_or(Value::Unset, Value::Money),
        (ChangeField::PriceAfter, Change::Price { after, .. }) => after.map_or(Value::Unset, Value::Money),
        (ChangeField::PriceBefore, Change::Product { before, .. }) => {
            before.as_ref().map_or(Value::Unset, |product| Value::Money(product.price))
        }
        (ChangeField::PriceAfter, Change::Product { after, .. }) => {
            after.as_ref().map_or(Value::Unset, |product| Value::Money(product.price))
        }
        (
            ChangeField::LimitBefore | ChangeField::LimitAfter | ChangeField::WasOutFor,
            Change::Row { .. }
            | Change::Product { .. }
            | Change::Station { .. }
            | Change::PriceList { .. }
            | Change::Price { .. },
        )
        | (
            ChangeField::PriceBefore | ChangeField::PriceAfter,
            Change::Row { .. } | Change::Station { .. } | Change::PriceList { .. },
        ) => Value::Unknown,
    }
}

fn limit<'a>(row: Option<&StopRow>) -> Value<'a> {
    row.map_or(Value::Unset, |row| Value::Number(row.limit))
}

fn count<'a>(things: u32) -> Value<'a> {
    Value::Number(Quantity::whole(i64::from(things)))
}

fn status<'a>(active: bool) -> Value<'a> {
    Value::Word(if active { "active" } else { "inactive" })
}
