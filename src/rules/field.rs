//! The one table of fields that a rule may ask about: name, type, meaning, example, and where it exists.
//!
//! It drives the type checks of the parser, the JSON Schema and the reference page. A name stands here only
//! when `value` can compute it. Invariant, tested: a name has one type for each subject and event.

mod kind;

pub use crate::rules::field::kind::Kind;
use crate::rules::{EventKind, SubjectKind};

/// A field, grouped by what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The item's row of the stop list.
    Row(RowField),
    /// What the item's countdown says of the time to come.
    Forecast(ForecastField),
    /// The item's product.
    Product(ProductField),
    /// The product of which the item is a variant.
    Parent(ParentField),
    /// The variants of the item.
    Variants(VariantsField),
    /// What goes into the item, and what it goes into.
    Recipe(RecipeField),
    /// The station that prepares the item, or the station itself.
    Station(StationField),
    /// The item's price in a list.
    Price(ListIndex),
    /// The venue.
    Venue(VenueField),
    /// The brand.
    Brand(BrandField),
    /// What an event changed.
    Change(ChangeField),
}

impl Field {
    /// Says whether the value hardly ever is exactly what a rule can name, so that equality is a mistake: it grows or
    /// shrinks from one evaluation to the next, or is an instant.
    pub const fn is_running(self) -> bool {
        match self {
            Self::Row(RowField::Since | RowField::StoppedFor)
            | Self::Forecast(ForecastField::RunsOutIn | ForecastField::SoldPerHour | ForecastField::MoneyPerHour)
            | Self::Venue(VenueField::ReadingAge | VenueField::ClosesIn | VenueField::OpensIn)
            | Self::Change(ChangeField::WasOutFor) => true,
            Self::Row(_)
            | Self::Forecast(ForecastField::RunsOutBeforeClosing)
            | Self::Product(_)
            | Self::Parent(_)
            | Self::Variants(_)
            | Self::Recipe(_)
            | Self::Station(_)
            | Self::Price(_)
            | Self::Venue(_)
            | Self::Brand(_)
            | Self::Change(_) => false,
        }
    }
}

/// What the stop list says of an item, and said in this business day; one without a row is unrestricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowField {
    /// What is left to sell.
    Limit,
    /// Has a row.
    Limited,
    /// Zero or less is left.
    SoldOut,
    /// Something is left, at most the product's threshold.
    Low,
    /// As low, with the re-arm gap above the threshold.
    NearLow,
    /// Since when it has been out, or limited.
    Since,
    /// How long it has been out.
    StoppedFor,
    /// How often it ran out in the business day.
    TimesToday,
}

/// Estimates from an item's countdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForecastField {
    /// How long until nothing is left.
    RunsOutIn,
    /// That is before the doors close.
    RunsOutBeforeClosing,
    /// How fast it sells.
    SoldPerHour,
    /// What that brings.
    MoneyPerHour,
}

/// Fields of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProductField {
    /// Its id.
    Id,
    /// Its short name.
    Name,
    /// Its name with its parent's.
    FullName,
    /// Its type at Clopos.
    Type,
    /// Switched on or off in the back office.
    Status,
    /// Hidden from menus.
    Hidden,
    /// Base selling price.
    Price,
    /// Cost price.
    CostPrice,
    /// The threshold of low stock.
    LowStock,
    /// Its category's id.
    CategoryId,
    /// Its category's name.
    Category,
    /// Its tags.
    Tags,
    /// What a sale takes from the stock.
    InventoryBehavior,
    /// Limits are kilograms.
    SoldByWeight,
    /// Time to prepare.
    CookingTime,
}

/// Fields of a variant's parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParentField {
    /// Its id.
    Id,
    /// Its name.
    Name,
    /// Switched on or off.
    Status,
}

/// Counts over the active variants of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VariantsField {
    /// Those that can still be sold.
    Left,
    /// Those that are out.
    Out,
}

/// Fields of recipes, followed through preparations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecipeField {
    /// The names of what it needs and what is out.
    BlockedBy,
    /// How many active, visible products need it.
    Blocks,
}

/// Fields of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StationField {
    /// Its id.
    Id,
    /// Its name.
    Name,
    /// Switched on or off.
    Status,
    /// A kitchen or something else.
    Kind,
    /// Has a printer.
    Printable,
    /// How many active, visible products it prepares.
    Products,
}

/// Fields of a venue and of what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VenueField {
    /// Its id.
    Id,
    /// Its name.
    Name,
    /// Switched on or off.
    Status,
    /// How far its stop list can be trusted.
    Reading,
    /// Why the last request failed.
    Trouble,
    /// How old its stop list is.
    ReadingAge,
    /// Its doors are open.
    Open,
    /// It is a peak.
    Peak,
    /// How long until its doors close.
    ClosesIn,
    /// How long until its doors open.
    OpensIn,
}

/// Fields of a brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrandField {
    /// Its slug.
    Slug,
    /// Whether Clopos lets us read it.
    Access,
}

/// Fields of the change that an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeField {
    /// What was left before.
    LimitBefore,
    /// What is left now.
    LimitAfter,
    /// The earlier price.
    PriceBefore,
    /// The later price.
    PriceAfter,
    /// How long an item was out that is back.
    WasOutFor,
}

/// The place of a price list's name in [`RuleSet::price_lists`](crate::rules::RuleSet::price_lists), so that an
/// evaluation looks each name up once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListIndex(pub u16);

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct FieldRow {
    /// What a rule writes; `prices.<list>` stands for every price list.
    pub name: &'static str,
    /// What it reads.
    pub field: Field,
    /// The type of its values.
    pub kind: Kind,
    /// What it says, for people.
    pub meaning: &'static str,
    /// When it has no value; `None` when it always has one.
    pub unset_when: Option<&'static str>,
    /// A matcher that fits it.
    pub example: &'static str,
    /// The subjects that have it.
    pub subjects: &'static [SubjectKind],
    /// The only events that have it; empty for a field that needs no event.
    pub events: &'static [EventKind],
}

/// The start of the names that read a price list.
pub const PRICES_PREFIX: &str = "prices.";

const ITEM: &[SubjectKind] = &[SubjectKind::Item];
const ITEM_STATION: &[SubjectKind] = &[SubjectKind::Item, SubjectKind::Station];
const IN_VENUE: &[SubjectKind] = &[SubjectKind::Item, SubjectKind::Station, SubjectKind::Venue];
const EVERYWHERE: &[SubjectKind] = &[SubjectKind::Item, SubjectKind::Station, SubjectKind::Venue, SubjectKind::Brand];

const STATUS: Kind = Kind::Word(&["active", "inactive"]);
const PRODUCT_TYPE: Kind =
    Kind::Word(&["GOODS", "DISH", "TIMER", "PREPARATION", "INGREDIENT", "MODIFICATION", "MODIFIER"]);
const INVENTORY: Kind = Kind::Word(&["MINUS_INGREDIENTS", "MINUS_SELF", "PASSIVE"]);
const STATION_KIND: Kind = Kind::Word(&["kitchen", "other"]);
const READING: Kind = Kind::Word(&["fresh", "stale", "blind"]);
const ACCESS: Kind = Kind::Word(&["granted", "refused", "unreachable"]);

const NO_ROW: &str = "the item has no row on the stop list";
const NO_CATEGORY: &str = "the product has no category";
const NO_PARENT: &str = "the item is not a variant";
const NO_VARIANTS: &str = "the product has no variants";
const NO_HOURS: &str = "the venue has no hours in the configuration";
const NO_FORECAST: &str = "nothing limits it or nothing is left, fewer than 3 sales were seen or none since the doors opened, or they are closed";
const NO_STATION: &str = "nobody assigned the item to a station";

/// Every field, grouped as [`Field`].
pub const FIELDS: &[FieldRow] = &[
    row("limit", Field::Row(RowField::Limit), Kind::Stock, "what is left to sell", "{ at_most: 0 }").unset(NO_ROW),
    row("limited", Field::Row(RowField::Limited), Kind::Flag, "the item has a row on the stop list", "true"),
    row("sold_out", Field::Row(RowField::SoldOut), Kind::Flag, "nothing is left: the limit is 0 or less", "true"),
    row("low", Field::Row(RowField::Low), Kind::Flag, "above 0 and at most product.low_stock", "true"),
    row(
        "near_low",
        Field::Row(RowField::NearLow),
        Kind::Flag,
        "as low, up to product.low_stock plus 20 % of it and at least 1: the gap that keeps a low alert from flapping",
        "true",
    ),
    row(
        "since",
        Field::Row(RowField::Since),
        Kind::Time,
        "since when it is out, or limited; before the business day is before every time, and 01:00 after 23:00",
        "{ below: \"18:00\" }",
    )
    .unset(NO_ROW),
    row("stopped_for", Field::Row(RowField::StoppedFor), Kind::Duration, "how long it is out", "{ at_least: 45m }")
        .unset("the item is not out"),
    row(
        "times_today",
        Field::Row(RowField::TimesToday),
        Kind::Count,
        "how often it ran out in this business day, as far as readings showed it; the last 400 stops of a venue are counted",
        "{ at_least: 3 }",
    ),
    row(
        "runs_out_in",
        Field::Forecast(ForecastField::RunsOutIn),
        Kind::Duration,
        "an estimate: how long until nothing is left, at the pace of its countdown, with open doors",
        "{ at_most: 45m }",
    )
    .unset("as for sold_per_hour, or it would last for more than a day"),
    row(
        "runs_out_before_closing",
        Field::Forecast(ForecastField::RunsOutBeforeClosing),
        Kind::Flag,
        "an estimate: runs_out_in is over before the doors close",
        "true",
    )
    .unset("as for sold_per_hour, the doors never close, or the venue has no hours in the configuration"),
    row(
        "sold_per_hour",
        Field::Forecast(ForecastField::SoldPerHour),
        Kind::Stock,
        "an estimate: what is sold of it in an hour, by the steps of its countdown",
        "{ at_least: 6 }",
    )
    .unset(NO_FORECAST),
    row(
        "money_per_hour",
        Field::Forecast(ForecastField::MoneyPerHour),
        Kind::Money,
        "an estimate: sold_per_hour times product.price",
        "{ at_least: 100.00 }",
    )
    .unset("as for sold_per_hour, or fewer than 4 sales were seen"),
    row("product.id", Field::Product(ProductField::Id), Kind::Id, "the product's id", "[54, 332]"),
    row(
        "product.name",
        Field::Product(ProductField::Name),
        Kind::Text,
        "its short name; of a variant only its own part, such as `0.5 L`",
        "{ matches: \"(?i)fanta.*\" }",
    ),
    row(
        "product.full_name",
        Field::Product(ProductField::FullName),
        Kind::Text,
        "with its parent's name",
        "Fanta 0.5 L",
    ),
    row("product.type", Field::Product(ProductField::Type), PRODUCT_TYPE, "its type at Clopos", "[DISH, GOODS]"),
    row("product.status", Field::Product(ProductField::Status), STATUS, "switched on in the back office", "active"),
    row("product.hidden", Field::Product(ProductField::Hidden), Kind::Flag, "hidden from menus", "false"),
    row("product.price", Field::Product(ProductField::Price), Kind::Money, "base price", "{ at_least: 8.00 }"),
    row("product.cost_price", Field::Product(ProductField::CostPrice), Kind::Money, "cost price", "{ above: 5 }"),
    row("product.low_stock", Field::Product(ProductField::LowStock), Kind::Stock, "its threshold", "{ is: set }")
        .unset("no threshold is set: Clopos has 0"),
    row("product.category_id", Field::Product(ProductField::CategoryId), Kind::Id, "its category", "12")
        .unset(NO_CATEGORY),
    row("product.category", Field::Product(ProductField::Category), Kind::Text, "the category's name", "Kebabs")
        .unset(NO_CATEGORY),
    row("product.tags", Field::Product(ProductField::Tags), Kind::Texts, "has one of these tags", "[lunch, banquet]")
        .unset("the product has no tags"),
    row(
        "product.inventory_behavior",
        Field::Product(ProductField::InventoryBehavior),
        INVENTORY,
        "what a sale takes from the stock",
        "MINUS_SELF",
    ),
    row(
        "product.sold_by_weight",
        Field::Product(ProductField::SoldByWeight),
        Kind::Flag,
        "limits are kilograms",
        "true",
    ),
    row(
        "product.cooking_time",
        Field::Product(ProductField::CookingTime),
        Kind::Duration,
        "time to prepare, in whole minutes",
        "{ at_least: 20m }",
    ),
    row("parent.id", Field::Parent(ParentField::Id), Kind::Id, "the product of which it is a variant", "54")
        .unset(NO_PARENT),
    row("parent.name", Field::Parent(ParentField::Name), Kind::Text, "the parent's name", "Fanta").unset(NO_PARENT),
    row("parent.status", Field::Parent(ParentField::Status), STATUS, "the parent is switched on", "active")
        .unset(NO_PARENT),
    row(
        "variants.left",
        Field::Variants(VariantsField::Left),
        Kind::Count,
        "active variants not out",
        "{ at_most: 1 }",
    )
    .unset(NO_VARIANTS),
    row("variants.out", Field::Variants(VariantsField::Out), Kind::Count, "active variants out", "{ at_least: 1 }")
        .unset(NO_VARIANTS),
    row(
        "blocked_by",
        Field::Recipe(RecipeField::BlockedBy),
        Kind::Texts,
        "names of what is out and goes into it, also through preparations of which nothing is left",
        "{ is: set }",
    )
    .unset("nothing that goes into it is out"),
    row(
        "blocks",
        Field::Recipe(RecipeField::Blocks),
        Kind::Count,
        "how many active, visible products need it, also through preparations",
        "{ at_least: 1 }",
    ),
    row(
        "prices.<list>",
        Field::Price(ListIndex(0)),
        Kind::Money,
        "the item's price in the list of that name, capitals or not",
        "{ at_least: 8.00 }",
    )
    .unset("there is no such list, or the item has no price in it"),
    row("station.id", Field::Station(StationField::Id), Kind::Id, "its station", "3")
        .at(ITEM_STATION)
        .unset(NO_STATION),
    row("station.name", Field::Station(StationField::Name), Kind::Text, "the station's name", "Tandir")
        .at(ITEM_STATION)
        .unset(NO_STATION),
    row("station.status", Field::Station(StationField::Status), STATUS, "the station takes orders", "active")
        .at(ITEM_STATION)
        .unset(NO_STATION),
    row("station.kind", Field::Station(StationField::Kind), STATION_KIND, "a kitchen or not", "kitchen")
        .at(ITEM_STATION)
        .unset(NO_STATION),
    row("station.printable", Field::Station(StationField::Printable), Kind::Flag, "it has a printer", "true")
        .at(ITEM_STATION)
        .unset(NO_STATION),
    row(
        "station.products",
        Field::Station(StationField::Products),
        Kind::Count,
        "how many active, visible products it prepares",
        "{ at_least: 1 }",
    )
    .at(ITEM_STATION)
    .unset(NO_STATION),
    row("venue.id", Field::Venue(VenueField::Id), Kind::Id, "the venue", "[1, 4]").at(IN_VENUE),
    row("venue.name", Field::Venue(VenueField::Name), Kind::Text, "the venue's name", "Sahil").at(IN_VENUE),
    row("venue.status", Field::Venue(VenueField::Status), STATUS, "switched on at Clopos", "active").at(IN_VENUE),
    row("venue.reading", Field::Venue(VenueField::Reading), READING, "how far its stop list can be trusted", "blind")
        .at(IN_VENUE),
    row("venue.trouble", Field::Venue(VenueField::Trouble), Kind::Text, "why the last request failed", "{ is: set }")
        .at(IN_VENUE)
        .unset("the last request succeeded"),
    row("reading.age", Field::Venue(VenueField::ReadingAge), Kind::Duration, "age of the list", "{ at_least: 10m }")
        .at(IN_VENUE)
        .unset("the stop list was never read"),
    row("venue.open", Field::Venue(VenueField::Open), Kind::Flag, "its doors are open, by its hours", "true")
        .at(IN_VENUE)
        .unset(NO_HOURS),
    row("venue.peak", Field::Venue(VenueField::Peak), Kind::Flag, "its doors are open and it is a peak", "true")
        .at(IN_VENUE)
        .unset("the venue has no peaks in the configuration"),
    row(
        "venue.closes_in",
        Field::Venue(VenueField::ClosesIn),
        Kind::Duration,
        "how long until the doors close",
        "{ above: 30m }",
    )
    .at(IN_VENUE)
    .unset("the doors are closed, never close, or the venue has no hours in the configuration"),
    row(
        "venue.opens_in",
        Field::Venue(VenueField::OpensIn),
        Kind::Duration,
        "how long until the doors open",
        "{ at_most: 45m }",
    )
    .at(IN_VENUE)
    .unset("the doors are open, stay closed for two months, or the venue has no hours in the configuration"),
    row("brand", Field::Brand(BrandField::Slug), Kind::Text, "the brand's slug", "sahil").at(EVERYWHERE),
    row("brand.access", Field::Brand(BrandField::Access), ACCESS, "whether Clopos lets us read", "refused")
        .at(EVERYWHERE),
    row("change.before", Field::Change(ChangeField::LimitBefore), Kind::Stock, "what was left before", "{ above: 10 }")
        .with(&[EventKind::LimitChanged])
        .unset(NO_ROW),
    row("change.after", Field::Change(ChangeField::LimitAfter), Kind::Stock, "what is left now", "{ at_most: 10 }")
        .with(&[EventKind::LimitChanged])
        .unset(NO_ROW),
    row("change.before", Field::Change(ChangeField::PriceBefore), Kind::Money, "the earlier price", "{ above: 5 }")
        .with(&[EventKind::PriceChanged]),
    row("change.after", Field::Change(ChangeField::PriceAfter), Kind::Money, "the later price", "{ above: 5 }")
        .with(&[EventKind::PriceChanged]),
    row(
        "was_out_for",
        Field::Change(ChangeField::WasOutFor),
        Kind::Duration,
        "how long it was out",
        "{ at_least: 10m }",
    )
    .with(&[EventKind::Back]),
];

/// Where a field is written: it decides which fields exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// What the rule is about.
    pub subject: SubjectKind,
    /// The event, for a rule that tells of one.
    pub event: Option<EventKind>,
}

impl FieldRow {
    /// Says whether a rule of this scope can ask for the field.
    pub fn is_in(&self, scope: Scope) -> bool {
        let has_event = self.events.is_empty() || scope.event.is_some_and(|event| self.events.contains(&event));
        self.subjects.contains(&scope.subject) && has_event
    }

    /// Says whether the name that a rule wrote means this row. `prices.<list>` takes any list.
    pub fn is_named(&self, name: &str) -> bool {
        match self.field {
            Field::Price(_) => name.strip_prefix(PRICES_PREFIX).is_some_and(|list| !list.trim().is_empty()),
            Field::Row(_)
            | Field::Forecast(_)
            | Field::Product(_)
            | Field::Parent(_)
            | Field::Variants(_)
            | Field::Recipe(_)
            | Field::Station(_)
            | Field::Venue(_)
            | Field::Brand(_)
            | Field::Change(_) => self.name == name,
        }
    }

    const fn unset(self, when: &'static str) -> Self {
        Self { unset_when: Some(when), ..self }
    }

    const fn at(self, subjects: &'static [SubjectKind]) -> Self {
        Self { subjects, ..self }
    }

    const fn with(self, events: &'static [EventKind]) -> Self {
        Self { events, ..self }
    }
}

const fn row(name: &'static str, field: Field, kind: Kind, meaning: &'static str, example: &'static str) -> FieldRow {
    FieldRow { name, field, kind, meaning, unset_when: None, example, subjects: ITEM, events: &[] }
}
