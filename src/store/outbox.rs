//! Reads the outbox for people: what waits, was delivered, given up or was over, the newest first, and how much there is for whom.
//!
//! Never what a notice holds beyond its summary: bodies have links in them. Invariant: whoever goes on from the last row that he
//! was given sees each row once.

use std::collections::BTreeMap;

use sqlx::Row;

use crate::alerts::notice::ReceiverName;
use crate::store::sqlite::failed;
use crate::store::told::told;
use crate::store::{Store, StoreError, Told};
use crate::units::Timestamp;

/// Which rows of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OutboxState {
    /// Waiting, or on their way.
    #[default]
    Waiting,
    /// Given up.
    Dead,
    /// Delivered, and still remembered.
    Delivered,
    /// Over before they could be told, and still remembered.
    Expired,
}

impl OutboxState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Dead, Self::Delivered, Self::Expired];

    /// Returns its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Delivered => "delivered",
            Self::Expired => "expired",
        }
    }

    /// Finds the state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// What is few is found by its state; what was delivered is most of all, and found by going back.
    const fn statement(self) -> &'static str {
        match self {
            Self::Waiting => {
                "SELECT id, notice, receiver, channel, at_ms, attempts, state, due_ms, finished_ms, why, passed_to, passed_ms, summary
                 FROM outbox WHERE state = 'waiting' AND id < $1 AND ($2 IS NULL OR receiver = $2) ORDER BY +id DESC LIMIT $3"
            }
            Self::Dead => {
                "SELECT id, notice, receiver, channel, at_ms, attempts, state, due_ms, finished_ms, why, passed_to, passed_ms, summary
                 FROM outbox WHERE state = 'dead' AND finished_ms IS NOT NULL AND id < $1 AND ($2 IS NULL OR receiver = $2) ORDER BY +id DESC LIMIT $3"
            }
            Self::Delivered => {
                "SELECT id, notice, receiver, channel, at_ms, attempts, state, due_ms, finished_ms, why, passed_to, passed_ms, summary
                 FROM outbox WHERE state = 'delivered' AND id < $1 AND ($2 IS NULL OR receiver = $2) ORDER BY id DESC LIMIT $3"
            }
            Self::Expired => {
                "SELECT id, notice, receiver, channel, at_ms, attempts, state, due_ms, finished_ms, why, passed_to, passed_ms, summary
                 FROM outbox WHERE state = 'expired' AND finished_ms IS NOT NULL AND id < $1 AND ($2 IS NULL OR receiver = $2) ORDER BY +id DESC LIMIT $3"
            }
        }
    }
}

/// What there is for a receiver on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WayDepth {
    /// Waiting, or on their way.
    pub waiting: u64,
    /// When the oldest of them was queued.
    pub since: Option<Timestamp>,
    /// Given up.
    pub dead: u64,
}

impl Store {
    /// Returns the newest rows in a state, of one receiver or of all, with what each said in short; with `before`, those of
    /// lower numbers.
    pub async fn outbox_rows(
        &self,
        state: OutboxState,
        receiver: Option<&ReceiverName>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(Told, String)>, StoreError> {
        let statement = sqlx::query(state.statement()).bind(before.unwrap_or(i64::MAX));
        let statement = statement.bind(receiver.map(ReceiverName::as_str)).bind(limit);
        let rows = statement.fetch_all(&self.readers).await.map_err(failed("read the outbox"))?;
        Ok(rows.iter().map(|row| (told(row), row.get(12))).collect())
    }

    /// Counts what waits and what was given up, by receiver and channel.
    pub async fn outbox_by_way(&self) -> Result<BTreeMap<(ReceiverName, String), WayDepth>, StoreError> {
        let mut ways: BTreeMap<(ReceiverName, String), WayDepth> = BTreeMap::new();
        let statements = [
            "SELECT receiver, channel, COUNT(*), MIN(queued_ms) FROM outbox WHERE state = 'waiting' GROUP BY receiver, channel",
            "SELECT receiver, channel, COUNT(*), NULL FROM outbox WHERE state = 'dead' AND finished_ms IS NOT NULL GROUP BY receiver, channel",
        ];
        for (n, statement) in statements.into_iter().enumerate() {
            let rows = sqlx::query(statement).fetch_all(&self.readers).await.map_err(failed("count the outbox"))?;
            for row in rows {
                let way = ways.entry((ReceiverName::new(row.get(0)), row.get(1))).or_default();
                let count = row.get::<i64, _>(2).cast_unsigned();
                if n == 0 {
                    way.waiting = count;
                    way.since = row.get::<Option<i64>, _>(3).map(Timestamp::from_unix_ms);
                } else {
                    way.dead = count;
                }
            }
        }
        Ok(ways)
    }
}
