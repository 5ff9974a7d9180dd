//! Thousands of lives of a chain, each drawn from a seed and judged by a plain model of what must be true.
//!
//! `SEEDS=100000 cargo test --release --test simulate` runs on, with `SHRINK=0` it does not shorten what fails;
//! `SEED=7 cargo test --test simulate -- --nocapture` replays one and tells its story. No clock, no network, no task: a
//! seed always gives the same life.

mod chain;
mod delivery;
#[path = "../support/driver.rs"]
mod driver;
mod fallback;
mod gaps;
mod life;
mod prices;
mod reference;
mod reports;
mod screens;
mod script;
mod sets;
mod stories;
#[path = "../support/tables.rs"]
mod tables;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use eightysix::simulator::faults::Fault;

use crate::driver::Kill;
use crate::fallback::FELL_BACK;
use crate::life::{GAP, HELD_BACK, Life, Lived, Met, ROWS_WENT, RUNS_OUT, TOLD_GONE, UNSTABLE, WOKEN};
use crate::reports::REPORTED;
use crate::script::{DISHES, Event, FAULTS, Script};

/// Lives in a run of the whole suite.
const SEEDS: u64 = 2_000;
/// Lives that are lived twice: with one process, and with a new one after each commit.
const CALM_SEEDS: u64 = 30;
/// So often a calm life is killed at least: once for its first reading, and for each of its deeds.
const DEATHS_MIN: u64 = 5;
/// Deliberate bugs that are kept at least.
const BUGS_MIN: usize = 57;
/// Of 100 questions about dishes so many must have a certain answer, or the reference looks away too often.
const JUDGED_PERCENT_MIN: u64 = 60;

/// Reads what the person at the keyboard asks for.
#[expect(clippy::disallowed_methods, reason = "the seeds of a test are no setting of the program")]
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: write a number")))
}

/// Lives a life, or returns why it fails.
fn lived(script: &Script) -> Result<Lived, String> {
    let lived = panic::catch_unwind(AssertUnwindSafe(|| Life::run(script)));
    lived.map_err(|why| {
        let text = why.downcast_ref::<String>().cloned();
        let text = text.or_else(|| why.downcast_ref::<&str>().map(ToString::to_string));
        text.unwrap_or_else(|| "a panic without words".to_owned())
    })
}

/// Leaves out of a failing life what it fails without.
fn shrink(script: &Script, fails: impl Fn(&Script) -> bool) -> Script {
    let mut least = script.clone();
    let mut many = least.events.len().div_ceil(2);
    while many > 0 {
        let mut from = 0;
        while from < least.events.len() {
            let mut shorter = least.clone();
            let until = (from + many).min(shorter.events.len());
            shorter.events.drain(from..until);
            if fails(&shorter) {
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
    let Script { venues, begins, hurries, rules, night, doors, has_pages, .. } = script;
    let hurries = if *hurries { ", as fast as the quota allows" } else { "" };
    let pages = if *has_pages { ", a menu of several pages" } else { "" };
    format!(
        "{venues} venues from {begins:?}{hurries}, rules {rules}, night {night:?}, doors {doors:?}{pages}\n{}",
        lines.join("\n")
    )
}

#[test]
fn nothing_is_lost_and_nothing_is_invented() {
    if let Some(seed) = number("SEED") {
        let script = Script { is_told: true, ..Script::of(seed) };
        println!("seed {seed}: {}", tell(&script));
        println!("{}", Life::run(&script).journal.join("\n"));
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let (asked, certain) = (AtomicU64::new(0), AtomicU64::new(0));
    let all_met = Mutex::new(Met::new());
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
                let Ok(Lived { judged, met, journal: _ }) = lived(&Script::of(seed)) else {
                    failed = Some(seed);
                    next.store(seeds, Ordering::Relaxed);
                    continue;
                };
                asked.fetch_add(judged.asked, Ordering::Relaxed);
                certain.fetch_add(judged.certain, Ordering::Relaxed);
                let mut all_met = all_met.lock().expect("no thread panics with it");
                for (what, often) in met {
                    *all_met.entry(what).or_default() += often;
                }
            }
            failed
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(lives)).collect();
        running.into_iter().filter_map(|thread| thread.join().expect("a thread that catches panics")).collect()
    });
    let report = failed.iter().min().map(|seed| {
        let script = Script::of(*seed);
        let is_shrunk = number("SHRINK") != Some(0);
        let least = if is_shrunk { shrink(&script, |script| lived(script).is_err()) } else { script };
        let why = lived(&least).err().unwrap_or_default();
        format!(
            "seed {seed}: {why}\nleast: {}\nreplay: SEED={seed} cargo test --test simulate -- --nocapture",
            tell(&least)
        )
    });
    panic::set_hook(quiet);
    if let Some(report) = report {
        panic!("{report}");
    }
    let share = 100 * certain.into_inner() / asked.into_inner().max(1);
    println!("{seeds} lives, {share} % of what was asked about dishes was certain and judged");
    assert!(share >= JUDGED_PERCENT_MIN, "{share} % of what was asked was judged, and {JUDGED_PERCENT_MIN} % must be");
    let all_met = all_met.into_inner().expect("no thread panics with it");
    println!("met: {all_met:?}");
    let troubles = ["Webhook", "Mailbox", "Broker"]
        .iter()
        .flat_map(|ear| ["Refuses", "AnswersGetLost", "Slow"].map(|trouble| format!("{ear} {trouble}")));
    let faults = FAULTS.iter().chain(&[Fault::EmptyStopList]).map(|fault| fault.name().to_owned());
    let others = [
        "a death at a commit",
        "a commit that the disk refused",
        HELD_BACK,
        ROWS_WENT,
        RUNS_OUT,
        FELL_BACK,
        TOLD_GONE,
        UNSTABLE,
        GAP,
        WOKEN,
    ]
    .into_iter()
    .chain(REPORTED)
    .map(str::to_owned);
    let never: Vec<String> = faults.chain(troubles).chain(others).filter(|what| !all_met.contains_key(what)).collect();
    assert!(seeds < SEEDS || never.is_empty(), "what was to happen and never did: {never:?}");
}

#[test]
fn a_new_process_after_each_commit_tells_the_same() {
    let mut told = Vec::new();
    for seed in 0..CALM_SEEDS {
        let script = Script::calm(seed);
        let (straight, died_straight) = Life::run_calmly(&script, Kill::Never);
        let (restarted, died) = Life::run_calmly(&script, Kill::AfterEachCommit);
        assert_eq!(straight, restarted, "seed {seed}: {}", tell(&script));
        assert!(died_straight == 0 && died >= DEATHS_MIN, "seed {seed}: {died} new processes");
        told.extend(straight);
    }
    let times = |word: &str| told.iter().filter(|line| line.contains(word)).count();
    let words =
        [" opened ", " closed ", " reminded ", " escalated ", " acked ", " mail ", " opening check", " handover"];
    let kinds = words.map(|word| (word, times(word)));
    println!("{kinds:?}");
    assert!(kinds.iter().all(|(_, times)| *times > 0), "what was told in all these lives: {kinds:?}");
}

#[test]
fn a_seed_gives_the_same_life_again() {
    for seed in 0..8 {
        assert_eq!(Life::run(&Script::of(seed)), Life::run(&Script::of(seed)), "seed {seed}");
    }
}

#[test]
fn a_failing_life_is_shortened_to_what_it_fails_by() {
    // A dish that does not exist lets the life itself fail, wherever it stands.
    let planted = (1, Event::Left { venue: 1, dish: DISHES, left: 0 });
    let mut script = Script::of(3);
    script.events.insert(script.events.len() / 2, planted);
    let least = shrink(&script, |script| lived(script).is_err());
    assert_eq!(least.events, [planted]);
    let why = lived(&least).expect_err("it fails");
    assert!(why.contains("index out of bounds"), "{why}");
    assert_eq!(lived(&least), Err(why), "it fails the same way again");

    // One that needs two events: the dish is out, and long enough later it is back.
    let comes_back = |script: &Script| {
        let closes = |line: &String| line.contains("alert.closed.v1") && line.contains("ends dish 103");
        lived(script).is_ok_and(|life| life.journal.iter().any(closes))
    };
    let seed = (0..100).find(|seed| comes_back(&Script::of(*seed))).expect("it comes back in some life");
    let script = Script::of(seed);
    let least = shrink(&script, comes_back);
    assert!(comes_back(&least) && least.events.len() < script.events.len(), "{}", tell(&least));
    for without in 0..least.events.len() {
        let mut shorter = least.clone();
        shorter.events.remove(without);
        assert!(!comes_back(&shorter), "it does not need the event {without}: {}", tell(&least));
    }
    assert_eq!(lived(&least), lived(&least), "it is the same life again");
}

#[test]
fn every_deliberate_bug_fits_the_code_of_today() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let caught = fs::read_to_string(root.join("tests/simulate/mutants/caught.txt")).expect("what was caught");
    let mut names = Vec::new();
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
        names.push(path.file_stem().expect("a name").to_string_lossy().into_owned());
    }
    names.sort();
    let caught: Vec<Vec<&str>> = caught.lines().map(|line| line.split(' ').collect()).collect();
    let seen: Vec<&str> = caught.iter().map(|words| words[0]).collect();
    assert_eq!(
        seen, names,
        "caught.txt says of each deliberate bug how it was seen caught: run tests/simulate/mutants/run"
    );
    for words in caught {
        let tried = match words[2] {
            "lives" => SEEDS,
            "calm" => CALM_SEEDS,
            _ => 0,
        };
        let lives: u64 = words[1].parse().expect("a number of lives");
        assert!(lives <= tried, "the suite does not live for as long as it takes to catch {words:?}");
    }
    assert!(names.len() >= BUGS_MIN, "{} deliberate bugs", names.len());
}
