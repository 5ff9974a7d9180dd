//! What the manager pages and the API need of the service beside what is live: the store, and who takes orders.
//!
//! Invariant: whatever is changed here goes the way of every order, through the store to the task of its brand.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::store::Store;

/// The store and the bell beside it.
#[derive(Clone)]
pub struct Desk {
    /// Where orders are left, and what is known of the past.
    pub store: Store,
    /// Rung when an order was left, so that nobody waits for the next look.
    pub bell: Arc<Notify>,
}
