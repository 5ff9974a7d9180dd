//! Stories of a kitchen under two sets of rules, and the promises: back and forth is the present picture, a history
//! tells what the life told that it was recorded of, and the same rules differ in nothing.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::alerts::group::{Route, Way};
use crate::alerts::notice::{Channel, ReceiverName};
use crate::alerts::render::Messages;
use crate::alerts::report::Reports;
use crate::board::Setting;
use crate::calendar::{Calendar, Calendars, ClockSpan, Schedule};
use crate::catalog::{Catalog, PriceList, Product, SharedCatalog, Station, StopEntry, Venue};
use crate::document::Problems;
use crate::engine::{Engine, Input, Memory};
use crate::language::Language;
use crate::rules::parse::{self, RuleFile};
use crate::snapshot::diff::{Change, diff};
use crate::snapshot::{Access, FreshnessLimits, Picture, Reading, again};
use crate::units::{Money, PriceListId, ProductId, Quantity, StationId, Zone};

const VENUE: VenueId = VenueId(1);
const DAY_STARTS: jiff::civil::Time = jiff::civil::time(4, 0, 0, 0);

fn at(s: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_778_250_000_000 + s * 1000)
}

fn brand() -> BrandId {
    BrandId::new("sahil").expect("a slug")
}

/// Mail waits in some minutes of the afternoon.
fn quiet() -> Option<QuietHours> {
    let spans = ["13:00-13:07", "14:20-14:24", "14:31-14:33"].map(|span| ClockSpan::parse(span).expect("a span"));
    QuietHours::new(Schedule::daily(&spans), Zone::utc())
}

/// Managers get mail that waits for a minute, the pass gets events.
fn policy(rules: &str) -> Arc<Policy> {
    bounded(rules, None)
}

/// The managers get so many mails an hour.
fn bounded(rules: &str, at_most: Option<u32>) -> Arc<Policy> {
    let mut problems = Problems::new();
    let file = RuleFile { name: "a.yaml".into(), bytes: rules.as_bytes().to_vec() };
    let rules = parse::parse(&[file], &mut problems).rules;
    assert!(problems.is_empty(), "{problems:?}");
    let route = |(name, way): (&str, Way)| {
        let receiver = ReceiverName::new(name);
        let quiet = (way == Way::Email).then(quiet).flatten();
        (
            receiver.clone(),
            Route {
                receiver,
                language: Language::En,
                group_wait: Duration::from_mins(1),
                quiet,
                at_most,
                reports: Reports::default(),
                ways: vec![way],
            },
        )
    };
    let plain = Calendar::plain(Zone::utc(), DAY_STARTS);
    let open = Schedule::daily(&[ClockSpan::parse("10:00-23:00").expect("a span")]);
    Arc::new(Policy {
        messages: Messages::compile(&rules, &Zone::utc(), Language::En).expect("messages that compile"),
        rules,
        routes: [("managers", Way::Email), ("pass", Way::Webhook)].map(route).into(),
        feeds: Vec::new(),
        links: None,
        calendars: Calendars::of_all(plain.with_hours(Some(open), None)),
        setting: Setting { boot: "test".to_owned(), language: Language::En, zone: Zone::utc(), day_starts: DAY_STARTS },
    })
}

fn product(id: u64, name: &str, price: i64) -> Product {
    Product {
        station: Some(StationId(3)),
        price: Money::from_ten_thousandths(price * 10_000),
        low_stock: Some(Quantity::whole(2)),
        ..Product::plain(ProductId(id), name)
    }
}

/// A venue that is read whenever something happens, and its history.
struct World {
    snapshot: Snapshot,
    entries: BTreeMap<ProductId, StopEntry>,
    history: Vec<Recorded>,
}

impl World {
    fn open(id: VenueId) -> Self {
        let mut snapshot = Snapshot::unread(Venue { id, name: format!("Sahil {id}"), active: true });
        snapshot.read_at = Some(at(-86_400));
        let station =
            Station { id: StationId(3), name: "Tandir".to_owned(), active: true, kitchen: true, printable: true };
        let products =
            [(54, "Piti"), (55, "Dolma"), (56, "Plov")].map(|(id, name)| (ProductId(id), product(id, name, 8)));
        snapshot.picture.catalog = SharedCatalog::new(Catalog {
            products: products.into(),
            stations: [(StationId(3), station)].into(),
            ..Catalog::default()
        });
        Self { snapshot, entries: BTreeMap::new(), history: Vec::new() }
    }

    fn limit(&mut self, product: u64, left: Option<i64>, now: Timestamp) {
        let id = ProductId(product);
        match left {
            Some(left) => {
                let limit = Quantity::whole(left);
                self.entries.insert(id, StopEntry { product: id, limit, updated_at: Some(now) })
            }
            None => self.entries.remove(&id),
        };
        self.read(now);
    }

    fn read(&mut self, now: Timestamp) {
        let entries = self.entries.values().copied().collect();
        let mut after = self.snapshot.fold(again::stop_list(entries), now);
        if let Some(second) = again::second_look(&after) {
            after = after.fold(second, now);
        }
        self.becomes(after, now);
    }

    fn catalog(&mut self, catalog: Catalog, now: Timestamp) {
        let picture = Picture { catalog: SharedCatalog::new(catalog), ..self.snapshot.picture.clone() };
        self.becomes(Snapshot { picture, ..self.snapshot.clone() }, now);
    }

    fn becomes(&mut self, after: Snapshot, now: Timestamp) {
        let line = |change| Recorded { brand: brand(), venue: after.id(), at: now, change };
        self.history.extend(diff(&self.snapshot.picture, &after.picture).into_iter().map(line));
        self.snapshot = after;
    }
}

fn pictures(worlds: &[&World]) -> Pictures {
    let mut pictures = Pictures::default();
    for world in worlds {
        pictures.add(&brand(), world.snapshot.clone());
    }
    pictures
}

fn gone_back(worlds: &[&World], history: &[Recorded]) -> Pictures {
    let mut pictures = pictures(worlds);
    assert!(history.iter().rev().all(|recorded| pictures.undo(recorded)));
    pictures
}

fn lived(policy: &Arc<Policy>, before: &Pictures, history: &[Recorded], period: Period) -> Told {
    let mut side = Side::open(policy, before, period);
    for recorded in history {
        side.live(recorded);
    }
    side.end()
}

/// Lives the history of a world from `at(0)` to `at(ends)` under two sets of rules.
fn compared(world: &World, ends: i64, rules: [&str; 2]) -> Comparison {
    let [old, new] = rules.map(policy);
    let period = Period::new(at(0), at(ends), &[&old, &new]);
    let before = gone_back(&[world], &world.history);
    let [old, new] = [old, new].map(|policy| lived(&policy, &before, &world.history, period));
    compare(&old, &new, period, &Zone::utc(), DAY_STARTS)
}

fn messages(comparison: &Comparison, receiver: &str) -> [(u64, u64); 2] {
    comparison.receivers[&ReceiverName::new(receiver)].map(|count| (count.mails, count.events))
}

fn said(alerts: &[Alert]) -> Vec<String> {
    let s = |at: Option<Timestamp>| match at.map(|it| it.unix_ms() - at_ms()) {
        Some(ms) if ms % 1_000 == 0 => (ms / 1_000).to_string(),
        Some(ms) => format!("{}.{:03}", ms / 1_000, ms % 1_000),
        None => "..".to_owned(),
    };
    alerts.iter().map(|it| format!("{} {} {}-{}", it.rule, it.label, s(it.from), s(it.until))).collect()
}

fn at_ms() -> i64 {
    at(0).unix_ms()
}

const OUT_20_S: &str = "rules: [{ name: out, when: { sold_out: true }, for: 20s, notify: [managers, pass] }]";
const OUT_10_S: &str = "rules: [{ name: out, when: { sold_out: true }, for: 10s, notify: [managers, pass] }]";

#[test]
fn a_dish_that_was_out_for_15_s_is_told_by_the_hastier_rule_alone() {
    let mut world = World::open(VENUE);
    world.limit(54, Some(0), at(100));
    world.limit(54, None, at(115));
    let differs = compared(&world, 600, [OUT_20_S, OUT_10_S]);
    assert_eq!(said(&differs.appears), ["out Piti 110-115"]);
    assert_eq!(said(&differs.vanishes), [""; 0]);
    assert_eq!(messages(&differs, "pass"), [(0, 0), (0, 2)]);
    assert_eq!(messages(&differs, "managers"), [(0, 0), (0, 0)], "it was over before the mail went out");
    assert_eq!(said(&compared(&world, 600, [OUT_10_S, OUT_20_S]).vanishes), ["out Piti 110-115"]);
}

#[test]
fn what_both_tell_at_different_times_is_the_same_alert() {
    let mut world = World::open(VENUE);
    world.limit(54, Some(0), at(100));
    world.limit(54, None, at(400));
    world.limit(55, Some(0), at(500));
    let differs = compared(&world, 600, [OUT_20_S, OUT_10_S]);
    assert_eq!((said(&differs.appears).len(), said(&differs.vanishes).len()), (0, 0));
    assert_eq!(messages(&differs, "pass"), [(0, 3), (0, 3)]);
    assert_eq!(messages(&differs, "managers"), [(3, 0), (3, 0)], "out, back, and out");
    assert_eq!(differs.rules.values().copied().collect::<Vec<_>>(), [[2, 2]]);
    assert_eq!(differs.days.values().copied().collect::<Vec<_>>(), [[6, 6]]);
}

#[test]
fn what_was_so_before_the_period_is_no_news_in_it_and_its_end_is() {
    let mut world = World::open(VENUE);
    world.limit(54, Some(0), at(-7_200));
    world.limit(54, None, at(300));
    let late = "rules: [{ name: late, when: { stopped_for: { at_least: 3h } }, notify: [pass] }]";
    let soon = "rules: [{ name: late, when: { stopped_for: { at_least: 2h3m } }, notify: [pass] }]";
    let differs = compared(&world, 600, [OUT_20_S, OUT_10_S]);
    assert_eq!(messages(&differs, "pass"), [(0, 1), (0, 1)]);
    let differs = compared(&world, 600, [late, soon]);
    assert_eq!(said(&differs.appears), ["late Piti 180.001-300"], "it turns by the time alone");
    let differs = compared(&world, 600, ["rules: []", OUT_20_S]);
    assert_eq!(said(&differs.appears), ["out Piti ..-300"]);
}

#[test]
fn a_dish_that_is_out_at_two_venues_is_told_when_it_was_so_for_long_enough() {
    let (mut one, mut other) = (World::open(VENUE), World::open(VenueId(2)));
    one.limit(54, Some(0), at(100));
    other.limit(54, Some(0), at(150));
    one.limit(55, Some(0), at(180));
    other.limit(54, None, at(400));
    let mut history: Vec<Recorded> = one.history.iter().chain(&other.history).cloned().collect();
    history.sort_by_key(|recorded| recorded.at);
    let chain = "rules: [{ name: chain, when: { sold_out: true }, at_least: { count: 2, of: venues }, for: 2m, notify: [pass] }]";
    let [old, new] = ["rules: []", chain].map(policy);
    let period = Period::new(at(0), at(600), &[&old, &new]);
    let before = gone_back(&[&one, &other], &history);
    let [old, new] = [old, new].map(|policy| lived(&policy, &before, &history, period));
    let differs = compare(&old, &new, period, &Zone::utc(), DAY_STARTS);
    assert_eq!(said(&differs.appears), ["chain Piti 270-400"]);
    assert_eq!((differs.appears[0].product, &differs.appears[0].venue), (Some(ProductId(54)), &None));
    assert_eq!(messages(&differs, "pass"), [(0, 0), (0, 2)]);
}

#[test]
fn doors_and_windows_turn_rules_by_the_time_alone() {
    // 14:20 in Zulu time.
    let mut world = World::open(VENUE);
    world.limit(54, Some(0), at(60));
    let open = "rules: [{ name: out, when: { sold_out: true, venue.open: true }, notify: [pass] }]";
    let early = "rules: [{ name: out, when: { sold_out: true, venue.closes_in: { above: 2h } }, notify: [pass] }]";
    let differs = compared(&world, 86_400, [open, early]);
    assert_eq!(messages(&differs, "pass"), [(0, 3), (0, 3)]);
    let days: Vec<[u64; 2]> = differs.days.values().copied().collect();
    assert_eq!(days, [[2, 2], [1, 1]], "it closes in the evening and opens in the morning");
    assert_eq!(said(&differs.appears), [""; 0]);
}

#[test]
fn changes_are_told_once_and_prices_of_lists_once_for_all_venues() {
    let mut worlds = [World::open(VENUE), World::open(VenueId(2))];
    for world in &mut worlds {
        let mut catalog = Catalog::clone(&world.snapshot.picture.catalog);
        let hall = PriceList { id: PriceListId(1), name: "Hall".to_owned(), active: true };
        catalog.price_lists.insert(hall.id, hall);
        catalog.prices.insert((PriceListId(1), ProductId(54)), Money::from_ten_thousandths(80_000));
        world.snapshot.picture.catalog = SharedCatalog::new(catalog.clone());
        catalog.prices.insert((PriceListId(1), ProductId(54)), Money::from_ten_thousandths(90_000));
        catalog.products.insert(ProductId(55), product(55, "Dolma", 9));
        world.catalog(catalog, at(100));
    }
    worlds[0].limit(56, Some(0), at(200));
    worlds[0].limit(56, None, at(900));
    let events = "rules:
  - { name: back, event: back, when: { was_out_for: { at_least: 10m } }, notify: [pass] }
  - { name: price, event: price_changed, notify: [pass] }";
    let [old, new] = ["rules: []", events].map(policy);
    let period = Period::new(at(0), at(2_000), &[&old, &new]);
    let mut history: Vec<Recorded> = worlds.iter().flat_map(|world| world.history.clone()).collect();
    history.sort_by_key(|recorded| recorded.at);
    let before = gone_back(&[&worlds[0], &worlds[1]], &history);
    let [old, new] = [old, new].map(|policy| lived(&policy, &before, &history, period));
    let differs = compare(&old, &new, period, &Zone::utc(), DAY_STARTS);
    assert_eq!(messages(&differs, "pass"), [(0, 0), (0, 4)]);
    assert_eq!(
        said(&differs.appears),
        ["price Piti 100-100", "price Dolma 100-100", "price Dolma 100-100", "back Plov 900-900"],
        "the base price is each venue's own"
    );
    let again = compare(&new, &new, period, &Zone::utc(), DAY_STARTS);
    assert_eq!((again.appears.len(), again.vanishes.len()), (0, 0));
}

#[test]
fn a_change_that_does_not_follow_is_counted_and_lived() {
    let mut world = World::open(VENUE);
    world.limit(54, Some(0), at(100));
    world.limit(54, None, at(200));
    let elsewhere = Recorded { venue: VenueId(9), ..world.history[0].clone() };
    // That it came back was not recorded: the venue was forgotten for a while.
    let history = [world.history[0].clone(), Recorded { at: at(300), ..world.history[0].clone() }, elsewhere];
    let policy = policy(OUT_20_S);
    let period = Period::new(at(0), at(600), &[&policy]);
    let mut before = pictures(&[&world]);
    let known: Vec<bool> = history.iter().rev().map(|recorded| before.undo(recorded)).collect();
    assert_eq!(known, [false, true, true]);
    let told = lived(&policy, &before, &history, period);
    assert_eq!((told.gaps, told.changes, told.receivers[&ReceiverName::new("pass")].events), (1, 2, 1));
    assert_eq!(told.unwatched.iter().map(ToString::to_string).collect::<Vec<_>>(), ["sahil/9"]);
}

/// What happens in a venue: how many seconds after the last thing, to which product, and what is left of it.
fn deeds() -> impl Strategy<Value = Vec<(i64, u64, Option<i64>)>> {
    let left = prop::option::weighted(0.7, -1_i64..5);
    prop::collection::vec((1_i64..45, 54_u64..60, left), 1..40)
}

fn catalog() -> impl Strategy<Value = Catalog> {
    let products = prop::collection::btree_map(54_u64..60, ("[a-d]{1,2}", 0_i64..3), 0..6);
    let stations = prop::collection::btree_map(0_u64..5, any::<bool>(), 0..4);
    (products, stations).prop_map(|(products, stations)| {
        let station = |(id, active)| {
            let id = StationId(id);
            (id, Station { id, name: "Bar".to_owned(), active, kitchen: true, printable: true })
        };
        let row = |(id, (name, price)): (u64, (String, i64))| (ProductId(id), product(id, &name, price));
        Catalog {
            products: products.into_iter().map(row).collect(),
            stations: stations.into_iter().map(station).collect(),
            ..Catalog::default()
        }
    })
}

/// Lists and prices, which all venues of a brand share.
fn prices() -> impl Strategy<Value = Catalog> {
    let lists = prop::collection::btree_map(0_u64..3, "[a-c]", 0..3);
    let prices = prop::collection::btree_map((0_u64..3, 54_u64..60), 0_i64..5, 0..8);
    (lists, prices).prop_map(|(lists, prices)| {
        let list = |(id, name)| (PriceListId(id), PriceList { id: PriceListId(id), name, active: true });
        let price = |((list, id), amount)| ((PriceListId(list), ProductId(id)), Money::from_ten_thousandths(amount));
        Catalog {
            price_lists: lists.into_iter().map(list).collect(),
            prices: prices.into_iter().map(price).collect(),
            ..Catalog::default()
        }
    })
}

const ALL_KINDS: &str = "rules:
  - { name: out, when: { sold_out: true, product.type: DISH }, for: 20s, clear_for: 30s, notify: [managers, pass] }
  - { name: low, when: { low: true }, keep_while: { near_low: true }, for: 5s, send_resolved: false, notify: [pass],
      remind: [1m, 3m], escalate: { after: 2m, to: managers } }
  - { name: back, event: back, when: { was_out_for: { at_least: 10s } }, notify: [managers], group_by: [venue, station] }
  - { name: count, event: limit_changed, when: { change.after: { at_most: 1 } }, notify: [pass] }
  - { name: price, event: price_changed, notify: [pass] }";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn back_and_forth_is_the_present_picture_and_the_same_rules_tell_the_same(
        steps in prop::collection::vec((deeds(), catalog(), prices()), 1..5),
    ) {
        let mut worlds = [World::open(VENUE), World::open(VenueId(2))];
        let first = [worlds[0].snapshot.picture.clone(), worlds[1].snapshot.picture.clone()];
        let mut s = 0;
        for (deeds, catalog, of_brand) in steps {
            for (wait, product, left) in deeds {
                s += wait;
                worlds[usize::from(product % 2 == 0)].limit(product, left, at(s));
            }
            s += 1;
            for (world, has_all) in worlds.iter_mut().zip([true, false]) {
                let Catalog { price_lists, prices, .. } = of_brand.clone();
                let mut catalog = Catalog { price_lists, prices, ..catalog.clone() };
                catalog.products.retain(|id, _| has_all || id.0 % 3 == 0);
                world.catalog(catalog, at(s));
            }
        }
        let mut history: Vec<Recorded> = worlds.iter().flat_map(|world| world.history.clone()).collect();
        history.sort_by_key(|recorded| recorded.at);
        let policy = policy(ALL_KINDS);
        let period = Period::new(at(0), at(s + 100), &[&policy]);
        let before = gone_back(&[&worlds[0], &worlds[1]], &history);
        for (picture, venue) in first.iter().zip([1, 2]) {
            prop_assert_eq!(&before.brands[&brand()][&VenueId(venue)].picture, picture);
        }
        let mut side = Side::open(&policy, &before, period);
        for recorded in &history {
            side.live(recorded);
        }
        for player in side.players.values_mut() {
            player.end(period.ends, &mut side.told);
        }
        for world in &worlds {
            let lived = &side.players[&brand()].engine.memory().venues[&world.snapshot.id()];
            prop_assert_eq!(&lived.picture, &world.snapshot.picture);
        }
        prop_assert_eq!(side.told.gaps, 0);
        let again = lived(&policy, &before, &history, period);
        prop_assert_eq!(&again, &side.told);
        let same = compare(&again, &side.told, period, &Zone::utc(), DAY_STARTS);
        prop_assert!(same.appears.is_empty() && same.vanishes.is_empty());
    }
}

proptest! {
    // A life of half an hour and more, second by second.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_history_tells_what_the_life_told_that_it_was_recorded_of(
        deeds in deeds(), at_most in prop::option::of(1..4_u32),
    ) {
        let policy = bounded(ALL_KINDS, at_most);
        let period = Period::new(at(0), at(0), &[&policy]);
        let mut life = Life::open(&policy, period.begins);
        life.live_until(at(0));
        life.told.clear();
        life.opened.clear();
        let mut s = 0;
        for (wait, product, left) in deeds {
            s += wait;
            life.live_until(at(s));
            life.limit(product, left);
        }
        life.live_until(at(s + 200));
        let period = Period { ends: at(s + 200), ..period };
        let present = life.engine.memory().venues[&VENUE].as_ref().clone();
        let mut before = Pictures::default();
        before.add(&brand(), present.clone());
        prop_assert!(life.history.iter().rev().all(|recorded| before.undo(recorded)));
        let told = lived(&policy, &before, &life.history, period);
        for (receiver, count) in &told.receivers {
            let by = |is_mail: bool| {
                let is_meant = |(to, channel): &&(ReceiverName, Channel)| to == receiver && (*channel == Channel::Email) == is_mail;
                life.told.iter().filter(is_meant).count() as u64
            };
            prop_assert_eq!((count.mails, count.events), (by(true), by(false)), "{}", receiver);
        }
        let opened: BTreeSet<_> = told
            .lives
            .iter()
            .filter(|(identity, _)| !identity.is_change)
            .flat_map(|(identity, life)| life.stretches.iter().filter_map(|it| Some((identity.key.clone(), it.from?))))
            .collect();
        prop_assert_eq!(opened, life.opened);
    }
}

/// A service that reads its only venue every second and looks at its timers.
struct Life {
    engine: Engine,
    entries: BTreeMap<ProductId, StopEntry>,
    history: Vec<Recorded>,
    told: Vec<(ReceiverName, Channel)>,
    opened: BTreeSet<(crate::alerts::AlertKey, Timestamp)>,
    now: Timestamp,
}

impl Life {
    fn open(policy: &Arc<Policy>, begins: Timestamp) -> Self {
        let limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
        let engine = Engine::new(brand(), Arc::clone(policy), limits, Memory::default());
        let (entries, history, told, opened) = (BTreeMap::new(), Vec::new(), Vec::new(), BTreeSet::new());
        let mut life = Self { engine, entries, history, told, opened, now: begins };
        let world = World::open(VENUE);
        life.take(Input::Venues(vec![world.snapshot.venue.clone()]));
        life.take(Input::Access(Access::Granted));
        let Catalog { products, stations, .. } = Catalog::clone(&world.snapshot.picture.catalog);
        let (products, stations) = (products.into_values().collect(), stations.into_values().collect());
        let stations = Reading::Stations { stations, unreadable: Vec::new(), absence_counts: true };
        let products = Reading::Products { products, unreadable: Vec::new(), absence_counts: true };
        life.take(Input::Reading(VENUE, stations));
        life.take(Input::Reading(VENUE, products));
        life.read();
        life
    }

    fn limit(&mut self, product: u64, left: Option<i64>) {
        let id = ProductId(product);
        match left {
            Some(left) => {
                let limit = Quantity::whole(left);
                self.entries.insert(id, StopEntry { product: id, limit, updated_at: Some(self.now) })
            }
            None => self.entries.remove(&id),
        };
        self.read();
    }

    fn live_until(&mut self, until: Timestamp) {
        while self.now < until {
            self.now = self.now.plus(Duration::from_secs(1));
            // What happens at the end is read before what is due then.
            if self.now < until {
                self.read();
                self.take(Input::Tick);
            }
        }
    }

    fn read(&mut self) {
        let entries = self.entries.values().copied().collect();
        self.take(Input::Reading(VENUE, again::stop_list(entries)));
        if let Some(second) = again::second_look(&self.engine.memory().venues[&VENUE]) {
            self.take(Input::Reading(VENUE, second));
        }
    }

    fn take(&mut self, input: Input) {
        let commit = self.engine.step(input, self.now);
        let line = |(venue, change): &(VenueId, Change)| Recorded {
            brand: brand(),
            venue: *venue,
            at: self.now,
            change: change.clone(),
        };
        self.history.extend(commit.changes.iter().map(line));
        self.told.extend(commit.notices.iter().map(|notice| (notice.receiver.clone(), notice.content.channel())));
        let is_open = |alert: Option<&crate::alerts::lifecycle::Alert>| {
            matches!(alert, Some(crate::alerts::lifecycle::Alert::Open(_)))
        };
        for (key, alert) in &commit.alerts {
            if is_open(alert.as_ref()) && !is_open(self.engine.memory().book.get(key)) {
                self.opened.insert((key.clone(), self.now));
            }
        }
        self.engine.adopt(commit);
    }
}
