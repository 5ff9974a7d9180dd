//! What happens in a restaurant, one deed at a time: a sale, a dish that is stopped, a station switched off, a fault.
//!
//! A deed changes the world and says in one line what a person there would have seen. Must never choose anything:
//! `service` does. Invariant: a deed on something that is gone meanwhile does nothing and says nothing.

use serde::Serialize;

use super::faults::{Fault, Scope, ScriptedFault, Span};
use super::menu::HALL;
use super::route::Endpoint;
use super::world::World;
use crate::units::{BrandId, Money, ProductId, Quantity, StationId, Timestamp, VenueId};

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Guests buy this much of a counted product; of an uncounted one nobody notices.
    Sell(VenueId, ProductId, Quantity),
    /// The kitchen counts what it has.
    Count(VenueId, ProductId, Quantity),
    /// The staff stops a product.
    Stop(VenueId, ProductId),
    /// More has come: the product leaves the stop list.
    Restock(VenueId, ProductId),
    /// An ingredient is out, and so are these dishes.
    RunDry(VenueId, ProductId, Vec<ProductId>),
    /// The ingredient and the dishes are back.
    Refill(VenueId, ProductId, Vec<ProductId>),
    /// A station is switched on or off.
    Switch(VenueId, StationId, bool),
    /// The base price and the one of the hall change.
    Reprice(ProductId, Money),
    /// The venue closes and its list is emptied.
    Close(VenueId),
    /// Something goes wrong with the API.
    Break(Trouble),
}

/// A fault with its place and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What goes wrong.
    pub fault: Fault,
    /// The endpoint, or all.
    pub endpoint: Option<Endpoint>,
    /// The venue, or all of the brand.
    pub venue: Option<VenueId>,
    /// For how long.
    pub span: Span,
}

/// What a person would have seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// The brand.
    pub brand: String,
    /// The venue; `None` for what concerns all of them.
    pub venue: Option<u64>,
    /// Its name.
    pub venue_name: Option<String>,
    /// The product.
    pub product: Option<u64>,
    /// Its full name.
    pub product_name: Option<String>,
    /// What kind of thing happened.
    pub kind: HappeningKind,
    /// One line for people: `Kitchen at Sahil: Lülə kabab sold out`.
    pub text: String,
}

/// Kinds of [`Happening`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HappeningKind {
    /// Some of a counted product was sold.
    Sold,
    /// It is at or below its threshold now.
    Low,
    /// It is out now.
    SoldOut,
    /// The kitchen counted it.
    Counted,
    /// It was taken off the menu by hand.
    Stopped,
    /// It left the stop list: it is back, or no longer counted.
    Restocked,
    /// An ingredient is out.
    IngredientOut,
    /// An ingredient is back.
    IngredientBack,
    /// A station was switched off.
    StationOff,
    /// A station was switched on.
    StationOn,
    /// A price changed.
    PriceChanged,
    /// A venue closed.
    Closed,
    /// The API misbehaves.
    Fault,
}

/// Does the deed at `at` and returns what was seen.
pub fn perform(world: &mut World, brand: &BrandId, deed: &Deed, at: Timestamp) -> Vec<Happening> {
    let scene = Scene { brand, at };
    match deed {
        Deed::Sell(venue, product, amount) => sell(world, scene, *venue, *product, *amount).into_iter().collect(),
        Deed::Count(venue, product, limit) => {
            let done = world.set_limit(brand, *venue, *product, *limit, at).is_ok();
            let text = |name: &str| format!("{name} counted, {limit} left");
            scene.if_done(done, world, *venue, *product, HappeningKind::Counted, text)
        }
        Deed::Stop(venue, product) => {
            let done = world.set_limit(brand, *venue, *product, Quantity::ZERO, at).is_ok();
            scene.if_done(done, world, *venue, *product, HappeningKind::Stopped, |name| {
                format!("{name} stopped by hand")
            })
        }
        Deed::Restock(venue, product) => {
            let before = world.limit(brand, *venue, *product).ok().flatten();
            let done = before.is_some() && world.clear_limit(brand, *venue, *product).is_ok();
            // What was still on sale does not come back, it only is not counted any more.
            let was_out = before.is_some_and(|left| left <= Quantity::ZERO);
            let what = if was_out { "is back" } else { "is on sale without a limit again" };
            scene.if_done(done, world, *venue, *product, HappeningKind::Restocked, |name| format!("{name} {what}"))
        }
        Deed::RunDry(venue, ingredient, dishes) => run_dry(world, scene, *venue, *ingredient, dishes),
        Deed::Refill(venue, ingredient, dishes) => refill(world, scene, *venue, *ingredient, dishes),
        Deed::Switch(venue, station, active) => switch(world, scene, *venue, *station, *active),
        Deed::Reprice(product, price) => reprice(world, scene, *product, *price),
        Deed::Close(venue) => close(world, scene, *venue),
        Deed::Break(trouble) => break_api(world, scene, *trouble),
    }
}

#[derive(Clone, Copy)]
struct Scene<'a> {
    brand: &'a BrandId,
    at: Timestamp,
}

impl Scene<'_> {
    fn happening(
        self,
        world: &World,
        venue: Option<VenueId>,
        product: Option<ProductId>,
        kind: HappeningKind,
        text: String,
    ) -> Happening {
        let venue_name = venue.and_then(|venue| Some(world.venue(self.brand, venue).ok()?.name.clone()));
        let product_name = product.and_then(|product| Some(world.product(self.brand, product).ok()?.full_name.clone()));
        Happening {
            at_ms: self.at.unix_ms(),
            brand: self.brand.to_string(),
            venue: venue.map(|venue| venue.0),
            venue_name,
            product: product.map(|product| product.0),
            product_name,
            kind,
            text,
        }
    }

    /// Tells a deed on a product, led by where it happened: `Bar at Sahil: Fanta 0.5 L is back`.
    fn if_done(
        self,
        done: bool,
        world: &World,
        venue: VenueId,
        product: ProductId,
        kind: HappeningKind,
        text: impl Fn(&str) -> String,
    ) -> Vec<Happening> {
        let (true, Ok(place), Ok(row)) = (done, world.venue(self.brand, venue), world.product(self.brand, product))
        else {
            return Vec::new();
        };
        let station = row.station.and_then(|id| place.stations.get(&id));
        let (name, what) = (&place.name, text(&row.full_name));
        let text =
            station.map_or_else(|| format!("{name}: {what}"), |station| format!("{} at {name}: {what}", station.name));
        vec![self.happening(world, Some(venue), Some(product), kind, text)]
    }
}

fn sell(
    world: &mut World,
    scene: Scene<'_>,
    venue: VenueId,
    product: ProductId,
    amount: Quantity,
) -> Option<Happening> {
    let before = world.limit(scene.brand, venue, product).ok()??;
    if before <= Quantity::ZERO {
        return None;
    }
    let row = world.product(scene.brand, product).ok()?;
    let threshold = Quantity::whole(i64::from(row.low_stock));
    let left = Quantity::from_millionths(before.millionths().saturating_sub(amount.millionths())).max(Quantity::ZERO);
    world.set_limit(scene.brand, venue, product, left, scene.at).ok()?;
    let (kind, what) = if left == Quantity::ZERO {
        (HappeningKind::SoldOut, "sold out".to_owned())
    } else if left <= threshold && before > threshold {
        (HappeningKind::Low, format!("is low, {left} left"))
    } else {
        (HappeningKind::Sold, format!("sold, {left} left"))
    };
    let text = |name: &str| format!("{name} {what}");
    scene.if_done(true, world, venue, product, kind, text).pop()
}

fn run_dry(
    world: &mut World,
    scene: Scene<'_>,
    venue: VenueId,
    ingredient: ProductId,
    dishes: &[ProductId],
) -> Vec<Happening> {
    let done = world.set_limit(scene.brand, venue, ingredient, Quantity::ZERO, scene.at).is_ok();
    let stopped =
        dishes.iter().filter(|id| world.set_limit(scene.brand, venue, **id, Quantity::ZERO, scene.at).is_ok());
    let count = stopped.count();
    let text = |name: &str| format!("{name} is used up{}", dishes_are(count, "stopped"));
    scene.if_done(done, world, venue, ingredient, HappeningKind::IngredientOut, text)
}

fn refill(
    world: &mut World,
    scene: Scene<'_>,
    venue: VenueId,
    ingredient: ProductId,
    dishes: &[ProductId],
) -> Vec<Happening> {
    let known = world.limit(scene.brand, venue, ingredient).is_ok_and(|limit| limit.is_some());
    let done = known && world.clear_limit(scene.brand, venue, ingredient).is_ok();
    let back = dishes.iter().filter(|id| world.clear_limit(scene.brand, venue, **id).is_ok());
    let count = back.count();
    let text = |name: &str| format!("{name} delivered{}", dishes_are(count, "back"));
    scene.if_done(done, world, venue, ingredient, HappeningKind::IngredientBack, text)
}

/// Says how many dishes an ingredient took along: `, 1 dish stopped`; nothing when there are none.
fn dishes_are(count: usize, what: &str) -> String {
    match count {
        0 => String::new(),
        1 => format!(", 1 dish {what}"),
        several => format!(", {several} dishes {what}"),
    }
}

fn switch(world: &mut World, scene: Scene<'_>, venue: VenueId, station: StationId, active: bool) -> Vec<Happening> {
    let before = world.venue(scene.brand, venue).ok().and_then(|place| place.stations.get(&station));
    if before.is_none_or(|row| row.active == active)
        || world.set_station_active(scene.brand, venue, station, active, scene.at).is_err()
    {
        return Vec::new();
    }
    let Ok(place) = world.venue(scene.brand, venue) else { return Vec::new() };
    let name = place.stations.get(&station).map_or("", |row| &row.name);
    let (kind, turned) = if active { (HappeningKind::StationOn, "on") } else { (HappeningKind::StationOff, "off") };
    let text = format!("{name} at {} switched {turned}", place.name);
    vec![scene.happening(world, Some(venue), None, kind, text)]
}

fn reprice(world: &mut World, scene: Scene<'_>, product: ProductId, price: Money) -> Vec<Happening> {
    let Ok(before) = world.product(scene.brand, product).map(|row| row.price) else { return Vec::new() };
    let done = world.set_price(scene.brand, product, None, price, scene.at).is_ok()
        && world.set_price(scene.brand, product, Some(HALL), price, scene.at).is_ok();
    let name = world.product(scene.brand, product).map_or("", |row| &row.full_name);
    let text = format!("Back office: {name} costs {price} instead of {before}");
    let told = done.then(|| scene.happening(world, None, Some(product), HappeningKind::PriceChanged, text));
    told.into_iter().collect()
}

fn close(world: &mut World, scene: Scene<'_>, venue: VenueId) -> Vec<Happening> {
    if world.clear_all_limits(scene.brand, venue).is_err() {
        return Vec::new();
    }
    let name = world.venue(scene.brand, venue).map_or("", |place| &place.name);
    let text = format!("{name} closes, its stop list is cleared");
    vec![scene.happening(world, Some(venue), None, HappeningKind::Closed, text)]
}

fn break_api(world: &mut World, scene: Scene<'_>, trouble: Trouble) -> Vec<Happening> {
    let Trouble { fault, endpoint, venue, span } = trouble;
    let scope = Scope { endpoint, brand: Some(scene.brand.clone()), venue };
    // A full plan only means that many faults still wait; life goes on without this one.
    if world.add_fault(ScriptedFault { fault, scope, span }).is_err() {
        return Vec::new();
    }
    let place = venue.and_then(|venue| world.venue(scene.brand, venue).ok()).map_or("all venues", |place| &place.name);
    let long = match span {
        Span::Next(1) => "once".to_owned(),
        Span::Next(count) => format!("{count} times"),
        Span::Between(from, until) => format!("for {} s", until.since(from).as_millis().div_ceil(1_000)),
    };
    let text = format!("Clopos {} for {place}, {long}", fault.told());
    vec![scene.happening(world, venue, None, HappeningKind::Fault, text)]
}
