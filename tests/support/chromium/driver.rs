//! A chromedriver with one headless Chromium, spoken to by the WebDriver protocol; both end with the test.
//!
//! Knows nothing of pages but the protocol. Invariant: when the driver is dropped, or the test's process dies in whatever
//! way, no process of the browser is left: the group kills itself when its standard input closes.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::wait;

/// Browsers at once in a test binary: each of them keeps a core busy while it starts and draws.
static BROWSERS: Semaphore = Semaphore::const_new(2);

/// Above [`wait::PATIENCE`], which bounds what a page is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// Runs chromedriver in a group of its own until standard input ends; then the group goes, the shell with it.
const KEEP: &str = "chromedriver --port=0 & read -r _; kill -KILL 0";

const FLAGS: [&str; 12] = [
    "--headless=new",
    // Tests run as root, in containers.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    // Nothing of its own goes out, and nothing of it asks.
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Its reporter would leave the group.
    "--disable-crash-reporter",
    "--disable-breakpad",
    // The browser ends when the driver does.
    "--remote-debugging-pipe",
];

/// Why a command was not done, in the words of WebDriver.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) error: String,
    pub(super) message: String,
}

/// A running browser.
pub(super) struct Driver {
    client: Client,
    session: String,
    keeper: Child,
    /// Profile, home and log; removed after the processes that write there.
    folder: TempDir,
    _permit: SemaphorePermit<'static>,
}

impl Driver {
    /// Starts a browser with a profile of its own, when fewer than [`BROWSERS`] run.
    pub(super) async fn start() -> Self {
        let permit = BROWSERS.acquire().await.expect("never closed");
        let folder = TempDir::new().expect("a folder");
        let log = folder.path().join("chromedriver.log");
        let output = File::create(&log).expect("a log");
        let keeper = Command::new("sh")
            .args(["-c", KEEP])
            .env("HOME", folder.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stderr(output.try_clone().expect("a second handle"))
            .stdout(output)
            .spawn()
            .expect("sh");
        // From here on it is ended by its drop, also when something below fails.
        let mut driver = Self { client: client(), session: String::new(), keeper, folder, _permit: permit };
        let said = wait::soon(async || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            (port_in(&said).is_some() || said.contains("not found")).then_some(said)
        });
        let said = said.await.unwrap_or_default();
        let port = port_in(&said)
            .unwrap_or_else(|| panic!("chromium and chromium-driver must be installed (tests/run packages): {said}"));
        let profile = format!("--user-data-dir={}", driver.profile().display());
        let arguments: Vec<&str> = FLAGS.into_iter().chain([profile.as_str()]).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
            "timeouts": { "script": 60_000, "pageLoad": 60_000 },
        } } });
        driver.session = format!("http://127.0.0.1:{port}/session");
        let session = driver.ask(Method::POST, "", &wanted).await;
        let session = session.unwrap_or_else(|refused| panic!("Chromium does not start: {refused:?}"));
        driver.session += "/";
        driver.session += session["sessionId"].as_str().expect("a session");
        driver
    }

    /// Its profile, which every process of it has among its arguments.
    pub(super) fn profile(&self) -> PathBuf {
        self.folder.path().join("profile")
    }

    /// Sends a command, by its path below the session, and returns its value.
    pub(super) async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value, Refused> {
        let request = self.client.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::POST {
            request.header("content-type", "application/json").body(body.to_string())
        } else {
            request
        };
        let answer = request.send().await.unwrap_or_else(|error| panic!("chromedriver answers {path}: {error:?}"));
        let is_done = answer.status().is_success();
        let text = answer.text().await.expect("an answer of chromedriver");
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let value = &answer["value"];
        if is_done {
            return Ok(value.clone());
        }
        let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Err(Refused { error: word("error"), message: word("message") })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Its end closes the profile's files before the folder goes.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn client() -> Client {
    // Another test of this process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(ANSWER_MAX).build().expect("a client")
}

/// Reads the port that chromedriver took: `.. started successfully on port 36279.`
fn port_in(said: &str) -> Option<u16> {
    let line = said.lines().find_map(|line| line.split("successfully on port ").nth(1))?;
    line.trim_end_matches('.').parse().ok()
}
