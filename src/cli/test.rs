//! `eightysix test`: runs the tests of rules and shows what was expected and what happened instead.
//!
//! Reads files and nothing else: no configuration, no network, no database. Every wrong file is told before any test runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::cli::Failure;
use crate::cli::output::{coloured, report_objects, say, say_json, show_report};
use crate::config::read_file;
use crate::config::rules::shown;
use crate::document::{Place, Problems};
use crate::engine::Policy;
use crate::rules::parse::RuleFile;
use crate::ruletest::{self, Difference, ENDINGS, Suite, Test, Verdict, is_test_file};
use crate::units::printable;

/// Characters of a line of the output: a topic's body, with room for its name.
const SHOWN_MAX: usize = 600;

/// Runs the tests of the files and of those in the folders.
pub(super) fn test(paths: &[PathBuf], as_json: bool) -> Result<(), Failure> {
    let mut problems = Problems::new();
    let mut suites: Vec<(Suite, Arc<Policy>)> = Vec::new();
    for path in files(paths, &mut problems) {
        suites.extend(load(&path, &mut problems));
    }
    if let Some(report) = problems.into_report() {
        if as_json {
            report_objects(&report);
        } else {
            show_report(&report);
        }
        return Err(Failure::Wrong);
    }
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for (suite, policy) in &suites {
        for test in &suite.tests {
            let verdict = suite.run(test, policy);
            let count = if verdict == Verdict::Passed { &mut passed } else { &mut failed };
            *count += 1;
            if as_json {
                say_json(&object(test, &verdict));
            } else {
                show(test, &verdict);
            }
        }
    }
    if as_json {
        say_json(&json!({ "ok": failed == 0, "passed": passed, "failed": failed }));
    } else {
        say(&format!("{passed} passed, {failed} failed"));
    }
    if failed == 0 { Ok(()) } else { Err(Failure::Shown) }
}

/// Returns the files that are named, and those of tests in the folders that are, in order.
fn files(paths: &[PathBuf], problems: &mut Problems) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        let place = Place::whole(&shown(path).into());
        if !path.is_dir() {
            // What is named is read whatever its name; a file of rules then says that it has no tests.
            files.push(path.clone());
            continue;
        }
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                let help = "let this user read it, or name another one";
                problems.tell_with_help(&place, format!("the folder cannot be read: {error}"), help);
                continue;
            }
        };
        let is_meant = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(is_test_file);
        let mut found: Vec<PathBuf> =
            entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_meant).collect();
        found.sort();
        if found.is_empty() {
            let help = format!("write one whose name ends in {}, beside the rules", ENDINGS[0]);
            problems.tell_with_help(&place, "there is no file of tests in this folder", help);
        }
        files.extend(found);
    }
    files
}

/// Reads a file of tests and the rules that it is about.
fn load(path: &Path, problems: &mut Problems) -> Option<(Suite, Arc<Policy>)> {
    let file: Arc<str> = shown(path).into();
    let bytes = match read_file(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let help = "name a file of tests that is there and that this user may read";
            problems.tell_with_help(&Place::whole(&file), format!("the tests cannot be read: {error}"), help);
            return None;
        }
    };
    let suite = ruletest::read(&file, &bytes, problems)?;
    let rules = rule_files(path, &suite, problems)?;
    let policy = suite.policy(&rules, problems)?;
    Some((suite, policy))
}

/// Reads the files of rules that the suite names, or the one beside it: `kitchen.yaml` or `kitchen.yml` of
/// `kitchen.test.yaml`.
fn rule_files(path: &Path, suite: &Suite, problems: &mut Problems) -> Option<Vec<RuleFile>> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let named: Vec<(PathBuf, Place)> = if let Some(rules) = &suite.rules {
        rules.iter().map(|it| (folder.join(&*it.text), it.place.clone())).collect()
    } else {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
        let beside = |ending: &str| folder.join(format!("{stem}{ending}"));
        let path = [".yaml", ".yml"].map(beside).into_iter().find(|path| path.exists());
        vec![(path.unwrap_or_else(|| beside(".yaml")), Place::whole(&suite.file))]
    };
    let mut files = Vec::new();
    for (path, place) in &named {
        match read_file(path) {
            Ok(bytes) => files.push(RuleFile { name: shown(path).into(), bytes }),
            Err(error) => {
                let message = format!("the rules in {} cannot be read: {error}", shown(path));
                problems.tell_with_help(place, message, "name the files of rules by 'rules', relative to this file");
            }
        }
    }
    (files.len() == named.len()).then_some(files)
}

fn show(test: &Test, verdict: &Verdict) {
    let Place { file, line, .. } = &test.place;
    let (name, shown) = (printable(&test.name, SHOWN_MAX), |line: &String| printable(line, SHOWN_MAX));
    match verdict {
        Verdict::Passed => say(&format!("{}  {file}:{line}: {name}", coloured("  ok", "32"))),
        Verdict::Failed(differences) => {
            say(&format!("{}  {file}:{line}: {name}", coloured("FAIL", "31;1")));
            for Difference { place, at, expected, happened } in differences {
                say(&format!("      {}:{}:{}, at {at}", place.file, place.line, place.column));
                for line in expected {
                    say(&format!("        {} {}", coloured("expected", "32"), shown(line)));
                }
                for line in happened {
                    say(&format!("        {} {}", coloured("happened", "31"), shown(line)));
                }
            }
        }
    }
}

fn object(test: &Test, verdict: &Verdict) -> serde_json::Value {
    let of = |difference: &Difference| {
        let Difference { place, at, expected, happened } = difference;
        let (line, column) = (place.line, place.column);
        json!({ "line": line, "column": column, "at": at, "expected": expected, "happened": happened })
    };
    let differences = match verdict {
        Verdict::Passed => Vec::new(),
        Verdict::Failed(differences) => differences.iter().map(of).collect(),
    };
    let Place { file, line, .. } = &test.place;
    json!({
        "file": file.as_ref(), "line": line, "test": test.name.as_ref(), "ok": *verdict == Verdict::Passed,
        "differences": differences,
    })
}
