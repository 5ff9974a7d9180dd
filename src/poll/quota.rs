//! What a brand's quota buys: how old its stop lists get, and what one more venue would cost.
//!
//! Pure arithmetic on numbers that are known before a single poll. Invariant: no list that is read as planned is stale.

use std::time::Duration;

use crate::poll::{Settings, WALK_SHARE};
use crate::snapshot::FreshnessLimits;

/// No reading is stale before this, however often the venue is read.
const STALE_MIN: Duration = Duration::from_mins(1);
/// No reading is blind before this.
const BLIND_MIN: Duration = Duration::from_mins(5);
/// A reading is stale at three times a round of the venues...
const STALE_ROUNDS: u32 = 3;
/// ...and before it is, its list goes before every other.
const ALLOWED_ROUNDS: u32 = 2;
/// The same for a chain that is read in no time: a screen that is told 5 s later and a request that fails after 12 s still
/// leave it fresh.
const ALLOWED_MIN: Duration = Duration::from_secs(40);

/// The venues of a brand and the requests that there are for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many venues are watched.
    pub venues: usize,
    /// Requests a minute, at a steady pace.
    pub per_minute: u32,
    /// No list is read more often.
    pub fastest: Duration,
    /// No list should get older.
    pub oldest: Duration,
}

impl Quota {
    /// Gathers what `settings` say of so many venues.
    pub fn new(venues: usize, per_minute: u32, settings: &Settings) -> Self {
        Self { venues, per_minute, fastest: settings.fastest, oldest: settings.oldest }
    }

    /// Returns how long it takes to read every venue once, walks included.
    pub fn round(&self) -> Duration {
        let venues = u64::try_from(self.venues).unwrap_or(u64::MAX);
        let lists_ms = venues.saturating_mul(60_000) / u64::from(self.per_minute.max(1));
        Duration::from_millis(lists_ms.saturating_mul(u64::from(WALK_SHARE)) / u64::from(WALK_SHARE - 1))
    }

    /// Returns how old a list may get: one that is older is read before every other.
    ///
    /// Where the quota cannot hold `oldest`, that is twice a round: if every list were over its age, a busy venue would be
    /// read as rarely as a quiet one.
    pub fn worst_age(&self) -> Duration {
        let round = self.round();
        if round <= self.fastest {
            return self.fastest;
        }
        let allowed = ALLOWED_MIN.max(round.saturating_mul(ALLOWED_ROUNDS));
        if round <= self.oldest { allowed.min(self.oldest) } else { allowed }
    }

    /// Returns by how much one more venue lengthens a round.
    pub fn one_more(&self) -> Duration {
        Self { venues: 1, ..*self }.round()
    }

    /// Returns how many venues can be watched in all with no list older than was asked for.
    pub fn venues_max(&self) -> usize {
        let in_time = self.oldest.as_millis() * u128::from(self.per_minute) * u128::from(WALK_SHARE - 1);
        let fits = in_time / (60_000 * u128::from(WALK_SHARE));
        usize::try_from(fits).unwrap_or(usize::MAX)
    }

    /// Returns from which age a reading is stale and blind (features.md).
    pub fn limits(&self) -> FreshnessLimits {
        let slowest = self.fastest.max(self.round());
        let stale_after = STALE_MIN.max(slowest.saturating_mul(STALE_ROUNDS));
        FreshnessLimits { stale_after, blind_after: BLIND_MIN.max(stale_after.saturating_mul(2)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(venues: usize, per_minute: u32) -> Quota {
        Quota::new(venues, per_minute, &Settings::default())
    }

    #[test]
    fn a_round_takes_what_the_requests_beside_the_walks_allow() {
        let ms = Duration::from_millis;
        for (venues, per_minute, round, worst_age) in [
            (1, 240, ms(333), ms(3_000)),
            (9, 240, ms(3_000), ms(3_000)),
            (20, 240, ms(6_666), ms(40_000)),
            (90, 240, ms(30_000), ms(60_000)),
            (180, 240, ms(60_000), ms(60_000)),
            (300, 240, ms(100_000), ms(200_000)),
        ] {
            let quota = quota(venues, per_minute);
            assert_eq!((quota.round(), quota.worst_age()), (round, worst_age), "{venues} at {per_minute}");
        }
        assert_eq!(quota(20, 240).one_more(), ms(333));
        assert_eq!(quota(20, 240).venues_max(), 180);
    }

    #[test]
    fn no_list_that_is_read_as_planned_is_stale_and_none_is_planned_older_than_was_asked_for_if_that_can_be() {
        for venues in (1..2_000).step_by(7) {
            for (fastest_s, oldest_s) in [(1, 5), (3, 60), (3, 3_600), (600, 3_600)] {
                let [fastest, oldest] = [fastest_s, oldest_s].map(Duration::from_secs);
                let quota = Quota { fastest, oldest, ..quota(venues, 240) };
                let worst_age = quota.worst_age();
                // A screen is told 5 s later, and the next reading may fail after 12 s.
                let until_told = worst_age + Duration::from_secs(5 + 12);
                assert!(until_told < quota.limits().stale_after, "{quota:?}");
                assert!(worst_age <= oldest || quota.round() > oldest, "{quota:?}");
                assert!(worst_age >= quota.round().min(oldest), "{quota:?}");
            }
        }
    }

    #[test]
    fn one_more_than_fits_does_not_fit() {
        for per_minute in 1..=300 {
            for oldest_s in [5, 60, 61, 3_600] {
                let quota = Quota { oldest: Duration::from_secs(oldest_s), ..quota(1, per_minute) };
                let round = |venues: usize| Quota { venues, ..quota }.round();
                let max = quota.venues_max();
                assert!(
                    round(max) <= quota.oldest && quota.oldest < round(max + 1),
                    "{max} at {per_minute}: {quota:?}"
                );
            }
        }
    }
}
