//! Tries whether the service could use its database, without making or changing one.
//!
//! Invariant: whatever the result, no file is there afterwards that was not there before.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::store::{Store, StoreError};

/// What the service would find at the path of its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    /// A database of this version.
    Usable,
    /// One of an earlier version, which the service brings up to date.
    Older,
    /// None yet, in a folder in which it can be made.
    Absent,
}

impl Store {
    /// Says what the service would find there; also beside a running one.
    ///
    /// # Errors
    /// Why the service could not open or make it.
    pub async fn probe(path: &Path) -> Result<Probed, StoreError> {
        // SQLite keeps files beside the database, and so does the lock: the folder must take some in any case.
        let beside = PathBuf::from(format!("{}.check-{}", path.display(), std::process::id()));
        let made = OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|_| fs::remove_file(&beside));
        made.map_err(|source| not_opened(path, source))?;
        if !path.exists() {
            return Ok(Probed::Absent);
        }
        OpenOptions::new().append(true).open(path).map_err(|source| not_opened(path, source))?;
        match Self::open_beside(path).await {
            Ok(store) => {
                store.close().await;
                Ok(Probed::Usable)
            }
            Err(StoreError::OtherVersion { found, known, .. }) if found < known => Ok(Probed::Older),
            Err(error) => Err(error),
        }
    }
}

fn not_opened(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Open { path: path.to_owned(), source: sqlx::Error::Io(source) }
}
