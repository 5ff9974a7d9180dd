//! Stores that earlier versions left behind, as dumps, opened by this one. Each new migration adds its dump here.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::*;
use crate::alerts::notice::Channel;
use crate::store::{OutboxDepth, Store};

/// Every version of the schema, with a store that it filled.
const DUMPS: [(u32, &str); 1] = [(1, include_str!("../../../tests/data/store_1.sql"))];

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
        let expected = full_cycle();
        assert_eq!(memory.venues[&VenueId(1)], expected.venues[0], "version {version}");
        let alerts: Vec<_> = memory.book.iter().map(|(key, alert)| (key.clone(), Some(alert.clone()))).collect();
        assert_eq!(alerts, expected.alerts, "version {version}");
        let groups: Vec<_> = memory.groups.into_iter().map(|(key, group)| (key, Some(group))).collect();
        assert_eq!(groups, expected.groups, "version {version}");
        let depth = store.outbox_depth().await.expect("counted");
        assert_eq!(depth, OutboxDepth { waiting: 3, dead: 1, delivered: 1, expired: 1 }, "version {version}");
        assert_eq!(store.dead_letters().await.expect("listed")[0].why, "410 Gone", "version {version}");
        assert_eq!(store.published_topics("kitchen").await.expect("read"), ["eightysix/v1/sahil/1/stop"]);
        let leased = store.lease(&receiver(), Channel::Webhook, 9, Duration::from_secs(30), NOW).await.expect("leased");
        let ids: Vec<_> = leased.iter().map(|leased| (leased.notice.id.as_str(), leased.attempts)).collect();
        assert_eq!(ids, [("n3", 1), ("n4", 0)], "version {version}: the lease of the process that ended is released");
        assert_eq!(leased[0].notice, webhook("n3"), "version {version}: byte for byte");
    }
}
