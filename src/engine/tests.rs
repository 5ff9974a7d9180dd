//! The steps of an engine: what must be written, what time alone will turn and why, and that a step changes nothing.

mod random;
mod reports;
mod sets;

use proptest::prelude::*;

use super::*;
use crate::alerts::group::Way;
use crate::alerts::order::Acknowledgement;
use crate::alerts::report::Reports;
use crate::calendar::{Calendar, ClockSpan, Schedule};
use crate::catalog::{Product, Station, StopEntry};
use crate::document::Problems;
use crate::engine::readings::NOTED_WITHIN;
use crate::language::Language;
use crate::rules::parse::{self, RuleFile};
use crate::units::{ProductId, Quantity, StationId, Zone};

const RULES: &str = "rules:
  - { name: out, when: { limit: { at_most: 0 } }, for: 20s, clear_for: 1m, notify: [managers] }
  - { name: refused, subject: brand, when: { brand.access: refused }, notify: [managers] }";
const VENUE: VenueId = VenueId(1);
const LIMITS: FreshnessLimits =
    FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };

fn after_s(s: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_778_250_000_000 + s * 1000)
}

fn policy(receivers: &[&str]) -> Arc<Policy> {
    policy_of(RULES, receivers, &Way::Email)
}

/// Rules of a venue whose doors close at 14:21, a minute after it all begins; then it is dinner.
fn policy_of(rules: &str, receivers: &[&str], way: &Way) -> Arc<Policy> {
    let file = RuleFile { name: "test.yaml".into(), bytes: rules.as_bytes().to_vec() };
    let mut problems = Problems::new();
    let rules = parse::parse(&[file], &mut problems).rules;
    assert!(problems.is_empty(), "{problems:?}");
    let route = |name: &&str| {
        let receiver = ReceiverName::new(name);
        (
            receiver.clone(),
            Route {
                receiver,
                language: Language::En,
                group_wait: Duration::from_secs(90),
                quiet: None,
                at_most: None,
                reports: Reports::default(),
                ways: vec![way.clone()],
            },
        )
    };
    let day_starts = jiff::civil::time(4, 0, 0, 0);
    let hours = Schedule::daily(&[ClockSpan::parse("14:00-14:21").expect("a span")]);
    let dinner = Schedule::daily(&[ClockSpan::parse("14:21-14:25").expect("a span")]);
    let calendar = Calendar::plain(Zone::utc(), day_starts).with_hours(Some(hours), None);
    Arc::new(Policy {
        messages: Messages::compile(&rules, &Zone::utc(), Language::En).expect("messages that compile"),
        rules,
        routes: receivers.iter().map(route).collect(),
        feeds: Vec::new(),
        links: None,
        calendars: Calendars::of_all(calendar.with_windows([("dinner".to_owned(), dinner)].into())),
        setting: Setting { boot: "test".to_owned(), language: Language::En, zone: Zone::utc(), day_starts },
    })
}

fn engine() -> Engine {
    Engine::new(BrandId::new("sahil").expect("a slug"), policy(&["managers"]), LIMITS, Memory::default())
}

fn dish() -> Product {
    Product { station: Some(StationId(3)), ..Product::plain(ProductId(54), "Piti") }
}

fn list(limits: &[i64]) -> Input {
    list_of(VENUE, limits)
}

fn list_of(venue: VenueId, limits: &[i64]) -> Input {
    let entry = |limit: &i64| StopEntry { product: ProductId(54), limit: Quantity::whole(*limit), updated_at: None };
    let entries = limits.iter().map(entry).collect();
    Input::Reading(venue, Reading::StopList { entries, unreadable: Vec::new(), whole: true })
}

/// Steps and adopts, and says whether anything had to be written.
fn take(engine: &mut Engine, input: Input, s: i64) -> bool {
    let commit = engine.step(input, after_s(s));
    let is_durable = commit.is_durable();
    engine.adopt(commit);
    is_durable
}

/// An engine that has read a venue with one dish, which is on sale.
fn watching() -> Engine {
    let mut engine = engine();
    let station =
        Station { id: StationId(3), name: "Kitchen".to_owned(), active: true, kitchen: true, printable: true };
    let (unreadable, absence_counts) = (Vec::new(), true);
    let inputs = [
        Input::Venues(vec![Venue { id: VENUE, name: "Sahil".to_owned(), active: true }]),
        Input::Access(Access::Granted),
        Input::Reading(VENUE, Reading::Products { products: vec![dish()], unreadable, absence_counts }),
        Input::Reading(VENUE, Reading::Stations { stations: vec![station], unreadable: Vec::new(), absence_counts }),
        list(&[]),
    ];
    for input in inputs {
        take(&mut engine, input, 0);
    }
    engine
}

#[test]
fn what_somebody_says_stays_although_its_alert_turns_at_that_moment() {
    const DOORS: &str = "rules:
  - { name: doors, subject: venue, when: { venue.open: true }, clear_for: 1m, notify: [managers] }";
    let brand = BrandId::new("sahil").expect("a slug");
    let mut engine = Engine::new(brand, policy_of(DOORS, &["managers"], &Way::Email), LIMITS, Memory::default());
    take(&mut engine, Input::Venues(vec![Venue { id: VENUE, name: "Sahil".to_owned(), active: true }]), 0);
    take(&mut engine, list(&[]), 0);
    take(&mut engine, Input::Tick, 58);
    let alert = |engine: &Engine| match engine.memory().book.iter().next() {
        Some((key, Alert::Open(open))) => (key.clone(), open.as_ref().clone()),
        other => panic!("one alert is open: {other:?}"),
    };
    let (key, open) = alert(&engine);
    let (by, note) = ("Anar".to_owned(), String::new());
    let said = Acknowledgement { by, at: after_s(61), reason: None, note, back_at: None };
    let order = Order::Acknowledge { key, episode: open.episode, acknowledgement: said.clone() };
    // The doors closed a second ago, and nobody has looked since.
    take(&mut engine, Input::Order(OrderId(1), order), 61);
    assert_eq!(alert(&engine).1.acknowledged, Some(said.clone()));
    take(&mut engine, Input::Tick, 70);
    let (_, open) = alert(&engine);
    assert_eq!((open.acknowledged, open.clear_since), (Some(said), Some(after_s(70))));
}

#[test]
fn a_message_that_fails_goes_out_in_our_own_words_and_is_noted_for_the_operator() {
    // It is put together for every name but one.
    const RULES: &str = "rules:
  - { name: out, when: { sold_out: true }, notify: [managers], message: \"{{ item.name }} is out{% if item.name == 'Piti' %}\
      {% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}{% endif %}\" }";
    let memory = watching().into_memory();
    let brand = BrandId::new("sahil").expect("a slug");
    let mut engine = Engine::new(brand, policy_of(RULES, &["managers"], &Way::Webhook), LIMITS, memory);
    let commit = engine.step(list(&[0]), after_s(9));
    let told: Vec<&str> = commit.notices.iter().map(|notice| notice.summary.as_str()).collect();
    assert_eq!(told, ["out: out: Piti at Sahil"]);
    let why: Vec<(&str, &str)> = commit.unrendered.iter().map(|(rule, why)| (rule.as_str(), why.as_str())).collect();
    assert_eq!(why, [("out", "it takes too long to put together")]);
    engine.adopt(commit);
    let commit = engine.step(list(&[]), after_s(90));
    assert!(commit.unrendered.is_empty(), "what is said of its end is our own anyway");
}

#[test]
fn only_what_differs_is_written() {
    let mut engine = watching();
    for (input, s, is_written) in [
        (list(&[]), 3, false),
        (Input::Tick, 6, false),
        (Input::Reading(VENUE, Reading::Failed { why: "no answer".to_owned() }), 7, false),
        (Input::Access(Access::Granted), 8, false),
        (list(&[0]), 9, true),
        (list(&[0]), 12, false),
        (list(&[-1]), 15, true),
        (Input::Venues(vec![Venue { id: VENUE, name: "Sahil".to_owned(), active: true }]), 16, false),
        (Input::Venues(vec![Venue { id: VENUE, name: "Sahil 2".to_owned(), active: true }]), 17, true),
        (Input::Reading(VenueId(9), Reading::Failed { why: "nobody watches it".to_owned() }), 18, false),
        (Input::Venues(Vec::new()), 19, true),
    ] {
        let shown = format!("{input:?}");
        assert_eq!(take(&mut engine, input, s), is_written, "{shown}");
    }
}

#[test]
fn a_step_changes_nothing_and_the_same_step_gives_the_same_commit() {
    let engine = watching();
    let before = format!("{:?}", engine.memory());
    let commits = [0, 1].map(|_| format!("{:?}", engine.step(list(&[0]), after_s(9))));
    assert_eq!(commits[0], commits[1]);
    assert_eq!(format!("{:?}", engine.memory()), before);
}

#[test]
fn the_next_deadline_says_what_is_waited_for() {
    let next = |engine: &Engine| engine.next_deadline();
    assert_eq!(next(&engine()), None, "who watches nothing waits for nothing");

    let looks = "conditions that turn by time are looked at again";
    let mut engine = watching();
    assert_eq!(next(&engine), Some((after_s(5), looks)));
    take(&mut engine, list(&[0]), 18);
    take(&mut engine, Input::Tick, 36);
    assert_eq!(next(&engine), Some((after_s(38), "an alert has held long enough to open")));
    take(&mut engine, list(&[0]), 38);
    assert!(engine.memory().book.iter().any(|(_, alert)| matches!(alert, Alert::Open(_))), "it opened");
    take(&mut engine, Input::Tick, 125);
    assert_eq!(next(&engine), Some((after_s(128), "a mail has waited for long enough")));
    assert!(take(&mut engine, Input::Tick, 128), "the mail is written");
    take(&mut engine, list(&[5]), 130);
    take(&mut engine, Input::Tick, 188);
    assert_eq!(next(&engine), Some((after_s(190), "an alert has been clear long enough to close")));
    take(&mut engine, list(&[5]), 190);
    assert!(!engine.memory().book.iter().any(|(_, alert)| alert.open().is_some()), "it closed");
}

#[test]
fn an_alert_that_waits_for_a_reading_hides_no_later_deadline() {
    const WAITS: &str = "rules:
  - { name: out, when: { limit: { at_most: 0 } }, for: 5s, notify: [managers] }
  - { name: doors, subject: venue, when: { venue.open: true }, clear_for: 12s, notify: [managers] }";
    let policy = policy_of(WAITS, &["managers"], &Way::Email);
    let mut engine = Engine::new(BrandId::new("sahil").expect("a slug"), policy, LIMITS, watching().into_memory());
    take(&mut engine, Input::Reloaded, 55);
    // The doors close at 60 s, and the dish runs out at 61 s; no list is read after that.
    take(&mut engine, list(&[0]), 61);
    for s in [66, 71] {
        take(&mut engine, Input::Tick, s);
    }
    assert_eq!(engine.next_deadline(), Some((after_s(73), "an alert has been clear long enough to close")));
}

/// When time alone changes something, found by looking over everything that there is.
fn plain_deadline(engine: &Engine) -> Option<Timestamp> {
    let (book, rules) = (&engine.memory.book, &engine.policy.rules);
    let alerts = engine.scopes().flat_map(|scope| {
        let last = engine.evaluated.get(&scope).map(|evaluated| evaluated.at);
        alerts::deadlines(book, rules, scope).map(|(at, _)| at).filter(move |at| last.is_none_or(|last| *at > last))
    });
    let waiting = engine.memory.groups.iter();
    let groups = waiting.map(|(key, group)| engine.due_at(&key.receiver, group));
    let looks = engine.scopes().filter_map(|scope| Some(engine.evaluated.get(&scope)?.at.plus(REEVALUATE_EVERY)));
    // When readings are noted follows from what came before, and has a property of its own.
    let noted = engine.timers.get(&Timer::Readings);
    alerts.chain(groups).chain(looks).chain(noted).min()
}

/// Whether a tick looks at the scope, by what is known of it alone.
fn plain_is_due(engine: &Engine, scope: Option<VenueId>, now: Timestamp) -> bool {
    let Some(evaluated) = engine.evaluated.get(&scope) else { return true };
    let is_old = now.since(evaluated.at) >= REEVALUATE_EVERY || now < evaluated.at;
    let mut deadlines = alerts::deadlines(&engine.memory.book, &engine.policy.rules, scope);
    let freshness = engine.freshness(scope, &Commit::default(), now);
    is_old || deadlines.any(|(at, _)| at <= now && at > evaluated.at) || evaluated.freshness != freshness
}

#[derive(Clone, Debug)]
enum Act {
    List(u64, Vec<i64>),
    Fail(u64),
    Tick,
    Watch(BTreeSet<u64>),
    Refuse(bool),
    Reload(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let venue = || 1..4_u64;
    prop_oneof![
        6 => (venue(), prop::sample::select(vec![vec![], vec![0], vec![3]])).prop_map(|(id, rows)| Act::List(id, rows)),
        1 => venue().prop_map(Act::Fail),
        4 => Just(Act::Tick),
        1 => prop::collection::btree_set(venue(), 0..4).prop_map(Act::Watch),
        1 => any::<bool>().prop_map(Act::Refuse),
        1 => any::<bool>().prop_map(Act::Reload),
    ]
}

fn venues(ids: impl IntoIterator<Item = u64>) -> Input {
    Input::Venues(ids.into_iter().map(|id| Venue { id: VenueId(id), name: "Sahil".to_owned(), active: true }).collect())
}

proptest! {
    #[test]
    fn the_timers_say_what_looking_over_everything_says(acts in prop::collection::vec((act(), -3..40_i64), 1..60)) {
        let (mut engine, mut s) = (watching(), 0);
        take(&mut engine, venues([1, 2, 3]), 0);
        for (act, later_s) in acts {
            s += later_s;
            let input = match act {
                Act::List(id, rows) => list_of(VenueId(id), &rows),
                Act::Fail(id) => Input::Reading(VenueId(id), Reading::Failed { why: "no answer".to_owned() }),
                Act::Tick => Input::Tick,
                Act::Watch(ids) => venues(ids),
                Act::Refuse(true) => Input::Access(Access::Refused { since: after_s(s), why: "no".to_owned() }),
                Act::Refuse(false) => Input::Access(Access::Granted),
                Act::Reload(has_managers) => {
                    let receivers: &[&str] = if has_managers { &["managers"] } else { &[] };
                    engine = Engine::new(engine.brand().clone(), policy(receivers), LIMITS, engine.into_memory());
                    prop_assert_eq!(engine.next_deadline().map(|(at, _)| at), plain_deadline(&engine));
                    Input::Reloaded
                }
            };
            for scope in engine.scopes() {
                let is_due = engine.is_due(scope, &Commit::default(), after_s(s));
                prop_assert_eq!(is_due, plain_is_due(&engine, scope, after_s(s)), "{:?}", scope);
            }
            take(&mut engine, input, s);
            prop_assert_eq!(engine.next_deadline().map(|(at, _)| at), plain_deadline(&engine));
        }
    }
}

proptest! {
    #[test]
    fn that_a_venue_was_read_is_noted_within_a_minute_once_and_at_the_end(
        acts in prop::collection::vec((act(), -3..40_i64), 1..80)
    ) {
        let (mut engine, mut s) = (watching(), 0);
        take(&mut engine, venues([1, 2, 3]), 0);
        // The first reading that is not noted yet; that of the beginning is not.
        let mut waits_since = Some(after_s(0));
        for (act, later_s) in acts {
            s += later_s;
            let now = after_s(s);
            let input = match act {
                Act::List(id, rows) => list_of(VenueId(id), &rows),
                Act::Fail(_) | Act::Tick | Act::Watch(_) | Act::Refuse(_) | Act::Reload(_) => Input::Tick,
            };
            let is_tick = matches!(input, Input::Tick);
            let is_due = is_tick && waits_since.is_some_and(|first| now >= first.plus(NOTED_WITHIN));
            let commit = engine.step(input, now);
            prop_assert_eq!(!commit.readings.is_empty(), is_due, "at {}", s);
            if is_due {
                let read_at = engine.memory().venues.iter().filter_map(|(id, known)| Some((*id, known.read_at?)));
                prop_assert_eq!(&commit.readings, &read_at.collect::<BTreeMap<_, _>>());
                waits_since = None;
            }
            let read_at = |engine: &Engine| engine.memory().venues.values().map(|it| it.read_at).collect::<Vec<_>>();
            let before = read_at(&engine);
            engine.adopt(commit);
            // A list that is doubted is no reading yet.
            if read_at(&engine) != before {
                waits_since = Some(waits_since.map_or(now, |first| first.min(now)));
            }
        }
        prop_assert_eq!(take(&mut engine, Input::Ending, s), waits_since.is_some());
        prop_assert!(!take(&mut engine, Input::Ending, s), "nobody read since");
    }
}

#[test]
fn who_left_the_configuration_gets_no_mail() {
    let mut engine = watching();
    take(&mut engine, list(&[0]), 9);
    take(&mut engine, list(&[0]), 30);
    assert_eq!(engine.memory().groups.len(), 1);
    let mut engine = Engine::new(engine.brand().clone(), policy(&[]), LIMITS, engine.into_memory());
    let commit = engine.step(Input::Reloaded, after_s(31));
    assert_eq!((commit.notices.len(), commit.groups.len()), (0, 1), "the group is dropped, and nothing is sent");
    engine.adopt(commit);
    assert!(engine.memory().groups.is_empty());
}
