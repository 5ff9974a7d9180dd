//! One loop for each receiver that has an `else`: looks for what it cannot be told, and has another one told instead.
//!
//! Takes nothing from the receiver, whose own worker goes on. Looks by a timer alone: nobody needs it within the second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::delivery::untold::{self, Fallback};
use crate::store::{Store, StoreError};
use crate::telemetry::{self, Repeat, Repeats};
use crate::units::Uptime;
use crate::vitals::Promise;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// With a short patience it looks as often as that needs.
const LOOKS_WITHIN_PATIENCE: u32 = 4;
/// How long a turn may take, with what the store needs.
const TURN_MAX: Duration = Duration::from_mins(3);
/// What fails, for the count of failures.
const THE_STORE: &str = "the store";

/// Passes on what `fallback.of` cannot be told, until `cancel`. `wakes` are the bells of the workers of who is told.
pub async fn run(
    fallback: Fallback,
    store: Store,
    wakes: Vec<Arc<Notify>>,
    promise: Promise,
    cancel: CancellationToken,
) {
    let started_at = clock::uptime();
    let look_every = LOOK_EVERY.min(fallback.after / LOOKS_WITHIN_PATIENCE);
    let mut failures = Repeats::default();
    loop {
        promise.back_within(TURN_MAX, clock::uptime());
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(look_every) => {}
        }
        match look(&fallback, &store, started_at).await {
            Ok(passed_on) => {
                failures.works(THE_STORE);
                for wake in wakes.iter().filter(|_| passed_on) {
                    wake.notify_one();
                }
            }
            Err(error) => {
                let text = telemetry::chain(&error);
                if let Repeat::First { unsaid: _ } = failures.failed(THE_STORE, &text) {
                    tracing::error!(receiver = %fallback.of, "nothing can be passed on to {}: {text}", fallback.to.receiver);
                }
            }
        }
    }
}

/// Passes on what is due; says whether that was anything.
async fn look(fallback: &Fallback, store: &Store, started_at: Uptime) -> Result<bool, StoreError> {
    let now = clock::now();
    let untold = store.untold(&fallback.of, now).await?;
    let stuck = store.stuck_channels(&fallback.of).await?;
    let due = untold::due(&untold, &stuck, fallback.after, clock::uptime().since(started_at), now);
    for (channel, untold) in &due {
        let notices = untold::compose(fallback, *channel, stuck.iter().find(|it| it.channel == *channel), untold, now);
        let rows: Vec<i64> = untold.iter().map(|it| it.row).collect();
        store.pass_on(&rows, &fallback.to.receiver, &notices, now).await?;
        let (count, channel) = (rows.len(), channel.word());
        tracing::warn!(receiver = %fallback.of, channel, count, "{} is told instead of {}", fallback.to.receiver, fallback.of);
    }
    Ok(!due.is_empty())
}
