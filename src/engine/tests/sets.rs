//! Sets in the engine: what a catalog does to them, what explains them, and what a reading of one venue of many costs.

use super::*;
use crate::alerts::hold::Hold;
use crate::alerts::notice::Content;
use crate::catalog::{ProductKind, RecipePart};
use crate::rules::{RuleName, Subject};
use crate::units::CategoryId;

const THIN: &str = "rules:
  - { name: thin, when: { sold_out: true, product.status: active }, at_least: { count: 3, of: category },
      notify: [managers] }";
const AT_STATION: &str = "rules:
  - { name: idle, when: { sold_out: true }, at_least: { count: 2, of: station }, notify: [managers, office] }
  - { name: off, subject: station, when: { station.status: inactive }, notify: [managers] }
  - { name: out, when: { sold_out: true, product.type: INGREDIENT }, notify: [office] }";
const CHAIN: &str = "rules:
  - { name: chain, when: { sold_out: true }, at_least: { count: 2, of: venues }, notify: [managers] }";

/// Four dishes of one category at one station, the first two of which are made of onions.
fn menu() -> Vec<Product> {
    let onion = Product { kind: ProductKind::Ingredient, category: None, station: None, ..of(59) };
    let part = RecipePart { ingredient: ProductId(59), gross: None };
    let made = |id: u64| Product { recipe: vec![part.clone()], ..of(id) };
    vec![made(54), made(55), of(56), of(57), onion]
}

fn of(id: u64) -> Product {
    let name = format!("Dish {id}");
    let category = Some(CategoryId(10));
    Product { category, category_name: Some("Mains".to_owned()), id: ProductId(id), full_name: name, ..dish() }
}

fn left(ids: &[u64], limit: i64) -> Input {
    let entry = |id: &u64| StopEntry { product: ProductId(*id), limit: Quantity::whole(limit), updated_at: None };
    let entries = ids.iter().map(entry).collect();
    Input::Reading(VENUE, Reading::StopList { entries, unreadable: Vec::new(), whole: true })
}

fn products_of(venue: VenueId, products: Vec<Product>) -> Input {
    Input::Reading(venue, Reading::Products { products, unreadable: Vec::new(), absence_counts: true })
}

fn kitchen(active: bool) -> Input {
    let station = Station { id: StationId(3), name: "Kitchen".to_owned(), active, kitchen: true, printable: true };
    Input::Reading(VENUE, Reading::Stations { stations: vec![station], unreadable: Vec::new(), absence_counts: true })
}

fn out(venue: VenueId, ids: &[u64]) -> Input {
    let entry = |id: &u64| StopEntry { product: ProductId(*id), limit: Quantity::ZERO, updated_at: None };
    let entries = ids.iter().map(entry).collect();
    Input::Reading(venue, Reading::StopList { entries, unreadable: Vec::new(), whole: true })
}

/// An engine that has read so many venues with this menu, where nothing is out.
fn kept(rules: &str, venues: u64) -> Engine {
    kept_by(rules, venues, &Way::Webhook)
}

fn kept_by(rules: &str, venues: u64, way: &Way) -> Engine {
    let policy = policy_of(rules, &["managers", "office"], way);
    let mut engine = Engine::new(BrandId::new("sahil").expect("a slug"), policy, LIMITS, Memory::default());
    let venue = |id: u64| Venue { id: VenueId(id), name: format!("Sahil {id}"), active: true };
    take(&mut engine, Input::Venues((1..=venues).map(venue).collect()), 0);
    take(&mut engine, Input::Access(Access::Granted), 0);
    take(&mut engine, kitchen(true), 0);
    for id in (1..=venues).map(VenueId) {
        take(&mut engine, products_of(id, menu()), 0);
        take(&mut engine, out(id, &[]), 0);
    }
    engine
}

/// Steps, adopts and returns what was told.
fn tell(engine: &mut Engine, input: Input, s: i64) -> Vec<serde_json::Value> {
    let commit = engine.step(input, after_s(s));
    let body = |notice: &Notice| match &notice.content {
        Content::Webhook(event) => serde_json::from_str(&event.body).expect("JSON"),
        Content::Email(_) | Content::Mqtt(_) => panic!("a webhook"),
    };
    let told = commit.notices.iter().map(body).collect();
    engine.adopt(commit);
    told
}

fn opened<'e>(engine: &'e Engine, rule: &str) -> Option<&'e Alert> {
    engine.memory().book.iter().find(|(key, _)| key.rule.as_str() == rule).map(|(_, alert)| alert)
}

fn open_alerts(engine: &Engine) -> usize {
    engine.memory().book.iter().filter(|(_, alert)| alert.open().is_some()).count()
}

fn label_and_count(engine: &Engine, rule: &str) -> Option<(String, usize)> {
    let open = opened(engine, rule)?.open()?;
    Some((open.label.clone(), open.set.as_ref().expect("a set").count))
}

#[test]
fn an_event_lists_the_members_and_an_unchanged_list_writes_nothing() {
    let mut engine = kept(THIN, 1);
    assert_eq!(tell(&mut engine, out(VENUE, &[54, 55]), 5), Vec::<serde_json::Value>::new());
    let told = tell(&mut engine, out(VENUE, &[54, 55, 57]), 6);
    assert_eq!((told.len(), &told[0]["subject"]), (1, &"sahil/1/category-10".into()));
    let dish = |id: u64| serde_json::json!({ "id": id, "name": format!("Dish {id}") });
    let set = serde_json::json!({ "kind": "category", "id": 10, "name": "Mains", "count": 3, "total": 4,
        "members": [dish(54), dish(55), dish(57)] });
    assert_eq!((&told[0]["data"]["set"], &told[0]["data"]["item"]), (&set, &serde_json::Value::Null));
    assert_eq!(told[0]["data"]["message"], "thin: Mains at Sahil 1: Dish 54, Dish 55, Dish 57");
    assert!(!take(&mut engine, out(VENUE, &[54, 55, 57]), 9), "nothing changed");
    assert!(!take(&mut engine, Input::Tick, 12), "nothing changed");
}

#[test]
fn a_category_may_be_renamed_and_a_dish_may_leave_it() {
    let mut engine = kept(THIN, 1);
    tell(&mut engine, out(VENUE, &[54, 55, 56]), 5);
    let Some(Alert::Open(before)) = opened(&engine, "thin").cloned() else { panic!("it opened") };
    let named = |mut product: Product, id: u64, name: &str| {
        product.category = product.category.map(|_| CategoryId(id));
        product.category_name = Some(name.to_owned());
        product
    };
    let renamed: Vec<Product> = menu().into_iter().map(|product| named(product, 10, "Dishes")).collect();
    assert_eq!(tell(&mut engine, products_of(VENUE, renamed.clone()), 6), Vec::<serde_json::Value>::new());
    assert_eq!(label_and_count(&engine, "thin"), Some(("Dishes".to_owned(), 3)));
    let Some(Alert::Open(open)) = opened(&engine, "thin") else { panic!("it is open") };
    assert_eq!(
        (&open.episode, open.message.common()),
        (&before.episode, "thin: Dishes at Sahil 1: Dish 54, Dish 55, Dish 56")
    );

    let left = |product: Product| if product.id == ProductId(56) { named(product, 11, "Soups") } else { product };
    let told = tell(&mut engine, products_of(VENUE, renamed.into_iter().map(left).collect()), 7);
    assert_eq!((told.len(), &told[0]["type"]), (1, &"dev.eightysix.alert.closed.v1".into()));
    assert_eq!(told[0]["data"]["set"]["count"], 2);
    assert_eq!(open_alerts(&engine), 0, "a soup alone is no set");
}

#[test]
fn a_category_with_fewer_active_dishes_than_it_takes_never_opens() {
    let mut engine = kept(THIN, 1);
    let few = |product: Product| Product { active: product.id.0 < 56, ..product };
    take(&mut engine, products_of(VENUE, menu().into_iter().map(few).collect()), 4);
    take(&mut engine, out(VENUE, &[54, 55, 56, 57]), 5);
    assert_eq!(open_alerts(&engine), 0);
}

#[test]
fn who_hears_that_a_station_is_off_is_not_told_what_it_lacks() {
    let mut engine = kept(AT_STATION, 1);
    take(&mut engine, kitchen(false), 4);
    let told = tell(&mut engine, out(VENUE, &[56, 57]), 5);
    let rules: Vec<&str> = told.iter().filter_map(|it| it["data"]["alert"]["rule"].as_str()).collect();
    assert_eq!(rules, ["idle"], "the office hears nothing of stations");
    let Some(Alert::Open(open)) = opened(&engine, "idle") else { panic!("it opened") };
    let off = AlertKey { subject: Subject::Station(VENUE, StationId(3)), rule: RuleName::new("off").expect("a name") };
    assert_eq!(open.held, [(ReceiverName::new("managers"), Hold::Cause(off))].into());
    let told = tell(&mut engine, kitchen(true), 6);
    let again: Vec<&str> = told.iter().filter_map(|it| it["data"]["alert"]["rule"].as_str()).collect();
    assert_eq!(again, ["off", "idle"], "the station is back, and the dishes are not");
}

#[test]
fn an_ingredient_explains_a_set_that_holds_by_it_alone() {
    for (ids, is_explained) in [(&[54, 55, 59][..], true), (&[54, 56, 59], true), (&[54, 56, 57, 59], false)] {
        let mut engine = kept(AT_STATION, 1);
        take(&mut engine, out(VENUE, &[59]), 4);
        take(&mut engine, out(VENUE, ids), 5);
        let Some(Alert::Open(open)) = opened(&engine, "idle") else { panic!("{ids:?}: it opened") };
        let held: Vec<&str> = open.held.keys().map(ReceiverName::as_str).collect();
        let expected: &[&str] = if is_explained { &["office"] } else { &[] };
        assert_eq!((held.as_slice(), open.told.contains(&ReceiverName::new("managers"))), (expected, true), "{ids:?}");
    }
}

#[test]
fn a_reading_of_one_venue_looks_at_no_other() {
    let mut engine = kept(CHAIN, 40);
    take(&mut engine, out(VenueId(7), &[54]), 1);
    let commit = engine.step(out(VenueId(31), &[54, 55]), after_s(2));
    assert_eq!(commit.evaluated_venues().collect::<Vec<_>>(), [VenueId(31)]);
    assert_eq!(commit.parts.len(), 1);
    engine.adopt(commit);
    assert_eq!(label_and_count(&engine, "chain"), Some(("Dish 54".to_owned(), 2)));
    // The same list again says nothing new to anybody.
    let commit = engine.step(out(VenueId(31), &[54, 55]), after_s(3));
    assert_eq!((commit.evaluated_venues().count(), commit.parts.len(), commit.is_durable()), (0, 0, false));
}

#[test]
fn a_venue_that_is_watched_no_longer_is_counted_no_longer() {
    let mut engine = kept(CHAIN, 3);
    take(&mut engine, out(VenueId(1), &[54]), 1);
    take(&mut engine, out(VenueId(2), &[54]), 2);
    let told = tell(&mut engine, venues([2, 3]), 3);
    assert_eq!((told.len(), &told[0]["data"]["alert"]["ended_by"]), (1, &"clear".into()));
    let set = serde_json::json!({ "kind": "venues", "id": 54, "name": "Dish 54", "count": 1, "total": 2,
        "members": [{ "id": 2, "name": "Sahil 2" }] });
    assert_eq!((&told[0]["data"]["set"], &told[0]["subject"]), (&set, &"sahil/all/54".into()));
    assert_eq!(open_alerts(&engine), 0);
}

#[test]
fn after_a_start_every_venue_is_unknown_until_it_is_looked_at() {
    let mut engine = kept(CHAIN, 3);
    take(&mut engine, out(VenueId(1), &[54]), 1);
    take(&mut engine, out(VenueId(2), &[54]), 2);
    let policy = policy_of(CHAIN, &["managers"], &Way::Webhook);
    let mut anew = Engine::new(engine.brand().clone(), policy, LIMITS, engine.into_memory());
    // The lists of before are too old by now, and one of two says nothing of the other.
    take(&mut anew, Input::Tick, 100);
    take(&mut anew, out(VenueId(1), &[57]), 101);
    assert_eq!(label_and_count(&anew, "chain"), Some(("Dish 54".to_owned(), 1)), "venue 2 stays in the list");
    take(&mut anew, out(VenueId(3), &[56]), 102);
    assert_eq!(label_and_count(&anew, "chain"), None, "whatever venue 2 says, two are not left");
}

/// The venues, as Clopos lists them.
fn venues(ids: [u64; 2]) -> Input {
    let venue = |id: u64| Venue { id: VenueId(id), name: format!("Sahil {id}"), active: true };
    Input::Venues(ids.into_iter().map(venue).collect())
}

#[test]
fn a_mail_that_waits_says_of_a_set_that_it_goes_on_and_off_whatever_it_holds_by_then() {
    let mut engine = kept_by(THIN, 1, &Way::Email);
    for (ids, s) in [(&[54, 55, 56][..], 1), (&[54, 55], 2), (&[54, 55, 56], 3), (&[54, 55, 56, 57], 4)] {
        take(&mut engine, out(VENUE, ids), s);
    }
    let entries: Vec<&str> =
        engine.memory().groups.values().flat_map(|group| &group.entries).map(|entry| entry.message.as_str()).collect();
    let said =
        "thin: Mains at Sahil 1: Dish 54, Dish 55, Dish 56, Dish 57 (on and off; its end is told after 10 min of calm)";
    assert_eq!(entries, [said]);
}

#[test]
fn a_set_of_which_no_member_holds_any_more_lists_those_that_did_while_it_is_kept_open() {
    const KEPT: &str = "rules:
  - { name: thin, when: { limit: { at_most: 0 } }, keep_while: { limit: { at_most: 2 } }, at_least: { count: 3, of: category },
      notify: [managers] }";
    let mut engine = kept(KEPT, 1);
    take(&mut engine, out(VENUE, &[54, 55, 56]), 1);
    assert_eq!(tell(&mut engine, left(&[54, 55, 56], 2), 2), Vec::<serde_json::Value>::new());
    assert_eq!(label_and_count(&engine, "thin"), Some(("Mains".to_owned(), 3)));
}

#[test]
fn a_set_whose_window_ends_is_told_with_the_members_that_it_had() {
    const AT_DINNER: &str = "rules:
  - { name: thin, during: dinner, when: { sold_out: true }, at_least: { count: 3, of: category }, notify: [managers] }";
    let mut engine = kept(AT_DINNER, 1);
    take(&mut engine, out(VENUE, &[54, 55, 56]), 70);
    let told = tell(&mut engine, out(VENUE, &[54, 55, 56]), 310);
    assert_eq!((told.len(), &told[0]["data"]["alert"]["ended_by"]), (1, &"window".into()));
    assert_eq!(
        (&told[0]["data"]["set"]["count"], &told[0]["data"]["set"]["members"][2]["name"]),
        (&3.into(), &"Dish 56".into())
    );
}

#[test]
fn what_turns_by_its_station_between_two_lists_is_unstable_until_it_is_calm() {
    const MADE: &str = "rules: [{ name: out, when: { sold_out: true, station.status: active }, notify: [managers] }]";
    let mut engine = kept(MADE, 1);
    let mut kinds = Vec::new();
    for (input, s) in
        [(out(VENUE, &[54]), 1), (kitchen(false), 4), (kitchen(true), 7), (Input::Tick, 13), (kitchen(false), 14)]
    {
        let told = tell(&mut engine, input, s);
        kinds.push(told.iter().map(|event| event["data"]["alert"]["unstable"] == true).collect::<Vec<_>>());
    }
    assert_eq!(kinds, [vec![false], vec![false], vec![true], vec![], vec![]]);
}

#[test]
fn what_is_out_over_the_venues_before_products_are_known_is_no_news() {
    let policy = policy_of(CHAIN, &["managers"], &Way::Webhook);
    let mut engine = Engine::new(BrandId::new("sahil").expect("a slug"), policy, LIMITS, Memory::default());
    take(&mut engine, venues([1, 2]), 0);
    take(&mut engine, Input::Access(Access::Granted), 0);
    for s in [0, 299] {
        for venue in [1, 2].map(VenueId) {
            assert_eq!(tell(&mut engine, out(venue, &[54]), s), Vec::<serde_json::Value>::new());
        }
    }
    let told = tell(&mut engine, Input::Tick, 304);
    assert_eq!((told.len(), &told[0]["data"]["alert"]["baseline"]), (1, &true.into()));
}
