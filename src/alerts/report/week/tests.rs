//! A week weighed again as plainly as possible: what the list showed is kept for every five minutes, and the minutes are
//! counted that the doors were open and somebody read.
//!
//! Shares no code with what it judges, but for the calendar, which has a reference of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Weekday;
use proptest::prelude::*;

use super::*;
use crate::calendar::{ClockSpan, Schedule, WeekTime};
use crate::catalog::{Catalog, Product, ProductKind, SharedCatalog, Venue};
use crate::units::{Quantity, VenueId, Zone};

/// The grid on which everything happens, in minutes: hours and changes of clocks are on it too.
const STEP_MIN: u64 = 5;
/// Steps of a life: two weeks and a few hours on either side.
const STEPS: usize = 17 * 24 * 12;
/// Weeks in which the clock is put back, forward by half an hour, forward, and not at all; each life ends on a Monday.
const LIVES: [(&str, &str); 4] = [
    ("Europe/Berlin", "2026-10-26T12:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-05T03:00:00Z"),
    ("America/Santiago", "2026-09-07T18:00:00Z"),
    ("Asia/Baku", "2026-11-30T09:00:00Z"),
];

fn steps(count: usize) -> Duration {
    Duration::from_mins(STEP_MIN * count as u64)
}

/// Something that happens at a step: an item runs out or comes back, or nobody reads for so many steps.
#[derive(Clone, Debug)]
enum Event {
    Turns(u64),
    Unread(usize),
}

fn event() -> impl Strategy<Value = (usize, Event)> {
    let what = prop_oneof![6 => (0..4_u64).prop_map(Event::Turns), 1 => (1..200_usize).prop_map(Event::Unread)];
    (0..STEPS, what)
}

/// What was seen of a life, step by step, and the history that was written of it.
struct Life {
    begins: Timestamp,
    /// What was out at each step, as far as a reading showed it, and since when; `None` where nobody read.
    seen: Vec<Option<BTreeMap<ProductId, Timestamp>>>,
    history: History,
    snapshot: Snapshot,
}

/// Lives: from step `first` on the list is read, unless an event says otherwise.
fn live(ends: Timestamp, first: usize, mut events: Vec<(usize, Event)>, asked_from: Timestamp) -> Life {
    let begins = ends.minus(steps(STEPS));
    let at = |step: usize| begins.plus(steps(step));
    events.sort_by_key(|(step, _)| *step);
    let (mut is_out, mut known): (BTreeSet<ProductId>, Option<BTreeMap<ProductId, Timestamp>>) =
        (BTreeSet::new(), None);
    let (mut blind_until, mut seen) = (first, Vec::new());
    let (mut history, mut snapshot) =
        (History::default(), Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true }));
    for step in 0..STEPS {
        for (_, event) in events.iter().filter(|(when, _)| *when == step) {
            match event {
                Event::Turns(id) if is_out.remove(&ProductId(*id)) => {}
                Event::Turns(id) => drop(is_out.insert(ProductId(*id))),
                Event::Unread(count) if step >= blind_until && step > first => {
                    blind_until = step + count;
                    history.unread.push(Stretch { from: at(step), until: at(blind_until.min(STEPS)) });
                }
                Event::Unread(_) => {}
            }
        }
        if step < blind_until {
            seen.push(None);
            continue;
        }
        let before = known.clone();
        let after: BTreeMap<ProductId, Timestamp> = is_out
            .iter()
            .map(|id| (*id, before.as_ref().and_then(|it| it.get(id).copied()).unwrap_or(at(step))))
            .collect();
        let of = before.clone().unwrap_or_else(|| after.clone());
        for id in (0..4).map(ProductId).filter(|id| of.contains_key(id) != after.contains_key(id)) {
            history.begins = history.begins.or(Some(at(step)));
            let turn =
                Turn { product: id, at: at(step), out_before: of.get(&id).copied(), is_out: after.contains_key(&id) };
            history.turns.extend(Some(turn).filter(|_| at(step) >= asked_from));
            snapshot.changed_at = Some(at(step));
        }
        snapshot.changed_at = snapshot.changed_at.or(Some(at(step)));
        snapshot.first_read_at = snapshot.first_read_at.or(Some(at(step)));
        snapshot.read_at = Some(at(step));
        seen.push(Some(after.clone()));
        known = Some(after);
    }
    let row = |(id, seen_at): (ProductId, Timestamp)| {
        (id, StopRow { limit: Quantity::ZERO, updated_at: None, since: seen_at, seen_at })
    };
    snapshot.picture.rows = Arc::new(known.unwrap_or_default().into_iter().map(row).collect());
    if snapshot.read_at.is_some() {
        snapshot.read_at = Some(ends);
    }
    Life { begins, seen, history, snapshot }
}

/// Counts the steps between two instants that were open and read, and those of them at which each item was out.
fn counted(life: &Life, calendar: &Calendar, from: Timestamp, until: Timestamp) -> (usize, BTreeMap<ProductId, usize>) {
    let (mut read, mut off) = (0, BTreeMap::new());
    for (step, seen) in life.seen.iter().enumerate() {
        let at = life.begins.plus(steps(step));
        let Some(seen) = seen.as_ref().filter(|_| at >= from && at < until) else { continue };
        if calendar.is_open(at) == Some(false) {
            continue;
        }
        read += 1;
        for id in seen.keys() {
            *off.entry(*id).or_default() += 1;
        }
    }
    (read, off)
}

fn last_week(calendar: &Calendar, now: Timestamp) -> Week {
    let when = WeekTime { weekday: Weekday::Monday, time: jiff::civil::time(5, 0, 0, 0) };
    calendar.weeks(when, now).into_iter().rfind(|week| week.due_at <= now).expect("one before")
}

fn hours() -> impl Strategy<Value = Option<Schedule>> {
    let spans = [&["10:00-23:00"][..], &["18:00-03:30"], &["08:00-14:30", "19:15-02:00"], &["00:00-24:00"], &[]];
    let day = prop::sample::select(spans.to_vec());
    let parsed = |spans: &[&str]| spans.iter().map(|span| ClockSpan::parse(span).expect("a span")).collect::<Vec<_>>();
    let week = prop::collection::vec(day.prop_map(parsed), 7);
    prop::option::weighted(0.9, week.prop_map(|week| Schedule::new(week.try_into().expect("seven"), BTreeMap::new())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_times_are_those_that_counting_minute_by_minute_gives(
        (zone, ends) in prop::sample::select(&LIVES[..]),
        hours in hours(),
        first in prop_oneof![3 => Just(0_usize), 1 => 0..STEPS],
        events in prop::collection::vec(event(), 0..120),
    ) {
        let ends: Timestamp = ends.parse().expect("an instant");
        let plain = Calendar::plain(Zone::named(zone).expect("bundled"), jiff::civil::time(4, 0, 0, 0));
        let calendar = plain.with_hours(hours.clone(), None);
        let week = last_week(&calendar, ends);
        let life = live(ends, first, events, week.before);
        let weighed = weigh(&week, &calendar, &life.snapshot, FreshnessLimits::NONE, &life.history, ends);
        // A database of before the first reading was kept claims less, and never more.
        let of_before = Snapshot { first_read_at: None, ..life.snapshot.clone() };
        let less = weigh(&week, &calendar, &of_before, FreshnessLimits::NONE, &life.history, ends);
        prop_assert!(less.read <= weighed.read);
        prop_assert_eq!(less.off(), weighed.off());

        let (read, off) = counted(&life, &calendar, week.from, week.until);
        prop_assert_eq!(weighed.read, steps(read));
        let times: BTreeMap<ProductId, Duration> = weighed.items.iter().map(|item| (item.product, item.off)).collect();
        let expected: BTreeMap<ProductId, Duration> = off.iter().map(|(id, count)| (*id, steps(*count))).collect();
        prop_assert_eq!(times, expected);
        prop_assert!(weighed.items.is_sorted_by(|one, next| one.off >= next.off));
        for item in &weighed.items {
            prop_assert!(item.longest <= item.off && item.off <= item.longest * u32::try_from(item.stops)?);
        }
        if let Some(before) = weighed.before {
            let (_, off) = counted(&life, &calendar, week.before, week.from);
            prop_assert_eq!(before, off.values().map(|count| steps(*count)).sum::<Duration>());
        }
        prop_assert_eq!(weighed.has_hours, hours.is_some());
        let known = weighed.known_from.unwrap_or(week.from);
        prop_assert!(known >= week.from && weighed.read + weighed.missed <= weighed.served);
    }

    #[test]
    fn no_clock_that_is_set_makes_more_of_a_week_than_there_is(
        turns in prop::collection::vec((0..3_u64, 0..STEPS, prop::option::of(0..STEPS), any::<bool>()), 0..40),
        unread in prop::collection::vec((0..STEPS, 0..STEPS), 0..4),
    ) {
        let ends: Timestamp = LIVES[3].1.parse().expect("an instant");
        let at = |step: usize| ends.minus(steps(STEPS)).plus(steps(step));
        let turn = |(id, step, before, is_out): (u64, usize, Option<usize>, bool)| {
            Turn { product: ProductId(id), at: at(step), out_before: before.map(at), is_out }
        };
        let unread = unread.into_iter().map(|(from, until)| Stretch { from: at(from), until: at(until) }).collect();
        let history = History { begins: Some(at(0)), turns: turns.into_iter().map(turn).collect(), unread, is_cut: false };
        let calendar = Calendar::plain(Zone::utc(), jiff::civil::time(4, 0, 0, 0));
        let life = live(ends, 0, Vec::new(), at(0));
        let week = last_week(&calendar, ends);
        let weighed = weigh(&week, &calendar, &life.snapshot, FreshnessLimits::NONE, &history, ends);
        prop_assert!(weighed.read <= weighed.served);
        for item in &weighed.items {
            prop_assert!(item.off <= weighed.read, "{item:?} of {:?}", weighed.read);
        }
    }
}

/// A week of a house that is open all day, of which this is the history, with two dishes out at present.
fn weighed(history: &History, present: &[(u64, &str)], now: &str) -> VenueWeek {
    let now: Timestamp = now.parse().expect("an instant");
    let mut snapshot = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
    let row = |(id, seen_at): &(u64, &str)| {
        let seen_at = seen_at.parse().expect("an instant");
        (ProductId(*id), StopRow { limit: Quantity::ZERO, updated_at: None, since: seen_at, seen_at })
    };
    snapshot.picture.rows = Arc::new(present.iter().map(row).collect());
    let mut catalog = Catalog::default();
    for (id, name) in [(1, "Piti"), (2, "Dovğa"), (3, "Ayran")] {
        let product = Product { hidden: id == 3, ..Product::plain(ProductId(id), name) };
        catalog.products.insert(ProductId(id), product);
    }
    let kind = |id: u64, kind: ProductKind| Product { kind, ..Product::plain(ProductId(id), "Un") };
    let drink = Product { has_variants: true, ..kind(5, ProductKind::Goods) };
    let size = Product { parent: Some(ProductId(5)), ..kind(6, ProductKind::Modification) };
    let of_hidden = Product { parent: Some(ProductId(3)), ..kind(7, ProductKind::Modification) };
    for product in [kind(4, ProductKind::Ingredient), drink, size, of_hidden] {
        catalog.products.insert(product.id, product);
    }
    snapshot.picture.catalog = SharedCatalog::new(catalog);
    snapshot.catalog_read_at = Some(now);
    snapshot.read_at = Some(now);
    let calendar = Calendar::plain(Zone::utc(), jiff::civil::time(4, 0, 0, 0));
    weigh(&last_week(&calendar, now), &calendar, &snapshot, FreshnessLimits::NONE, history, now)
}

fn turn(product: u64, at: &str, out_before: Option<&str>, is_out: bool) -> Turn {
    let instant = |text: &str| text.parse::<Timestamp>().expect("an instant");
    Turn { product: ProductId(product), at: instant(at), out_before: out_before.map(instant), is_out }
}

const MONDAY: &str = "2026-11-30T10:00:00Z";

#[test]
fn what_is_off_since_long_ago_is_off_all_week_and_what_is_hidden_is_not_missed() {
    let weighed = weighed(&History::default(), &[(1, "2026-10-01T10:00:00Z"), (3, "2026-10-01T10:00:00Z")], MONDAY);
    let week = Duration::from_hours(7 * 24);
    assert_eq!(weighed.items, [ItemWeek { product: ProductId(1), off: week, stops: 1, longest: week }]);
    assert!(weighed.is_nearly_always(&weighed.items[0]));
    assert_eq!((weighed.not_sold, weighed.before, weighed.known_from), (1, Some(week), None));
}

#[test]
fn what_guests_cannot_order_is_not_counted_and_a_size_is_counted_once() {
    let since = "2026-10-01T10:00:00Z";
    let weighed = weighed(&History::default(), &[4, 5, 6, 7, 8].map(|id| (id, since)), MONDAY);
    let counted: Vec<u64> = weighed.items.iter().map(|item| item.product.0).collect();
    // An ingredient, a drink that is sold in sizes, one of its sizes, a size of what is hidden, and what was deleted.
    assert_eq!((counted, weighed.not_sold), (vec![6], 4));
}

#[test]
fn what_a_clock_that_was_ahead_called_unread_is_not_believed_when_it_is_right() {
    let instant = |text: &str| text.parse::<Timestamp>().expect("an instant");
    let ahead = Stretch { from: instant("2026-11-24T10:00:00Z"), until: instant("2027-11-20T10:00:00Z") };
    let history = History { unread: vec![ahead], ..History::default() };
    let weighed = weighed(&history, &[(1, "2026-10-01T10:00:00Z")], MONDAY);
    assert_eq!(weighed.read, Duration::from_hours(7 * 24));
}

#[test]
fn a_venue_that_is_watched_since_friday_says_so_and_compares_nothing() {
    let friday = "2026-11-27T04:00:00Z";
    let weighed = weighed(&History::default(), &[(1, friday)], MONDAY);
    assert_eq!(weighed.known_from, Some(friday.parse().expect("an instant")));
    assert_eq!((weighed.read, weighed.missed), (Duration::from_hours(3 * 24), Duration::ZERO));
    assert_eq!(weighed.before, None);
    assert!(!weighed.is_nearly_always(&weighed.items[0]), "less than half of the week is known");
}

#[test]
fn while_a_venue_was_not_watched_nothing_is_said_of_it() {
    // It ran out on Tuesday; then the venue was taken off the list, and when it came back the dish was on sale.
    let gone = History {
        begins: Some("2026-10-01T10:00:00Z".parse().expect("an instant")),
        turns: vec![turn(1, "2026-11-24T10:00:00Z", None, true)],
        ..History::default()
    };
    assert_eq!(weighed(&gone, &[], MONDAY).items, []);
    let and_back = History { turns: vec![gone.turns[0], turn(1, "2026-11-26T10:00:00Z", None, true)], ..gone };
    let weighed = weighed(&and_back, &[(1, "2026-11-26T10:00:00Z")], MONDAY);
    assert_eq!(weighed.items[0].off, Duration::from_hours(3 * 24 + 18), "from Thursday on");
}

#[test]
fn a_countdown_is_no_turn() {
    let row = |limit: i64| {
        let at = "2026-11-24T10:00:00Z".parse().expect("an instant");
        StopRow { limit: Quantity::whole(limit), updated_at: None, since: at, seen_at: at }
    };
    let at = "2026-11-24T10:00:00Z".parse().expect("an instant");
    let of = |before: Option<i64>, after: Option<i64>| {
        Turn::of(ProductId(1), at, before.map(row).as_ref(), after.map(row).as_ref()).map(|turn| turn.is_out)
    };
    for (before, after, expected) in [
        (None, Some(0), Some(true)),
        (Some(1), Some(0), Some(true)),
        (Some(0), None, Some(false)),
        (Some(-1), Some(5), Some(false)),
        (Some(5), Some(4), None),
        (Some(0), Some(-1), None),
        (None, Some(4), None),
        (Some(4), None, None),
    ] {
        assert_eq!(of(before, after), expected, "{before:?} {after:?}");
    }
}
