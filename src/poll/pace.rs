//! How often a venue's stop list changes, learned from the changes seen.
//!
//! Two Gamma-Poisson estimates with forgetting. The one of the service loses half of what it saw in three hours and rests
//! while the doors are closed, so that a venue opens with the pace of its last evening. The one of the last minutes finds a
//! rush within a few polls. Invariant: the rate is positive and finite.

use std::time::Duration;

/// Half of the service's changes is forgotten in this time: the length of a service.
const SERVICE_HALF_LIFE_S: f64 = 3.0 * 3600.0;
/// What a venue is worth before anything was seen: half a change...
const PRIOR_CHANGES: f64 = 0.5;
/// ...in half an hour, a little more than the 5 to 10 changes a shift of a mid-size venue (features.md).
const PRIOR_S: f64 = 1800.0;
/// Half of the latest changes is forgotten in this time: much less than a rush lasts.
const LATEST_HALF_LIFE_S: f64 = 10.0 * 60.0;
/// How many changes at the usual pace the latest ones are weighed against: fewer find a rush sooner, and take more chances
/// for one (`cargo bench --bench freshness`).
const USUAL_CHANGES: f64 = 0.12;
/// Changes per second behind closed doors, while none is seen: one a day.
const CLOSED_RATE: f64 = 1.0 / (24.0 * 3600.0);

/// The learned pace of one venue.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Pace {
    service: Seen,
    latest: Seen,
}

/// What was seen, with what is forgotten of it.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
struct Seen {
    changes: f64,
    seconds: f64,
}

impl Seen {
    fn learn(&mut self, changed: bool, s: f64, half_life_s: f64) {
        let kept = 0.5_f64.powf(s / half_life_s);
        self.changes = self.changes * kept + f64::from(u8::from(changed));
        self.seconds = self.seconds * kept + s;
    }

    /// Returns the changes per second, if `changes` in `seconds` were seen before.
    fn rate(&self, changes: f64, seconds: f64) -> f64 {
        (self.changes + changes) / (self.seconds + seconds)
    }
}

impl Pace {
    /// Takes a reading: whether the list had changed in the time since the one before, and whether guests are served.
    pub fn learn(&mut self, changed: bool, since_last: Duration, is_open: bool) {
        let s = since_last.as_secs_f64();
        self.latest.learn(changed, s, LATEST_HALF_LIFE_S);
        if is_open {
            self.service.learn(changed, s, SERVICE_HALF_LIFE_S);
        }
    }

    /// Returns the expected changes per second.
    pub fn rate(&self, is_open: bool) -> f64 {
        let usual = if is_open { self.service.rate(PRIOR_CHANGES, PRIOR_S) } else { CLOSED_RATE };
        usual.max(self.latest.rate(USUAL_CHANGES, USUAL_CHANGES / usual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads every 6 s, so many times; each `every`th list has changed.
    fn read(pace: &mut Pace, times: u32, every: u32, is_open: bool) {
        (1..=times).for_each(|n| pace.learn(n.is_multiple_of(every), Duration::from_secs(6), is_open));
    }

    #[test]
    fn a_busy_venue_outranks_a_quiet_one_and_a_rush_is_forgotten() {
        let (mut busy, mut quiet) = (Pace::default(), Pace::default());
        read(&mut busy, 600, 6, true);
        read(&mut quiet, 600, u32::MAX, true);
        assert!(busy.rate(true) > 20.0 * quiet.rate(true), "{busy:?} {quiet:?}");
        let rush = busy.rate(true);
        read(&mut busy, 7200, u32::MAX, true);
        assert!(busy.rate(true) < rush / 10.0, "{rush} {busy:?}");
    }

    #[test]
    fn changed_lists_in_a_row_outweigh_a_quiet_past_at_once() {
        let mut pace = Pace::default();
        read(&mut pace, 6_000, u32::MAX, true);
        let quiet = pace.rate(true);
        let mut after_another = || {
            read(&mut pace, 1, 1, true);
            pace.rate(true) / quiet
        };
        let (one, two, three) = (after_another(), after_another(), after_another());
        // An interval goes with the root of the rate.
        assert!(one > 4.0 && two > 1.5 * one && three > 1.5 * two, "{one} {two} {three}");
    }

    #[test]
    fn a_closed_venue_is_worth_little_and_opens_with_the_pace_that_it_closed_with() {
        let mut pace = Pace::default();
        read(&mut pace, 600, 6, true);
        let in_service = pace.service;
        read(&mut pace, 6_000, u32::MAX, false);
        assert_eq!(pace.service, in_service);
        assert!(pace.rate(false) < 1.01 * CLOSED_RATE, "{pace:?}");
        assert!(pace.rate(true) > 100.0 * pace.rate(false), "{pace:?}");
        // Somebody takes dishes off before the doors open.
        read(&mut pace, 5, 2, false);
        assert!(pace.rate(false) > 4.0 * CLOSED_RATE, "{pace:?}");
    }
}
