//! Looks for orders that people put beside the service, and hands them to the tasks of their brands.
//!
//! Decides nothing but which brand is meant, and that nobody waits for an old order any more. Invariant: an order that no
//! task answered is found again after a restart or a reload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::alerts::order::{Order, OrderId, TAKEN_WITHIN};
use crate::store::Store;
use crate::store::orders::Waiting;
use crate::telemetry::Repeats;
use crate::vitals::Promise;
use crate::{clock, telemetry};

/// How often is looked: a person who ordered something waits for the answer.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a turn may take, with what the store needs: who ordered something has long gone.
const TURN_MAX: Duration = Duration::from_mins(1);
/// Orders on their way to a brand; more wait in the store.
const ON_THE_WAY_MAX: usize = 100;

/// An order on its way to a brand.
pub type Ordered = (OrderId, Order);
/// Where the orders of each brand go.
pub type Desks = BTreeMap<String, mpsc::Sender<Ordered>>;

/// Makes the two ends of a brand's way.
pub fn desk() -> (mpsc::Sender<Ordered>, mpsc::Receiver<Ordered>) {
    mpsc::channel(ON_THE_WAY_MAX)
}

/// Looks until `cancel`, and at once when the bell rings.
pub async fn run(store: Store, desks: Desks, bell: Arc<Notify>, promise: Promise, cancel: CancellationToken) {
    let (mut last, mut repeats) = (OrderId(0), Repeats::default());
    let mut every = tokio::time::interval(LOOK_EVERY);
    loop {
        promise.back_within(TURN_MAX, clock::uptime());
        tokio::select! {
            () = cancel.cancelled() => return,
            () = bell.notified() => {}
            _ = every.tick() => {}
        }
        match store.orders_after(last).await {
            Ok(waiting) => {
                repeats.works("orders");
                for order in waiting {
                    last = order.id;
                    hand_out(order, &store, &desks, &cancel).await;
                }
            }
            Err(error) => {
                let why = telemetry::chain(&error);
                if let telemetry::Repeat::First { .. } = repeats.failed("orders", &why) {
                    tracing::error!("nobody's orders are taken in until the store can be read: {why}");
                }
            }
        }
    }
}

async fn hand_out(waiting: Waiting, store: &Store, desks: &Desks, cancel: &CancellationToken) {
    let Waiting { id, brand, asked_at, order } = waiting;
    let why = match (order, desks.get(&brand)) {
        (Ok(_), _) if clock::now().since(asked_at) > TAKEN_WITHIN => "nobody waits for it any more".to_owned(),
        (Ok(order), Some(desk)) => {
            // A brand whose task ends takes no more; the order waits in the store for the next one.
            tokio::select! {
                () = cancel.cancelled() => {}
                _ = desk.send((id, order)) => {}
            }
            return;
        }
        (Ok(_), None) => format!("the brand {brand} is not watched"),
        (Err(error), _) => telemetry::chain(&error),
    };
    tracing::warn!("an order is refused: {why}");
    if let Err(error) = store.refuse(id, &why, clock::now()).await {
        tracing::warn!("an order cannot be answered: {}", telemetry::chain(&error));
    }
}
