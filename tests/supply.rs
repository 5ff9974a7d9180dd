//! What the binary is made of: the bill of materials lists all of it, and nothing of ours is `unsafe` or can become so.
//!
//! Licences, sources and forbidden crates are held by deny.toml, which `tests/run supply` asks cargo-deny about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(root()).stderr(Stdio::inherit()).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn bill() -> Value {
    let printed = said_by("deploy/sbom", &[]);
    assert_eq!(printed, said_by("deploy/sbom", &[]), "the same sources give the same bytes");
    serde_json::from_str(&printed).expect("JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

#[test]
fn the_bill_of_materials_lists_what_is_built() {
    let bill = bill();
    assert_eq!((text(&bill, "bomFormat"), text(&bill, "specVersion")), ("CycloneDX", "1.5"));
    assert!(text(&bill, "serialNumber").starts_with("urn:uuid:"));
    let components = bill["components"].as_array().expect("a list");
    let listed: BTreeSet<String> =
        components.iter().map(|one| format!("{} v{}", text(one, "name"), text(one, "version"))).collect();
    assert_eq!(listed.len(), components.len(), "each once");

    let tree =
        said_by("cargo", &["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let ours = format!("eightysix v{}", env!("CARGO_PKG_VERSION"));
    let built: BTreeSet<String> = tree
        .lines()
        .map(|line| line.split(" (").next().unwrap_or(line).trim().to_owned())
        .filter(|line| !line.is_empty() && *line != ours)
        .collect();
    assert!(built.len() > 100, "cargo tree was read");
    assert_eq!(listed, built);
    assert_eq!(text(&bill["metadata"]["component"], "name"), "eightysix");

    for one in components {
        let purl = format!("pkg:cargo/{}@{}", text(one, "name"), text(one, "version"));
        assert_eq!((text(one, "purl"), text(one, "bom-ref")), (purl.as_str(), purl.as_str()));
        assert!(!text(&one["licenses"][0], "expression").contains('/'), "an expression of SPDX: {one}");
        let hash = text(&one["hashes"][0], "content");
        assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "the checksum of Cargo.lock: {one}");
    }
    let references: BTreeSet<&str> =
        bill["dependencies"].as_array().expect("a list").iter().map(|it| text(it, "ref")).collect();
    let pointed_to =
        bill["dependencies"].as_array().expect("a list").iter().filter_map(|it| it["dependsOn"].as_array());
    assert!(pointed_to.flatten().all(|to| to.as_str().is_some_and(|to| references.contains(to))));
    assert_eq!(references.len(), components.len() + 1);
}

/// `forbid` cannot be opened again by an attribute (the compiler refuses it), so it is enough that it stands there, that
/// every target of the package has it, and that nothing turns lints off from outside.
#[test]
fn unsafe_code_is_forbidden_and_nothing_opens_it() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let lints = manifest.split("\n[lints.rust]\n").nth(1).expect("[lints.rust]");
    let lints = lints.split("\n[").next().expect("a section");
    assert!(lints.lines().any(|line| line == "unsafe_code = \"forbid\""), "{lints}");

    let known = said_by("cargo", &["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let known: Value = serde_json::from_str(&known).expect("JSON");
    let kinds: BTreeSet<&str> = known["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .flat_map(|package| package["targets"].as_array().expect("targets"))
        .flat_map(|target| target["kind"].as_array().expect("kinds").iter().filter_map(Value::as_str))
        .collect();
    assert!(kinds.contains("bin") && !kinds.contains("custom-build"), "no script of ours runs in the build: {kinds:?}");
    assert!(!kinds.contains("proc-macro"), "{kinds:?}");

    let mut words = BTreeMap::new();
    for folder in ["src", "tests"] {
        search(&root().join(folder), &mut words);
    }
    assert!(words.len() > 100, "the sources were read");
    let opened: Vec<_> = words.iter().filter(|(_, is_unsafe)| **is_unsafe).map(|(path, _)| path).collect();
    assert_eq!(opened, Vec::<&PathBuf>::new());
    for settings in [".cargo/config.toml", ".cargo/config", "config/.cargo"] {
        let text = fs::read_to_string(root().join(settings)).unwrap_or_default();
        assert!(!text.contains("cap-lints"), "{settings} turns lints off");
    }
}

/// Notes for each source file whether it holds a block, function, trait or implementation that is `unsafe`.
fn search(folder: &Path, words: &mut BTreeMap<PathBuf, bool>) {
    let keyword = concat!("uns", "afe");
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            search(&path, words);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let opens = |rest: &str| ["{", "fn ", "impl ", "trait ", "extern "].iter().any(|it| rest.starts_with(it));
            let found = text.split(keyword).skip(1).any(|rest| rest.starts_with(' ') && opens(rest.trim_start()));
            words.insert(path, found);
        }
    }
}

/// Where the text of a secret may be read: each of these files hands it to a protocol or looks for it in an answer.
const EXPOSERS: [&str; 13] = [
    "alerts/link.rs",
    "broker/mod.rs",
    "broker/server.rs",
    "clopos/mod.rs",
    "heartbeat.rs",
    "http/access/mod.rs",
    "http/access/session.rs",
    "simulator/answer.rs",
    "sinks/email/mod.rs",
    "sinks/email/smtp.rs",
    "sinks/mqtt/session.rs",
    "sinks/webhook/mod.rs",
    "sinks/webhook/sign.rs",
];

/// A secret prints as dots whatever is done with it, until its text is taken out: that is done in few places, and none of
/// them logs it or writes it into a message.
#[test]
fn secrets_are_exposed_in_few_places() {
    let mut files = BTreeMap::new();
    search(&root().join("src"), &mut files);
    let mut exposing = BTreeSet::new();
    for path in files.keys() {
        let text = fs::read_to_string(path).expect("a source");
        let code = text.split("\n#[cfg(test)]").next().unwrap_or(&text);
        let name = path.strip_prefix(root().join("src")).expect("below src").display().to_string();
        for line in code.lines().filter(|line| line.contains(".expose()") && !name.ends_with("tests.rs")) {
            let shows =
                ["format!", "tracing::", "println!", "Problem", "tell("].iter().find(|word| line.contains(*word));
            assert_eq!(shows, None, "{name} shows a secret: {line}");
            exposing.insert(name.clone());
        }
    }
    assert_eq!(exposing, EXPOSERS.map(str::to_owned).into_iter().collect(), "look at each new use, then list its file");
}
