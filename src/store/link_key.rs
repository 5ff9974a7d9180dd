//! The key that signs the links in mails: drawn once, and kept, so that a link works for as long as its mail is read.
//!
//! Must never show it. Invariant: whoever starts first draws it, and everybody has the same one.

use std::fmt::Write as _;

use sqlx::Row;

use crate::store::sqlite::failed;
use crate::store::{Store, StoreError};
use crate::units::Secret;

/// Bytes of the key: as many as its signatures have before they are cut.
const KEY_BYTES: usize = 32;

impl Store {
    /// Returns the key, and makes it when there is none yet.
    pub async fn link_key(&self) -> Result<Secret, StoreError> {
        let drawn = draw()?;
        let mut tx = self.begin().await?;
        // The text is bound, and the statements of sqlx are not logged: it goes nowhere else.
        let statement = sqlx::query("INSERT INTO link_key (id, key) VALUES (1, $1) ON CONFLICT DO NOTHING").bind(drawn);
        statement.execute(&mut *tx).await.map_err(failed("keep the key of links"))?;
        let row = sqlx::query("SELECT key FROM link_key").fetch_one(&mut *tx).await;
        let key = Secret::new(row.map_err(failed("read the key of links"))?.get(0));
        tx.commit().await.map_err(failed("keep the key of links"))?;
        Ok(key)
    }
}

fn draw() -> Result<String, StoreError> {
    let mut bytes = [0; KEY_BYTES];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).map_err(|_| StoreError::NoRandom)?;
    let mut digits = String::with_capacity(2 * KEY_BYTES);
    for byte in bytes {
        // To write into a text cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test]
    async fn the_key_is_drawn_once_and_is_another_in_each_database() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut keys = BTreeSet::new();
        for name in ["a", "b"] {
            let store = Store::open(&dir.path().join(name)).await.expect("a store");
            let key = store.link_key().await.expect("a key");
            store.close().await;
            drop(store);
            let again = Store::open(&dir.path().join(name)).await.expect("the same store");
            assert!(again.link_key().await.expect("a key") == key, "a restart keeps it");
            assert!(key.expose().len() == 2 * KEY_BYTES && key.expose().bytes().all(|b| b.is_ascii_hexdigit()));
            keys.insert(key.expose().to_owned());
        }
        assert_eq!(keys.len(), 2);
    }
}
