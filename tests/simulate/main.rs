//! Thousands of lives of a chain, each drawn from a seed and judged by a plain model of what must be true.
//!
//! `SEEDS=100000 cargo test --release --test simulate` runs on; `SEED=7 cargo test --test simulate -- --nocapture`
//! replays one and tells its story. No clock, no network, no task: a seed always gives the same life.

mod chain;
mod delivery;
#[path = "../support/driver.rs"]
mod driver;
mod life;
mod reference;
mod screens;
mod script;
mod stories;
#[path = "../support/tables.rs"]
mod tables;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::life::Life;
use crate::script::Script;

/// Lives in a run of the whole suite.
const SEEDS: u64 = 2_000;

/// Reads what the person at the keyboard asks for.
#[expect(clippy::disallowed_methods, reason = "the seeds of a test are no setting of the program")]
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: write a number")))
}

/// Returns why a life fails, if it does.
fn failure(script: &Script) -> Option<String> {
    let lived = panic::catch_unwind(AssertUnwindSafe(|| Life::run(script)));
    let why = lived.err()?;
    let text = why.downcast_ref::<String>().cloned().or_else(|| why.downcast_ref::<&str>().map(ToString::to_string));
    Some(text.unwrap_or_else(|| "a panic without words".to_owned()))
}

/// Leaves out of a failing life what it fails without.
fn shrink(script: &Script) -> Script {
    let mut least = script.clone();
    let mut many = least.events.len().div_ceil(2);
    while many > 0 {
        let mut from = 0;
        while from < least.events.len() {
            let mut shorter = least.clone();
            let until = (from + many).min(shorter.events.len());
            shorter.events.drain(from..until);
            if failure(&shorter).is_some() {
                least = shorter;
            } else {
                from += many;
            }
        }
        many /= 2;
    }
    least
}

fn tell(script: &Script) -> String {
    let lines: Vec<String> =
        script.events.iter().map(|(wait_s, event)| format!("  {event:?}, then {wait_s} s")).collect();
    let Script { venues, begins, hurries, .. } = script;
    let hurries = if *hurries { ", as fast as the quota allows" } else { "" };
    format!("{venues} venues from {begins:?}{hurries}\n{}", lines.join("\n"))
}

#[test]
fn nothing_is_lost_and_nothing_is_invented() {
    if let Some(seed) = number("SEED") {
        let script = Script { is_told: true, ..Script::of(seed) };
        println!("seed {seed}: {}", tell(&script));
        println!("{}", Life::run(&script).join("\n"));
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let quiet = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let failed: Vec<u64> = thread::scope(|scope| {
        let lives = || {
            let mut failed = None;
            while failed.is_none() {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds {
                    break;
                }
                if failure(&Script::of(seed)).is_some() {
                    failed = Some(seed);
                    next.store(seeds, Ordering::Relaxed);
                }
            }
            failed
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(lives)).collect();
        running.into_iter().filter_map(|thread| thread.join().expect("a thread that catches panics")).collect()
    });
    let report = failed.iter().min().map(|seed| {
        let least = shrink(&Script::of(*seed));
        let why = failure(&least).unwrap_or_default();
        format!(
            "seed {seed}: {why}\nleast: {}\nreplay: SEED={seed} cargo test --test simulate -- --nocapture",
            tell(&least)
        )
    });
    panic::set_hook(quiet);
    if let Some(report) = report {
        panic!("{report}");
    }
    println!("{seeds} lives");
}

#[test]
fn a_seed_gives_the_same_life_again() {
    for seed in 0..8 {
        assert_eq!(Life::run(&Script::of(seed)), Life::run(&Script::of(seed)), "seed {seed}");
    }
}

#[test]
fn every_deliberate_bug_fits_the_code_of_today() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in fs::read_dir(root.join("tests/simulate/mutants")).expect("the folder of the bugs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        let bug = fs::read_to_string(&path).expect("a patch");
        let (head, hunks) = bug.split_once("\n@@").expect("a hunk");
        let file = head.lines().find_map(|line| line.strip_prefix("+++ b/")).expect("a file");
        let code = fs::read_to_string(root.join(file)).expect("the file of the bug");
        for hunk in hunks.split("\n@@") {
            let lines = hunk.lines().skip(1).filter_map(|line| line.strip_prefix([' ', '-']));
            let before: Vec<&str> = lines.collect();
            assert!(code.contains(&before.join("\n")), "{} does not fit {file}: make it anew", path.display());
        }
        count += 1;
    }
    assert!(count >= 12, "{count} deliberate bugs");
}
