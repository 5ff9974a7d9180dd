//! The snapshot's promises: order does not matter, failures change only age, doubt needs a second look.

use proptest::prelude::*;

use super::diff::{apply, diff};
use super::*;

fn at(s: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_780_000_000_000 + s * 1000)
}

fn entry(product: u64, limit: i64, s: i64) -> StopEntry {
    StopEntry { product: ProductId(product), limit: Quantity::whole(limit), updated_at: Some(at(s)) }
}

fn whole(entries: Vec<StopEntry>) -> Reading {
    Reading::StopList { entries, unreadable: Vec::new(), whole: true }
}

fn walked(products: Vec<Product>) -> Reading {
    Reading::Products { products, unreadable: Vec::new(), absence_counts: true }
}

fn venue() -> Venue {
    Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true }
}

pub(super) fn product(id: u64, name: &str) -> Product {
    Product::plain(ProductId(id), name)
}

fn read(entries: &[StopEntry]) -> Snapshot {
    Snapshot::unread(venue()).fold(whole(entries.to_vec()), at(0))
}

#[test]
fn since_is_the_row_s_own_time_and_survives_a_rewrite_of_the_row() {
    let first = read(&[entry(54, 0, -600)]);
    let again = first.fold(whole(vec![entry(54, -1, 5)]), at(10));
    let row = again.picture.rows[&ProductId(54)];
    assert_eq!((row.since, row.limit, row.updated_at), (at(-600), Quantity::whole(-1), Some(at(5))));
    let back = again.fold(whole(vec![entry(54, 3, 12)]), at(13));
    assert_eq!(back.picture.rows[&ProductId(54)].since, at(12), "limited is another state than out");
}

#[test]
fn a_wrong_clock_at_the_pos_does_not_become_the_start() {
    let snapshot = read(&[entry(1, 0, 7200), entry(2, 0, -500 * 86_400)]);
    assert!(snapshot.picture.rows.values().all(|row| row.since == at(0)));
}

#[test]
fn an_unchanged_reading_changes_only_its_age() {
    let first = read(&[entry(54, 0, -600)]);
    let again = first.fold(whole(vec![entry(54, 0, -600)]), at(30));
    assert!(Arc::ptr_eq(&first.picture.rows, &again.picture.rows));
    assert_eq!(Snapshot { read_at: first.read_at, followed_at: first.followed_at, ..again }, first);
}

#[test]
fn a_failed_reading_changes_only_the_trouble() {
    let first = read(&[entry(54, 0, -600)]);
    let failed = first
        .fold(Reading::Failed { why: "no answer".to_owned() }, at(30))
        .fold(Reading::Failed { why: "an HTML page".to_owned() }, at(60));
    let trouble = failed.trouble.clone().expect("two failures");
    assert_eq!((trouble.since, trouble.failures, trouble.why.as_str()), (at(30), 2, "an HTML page"));
    assert_eq!(Snapshot { trouble: None, ..failed.clone() }, first);
    assert_eq!(failed.fold(whole(vec![entry(54, 0, -600)]), at(70)).trouble, None);
}

fn ten_out() -> Vec<StopEntry> {
    (1..=10).map(|id| entry(id, 0, -60)).collect()
}

#[test]
fn an_emptied_list_waits_for_a_second_look_that_agrees() {
    let doubtful = read(&ten_out()).fold(whole(Vec::new()), at(30));
    assert_eq!(doubtful.picture.rows.len(), 10, "nothing is back on sale yet");
    assert_eq!(doubtful.read_at, Some(at(0)), "a doubtful reading is no reading");
    let ask = doubtful.doubt.as_ref().expect("the list emptied").ask.clone();
    assert_eq!(ask.len(), 10);
    let agreed = doubtful.fold(Reading::StopListOf { asked: ask.clone(), rows: Vec::new() }, at(33));
    assert_eq!((agreed.picture.rows.len(), agreed.seq, agreed.read_at), (0, 2, Some(at(33))));
    let denied = doubtful.fold(Reading::StopListOf { asked: ask.clone(), rows: ten_out() }, at(33));
    assert_eq!((denied.picture.rows.len(), denied.seq, denied.doubt.clone()), (10, 1, None));
    let late = doubtful.fold(Reading::StopListOf { asked: ask, rows: Vec::new() }, at(50));
    assert_eq!(late.picture.rows.len(), 10, "a look 20 s later may share a lasting fault");
}

#[test]
fn a_short_list_that_empties_waits_as_well() {
    let one = vec![entry(1, 0, -60)];
    let doubtful = read(&one).fold(whole(Vec::new()), at(30));
    assert_eq!(doubtful.picture.rows.len(), 1);
    let ask = doubtful.doubt.as_ref().expect("the list emptied").ask.clone();
    assert_eq!(doubtful.fold(Reading::StopListOf { asked: ask, rows: Vec::new() }, at(31)).picture.rows.len(), 0);
    assert_eq!(read(&[]).fold(whole(Vec::new()), at(30)).doubt, None, "it was empty before");
}

#[test]
fn a_second_whole_list_confirms_as_well() {
    let doubtful = read(&ten_out()).fold(whole(Vec::new()), at(30));
    assert_eq!(doubtful.fold(whole(Vec::new()), at(34)).picture.rows.len(), 0);
    assert_eq!(doubtful.fold(whole(Vec::new()), at(44)).picture.rows.len(), 10);
}

#[test]
fn what_a_reading_cannot_say_stays_as_it_was() {
    let three = read(&[entry(1, 0, -60), entry(2, 0, -60), entry(3, 4, -60)]);
    let fold = |unreadable: &[u64], whole: bool| {
        let unreadable = unreadable.iter().copied().map(ProductId).collect();
        let after = three.fold(Reading::StopList { entries: vec![entry(3, 3, 5)], unreadable, whole }, at(9));
        after.picture.rows.iter().map(|(id, row)| (id.0, row.limit.to_string())).collect::<Vec<_>>()
    };
    let row = |id: u64, limit: &str| (id, limit.to_owned());
    assert_eq!(fold(&[], true), [row(3, "3")]);
    assert_eq!(fold(&[2], true), [row(2, "0"), row(3, "3")]);
    assert_eq!(fold(&[], false), [row(1, "0"), row(2, "0"), row(3, "3")]);
}

#[test]
fn a_walk_without_a_count_removes_nothing() {
    let known = Snapshot::unread(venue()).fold(walked(vec![product(1, "Plov"), product(2, "Dolma")]), at(0));
    let products = vec![product(1, "Plov")];
    let blind = Reading::Products { products, unreadable: Vec::new(), absence_counts: false };
    let twice = known.fold(blind.clone(), at(900)).fold(blind, at(1800));
    assert!(twice.picture.catalog.products.contains_key(&ProductId(2)));
    assert!(twice.missing_products.is_empty());
}

#[test]
fn a_price_that_could_not_be_read_stays_as_it_was() {
    let prices = |rows: &[(u64, i64)], absence_counts| Reading::Prices {
        lists: vec![PriceList { id: PriceListId(1), name: "Hall".to_owned(), active: true }],
        prices: rows
            .iter()
            .map(|(id, price)| ((PriceListId(1), ProductId(*id)), Money::from_ten_thousandths(*price)))
            .collect(),
        absence_counts,
    };
    let known = Snapshot::unread(venue()).fold(prices(&[(1, 100), (2, 200)], true), at(0));
    for (absence_counts, expected) in [(false, vec![(1, 150), (2, 200)]), (true, vec![(1, 150)])] {
        let next = known.fold(prices(&[(1, 150)], absence_counts), at(900));
        let left: Vec<(u64, i64)> =
            next.picture.catalog.prices.iter().map(|((_, id), price)| (id.0, price.ten_thousandths())).collect();
        assert_eq!(left, expected, "{absence_counts}");
    }
}

#[test]
fn a_venue_that_had_no_chance_to_be_read_is_awaited_and_not_blind() {
    let limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
    let restored = read(&[entry(54, 0, -60)]).watched_from(at(9_000));
    let unread = Snapshot::unread(venue()).watched_from(at(9_000));
    for snapshot in [&restored, &unread] {
        let said = |s| (snapshot.is_awaited(limits, at(s)), snapshot.freshness(limits, at(s)));
        assert_eq!(said(9_010), (true, Freshness::Stale));
        assert_eq!(said(9_300), (false, Freshness::Blind), "the chance is over");
        let failed = snapshot.fold(Reading::Failed { why: "504".to_owned() }, at(9_001));
        assert_eq!(failed.freshness(limits, at(9_010)), Freshness::Blind, "a failure is known to be one");
        let seen = snapshot.fold(whole(vec![entry(54, 0, -60)]), at(9_001));
        assert_eq!((seen.is_awaited(limits, at(9_010)), seen.freshness(limits, at(9_010))), (false, Freshness::Fresh));
    }
    let ahead = read(&[entry(54, 0, -60)]);
    assert_eq!(ahead.freshness(limits, at(-3_600)), Freshness::Stale, "our clock was set back");
}

#[test]
fn four_rows_or_a_small_share_need_no_second_look() {
    let six: Vec<_> = ten_out().into_iter().take(6).collect();
    assert_eq!(read(&six).fold(whole(six[4..].to_vec()), at(9)).picture.rows.len(), 2);
    let thirty: Vec<_> = (1..=30).map(|id| entry(id, 0, -60)).collect();
    let fewer = thirty[6..].to_vec();
    assert_eq!(read(&thirty).fold(whole(fewer), at(9)).picture.rows.len(), 24);
}

#[test]
fn a_product_goes_only_when_two_walks_miss_it() {
    let both = vec![product(1, "Plov"), product(2, "Dolma")];
    let first = Snapshot::unread(venue()).fold(walked(both.clone()), at(0));
    let missed = first.fold(walked(both[..1].to_vec()), at(900));
    assert!(missed.picture.catalog.products.contains_key(&ProductId(2)));
    let seen_again = missed.fold(walked(both.clone()), at(1800));
    let missed_anew = seen_again.fold(walked(both[..1].to_vec()), at(2700));
    assert!(missed_anew.picture.catalog.products.contains_key(&ProductId(2)), "one miss after a sighting is the first");
    let gone = missed.fold(walked(both[..1].to_vec()), at(1800));
    assert!(!gone.picture.catalog.products.contains_key(&ProductId(2)));
    let asked = missed.fold(Reading::ProductGone(ProductId(2)), at(1000));
    assert!(!asked.picture.catalog.products.contains_key(&ProductId(2)), "a 404 is the second reading");
}

#[test]
fn an_id_that_only_the_stop_list_knows_is_asked_for_once() {
    let snapshot = read(&[entry(332, 0, -5)]);
    assert_eq!(snapshot.products_to_ask().collect::<Vec<_>>(), [ProductId(332)]);
    assert_eq!(snapshot.fold(Reading::ProductGone(ProductId(332)), at(1)).products_to_ask().count(), 0);
    let known = snapshot.fold(Reading::Product(vec![product(332, "Qutab")]), at(1));
    assert_eq!(known.products_to_ask().count(), 0);
    assert_eq!(known.picture.catalog.products[&ProductId(332)].name, "Qutab");
}

fn arbitrary_entries() -> impl Strategy<Value = Vec<StopEntry>> {
    let row = (0_u64..20, -2_i64..6, -400_i64..400).prop_map(|(id, limit, s)| entry(id, limit, s));
    prop::collection::vec(row, 0..24)
}

fn arbitrary_picture() -> impl Strategy<Value = Picture> {
    let products = prop::collection::btree_map(0_u64..12, "[a-d]{1,2}", 0..8);
    let prices = prop::collection::btree_map((0_u64..3, 0_u64..9), 0_i64..5, 0..8);
    let stations = prop::collection::btree_map(0_u64..5, any::<bool>(), 0..4);
    (arbitrary_entries(), products, prices, stations).prop_map(|(entries, products, prices, stations)| {
        let station = |(id, active)| {
            (
                StationId(id),
                Station { id: StationId(id), name: "Bar".to_owned(), active, kitchen: true, printable: true },
            )
        };
        let price = |((list, id), amount)| ((PriceListId(list), ProductId(id)), Money::from_ten_thousandths(amount));
        let catalog = Catalog {
            products: products.into_iter().map(|(id, name)| (ProductId(id), product(id, &name))).collect(),
            stations: stations.into_iter().map(station).collect(),
            price_lists: BTreeMap::new(),
            prices: prices.into_iter().map(price).collect(),
        };
        Picture { rows: read(&entries).picture.rows, catalog: SharedCatalog::new(catalog) }
    })
}

proptest! {
    #[test]
    fn applying_the_changes_gives_the_later_picture(a in arbitrary_picture(), b in arbitrary_picture()) {
        prop_assert_eq!(apply(&a, &diff(&a, &b)), b.clone());
        prop_assert_eq!(diff(&a, &a.clone()), Vec::new());
        let same = Picture { rows: Arc::new(a.rows.as_ref().clone()), catalog: SharedCatalog::new(Catalog::clone(&a.catalog)) };
        prop_assert_eq!(diff(&a, &same), Vec::new());
    }

    #[test]
    fn the_order_of_rows_does_not_matter(
        (entries, shuffled) in arbitrary_entries().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        prop_assert_eq!(read(&entries), read(&shuffled));
    }

    /// Over gaps, failures, doubts, restarts and clocks that are set back: a list that says what was accepted last needs no
    /// look at its rows.
    #[test]
    fn the_same_list_said_in_short_is_the_same_list(
        acts in prop::collection::vec((0_u8..8, arbitrary_entries(), -900_i64..900), 1..20),
    ) {
        let mut left = 30;
        let limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
        let (mut known, mut now) = (Snapshot::unread(venue()), 0);
        for (act, entries, passed) in acts {
            // Mostly a poll after the other.
            now += if (-800..600).contains(&passed) { passed.rem_euclid(30) } else { passed };
            known = match act {
                0 => known.fold_within(Reading::Failed { why: "504".to_owned() }, limits, at(now)),
                1 => Snapshot { followed_at: None, ..known }.found_anew(Some(&BTreeMap::new())),
                // Something is sold of a few dishes, as countdowns know it.
                2..=5 => {
                    left -= 1;
                    known.fold_within(whole(vec![entry(54, left, now), entry(55, left / 2, now)]), limits, at(now))
                }
                _ => known.fold_within(whole(entries), limits, at(now)),
            };
            let entries = again::entries_of(&known.picture.rows).into_values().collect();
            let soon = at(now + 3);
            let in_short = known.fold_within(Reading::SameStopList, limits, soon);
            if known.read_at.is_none() {
                prop_assert_eq!(&in_short, &known);
            } else {
                let rows = &known.picture.rows;
                let followed = pace::follow(&known.paces, rows, rows, known.watch(limits, soon), soon);
                prop_assert_eq!(&in_short.paces, &followed, "as if each row were looked at");
                prop_assert_eq!(in_short, known.fold_within(whole(entries), limits, soon));
            }
        }
    }

    #[test]
    fn failures_never_touch_the_picture(entries in arbitrary_entries(), failures in 1_i64..5) {
        let first = read(&entries);
        let mut failed = first.clone();
        for n in 0..failures {
            failed = failed.fold(Reading::Failed { why: n.to_string() }, at(n));
        }
        prop_assert_eq!(failed.picture, first.picture);
        prop_assert_eq!(failed.read_at, first.read_at);
    }
}

#[test]
fn what_a_countdown_learns_of_a_gap() {
    let limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
    let sold = read(&[entry(54, 9, 0)]).fold_within(whole(vec![entry(54, 8, 60)]), limits, at(60));
    let again = sold.fold_within(whole(vec![entry(54, 8, 60)]), limits, at(359));
    assert!(Arc::ptr_eq(&sold.paces, &again.paces), "an unchanged reading changes nothing");
    let read_on = |known: &Snapshot, limit, s| known.fold_within(whole(vec![entry(54, limit, s)]), limits, at(s));
    let learnt = |known: &Snapshot| {
        let pace = &known.paces[&ProductId(54)];
        let pauses: Vec<_> = pace.pauses.iter().map(|it| (it.from, it.until)).collect();
        (pace.steps(), pauses)
    };
    assert_eq!(learnt(&read_on(&again, 3, 360)), (2, vec![]));
    assert_eq!(learnt(&read_on(&sold, 3, 360)), (1, vec![(at(60), at(360))]), "nobody knows what happened for 5 min");
    // A new process does not know how a row came to be another while it was down, however shortly or long that was...
    let restarted = Snapshot { followed_at: None, ..again.clone() };
    for s in [360, 360 + 4 * 3600] {
        let first = read_on(&restarted, 3, s);
        assert_eq!(learnt(&first), (1, vec![(at(359), at(s))]));
        // ...but learns from there on, and has not forgotten what was sold before.
        assert_eq!(learnt(&read_on(&first, 2, s + 60)).0, 2);
    }
    // One that is the same was not sold meanwhile.
    let same = restarted.fold_within(whole(vec![entry(54, 8, 60)]), limits, at(360 + 4 * 3600));
    assert!(Arc::ptr_eq(&restarted.paces, &same.paces));
}

#[test]
fn a_countdown_begins_anew_when_the_clock_is_set_back() {
    let mut known = read(&[entry(54, 9, 0)]);
    for (limit, s) in [(8, 600), (7, 1200), (6, 1800)] {
        known = known.fold(whole(vec![entry(54, limit, s)]), at(s));
    }
    let steps = |known: &Snapshot| known.paces[&ProductId(54)].steps();
    // A second is no more than a correction.
    assert_eq!(steps(&known.fold(whole(vec![entry(54, 6, 1800)]), at(1799))), 3);
    let same = known.fold(whole(vec![entry(54, 6, 1800)]), at(1200));
    assert_eq!((steps(&same), same.paces[&ProductId(54)].since), (0, at(1200)));
    assert_eq!(steps(&known.fold(whole(vec![entry(54, 5, 1200)]), at(1200))), 0);
    assert_eq!(steps(&same.fold(whole(vec![entry(54, 5, 1260)]), at(1260))), 1);
}
