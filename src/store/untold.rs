//! Notices that do not arrive, and passing them on to another receiver.
//!
//! What is passed on waits on, or stays a dead letter: who is told instead is told as well. Invariant: a row is noted as
//! passed on in the transaction that queues what the other receiver is told of it.

use std::time::Duration;

use sqlx::Row;

use crate::alerts::notice::{Notice, NoticeId, ReceiverName};
use crate::store::sqlite::{failed, put_notice};
use crate::store::{Store, StoreError, format};
use crate::units::Timestamp;

/// Rows of a receiver that are looked at together; the others are looked at when these were passed on.
const ROWS_MAX: u32 = 500;
/// A dead letter that is older is no news to anybody: it was given up before there was somebody else to tell.
const DEAD_LOOKED_AT: Duration = Duration::from_hours(24);

/// A notice that has not arrived, and of which nobody else was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Its number in the outbox.
    pub row: i64,
    /// What should be told.
    pub notice: Notice,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When it was given up; `None` while it waits.
    pub dead_at: Option<Timestamp>,
    /// What the last attempt said.
    pub why: Option<String>,
}

impl Store {
    /// Returns what a receiver has not been told on any channel, in the order of telling, at most 500. What cannot be
    /// read is left out: it becomes a dead letter when its turn comes, and has no words that could be passed on.
    pub async fn untold(&self, receiver: &ReceiverName, now: Timestamp) -> Result<Vec<Untold>, StoreError> {
        let statement = sqlx::query(
            "SELECT id, notice, at_ms, body, summary, queued_ms, finished_ms, why FROM outbox
             WHERE receiver = $1 AND passed_ms IS NULL AND state IN ('waiting', 'dead')
                 AND (state = 'waiting' OR finished_ms >= $2)
             ORDER BY id LIMIT $3",
        );
        let oldest = now.minus(DEAD_LOOKED_AT).unix_ms();
        let rows = statement.bind(receiver.as_str()).bind(oldest).bind(ROWS_MAX).fetch_all(&self.readers).await;
        let untold = |row: &sqlx::sqlite::SqliteRow| {
            let notice = Notice {
                id: NoticeId::from_stored(row.get(1)),
                receiver: receiver.clone(),
                at: Timestamp::from_unix_ms(row.get(2)),
                content: format::decode_content(row.get(3)).ok()?,
                summary: row.get(4),
            };
            let dead_at = row.get::<Option<i64>, _>(6).map(Timestamp::from_unix_ms);
            let queued_at = Timestamp::from_unix_ms(row.get(5));
            Some(Untold { row: row.get(0), notice, queued_at, dead_at, why: row.get(7) })
        };
        Ok(rows.map_err(failed("look for what was not told"))?.iter().filter_map(untold).collect())
    }

    /// Queues what another receiver is told instead, and notes of which rows it is told.
    pub async fn pass_on(
        &self,
        rows: &[i64],
        to: &ReceiverName,
        notices: &[Notice],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for notice in notices {
            put_notice(&mut tx, notice).await?;
        }
        for row in rows {
            let statement = sqlx::query("UPDATE outbox SET passed_to = $2, passed_ms = $3 WHERE id = $1");
            let statement = statement.bind(row).bind(to.as_str()).bind(now.unix_ms());
            statement.execute(&mut *tx).await.map_err(failed("note what was passed on"))?;
        }
        tx.commit().await.map_err(failed("pass notices on"))
    }
}
