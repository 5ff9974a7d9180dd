//! The three rate tiers of clopos-api.md as sliding one-minute windows, counted strictly.
//!
//! Invariant: within any 60 seconds no more than the limit was counted under one key. A refused request is not
//! counted, so waiting `RateLimit-Reset` seconds always helps.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::units::{BrandId, Timestamp};

/// Length of every window (clopos-api.md, rate limits).
pub const WINDOW: Duration = Duration::from_mins(1);

/// Keys remembered in a tier at most, against a caller that invents addresses; beyond it empty windows go first, then
/// the lowest keys, which start afresh.
const KEYS_MAX: usize = 10_000;

/// Requests a window allows, by tier; tests shrink them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Tier 1: `POST /auth` by client address.
    pub auth: u32,
    /// Tier 2: answers with status 400 and above on authenticated routes, by client address.
    pub errors: u32,
    /// Tier 3: requests on authenticated routes, by integrator and brand.
    pub tenant: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { auth: 60, errors: 600, tenant: 300 }
    }
}

/// What the `RateLimit-*` headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests a window allows.
    pub limit: u32,
    /// Requests left in it.
    pub remaining: u32,
    /// Whole seconds, rounded up, until the oldest counted request leaves the window.
    pub reset_s: u32,
}

/// One sliding window.
#[derive(Clone, Debug, Default)]
pub struct Window {
    counted: VecDeque<Timestamp>,
}

impl Window {
    /// Counts a request when fewer than `limit` were counted in the minute before `now`; tells whether it did.
    pub fn admit(&mut self, limit: u32, now: Timestamp) -> bool {
        let now = self.forget(now);
        let admitted = self.counted.len() < limit as usize;
        if admitted {
            self.counted.push_back(now);
        }
        admitted
    }

    /// Returns how much of the window is left.
    pub fn standing(&mut self, limit: u32, now: Timestamp) -> Standing {
        let now = self.forget(now);
        let used = u32::try_from(self.counted.len()).unwrap_or(u32::MAX);
        let reset = self.counted.front().map_or(WINDOW, |oldest| oldest.plus(WINDOW).since(now));
        let reset_s = u32::try_from(reset.as_millis().div_ceil(1_000)).unwrap_or(60).max(1);
        Standing { limit, remaining: limit.saturating_sub(used), reset_s }
    }

    /// Drops what left the window and returns a `now` that never runs backwards: a corrected wall clock must not
    /// let more through.
    fn forget(&mut self, now: Timestamp) -> Timestamp {
        let now = self.counted.back().map_or(now, |newest| now.max(*newest));
        while self.counted.front().is_some_and(|oldest| oldest.plus(WINDOW) <= now) {
            self.counted.pop_front();
        }
        now
    }
}

/// The windows of all callers.
#[derive(Clone, Debug, Default)]
pub struct RateBook {
    auth: BTreeMap<IpAddr, Window>,
    errors: BTreeMap<IpAddr, Window>,
    tenants: BTreeMap<(String, BrandId), Window>,
}

impl RateBook {
    /// Returns the window of tier 1 for this address.
    pub fn auth(&mut self, client: IpAddr) -> &mut Window {
        trim(&mut self.auth);
        self.auth.entry(client).or_default()
    }

    /// Returns the window of tier 2 for this address.
    pub fn errors(&mut self, client: IpAddr) -> &mut Window {
        trim(&mut self.errors);
        self.errors.entry(client).or_default()
    }

    /// Returns the window of tier 3 for this integrator and brand.
    pub fn tenant(&mut self, integrator: &str, brand: &BrandId) -> &mut Window {
        trim(&mut self.tenants);
        self.tenants.entry((integrator.to_owned(), brand.clone())).or_default()
    }
}

fn trim<K: Ord + Clone>(windows: &mut BTreeMap<K, Window>) {
    if windows.len() > KEYS_MAX {
        windows.retain(|_, window| !window.counted.is_empty());
        while windows.len() > KEYS_MAX {
            windows.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000 + ms)
    }

    #[test]
    fn the_window_slides() {
        let mut window = Window::default();
        for ms in [0, 10_000, 20_000] {
            assert!(window.admit(3, at(ms)));
        }
        assert!(!window.admit(3, at(59_999)));
        assert_eq!(window.standing(3, at(30_500)), Standing { limit: 3, remaining: 0, reset_s: 30 });
        assert!(window.admit(3, at(60_000)));
        assert!(!window.admit(3, at(69_999)));
        assert!(!window.admit(3, at(0)), "a clock set back opens nothing");
        assert_eq!(window.standing(3, at(200_000)), Standing { limit: 3, remaining: 3, reset_s: 60 });
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_than_the_limit_and_no_room_is_wasted(
            steps in prop::collection::vec(0_i64..9_000, 1..400),
            limit in 1_u32..20,
        ) {
            let mut window = Window::default();
            let mut passed: Vec<i64> = Vec::new();
            let mut ms = 0;
            for step in steps {
                ms += step;
                let last_minute = passed.iter().filter(|&&earlier| earlier > ms - 60_000).count();
                let admitted = window.admit(limit, at(ms));
                prop_assert_eq!(admitted, last_minute < limit as usize);
                if admitted {
                    passed.push(ms);
                }
            }
            for &end in &passed {
                let within = passed.iter().filter(|&&ms| ms > end - 60_000 && ms <= end).count();
                prop_assert!(within <= limit as usize);
            }
        }
    }
}
