//! The MQTT way out against a real mosquitto that is killed, frozen, restarted and misconfigured.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eightysix::alerts::notice::MqttMessage;
use eightysix::board::retained::{Desired, RetainedState, Topic, Tree};
use eightysix::sinks::Outcome;
use eightysix::sinks::mqtt::Settings;
use eightysix::sinks::mqtt::feed::{self, LedgerChange, LedgerWrite};
use eightysix::sinks::mqtt::link::{self, Link, LinkState};
use eightysix::topics::BaseTopic;
use eightysix::units::Secret;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::mosquitto::Broker;
use crate::wait::{PATIENCE, eventually};

#[path = "support/canary.rs"]
mod canary;
#[path = "support/mosquitto.rs"]
mod mosquitto;
#[path = "support/wait.rs"]
mod wait;

/// The passwords of the one test that has any.
const RIGHT: &str = "canary-of-a-screen-77b1";
const WRONG: &str = "canary-of-nobody-30cf";
const INFO: &str = r#"{"version":"test"}"#;

/// A link that is being run.
struct Running {
    link: Link,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

fn settings(port: u16) -> Settings {
    let url = format!("mqtt://127.0.0.1:{port}").parse().expect("a url");
    Settings { reconnect_max: Duration::from_millis(200), ..Settings::at("kitchen", url, "eightysix-test") }
}

fn run(settings: Settings) -> Running {
    let (link, cancel, mut tasks) = (Link::new(settings, INFO.to_owned()), CancellationToken::new(), JoinSet::new());
    let (running, until) = (link.clone(), cancel.clone());
    tasks.spawn(async move { running.run(until).await });
    Running { link, cancel, tasks }
}

impl Running {
    /// Waits until the link is up and returns the session's number.
    async fn up(&self) -> u64 {
        self.up_again(0).await
    }

    /// Waits until the link is up in a later session than this one, and returns its number.
    async fn up_again(&self, last: u64) -> u64 {
        let mut state = self.link.state();
        let is_later = |state: &LinkState| matches!(state, LinkState::Up { session } if *session > last);
        let state = timeout(PATIENCE, state.wait_for(is_later)).await;
        match &*state.expect("up in time").expect("the link exists") {
            LinkState::Up { session } => *session,
            LinkState::Down { .. } => unreachable!("waited for up"),
        }
    }

    /// Waits until the link is down for a reason that contains `text`.
    async fn down(&self, text: &str) {
        let mut state = self.link.state();
        let wanted = |state: &LinkState| matches!(state, LinkState::Down { why, .. } if why.contains(text));
        let seen = timeout(PATIENCE, state.wait_for(wanted)).await.is_ok();
        assert!(seen, "waited for '{text}', it is {:?}", *self.link.state().borrow());
    }

    async fn stop(mut self) {
        self.cancel.cancel();
        while let Some(ended) = timeout(PATIENCE, self.tasks.join_next()).await.expect("it stops") {
            ended.expect("no panic");
        }
    }
}

fn event(topic: &str, body: &str) -> MqttMessage {
    MqttMessage {
        topic: topic.to_owned(),
        body: body.to_owned(),
        retain: false,
        expiry_s: None,
        content_type: None,
        properties: Vec::new(),
    }
}

fn state(body: &str) -> Arc<RetainedState> {
    Arc::new(RetainedState::new(body, Some(86_400)))
}

/// Puts another tree in the place of the one that was desired.
fn replace<const N: usize>(desired: &watch::Sender<Desired>, states: [(&str, &str); N]) {
    let tree: Tree = states.iter().map(|(topic, body)| ((*topic).into(), state(body))).collect();
    desired.send_modify(|desired| desired.replace(tree));
}

#[track_caller]
fn assert_why(outcome: &Outcome, never: bool, text: &str) {
    match outcome {
        Outcome::Never { why } if never => assert!(why.contains(text), "{why}"),
        Outcome::Later { why, .. } if !never => assert!(why.contains(text), "{why}"),
        other @ (Outcome::Delivered
        | Outcome::DeliveredInPart { .. }
        | Outcome::Later { .. }
        | Outcome::Never { .. }
        | Outcome::Gone { .. }) => panic!("{other:?}, not {text}"),
    }
}

/// What the broker logged as received, by topic.
fn received(log: &str) -> BTreeSet<&str> {
    log.lines()
        .filter(|line| line.contains("Received PUBLISH from"))
        .filter_map(|line| line.split('\'').nth(1))
        .collect()
}

/// The broker is killed, stopped and frozen while an outbox is emptied over the link.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_reported_delivered_has_reached_the_broker() {
    const MESSAGES: usize = 2_000;
    let faults = ["KILL", "STOP", "TERM", "KILL", "STOP", "KILL", "TERM", "KILL"];
    let mut broker = Broker::open();
    broker.start().await;
    let mut running = run(settings(broker.port));
    let mut session = running.up().await;

    let delivered = Arc::new(AtomicUsize::new(0));
    let (link, count) = (running.link.clone(), Arc::clone(&delivered));
    let (told, mut outbox) = tokio::sync::oneshot::channel();
    running.tasks.spawn(async move {
        // A failed send means that the test has ended early, with its own message.
        let _ = told.send(empty_outbox(link, MESSAGES, count).await);
    });
    for (done, fault) in faults.iter().enumerate() {
        let progress = (done + 1) * MESSAGES / (faults.len() + 1);
        eventually("the outbox empties", || async { delivered.load(Ordering::SeqCst) >= progress }).await;
        if *fault == "STOP" {
            broker.signal("STOP").await;
            // The length of the fault, not a wait for something.
            wait::while_a_fault_lasts(Duration::from_millis(300)).await;
            broker.signal("CONT").await;
        } else {
            broker.end(fault).await;
            broker.start().await;
            // On a fast machine the next fault is due before the link has found this one.
            session = running.up_again(session).await;
        }
    }
    let (order, attempts) = timeout(PATIENCE, &mut outbox).await.expect("all delivered").expect("no panic");
    assert_eq!(order.len(), MESSAGES);
    assert!(attempts > MESSAGES, "the faults hit publishes in flight");
    let log = broker.log();
    let seen = received(&log);
    let missing: Vec<_> = order.iter().filter(|topic| !seen.contains(topic.as_str())).collect();
    assert!(missing.is_empty(), "reported delivered, never seen by the broker: {missing:?}");
    running.stop().await;
}

/// Publishes until everything is delivered, as delivery does: again what was not, nothing while down.
async fn empty_outbox(link: Link, messages: usize, delivered: Arc<AtomicUsize>) -> (Vec<String>, usize) {
    let mut due: VecDeque<String> = (0..messages).map(|n| format!("kill/{n}")).collect();
    let (mut done, mut attempts, mut state) = (Vec::new(), 0, link.state());
    let mut in_flight = FuturesUnordered::new();
    while done.len() < messages {
        while in_flight.len() < 64
            && matches!(*state.borrow(), LinkState::Up { .. })
            && let Some(topic) = due.pop_front()
        {
            attempts += 1;
            let link = link.clone();
            in_flight.push(async move {
                let outcome = link.publish(&event(&topic, "{}")).await;
                (topic, outcome)
            });
        }
        tokio::select! {
            Some((topic, outcome)) = in_flight.next(), if !in_flight.is_empty() => match outcome {
                Outcome::Delivered | Outcome::DeliveredInPart { .. } => {
                    done.push(topic);
                    delivered.fetch_add(1, Ordering::SeqCst);
                }
                Outcome::Later { .. } => due.push_back(topic),
                Outcome::Never { why } | Outcome::Gone { why } => panic!("{why}"),
            },
            changed = state.changed() => changed.expect("the link exists"),
        }
    }
    (done, attempts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_broker_is_noticed_and_everything_arrives_after_it_thaws() {
    let mut broker = Broker::open();
    broker.start().await;
    let running = run(Settings { keep_alive: Duration::from_secs(5), ..settings(broker.port) });
    running.up().await;
    broker.signal("STOP").await;
    let frozen = event("frozen/1", "{}");
    let (outcome, ()) = tokio::join!(running.link.publish(&frozen), running.down("answers no ping"));
    assert_why(&outcome, false, "the connection was lost before the acknowledgement");
    broker.signal("CONT").await;
    assert!(running.up().await > 1);
    assert_eq!(running.link.publish(&frozen).await, Outcome::Delivered);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_at_the_start_gets_everything_later() {
    let mut broker = Broker::open();
    let running = run(settings(broker.port));
    running.down("connection refused").await;
    let message = event("early/1", "{}");
    let outcome = running.link.publish(&message).await;
    assert_why(&outcome, false, "publish early/1 at kitchen: no connection: connect to mqtt://127.0.0.1:");
    broker.start().await;
    running.up().await;
    assert_eq!(running.link.publish(&message).await, Outcome::Delivered);
    running.stop().await;
    assert!(received(&broker.log()).contains("early/1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn screens_see_birth_stop_and_will() {
    let mut broker = Broker::open();
    broker.start().await;
    let mut screen = broker.subscribe("screen", "eightysix/v1/bridge/#", &[]).await;
    let first = run(settings(broker.port));
    let birth = screen.next().await;
    assert_eq!((birth.topic.as_str(), birth.body.as_str()), ("eightysix/v1/bridge/state", r#"{"state":"online"}"#));
    let info = screen.next().await;
    assert_eq!((info.topic.as_str(), info.body.as_str()), ("eightysix/v1/bridge/info", INFO));
    first.up().await;
    // What is said of the process changes within the connection, and is said once.
    for newer in [r#"{"v":1,"brands":[]}"#, INFO] {
        first.link.inform(newer);
        first.link.inform(newer);
        assert_eq!(screen.next().await.body, newer);
    }
    first.stop().await;
    assert_eq!(screen.next().await.body, r#"{"state":"offline"}"#, "a clean stop says so itself");

    let mut second = run(settings(broker.port));
    assert_eq!(screen.next_of("eightysix/v1/bridge/state").await.body, r#"{"state":"online"}"#);
    second.up().await;
    // Like a crash: the socket closes without goodbye. Back within the will's delay of 10 s, nobody notices.
    second.tasks.shutdown().await;
    let mut third = run(settings(broker.port));
    assert_eq!(screen.next_of("eightysix/v1/bridge/state").await.body, r#"{"state":"online"}"#);
    third.up().await;
    third.tasks.shutdown().await;
    assert_eq!(screen.next_of("eightysix/v1/bridge/state").await.body, r#"{"state":"offline"}"#);
    let late = broker.subscribe("late", "eightysix/v1/bridge/state", &[]).await.next().await;
    assert_eq!((late.body.as_str(), late.retained), (r#"{"state":"offline"}"#, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_expiry_and_large_bodies_arrive() {
    let mut broker = Broker::open();
    broker.start().await;
    let mut screen = broker.subscribe("screen", "eightysix/v1/sahil/#", &[]).await;
    let running = run(settings(broker.port));
    running.up().await;
    let large = "ə".repeat(30 * 1024);
    let message = MqttMessage {
        expiry_s: Some(900),
        content_type: Some("application/cloudevents+json".to_owned()),
        properties: vec![("id".into(), "n1".into()), ("type".into(), "dev.eightysix.product.stopped.v1".into())],
        ..event("eightysix/v1/sahil/7/event", &large)
    };
    assert_eq!(running.link.publish(&message).await, Outcome::Delivered);
    let seen = screen.next().await;
    assert_eq!((seen.body.len(), seen.retained), (60 * 1024, false));
    assert_eq!(seen.body, large);
    assert_eq!(seen.properties["message-expiry-interval"], 900);
    assert_eq!(seen.properties["content-type"], "application/cloudevents+json");
    assert_eq!(seen.properties["user-properties"]["id"], "n1");
    assert_eq!(seen.properties["user-properties"]["type"], "dev.eightysix.product.stopped.v1");

    for (message, text) in [
        (event("eightysix/v1/sahil/7/event", &"x".repeat(257 * 1024)), "too large"),
        (event("eightysix/v1/+/7/event", "{}"), "holds no '+', '#'"),
        (event("eightysix/v1/sahil/\0", "{}"), "control character"),
        (event("", "{}"), "1 to 65535 bytes"),
    ] {
        assert_why(&running.link.publish(&message).await, true, text);
    }
    assert_eq!(running.up().await, 1, "none of them cost the connection");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_publish_is_given_up_and_harms_no_other() {
    let mut broker = Broker::with("allow_anonymous true\nacl_file {dir}/acl");
    std::fs::write(broker.dir().join("acl"), "topic readwrite eightysix/v1/#\n").expect("write the rules");
    broker.start().await;
    let running = run(settings(broker.port));
    running.up().await;
    assert_why(&running.link.publish(&event("other/1", "{}")).await, true, "refuses it (not authorized)");
    assert_eq!(running.link.publish(&event("eightysix/v1/sahil/7/event", "{}")).await, Outcome::Delivered);
    assert_eq!(running.up().await, 1);
    running.stop().await;

    // Announced in CONNACK: known before anything is sent.
    let mut broker = Broker::with("allow_anonymous true\nmax_packet_size 5000");
    broker.start().await;
    let running = run(settings(broker.port));
    running.up().await;
    assert_why(&running.link.publish(&event("a", &"x".repeat(5_000))).await, true, "the broker takes 5000");
    assert_eq!(running.link.publish(&event("a", &"x".repeat(4_900))).await, Outcome::Delivered);
    assert_eq!(running.up().await, 1);
    running.stop().await;

    // Not announced: learnt from the connection that it costs.
    let mut broker = Broker::with("allow_anonymous true\nmessage_size_limit 5000");
    broker.start().await;
    let running = run(settings(broker.port));
    let first = running.up().await;
    let large = event("a", &"x".repeat(5_001));
    assert_why(&running.link.publish(&large).await, false, "the connection was lost");
    let mut state = running.link.state();
    let again = state.wait_for(|state| matches!(state, LinkState::Up { session } if *session > first));
    timeout(PATIENCE, again).await.expect("up again").expect("the link exists");
    assert_why(&running.link.publish(&large).await, true, "at most 5000 are taken");
    assert_eq!(running.link.publish(&event("a", &"x".repeat(5_000))).await, Outcome::Delivered);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_with_one_client_id_are_told_so() {
    let mut broker = Broker::open();
    broker.start().await;
    let first = run(settings(broker.port));
    first.up().await;
    let second = run(settings(broker.port));
    first.down("if that repeats, another client uses the client id 'eightysix-test'").await;
    second.stop().await;
    first.up().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_converges_over_restarts_and_clears_what_an_earlier_run_left() {
    let mut broker = Broker::open();
    broker.start().await;
    let mut running = run(settings(broker.port));
    running.up().await;
    let left = MqttMessage { retain: true, ..event("eightysix/v1/sahil/7/product/12", "{}") };
    assert_eq!(running.link.publish(&left).await, Outcome::Delivered);

    let mut screen = broker.subscribe("screen", "eightysix/v1/sahil/#", &["-R"]).await;
    let (desired, seen_by_feed) = watch::channel(Desired::default());
    let stored = Arc::new(std::sync::Mutex::new(BTreeSet::from([Topic::from(left.topic.as_str())])));
    let ledger = stored.lock().expect("no panic").clone();
    let (writes, changes) = mpsc::channel(4);
    running.tasks.spawn(feed::run(running.link.clone(), seen_by_feed, ledger, writes, running.cancel.clone()));
    running.tasks.spawn(store(changes, Arc::clone(&stored)));

    // Nothing is known yet: nothing is said, and nothing is cleared before the first state of the picture.
    assert_eq!(running.link.publish(&event("eightysix/v1/sahil/marker", "{}")).await, Outcome::Delivered);
    assert_eq!(screen.next().await.topic, "eightysix/v1/sahil/marker");
    let status = "eightysix/v1/sahil/7/status";
    let stop = "eightysix/v1/sahil/7/stop";
    let product = "eightysix/v1/sahil/7/product/54";
    replace(&desired, [(product, "54 out"), (stop, "54"), (status, "fresh")]);
    for (topic, body) in [(status, "fresh"), (stop, "54"), (product, "54 out"), (left.topic.as_str(), "")] {
        let seen = screen.next().await;
        assert_eq!((seen.topic.as_str(), seen.body.as_str()), (topic, body), "in this order");
    }
    replace(&desired, [(product, "54 out"), (stop, "54"), (status, "stale")]);
    let seen = screen.next().await;
    assert_eq!((seen.topic.as_str(), seen.body.as_str()), (status, "stale"), "only the difference");
    for (body, topic) in [("54 out again", product), ("fresh", status), ("stale", status)] {
        desired.send_modify(|desired| desired.put(topic.into(), state(body)));
        let seen = screen.next().await;
        assert_eq!((seen.topic.as_str(), seen.body.as_str()), (topic, body), "only what was edited");
    }
    eventually("the ledger equals the tree", || async {
        *stored.lock().expect("no panic") == BTreeSet::from([status, stop, product].map(Topic::from))
    })
    .await;

    // The broker forgets everything, the unchanged status too; in the meantime 54 is back and 60 is out.
    broker.end("KILL").await;
    running.down("").await;
    replace(&desired, [(stop, "54 60"), (status, "stale")]);
    let other = "eightysix/v1/sahil/7/product/60";
    replace(&desired, [(other, "60 out"), (stop, "60"), (status, "stale")]);
    broker.start().await;
    let wanted: BTreeMap<_, _> = [(status, "stale"), (stop, "60"), (other, "60 out")].into();
    eventually("the broker's tree equals the picture", || async {
        let mut late = broker.subscribe("late", "eightysix/v1/sahil/#", &["--retained-only", "-W", "1"]).await;
        let mut retained = BTreeMap::new();
        while let Some(seen) = late.next_if_any().await {
            retained.insert(seen.topic, seen.body);
        }
        retained.len() == wanted.len()
            && wanted.iter().all(|(topic, body)| retained.get(*topic).is_some_and(|b| b == body))
    })
    .await;
    eventually("the ledger equals the tree", || async {
        *stored.lock().expect("no panic") == wanted.keys().map(|topic| Topic::from(*topic)).collect()
    })
    .await;
    assert!(!broker.log().contains("54 60"), "no backlog");
    drop(desired);
    running.stop().await;
}

/// The service's part: stores changes in their order and says when they are durable; the first time it fails.
async fn store(mut changes: mpsc::Receiver<LedgerWrite>, stored: Arc<std::sync::Mutex<BTreeSet<Topic>>>) {
    drop(changes.recv().await);
    while let Some(LedgerWrite { changes, done }) = changes.recv().await {
        for change in changes {
            let mut stored = stored.lock().expect("no panic");
            match change {
                LedgerChange::Added(topic) => assert!(stored.insert(topic), "added once"),
                LedgerChange::Removed(topic) => assert!(stored.remove(&topic), "removed once"),
            }
        }
        // A feed that was stopped meanwhile does not wait any more.
        let _ = done.send(());
    }
}

/// What a person is told by `check --online`, for each way in which a broker cannot be used.
#[tokio::test(flavor = "multi_thread")]
async fn the_probe_says_why_a_broker_cannot_be_used() {
    let mut broker = Broker::with("allow_anonymous false\npassword_file {dir}/users\nacl_file {dir}/acl");
    let users = broker.dir().join("users");
    let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&users).args(["sahil", RIGHT]).status().await;
    assert!(made.expect("mosquitto_passwd must be installed (apt-get install mosquitto)").success());
    std::fs::write(broker.dir().join("acl"), "user sahil\ntopic readwrite eightysix/#\n").expect("write the rules");
    broker.start().await;
    let user = |password: &str| Settings {
        username: Some("sahil".to_owned()),
        password: Some(Secret::new(password)),
        ..settings(broker.port)
    };
    assert_eq!(link::probe(&user(RIGHT)).await, Ok(()));
    let at = |url: &str| Settings { url: url.parse().expect(url), ..settings(1) };
    let closed = format!("mqtt://127.0.0.1:{}", Broker::open().port);
    let cases = [
        (user(WRONG), "the broker refuses the user 'sahil' or its password (not authorized)"),
        (settings(broker.port), "the broker refuses a client without user name (not authorized)"),
        (
            Settings { base_topic: BaseTopic::new("other").expect("a level"), ..user(RIGHT) },
            "publish other/v1/bridge/check at mqtt://127.0.0.1",
        ),
        (at(&closed), "connection refused, nothing listens there"),
        (at("mqtts://no-such-host.invalid"), "no address is known for the host name"),
        (at(&format!("mqtts://127.0.0.1:{}", broker.port)), "tls failed"),
    ];
    for (settings, text) in cases {
        let told = link::probe(&settings).await.expect_err(text).to_string();
        assert!(told.contains(text) && told.contains(&settings.url.to_string()), "{told}");
        let secrets = [RIGHT, WRONG].map(str::to_owned);
        canary::assert_none("a reason", format!("{told} {settings:?}").as_bytes(), &secrets);
    }
}

/// Answers to CONNECT that a listener gives which is no MQTT 5 broker, or a moody one.
#[tokio::test(flavor = "multi_thread")]
async fn strange_answers_to_connect_are_told_in_words() {
    let cases: [(&[u8], &str); 8] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak mqtt 5"),
        (b"", "closed without an answer to CONNECT"),
        (&[0x20, 2, 0, 1], "mqtt 5"),
        (&[0x20, 3, 0, 0x84, 0], "does not speak mqtt 5 (unsupported protocol version)"),
        (&[0x20, 3, 0, 0x97, 0], "refuses the connection (quota exceeded)"),
        (&[0x20, 5, 0, 0, 2, 0x24, 0], "offers no QoS 1"),
        (&[0x20, 3, 0, 0, 0, 0xe0, 2, 0x8e, 0], "another client connected with the same client id"),
        (&[0x20, 3, 0, 0, 0, 0xe0, 2, 0x8b, 0], "lost: the broker ended it (server shutting down)"),
    ];
    for (answer, text) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let answering = async {
            let (mut socket, _) = listener.accept().await.expect("a client");
            let mut connect = [0; 512];
            assert!(socket.read(&mut connect).await.expect("CONNECT") > 0);
            socket.write_all(answer).await.expect("the answer");
        };
        let settings = settings(port);
        let (told, ()) = tokio::join!(link::probe(&settings), answering);
        let told = told.expect_err(text).to_string();
        assert!(told.contains(text), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_needs_a_known_authority_and_the_right_name() {
    let mut broker = Broker::with("allow_anonymous true\ncertfile {dir}/server.pem\nkeyfile {dir}/server.key");
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority -keyout ca.key -out ca.pem \
                  && openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr \
                  && printf 'subjectAltName=DNS:localhost' >server.ext \
                  && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                  -extfile server.ext -out server.pem";
    let made = Command::new("sh").args(["-c", script]).current_dir(broker.dir()).output().await.expect("sh");
    assert!(made.status.success(), "openssl must be installed: {}", String::from_utf8_lossy(&made.stderr));
    broker.start().await;
    let at = |url: &str, ca: Option<&str>| Settings {
        url: format!("{url}:{}", broker.port).parse().expect(url),
        ca_file: ca.map(|file| broker.dir().join(file)),
        ..settings(1)
    };
    assert_eq!(link::probe(&at("mqtts://localhost", Some("ca.pem"))).await, Ok(()));
    for (settings, text) in [
        (at("mqtts://localhost", None), "name the authority's certificate in ca_file"),
        (at("mqtts://127.0.0.1", Some("ca.pem")), "tls failed: its certificate is for localhost, not for 127.0.0.1"),
        (at("mqtts://localhost", Some("nowhere.pem")), "nowhere.pem: No such file"),
        (at("mqtts://localhost", Some("server.ext")), "there is no PEM certificate in it"),
        (at("mqtt://localhost", None), "closed without an answer to CONNECT; is it the TLS port (then write mqtts://)"),
    ] {
        let told = link::probe(&settings).await.expect_err(text).to_string();
        assert!(told.contains(text), "{told}");
    }
}
