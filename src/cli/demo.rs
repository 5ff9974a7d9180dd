//! `eightysix demo`: a simulated chain behind HTTP, and the real service watching it exactly as it watches Clopos.
//!
//! Everything lives in one folder: the configuration that was used, the rules, the database and the mails. The only
//! thing that differs from a real installation is that time in the restaurants runs faster, and the waits with it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::alerts::notice::{Channel, Notice};
use crate::cli::output::{coloured, say, say_json, show_report};
use crate::cli::{DemoArguments, Failure};
use crate::clock;
use crate::config::Config;
use crate::delivery::worker::Report;
use crate::service::{self, Running, Surroundings, pulse};
use crate::simulator::deeds::Happening;
use crate::simulator::plan::{DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_INTEGRATOR, WorldPlan};
use crate::simulator::server::{self, Door};
use crate::simulator::service::{DEMO_SPEED, Service};
use crate::simulator::world::World;
use crate::store::Finish;
use crate::units::{BrandId, Zone, human_duration, parse_duration, printable};

/// The service begins this long after the start, so that the first reading is a calm one.
const PROLOGUE: Duration = Duration::from_secs(2);
/// Where browsers find the screens' feed, unless told otherwise.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8686);
/// Where screens find the broker, unless another program has it.
const MQTT_PORT: u16 = 1883;
/// The shipped rules, as they are.
const RULES: [(&str, &str); 2] = [
    ("kitchen.yaml", include_str!("../../rules/kitchen.yaml")),
    ("operations.yaml", include_str!("../../rules/operations.yaml")),
];

/// Plays until Ctrl-C or the given time.
pub(super) async fn demo(arguments: DemoArguments) -> Result<(), Failure> {
    let place = Place::prepare(&arguments).await?;
    let config = Config::load(&place.folder.join("eightysix.yaml")).map_err(|report| {
        show_report(&report);
        Failure::Wrong
    })?;
    let stage = Arc::new(Stage::new(arguments.json, &config));
    let stop = CancellationToken::new();
    let Place { folder, world, clopos } = place;
    let simulator = server::serve(Arc::clone(&world), clopos, Door::Closed, stop.clone());
    let (_ask_reload, reload) = mpsc::channel(1);
    let (curtain, mut raised) = watch::channel(None);
    let surroundings = Surroundings {
        config_path: None,
        reload,
        report: stage.report(),
        pulse: Box::new(|_| {}),
        pulse_every: pulse::EVERY,
        ready: Box::new(move |running| drop(curtain.send_replace(Some(running.clone())))),
        stop: stop.clone(),
    };
    let director = async {
        // The sender goes unused only when the service ended, which says itself why.
        let Ok(running) = raised.wait_for(Option::is_some).await.map(|running| running.clone()) else { return Ok(()) };
        introduce(&arguments, &folder, running.as_ref());
        direct(&arguments, Arc::clone(&world), Arc::clone(&stage), stop.clone()).await
    };
    let ending = end(arguments.end_after, stop.clone());
    let watching = async {
        let served = service::run(config, surroundings).await;
        // A play that nobody watches must not go on as if all were well.
        stop.cancel();
        served
    };
    let (served, simulated, (), directed) = tokio::join!(watching, simulator, ending, director);
    served?;
    simulated.context("answer as Clopos")?;
    directed?;
    conclude(&arguments, &stage, &world, &folder);
    Ok(())
}

/// Where the demo keeps its files and listens.
struct Place {
    folder: PathBuf,
    world: Arc<Mutex<World>>,
    clopos: tokio::net::TcpListener,
}

impl Place {
    async fn prepare(arguments: &DemoArguments) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("eightysix-demo-{}", std::process::id()));
        let rules = folder.join("rules");
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| {
                    format!("empty the folder {}; set TMPDIR to a folder where this user may write", folder.display())
                });
            }
            Ok(()) | Err(_) => {}
        }
        // For its owner alone, and made here: a folder that others have put into the shared one for temporary files
        // would be an error.
        let private = |path: &Path| std::fs::DirBuilder::new().mode(0o700).create(path);
        private(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
        private(&rules).with_context(|| format!("make the folder {}", rules.display()))?;
        let clopos =
            tokio::net::TcpListener::bind((IpAddr::from([127, 0, 0, 1]), 0)).await.context("listen as Clopos")?;
        // What was asked for must be free; what was not may move.
        let web = match arguments.listen {
            Some(wanted) => {
                TcpListener::bind(wanted).with_context(|| format!("listen on {wanted}, as --listen says"))?;
                wanted
            }
            None => unless_taken(LISTEN_DEFAULT)?,
        };
        let screens = if web.port() == 0 { web } else { unless_taken(SocketAddr::new(web.ip(), MQTT_PORT))? };
        let yaml = configuration(clopos.local_addr().context("listen as Clopos")?, web, screens);
        write(&folder.join("eightysix.yaml"), &yaml)?;
        write(&folder.join("clopos-secret"), DEMO_CLIENT_SECRET)?;
        for (name, text) in RULES {
            write(&rules.join(name), &hurried(text, DEMO_SPEED))?;
        }
        let world = World::new(&WorldPlan::demo(arguments.seed, arguments.venues), clock::now());
        Ok(Self { folder, world: Arc::new(Mutex::new(world)), clopos })
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// Returns the address, or that of any free port when another program has it.
///
/// The port is drawn where it is listened on, since a port that was drawn and let go again can be another's by then.
fn unless_taken(wanted: SocketAddr) -> anyhow::Result<SocketAddr> {
    match TcpListener::bind(wanted) {
        Ok(_) => Ok(wanted),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(SocketAddr::new(wanted.ip(), 0)),
        Err(error) => Err(error).with_context(|| format!("listen on {wanted}")),
    }
}

fn configuration(clopos: SocketAddr, web: SocketAddr, screens: SocketAddr) -> String {
    // Beyond this machine it must be stated that everybody may read; simulated stop lists are no secret.
    let anonymous = if screens.ip().is_loopback() { "" } else { ", anonymous: true" };
    format!(
        "# The configuration of this demo. A real one differs in base_url, credentials, brokers and mail servers.
locale: {{ timezone: Asia/Baku, currency: AZN, business_day_starts: \"04:00\" }}
clopos:
  base_url: http://{clopos}/open-api/v2
  integrator_id: {DEMO_INTEGRATOR}
  brands:
    - {{ brand: {DEMO_BRAND}, client_id: {DEMO_CLIENT_ID}, client_secret: {{ file: clopos-secret }}, venues: all, requests_per_minute: 290 }}
polling: {{ fastest: 1500ms, oldest: 60s, catalog: 6s, prices: 10s }}
store: sqlite:eightysix.db
mqtt:
  screens: {{ listen: \"{screens}\"{anonymous} }}
smtp:
  folder: {{ url: \"folder:mails\", from: \"86 <alerts@eightysix.example>\" }}
feed: [screens]
receivers:
  kitchen: {{ mqtt: {{ broker: screens }} }}
  managers: {{ email: {{ smtp: folder, to: [manager@sahil.example] }}, group_wait: 2s }}
  office: {{ email: {{ smtp: folder, to: [office@sahil.example] }}, group_wait: 2s }}
  ops: {{ email: {{ smtp: folder, to: [ops@sahil.example] }}, group_wait: 2s }}
rules: [rules/*.yaml]
http: {{ listen: \"{web}\" }}
"
    )
}

/// Divides every duration of a rule file by the speed of the restaurants' time; comments stay as they are.
fn hurried(rules: &str, speed: u32) -> String {
    let mut text = String::with_capacity(rules.len());
    for line in rules.split_inclusive('\n') {
        let code = line.find(" #").unwrap_or(line.len());
        let is_comment = line.trim_start().starts_with('#');
        let (code, comment) = if is_comment { ("", line) } else { line.split_at(code) };
        let mut word = String::new();
        for c in code.chars() {
            if c.is_ascii_alphanumeric() || c == '_' {
                word.push(c);
            } else {
                text.push_str(&hurried_word(&word, speed));
                text.push(c);
                word.clear();
            }
        }
        text.push_str(&hurried_word(&word, speed));
        text.push_str(comment);
    }
    text
}

fn hurried_word(word: &str, speed: u32) -> String {
    let is_duration =
        word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(|c: char| c.is_ascii_alphabetic());
    match parse_duration(word) {
        Ok(duration) if is_duration => format!("{}ms", (duration / speed).as_millis()),
        Ok(_) | Err(_) => word.to_owned(),
    }
}

/// What is shown, and what is counted for the summary.
struct Stage {
    as_json: bool,
    zone: Zone,
    happenings: AtomicU64,
    mails: AtomicU64,
    rings: AtomicU64,
    failures: AtomicU64,
}

impl Stage {
    fn new(as_json: bool, config: &Config) -> Self {
        Self {
            as_json,
            zone: config.locale.timezone.clone(),
            happenings: AtomicU64::new(0),
            mails: AtomicU64::new(0),
            rings: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    fn happened(&self, happening: &Happening) {
        self.happenings.fetch_add(1, Ordering::Relaxed);
        if self.as_json {
            let mut object = serde_json::to_value(happening).unwrap_or_default();
            object["what"] = json!("pos");
            say_json(&object);
        } else {
            self.line("pos", "33", &happening.text);
        }
    }

    fn report(self: &Arc<Self>) -> Report {
        let stage = Arc::clone(self);
        Arc::new(move |notice, finish| stage.told(notice, finish))
    }

    fn told(&self, notice: &Notice, finish: &Finish) {
        let channel = notice.content.channel();
        let is_delivered = matches!(finish, Finish::Delivered { .. });
        let counter = match (is_delivered, channel) {
            (false, _) => &self.failures,
            (true, Channel::Email) => &self.mails,
            (true, Channel::Mqtt | Channel::Webhook) => &self.rings,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if self.as_json {
            say_json(&json!({
                "what": "told", "at_ms": notice.at.unix_ms(), "receiver": notice.receiver.as_str(),
                "channel": channel.word(), "delivered": is_delivered, "notice": notice.id.as_str(), "summary": notice.summary,
            }));
            return;
        }
        match (finish, channel) {
            (Finish::Delivered { .. }, Channel::Email) => {
                self.line("mail", "36", &format!("to {}: {}", notice.receiver, notice.summary));
            }
            (Finish::Delivered { .. }, Channel::Mqtt | Channel::Webhook) => self.line("mqtt", "32", &notice.summary),
            (Finish::Retry { why, .. } | Finish::Dead { why } | Finish::Expired { why }, _) => {
                self.line("fail", "31", &format!("to {}: {why}", notice.receiver));
            }
        }
    }

    fn line(&self, kind: &str, colour: &str, text: &str) {
        let time = clock::now().in_zone(&self.zone).strftime("%H:%M:%S").to_string();
        say(&format!("{time}  {}  {}", coloured(&format!("{kind:4}"), colour), printable(text, 160)));
    }
}

/// Plays the scripted service on the world, from the moment it is watched until the end.
async fn direct(
    arguments: &DemoArguments,
    world: Arc<Mutex<World>>,
    stage: Arc<Stage>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let brand = BrandId::new(DEMO_BRAND).map_err(anyhow::Error::msg)?;
    let start = clock::now().plus(PROLOGUE);
    let mut service = {
        let world = world.lock().unwrap_or_else(PoisonError::into_inner);
        Service::new(arguments.seed, &world, &brand, DEMO_SPEED, start).map_err(anyhow::Error::new)?
    };
    while let Some(at) = service.next_at() {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(at.since(clock::now())) => {}
        }
        let happenings = service.due(&mut world.lock().unwrap_or_else(PoisonError::into_inner), clock::now());
        for happening in &happenings {
            stage.happened(happening);
        }
    }
    Ok(())
}

/// Ends the demo on Ctrl-C, SIGTERM or when its time is over.
async fn end(after: Option<Duration>, stop: CancellationToken) {
    let time_is_over = async {
        match after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_over => {}
        () = terminated => {}
        // A handler that cannot be installed leaves Ctrl-C to the system, which ends the process.
        result = tokio::signal::ctrl_c() => if result.is_err() { std::future::pending::<()>().await },
        () = stop.cancelled() => {}
    }
    stop.cancel();
}

/// Returns an address by which this machine reaches what listens on every address.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = if listening.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listening.ip() };
    SocketAddr::new(ip, listening.port())
}

fn introduce(arguments: &DemoArguments, folder: &Path, running: Option<&Running>) {
    let screens = running.and_then(|running| running.screens);
    let web = running.map(|running| reachable(running.web));
    let websocket = web.zip(screens).map(|(web, _)| format!("ws://{web}/mqtt"));
    let [boards, managers] = ["board", "now"].map(|page| web.as_ref().map(|web| format!("http://{web}/{page}")));
    if arguments.json {
        say_json(&json!({
            "what": "start", "seed": arguments.seed, "venues": arguments.venues, "folder": folder,
            "mqtt": screens.map(|screens| format!("mqtt://{screens}")), "websocket": websocket, "boards": boards, "managers": managers,
        }));
        return;
    }
    let venues = if arguments.venues == 1 { "1 venue".to_owned() } else { format!("{} venues", arguments.venues) };
    say(&format!(
        "eightysix watches {venues} of a simulated chain; a minute there is a second here (seed {})",
        arguments.seed
    ));
    say(&format!("  mails       {}", folder.join("mails").display()));
    if let Some(screens) = screens {
        say(&format!("  screens     mosquitto_sub -h {} -p {} -v -t 'eightysix/#'", screens.ip(), screens.port()));
    }
    if let Some(boards) = boards {
        say(&format!("  boards      {boards}"));
    }
    if let Some(managers) = managers {
        say(&format!("  managers    {managers}"));
    }
    say(&format!("  configured  {}", folder.join("eightysix.yaml").display()));
    let end =
        arguments.end_after.map_or_else(|| "until Ctrl-C".to_owned(), |after| format!("for {}", human_duration(after)));
    say(&format!("  playing     {end}; pos = what happens in the restaurants, mqtt and mail = who is told\n"));
}

fn conclude(arguments: &DemoArguments, stage: &Stage, world: &Mutex<World>, folder: &Path) {
    let counters = world.lock().unwrap_or_else(PoisonError::into_inner).log().counters.clone();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (happenings, mails, rings, failures) =
        (count(&stage.happenings), count(&stage.mails), count(&stage.rings), count(&stage.failures));
    let caused = counters.refused.total();
    if arguments.json {
        say_json(&json!({
            "what": "summary", "happenings": happenings, "mails": mails, "mqtt_events": rings, "failed_attempts": failures,
            "requests": counters.requests, "faults_survived": counters.faults, "caused_429": caused,
            "mails_in": folder.join("mails"),
        }));
        return;
    }
    say(&format!(
        "\n{happenings} things happened; {mails} mails and {rings} MQTT events told of them, {failures} attempts failed"
    ));
    say(&format!(
        "{} requests to the POS, {} of them answered with a fault, {caused} over the rate limit",
        counters.requests, counters.faults
    ));
    say(&format!("the mails stay in {}", folder.join("mails").display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_hurried_and_comments_are_not() {
        let text = "  for: 20s # a slip within 20s\n  when: { was_out_for: { at_least: 10m } }\n# 1m\n  limit: 0\n";
        let hurried = hurried(text, 60);
        let expected =
            "  for: 333ms # a slip within 20s\n  when: { was_out_for: { at_least: 10000ms } }\n# 1m\n  limit: 0\n";
        assert_eq!(hurried, expected);
    }
}
