//! How long `eightysix replay` takes over the recorded history of a chain: the real binary on a database that a
//! simulated chain filled, with the shipped rules against a stricter copy of them.
//!
//! `cargo bench --bench replay` lives 90 days of 100 venues; `-- 30 3` lives 30 days of 3. It prints what the command
//! prints, and how long it took.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use eightysix::clock;
use eightysix::units::human_duration;

#[path = "../tests/support/month.rs"]
mod month;

/// As the design's numbers have them.
const PRODUCTS: usize = 300;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (days, venues) = (numbers.first().copied().unwrap_or(90), numbers.get(1).copied().unwrap_or(100));
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    let begun = clock::uptime();
    let life = month::Life { venues, products: PRODUCTS, days, ends: clock::now() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let lines = runtime.block_on(month::write(&folder.path().join("eightysix.db"), life));
    let bytes = fs::metadata(folder.path().join("eightysix.db")).expect("the database").len();
    let lived = clock::uptime().since(begun);
    println!("{days} days of {venues} venues: {lines} lines, {} MB, made in {} s", bytes >> 20, lived.as_secs());

    let begun = clock::uptime();
    let since = format!("{days}d");
    let command = ["replay", "--config", "eightysix.yaml", "--since", &since, "--rules", "new"];
    println!("eightysix {}", command.join(" "));
    let mut eightysix = Command::new(env!("CARGO_BIN_EXE_eightysix"));
    let status = eightysix.args(command).current_dir(folder.path()).status().expect("it starts");
    let took = clock::uptime().since(begun);
    let line_ns = took.as_nanos() / u128::from(lines.max(1));
    println!("replayed in {:.1} s, {line_ns} ns a line ({})", took.as_secs_f64(), human_duration(took));
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes a configuration with the shipped rules in force and, in `new`, the same with more patience.
fn site(folder: &Path) {
    let write = |file: &str, text: &str| fs::write(folder.join(file), text).expect("written");
    for made in ["rules", "new", "mails"] {
        fs::create_dir(folder.join(made)).expect("made");
    }
    write("eightysix.yaml", &month::configuration());
    write("secret", "c4n4ry-0f-4-c0ffee-m1ne\n");
    for (name, text) in [
        ("kitchen.yaml", include_str!("../rules/kitchen.yaml")),
        ("operations.yaml", include_str!("../rules/operations.yaml")),
    ] {
        write(&format!("rules/{name}"), text);
        write(&format!("new/{name}"), &text.replace("for: 20s", "for: 5m"));
    }
}
