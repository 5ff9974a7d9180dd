//! What the process knows of its own work: which lists were read when, which loops are back in time, what the store said.
//!
//! Tasks note single values here, without waiting for each other; whoever looks reckons ages from them with the time of the
//! look. Pure: time is an argument. Invariant: nothing here decides what is done, told or asked; it is only looked at.

mod brand;
mod judge;
mod promise;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::units::{BrandId, Timestamp, Uptime};
pub use crate::vitals::brand::{BrandLook, BrandVitals, Entry, Place, Venues};
pub use crate::vitals::judge::{Check, Health};
pub use crate::vitals::promise::{LoopKind, LoopsLook, Promise};

/// What is known of the whole process; one for its life.
#[derive(Debug, Default)]
pub struct Vitals {
    brands: Mutex<BTreeMap<BrandId, Arc<BrandVitals>>>,
    promises: promise::Promises,
    store: Mutex<Option<StoreLook>>,
}

/// What a look at the store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreLook {
    /// When it was looked.
    pub at: Uptime,
    /// Whether a transaction that writes could be begun; it wrote nothing.
    pub takes_writes: bool,
    /// What waits, by receiver and channel.
    pub queues: Vec<QueueLook>,
    /// How many dead letters are kept.
    pub dead_letters: u64,
}

/// What waits for one channel of one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueLook {
    /// Who is to be told.
    pub receiver: String,
    /// On which channel.
    pub channel: String,
    /// How many notices wait.
    pub waiting: u64,
    /// When the one was queued that waits for longest.
    pub oldest_queued: Timestamp,
    /// When the first one, which those behind it wait for, may be tried.
    pub first_due: Timestamp,
    /// How often the first one was tried.
    pub first_attempts: u32,
}

impl Vitals {
    /// Returns what is known of a brand; one that was watched before a reload is known still.
    pub fn brand(&self, brand: &BrandId) -> Arc<BrandVitals> {
        Arc::clone(lock(&self.brands).entry(brand.clone()).or_default())
    }

    /// Forgets every brand but these, and returns those that it knew.
    pub fn keep_brands(&self, kept: &BTreeSet<BrandId>) -> Vec<BrandId> {
        let mut brands = lock(&self.brands);
        let gone: Vec<BrandId> = brands.keys().filter(|brand| !kept.contains(brand)).cloned().collect();
        brands.retain(|brand, _| kept.contains(brand));
        gone
    }

    /// Returns all brands, in order of their names.
    pub fn brands(&self) -> Vec<(BrandId, Arc<BrandVitals>)> {
        lock(&self.brands).iter().map(|(brand, vitals)| (brand.clone(), Arc::clone(vitals))).collect()
    }

    /// Takes a loop's promise to be back in time; it ends when it is dropped.
    pub fn promise(&self, kind: LoopKind, now: Uptime) -> Promise {
        self.promises.make(kind, now)
    }

    /// Returns how many loops of each kind there are, and how many are not back in time.
    pub fn loops(&self, now: Uptime) -> BTreeMap<&'static str, LoopsLook> {
        self.promises.look(now)
    }

    /// Notes what a look at the store found.
    pub fn note_store(&self, look: StoreLook) {
        *lock(&self.store) = Some(look);
    }

    /// Returns what the last look at the store found; `None` before the first.
    pub fn store(&self) -> Option<StoreLook> {
        lock(&self.store).clone()
    }
}

/// Locks for a few lines without a wait in them; whoever panicked meanwhile leaves values that are still true.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
