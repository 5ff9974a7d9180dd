//! `eightysix demo`: the product at work with nothing installed, as the README promises.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use eightysix::simulator::plan::DEMO_CLIENT_SECRET;
use mail_parser::MessageParser;
use serde_json::Value;
use tempfile::TempDir;

use crate::canary;
use crate::process::{Begun, Ended, Service};
use crate::stage::CANARIES;

/// Runs the demo with its files below `folder`.
fn demo(folder: &Path, arguments: &[&str]) -> Ended {
    let ended = Begun::new(command(folder, arguments), &folder.join("demo")).ended();
    assert_silent(folder);
    ended
}

/// Searches what a demo printed and left behind, its database and mails among it, for what it logged in with and for the
/// tokens that it got.
fn assert_silent(folder: &Path) {
    let secrets: Vec<String> = CANARIES.into_iter().chain([DEMO_CLIENT_SECRET]).map(str::to_owned).collect();
    canary::assert_none_below(folder, &["clopos-secret"], &secrets);
}

fn command(folder: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_eightysix"));
    command.arg("demo").args(arguments).env_clear().env("TMPDIR", folder);
    command
}

fn mails(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the mails");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension() == Some(OsStr::new("eml"))).collect()
}

#[test]
fn the_demo_shows_everything_and_ends_by_itself() {
    let folder = TempDir::new().expect("a folder");
    let ended = demo(folder.path(), &["--for", "14s", "--json", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("ERROR"), "{}", ended.stderr);
    let objects = ended.objects();
    let (summary, lines) = objects.split_last().expect("a summary");
    let (start, lines) = lines.split_first().expect("a start");
    assert_eq!((&start["what"], &start["seed"]), (&"start".into(), &86.into()), "{start}");
    for place in ["folder", "mqtt", "websocket"] {
        assert!(start[place].is_string(), "{place}: {start}");
    }
    let count = |what: &str| lines.iter().filter(|line| line["what"] == what).count();
    assert_eq!(count("pos") + count("told"), lines.len(), "{lines:#?}");
    assert_eq!((&summary["what"], summary["happenings"].as_u64()), (&"summary".into(), Some(count("pos") as u64)));
    assert_eq!(summary["caused_429"], 0, "{summary}");
    for wanted in ["happenings", "mails", "mqtt_events", "requests", "faults_survived"] {
        assert!(summary[wanted].as_u64() > Some(0), "{wanted}: {summary}");
    }
    let told =
        |channel: &str| lines.iter().filter(|line| line["channel"] == channel && line["delivered"] == true).count();
    assert_eq!(summary["mails"].as_u64(), Some(told("email") as u64), "{summary}");
    assert_eq!(summary["mqtt_events"].as_u64(), Some(told("mqtt") as u64), "{summary}");

    let mails = mails(Path::new(summary["mails_in"].as_str().expect("a folder")));
    assert_eq!(mails.len() as u64, summary["mails"].as_u64().expect("a number"), "{mails:?}");
    for path in &mails {
        let bytes = fs::read(path).expect("a mail");
        let mail = MessageParser::default().parse(&bytes).expect("a mail that parses");
        let subject = mail.subject().expect("a subject");
        assert!(mail.body_text(0).is_some_and(|text| text.contains("eightysix watches sahil")), "{subject}");
        assert!(mail.body_html(0).is_some_and(|html| html.contains("<!doctype html>")), "{subject}");
        assert!(subject.contains(": "), "{subject}");
    }
}

#[test]
fn a_larger_chain_plays_the_same_service_for_the_same_seed() {
    let play = || {
        let folder = TempDir::new().expect("a folder");
        let arguments = ["--for", "7s", "--json", "--listen", "127.0.0.1:0", "--venues", "5", "--seed", "3"];
        let ended = demo(folder.path(), &arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let lines = ended.objects();
        assert_eq!(lines.last().map(|last| &last["caused_429"]), Some(&Value::from(0)), "{lines:#?}");
        let texts = lines.iter().filter(|line| line["what"] == "pos").map(|line| line["text"].to_string());
        texts.collect::<Vec<_>>()
    };
    let (first, second) = (play(), play());
    let both = first.len().min(second.len());
    assert!(both >= 3, "{first:?}");
    assert_eq!(first[..both], second[..both]);
}

#[test]
fn people_are_told_where_to_look_and_a_signal_ends_it() {
    let folder = TempDir::new().expect("a folder");
    let log = folder.path().join("log");
    let service = Service::start(command(folder.path(), &["--listen", "127.0.0.1:0", "--venues", "1"]), &log);
    service.says("  pos  ");
    service.says("eightysix watches 1 venue of a simulated chain");
    for line in ["  mails       ", "  screens     mosquitto_sub -h 127.0.0.1 -p ", "  boards      http://127.0.0.1:"] {
        service.says(line);
    }
    service.says("  mqtt  ");
    service.signal("INT");
    let text = service.log();
    assert!(!text.contains('\u{1b}'), "no colours into a file: {text}");
    assert_eq!(service.end("TERM").code(), Some(0));
    let text = fs::read_to_string(log).expect("the log");
    assert!(text.contains(" things happened; ") && text.contains("0 over the rate limit"), "{text}");
    let wrong = demo(folder.path(), &["--for", "soon"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("soon"), "{wrong:?}");
    assert_silent(folder.path());
}

#[test]
fn a_demo_moves_to_free_ports_when_others_have_the_usual_ones() {
    // Whether this test holds a port or another program does, it is taken.
    let _taken = ["127.0.0.1:1883", "127.0.0.1:8686"].map(TcpListener::bind);
    let folders: Vec<TempDir> = (0..4).map(|_| TempDir::new().expect("a folder")).collect();
    let arguments = ["--for", "1s", "--json", "--venues", "1"];
    let all_at_once: Vec<Begun> = folders
        .iter()
        .map(|folder| Begun::new(command(folder.path(), &arguments), &folder.path().join("demo")))
        .collect();
    let mut addresses = Vec::new();
    for ended in all_at_once.into_iter().map(Begun::ended) {
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let start = &ended.objects()[0];
        addresses.extend(["mqtt", "websocket"].map(|place| start[place].as_str().expect("an address").to_owned()));
    }
    assert!(addresses.iter().all(|address| !address.contains(":1883") && !address.contains(":8686")), "{addresses:?}");
}

#[test]
fn a_demo_that_cannot_watch_ends_and_says_why() {
    let folder = TempDir::new().expect("a folder");
    let mut command = std::process::Command::new("sh");
    // So few files that the restaurants can be played, and nobody can watch them.
    let script = "ulimit -n 16; exec \"$0\" demo --listen 127.0.0.1:0 --venues 1";
    command.args(["-c", script, env!("CARGO_BIN_EXE_eightysix")]).env("TMPDIR", folder.path());
    let ended = Begun::new(command, &folder.path().join("demo")).ended();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.lines().last().is_some_and(|line| line.starts_with("error: ")), "{ended:?}");
}
