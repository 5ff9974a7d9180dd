//! Random lives of a shop: whatever happens, in whatever order, an alert that opened closes once and none closes unopened.

use std::collections::BTreeMap;
use std::time::Duration;

use eightysix::poll;
use eightysix::simulator::faults::Fault;
use eightysix::simulator::route::Endpoint;
use eightysix::simulator::world::ProductEdit;
use proptest::prelude::*;

use crate::driver::Kill;
use crate::shop::{Opening, Shop};
use crate::tables::Row;

/// Three dishes of the kitchen and three of the tandir.
const DISHES: [&str; 6] = ["Piti", "Bozbaş", "Dovğa", "Göyərti qutabı", "Lavaş", "Qatlama"];

/// Every kind of subject, waits on both sides, and a receiver that is told of baselines too.
const RULES: &str = "rules:
  - { name: out, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 10s,
      clear_for: 20s, notify: [ops] }
  - { name: low, when: { low: true }, notify: [ops] }
  - { name: off, subject: station, when: { station.status: inactive }, clear_for: 10s, notify: [ops] }
  - { name: blind, subject: venue, when: { venue.reading: blind }, for: 1m, notify: [ops] }
  - { name: refused, subject: brand, when: { brand.access: refused }, notify: [ops] }";
const FEWER_RULES: &str = "rules:
  - { name: out, when: { limit: { at_most: 0 } }, for: 30s, notify: [ops] }
  - { name: off, subject: station, when: { station.status: inactive }, notify: [ops] }";

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A dish has so many left.
    Has(usize, i64),
    Restocks(usize),
    /// Everything is back.
    Clears,
    /// The tandir is switched on or off.
    Tandir(bool),
    OnTheMenu(usize, bool),
    Meets(Fault, Endpoint, u32),
    /// Every request fails for so many seconds.
    Outage(u32),
    Secret(&'static str),
    Reload(&'static str),
    Killed,
    /// It dies at the commit after so many more, which is on the disk or not.
    DiesAtCommit(u32, bool),
}

fn quiet_event() -> impl Strategy<Value = Event> {
    let dish = 0..DISHES.len();
    let endpoint =
        prop::sample::select(vec![Endpoint::StopList, Endpoint::Products, Endpoint::Stations, Endpoint::Venues]);
    let fault = prop::sample::select(vec![
        Fault::BadGatewayPage,
        Fault::Html,
        Fault::CutBody,
        Fault::NullData,
        Fault::WrongTypes,
        Fault::DuplicateRows,
        Fault::LoseRows { rows: 5 },
        Fault::RepeatRows { rows: 5 },
        Fault::TokenExpired,
    ]);
    prop_oneof![
        4 => (dish.clone(), -1_i64..8).prop_map(|(dish, left)| Event::Has(dish, left)),
        3 => dish.clone().prop_map(Event::Restocks),
        1 => any::<bool>().prop_map(Event::Tandir),
        1 => (dish, any::<bool>()).prop_map(|(dish, active)| Event::OnTheMenu(dish, active)),
        2 => (fault, endpoint, 1_u32..3).prop_map(|(fault, endpoint, times)| Event::Meets(fault, endpoint, times)),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => quiet_event(),
        1 => Just(Event::Clears),
        1 => (10_u32..400).prop_map(Event::Outage),
        1 => prop::sample::select(vec!["secret", "another"]).prop_map(Event::Secret),
        1 => prop::sample::select(vec![RULES, FEWER_RULES]).prop_map(Event::Reload),
        2 => Just(Event::Killed),
        2 => (0_u32..4, any::<bool>()).prop_map(|(commits, stored)| Event::DiesAtCommit(commits, stored)),
    ]
}

fn lives(shop: &mut Shop, events: &[(Event, u32)]) {
    for (event, wait_s) in events {
        match *event {
            Event::Has(dish, left) => shop.has(DISHES[dish], left),
            Event::Restocks(dish) => shop.restocks(DISHES[dish]),
            Event::Clears => shop.clears_the_list(),
            Event::Tandir(active) => shop.switches_station("Tandir", active),
            Event::OnTheMenu(dish, active) => shop.edits(DISHES[dish], ProductEdit::Active(active)),
            Event::Meets(fault, endpoint, times) => shop.meets(fault, endpoint, times),
            Event::Outage(s) => shop.suffers(Fault::Status { code: 503 }, None, &format!("{s}s")),
            Event::Secret(secret) => shop.changes_secret(secret),
            Event::Reload(rules) => shop.reloads(Some(rules), None),
            Event::Killed => shop.is_killed(),
            Event::DiesAtCommit(commits_left, stored) => shop.dies_at(Kill::At { commits_left, stored }),
        }
        shop.after(&format!("{wait_s}s"));
    }
}

fn opening() -> Opening {
    let polling = poll::Settings {
        fastest: Duration::from_secs(6),
        catalog: Duration::from_mins(1),
        prices: Duration::from_mins(2),
        ..poll::Settings::default()
    };
    Opening { rules: Some(RULES), polling, ..Opening::default() }
}

/// Checks that the openings and closings of each alert take turns, and that each closing names its opening's episode.
fn check_episodes(rows: &[Row]) {
    let mut open: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.receiver == "ops") {
        let event: serde_json::Value = serde_json::from_str(&row.event_body()).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let alert = (text(&event["subject"]), text(&event["data"]["alert"]["rule"]));
        let episode = text(&event["data"]["alert"]["episode"]);
        match event["type"].as_str() {
            Some("dev.eightysix.alert.opened.v1") => {
                let earlier = open.insert(alert.clone(), episode);
                assert_eq!(earlier, None, "{alert:?} opened twice: {}", row.line());
            }
            Some("dev.eightysix.alert.closed.v1") => {
                assert_eq!(open.remove(&alert), Some(episode), "{alert:?} closed unopened: {}", row.line());
            }
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_alert_that_opened_closes_once_and_none_closes_unopened(
        events in prop::collection::vec((any_event(), 1_u32..45), 1..20),
    ) {
        let mut shop = Shop::new(&opening());
        lives(&mut shop, &events);
        check_episodes(&shop.told());
    }
}
