//! What 1,000 rules cost in a venue with 300 items on its stop list and 1,500 products: one evaluation, and one step of
//! the engine with a list that is the same and with one in which a dish ran out.
//!
//! `cargo bench --bench rules` prints what criterion measures, and then the quickest sample of each beside a floor of the
//! same run: 300,000 comparisons of a limit with a number, as many as there are rules times items.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use eightysix::alerts::group::{Route, Way};
use eightysix::alerts::notice::ReceiverName;
use eightysix::alerts::render::Messages;
use eightysix::alerts::report::Reports;
use eightysix::board::Setting;
use eightysix::calendar::{Calendar, Calendars, ClockSpan, Schedule};
use eightysix::catalog::{InventoryBehavior, PriceList, Product, ProductKind, RecipePart, Station, StopEntry, Venue};
use eightysix::clock;
use eightysix::document::Problems;
use eightysix::engine::{Engine, Input, Memory, Policy};
use eightysix::language::Language;
use eightysix::poll;
use eightysix::poll::quota::Quota;
use eightysix::rules::evaluate::evaluate_venue;
use eightysix::rules::parse::{self, RuleFile};
use eightysix::rules::subject::VenueView;
use eightysix::rules::{RuleSet, SubjectKind};
use eightysix::snapshot::{Access, Reading};
use eightysix::units::{
    BrandId, CategoryId, Money, PriceListId, ProductId, Quantity, StationId, Timestamp, VenueId, Zone,
};

const RULES: u64 = 1_000;
const ROWS: u64 = 300;
const PRODUCTS: u64 = 1_500;
const STATIONS: u64 = 12;
const CATEGORIES: u64 = 50;
/// Every fifth product has a row, and every sixth row is out.
const ROW_EVERY: u64 = PRODUCTS / ROWS;
const OUT_EVERY: u64 = 6;
const VENUE: VenueId = VenueId(1);
/// A Friday evening in Baku, within the window of dinner.
const START: Timestamp = Timestamp::from_unix_ms(1_780_063_200_000);
/// So long after the last look that the engine looks again although nothing changed.
const LATER: Duration = Duration::from_secs(6);

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(50);
    let policy = Arc::new(policy());
    let engine = watching(&policy);
    let limits = limits();
    let quickest = RefCell::new(Vec::new());
    let mut measure = |name: &'static str, work: &mut dyn FnMut()| {
        let mut least = f64::INFINITY;
        criterion.bench_function(&format!("rules/{name}"), |bencher| {
            bencher.iter_custom(|times| {
                let begun = clock::uptime();
                (0..times).for_each(|_| work());
                let took = clock::uptime().since(begun);
                #[expect(clippy::cast_precision_loss, reason = "a time for people")]
                let one = took.as_secs_f64() / times as f64;
                least = least.min(one);
                took
            });
        });
        quickest.borrow_mut().push((name, least));
    };

    measure("floor", &mut || plain_comparisons(black_box(&limits)));
    let snapshot = &engine.memory().venues[&VENUE];
    let (brand, access) = (engine.brand(), &engine.memory().access);
    let calendar = policy.calendars.of(brand, VENUE);
    let view = VenueView { brand, access, snapshot, freshness_limits: engine.limits(), calendar };
    let now = START.plus(LATER);
    measure("evaluation", &mut || drop(black_box(evaluate_venue(&policy.rules, &view, now))));
    let step = |list: &Reading| drop(black_box(engine.step(Input::Reading(VENUE, list.clone()), now)));
    let (same, changed) = (list(None), list(Some(ROW_EVERY)));
    measure("step, the same list", &mut || step(&same));
    measure("step, a dish ran out", &mut || step(&changed));
    criterion.final_summary();

    let quickest = quickest.into_inner();
    let floor = quickest.first().map_or(f64::NAN, |(_, floor)| *floor);
    let found = evaluate_venue(&policy.rules, &view, now).findings.len();
    println!("{RULES} rules, {ROWS} items, {PRODUCTS} products, {found} findings; quickest samples:");
    for (name, least) in quickest {
        println!("{name:>22}: {:.3} ms, {:.1} times the floor", least * 1e3, least / floor);
    }
}

/// The floor: every rule asks of every item no more than whether its limit is at most some number.
fn plain_comparisons(limits: &[Quantity]) {
    for rule in 0..RULES {
        let most = Quantity::whole(black_box(i64::try_from(rule).expect("small")));
        black_box(limits.iter().filter(|limit| **limit <= most).count());
    }
}

/// Rules as a chain would write them, mixed: most ask for a row of the stop list first, one in a hundred looks at
/// every product.
fn rules() -> RuleSet {
    let rule = |n: u64| {
        let (category, station) = (n % CATEGORIES, n % STATIONS);
        let asks = match n % 100 {
            0 => "when: { blocked_by: { is: set }, product.status: active }".to_owned(),
            1..20 => format!(
                "when: {{ limit: {{ at_most: 0 }}, product.category: Category {category}, product.type: [DISH, GOODS], \
                 product.status: active, product.hidden: false, station.status: active }}"
            ),
            20..35 => {
                format!(
                    "when: {{ low: true, station.name: Station {station} }}\n    keep_while: {{ near_low: true, station.name: Station {station} }}"
                )
            }
            35..45 => {
                format!("when: {{ limit: {{ at_most: 3 }}, product.name: {{ matches: \"(?i).*dish {category}.*\" }} }}")
            }
            45..55 => format!(
                "expr: \"limit > 0 && limit * 5 <= product.low_stock && product.category == 'Category {category}'\""
            ),
            55..65 => format!(
                "expr: \"sold_out && product.price - product.cost_price >= 8.0 && 'tag {station}' in product.tags\""
            ),
            65..75 => {
                format!("when: {{ sold_out: true, product.category: Category {category} }}\n    during: [dinner]")
            }
            75..80 => {
                format!("when: {{ sold_out: true, product.category: Category {category} }}\n    during: [breakfast]")
            }
            80..85 => {
                format!("when: {{ stopped_for: {{ at_least: 45m }}, product.tags: tag {category}, venue.open: true }}")
            }
            85..90 => format!(
                "when: {{ sold_out: true, any: [{{ product.id: [{n}, {category}] }}, {{ prices.Hall: {{ above: {n} }} }}] }}"
            ),
            90..94 => format!(
                "when: {{ sold_out: true, product.type: [INGREDIENT, PREPARATION], blocks: {{ at_least: {category} }} }}"
            ),
            94..98 => format!(
                "subject: station\n    when: {{ station.status: inactive, station.products: {{ at_least: {station} }} }}"
            ),
            _ => format!("subject: venue\n    when: {{ venue.reading: blind, reading.age: {{ at_least: {n}m }} }}"),
        };
        format!("  - name: rule-{n}\n    {asks}\n    for: 20s\n    clear_for: 1m\n    notify: [kitchen, managers]\n")
    };
    let text = std::iter::once("rules:\n".to_owned()).chain((0..RULES).map(rule)).collect::<String>();
    let mut problems = Problems::new();
    let rules = parse::parse(&[RuleFile { name: "rules.yaml".into(), bytes: text.into_bytes() }], &mut problems).rules;
    assert!(problems.is_empty(), "{problems:?}");
    rules
}

fn policy() -> Policy {
    let rules = rules();
    let zone = Zone::named("Asia/Baku").expect("a zone");
    let day_starts = jiff::civil::time(4, 0, 0, 0);
    let daily = |text: &str| Schedule::daily(&[ClockSpan::parse(text).expect("a span")]);
    let windows = [("dinner", "17:00-23:00"), ("breakfast", "08:00-11:00")];
    let windows: BTreeMap<_, _> = windows.iter().map(|(name, text)| ((*name).to_owned(), daily(text))).collect();
    let calendar = Calendar::plain(zone.clone(), day_starts).with_hours(Some(daily("08:00-23:30")), None);
    let route = |(name, way): (&str, Way)| {
        let receiver = ReceiverName::new(name);
        (
            receiver.clone(),
            Route {
                receiver,
                language: Language::En,
                group_wait: Duration::from_mins(1),
                quiet: None,
                at_most: None,
                reports: Reports::default(),
                ways: vec![way],
            },
        )
    };
    Policy {
        messages: Messages::compile(&rules, &zone, Language::En).expect("messages that compile"),
        rules,
        routes: [("kitchen", Way::Webhook), ("managers", Way::Email)].into_iter().map(route).collect(),
        feeds: Vec::new(),
        links: None,
        calendars: Calendars::of_all(calendar.with_windows(windows)),
        setting: Setting { boot: "bench".to_owned(), language: Language::En, zone, day_starts },
    }
}

/// An engine that read the venue, told of everything that is out, and looked at it again since.
fn watching(policy: &Arc<Policy>) -> Engine {
    let brand = BrandId::new("sahil").expect("a slug");
    let limits = Quota::new(15, 240, &poll::Settings::default()).limits();
    let mut engine = Engine::new(brand, policy.clone(), limits, Memory::default());
    let absence_counts = true;
    let list_of_prices = PriceList { id: PriceListId(1), name: "Hall".to_owned(), active: true };
    let price = |id: u64| ((PriceListId(1), ProductId(id)), money(id % 40));
    let read = [
        Input::Venues(vec![Venue { id: VENUE, name: "Sahil".to_owned(), active: true }]),
        Input::Access(Access::Granted),
        Input::Reading(
            VENUE,
            Reading::Products {
                products: (1..=PRODUCTS).map(product).collect(),
                unreadable: Vec::new(),
                absence_counts,
            },
        ),
        Input::Reading(
            VENUE,
            Reading::Stations {
                stations: (0..STATIONS).map(station).collect(),
                unreadable: Vec::new(),
                absence_counts,
            },
        ),
        Input::OfBrand(Reading::Prices {
            lists: vec![list_of_prices],
            prices: (1..=PRODUCTS).map(price).collect(),
            absence_counts,
        }),
        Input::Reading(VENUE, list(None)),
    ];
    let mut take = |input, before: Duration| {
        let commit = engine.step(input, START.minus(before));
        engine.adopt(commit);
    };
    for input in read {
        take(input, Duration::from_secs(90));
    }
    for before_s in [60, 30, 0] {
        take(Input::Reading(VENUE, list(None)), Duration::from_secs(before_s));
        take(Input::Tick, Duration::from_secs(before_s));
    }
    let kinds = [SubjectKind::Item, SubjectKind::Station];
    for kind in kinds {
        assert!(
            engine.memory().book.iter().any(|(key, _)| key.subject.kind() == kind),
            "an alert about a {}",
            kind.word()
        );
    }
    engine
}

fn product(id: u64) -> Product {
    let kind = match id % 9 {
        0 | 1 => ProductKind::Ingredient,
        2 => ProductKind::Preparation,
        3..=5 => ProductKind::Goods,
        _ => ProductKind::Dish,
    };
    // Dishes are made of ingredients and preparations near them.
    let part = |back: u64| RecipePart { ingredient: ProductId(id - id % 9 + back), gross: None };
    let recipe = if kind == ProductKind::Dish { vec![part(0), part(1), part(2)] } else { Vec::new() };
    let category = id / ROW_EVERY % CATEGORIES;
    Product {
        id: ProductId(id),
        parent: None,
        station: Some(StationId(id % STATIONS)),
        category: Some(CategoryId(category)),
        category_name: Some(format!("Category {category}")),
        kind,
        name: format!("Dish {id}"),
        full_name: format!("Dish {id}"),
        active: true,
        hidden: id.is_multiple_of(40),
        sold_by_weight: false,
        has_variants: false,
        price: money(id % 60),
        cost_price: money(id % 20),
        cooking_time_min: 20,
        inventory: InventoryBehavior::MinusSelf,
        low_stock: Some(Quantity::whole(5)),
        tags: vec![format!("tag {}", id % 7), format!("tag {}", id % 11)],
        recipe,
        modifiers: Vec::new(),
    }
}

fn station(id: u64) -> Station {
    Station { id: StationId(id), name: format!("Station {id}"), active: id != 3, kitchen: true, printable: true }
}

fn money(units: u64) -> Money {
    Money::from_ten_thousandths(i64::try_from(units).expect("small") * 10_000 + 5_000)
}

/// The stop list; with `out`, one more product has nothing left.
fn list(out: Option<u64>) -> Reading {
    let limit = |row: u64| match row {
        row if row.is_multiple_of(OUT_EVERY) || Some(row * ROW_EVERY) == out => 0,
        row => i64::try_from(row % 20).expect("small") + 1,
    };
    let entry = |row: u64| StopEntry {
        product: ProductId(row * ROW_EVERY),
        limit: Quantity::whole(limit(row)),
        updated_at: None,
    };
    Reading::StopList { entries: (1..=ROWS).map(entry).collect(), unreadable: Vec::new(), whole: true }
}

fn limits() -> Vec<Quantity> {
    let Reading::StopList { entries, .. } = list(None) else { return Vec::new() };
    entries.into_iter().map(|entry| entry.limit).collect()
}
