//! YAML text as a tree in which every value knows its place, so that all mistakes can be told at once and exactly.
//!
//! `read` turns a text into [`Node`]s, `fields` reads settings out of them, `schema` says to editors what `fields` reads,
//! `problem` collects what is wrong, and `render` shows it under the offending text. Configuration and rules are both read through here. Nothing here does
//! I/O, and nothing panics on any input. Invariant: a reader that returns `None` has told a problem.

mod fields;
mod problem;
mod read;
mod render;
pub mod schema;
mod syntax;

use std::sync::Arc;

pub use fields::Fields;
pub use problem::{PROBLEMS_MAX, Problem, Problems, Report, nearest};
pub use read::{ALIASES_MAX, BYTES_MAX, DEPTH_MAX, NODES_MAX, read};

/// Where a piece of text stands. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The file as the operator named it.
    pub file: Arc<str>,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// The column in characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// How many characters of the line are meant, at least 1 where a line is named.
    pub length: usize,
}

impl Place {
    /// Means the file as a whole: it is missing, too large, or not readable.
    pub fn whole(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: 0, column: 0, length: 0 }
    }

    /// Means the characters from `start` to `end` (byte offsets) of a scalar's own text that begins at this place.
    ///
    /// For an expression or a template inside a value. `quoted` values begin one character later than their place.
    /// Places behind the end of the value's first line stay at the whole value, as escapes and folded lines move them.
    pub fn within(&self, text: &str, start: usize, end: usize, quoted: bool) -> Self {
        let (Some(before), Some(meant)) = (text.get(..start), text.get(start..end)) else { return self.clone() };
        let opening = usize::from(quoted);
        if text.contains('\n') || text.chars().count() + 2 * opening != self.length {
            return self.clone();
        }
        let column = self.column + opening + before.chars().count();
        Self { column, length: meant.chars().count().max(1), ..self.clone() }
    }
}

/// A value of the document together with the setting it belongs to.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where it stands: a scalar's own text, or the key of a group or list (its first item where there is no key).
    pub place: Place,
    /// The name of the setting: its key, or its list's key; `this file` at the top.
    pub label: Arc<str>,
    /// The value.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A single value. Its type is the reader's to decide, from the text as it was written.
    Scalar {
        /// The text, with quotes and escapes resolved.
        text: String,
        /// Whether it stood in quotes or in a block (`|`, `>`), and hence is text whatever it looks like.
        quoted: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A group of settings, in the order of the file; every key once.
    Mapping(Vec<Entry>),
}

/// A setting in a group.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key as text.
    pub key: Arc<str>,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

#[cfg(test)]
mod tests;
