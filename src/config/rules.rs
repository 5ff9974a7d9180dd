//! The `rules` section: finds the files, has them read, and checks the receivers that they name. Rules that are only
//! tried are read the same way.
//!
//! Invariant: the files come in the order of their paths, so that reports and reloads do not depend on the folder.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::alerts::render::bad_message;
use crate::config::{Config, Names, Surroundings, read_file, unknown_name};
use crate::document::{Node, Place, Problems, Report};
use crate::language::Language;
use crate::rules::RuleSet;
use crate::rules::parse::{self, RuleFile};
use crate::ruletest::is_test_file;
use crate::units::printable;

/// Files of rules; a folder with more is the wrong one.
const FILES_MAX: usize = 1_000;

/// What a pattern of the configuration is relative to.
const OF_FILE: &str = "this file's folder";
/// What one of the command line is relative to.
const OF_WORK: &str = "the working folder";

/// What rules can refer to, and who reads them.
pub(super) struct Known<'a> {
    pub(super) receivers: &'a Names,
    pub(super) windows: &'a Names,
    /// The languages of the receivers and of the locale.
    pub(super) languages: BTreeSet<Language>,
}

/// Why a pattern names no files, and what to write instead.
struct NoFiles {
    message: String,
    help: String,
}

/// The rules, and where they came from.
pub(super) struct Loaded {
    pub(super) rules: RuleSet,
    /// The paths of the files, sorted.
    pub(super) paths: Vec<PathBuf>,
    /// What the files hold, in the same order.
    pub(super) texts: Vec<Vec<u8>>,
}

/// Reads all rules and returns them with their files.
pub(super) fn load(
    node: &Node,
    known: &Known<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Loaded> {
    let patterns = node.one_or_more();
    if patterns.is_empty() {
        return node.refuse("one or more files, such as [rules/*.yaml]", problems);
    }
    let mut paths = BTreeSet::new();
    for pattern in patterns {
        let Some(text) = pattern.text(problems) else { continue };
        let path = around.path(text);
        if path.parent().is_none() || path.file_name().and_then(|name| name.to_str()).is_none() {
            let _: Option<()> = pattern.refuse("a file or a pattern, such as rules/*.yaml", problems);
            continue;
        }
        match matches(&path, text, OF_FILE) {
            Ok(found) => paths.extend(found),
            Err(NoFiles { message, help }) => problems.tell_with_help(&pattern.place, message, help),
        }
    }
    let (rules, texts) = read(&paths, &node.place, known, problems)?;
    Some(Loaded { rules, paths: paths.into_iter().collect(), texts })
}

/// Reads other rules than those in force, as if they stood in the configuration: files, patterns, and folders of which
/// all files of rules are meant.
///
/// # Errors
/// Everything that is wrong with any of them, with its places.
pub(crate) fn others(named: &[PathBuf], config: &Config) -> Result<RuleSet, Report> {
    let mut problems = Problems::new();
    let mut paths = BTreeSet::new();
    for path in named {
        let written = path.display().to_string();
        let found = if path.is_dir() { all_in(path) } else { matches(path, &written, OF_WORK) };
        match found {
            Ok(found) => paths.extend(found),
            Err(NoFiles { message, help }) => {
                problems.tell_with_help(&Place::whole(&shown(path).into()), message, help);
            }
        }
    }
    let receivers = Names::Known(config.receivers.keys().map(ToString::to_string).collect());
    let windows = Names::Known(config.calendars.plain().window_names().map(str::to_owned).collect());
    let place = Place::whole(&named.first().map_or_else(String::new, |path| shown(path)).into());
    let languages =
        config.receivers.values().map(|receiver| receiver.language).chain([config.locale.language]).collect();
    let known = Known { receivers: &receivers, windows: &windows, languages };
    let rules = read(&paths, &place, &known, &mut problems);
    match (problems.into_report(), rules) {
        (Some(report), _) => Err(report),
        (None, rules) => Ok(rules.map(|(rules, _)| rules).unwrap_or_default()),
    }
}

/// Finds the files of rules in a folder.
fn all_in(folder: &Path) -> Result<Vec<PathBuf>, NoFiles> {
    let found = [matches(&folder.join("*.yaml"), "", OF_WORK), matches(&folder.join("*.yml"), "", OF_WORK)];
    let found: Vec<PathBuf> = found.into_iter().filter_map(Result::ok).flatten().collect();
    if found.is_empty() {
        let message = "there is no file of rules in this folder, or this user may not read it".to_owned();
        return Err(NoFiles { message, help: "name a folder with files that end in .yaml".to_owned() });
    }
    Ok(found)
}

/// Reads the files and checks the names and messages in them; returns the rules and what the files hold. `place` is what named
/// the files.
fn read(
    paths: &BTreeSet<PathBuf>,
    place: &Place,
    known: &Known<'_>,
    problems: &mut Problems,
) -> Option<(RuleSet, Vec<Vec<u8>>)> {
    let Known { receivers, windows, languages } = known;
    if paths.len() > FILES_MAX {
        let message = format!("'rules' names {} files, more than the {FILES_MAX} that are read", paths.len());
        problems.tell(place, message);
        return None;
    }
    let mut files = Vec::new();
    for path in paths {
        let name = shown(path);
        match read_file(path) {
            Ok(bytes) => files.push(RuleFile { name: name.into(), bytes }),
            Err(error) => {
                let message = format!("the rules in {name} cannot be read: {error}");
                problems.tell_with_help(place, message, "let this user read the file, or remove it");
            }
        }
    }
    let parsed = parse::parse(&files, problems);
    for receiver in &parsed.receivers {
        if !receivers.may_hold(&receiver.text) {
            unknown_name(&receiver.place, &receiver.text, "receiver", receivers, problems);
        }
    }
    for window in &parsed.windows {
        if !windows.may_hold(&window.text) {
            unknown_name(&window.place, &window.text, "window", windows, problems);
        }
    }
    for template in &parsed.templates {
        if let Some(bad) = bad_message(template, languages) {
            problems.tell_with_help(&bad.place, format!("this message cannot be used: {}", bad.problem), bad.help);
        }
    }
    Some((parsed.rules, files.into_iter().map(|file| file.bytes).collect()))
}

/// Finds the files that a pattern names; one that names none is a mistake, as no rule would be missed. `relative_to` is
/// the folder that it is written for, in words.
fn matches(path: &Path, written: &str, relative_to: &str) -> Result<Vec<PathBuf>, NoFiles> {
    let refuse = |message: String, help: String| Err(NoFiles { message, help });
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    if directory.to_string_lossy().contains(['*', '?']) {
        let message = "'*' and '?' stand for parts of a file's name, not of a folder's";
        return refuse(message.to_owned(), "write one pattern for each folder".to_owned());
    }
    if !name.contains(['*', '?']) {
        if path.is_dir() {
            let help = format!("write {}/*.yaml for the files in it", written.trim_end_matches('/'));
            return refuse(format!("{} is a folder", shown(path)), help);
        }
        if !path.is_file() {
            let help = format!("write a path that is relative to {relative_to}, or a pattern such as rules/*.yaml");
            return refuse(format!("there is no file {}", shown(path)), help);
        }
        if is_test_file(name) {
            let help = "name the files of rules; `eightysix test` runs the tests";
            return refuse(format!("{} holds tests and no rules", shown(path)), help.to_owned());
        }
        return Ok(vec![path.to_owned()]);
    }
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("the folder {} cannot be read: {error}", shown(directory));
            return refuse(message, format!("write the path of a folder that is there, relative to {relative_to}"));
        }
    };
    let found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            // Tests stand beside the rules, and `rules/*.yaml` means the rules.
            let is_meant = |file: &str| !file.starts_with('.') && !is_test_file(file) && fits(name, file);
            entry.file_name().to_str().is_some_and(is_meant)
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    if found.is_empty() {
        let help = format!("write a pattern that fits one, relative to {relative_to}");
        return refuse(format!("no file fits {}", shown(path)), help);
    }
    Ok(found)
}

/// Returns whether a file's name fits a pattern, in which `*` stands for any text and `?` for any character.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // The rows of the usual table, one character of the pattern at a time: linear in both, whatever the stars.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for c in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            next[at] = match c {
                '*' => reached[at] || (at > 0 && next[at - 1]),
                '?' => at > 0 && reached[at - 1],
                c => at > 0 && reached[at - 1] && name[at - 1] == c,
            };
        }
        reached = next;
    }
    reached[name.len()]
}

/// Returns a path as people write it: `config/../rules/kitchen.yaml` as `rules/kitchen.yaml`.
pub(crate) fn shown(path: &Path) -> String {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
            (Component::CurDir, _) => {}
            (Component::ParentDir | Component::Normal(_) | Component::RootDir | Component::Prefix(_), _) => {
                parts.push(part);
            }
        }
    }
    let path: PathBuf = parts.into_iter().collect();
    printable(&path.display().to_string(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, expected) in [
            ("*.yaml", "kitchen.yaml", true),
            ("*.yaml", ".yaml", true),
            ("*.yaml", "kitchen.yml", false),
            ("k*n*.y?ml", "kitchen.yaml", true),
            ("k?.yaml", "k.yaml", false),
            ("*", "x", true),
            ("**", "", true),
            ("a", "ab", false),
            ("*ü?", "xüö", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(500), &"a".repeat(499)));
    }

    #[test]
    fn paths_are_shown_as_people_write_them() {
        for (path, expected) in [
            ("config/../rules/kitchen.yaml", "rules/kitchen.yaml"),
            ("./rules/x.yaml", "rules/x.yaml"),
            ("../../x.yaml", "../../x.yaml"),
            ("/etc/eightysix/../x.yaml", "/etc/x.yaml"),
        ] {
            assert_eq!(shown(Path::new(path)), expected);
        }
    }
}
