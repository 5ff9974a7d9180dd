//! Two hundred kitchen boards at once: what they cost the service, how soon each shows what ran out, and how soon a real
//! browser has painted it.
//!
//! `cargo bench --bench boards` prints the rows of docs/performance.md, the cost beside the same seconds without boards; it
//! needs what `tests/run packages tools` installs. `-- --help` lists what can be changed.

#[path = "../../tests/support/canary.rs"]
mod canary;
#[allow(dead_code, reason = "the soak measures more")]
#[path = "../soak/chain.rs"]
mod chain;
#[path = "../../tests/support/chromium/mod.rs"]
mod chromium;
#[path = "../../tests/support/wait.rs"]
mod wait;
#[allow(dead_code, reason = "the soak measures more")]
#[path = "../soak/watched.rs"]
mod watched;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eightysix::clock;
use eightysix::simulator::limits::Rates;
use eightysix::units::Timestamp;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::chain::{Awaited, Chain, Size};
use crate::chromium::{Page, Shape};
use crate::watched::{AS_USUAL, Setup, Told, Usage, Watched};

const HELP: &str = "cargo bench --bench boards -- [--boards 200] [--venues 10] [--seconds 60]

  --boards    how many are connected, the same number for each venue; 255 at most, since one address may follow 256
  --venues    of one brand, each polled once a second
  --seconds   how long each thing is measured";
/// Nothing but stop lists is read while something is measured.
const LISTS_ONLY: &str = "{ fastest: 1s, oldest: 60s, catalog: 24h, prices: 7d }";
/// Walks and baselines are over by then.
const SETTLE: Duration = Duration::from_secs(15);
/// A board that says nothing for so long is broken.
const ARRIVAL_MAX: Duration = Duration::from_secs(20);

/// A list that arrived at a board of a venue.
type Arrival = (u64, Timestamp);

#[tokio::main]
async fn main() -> ExitCode {
    // Cargo adds `--bench` by itself.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (mut boards, mut venues, mut seconds) = (200, 10, 60);
    for pair in arguments.chunks(2) {
        let value = pair.get(1).and_then(|value| value.parse::<u64>().ok());
        match (pair[0].as_str(), value) {
            ("--boards", Some(value @ 1..)) => boards = value,
            ("--venues", Some(value @ 1..)) => venues = value,
            ("--seconds", Some(value @ 1..)) => seconds = value,
            _ => {
                println!("{HELP}");
                return ExitCode::from(2);
            }
        }
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    measure(boards, Size { brands: 1, venues, products: 300, rows: 50 }, Duration::from_secs(seconds)).await;
    ExitCode::SUCCESS
}

async fn measure(boards: u64, size: Size, long: Duration) {
    let told: Told = Arc::new(Mutex::new(Awaited::default()));
    let mut chain = Chain::open(size, Rates::default());
    let setup = Setup { polling: LISTS_ONLY, ..AS_USUAL };
    let folder = TempDir::new().expect("a folder");
    let mut watched = Watched::start(Path::new(env!("CARGO_BIN_EXE_eightysix")), folder, &chain, &told, setup);
    let mut look = interval(Duration::from_secs(1));
    while chain.polls().venues < size.all_venues() {
        look.tick().await;
    }
    cost(&mut watched, &mut chain, SETTLE).await;
    let alone = cost(&mut watched, &mut chain, long).await;

    let base = format!("http://{}/board/b001", watched.web());
    let (tell, mut arrivals) = mpsc::unbounded_channel();
    let mut readers = JoinSet::new();
    for board in 0..boards {
        let venue = board % size.venues + 1;
        readers.spawn(read(format!("{base}/{venue}/events"), venue, tell.clone()));
    }
    for _ in 0..boards {
        timeout(ARRIVAL_MAX, arrivals.recv()).await.expect("every board gets its list").expect("a list");
    }
    let with_boards = cost(&mut watched, &mut chain, long).await;
    println!("| what | without | with {boards} boards |\n| --- | --- | --- |");
    println!("| CPU of the service, a second | {:.1} ms | {:.1} ms |", alone.cpu_ms, with_boards.cpu_ms);
    println!("| memory | {:.1} MB | {:.1} MB |", alone.rss_mb, with_boards.rss_mb);

    let page = Page::start().await;
    page.shape(Shape::Wall).await;
    page.open(&format!("{base}/1")).await;
    page.wait_until("document.body.dataset.link === 'ok'").await;
    page.run(PAINTED).await;
    let each = usize::try_from(boards / size.venues).expect("few");
    let shown = shown(&mut chain, &mut arrivals, &page, each, long).await;
    println!("\n| from the answer of Clopos | median | p99 | |\n| --- | --- | --- | --- |");
    print_row("to a board's stream", &shown.streams);
    print_row("to the pixels of a browser", &shown.painted);
    print_row("from the change at the POS to the pixels, the wait for the next poll included", &shown.seen);
    page.close().await;
    readers.shutdown().await;
    watched.assert_no_secret();
    println!("\nthe service said in its log: {:?}", watched.log());
}

/// Notes when each list that came was painted: in the frame after the one that its change was drawn in.
const PAINTED: &str = "window.painted = []; new MutationObserver(() => requestAnimationFrame(() => requestAnimationFrame(() => \
    window.painted.push(Date.now())))).observe(document.getElementById('list'), { childList: true });";

/// Follows a board as a browser does, and tells of each list.
async fn read(url: String, venue: u64, tell: mpsc::UnboundedSender<Arrival>) {
    let client = reqwest::Client::new();
    let mut answer = client.get(url).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    let mut rest = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = rest.drain(..end + 2).collect();
            if event.starts_with(b"event: list") && tell.send((venue, clock::now())).is_err() {
                return;
            }
        }
    }
}

struct Cost {
    cpu_ms: f64,
    rss_mb: f64,
}

async fn cost(watched: &mut Watched, chain: &mut Chain, long: Duration) -> Cost {
    let usage = |watched: &mut Watched| -> Usage { watched.usage().expect("the service runs") };
    let (before, begun) = (usage(watched), clock::uptime());
    let mut second = interval(Duration::from_secs(1));
    while clock::uptime().since(begun) < long {
        second.tick().await;
        chain.polls();
    }
    let (after, took) = (usage(watched), clock::uptime().since(begun).as_secs_f64());
    let number = |count: u64| -> f64 { u32::try_from(count).expect("few").into() };
    Cost { cpu_ms: number(after.cpu_cs - before.cpu_cs) * 10.0 / took, rss_mb: number(after.rss_kb) / 1024.0 }
}

/// How long it took, in milliseconds.
#[derive(Default)]
struct Shown {
    streams: Vec<f64>,
    painted: Vec<f64>,
    seen: Vec<f64>,
}

fn print_row(what: &str, ms: &[f64]) {
    let mut ms = ms.to_vec();
    ms.sort_by(f64::total_cmp);
    let at = |share: usize| ms[(ms.len() - 1) * share / 100];
    println!("| {what} | {:.0} ms | {:.0} ms | of {} |", at(50), at(99), ms.len());
}

/// Lets a dish run out or come back at one venue after the other, and waits until each of its boards has it.
async fn shown(
    chain: &mut Chain,
    arrivals: &mut mpsc::UnboundedReceiver<Arrival>,
    page: &Page,
    boards_each: usize,
    long: Duration,
) -> Shown {
    let (mut shown, begun) = (Shown::default(), clock::uptime());
    while clock::uptime().since(begun) < long {
        let changed_at = clock::now();
        let turned = chain.change();
        let venue: u64 = turned.subject.split('/').nth(1).and_then(|venue| venue.parse().ok()).expect("a venue");
        page.run("window.painted = []").await;
        let mut got: BTreeMap<u64, Vec<Timestamp>> = BTreeMap::new();
        while got.get(&venue).map_or(0, Vec::len) < boards_each {
            let (of, at) = timeout(ARRIVAL_MAX, arrivals.recv()).await.expect("a list in time").expect("a list");
            got.entry(of).or_default().push(at);
        }
        let arrived = &got[&venue];
        let answered_at = chain.last_poll("b001", venue, arrived[0]).expect("the simulator knows");
        shown.streams.extend(arrived.iter().map(|at| ms(*at, answered_at)));
        if venue == 1 {
            page.wait_until("window.painted.length > 0").await;
            let painted = page.run("return window.painted[0]").await.as_i64().expect("a time");
            shown.painted.push(ms(Timestamp::from_unix_ms(painted), answered_at));
            shown.seen.push(ms(Timestamp::from_unix_ms(painted), changed_at));
        }
    }
    shown
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a delay")]
fn ms(later: Timestamp, earlier: Timestamp) -> f64 {
    (later.unix_ms() - earlier.unix_ms()) as f64
}
