//! The commands and configurations of the documents: what is written can be typed, and what can be copied loads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::markdown::{DOCUMENTS, blocks, document, root, section, spans};

const SECRET: &str = "c4n4ry-0f-4-c0ffee-m1ne-w1th-l3ngth";

fn eightysix(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_eightysix");
    Command::new(program).args(arguments).env_remove("JOURNAL_STREAM").output().expect("it starts")
}

/// A folder with a configuration, the shipped rules and these secrets.
fn site(config: &str, secrets: &[&str]) -> TempDir {
    let site = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| {
        let path = site.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("eightysix.yaml", config);
    for secret in secrets {
        write(secret, SECRET);
    }
    for file in ["rules/kitchen.yaml", "rules/operations.yaml"] {
        write(file, &document(file));
    }
    site
}

fn assert_fine(site: &Path, what: &str) {
    let path = site.join("eightysix.yaml");
    let output = eightysix(&["check", "--config", path.to_str().expect("a plain path")]);
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{what}:\n{}", String::from_utf8_lossy(&said));
    assert!(!String::from_utf8_lossy(&said).contains(SECRET), "{what} shows a secret");
}

#[test]
fn the_configuration_of_the_readme_loads() {
    let text = document("README.md");
    let config =
        blocks(&text, "yaml").into_iter().find(|block| block.contains("receivers:\n")).expect("a configuration");
    let secrets: Vec<&str> =
        config.split("file: ").skip(1).map(|rest| rest.split([' ', '}']).next().expect("a path")).collect();
    assert!(secrets.len() >= 4, "{secrets:?}");
    assert_fine(site(&config, &secrets).path(), "README.md");
}

#[test]
fn the_configuration_of_the_containers_loads() {
    let mut config = document("deploy/eightysix.yaml");
    for (old, new) in [("/run/secrets/", "secrets/"), ("/etc/eightysix/rules/", "rules/"), ("/var/lib/eightysix/", "")]
    {
        assert!(config.contains(old), "{old} is not in deploy/eightysix.yaml");
        config = config.replace(old, new);
    }
    let site =
        site(&config, &["secrets/clopos-sahil", "secrets/mqtt-kitchen", "secrets/smtp-main", "secrets/http-boards"]);
    assert_fine(site.path(), "deploy/eightysix.yaml");
}

#[test]
fn the_exit_codes_are_as_written() {
    let text = document("README.md");
    let codes = section(&text, "## Exit codes");
    let site = site("locale: {}\n", &[]);
    let broken = site.path().join("eightysix.yaml").display().to_string();
    let nowhere = site.path().join("nowhere/86.yaml").display().to_string();
    for (code, arguments) in [
        (0, vec!["--version"]),
        (2, vec!["check", "--config", &broken]),
        (2, vec!["run", "--config", &nowhere]),
        (2, vec!["demo", "--no-such-flag"]),
    ] {
        let output = eightysix(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(codes.contains(&format!("| `{code}` |")), "README.md does not explain {code}");
    }
    assert!(codes.contains("| `1` |"));
}

/// Every command line in a block or in backticks: its subcommand exists and knows the flags.
#[test]
fn the_commands_can_be_typed() {
    let mut help: BTreeMap<String, String> = BTreeMap::new();
    let mut count = 0;
    for name in DOCUMENTS {
        let text = document(name);
        let lines =
            blocks(&text, "sh").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
        for line in lines.chain(spans(&text)).filter(|line| !line.contains('\n')) {
            let Some(arguments) = arguments(&line) else { continue };
            let (Some(subcommand), flags) = arguments else { continue };
            let known = help.entry(subcommand.clone()).or_insert_with(|| whole_help(&[&subcommand], &line));
            for flag in flags {
                assert!(known.contains(&flag), "{name}: '{line}': {subcommand} has no {flag}");
            }
            count += 1;
        }
    }
    assert!(count > 10, "{count} commands were found");
}

/// The help of a subcommand, and of each that stands below it.
fn whole_help(command: &[&str], line: &str) -> String {
    let output = eightysix(&[command, &["--help"]].concat());
    assert!(output.status.success(), "{line}");
    let mut help = String::from_utf8(output.stdout).expect("UTF-8");
    let below = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let below: Vec<String> = below.lines().filter_map(|it| it.split_whitespace().next()).map(str::to_owned).collect();
    for name in below.iter().filter(|name| *name != "help") {
        help += &whole_help(&[command, &[name.as_str()]].concat(), line);
    }
    help
}

/// The subcommand and the flags, of a line that runs the program by one of its names.
fn arguments(line: &str) -> Option<(Option<String>, Vec<String>)> {
    let line = line.split(" #").next().unwrap_or_default();
    // There the word is a user or a service.
    if ["mosquitto_passwd", "docker", "systemctl"].iter().any(|other| line.starts_with(other)) {
        return None;
    }
    let starts = ["cargo run -- ", "cargo run --release -- ", "/usr/bin/eightysix ", "eightysix "];
    let rest = starts.iter().find_map(|start| {
        let at = line.find(start)?;
        let is_word = at == 0 || line[..at].ends_with(' ');
        is_word.then(|| &line[at + start.len()..])
    })?;
    let words: Vec<&str> = rest.split_whitespace().take_while(|word| !matches!(*word, "|" | ">" | "&&")).collect();
    let is_subcommand =
        |word: &&&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-');
    let subcommand = words.first().filter(is_subcommand).map(|word| (*word).to_owned());
    let flags = words.iter().filter(|word| word.starts_with("--")).map(|flag| (*flag).to_owned()).collect();
    Some((subcommand, flags))
}

#[test]
fn the_steps_of_the_checks_exist() {
    let output = Command::new(root().join("tests/run")).arg("--help").output().expect("it starts");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let mut count = 0;
    for name in DOCUMENTS {
        for span in spans(&document(name)) {
            let Some(steps) = span.strip_prefix("tests/run ") else { continue };
            for step in steps.split(' ') {
                assert!(step.starts_with("--") || help.contains(&format!("\n  {step} ")), "{name}: {span}");
                count += 1;
            }
        }
    }
    assert!(count > 0);
}
