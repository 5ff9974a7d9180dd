//! Requests to pages and API of a running service: a store, a venue whose names are hostile, alerts, a history, deliveries.
//!
//! Input: a method and a target in the first line, as in `POST /api/v1/silences`, and a body behind it. Unlike at the door, the
//! request is always one, so that what is invented reaches the handlers; `EPISODE` in a target means an alert that is open. Who
//! asks sits at the machine and may do everything; what he orders is refused, since nobody is at work on the brand.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use eightysix::alerts::notice::{Channel, Content, Event, Notice, NoticeId, ReceiverName};
use eightysix::alerts::order::{Order, OrderId};
use eightysix::alerts::render::Messages;
use eightysix::alerts::silence::{Criteria, Silence, SilenceId};
use eightysix::board::Setting;
use eightysix::calendar::{Calendar, Calendars};
use eightysix::clock;
use eightysix::document::Problems;
use eightysix::engine::{Engine, Input, Memory, Policy};
use eightysix::http::desk::{Desk, Reload};
use eightysix::http::live::{Fresh, Live};
use eightysix::http::{Settings, Surroundings, bind, serve};
use eightysix::language::Language;
use eightysix::metrics::Insight;
use eightysix::poll::quota::Quota;
use eightysix::rules::RuleSet;
use eightysix::rules::parse::{RuleFile, parse};
use eightysix::snapshot::diff::Change;
use eightysix::snapshot::{FreshnessLimits, Reading};
use eightysix::store::{Finish, Store};
use eightysix::units::{BrandId, ProductId, Secret, VenueId, Zone};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::messages::picture;

/// Bytes that an answer may have: a page with all that there is here is a hundredth of it.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a target: the door takes no longer head.
const TARGET_BYTES_MAX: usize = 4_096;
/// What everything is called: a formula, and marks that must not get into a page.
const NAME: &str = "=<b id=evil>\"'&\u{202e}";
/// How it must not stand in a page.
const RAW: &[u8] = b"<b id=evil>";
/// What stands for an episode, whose id is of the instant at which it began.
const EPISODE: &str = "EPISODE";
const SILENCE: &str = "0a0b0c0d";
const VENUE: VenueId = VenueId(7);
const RULES: &str = "rules:\n  - name: sold-out\n    when: { limit: { at_most: 0 } }\n    for: 0s\n    severity: critical\n    notify: [ops]\n";

/// A request.
struct Asked {
    method: String,
    target: String,
    body: Vec<u8>,
}

/// What came back: the head in lower case, and what stands behind it.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// Holds for every input.
pub fn hold(data: &[u8]) {
    let asked = read(data);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (answer, has_ordered) = runtime.expect("a runtime").block_on(converse(&asked));
    let Asked { method, target, .. } = &asked;
    let shown = || format!("{method} {target}: {} {:?}", answer.head, String::from_utf8_lossy(&answer.body));
    // 503 is for a store that does not answer, and this one does.
    assert!(answer.status < 500, "{}", shown());
    let is_asking = ["GET", "HEAD", "OPTIONS"].contains(&method.as_str());
    assert!(!(is_asking && has_ordered), "something was ordered by asking: {}", shown());
    let is_api = target.starts_with("/api/") && !answer.head.contains("content-type: text/");
    if is_api && answer.status >= 400 && method != "HEAD" {
        assert!(answer.head.contains("content-type: application/problem+json"), "no problem: {}", shown());
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).expect("a problem is JSON");
        assert_eq!(problem["status"], answer.status, "{}", shown());
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{}", shown());
        for inside in ["deserialize", "struct ", "panicked", "src/"] {
            assert!(!problem["detail"].to_string().contains(inside), "the inside of the program: {}", shown());
        }
    }
    let is_page = answer.head.contains("content-type: text/html") || answer.head.contains("content-type: text/event");
    assert!(!is_page || !has(&answer.body, RAW), "a name is part of a page: {}", shown());
    assert!(!answer.head.contains("content-type: text/csv") || !has(&answer.body, b",=<"), "a formula: {}", shown());
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Makes a request of the input: whatever its first line holds, it is a method and a target.
fn read(data: &[u8]) -> Asked {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let method: String = line[..space].iter().filter(|it| it.is_ascii_uppercase()).map(|it| char::from(*it)).collect();
    let path = line.get(space + 1..).unwrap_or_default().iter().skip_while(|byte| **byte == b'/');
    let written = |byte: &u8| {
        let is_plain = byte.is_ascii_graphic() && !b"\"<>`#\\^{|}".contains(byte);
        if is_plain { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
    };
    let mut target = format!("/{}", path.map(written).collect::<Vec<String>>().concat());
    target.truncate(TARGET_BYTES_MAX);
    let is_method = (1..=10).contains(&method.len()) && method != "CONNECT";
    Asked { method: if is_method { method } else { "GET".to_owned() }, target, body: body.to_vec() }
}

/// Asks a service of its own, and returns its answer, and whether something was ordered.
async fn converse(asked: &Asked) -> (Answer, bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    std::fs::write(&path, database().await).expect("a copy of the database");
    let store = Store::open(&path).await.expect("a store");
    let (bell, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let (reload, reloads) = mpsc::channel(1);
    let desk = Desk::new(store.clone(), Arc::clone(&bell), reload, Arc::new(|_, _| {}));
    let settings = Settings { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Settings::default() };
    let bound = bind(&settings).await.expect("a port");
    let address = bound.address();
    let (around, episode) = surroundings(desk);
    let asking = async {
        let answer = ask(address, asked, &asked.target.replace(EPISODE, &episode)).await;
        stop.cancel();
        answer
    };
    let (answer, (), ()) =
        tokio::join!(asking, serve(bound, around, stop.clone()), until(&stop, refuse_all(&store, &bell, reloads)));
    let next = store.ask(&brand(), &Order::EndSilence(SilenceId::from_stored(SILENCE)), clock::now()).await;
    let has_ordered = next.expect("asked") != OrderId(1);
    store.close().await;
    (answer, has_ordered)
}

async fn until(stop: &CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// Answers every order and every reload: there is nobody else who would.
async fn refuse_all(store: &Store, bell: &Notify, mut reloads: mpsc::Receiver<Reload>) {
    loop {
        tokio::select! {
            () = bell.notified() => {}
            Some(reload) = reloads.recv() => {
                let _ = reload.send(Err("there is no file".to_owned()));
            }
        }
        for order in store.orders_after(OrderId(0)).await.expect("the orders") {
            store.refuse(order.id, "nobody is at work here", clock::now()).await.expect("refused");
        }
    }
}

async fn ask(address: SocketAddr, Asked { method, target: _, body }: &Asked, target: &str) -> Answer {
    let kind = match body.first() {
        Some(b'{' | b'[' | b'"') => "application/json",
        Some(_) | None => "application/x-www-form-urlencoded",
    };
    let accept = if target.starts_with("/api/") { "*/*" } else { "text/html" };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\nAccept: {accept}\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        address.port(),
        body.len()
    );
    let mut tcp = TcpStream::connect(address).await.expect("a connection");
    // Whoever answers before the end of a body that is too long has hung up.
    let _ = tcp.write_all(&[head.as_bytes(), body].concat()).await;
    let mut answer = Vec::new();
    let mut part = [0; 4_096];
    loop {
        match tcp.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&part[..read]),
        }
        assert!(answer.len() <= ANSWER_BYTES_MAX, "{method} {target}: an answer without end");
        // A stream goes on; its head and its first event are looked at.
        if has(&answer, b"content-type: text/event-stream") && has(&answer, b"\n\n") {
            break;
        }
    }
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("{method} {target}: no answer but {:?}", String::from_utf8_lossy(&answer)));
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.expect("a status"), head, body: answer[end + 4..].to_vec() }
}

/// What is served, the brand as it is after a reading, and the episode of an alert that is open in it.
fn surroundings(desk: Desk) -> (Surroundings, String) {
    let policy = Arc::new(policy());
    let mut engine = engine(&policy);
    let commit = engine.step(Input::Reading(VENUE, Reading::SameStopList), clock::now());
    let live = Live::new([brand()]);
    engine.adopt(commit);
    let (fastest, oldest) = (Duration::from_secs(3), Duration::from_mins(1));
    let quota = Quota { venues: 1, per_minute: 240, fastest, oldest };
    live.brand("sahil").expect("the brand").show(&engine, &Fresh::everything(&engine), quota);
    let open = engine.memory().book.iter().find_map(|(_, alert)| alert.open());
    let episode = open.expect("what is out has an alert").episode.as_str().to_owned();
    let (key, insight) = (Secret::new("a key"), Insight::default());
    (Surroundings { live, policy, key, broker: None, insight, ack: None, desk: Some(desk) }, episode)
}

fn engine(policy: &Arc<Policy>) -> Engine {
    let silence = Silence {
        id: SilenceId::from_stored(SILENCE),
        covers: Criteria { product: Some(ProductId(999)), ..Criteria::default() },
        from: clock::now(),
        until: clock::now().plus(Duration::from_hours(1)),
        until_back: false,
        during: None,
        by: NAME.to_owned(),
        reason: NAME.to_owned(),
    };
    let silences = [(silence.id.clone(), silence)].into();
    let memory = Memory { venues: [(VENUE, Arc::new(picture(NAME)))].into(), silences, ..Memory::default() };
    let limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
    Engine::new(brand(), Arc::clone(policy), limits, memory)
}

fn policy() -> Policy {
    let mut problems = Problems::new();
    let parsed = parse(&[RuleFile { name: "rules.yaml".into(), bytes: RULES.into() }], &mut problems);
    assert!(problems.is_empty(), "the rules of this property");
    let (rules, day_starts): (RuleSet, _) = (parsed.rules, jiff::civil::time(4, 0, 0, 0));
    let setting = Setting { boot: "1".to_owned(), language: Language::En, zone: Zone::utc(), day_starts };
    Policy {
        messages: Messages::compile(&rules, &setting.zone, setting.language).expect("our own words"),
        rules,
        routes: [].into(),
        feeds: Vec::new(),
        calendars: Calendars::of_all(Calendar::plain(setting.zone.clone(), day_starts)),
        setting,
        links: None,
    }
}

/// Returns a database with a history and an outbox, made once: its schema takes longer than any request.
async fn database() -> &'static [u8] {
    static DATABASE: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(made) = DATABASE.get() {
        return made;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    fill(&path).await;
    DATABASE.get_or_init(|| std::fs::read(&path).expect("the database"))
}

async fn fill(path: &Path) {
    let (store, now) = (Store::open(path).await.expect("a store"), clock::now());
    let mut commit = engine(&Arc::new(policy())).step(Input::Reading(VENUE, Reading::SameStopList), now);
    let rows = &picture(NAME).picture.rows;
    let changes = rows.iter().map(|(id, row)| Change::Row { product: *id, before: None, after: Some(*row) });
    commit.changes.extend(changes.map(|change| (VENUE, change)));
    let notice = |id: &str| Notice {
        id: NoticeId::from_stored(id),
        receiver: ReceiverName::new("ops"),
        at: now,
        content: Content::Webhook(Event { body: "{}".to_owned() }),
        summary: format!("sold-out: {NAME}"),
    };
    commit.notices.extend(["a1", "b2", "c3"].map(notice));
    store.commit(&brand(), &commit, now).await.expect("a commit");
    let waiting = store.waiting(&ReceiverName::new("ops"), Channel::Webhook, 2, now).await.expect("a look");
    let why = || NAME.to_owned();
    let ends = [Finish::Dead { why: why() }, Finish::Delivered { but: Some(why()) }];
    let ended: Vec<(i64, Finish)> = waiting.iter().map(|queued| queued.row).zip(ends).collect();
    store.finish(&ended, now).await.expect("ended");
    store.close().await;
}

fn brand() -> BrandId {
    BrandId::new("sahil").expect("a slug")
}
