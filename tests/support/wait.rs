//! The only place in the tests that sleeps: between two looks at a value, and while a scripted fault lasts.
//!
//! A test never sleeps to let something happen; it waits on the value that shows that it has, with a bound.
#![allow(dead_code, reason = "each test takes the waits that it needs")]

use std::future::Future;
use std::time::{Duration, Instant};

/// The bound of every wait: generous, because machines are shared; only a failing test ever waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(5);

/// Waits until `look` finds something, and panics with `what` when it never does.
#[track_caller]
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within_patience(look).unwrap_or_else(|| panic!("waited in vain: {what}"))
}

/// Waits until `look` finds something; `None` when it never does, for those who have more to say then.
#[expect(clippy::disallowed_methods, reason = "the bound of a wait is real time")]
pub(crate) fn within_patience<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = look();
        if found.is_some() || begun.elapsed() >= PATIENCE {
            return found;
        }
        std::thread::sleep(STEP);
    }
}

/// Waits until `holds`, and panics with `what` when it never does.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waited = soon(async || holds().await.then_some(()));
    assert!(waited.await.is_some(), "waited in vain: {what}");
}

/// Waits until `look` finds something; `None` when it never does, for those who have more to say then.
pub(crate) async fn soon<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let found = look().await;
            if found.is_some() {
                return found;
            }
            tokio::time::sleep(STEP).await;
        }
    });
    waited.await.ok().flatten()
}

/// Lets a scripted fault last.
pub(crate) async fn while_a_fault_lasts(duration: Duration) {
    tokio::time::sleep(duration).await;
}
