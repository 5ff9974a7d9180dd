//! The release binary under load, against the simulator's server and mosquitto: what a poll costs beside a bare loop that asks
//! and decodes, how soon a screen knows, how large it gets, and how soon it polls after a start.
//!
//! `cargo bench --bench load` prints the rows of docs/performance.md, each with its floor of the same run; `-- --help` lists what
//! can be changed. Every brand has Clopos's quota, and the watcher logs in 40 times a minute at most: 100 brands need 2.5
//! minutes before anything is measured.

mod asked;
mod bare;
#[allow(dead_code, reason = "poll_cost measures more")]
#[path = "../poll_cost/chain.rs"]
mod brand;
#[path = "../../tests/support/canary.rs"]
mod canary;
#[allow(dead_code, reason = "the soak measures more")]
#[path = "../soak/chain.rs"]
mod chain;
mod flat;
mod restored;
#[path = "../../tests/support/wait.rs"]
mod wait;
#[allow(dead_code, reason = "the soak measures more")]
#[path = "../soak/watched.rs"]
mod watched;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eightysix::clock;
use eightysix::simulator::limits::Rates;
use tempfile::TempDir;
use tokio::time::{MissedTickBehavior, interval};

use crate::bare::Cost;
use crate::chain::{Awaited, Chain, Size};
use crate::watched::{AS_USUAL, Setup, Told, Usage, Watched};

const HELP: &str = "cargo bench --bench load -- [--brands 100] [--seconds 60] [--restored 1000]

  --brands    how many brands, of 4 venues each, which are polled once a second; 0 leaves them out
  --seconds   how long each thing is measured
  --restored  venues of the one brand whose database is there at the start";
/// Nothing but stop lists is read while something is measured.
const LISTS_ONLY: &str = "{ fastest: 1s, oldest: 60s, catalog: 24h, prices: 7d }";
/// Rules beside the two of the soak.
const MORE_RULES: usize = 18;
/// Every venue must have been polled this soon.
const START_MAX: Duration = Duration::from_mins(20);
/// Walks and baselines are over by then.
const SETTLE: Duration = Duration::from_secs(20);
/// Changes a second while delays are measured.
const CHANGES: u32 = 20;
/// What the design asks for.
const VENUES_MIN: f64 = 20_000.0;
const UNCHANGED_MAX: f64 = 1.0;
const CHANGED_MAX: f64 = 3.0;
const SCREEN_MS_MAX: f64 = 3.0;
const RESTORED_MB_MAX: f64 = 48.0;
const RESTORED_S_MAX: f64 = 1.0;

#[tokio::main]
async fn main() -> ExitCode {
    // Cargo adds `--bench` by itself.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == bare::BARE) {
        let rest = arguments[1..].to_vec();
        std::thread::spawn(move || bare::run(&rest)).join().expect("no panic");
        return ExitCode::SUCCESS;
    }
    if arguments.first().is_some_and(|first| first == flat::FLAT) {
        let rest = arguments[1..].to_vec();
        std::thread::spawn(move || flat::run(&rest)).join().expect("no panic");
        return ExitCode::SUCCESS;
    }
    let (mut brands, mut seconds, mut restored) = (100, 60, 1_000);
    for pair in arguments.chunks(2) {
        let value = pair.get(1).and_then(|value| value.parse::<u64>().ok());
        match (pair[0].as_str(), value) {
            ("--brands", Some(value)) => brands = value,
            ("--seconds", Some(value @ 1..)) => seconds = value,
            ("--restored", Some(value @ 1..)) => restored = value,
            _ => {
                println!("{HELP}");
                return ExitCode::from(2);
            }
        }
    }
    let size = Size { brands, venues: 4, products: 300, rows: 50 };
    println!("| what | at most | seen | floor of the run | ratio | |\n| --- | --- | --- | --- | --- | --- |");
    let mut rows = vec![flat_out(Duration::from_secs(seconds))];
    if brands > 0 {
        under_load(size, Duration::from_secs(seconds), &mut rows).await;
    }
    after_a_start(Size { brands: 1, venues: restored, ..size }, &mut rows).await;
    if rows.iter().all(|is_held| *is_held) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a row of which `held` is compared with `limit`, and says whether it is held.
fn row(what: &str, most: &str, seen: &str, floor: &str, (held, limit): (f64, f64)) -> bool {
    let is_held = held <= limit;
    let (ratio, word) = (held / limit, if is_held { "held" } else { "NOT HELD" });
    println!("| {what} | {most} | {seen} | {floor} | {ratio:.2} of what is allowed | {word} |");
    is_held
}

async fn under_load(size: Size, long: Duration, rows: &mut Vec<bool>) {
    let floor = bare::measure(size, long);
    println!("a bare loop: {:.0} us of the processor a poll, {:.1} MB", floor.cpu_us, floor.rss_mb);
    let told: Told = Arc::new(Mutex::new(Awaited::default()));
    let mut chain = Chain::open(size, Rates::default());
    let rules = rules();
    let setup = Setup { rules: &rules, polling: LISTS_ONLY };
    let folder = TempDir::new().expect("a folder");
    let synced_ms = synced_ms(folder.path());
    let mut watched = Watched::start(Path::new(env!("CARGO_BIN_EXE_eightysix")), folder, &chain, &told, setup);
    let (begun, mut look) = (clock::uptime(), interval(Duration::from_secs(1)));
    while chain.polls().venues < size.all_venues() {
        assert!(clock::uptime().since(begun) < START_MAX, "not every venue was polled: {}", watched.log());
        look.tick().await;
    }
    cost(&mut watched, &mut chain, SETTLE, |_| ()).await;

    let unchanged = cost(&mut watched, &mut chain, long, |_| ()).await;
    rows.push(cost_row("CPU of an unchanged poll, whole watcher", UNCHANGED_MAX, unchanged, floor));
    println!("{} venues of {} brands: {:.1} MB", size.all_venues(), size.brands, unchanged.rss_mb);
    let changed = cost(&mut watched, &mut chain, long, Chain::sell_everywhere).await;
    rows.push(cost_row("CPU of a changed poll, 20 rules, commit included", CHANGED_MAX, changed, floor));

    let mut ms = delays(&mut chain, &told, long).await;
    ms.sort_by(f64::total_cmp);
    let at = |share: usize| ms[(ms.len() - 1) * share / 100];
    let seen = format!("{:.0} ms; median {:.0} ms of {}", at(99), at(50), ms.len());
    let floor = format!("{synced_ms:.1} ms for a write to the disk");
    let what = "From the answer to a screen behind mosquitto, durable, p99";
    rows.push(row(what, "3 ms", &seen, &floor, (at(99), SCREEN_MS_MAX)));
    watched.assert_no_secret();
    println!("the service said in its log: {:?}", watched.log());
}

fn flat_out(long: Duration) -> bool {
    let flat::Flat { watcher, bare } = flat::measure(long);
    let (seen, floor) =
        (format!("{watcher:.0}, {:.2} of the loop's", watcher / bare), format!("{bare:.0}, the bare loop"));
    let what = "Polls a second on one core, flat out, nothing changed: as many venues at a poll a second";
    row(what, "at least 20,000", &seen, &floor, (VENUES_MIN / watcher, 1.0))
}

fn cost_row(what: &str, most: f64, seen: Cost, floor: Cost) -> bool {
    let ratio = seen.cpu_us / floor.cpu_us;
    let (seen, floor) = (format!("{:.0} us, {ratio:.2} x", seen.cpu_us), format!("{:.0} us", floor.cpu_us));
    row(what, &format!("{most:.1} x"), &seen, &floor, (ratio, most))
}

/// Measures what a poll costs while something is done each second.
async fn cost(watched: &mut Watched, chain: &mut Chain, long: Duration, mut each_s: impl FnMut(&mut Chain)) -> Cost {
    let usage = |watched: &mut Watched| -> Usage { watched.usage().expect("the service runs") };
    let (before, polls_before, begun) = (usage(watched), chain.polls().all, clock::uptime());
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while clock::uptime().since(begun) < long {
        second.tick().await;
        each_s(chain);
        chain.polls();
    }
    let (after, polls) = (usage(watched), chain.polls().all - polls_before);
    let number = |count: u64| -> f64 { u32::try_from(count).expect("few").into() };
    Cost {
        cpu_us: number(after.cpu_cs - before.cpu_cs) * 10_000.0 / number(polls),
        rss_mb: number(after.rss_kb) / 1024.0,
    }
}

/// Lets dishes run out and come back, and returns how long after the answer that said so each reached the screen, in ms.
async fn delays(chain: &mut Chain, told: &Told, long: Duration) -> Vec<f64> {
    let screens = || std::mem::take(&mut told.lock().unwrap_or_else(PoisonError::into_inner).screens);
    let (begun, mut ms) = (clock::uptime(), Vec::new());
    let mut change = interval(Duration::from_secs(1) / CHANGES);
    screens();
    while clock::uptime().since(begun) < long {
        change.tick().await;
        let turned = chain.change();
        told.lock().unwrap_or_else(PoisonError::into_inner).changed(turned);
        for (turned, at) in screens() {
            let mut place = turned.subject.split('/');
            let (brand, venue) = (place.next().expect("a brand"), place.next().and_then(|venue| venue.parse().ok()));
            let polled = chain.last_poll(brand, venue.expect("a venue"), at).expect("it was just polled");
            let passed = u32::try_from(at.since(polled).as_millis()).expect("soon");
            ms.push(passed.into());
        }
    }
    assert!(ms.len() > 100, "only {} changes reached the screen", ms.len());
    ms
}

/// Starts the service on the database of one large brand.
async fn after_a_start(size: Size, rows: &mut Vec<bool>) {
    let told: Told = Arc::new(Mutex::new(Awaited::default()));
    // The database is filled at once, without the quota; the service keeps to it all the same.
    let mut chain = Chain::open(size, Rates { tenant: u32::MAX, ..Rates::default() });
    let folder = TempDir::new().expect("a folder");
    restored::fill(&folder.path().join("eightysix.db"), &chain).await;
    // What filled the database was answered by the simulator as well.
    let before = chain.polls().all;
    let (begun, mut look) = (clock::uptime(), interval(Duration::from_millis(2)));
    let binary = Path::new(env!("CARGO_BIN_EXE_eightysix"));
    let setup = Setup { polling: LISTS_ONLY, ..AS_USUAL };
    let mut watched = Watched::start(binary, folder, &chain, &told, setup);
    while chain.polls().all == before {
        assert!(clock::uptime().since(begun) < START_MAX, "nothing was polled: {}", watched.log());
        look.tick().await;
    }
    let first_poll_s = clock::uptime().since(begun).as_secs_f64();
    let rss_mb = cost(&mut watched, &mut chain, SETTLE, |_| ()).await.rss_mb;
    let of = format!("{} venues of one brand, {} products each", size.venues, size.products);
    let seen = format!("{first_poll_s:.2} s");
    let what = format!("Start, with mosquitto's, to the first poll: {of}");
    rows.push(row(&what, "1 s", &seen, "", (first_poll_s, RESTORED_S_MAX)));
    let seen = format!("{rss_mb:.0} MB");
    rows.push(row(&format!("Resident memory: {of}"), "48 MB", &seen, "", (rss_mb, RESTORED_MB_MAX)));
}

/// The rules of the soak, and others that look at every row and never hold.
fn rules() -> String {
    let mut rules = AS_USUAL.rules.to_owned();
    for nth in 1..=MORE_RULES {
        let holds = format!("limit: {{ at_most: {} }}, product.price: {{ above: {} }}", 40 + nth, 10_000 + nth);
        let rest = "severity: info, notify: [kitchen], message: never";
        let _ = writeln!(rules, "  - {{ name: dear-{nth}, when: {{ {holds} }}, {rest} }}");
    }
    rules
}

/// Returns what it takes to write a page and have it on the disk, the median in ms.
fn synced_ms(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("floor")).expect("a file");
    let mut ms: Vec<f64> = (0..101)
        .map(|_| {
            let begun = clock::uptime();
            file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("it is written");
            clock::uptime().since(begun).as_secs_f64() * 1_000.0
        })
        .collect();
    ms.sort_by(f64::total_cmp);
    ms[ms.len() / 2]
}
