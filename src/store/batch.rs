//! Statements that go to SQLite together.
//!
//! SQLite works on a thread of its own, and each statement that is sent alone waits for it to wake up and to answer.
//! Invariant: the statements run in the order in which they were added, each with its own values.

use sqlx::encode::Encode;
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Sqlite, Transaction, Type};

use crate::store::StoreError;
use crate::store::sqlite::failed;

/// Statements that are sent at once: enough for a cycle, and far from the longest text that SQLite takes, 1 MB.
pub(super) const STATEMENTS_MAX: usize = 64;
/// What is sent in so few statements comes in few forms, which are worth being kept prepared.
const PREPARED_MAX: usize = 4;

/// Statements without results, for one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// All but the last are full.
    sent: Vec<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    sql: String,
    values: SqliteArguments,
    statements: usize,
    /// How many values the statements want.
    wanted: usize,
    /// Why a value could not be taken.
    error: Option<BoxDynError>,
}

/// Takes the values of the statement that was added, in the order of its `?`.
pub(super) struct Values<'a>(&'a mut Sent);

impl Batch {
    /// Adds a statement whose values are `?`, without numbers: their places are counted over the whole batch.
    pub(super) fn add(&mut self, statement: &'static str) -> Values<'_> {
        debug_assert!(
            !statement.split(['$', '?']).skip(1).any(|rest| rest.starts_with(|first: char| first.is_ascii_digit())),
            "numbers would mean the values of other statements: {statement}"
        );
        if self.sent.last().is_none_or(|sent| sent.statements == STATEMENTS_MAX) {
            self.sent.push(Sent::default());
        }
        let last = self.sent.len() - 1;
        let sent = &mut self.sent[last];
        sent.sql.push_str(statement);
        sent.sql.push_str(";\n");
        sent.statements += 1;
        sent.wanted += statement.matches('?').count();
        Values(sent)
    }

    /// Runs them; `operation` says what failed.
    pub(super) async fn run(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        operation: &'static str,
    ) -> Result<(), StoreError> {
        for Sent { sql, values, statements, wanted, error } in &self.sent {
            if let Some(error) = error {
                return Err(failed(operation)(sqlx::Error::Encode(error.to_string().into())));
            }
            debug_assert!(values.len() == *wanted, "{} values for {wanted}: {sql}", values.len());
            // The texts are those of `add`, which are all literals. The values are shared, not copied.
            let statements =
                sqlx::query_with(AssertSqlSafe(sql.as_str()), values.clone()).persistent(*statements <= PREPARED_MAX);
            statements.execute(&mut **tx).await.map_err(failed(operation))?;
        }
        Ok(())
    }
}

impl Values<'_> {
    /// Adds the next value.
    pub(super) fn bind<'v>(self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) -> Self {
        if let Err(error) = self.0.values.add(value) {
            self.0.error = Some(error);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn each_statement_has_its_own_values_however_many_there_are() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        let mut batch = Batch::default();
        let topics: Vec<String> = (0..2 * STATEMENTS_MAX + 3).map(|number| format!("{number:04}")).collect();
        for topic in &topics {
            batch.add("INSERT INTO published (broker, topic) VALUES (?, ?)").bind("bar").bind(topic);
            batch.add("UPDATE published SET broker = ? WHERE topic = ?").bind("kitchen").bind(topic);
        }
        batch.add("DELETE FROM published WHERE topic = '0007'");
        let mut tx = store.begin().await.expect("begun");
        batch.run(&mut tx, "fill").await.expect("it runs");
        tx.commit().await.expect("committed");
        let rows = sqlx::query("SELECT topic FROM published WHERE broker = 'kitchen' ORDER BY topic");
        let rows = rows.fetch_all(&store.readers).await.expect("read");
        let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(found, topics.into_iter().filter(|topic| topic != "0007").collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_fails_keeps_nothing_of_its_transaction() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        let mut batch = Batch::default();
        for _ in 0..2 {
            batch.add("INSERT INTO published (broker, topic) VALUES (?, ?)").bind("bar").bind("a");
        }
        let mut tx = store.begin().await.expect("begun");
        let error = batch.run(&mut tx, "fill").await.expect_err("the same topic twice");
        assert!(matches!(&error, StoreError::Statement { operation: "fill", .. }), "{error:?}");
        drop(tx);
        assert_eq!(store.published_topics("bar").await.expect("read"), [""; 0]);
    }
}
