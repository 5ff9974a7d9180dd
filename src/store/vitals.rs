//! What those who look after the process ask of the store: whether it takes writes, and what waits to be told.
//!
//! Changes nothing and writes nothing, however often it is asked. Invariant: a disk that is full is no store that takes no
//! writes, since it does as soon as there is room.

use sqlx::Row;

use crate::store::sqlite::failed;
use crate::store::{Store, StoreError};
use crate::units::{Timestamp, Uptime};
use crate::vitals::{QueueLook, StoreLook};

impl Store {
    /// Says whether a transaction that writes can be begun; it changes nothing and is taken back.
    pub async fn try_to_write(&self) -> Result<(), StoreError> {
        // Not by `begin`, which says that a commit waited: this one is none.
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed("begin a transaction"))?;
        // To begin alone says nothing: SQLite refuses a database that cannot be written with the first change.
        let nothing = sqlx::query("DELETE FROM outbox WHERE FALSE").execute(&mut *tx).await;
        nothing.map_err(failed("write to the database"))?;
        tx.rollback().await.map_err(failed("take an empty transaction back"))
    }

    /// Looks at what waits, on every channel of every receiver, and counts the dead letters.
    pub async fn look(&self, takes_writes: bool, at: Uptime) -> Result<StoreLook, StoreError> {
        let rows = sqlx::query(
            "SELECT w.receiver, w.channel, w.many, w.oldest, h.due_ms, h.attempts FROM (
                 SELECT receiver, channel, COUNT(*) AS many, MIN(queued_ms) AS oldest, MIN(id) AS head FROM outbox
                 WHERE state = 'waiting' GROUP BY receiver, channel
             ) AS w JOIN outbox AS h ON h.id = w.head",
        );
        let rows = rows.fetch_all(&self.readers).await.map_err(failed("look at the outbox"))?;
        let queue = |row: &sqlx::sqlite::SqliteRow| QueueLook {
            receiver: row.get(0),
            channel: row.get(1),
            waiting: row.get::<i64, _>(2).cast_unsigned(),
            oldest_queued: Timestamp::from_unix_ms(row.get(3)),
            first_due: Timestamp::from_unix_ms(row.get(4)),
            first_attempts: row.get(5),
        };
        // By its index alone.
        let dead = sqlx::query("SELECT COUNT(*) FROM outbox WHERE state = 'dead' AND finished_ms IS NOT NULL");
        let dead = dead.fetch_one(&self.readers).await.map_err(failed("count the dead letters"))?;
        let dead_letters = dead.get::<i64, _>(0).cast_unsigned();
        Ok(StoreLook { at, takes_writes, queues: rows.iter().map(queue).collect(), dead_letters })
    }
}
