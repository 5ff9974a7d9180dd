//! The real binary as a process of its own, with a folder, a broker and a webhook receiver; and what the system says of
//! it: memory, descriptors, threads, time of the processor.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use eightysix::store::Store;
use eightysix::units::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::canary;
use crate::chain::{Awaited, Chain, SECRET, Turned};

/// What the service is told to do.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The rules.
    pub(crate) rules: &'a str,
    /// The section `polling`, in braces.
    pub(crate) polling: &'a str,
}

/// As a chain has it: walks now and then, and two rules.
pub(crate) const AS_USUAL: Setup<'static> =
    Setup { rules: RULES, polling: "{ fastest: 1s, oldest: 60s, catalog: 15m, prices: 1h }" };

const RULES: &str = r#"
rules:
  - name: sold-out
    when:
      limit: { at_most: 0 }
      product.type: [DISH, GOODS, MODIFICATION]
      station.status: active
    for: 0s
    clear_for: 0s
    severity: critical
    notify: [kitchen, ops]
    message: "{{ item.name }} is out at {{ station.name }}"
    resolved_message: "{{ item.name }} is back on at {{ station.name }}"
  - name: low
    when: { low: true, product.status: active, station.status: active }
    for: 20s
    severity: warning
    notify: [kitchen]
    message: "{{ item.name }}: {{ item.limit }} left"
"#;
/// `whsec_` and base64 of 32 bytes; it signs for nobody else.
const HOOK_SECRET: &str = "whsec_c29hay1zb2FrLXNvYWstc29hay1zb2FrLXNvYWs=";
const HOOK_KEY: &str = "soak-soak-soak-soak-soak-soak";
/// What every token of the simulator begins with: `{"alg":"HS256","typ":"JWT"}`.
const TOKEN_BEGINNING: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Everybody who is told, shared with their threads.
pub(crate) type Told = Arc<Mutex<Awaited>>;

/// The service and those around it.
pub(crate) struct Watched {
    service: Child,
    chain: SocketAddr,
    broker: Child,
    screen: Child,
    threads: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    folder: TempDir,
    web: u16,
}

/// What the system says of the service's process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) rss_kb: u64,
    /// All but the connections to the chain.
    pub(crate) descriptors: u64,
    /// Connections to the chain. They are kept for a while, so that their number tells of the last hiccup of the machine.
    pub(crate) connections: u64,
    pub(crate) threads: u64,
    /// Time of the processor so far, in hundredths of a second.
    pub(crate) cpu_cs: u64,
}

impl Watched {
    /// Starts everybody; the service watches the chain from here on.
    pub(crate) fn start(binary: &Path, folder: TempDir, chain: &Chain, told: &Told, setup: Setup<'_>) -> Self {
        let stop = CancellationToken::new();
        let ((broker, port), web) = (start_broker(folder.path()), free_port());
        let (hook, hook_thread) = serve_hook(Arc::clone(told), stop.clone());
        let (screen, screen_thread) = start_screen(port, Arc::clone(told));
        write(folder.path(), "secret", SECRET);
        write(folder.path(), "hook", HOOK_SECRET);
        write(folder.path(), "rules.yaml", setup.rules);
        write(folder.path(), "eightysix.yaml", &configuration(chain, (port, web), hook, setup.polling));
        let service = start_service(binary, folder.path());
        let threads = vec![hook_thread, screen_thread];
        Self { service, chain: chain.address, broker, screen, threads, stop, folder, web }
    }

    /// Returns where the service listens for browsers.
    pub(crate) fn web(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.web))
    }

    /// Reads what the system says; `None` when the service has ended.
    pub(crate) fn usage(&mut self) -> Option<Usage> {
        if self.service.try_wait().expect("its status").is_some() {
            return None;
        }
        let usage = usage_of(self.service.id())?;
        let connections = self.connections(&format!("/proc/{}", self.service.id()))?;
        Some(Usage { descriptors: usage.descriptors.saturating_sub(connections), connections, ..usage })
    }

    /// Counts the service's sockets whose other end is the chain.
    fn connections(&self, process: &str) -> Option<u64> {
        let port = format!(":{:04X}", self.chain.port());
        let table = fs::read_to_string(format!("{process}/net/tcp")).ok()?;
        // Of a line, the third word is the other end and the tenth the number that /proc/../fd shows; 0 is nobody's any more.
        let of_chain: BTreeSet<String> = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| words.len() > 9 && words[2].ends_with(&port) && words[9] != "0")
            .map(|words| format!("socket:[{}]", words[9]))
            .collect();
        let is_of_chain = |entry: &fs::DirEntry| {
            fs::read_link(entry.path()).is_ok_and(|link| of_chain.contains(link.to_string_lossy().as_ref()))
        };
        u64::try_from(fs::read_dir(format!("{process}/fd")).ok()?.flatten().filter(is_of_chain).count()).ok()
    }

    /// Opens the service's database beside it.
    pub(crate) async fn store(&self) -> Option<Store> {
        Store::open_beside(&self.folder.path().join("eightysix.db")).await.ok()
    }

    /// Searches the log, the database and all else that the service left in its folder for its secrets.
    pub(crate) fn assert_no_secret(&self) {
        let secrets = [SECRET, HOOK_SECRET, HOOK_KEY, TOKEN_BEGINNING].map(str::to_owned);
        canary::assert_none_below(self.folder.path(), &["secret", "hook"], &secrets);
    }

    /// Returns what the service had to complain about.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Children that have ended already are not missed; their pipes end with them, and so do the threads.
        for child in [&mut self.service, &mut self.screen, &mut self.broker] {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Reads what the system says of a process; every descriptor is its own, and no connection is counted.
pub(crate) fn usage_of(process: u32) -> Option<Usage> {
    let process = format!("/proc/{process}");
    let status = fs::read_to_string(format!("{process}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let stat = fs::read_to_string(format!("{process}/stat")).ok()?;
    // The name in brackets may hold anything; after it, the 12th and 13th are user and system time.
    let times: Vec<u64> =
        stat.rsplit(')').next()?.split_whitespace().skip(11).take(2).filter_map(|time| time.parse().ok()).collect();
    Some(Usage {
        rss_kb: field("VmRSS:")?,
        descriptors: u64::try_from(fs::read_dir(format!("{process}/fd")).ok()?.count()).ok()?,
        connections: 0,
        threads: field("Threads:")?,
        cpu_cs: times.iter().sum(),
    })
}

fn start_service(binary: &Path, folder: &Path) -> Child {
    let log = File::create(folder.join("log")).expect("a log file");
    let both = log.try_clone().expect("a second handle");
    Command::new(binary)
        .args(["run", "--config", "eightysix.yaml", "--log", "warn"])
        .current_dir(folder)
        // As in deploy/eightysix.service.
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(both)
        .spawn()
        .expect("the binary starts")
}

fn configuration(chain: &Chain, (broker, web): (u16, u16), hook: SocketAddr, polling: &str) -> String {
    let brand = |name: String| {
        format!(
            "    - {{ brand: {name}, client_id: {name}, client_secret: {{ file: secret }}, requests_per_minute: 290 }}\n"
        )
    };
    let brands: String = chain.size.names().map(brand).collect();
    format!(
        r#"locale: {{ timezone: Asia/Baku, currency: AZN }}
clopos:
  base_url: http://{address}/open-api/v2
  integrator_id: int-demo
  brands:
{brands}polling: {polling}
mqtt:
  screens: {{ url: "mqtt://127.0.0.1:{broker}" }}
feed: [screens]
receivers:
  kitchen: {{ mqtt: {{ broker: screens }} }}
  ops:
    webhook: {{ url: "http://{hook}/hook", secrets: [{{ file: hook }}], allow_private: [127.0.0.1] }}
rules: [rules.yaml]
http: {{ listen: "127.0.0.1:{web}" }}
"#,
        address = chain.address
    )
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("write a file of the soak");
}

/// Starts a mosquitto that logs nothing: the harness of the tests logs every message, gigabytes here.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port()
}

fn start_broker(folder: &Path) -> (Child, u16) {
    let port = free_port();
    let lines = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nuser root\nlog_type error\n"
    );
    write(folder, "mosquitto.conf", &lines);
    let child = Command::new("/usr/sbin/mosquitto")
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto must be installed (tests/run packages)");
    crate::wait::until("mosquitto listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    (child, port)
}

/// Starts a screen that hears every event, and how fresh the first brand's lists are.
fn start_screen(port: u16, told: Told) -> (Child, JoinHandle<()>) {
    let mut screen = Command::new("/usr/bin/mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", "5"])
        .args(["-t", "eightysix/v1/+/+/event", "-t", "eightysix/v1/b001/+/status"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto_sub must be installed (tests/run packages)");
    let lines = BufReader::new(screen.stdout.take().expect("piped"));
    (screen, std::thread::spawn(move || hear(lines, &told)))
}

fn hear(lines: BufReader<ChildStdout>, told: &Told) {
    for line in lines.lines() {
        let Ok(line) = line else { return };
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turned) = turned(&message) {
            told.screen_told(&turned);
        }
        let as_of = message["as_of"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        if let Some(as_of) = as_of.filter(|_| message["state"] == "fresh") {
            told.status_told(as_of);
        }
    }
}

/// Serves a webhook receiver that takes everything.
fn serve_hook(told: Told, stop: CancellationToken) -> (SocketAddr, JoinHandle<()>) {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.set_nonblocking(true).expect("a non-blocking socket");
    let address = socket.local_addr().expect("an address");
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let socket = tokio::net::TcpListener::from_std(socket).expect("a socket for tokio");
            let router = Router::new().fallback(take).with_state(told);
            tokio::select! {
                served = axum::serve(socket, router) => served.expect("the receiver serves"),
                () = stop.cancelled() => {}
            }
        });
    });
    (address, thread)
}

async fn take(State(told): State<Told>, body: String) -> StatusCode {
    if let Some(turned) = serde_json::from_str(&body).ok().as_ref().and_then(turned) {
        told.lock().unwrap_or_else(PoisonError::into_inner).hook_told(&turned);
    }
    StatusCode::NO_CONTENT
}

/// Reads an event of a rule that tells of a dish that ran out or came back.
fn turned(event: &Value) -> Option<Turned> {
    let is_out = match event["type"].as_str()? {
        "dev.eightysix.alert.opened.v1" => true,
        "dev.eightysix.alert.closed.v1" => false,
        _ => return None,
    };
    Some(Turned { subject: event["subject"].as_str()?.to_owned(), is_out })
}
