//! The chain of every life: its menu, its stations, the rules that reloads turn over, and who is told.

use std::collections::BTreeMap;
use std::time::Duration;

use eightysix::alerts::group::{Route, Way};
use eightysix::alerts::notice::ReceiverName;
use eightysix::alerts::render::Messages;
use eightysix::alerts::report::Reports;
use eightysix::board::Setting;
use eightysix::calendar::{Calendar, Calendars, ClockSpan, QuietHours, Schedule};
use eightysix::document::Problems;
use eightysix::engine::Policy;
use eightysix::language::Language;
use eightysix::rules::parse::{self, RuleFile};
use eightysix::simulator::menu::{Kind, Part, Product};
use eightysix::simulator::plan::{BrandPlan, WorldPlan};
use eightysix::simulator::world::World;
use eightysix::topics::BaseTopic;
use eightysix::units::{BrandId, CategoryId, ProductId, Quantity, StationId, Timestamp, VenueId, VenueKey, Zone};

use crate::prices::FIRST_PRICE;
use crate::reference::{About, DishRule};
use crate::reports::{self, HOUSE};
use crate::script::{DISHES, RULE_SETS, Script};
use crate::sets::{Of, SetRule};

/// How long a mail waits for more.
pub(crate) const GROUP_WAIT: Duration = Duration::from_mins(1);
/// After so long the office is reminded of what is low, and the kitchen hears of it, by the set of rules that says so.
pub(crate) const REMINDED: (&str, Duration) = ("remind: 2m", Duration::from_mins(2));
pub(crate) const ESCALATED: Duration = Duration::from_mins(3);
/// The brand.
pub(crate) const BRAND: &str = "sahil";

/// What the first dishes are cooked of, and the product of which the last dishes are sizes.
pub(crate) const INGREDIENT: ProductId = ProductId(301);
const WINE: ProductId = ProductId(302);
const SIZES: usize = 2;
/// So many dishes, the first ones, need the ingredient.
pub(crate) const COOKED_OF_INGREDIENT: usize = 4;
/// The category of each dish; the sizes belong to that of their product.
const CATEGORIES: [u64; DISHES] = [1, 1, 2, 2, 1, 2, 2, 2];
/// Rows that only make the menu longer than a page: so many stand before the dishes that a page ends among these.
const LONG_MENU: [std::ops::RangeInclusive<u64>; 2] = [1..=96, 1_000..=1_030];
/// So many rows before the dishes are deleted at once, and as many at the beginning of the next page change to the page
/// before.
const ROWS_THAT_GO: usize = 4;

/// A set of rules.
pub(crate) struct RuleSet {
    /// Its text.
    pub(crate) text: &'static str,
    /// What it says of dishes that are out.
    pub(crate) dishes: &'static [DishRule],
    /// What it says of dishes that are out together.
    pub(crate) sets: &'static [SetRule],
    /// Its rules about sets and about anything else but dishes that are out, and whom they name.
    pub(crate) others: &'static [(&'static str, &'static [&'static str])],
}

/// The sets of rules that reloads turn over.
pub(crate) const RULES: [RuleSet; RULE_SETS] = [
    RuleSet {
        text: "rules:
  - { name: out, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 10s, clear_for: 20s,
      notify: [office, kitchen, managers], group_by: [venue, station], resolved_message: { ru: 'ends {{ item.name }}' },
      message: { az: 'begins {{ item.name }}', ru: 'begins {{ item.name }}', en: 'begins {{ item.name }}' } }
  - { name: low, when: { low: true }, clear_for: 15s, notify: [office] }
  - { name: soon, when: { runs_out_in: { at_most: 30m } }, notify: [office] }
  - { name: off, subject: station, when: { station.status: inactive }, clear_for: 10s, notify: [office] }
  - { name: blind, subject: venue, when: { venue.reading: blind }, for: 1m, notify: [office] }
  - { name: refused, subject: brand, when: { brand.access: refused }, notify: [office] }
  - { name: thin, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 10s, clear_for: 20s,
      at_least: { count: 2, of: category }, notify: [managers, office], resolved_message: 'ends {{ set.name }}',
      message: 'begins {{ set.name }}' }
  - { name: chain, when: { limit: { at_most: 0 }, product.status: active }, for: 10s, clear_for: 15s,
      at_least: { count: 2, of: venues }, notify: [kitchen, office] }",
        dishes: &[DishRule {
            name: "out",
            about: About::Out,
            hold_for: Duration::from_secs(10),
            clear_for: Duration::from_secs(20),
            notify: &["kitchen", "managers", "office"],
            tells_ends: true,
            explained_to: &[],
        }],
        sets: &[
            SetRule {
                name: "thin",
                of: Of::Category,
                count: 2,
                is_cooked: true,
                keeps_until: 0,
                hold_for: Duration::from_secs(10),
                clear_for: Duration::from_secs(20),
            },
            SetRule {
                name: "chain",
                of: Of::Venues,
                count: 2,
                is_cooked: false,
                keeps_until: 0,
                hold_for: Duration::from_secs(10),
                clear_for: Duration::from_secs(15),
            },
        ],
        others: &[
            ("low", &["office"]),
            ("soon", &["office"]),
            ("off", &["office"]),
            ("blind", &["office"]),
            ("refused", &["office"]),
            ("thin", &["managers", "office"]),
            ("chain", &["kitchen", "office"]),
        ],
    },
    RuleSet {
        text: "rules:
  - { name: out, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 30s, clear_for: 15s,
      severity: critical, notify: [managers, office], group_by: [venue, station], message: 'begins {{ item.name }}',
      resolved_message: 'ends {{ item.name }}' }
  - { name: dear, event: price_changed, notify: [office] }
  - { name: taken, event: product_removed, notify: [office] }
  - { name: off, subject: station, when: { station.status: inactive }, notify: [kitchen, office] }
  - { name: idle, when: { limit: { at_most: 0 }, product.status: active }, clear_for: 10s,
      at_least: { count: 3, of: station }, notify: [managers, office], resolved_message: 'ends {{ set.name }}',
      message: 'begins {{ set.name }}' }
  - { name: chain, when: { limit: { at_most: 0 }, product.status: active }, for: 20s,
      at_least: { count: 2, of: venues }, notify: [office] }",
        dishes: &[DishRule {
            name: "out",
            about: About::Out,
            hold_for: Duration::from_secs(30),
            clear_for: Duration::from_secs(15),
            notify: &["managers", "office"],
            tells_ends: true,
            explained_to: &[],
        }],
        sets: &[
            SetRule {
                name: "idle",
                of: Of::Station,
                count: 3,
                is_cooked: false,
                keeps_until: 0,
                hold_for: Duration::ZERO,
                clear_for: Duration::from_secs(10),
            },
            SetRule {
                name: "chain",
                of: Of::Venues,
                count: 2,
                is_cooked: false,
                keeps_until: 0,
                hold_for: Duration::from_secs(20),
                clear_for: Duration::ZERO,
            },
        ],
        others: &[("off", &["kitchen", "office"]), ("idle", &["managers", "office"]), ("chain", &["office"])],
    },
    RuleSet {
        text: "rules:
  - { name: gone, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, clear_for: 20s,
      notify: [office, kitchen], message: 'begins {{ item.name }}', resolved_message: 'ends {{ item.name }}' }
  - { name: low, when: { low: true }, for: 10s, clear_for: 15s, notify: [office], remind: 2m,
      escalate: { after: 3m, to: [kitchen] } }
  - { name: everywhere, when: { limit: { at_most: 0 }, station.status: active, product.status: active },
      keep_while: { limit: { at_most: 2 }, station.status: active, product.status: active }, clear_for: 10s,
      at_least: { count: 2, of: venues }, notify: [kitchen, office] }",
        dishes: &[DishRule {
            name: "gone",
            about: About::Out,
            hold_for: Duration::ZERO,
            clear_for: Duration::from_secs(20),
            notify: &["kitchen", "office"],
            tells_ends: true,
            explained_to: &[],
        }],
        sets: &[SetRule {
            name: "everywhere",
            of: Of::Venues,
            count: 2,
            is_cooked: true,
            keeps_until: 2,
            hold_for: Duration::ZERO,
            clear_for: Duration::from_secs(10),
        }],
        others: &[("low", &["office"]), ("everywhere", &["kitchen", "office"])],
    },
    RuleSet {
        text: "rules:
  - { name: lacks, when: { blocked_by: { is: set }, station.status: active, product.status: active }, for: 10s, clear_for: 10s,
      notify: [kitchen, office], send_resolved: false }
  - { name: short, when: { limit: { at_most: 0 }, station.status: active, product.status: active },
      keep_while: { limit: { at_most: 2 }, station.status: active, product.status: active }, clear_for: 10s, notify: [office] }
  - { name: late, during: night, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 10s,
      clear_for: 10s, notify: [kitchen, office] }
  - { name: dear, event: price_changed, notify: [office] }
  - { name: taken, event: product_removed, notify: [office] }
  - { name: scarce, when: { limit: { at_most: 0 }, product.status: active }, for: 10s,
      keep_while: { limit: { at_most: 2 }, product.status: active },
      at_least: { count: 3, of: category }, notify: [office] }",
        dishes: &[
            DishRule {
                name: "lacks",
                about: About::OutOfIngredient,
                hold_for: Duration::from_secs(10),
                clear_for: Duration::from_secs(10),
                notify: &["kitchen", "office"],
                tells_ends: false,
                explained_to: &[],
            },
            DishRule {
                name: "short",
                about: About::OutUntilThree,
                hold_for: Duration::ZERO,
                clear_for: Duration::from_secs(10),
                notify: &["office"],
                tells_ends: true,
                explained_to: &[],
            },
            DishRule {
                name: "late",
                about: About::OutAtNight,
                hold_for: Duration::from_secs(10),
                clear_for: Duration::from_secs(10),
                notify: &["kitchen", "office"],
                tells_ends: true,
                explained_to: &[],
            },
        ],
        sets: &[SetRule {
            name: "scarce",
            of: Of::Category,
            count: 3,
            is_cooked: false,
            keeps_until: 2,
            hold_for: Duration::from_secs(10),
            clear_for: Duration::ZERO,
        }],
        others: &[("scarce", &["office"])],
    },
    RuleSet {
        text: "rules:
  - { name: soon, when: { runs_out_in: { at_most: 30m } }, notify: [office] }
  - { name: bare, when: { limit: { at_most: 0 }, product.type: INGREDIENT }, for: 10s, clear_for: 20s, notify: [office] }
  - { name: spent, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 5s, clear_for: 10s,
      notify: [kitchen, office] }
  - { name: bereft, when: { limit: { at_most: 0 }, product.status: active }, clear_for: 5s,
      at_least: { count: 2, of: station }, notify: [kitchen, office] }",
        dishes: &[DishRule {
            name: "spent",
            about: About::Out,
            hold_for: Duration::from_secs(5),
            clear_for: Duration::from_secs(10),
            notify: &["kitchen", "office"],
            tells_ends: true,
            explained_to: &["office"],
        }],
        sets: &[SetRule {
            name: "bereft",
            of: Of::Station,
            count: 2,
            is_cooked: false,
            keeps_until: 0,
            hold_for: Duration::ZERO,
            clear_for: Duration::from_secs(5),
        }],
        others: &[("bare", &["office"]), ("soon", &["office"]), ("bereft", &["kitchen", "office"])],
    },
];
/// The rule about the ingredient itself, which is the cause of what is said of the dishes that are cooked of it.
pub(crate) const CAUSE: DishRule = DishRule {
    name: "bare",
    about: About::Out,
    hold_for: Duration::from_secs(10),
    clear_for: Duration::from_secs(20),
    notify: &["office"],
    tells_ends: true,
    explained_to: &[],
};

/// Opens a small chain: two stations with four dishes each, those of the first of one ingredient and two of the others
/// sizes of a wine, nothing on any stop list.
pub(crate) fn open_world(
    script: &Script,
    brand: &BrandId,
    begun_at: Timestamp,
) -> (World, Vec<(ProductId, StationId)>) {
    let plan = BrandPlan::new(BRAND, "client", "secret", script.venues).expect("a slug");
    let mut world = World::new(&WorldPlan { brands: vec![plan], ..WorldPlan::demo(1, 1) }, begun_at);
    let menu = &world.brand(brand).expect("known").menu;
    let stations: Vec<StationId> = menu.stations.keys().copied().take(2).collect();
    for id in menu.products.keys().copied().collect::<Vec<_>>() {
        world.remove_product(brand, id).expect("known");
    }
    let mut add = |product: Product| world.add_product(brand, product).expect("a free id");
    add(Product::plain(INGREDIENT, Kind::Ingredient, "flour", begun_at));
    let category = Some(CategoryId(CATEGORIES[DISHES - 1]));
    add(Product { station: Some(stations[1]), category, ..Product::plain(WINE, Kind::Goods, "wine", begun_at) });
    let part = Part { ingredient: INGREDIENT, gross: Quantity::whole(1), net: Quantity::whole(1) };
    let mut dishes = Vec::new();
    for dish in 0..DISHES {
        let (id, station) = (ProductId(101 + dish as u64), stations[dish * 2 / DISHES]);
        let is_size = dish >= DISHES - SIZES;
        let kind = if is_size { Kind::Modification } else { Kind::Dish };
        add(Product {
            station: Some(station),
            parent: is_size.then_some(WINE),
            category: (!is_size).then_some(CategoryId(CATEGORIES[dish])),
            recipe: if dish < COOKED_OF_INGREDIENT { vec![part] } else { Vec::new() },
            low_stock: 3,
            price: FIRST_PRICE,
            ..Product::plain(id, kind, &format!("dish {}", id.0), begun_at)
        });
        dishes.push((id, station));
    }
    for id in LONG_MENU.into_iter().flatten().filter(|_| script.has_pages) {
        add(Product::plain(ProductId(id), Kind::Dish, &format!("cake {id}"), begun_at));
    }
    (world, dishes)
}

/// Returns the category to which a dish belongs, of those that [`open_world`] returns.
pub(crate) fn category_of(dish: usize) -> CategoryId {
    CategoryId(CATEGORIES[dish])
}

/// Deletes the first rows of a long menu, and returns what they were.
pub(crate) fn delete_rows(world: &mut World, brand: &BrandId) -> Vec<ProductId> {
    let products = &world.brand(brand).expect("known").menu.products;
    let rows = products.keys().filter(|id| LONG_MENU[0].contains(&id.0));
    let first: Vec<ProductId> = rows.take(ROWS_THAT_GO).copied().collect();
    for id in &first {
        world.remove_product(brand, *id).expect("known");
    }
    first
}

/// What everybody reads who has no other language.
const COMMON: Language = Language::Ru;

/// Returns what a receiver reads: each another language, so that none is the same by luck.
pub(crate) fn language_of(receiver: &str) -> Language {
    match receiver {
        "managers" => Language::Az,
        "office" | HOUSE => Language::En,
        _ => COMMON,
    }
}

/// Returns what every payload says alike.
pub(crate) fn setting(zone: &Zone) -> Setting {
    Setting { boot: "life".to_owned(), language: COMMON, zone: zone.clone(), day_starts: jiff::civil::time(4, 0, 0, 0) }
}

/// How the managers want their mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Habits {
    /// They sleep at night.
    pub(crate) they_sleep: bool,
    /// How many mails an hour they read.
    pub(crate) at_most: Option<u32>,
}

/// When something is on, as the configuration says it.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    /// The window of that name, and the quiet hours.
    pub(crate) night: String,
    /// The doors of venues.
    pub(crate) doors: BTreeMap<VenueId, String>,
}

/// Returns who is told what: screens and systems at once, managers by mail that waits a minute for more, the house by
/// reports.
pub(crate) fn policy(rules: &str, zone: &Zone, hours: &Hours, habits: Habits) -> Policy {
    let mut problems = Problems::new();
    let file = RuleFile { name: "life.yaml".into(), bytes: rules.as_bytes().to_vec() };
    let rules = parse::parse(&[file], &mut problems).rules;
    if let Some(report) = problems.into_report() {
        panic!("the rules: {report}");
    }
    let messages = Messages::compile(&rules, zone, COMMON).unwrap_or_else(|bad| panic!("the messages: {bad:?}"));
    let topics = BaseTopic::new("eightysix").expect("a base topic");
    let daily = |span: &str| Schedule::daily(&[ClockSpan::parse(span).expect("a span")]);
    let night = daily(&hours.night);
    let route = |(name, way): (&str, Way)| {
        let receiver = ReceiverName::new(name);
        let sleeps = habits.they_sleep && way == Way::Email;
        let at_most = habits.at_most.filter(|_| way == Way::Email);
        let quiet = sleeps.then(|| QuietHours::new(night.clone(), zone.clone()).expect("a day as well"));
        (
            receiver.clone(),
            Route {
                language: language_of(name),
                receiver,
                group_wait: GROUP_WAIT,
                quiet,
                at_most,
                reports: if name == HOUSE { reports::asked_for() } else { Reports::default() },
                ways: vec![way],
            },
        )
    };
    let ways = [
        ("kitchen", Way::Mqtt(topics.clone())),
        ("managers", Way::Email),
        ("office", Way::Webhook),
        (HOUSE, Way::Email),
    ];
    let windows = BTreeMap::from([("night".to_owned(), night.clone())]);
    let plain = Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0)).with_windows(windows);
    let mut calendars = Calendars::of_all(plain.clone());
    for (venue, doors) in &hours.doors {
        let key = VenueKey { brand: BrandId::new(BRAND).expect("a slug"), venue: *venue };
        calendars.set_venue(key, plain.clone().with_hours(Some(daily(doors)), None));
    }
    Policy {
        rules,
        messages,
        routes: ways.into_iter().map(route).collect(),
        feeds: vec![(ReceiverName::new("feed"), topics)],
        setting: setting(zone),
        links: None,
        calendars,
    }
}
