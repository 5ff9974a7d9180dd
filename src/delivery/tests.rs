//! The worker against a real receiver, a real broker and a real database: what a stop, a reload, an age and an end do.
//!
//! Nothing here waits for time to pass but the worker's own grace at a stop.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::mosquitto::Broker;
use self::wait::PATIENCE;
use super::*;
use crate::alerts::notice::{Event, MqttMessage, NoticeId};
use crate::engine::Commit;
use crate::sinks::mqtt;
use crate::sinks::webhook;
use crate::units::{BrandId, Secret};
use crate::vitals::{LoopKind, Vitals};

#[path = "../../tests/support/mosquitto.rs"]
mod mosquitto;
#[path = "../../tests/support/wait.rs"]
mod wait;

fn promise() -> Promise {
    let kind = LoopKind::Delivery { receiver: ops().as_str().to_owned(), channel: "webhook" };
    Vitals::default().promise(kind, clock::uptime())
}

/// A receiver that answers when the test lets it: one permit of `gate` for each answer.
struct Hook {
    url: String,
    hits: mpsc::UnboundedReceiver<String>,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    hits: mpsc::UnboundedSender<String>,
    gate: Semaphore,
    status: AtomicU16,
}

impl Hook {
    async fn open(status: u16, answers: usize) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.expect("listen");
        let url = format!("http://{}/hook", socket.local_addr().expect("an address"));
        let (sender, hits) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { hits: sender, gate: Semaphore::new(answers), status: AtomicU16::new(status) });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(socket, router).await.expect("serve") });
        Self { url, hits, shared, _tasks: tasks }
    }

    fn way(&self) -> Way {
        let allowed = vec!["127.0.0.1".parse().expect("an address")];
        let settings = webhook::Settings {
            allow_private: allowed,
            time_max: PATIENCE,
            ..webhook::Settings::for_url(Secret::new(&self.url))
        };
        Way::Webhook(Arc::new(WebhookSink::new(&settings).expect("a sink")))
    }

    /// The id of the next notice that was posted.
    async fn hit(&mut self) -> String {
        timeout(PATIENCE, self.hits.recv()).await.expect("a request").expect("the hook runs")
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> StatusCode {
    let id = request.headers()["webhook-id"].to_str().expect("ASCII").to_owned();
    shared.hits.send(id).expect("the test listens");
    shared.gate.acquire().await.expect("the gate stays").forget();
    StatusCode::from_u16(shared.status.load(Ordering::Relaxed)).expect("a status")
}

struct Desk {
    dir: tempfile::TempDir,
    store: Store,
    told: mpsc::UnboundedReceiver<(String, Finish)>,
    report: Report,
}

impl Desk {
    async fn open() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        let (sender, told) = mpsc::unbounded_channel();
        let report: Report = Arc::new(move |notice: &Notice, finish: &Finish| {
            let _ = sender.send((notice.id.as_str().to_owned(), finish.clone()));
        });
        Self { dir, store, told, report }
    }

    async fn queue(&self, notices: Vec<Notice>) {
        let mut commit = Commit::default();
        commit.notices = notices;
        let brand = BrandId::new("sahil").expect("a brand");
        self.store.commit(&brand, &commit, clock::now()).await.expect("a commit");
    }

    async fn run(&self, statement: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.dir.path().join("db"));
        let raw = SqlitePool::connect_with(options).await.expect("the database opens");
        sqlx::query(statement).execute(&raw).await.expect("it runs");
        raw.close().await;
    }

    fn worker(&self, way: &Way) -> Worker {
        Worker::new(ops(), way.clone(), self.store.clone(), Arc::clone(&self.report), promise())
    }

    fn start(&self, way: &Way, tasks: &mut JoinSet<()>) -> CancellationToken {
        let cancel = CancellationToken::new();
        let (store, report) = (self.store.clone(), Arc::clone(&self.report));
        tasks.spawn(run(ops(), way.clone(), store, Arc::new(Notify::new()), report, promise(), cancel.clone()));
        cancel
    }

    /// As a new process does.
    async fn restart(self) -> Self {
        self.store.close().await;
        let Self { dir, store, told, report } = self;
        drop(store);
        let store = Store::open(&dir.path().join("db")).await.expect("the store again");
        Self { dir, store, told, report }
    }

    async fn due(&self, channel: Channel) -> Option<Timestamp> {
        let waiting = self.store.waiting(&ops(), channel, 1, clock::now()).await.expect("a look");
        waiting.first().map(|queued| queued.due)
    }

    async fn told(&mut self) -> (String, Finish) {
        timeout(PATIENCE, self.told.recv()).await.expect("a finish").expect("the worker reports")
    }
}

fn ops() -> ReceiverName {
    ReceiverName::new("ops")
}

fn notice(id: &str, at: Timestamp, content: Content) -> Notice {
    Notice { id: NoticeId::from_stored(id), receiver: ops(), at, content, summary: format!("notice {id}") }
}

fn event(id: &str) -> Notice {
    notice(id, clock::now(), Content::Webhook(Event { body: "{}".to_owned() }))
}

fn ring(id: &str, age: Duration) -> Notice {
    let message = MqttMessage {
        topic: "eightysix/v1/sahil/7/event".to_owned(),
        body: "{}".to_owned(),
        retain: false,
        expiry_s: Some(600),
        content_type: None,
        properties: Vec::new(),
    };
    notice(id, clock::now().minus(age), Content::Mqtt(message))
}

fn link(port: u16) -> Link {
    let url = format!("mqtt://127.0.0.1:{port}").parse().expect("an address");
    Link::new(mqtt::Settings::at("bar", url, "delivery-test"), "{}".to_owned())
}

async fn joined(tasks: &mut JoinSet<()>) {
    timeout(PATIENCE, tasks.join_next()).await.expect("the worker ends").expect("a worker").expect("without a panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_the_answer_and_tells_nothing_twice() {
    let (mut hook, desk) = (Hook::open(204, 0).await, Desk::open().await);
    desk.queue(vec![event("first"), event("second")]).await;
    let mut tasks = JoinSet::new();
    let cancel = desk.start(&hook.way(), &mut tasks);
    assert_eq!(hook.hit().await, "first");
    cancel.cancel();
    hook.shared.gate.add_permits(2);
    joined(&mut tasks).await;

    let desk = desk.restart().await;
    let cancel = desk.start(&hook.way(), &mut tasks);
    assert_eq!(hook.hit().await, "second", "the first was delivered, and that was noted");
    cancel.cancel();
    joined(&mut tasks).await;
    assert_eq!(desk.due(Channel::Webhook).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_at_a_stop_is_an_attempt_with_an_unknown_end() {
    let (mut hook, mut desk) = (Hook::open(204, 0).await, Desk::open().await);
    desk.queue(vec![event("first")]).await;
    let mut tasks = JoinSet::new();
    let cancel = desk.start(&hook.way(), &mut tasks);
    assert_eq!(hook.hit().await, "first");
    cancel.cancel();
    joined(&mut tasks).await;
    let due = desk.due(Channel::Webhook).await.expect("it waits");
    assert!(due <= clock::now().plus(Duration::from_secs(10)), "it is tried again soon: {due}");
    let (_, finish) = desk.told().await;
    assert!(matches!(&finish, Finish::Retry { why, .. } if why.contains("not known")), "{finish:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_when_the_stop_came_stays_unsent_and_is_no_attempt() {
    let (mut hook, desk) = (Hook::open(204, 1).await, Desk::open().await);
    desk.queue(vec![event("first")]).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    desk.worker(&hook.way()).round(&cancel).await;
    assert!(hook.hits.try_recv().is_err(), "nothing is sent after a stop");
    let waiting = desk.store.waiting(&ops(), Channel::Webhook, 1, clock::now()).await.expect("a look");
    assert_eq!(waiting.iter().map(|queued| queued.attempts).collect::<Vec<_>>(), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_while_the_store_failed_is_noted_later_and_not_sent_again() {
    let (mut hook, mut desk) = (Hook::open(204, 2).await, Desk::open().await);
    desk.queue(vec![event("first"), event("second")]).await;
    let (mut worker, cancel) = (desk.worker(&hook.way()), CancellationToken::new());
    desk.run(REFUSE).await;
    for _ in 0..2 {
        assert!(matches!(worker.round(&cancel).await, Next::Wait(STORE_FAILED_WAIT)));
    }
    assert_eq!(hook.hit().await, "first");
    assert!(hook.hits.try_recv().is_err(), "it arrived, and nothing follows before that is stored");
    desk.run("DROP TRIGGER full").await;
    for _ in 0..2 {
        assert!(matches!(worker.round(&cancel).await, Next::Look));
    }
    assert_eq!(desk.told().await, ("first".to_owned(), Finish::Delivered { but: None }));
    assert_eq!((hook.hit().await, desk.told().await.0), ("second".to_owned(), "second".to_owned()));
    assert_eq!(desk.due(Channel::Webhook).await, None);
}

const REFUSE: &str = "CREATE TRIGGER full BEFORE UPDATE ON outbox BEGIN SELECT RAISE(FAIL, 'disk full'); END";

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_stores_what_could_not_be_stored_before() {
    let (mut hook, desk) = (Hook::open(204, 2).await, Desk::open().await);
    desk.queue(vec![event("first")]).await;
    desk.run(REFUSE).await;
    let (mut worker, cancel) = (desk.worker(&hook.way()), CancellationToken::new());
    assert!(matches!(worker.round(&cancel).await, Next::Wait(STORE_FAILED_WAIT)));
    assert_eq!(hook.hit().await, "first");
    worker.try_last().await;
    assert_eq!(worker.ended.len(), 1, "the store still fails");
    desk.run("DROP TRIGGER full").await;
    worker.try_last().await;
    assert_eq!(desk.due(Channel::Webhook).await, None, "it is not told again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_while_the_store_fails_is_asked_once() {
    let (mut hook, desk) = (Hook::open(410, 9).await, Desk::open().await);
    desk.queue(vec![event("first"), event("second")]).await;
    desk.run(REFUSE).await;
    let (mut worker, cancel) = (desk.worker(&hook.way()), CancellationToken::new());
    assert!(matches!(worker.round(&cancel).await, Next::Wait(STORE_FAILED_WAIT)));
    desk.run("DROP TRIGGER full").await;
    assert!(matches!(worker.round(&cancel).await, Next::End));
    assert_eq!(hook.hit().await, "first");
    assert!(hook.hits.try_recv().is_err(), "the second is not tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_is_noted_while_its_broker_is_away() {
    let (mut broker, desk) = (Broker::open(), Desk::open().await);
    broker.start().await;
    desk.queue(vec![ring("arrived", Duration::ZERO)]).await;
    desk.run(REFUSE).await;
    let (link, stop) = (link(broker.port), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let (running, ended) = (link.clone(), stop.clone());
    tasks.spawn(async move { running.run(ended).await });
    let mut state = link.state();
    timeout(PATIENCE, state.wait_for(|state| matches!(state, LinkState::Up { .. })))
        .await
        .expect("up")
        .expect("it runs");
    let (mut worker, cancel) = (desk.worker(&Way::Mqtt(link)), CancellationToken::new());
    assert!(matches!(worker.round(&cancel).await, Next::Wait(STORE_FAILED_WAIT)));
    stop.cancel();
    joined(&mut tasks).await;
    desk.run("DROP TRIGGER full").await;
    let wake = Arc::new(Notify::new());
    let (stopped, done) = (cancel.clone(), Arc::clone(&wake));
    let mut workers = JoinSet::new();
    workers.spawn(async move { work(&mut worker, &done, &stopped).await });
    wait::eventually("it is noted", || async { desk.due(Channel::Mqtt).await.is_none() }).await;
    cancel.cancel();
    joined(&mut workers).await;
}

#[test]
fn what_is_not_due_holds_those_behind_it() {
    let now = clock::now();
    let queued = |row: i64, due_in_s: i64| Queued {
        row,
        notice: event(&row.to_string()),
        attempts: 0,
        queued_at: now,
        due: Timestamp::from_unix_ms(now.unix_ms() + 1_000 * due_in_s),
    };
    for (due_in_s, expected) in [
        (vec![], Err(LOOK_EVERY)),
        (vec![0, -5, 0], Ok(vec![0, 1, 2])),
        (vec![0, 0, 9, 0], Ok(vec![0, 1])),
        (vec![9, 0], Err(Duration::from_secs(9))),
        (vec![3_600], Err(LOOK_EVERY)),
    ] {
        let waiting = (0..).zip(&due_in_s).map(|(row, due_in_s)| queued(row, *due_in_s)).collect();
        let due = turn(waiting, now).map(|due| due.iter().map(|queued| queued.row).collect::<Vec<_>>());
        assert_eq!(due, expected, "{due_in_s:?}");
    }
    let just_not = Queued { due: now.plus(Duration::from_millis(1)), ..queued(0, 0) };
    assert_eq!(turn(vec![just_not], now), Err(LOOK_AGAIN_MIN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_asked_once() {
    let (mut hook, mut desk) = (Hook::open(410, 9).await, Desk::open().await);
    desk.queue(vec![event("first"), event("second")]).await;
    let next = desk.worker(&hook.way()).round(&CancellationToken::new()).await;
    assert!(matches!(next, Next::End), "{next:?}");
    assert_eq!(hook.hit().await, "first");
    let (id, finish) = desk.told().await;
    assert!(id == "first" && matches!(&finish, Finish::Dead { why } if why.contains("410")), "{id}: {finish:?}");
    assert!(desk.due(Channel::Webhook).await.is_some_and(|due| due <= clock::now()), "the second waits");

    // The next configuration tries again; a worker that ended by itself would be taken for broken.
    let mut tasks = JoinSet::new();
    let cancel = desk.start(&hook.way(), &mut tasks);
    assert_eq!((hook.hit().await, desk.told().await.0), ("second".to_owned(), "second".to_owned()));
    desk.queue(vec![event("third")]).await;
    tokio::task::yield_now().await;
    assert!(tasks.try_join_next().is_none(), "it waits for its end");
    cancel.cancel();
    joined(&mut tasks).await;
    assert!(hook.hits.try_recv().is_err(), "the third is not tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_old_is_not_told() {
    let mut desk = Desk::open().await;
    desk.queue(vec![ring("old", Duration::from_mins(11)), ring("older", Duration::from_hours(2))]).await;
    // The link is not even connected: nothing is sent.
    let mut worker = desk.worker(&Way::Mqtt(link(9)));
    worker.round(&CancellationToken::new()).await;
    assert_eq!(desk.due(Channel::Mqtt).await, None);
    assert_eq!(desk.store.dead_letters().await.expect("a list"), [], "that is no failure");
    for expected in ["old", "older"] {
        let (id, finish) = desk.told().await;
        assert!(id == expected && matches!(&finish, Finish::Expired { .. }), "{id}: {finish:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waited_lives_only_as_long_as_it_would_have() {
    let (mut broker, mut desk) = (Broker::open(), Desk::open().await);
    broker.start().await;
    let mut screen = broker.subscribe("screen", "eightysix/v1/sahil/#", &[]).await;
    desk.queue(vec![ring("waited", Duration::from_mins(6))]).await;
    let (link, stop) = (link(broker.port), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let (running, ended) = (link.clone(), stop.clone());
    tasks.spawn(async move { running.run(ended).await });
    let mut workers = JoinSet::new();
    let cancel = desk.start(&Way::Mqtt(link), &mut workers);
    assert_eq!(desk.told().await, ("waited".to_owned(), Finish::Delivered { but: None }));
    let expiry_s = screen.next().await.properties["message-expiry-interval"].as_u64().expect("an expiry");
    assert!((150..=240).contains(&expiry_s), "4 of 10 minutes are left, less what this machine needed: {expiry_s} s");
    cancel.cancel();
    joined(&mut workers).await;
    stop.cancel();
    joined(&mut tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_said_once() {
    let desk = Desk::open().await;
    let mut worker = desk.worker(&Way::Mqtt(link(9)));
    desk.store.close().await;
    let cancel = CancellationToken::new();
    assert!(matches!(worker.round(&cancel).await, Next::Wait(STORE_FAILED_WAIT)));
    assert!(matches!(worker.round(&cancel).await, Next::Wait(STORE_FAILED_WAIT)));
    let (what, text) =
        ("the store", "cannot look for notices that wait: attempted to acquire a connection on a closed pool");
    assert_eq!(worker.failures.failed(what, text), telemetry::Repeat::Again { times: 2 });
}
