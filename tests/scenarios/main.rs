//! Stories of a shop, told to the real core: answers as bytes, decoded, planned, decided and stored as in the service.
//!
//! No network, no tasks, no clock. Every story is run three times: straight, with everything that is remembered read
//! back after each commit, and with a new process after each commit. Who is told what must be the same.

mod chain;
mod changes;
mod doubts;
mod durable;
mod random;
mod shop;
mod stops;
mod time;
mod watcher;

use crate::durable::Row;
use crate::shop::{Opening, Shop};
use crate::watcher::Restarts;

/// Runs a story and returns who was told what, a line each with the time in the shop.
fn told(opening: &Opening, story: impl Fn(&mut Shop)) -> String {
    let run = |restarts: Restarts| {
        let mut shop = Shop::new(&Opening { restarts, ..opening.clone() });
        story(&mut shop);
        shop
    };
    let straight = run(Restarts::Never);
    let reread = run(Restarts::RereadsAfterEachCommit);
    for (row, again) in comparable(&straight).iter().zip(&comparable(&reread)) {
        assert_eq!(row, again, "read back after each commit");
    }
    let restarted = run(Restarts::AfterEachCommit);
    assert_eq!(timeless(&straight), timeless(&reread), "read back after each commit");
    assert_eq!(timeless(&straight), timeless(&restarted), "a new process after each commit");
    straight.lines()
}

/// What is told at the same instant, byte for byte. A process that starts anew does not know how lately its predecessor
/// read an unchanged list, so it takes a venue for blind some seconds earlier.
fn comparable(shop: &Shop) -> Vec<Row> {
    shop.told().into_iter().filter(|row| !row.summary.starts_with("venue-unreadable")).collect()
}

/// It also logs in and reads anew, so it may tell a little later: only what it tells must be the same.
fn timeless(shop: &Shop) -> Vec<String> {
    let mut lines: Vec<String> = shop.told().iter().map(Row::line).collect();
    lines.sort();
    lines
}
