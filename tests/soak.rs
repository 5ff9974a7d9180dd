//! The short form of `benches/soak`: some thousand polls of the real binary, after which nothing may have grown.
//!
//! It counts polls, not time, so that a busy machine makes it slow and not red. It finds 2 KB that stay behind with each
//! poll, a descriptor that stays open with every two hundredth, or a connection to Clopos with every thirtieth; what leaks
//! less is the long form's to find.

#[path = "../benches/soak/chain.rs"]
#[allow(dead_code, reason = "the long form measures more")]
mod chain;
#[path = "../benches/soak/verdict.rs"]
#[allow(dead_code, reason = "the long form prints more of a judgement")]
mod verdict;
#[path = "support/wait.rs"]
mod wait;
#[path = "../benches/soak/watched.rs"]
#[allow(dead_code, reason = "the long form measures more")]
mod watched;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use eightysix::simulator::limits::Rates;

use crate::chain::{Awaited, Chain, Size};
use crate::verdict::{Slack, judge};
use crate::watched::{Told, Usage, Watched};

/// 40 logins a minute are what the watcher allows itself at one address; with fewer brands nobody waits for a login.
const SIZE: Size = Size { brands: 36, venues: 4, products: 130, rows: 20 };
/// Polls before the first measurement: every list that is kept has been filled.
const WARM_UP: u64 = 400;
/// Polls between two measurements, and how many measurements there are.
const STRETCH: u64 = 100;
const STRETCHES: u32 = 21;
/// A change must be told before every venue was polled this many times more. Most need one or two.
const ROUNDS_MAX: u64 = 30;

#[test]
fn thousands_of_polls_leave_nothing_behind() {
    let told: Told = Arc::new(Mutex::new(Awaited::default()));
    let mut chain = Chain::open(SIZE, Rates::default());
    let mut watched = Watched::start(Path::new(env!("CARGO_BIN_EXE_eightysix")), &chain, &told);
    wait::until("every venue is polled", || (chain.polls().venues == SIZE.all_venues()).then_some(()));
    wait_for_polls(&mut chain, WARM_UP);
    let mut usages: Vec<Usage> = Vec::new();
    for _ in 0..STRETCHES {
        let turned = chain.change();
        told.lock().unwrap_or_else(PoisonError::into_inner).changed(turned);
        wait_for_polls(&mut chain, STRETCH);
        usages.push(watched.usage().unwrap_or_else(|| panic!("the service has ended\n{}", watched.log())));
    }
    let polls_before = chain.polls().all;
    let open = || told.lock().unwrap_or_else(PoisonError::into_inner).open();
    wait::until("every change is told on both ways", || (open() == 0).then_some(()));
    let polls = chain.polls().all - polls_before;
    assert!(polls <= ROUNDS_MAX * SIZE.all_venues(), "the last change was told after {polls} polls");

    let of = |value: &dyn Fn(&Usage) -> u64| -> Vec<f64> {
        #[expect(clippy::cast_precision_loss, reason = "kilobytes and descriptors")]
        usages.iter().map(|usage| value(usage) as f64).collect()
    };
    #[expect(clippy::cast_precision_loss, reason = "a few brands")]
    let brands = SIZE.brands as f64;
    let things = [
        ("memory, KB", of(&|usage| usage.rss_kb), Slack { share: 0.0, amount: 2_500.0 }),
        ("descriptors", of(&|usage| usage.descriptors), Slack { share: 0.0, amount: 6.0 }),
        // Each brand may keep one more after a hiccup of the machine; a leak goes beyond.
        ("connections to Clopos", of(&|usage| usage.connections), Slack { share: 0.0, amount: brands }),
        ("threads", of(&|usage| usage.threads), Slack { share: 0.0, amount: 2.0 }),
    ];
    let mut grown = Vec::new();
    for (name, values, slack) in things {
        let judged = judge(&values, slack);
        println!("{name}: {:.0}, then {:.0}", judged.first, judged.last);
        if judged.grows() {
            grown.push(format!("{name}: {values:?}"));
        }
    }
    assert!(grown.is_empty(), "these grew:\n{}", grown.join("\n"));
    assert_eq!(chain.counters().refused.total(), 0, "requests over the quota");
    assert!(!watched.log().contains("ERROR"), "{}", watched.log());
}

#[test]
fn a_leak_is_told_from_noise() {
    let slack = Slack { share: 0.0, amount: 2_500.0 };
    let noise = |n: u32| f64::from(n * 7919 % 1_000);
    let calm: Vec<f64> = (0..STRETCHES).map(|n| 60_000.0 + noise(n)).collect();
    assert!(!judge(&calm, slack).grows());
    // 2 KB with each poll, 100 polls between two measurements.
    let leak: Vec<f64> = (0..21).map(|n| 60_000.0 + noise(n) + f64::from(n) * 200.0).collect();
    assert!(judge(&leak, slack).grows() && judge(&leak, slack).slope > 150.0);
    let one_bad_moment: Vec<f64> =
        (0..STRETCHES).map(|n| if n == STRETCHES - 1 { 90_000.0 } else { 60_000.0 }).collect();
    assert!(!judge(&one_bad_moment, slack).grows());
}

fn wait_for_polls(chain: &mut Chain, count: u64) {
    let before = chain.polls().all;
    wait::until("more polls", || (chain.polls().all >= before + count).then_some(()));
}
