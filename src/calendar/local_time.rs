//! Times of the clock within a business day: how people write them, and which of two comes first.
//!
//! A night belongs to the day before it, so that 01:00 comes after 23:00 where the day starts at 04:00. Invariant: of two
//! instants that clocks do not show twice, the later one is never the earlier time.

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::Time;

const DAY_MS: i32 = 24 * 60 * 60 * 1000;

/// What the clock of a venue shows at an instant, seen from a business day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Milliseconds on the clock since the day started: below zero before it, from 24 hours on after it.
    shown_ms: i32,
    day_starts: Time,
}

impl LocalTime {
    /// Before the business day, whatever the clock showed.
    pub(super) const fn before_today(day_starts: Time) -> Self {
        Self { shown_ms: -1, day_starts }
    }

    /// After the business day, whatever the clock shows.
    pub(super) const fn after_today(day_starts: Time) -> Self {
        Self { shown_ms: DAY_MS, day_starts }
    }

    /// Within the business day.
    pub(super) fn today(shown: Time, day_starts: Time) -> Self {
        Self { shown_ms: since_start_ms(shown, day_starts), day_starts }
    }

    /// Says whether it comes before or after what a clock shows on the business day.
    pub fn order(&self, clock: Time) -> Ordering {
        self.shown_ms.cmp(&since_start_ms(clock, self.day_starts))
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shown_ms {
            ..0 => f.write_str("before today"),
            DAY_MS.. => f.write_str("after today"),
            shown_ms => {
                let minute = (shown_ms + since_midnight_ms(self.day_starts)) % DAY_MS / 60_000;
                write!(f, "{:02}:{:02} today", minute / 60, minute % 60)
            }
        }
    }
}

/// Reads `04:00`, with two digits each.
pub fn clock_time(text: &str) -> Option<Time> {
    let is_plain = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    let two_digits = |text: &str| if is_plain(text) { text.parse::<i8>().ok() } else { None };
    let (hour, minute) = text.split_once(':')?;
    Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}

fn since_start_ms(clock: Time, day_starts: Time) -> i32 {
    (since_midnight_ms(clock) - since_midnight_ms(day_starts)).rem_euclid(DAY_MS)
}

fn since_midnight_ms(clock: Time) -> i32 {
    let [hour, minute, s] = [clock.hour(), clock.minute(), clock.second()].map(i32::from);
    ((hour * 60 + minute) * 60 + s) * 1000 + i32::from(clock.millisecond())
}
