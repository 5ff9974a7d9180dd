//! Reads settings out of nodes: each reader returns the typed value, or tells what is wrong and returns `None`.
//!
//! A group is read through [`Fields`], which remembers which settings were asked for, so that `finish` can name those
//! that nobody knows. Invariant: readers never stop at the first mistake; the caller goes on with what it has.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::document::{Entry, Node, Place, Problem, Problems, Value, nearest};
use crate::units;

/// What a duration is written like.
pub(super) const DURATION: &str = "a duration such as 20s, 5m, 1h30m or 2d";
/// Characters of an offending text that a message repeats.
const SHOWN_MAX: usize = 60;
/// Words that a message lists when none is near; more would hide the message.
const LISTED_MAX: usize = 24;

impl Node {
    /// Returns whether the setting was left empty (`key:`, `key: ~`, `key: null`).
    pub fn is_nothing(&self) -> bool {
        match &self.value {
            Value::Scalar { text, quoted } => !quoted && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            Value::Sequence(_) | Value::Mapping(_) => false,
        }
    }

    /// Returns the single value as it was written, and whether it was quoted; `None`, silently, for anything else.
    pub fn as_scalar(&self) -> Option<(&str, bool)> {
        match &self.value {
            Value::Scalar { text, quoted } if !self.is_nothing() => Some((text, *quoted)),
            Value::Scalar { .. } | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Returns `true` or `false`, silently `None` for anything else: for readers that accept several types.
    pub fn as_flag(&self) -> Option<bool> {
        match self.as_scalar()? {
            ("true" | "True" | "TRUE", false) => Some(true),
            ("false" | "False" | "FALSE", false) => Some(false),
            _ => None,
        }
    }

    /// Says what the node holds, for messages: `'abc'`, `a list`, `a group of settings`, `nothing`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Scalar { .. } if self.is_nothing() => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("'{}'", units::printable(text, SHOWN_MAX)),
            Value::Sequence(items) if items.is_empty() => "an empty list".to_owned(),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a group of settings".to_owned(),
        }
    }

    /// Reads a text. Numbers and flags count as the text they were written as; empty quotes are refused.
    pub fn text(&self, problems: &mut Problems) -> Option<&str> {
        match self.as_scalar() {
            Some((text, _)) if !text.trim().is_empty() => Some(text),
            Some(_) | None => self.refuse("a text", problems),
        }
    }

    /// Reads a whole number within `range`; `unit` names what is counted (`requests`), empty when nothing is.
    pub fn integer(&self, range: &RangeInclusive<i64>, unit: &str, problems: &mut Problems) -> Option<i64> {
        let number = match self.as_scalar() {
            Some((text, false)) => text.parse::<i64>().ok().filter(|number| range.contains(number)),
            Some((_, true)) | None => None,
        };
        if number.is_none() {
            let unit = if unit.is_empty() { String::new() } else { format!(" of {unit}") };
            let bounds = match (range.start(), range.end()) {
                (least, &i64::MAX) => format!(", at least {least}"),
                (least, most) => format!(" from {least} to {most}"),
            };
            return self.refuse(&format!("a whole number{unit}{bounds}"), problems);
        }
        number
    }

    /// Reads `true` or `false`.
    pub fn flag(&self, problems: &mut Problems) -> Option<bool> {
        let flag = self.as_flag();
        if flag.is_none() {
            return self.refuse("true or false", problems);
        }
        flag
    }

    /// Reads a duration such as `20s` or `1h30m` within `range`.
    pub fn duration(&self, range: &RangeInclusive<Duration>, problems: &mut Problems) -> Option<Duration> {
        let read = self.as_scalar().and_then(|(text, _)| units::parse_duration(text).ok());
        let Some(duration) = read else { return self.refuse(DURATION, problems) };
        if range.contains(&duration) {
            return Some(duration);
        }
        let (least, most) = (units::human_duration(*range.start()), units::human_duration(*range.end()));
        self.refuse(&format!("a duration from {least} to {most}"), problems)
    }

    /// Reads one of the allowed words and returns what it stands for.
    pub fn word<T: Copy>(&self, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let written = self.as_scalar().map(|(text, _)| text);
        if let Some((_, meaning)) = written.and_then(|text| words.iter().find(|(word, _)| *word == text)) {
            return Some(*meaning);
        }
        let names = words.iter().map(|(word, _)| *word);
        match written.and_then(|text| nearest(text, names.clone())) {
            Some(near) => {
                let message = format!("'{}' cannot be {}", self.label, self.describe());
                problems.tell_with_help(&self.place, message, format!("did you mean '{near}'?"));
                None
            }
            None => self.refuse(&one_of(names), problems),
        }
    }

    /// Reads a list; an empty one is legal here.
    pub fn list(&self, problems: &mut Problems) -> Option<&[Self]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            Value::Scalar { .. } | Value::Mapping(_) => self.refuse("a list, such as [a, b]", problems),
        }
    }

    /// Returns the items of a list, or the single value as a list of one. `key:` with nothing is a list of one nothing.
    pub fn one_or_more(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Scalar { .. } | Value::Mapping(_) => std::slice::from_ref(self),
        }
    }

    /// Opens a group of settings; `such_as` shows its form when something else stands here (`{ url: .., from: .. }`).
    pub fn fields(&self, such_as: &str, problems: &mut Problems) -> Option<Fields<'_>> {
        match &self.value {
            Value::Mapping(entries) => Some(Fields::of(self, entries)),
            Value::Scalar { .. } | Value::Sequence(_) => {
                self.refuse(&format!("a group of settings, such as {such_as}"), problems)
            }
        }
    }

    /// Opens a group whose keys are names that the operator chose.
    pub fn entries(&self, such_as: &str, problems: &mut Problems) -> Option<&[Entry]> {
        self.fields(such_as, problems).map(|fields| fields.entries)
    }

    /// Tells that something else was expected: `'for' must be a duration such as 20s, not 'soon'`.
    pub fn refuse<T>(&self, expected: &str, problems: &mut Problems) -> Option<T> {
        if self.is_nothing() {
            let message = format!("'{}' has no value", self.label);
            problems.tell_with_help(&self.place, message, format!("write {expected}, or remove the line"));
        } else {
            problems.tell(&self.place, format!("'{}' must be {expected}, not {}", self.label, self.describe()));
        }
        None
    }
}

/// A group of settings that is being read.
#[derive(Debug)]
#[must_use = "finish() tells the settings that nobody knows"]
pub struct Fields<'a> {
    /// Where the group stands.
    pub place: &'a Place,
    /// The name of the group.
    pub label: &'a str,
    /// All settings of the group, in the order of the file.
    pub entries: &'a [Entry],
    asked: Vec<&'static str>,
    out_of_place: Vec<&'static str>,
    missing: Vec<(&'static str, Problem)>,
}

impl<'a> Fields<'a> {
    fn of(node: &'a Node, entries: &'a [Entry]) -> Self {
        Self {
            place: &node.place,
            label: &node.label,
            entries,
            asked: Vec::new(),
            out_of_place: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Returns the setting when it is there, and remembers that it is a known one.
    pub fn optional(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.node)
    }

    /// Returns the setting, or tells that it is missing; `such_as` is an example of its value.
    pub fn required(&mut self, key: &'static str, such_as: &str, problems: &mut Problems) -> Option<&'a Node> {
        let node = self.optional(key);
        if node.is_none() {
            let problem = Problem {
                place: self.place.clone(),
                message: format!("'{key}' is missing in {}", self.title()),
                help: Some(format!("write {key}: {such_as}")),
                related: None,
            };
            self.missing.push((key, problem.clone()));
            problems.push(problem);
        }
        node
    }

    /// Returns a setting that is known but has no place here, for the caller to tell why; a misspelt one is not taken
    /// for it.
    pub fn out_of_place(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.out_of_place.push(key);
        self.entries.iter().find(|entry| &*entry.key == key)
    }

    /// Returns whether an unknown setting is most likely meant as `key`, which is not there. To be asked when all that
    /// the group can hold was asked for.
    pub fn misspells(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| !self.knows(entry) && self.meant(entry) == Some(key))
    }

    /// Returns whether the group holds this setting, without asking for it.
    pub fn holds(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| &*entry.key == key)
    }

    /// Returns where the value of a setting stands, or the group itself when it is not there.
    pub fn place_of(&self, key: &str) -> &'a Place {
        self.entries.iter().find(|entry| &*entry.key == key).map_or(self.place, |entry| &entry.node.place)
    }

    /// Tells every setting that was not asked for, with the nearest one that was; a required one that was only
    /// misspelt is not told as missing any more.
    pub fn finish(self, problems: &mut Problems) {
        for entry in self.entries {
            if self.knows(entry) {
                continue;
            }
            let key = units::printable(&entry.key, SHOWN_MAX);
            let message = format!("there is no setting '{key}' in {}", self.title());
            let help = match self.meant(entry) {
                Some(near) => {
                    for (_, problem) in self.missing.iter().filter(|(key, _)| *key == near) {
                        problems.withdraw(problem);
                    }
                    format!("did you mean '{near}'?")
                }
                None => format!("write {}", one_of(self.asked.iter().copied())),
            };
            problems.tell_with_help(&entry.place, message, help);
        }
    }

    fn knows(&self, entry: &Entry) -> bool {
        self.asked.iter().chain(&self.out_of_place).any(|known| **known == *entry.key)
    }

    /// Finds what an unknown setting was most likely meant to be.
    fn meant(&self, entry: &Entry) -> Option<&'static str> {
        // A setting that is there already was not misspelt.
        let missing = self.asked.iter().copied().filter(|known| !self.holds(known));
        nearest(&entry.key, missing)
    }

    fn title(&self) -> String {
        if self.label == super::read::ROOT_LABEL { self.label.to_owned() } else { format!("'{}'", self.label) }
    }
}

/// Lists words for a message: `one of a, b or c`.
fn one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut words: Vec<&str> = words.collect();
    if words.len() > LISTED_MAX {
        words.truncate(LISTED_MAX);
        return format!("one of {} and more", words.join(", "));
    }
    match words.split_last() {
        None => "nothing here".to_owned(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("one of {} or {last}", others.join(", ")),
    }
}
