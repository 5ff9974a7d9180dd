//! The history, read back in pages: all of it, in order, in both directions.

use super::*;
use crate::alerts::report::week::{History, Stretch};
use crate::catalog::Product;
use crate::snapshot::diff::Recorded;
use crate::store::{LinesOf, Order, PAGE_LINES, Store};

/// More than two pages.
const LINES: u64 = 9_000;

fn changes(ids: std::ops::Range<u64>) -> Commit {
    let change = |id| (VenueId(id % 3), Change::Row { product: ProductId(id), before: None, after: Some(row()) });
    let mut commit = Commit::default();
    commit.changes = ids.map(change).collect();
    commit
}

async fn read(store: &Store, span: std::ops::RangeInclusive<i64>, order: Order) -> Vec<Recorded> {
    let (mut first, mut last) = span.into_inner();
    let mut all = Vec::new();
    loop {
        let page = store.history_page(first..=last, order, PAGE_LINES).await.expect("a page");
        let Some((id, _)) = page.last() else { return all };
        match order {
            Order::OldestFirst => first = id + 1,
            Order::NewestFirst => last = id - 1,
        }
        all.extend(page.into_iter().map(|(_, recorded)| recorded));
    }
}

/// A row that ran out, came back or was counted down.
fn turned(product: u64, before: Option<i64>, after: Option<i64>) -> Change {
    let row = |limit: i64| StopRow { limit: Quantity::whole(limit), ..row() };
    Change::Row { product: ProductId(product), before: before.map(row), after: after.map(row) }
}

#[tokio::test]
async fn of_a_venue_what_ran_out_and_came_back_is_read_in_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("db")).await.expect("a store");
    let station =
        Station { id: StationId(3), name: "Tandir".to_owned(), active: true, kitchen: true, printable: false };
    let station = Change::Station { id: StationId(3), before: None, after: Some(station) };
    let product = Product::plain(ProductId(54), "Piti");
    let product = Change::Product { id: ProductId(54), before: None, after: Some(Box::new(product)) };
    let other = BrandId::new("other").expect("a slug");
    for (of, venue, s, change) in [
        (&other, 1, 1, turned(54, None, Some(0))),
        (&brand(), 2, 1, turned(54, None, Some(0))),
        (&brand(), 1, 2, station),
        (&brand(), 1, 3, turned(54, None, Some(0))),
        (&brand(), 1, 10, turned(55, Some(5), Some(4))),
        (&brand(), 1, 10, turned(9, None, Some(0))),
        (&brand(), 1, 11, turned(54, Some(0), None)),
        (&brand(), 1, 11, product),
        // The clock was set back: what came later stays later.
        (&brand(), 1, 10, turned(54, None, Some(-1))),
        (&brand(), 1, 12, turned(100, Some(1), Some(0))),
    ] {
        let mut commit = Commit::default();
        commit.changes = vec![(VenueId(venue), change)];
        store.commit(of, &commit, after_s(s)).await.expect("a commit");
    }
    for (from, until) in [(-900, 2), (4, 400)] {
        let mut commit = Commit::default();
        commit.gaps = vec![(VenueId(1), Gap { from: after_s(from), until: after_s(until) })];
        store.commit(&brand(), &commit, after_s(until)).await.expect("a commit");
    }
    let history = store.history_of(&brand(), VenueId(1), after_s(5)).await.expect("a history");
    let turns: Vec<_> =
        history.turns.iter().map(|it| (it.product.0, it.at, it.out_before.is_some(), it.is_out)).collect();
    assert_eq!(
        turns,
        [
            (9, after_s(10), false, true),
            (54, after_s(11), true, false),
            (54, after_s(10), false, true),
            (100, after_s(12), false, true)
        ]
    );
    assert_eq!((history.begins, history.is_cut), (Some(after_s(2)), false));
    assert_eq!(history.unread, [Stretch { from: after_s(4), until: after_s(400) }], "what ended since is asked for");
    let nothing = store.history_of(&brand(), VenueId(7), after_s(0)).await.expect("a history");
    assert_eq!(nothing, History::default());
    store.close().await;
}

#[tokio::test]
async fn every_line_is_read_once_and_in_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("db")).await.expect("a store");
    assert_eq!(store.history_since(NOW).await.expect("a look"), None);
    assert_eq!(store.history_begins().await.expect("a look"), None);
    store.commit(&brand(), &changes(0..LINES), after_s(5)).await.expect("a commit");
    let other = BrandId::new("other").expect("a slug");
    store.commit(&other, &changes(LINES..LINES + 2), after_s(9)).await.expect("a commit");

    assert_eq!(store.history_begins().await.expect("a look"), Some(after_s(5)));
    let late = store.history_since(after_s(6)).await.expect("a look").expect("two lines");
    assert_eq!((late.last - late.first, late.lines), (1, 2));
    assert_eq!(store.history_since(after_s(10)).await.expect("a look"), None);
    let all = store.history_since(NOW).await.expect("a look").expect("all lines");
    assert_eq!(all.lines, LINES + 2);
    let mut lines = read(&store, all.first..=all.last, Order::OldestFirst).await;
    let product = |recorded: &Recorded| {
        let Change::Row { product, .. } = recorded.change else { panic!("{recorded:?}") };
        product.0
    };
    assert_eq!(lines.iter().map(product).collect::<Vec<_>>(), (0..LINES + 2).collect::<Vec<_>>());
    let last = lines.last().expect("a line");
    assert_eq!((&last.brand, last.at, last.venue), (&other, after_s(9), VenueId((LINES + 1) % 3)));
    lines.reverse();
    assert!(read(&store, all.first..=all.last, Order::NewestFirst).await == lines);
    store.close().await;
}

#[tokio::test]
async fn the_newest_lines_come_first_those_that_are_asked_for_each_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("db")).await.expect("a store");
    let other = BrandId::new("other").expect("a slug");
    for (n, of) in [brand(), other.clone(), brand(), brand()].iter().enumerate() {
        // Two of the commits are of the same time, and one is of a clock that was set back.
        let s = [10, 20, 20, 5][n];
        store.commit(of, &changes(0..7), after_s(s)).await.expect("committed");
    }
    let whole = LinesOf::default();
    let one = LinesOf { brand: Some(brand()), venue: Some(VenueId(1)), product: Some(ProductId(4)), ..whole.clone() };
    let span = LinesOf { since: Some(after_s(10)), until: Some(after_s(20)), ..whole.clone() };
    for (of, count) in [
        (whole.clone(), 28),
        (LinesOf { brand: Some(other), ..whole.clone() }, 7),
        (LinesOf { venue: Some(VenueId(1)), ..whole.clone() }, 8),
        (LinesOf { product: Some(ProductId(3)), ..whole }, 4),
        (span, 7),
        (one, 3),
    ] {
        let all = store.newest_lines(&of, None, 1_000).await.expect("read");
        assert_eq!(all.len(), count, "{of:?}");
        let keys: Vec<(Timestamp, i64)> = all.iter().map(|(line, recorded)| (recorded.at, *line)).collect();
        assert!(keys.is_sorted_by(|one, next| one > next), "{keys:?}");
        let (mut before, mut paged) = (None, Vec::new());
        loop {
            let page = store.newest_lines(&of, before, 3).await.expect("a page");
            let Some((line, recorded)) = page.last() else { break };
            before = Some((recorded.at, *line));
            paged.extend(page);
        }
        assert_eq!(paged, all, "{of:?}");
    }
}

#[tokio::test]
async fn more_lines_than_are_read_at_once_are_refused_and_never_cut() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("db")).await.expect("a store");
    let mut commit = Commit::default();
    commit.changes = vec![(VenueId(1), turned(54, None, Some(0)))];
    store.commit(&brand(), &commit, after_s(1)).await.expect("a commit");
    let again = "INSERT INTO history (brand, venue, at_ms, subject, body)
        WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < $1)
        SELECT brand, venue, at_ms, subject, body FROM n CROSS JOIN (SELECT * FROM history LIMIT 1)";
    let lines = async |more: usize| {
        let more = sqlx::query(again).bind(i64::try_from(more).expect("few"));
        more.execute(&store.writer).await.expect("written");
        store.row_lines(&brand(), VenueId(1), None, NOW).await.map(|lines| lines.len())
    };
    assert_eq!(lines(History::LINES_MAX - 1).await.ok(), Some(History::LINES_MAX));
    let refused = lines(1).await.expect_err("one line more");
    assert!(refused.to_string().contains("100000 lines"), "{refused}");
    store.close().await;
}
