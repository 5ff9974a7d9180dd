//! Stores that earlier versions left behind, as dumps, opened by this one. Each new migration adds its dump here.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::*;
use crate::alerts::notice::Channel;
use crate::alerts::order::OrderId;
use crate::store::orders::Episode;
use crate::store::{OutboxDepth, Store};
use crate::units::Secret;

/// Every version of the schema, with a store that it filled.
const DUMPS: [(u32, &str); 9] = [
    (1, include_str!("../../../tests/data/store_1.sql")),
    (2, include_str!("../../../tests/data/store_2.sql")),
    (3, include_str!("../../../tests/data/store_3.sql")),
    (4, include_str!("../../../tests/data/store_4.sql")),
    (5, include_str!("../../../tests/data/store_5.sql")),
    (6, include_str!("../../../tests/data/store_6.sql")),
    (7, include_str!("../../../tests/data/store_7.sql")),
    (8, include_str!("../../../tests/data/store_8.sql")),
    (9, include_str!("../../../tests/data/store_9.sql")),
];

#[tokio::test]
async fn a_filled_store_of_every_version_is_opened_with_all_that_it_holds() {
    for (version, dump) in DUMPS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("eightysix.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let raw = SqlitePool::connect_with(options).await.expect("a new file");
        sqlx::raw_sql(dump).execute(&raw).await.expect("the dump is SQL");
        raw.close().await;

        let store = Store::open(&path).await.unwrap_or_else(|error| panic!("version {version}: {error}"));
        let memory = store.load(&brand()).await.expect("loaded");
        let expected = expected_of(version);
        assert_eq!(memory.venues[&VenueId(1)], noted_venues(&expected)[0], "version {version}");
        let alerts: Vec<_> = memory.book.iter().map(|(key, alert)| (key.clone(), Some(alert.clone()))).collect();
        assert_eq!(alerts, expected.alerts, "version {version}");
        let groups: Vec<_> = memory.groups.into_iter().map(|(key, group)| (key, Some(group))).collect();
        assert_eq!(groups, expected.groups, "version {version}");
        let mailed: Vec<_> = memory.mailed.into_iter().collect();
        assert_eq!(mailed, expected.mailed, "version {version}");
        let reported: Vec<_> = memory.reported.into_iter().map(|(key, reported)| (key, Some(reported))).collect();
        assert_eq!(reported, expected.reported, "version {version}");
        let silences: Vec<_> = memory.silences.into_iter().map(|(id, silence)| (id, Some(silence))).collect();
        assert_eq!(silences, expected.silences, "version {version}");
        let orders: Vec<i64> =
            store.orders_after(OrderId(0)).await.expect("read").into_iter().map(|order| order.id.0).collect();
        assert_eq!(orders, if version < 2 { vec![] } else { vec![2] }, "version {version}: what nobody answered");
        let over = store.past_episodes_of(&brand(), &Subject::Item(VenueId(1), ProductId(54)), 9).await.expect("read");
        assert_eq!(over.len(), usize::from(version >= 2), "version {version}: episodes that are over");
        let found = store.episode(&brand(), &EpisodeId::derive("sahil/54", NOW)).await.expect("read");
        assert!(matches!(found, Some(Episode::Open(..))), "version {version}: {found:?}");
        let kept = Secret::new("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
        let is_kept = store.link_key().await.expect("a key") == kept;
        assert_eq!(is_kept, version >= 7, "version {version}: the links of mails that were sent stay valid");
        let depth = store.outbox_depth().await.expect("counted");
        assert_eq!(depth, OutboxDepth { waiting: 3, dead: 1, delivered: 1, expired: 1 }, "version {version}");
        let letter = store.dead_letters().await.expect("listed").remove(0);
        let passed_to = if version < 3 { None } else { Some("office") };
        assert_eq!((letter.why.as_str(), letter.passed_to.as_deref()), ("410 Gone", passed_to), "version {version}");
        assert_eq!(store.published_topics("kitchen").await.expect("read"), ["eightysix/v1/sahil/1/stop"]);
        let waiting = store.waiting(&receiver(), Channel::Webhook, 9, NOW).await.expect("a look");
        let ids: Vec<_> = waiting.iter().map(|queued| (queued.notice.id.as_str(), queued.attempts)).collect();
        assert_eq!(
            ids,
            [("n3", 1), ("n4", 0)],
            "version {version}: what the process that ended had leased waits as well"
        );
        assert_eq!(waiting[0].notice, webhook("n3"), "version {version}: byte for byte");
    }
}

/// Returns what a store of a version holds of the cycle that it was filled with.
fn expected_of(version: u32) -> Commit {
    let mut expected = full_cycle();
    if version < 6 {
        expected.readings.clear();
        for snapshot in &mut expected.venues {
            Arc::make_mut(snapshot).gaps.clear();
        }
    }
    if version < 5 {
        expected.reported.clear();
        for snapshot in &mut expected.venues {
            Arc::make_mut(snapshot).outages.clear();
        }
    }
    if version < 4 {
        expected.mailed.clear();
    }
    if version < 2 {
        expected.silences.clear();
        for (_, alert) in &mut expected.alerts {
            if let Some(Alert::Open(open)) = alert {
                open.held.clear();
                open.acknowledged = None;
            }
        }
    }
    expected
}
