//! How many mails a receiver gets within an hour: what is over it waits and goes out as one.
//!
//! A phone that rings all evening is switched off. Knows nothing of what the mails tell; what is critical is not asked
//! about here, and counted. Invariant: by a clock that is not set back, at no time more than `at_most` of the mails that
//! were asked about lie within an hour.

use std::time::Duration;

use crate::units::Timestamp;

/// The time in which mails are counted.
pub const PERIOD: Duration = Duration::from_hours(1);
/// The most that can be asked for, and so the most that is remembered.
pub const AT_MOST_MAX: u32 = 1_000;

/// When the mails of the last hour went out to a receiver, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Mailed(Vec<Timestamp>);

impl Mailed {
    /// Takes times that were stored before.
    pub fn from_stored(mut times: Vec<Timestamp>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Returns the times.
    pub fn times(&self) -> &[Timestamp] {
        &self.0
    }

    /// Returns them with one more mail. What is an hour old is forgotten, and what lies ahead, since the clock was set back.
    #[must_use]
    pub fn and(&self, now: Timestamp) -> Self {
        let counted = self.0.iter().copied().filter(|at| *at <= now && now.since(*at) < PERIOD);
        let mut times: Vec<Timestamp> = counted.chain([now]).collect();
        let most = usize::try_from(AT_MOST_MAX).unwrap_or(usize::MAX);
        times.drain(..times.len().saturating_sub(most));
        Self(times)
    }

    /// Returns from when on one more mail is within `at_most` an hour, in the past as well; `None` when there were fewer.
    pub fn free_at(&self, at_most: u32) -> Option<Timestamp> {
        let most = usize::try_from(at_most).unwrap_or(usize::MAX);
        let oldest = self.0.len().checked_sub(most)?;
        Some(self.0.get(oldest)?.plus(PERIOD))
    }

    /// Returns how many more mails may go out now.
    pub fn left(&self, at_most: u32, now: Timestamp) -> usize {
        let counted = self.0.iter().filter(|at| **at <= now && now.since(**at) < PERIOD).count();
        usize::try_from(at_most).unwrap_or(usize::MAX).saturating_sub(counted)
    }

    /// Says whether the clock was set back since a mail went out, so that waiting for the hour could take days.
    pub fn lies_ahead_of(&self, now: Timestamp) -> bool {
        self.latest().is_some_and(|at| at > now)
    }

    /// Returns when the last one went out.
    pub fn latest(&self) -> Option<Timestamp> {
        self.0.last().copied()
    }
}

/// Returns from when on a receiver may get one more mail, if it has a bound and got as many.
pub fn free_at(at_most: Option<u32>, mailed: Option<&Mailed>) -> Option<Timestamp> {
    mailed?.free_at(at_most?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(min: i64) -> Timestamp {
        Timestamp::from_unix_ms(min * 60_000)
    }

    fn mailed(minutes: &[i64]) -> Mailed {
        Mailed(minutes.iter().copied().map(at).collect())
    }

    #[test]
    fn the_next_mail_waits_until_the_oldest_of_so_many_is_an_hour_old() {
        let cases: [(&[i64], u32, Option<i64>); 6] = [
            (&[], 1, None),
            (&[0], 1, Some(60)),
            (&[0], 2, None),
            (&[0, 10], 2, Some(60)),
            (&[0, 10, 20], 2, Some(70)),
            (&[0, 10, 20], 12, None),
        ];
        for (minutes, at_most, free) in cases {
            assert_eq!(mailed(minutes).free_at(at_most), free.map(at), "{minutes:?} {at_most}");
        }
        assert_eq!(mailed(&[0, 10, 70]).left(3, at(60)), 2, "one is over, one lies ahead");
        assert_eq!(mailed(&[0, 10, 70]).and(at(60)), mailed(&[10, 60]));
        assert!(mailed(&[70]).lies_ahead_of(at(60)) && !mailed(&[60]).lies_ahead_of(at(60)));
    }

    proptest! {
        #[test]
        fn no_hour_holds_more_than_it_may(at_most in 1_u32..6, waits in prop::collection::vec(0_i64..40, 1..60)) {
            let (mut mailed, mut sent, mut now) = (Mailed::default(), Vec::new(), 0);
            for wait in waits {
                now += wait;
                let is_free = mailed.free_at(at_most).is_none_or(|free| free <= at(now));
                prop_assert_eq!(is_free, mailed.left(at_most, at(now)) > 0);
                if is_free {
                    mailed = mailed.and(at(now));
                    sent.push(now);
                }
            }
            for last in &sent {
                let within = sent.iter().filter(|first| (last - 60..=*last).contains(first) && **first > last - 60);
                prop_assert!(within.count() <= usize::try_from(at_most).expect("small"));
            }
        }
    }
}
