//! The line before the one connection that writes: who waits in it goes together, in one transaction and to the disk once.
//!
//! The polls of many brands come in bursts, and one after the other the last of them would wait for all the others. A disk
//! that is too slow even so is said once, and not again before it was better in between. Invariant: what is said to be
//! written is on the disk, and what fails takes nobody else along.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::{Sqlite, Transaction};
use tokio::sync::oneshot;

use crate::alerts::order::{Answer, OrderId};
use crate::store::batch::Batch;
use crate::store::sqlite::failed;
use crate::store::{Store, StoreError, orders};
use crate::telemetry;
use crate::units::Timestamp;

/// Writes that go together: enough for a burst.
const TOGETHER_MAX: usize = 32;
/// A cook notices news that are this late.
const SLOW: Duration = Duration::from_secs(2);
/// It is over when a wait is this short again; between the two nothing is said, so that the border does not chatter.
const QUICK: Duration = Duration::from_millis(200);

/// The line.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Vec<InLine>>,
    numbers: AtomicU64,
    is_slow: AtomicBool,
}

/// What is written, whole or not at all.
#[derive(Debug)]
pub(super) struct Write {
    /// Orders that it answers; one that was taken back keeps all of it from being written.
    pub(super) answers: Vec<(OrderId, Answer)>,
    /// When they are answered.
    pub(super) answered_at: Timestamp,
    /// Everything else.
    pub(super) batch: Batch,
    /// What it is, for the error.
    pub(super) operation: &'static str,
}

#[derive(Debug)]
struct InLine {
    number: u64,
    write: Write,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// A place in the line; whoever goes away leaves it.
struct Place<'a> {
    queue: &'a Queue,
    number: u64,
}

/// What is worth saying of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Waits have become too long.
    Slows,
    /// They are short again.
    Recovers,
    /// Nothing new.
    Stays,
}

impl Queue {
    /// Takes how long a writer waited.
    pub(super) fn waited(&self, time: Duration) -> Turn {
        if time >= SLOW && !self.is_slow.swap(true, Ordering::Relaxed) {
            Turn::Slows
        } else if time <= QUICK && self.is_slow.swap(false, Ordering::Relaxed) {
            Turn::Recovers
        } else {
            Turn::Stays
        }
    }

    fn join(&self, write: Write) -> (Place<'_>, oneshot::Receiver<Result<(), StoreError>>) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (done, written) = oneshot::channel();
        self.line().push(InLine { number, write, done });
        (Place { queue: self, number }, written)
    }

    /// Takes those out whose turn it is, in the order in which they came.
    fn take_turn(&self) -> Vec<InLine> {
        let mut line = self.line();
        let many = line.len().min(TOGETHER_MAX);
        line.drain(..many).collect()
    }

    fn line(&self) -> MutexGuard<'_, Vec<InLine>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Says whether somebody still stands there.
    fn is_taken(&self) -> bool {
        self.queue.line().iter().any(|waiting| waiting.number == self.number)
    }

    /// Leaves the line, and says whether it still stood there.
    fn leave(&self) -> bool {
        let mut line = self.queue.line();
        let place = line.iter().position(|waiting| waiting.number == self.number);
        place.map(|place| line.remove(place)).is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Store {
    /// Writes, together with whatever else waits: who gets the connection writes for all of them.
    ///
    /// To be awaited to its end by a task that goes on. When the one that writes for others is ended in the middle of it,
    /// they are told [`StoreError::CutOff`]: what they wanted may be written.
    pub(super) async fn write(&self, write: Write) -> Result<(), StoreError> {
        let (place, mut written) = self.queue.join(write);
        while place.is_taken() {
            tokio::select! {
                biased;
                result = &mut written => return result.unwrap_or(Err(StoreError::CutOff)),
                begun = self.begin() => match begun {
                    Ok(tx) => self.write_for_all(tx).await,
                    Err(error) if place.leave() => return Err(error),
                    Err(_) => {}
                },
            }
        }
        // Somebody writes it, or has written it.
        written.await.unwrap_or(Err(StoreError::CutOff))
    }

    async fn write_for_all(&self, tx: Transaction<'_, Sqlite>) {
        let waiting = self.queue.take_turn();
        if waiting.is_empty() {
            return;
        }
        let result = write_all(tx, waiting.iter().map(|waiting| &waiting.write)).await;
        if let (Err(error), true) = (&result, waiting.len() > 1) {
            tracing::debug!(
                "{} writes do not go together and go one by one: {}",
                waiting.len(),
                telemetry::chain(error)
            );
            for InLine { write, done, .. } in waiting {
                let alone = match self.begin().await {
                    Ok(tx) => write_all(tx, std::iter::once(&write)).await,
                    Err(error) => Err(error),
                };
                let _ = done.send(alone);
            }
            return;
        }
        let mut result = Some(result);
        for waiting in waiting {
            // Nobody waits any more where a task was ended; what it wanted is written.
            let _ = waiting.done.send(result.take().unwrap_or(Ok(())));
        }
    }
}

async fn write_all<'w>(
    mut tx: Transaction<'_, Sqlite>,
    writes: impl Iterator<Item = &'w Write>,
) -> Result<(), StoreError> {
    for Write { answers, answered_at, batch, operation } in writes {
        orders::put_answers(&mut tx, answers, *answered_at).await?;
        batch.run(&mut tx, operation).await?;
    }
    tx.commit().await.map_err(failed("commit what was written"))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::Turn::{Recovers, Slows, Stays};
    use super::*;

    fn topic(topic: &str) -> Write {
        let mut batch = Batch::default();
        batch.add("INSERT INTO published (broker, topic) VALUES (?, ?)").bind("bar").bind(topic);
        Write { answers: Vec::new(), answered_at: Timestamp::from_unix_ms(0), batch, operation: "note a topic" }
    }

    async fn open() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        (dir, store)
    }

    async fn kept(store: &Store) -> Vec<String> {
        store.published_topics("bar").await.expect("read")
    }

    #[tokio::test]
    async fn those_who_wait_go_together_and_what_fails_takes_nobody_along() {
        let (_dir, store) = open().await;
        store.write(topic("taken")).await.expect("alone");
        // More than go at once, and each third of them is there already.
        let names: Vec<String> = (0..2 * TOGETHER_MAX + 5).map(|number| format!("{number:03}")).collect();
        let wanted = names.iter().enumerate().map(|(n, name)| if n % 3 == 0 { "taken" } else { name.as_str() });
        let results = join_all(wanted.clone().map(|name| store.write(topic(name)))).await;
        for (name, result) in wanted.clone().zip(&results) {
            match result {
                Ok(()) => assert_ne!(name, "taken"),
                Err(StoreError::Statement { operation, .. }) => {
                    assert_eq!((name, *operation), ("taken", "note a topic"));
                }
                Err(other) => panic!("{name}: {other:?}"),
            }
        }
        let mut expected: Vec<&str> = wanted.filter(|name| *name != "taken").chain(["taken"]).collect();
        expected.sort_unstable();
        assert_eq!(kept(&store).await, expected);
    }

    #[tokio::test]
    async fn writes_that_go_together_are_one_transaction() {
        let (_dir, store) = open().await;
        let tx = store.begin().await.expect("the connection");
        let places = ["a", "b", "c"].map(|name| store.queue.join(topic(name)));
        store.write_for_all(tx).await;
        assert_eq!((kept(&store).await.len(), store.queue.line().len()), (3, 0));
        for (place, written) in places {
            written.await.expect("it has an end").expect("written by the first");
            assert!(!place.leave(), "it stands there no more");
        }
    }

    #[tokio::test]
    async fn what_answers_an_order_that_was_taken_back_is_not_written_and_the_others_are() {
        let (_dir, store) = open().await;
        let late = Write { answers: vec![(OrderId(7), Answer::Done)], ..topic("late") };
        let writes = [topic("a"), late, topic("b")].map(|write| store.write(write));
        let results = join_all(writes).await;
        assert!(matches!(results.as_slice(), [Ok(()), Err(StoreError::TakenBack), Ok(())]), "{results:?}");
        assert_eq!(kept(&store).await, ["a", "b"]);
    }

    #[tokio::test]
    async fn whose_writer_is_ended_is_told_that_nobody_knows() {
        let (_dir, store) = open().await;
        let begun = store.begin().await.expect("somebody else writes");
        let mut write = Box::pin(store.write(topic("a")));
        assert!(futures_util::poll!(&mut write).is_pending());
        drop(store.queue.take_turn());
        drop(begun);
        let error = write.await.expect_err("nobody wrote it");
        assert!(matches!(error, StoreError::CutOff), "{error:?}");
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_line_and_writes_nothing() {
        let (_dir, store) = open().await;
        let begun = store.begin().await.expect("somebody else writes");
        let mut gone = Box::pin(store.write(topic("gone")));
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(gone);
        drop(begun);
        store.write(topic("stays")).await.expect("written");
        assert_eq!(kept(&store).await, ["stays"]);
        store.writer.close().await;
        store.write(topic("closed")).await.expect_err("there is no connection");
        assert!(store.queue.line().is_empty(), "an error means that nothing is kept, later neither");
    }

    #[test]
    fn a_slow_disk_is_said_once_until_it_is_quick_again() {
        let queue = Queue::default();
        let turns = [100, 1_900, 2_000, 9_000, 1_000, 2_500, 200, 300, 100, 2_100];
        let said: Vec<Turn> = turns.into_iter().map(|ms| queue.waited(Duration::from_millis(ms))).collect();
        assert_eq!(said, [Stays, Stays, Slows, Stays, Stays, Stays, Recovers, Stays, Stays, Slows]);
    }
}
