//! The configuration: any bytes in its file, with the files and variables around it as on a real machine.
//!
//! Input: the file. It lies in a folder with rules and secrets, made once and only read from then on.

use std::env::VarError;
use std::fs;
use std::path::PathBuf;

use eightysix::config::Config;
use eightysix::document::Report;
use tempfile::TempDir;

use super::place::assert_report;

/// The value of every secret; nothing may show it.
const CANARY: &str = "c4n4ry-0f-4-c0ffee-m1ne-w1th-l3ngth";
const RULES: &str = "rules:\n  - { name: sold-out, when: { sold_out: true }, notify: [] }\n";

/// Holds for every input.
pub fn hold(data: &[u8]) {
    match load(data) {
        Ok(config) => {
            assert!(!config.clopos.brands.is_empty(), "nothing to watch");
            assert!(config.polling.fastest <= config.polling.oldest, "{:?}", config.polling);
            assert!(config.feed.iter().all(|name| config.brokers.contains_key(name)), "{:?}", config.feed);
            assert!(config.receivers.values().all(|receiver| !receiver.channels.is_empty()), "{:?}", config.receivers);
            assert_hidden(&format!("{config:?}"), data);
            let again = load(data).expect("what was good once");
            assert_eq!(format!("{again:?}"), format!("{config:?}"), "one file, two configurations");
        }
        Err(report) => {
            assert_report(&report, &path().display().to_string(), data);
            assert_hidden(&format!("{}{}{report}{report:?}", report.render(false), report.render(true)), data);
        }
    }
}

/// Reads these bytes as the configuration of the site.
pub fn load(data: &[u8]) -> Result<Config, Report> {
    fs::write(path(), data).expect("the configuration can be written");
    let credentials = site().join("credentials").display().to_string();
    let environment = |name: &str| match name {
        "MQTT" | "SMTP_PASSWORD" => Ok(CANARY.to_owned()),
        "CREDENTIALS_DIRECTORY" => Ok(credentials.clone()),
        _ => Err(VarError::NotPresent),
    };
    Config::load_in(&path(), &environment)
}

fn path() -> PathBuf {
    site().join("eightysix.yaml")
}

/// Asserts that the secrets of the files and variables are not shown, unless somebody wrote one elsewhere as well.
fn assert_hidden(shown: &str, data: &[u8]) {
    let is_written = data.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    assert!(is_written || !shown.contains(CANARY), "a secret is shown: {shown}");
}

/// Returns the folder of this thread, which is removed when the thread ends.
fn site() -> PathBuf {
    thread_local! {
        static SITE: TempDir = made();
    }
    SITE.with(|folder| folder.path().to_owned())
}

fn made() -> TempDir {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let [wall, anar] = ["wall", "anar"].map(|name| format!("{CANARY}-{name}"));
    let heartbeat = format!("https://hc.example.com/{CANARY}");
    for (file, text) in [
        ("rules/kitchen.yaml", RULES),
        ("secret", CANARY),
        ("secrets/mqtt", CANARY),
        ("secrets/display", CANARY),
        ("secrets/webhook", CANARY),
        ("secrets/webhook-token", CANARY),
        ("secrets/heartbeat", &heartbeat),
        // Two tokens that are the same are refused.
        ("secrets/wall", &wall),
        ("secrets/anar", &anar),
        ("whsec", CANARY),
        ("empty", "\n"),
        ("credentials/smtp", CANARY),
        ("credentials/clopos-sahil", CANARY),
    ] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}
