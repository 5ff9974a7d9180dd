//! The ways out: a sink sends bytes that it does not understand, under an id that never changes (style 40).
//!
//! A sink never retries, never sleeps and never decides: it makes one attempt within its time limit and says how it
//! ended; `delivery` decides what follows.

pub mod mqtt;

use std::time::Duration;

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has taken responsibility: PUBACK, SMTP 250 after DATA, HTTP 2xx.
    Delivered,
    /// It did not work now and may work later.
    Later {
        /// Why, for people: the operation, its object and what the other side said.
        why: String,
        /// The other side asked to wait at least this long (`Retry-After`).
        wait_min: Option<Duration>,
    },
    /// It will never work with these bytes: refused by the other side.
    Never {
        /// Why, for people.
        why: String,
    },
}
