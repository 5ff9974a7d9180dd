//! How long writers wait for their turn, and saying so once when that becomes too long.
//!
//! One connection writes; a slow disk makes every brand wait for it, and what is told is late by as much. Never says the
//! same again before it was better in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A cook notices news that are this late.
const SLOW: Duration = Duration::from_secs(2);
/// It is over when a wait is this short again; between the two nothing is said, so that the border does not chatter.
const QUICK: Duration = Duration::from_millis(200);

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

/// The queue before the one connection that writes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    is_slow: AtomicBool,
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
}

#[cfg(test)]
mod tests {
    use super::Turn::{Recovers, Slows, Stays};
    use super::*;

    #[test]
    fn a_slow_disk_is_said_once_until_it_is_quick_again() {
        let queue = Queue::default();
        let turns = [100, 1_900, 2_000, 9_000, 1_000, 2_500, 200, 300, 100, 2_100];
        let said: Vec<Turn> = turns.into_iter().map(|ms| queue.waited(Duration::from_millis(ms))).collect();
        assert_eq!(said, [Stays, Stays, Slows, Stays, Stays, Stays, Recovers, Stays, Stays, Slows]);
    }
}
