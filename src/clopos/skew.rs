//! By how much Clopos's clock is ahead of ours, from the `Date` of its answers.
//!
//! A date has whole seconds only, but many of them narrow the difference down: each says within which bounds it lies, and the
//! bounds of all of them meet. Pure. Invariant: while both clocks run and none is set, the true difference lies within the
//! bounds.

use std::time::Duration;

use crate::units::Timestamp;

/// Clocks run apart by one part in so many at most: the bounds widen by it, or a drift would leave them behind.
const DRIFT_PART: u64 = 5_000;

/// The date of an answer, and between which moments of our clock it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// What Clopos's clock showed, without the part of the second that it does not say.
    pub said: Timestamp,
    /// When the request left.
    pub sent_at: Timestamp,
    /// When the answer began to come.
    pub heard_at: Timestamp,
}

impl Dated {
    /// Reads the value of `Date`; `None` where it is none.
    pub fn read(date: &str, sent_at: Timestamp, heard_at: Timestamp) -> Option<Self> {
        let said = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
        Some(Self { said: Timestamp::from_unix_ms(said.as_millisecond()), sent_at, heard_at })
    }
}

/// What is known of the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Skew(Option<Bounds>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    low_ms: i64,
    high_ms: i64,
    as_of: Timestamp,
}

impl Skew {
    /// Takes a date in.
    pub fn note(&mut self, dated: &Dated) {
        let Dated { said, sent_at, heard_at } = *dated;
        let said = said.unix_ms();
        // The clock showed from `said` to just before the next second, some time between the two of ours.
        let (low_ms, high_ms) = (said - heard_at.unix_ms(), said + 999 - sent_at.unix_ms());
        if low_ms > high_ms {
            // Ours was set back in between.
            return;
        }
        let fresh = Bounds { low_ms, high_ms, as_of: heard_at };
        self.0 = Some(match self.0 {
            Some(known) if known.as_of <= heard_at => {
                let widened = heard_at.since(known.as_of).as_millis() / u128::from(DRIFT_PART);
                let widened = i64::try_from(widened).unwrap_or(i64::MAX);
                let low_ms = low_ms.max(known.low_ms.saturating_sub(widened));
                let high_ms = high_ms.min(known.high_ms.saturating_add(widened));
                // Where they do not meet, one of the clocks was set: what was known is of another time.
                if low_ms <= high_ms {
                    Bounds { low_ms, high_ms, as_of: known.kept_as_of(widened, heard_at) }
                } else {
                    fresh
                }
            }
            Some(_) | None => fresh,
        });
    }

    /// Returns by how many milliseconds Clopos's clock is ahead of ours, in the middle of the bounds.
    pub fn ms(self) -> Option<i64> {
        self.0.map(|bounds| bounds.low_ms.midpoint(bounds.high_ms))
    }
}

impl Bounds {
    /// Keeps the time that was too short to widen anything, so that short steps add up to a long one.
    fn kept_as_of(&self, widened: i64, now: Timestamp) -> Timestamp {
        if widened == 0 { self.as_of } else { now }
    }
}

/// Returns how long after Clopos's clock showed `written` something was seen at `seen` of ours.
pub fn delay(written: Timestamp, seen: Timestamp, skew_ms: i64) -> Duration {
    let ours = Timestamp::from_unix_ms(written.unix_ms().saturating_sub(skew_ms));
    seen.since(ours)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_MS: i64 = 1_780_000_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(START_MS + ms)
    }

    /// What a server says whose clock is `ahead_ms` ahead, when it is asked at `ms` and needs so long there and back.
    fn dated(ms: i64, there_ms: i64, back_ms: i64, ahead_ms: i64) -> Dated {
        let shown = at(ms + there_ms + ahead_ms).unix_s() * 1_000;
        Dated { said: Timestamp::from_unix_ms(shown), sent_at: at(ms), heard_at: at(ms + there_ms + back_ms) }
    }

    #[test]
    fn a_date_is_read_as_http_writes_it() {
        let read = |date: &str| Dated::read(date, at(0), at(1)).map(|dated| dated.said.to_string());
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT").as_deref(), Some("1994-11-06T08:49:37.000Z"));
        for wrong in ["", "1761202010", "2026-01-13T14:08:49Z", "Sun, 06 Nov 1994", "Sun, 40 Nov 1994 08:49:37 GMT"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once() {
        let mut skew = Skew::default();
        assert_eq!(skew.ms(), None);
        for ms in (0..60_000).step_by(250) {
            skew.note(&dated(ms, 20, 20, 5_000));
        }
        assert!((4_850..=5_150).contains(&skew.ms().expect("known")), "{skew:?}");
        skew.note(&dated(60_000, 20, 20, -90_000));
        assert!((-90_600..=-89_400).contains(&skew.ms().expect("known")), "{skew:?}");
        // Ours is set back: what was noted lies ahead of it.
        skew.note(&dated(-3_600_000, 20, 20, 3_000));
        assert!((2_400..=3_600).contains(&skew.ms().expect("known")), "{skew:?}");
    }

    #[test]
    fn a_delay_is_reckoned_on_our_clock() {
        for (written, seen, skew_ms, delay_ms) in
            [(0, 1_500, 0, 1_500), (5_000, 1_500, 5_000, 1_500), (-5_000, 1_500, -5_000, 1_500), (2_000, 1_500, 0, 0)]
        {
            let expected = Duration::from_millis(delay_ms);
            assert_eq!(delay(at(written), at(seen), skew_ms), expected, "{written} {seen} {skew_ms}");
        }
    }

    proptest! {
        #[test]
        fn the_true_difference_lies_within_the_bounds_and_many_answers_find_it(
            ahead_ms in -3_600_000_i64..3_600_000,
            drift in -100_i64..100,
            flights_ms in prop::collection::vec((0_i64..80, 0_i64..80, 300_i64..1_700), 400),
        ) {
            let (mut skew, mut ms) = (Skew::default(), 0);
            for (there_ms, back_ms, wait_ms) in flights_ms {
                ms += wait_ms;
                let true_ms = ahead_ms + ms * drift / 1_000_000;
                skew.note(&dated(ms, there_ms, back_ms, true_ms));
                let bounds = skew.0.expect("noted");
                prop_assert!(bounds.low_ms - 1 <= true_ms && true_ms <= bounds.high_ms + 1, "{:?} {}", bounds, true_ms);
            }
            let true_ms = ahead_ms + ms * drift / 1_000_000;
            prop_assert!((skew.ms().expect("known") - true_ms).abs() < 200, "{:?} {}", skew, true_ms);
        }
    }
}
