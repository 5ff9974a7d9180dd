//! Runs every file of the fuzzers' corpora through its property: seeds, what the fuzzers found worth keeping, and each
//! input that once broke something (`fuzz/regressions/`). CONTRIBUTING.md says how they come about.

#[path = "../fuzz/properties/mod.rs"]
mod properties;
#[path = "corpus/seeds.rs"]
mod seeds;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use properties::TARGETS;

/// A larger input shows nothing that a smaller one cannot, and everyone who clones the repository pays for it.
const FILE_BYTES_MAX: usize = 16 * 1024;
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

fn holds_for_every_file(target: &str) {
    let (_, hold) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let broken: Vec<PathBuf> = inputs(target)
        .into_iter()
        .filter(|(_, bytes)| catch_unwind(|| hold(bytes)).is_err())
        .map(|(path, _)| path)
        .collect();
    assert!(broken.is_empty(), "what must hold is broken by {broken:#?}; the reasons stand above");
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
fn stored() {
    holds_for_every_file("stored");
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
