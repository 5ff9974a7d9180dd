//! A way to read for people and programs who may ask for anything: one connection of its own, whose statements end in time.
//!
//! Those who deliver notices, take orders and look after the process have the other readers. Invariant: no question of a
//! visitor holds up any of them, whatever it walks through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use crate::clock;
use crate::store::Store;

/// So many steps of SQLite's machine between two looks at the clock: less than a millisecond.
const STEPS: i32 = 10_000;

/// The connection of visitors.
#[derive(Clone)]
pub(super) struct Visitors {
    pool: SqlitePool,
    /// When the present question ends, in milliseconds of the uptime.
    until_ms: Arc<AtomicU64>,
}

impl Visitors {
    /// Opens it.
    pub(super) async fn connect(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let until_ms = Arc::new(AtomicU64::new(u64::MAX));
        let of_connection = Arc::clone(&until_ms);
        let pool = SqlitePoolOptions::new().max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
        // Whoever is behind a question that is ended waits for it.
        let pool = pool.acquire_slow_threshold(Duration::MAX).test_before_acquire(false);
        let pool = pool.after_connect(move |connection, _| {
            let until_ms = Arc::clone(&of_connection);
            Box::pin(async move {
                let goes_on = move || uptime_ms() < until_ms.load(Ordering::Relaxed);
                connection.lock_handle().await?.set_progress_handler(STEPS, goes_on);
                Ok(())
            })
        });
        Ok(Self { pool: pool.connect_with(options).await?, until_ms })
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Store {
    /// Returns the same store as visitors read it, one after the other. Who asks first says how long it may take, by
    /// [`Store::begin_visit`].
    pub fn for_visitors(&self) -> Self {
        let mut store = self.clone();
        store.readers = store.visitors.pool.clone();
        store
    }

    /// Ends what the connection of visitors does when it has taken so long from now on: to go away does not, as SQLite goes on.
    pub fn begin_visit(&self, long: Duration) {
        let long_ms = u64::try_from(long.as_millis()).unwrap_or(u64::MAX);
        self.visitors.until_ms.store(uptime_ms().saturating_add(long_ms), Ordering::Relaxed);
    }
}

fn uptime_ms() -> u64 {
    u64::try_from(clock::uptime().0.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_without_end_ends_in_time_and_holds_up_nobody() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        let visitors = store.for_visitors();
        let endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n";
        visitors.begin_visit(Duration::from_millis(200));
        let (asked, others) = tokio::join!(
            sqlx::query(endless).fetch_one(&visitors.readers),
            // All readers of the others at once.
            async { tokio::try_join!(store.outbox_depth(), store.outbox_depth(), store.outbox_depth()) },
        );
        assert!(asked.expect_err("it has no end").to_string().contains("interrupted"));
        others.expect("they are not held up");
        visitors.begin_visit(Duration::from_secs(10));
        visitors.outbox_depth().await.expect("the next question is answered");
        store.close().await;
    }
}
