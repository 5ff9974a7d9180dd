//! What files that are made to do harm cost: `eightysix check` must refuse each within a second and 100 MB, with a
//! message that names the file.
//!
//! `cargo bench --bench bombs` runs the release binary on each and prints time and peak memory beside those of a harmless
//! configuration of the same run. It fails when a bound is passed. The system is asked for the peak every 5 ms.

#[path = "../tests/support/wait.rs"]
mod wait;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use eightysix::clock;

/// The bound of the time, of a machine that does nothing else.
const WITHIN: Duration = Duration::from_secs(1);
/// The bound of the memory.
const MEMORY_MAX_KB: u64 = 100 * 1024;

const CONFIG: &str = "locale: { language: en, timezone: Asia/Baku, currency: AZN }
clopos:
  integrator_id: int-1
  brands: [{ brand: sahil, client_id: abc, client_secret: { file: secret }, venues: [1] }]
smtp:
  main: { folder: mails, from: \"86 <alerts@example.com>\" }
receivers:
  managers: { email: { smtp: main, to: [manager@example.com] } }
rules: [rules.yaml]
";
const RULE: &str = "rules: [{ name: r, when: { sold_out: true }, notify: [managers] }]\n";
const MB: usize = 1024 * 1024;

/// A file, and what is in it.
struct Bomb {
    name: &'static str,
    file: &'static str,
    write: fn(&Path),
}

const BOMBS: [Bomb; 17] = [
    Bomb { name: "aliases of aliases in rules", file: "rules.yaml", write: |file| put(file, &aliases("rules")) },
    Bomb {
        name: "aliases of aliases in the configuration",
        file: "eightysix.yaml",
        write: |file| put(file, &aliases("clopos")),
    },
    Bomb {
        name: "lists in lists",
        file: "rules.yaml",
        write: |file| put(file, &format!("rules: {}", "[".repeat(MB - 100))),
    },
    Bomb {
        name: "groups in groups",
        file: "rules.yaml",
        write: |file| put(file, &format!("rules: {}", "{a: ".repeat(200_000))),
    },
    Bomb { name: "blocks in blocks", file: "rules.yaml", write: |file| put(file, &blocks()) },
    Bomb { name: "conditions in conditions", file: "rules.yaml", write: |file| put(file, &conditions()) },
    Bomb { name: "100 MB of rules", file: "rules.yaml", write: |file| many_rules(file, 1_100_000, 90) },
    Bomb { name: "a million rules", file: "rules.yaml", write: |file| many_rules(file, 1_000_000, 0) },
    Bomb { name: "a megabyte of rules", file: "rules.yaml", write: |file| many_rules(file, 12_000, 0) },
    Bomb {
        name: "100 MB of configuration",
        file: "eightysix.yaml",
        write: |file| put(file, &format!("{CONFIG}{}", "# \n".repeat(35 * MB))),
    },
    Bomb { name: "100 MB on one line", file: "rules.yaml", write: |file| put(file, &"a".repeat(100 * MB)) },
    Bomb {
        name: "100 MB of zero bytes",
        file: "rules.yaml",
        write: |file| File::create(file).and_then(|it| it.set_len(100 << 20)).expect("written"),
    },
    Bomb { name: "a sparse terabyte", file: "rules.yaml", write: |file| sparse(file) },
    Bomb {
        name: "a device without end",
        file: "rules.yaml",
        write: |file| std::os::unix::fs::symlink("/dev/zero", file).expect("linked"),
    },
    Bomb { name: "a pipe that nobody writes", file: "rules.yaml", write: |file| pipe(file) },
    Bomb {
        name: "a pattern that grows",
        file: "rules.yaml",
        write: |file| put(file, &rule("product.name: { matches: '((((a{60}){60}){60}){60})' }")),
    },
    Bomb {
        name: "an expression in parentheses",
        file: "rules.yaml",
        write: |file| put(file, &rule_with("expr", &format!("{}sold_out{}", "(".repeat(50_000), ")".repeat(50_000)))),
    },
];

fn put(file: &Path, text: &str) {
    fs::write(file, text).expect("written");
}

/// Nine levels of nine uses each: 387 million values.
fn aliases(key: &str) -> String {
    let first = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    let level = |text: String, level: usize| {
        let uses = vec![format!("*a{}", level - 1); 9].join(", ");
        format!("{text}a{level}: &a{level} [{uses}]\n")
    };
    format!("{}{key}: *a8\n", (1..9).fold(first, level))
}

fn blocks() -> String {
    let mut text = String::from("rules:\n");
    for depth in 1..1_200 {
        text.push_str(&" ".repeat(depth));
        text.push_str("a:\n");
    }
    text
}

fn conditions() -> String {
    let depth = 40_000;
    rule(&format!("{}sold_out: true{}", "not: { ".repeat(depth), " }".repeat(depth)))
}

fn rule(when: &str) -> String {
    format!("rules: [{{ name: r, when: {{ {when} }}, notify: [managers] }}]\n")
}

fn rule_with(key: &str, value: &str) -> String {
    format!("rules: [{{ name: r, {key}: '{value}', notify: [managers] }}]\n")
}

fn many_rules(file: &Path, count: u32, padding: usize) {
    let mut out = std::io::BufWriter::new(File::create(file).expect("made"));
    writeln!(out, "rules:").expect("written");
    for n in 0..count {
        writeln!(out, "- {{ name: r{n}, when: {{ sold_out: true }}, notify: [managers] }}{}", " ".repeat(padding))
            .expect("written");
    }
}

fn sparse(file: &Path) {
    let made = File::create(file).expect("made");
    made.write_all_at(RULE.as_bytes(), 0).expect("written");
    made.set_len(1 << 40).expect("as long as that");
}

fn pipe(file: &Path) {
    let made = Command::new("mkfifo").arg(file).status().expect("mkfifo runs");
    assert!(made.success(), "a pipe is made");
}

/// What a run said and cost.
struct Cost {
    took: Duration,
    peak_kb: u64,
    code: Option<i32>,
    said: String,
}

fn check(folder: &Path) -> Cost {
    let said_to = folder.join("said");
    let begun = clock::uptime();
    let mut child = Command::new(env!("CARGO_BIN_EXE_eightysix"))
        .args(["check", "--config"])
        .arg(folder.join("eightysix.yaml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&said_to).expect("made"))
        .spawn()
        .expect("it starts");
    let mut peak_kb = 0;
    let status = wait::within_patience(|| {
        peak_kb = peak_kb.max(peak(child.id()));
        child.try_wait().expect("it is ours")
    });
    if status.is_none() {
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
    }
    let took = clock::uptime().since(begun);
    let said = fs::read_to_string(said_to).expect("text");
    Cost { took, peak_kb, code: status.and_then(|status| status.code()), said }
}

fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let harmless = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).expect("a folder");
        put(&path.join("eightysix.yaml"), CONFIG);
        put(&path.join("rules.yaml"), RULE);
        put(&path.join("secret"), "a-secret-of-the-bench");
        path
    };
    let floor = check(&harmless("floor"));
    assert!(floor.code == Some(0), "the harmless configuration is fine: {}", floor.said);
    println!("{:<42} {:>8} {:>8}  what is said", "", "time", "peak");
    println!(
        "{:<42} {:>5} ms {:>5} MB",
        "floor: a harmless configuration",
        floor.took.as_millis(),
        floor.peak_kb / 1024
    );
    let mut passed = Vec::new();
    for (n, Bomb { name, file, write }) in BOMBS.iter().enumerate() {
        let path = harmless(&n.to_string());
        fs::remove_file(path.join(file)).expect("a harmless one");
        write(&path.join(file));
        let Cost { took, peak_kb, code, said } = check(&path);
        let first = said.lines().next().unwrap_or_default();
        println!(
            "{name:<42} {:>5} ms {:>5} MB  {}",
            took.as_millis(),
            peak_kb / 1024,
            first.chars().take(120).collect::<String>()
        );
        if took > WITHIN || peak_kb > MEMORY_MAX_KB || code != Some(2) || !said.contains(file) {
            passed.push(format!("{name}: {code:?} after {} ms with {} MB", took.as_millis(), peak_kb / 1024));
        }
        fs::remove_file(path.join(file)).expect("removed, as it may be large");
    }
    if passed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nnot refused with exit code 2 within {} ms and {} MB:", WITHIN.as_millis(), MEMORY_MAX_KB / 1024);
    for line in passed {
        println!("  {line}");
    }
    ExitCode::FAILURE
}
