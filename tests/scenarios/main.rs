//! Stories of a shop, told to the real core: answers as bytes, decoded, planned, decided and stored as in the service.
//!
//! No network, no tasks, no clock. Every story is run twice: straight, and with a new process after each commit. Who is
//! told what must be the same, and what is on the disk after a commit is what is in memory.

mod away;
mod chain;
mod changes;
mod doubts;
#[path = "../support/driver.rs"]
mod driver;
mod followups;
mod grouping;
mod languages;
mod orders;
mod random;
mod rates;
mod reports;
mod sets;
mod shop;
mod stops;
#[path = "../support/tables.rs"]
mod tables;
mod time;
mod weekly;

use crate::driver::Kill;
use crate::shop::{Opening, Shop};
use crate::tables::Row;

/// Runs a story and returns who was told what, a line each with the time in the shop.
fn told(opening: &Opening, story: impl Fn(&mut Shop)) -> String {
    let run = |kill: Kill| {
        let mut shop = Shop::new(&Opening { kill, ..opening.clone() });
        story(&mut shop);
        shop
    };
    let (straight, restarted) = (run(Kill::Never), run(Kill::AfterEachCommit));
    assert!(restarted.watchers.iter().all(|watcher| watcher.deaths > 0), "each was killed");
    assert_eq!(timeless(&straight), timeless(&restarted), "a new process after each commit");
    straight.lines()
}

/// A new process logs in and reads anew, so it may tell a little later: only what it tells must be the same.
fn timeless(shop: &Shop) -> Vec<String> {
    let mut lines: Vec<String> = shop.told().iter().map(Row::line).collect();
    lines.sort();
    lines
}
