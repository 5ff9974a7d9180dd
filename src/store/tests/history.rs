//! The history, read back in pages: all of it, in order, in both directions.

use super::*;
use crate::snapshot::diff::Recorded;
use crate::store::{Order, Store};

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
        let page = store.history_page(first..=last, order).await.expect("a page");
        let Some((id, _)) = page.last() else { return all };
        match order {
            Order::OldestFirst => first = id + 1,
            Order::NewestFirst => last = id - 1,
        }
        all.extend(page.into_iter().map(|(_, recorded)| recorded));
    }
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
