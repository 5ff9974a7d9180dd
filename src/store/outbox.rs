//! Reads the outbox for people: what waits, was delivered, given up or was over, the newest first, and how much there is for whom.
//!
//! Never what a notice holds beyond its summary: bodies have links in them. Invariant: whoever goes on from the last row that he
//! was given sees each row once.

use std::collections::BTreeMap;

use sqlx::Row;

use crate::alerts::notice::{Channel, ReceiverName};
use crate::store::newest::Newest;
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
}

/// What waits on a channel, by the index of those who deliver.
pub(super) const WAITING: &str = "SELECT id, notice, receiver, channel, at_ms, attempts, state, due_ms, finished_ms, why, passed_to, passed_ms, summary
    FROM outbox INDEXED BY outbox_waiting
    WHERE state = 'waiting' AND receiver = $1 AND channel = $2 AND id > $3 AND id < $4 ORDER BY id DESC LIMIT $5";
/// What ended in a state, of a receiver on a channel.
pub(super) const ENDED: &str = "SELECT id, notice, receiver, channel, at_ms, attempts, state, due_ms, finished_ms, why, passed_to, passed_ms, summary
    FROM outbox INDEXED BY outbox_ended
    WHERE finished_ms IS NOT NULL AND receiver = $1 AND channel = $2 AND id > $3 AND id < $4 AND state = $6
    ORDER BY id DESC LIMIT $5";
/// The first receiver and channel behind another on which something waits, by the index: to group by them would walk through all.
pub(super) const NEXT_WAITING: &str = "SELECT receiver, channel FROM outbox INDEXED BY outbox_waiting
    WHERE state = 'waiting' AND (receiver, channel) > ($1, $2) ORDER BY receiver, channel LIMIT 1";
/// The first receiver and channel behind another on which something ended in a state.
pub(super) const NEXT_ENDED: &str = "SELECT receiver, channel FROM outbox INDEXED BY outbox_ended
    WHERE finished_ms IS NOT NULL AND state = $3 AND (receiver, channel) > ($1, $2) ORDER BY receiver, channel LIMIT 1";

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
        let ways = match receiver {
            Some(receiver) => Channel::ALL.map(|channel| (receiver.to_string(), channel.word().to_owned())).to_vec(),
            None => self.ways_in(state).await?,
        };
        let (mut newest, before) = (Newest::of(limit), before.unwrap_or(i64::MAX));
        for (receiver, channel) in ways {
            let above = newest.above().unwrap_or(i64::MIN);
            let at =
                |statement| sqlx::query(statement).bind(receiver).bind(channel).bind(above).bind(before).bind(limit);
            let statement = match state {
                OutboxState::Waiting => at(WAITING),
                OutboxState::Dead | OutboxState::Delivered | OutboxState::Expired => at(ENDED).bind(state.word()),
            };
            for row in statement.fetch_all(&self.readers).await.map_err(failed("read the outbox"))? {
                newest.take(row.get(0), (told(&row), row.get(12)));
            }
        }
        Ok(newest.into_newest_first().map(|(_, row)| row).collect())
    }

    /// Returns the receivers and channels of the rows in a state.
    async fn ways_in(&self, state: OutboxState) -> Result<Vec<(String, String)>, StoreError> {
        let mut ways: Vec<(String, String)> = Vec::new();
        loop {
            let (receiver, channel) = ways.last().cloned().unwrap_or_default();
            let statement = match state {
                OutboxState::Waiting => sqlx::query(NEXT_WAITING).bind(receiver).bind(channel),
                OutboxState::Dead | OutboxState::Delivered | OutboxState::Expired => {
                    sqlx::query(NEXT_ENDED).bind(receiver).bind(channel).bind(state.word())
                }
            };
            let row = statement.fetch_optional(&self.readers).await.map_err(failed("look into the outbox"))?;
            let Some(row) = row else { return Ok(ways) };
            ways.push((row.get(0), row.get(1)));
        }
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
