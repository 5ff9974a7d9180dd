//! Keeps the database small: gives up what waited too long, forgets what is too old or too much to keep.
//!
//! Works in batches with pauses in between, so that nobody waits for the writer for long. Invariant: what waits within
//! its patience is left alone.

use std::time::Duration;

use crate::alerts::notice::Channel;
use crate::store::sqlite::failed;
use crate::store::{ANSWERS_KEPT, DEAD_KEPT, DEAD_KEPT_MAX, DELIVERED_KEPT, HISTORY_KEPT, Store, StoreError, patience};
use crate::units::{Timestamp, human_duration};

/// How many rows one statement takes: a tenth of a second of the writer on a small computer.
const BATCH_ROWS: u32 = 2_000;

/// An attempt that was begun within the patience is over by then.
const ATTEMPT_MAX: Duration = Duration::from_mins(2);

/// Why nobody tried to tell: what cannot be known from a row, so all that it can be.
const fn untried(channel: Channel) -> &'static str {
    match channel {
        Channel::Mqtt => "its broker was away, or the receiver is not in the configuration",
        Channel::Email => "an earlier mail was still being tried, or the receiver is not in the configuration",
        Channel::Webhook => {
            "an earlier notice was still being tried, the receiver answered 410, or it is not in the configuration"
        }
    }
}

impl Store {
    /// Gives up what waited too long, then forgets what is too old to keep; returns how many rows went.
    pub async fn prune(&self, now: Timestamp) -> Result<u64, StoreError> {
        let given_up = self.expire(now).await?;
        if given_up > 0 {
            tracing::error!("{given_up} notices waited too long and were given up, see dead-letters");
        }
        let over = self.forget_dead_over(DEAD_KEPT_MAX).await?;
        if over > 0 {
            tracing::warn!("forgot {over} dead letters: the newest {DEAD_KEPT_MAX} are kept");
        }
        let old = self.forget_finished("dead", now.minus(DEAD_KEPT)).await?;
        if old > 0 {
            tracing::info!("forgot {old} dead letters that were older than {}", human_duration(DEAD_KEPT));
        }
        let mut gone = over + old;
        for state in ["delivered", "expired"] {
            gone += self.forget_finished(state, now.minus(DELIVERED_KEPT)).await?;
        }
        let orders = "DELETE FROM orders WHERE id IN (SELECT id FROM orders WHERE answered_ms < $2 LIMIT $1)";
        gone += self.in_batches("prune the orders", orders, &[now.minus(ANSWERS_KEPT).unix_ms()], &[]).await?;
        let episodes = "DELETE FROM episode WHERE id IN (SELECT id FROM episode WHERE closed_ms < $2 LIMIT $1)";
        gone += self.in_batches("prune the episodes", episodes, &[now.minus(HISTORY_KEPT).unix_ms()], &[]).await?;
        Ok(gone + self.forget_history(now.minus(HISTORY_KEPT)).await?)
    }

    /// Gives up the notices that waited longer than their channel's patience, and returns how many: those of receivers
    /// that are not configured any more or have ended their webhook, and those whose broker is away, which no worker
    /// looks at.
    pub async fn expire(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut given_up = 0;
        for channel in [Channel::Mqtt, Channel::Email, Channel::Webhook] {
            let sql = "UPDATE outbox SET state = 'dead', finished_ms = $2, why = CASE attempts
                     WHEN 0 THEN 'waited ' || (($2 - queued_ms) / 3600000) || ' h and was never tried: ' || $5
                     ELSE 'given up after ' || attempts || ' attempts in ' || (($2 - queued_ms) / 3600000) || ' h: ' || COALESCE(why, '')
                     END
                 WHERE id IN (
                     SELECT id FROM outbox
                     WHERE state = 'waiting' AND channel = $4 AND queued_ms < $3 ORDER BY id LIMIT $1)";
            let numbers = [now.unix_ms(), now.minus(patience(channel)).minus(ATTEMPT_MAX).unix_ms()];
            let texts = [channel.word(), untried(channel)];
            given_up += self.in_batches("give up what waited too long", sql, &numbers, &texts).await?;
        }
        Ok(given_up)
    }

    async fn forget_finished(&self, state: &'static str, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM outbox WHERE id IN (
                 SELECT id FROM outbox WHERE state = $3 AND finished_ms < $2 LIMIT $1)";
        self.in_batches("prune the outbox", sql, &[before.unix_ms()], &[state]).await
    }

    async fn forget_dead_over(&self, most: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM outbox WHERE id IN (
                 SELECT id FROM outbox WHERE state = 'dead' AND finished_ms IS NOT NULL
                 ORDER BY finished_ms DESC, id DESC LIMIT $1 OFFSET $2)";
        self.in_batches("prune the dead letters", sql, &[i64::from(most)], &[]).await
    }

    async fn forget_history(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE at_ms < $2 LIMIT $1)";
        self.in_batches("prune the history", sql, &[before.unix_ms()], &[]).await
    }

    /// Repeats a statement of at most `$1` rows until it found fewer, and returns how many rows it changed in all;
    /// `numbers` are bound from `$2` on, `texts` behind them. Others have the writer in between.
    async fn in_batches(
        &self,
        operation: &'static str,
        sql: &'static str,
        numbers: &[i64],
        texts: &[&str],
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        loop {
            let mut statement = sqlx::query(sql).bind(BATCH_ROWS);
            for number in numbers {
                statement = statement.bind(number);
            }
            for text in texts {
                statement = statement.bind(text);
            }
            let rows = statement.execute(&self.writer).await.map_err(failed(operation))?.rows_affected();
            changed += rows;
            if rows < u64::from(BATCH_ROWS) {
                return Ok(changed);
            }
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::Row;

    use super::*;
    use crate::alerts::notice::{Content, Event, Mail, MqttMessage, Notice, NoticeId, ReceiverName};
    use crate::engine::Commit;
    use crate::language::Language;
    use crate::store::{DeadLetter, Finish};
    use crate::units::BrandId;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_unix_ms(1_778_252_651_000).plus(Duration::from_hours(hours))
    }

    async fn open() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        (dir, store)
    }

    fn notice(n: usize, channel: Channel) -> Notice {
        let content = match channel {
            Channel::Mqtt => Content::Mqtt(MqttMessage {
                topic: "t".to_owned(),
                body: "{}".to_owned(),
                retain: false,
                expiry_s: None,
                content_type: None,
                properties: Vec::new(),
            }),
            Channel::Email => {
                let text = || "text".to_owned();
                Content::Email(Mail {
                    message_id: text(),
                    thread_id: text(),
                    language: Language::En,
                    subject: text(),
                    text: text(),
                    html: text(),
                })
            }
            Channel::Webhook => Content::Webhook(Event { body: "{}".to_owned() }),
        };
        let (id, receiver) = (NoticeId::from_stored(&format!("{n:032x}")), ReceiverName::new("gone"));
        Notice { id, receiver, at: at(0), content, summary: n.to_string() }
    }

    async fn queue(store: &Store, notices: Vec<Notice>) {
        let mut commit = Commit::default();
        commit.notices = notices;
        store.commit(&BrandId::new("sahil").expect("a brand"), &commit, at(0)).await.expect("a commit");
    }

    async fn count(store: &Store) -> i64 {
        sqlx::query("SELECT COUNT(*) FROM outbox").fetch_one(&store.writer).await.expect("a count").get(0)
    }

    #[tokio::test]
    async fn pruning_goes_on_until_nothing_old_is_left() {
        let (_dir, store) = open().await;
        let rows = usize::try_from(BATCH_ROWS).expect("small") * 2 + 10;
        queue(&store, (0..rows).map(|n| notice(n, Channel::Webhook)).collect()).await;
        let finish =
            "UPDATE outbox SET finished_ms = $1, state = CASE id % 2 WHEN 0 THEN 'delivered' ELSE 'expired' END";
        sqlx::query(finish).bind(at(0).unix_ms()).execute(&store.writer).await.expect("finished");
        let week = DELIVERED_KEPT.as_secs() / 3600;
        assert_eq!(store.prune(at(week)).await.expect("pruned"), 0);
        assert_eq!(store.prune(at(week + 1)).await.expect("pruned"), u64::try_from(rows).expect("small"));
        assert_eq!(count(&store).await, 0);
    }

    #[tokio::test]
    async fn what_nobody_delivers_is_given_up_when_its_time_is_over() {
        let (_dir, store) = open().await;
        let channels = [Channel::Mqtt, Channel::Email, Channel::Webhook];
        queue(&store, channels.iter().enumerate().map(|(n, channel)| notice(n, *channel)).collect()).await;
        let gone = ReceiverName::new("gone");
        let tried = store.waiting(&gone, Channel::Webhook, 1, at(0)).await.expect("a look").remove(0);
        let retry = Finish::Retry { at: at(1), why: "503".to_owned() };
        store.finish(&[(tried.row, retry)], at(0)).await.expect("tried once");
        let cases = [
            (5, vec![]),
            (7, vec![("email", "waited 7 h and was never tried: ")]),
            (24, vec![("email", "waited 7 h")]),
            (25, vec![("webhook", "given up after 1 attempts in 25 h: 503"), ("email", "")]),
            (73, vec![("webhook", ""), ("email", ""), ("mqtt", "waited 73 h")]),
        ];
        for (hours, expected) in cases {
            store.prune(at(hours)).await.expect("pruned");
            let letters: Vec<DeadLetter> = store.dead_letters().await.expect("a list");
            assert_eq!(letters.len(), expected.len(), "{hours} h: {letters:?}");
            for (letter, (channel, why)) in letters.iter().zip(expected) {
                assert!(letter.channel == channel && letter.why.starts_with(why), "{hours} h: {letter:?}");
            }
        }
    }

    #[tokio::test]
    async fn dead_letters_are_kept_for_a_while_and_up_to_a_number() {
        let (_dir, store) = open().await;
        let kept = usize::try_from(DEAD_KEPT_MAX).expect("small");
        queue(&store, (0..kept + 3).map(|n| notice(n, Channel::Email)).collect()).await;
        let die = sqlx::query("UPDATE outbox SET state = 'dead', finished_ms = $1 + id").bind(at(0).unix_ms());
        die.execute(&store.writer).await.expect("dead");
        assert_eq!(store.prune(at(1)).await.expect("pruned"), 3);
        let oldest = sqlx::query("SELECT MIN(id) FROM outbox").fetch_one(&store.writer).await.expect("a row");
        assert_eq!((count(&store).await, oldest.get(0)), (i64::from(DEAD_KEPT_MAX), 4_i64), "the newest are kept");
        assert_eq!(store.prune(at(30 * 24 + 1)).await.expect("pruned"), u64::from(DEAD_KEPT_MAX));
        assert_eq!(count(&store).await, 0);
    }
}
