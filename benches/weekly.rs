//! What the report of a week costs a service: the history of a chain, read and weighed venue by venue, from a database
//! that a simulated chain filled.
//!
//! `cargo bench --bench weekly` lives 28 days of 300 venues; `-- 90 20` lives 90 days of 20. It prints how long a venue
//! takes at the median and at most, which is how long it holds up the polls of its brand, and all of them together.

use std::process::ExitCode;
use std::time::Duration;

use eightysix::alerts::report::WEEKLY_DEFAULT;
use eightysix::alerts::report::week::weigh;
use eightysix::calendar::{Calendar, ClockSpan, Schedule};
use eightysix::clock;
use eightysix::simulator::plan::DEMO_BRAND;
use eightysix::snapshot::FreshnessLimits;
use eightysix::store::Store;
use eightysix::units::{BrandId, Zone};

#[path = "../tests/support/month.rs"]
mod month;

/// As the design's numbers have them.
const PRODUCTS: usize = 300;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (days, venues) = (numbers.first().copied().unwrap_or(28), numbers.get(1).copied().unwrap_or(300));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("eightysix.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let life = month::Life { venues, products: PRODUCTS, days, ends: clock::now() };
    let lines = runtime.block_on(month::write(&path, life));
    let bytes = std::fs::metadata(&path).expect("the database").len();
    println!("{days} days of {venues} venues: {lines} lines, {} MB", bytes >> 20);
    let mut took = runtime.block_on(weigh_all(&path));
    took.sort();
    let (all, most): (Duration, Duration) = (took.iter().sum(), took.last().copied().unwrap_or_default());
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    println!("a venue's week: median {median:.1?}, at most {most:.1?}; {} venues: {all:.1?}", took.len());
    ExitCode::SUCCESS
}

/// Reads and weighs every venue, and returns how long each took.
async fn weigh_all(path: &std::path::Path) -> Vec<Duration> {
    let brand = BrandId::new(DEMO_BRAND).expect("a slug");
    let store = Store::open(path).await.expect("the database");
    let memory = store.load(&brand).await.expect("the venues");
    let hours = Schedule::daily(&[ClockSpan::parse("16:00-22:00").expect("a span")]);
    let calendar = Calendar::plain(Zone::named("Asia/Baku").expect("bundled"), jiff::civil::time(4, 0, 0, 0))
        .with_hours(Some(hours), None);
    let now = clock::now();
    let week = calendar.weeks(WEEKLY_DEFAULT, now).into_iter().rfind(|week| week.due_at <= now).expect("one before");
    let (mut took, mut turns, mut off) = (Vec::new(), 0, Duration::ZERO);
    for (venue, snapshot) in &memory.venues {
        let begun = clock::uptime();
        let history = store.history_of(&brand, *venue, week.before).await.expect("its history");
        let weighed = weigh(&week, &calendar, snapshot, FreshnessLimits::NONE, &history, now);
        took.push(clock::uptime().since(begun));
        turns += history.turns.len();
        off += weighed.off();
    }
    println!("{turns} turns in two weeks, {} h on stop in the last", off.as_secs() / 3_600);
    store.close().await;
    took
}
