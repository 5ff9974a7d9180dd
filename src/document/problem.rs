//! What is wrong with the operator's files: collected, sorted, said once.
//!
//! A problem names its place, the offending text and what to write instead. Nothing here prints or decides to stop.
//! Invariant: a report is never empty, and holds at most [`PROBLEMS_MAX`] problems.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::document::{Node, Place, Value};

/// Problems kept in one report: nobody reads more, and one broken generator must not fill the log.
pub const PROBLEMS_MAX: usize = 200;

/// How alike two words must be, of 1.0, before one is offered for the other. `serverity` for `severity` is 0.9, `when`
/// for `then` 0.75, `name` for `label` 0.2.
const LIKENESS_MIN: f64 = 0.6;

/// One mistake, for a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What is wrong, with the offending text; lower case, no full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// A second place that belongs to it, and what is there: `the other rule of this name`.
    pub related: Option<(Place, String)>,
}

/// Prints one line for logs: `file:line:column: message; help`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place.file)?;
        if self.place.line > 0 {
            write!(f, ":{}:{}", self.place.line, self.place.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        if let Some((place, what)) = &self.related {
            write!(f, " ({what}: {}:{}:{})", place.file, place.line, place.column)?;
        }
        Ok(())
    }
}

/// Collects the problems of a set of files, and the files' texts to show them in.
#[derive(Clone, Default)]
pub struct Problems {
    found: Vec<Problem>,
    sources: BTreeMap<Arc<str>, Arc<str>>,
    concealed: Vec<Place>,
}

impl Problems {
    /// Starts with none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a mistake that speaks for itself.
    pub fn tell(&mut self, place: &Place, message: impl Into<String>) {
        self.push(Problem { place: place.clone(), message: message.into(), help: None, related: None });
    }

    /// Adds a mistake and what to write instead.
    pub fn tell_with_help(&mut self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        let help = Some(help.into());
        self.push(Problem { place: place.clone(), message: message.into(), help, related: None });
    }

    /// Adds a mistake in its full form.
    pub fn push(&mut self, problem: Problem) {
        self.found.push(problem);
    }

    /// Takes a problem back that turned out to be another one.
    pub(super) fn withdraw(&mut self, problem: &Problem) {
        self.found.retain(|found| found != problem);
    }

    /// Keeps the text of a file, to show problems in it. [`crate::document::read()`] calls it.
    pub fn keep_source(&mut self, file: &Arc<str>, text: &Arc<str>) {
        self.sources.insert(Arc::clone(file), Arc::clone(text));
    }

    /// Says that a value must not be shown in any line, because it is a secret that should not stand there.
    pub fn conceal(&mut self, node: &Node) {
        match &node.value {
            Value::Scalar { .. } => self.concealed.push(node.place.clone()),
            Value::Sequence(items) => items.iter().for_each(|item| self.conceal(item)),
            Value::Mapping(entries) => entries.iter().for_each(|entry| self.conceal(&entry.node)),
        }
    }

    /// Returns whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns how many problems were told so far, repetitions included.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Returns the report, sorted by place and without repetitions; `None` when nothing is wrong.
    pub fn into_report(self) -> Option<Report> {
        let Self { mut found, sources, concealed } = self;
        found.sort();
        found.dedup();
        if found.is_empty() {
            return None;
        }
        let left_out = found.len().saturating_sub(PROBLEMS_MAX);
        found.truncate(PROBLEMS_MAX);
        Some(Report { problems: found, left_out, sources, concealed })
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problems").field("found", &self.found).finish_non_exhaustive()
    }
}

/// All that is wrong with a set of files. `Display` gives one line per problem; `render` shows them in their lines.
///
/// `Debug` leaves the files' texts out, as configuration may hold a secret where it should not.
#[derive(Clone, PartialEq)]
pub struct Report {
    /// The problems by file, line and column; never empty.
    pub problems: Vec<Problem>,
    /// How many more there were beyond [`PROBLEMS_MAX`].
    pub left_out: usize,
    pub(super) sources: BTreeMap<Arc<str>, Arc<str>>,
    pub(super) concealed: Vec<Place>,
}

impl Report {
    /// Returns the sentence that counts the problems: `3 problems in 2 files`.
    pub fn summary(&self) -> String {
        let count = self.problems.len() + self.left_out;
        let mut files: Vec<&Arc<str>> = self.problems.iter().map(|problem| &problem.place.file).collect();
        files.dedup();
        let problems = if count == 1 { "problem" } else { "problems" };
        let shown = if self.left_out > 0 { format!("; the first {PROBLEMS_MAX} are shown") } else { String::new() };
        match files.as_slice() {
            [file] => format!("{count} {problems} in {file}{shown}"),
            several => format!("{count} {problems} in {} files{shown}", several.len()),
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Report");
        shown.field("problems", &self.problems).field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        f.write_str(&self.summary())
    }
}

impl std::error::Error for Report {}

/// Finds the word that was most likely meant, or `None` when no candidate is like it. Of equals the first wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let other = plain(candidate);
        let shorter = word.len().min(other.len());
        // `per_minute` is meant as `requests_per_minute`, though half of the letters are missing.
        let is_part = shorter >= 4 && (word.contains(&other) || other.contains(&word));
        let alike = strsim::normalized_damerau_levenshtein(&word, &other);
        let likeness = if is_part { alike.max(0.75) } else { alike };
        if likeness >= LIKENESS_MIN && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}
