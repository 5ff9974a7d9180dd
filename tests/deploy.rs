//! What an operator installs from `deploy/` is tried here: a real mosquitto runs on the shipped files, the compose file,
//! the image and the unit name only what exists and fit each other.
//!
//! The shipped files are used as they are; only paths and the port are replaced, and each replacement must find its
//! place. Nothing listens outside of 127.0.0.1.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

#[path = "support/canary.rs"]
mod canary;

/// Longer than anything here takes on a busy machine; reaching it fails the test.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What every credential begins with.
const CANARY: &str = "canary-of-the-credentials-2e6b";
const USERS: [&str; 3] = ["eightysix", "screen", "screen-tandir"];

fn shipped(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&shipped(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old} is not in the shipped file");
    text.replace(old, new)
}

/// A mosquitto on the shipped files, in a directory that outlives it.
struct Broker {
    child: Child,
    port: u16,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself, which is what these calls are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Broker {
    /// Starts it; another process may take the free port first, so it tries a few.
    fn start(dir: &Path) -> Self {
        let mut log = String::new();
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
            match Self::start_on(dir, port) {
                Ok(broker) => return broker,
                Err(said) => log = said,
            }
        }
        panic!("mosquitto does not start on the shipped configuration:\n{log}");
    }

    fn start_on(dir: &Path, port: u16) -> Result<Self, String> {
        let place = dir.to_str().expect("temporary directories have plain names");
        let conf = shipped("deploy/mosquitto/mosquitto.conf");
        let conf = replaced(&conf, "listener 1883", &format!("listener {port} 127.0.0.1"));
        let conf = replaced(&conf, "/mosquitto/data/", &format!("{place}/data/"));
        let conf = replaced(&conf, "/mosquitto/config/", &format!("{place}/"));
        // As root it would become the user mosquitto, who may not enter the directory.
        fs::write(dir.join("mosquitto.conf"), conf + "\nuser root\n").expect("the directory can be written");
        let mut child = Command::new(server("mosquitto"))
            .args(["-c", &format!("{place}/mosquitto.conf")])
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto is installed (tests/run does it)");
        let stderr = child.stderr.take().expect("it is piped");
        let broker = Self { child, port };
        let (lines, log) = mpsc::channel();
        // The thread ends with the broker's output; it must go on reading, or a full pipe stops the broker.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut said = String::new();
        while let Ok(line) = log.recv_timeout(WAIT_MAX) {
            if line.ends_with(" running") {
                return Ok(broker);
            }
            said.push_str(&(line + "\n"));
        }
        Err(said)
    }

    /// Ends it as systemd and docker do, and waits until it has saved its state.
    fn stop(mut self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        self.child.wait().expect("it ends");
    }

    /// Runs mosquitto_pub or mosquitto_sub as `user`; returns whether it succeeded and everything it printed.
    fn client(&self, program: &str, user: &str, args: &[&str]) -> (bool, String) {
        let mut command = Command::new("timeout");
        command.arg(WAIT_MAX.as_secs().to_string()).args([program, "-V", "mqttv5", "-h", "127.0.0.1"]);
        command.args(["-p", &self.port.to_string(), "-u", user, "-P", &password(user), "-q", "1"]);
        let output = command.args(args).output().expect("mosquitto's clients are installed (tests/run does it)");
        let printed = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(printed).expect("it speaks UTF-8"))
    }

    fn publish(&self, user: &str, topic: &str, payload: &str) -> String {
        self.client("mosquitto_pub", user, &["-r", "-t", topic, "-m", payload]).1
    }

    /// Returns the retained message of `topic` as `user` gets it.
    fn retained(&self, user: &str, topic: &str) -> String {
        let (found, printed) = self.client("mosquitto_sub", user, &["-t", topic, "-C", "1"]);
        assert!(found, "{user} got nothing on {topic}: {printed}");
        printed.trim_end().to_owned()
    }
}

fn server(name: &str) -> PathBuf {
    // Debian puts servers where only root's PATH looks.
    let sbin = Path::new("/usr/sbin").join(name);
    if sbin.exists() { sbin } else { name.into() }
}

fn password(user: &str) -> String {
    format!("password of {user}")
}

/// Writes the access list as shipped, and the passwords as the README says.
fn broker_files() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(dir.path().join("data")).expect("it is empty");
    fs::write(dir.path().join("acl"), shipped("deploy/mosquitto/acl")).expect("it can be written");
    let file = dir.path().join("passwords");
    fs::write(&file, "").expect("it can be written");
    for user in USERS {
        let made = Command::new("mosquitto_passwd").arg("-b").arg(&file).args([user, &password(user)]).status();
        assert!(made.is_ok_and(|status| status.success()), "mosquitto_passwd for {user}");
    }
    dir
}

#[test]
fn screens_read_and_cannot_write() {
    let files = broker_files();
    let broker = Broker::start(files.path());
    let (list, station) = ("eightysix/v1/sahil/1/stop", "eightysix/v1/sahil/1/station/3/stop");
    for topic in [list, station] {
        assert_eq!(broker.publish("eightysix", topic, "the list"), "");
    }
    for (user, topic) in [
        ("screen", list),
        ("screen", "eightysix/v1/sahil/1/event"),
        ("screen-tandir", station),
        ("screen-tandir", "eightysix/v1/bridge/state"),
        ("eightysix", "somebody/else"),
    ] {
        let said = broker.publish(user, topic, "forged");
        assert!(said.contains("Not authorized"), "{user} wrote {topic}: {said}");
    }
    assert_eq!(broker.retained("screen", list), "the list");
    assert_eq!(broker.retained("screen-tandir", station), "the list");
    // What it may not see is not sent: of the whole tree the station's own list is the only message.
    let (_, seen) = broker.client("mosquitto_sub", "screen-tandir", &["-t", "eightysix/#", "-v", "-C", "1"]);
    assert_eq!(seen.trim_end(), format!("{station} the list"));
}

#[test]
fn strangers_stay_outside() {
    let files = broker_files();
    let broker = Broker::start(files.path());
    for args in [["-u", "screen", "-P", "wrong"], ["-u", "nobody", "-P", "x"]] {
        let mut command = Command::new("timeout");
        command.args(["30", "mosquitto_sub", "-h", "127.0.0.1", "-p", &broker.port.to_string(), "-t", "#"]);
        let output = command.args(args).output().expect("mosquitto's clients are installed");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("not authorised"), "{args:?}: {said}");
    }
    let mut anonymous = Command::new("timeout");
    anonymous.args(["30", "mosquitto_sub", "-h", "127.0.0.1", "-p", &broker.port.to_string(), "-t", "#"]);
    assert!(!anonymous.status().expect("mosquitto's clients are installed").success());
}

#[test]
fn lists_survive_a_restart_of_the_broker() {
    let files = broker_files();
    let broker = Broker::start(files.path());
    assert_eq!(broker.publish("eightysix", "eightysix/v1/sahil/1/stop", "the list"), "");
    broker.stop();
    let broker = Broker::start(files.path());
    assert_eq!(broker.retained("screen", "eightysix/v1/sahil/1/stop"), "the list");
}

/// With mosquitto's own limit of 1,000 queued messages, about 9,000 of these never reach the screen, and nobody is told.
#[test]
fn a_large_tree_reaches_a_screen_whole() {
    const TOPICS: u16 = 10_000;
    let files = broker_files();
    let broker = Broker::start(files.path());
    publish_many(broker.port, TOPICS).expect("the broker takes them");
    let count = TOPICS.to_string();
    let (_, printed) = broker.client("mosquitto_sub", "screen", &["-t", "eightysix/#", "-F", "%t", "-C", &count]);
    let topics: BTreeSet<&str> = printed.lines().collect();
    assert_eq!(topics.len(), usize::from(TOPICS));
}

/// Publishes retained messages one at a time, each after the PUBACK of the one before: MQTT 3.1.1 by hand, since
/// mosquitto_pub sends to one topic only.
fn publish_many(port: u16, topics: u16) -> std::io::Result<()> {
    let text = |text: &str| {
        let length = u16::try_from(text.len()).expect("short");
        [&length.to_be_bytes()[..], text.as_bytes()].concat()
    };
    let packet = |kind: u8, body: &[u8]| {
        let length = u8::try_from(body.len()).ok().filter(|&l| l < 128).expect("one length byte is enough");
        [&[kind, length][..], body].concat()
    };
    let mut broker = TcpStream::connect(("127.0.0.1", port))?;
    broker.set_nodelay(true)?;
    broker.set_read_timeout(Some(WAIT_MAX))?;
    let (user, secret) = (text("eightysix"), text(&password("eightysix")));
    // MQTT level 4; user name, password and clean session; keep-alive 60 s; a client id.
    let connect = [text("MQTT"), vec![4, 0b1100_0010, 0, 60], text("many"), user, secret].concat();
    broker.write_all(&packet(0x10, &connect))?;
    let mut answer = [0; 4];
    broker.read_exact(&mut answer)?;
    assert_eq!(answer, [0x20, 2, 0, 0], "CONNACK");
    for id in 1..=topics {
        let body =
            [text(&format!("eightysix/v1/sahil/1/product/{id}")), id.to_be_bytes().to_vec(), b"{}".to_vec()].concat();
        // PUBLISH, QoS 1, retained.
        broker.write_all(&packet(0x33, &body))?;
        broker.read_exact(&mut answer)?;
        assert_eq!(answer[..2], [0x40, 2], "PUBACK");
    }
    Ok(())
}

#[test]
fn compose_mounts_what_is_there() {
    let compose = yaml("deploy/compose.yaml");
    let readme = shipped("deploy/README.md");
    let secrets = compose["secrets"].as_object().expect("secrets");
    let named = secrets.values().map(|secret| secret["file"].as_str().expect("a file"));
    let mounts = ["eightysix", "mosquitto"].into_iter().flat_map(|service| {
        let volumes = compose["services"][service]["volumes"].as_array().expect("volumes").iter();
        volumes.map(|volume| volume.as_str().and_then(|v| v.split(':').next()).expect("a source"))
    });
    for source in named.chain(mounts) {
        if let Some(secret) = source.strip_prefix("./secrets/") {
            assert!(
                readme.contains(&format!("secrets/{secret}")),
                "deploy/README.md does not say how to write {secret}"
            );
        } else if let Some(file) = source.strip_prefix("./") {
            assert!(root().join("deploy").join(file).is_file(), "{file} is mounted, but not there");
        } else {
            assert!(compose["volumes"].get(source).is_some(), "{source} is no volume of the file");
        }
    }
    assert_eq!(shipped("deploy/.gitignore"), "/secrets/\n", "secrets must not be committed");
    let build = &compose["services"]["eightysix"]["build"];
    let context = root().join("deploy").join(build["context"].as_str().expect("a context"));
    assert!(context.join(build["dockerfile"].as_str().expect("a file")).is_file());
}

#[test]
fn the_containers_fit_their_configuration() {
    let (compose, config) = (yaml("deploy/compose.yaml"), shipped("deploy/eightysix.yaml"));
    let settings = yaml("deploy/eightysix.yaml");
    let given: BTreeSet<&str> = compose["services"]["eightysix"]["secrets"]
        .as_array()
        .expect("secrets")
        .iter()
        .map(|secret| secret.as_str().expect("a name"))
        .collect();
    let used: BTreeSet<&str> = config
        .match_indices("/run/secrets/")
        .map(|(at, prefix)| config[at + prefix.len()..].split([' ', '}', '\n']).next().expect("a name"))
        .collect();
    assert_eq!(given, used, "secrets of the service, secrets of the configuration");

    assert_eq!(settings["mqtt"]["kitchen"]["url"], "mqtt://mosquitto:1883");
    assert!(compose["services"]["mosquitto"].is_object());
    assert_eq!(settings["mqtt"]["kitchen"]["username"], USERS[0]);

    let image = shipped("deploy/Containerfile");
    assert!(image.contains("\nVOLUME /var/lib/eightysix\n"));
    assert_eq!(settings["store"], "sqlite:/var/lib/eightysix/eightysix.db");
    assert!(image.contains("\nCOPY rules /etc/eightysix/rules\n"));
    assert_eq!(settings["rules"][0], "/etc/eightysix/rules/*.yaml");
    assert_eq!(settings["http"]["listen"], "0.0.0.0:8686");
    assert_eq!(compose["services"]["eightysix"]["ports"][0], "127.0.0.1:8686:8686");
    assert_eq!(compose["services"]["eightysix"]["ulimits"]["core"], 0, "an image of the memory holds the secrets");
}

#[test]
fn the_service_starts_with_its_configuration_and_its_credentials() {
    let (config, drop_in) = (shipped("deploy/eightysix-systemd.yaml"), shipped("deploy/credentials.conf"));
    let between = |text: &str, before: &str, after: &[char]| -> BTreeSet<String> {
        let found = text.split(before).skip(1).map(|rest| rest.split(after).next().expect("split has a first"));
        found.map(str::to_owned).collect()
    };
    let used = between(&config, "{ credential: ", &[' ', '}']);
    assert_eq!(used, between(&drop_in, "\nLoadCredential=", &[':']), "the yaml and the drop-in");
    assert_eq!(yaml("deploy/eightysix-systemd.yaml")["store"], "sqlite:/var/lib/eightysix/eightysix.db");

    // Laid out as deploy/README.md has it installed.
    let etc = tempfile::tempdir().expect("a temporary directory");
    let write = |file: &str, text: &str| {
        let path = etc.path().join(file);
        fs::create_dir_all(path.parent().expect("below the directory")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    };
    write("eightysix.yaml", &config);
    for file in ["rules/kitchen.yaml", "rules/operations.yaml"] {
        write(file, &shipped(file));
    }
    for name in &used {
        write(&format!("credentials/{name}"), &format!("{CANARY}-{name}\n"));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_eightysix"))
        .args(["check", "--config"])
        .arg(etc.path().join("eightysix.yaml"))
        .env("CREDENTIALS_DIRECTORY", etc.path().join("credentials"))
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    canary::assert_none("a check", said.as_bytes(), &[CANARY.to_owned()]);
    canary::assert_none_below(etc.path(), &["credentials"], &[CANARY.to_owned()]);

    let readme = shipped("deploy/README.md");
    for wanted in
        ["install -m 644 deploy/eightysix-systemd.yaml /etc/eightysix/eightysix.yaml", "`integrator_id`", "`client_id`"]
    {
        assert!(readme.contains(wanted), "deploy/README.md does not say {wanted}");
    }
}

#[test]
fn the_image_is_built_from_what_is_there() {
    let image = shipped("deploy/Containerfile");
    let copies = image.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|rest| !rest.starts_with("--from"));
    let sources: Vec<&str> = copies.flat_map(|rest| rest.split(' ').rev().skip(1)).collect();
    assert!(sources.contains(&"Cargo.lock") && sources.contains(&"src"), "{sources:?}");
    let missing: Vec<_> = sources.into_iter().filter(|source| !root().join(source).exists()).collect();
    assert!(missing.is_empty(), "deploy/Containerfile copies what is not there: {missing:?}");
    let toolchain = format!("rust:{}-alpine", env!("CARGO_PKG_RUST_VERSION"));
    assert!(image.contains(&toolchain), "build with {toolchain}, as Cargo.toml says");
    assert!(image.contains("\nUSER 65532:65532\n"), "nothing runs as root");
}

#[test]
fn the_unit_confines_the_service() {
    let unit = shipped("deploy/eightysix.service");
    let (credentials, readme) = (shipped("deploy/credentials.conf"), shipped("deploy/README.md"));
    let lines: BTreeSet<&str> = unit.lines().filter(|line| !line.starts_with('#')).collect();
    for wanted in [
        "Type=notify",
        "ExecStart=/usr/bin/eightysix run --config /etc/eightysix/eightysix.yaml",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
        "WatchdogSec=2min",
        "RestartPreventExitStatus=2",
        "StateDirectory=eightysix",
        "DynamicUser=yes",
        "UMask=0077",
        "StateDirectoryMode=0700",
        "LimitCORE=0",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "MemoryDenyWriteExecute=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "SystemCallFilter=@system-service",
        "WantedBy=multi-user.target",
    ] {
        assert!(lines.contains(wanted), "the unit lacks {wanted}");
    }
    for line in credentials.lines().filter_map(|line| line.strip_prefix("LoadCredential=")) {
        let (name, file) = line.split_once(':').expect("name:file");
        assert_eq!(file, format!("/etc/eightysix/credentials/{name}"));
        assert!(readme.contains(&format!("credentials/{name}")), "deploy/README.md does not say how to write {name}");
    }
}

/// Runs promtool in a folder and returns whether it was content, and what it said.
fn promtool_in(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("promtool").args(arguments).current_dir(folder).output();
    let output = output.expect("promtool is installed (tests/run does it)");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Runs promtool below deploy/prometheus, where it must be content, and returns what it said.
fn promtool(arguments: &[&str]) -> String {
    let (is_content, said) = promtool_in(&root().join("deploy/prometheus"), arguments);
    assert!(is_content, "promtool {arguments:?}: {said}");
    said
}

#[test]
fn the_rules_of_prometheus_fire_when_they_should_and_not_otherwise() {
    promtool(&["check", "config", "prometheus.yaml"]);
    promtool(&["check", "rules", "rules.yaml"]);
    promtool(&["test", "rules", "rules.test.yaml"]);
    let rules = yaml("deploy/prometheus/rules.yaml");
    let rules = rules["groups"][0]["rules"].as_array().expect("rules");
    let tests = yaml("deploy/prometheus/rules.test.yaml");
    let tests = tests["tests"].as_array().expect("tests");
    let looks: Vec<&Value> = tests.iter().flat_map(|test| test["alert_rule_test"].as_array().expect("looks")).collect();
    assert_eq!(rules.len(), 8);
    for rule in rules {
        let name = rule["alert"].as_str().expect("an alert");
        let (fires, silent): (Vec<&Value>, Vec<&Value>) = looks
            .iter()
            .filter(|look| look["alertname"] == name)
            .partition(|look| look["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()));
        assert!(!fires.is_empty() && !silent.is_empty(), "{name} must fire in one case and not in another");
        for part in ["summary", "description"] {
            assert!(rule["annotations"][part].as_str().is_some_and(|text| text.len() > 20), "{name} has no {part}");
        }
    }
}

/// A rule that waits waits for a trouble that some case has for a shorter time.
#[test]
fn no_wait_of_a_rule_of_prometheus_can_be_left_out() {
    let rules = shipped("deploy/prometheus/rules.yaml");
    let lines: Vec<&str> = rules.split_inclusive('\n').collect();
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("rules.test.yaml"), shipped("deploy/prometheus/rules.test.yaml")).expect("written");
    let (mut alert, mut waits) = ("", 0);
    for (at, line) in lines.iter().enumerate() {
        alert = line.trim().strip_prefix("- alert: ").unwrap_or(alert);
        if line.trim().starts_with("for: ") {
            fs::write(folder.path().join("rules.yaml"), [&lines[..at], &lines[at + 1..]].concat().concat())
                .expect("written");
            let (is_content, said) = promtool_in(folder.path(), &["test", "rules", "rules.test.yaml"]);
            assert!(!is_content && said.contains(alert), "no case has {alert} wait: {said}");
            waits += 1;
        }
    }
    assert_eq!(waits, 6);
}

#[test]
fn the_dashboard_can_be_loaded() {
    let dashboard: Value = serde_json::from_str(&shipped("deploy/grafana/eightysix.json")).expect("JSON");
    let variables: BTreeSet<&str> = dashboard["templating"]["list"]
        .as_array()
        .expect("variables")
        .iter()
        .map(|it| it["name"].as_str().expect("a name"))
        .collect();
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut places, mut count) = (BTreeSet::new(), BTreeSet::new(), 0);
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{panel}");
        let side = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        let (x, y, w, h) = (side("x"), side("y"), side("w"), side("h"));
        assert!(x + w <= 24, "{panel}");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(places.insert(place), "two panels lie over each other: {panel}");
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            count += 1;
            let query = target["expr"].as_str().expect("a query");
            for word in query.split('$').skip(1) {
                let name = word.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().expect("a name");
                assert!(name == "__rate_interval" || variables.contains(name), "{query}: there is no ${name}");
            }
        }
    }
    assert!(count > 20, "{count} queries");
}
