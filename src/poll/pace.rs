//! How often a venue's stop list changes, learned from the changes seen.
//!
//! A Gamma-Poisson estimate with forgetting: a prior pulls a venue without history to the middle, and what was seen loses
//! half its weight in three hours, so a rush is found and forgotten. Invariant: the rate is positive and finite.

use std::time::Duration;

/// Half of what was seen is forgotten in this time: the length of a service.
const HALF_LIFE_S: f64 = 3.0 * 3600.0;
/// What a venue is worth before anything was seen: half a change...
const PRIOR_CHANGES: f64 = 0.5;
/// ...in half an hour, a little more than the 5 to 10 changes a shift of a mid-size venue (features.md).
const PRIOR_S: f64 = 1800.0;

/// The learned pace of one venue.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Pace {
    changes: f64,
    seconds: f64,
}

impl Pace {
    /// Takes a reading: whether the list had changed in the time since the one before.
    pub fn learn(&mut self, changed: bool, since_last: Duration) {
        let s = since_last.as_secs_f64();
        let kept = 0.5_f64.powf(s / HALF_LIFE_S);
        self.changes = self.changes * kept + f64::from(u8::from(changed));
        self.seconds = self.seconds * kept + s;
    }

    /// Returns the expected changes per second.
    pub fn rate(&self) -> f64 {
        (self.changes + PRIOR_CHANGES) / (self.seconds + PRIOR_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_venue_outranks_a_quiet_one_and_a_rush_is_forgotten() {
        let (mut busy, mut quiet) = (Pace::default(), Pace::default());
        for n in 0..600 {
            busy.learn(n % 6 == 0, Duration::from_secs(6));
            quiet.learn(false, Duration::from_secs(6));
        }
        assert!(busy.rate() > 20.0 * quiet.rate(), "{} {}", busy.rate(), quiet.rate());
        let rush = busy.rate();
        for _ in 0..7200 {
            busy.learn(false, Duration::from_secs(6));
        }
        assert!(busy.rate() < rush / 10.0, "{rush} {}", busy.rate());
    }
}
