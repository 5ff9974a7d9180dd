//! Looks after the process itself: asks the store what waits and whether it takes writes, and tells how all is.
//!
//! Mends nothing and decides nothing. Invariant: it is back in time whatever the store does, as the watchdog of systemd is fed
//! from here; what hangs elsewhere shows in what it tells.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Store, StoreError};
use crate::telemetry::{Repeat, Repeats};
use crate::vitals::{Health, Vitals};
use crate::{clock, telemetry};

/// How often it looks, unless somebody must be told more often.
pub const EVERY: Duration = Duration::from_secs(5);
/// How long the store may take for a look. A watchdog that waits for longer than twice this is fed in time.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// What fails, for the count of failures.
const THE_STORE: &str = "the store";

/// Told after each look.
pub type Told = Box<dyn Fn(&Health) + Send + Sync>;

/// Looks every so often until `stop`, and tells what was found.
pub async fn run(store: Store, vitals: &Vitals, every: Duration, told: Told, stop: CancellationToken) {
    let mut turns = tokio::time::interval(every);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut repeats, mut was_ready) = (Repeats::default(), None);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = turns.tick() => {}
        }
        // A look that takes too long leaves the one before it, which says by its age that the store is silent.
        if let Ok(looked) = tokio::time::timeout(LOOK_MAX, look(&store, vitals)).await {
            say(looked.err(), &mut repeats);
        }
        let health = vitals.health(clock::now(), clock::uptime());
        if was_ready != Some(health.is_ready()) {
            match health.is_ready() {
                true => tracing::info!("ready: every brand is read as planned, and what is to be told goes out"),
                false if was_ready.is_some() => tracing::info!("not ready: {}", health.troubles()),
                false => {}
            }
            was_ready = Some(health.is_ready());
        }
        told(&health);
    }
}

/// Looks once.
async fn look(store: &Store, vitals: &Vitals) -> Result<(), StoreError> {
    let tried = store.try_to_write().await;
    vitals.note_store(store.look(tried.is_ok(), clock::uptime()).await?);
    tried
}

fn say(failed: Option<StoreError>, repeats: &mut Repeats) {
    let Some(error) = failed else {
        if repeats.works(THE_STORE).is_some() {
            tracing::info!("the database can be used again");
        }
        return;
    };
    let why = telemetry::chain(&error);
    if let Repeat::First { .. } = repeats.failed(THE_STORE, &why) {
        tracing::warn!("the database cannot be used: {why}");
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::task::JoinSet;

    use super::*;
    use crate::vitals::LoopKind;

    /// Longer than anything here takes: only a failing test waits for it.
    const PATIENCE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn what_feeds_the_watchdog_hears_at_the_next_look_that_a_loop_hangs_or_is_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("eightysix.db")).await.expect("a store");
        let (vitals, stop) = (std::sync::Arc::new(Vitals::default()), CancellationToken::new());
        let promise = vitals.promise(LoopKind::Orders, clock::uptime());
        let (tell, mut told) = mpsc::unbounded_channel();
        let told_of: Told = Box::new(move |health| drop(tell.send(health.clone())));
        let mut tasks = JoinSet::new();
        let (looked_at, until) = (std::sync::Arc::clone(&vitals), stop.clone());
        tasks.spawn(async move { run(store, &looked_at, Duration::from_millis(1), told_of, until).await });

        let mut hears = async |is_alive: bool, says: &str| {
            let heard = tokio::time::timeout(PATIENCE, async {
                while let Some(health) = told.recv().await {
                    if health.is_alive() == is_alive && health.loops.says == says {
                        return;
                    }
                }
            });
            heard.await.unwrap_or_else(|_| panic!("never heard: {is_alive} {says}"));
        };
        hears(true, "all 1 loops are back in time").await;
        promise.back_within(Duration::ZERO, clock::uptime());
        hears(false, "1 of 1 loops are not back in time").await;
        promise.back_within(Duration::from_hours(1), clock::uptime());
        hears(true, "all 1 loops are back in time").await;
        drop(promise);
        hears(false, "no loop has begun yet").await;
        stop.cancel();
        tasks.join_next().await.expect("a task").expect("no panic");
    }
}
