//! The ways out: a sink sends bytes that it does not understand, under an id that never changes (style 40).
//!
//! A sink never retries, never sleeps and never decides: it makes one attempt within its time limit and says how it
//! ended; `delivery` decides what follows.

pub mod mqtt;

use std::error::Error;
use std::time::Duration;

pub mod email;
pub mod webhook;

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has taken responsibility: PUBACK, SMTP 250 after DATA, HTTP 2xx.
    Delivered,
    /// As [`Outcome::Delivered`] for some of the receiver's addresses; the others were refused for good. Trying again
    /// would repeat the notice to those who have it, so it is done, but the operator must hear of it.
    DeliveredInPart {
        /// Who was refused and why, for people.
        why: String,
    },
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
    /// The receiver has ended the subscription (HTTP 410): neither this notice nor any later one is wanted there until
    /// the configuration changes.
    Gone {
        /// Why, for people.
        why: String,
    },
}

impl Outcome {
    /// Returns [`Outcome::Later`] without a wish of the other side.
    pub(crate) const fn later(why: String) -> Self {
        Self::Later { why, wait_min: None }
    }
}

/// What is wrong with one setting of a sink; `config` adds the file and the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field of the sink's `Settings`, by its name there.
    pub field: &'static str,
    /// What is wrong and what to write instead, for people.
    pub text: String,
}

impl Problem {
    pub(crate) const fn new(field: &'static str, text: String) -> Self {
        Self { field, text }
    }
}

/// Returns the innermost cause, which names the trouble; the layers above it only say that there was one.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
