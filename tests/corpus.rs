//! Runs every file of the fuzzers' corpora through its property: seeds, what the fuzzers found worth keeping, and each
//! input that once broke something (`fuzz/regressions/`). CONTRIBUTING.md says how they come about.

#[path = "support/schema.rs"]
mod editor;
#[path = "../fuzz/properties/mod.rs"]
mod properties;
#[path = "corpus/seeds.rs"]
mod seeds;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use editor::Editor;
use eightysix::document::{Node, Place, Problems, Value};
use properties::TARGETS;

/// A larger input shows nothing that a smaller one cannot, and everyone who clones the repository pays for it.
const FILE_BYTES_MAX: usize = 16 * 1024;
/// The fuzzers allow 10 s, without debug code and with a processor for themselves.
const INPUT_TIME_MAX: Duration = Duration::from_mins(1);
/// All that this process ever holds, in KiB; the fuzzers allow it for a process that reads one input after another.
const MEMORY_KIB_MAX: u64 = 256 * 1024;
/// All corpora together.
const CORPORA_BYTES_MAX: usize = 600 * 1024;

fn folder(of: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(of).join(target)
}

/// Reads the files of a folder, in the order of their names; none when the folder is not there.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let (corpus, found) = (files(&folder("corpus", target)), files(&folder("regressions", target)));
    assert!(corpus.len() >= 5, "the corpus of {target} has {} files", corpus.len());
    corpus.into_iter().chain(found).collect()
}

fn holds_for_every_file(target: &'static str) {
    let (_, hold) = *TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let (tell, told) = channel();
    // Nobody joins this thread: an input that hangs must not hang the test.
    thread::spawn(move || {
        for (_, bytes) in inputs(target) {
            tell.send(catch_unwind(|| hold(&bytes)).is_ok()).expect("the test waits");
        }
    });
    let mut broken = Vec::new();
    for (path, _) in inputs(target) {
        let holds = told.recv_timeout(INPUT_TIME_MAX);
        if !holds.unwrap_or_else(|_| panic!("{} takes longer than {INPUT_TIME_MAX:?}", path.display())) {
            broken.push(path);
        }
    }
    assert!(broken.is_empty(), "what must hold is broken by {broken:#?}; the reasons stand above");
    let peak = memory_peak_kib();
    assert!(peak <= MEMORY_KIB_MAX, "after the inputs of {target} the process has held {peak} KiB");
}

/// The most memory that this process has held.
fn memory_peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn answers() {
    holds_for_every_file("answers");
}

#[test]
fn config() {
    holds_for_every_file("config");
}

#[test]
fn door() {
    holds_for_every_file("door");
}

#[test]
fn messages() {
    holds_for_every_file("messages");
}

#[test]
fn requests() {
    holds_for_every_file("requests");
}

#[test]
fn rules() {
    holds_for_every_file("rules");
}

#[test]
fn ruletests() {
    holds_for_every_file("ruletests");
}

#[test]
fn site() {
    holds_for_every_file("site");
}

#[test]
fn stored() {
    holds_for_every_file("stored");
}

/// A file of tests with every setting. The seeds of `ruletests` need not have them all.
const RULE_TESTS: &str = include_str!("corpus/every_setting.test.yaml");

/// What the readers take has no red line in an editor either: inputs, and the seeds with each value replaced or line gone.
#[test]
fn what_is_taken_fits_its_schema() {
    let is_rules: fn(&[u8]) -> bool = |bytes| properties::rules::read(bytes).1.is_none();
    let is_config: fn(&[u8]) -> bool = |bytes| properties::config::load(bytes).is_ok();
    let is_tests: fn(&[u8]) -> bool = |bytes| {
        let mut problems = Problems::new();
        eightysix::ruletest::read(&"x.test.yaml".into(), bytes, &mut problems).is_some() && problems.is_empty()
    };
    let seeds_of = |target: &str| -> Vec<Vec<u8>> {
        let seeds = seeds::seeds().all.into_iter().filter(|(of, ..)| *of == target);
        // Reading a configuration takes some milliseconds, and the example has every setting.
        seeds.filter(|(_, name, _)| target == "rules" || name == "seed-example").map(|(.., bytes)| bytes).collect()
    };
    // Each form is tried here only when the file has it.
    let written = |key: &str| RULE_TESTS.contains(&format!("{key}: ")) || RULE_TESTS.contains(&format!("{key}:\n"));
    let missing: Vec<String> =
        settings(&eightysix::ruletest::schema()).into_iter().filter(|key| !written(key)).collect();
    assert_eq!(missing, Vec::<String>::new(), "write them into tests/corpus/every_setting.test.yaml");
    let of = |target: &str| -> Vec<Vec<u8>> { inputs(target).into_iter().map(|(_, bytes)| bytes).collect() };
    for (target, schema, is_taken, seeds, inputs) in [
        ("rules", eightysix::rules::parse::schema(), is_rules, seeds_of("rules"), of("rules")),
        ("config", eightysix::config::schema(), is_config, seeds_of("config"), of("config")),
        ("tests", eightysix::ruletest::schema(), is_tests, vec![RULE_TESTS.into()], Vec::new()),
    ] {
        let editor = Editor::of(&schema);
        let seeds: Vec<Vec<u8>> = seeds.into_iter().filter(|seed| is_taken(seed)).collect();
        assert!(!seeds.is_empty(), "{target}: no seed is taken");
        let changed = seeds.iter().flat_map(|seed| variants(seed));
        let all = inputs.into_iter().chain(seeds.iter().cloned()).chain(changed);
        let refused: Vec<_> = all.filter_map(|bytes| Some((editor.told(&bytes)?, bytes))).collect();
        assert!(refused.len() >= 100, "{target}: the schema refuses {} of all", refused.len());
        let wrong = refused.iter().filter(|(_, bytes)| is_taken(bytes));
        let wrong: Vec<String> =
            wrong.map(|(told, bytes)| format!("{told}\n{}", String::from_utf8_lossy(bytes))).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{target}: taken, but not by the schema");
    }
}

/// The settings of all groups of a schema.
fn settings(schema: &serde_json::Value) -> Vec<String> {
    let own = schema["properties"].as_object().into_iter().flatten().filter(|(_, form)| **form != false);
    let mut found: Vec<String> = own.map(|(key, _)| key.clone()).collect();
    let parts =
        schema.as_object().into_iter().flat_map(|it| it.values()).chain(schema.as_array().into_iter().flatten());
    found.extend(parts.flat_map(settings));
    found
}

/// The text with each of its values replaced by others, and without each of its lines.
fn variants(text: &[u8]) -> Vec<Vec<u8>> {
    const OTHERS: [&str; 8] = ["2", "2.5", "'2'", "true", "~", "abc", "5m", "[abc]"];
    let text = std::str::from_utf8(text).expect("a seed");
    let lines: Vec<&str> = text.lines().collect();
    let with = |at: usize, line: Option<String>| {
        let changed =
            lines.iter().enumerate().map(|(n, old)| if n == at { line.clone() } else { Some((*old).to_owned()) });
        changed.flatten().collect::<Vec<_>>().join("\n").into_bytes()
    };
    let root = eightysix::document::read(&"seed".into(), text.as_bytes(), &mut Problems::new()).expect("a seed");
    let mut found: Vec<Vec<u8>> = (0..lines.len()).map(|at| with(at, None)).collect();
    for Place { line, column, length, .. } in places(&root) {
        let written: Vec<char> = lines[line - 1].chars().collect();
        let (before, after) = (&written[..column - 1], &written[(column - 1 + length).min(written.len())..]);
        let text = |part: &[char]| part.iter().collect::<String>();
        found.extend(OTHERS.map(|other| with(line - 1, Some(format!("{}{other}{}", text(before), text(after))))));
    }
    found
}

/// Where the values of a tree stand.
fn places(node: &Node) -> Vec<Place> {
    match &node.value {
        Value::Scalar { .. } => vec![node.place.clone()],
        Value::Sequence(items) => items.iter().flat_map(places).collect(),
        Value::Mapping(entries) => entries.iter().flat_map(|entry| places(&entry.node)).collect(),
    }
}

/// The seeds are made anew, so that the shipped files are inputs as they are today; `UPDATE_SEEDS=1` writes them.
#[test]
fn every_seed() {
    #[expect(clippy::disallowed_methods, reason = "a switch for the person at the terminal, as UPDATE_DOCS is")]
    let is_update = std::env::var("UPDATE_SEEDS").is_ok();
    let all = seeds::seeds().all;
    for (target, name, bytes) in all.iter().filter(|_| is_update) {
        fs::create_dir_all(folder("corpus", target)).expect("a folder");
        fs::write(folder("corpus", target).join(name), bytes).expect("a seed");
    }
    for (target, name, bytes) in all {
        let (_, hold) = TARGETS.iter().find(|(known, _)| *known == target).expect("a target");
        assert!(
            catch_unwind(|| hold(&bytes)).is_ok(),
            "{target}, {name} breaks what must hold; the reason stands above"
        );
    }
}

#[test]
fn every_target_has_its_fuzzer_and_its_test() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml"))
        .expect("the manifest of the fuzzers");
    let tests = include_str!("corpus.rs");
    for (target, _) in TARGETS {
        let fuzzer = fs::read_to_string(folder("fuzz_targets", &format!("{target}.rs"))).expect("a fuzzer");
        assert!(fuzzer.contains(&format!("eightysix_fuzz::{target}::hold")), "the fuzzer of {target}");
        assert!(manifest.contains(&format!("name = \"{target}\"\n")), "{target} is not built");
        assert!(tests.contains(&format!("fn {target}()")), "the corpus of {target} is not run");
        assert!(folder("dictionaries", &format!("{target}.dict")).is_file(), "{target} has no dictionary");
    }
}

#[test]
fn the_corpora_stay_small() {
    let all: Vec<_> = TARGETS.iter().flat_map(|(target, _)| inputs(target)).collect();
    for (path, bytes) in &all {
        assert!(bytes.len() <= FILE_BYTES_MAX, "{} has {} bytes", path.display(), bytes.len());
    }
    let bytes: usize = all.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes <= CORPORA_BYTES_MAX, "the corpora have {bytes} bytes; run cargo fuzz cmin and keep less");
}
