//! Durable state: what must survive a kill at any instant.
//!
//! One changed cycle is one transaction: snapshot, history, alert book, groups and outbox together. No transaction spans
//! a network call. Invariant: what `commit` or `finish` returned for is on the disk.

mod batch;
mod cycle;
pub mod format;
mod history;
mod housekeeping;
mod lines;
mod link_key;
mod mail;
mod newest;
pub mod orders;
mod outbox;
mod probe;
mod queue;
pub mod sqlite;
mod told;
mod untold;
mod visitors;
mod vitals;

use std::path::PathBuf;
use std::time::Duration;

use crate::alerts::notice::{Channel, Notice};
use crate::units::{Timestamp, printable};

pub use history::{HistorySpan, Order, PAGE_LINES, RowLine};
pub use lines::LinesOf;
pub use outbox::{OutboxState, WayDepth};
pub use probe::Probed;
pub use sqlite::Store;
pub use told::{Told, ToldState};
pub use untold::{Stuck, Untold};

/// Characters of the reason why a stored value cannot be read.
const WHY_LENGTH_MAX: usize = 200;

/// Where the state lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The SQLite file; it is made when missing.
    pub path: PathBuf,
}

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or brought up to date.
    #[error(
        "cannot open the database {path}; it must be one of eightysix, or not be there yet, in a folder where this user may write"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file is no database, or was cut or written over.
    #[error(
        "cannot open the database {path}: it is damaged or none at all; put a copy back, or move it away and everything begins anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The lock beside the file cannot be made.
    #[error(
        "cannot make {path}, the lock of the database; check that its folder is there and that this user may write in it"
    )]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The order that a cycle answers is not there any more: who asked has taken it back. Nothing was stored.
    #[error("an order was taken back before it was done")]
    TakenBack,
    /// The task that wrote for several was ended in the middle of it.
    #[error("it is not known whether this was written: the task that wrote it was ended")]
    CutOff,
    /// A command beside the service found no database.
    #[error("there is no database {path} yet; start the service once, it makes it")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the database: two services on one would each tell everything.
    #[error(
        "cannot open the database {path}: another eightysix is running on it; stop it, or give this one another store"
    )]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this program, or its schema was changed by hand.
    #[error("cannot bring the database {path} up to date; was it written by a newer version?")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What the migrator said.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A command beside the service found the database of another version.
    #[error(
        "cannot use the database {path}: it has the schema {found}, this eightysix knows {known}; use the eightysix that runs on it"
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The number of its schema.
        found: i64,
        /// The number of ours.
        known: i64,
    },
    /// A command beside the service found a database of something else.
    #[error("cannot use {path}: it is no database of eightysix; start the service once, it makes it")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// A statement failed.
    #[error("cannot {operation}")]
    Statement {
        /// What was being done to what.
        operation: &'static str,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// More of the history was asked for than is read at once.
    #[error("cannot read more than {most} lines of the history at once; ask for a shorter time, or for one product")]
    TooMuch {
        /// How many are read.
        most: usize,
    },
    /// The system gave no random bytes for a key.
    #[error("cannot make the key of links: the system gave no random bytes")]
    NoRandom,
    /// A stored value cannot be read back.
    #[error("cannot read the stored {what}: {why}")]
    Format {
        /// Which kind of row.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    /// Says why a value cannot be read. A spoilt one may hold anything, of any length, and the reason repeats it.
    fn unreadable(what: &'static str, why: &str) -> Self {
        Self::Format { what, why: printable(why, WHY_LENGTH_MAX) }
    }
}

/// A notice that waits in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The row's number.
    pub row: i64,
    /// The notice.
    pub notice: Notice,
    /// Attempts made so far.
    pub attempts: u32,
    /// When it was queued, or queued anew by a person: the patience of the retry policy counts from here.
    pub queued_at: Timestamp,
    /// When it may be tried; those behind it wait for it.
    pub due: Timestamp,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The other side took responsibility.
    Delivered {
        /// Who of several addresses was refused, and why.
        but: Option<String>,
    },
    /// Try again then.
    Retry {
        /// When it is due.
        at: Timestamp,
        /// Why the attempt failed.
        why: String,
    },
    /// Never try again by itself.
    Dead {
        /// Why.
        why: String,
    },
    /// Not told, and nobody misses it: the news was over before it could be told.
    Expired {
        /// How old it was, for people.
        why: String,
    },
}

/// A notice that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The row's number, to name it by.
    pub row: i64,
    /// Who should have been told.
    pub receiver: String,
    /// On which channel.
    pub channel: String,
    /// When it was decided.
    pub at: Timestamp,
    /// What it said.
    pub summary: String,
    /// Attempts made.
    pub attempts: u32,
    /// Why it was given up.
    pub why: String,
    /// Which other receiver was told of it.
    pub passed_to: Option<String>,
}

/// A dead letter that was put back into the outbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requeued {
    /// Who is to be told.
    pub receiver: String,
    /// On which channel.
    pub channel: String,
}

/// How many notices wait, and how those ended that are still remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OutboxDepth {
    /// Waiting, or on their way.
    pub waiting: u64,
    /// Given up.
    pub dead: u64,
    /// Delivered and still remembered.
    pub delivered: u64,
    /// Over before they could be told, and still remembered.
    pub expired: u64,
}

/// Returns for how long a channel is tried: as long as its news is worth having (features.md).
pub const fn patience(channel: Channel) -> Duration {
    match channel {
        Channel::Mqtt => Duration::from_hours(72),
        Channel::Email => Duration::from_hours(6),
        Channel::Webhook => Duration::from_hours(24),
    }
}

/// How long delivered and expired notices are remembered, to explain what was told.
pub const DELIVERED_KEPT: Duration = Duration::from_hours(7 * 24);
/// How long dead letters are kept: until whoever looks once a month has looked.
pub const DEAD_KEPT: Duration = Duration::from_hours(30 * 24);
/// How many dead letters are kept, the newest: a receiver that refuses everything for weeks must not fill the disk (at
/// about 4 KB each, 40 MB).
pub const DEAD_KEPT_MAX: u32 = 10_000;
/// How long an answered order is kept: whoever asked has long looked.
pub const ANSWERS_KEPT: Duration = Duration::from_hours(24);
/// How long the history is kept (features.md).
pub const HISTORY_KEPT: Duration = Duration::from_hours(400 * 24);

#[cfg(test)]
mod tests;
