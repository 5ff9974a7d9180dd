//! Counts how often somebody did something within a minute.
//!
//! Knows neither who nor what. Invariant: it never holds more than [`KNOWN_MAX`] of them, whoever knocks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::units::Uptime;

/// For how long is counted.
pub(super) const MINUTE: Duration = Duration::from_mins(1);
/// Those that are counted at once: a few hundred kilobytes. Beyond it all of them are forgotten, which lets each begin
/// anew: who has so many addresses is not held up by a count of one.
const KNOWN_MAX: usize = 10_000;

/// Since when and how often each did it.
#[derive(Debug)]
pub(super) struct PerMinute<K> {
    most: u32,
    known: BTreeMap<K, (Uptime, u32)>,
}

/// Where a count stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// It may be done.
    Within,
    /// It was done too often, for the first time in this minute: worth a line in the log.
    JustOver,
    /// It was done too often.
    Over,
}

impl<K: Ord + Clone> PerMinute<K> {
    /// Allows `most` within a minute.
    pub(super) const fn new(most: u32) -> Self {
        Self { most, known: BTreeMap::new() }
    }

    /// Counts one more.
    pub(super) fn count(&mut self, who: &K, now: Uptime) -> Count {
        if self.known.len() >= KNOWN_MAX && !self.known.contains_key(who) {
            self.known.retain(|_, (since, _)| now.since(*since) < MINUTE);
            if self.known.len() >= KNOWN_MAX {
                self.known.clear();
            }
        }
        let (since, count) = self.known.entry(who.clone()).or_insert((now, 0));
        if now.since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        match *count {
            count if count <= self.most => Count::Within,
            count if count == self.most.saturating_add(1) => Count::JustOver,
            _ => Count::Over,
        }
    }

    /// Says whether one more would be too many, and counts nothing.
    pub(super) fn is_used_up(&self, who: &K, now: Uptime) -> bool {
        self.known.get(who).is_some_and(|(since, count)| now.since(*since) < MINUTE && *count >= self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_allows_so_many_and_the_next_one_again() {
        let at = |s| Uptime(Duration::from_secs(s));
        let mut counts = PerMinute::new(2);
        for (who, s, expected) in [
            ("a", 0, Count::Within),
            ("a", 1, Count::Within),
            ("b", 1, Count::Within),
            ("a", 2, Count::JustOver),
            ("a", 59, Count::Over),
            ("a", 60, Count::Within),
        ] {
            assert_eq!(counts.count(&who, at(s)), expected, "{who} at {s}");
        }
        assert!(!counts.is_used_up(&"a", at(60)) && !counts.is_used_up(&"c", at(60)));
        counts.count(&"a", at(61));
        assert!(counts.is_used_up(&"a", at(61)) && !counts.is_used_up(&"a", at(120)));
    }

    #[test]
    fn more_of_them_than_are_known_are_forgotten() {
        let mut counts = PerMinute::new(1);
        for who in 0..KNOWN_MAX {
            counts.count(&who, Uptime::default());
        }
        assert!(counts.is_used_up(&0, Uptime::default()));
        counts.count(&KNOWN_MAX, Uptime::default());
        assert!(counts.known.len() == 1 && !counts.is_used_up(&0, Uptime::default()));
    }
}
