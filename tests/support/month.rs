//! A database as a service leaves it that watched a simulated chain for days: the history line by line, and what is
//! known of every venue at the end.
//!
//! The restaurants live by `simulator::service`, one of its services of six hours each evening; every change is read at
//! once. The lines are written in large transactions: a service's own commits, each forced to the disk, would take hours.
#![allow(dead_code, reason = "each user takes the sizes that it needs")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eightysix::catalog::{
    Catalog, InventoryBehavior, PriceList, Product, ProductKind, RecipePart, Station, StopEntry, Venue,
};
use eightysix::engine::{Commit, Stored};
use eightysix::simulator::deeds::HappeningKind;
use eightysix::simulator::menu::{Kind, Menu};
use eightysix::simulator::plan::{BrandPlan, DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, WorldPlan};
use eightysix::simulator::service::Service;
use eightysix::simulator::world::World;
use eightysix::snapshot::diff::diff;
use eightysix::snapshot::{Snapshot, again};
use eightysix::store::{Store, format};
use eightysix::units::{BrandId, ProductId, Quantity, Timestamp, VenueId};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

/// Lines of one transaction.
const BATCH: usize = 50_000;
/// The back office of the simulator is set for a demo that must show a price soon; one in so many is believed.
const PRICES_BELIEVED: usize = 12;
/// How long the simulated restaurants are open, with the time until they open again.
const SERVICE: Duration = Duration::from_hours(6);
/// When a service begins, in Zulu time: 16:00 in Baku.
const BEGINS_AT: Duration = Duration::from_hours(12);
const DAY: Duration = Duration::from_hours(24);

/// How large the chain is and how long it lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) venues: u64,
    pub(crate) products: usize,
    pub(crate) days: u64,
    pub(crate) ends: Timestamp,
}

/// The configuration of a site whose database is `eightysix.db`.
pub(crate) fn configuration() -> String {
    format!(
        "locale: {{ timezone: Asia/Baku, currency: AZN }}
clopos: {{ integrator_id: int-123, brands: [{{ brand: {DEMO_BRAND}, client_id: abc, client_secret: {{ file: secret }} }}] }}
store: sqlite:eightysix.db
mqtt: {{ screens: {{ url: mqtt://127.0.0.1:1 }} }}
smtp: {{ folder: {{ url: \"folder:mails\", from: \"86 <alerts@example.com>\" }} }}
receivers:
  kitchen: {{ mqtt: {{ broker: screens }} }}
  managers: {{ email: {{ smtp: folder, to: [manager@example.com] }} }}
  office: {{ email: {{ smtp: folder, to: [office@example.com] }} }}
  ops: {{ webhook: {{ url: https://hooks.example.com/86 }} }}
rules: [rules/*.yaml]
"
    )
}

/// Lives, and writes the database; returns how many lines the history has.
pub(crate) async fn write(path: &Path, life: Life) -> u64 {
    let brand = BrandId::new(DEMO_BRAND).expect("a slug");
    let starts = life.ends.minus(DAY * u32::try_from(life.days).expect("few"));
    let mut plan = BrandPlan::new(DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, life.venues).expect("a slug");
    plan.products = life.products;
    let mut world = World::new(&WorldPlan { brands: vec![plan], ..WorldPlan::demo(86, 1) }, starts);
    let mut service = Service::new(86, &world, &brand, 1, starts).expect("a brand of the world");
    let store = Store::open(path).await.expect("a database");
    let mut known = first_sight(&world, &brand, starts);
    let mut history = History::open(path).await;
    let mut prices_changed = 0;
    while let Some(own) = service.next_at() {
        let now = evening(starts, own);
        if now >= life.ends {
            break;
        }
        let mut venues = BTreeMap::new();
        for happening in service.due(&mut world, own) {
            if happening.kind == HappeningKind::PriceChanged {
                prices_changed += 1;
                if prices_changed % PRICES_BELIEVED == 0 {
                    venues.extend(known.keys().map(|venue| (*venue, happening.product.map(ProductId))));
                }
            } else if happening.kind != HappeningKind::Fault {
                venues.extend(happening.venue.map(|venue| (VenueId(venue), None)));
            }
        }
        for (venue, repriced) in venues {
            let before = &known[&venue];
            let mut after = read(&world, &brand, before, starts, now);
            if let Some(product) = repriced {
                reprice(&mut after, &world.brand(&brand).expect("the brand").menu, product);
            }
            for change in diff(&before.picture, &after.picture) {
                let (subject, body) = format::encode_change(&change);
                history.add(&brand, venue, now, &subject, &body).await;
            }
            known.insert(venue, after);
        }
    }
    let lines = history.close().await;
    let mut commit = Commit::default();
    commit.stored = known.keys().map(|venue| (*venue, Stored { snapshot: true, catalog: true })).collect();
    commit.venues = known.into_values().map(Arc::new).collect();
    store.commit(&brand, &commit, life.ends).await.expect("what is known is stored");
    store.close().await;
    lines
}

/// Returns when something happens that the restaurants' own time puts there: they live six hours of each day.
fn evening(starts: Timestamp, own: Timestamp) -> Timestamp {
    let midnight = Timestamp::from_unix_ms(starts.unix_ms() - starts.unix_ms() % 86_400_000);
    let first = midnight.plus(BEGINS_AT);
    let first = if first < starts { first.plus(DAY) } else { first };
    let lived = own.since(starts);
    let services = u32::try_from(lived.as_millis() / SERVICE.as_millis()).expect("few");
    first.plus(DAY * services).plus(lived.saturating_sub(SERVICE * services))
}

/// Takes the new price of a product, in the base and in the lists.
fn reprice(snapshot: &mut Snapshot, menu: &Menu, id: ProductId) {
    let catalog = snapshot.picture.catalog.edit();
    if let (Some(product), Some(row)) = (catalog.products.get_mut(&id), menu.products.get(&id)) {
        product.price = row.price;
    }
    for (key, row) in menu.prices.iter().filter(|((_, product), _)| *product == id) {
        catalog.prices.insert(*key, row.price);
    }
}

/// Everything read once, before anything is news.
fn first_sight(world: &World, brand: &BrandId, now: Timestamp) -> BTreeMap<VenueId, Snapshot> {
    let chain = world.brand(brand).expect("the brand");
    let catalog = catalog_of(&chain.menu);
    let snapshot = |(id, place): (&VenueId, &eightysix::simulator::world::Venue)| {
        let mut snapshot = Snapshot::unread(Venue { id: *id, name: place.name.clone(), active: true });
        snapshot.picture.catalog = eightysix::catalog::SharedCatalog::new(catalog.clone());
        snapshot.catalog_read_at = Some(now);
        snapshot.stations_read_at = Some(now);
        snapshot.prices_read_at = Some(now);
        (*id, read(world, brand, &snapshot, now, now))
    };
    chain.venues.iter().map(snapshot).collect()
}

/// Reads a venue: its list and its stations. What the restaurants wrote in their own time is of this evening.
fn read(world: &World, brand: &BrandId, before: &Snapshot, starts: Timestamp, now: Timestamp) -> Snapshot {
    let place = world.venue(brand, before.id()).expect("a venue of the brand");
    let entry = |(id, stop): (&ProductId, &eightysix::simulator::world::Stop)| StopEntry {
        product: *id,
        limit: stop.limit,
        updated_at: Some(evening(starts, stop.at)),
    };
    let entries = place.stop_list.iter().map(entry).collect();
    let mut after = before.fold(again::stop_list(entries), now);
    if let Some(second) = again::second_look(&after) {
        after = after.fold(second, now);
    }
    let stations: BTreeMap<_, _> = place.stations.iter().map(|(id, row)| (*id, station_of(row))).collect();
    if after.picture.catalog.stations != stations {
        after.picture.catalog.edit().stations = stations;
    }
    after
}

/// Returns the catalog of the simulated menu, with its stations.
pub(crate) fn menu(now: Timestamp) -> Catalog {
    let menu = Menu::built_in(now);
    let stations = menu.stations.iter().map(|(id, row)| (*id, station_of(row))).collect();
    Catalog { stations, ..catalog_of(&menu) }
}

fn station_of(row: &eightysix::simulator::menu::Station) -> Station {
    let eightysix::simulator::menu::Station { id, name, active, kitchen, printable, .. } = row;
    Station { id: *id, name: name.clone(), active: *active, kitchen: *kitchen, printable: *printable }
}

fn catalog_of(menu: &Menu) -> Catalog {
    let part =
        |part: &eightysix::simulator::menu::Part| RecipePart { ingredient: part.ingredient, gross: Some(part.gross) };
    let product = |row: &eightysix::simulator::menu::Product| Product {
        id: row.id,
        parent: row.parent,
        station: row.station,
        category: row.category,
        category_name: row.category.and_then(|id| menu.categories.get(&id).cloned()),
        kind: ProductKind::from_word(row.kind.word()),
        name: row.name.clone(),
        full_name: row.full_name.clone(),
        active: row.active,
        hidden: row.hidden,
        sold_by_weight: row.sold_by_weight,
        has_variants: false,
        price: row.price,
        cost_price: row.cost_price,
        cooking_time_min: row.cooking_time_min,
        inventory: match row.kind {
            Kind::Dish | Kind::Preparation => InventoryBehavior::MinusIngredients,
            Kind::Goods | Kind::Ingredient | Kind::Modification => InventoryBehavior::MinusSelf,
            Kind::Timer => InventoryBehavior::Passive,
        },
        low_stock: (row.low_stock > 0).then(|| Quantity::whole(i64::from(row.low_stock))),
        tags: Vec::new(),
        recipe: row.recipe.iter().map(part).collect(),
        modifiers: Vec::new(),
    };
    let list = |row: &eightysix::simulator::menu::PriceList| PriceList {
        id: row.id,
        name: row.name.to_owned(),
        active: row.active,
    };
    Catalog {
        products: menu.products.iter().map(|(id, row)| (*id, product(row))).collect(),
        stations: BTreeMap::new(),
        price_lists: menu.price_lists.iter().map(|(id, row)| (*id, list(row))).collect(),
        prices: menu.prices.iter().map(|(key, row)| (*key, row.price)).collect(),
    }
}

/// The history's table, written fast.
struct History {
    connection: SqliteConnection,
    lines: u64,
    open: usize,
}

impl History {
    async fn open(path: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Wal);
        let options = options.synchronous(SqliteSynchronous::Off);
        Self { connection: options.connect().await.expect("the database"), lines: 0, open: 0 }
    }

    async fn add(&mut self, brand: &BrandId, venue: VenueId, at: Timestamp, subject: &str, body: &str) {
        if self.open == 0 {
            self.run("BEGIN").await;
        }
        sqlx::query("INSERT INTO history (brand, venue, at_ms, subject, body) VALUES ($1, $2, $3, $4, $5)")
            .bind(brand.as_str())
            .bind(venue.0.cast_signed())
            .bind(at.unix_ms())
            .bind(subject)
            .bind(body)
            .execute(&mut self.connection)
            .await
            .expect("a line");
        self.lines += 1;
        self.open += 1;
        if self.open == BATCH {
            self.open = 0;
            self.run("COMMIT").await;
        }
    }

    async fn run(&mut self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.connection).await.expect("a transaction");
    }

    async fn close(mut self) -> u64 {
        if self.open > 0 {
            self.run("COMMIT").await;
        }
        self.connection.close().await.expect("closed");
        self.lines
    }
}
