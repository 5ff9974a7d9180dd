//! The surfaces of the command line: configuration, rules, arguments, environment and files, put to the real binary.
//!
//! A case without arguments is a broken configuration: `check --json` gives its messages with their places, and `run`
//! must refuse it in the same words. Whatever the case, no file that was there may change by it.

use std::ffi::OsString;
use std::path::Path;

use tempfile::TempDir;

use crate::process::{self, Ended, Service};
use crate::site::Site;
use crate::table::{self, Case, Outcome};
use crate::wait;

#[test]
fn mistakes_in_the_configuration() {
    table::check("configuration", outcome);
}

#[test]
fn mistakes_in_the_rules() {
    table::check("rules", outcome);
}

#[test]
fn wrong_arguments() {
    table::check("commands", outcome);
}

#[test]
fn wrong_surroundings() {
    table::check("environment", outcome);
}

#[test]
fn broken_files() {
    table::check("files", outcome);
}

fn outcome(case: &Case) -> Outcome {
    let folder = TempDir::new().expect("a folder");
    let logs = TempDir::new().expect("a folder");
    let site = Site::build(folder.path(), &case.given);
    let before = site.files();
    let mut outcome = match &site.arguments {
        Some(arguments) if case.keeps("it runs") => running(case, &site, arguments, logs.path()),
        Some(arguments) => ended(case, &process::run(site.command(arguments), &logs.path().join("log"))),
        None => refused(case, &site, logs.path()),
    };
    let after = site.files();
    for (path, bytes) in &before {
        if after.get(path) != Some(bytes) {
            outcome.lost.push(format!("{} was changed", path.display()));
        }
    }
    let is_database = |path: &&std::path::PathBuf| path.extension().is_some_and(|it| it == "db");
    let made = after.keys().filter(is_database).find(|path| !before.contains_key(*path));
    for state in &case.kept {
        match (state.as_str(), made) {
            ("no database", Some(made)) => outcome.lost.push(format!("a database was made: {}", made.display())),
            ("no database" | "exit 0" | "exit 1" | "exit 2" | "it runs", _) => {}
            // `reload.rs` sees to it, for all such cases in one service.
            ("the old configuration in force", _) => assert!(site.arguments.is_none(), "{}", case.name),
            ("database untouched", _) => {
                assert!(before.keys().any(|path| is_database(&path)), "{}: there is no database", case.name);
            }
            (unknown, _) => panic!("{}: nobody knows how to look for '{unknown}'", case.name),
        }
    }
    // What a case says of itself must not pass for a message.
    let folder = format!("{}/", folder.path().display());
    outcome.said.iter_mut().for_each(|line| *line = without_numbers_of_processes(&line.replace(&folder, "")));
    outcome
}

/// The demo's folder bears the number of its process.
fn without_numbers_of_processes(line: &str) -> String {
    let Some((before, after)) = line.split_once("eightysix-demo-") else { return line.to_owned() };
    format!("{before}eightysix-demo-N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn lost_by_code(case: &Case, code: Option<i32>) -> Vec<String> {
    let expected = code.map(|code| format!("exit {code}"));
    if expected.is_some_and(|expected| case.keeps(&expected)) {
        vec![]
    } else {
        vec![format!("it ended with {code:?}")]
    }
}

/// Runs `check --json` and `run` on a configuration that neither may take.
fn refused(case: &Case, site: &Site, logs: &Path) -> Outcome {
    let checked = process::run(site.command(&["check", "--json", "--config", "eightysix.yaml"]), &logs.join("check"));
    let mut lost = lost_by_code(case, checked.code);
    let mut seen = format!("{}{}", checked.stdout, checked.stderr);
    let objects = checked.objects();
    let problems: Vec<_> = objects.iter().filter(|object| object.get("message").is_some()).collect();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut said = Vec::new();
    let shown = if checked.code == Some(2) {
        let ran = process::run(site.command(&["run", "--config", "eightysix.yaml"]), &logs.join("run"));
        lost.extend(lost_by_code(case, ran.code));
        ran.stderr
    } else {
        String::new()
    };
    for problem in problems {
        let (file, message, help) = (text(&problem["file"]), text(&problem["message"]), text(&problem["help"]));
        let place = match &problem["line"] {
            line if line == 0 => file,
            line => format!("{file}:{line}:{}", problem["column"]),
        };
        let help_after = if help.is_empty() { String::new() } else { format!("; {help}") };
        let related = &problem["related"];
        let related = if related.is_null() {
            String::new()
        } else {
            format!(
                " ({}: {}:{}:{})",
                text(&related["what"]),
                text(&related["file"]),
                related["line"],
                related["column"]
            )
        };
        said.push(format!("{place}: {message}{help_after}{related}"));
        for words in [format!("error: {message}\n"), format!("--> {place}\n"), help] {
            if !shown.contains(&words) {
                lost.push(format!("`run` does not show '{words}':\n{shown}"));
            }
        }
    }
    seen.push_str(&shown);
    Outcome { said, lost, seen }
}

/// Takes what a command printed before it ended.
fn ended(case: &Case, ended: &Ended) -> Outcome {
    let lost = lost_by_code(case, ended.code);
    let printed = if ended.stderr.is_empty() { &ended.stdout } else { &ended.stderr };
    // How a command is written in full is no message, nor are the blank lines between.
    let is_message = |line: &&str| !line.is_empty() && !line.starts_with("Usage: ");
    let said = printed.lines().map(str::trim).filter(is_message).map(without_time).collect();
    Outcome { said, lost, seen: format!("{}{}", ended.stdout, ended.stderr) }
}

/// Leaves out of a line of the log when and where it was written.
fn without_time(line: &str) -> String {
    let mut words = line.splitn(2, 'Z');
    let is_time = words.next().is_some_and(|time| time.len() == 26 && time.starts_with("20"));
    let Some(rest) = words.next().filter(|_| is_time) else { return line.to_owned() };
    let rest = rest.trim_start();
    match (rest.split_once(' '), rest.split_once(": ")) {
        (Some((level, _)), Some((_, message))) => format!("{level} {message}"),
        _ => line.to_owned(),
    }
}

/// Starts the service, waits for the messages, and sees that it goes on until it is told to stop.
fn running(case: &Case, site: &Site, arguments: &[OsString], logs: &Path) -> Outcome {
    let service = Service::start(site.command(arguments), &logs.join("log"));
    service.says("watching sahil");
    let has_said = || {
        let log = service.log();
        let lines: Vec<String> = log.lines().map(without_time).collect();
        let said: Vec<String> = case.said.iter().filter(|line| lines.contains(line)).cloned().collect();
        (said.len() == case.said.len()).then_some(said)
    };
    let said = wait::within_patience(has_said);
    let seen = service.log();
    let lines = seen.lines().map(without_time).filter(|line| line.starts_with("WARN") || line.starts_with("ERROR"));
    let said = said.filter(|said| !said.is_empty()).unwrap_or_else(|| lines.collect());
    let code = service.end("TERM").code();
    Outcome { said, lost: lost_by_code(case, code), seen }
}
