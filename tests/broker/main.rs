//! The embedded broker and its WebSocket door, read by real displays (mosquitto's clients) and attacked by rude ones.
//!
//! Needs `mosquitto_sub` and `mosquitto_pub` (Debian: mosquitto-clients); without them the tests fail.
#![cfg(feature = "embedded-broker")]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use eightysix::broker::{self, BrokerError, Running, Settings};
use eightysix::http;
use eightysix::http::live::Live;
use eightysix::metrics::Insight;
use eightysix::units::{Secret, Zone};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

mod client;
#[path = "../support/policy.rs"]
mod policy;

use client::{Browser, Client, Hello, Received, hello, packet, string, try_upgrade, upgrade};

/// Far above what any step takes, far below what a person waits for.
const BOUND: Duration = Duration::from_secs(30);

const PASSWORD: &str = "correct horse";

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, future).await.unwrap_or_else(|_| panic!("not within {BOUND:?}: {what}"))
}

fn open() -> Settings {
    Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() }
}

fn locked() -> Settings {
    Settings { password: Some(Secret::new(PASSWORD)), ..open() }
}

async fn start(settings: &Settings) -> Running {
    within("the broker starts", broker::start(settings)).await.expect("the broker starts")
}

/// Runs one of mosquitto's clients against the broker.
async fn mosquitto(program: &str, broker: &Running, arguments: &str) -> Output {
    let address = broker.address();
    let run = tokio::process::Command::new(program)
        .args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()])
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    within(arguments, run)
        .await
        .unwrap_or_else(|error| panic!("{program} (apt-get install mosquitto-clients): {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A web side before a broker, answering in a task of its own.
struct Web {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Web {
    async fn before(broker: SocketAddr) -> Self {
        let settings = http::Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            origins: vec!["https://screens.example.com".to_owned()],
            ..http::Settings::default()
        };
        let bound = http::bind(&settings).await.expect("the web side listens");
        let (address, stop) = (bound.address(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let around = http::Surroundings {
            live: Live::default(),
            policy: Arc::new(policy::silent(Zone::utc())),
            key: Secret::new("a key"),
            broker: Some(broker),
            insight: Insight::default(),
            ack: None,
            desk: None,
        };
        tasks.spawn(http::serve(bound, around, stop.clone()));
        Self { address, stop, tasks }
    }

    async fn stop(mut self) {
        self.stop.cancel();
        within("the web side ends", self.tasks.join_next()).await.expect("a task").expect("no panic");
    }
}

fn received(topic: &str, payload: &str, retain: bool) -> Received {
    Received { topic: topic.to_owned(), payload: payload.to_owned(), retain }
}

#[tokio::test]
async fn a_display_that_comes_late_reads_the_retained_list() {
    let login = format!("-u display -P {}", PASSWORD.replace(' ', "_"));
    let with_password = Settings { password: Some(Secret::new(&PASSWORD.replace(' ', "_"))), ..open() };
    for (settings, login) in [(open(), "-u nobody -P nothing"), (open(), "-k 60"), (with_password, login.as_str())] {
        let broker = start(&settings).await;
        let access = broker.publisher();
        let own = format!("-u {} -P {}", access.username, access.password.expose());
        let sent = mosquitto("mosquitto_pub", &broker, &format!("{own} -q 1 -r -t brand/1/stop -m lamb")).await;
        assert!(sent.status.success(), "{}", text(&sent.stderr));
        for version in ["mqttv311", "mqttv5"] {
            let read = format!("{login} -V {version} -q 1 -C 1 -W 20 -F %t=%p=%r -t brand/#");
            let read = mosquitto("mosquitto_sub", &broker, &read).await;
            assert_eq!(text(&read.stdout), "brand/1/stop=lamb=1\n", "{login} {version}: {}", text(&read.stderr));
        }
        broker.stop().await;
    }
}

#[tokio::test]
async fn wrong_passwords_are_refused() {
    let broker = start(&locked()).await;
    let own = broker.publisher().username.clone();
    let (not_authorized_311, not_authorized_5) = (4, 0x86);
    for login in [
        None,
        Some(("display", "wrong")),
        Some(("display", "")),
        Some(("display", "correct horsf")),
        Some(("stranger", PASSWORD)),
        Some((own.as_str(), PASSWORD)),
        Some((own.as_str(), "")),
    ] {
        for (version, code) in [(4, not_authorized_311), (5, not_authorized_5)] {
            let greeting = Hello { id: "screen", login, will: None };
            let (mut client, refused) = Client::tcp(broker.address(), version, &greeting).await;
            assert_eq!(refused, code, "{login:?} with version {version}");
            assert_eq!(client.next().await, None, "the door is closed after {login:?}");
        }
    }
    let read = mosquitto("mosquitto_sub", &broker, "-u display -P wrong -C 1 -W 20 -t brand/#").await;
    assert!(!read.status.success() && text(&read.stderr).contains("Refused"), "{read:?}");
    broker.stop().await;

    let broker = start(&open()).await;
    let greeting = Hello { id: "screen", login: Some((&own, "guessed")), will: None };
    let (_, refused) = Client::tcp(broker.address(), 5, &greeting).await;
    assert_eq!(refused, not_authorized_5, "the publisher's name needs its password where displays need none");
    broker.stop().await;
}

#[tokio::test]
async fn nothing_that_a_display_publishes_arrives() {
    let broker = start(&open()).await;
    let mut screen = Client::display(&broker, "screen").await;
    screen.subscribe("#", 1).await;
    for version in ["mqttv311", "mqttv5"] {
        for qos in [1, 2] {
            let publish = format!("-V {version} -q {qos} -r -t brand/1/stop -m forged");
            mosquitto("mosquitto_pub", &broker, &publish).await;
        }
    }
    for version in [4, 5] {
        let (mut rude, _) = Client::tcp(broker.address(), version, &Hello { id: "rude", ..Hello::default() }).await;
        for retain in [false, true] {
            let bytes = rude.publish_bytes("brand/1/stop", "forged", 0, retain);
            rude.send(&bytes).await;
        }
        rude.ping().await;
        let code = rude.publish("brand/1/stop", "forged", true).await;
        // 3.1.1 has no word for a refusal; the library says it as MQTT 5 does, at which such clients hang up.
        assert_eq!(code, 0x87, "not authorized");
    }
    let mut publisher = Client::publisher(&broker, "feed").await;
    assert_eq!(publisher.publish("brand/1/event", "true", false).await, 0);
    assert_eq!(screen.receive().await, received("brand/1/event", "true", false));
    assert_eq!(publisher.publish("zulu", "last", true).await, 0);
    let mut late = Client::display(&broker, "late").await;
    late.subscribe("#", 1).await;
    assert_eq!(late.receive().await, received("zulu", "last", true), "nothing forged is retained");
    broker.stop().await;
}

#[tokio::test]
async fn the_will_of_a_display_is_dropped() {
    let broker = start(&open()).await;
    let mut screen = Client::display(&broker, "screen").await;
    screen.subscribe("#", 1).await;
    for version in [4, 5] {
        let greeting = Hello { id: "leaver", will: Some(("brand/1/stop", "forged")), ..Hello::default() };
        let (leaver, code) = Client::tcp(broker.address(), version, &greeting).await;
        assert_eq!(code, 0, "a display with a Will comes in");
        drop(leaver);
        let (takes_over, _) = Client::tcp(broker.address(), version, &greeting).await;
        drop(takes_over);
    }
    // The publisher's own Will goes the same way and arrives: the path works, and by now the others had their turn.
    let access = broker.publisher();
    let login = Some((access.username.as_str(), access.password.expose()));
    let will = Some(("bridge/state", "offline"));
    let (own, code) = Client::tcp(broker.address(), 5, &Hello { id: "feed", login, will }).await;
    assert_eq!(code, 0);
    drop(own);
    assert_eq!(screen.receive().await, received("bridge/state", "offline", false));
    let mut late = Client::display(&broker, "late").await;
    late.subscribe("#", 1).await;
    assert_eq!(late.receive().await, received("bridge/state", "offline", true), "nothing forged is retained");
    late.ping().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_display_cannot_push_the_publisher_out() {
    let broker = start(&open()).await;
    let mut publisher = Client::publisher(&broker, "feed").await;
    let (_, code) = Client::tcp(broker.address(), 5, &Hello { id: "feed", ..Hello::default() }).await;
    assert_eq!(code, 0x85, "client identifier not valid");
    assert_eq!(publisher.publish("brand/1/stop", "lamb", true).await, 0, "the publisher is still there");
    drop(publisher);
    let mut again = Client::publisher(&broker, "feed").await;
    assert_eq!(again.publish("brand/1/stop", "lamb", true).await, 0, "and comes back under its name");
    broker.stop().await;
}

#[tokio::test]
async fn ten_thousand_retained_topics_all_arrive() {
    const TOPICS: usize = 10_000;
    let broker = start(&open()).await;
    let mut publisher = Client::publisher(&broker, "feed").await;
    let window = 50;
    for first in (0..TOPICS).step_by(window) {
        let mut bytes = Vec::new();
        for id in first..first + window {
            bytes.extend(publisher.publish_bytes(&format!("brand/1/product/{id}"), &format!("state of {id}"), 1, true));
        }
        publisher.send(&bytes).await;
        for _ in 0..window {
            let (kind, body) = publisher.next().await.expect("a PUBACK");
            assert_eq!((kind, body.get(2).copied().unwrap_or(0)), (0x40, 0));
        }
    }
    for qos in [1, 0] {
        let mut fresh = Client::display(&broker, "fresh").await;
        fresh.subscribe("brand/1/#", qos).await;
        let mut seen = BTreeSet::new();
        while seen.len() < TOPICS {
            let message = fresh.receive().await;
            assert!(message.retain && message.payload.starts_with("state of "), "{message:?}");
            assert!(seen.insert(message.topic), "each topic once");
        }
    }
    let read = mosquitto("mosquitto_sub", &broker, "-V mqttv311 -q 1 -C 10000 -W 25 -F %t -t brand/1/product/+").await;
    let topics: BTreeSet<_> = text(&read.stdout).lines().map(str::to_owned).collect();
    assert_eq!(topics.len(), TOPICS, "{}", text(&read.stderr));
    broker.stop().await;
}

#[tokio::test]
async fn a_browser_reads_what_is_retained_and_what_follows() {
    let broker = start(&locked()).await;
    let web = Web::before(broker.local_address()).await;
    let mut publisher = Client::publisher(&broker, "feed").await;
    let long = "x".repeat(60_000);
    publisher.publish("brand/1/stop", &long, true).await;

    let greeting = Hello { id: "tablet", login: Some(("display", PASSWORD)), will: None };
    let (mut tablet, code) = Client::web(web.address, &greeting).await;
    assert_eq!(code, 0);
    tablet.subscribe("brand/#", 1).await;
    assert_eq!(tablet.receive().await, received("brand/1/stop", &long, true));
    publisher.publish("brand/1/event", "lamb is out", false).await;
    assert_eq!(tablet.receive().await, received("brand/1/event", "lamb is out", false));
    assert_eq!(tablet.publish("brand/1/stop", "forged", true).await, 0x87);

    let greeting = Hello { id: "guest", login: Some(("display", "wrong")), will: None };
    let (mut guest, code) = Client::web(web.address, &greeting).await;
    assert_eq!(code, 0x86, "the broker's no reaches the browser");
    assert_eq!(guest.next().await, None);
    web.stop().await;
    broker.stop().await;
}

/// Sends a plain request and returns the whole answer.
async fn request(address: SocketAddr, head: &str) -> String {
    let mut tcp = within("a TCP connection", TcpStream::connect(address)).await.expect("a TCP connection");
    tcp.write_all(format!("{head}\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    within("an answer", tcp.read_to_end(&mut answer)).await.expect("an answer");
    text(&answer)
}

#[tokio::test]
async fn what_is_no_feed_of_ours_is_refused_with_a_reason() {
    let broker = start(&open()).await;
    let web = Web::before(broker.local_address()).await;
    for (head, status, said) in [
        ("GET /feed HTTP/1.1", "404", "/mqtt"),
        ("GET /mqtt HTTP/1.1", "426", "subprotocol 'mqtt'"),
        ("POST /mqtt HTTP/1.1", "426", "subprotocol 'mqtt'"),
    ] {
        let answer = request(web.address, head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(said), "{head}: {answer}");
    }
    let own = format!("http://{}", web.address);
    for (protocol, origin, status) in [
        (Some("mqtt"), None, 101),
        (Some("mqtt"), Some(own.as_str()), 101),
        (Some("mqtt"), Some("https://screens.example.com"), 101),
        (Some("soap, mqtt"), None, 101),
        (None, None, 400),
        (Some("soap"), None, 400),
        (Some("mqtt"), Some("https://evil.example"), 403),
        (Some("mqtt"), Some("null"), 403),
    ] {
        let got = match try_upgrade(web.address, protocol, origin).await {
            Ok(_) => 101,
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{protocol:?} {origin:?}: {error}"),
        };
        assert_eq!(got, status, "{protocol:?} {origin:?}");
    }
    web.stop().await;
    broker.stop().await;
}

/// Waits for the close frame and returns its code.
async fn close_code(socket: &mut Browser) -> u16 {
    loop {
        match within("a close frame", socket.next()).await {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("no close frame but {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_pipe_says_why_it_ends() {
    let broker = start(&open()).await;
    let web = Web::before(broker.local_address()).await;
    let cases = [
        (Message::text("CONNECT please"), 1003),
        (Message::binary(vec![0x10; 70_000]), 1002),
        // Not MQTT: the broker closes, and the browser hears that the broker did.
        (Message::binary(vec![0xff; 64]), 1000),
    ];
    for (message, code) in cases {
        let mut socket = upgrade(web.address).await;
        within("a frame is taken", socket.send(message)).await.expect("the pipe is open");
        assert_eq!(close_code(&mut socket).await, code);
    }
    let mut open = upgrade(web.address).await;
    let (mut left, _) = Client::web(web.address, &Hello { id: "left", ..Hello::default() }).await;
    let tcp = broker.local_address();
    broker.stop().await;
    assert_eq!(left.next().await.map(|(first, _)| first), Some(0xe0), "the broker says good-bye in MQTT 5");
    assert_eq!(close_code(&mut open).await, 1000, "the broker has left");
    let mut later = upgrade(web.address).await;
    assert_eq!(close_code(&mut later).await, 1013, "nothing listens on {tcp}");
    web.stop().await;
}

#[tokio::test]
async fn silent_sockets_do_not_hold_up_a_display() {
    let broker = start(&open()).await;
    let web = Web::before(broker.local_address()).await;
    let mut silent = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..50 {
        for address in [broker.address(), web.address] {
            silent.push(within("a TCP connection", TcpStream::connect(address)).await.expect("a TCP connection"));
        }
        let mut half = within("a TCP connection", TcpStream::connect(web.address)).await.expect("a TCP connection");
        half.write_all(b"GET /mqtt HTTP/1.1\r\nHos").await.expect("half a request");
        silent.push(half);
        waiting.push(upgrade(web.address).await);
    }
    let mut publisher = Client::publisher(&broker, "feed").await;
    publisher.publish("brand/1/stop", "lamb", true).await;
    let (by_web, _) = Client::web(web.address, &Hello { id: "web", ..Hello::default() }).await;
    for mut display in [by_web, Client::display(&broker, "tcp").await] {
        display.subscribe("brand/#", 1).await;
        assert_eq!(display.receive().await, received("brand/1/stop", "lamb", true));
    }
    drop((silent, waiting));
    web.stop().await;
    broker.stop().await;
}

#[tokio::test]
async fn hostile_bytes_do_not_stop_it() {
    let broker = start(&open()).await;
    let web = Web::before(broker.local_address()).await;
    let greeting = hello(5, &Hello { id: "rude", ..Hello::default() });
    let deep = "a/".repeat(20_000);
    let after_greeting = |bytes: &[u8]| [&greeting, bytes].concat();
    let mut attacks = vec![
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        // A packet that says it is 256 MB long.
        vec![0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4],
        vec![0x10, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0; 1024],
        after_greeting(&greeting),
        after_greeting(&packet(0x82, &[&[0, 1, 0][..], &string(deep.as_bytes()), &[1]].concat())),
        after_greeting(&packet(0x82, &[&[0, 1, 0][..], &string(b"a/#/b"), &[1]].concat())),
        after_greeting(&packet(0x82, &[&[0, 1, 0][..], &string(b"$share/g/#"), &[1]].concat())),
        after_greeting(&packet(0x32, &[&string(deep.as_bytes())[..], &[0, 1, 0]].concat())),
        // A topic alias without a topic.
        after_greeting(&packet(0x32, &[0, 0, 0, 1, 3, 0x23, 0, 9])),
        after_greeting(&packet(0x40, &[0, 9])),
        after_greeting(&packet(0x62, &[0, 9])),
    ];
    // A fixed sequence that looks like noise, behind every possible first byte.
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for first in 0..=255_u8 {
        let mut bytes = if first % 2 == 0 { greeting.clone() } else { Vec::new() };
        bytes.push(first);
        for _ in 0..usize::from(first) {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            bytes.push(noise.to_le_bytes()[0]);
        }
        attacks.push(bytes);
    }
    for attack in &attacks {
        let mut tcp = within("a TCP connection", TcpStream::connect(broker.address())).await.expect("a TCP connection");
        // The broker may close before it has read everything.
        let _ = within("bytes are taken", tcp.write_all(attack)).await;
        let _ = tcp.shutdown().await;
        let _ = within("the broker lets go", tcp.read_to_end(&mut Vec::new())).await;
    }
    for attack in attacks.iter().take(12) {
        let mut tcp = within("a TCP connection", TcpStream::connect(web.address)).await.expect("a TCP connection");
        let _ = within("bytes are taken", tcp.write_all(attack)).await;
        let mut socket = upgrade(web.address).await;
        let _ = within("a frame is taken", socket.send(Message::binary(attack.clone()))).await;
    }
    let mut publisher = Client::publisher(&broker, "feed").await;
    publisher.publish("brand/1/stop", "lamb", true).await;
    let (mut display, _) = Client::web(web.address, &Hello { id: "screen", ..Hello::default() }).await;
    display.subscribe("#", 1).await;
    assert_eq!(display.receive().await, received("brand/1/stop", "lamb", true));
    web.stop().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_stop_ends_every_socket_and_leaves_no_task() {
    let before = alive();
    let broker = start(&open()).await;
    let web = Web::before(broker.local_address()).await;
    let (tcp, http) = (broker.address(), web.address);
    let mut publisher = Client::publisher(&broker, "feed").await;
    let mut open = Vec::new();
    for address in [tcp, http] {
        open.push(within("a TCP connection", TcpStream::connect(address)).await.expect("a TCP connection"));
    }
    let mut idle = upgrade(http).await;
    // A display that subscribes and then reads nothing: the broker is in the middle of writing when it is stopped.
    let mut stuck = Client::display(&broker, "stuck").await;
    stuck.subscribe("#", 0).await;
    let (mut stuck_web, _) = Client::web(http, &Hello { id: "stuck-web", ..Hello::default() }).await;
    stuck_web.subscribe("#", 0).await;
    let payload = "x".repeat(60_000);
    for id in 0..200 {
        publisher.publish(&format!("brand/1/product/{id}"), &payload, true).await;
    }
    broker.stop().await;
    web.stop().await;
    assert_eq!(publisher.next().await.map(|(first, _)| first), Some(0xe0), "DISCONNECT: the server is shutting down");
    assert!(close_code(&mut idle).await >= 1000);
    for mut socket in open {
        let _ = within("a silent socket ends", socket.read_to_end(&mut Vec::new())).await;
    }
    for address in [tcp, http] {
        let again = tokio::net::TcpListener::bind(address).await;
        assert!(again.is_ok(), "{address} is free again: {again:?}");
    }
    within("every task ends", async {
        while alive() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn alive() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn a_dropped_broker_ends_as_well() {
    let broker = start(&open()).await;
    let mut display = Client::display(&broker, "screen").await;
    drop(broker);
    assert_eq!(display.next().await.map(|(first, _)| first), Some(0xe0));
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_named_with_the_reason() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address");
    let refused = broker::start(&Settings { listen: address, ..open() }).await.expect_err("taken");
    let shown = refused.to_string();
    assert!(shown.contains(&address.to_string()) && shown.contains("another program holds this port"), "{shown}");
    let BrokerError::Listen { source, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(source.kind(), ErrorKind::AddrInUse);

    // An address of the documentation range, which no machine has.
    let foreign = Settings { listen: SocketAddr::from(([192, 0, 2, 1], 1883)), anonymous: true, ..open() };
    let refused = broker::start(&foreign).await.expect_err("not ours").to_string();
    assert!(refused.contains("192.0.2.1:1883") && refused.contains("no such address"), "{refused}");

    let unsafe_settings = Settings { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..open() };
    let refused = broker::start(&unsafe_settings).await.expect_err("open to all").to_string();
    assert!(refused.contains("displays need a password"), "{refused}");

    let taken = http::bind(&http::Settings { listen: address, ..http::Settings::default() })
        .await
        .expect_err("taken")
        .to_string();
    assert_eq!(taken, format!("listen for browsers on {address}"));
}
