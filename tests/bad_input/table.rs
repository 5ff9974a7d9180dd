//! The table: reads the cases, has each of them run, compares, and writes what was said when asked to.
//!
//! A case is four blocks of plain text: `case` and its name, `given`, `said`, `kept`, each line indented by two spaces.
//! A file may begin with `every case` and the `kept` of all cases that have none of their own. `\n`, `\r`, `\t`, `\\` and
//! `\xHH` stand for bytes, `«text*n»` for a text n times.

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::promises;

/// Where the input comes in, in the order of the issue; each has a file of this name under `cases/`.
pub(crate) const SURFACES: [(&str, &str); 7] = [
    ("answers", include_str!("cases/answers.txt")),
    ("configuration", include_str!("cases/configuration.txt")),
    ("rules", include_str!("cases/rules.txt")),
    ("commands", include_str!("cases/commands.txt")),
    ("requests", include_str!("cases/requests.txt")),
    ("environment", include_str!("cases/environment.txt")),
    ("files", include_str!("cases/files.txt")),
];

/// Set, it has the `said` of every case written as it is said now; what changed is then read and committed, or not.
const UPDATE: &str = "UPDATE_BAD_INPUT";

/// One bad input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The input.
    pub(crate) given: Vec<String>,
    /// The messages, word for word.
    pub(crate) said: Vec<String>,
    /// The state that must stay.
    pub(crate) kept: Vec<String>,
    /// Where its messages stand in the file, in bytes.
    span: Range<usize>,
}

impl Case {
    pub(crate) fn keeps(&self, state: &str) -> bool {
        self.kept.iter().any(|line| line == state)
    }
}

/// What happened to a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// The messages, in the form of the table.
    pub(crate) said: Vec<String>,
    /// What was not kept, and what was found instead.
    pub(crate) lost: Vec<String>,
    /// Everything that was printed, logged or answered, to be searched for what must never appear.
    pub(crate) seen: String,
}

/// Reads the cases of a surface.
pub(crate) fn cases(surface: &str) -> Vec<Case> {
    let (_, text) = SURFACES.iter().find(|(name, _)| *name == surface).expect("a surface of the table");
    read(surface, text)
}

fn read(surface: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut every = Case::default();
    let (mut block, mut in_every, mut at) = ("", false, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let (start, end) = (at, at + line.len());
        at = end;
        let line = line.trim_end_matches('\n');
        let wrong = |what: &str| format!("cases/{surface}.txt:{}: {what}: {line}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("case ") {
            in_every = false;
            cases.push(Case { name: name.to_owned(), ..Case::default() });
            block = "";
            continue;
        }
        if line == "every case" {
            (in_every, block) = (true, "");
            continue;
        }
        let case =
            if in_every { &mut every } else { cases.last_mut().unwrap_or_else(|| panic!("{}", wrong("no case yet"))) };
        let Some(value) = line.strip_prefix("  ") else {
            match line {
                "given" | "said" | "kept" => block = line,
                _ => panic!("{}", wrong("write 'case <name>', 'every case', 'given', 'said' or 'kept'")),
            }
            if block == "said" {
                case.span = end..end;
            }
            continue;
        };
        match block {
            "given" => case.given.push(value.to_owned()),
            "kept" => case.kept.push(value.to_owned()),
            "said" => {
                assert_eq!(start, case.span.end, "the messages of a case stand together: {line}");
                case.span.end = end;
                case.said.push(value.to_owned());
            }
            _ => panic!("{}", wrong("a value before its block")),
        }
    }
    for case in &mut cases {
        if case.kept.is_empty() {
            case.kept.clone_from(&every.kept);
        }
    }
    cases
}

/// Runs all cases of a surface, several at a time, and shows every one that is not as the table says.
pub(crate) fn check(surface: &str, run: impl Fn(&Case) -> Outcome + Sync) {
    let cases = cases(surface);
    let outcomes: Vec<Mutex<Option<Outcome>>> = cases.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get() * 2);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let index = cases.iter().position(|other| std::ptr::eq(other, case)).expect("one of them");
                    *outcomes[index].lock().expect("no panic before") = Some(run(case));
                }
            });
        }
    });
    let outcomes = outcomes.into_iter().map(|outcome| outcome.into_inner().expect("no panic").expect("it was run"));
    compare(surface, &cases, &outcomes.collect::<Vec<_>>());
}

/// Compares what happened with the table.
pub(crate) fn compare(surface: &str, cases: &[Case], outcomes: &[Outcome]) {
    if updates() {
        update(surface, cases, outcomes);
    }
    let mut wrong = String::new();
    let mut count = 0;
    for (case, outcome) in cases.iter().zip(outcomes) {
        let mut notes = outcome.lost.clone();
        if !updates() && outcome.said != case.said {
            notes.push(format!("said\n  {}\nand not\n  {}", outcome.said.join("\n  "), case.said.join("\n  ")));
        }
        notes.extend(promises::broken(surface, case, outcome));
        if !notes.is_empty() {
            count += 1;
            let _ = writeln!(wrong, "case {}\n{}\n", case.name, notes.join("\n"));
        }
    }
    assert!(wrong.is_empty(), "{count} of {} cases of {surface} are not as the table says:\n\n{wrong}", cases.len());
}

/// Says whether the table is to be written.
#[expect(clippy::disallowed_methods, reason = "the switch of whoever runs the test")]
pub(crate) fn updates() -> bool {
    std::env::var(UPDATE).is_ok()
}

fn update(surface: &str, cases: &[Case], outcomes: &[Outcome]) {
    let path = format!("{}/tests/bad_input/cases/{surface}.txt", env!("CARGO_MANIFEST_DIR"));
    let mut text = fs::read_to_string(&path).expect("the table");
    for (case, outcome) in cases.iter().zip(outcomes).rev() {
        assert!(case.span.end > 0, "case {} has no 'said' to write to", case.name);
        let lines: Vec<String> = outcome.said.iter().map(|line| format!("  {line}\n")).collect();
        text.replace_range(case.span.clone(), &lines.concat());
    }
    fs::write(&path, text).expect("the table is written");
}

/// Reads the bytes that a line of the table stands for.
pub(crate) fn bytes(line: &str) -> Vec<u8> {
    let line = repeated(line);
    let mut found = Vec::new();
    let mut rest = line.as_str();
    while let Some(at) = rest.find('\\') {
        found.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let (byte, length) = match escape.as_bytes().first() {
            Some(b'n') => (Some(b'\n'), 1),
            Some(b'r') => (Some(b'\r'), 1),
            Some(b't') => (Some(b'\t'), 1),
            Some(b'\\') => (Some(b'\\'), 1),
            Some(b'x') => (u8::from_str_radix(escape.get(1..3).unwrap_or(""), 16).ok(), 3),
            _ => (None, 0),
        };
        // Any other backslash is itself, so that JSON keeps its own.
        found.push(byte.unwrap_or(b'\\'));
        rest = &escape[if byte.is_some() { length } else { 0 }..];
    }
    found.extend_from_slice(rest.as_bytes());
    found
}

/// The same as text.
pub(crate) fn text(line: &str) -> String {
    String::from_utf8_lossy(&bytes(line)).into_owned()
}

fn repeated(line: &str) -> String {
    let mut found = String::new();
    let mut rest = line;
    while let Some((before, (inside, after))) =
        rest.split_once('«').and_then(|(before, tail)| Some((before, tail.split_once('»')?)))
    {
        let (text, count) = inside.rsplit_once('*').unwrap_or_else(|| panic!("write «text*count», not «{inside}»"));
        let count: usize = count.parse().unwrap_or_else(|_| panic!("write «text*count», not «{inside}»"));
        found.push_str(before);
        found.push_str(&text.repeat(count));
        rest = after;
    }
    found + rest
}

#[test]
fn lines_of_the_table_stand_for_bytes() {
    for (line, expected) in [
        ("plain {{ text }}", &b"plain {{ text }}"[..]),
        (r"a\tb\r\n\\n", b"a\tb\r\n\\n"),
        (r"\xff\x00", b"\xff\0"),
        (r#"{"a":"\u00e4\""}"#, br#"{"a":"\u00e4\""}"#),
        ("[«ab*3»]", b"[ababab]"),
        (r"«\n*2»", b"\n\n"),
    ] {
        assert_eq!(bytes(line), expected, "{line}");
    }
}

#[test]
fn every_surface_has_its_cases_and_all_of_them_are_named_and_whole() {
    let counts = SURFACES.map(|(surface, _)| (surface, cases(surface).len()));
    println!("{:<16}cases", "surface");
    for (surface, count) in counts {
        println!("{surface:<16}{count:>5}");
    }
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    println!("{:<16}{total:>5}", "all");
    assert!(total >= 150, "{total} cases");
    for ((surface, count), least) in counts.iter().zip([50, 80, 90, 20, 20, 15, 30]) {
        assert!(*count >= least, "{surface} has {count} cases, and {least} were there once");
    }
    for (surface, _) in SURFACES {
        let mut names: Vec<String> = cases(surface).into_iter().map(|case| case.name).collect();
        for case in cases(surface) {
            let whole = !case.given.is_empty() && !case.said.is_empty() && !case.kept.is_empty();
            assert!(whole, "{surface}, {}: given, said and kept, none of them empty", case.name);
        }
        names.sort();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        assert!(twice.is_none(), "{surface}: two cases have the name {twice:?}");
    }
}
