//! Holds the house style where a machine can: layers, purity, sizes, headers, honest tests, used dependencies.
//!
//! The layers are read from the table in `src/lib.rs`. Every violation is printed as `file:line: what is wrong; what to
//! do`, all of them at once. Each rule is shown to fail on a bad text below, so that none can pass by reading nothing.

#[path = "tidy/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use source::{Source, functions, has_word, paths, split};

/// A header says what a file owns and what it must never do; more than this belongs to the items.
const HEADER_LINES_MAX: usize = 8;
/// One line cannot say what a file owns and what it must never do; for tests, what they show is enough.
const HEADER_LINES_MIN: usize = 2;
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A file is read in one sitting (style 3).
const FILE_LINES_MAX: usize = 600;
/// A function fits a screen (style 4).
const FUNCTION_LINES_MAX: usize = 70;
/// Tests may be long tables and stories, but not endless ones.
const TEST_FUNCTION_LINES_MAX: usize = 120;

/// What a pure file must not contain before its tests.
const IMPURE: [(&str, &str); 22] = [
    ("async", "return a value that says what to do, and let the shell wait"),
    ("tokio", "return a value that says what to do, and let the shell wait"),
    ("std::fs", "take the contents as an argument"),
    // Not all of std::net: an IpAddr is a value like any other.
    ("TcpStream", "take the bytes as an argument"),
    ("TcpListener", "take the bytes as an argument"),
    ("UdpSocket", "take the bytes as an argument"),
    ("UnixStream", "take the bytes as an argument"),
    ("ToSocketAddrs", "take the addresses as an argument"),
    ("std::env", "take the value as an argument; only config reads the environment"),
    ("std::process", "return what is to be run"),
    ("std::thread", "return what is to be done"),
    ("HashMap", "use BTreeMap: the order of a HashMap differs from run to run"),
    ("HashSet", "use BTreeSet: the order of a HashSet differs from run to run"),
    ("rand", "derive it from content; ids and order are never drawn"),
    ("SystemTime", "take `now: Timestamp` as the last argument"),
    ("Instant::now", "take `now: Timestamp` as the last argument"),
    ("crate::clock", "take `now: Timestamp` as the last argument"),
    ("reqwest", "take the answer as an argument"),
    ("print!", "return the text"),
    ("println!", "return the text"),
    ("eprint!", "return the text"),
    ("eprintln!", "return the text"),
];

/// What no file may contain.
const NOWHERE: [(&str, &str); 5] = [
    ("todo!", "build it, or leave it out and say so in the issue"),
    ("unimplemented!", "build it, or leave it out and say so in the issue"),
    ("dbg!", "log it, or remove it"),
    ("macro_rules!", "write the lines out; we have no macros of our own (style 8)"),
    ("#[ignore", "mend the test or remove it; no test is skipped (style 57)"),
];

/// What no test may contain.
const NOT_IN_TESTS: [(&str, &str); 3] = [
    ("should_panic", "return the error and compare it (style 57)"),
    ("thread::sleep", "wait on a value, with a bound (style 55)"),
    ("time::sleep", "wait on a value, with a bound (style 55)"),
];

/// The one test file that may sleep: between two looks at a value.
const WAITS: &str = "tests/support/wait.rs";

/// Plays the other side of a login, with secrets that everybody may read.
const PLAYS_THE_OTHER_SIDE: &str = "src/simulator/";

/// Words that mark work as unfinished, searched in comments.
const UNFINISHED: [&str; 3] = ["FIXME", "XXX", "TODO"];

#[derive(Debug, PartialEq)]
struct Violation {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

#[derive(Debug, PartialEq)]
struct Module {
    layer: u32,
    pure: bool,
    /// The files of a pure module that are not pure; `mod` stands for `x/mod.rs` or `x.rs`.
    impure_files: BTreeSet<String>,
}

type Layers = BTreeMap<String, Module>;

#[test]
fn the_tree_is_tidy() {
    let files = all_files();
    let (_, lib) = files.iter().find(|(path, _)| path == "src/lib.rs").expect("src/lib.rs is there");
    let (layers, mut violations) = read_layers(lib);
    assert!(layers.len() > 10, "the table of layers in src/lib.rs was not found");
    violations.extend(files.iter().flat_map(|(path, text)| check(path, text, &layers)));
    assert_none(&violations);
}

#[test]
fn every_dependency_is_used() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).expect("Cargo.toml is there");
    assert_none(&unused_dependencies(&manifest, &all_files()));
}

fn assert_none(violations: &[Violation]) {
    let printed: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(printed.is_empty(), "{} violations of the house style:\n{}", printed.len(), printed.join("\n"));
}

fn all_files() -> Vec<(String, String)> {
    let root = Path::new(ROOT);
    ["src", "tests", "benches"].iter().flat_map(|dir| rust_files(root, &root.join(dir))).collect()
}

fn rust_files(root: &Path, dir: &Path) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<_> = entries.map(|entry| entry.expect("the directory can be read").path()).collect();
    found.sort();
    found
        .iter()
        .flat_map(|path| {
            if path.is_dir() {
                return rust_files(root, path);
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                return Vec::new();
            }
            let name = path.strip_prefix(root).expect("it is below the root").to_string_lossy().into_owned();
            vec![(name, fs::read_to_string(path).expect("the file can be read"))]
        })
        .collect()
}

/// Reads lines such as `//! 2 clopos           pure except mod`.
fn read_layers(lib: &str) -> (Layers, Vec<Violation>) {
    let (mut layers, mut violations) = (Layers::new(), Vec::new());
    for (number, line) in lib.lines().enumerate() {
        let Some(row) = line.strip_prefix("//! ").filter(|row| row.starts_with(|c: char| c.is_ascii_digit())) else {
            continue;
        };
        let words: Vec<&str> = row.split_whitespace().collect();
        let (layer, pure, impure_files): (_, _, &[&str]) = match words.as_slice() {
            [layer, _] => (layer, false, &[]),
            [layer, _, "pure"] => (layer, true, &[]),
            [layer, _, "pure", "except", files @ ..] if !files.is_empty() => (layer, true, files),
            _ => (&"", false, &[]),
        };
        let Ok(layer) = layer.parse() else {
            let what = "no row of the table of layers; write `<layer> <module> [pure [except <file>..]]`".to_owned();
            violations.push(Violation { file: "src/lib.rs".to_owned(), line: number + 1, what });
            continue;
        };
        let impure_files = impure_files.iter().map(ToString::to_string).collect();
        layers.insert(words[1].to_owned(), Module { layer, pure, impure_files });
    }
    (layers, violations)
}

fn check(path: &str, text: &str, layers: &Layers) -> Vec<Violation> {
    let source = split(text);
    let production = path.starts_with("src/") && !path.ends_with("/tests.rs");
    let (tests_from, mut found) = if production { tests_of(&source.code) } else { (0, Vec::new()) };
    found.extend(check_header(path, text, production));
    found.extend(check_sizes(&source.code, production, tests_from));
    found.extend(check_words(path, &source, tests_from));
    if production && !path.starts_with(PLAYS_THE_OTHER_SIDE) {
        found.extend(check_exposed(&source.code[..tests_from]));
    }
    if let Some((module, file)) = module_of(path) {
        found.extend(check_layers(&source.code, module, file, layers));
        if production && layers.get(module).is_some_and(|m| m.pure && !m.impure_files.contains(file)) {
            found.extend(check_pure(&source.code[..tests_from]));
        }
    }
    found.sort();
    found.into_iter().map(|(line, what)| Violation { file: path.to_owned(), line: line + 1, what }).collect()
}

/// A line, counted from 0, and what is wrong with it.
type Found = (usize, String);

/// Returns `(module, file)` of a file of the library: `src/clopos/wire.rs` is `("clopos", "wire")`.
fn module_of(path: &str) -> Option<(&str, &str)> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    match inner.split_once('/') {
        None if inner == "lib" || inner == "main" => None,
        None => Some((inner, "mod")),
        Some((module, file)) => Some((module, file.split('/').next().unwrap_or(file))),
    }
}

/// Returns the line where the tests begin, and what else is compiled for tests only.
fn tests_of(code: &[String]) -> (usize, Vec<Found>) {
    let mut found = Vec::new();
    let mut tests_from = code.len();
    let mut number = 0;
    while number < code.len() {
        let line = code[number].as_str();
        let attributes = code[number..].iter().take_while(|line| line.starts_with("#[")).count();
        let is_module = code.get(number + attributes).is_some_and(|line| line.starts_with("mod "));
        if line == "#[cfg(test)]" && is_module {
            tests_from = tests_from.min(number);
            number += attributes;
            if !code[number].ends_with(';') {
                number += code[number..]
                    .iter()
                    .position(|line| line.ends_with('}') && !line.starts_with(' '))
                    .unwrap_or(code.len());
            }
        } else if line.contains("cfg") && has_word(line, "test") {
            let what = "a test hook in production code; only a test module may be #[cfg(test)] (style 54)";
            found.push((number, what.to_owned()));
        } else if tests_from < number && !line.trim().is_empty() && !line.starts_with("#[") {
            found.push((number, "code after the tests; tests come last (style 2)".to_owned()));
            break;
        }
        number += 1;
    }
    (tests_from, found)
}

fn check_header(path: &str, text: &str, production: bool) -> Option<Found> {
    let lines = text.lines().take_while(|line| line.starts_with("//!")).count();
    // The table of layers and the words stand in the header of lib.rs by design.
    let most = if path == "src/lib.rs" { usize::MAX } else { HEADER_LINES_MAX };
    // Unit tests in a file of their own say what they hold in one line.
    let is_test = !production || path.ends_with("/tests.rs") || path.contains("/tests/");
    let least = if is_test { 1 } else { HEADER_LINES_MIN };
    if lines == 0 {
        Some((0, "no header; open with `//!`: what the file owns, what it must never do, the invariant".to_owned()))
    } else if lines < least || lines > most {
        let limits = format!("{least} to {HEADER_LINES_MAX}");
        Some((0, format!("a header of {lines} lines; write {limits} and move the rest to the items")))
    } else {
        None
    }
}

fn check_sizes(code: &[String], production: bool, tests_from: usize) -> Vec<Found> {
    let mut found = Vec::new();
    if production && tests_from > FILE_LINES_MAX {
        let what = format!("{tests_from} lines before the tests, {FILE_LINES_MAX} at most; split the file by noun");
        found.push((FILE_LINES_MAX, what));
    }
    found.extend(functions(code).into_iter().filter_map(|function| {
        let limit = if function.first < tests_from { FUNCTION_LINES_MAX } else { TEST_FUNCTION_LINES_MAX };
        let (name, lines) = (&function.name, function.lines);
        let what =
            format!("`{name}` has {lines} lines, {limit} at most; keep the branching and move straight parts out");
        (lines > limit).then_some((function.first, what))
    }));
    found
}

fn check_words(path: &str, source: &Source, tests_from: usize) -> Vec<Found> {
    let mut found = banned(&source.code, &NOWHERE);
    let not_in_tests = if path == WAITS { &NOT_IN_TESTS[..1] } else { &NOT_IN_TESTS[..] };
    found.extend(
        banned(&source.code[tests_from..], not_in_tests).into_iter().map(|(line, what)| (line + tests_from, what)),
    );
    for (number, line) in source.comments.iter().enumerate() {
        found.extend(UNFINISHED.iter().filter(|word| has_word(line, word)).map(|word| {
            (number, format!("`{word}` in a comment; finish it, or open an issue and explain the state here"))
        }));
    }
    found
}

fn check_pure(code: &[String]) -> Vec<Found> {
    banned(code, &IMPURE).into_iter().map(|(line, what)| (line, format!("the file is pure, but has {what}"))).collect()
}

/// Finds secrets whose text is compared by an operator, which takes the longer the more of a guess is right.
fn check_exposed(code: &[String]) -> Vec<Found> {
    let is_text = |operand: &str| {
        let rest = operand.trim_end_matches([')', '{', ';', ',', '}']).rsplit_once(".expose(");
        rest.is_some_and(|(_, rest)| ["", ").as_bytes(", ").to_owned(", ").trim("].contains(&rest))
    };
    let is_compared = |line: &str| {
        let line = line.replace("!=", "==");
        let sides: Vec<&str> = line.split("==").collect();
        sides.windows(2).any(|sides| {
            let (left, right) = (sides[0].split_whitespace().next_back(), sides[1].split_whitespace().next());
            left.is_some_and(is_text) || right.is_some_and(is_text)
        })
    };
    let what = "the text of a secret is compared by an operator; compare digests in constant time, as src/http/access/session.rs does";
    let lines = code.iter().enumerate().filter(|(_, line)| is_compared(line));
    lines.map(|(number, _)| (number, what.to_owned())).collect()
}

/// Finds words in the lines and in what `use` brings in, so that `use std::{fs, io}` counts as `std::fs`.
fn banned(code: &[String], words: &[(&str, &str)]) -> Vec<Found> {
    let imported = paths(code);
    let written = code.iter().enumerate().map(|(number, line)| (number, line.as_str()));
    let texts = written.chain(imported.iter().map(|(number, path)| (*number, path.as_str())));
    let found: BTreeSet<Found> = texts
        .flat_map(|(number, text)| {
            let present = words.iter().filter(move |(word, _)| has_word(text, word));
            present.map(move |(word, instead)| (number, format!("`{word}`; {instead}")))
        })
        .collect();
    found.into_iter().collect()
}

fn check_layers(code: &[String], module: &str, file: &str, layers: &Layers) -> Vec<Found> {
    let Some(own) = layers.get(module) else {
        let what = format!("module `{module}` is not in the table of layers; give it a row in src/lib.rs");
        return vec![(0, what)];
    };
    let to_root = if file == "mod" { "super::" } else { "super::super::" };
    let mut found = Vec::new();
    for (number, path) in paths(code) {
        let indented = code[number].starts_with(' ');
        if path.starts_with(to_root) && !indented {
            found.push((
                number,
                format!("`{path}` leaves the module; write it from `crate::`, so that its layer shows"),
            ));
        }
        let Some(other) = path.strip_prefix("crate::").and_then(|rest| rest.split("::").next()) else { continue };
        match layers.get(other) {
            _ if other == module => {}
            Some(theirs) if theirs.layer < own.layer => {}
            Some(theirs) => {
                let (ours, theirs) = (own.layer, theirs.layer);
                let what = format!(
                    "`{module}` (layer {ours}) imports `{other}` (layer {theirs}); arrows only point to lower layers: \
                     pass a value in, or move the type down"
                );
                found.push((number, what));
            }
            None => found.push((number, format!("`crate::{other}` is no module of the table in src/lib.rs"))),
        }
    }
    found.dedup();
    found
}

/// Finds dependencies that no code names; each costs build time and trust (style 59).
fn unused_dependencies(manifest: &str, files: &[(String, String)]) -> Vec<Violation> {
    let words_of = |in_src: bool| -> BTreeSet<String> {
        let chosen = files.iter().filter(|(path, _)| !in_src || path.starts_with("src/"));
        let code = chosen.flat_map(|(_, text)| split(text).code);
        code.flat_map(|line| crates_named(&line)).collect()
    };
    let (production, everywhere) = (words_of(true), words_of(false));
    let mut section = "";
    let mut found = Vec::new();
    for (number, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim();
        }
        let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with(['#', '[', ' '])) else { continue };
        let name = key.trim().split('.').next().unwrap_or_default().replace('-', "_");
        let what = match section {
            "[dependencies]" if production.contains(&name) => continue,
            "[dependencies]" if everywhere.contains(&name) => {
                format!("only tests use `{name}`; move it to dev-dependencies")
            }
            "[dev-dependencies]" if everywhere.contains(&name) => continue,
            "[dependencies]" | "[dev-dependencies]" => format!("nothing uses `{name}`; remove the dependency"),
            _ => continue,
        };
        found.push(Violation { file: "Cargo.toml".to_owned(), line: number + 1, what });
    }
    found
}

/// Returns the words before `::`, and the crate of a `use` without one.
fn crates_named(line: &str) -> Vec<String> {
    let last_word = |text: &str| -> String {
        let word: Vec<char> = text.chars().rev().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        word.into_iter().rev().collect()
    };
    let named = line.match_indices("::").map(|(at, _)| last_word(&line[..at]));
    let whole = line.trim().strip_prefix("use ").and_then(|rest| rest.strip_suffix(';')).map(str::to_owned);
    named.chain(whole).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "//! One.\n//! Two.\n";

    fn layers() -> Layers {
        let table =
            "//! 0 units            pure\n//! 1 clock\n//! 2 clopos           pure except mod\n//! 3 rules   pure\n";
        let (layers, violations) = read_layers(table);
        assert_eq!(violations, []);
        layers
    }

    /// Checks `body` under a good header; `expected` are `line: start of the message`, lines counted from the body's first.
    fn assert_found(path: &str, body: &str, expected: &[&str]) {
        let got: Vec<String> = check(path, &format!("{HEADER}{body}"), &layers())
            .iter()
            .map(|v| format!("{}: {}", v.line - HEADER.lines().count(), v.what))
            .collect();
        let fits = got.len() == expected.len() && got.iter().zip(expected).all(|(got, start)| got.starts_with(start));
        assert!(fits, "{path}\n{body}\nfound {got:#?}\nexpected {expected:#?}");
    }

    #[test]
    fn layers_point_down() {
        let bad = "1: `clopos` (layer 2) imports `rules` (layer 3); arrows";
        assert_found("src/clopos/wire.rs", "use crate::units::Money;\n", &[]);
        assert_found("src/clopos/wire.rs", "use crate::clopos::query;\nuse super::auth;\n", &[]);
        assert_found("src/clopos/mod.rs", "use crate::rules::Rule;\n", &[bad]);
        assert_found("src/clopos/mod.rs", "use crate::{\n    units::Money,\n    rules::{self, Rule},\n};\n", &[bad]);
        assert_found("src/clopos/mod.rs", "fn f() {\n    crate::rules::go();\n}\n", &["2: `clopos` (layer 2) imports"]);
        assert_found("src/clopos/mod.rs", "// use crate::rules;\nconst A: &str = \"crate::rules::b\";\n", &[]);
        assert_found("src/clopos.rs", "use super::rules;\n", &["1: `super::rules` leaves the module"]);
        assert_found("src/clopos/wire.rs", "use super::super::rules;\n", &["1: `super::super::rules` leaves"]);
        assert_found("src/rules.rs", "use crate::ruels::x;\n", &["1: `crate::ruels` is no module"]);
        let no_row = check("src/news.rs", HEADER, &layers());
        assert!(no_row[0].what.starts_with("module `news` is not in the table"), "{no_row:?}");
    }

    #[test]
    fn pure_files_are_pure() {
        let bad = |word: &str| format!("1: the file is pure, but has `{word}`");
        for (code, word) in [
            ("use std::fs;", "std::fs"),
            ("use std::{fmt, fs::File};", "std::fs"),
            ("use std::collections::{BTreeMap, HashMap};", "HashMap"),
            ("pub async fn read() {}", "async"),
            ("use rand::random;", "rand"),
            ("fn f() { let a = std::time::SystemTime::UNIX_EPOCH; }", "SystemTime"),
            ("fn f(i: I) { let a = Instant::now(); }", "Instant::now"),
            ("use std::net::{IpAddr, TcpStream};", "TcpStream"),
            ("fn f() { println!(); }", "println!"),
        ] {
            assert_found("src/rules/parse.rs", code, &[&bad(word)]);
            assert_found("src/clopos/mod.rs", code, &[]);
        }
        assert_found("src/clopos/wire.rs", "fn f(a: tokio::X) {}\n", &[&bad("tokio")]);
        let innocent =
            "/// Not async, no HashMap.\nfn operand() -> &'static str {\n    \"tokio\"\n}\nstruct MyHashMap;\n";
        assert_found("src/rules.rs", innocent, &[]);
        assert_found("src/rules.rs", "use std::net::IpAddr;\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", &[]);
        let clock = check("src/rules.rs", &format!("{HEADER}fn f() {{ crate::clock::now(); }}\n"), &layers());
        assert!(clock.iter().any(|v| v.what.contains("`crate::clock`")), "{clock:?}");
    }

    #[test]
    fn files_and_functions_have_limits() {
        let function = |lines: usize| format!("fn long(\n) {{\n{}}}\n", "    // {\n".repeat(lines - 3));
        assert_found("src/clock.rs", &function(FUNCTION_LINES_MAX), &[]);
        assert_found("src/clock.rs", &function(FUNCTION_LINES_MAX + 1), &["1: `long` has 71 lines, 70 at most"]);
        assert_found("tests/story.rs", &function(FUNCTION_LINES_MAX + 1), &[]);
        assert_found("tests/story.rs", &function(TEST_FUNCTION_LINES_MAX + 1), &["1: `long` has 121 lines"]);
        let lines = "static A: u8 = 1;\n".repeat(FILE_LINES_MAX - HEADER.lines().count());
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // One.\n".repeat(50));
        assert_found("src/clock.rs", &format!("{lines}{tests}"), &[]);
        assert_found("src/clock.rs", &format!("{lines}fn a() {{}}\n{tests}"), &["599: 601 lines before the tests"]);
    }

    #[test]
    fn a_file_has_a_header() {
        for (text, start) in [
            ("use std::fmt;\n", Some("no header")),
            ("//! One.\nuse std::fmt;\n", Some("a header of 1 lines")),
            (&"//! More.\n".repeat(9), Some("a header of 9 lines")),
            (&"//! Enough.\n".repeat(8), None),
        ] {
            let got = check("src/clock.rs", text, &layers());
            assert_eq!(got.len(), usize::from(start.is_some()), "{got:?}");
            assert!(got.iter().all(|v| v.line == 1 && start.is_some_and(|s| v.what.starts_with(s))), "{got:?}");
        }
        assert_eq!(check("src/rules/tests.rs", "//! Shows it.\n", &layers()), []);
        assert_eq!(check("src/lib.rs", &"//! More.\n".repeat(30), &layers()), []);
    }

    #[test]
    fn tests_are_honest_and_last() {
        let test = |body: &str| format!("#[cfg(test)]\nmod tests {{\n    {body}\n}}\n");
        assert_found("src/clock.rs", &test("fn a() { std::thread::sleep(d); }"), &["3: `thread::sleep`"]);
        assert_found("src/clock.rs", "fn a() { tokio::time::sleep(d); }\n", &[]);
        assert_found("tests/a.rs", "use tokio::time::{Duration, sleep};\n", &["1: `time::sleep`"]);
        assert_found("tests/a.rs", "#[ignore = \"slow\"]\nfn a() {}\n", &["1: `#[ignore`"]);
        assert_found("tests/a.rs", "#[should_panic]\nfn a() {}\n", &["1: `should_panic`"]);
        assert_found("src/clock.rs", "fn a() {\n    todo!()\n}\n", &["2: `todo!`"]);
        assert_found("src/clock.rs", "// FIXME: later\n", &["1: `FIXME` in a comment"]);
        assert_found("src/clock.rs", &(test("") + "fn late() {}\n"), &["5: code after the tests"]);
        assert_found("src/clock.rs", &test("").repeat(2), &[]);
        assert_found("src/clock.rs", "#[cfg(test)]\nfn hook() {}\n", &["1: a test hook in production code"]);
        assert_found("src/clock.rs", "fn a() {\n    if cfg!(test) {}\n}\n", &["2: a test hook"]);
        assert_found("src/clock.rs", "#[cfg(not(test))]\nfn a() {}\n", &["1: a test hook"]);
        assert_found("src/clock.rs", "#[cfg(test)]\nmod tests;\n", &[]);
    }

    #[test]
    fn secrets_are_not_compared_by_an_operator() {
        let found: &[&str] = &["1: the text of a secret is compared"];
        for (line, expected) in [
            ("fn a() { b.secret.expose() == given }", found),
            ("fn a() { if given.as_bytes() != secret.expose().as_bytes() {} }", found),
            ("fn a() { tokens.any(|it| it.expose() == given) }", found),
            ("fn a() { tokens.any(|it| given == it.secret.expose()) }", found),
            ("fn a() { secret.expose().len() == 3 }", &[]),
            ("fn a() { self.mac(&[token.secret.expose()]).finalize() == given }", &[]),
            ("fn a() { secret == other }", &[]),
        ] {
            assert_found("src/clock.rs", &format!("{line}\n"), expected);
            assert_found("tests/a.rs", &format!("{line}\n"), &[]);
        }
    }

    #[test]
    fn dependencies_are_used() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nused = \"1\"\nwith-dash = \"1\"\nattribute = { version = \"1\" }\n\
                        # unused = \"1\"\nidle = \"1\"\nin_tests = \"1\"\n[dev-dependencies]\ndev = \"1\"\nspare = \"1\"\n";
        let files = [
            (
                "src/a.rs",
                "use used::{A, B};\nfn f() { with_dash::g() }\n#[derive(attribute::D)]\nstruct S;\n// idle::x\n",
            ),
            ("tests/b.rs", "use dev;\nfn f() { in_tests::g(); }\n"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let got: Vec<String> = unused_dependencies(manifest, &files).iter().map(Violation::to_string).collect();
        let expected = [
            "Cargo.toml:8: nothing uses `idle`; remove the dependency",
            "Cargo.toml:9: only tests use `in_tests`; move it to dev-dependencies",
            "Cargo.toml:12: nothing uses `spare`; remove the dependency",
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn a_broken_row_of_the_table_is_named() {
        let (_, violations) = read_layers("//! 1 clock\n//! 2 clopos impure\n//! 3 x pure except\n");
        assert_eq!(violations.iter().map(|v| v.line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn code_is_told_from_text() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"{ \\\" }\", 'x')", "f(        ,    )"),
            ("r#\"a\"b\"#c", "        c"),
            ("br\"\\\"c", "b    c"),
            ("'\\'' 'a 'b'", "     'a    "),
            ("for x in r", "for x in r"),
        ] {
            assert_eq!(split(text).code.join("\n"), code, "{text}");
        }
    }

    #[test]
    fn functions_end_where_their_brace_does() {
        let code = split("trait T {\n    fn none(&self, a: [u8; 4]);\n    fn some() -> X {\n        { }\n    }\n}\nfn g<F: Fn()>() {}\nlet f: fn (u8) = g;\n").code;
        let got: Vec<_> = functions(&code).into_iter().map(|f| (f.name, f.first, f.lines)).collect();
        assert_eq!(got, [("some".to_owned(), 2, 3), ("g".to_owned(), 6, 1)]);
    }
}
