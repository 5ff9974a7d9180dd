//! The SQLite store: one writer connection, a few readers, WAL with full synchronisation.
//!
//! Every function is one statement or one transaction, named in the domain's words; writes that wait share one (`queue`). A lock file keeps a second
//! process from writing to the same database. Invariant: an error means that nothing of that call was kept.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::ConnectOptions as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Row, SqlSafeStr, Sqlite, Transaction};

use crate::alerts::AlertBook;
use crate::alerts::notice::{Channel, Notice, NoticeId, ReceiverName};
use crate::catalog::SharedCatalog;
use crate::clock;
use crate::engine::Memory;
use crate::snapshot::Access;
use crate::store::batch::{Batch, STATEMENTS_MAX};
use crate::store::queue::{Queue, Turn, Write};
use crate::store::visitors::Visitors;
use crate::store::{DeadLetter, Finish, OutboxDepth, Queued, Requeued, StoreError, format, history, mail, orders};
use crate::units::{BrandId, Timestamp, VenueId, human_duration};

/// How long a statement waits for another process's lock, such as a backup's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many connections read at once: delivery workers and the commands of people.
const READERS: u32 = 3;

/// The durable state of one process.
///
/// Every method that fails returns the [`StoreError`] of its statement, or of the row that cannot be read back; what a
/// failed method should have written is then not written, none of it. Its forms on the disk are those of
/// [`mod@crate::store::format`].
#[derive(Clone)]
pub struct Store {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    pub(super) visitors: Visitors,
    pub(super) queue: Arc<Queue>,
    /// Held as long as any clone lives; the system releases it when the process dies.
    lock: Option<Arc<Lock>>,
}

/// The lock of a database, held until it is dropped.
struct Lock(File);

impl Drop for Lock {
    /// Gives it back by name. Closing the file alone would leave it held as long as a program that is just being started
    /// has a copy of the descriptor, which is until its exec.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!("cannot unlock the database: {error}; it is free when this process ends");
        }
    }
}

impl Store {
    /// Opens the database for the service: makes it when missing, brings it up to date, and keeps others from running on it.
    ///
    /// # Errors
    /// When the file cannot be opened, is locked by another process, or was written by a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        // SQLite gives the permissions of the database to the files that it puts beside it, but makes it for everybody.
        match private().create_new(true).open(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(StoreError::Open { path: path.to_owned(), source: sqlx::Error::Io(error) });
            }
            Ok(_) | Err(_) => {}
        }
        let made = SqliteConnectOptions::new().create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let mut store = Self::connect(path, made).await?;
        store.lock = Some(Arc::new(lock));
        store.announce_update(path).await;
        migrator().run(&store.writer).await.map_err(|source| not_migrated(path, source))?;
        // A database that cannot be written is found now, and not by the first change. To begin alone says nothing of it.
        let nothing = sqlx::query("DELETE FROM outbox WHERE FALSE").execute(&store.writer).await;
        nothing.map_err(|source| not_opened(path, source))?;
        Ok(store)
    }

    /// Opens an existing database for a command beside the running service.
    ///
    /// # Errors
    /// When the file does not exist, is no database of eightysix, or is one of another version.
    pub async fn open_beside(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        // What is there is taken as it is: a file that is no database must not become one by a look at it.
        let store = Self::connect(path, SqliteConnectOptions::new()).await?;
        if let Err(error) = store.check_version(path).await {
            store.close().await;
            return Err(error);
        }
        Ok(store)
    }

    /// Says that a database of an earlier version is brought up to date, which may take minutes where there is much history.
    async fn announce_update(&self, path: &Path) {
        // A new file has no versions yet.
        let found = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&self.writer).await;
        let Some(found) = found.ok().and_then(|row| row.get::<Option<i64>, _>(0)) else { return };
        let known = newest_version();
        if found < known {
            tracing::info!("bringing {} from version {found} to {known}; do not stop it meanwhile", path.display());
        }
    }

    async fn check_version(&self, path: &Path) -> Result<(), StoreError> {
        let found =
            sqlx::query("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations").fetch_one(&self.readers).await;
        let found: i64 = found.map_err(|source| StoreError::Foreign { path: path.to_owned(), source })?.get(0);
        let known = newest_version();
        if found == known {
            return Ok(());
        }
        Err(StoreError::OtherVersion { path: path.to_owned(), found, known })
    }

    async fn connect(path: &Path, options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let open = |source| not_opened(path, source);
        let options = options
            .filename(path)
            // FULL: the last commit survives a power cut; NORMAL gains nothing measurable here (libraries.md section 3).
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // A busy machine would be warned of every statement that takes a second; `begin` says it once.
            .disable_statement_logging();
        // The pool's own line would come for every commit of every brand; `begin` says it once.
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_slow_threshold(Duration::MAX)
            .test_before_acquire(false);
        let writer = writer.after_release(|connection, _| {
            Box::pin(async move {
                // Behind the rollback that a dropped transaction left to be done.
                connection.ping().await?;
                // On a full disk SQLite ends the transaction by itself. sqlx does not learn of it and would begin no
                // other on this connection, for ever; the next one is opened anew.
                Ok(!connection.is_in_transaction())
            })
        });
        let writer = writer.connect_with(options.clone()).await.map_err(open)?;
        // All of them now and for good: one that is opened after somebody deleted the file would read an empty one, while the
        // writer goes on in the old.
        let readers = SqlitePoolOptions::new().max_connections(READERS).min_connections(READERS);
        let readers = readers.idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        let readers = readers.connect_with(options.clone()).await.map_err(open)?;
        let visitors = Visitors::connect(options).await.map_err(open)?;
        Ok(Self { writer, readers, visitors, queue: Arc::default(), lock: None })
    }

    /// Reads what is remembered of a brand.
    pub async fn load(&self, brand: &BrandId) -> Result<Memory, StoreError> {
        // One read transaction: a command beside the service must not see one cycle's catalog and the next one's alerts.
        let mut tx = self.readers.begin().await.map_err(failed("begin to read"))?;
        let mut catalogs = load_catalogs(&mut tx, brand).await?;
        let rows = sqlx::query("SELECT venue, body FROM venue WHERE brand = $1").bind(brand.as_str());
        let rows = rows.fetch_all(&mut *tx).await.map_err(failed("read the venues"))?;
        let readings = history::load_readings(&mut tx, brand).await?;
        let mut venues = BTreeMap::new();
        for row in rows {
            let id = VenueId(row.get::<i64, _>(0).cast_unsigned());
            let catalog = catalogs.remove(&id).unwrap_or_default();
            let snapshot = format::decode_venue(id, row.get(1), catalog)?;
            venues.insert(id, Arc::new(snapshot.found_anew(readings.as_ref())));
        }
        let (book, groups) = (load_alerts(&mut tx, brand).await?, mail::load_groups(&mut tx, brand).await?);
        let silences = orders::load_silences(&mut tx, brand).await?;
        let mailed = mail::load_mailed(&mut tx, brand).await?;
        let reported = mail::load_reported(&mut tx, brand).await?;
        Ok(Memory { access: Access::Untried, venues, book, groups, silences, mailed, reported })
    }

    /// Returns the oldest notices of a receiver's channel that wait, at most so many, in the order of telling.
    ///
    /// Nothing is noted of that: one worker at most is at work on a channel, in the one process that holds the database.
    /// A notice that cannot be read becomes a dead letter.
    pub async fn waiting(
        &self,
        receiver: &ReceiverName,
        channel: Channel,
        most: u32,
        now: Timestamp,
    ) -> Result<Vec<Queued>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, notice, at_ms, body, summary, attempts, queued_ms, due_ms FROM outbox
             WHERE receiver = $1 AND channel = $2 AND state = 'waiting' ORDER BY id LIMIT $3",
        )
        .bind(receiver.as_str())
        .bind(channel.word())
        .bind(most)
        .fetch_all(&self.readers)
        .await
        .map_err(failed("look for notices that wait"))?;
        let (mut waiting, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let content = match format::decode_content(row.get(3)) {
                Ok(content) => content,
                Err(error) => {
                    unreadable.push((row.get(0), Finish::Dead { why: error.to_string() }));
                    continue;
                }
            };
            let notice = Notice {
                id: NoticeId::from_stored(row.get(1)),
                receiver: receiver.clone(),
                at: Timestamp::from_unix_ms(row.get(2)),
                content,
                summary: row.get(4),
            };
            let [queued_at, due] = [6, 7].map(|column| Timestamp::from_unix_ms(row.get(column)));
            waiting.push(Queued { row: row.get(0), notice, attempts: row.get(5), queued_at, due });
        }
        if unreadable.is_empty() {
            return Ok(waiting);
        }
        tracing::error!(%receiver, "{} stored notices cannot be read, see dead-letters", unreadable.len());
        self.finish(&unreadable, now).await?;
        // They must not hold those behind them.
        Box::pin(self.waiting(receiver, channel, most, now)).await
    }

    /// Ends attempts, all in one transaction.
    pub async fn finish(&self, finished: &[(i64, Finish)], now: Timestamp) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for (row, finish) in finished {
            let (state, why, attempts) = match finish {
                Finish::Retry { at, why } => {
                    let retry = "UPDATE outbox SET due_ms = ?, why = ?, attempts = attempts + 1 WHERE id = ? AND state = 'waiting'";
                    batch.add(retry).bind(at.unix_ms()).bind(why).bind(row);
                    continue;
                }
                Finish::Delivered { but } => ("delivered", but.as_ref(), 1),
                Finish::Dead { why } => ("dead", Some(why), 1),
                Finish::Expired { why } => ("expired", Some(why), 0),
            };
            // A late refusal does not bury what was delivered; a late delivery is one, whatever was said before.
            let ended = "UPDATE outbox SET state = ?, why = ?, finished_ms = ?, attempts = attempts + ?
                 WHERE id = ? AND (state = 'waiting' OR ? = 'delivered')";
            batch.add(ended).bind(state).bind(why).bind(now.unix_ms()).bind(attempts).bind(row).bind(state);
        }
        self.write(Write { answers: Vec::new(), answered_at: now, batch, operation: "note how deliveries ended" }).await
    }

    /// Returns the notices that were given up, newest first, at most 500.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, receiver, channel, at_ms, summary, attempts, COALESCE(why, ''), passed_to FROM outbox
             WHERE state = 'dead' ORDER BY id DESC LIMIT 500",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(failed("read the dead letters"))?;
        let letter = |row: &sqlx::sqlite::SqliteRow| DeadLetter {
            row: row.get(0),
            receiver: row.get(1),
            channel: row.get(2),
            at: Timestamp::from_unix_ms(row.get(3)),
            summary: row.get(4),
            attempts: row.get(5),
            why: row.get(6),
            passed_to: row.get(7),
        };
        Ok(rows.iter().map(letter).collect())
    }

    /// Puts dead letters back into the outbox, all of them when `rows` is empty, and returns those that there were.
    pub async fn resend(&self, rows: &[i64], now: Timestamp) -> Result<Vec<Requeued>, StoreError> {
        let mut tx = self.begin().await?;
        let mut found = Vec::new();
        if rows.is_empty() {
            let statement = sqlx::query(
                "UPDATE outbox SET state = 'waiting', attempts = 0, queued_ms = $1, due_ms = $1, finished_ms = NULL,
                     passed_to = NULL, passed_ms = NULL
                 WHERE state = 'dead' RETURNING receiver, channel",
            );
            found = statement.bind(now.unix_ms()).fetch_all(&mut *tx).await.map_err(failed("resend dead letters"))?;
        }
        for row in rows {
            let statement = sqlx::query(
                "UPDATE outbox SET state = 'waiting', attempts = 0, queued_ms = $2, due_ms = $2, finished_ms = NULL,
                     passed_to = NULL, passed_ms = NULL
                 WHERE id = $1 AND state = 'dead' RETURNING receiver, channel",
            );
            let statement = statement.bind(row).bind(now.unix_ms());
            found.extend(statement.fetch_optional(&mut *tx).await.map_err(failed("resend a dead letter"))?);
        }
        tx.commit().await.map_err(failed("resend dead letters"))?;
        Ok(found.iter().map(|row| Requeued { receiver: row.get(0), channel: row.get(1) }).collect())
    }

    /// Counts the outbox.
    pub async fn outbox_depth(&self) -> Result<OutboxDepth, StoreError> {
        // Each half by its index: what was delivered is most of it, with bodies of its own.
        let statement = "SELECT state, COUNT(*) FROM outbox WHERE finished_ms IS NOT NULL GROUP BY state
            UNION ALL SELECT 'waiting', COUNT(*) FROM outbox WHERE state = 'waiting'";
        let rows = sqlx::query(statement).fetch_all(&self.readers).await;
        let mut depth = OutboxDepth::default();
        for row in rows.map_err(failed("count the outbox"))? {
            let count = row.get::<i64, _>(1).cast_unsigned();
            match row.get::<&str, _>(0) {
                "waiting" => depth.waiting = count,
                "dead" => depth.dead = count,
                "expired" => depth.expired = count,
                _ => depth.delivered = count,
            }
        }
        Ok(depth)
    }

    /// Returns the retained topics that a broker was given.
    pub async fn published_topics(&self, broker: &str) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT topic FROM published WHERE broker = $1 ORDER BY topic").bind(broker);
        let rows = rows.fetch_all(&self.readers).await.map_err(failed("read the published topics"))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Remembers which retained topics a broker holds: `true` published, `false` cleared.
    pub async fn note_published(
        &self,
        broker: &str,
        topics: &[(impl AsRef<str> + Sync, bool)],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        // A part at a time: a large chain has tens of thousands.
        for topics in topics.chunks(STATEMENTS_MAX) {
            let mut batch = Batch::default();
            for (topic, is_held) in topics {
                let statement = if *is_held {
                    "INSERT INTO published (broker, topic) VALUES (?, ?) ON CONFLICT DO NOTHING"
                } else {
                    "DELETE FROM published WHERE broker = ? AND topic = ?"
                };
                batch.add(statement).bind(broker).bind(topic.as_ref());
            }
            batch.run(&mut tx, "note a published topic").await?;
        }
        tx.commit().await.map_err(failed("note published topics"))
    }

    /// Closes the connections, so that the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.visitors.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) async fn begin(&self) -> Result<Transaction<'_, Sqlite>, StoreError> {
        let asked_at = clock::uptime();
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed("begin a transaction"))?;
        let waited = clock::uptime().since(asked_at);
        match self.queue.waited(waited) {
            Turn::Slows => tracing::warn!(
                "the database is slow: a commit waited {} for its turn, and news are late by as much; look at the disk",
                human_duration(waited)
            ),
            Turn::Recovers => tracing::info!("the database keeps up again"),
            Turn::Stays => {}
        }
        Ok(begun)
    }
}

fn lock(path: &Path) -> Result<Lock, StoreError> {
    let lock_path = PathBuf::from(format!("{}.lock", path.display()));
    let open = |source: std::io::Error| StoreError::Lock { path: lock_path.clone(), source };
    let file = private().create(true).truncate(false).open(&lock_path).map_err(open)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(open(error)),
    }
}

fn not_opened(path: &Path, source: sqlx::Error) -> StoreError {
    let code = source.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    let path = path.to_owned();
    // SQLITE_CORRUPT and SQLITE_NOTADB, whatever the higher bits say of where.
    if let Some(11 | 26) = code.map(|code| code & 0xff) {
        StoreError::Damaged { path, source }
    } else {
        StoreError::Open { path, source }
    }
}

/// Tells a file that cannot be read or written from one that another version has written.
fn not_migrated(path: &Path, source: MigrateError) -> StoreError {
    if let MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) = source {
        return not_opened(path, source);
    }
    StoreError::Migrate { path: path.to_owned(), source }
}

/// Makes files for their owner alone: a database holds who is told what. One that is there keeps the permissions that
/// somebody gave to it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn migrator() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        step(1, "schema", include_str!("schema_1.sql")),
        step(2, "orders", include_str!("schema_2.sql")),
        step(3, "fallback", include_str!("schema_3.sql")),
        step(4, "rate", include_str!("schema_4.sql")),
        step(5, "reports", include_str!("schema_5.sql")),
        step(6, "readings", include_str!("schema_6.sql")),
        step(7, "links", include_str!("schema_7.sql")),
        step(8, "leases", include_str!("schema_8.sql")),
        step(9, "looks", include_str!("schema_9.sql")),
    ])
}

fn newest_version() -> i64 {
    migrator().iter().map(|migration| migration.version).max().unwrap_or_default()
}

pub(super) fn failed(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Statement { operation, source }
}

async fn load_catalogs(
    tx: &mut Transaction<'_, Sqlite>,
    brand: &BrandId,
) -> Result<BTreeMap<VenueId, SharedCatalog>, StoreError> {
    // One after the other: the texts of a large chain are some hundred MB, and what they say is a few.
    let rows = sqlx::query("SELECT venue, body FROM catalog WHERE brand = $1").bind(brand.as_str());
    let mut rows = rows.fetch(&mut **tx);
    let (mut catalogs, mut of_venues) = (format::Catalogs::default(), BTreeMap::new());
    while let Some(row) = rows.try_next().await.map_err(failed("read the catalogs"))? {
        of_venues.insert(VenueId(row.get::<i64, _>(0).cast_unsigned()), catalogs.read(row.get(1))?);
    }
    Ok(of_venues)
}

async fn load_alerts(tx: &mut Transaction<'_, Sqlite>, brand: &BrandId) -> Result<AlertBook, StoreError> {
    let rows = sqlx::query("SELECT subject, rule, body FROM alert WHERE brand = $1").bind(brand.as_str());
    let rows = rows.fetch_all(&mut **tx).await.map_err(failed("read the alerts"))?;
    let mut book = AlertBook::default();
    for row in rows {
        let key = format::decode_alert_key(row.get(0), row.get(1))?;
        book.set(key, Some(format::decode_alert(row.get(2))?));
    }
    Ok(book)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::notice::{Content, Event};
    use crate::engine::Commit;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_778_252_651_000 + s * 1000)
    }

    fn ops() -> ReceiverName {
        ReceiverName::new("ops")
    }

    async fn store_with(ids: &[&str]) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        let notice = |id: &&str| Notice {
            id: NoticeId::from_stored(id),
            receiver: ops(),
            at: at(0),
            content: Content::Webhook(Event { body: "{}".to_owned() }),
            summary: (*id).to_owned(),
        };
        let mut commit = Commit::default();
        commit.notices = ids.iter().map(notice).collect();
        store.commit(&BrandId::new("sahil").expect("a brand"), &commit, at(0)).await.expect("a commit");
        (dir, store)
    }

    async fn waiting(store: &Store, most: u32) -> Vec<(String, i64, u32)> {
        let waiting = store.waiting(&ops(), Channel::Webhook, most, at(0)).await.expect("a look");
        let shown =
            |queued: Queued| (queued.notice.summary, (queued.due.unix_ms() - at(0).unix_ms()) / 1000, queued.attempts);
        waiting.into_iter().map(shown).collect()
    }

    async fn finish(store: &Store, finished: &[(&str, Finish)], now: Timestamp) {
        let mut rows = Vec::new();
        for (notice, finish) in finished {
            let row = sqlx::query("SELECT id FROM outbox WHERE notice = $1").bind(*notice).fetch_one(&store.writer);
            rows.push((row.await.expect("the notice").get(0), finish.clone()));
        }
        store.finish(&rows, now).await.expect("a finish");
    }

    fn retry(s: i64) -> Finish {
        Finish::Retry { at: at(s), why: "503".to_owned() }
    }

    #[tokio::test]
    async fn what_waits_comes_in_the_order_of_telling_with_when_it_is_due() {
        let (_dir, store) = store_with(&["a", "b", "c"]).await;
        let row = |id: &str, due: i64, attempts: u32| (id.to_owned(), due, attempts);
        assert_eq!(waiting(&store, 2).await, [row("a", 0, 0), row("b", 0, 0)]);
        finish(&store, &[("a", retry(5)), ("b", Finish::Dead { why: "given up".to_owned() })], at(1)).await;
        assert_eq!(waiting(&store, 9).await, [row("a", 5, 1), row("c", 0, 0)]);
        finish(&store, &[("a", Finish::Delivered { but: None }), ("c", retry(9)), ("c", retry(10))], at(6)).await;
        assert_eq!(waiting(&store, 9).await, [row("c", 10, 2)]);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_given_up_and_holds_nobody() {
        let (_dir, store) = store_with(&["bad", "good"]).await;
        let spoil = sqlx::query("UPDATE outbox SET body = '{' WHERE notice = 'bad'").execute(&store.writer);
        spoil.await.expect("spoilt");
        assert_eq!(waiting(&store, 1).await, [("good".to_owned(), 0, 0)]);
        let letters = store.dead_letters().await.expect("a list");
        assert!(letters.len() == 1 && letters[0].why.contains("cannot read the stored notice"), "{letters:?}");
    }

    #[tokio::test]
    async fn a_store_that_is_gone_can_be_opened_though_another_process_inherited_its_lock() {
        let (dir, store) = store_with(&[]).await;
        let path = dir.path().join("db");
        // What a program that is being started holds between its fork and its exec.
        let inherited = store.lock.as_ref().expect("held").0.try_clone().expect("a second descriptor");
        let beside = store.clone();
        store.close().await;
        drop(store);
        let error = Store::open(&path).await.map(drop).expect_err("a clone still holds it");
        assert!(matches!(error, StoreError::Taken { .. }), "{error:?}");
        drop(beside);
        Store::open(&path).await.expect("nobody holds it").close().await;
        drop(inherited);
    }

    #[tokio::test]
    async fn a_command_opens_a_database_of_its_own_version_only() {
        let (dir, store) = store_with(&["a"]).await;
        let path = dir.path().join("db");
        Store::open_beside(&path).await.expect("of this version").close().await;
        let newer = "INSERT INTO _sqlx_migrations SELECT 10, description, installed_on, 1, checksum, 0 FROM _sqlx_migrations WHERE version = 9";
        sqlx::query(newer).execute(&store.writer).await.expect("as a newer version leaves it");
        let error = Store::open_beside(&path).await.map(drop).expect_err("another version").to_string();
        assert!(error.contains("has the schema 10") && error.contains("knows 9"), "{error}");

        let other = dir.path().join("other");
        Store::connect(&other, SqliteConnectOptions::new().create_if_missing(true))
            .await
            .expect("an empty database")
            .close()
            .await;
        let error = Store::open_beside(&other).await.map(drop).expect_err("no database of ours").to_string();
        assert!(error.contains("no database of eightysix"), "{error}");
    }
}
