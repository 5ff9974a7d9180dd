//! The plan's promises: fresh before stale, walks in the gaps, second looks at once, one request of a venue at a time.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::catalog::StopEntry;
use crate::clopos::budget::{Budget, IpBudget, Outcome, RateLimit};
use crate::clopos::decode::{Page, StopList, VenueList};
use crate::clopos::verdict::Said;
use crate::units::{Quantity, Timestamp};

/// What a budget of 290 of the 300 gives.
const PER_MINUTE: u32 = 284;
const SETTINGS: Settings = Settings {
    fastest: Duration::from_secs(3),
    oldest: Duration::from_mins(1),
    catalog: Duration::from_mins(15),
    prices: Duration::from_hours(1),
};

fn s(seconds: u64) -> Uptime {
    Uptime(Duration::from_secs(seconds))
}

fn venue(id: u64) -> Venue {
    Venue { id: VenueId(id), name: format!("venue {id}"), active: true }
}

fn listed(ids: impl IntoIterator<Item = u64>) -> VenueList {
    VenueList { rows: ids.into_iter().map(venue).collect(), unreadable: BTreeSet::new(), whole: true }
}

fn page<T>(rows: Vec<(u64, T)>) -> Page<T> {
    let listed = rows.iter().map(|(id, _)| *id).collect();
    let total = Some(rows.len() as u64);
    Page { rows, listed, unreadable: Vec::new(), nameless: 0, total, last: None }
}

fn stop_list(entries: Vec<StopEntry>) -> Answer {
    Answer::StopList(StopList { entries, unreadable: Vec::new(), whole: true })
}

/// Answers a request as an empty restaurant would.
fn answer(request: &Request, venues: u64) -> Answer {
    match request {
        Request::Venues => Answer::Venues(listed(1..=venues)),
        Request::StopList { .. } => stop_list(Vec::new()),
        Request::Products { .. } => Answer::Products(page(Vec::new())),
        Request::Stations { .. } => Answer::Stations(page(Vec::new())),
        Request::PriceLists { .. } => Answer::PriceLists(page(Vec::new())),
        Request::Prices { .. } => Answer::Prices(page(Vec::new())),
        Request::Product { .. } => panic!("nobody asks for a product that no stop list names"),
    }
}

/// Sends what the plan wants until it waits, and answers at once; returns what was sent.
fn drain(plan: &mut Plan, venues: u64, now: Uptime) -> Vec<Request> {
    let mut sent = Vec::new();
    while let Next::Send(request) = plan.next(now) {
        plan.sent(&request, now);
        let learned = plan.answered(&request, Ok(answer(&request, venues)), now);
        if let Some(Learned::OfVenue(id, reading)) = learned {
            let snapshot = Snapshot::unread(venue(id.0)).fold(reading, Timestamp::from_unix_ms(0));
            plan.observed(&snapshot, false, now);
            plan.known(&snapshot);
        }
        sent.push(request);
        assert!(sent.len() < 1_000, "the plan never waits");
    }
    sent
}

#[test]
fn a_start_learns_everything_once_and_then_waits_for_the_fastest_poll() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, None, []);
    let sent = drain(&mut plan, 2, s(0));
    assert_eq!(sent[0], Request::Venues);
    for id in [1, 2].map(VenueId) {
        assert!(sent.contains(&Request::StopList { venue: id, only: Vec::new() }), "{sent:?}");
        assert!(sent.contains(&Request::Stations { venue: id, page: 1 }), "{sent:?}");
        assert!(sent.contains(&Request::Products { venue: id, page: 1 }), "{sent:?}");
    }
    assert!(sent.contains(&Request::Prices { page: 1 }));
    assert_eq!(sent.len(), 9);
    assert_eq!(plan.next(s(1)), Next::Wait { until: s(3), why: "a stop list is due" });
    assert_eq!(drain(&mut plan, 2, s(3)).len(), 2, "only the two stop lists");
}

#[test]
fn a_venue_has_one_request_on_its_way() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, Some([VenueId(1)].into()), []);
    let Next::Send(first) = plan.next(s(0)) else { panic!() };
    plan.sent(&first, s(0));
    let mut waits = 0;
    for _ in 0..5 {
        match plan.next(s(0)) {
            Next::Send(request) => {
                assert_ne!(request.venue(), first.venue().or(Some(VenueId(9))), "{request:?}");
                plan.sent(&request, s(0));
            }
            Next::Wait { .. } => waits += 1,
        }
    }
    assert!(waits > 0, "the brand's lane and the venue's lane hold one request each");
}

#[test]
fn the_second_look_goes_before_everything_else() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, None, []);
    drain(&mut plan, 3, s(0));
    let at = |ms| Timestamp::from_unix_ms(ms);
    let row = |id| StopEntry { product: ProductId(id), limit: Quantity::ZERO, updated_at: Some(at(0)) };
    let reading = |entries| Reading::StopList { entries, unreadable: Vec::new(), whole: true };
    let full = Snapshot::unread(venue(2)).fold(reading((1..=10).map(row).collect()), at(0));
    let emptied = full.fold(reading(Vec::new()), at(3_000));
    plan.observed(&emptied, false, s(3));
    let Next::Send(Request::StopList { venue, only }) = plan.next(s(3)) else { panic!("a second look") };
    assert_eq!((venue, only.len()), (VenueId(2), 10));
}

#[test]
fn a_failed_venue_waits_longer_each_time_and_holds_up_nobody() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, None, []);
    drain(&mut plan, 2, s(0));
    let request = Request::StopList { venue: VenueId(1), only: Vec::new() };
    let verdict = Verdict::Passing { why: Said::own("504") };
    let mut now = s(10);
    let mut waits = Vec::new();
    for _ in 0..8 {
        plan.sent(&request, now);
        let learned = plan.answered(&request, Err(&verdict), now);
        assert!(matches!(learned, Some(Learned::OfVenue(VenueId(1), Reading::Failed { .. }))), "{learned:?}");
        let back_at = plan.venues[&VenueId(1)].not_before;
        waits.push(back_at.since(now).as_secs());
        let Next::Send(other) = plan.next(now) else { panic!("venue 2 is due") };
        assert_eq!(other.venue(), Some(VenueId(2)));
        now = back_at;
    }
    assert!(waits.is_sorted() && waits[0] >= 1 && waits[7] <= 72, "{waits:?}");
}

#[test]
fn a_product_that_is_gone_is_a_reading_and_not_a_trouble() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, None, []);
    drain(&mut plan, 1, s(0));
    let request = Request::Product { venue: VenueId(1), id: ProductId(332) };
    plan.sent(&request, s(1));
    let gone = Verdict::NotFound { said: Said::own("resource_not_found") };
    let learned = plan.answered(&request, Err(&gone), s(1));
    assert_eq!(learned, Some(Learned::OfVenue(VenueId(1), Reading::ProductGone(ProductId(332)))));
}

#[test]
fn venues_that_nobody_wants_are_not_polled_and_wanted_ones_are_polled_unlisted() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, Some([VenueId(2), VenueId(7)].into()), []);
    let watched = plan.set_venues(listed(1..=3));
    let ids: Vec<u64> = watched.iter().map(|venue| venue.id.0).collect();
    assert_eq!(ids, [2, 7]);
    assert_eq!(plan.venues.keys().map(|id| id.0).collect::<Vec<_>>(), [2, 7]);
}

#[test]
fn a_venue_goes_only_when_two_lists_in_a_row_lack_it() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, None, [VenueId(1)]);
    let mut watched = |ids: &[u64]| -> Vec<(u64, bool)> {
        let rows = plan.set_venues(listed(ids.iter().copied()));
        rows.iter().map(|venue| (venue.id.0, venue.name.is_empty())).collect()
    };
    assert_eq!(watched(&[2]), [(2, false), (1, true)], "a restored venue outlives the first list that lacks it");
    assert_eq!(watched(&[1, 2]), [(1, false), (2, false)]);
    assert_eq!(watched(&[2]), [(2, false), (1, true)], "and the count begins anew");
    assert_eq!(watched(&[]), [(2, true)]);
    assert_eq!(watched(&[2]), [(2, false)]);
}

#[test]
fn a_list_of_venues_that_could_not_be_read_in_whole_ends_no_watch() {
    let nameless = VenueList { whole: false, ..listed([2]) };
    let unreadable = VenueList { unreadable: [VenueId(1)].into(), ..listed([2]) };
    for spoilt in [nameless, unreadable] {
        let mut plan = Plan::new(SETTINGS, PER_MINUTE, None, [VenueId(1), VenueId(2)]);
        for list in [&spoilt, &spoilt, &listed([2]), &spoilt, &listed([2])] {
            let watched: BTreeSet<u64> = plan.set_venues(list.clone()).iter().map(|venue| venue.id.0).collect();
            assert_eq!(watched, [1, 2].into(), "{list:?}");
        }
    }
}

/// Counts as the published rules say, written without a look at the client's own counting.
struct StrictServer {
    arrivals: Vec<u64>,
    refused: u32,
}

impl StrictServer {
    fn take(&mut self, at_ms: u64) -> (u16, u32) {
        let window = self.arrivals.iter().filter(|earlier| at_ms - **earlier < 60_000).count();
        if window >= 300 {
            self.refused += 1;
            return (429, 0);
        }
        self.arrivals.push(at_ms);
        (200, u32::try_from(299 - window).expect("at most 299"))
    }
}

#[test]
fn an_hour_at_full_budget_with_fifty_venues_causes_no_429_and_leaves_no_venue_behind() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, None, []);
    let mut budget = Budget::new(290, Arc::new(Mutex::new(IpBudget::default())));
    let mut server = StrictServer { arrivals: Vec::new(), refused: 0 };
    let mut read_at = BTreeMap::new();
    let (mut oldest, mut lists, mut now_ms) = (0, 0_u32, 0_u64);
    while now_ms < 3_600_000 {
        let now = Uptime(Duration::from_millis(now_ms));
        let Next::Send(request) = plan.next(now) else {
            now_ms += 50;
            continue;
        };
        let permit = match budget.try_take(now) {
            Ok(permit) => permit,
            Err(wait) => {
                now_ms += u64::try_from(wait.time.as_millis()).expect("short").max(1);
                continue;
            }
        };
        plan.sent(&request, now);
        // Latencies between 20 and 500 ms, a different one for each request.
        let latency_ms = 20 + (u64::from(lists) * 7_919) % 480;
        let (status, remaining) = server.take(now_ms + latency_ms / 2);
        let rate_limit =
            RateLimit { limit: Some(300), remaining: Some(remaining), reset: Some(Duration::from_mins(1)) };
        budget.settle(permit, &Outcome { status: Some(status), never_left: false, rate_limit }, now);
        let learned = plan.answered(&request, Ok(answer(&request, 50)), now);
        if let Some(Learned::OfVenue(id, reading @ Reading::StopList { .. })) = learned {
            lists += 1;
            let snapshot = Snapshot::unread(venue(id.0)).fold(reading, Timestamp::from_unix_ms(0));
            plan.observed(&snapshot, u64::from(lists) % 17 == id.0 % 17, now);
            if let Some(before) = read_at.insert(id, now_ms)
                && now_ms > 300_000
            {
                oldest = oldest.max(now_ms - before);
            }
        }
    }
    assert_eq!(server.refused, 0, "a 429 that we caused is a bug");
    assert_eq!(read_at.len(), 50);
    assert!(server.arrivals.len() > 60 * 280 * 95 / 100, "the budget was not used: {}", server.arrivals.len());
    let (oldest, allowed) = (Duration::from_millis(oldest), Quota::new(50, PER_MINUTE, &SETTINGS).worst_age());
    // Walks take a share.
    assert!(oldest <= allowed + Duration::from_secs(15), "a venue was {oldest:?} old, of {allowed:?}");
}

#[test]
fn a_chain_that_is_too_large_for_its_budget_still_reads_a_busy_venue_more_often_and_leaves_none_behind() {
    let (venues, per_minute) = (300, 270);
    let mut plan = Plan::new(SETTINGS, per_minute, None, (1..=venues).map(VenueId));
    let allowed = Quota::new(300, per_minute, &SETTINGS).worst_age();
    let (mut lists, mut read_ms, mut oldest_ms) = (BTreeMap::new(), BTreeMap::new(), 0);
    // A request leaves every 222 ms.
    for now_ms in (0..3 * 3_600_000).step_by(222) {
        let now = Uptime(Duration::from_millis(now_ms));
        let Next::Send(request) = plan.next(now) else { continue };
        plan.sent(&request, now);
        let learned = plan.answered(&request, Ok(answer(&request, venues)), now);
        if let Some(Learned::OfVenue(id, reading @ Reading::StopList { .. })) = learned {
            let is_counted = now_ms > 3_600_000;
            *lists.entry(id).or_insert(0_u32) += u32::from(is_counted);
            let before = read_ms.insert(id, now_ms).filter(|_| is_counted);
            oldest_ms = oldest_ms.max(before.map_or(0, |before| now_ms - before));
            plan.observed(&Snapshot::unread(venue(id.0)).fold(reading, Timestamp::from_unix_ms(0)), id.0 == 7, now);
        }
    }
    // A venue that was forgotten is known by what nobody reads any more.
    oldest_ms = read_ms.values().map(|at_ms| 3 * 3_600_000 - at_ms).fold(oldest_ms, u64::max);
    let (busy, quiet) = (lists[&VenueId(7)], lists[&VenueId(8)]);
    assert!(busy > 3 * quiet, "{busy} and {quiet}");
    let oldest = Duration::from_millis(oldest_ms);
    assert!(oldest <= allowed + Duration::from_secs(20), "{oldest:?} of {allowed:?}");
}

#[test]
fn a_closed_venue_gives_way_to_an_open_one_and_is_not_forgotten() {
    let mut plan = Plan::new(SETTINGS, PER_MINUTE, None, (1..=60).map(VenueId));
    let (mut lists, mut read_at) = (BTreeMap::new(), BTreeMap::new());
    let mut oldest = Duration::ZERO;
    for now_ms in (0..2 * 3_600_000).step_by(211) {
        let now = Uptime(Duration::from_millis(now_ms));
        (1..=30).for_each(|id| plan.note_doors(VenueId(id), false));
        let Next::Send(request) = plan.next(now) else { continue };
        plan.sent(&request, now);
        let learned = plan.answered(&request, Ok(answer(&request, 60)), now);
        if let Some(Learned::OfVenue(id, reading @ Reading::StopList { .. })) = learned {
            *lists.entry(id).or_insert(0_u32) += u32::from(now_ms > 3_600_000);
            let before = read_at.insert(id, now).filter(|_| now_ms > 3_600_000);
            oldest = oldest.max(before.map_or(Duration::ZERO, |before| now.since(before)));
            plan.observed(&Snapshot::unread(venue(id.0)).fold(reading, Timestamp::from_unix_ms(0)), false, now);
        }
    }
    let read = |of: std::ops::RangeInclusive<u64>| of.map(|id| lists[&VenueId(id)]).sum::<u32>();
    assert!(read(31..=60) > 2 * read(1..=30), "{} open, {} closed", read(31..=60), read(1..=30));
    let allowed = Quota::new(60, PER_MINUTE, &SETTINGS).worst_age();
    assert!(oldest <= allowed + Duration::from_secs(15), "{oldest:?} of {allowed:?}");
}

/// The request that is worth most, found by looking over every venue for everything.
fn plain_next(plan: &Plan, now: Uptime) -> Option<Request> {
    let doubted = plan.free(now).find(|(_, venue)| !venue.second_look.is_empty());
    if let Some((venue, doubted)) = doubted {
        return Some(Request::StopList { venue: *venue, only: doubted.second_look.clone() });
    }
    let every = plan.settings.catalog;
    let mut walked = plan.free(now).filter(|(_, venue)| venue.walks.products.was_finished());
    let product =
        walked.find_map(|(id, venue)| Some((Request::Product { venue: *id, id: *venue.ask.first()? }, false)));
    let due = plan.free(now).filter_map(|(id, venue)| Some((venue, venue.walks.request(*id, every, now)?)));
    let first_due = due.min_by_key(|(venue, _)| (venue.walks.was_finished(), venue.walks.due_at(every)));
    let venue_walk = first_due.map(|(venue, request)| (request, !venue.walks.was_finished()));
    let may = !plan.brand_on_the_way && plan.brand_not_before <= now;
    let prices = may.then(|| plan.prices.request(plan.settings.prices, now)).flatten().map(|request| (request, false));
    let walk = product.or(venue_walk).or(prices);
    let stop_list = plan.most_urgent_stop_list(now).map(|venue| Request::StopList { venue, only: Vec::new() });
    match (plan.venues_request(now), stop_list, walk) {
        (Some(venues), ..) => Some(venues),
        (None, Some(stop_list), None) => Some(stop_list),
        (None, Some(stop_list), Some((_, is_first))) if !plan.is_walk_s_turn(is_first) => Some(stop_list),
        (None, _, Some((walk, _))) => Some(walk),
        (None, None, None) => None,
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// Sends what is next, and leaves it on its way.
    Send,
    /// The request that has been on its way longest is answered, with so many rows.
    Answer(u64),
    Fail,
    /// The store failed.
    Lose(u64),
    Reload(bool),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => Just(Act::Send),
        6 => (0..12_u64).prop_map(Act::Answer),
        1 => Just(Act::Fail),
        1 => (0..4_u64).prop_map(Act::Lose),
        1 => any::<bool>().prop_map(Act::Reload),
        4 => prop_oneof![1..5_u64, 100..2_000_u64].prop_map(Act::Pass),
    ]
}

/// Answers as a restaurant with so many rows, whose catalog knows a few products.
fn answered(plan: &mut Plan, snapshots: &mut BTreeMap<VenueId, Snapshot>, request: &Request, rows: u64, now: Uptime) {
    let row = |id| StopEntry { product: ProductId(id), limit: Quantity::ZERO, updated_at: None };
    let given = match request {
        Request::StopList { .. } => stop_list((1..=rows).map(row).collect()),
        Request::Product { .. } => {
            let verdict = Verdict::NotFound { said: Said::own("no such product") };
            let learned = plan.answered(request, Err(&verdict), now);
            return observe(plan, snapshots, learned, now);
        }
        Request::Products { .. } => Answer::Products(Page { total: Some(rows / 6), ..page(Vec::new()) }),
        Request::Venues | Request::Stations { .. } | Request::PriceLists { .. } | Request::Prices { .. } => {
            answer(request, 3)
        }
    };
    let learned = plan.answered(request, Ok(given), now);
    observe(plan, snapshots, learned, now);
}

fn observe(plan: &mut Plan, snapshots: &mut BTreeMap<VenueId, Snapshot>, learned: Option<Learned>, now: Uptime) {
    let Some(Learned::OfVenue(id, reading)) = learned else { return };
    let is_list = matches!(reading, Reading::StopList { .. } | Reading::StopListOf { .. });
    let before = snapshots.entry(id).or_insert_with(|| Snapshot::unread(venue(id.0)));
    let at = i64::try_from(now.0.as_millis()).expect("a short story");
    let after = before.fold(reading, Timestamp::from_unix_ms(at));
    if is_list {
        plan.observed(&after, after.seq != before.seq, now);
    }
    plan.known(&after);
    *before = after;
}

proptest! {
    #[test]
    fn the_next_request_is_what_looking_over_everything_finds(acts in prop::collection::vec(act(), 1..150)) {
        let (mut plan, mut snapshots, mut now) = (Plan::new(SETTINGS, PER_MINUTE, None, []), BTreeMap::new(), s(10));
        let mut on_the_way = std::collections::VecDeque::new();
        for act in acts {
            match act {
                Act::Send => {
                    if let Next::Send(request) = plan.next(now) {
                        plan.sent(&request, now);
                        on_the_way.push_back(request);
                    }
                }
                Act::Answer(rows) => {
                    if let Some(request) = on_the_way.pop_front() {
                        answered(&mut plan, &mut snapshots, &request, rows, now);
                    }
                }
                Act::Fail => {
                    if let Some(request) = on_the_way.pop_front() {
                        let verdict = Verdict::Passing { why: Said::own("504") };
                        let learned = plan.answered(&request, Err(&verdict), now);
                        observe(&mut plan, &mut snapshots, learned, now);
                    }
                }
                Act::Lose(0) => plan.not_taken(&Missed::Prices, now),
                Act::Lose(id) => plan.not_taken(&Missed::Walks(VenueId(id)), now),
                Act::Reload(some) => {
                    on_the_way.clear();
                    plan.reload(SETTINGS, PER_MINUTE, some.then(|| [VenueId(2), VenueId(7)].into()));
                }
                Act::Pass(seconds) => now = now.plus(Duration::from_secs(seconds)),
            }
            let next = match plan.next(now) {
                Next::Send(request) => Some(request),
                Next::Wait { .. } => None,
            };
            prop_assert_eq!(next, plain_next(&plan, now));
        }
    }
}
