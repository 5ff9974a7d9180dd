//! Everything a story needs around the binary: Clopos, a broker, a mail server, a webhook receiver and a folder with the
//! configuration, all of its own.
//!
//! Whatever the binary printed or kept is searched for secrets when a story ends.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::canary;
use crate::machines::CONTRACT;
use crate::mosquitto::Broker;
use crate::pos::Pos;
use crate::process::{self, Ended, Service};
use crate::screen::{Screen, kind};
use crate::smtp::{MailServer, Offer, PASSWORD, ReceivedMail, USERNAME};
use crate::webhook::{Hit, Receiver};

/// What the brand logs in with.
pub(crate) const CLIENT_SECRET: &str = "canary-of-the-client-1f6c";
const MQTT_PASSWORD: &str = "canary-of-the-broker-82ad";
const HOOK_TOKEN: &str = "canary-of-the-header-3b0e";
/// `whsec_` and the base64 of [`HOOK_KEY`].
const HOOK_SECRET: &str = "whsec_Y2FuYXJ5LW9mLXRoZS13ZWJob29rLTVkOTA=";
const HOOK_KEY_TEXT: &str = "canary-of-the-webhook-5d90";
pub(crate) const HOOK_KEY: &[u8] = HOOK_KEY_TEXT.as_bytes();
/// What every token of the simulator begins with: `{"alg":"HS256","typ":"JWT"}`.
const TOKEN_BEGINNING: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// The secrets of every story; whatever a process shows is searched for them.
pub(crate) const CANARIES: [&str; 7] =
    [CLIENT_SECRET, MQTT_PASSWORD, HOOK_TOKEN, HOOK_SECRET, HOOK_KEY_TEXT, PASSWORD, TOKEN_BEGINNING];

const CONFIGURATION: &str = r#"
locale: { timezone: Asia/Baku, currency: AZN }
clopos:
  base_url: http://{clopos}/open-api/v2
  integrator_id: int-demo
  brands:
    - { brand: sahil, client_id: sahil-client, client_secret: { file: secrets/client }, requests_per_minute: 290 }
polling: { fastest: 1s, oldest: 60s, catalog: 5s, prices: 5s }
mqtt:
  kitchen: { url: "mqtt://127.0.0.1:{mqtt}", username: eightysix, password: { file: secrets/mqtt } }
smtp:
  main:
    url: "smtps://127.0.0.1:{smtp}"
    username: {username}
    password: { file: secrets/smtp }
    ca_file: {ca}
    from: "86 <alerts@example.com>"
feed: [kitchen]
receivers:
  kitchen: { mqtt: { broker: kitchen } }
  managers: { email: { smtp: main, to: [manager@example.com] }, group_wait: 200ms, at_most: unlimited }
  ops:
    webhook:
      url: {hook}
      secrets: [{ file: secrets/hook }]
      headers: { Authorization: { file: secrets/token } }
      allow_private: [127.0.0.1]
rules: [rules.yaml]
http: { listen: "127.0.0.1:0" }
"#;

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
    notify: [kitchen, managers, ops]
    message: "{{ item.name }} is out at {{ station.name }}"
    resolved_message: "{{ item.name }} is back on at {{ station.name }}"
"#;

/// The surroundings of one story.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) pos: Pos,
    pub(crate) broker: Broker,
    pub(crate) mail: MailServer,
    pub(crate) hooks: Receiver,
    logs: AtomicUsize,
}

impl Stage {
    /// Starts everything but the binary.
    pub(crate) async fn open(venues: u64) -> Self {
        let pos = Pos::open(venues);
        let mut broker = Broker::open();
        broker.start().await;
        let mail = MailServer::start(Offer::Tls);
        let hooks = Receiver::start(Vec::new());
        let folder = TempDir::new().expect("a folder");
        let stage = Self { folder, pos, broker, mail, hooks, logs: AtomicUsize::new(0) };
        let parts = [
            ("client", CLIENT_SECRET),
            ("mqtt", MQTT_PASSWORD),
            ("smtp", PASSWORD),
            ("hook", HOOK_SECRET),
            ("token", HOOK_TOKEN),
        ];
        fs::create_dir(stage.path("secrets")).expect("a folder");
        for (name, secret) in parts {
            // As editors leave it, with a line break at the end.
            stage.write(&format!("secrets/{name}"), &format!("{secret}\n"));
        }
        let configuration = CONFIGURATION
            .replace("{clopos}", &stage.pos.address.to_string())
            .replace("{mqtt}", &stage.broker.port.to_string())
            .replace("{smtp}", &stage.mail.port().to_string())
            .replace("{username}", USERNAME)
            .replace("{ca}", &stage.mail.ca_file().display().to_string())
            .replace("{hook}", &stage.hooks.url());
        stage.write("eightysix.yaml", &configuration);
        stage.write("rules.yaml", RULES);
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("write a file of the story");
    }

    /// Replaces a passage of a file, which must be there.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).expect("a file of the story");
        assert!(text.contains(from), "{name} does not contain {from}:\n{text}");
        self.write(name, &text.replace(from, to));
    }

    /// Adds lines to a file.
    pub(crate) fn append(&self, name: &str, lines: &str) {
        let text = fs::read_to_string(self.path(name)).expect("a file of the story");
        self.write(name, &format!("{text}{lines}"));
    }

    /// Returns the binary with these arguments, ready to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eightysix"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("PATH", "/usr/bin:/bin");
        command
    }

    fn next_log(&self) -> PathBuf {
        self.path(&format!("log-{}", self.logs.fetch_add(1, Ordering::Relaxed)))
    }

    /// Starts the service, logging all that it can say of itself.
    pub(crate) fn start(&self) -> Service {
        self.start_with(&["--log", "trace"], &[])
    }

    pub(crate) fn start_with(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> Service {
        let mut command = self.command(&["run", "--config", "eightysix.yaml"]);
        command.args(arguments).envs(variables.iter().copied());
        Service::start(command, &self.next_log())
    }

    /// Runs a command of the binary to its end.
    pub(crate) fn eightysix(&self, arguments: &[&str]) -> Ended {
        process::run(self.command(arguments), &self.next_log())
    }

    /// Switches a screen on.
    pub(crate) async fn screen(&self, id: &str) -> Screen {
        Screen::before(&self.broker, id).await
    }

    /// Puts product 105 at 0, starts the service and waits until it has taken everything in: the summary tells of 105.
    pub(crate) fn start_with_baseline(&self) -> Service {
        self.pos.limit(105, 0);
        let service = self.start();
        self.mail.wait_for(1);
        self.hooks.wait_for(1);
        service
    }

    /// The distinct mails, by their ids: one that came twice is recognised by its reader's program.
    pub(crate) fn distinct_mails(&self) -> Vec<ReceivedMail> {
        let mut known = BTreeSet::new();
        self.mail.received().into_iter().filter(|mail| known.insert(mail.message_id.clone())).collect()
    }

    /// The distinct events of the webhook, by their ids, each signed; a repetition has the same bytes.
    pub(crate) fn distinct_events(&self) -> Vec<Value> {
        let mut known: Vec<Hit> = Vec::new();
        for hit in self.hooks.hits() {
            assert!(hit.is_signed_with(HOOK_KEY), "not signed: {hit:?}");
            match known.iter().find(|known| known.header("webhook-id") == hit.header("webhook-id")) {
                Some(known) => assert_eq!(known.body, hit.body, "the same id with another body"),
                None => known.push(hit),
            }
        }
        known.iter().map(|hit| serde_json::from_str(&hit.body).expect("JSON")).collect()
    }

    /// The kinds of the webhook's distinct events about a product.
    pub(crate) fn told(&self, product: u64) -> Vec<String> {
        let events = self.distinct_events();
        events.iter().filter(|event| event["data"]["item"]["id"] == product).map(kind).collect()
    }

    /// Ends a story in which nothing went wrong: nobody was warned of anything.
    pub(crate) fn close(self) {
        self.close_despite(&[]);
    }

    /// Ends a story in which these warnings and errors were to be expected, by a part of their lines, and no others.
    ///
    /// Nothing that was printed or kept holds a secret, and Clopos never had to refuse a request as one too many.
    pub(crate) fn close_despite(self, expected: &[&str]) {
        assert_eq!(self.pos.refused_as_too_many(), 0, "requests over the limits");
        for number in 0..self.logs.load(Ordering::Relaxed) {
            // A command's outputs are the story's own matter; only a service has a log.
            let log = fs::read(self.path(&format!("log-{number}"))).unwrap_or_default();
            for line in String::from_utf8_lossy(&log).lines().filter(|line| is_warning(line)) {
                assert!(expected.iter().any(|text| line.contains(text)), "not expected: {line}");
            }
        }
    }

    /// Every secret that there is in the story: those that everybody has, and those in its folder of secrets.
    fn secrets(&self) -> Vec<String> {
        let files = fs::read_dir(self.path("secrets")).expect("the folder").flatten();
        let kept = files.filter_map(|file| fs::read_to_string(file.path()).ok()).map(|text| text.trim().to_owned());
        kept.chain(CANARIES.map(str::to_owned)).collect()
    }
}

/// Whatever was printed, kept, mailed or posted is searched for every secret, in every story, however it ends; and whatever
/// was posted must be as the contract says.
impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let secrets = self.secrets();
        canary::assert_none_below(self.folder.path(), &["secrets"], &secrets);
        for mail in self.mail.received() {
            canary::assert_none("a mail", mail.sent.as_bytes(), &secrets);
        }
        for hit in self.hooks.hits() {
            canary::assert_none("a webhook", hit.body.as_bytes(), &secrets);
            let event: Option<Value> = serde_json::from_str(&hit.body).ok();
            assert_eq!(event.and_then(|event| CONTRACT.told_of_event(&event)), None, "{}", hit.body);
        }
    }
}

fn is_warning(line: &str) -> bool {
    [" WARN ", " ERROR ", "\"WARN\"", "\"ERROR\"", "panicked"].iter().any(|word| line.contains(word))
}

/// Panics when bytes hold one of the secrets of the stories, in any form.
pub(crate) fn assert_no_canary(what: &str, bytes: &[u8]) {
    canary::assert_none(what, bytes, &CANARIES.map(str::to_owned));
}

/// Panics when what a process has printed holds one of the secrets of the stories. Called whenever a process ends, also
/// at the end of a story that does not look itself; a story that fails already has its own words.
pub(crate) fn assert_silent(output: &Path) {
    // A device such as /dev/full holds nothing, and is read without end.
    if !std::thread::panicking() && output.is_file() {
        assert_no_canary(&output.display().to_string(), &fs::read(output).unwrap_or_default());
    }
}
