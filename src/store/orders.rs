//! Orders of people, silences and the episodes that are over.
//!
//! An order is put beside the running service; the cycle that takes it in answers it in the same transaction. Invariant:
//! an order without an answer was not taken in.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{Row, Sqlite, Transaction};

use crate::alerts::AlertKey;
use crate::alerts::lifecycle::{Alert, EpisodeId, OpenAlert};
use crate::alerts::order::{Answer, Order, OrderId};
use crate::alerts::silence::{Silence, SilenceId};
use crate::catalog::Catalog;
use crate::clock;
use crate::rules::Subject;
use crate::snapshot::Snapshot;
use crate::store::batch::Batch;
use crate::store::format;
use crate::store::sqlite::failed;
use crate::store::{Store, StoreError};
use crate::units::{BrandId, Timestamp, VenueId};

/// Orders that are taken in at once; more wait for the next look.
const BATCH: u32 = 100;
/// How often whoever asked looks for the answer.
const ANSWER_LOOK: Duration = Duration::from_millis(100);

/// An order that waits, as it was found.
#[derive(Debug)]
pub struct Waiting {
    /// Its number.
    pub id: OrderId,
    /// The brand that it is for.
    pub brand: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// What is asked for.
    pub order: Result<Order, StoreError>,
}

/// What is known of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Episode {
    /// It is open.
    Open(AlertKey, Box<OpenAlert>),
    /// It is over.
    Over(Box<PastEpisode>),
}

/// An episode that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEpisode {
    /// Whose it was.
    pub key: AlertKey,
    /// The alert as it stood at its end.
    pub alert: OpenAlert,
    /// When it closed.
    pub closed_at: Timestamp,
}

impl Store {
    /// Puts an order beside the service, which looks for new ones every second.
    pub async fn ask(&self, brand: &BrandId, order: &Order, now: Timestamp) -> Result<OrderId, StoreError> {
        let statement = sqlx::query("INSERT INTO orders (brand, at_ms, body) VALUES ($1, $2, $3) RETURNING id");
        let statement = statement.bind(brand.as_str()).bind(now.unix_ms()).bind(format::encode_order(order));
        let row = statement.fetch_one(&self.writer).await.map_err(failed("write an order"))?;
        Ok(OrderId(row.get(0)))
    }

    /// Takes an order back that nobody has answered; says whether it was still there.
    pub async fn take_back(&self, id: OrderId) -> Result<bool, StoreError> {
        let statement = sqlx::query("DELETE FROM orders WHERE id = $1 AND answered_ms IS NULL").bind(id.0);
        let done = statement.execute(&self.writer).await.map_err(failed("take an order back"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Returns the orders that wait behind this one, in the order of asking.
    pub async fn orders_after(&self, id: OrderId) -> Result<Vec<Waiting>, StoreError> {
        let statement = sqlx::query(
            "SELECT id, brand, at_ms, body FROM orders WHERE answered_ms IS NULL AND id > $1 ORDER BY id LIMIT $2",
        );
        let rows =
            statement.bind(id.0).bind(BATCH).fetch_all(&self.readers).await.map_err(failed("read the orders"))?;
        let order = |row: &sqlx::sqlite::SqliteRow| Waiting {
            id: OrderId(row.get(0)),
            brand: row.get(1),
            asked_at: Timestamp::from_unix_ms(row.get(2)),
            order: format::decode_order(row.get(3)),
        };
        Ok(rows.iter().map(order).collect())
    }

    /// Returns what became of an order; `None` while it waits.
    pub async fn answer(&self, id: OrderId) -> Result<Option<Answer>, StoreError> {
        let statement = sqlx::query("SELECT refused FROM orders WHERE id = $1 AND answered_ms IS NOT NULL");
        let row = statement.bind(id.0).fetch_optional(&self.readers).await.map_err(failed("read an answer"))?;
        Ok(row.map(|row| row.get::<Option<String>, _>(0).map_or(Answer::Done, Answer::Refused)))
    }

    /// Waits for the answer to an order and takes the order back when there is none in time; then `None`, and nothing
    /// comes of it.
    pub async fn answer_within(&self, id: OrderId, wait: Duration) -> Result<Option<Answer>, StoreError> {
        let asked_at = clock::uptime();
        while clock::uptime().since(asked_at) < wait {
            // One that cannot be read now may be there all the same.
            if let Ok(Some(answer)) = self.answer(id).await {
                return Ok(Some(answer));
            }
            tokio::time::sleep(ANSWER_LOOK).await;
        }
        // What is no longer there to be taken back was answered in this instant.
        if self.take_back(id).await? { Ok(None) } else { self.answer(id).await }
    }

    /// Answers an order that no brand can take in.
    pub async fn refuse(&self, id: OrderId, why: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let answer = (id, Answer::Refused(why.to_owned()));
        match put_answers(&mut tx, &[answer], now).await {
            Ok(()) | Err(StoreError::TakenBack) => {}
            Err(error) => return Err(error),
        }
        tx.commit().await.map_err(failed("answer an order"))
    }

    /// Finds an episode by its id, open or over; `None` when it was never open, or is forgotten.
    pub async fn episode(&self, brand: &BrandId, id: &EpisodeId) -> Result<Option<Episode>, StoreError> {
        // One read transaction: an episode that closes in between is in one of the two.
        let mut tx = self.readers.begin().await.map_err(failed("begin to read"))?;
        let statement = sqlx::query(
            "SELECT subject, rule, body FROM alert WHERE brand = $1 AND json_extract(body, '$.Open.episode') = $2",
        );
        let statement = statement.bind(brand.as_str()).bind(id.as_str());
        let open = statement.fetch_optional(&mut *tx).await.map_err(failed("look for an open alert"))?;
        if let Some(row) = open {
            let key = format::decode_alert_key(row.get(0), row.get(1))?;
            let Alert::Open(alert) = format::decode_alert(row.get(2))? else { return Ok(None) };
            return Ok(Some(Episode::Open(key, alert)));
        }
        let statement = sqlx::query(
            "SELECT subject, rule, closed_ms, body FROM episode
             WHERE brand = $1 AND json_extract(body, '$.Open.episode') = $2 ORDER BY id DESC LIMIT 1",
        );
        let statement = statement.bind(brand.as_str()).bind(id.as_str());
        let over = statement.fetch_optional(&mut *tx).await.map_err(failed("look for a past episode"))?;
        let over = over.map(|row| past_episode(row.get(0), row.get(1), row.get(2), row.get(3))).transpose()?;
        Ok(over.map(|over| Episode::Over(Box::new(over))))
    }

    /// Reads one venue, but for its catalog.
    pub async fn venue(&self, brand: &BrandId, venue: VenueId) -> Result<Option<Snapshot>, StoreError> {
        let statement = sqlx::query("SELECT body FROM venue WHERE brand = $1 AND venue = $2");
        let statement = statement.bind(brand.as_str()).bind(venue.0.cast_signed());
        let row = statement.fetch_optional(&self.readers).await.map_err(failed("read a venue"))?;
        row.map(|row| format::decode_venue(venue, row.get(0), Catalog::default())).transpose()
    }

    /// Returns the newest episodes of a subject that are over, whatever their rule, the newest first.
    pub async fn past_episodes_of(
        &self,
        brand: &BrandId,
        subject: &Subject,
        most: u32,
    ) -> Result<Vec<PastEpisode>, StoreError> {
        let statement = sqlx::query(
            "SELECT subject, rule, closed_ms, body FROM episode WHERE brand = $1 AND subject = $2
             ORDER BY closed_ms DESC, id DESC LIMIT $3",
        );
        let statement = statement.bind(brand.as_str()).bind(format::encode_subject(subject)).bind(most);
        let rows = statement.fetch_all(&self.readers).await.map_err(failed("read the past episodes"))?;
        rows.iter().map(|row| past_episode(row.get(0), row.get(1), row.get(2), row.get(3))).collect()
    }
}

pub(super) async fn load_silences(
    tx: &mut Transaction<'_, Sqlite>,
    brand: &BrandId,
) -> Result<BTreeMap<SilenceId, Silence>, StoreError> {
    let statement = sqlx::query("SELECT body FROM silence WHERE brand = $1").bind(brand.as_str());
    let rows = statement.fetch_all(&mut **tx).await.map_err(failed("read the silences"))?;
    let silences = rows.iter().map(|row| format::decode_silence(row.get(0)));
    silences.map(|silence| silence.map(|silence| (silence.id.clone(), silence))).collect()
}

fn past_episode(subject: &str, rule: &str, closed_ms: i64, body: &str) -> Result<PastEpisode, StoreError> {
    let Alert::Open(alert) = format::decode_alert(body)? else {
        return Err(StoreError::unreadable("episode", "it was never open"));
    };
    let key = format::decode_alert_key(subject, rule)?;
    Ok(PastEpisode { key, alert: *alert, closed_at: Timestamp::from_unix_ms(closed_ms) })
}

/// Answers orders, or fails when one of them is not there to be answered: then nothing may come of it.
pub(super) async fn put_answers(
    tx: &mut Transaction<'_, Sqlite>,
    answers: &[(OrderId, Answer)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (id, answer) in answers {
        let refused = match answer {
            Answer::Done => None,
            Answer::Refused(why) => Some(why),
        };
        let statement =
            sqlx::query("UPDATE orders SET answered_ms = $2, refused = $3 WHERE id = $1 AND answered_ms IS NULL");
        let statement = statement.bind(id.0).bind(now.unix_ms()).bind(refused);
        let done = statement.execute(&mut **tx).await.map_err(failed("answer an order"))?;
        if done.rows_affected() == 0 {
            return Err(StoreError::TakenBack);
        }
    }
    Ok(())
}

pub(super) fn put_silence(batch: &mut Batch, brand: &BrandId, id: &SilenceId, silence: Option<&Silence>) {
    let statement = match silence {
        Some(_) => {
            "INSERT INTO silence (brand, silence, body) VALUES (?, ?, ?)
             ON CONFLICT (brand, silence) DO UPDATE SET body = excluded.body"
        }
        None => "DELETE FROM silence WHERE brand = ? AND silence = ?",
    };
    let values = batch.add(statement).bind(brand.as_str()).bind(id.as_str());
    if let Some(silence) = silence {
        values.bind(format::encode_silence(silence));
    }
}

/// Keeps an open alert that is about to be deleted or replaced among the past episodes.
pub(super) fn put_past_episode(batch: &mut Batch, brand: &BrandId, subject: &str, key: &AlertKey, now: Timestamp) {
    let statement = "INSERT INTO episode (brand, subject, rule, closed_ms, body)
         SELECT brand, subject, rule, ?, body FROM alert
         WHERE brand = ? AND subject = ? AND rule = ? AND json_type(body, '$.Open') IS NOT NULL";
    let values = batch.add(statement).bind(now.unix_ms()).bind(brand.as_str()).bind(subject);
    values.bind(key.rule.as_str());
}
