//! What browsers and strangers send to the web side: bytes over a socket to the real listener.
//!
//! Whatever came, the next request is answered and nothing was asked of the service. A case gives the lines of a request;
//! `raw` bytes as they are, `slowly` one byte at a time, `then` what follows once the answer's head is there. `{open}`
//! stands for the path of a link, and `{over}` for that of one whose alert is over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eightysix::alerts::AlertKey;
use eightysix::alerts::lifecycle::{Alert, EpisodeId, OpenAlert, Turns};
use eightysix::alerts::link::Links;
use eightysix::alerts::notice::ReceiverName;
use eightysix::alerts::order::{Order, OrderId};
use eightysix::alerts::silence::SilenceId;
use eightysix::engine::Commit;
use eightysix::http::live::Live;
use eightysix::language::Language;
use eightysix::metrics::Insight;
use eightysix::rules::{RuleName, Severity, Subject};
use eightysix::store::Store;
use eightysix::units::{BrandId, Secret, Timestamp, Zone};
use eightysix::{clock, http};
use tokio_util::sync::CancellationToken;

use crate::promises::CANARY;
use crate::table::{self, Case, Outcome};
use crate::wait::{self, PATIENCE};

/// Between two bytes of somebody slow.
const DRIP: Duration = Duration::from_millis(500);

/// The web side before a broker that takes everything and says nothing, and beside a database with an alert. No service
/// runs on it, so that nothing that was taken in is ever answered.
struct Web {
    address: SocketAddr,
    database: PathBuf,
    _broker: TcpListener,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Web {
    fn open(folder: &Path) -> Self {
        let database = folder.join("eightysix.db");
        let broker = TcpListener::bind("127.0.0.1:0").expect("a port");
        let behind = broker.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let (tell, told) = std::sync::mpsc::channel();
        let (until, path) = (stop.clone(), database.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let origins = vec!["https://screens.example.com".to_owned()];
                let listen = SocketAddr::from(([127, 0, 0, 1], 0));
                let settings = http::Settings { listen, origins, ..http::Settings::default() };
                let bound = http::bind(&settings).await.expect("a port");
                let around = http::Surroundings {
                    live: Live::new([brand()]),
                    policy: Arc::new(crate::policy::silent(Zone::named("Asia/Baku").expect("bundled"))),
                    key: Secret::new(CANARY),
                    broker: Some(behind),
                    insight: Insight::default(),
                    ack: Some(page(&path).await),
                    desk: None,
                };
                tell.send(bound.address()).expect("somebody waits");
                http::serve(bound, around, until).await;
            });
        });
        let address = told.recv().expect("the address");
        Self { address, database, _broker: broker, stop, thread: Some(thread) }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the web side ends without a panic");
        }
    }
}

/// What the page behind the links needs: a database with an alert that is open and one that is over.
async fn page(database: &Path) -> http::ack::Surroundings {
    let store = Store::open(database).await.expect("a store");
    let now = Timestamp::from_unix_ms(1_778_250_900_000);
    let mut cycle = Commit::default();
    cycle.alerts = [OPEN, OVER].map(|name| (key(name), Some(Alert::Open(Box::new(alert(name)))))).to_vec();
    store.commit(&brand(), &cycle, now).await.expect("committed");
    let mut cycle = Commit::default();
    cycle.alerts = vec![(key(OVER), None)];
    store.commit(&brand(), &cycle, now).await.expect("committed");
    http::ack::Surroundings {
        store,
        links: links(),
        path: "/kitchen".to_owned(),
        brands: [brand()].into(),
        receivers: [(ReceiverName::new("managers"), Language::En)].into(),
        zone: Zone::named("Asia/Baku").expect("bundled"),
        bell: Arc::default(),
    }
}

/// The rules of the two alerts.
const OPEN: &str = "open";
const OVER: &str = "over";

fn brand() -> BrandId {
    BrandId::new("sahil").expect("a slug")
}

fn links() -> Links {
    Links::new("", Secret::new(CANARY))
}

fn key(rule: &str) -> AlertKey {
    AlertKey { subject: Subject::Brand, rule: RuleName::new(rule).expect("a name") }
}

fn alert(rule: &str) -> OpenAlert {
    let since = Timestamp::from_unix_ms(1_778_250_000_000);
    OpenAlert {
        episode: EpisodeId::derive(rule, since),
        since,
        opened_at: since,
        clear_since: None,
        baseline: false,
        severity: Severity::Critical,
        told: BTreeSet::new(),
        held: BTreeMap::new(),
        reminded_at: None,
        acknowledged: None,
        label: "Plov".to_owned(),
        message: "Plov <b>is out</b>".into(),
        station: None,
        turns: Turns::default(),
        unstable_since: None,
        set: None,
        found_after: None,
    }
}

/// Puts the paths of real links where a case names them.
fn with_links(line: &str) -> String {
    let path = |rule: &str, receiver: &str, brand: &str| {
        let brand = BrandId::new(brand).expect("a slug");
        links().url(&brand, &ReceiverName::new(receiver), &alert(rule).episode).expect("an episode")
    };
    [
        ("{open}", path(OPEN, "managers", "sahil")),
        ("{over}", path(OVER, "managers", "sahil")),
        ("{forgotten}", path("another", "managers", "sahil")),
        ("{stranger}", path(OPEN, "strangers", "sahil")),
        ("{other brand}", path(OPEN, "managers", "other")),
    ]
    .into_iter()
    .fold(line.to_owned(), |line, (name, path)| line.replace(name, &path))
}

#[test]
fn bad_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    let web = Web::open(folder.path());
    table::check("requests", |case| outcome(case, web.address));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open_beside(&web.database).await.expect("the store");
        assert_eq!(store.orders_after(OrderId(0)).await.expect("read").len(), 0, "what nobody answers is taken back");
        let order = Order::EndSilence(SilenceId::from_stored("0a0b0c0d"));
        let next = store.ask(&brand(), &order, clock::now()).await.expect("asked");
        assert_eq!(next, OrderId(2), "of all cases one alone asked for something");
        let open = store.load(&brand()).await.expect("loaded");
        assert!(open.book.iter().filter_map(|(_, alert)| alert.open()).all(|open| open.acknowledged.is_none()));
        store.close().await;
    });
}

fn outcome(case: &Case, address: SocketAddr) -> Outcome {
    let mut lost = Vec::new();
    let mut socket = connect(address);
    send(&mut socket, case);
    let mut answer = Vec::new();
    let stays_open = case.keeps("open");
    let mut is_over =
        read_until(&mut socket, &mut answer, |answer| is_head(answer) && (stays_open || !then(case).is_empty()));
    for bytes in then(case) {
        // Who was refused already need not be told more.
        let _ = socket.write_all(&bytes);
        is_over = read_until(&mut socket, &mut answer, |_| false);
    }
    for state in &case.kept {
        match state.as_str() {
            "closed" if !is_over => lost.push("the socket was left open".to_owned()),
            "open" if is_over => lost.push("the socket was closed".to_owned()),
            "closed" | "open" | "the next is answered" => {}
            unknown => panic!("{}: nobody knows how to look for '{unknown}'", case.name),
        }
    }
    let mut next = connect(address);
    next.write_all(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut said_next = Vec::new();
    read_until(&mut next, &mut said_next, |_| false);
    if !said_next.starts_with(b"HTTP/1.1 404 Not Found") {
        lost.push(format!("the next request was answered by {}", String::from_utf8_lossy(&said_next)));
    }
    Outcome { said: vec![shown(&answer)], lost, seen: String::from_utf8_lossy(&answer).into_owned() }
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a bound");
    socket.set_write_timeout(Some(PATIENCE)).expect("a bound");
    socket
}

fn bytes(line: &str) -> Vec<u8> {
    table::bytes(&with_links(line))
}

fn then(case: &Case) -> Vec<Vec<u8>> {
    case.given.iter().filter_map(|line| line.strip_prefix("then ")).map(bytes).collect()
}

fn send(socket: &mut TcpStream, case: &Case) {
    let lines: Vec<&String> = case.given.iter().filter(|line| !line.starts_with("then ")).collect();
    let (how, lines) = match lines.split_first() {
        Some((first, rest)) if ["raw", "slowly"].contains(&first.as_str()) => (first.as_str(), rest),
        Some(_) | None => ("", lines.as_slice()),
    };
    let joined = |by: &str| lines.iter().map(|line| bytes(line)).collect::<Vec<_>>().join(by.as_bytes());
    match how {
        "raw" => drop(socket.write_all(&joined(""))),
        "slowly" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            for byte in joined("\r\n") {
                runtime.block_on(wait::while_a_fault_lasts(DRIP));
                if socket.write_all(&[byte]).is_err() {
                    return;
                }
            }
        }
        _ => {
            // A server that has heard enough may close before the end.
            let _ = socket.write_all(&[&joined("\r\n")[..], b"\r\n\r\n"].concat());
        }
    }
}

fn is_head(answer: &[u8]) -> bool {
    answer.windows(4).any(|four| four == b"\r\n\r\n")
}

/// Reads until the other side closes, which is true, or until enough is there.
fn read_until(socket: &mut TcpStream, answer: &mut Vec<u8>, is_enough: impl Fn(&[u8]) -> bool) -> bool {
    let mut chunk = [0; 4_096];
    loop {
        if is_enough(answer) {
            return false;
        }
        match socket.read(&mut chunk) {
            Ok(0) => return true,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Closed with bytes of ours unread, which the system tells as a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
            Err(_) => return false,
        }
    }
}

/// Shows an answer: the status, the text below it, and how a WebSocket was closed.
fn shown(answer: &[u8]) -> String {
    if answer.is_empty() {
        return "closed without a word".to_owned();
    }
    if !answer.starts_with(b"HTTP/1.") {
        return "no words that a person could read".to_owned();
    }
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let (head, body) = answer.split_at(end);
    let head = String::from_utf8_lossy(head);
    let status =
        head.lines().next().unwrap_or_default().trim_start_matches("HTTP/1.1 ").trim_start_matches("HTTP/1.0 ");
    match body {
        [] => status.to_owned(),
        [0x88, _, code @ ..] if status.starts_with("101") && code.len() >= 2 => {
            let number = u16::from_be_bytes([code[0], code[1]]);
            format!("{status}, closed by {number}: {}", String::from_utf8_lossy(&code[2..]))
        }
        body if head.contains("text/html") => format!("{status}: {}", words(&String::from_utf8_lossy(body))),
        body => format!("{status}: {}", String::from_utf8_lossy(body).trim_end()),
    }
}

/// Returns what a page says beside what it is about: its lines in boxes, and what is wrong with its fields.
fn words(page: &str) -> String {
    let paragraphs = page.split("<p").skip(1).filter_map(|rest| rest.split_once("</p>")?.0.split_once('>'));
    let said =
        paragraphs.filter(|(class, _)| class.contains("bad") || class.contains("done") || class.contains("wrong"));
    said.map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}
