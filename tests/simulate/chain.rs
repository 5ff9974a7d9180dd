//! The chain of every life: its menu, its stations, the rules that reloads turn over, and who is told.

use std::time::Duration;

use eightysix::alerts::group::{Route, Way};
use eightysix::alerts::notice::ReceiverName;
use eightysix::alerts::render::Messages;
use eightysix::board::Setting;
use eightysix::calendar::{Calendar, Calendars};
use eightysix::document::Problems;
use eightysix::engine::Policy;
use eightysix::rules::parse::{self, RuleFile};
use eightysix::simulator::menu::{Kind, Product};
use eightysix::simulator::plan::{BrandPlan, WorldPlan};
use eightysix::simulator::world::World;
use eightysix::topics::BaseTopic;
use eightysix::units::{BrandId, ProductId, StationId, Timestamp, Zone};

use crate::reference::OutRule;
use crate::script::{DISHES, RULE_SETS, Script};

/// How long a mail waits for more.
pub(crate) const GROUP_WAIT: Duration = Duration::from_mins(1);
/// The brand.
pub(crate) const BRAND: &str = "sahil";

/// Each set of rules: its text, and what it says of dishes that are out.
pub(crate) const RULES: [(&str, OutRule); RULE_SETS] = [
    (
        "rules:
  - { name: out, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 10s, clear_for: 20s,
      notify: [office, kitchen, managers], message: 'begins {{ item.name }}', resolved_message: 'ends {{ item.name }}' }
  - { name: low, when: { low: true }, clear_for: 15s, notify: [office] }
  - { name: off, subject: station, when: { station.status: inactive }, clear_for: 10s, notify: [office] }
  - { name: blind, subject: venue, when: { venue.reading: blind }, for: 1m, notify: [office] }
  - { name: refused, subject: brand, when: { brand.access: refused }, notify: [office] }",
        OutRule {
            name: "out",
            hold_for: Duration::from_secs(10),
            clear_for: Duration::from_secs(20),
            notify: &["kitchen", "managers", "office"],
        },
    ),
    (
        "rules:
  - { name: out, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 30s, clear_for: 15s,
      notify: [managers, office], message: 'begins {{ item.name }}', resolved_message: 'ends {{ item.name }}' }
  - { name: dear, event: price_changed, notify: [office] }
  - { name: off, subject: station, when: { station.status: inactive }, notify: [kitchen, office] }",
        OutRule {
            name: "out",
            hold_for: Duration::from_secs(30),
            clear_for: Duration::from_secs(15),
            notify: &["managers", "office"],
        },
    ),
    (
        "rules:
  - { name: gone, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, clear_for: 20s,
      notify: [office, kitchen], message: 'begins {{ item.name }}', resolved_message: 'ends {{ item.name }}' }
  - { name: low, when: { low: true }, for: 10s, clear_for: 15s, notify: [office] }",
        OutRule {
            name: "gone",
            hold_for: Duration::ZERO,
            clear_for: Duration::from_secs(20),
            notify: &["kitchen", "office"],
        },
    ),
];

/// Opens a small chain: two stations with four dishes each, nothing on any stop list.
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
    let mut dishes = Vec::new();
    for dish in 0..DISHES {
        let (id, station) = (ProductId(101 + dish as u64), stations[dish * 2 / DISHES]);
        let dish = Product::plain(id, Kind::Dish, &format!("dish {}", id.0), begun_at);
        world.add_product(brand, Product { station: Some(station), low_stock: 3, ..dish }).expect("a free id");
        dishes.push((id, station));
    }
    (world, dishes)
}

/// Returns what every payload says alike.
pub(crate) fn setting(zone: &Zone) -> Setting {
    Setting { boot: "life".to_owned(), zone: zone.clone(), day_starts: jiff::civil::time(4, 0, 0, 0) }
}

/// Returns who is told what: screens and systems at once, managers by mail that waits a minute for more.
pub(crate) fn policy(rules: &str, zone: &Zone) -> Policy {
    let mut problems = Problems::new();
    let file = RuleFile { name: "life.yaml".into(), bytes: rules.as_bytes().to_vec() };
    let rules = parse::parse(&[file], &mut problems).rules;
    if let Some(report) = problems.into_report() {
        panic!("the rules: {report}");
    }
    let messages = Messages::compile(&rules, zone).unwrap_or_else(|bad| panic!("the messages: {bad:?}"));
    let topics = BaseTopic::new("eightysix").expect("a base topic");
    let route = |(name, way): (&str, Way)| {
        let receiver = ReceiverName::new(name);
        (receiver.clone(), Route { receiver, group_wait: GROUP_WAIT, ways: vec![way] })
    };
    let ways = [("kitchen", Way::Mqtt(topics.clone())), ("managers", Way::Email), ("office", Way::Webhook)];
    Policy {
        rules,
        messages,
        routes: ways.into_iter().map(route).collect(),
        feeds: vec![(ReceiverName::new("feed"), topics)],
        setting: setting(zone),
        calendars: Calendars::of_all(Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0))),
    }
}
