//! What became of notices: reads the outbox for those who ask why somebody was told or not.
//!
//! A notice is found by its id, which follows from whom it tells what; a mail that tells several things at once, by its
//! receiver and time. Delivered and expired notices are forgotten after [`DELIVERED_KEPT`](crate::store::DELIVERED_KEPT).

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::alerts::notice::{Content, Mail, NoticeId, ReceiverName};
use crate::store::sqlite::failed;
use crate::store::{Store, StoreError, format};
use crate::units::Timestamp;

/// How many mails are looked through at once.
const MAILS_MAX: u32 = 500;

/// A notice on its way, or at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its number in the outbox, by which dead letters are named.
    pub row: i64,
    /// The same on every channel.
    pub notice: NoticeId,
    /// Who is to be told.
    pub receiver: ReceiverName,
    /// On which channel.
    pub channel: String,
    /// When it was decided.
    pub at: Timestamp,
    /// Attempts made.
    pub attempts: u32,
    /// What became of it.
    pub state: ToldState,
    /// What the last attempt said, or who of several addresses was refused.
    pub why: Option<String>,
    /// Which other receiver was told of it instead, and when.
    pub passed_on: Option<(ReceiverName, Timestamp)>,
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldState {
    /// It waits for an attempt.
    Waiting {
        /// When that is due.
        due: Timestamp,
    },
    /// The other side took responsibility.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// It was given up.
    Dead {
        /// When.
        at: Timestamp,
    },
    /// It was over before it could be told.
    Expired {
        /// When that was found.
        at: Timestamp,
    },
}

impl Store {
    /// Returns what is known of these notices, on every channel, in the order of telling.
    pub async fn told(&self, notices: &[NoticeId]) -> Result<Vec<Told>, StoreError> {
        let mut found = Vec::new();
        for notice in notices {
            let statement = sqlx::query(
                "SELECT id, notice, receiver, channel, at_ms, attempts, state, due_ms, finished_ms, why, passed_to, passed_ms
                 FROM outbox WHERE notice = $1",
            );
            let rows = statement.bind(notice.as_str()).fetch_all(&self.readers).await;
            found.extend(rows.map_err(failed("look for a notice"))?.iter().map(told));
        }
        found.sort_by_key(|told| told.row);
        Ok(found)
    }

    /// Returns the newest mails to a receiver from this time on whose thread begins so, in the order of telling.
    pub async fn mails_since(
        &self,
        receiver: &ReceiverName,
        thread: &str,
        since: Timestamp,
    ) -> Result<Vec<(Told, Mail)>, StoreError> {
        let statement = sqlx::query(
            "SELECT id, notice, receiver, channel, at_ms, attempts, state, due_ms, finished_ms, why, passed_to, passed_ms, body
             FROM outbox WHERE receiver = $1 AND channel = 'email' AND at_ms >= $2
                 AND CASE WHEN json_valid(body) THEN substr(body ->> '$.Email.thread_id', 1, length($4)) = $4 END
             ORDER BY id DESC LIMIT $3",
        );
        let statement = statement.bind(receiver.as_str()).bind(since.unix_ms()).bind(MAILS_MAX).bind(thread);
        let rows = statement.fetch_all(&self.readers).await.map_err(failed("look for mails"))?;
        let mail = |row: &SqliteRow| match format::decode_content(row.get(12)) {
            Ok(Content::Email(mail)) => Some((told(row), mail)),
            // What cannot be read is a dead letter, or becomes one with the next attempt.
            Ok(Content::Mqtt(_) | Content::Webhook(_)) | Err(_) => None,
        };
        Ok(rows.iter().rev().filter_map(mail).collect())
    }
}

/// Reads a row of the outbox whose first columns are those of the statements above.
pub(super) fn told(row: &SqliteRow) -> Told {
    let at = Timestamp::from_unix_ms(row.get::<Option<i64>, _>(8).unwrap_or_else(|| row.get(4)));
    let state = match row.get::<&str, _>(6) {
        "delivered" => ToldState::Delivered { at },
        "dead" => ToldState::Dead { at },
        "expired" => ToldState::Expired { at },
        _ => ToldState::Waiting { due: Timestamp::from_unix_ms(row.get(7)) },
    };
    let passed_to: Option<&str> = row.get(10);
    Told {
        row: row.get(0),
        notice: NoticeId::from_stored(row.get(1)),
        receiver: ReceiverName::new(row.get(2)),
        channel: row.get(3),
        at: Timestamp::from_unix_ms(row.get(4)),
        attempts: row.get(5),
        state,
        why: row.get(9),
        passed_on: passed_to.zip(row.get(11)).map(|(to, at)| (ReceiverName::new(to), Timestamp::from_unix_ms(at))),
    }
}
