//! Whether the job is done, as machines ask: /livez and /readyz, the heartbeat, the watchdog and the status of systemd.

use std::cell::Cell;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::embedded::free_port;
use crate::stage::Stage;
use crate::wait;
use crate::webhook::{Answer, Receiver};

/// What the address of the heartbeat holds, which nobody may see.
const BEAT_TOKEN: &str = "canary-of-the-heartbeat-7c1d";

/// The web side of a service, as a machine on the same host reaches it.
pub(crate) struct Web {
    client: Client,
    port: u16,
}

impl Web {
    /// Has the service of a stage listen for machines.
    pub(crate) fn of(stage: &Stage) -> Self {
        let port = free_port();
        stage.edit("eightysix.yaml", "listen: \"127.0.0.1:0\"", &format!("listen: \"127.0.0.1:{port}\""));
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(Duration::from_secs(30)).build();
        Self { client: client.expect("a client"), port }
    }

    /// Asks for a path; status, type and text, or `None` while nobody listens.
    pub(crate) async fn get(&self, path: &str, accept: &str) -> Option<(u16, String, String)> {
        let request = self.client.get(format!("http://127.0.0.1:{}{path}", self.port)).header("accept", accept);
        let answer = request.send().await.ok()?;
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().expect("a type").to_owned());
        Some((answer.status().as_u16(), kind.unwrap_or_default(), answer.text().await.expect("a text")))
    }

    /// What /readyz says.
    async fn ready(&self) -> Option<(u16, Value)> {
        let (status, _, text) = self.get("/readyz", "*/*").await?;
        Some((status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))))
    }

    pub(crate) async fn until_ready(&self, is_ready: bool) -> Value {
        let last = Cell::new(Value::Null);
        let last_said = &last;
        wait::eventually(&format!("ready is {is_ready}"), || async move {
            let Some((status, said)) = self.ready().await else { return false };
            assert_eq!(status == 200, said["ready"] == true, "{said}");
            last_said.set(said);
            (status == 200) == is_ready
        })
        .await;
        last.into_inner()
    }
}

/// The checks of an answer that do not hold.
fn failing(said: &Value) -> Vec<String> {
    let checks = said["checks"].as_array().expect("checks").iter();
    checks
        .filter(|check| check["ok"] == false)
        .map(|check| check["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// systemd's side of the socket, read all the time as systemd does: who sends waits when ten messages lie there.
struct Systemd {
    heard: Arc<Mutex<Vec<String>>>,
}

impl Systemd {
    fn open(stage: &Stage) -> Self {
        let socket = UnixDatagram::bind(stage.path("notify.socket")).expect("a socket");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::downgrade(&heard);
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
        // The thread ends with the story: it looks every 100 ms whether somebody still wants to know.
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Some(heard) = kept.upgrade() {
                if let Ok(length) = socket.recv(&mut bytes) {
                    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                    heard.lock().expect("the lines").extend(text.lines().map(str::to_owned));
                }
            }
        });
        Self { heard }
    }

    /// Every line so far.
    fn lines(&self) -> Vec<String> {
        self.heard.lock().expect("the lines").clone()
    }

    fn beats(&self) -> usize {
        self.lines().iter().filter(|line| *line == "WATCHDOG=1").count()
    }

    fn hears_beats(&self, more: usize) {
        let before = self.beats();
        wait::until("the watchdog is fed", || (self.beats() >= before + more).then_some(()));
    }

    fn hears_status(&self, part: &str) {
        wait::until(&format!("a status with {part}"), || {
            self.lines().iter().any(|line| line.starts_with("STATUS=") && line.contains(part)).then_some(())
        });
    }
}

#[tokio::test]
async fn it_is_ready_while_it_reads_and_only_then_the_heartbeat_goes_out() {
    let stage = Stage::open(2).await;
    let web = Web::of(&stage);
    let watcher = Receiver::start(vec![Answer::status(500)]);
    let address = watcher.url().replace("/hook", &format!("/{BEAT_TOKEN}?status=up"));
    stage.write("secrets/heartbeat", &format!("{address}\n"));
    stage.append("eightysix.yaml", "heartbeat: { url: { file: secrets/heartbeat }, every: 10s }\n");
    let systemd = Systemd::open(&stage);
    let socket = stage.path("notify.socket");
    let variables = [("NOTIFY_SOCKET", socket.as_path()), ("WATCHDOG_USEC", Path::new("1000000"))];
    let service = stage.start_with(&["--log", "trace"], &variables);

    let said = web.until_ready(true).await;
    assert_eq!(failing(&said), Vec::<String>::new(), "{said}");
    assert_eq!(said["checks"].as_array().map(Vec::len), Some(4), "{said}");
    assert_eq!(said["checks"][0]["says"], "1 of 1 brands are read as planned");
    assert!(!said.to_string().contains("sahil"), "no names: {said}");
    assert_eq!(
        web.get("/livez", "*/*").await.map(|(status, _, text)| (status, text)),
        Some((200, "alive\n".to_owned()))
    );
    systemd.hears_beats(3);
    // The first one is refused and said once; those after it arrive.
    let hits = watcher.wait_for(2);
    assert!(hits.iter().all(|hit| hit.method == "GET" && hit.path == format!("/{BEAT_TOKEN}?status=up")), "{hits:?}");
    service.says("heartbeats arrive at 127.0.0.1 again");

    // A receiver that is down is told elsewhere, and makes nothing unready.
    for _ in 0..20 {
        stage.hooks.answer(Answer::status(503));
    }
    stage.pos.limit(102, 0);
    service.says("not told yet: ");
    web.until_ready(true).await;

    stage.pos.act(&json!({ "fault": { "fault": "reset", "for_ms": 600_000 } }));
    let said = web.until_ready(false).await;
    assert_eq!(failing(&said), ["brands"], "{said}");
    assert_eq!(
        said["checks"][0]["says"],
        "0 of 1 brands are read as planned, 1 with lists that are older than planned"
    );
    systemd.hears_status("; not ready: 0 of 1 brands are read as planned");
    // Another start would not mend it: the watchdog is fed on, and the process answers.
    systemd.hears_beats(5);
    assert_eq!(web.get("/livez", "*/*").await.map(|(status, ..)| status), Some(200));
    let before = watcher.count();
    wait::while_a_fault_lasts(Duration::from_secs(12)).await;
    assert_eq!(watcher.count(), before, "no heartbeat while nothing is read");

    stage.pos.act(&json!({ "clear_faults": {} }));
    web.until_ready(true).await;
    watcher.wait_for(before + 1);
    for line in ["ready: every brand is read as planned", "not ready: 0 of 1 brands are read as planned"] {
        assert!(service.story().contains(line), "{}", service.story());
    }
    assert!(service.end("TERM").success());
    stage.close_despite(&["no heartbeat arrives", "not told yet", "Clopos cannot be read just now"]);
}

/// What another start may mend is left to the watchdog: it is told nothing more, and systemd starts the service again.
#[tokio::test]
async fn the_watchdog_is_fed_no_more_while_the_store_takes_no_writes() {
    let stage = Stage::open(1).await;
    let systemd = Systemd::open(&stage);
    let socket = stage.path("notify.socket");
    let variables = [("NOTIFY_SOCKET", socket.as_path()), ("WATCHDOG_USEC", Path::new("1000000"))];
    let service = stage.start_with(&[], &variables);
    systemd.hears_beats(3);

    let mut other = SqliteConnectOptions::new().filename(stage.path("eightysix.db")).connect().await.expect("a store");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("a lock");
    systemd.hears_status("the database takes no writes");
    // It looks on meanwhile, and a beat comes before the word of a status.
    let before = systemd.beats();
    wait::while_a_fault_lasts(Duration::from_secs(15)).await;
    assert_eq!(systemd.beats(), before, "{:?}", systemd.lines());

    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocked");
    systemd.hears_beats(3);
    assert!(service.end("TERM").success());
    stage.close_despite(&[
        "the database cannot be used: ",
        "nothing is taken in until the store works: ",
        "delivery waits for the store: ",
    ]);
}

#[tokio::test]
async fn without_a_watchdog_systemd_hears_no_beats_and_a_refused_brand_is_not_ready() {
    let stage = Stage::open(1).await;
    let web = Web::of(&stage);
    stage.write("secrets/client", "another-secret-than-that-of-clopos");
    let systemd = Systemd::open(&stage);
    let socket = stage.path("notify.socket");
    let service = stage.start_with(&[], &[("NOTIFY_SOCKET", socket.as_path())]);
    systemd.hears_status("1 refused by Clopos, which a person must mend");
    let said = web.until_ready(false).await;
    assert_eq!(failing(&said), ["brands"], "{said}");
    assert_eq!(systemd.beats(), 0);
    assert!(service.end("TERM").success());
    stage.close_despite(&["Clopos refuses the credentials"]);
}

#[tokio::test]
async fn who_has_no_token_sees_counts_and_whoever_may_read_the_metrics() {
    const TOKEN: &str = "canary-of-the-scraper-5b2e";
    let stage = Stage::open(1).await;
    let web = Web::of(&stage);
    stage.write("secrets/scraper", TOKEN);
    let listen = format!("listen: \"127.0.0.1:{}\"", web.port);
    let tokens = "tokens: { scraper: { may: read, token: { file: secrets/scraper } } }";
    stage.edit("eightysix.yaml", &listen, &format!("{listen}, {tokens}"));
    let service = stage.start_with_baseline();
    web.until_ready(true).await;
    for (path, token, expected) in [
        ("/livez", None, 200),
        ("/readyz", None, 200),
        ("/metrics", None, 401),
        ("/metrics", Some("another-token-than-that"), 401),
        ("/metrics", Some(TOKEN), 200),
    ] {
        let request = web.client.get(format!("http://127.0.0.1:{}{path}", web.port));
        let request = token.iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        assert_eq!(request.send().await.expect("an answer").status().as_u16(), expected, "{path} {token:?}");
    }
    assert!(service.end("TERM").success());
    stage.close();
}
