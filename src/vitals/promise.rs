//! Loops say when they will be back at the latest; one that is not back by then hangs.
//!
//! A loop that waits for something outside for as long as it takes, such as a broker that is away, says so and rests.
//! Invariant: a promise that was dropped, with its task, is not looked at any more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::units::Uptime;
use crate::vitals::lock;

/// What a new loop has to begin in.
const BEGINS_WITHIN: Duration = Duration::from_mins(1);
/// Stands for no bound: the loop rests.
const RESTS: u64 = u64::MAX;
/// Stands for never.
const NEVER: u64 = u64::MAX;

/// What a loop does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoopKind {
    /// Watches a brand.
    Brand,
    /// Delivers a receiver's notices on one channel.
    Delivery {
        /// Who is told.
        receiver: String,
        /// On which channel.
        channel: &'static str,
    },
    /// Passes on what a receiver cannot be told.
    Fallback,
    /// Takes in what people ask for.
    Orders,
    /// Prunes the store.
    Housekeeping,
}

impl LoopKind {
    /// The words of all kinds.
    pub const WORDS: [&'static str; 5] = ["brand", "delivery", "fallback", "orders", "housekeeping"];

    /// Returns the kind in a word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Brand => "brand",
            Self::Delivery { .. } => "delivery",
            Self::Fallback => "fallback",
            Self::Orders => "orders",
            Self::Housekeeping => "housekeeping",
        }
    }
}

/// The loops of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LoopsLook {
    /// How many there are.
    pub count: u64,
    /// How many are not back in time.
    pub overdue: u64,
}

#[derive(Debug)]
struct Kept {
    kind: LoopKind,
    made_at: Uptime,
    /// Milliseconds of uptime.
    back_by: AtomicU64,
    /// When it last ended something, in milliseconds of uptime.
    moved_at: AtomicU64,
}

/// A loop's promise; the loop holds it as long as it runs.
#[derive(Clone, Debug)]
pub struct Promise(Arc<Kept>);

impl Promise {
    /// Says that the loop is here, and back again within this time.
    pub fn back_within(&self, time: Duration, now: Uptime) {
        self.0.back_by.store(ms(now.plus(time)), Ordering::Relaxed);
    }

    /// Says that the loop waits for something outside, for as long as that takes.
    pub fn rest(&self) {
        self.0.back_by.store(RESTS, Ordering::Relaxed);
    }

    /// Says that the loop has brought something to its end.
    pub fn moved(&self, now: Uptime) {
        self.0.moved_at.store(ms(now), Ordering::Relaxed);
    }
}

/// The promises of all loops that run.
#[derive(Debug, Default)]
pub(super) struct Promises(Mutex<Vec<Weak<Kept>>>);

impl Promises {
    pub(super) fn make(&self, kind: LoopKind, now: Uptime) -> Promise {
        let back_by = AtomicU64::new(ms(now.plus(BEGINS_WITHIN)));
        let kept = Arc::new(Kept { kind, made_at: now, back_by, moved_at: AtomicU64::new(NEVER) });
        let mut promises = lock(&self.0);
        promises.retain(|promise| promise.strong_count() > 0);
        promises.push(Arc::downgrade(&kept));
        Promise(kept)
    }

    pub(super) fn look(&self, now: Uptime) -> BTreeMap<&'static str, LoopsLook> {
        let mut found: BTreeMap<_, _> = LoopKind::WORDS.into_iter().map(|word| (word, LoopsLook::default())).collect();
        for kept in self.alive() {
            let look = found.entry(kept.kind.word()).or_default();
            look.count += 1;
            look.overdue += u64::from(kept.is_overdue(now));
        }
        found
    }

    /// Says whether this channel's loop is at work and has ended nothing for so long.
    pub(super) fn has_stopped(&self, receiver: &str, channel: &str, within: Duration, now: Uptime) -> bool {
        let is_it = |kept: &Arc<Kept>| matches!(&kept.kind, LoopKind::Delivery { receiver: of, channel: on } if of == receiver && *on == channel);
        self.alive().find(is_it).is_some_and(|kept| {
            let rests = kept.back_by.load(Ordering::Relaxed) == RESTS;
            let moved_at = match kept.moved_at.load(Ordering::Relaxed) {
                NEVER => kept.made_at,
                ms => Uptime(Duration::from_millis(ms)),
            };
            !rests && now.since(moved_at) > within
        })
    }

    fn alive(&self) -> impl Iterator<Item = Arc<Kept>> {
        let alive: Vec<Arc<Kept>> = lock(&self.0).iter().filter_map(Weak::upgrade).collect();
        alive.into_iter()
    }
}

impl Kept {
    fn is_overdue(&self, now: Uptime) -> bool {
        self.back_by.load(Ordering::Relaxed) < ms(now)
    }
}

fn ms(at: Uptime) -> u64 {
    u64::try_from(at.0.as_millis()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(s: u64) -> Uptime {
        Uptime(Duration::from_secs(s))
    }

    #[test]
    fn a_loop_that_is_not_back_in_time_is_overdue_until_it_is_or_its_task_has_ended() {
        let promises = Promises::default();
        let overdue = |s| promises.look(at(s))["orders"];
        let promise = promises.make(LoopKind::Orders, at(10));
        let one = |overdue| LoopsLook { count: 1, overdue };
        assert_eq!([overdue(70), overdue(71)], [one(0), one(1)], "it never began");
        promise.back_within(Duration::from_secs(5), at(80));
        assert_eq!([overdue(85), overdue(86)], [one(0), one(1)]);
        promise.rest();
        assert_eq!(overdue(1_000_000), one(0));
        promise.back_within(Duration::from_secs(5), at(90));
        assert_eq!(overdue(96), one(1));
        drop(promise);
        assert_eq!(overdue(96), LoopsLook::default());
    }

    #[test]
    fn only_a_channel_that_is_at_work_can_have_stopped() {
        let promises = Promises::default();
        let kind = LoopKind::Delivery { receiver: "ops".to_owned(), channel: "webhook" };
        let promise = promises.make(kind, at(0));
        let stopped = |receiver: &str, s| promises.has_stopped(receiver, "webhook", Duration::from_secs(10), at(s));
        promise.back_within(Duration::from_hours(1), at(0));
        assert_eq!((stopped("ops", 10), stopped("ops", 11), stopped("gone", 11)), (false, true, false));
        promise.moved(at(11));
        assert_eq!((stopped("ops", 21), stopped("ops", 22)), (false, true));
        promise.rest();
        assert!(!stopped("ops", 22), "its broker is away, which is told elsewhere");
    }
}
