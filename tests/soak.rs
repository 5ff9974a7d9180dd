//! The short form of `benches/soak`: some thousand polls of the real binary, after which nothing may have grown.
//!
//! It counts polls, not time, so that a busy machine makes it slow and not red. It finds 2 KB that stay behind with each
//! poll, a descriptor that stays open with every two hundredth, or a connection to Clopos with every thirtieth; what leaks
//! less is the long form's to find.

#[path = "support/canary.rs"]
mod canary;
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
use crate::verdict::{Run, Slack, judge, shortfalls};
use crate::watched::{AS_USUAL, Told, Usage, Watched};

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
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut watched = Watched::start(Path::new(env!("CARGO_BIN_EXE_eightysix")), folder, &chain, &told, AS_USUAL);
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
    watched.assert_no_secret();
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

/// A run of 8 venues that kept up.
fn run_that_keeps_up() -> Run {
    Run {
        rate_wanted: 8.0,
        rates: vec![7.9, 5.0, 8.0, 8.0, 7.9],
        late_ms: (0..1_000).map(|n| if n < 995 { 40.0 } else { 9_000.0 }).collect(),
        missed: 0,
        refused: 0,
        changes_open: 0,
        notices_waiting: Some(0),
        log: "2026-11-29T12:00:00Z  WARN not told yet: ops\n".to_owned(),
    }
}

/// One bad stretch and a few late polls are a busy machine.
#[test]
fn a_run_that_keeps_up_falls_short_of_nothing() {
    assert_eq!(shortfalls(&run_that_keeps_up()), Vec::<String>::new());
}

#[test]
fn each_way_to_fall_short_is_said() {
    let error = "2026-11-29T12:00:00Z ERROR cannot store\n".to_owned();
    for (run, said) in [
        (Run { rates: vec![7.8; 5], ..run_that_keeps_up() }, "7.80 polls a second (median), not 7.84 at least"),
        (
            Run { rates: vec![8.0, 4.0, 4.1, 4.2, 8.0], ..run_that_keeps_up() },
            "4.20 polls a second (median), not 7.84 at least",
        ),
        (Run { rates: Vec::new(), ..run_that_keeps_up() }, "0.00 polls a second (median), not 7.84 at least"),
        (
            Run { late_ms: vec![2_001.0; 100], ..run_that_keeps_up() },
            "a poll in a hundred is late by 2001 ms, not 2000 at most",
        ),
        (Run { missed: 3, ..run_that_keeps_up() }, "3 requests were not looked at in time"),
        (Run { refused: 1, ..run_that_keeps_up() }, "1 requests were over the quota"),
        (Run { changes_open: 2, ..run_that_keeps_up() }, "2 changes were not told to everybody"),
        (Run { notices_waiting: Some(4), ..run_that_keeps_up() }, "4 notices still wait in the outbox"),
        (Run { notices_waiting: None, ..run_that_keeps_up() }, "the outbox could not be read"),
        (Run { log: run_that_keeps_up().log + &error, ..run_that_keeps_up() }, "1 lines of the log are errors"),
    ] {
        assert_eq!(shortfalls(&run), [said]);
    }
}

fn wait_for_polls(chain: &mut Chain, count: u64) {
    let before = chain.polls().all;
    wait::until("more polls", || (chain.polls().all >= before + count).then_some(()));
}
