//! What people and programs may ask for is found by an index, whatever they ask and however much is kept.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Row;

use super::*;
use crate::store::{LinesOf, Store, history, lines, outbox};

/// So many lines that to walk through them takes a hundred times the steps of SQLite's machine that a question may take.
const LINES: i64 = 30_000;
/// A question goes to each venue of each brand that there is.
const STEPS_MAX: u64 = 3_000;
/// How often steps are counted.
const STEPS_EVERY: u64 = 100;
/// Lines of a page.
const PAGE: u32 = 5;

#[tokio::test]
async fn every_statement_of_visitors_goes_straight_to_its_rows() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("db")).await.expect("a store");
    for (statement, index) in [
        (lines::OF_ALL, "history_by_time (at_ms>? AND at_ms<?)"),
        (lines::OF_VENUE, "history_by_venue (brand=? AND venue=? AND at_ms>? AND at_ms<?)"),
        (lines::OF_ITEM, "history_by_subject (brand=? AND venue=? AND subject=? AND at_ms>? AND at_ms<?)"),
        (lines::NEXT_BRAND, "history_by_venue (brand>?)"),
        (lines::IS_THERE, "history_by_venue (brand=?)"),
        (lines::VENUES, "history_by_venue (brand=? AND venue>?)"),
        (history::BEGINS, "history_by_venue (brand=? AND venue=?)"),
        (history::STOPS, "history_by_venue (brand=? AND venue=? AND at_ms>?)"),
        (history::STOPS_OF_ITEM, "history_by_subject (brand=? AND venue=? AND subject=? AND at_ms>?)"),
        (history::GAPS, "history_by_subject (brand=? AND venue=? AND subject=? AND at_ms>?)"),
        (outbox::WAITING, "outbox_waiting (receiver=? AND channel=? AND rowid>? AND rowid<?)"),
        (outbox::ENDED, "outbox_ended (state=? AND receiver=? AND channel=? AND rowid>? AND rowid<?)"),
        (outbox::NEXT_WAITING, "outbox_waiting ((receiver,channel)>(?,?))"),
        (outbox::NEXT_ENDED, "outbox_ended (state=? AND (receiver,channel)>(?,?))"),
    ] {
        let explain = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
        let rows = explain.fetch_all(&store.readers).await.expect("a plan");
        let plan: Vec<String> = rows.iter().map(|row| row.get(3)).collect();
        assert!(plan.iter().any(|step| step.starts_with("SEARCH ") && step.ends_with(index)), "{statement}: {plan:#?}");
        let walks = |step: &&String| ["SCAN history", "SCAN outbox", "TEMP B-TREE"].iter().any(|it| step.contains(it));
        assert_eq!(plan.iter().find(walks), None, "{statement}");
    }
    store.close().await;
}

/// A line that was written, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written {
    id: i64,
    brand: String,
    venue: u64,
    at_ms: i64,
    product: u64,
}

/// Fills a store: three brands of three venues and a hundred products, and before that a few lines of a brand, a venue and a
/// product of which nothing more is known.
async fn filled(store: &Store) -> Vec<Written> {
    let fill = "INSERT INTO history (brand, venue, at_ms, subject, body)
        WITH RECURSIVE n (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < $1)
        SELECT
            CASE WHEN x IN (1, 4) THEN 'few' ELSE 'brand' || (x / 7 % 3) END,
            CASE WHEN x IN (2, 4) THEN 9 ELSE 1 + x / 29 % 3 END,
            $2 + x / 3 * 1000,
            CASE WHEN x IN (3, 4) THEN 'item:999' WHEN x % 50 = 0 THEN $3 ELSE 'item:' || (x * 7919 % 100) END,
            $4
        FROM n";
    let (_, body) =
        crate::store::format::encode_change(&Change::Row { product: ProductId(1), before: None, after: Some(row()) });
    let fill = sqlx::query(fill).bind(LINES).bind(NOW.unix_ms()).bind(crate::store::format::GAP_SUBJECT).bind(body);
    fill.execute(&store.writer).await.expect("filled");
    let rows = sqlx::query("SELECT id, brand, venue, at_ms, subject FROM history ORDER BY at_ms DESC, id DESC");
    let rows = rows.fetch_all(&store.readers).await.expect("read");
    let written = |row: &sqlx::sqlite::SqliteRow| {
        let product = row.get::<&str, _>(4).strip_prefix("item:")?.parse().expect("a number");
        let venue = row.get::<i64, _>(2).cast_unsigned();
        Some(Written { id: row.get(0), brand: row.get(1), venue, at_ms: row.get(3), product })
    };
    rows.iter().filter_map(written).collect()
}

/// Returns the first page of what is asked for, by looking at every line.
fn expected(written: &[Written], of: &LinesOf, before: Option<(Timestamp, i64)>) -> Vec<i64> {
    let LinesOf { brand, venue, product, since, until } = of;
    let is_wanted = |line: &&Written| {
        brand.as_ref().is_none_or(|brand| brand.as_str() == line.brand)
            && venue.is_none_or(|venue| venue.0 == line.venue)
            && product.is_none_or(|product| product.0 == line.product)
            && since.is_none_or(|since| line.at_ms >= since.unix_ms())
            && until.is_none_or(|until| line.at_ms < until.unix_ms())
            && before.is_none_or(|(at, id)| (line.at_ms, line.id) < (at.unix_ms(), id))
    };
    written.iter().filter(is_wanted).take(usize::try_from(PAGE).expect("few")).map(|line| line.id).collect()
}

/// Counts the steps that SQLite's machine makes for visitors from now on.
async fn count_steps(visitors: &Store) -> Arc<AtomicU64> {
    let steps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&steps);
    let mut connection = visitors.readers.acquire().await.expect("the connection of visitors");
    let mut handle = connection.lock_handle().await.expect("its handle");
    handle.set_progress_handler(i32::try_from(STEPS_EVERY).expect("few"), move || {
        counted.fetch_add(STEPS_EVERY, Ordering::Relaxed);
        true
    });
    steps
}

#[tokio::test]
async fn whatever_of_many_lines_is_asked_for_is_found_in_few_steps() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("db")).await.expect("a store");
    let written = filled(&store).await;
    let visitors = store.for_visitors();
    let steps = count_steps(&visitors).await;

    let slug = |brand: &str| BrandId::new(brand).expect("a slug");
    let middle = &written[written.len() / 2];
    let middle_at = Timestamp::from_unix_ms(middle.at_ms);
    let mut asked = 0;
    for brand in [None, Some("brand1"), Some("few"), Some("none")] {
        for venue in [None, Some(2), Some(9)] {
            for product in [None, Some(54), Some(999)] {
                for (since, until) in [
                    (None, None),
                    (Some(after_s(-9)), Some(after_s(3))),
                    (Some(middle_at), None),
                    (None, Some(middle_at)),
                ] {
                    for before in [None, Some((middle_at, middle.id))] {
                        let (venue, product) = (venue.map(VenueId), product.map(ProductId));
                        let of = LinesOf { brand: brand.map(slug), venue, product, since, until };
                        steps.store(0, Ordering::Relaxed);
                        let lines = visitors.newest_lines(&of, before, PAGE).await.expect("found");
                        let found: Vec<i64> = lines.iter().map(|(id, _)| *id).collect();
                        assert_eq!(found, expected(&written, &of, before), "{of:?} {before:?}");
                        let took = steps.load(Ordering::Relaxed);
                        assert!(took <= STEPS_MAX, "{took} steps for {of:?} {before:?}");
                        asked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(asked, 4 * 3 * 3 * 4 * 2);
    store.close().await;
}

#[tokio::test]
async fn the_lines_of_the_only_brand_are_read_by_time_however_many_venues_it_has() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("db")).await.expect("a store");
    let fill = "INSERT INTO history (brand, venue, at_ms, subject, body)
        WITH RECURSIVE n (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < 3000)
        SELECT 'only', x % 300, $1 + x, 'item:1', $2 FROM n";
    let (_, body) =
        crate::store::format::encode_change(&Change::Row { product: ProductId(1), before: None, after: Some(row()) });
    sqlx::query(fill).bind(NOW.unix_ms()).bind(body).execute(&store.writer).await.expect("filled");
    let visitors = store.for_visitors();
    let steps = count_steps(&visitors).await;
    let of = LinesOf { brand: Some(BrandId::new("only").expect("a slug")), ..LinesOf::default() };
    let lines = visitors.newest_lines(&of, None, PAGE).await.expect("found");
    assert_eq!(lines.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3_001, 3_000, 2_999, 2_998, 2_997]);
    let took = steps.load(Ordering::Relaxed);
    assert!(took < 1_000, "{took} steps, where a look at each venue takes many thousand");
    let other = LinesOf { brand: Some(BrandId::new("other").expect("a slug")), ..LinesOf::default() };
    assert_eq!(visitors.newest_lines(&other, None, PAGE).await.expect("found").len(), 0);
    store.close().await;
}
