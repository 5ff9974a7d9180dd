//! Notices that do not arrive, and passing them on to another receiver.
//!
//! What is passed on waits on, or stays a dead letter: who is told instead is told as well. Invariant: a row is noted as
//! passed on in the transaction that queues what the other receiver is told of it.

use std::time::Duration;

use sqlx::Row;

use crate::alerts::notice::{Channel, Notice, NoticeId, ReceiverName};
use crate::store::batch::Batch;
use crate::store::cycle::put_notice;
use crate::store::sqlite::failed;
use crate::store::{Store, StoreError, format};
use crate::units::Timestamp;

/// Rows of a receiver that are looked at together; the others are looked at when these were passed on.
const ROWS_MAX: u32 = 500;
/// What was given up longer ago is no news to anybody: there was nobody else to tell by then.
const GIVEN_UP_LOOKED_AT: Duration = Duration::from_hours(24);

/// A notice that has not arrived, and of which nobody else was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Its number in the outbox.
    pub row: i64,
    /// What should be told.
    pub notice: Notice,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When it was given up, or was over before it could be told; `None` while it waits.
    pub given_up_at: Option<Timestamp>,
    /// What the last attempt said.
    pub why: Option<String>,
}

/// A channel on which something waits that was passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The channel.
    pub channel: Channel,
    /// When the oldest of that was queued.
    pub since: Timestamp,
    /// What the last attempt of it said.
    pub why: Option<String>,
}

impl Store {
    /// Returns what a receiver has not been told on any channel, in the order of telling, at most 500. What cannot be
    /// read is left out: it becomes a dead letter when its turn comes, and has no words that could be passed on.
    pub async fn untold(&self, receiver: &ReceiverName, now: Timestamp) -> Result<Vec<Untold>, StoreError> {
        let statement = sqlx::query(
            "SELECT id, notice, at_ms, body, summary, queued_ms, finished_ms, why FROM outbox
             WHERE receiver = $1 AND passed_ms IS NULL AND state IN ('waiting', 'dead', 'expired')
                 AND (state = 'waiting' OR finished_ms >= $2)
             ORDER BY id LIMIT $3",
        );
        let oldest = now.minus(GIVEN_UP_LOOKED_AT).unix_ms();
        let rows = statement.bind(receiver.as_str()).bind(oldest).bind(ROWS_MAX).fetch_all(&self.readers).await;
        let untold = |row: &sqlx::sqlite::SqliteRow| {
            let notice = Notice {
                id: NoticeId::from_stored(row.get(1)),
                receiver: receiver.clone(),
                at: Timestamp::from_unix_ms(row.get(2)),
                content: format::decode_content(row.get(3)).ok()?,
                summary: row.get(4),
            };
            let given_up_at = row.get::<Option<i64>, _>(6).map(Timestamp::from_unix_ms);
            let queued_at = Timestamp::from_unix_ms(row.get(5));
            Some(Untold { row: row.get(0), notice, queued_at, given_up_at, why: row.get(7) })
        };
        Ok(rows.map_err(failed("look for what was not told"))?.iter().filter_map(untold).collect())
    }

    /// Returns the channels on which something waits that was passed on already: what comes behind it is stuck as well.
    pub async fn stuck_channels(&self, receiver: &ReceiverName) -> Result<Vec<Stuck>, StoreError> {
        // Of the columns without MIN, SQLite takes those of the row that has it.
        let statement = sqlx::query(
            "SELECT channel, MIN(queued_ms), why FROM outbox
             WHERE receiver = $1 AND state = 'waiting' AND passed_ms IS NOT NULL GROUP BY channel",
        );
        let rows = statement.bind(receiver.as_str()).fetch_all(&self.readers).await;
        let stuck = |row: &sqlx::sqlite::SqliteRow| {
            let channel = Channel::ALL.into_iter().find(|channel| channel.word() == row.get::<&str, _>(0))?;
            Some(Stuck { channel, since: Timestamp::from_unix_ms(row.get(1)), why: row.get(2) })
        };
        Ok(rows.map_err(failed("look for stuck channels"))?.iter().filter_map(stuck).collect())
    }

    /// Queues what another receiver is told instead, and notes of which rows it is told.
    pub async fn pass_on(
        &self,
        rows: &[i64],
        to: &ReceiverName,
        notices: &[Notice],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for notice in notices {
            put_notice(&mut batch, notice);
        }
        for row in rows {
            let statement = "UPDATE outbox SET passed_to = ?, passed_ms = ? WHERE id = ?";
            batch.add(statement).bind(to.as_str()).bind(now.unix_ms()).bind(row);
        }
        let mut tx = self.begin().await?;
        batch.run(&mut tx, "note what was passed on").await?;
        tx.commit().await.map_err(failed("pass notices on"))
    }
}
