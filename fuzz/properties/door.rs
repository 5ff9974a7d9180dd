//! Bytes at the web door: HTTP heads of any form, upgrades to WebSocket, and frames.
//!
//! Input: what a browser, or something that is none, sends over one TCP connection. The door is the real one, with a
//! broker behind it that notes what arrives, and with the page behind the links of mails where the input names it: a link
//! cannot be guessed. Whoever sends also closes, so that nothing has to be waited for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use eightysix::alerts::link::Links;
use eightysix::alerts::notice::ReceiverName;
use eightysix::alerts::order::{Order, OrderId};
use eightysix::alerts::silence::SilenceId;
use eightysix::clock;
use eightysix::http::live::Live;
use eightysix::http::{Settings, Surroundings, ack, bind, serve};
use eightysix::language::Language;
use eightysix::metrics::Insight;
use eightysix::store::Store;
use eightysix::units::{BrandId, Secret, Zone};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::text::is_printable;

#[path = "../../tests/support/policy.rs"]
mod policy;

/// Bytes that the door may answer with: a few refusals of pipelined requests, or pings and a close frame.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// What the broker says when a browser comes.
const GREETING: &[u8] = b"\x20\x03\x00\x00\x00";
/// What the paths of links hold.
const PAGE: &[u8] = b"/ack/";
/// The one page that may read the feed beside our own.
const LISTED: &str = "https://screens.example.com";

/// Holds for every input.
pub fn hold(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (answer, at_broker) = runtime.expect("a runtime").block_on(converse(data));
    assert!(answer.len() <= ANSWER_BYTES_MAX, "an answer of {} bytes", answer.len());
    let Some(status) = status_of(&answer) else {
        assert!(answer.is_empty(), "no HTTP: {:?}", String::from_utf8_lossy(&answer));
        assert!(at_broker.is_none(), "the broker was reached without an upgrade");
        return;
    };
    assert!(
        [101, 200, 303, 400, 401, 403, 404, 405, 413, 414, 415, 421, 422, 426, 431].contains(&status),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    if status == 101 {
        assert_upgraded(data, &at_broker.unwrap_or_default());
    } else if !answer.windows(12).any(|window| window == b"HTTP/1.1 101") {
        assert!(at_broker.is_none(), "the broker was reached without an upgrade");
    }
}

/// Sends the bytes to a door of its own, and returns its answer and what came through to the broker.
async fn converse(data: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let broker = TcpListener::bind(local).await.expect("a port");
    let broker_address = broker.local_addr().expect("an address");
    let settings = Settings { listen: local, origins: vec![LISTED.to_owned()], ..Settings::default() };
    let bound = bind(&settings).await.expect("a port");
    let (address, stop) = (bound.address(), CancellationToken::new());
    let browser = async {
        let mut tcp = TcpStream::connect(address).await.expect("a connection");
        let mut answer = Vec::new();
        let (mut reading, mut writing) = tcp.split();
        let sending = async {
            // The door may have hung up in the middle, which is its right.
            let _ = writing.write_all(data).await;
            let _ = writing.shutdown().await;
        };
        let receiving = async {
            let limited = (&mut reading).take(ANSWER_BYTES_MAX as u64 + 1);
            let _ = tokio::io::copy(&mut { limited }, &mut answer).await;
        };
        tokio::join!(sending, receiving);
        stop.cancel();
        answer
    };
    let behind = async {
        let mut arrived = None;
        loop {
            tokio::select! {
                biased;
                accepted = broker.accept() => {
                    let (mut tcp, _) = accepted.expect("a connection");
                    let _ = tcp.write_all(GREETING).await;
                    let bytes = arrived.get_or_insert_with(Vec::new);
                    let _ = tcp.read_to_end(bytes).await;
                }
                () = stop.cancelled() => return arrived,
            }
        }
    };
    let (page, store) = if data.windows(PAGE.len()).any(|window| window == PAGE) { page().await } else { (None, None) };
    let around = surroundings(broker_address, page);
    let (answer, arrived, ()) = tokio::join!(browser, behind, serve(bound, around, stop.clone()));
    if let Some((_folder, store)) = store {
        let asked = store.ask(&brand(), &Order::EndSilence(SilenceId::from_stored("0a0b0c0d")), clock::now()).await;
        assert_eq!(asked.expect("asked"), OrderId(1), "something was asked of the service without a link");
        store.close().await;
    }
    (answer, arrived)
}

/// Watches one brand, of which nothing is known, with no rules and for nobody.
fn surroundings(broker: SocketAddr, ack: Option<ack::Surroundings>) -> Surroundings {
    let policy = policy::silent(Zone::utc());
    let key = Secret::new("a key");
    let (live, insight) = (Live::new([brand()]), Insight::default());
    Surroundings { live, policy: Arc::new(policy), key, broker: Some(broker), insight, ack, desk: None }
}

/// Makes the page, as it is for a receiver whom every link could be for, and keeps the database that it asks.
async fn page() -> (Option<ack::Surroundings>, Option<(TempDir, Store)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("db")).await.expect("a store");
    let around = ack::Surroundings {
        store: store.clone(),
        links: Links::new("https://86.example.com", store.link_key().await.expect("a key")),
        path: "/kitchen".to_owned(),
        brands: [brand()].into(),
        receivers: [(ReceiverName::new("managers"), Language::En)].into(),
        zone: Zone::utc(),
        bell: Arc::default(),
    };
    (Some(around), Some((folder, store)))
}

fn brand() -> BrandId {
    BrandId::new("sahil").expect("a slug")
}

fn status_of(answer: &[u8]) -> Option<u16> {
    let rest = answer.strip_prefix(b"HTTP/1.1 ").or_else(|| answer.strip_prefix(b"HTTP/1.0 "))?;
    std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()
}

/// Asserts that the page was allowed to read, and that its binary frames came through as they were, and nothing else.
fn assert_upgraded(data: &[u8], at_broker: &[u8]) {
    // A server passes empty lines over that come before a request (RFC 9112, 2.2).
    let blank = data.chunks_exact(2).take_while(|pair| *pair == b"\r\n").count() * 2;
    let data = &data[blank..];
    let Some(end) = data.windows(4).position(|four| four == b"\r\n\r\n") else { return };
    let head = String::from_utf8_lossy(&data[..end]).into_owned();
    let has_odd_line_ends = head.starts_with(['\r', '\n']) || head.replace("\r\n", "").contains(['\r', '\n']);
    if has_odd_line_ends {
        return;
    }
    let values = |name: &str| -> Vec<String> {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).collect()
    };
    let asks_for_mqtt = values("sec-websocket-protocol").iter().any(|value| value.contains("mqtt"));
    assert!(asks_for_mqtt && head.starts_with("GET /mqtt"), "upgraded without being asked: {head}");
    if let ([origin], [host]) = (values("origin").as_slice(), values("host").as_slice())
        && is_printable(origin)
        && is_printable(host)
    {
        assert!(may_read(origin, host), "a page of {origin} reads from {host}");
    }
    let has_body = !values("content-length").is_empty() || !values("transfer-encoding").is_empty();
    if !has_body {
        assert_eq!(at_broker, carried(&data[end + 4..]), "the frames and what came through differ");
    }
}

/// The rule about pages, said a second time: a listed one, or our own under a name that nobody outside can give us.
fn may_read(origin: &str, host: &str) -> bool {
    let own = origin.split("://").nth(1).is_some_and(|rest| rest.eq_ignore_ascii_case(host));
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.contains(']') { host } else { name });
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let name = name.to_ascii_lowercase();
    let is_private = !name.contains('.')
        || [".localhost", ".local", ".lan", ".home.arpa", ".internal"].iter().any(|it| name.ends_with(it));
    origin.eq_ignore_ascii_case(LISTED) || (own && (is_address || is_private))
}

/// Returns what the binary messages among the frames hold, until something ends the conversation (RFC 6455).
fn carried(mut bytes: &[u8]) -> Vec<u8> {
    let (mut through, mut message): (Vec<u8>, Option<Vec<u8>>) = (Vec::new(), None);
    while let Some((first, opcode_end)) = bytes.first().zip(bytes.get(1)) {
        let (is_last, reserved, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let (is_masked, short) = (opcode_end & 0x80 != 0, usize::from(opcode_end & 0x7f));
        let (length, at) = match short {
            126 => match bytes.get(2..4) {
                Some(two) => (usize::from(u16::from_be_bytes([two[0], two[1]])), 4),
                None => break,
            },
            // More than any input holds.
            127 => break,
            short => (short, 2),
        };
        let is_control = opcode >= 8;
        if !is_masked || reserved != 0 || (is_control && (!is_last || length > 125)) {
            break;
        }
        let (Some(mask), Some(payload)) = (bytes.get(at..at + 4), bytes.get(at + 4..at + 4 + length)) else { break };
        let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        match (opcode, message.is_some()) {
            (2, false) => message = Some(plain.collect()),
            (0, true) => message.get_or_insert_with(Vec::new).extend(plain),
            (9 | 10, _) => {}
            _ => break,
        }
        if !is_control && is_last {
            through.extend(message.take().unwrap_or_default());
        }
        bytes = &bytes[at + 4 + length..];
    }
    through
}
