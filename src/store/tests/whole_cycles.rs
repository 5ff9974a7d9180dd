//! One cycle, one transaction: everything of it is read back, or nothing of it was kept.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{Row, SqlSafeStr};

use super::*;
use crate::alerts::notice::Channel;
use crate::alerts::order::{Answer, OrderId};
use crate::snapshot::Access;
use crate::store::{Store, StoreError};

/// Every table that a cycle writes.
const TABLES: [&str; 10] =
    ["venue", "catalog", "alert", "mail_group", "report", "history", "outbox", "silence", "mailed", "reading"];

async fn raw(path: &std::path::Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.expect("the file opens")
}

async fn count(raw: &SqlitePool, table: &str) -> i64 {
    let statement = format!("SELECT COUNT(*) FROM {table}");
    sqlx::query(sqlx::AssertSqlSafe(statement).into_sql_str()).fetch_one(raw).await.expect("the table is there").get(0)
}

#[tokio::test]
async fn a_restart_finds_what_was_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("eightysix.db");
    let store = Store::open(&path).await.expect("a new store");
    let commit = full_cycle();
    store.commit(&brand(), &commit, NOW).await.expect("committed");
    store.close().await;
    drop(store);
    let store = Store::open(&path).await.expect("the same store");
    let memory = store.load(&brand()).await.expect("loaded");
    assert_eq!(memory.access, Access::Untried, "whether Clopos lets us in is found out anew");
    assert_eq!(memory.venues.values().cloned().collect::<Vec<_>>(), noted_venues(&commit));
    assert_eq!(memory.venues[&VenueId(1)].read_at, Some(after_s(40)));
    assert_eq!(store.gaps_since(&brand(), VenueId(1), NOW).await.expect("read"), [gap()]);
    let alerts: Vec<_> = memory.book.iter().map(|(key, alert)| (key.clone(), Some(alert.clone()))).collect();
    assert_eq!(alerts, commit.alerts);
    let groups: Vec<_> = memory.groups.into_iter().map(|(key, group)| (key, Some(group))).collect();
    assert_eq!(groups, commit.groups);
    assert_eq!(memory.silences, [(silence().id, silence())].into());
    assert_eq!(memory.mailed.into_iter().collect::<Vec<_>>(), commit.mailed);
    let reported: Vec<_> = memory.reported.into_iter().map(|(key, reported)| (key, Some(reported))).collect();
    assert_eq!(reported, commit.reported);
    let other = store.load(&BrandId::new("other").expect("a slug")).await.expect("loaded");
    assert!(other.venues.is_empty() && other.groups.is_empty() && other.book.iter().next().is_none());
}

#[tokio::test]
async fn a_cycle_that_is_repeated_tells_the_same_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("eightysix.db")).await.expect("a new store");
    for _ in 0..3 {
        store.commit(&brand(), &full_cycle(), NOW).await.expect("committed");
    }
    let waiting = store.waiting(&receiver(), Channel::Webhook, 9, NOW).await.expect("a look");
    let notices: Vec<_> = waiting.into_iter().map(|queued| queued.notice).collect();
    assert_eq!(notices, [webhook("n1"), webhook("n2")], "byte for byte, and the id on another channel is another row");
}

#[tokio::test]
async fn what_ended_is_taken_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("eightysix.db");
    let store = Store::open(&path).await.expect("a new store");
    let full = full_cycle();
    store.commit(&brand(), &full, NOW).await.expect("committed");
    let mut end = Commit::default();
    end.venues_gone = vec![VenueId(1)];
    end.alerts = full.alerts.iter().map(|(key, _)| (key.clone(), None)).collect();
    end.groups = full.groups.iter().map(|(key, _)| (key.clone(), None)).collect();
    end.reported = full.reported.iter().map(|(key, _)| (key.clone(), None)).collect();
    store.commit(&brand(), &end, NOW).await.expect("committed");
    let raw = raw(&path).await;
    for (table, rows) in TABLES.into_iter().zip([0, 0, 0, 0, 0, 3, 3]) {
        assert_eq!(count(&raw, table).await, rows, "{table}");
    }
}

/// The cycle of a first start, with as many lines of the history as its venues have products.
fn large_cycle() -> Commit {
    let mut commit = full_cycle();
    let line = commit.changes[0].clone();
    commit.changes = vec![line; 1_000];
    commit
}

#[tokio::test]
async fn a_cycle_that_fails_anywhere_leaves_nothing() {
    for (table, cycle) in TABLES.into_iter().flat_map(|table| [(table, full_cycle()), (table, large_cycle())]) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("eightysix.db");
        let store = Store::open(&path).await.expect("a new store");
        let raw = raw(&path).await;
        let full =
            format!("CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END");
        sqlx::query(sqlx::AssertSqlSafe(full).into_sql_str()).execute(&raw).await.expect("a trigger");
        let error = store.commit(&brand(), &cycle, NOW).await.expect_err("the trigger stops it");
        assert!(crate::telemetry::chain(&error).contains("the disk is full"), "{error}");
        for other in TABLES {
            assert_eq!(count(&raw, other).await, 0, "{other} after {table} failed");
        }
        sqlx::query("DROP TRIGGER full").execute(&raw).await.expect("no trigger");
        store.commit(&brand(), &cycle, NOW).await.expect("the next try is taken whole");
        let lines = i64::try_from(cycle.changes.len() + cycle.gaps.len()).expect("few");
        assert_eq!((count(&raw, "outbox").await, count(&raw, "history").await), (3, lines));
    }
}

#[tokio::test]
async fn a_large_cycle_that_answers_what_was_taken_back_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("eightysix.db");
    let store = Store::open(&path).await.expect("a new store");
    let mut commit = large_cycle();
    commit.answers = vec![(OrderId(7), Answer::Done)];
    let error = store.commit(&brand(), &commit, NOW).await.expect_err("nobody asked");
    assert!(matches!(error, StoreError::TakenBack), "{error:?}");
    let raw = raw(&path).await;
    for table in TABLES {
        assert_eq!(count(&raw, table).await, 0, "{table}");
    }
}
