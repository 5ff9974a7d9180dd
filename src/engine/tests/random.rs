//! Random lives of two venues: what is not looked at would not turn, and what is unknown turns nothing.
//!
//! The engine looks at what a step touched and at what is due; a second one, made anew from the same memory, looks at
//! everything. What is unknown is judged here by what was read when, and not by asking the rules.

use super::*;
use crate::alerts::lifecycle::EpisodeId;
use crate::alerts::notice::Content;
use crate::alerts::silence::Criteria;
use crate::catalog::{PriceList, ProductKind, RecipePart};
use crate::rules::{RuleName, Subject};
use crate::units::{CategoryId, Money, PriceListId};

/// Every kind of subject, waits on both sides, and a rule for each way in which something is looked up.
const RULES: &str = "rules:
  - { name: out, when: { limit: { at_most: 0 }, station.status: active, product.status: active }, for: 10s,
      clear_for: 20s, notify: [ops, office] }
  - { name: low, when: { low: true }, keep_while: { near_low: true }, notify: [ops] }
  - { name: missing, when: { blocked_by: { is: set } }, for: 5s, notify: [ops] }
  - { name: dear, when: { sold_out: true, prices.Hall: { above: 5 } }, notify: [ops] }
  - { name: thin, when: { sold_out: true, product.status: active }, at_least: { count: 2, of: category }, for: 5s,
      clear_for: 10s, notify: [ops] }
  - { name: slack, when: { low: true }, keep_while: { near_low: true }, at_least: { count: 2, of: station },
      notify: [ops, office], message: '{{ set.members | listed }}' }
  - { name: chain, when: { sold_out: true, product.status: active }, at_least: { count: 2, of: venues }, clear_for: 10s,
      notify: [ops] }
  - { name: scarce, when: { limited: true }, at_least: { count: 2, of: venues }, for: 5s, notify: [office] }
  - { name: long, when: { stopped_for: { at_least: 30s } }, notify: [ops] }
  - { name: late, when: { limited: true }, during: [dinner], notify: [ops] }
  - { name: often, when: { times_today: { at_least: 2 }, since: { at_least: 12:00 } }, clear_for: 20s, notify: [ops] }
  - { name: off, subject: station, when: { station.status: inactive }, clear_for: 10s, notify: [ops] }
  - { name: blind, subject: venue, when: { venue.reading: blind }, for: 1m, notify: [ops] }
  - { name: refused, subject: brand, when: { brand.access: refused }, for: 5s, notify: [ops] }";
const FEWER_RULES: &str = "rules:
  - { name: out, when: { limit: { at_most: 0 } }, for: 30s, notify: [ops] }
  - { name: off, subject: station, when: { station.status: inactive }, notify: [ops, office] }";
/// What these say turns by the time alone, which is looked at within [`REEVALUATE_EVERY`] and not at once.
const TURN_BY_TIME: [&str; 3] = ["long", "late", "blind"];

#[derive(Clone, Debug)]
enum Act {
    List(u64, BTreeMap<u64, i64>),
    Fail(u64),
    /// The products, with the dish switched on or off.
    Products(u64, bool),
    /// The stations, with the kitchen switched on or off.
    Stations(u64, bool),
    Prices(i64),
    Access(Access),
    Watch(BTreeSet<u64>),
    Reload(usize),
    /// A rule, or everything at a venue, for so many seconds or until it is back.
    Silence(Option<u64>, u64, bool),
    Speak,
    /// One of the open alerts, or an episode that is over.
    Acknowledge(usize, bool),
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    let venue = || 1..3_u64;
    let list = prop::collection::btree_map(54..57_u64, -1..8_i64, 0..4);
    let why = || "no".to_owned();
    let access = prop::sample::select(vec![
        Access::Granted,
        Access::Refused { since: after_s(0), why: why() },
        Access::Unreachable { since: after_s(0), why: why() },
    ]);
    prop_oneof![
        8 => (venue(), list).prop_map(|(id, rows)| Act::List(id, rows)),
        2 => venue().prop_map(Act::Fail),
        2 => (venue(), any::<bool>()).prop_map(|(id, active)| Act::Products(id, active)),
        2 => (venue(), any::<bool>()).prop_map(|(id, active)| Act::Stations(id, active)),
        1 => (4..8_i64).prop_map(Act::Prices),
        2 => access.prop_map(Act::Access),
        1 => prop::collection::btree_set(venue(), 0..3).prop_map(Act::Watch),
        1 => (0..3_usize).prop_map(Act::Reload),
        1 => (prop::option::of(venue()), 1..90_u64, any::<bool>()).prop_map(|(id, s, back)| Act::Silence(id, s, back)),
        1 => Just(Act::Speak),
        1 => (0..4_usize, any::<bool>()).prop_map(|(nth, over)| Act::Acknowledge(nth, over)),
        4 => Just(Act::Tick),
    ]
}

/// Mostly seconds, at times minutes, and now and then a clock that is set back.
fn later_s() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..12_i64, 2 => 20..80_i64, 1 => 200..400_i64, 1 => -30..0_i64]
}

fn dish_of(id: u64, station: u64, recipe: &[u64]) -> Product {
    let part = |id: &u64| RecipePart { ingredient: ProductId(*id), gross: None };
    Product {
        id: ProductId(id),
        station: Some(StationId(station)),
        low_stock: Some(Quantity::whole(3)),
        recipe: recipe.iter().map(part).collect(),
        ..dish()
    }
}

/// Two dishes of one category, of which one is made of onions of another, which are there beside it at the bar.
fn products(is_active: bool) -> Vec<Product> {
    let onion = Product { kind: ProductKind::Ingredient, ..dish_of(56, 4, &[]) };
    let of_mains = |dish: Product| Product { category: Some(CategoryId(10)), ..dish };
    vec![of_mains(Product { active: is_active, ..dish_of(54, 3, &[]) }), of_mains(dish_of(55, 4, &[56])), onion]
}

fn stations(is_active: bool) -> Vec<Station> {
    let station = |id, name: &str, active| {
        let (id, name) = (StationId(id), name.to_owned());
        Station { id, name, active, kitchen: true, printable: true }
    };
    vec![station(3, "Kitchen", is_active), station(4, "Bar", true)]
}

fn input_of(act: Act, engine: &Engine, s: i64) -> Input {
    let of = |id, reading| Input::Reading(VenueId(id), reading);
    let (unreadable, absence_counts) = (Vec::new(), true);
    match act {
        Act::List(id, rows) => {
            let entry = |(id, limit): (&u64, &i64)| {
                let (product, limit) = (ProductId(*id), Quantity::whole(*limit));
                StopEntry { product, limit, updated_at: None }
            };
            of(id, Reading::StopList { entries: rows.iter().map(entry).collect(), unreadable, whole: true })
        }
        Act::Fail(id) => of(id, Reading::Failed { why: "no answer".to_owned() }),
        Act::Products(id, is_active) => {
            of(id, Reading::Products { products: products(is_active), unreadable, absence_counts })
        }
        Act::Stations(id, is_active) => {
            of(id, Reading::Stations { stations: stations(is_active), unreadable: Vec::new(), absence_counts })
        }
        Act::Prices(units) => {
            let lists = vec![PriceList { id: PriceListId(1), name: "Hall".to_owned(), active: true }];
            let price = Money::from_ten_thousandths(units * 10_000);
            let prices = [54, 55].map(|id| ((PriceListId(1), ProductId(id)), price)).into();
            Input::OfBrand(Reading::Prices { lists, prices, absence_counts })
        }
        Act::Access(access) => Input::Access(access),
        Act::Watch(ids) => venues(ids),
        Act::Reload(_) => Input::Reloaded,
        Act::Silence(venue, for_s, until_back) => {
            let rule = venue.is_none().then(|| RuleName::new("out").expect("a slug"));
            let silence = Silence {
                id: SilenceId::from_stored(""),
                covers: Criteria { venue: venue.map(VenueId), rule, ..Criteria::default() },
                from: after_s(s),
                until: after_s(s).plus(Duration::from_secs(for_s)),
                until_back,
                during: None,
                by: "Anar".to_owned(),
                reason: String::new(),
            };
            Input::Order(OrderId(s), Order::Silence(silence.named(engine.brand())))
        }
        Act::Speak => match engine.memory().silences.keys().next() {
            Some(id) => Input::Order(OrderId(s), Order::EndSilence(id.clone())),
            None => Input::Tick,
        },
        Act::Acknowledge(nth, is_over) => acknowledge(engine, nth, is_over, s),
        Act::Tick => Input::Tick,
    }
}

fn acknowledge(engine: &Engine, nth: usize, is_over: bool, s: i64) -> Input {
    let mut open = engine.memory().book.iter().filter_map(|(key, alert)| Some((key, alert.open()?)));
    let Some((key, open)) = open.nth(nth) else { return Input::Tick };
    let by = "Leyla".to_owned();
    let acknowledgement = Acknowledgement { by, at: after_s(s), reason: None, note: String::new(), back_at: None };
    let episode = if is_over { EpisodeId::derive("over", after_s(s)) } else { open.episode.clone() };
    Input::Order(OrderId(s), Order::Acknowledge { key: key.clone(), episode, acknowledgement })
}

/// What was read of a venue when, as seconds.
#[derive(Clone, Debug)]
struct Read {
    watched_s: i64,
    /// Every list, as one that is doubted leaves the one before it in force.
    lists_s: Vec<i64>,
    was_tried: bool,
    products: bool,
    stations: bool,
}

/// What was read of the brand.
#[derive(Debug, Default)]
struct Known {
    access: bool,
    venues: BTreeMap<u64, Read>,
}

impl Known {
    fn take(&mut self, act: &Act, s: i64) {
        match act {
            Act::List(id, _) => self.of(*id, |read| {
                read.lists_s.push(s);
                read.was_tried = true;
            }),
            Act::Fail(id) => self.of(*id, |read| read.was_tried = true),
            Act::Products(id, _) => self.of(*id, |read| read.products = true),
            Act::Stations(id, _) => self.of(*id, |read| read.stations = true),
            Act::Access(_) => self.access = true,
            Act::Watch(ids) => {
                self.venues.retain(|id, _| ids.contains(id));
                for id in ids {
                    let (lists_s, was_tried, products, stations) = (Vec::new(), false, false, false);
                    self.venues.entry(*id).or_insert(Read { watched_s: s, lists_s, was_tried, products, stations });
                }
            }
            Act::Prices(_) | Act::Reload(_) | Act::Silence(..) | Act::Speak | Act::Acknowledge(..) | Act::Tick => {}
        }
    }

    fn of(&mut self, id: u64, note: impl FnOnce(&mut Read)) {
        if let Some(read) = self.venues.get_mut(&id) {
            note(read);
        }
    }

    /// Says whether the wait for the products makes something of the subject known by the time alone.
    fn awaits_products(&self, subject: &Subject) -> bool {
        let is_awaited = |read: &Read| !read.products;
        match (subject, subject.venue()) {
            (Subject::OfVenues(_), _) => self.venues.values().any(is_awaited),
            (Subject::Item(..), Some(id)) => self.venues.get(&id.0).is_some_and(is_awaited),
            _ => false,
        }
    }

    /// Says whether nothing can be known of the subject, whatever the rule.
    fn is_unknown(&self, subject: &Subject, s: i64) -> bool {
        let read = subject.venue().and_then(|id| self.venues.get(&id.0));
        let is_new = |read: &Read| s - read.watched_s < 300;
        let is_old = |read: &Read| read.lists_s.iter().all(|list_s| s - list_s >= 60 || *list_s > s + 2);
        match subject {
            Subject::Brand => !self.access,
            Subject::Venue(_) => read.is_some_and(|read| !read.was_tried && is_new(read)),
            Subject::Station(..) => read.is_some_and(|read| !read.stations),
            Subject::Item(..) => read.is_some_and(|read| is_old(read) || (!read.products && is_new(read))),
            Subject::OfCategory(..) | Subject::OfStation(..) => read.is_some_and(|read| is_old(read) || !read.products),
            // One venue that is read says by itself that two do not lack it, or does not.
            Subject::OfVenues(_) => {
                let unread = |read: &&Read| is_old(read) || (!read.products && is_new(read));
                self.venues.len() > 1 && self.venues.values().filter(unread).count() == self.venues.len()
            }
        }
    }
}

/// Looks at everything with an engine that remembers the same, and returns what would turn although it was not due.
fn overlooked(engine: &Engine, policy: &Arc<Policy>, known: &Known, s: i64) -> Vec<String> {
    let anew = Engine::new(engine.brand().clone(), policy.clone(), LIMITS, engine.memory().clone());
    let commit = anew.step(Input::Reloaded, after_s(s));
    let is_awaited = |key: &AlertKey| {
        let looked_at = engine.evaluated[&key.subject.venue()].at;
        let waits = matches!(engine.memory().book.get(key), Some(Alert::Open(open)) if !open.held.is_empty());
        let turns_by_time = TURN_BY_TIME.contains(&key.rule.as_str()) || known.awaits_products(&key.subject);
        let keeps_time = match engine.memory().book.get(key) {
            // A wait that began ahead, since the clock was set back, begins anew with the next look.
            Some(Alert::Pending { since, .. }) => *since > after_s(s),
            // When it is forgotten that something was on and off matters to nobody.
            Some(Alert::Rested(_)) => true,
            Some(Alert::Open(_)) | None => false,
        };
        (waits || turns_by_time || keeps_time) && after_s(s).since(looked_at) < REEVALUATE_EVERY
    };
    let turned = commit.alerts.iter().filter(|(key, _)| !is_awaited(key));
    // The end of an alert that is looked at a little later may end a silence and a mail with it.
    let is_settled = !commit.alerts.iter().any(|(key, _)| is_awaited(key));
    let groups = commit.groups.iter().filter(|(_, group)| is_settled && group.is_none());
    let silences = commit.silences.iter().filter(|_| is_settled);
    let turned = turned.map(|(key, alert)| format!("{key:?} from {:?} to {alert:?}", engine.memory().book.get(key)));
    turned.chain(groups.map(|it| format!("{it:?}"))).chain(silences.map(|it| format!("{it:?}"))).collect()
}

/// Where an alert is in its life: which episode, pending or clearing since when.
fn place_of(alert: Option<&Alert>) -> Option<(Option<&EpisodeId>, Option<Timestamp>)> {
    alert.and_then(|alert| match alert {
        Alert::Pending { since, .. } => Some((None, Some(*since))),
        Alert::Open(open) => Some((Some(&open.episode), open.clear_since)),
        Alert::Rested(_) => None,
    })
}

fn told_of(alert: Option<&Alert>) -> BTreeSet<ReceiverName> {
    alert.and_then(Alert::open).map(|open| open.told.clone()).unwrap_or_default()
}

/// Follows what a receiver is told, and fails when an episode opens twice or closes unopened.
fn follow(notices: &[Notice], open: &mut BTreeMap<(ReceiverName, String), String>) -> Result<(), TestCaseError> {
    for notice in notices {
        let Content::Webhook(event) = &notice.content else { continue };
        let event: serde_json::Value = serde_json::from_str(&event.body).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let alert = format!("{} {}", event["subject"], event["data"]["alert"]["rule"]);
        let (about, episode) = ((notice.receiver.clone(), alert), text(&event["data"]["alert"]["episode"]));
        match event["type"].as_str() {
            Some("dev.eightysix.alert.opened.v1") => {
                let earlier = open.insert(about, episode.clone());
                prop_assert_ne!(earlier.as_ref(), Some(&episode), "told twice: {}", event);
            }
            Some("dev.eightysix.alert.closed.v1") => {
                prop_assert_eq!(open.remove(&about), Some(episode), "closed unopened: {}", event);
            }
            _ => {}
        }
    }
    Ok(())
}

fn policies() -> [Arc<Policy>; 3] {
    [(RULES, &["ops", "office"][..]), (FEWER_RULES, &["ops", "office"]), (RULES, &["office"])]
        .map(|(rules, receivers)| policy_of(rules, receivers, &Way::Webhook))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_overlooked_and_nothing_unknown_turns_anything(
        acts in prop::collection::vec((act(), later_s()), 1..60),
    ) {
        let (policies, mut in_force, mut s) = (policies(), 0, 0);
        let brand = BrandId::new("sahil").expect("a slug");
        let mut engine = Engine::new(brand, policies[0].clone(), LIMITS, Memory::default());
        let (mut known, mut open) = (Known::default(), BTreeMap::new());
        for (act, later_s) in std::iter::once((Act::Watch([1, 2].into()), 0)).chain(acts) {
            s += later_s;
            if let Act::Reload(to) = &act {
                in_force = *to;
                let brand = engine.brand().clone();
                engine = Engine::new(brand, policies[in_force].clone(), LIMITS, engine.into_memory());
            }
            known.take(&act, s);
            for input in [input_of(act, &engine, s), Input::Tick] {
                let shown = format!("{s} s: {input:?}");
                let before = engine.memory().book.clone();
                let commit = engine.step(input, after_s(s));
                follow(&commit.notices, &mut open)?;
                let touched: BTreeSet<AlertKey> = commit.alerts.iter().map(|(key, _)| key.clone()).collect();
                engine.adopt(commit);
                for key in &touched {
                    let (was, is) = (before.get(key), engine.memory().book.get(key));
                    if let (Some(Alert::Open(was)), Some(Alert::Open(is))) = (was, is) {
                        prop_assert_eq!(&was.episode, &is.episode, "{}: a second episode of {:?}", shown, key);
                    }
                    let is_ruled = policies[in_force].rules.get(&key.rule).is_some();
                    if is_ruled && known.is_unknown(&key.subject, s) {
                        prop_assert_eq!(place_of(was), place_of(is), "{}: {:?} turned unknown", shown, key);
                        prop_assert!(told_of(is).is_subset(&told_of(was)), "{}: {:?} told unknown", shown, key);
                    }
                }
            }
            prop_assert_eq!(overlooked(&engine, &policies[in_force], &known, s), Vec::<String>::new(), "at {} s", s);
        }
    }
}
