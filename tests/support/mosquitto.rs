//! A real mosquitto of a test's own: private port, configuration and log; killed, frozen and started again at will.
//!
//! Panics, and so fails the test, when mosquitto or its clients are not installed.
#![allow(dead_code, reason = "each test crate includes the harness and uses its part of it")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::wait::{PATIENCE, eventually};

/// A broker, running or not.
pub(crate) struct Broker {
    pub(crate) port: u16,
    dir: TempDir,
    child: Option<Child>,
}

impl Broker {
    /// Prepares a broker that allows everybody in and keeps nothing on disk.
    pub(crate) fn open() -> Self {
        Self::with("allow_anonymous true")
    }

    /// Prepares a broker with more lines of configuration; `{dir}` in them is its folder.
    pub(crate) fn with(lines: &str) -> Self {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let dir = TempDir::new().expect("a folder");
        let path = dir.path().display().to_string();
        let mut config = String::new();
        // As root, mosquitto would become another user, who cannot enter the folder.
        writeln!(config, "listener {port} 127.0.0.1\npersistence false\nuser root").expect("a string");
        writeln!(config, "log_dest file {path}/log\nlog_type all\nconnection_messages true").expect("a string");
        writeln!(config, "{}", lines.replace("{dir}", &path)).expect("a string");
        std::fs::write(dir.path().join("mosquitto.conf"), config).expect("write the configuration");
        Self { port, dir, child: None }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn start(&mut self) {
        let child = Command::new("/usr/sbin/mosquitto")
            .arg("-c")
            .arg(self.dir.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("mosquitto must be installed (apt-get install mosquitto)");
        self.child = Some(child);
        let port = self.port;
        eventually("mosquitto listens", || async move { TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await;
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.as_ref().and_then(Child::id).expect("the broker runs");
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {id}")).status().await.expect("sh");
        assert!(sent.success(), "kill -{name}");
    }

    /// Ends the broker by `KILL` or `TERM`, and waits until it is gone.
    pub(crate) async fn end(&mut self, signal: &str) {
        self.signal(signal).await;
        let mut child = self.child.take().expect("the broker runs");
        timeout(PATIENCE, child.wait()).await.expect("the broker ends").expect("its status");
    }

    /// Everything it logged, over all its lives.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.dir.path().join("log")).expect("the broker's log");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Starts a `mosquitto_sub` and waits until its subscription holds.
    pub(crate) async fn subscribe(&self, id: &str, topic: &str, more: &[&str]) -> Subscriber {
        let before = self.log().matches(&format!("Sending SUBACK to {id}")).count();
        let mut child = Command::new("/usr/bin/mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", "5", "-q", "1", "-F", "%j"])
            .args(["-i", id, "-t", topic])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("mosquitto_sub must be installed (apt-get install mosquitto-clients)");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        eventually("the subscription holds", || async {
            self.log().matches(&format!("Sending SUBACK to {id}")).count() > before
        })
        .await;
        Subscriber { lines, _child: child }
    }
}

/// What a `mosquitto_sub` prints, one message at a time.
pub(crate) struct Subscriber {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

/// A message as `mosquitto_sub -F %j` prints it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) topic: String,
    /// Empty when a retained topic was cleared.
    pub(crate) body: String,
    pub(crate) retained: bool,
    pub(crate) properties: serde_json::Value,
}

impl Subscriber {
    /// Waits for the next message.
    pub(crate) async fn next(&mut self) -> Seen {
        self.next_if_any().await.expect("mosquitto_sub is still there")
    }

    /// Waits for the next message, or for the end of a `mosquitto_sub` that ends by itself (`-W`).
    pub(crate) async fn next_if_any(&mut self) -> Option<Seen> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a message in time");
        let line = line.expect("readable output")?;
        let json: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        Some(Seen {
            topic: json["topic"].as_str().expect("a topic").to_owned(),
            body: json["payload"].as_str().unwrap_or_default().to_owned(),
            retained: json["retain"] == 1,
            properties: json["properties"].clone(),
        })
    }

    /// Waits for the next message of a topic, passing over others.
    pub(crate) async fn next_of(&mut self, topic: &str) -> Seen {
        loop {
            let seen = self.next().await;
            if seen.topic == topic {
                return seen;
            }
        }
    }
}
