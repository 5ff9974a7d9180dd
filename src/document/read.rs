//! Builds the tree from the parser's events.
//!
//! Takes the events of serde-saphyr's own parser rather than derived structs: those stop at the first mistake and do
//! not tell a quoted `"10"` from a number. So no untyped path exists in which `on` turns into `true`, and a second
//! duplicate key or a tag (`!item.active` without quotes) is a problem among others. Invariant: the tree holds at most
//! [`NODES_MAX`] nodes, [`DEPTH_MAX`] deep, aliases expanded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_yaml::granit_parser::{self, Event, Marker, Parser, ScalarStyle, ScanError, Span};

use crate::document::{Entry, Node, Place, Problem, Problems, Value, syntax};
use crate::units;

/// Bytes of a file: a thousand rules are about 400 KB, and a wrong file (a log, a dump) is refused before it is read.
pub const BYTES_MAX: usize = 1024 * 1024;
/// Groups within groups; a rule needs about 10. It bounds recursion, here and in every reader.
pub const DEPTH_MAX: usize = 64;
/// Values in a file, aliases expanded: a file of [`BYTES_MAX`] cannot need more, a bomb of aliases does.
pub const NODES_MAX: usize = 200_000;
/// Uses of aliases (`*name`) in a file.
pub const ALIASES_MAX: usize = 10_000;

/// Characters of a key; longer ones are values that lost their place.
const KEY_LENGTH_MAX: usize = 256;
/// The name of the setting that holds all others.
pub(super) const ROOT_LABEL: &str = "this file";

/// Reads a file's bytes into a tree, and keeps its text with the problems. An empty file is an empty group.
///
/// Returns `None` after telling why there is no tree. With a tree there may be problems as well (duplicate keys, tags):
/// it is good for finding more, and not for use.
pub fn read(file: &Arc<str>, bytes: &[u8], problems: &mut Problems) -> Option<Node> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.len() > BYTES_MAX {
        let message = format!("the file has more than the {BYTES_MAX} bytes that are read");
        problems.tell_with_help(&Place::whole(file), message, "split it into several files");
        return None;
    }
    let text: Arc<str> = match std::str::from_utf8(bytes) {
        Ok(text) => with_plain_line_ends(text).into(),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let place = place_of_end(file, &with_plain_line_ends(&before));
            problems.keep_source(file, &with_plain_line_ends(&String::from_utf8_lossy(bytes)).into());
            problems.tell_with_help(&place, "this is not UTF-8 text", "save the file as UTF-8");
            return None;
        }
    };
    problems.keep_source(file, &text);
    if let Some((before, _)) = text.split_once('\0') {
        let help = "save the file as text, or name another one";
        problems.tell_with_help(&place_of_end(file, before), "there is a zero byte, so this is no text", help);
        return None;
    }
    let mut options = granit_parser::Options::default();
    options.flow_nesting_limit = DEPTH_MAX;
    options.block_nesting_limit = DEPTH_MAX;
    options.emit_unresolved_aliases = true;
    let mut reader = Reader {
        file,
        text: &text,
        parser: Parser::new_from_str_with_options(&text, options),
        problems,
        anchors: BTreeMap::new(),
        nodes: 0,
        aliases: 0,
    };
    match reader.document() {
        Ok(root) => Some(root),
        Err(Stop::Told) => None,
        Err(Stop::Syntax(error)) => {
            let problem = syntax::problem(file, &text, &error);
            problems.push(problem);
            None
        }
    }
}

/// Ends every line as YAML means it. A lone carriage return ends one, too, and who counts lines otherwise would show, and
/// mask, another line than the parser spoke of.
fn with_plain_line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

/// Why reading ended early.
enum Stop {
    Syntax(ScanError),
    Told,
}

struct Reader<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    problems: &'t mut Problems,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    aliases: usize,
}

impl<'t> Reader<'t> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events may grow")]
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    let message = "a second document begins here";
                    self.problems.tell_with_help(&self.place(span), message, "put it into a file of its own");
                    return Err(Stop::Told);
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span, &ROOT_LABEL.into(), 1)?);
                }
                Event::StreamEnd => break,
                _ => return Err(self.unexpected(span)),
            }
        }
        let place = Place { file: Arc::clone(self.file), line: 1, column: 1, length: 1 };
        let empty = Node { place, label: ROOT_LABEL.into(), value: Value::Mapping(Vec::new()) };
        Ok(root.filter(|root| !root.is_nothing()).unwrap_or(empty))
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Anchor(..), _))) => {}
                Some(Ok(found)) => return Ok(found),
                Some(Err(error)) => return Err(Stop::Syntax(error)),
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    /// Builds the node that `event` begins.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events may grow")]
    fn node(&mut self, event: Event<'t>, span: Span, label: &Arc<str>, depth: usize) -> Result<Node, Stop> {
        let place = self.place(span);
        self.count_nodes(1, &place)?;
        if depth > DEPTH_MAX {
            self.problems.tell(&place, syntax::too_deep());
            return Err(Stop::Told);
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = self.is_tagged(tag.as_deref(), span) || style != ScalarStyle::Plain;
                (anchor, Value::Scalar { text: text.into_owned(), quoted })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.is_tagged(tag.as_deref(), span);
                (anchor, self.sequence(label, depth)?)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.is_tagged(tag.as_deref(), span);
                (anchor, self.mapping(depth)?)
            }
            Event::Alias(anchor) => return self.alias(anchor, &place, label, depth),
            Event::UnresolvedAlias(name) => {
                let help = "if '*' belongs to the value, put the value in quotes; an anchor is written '&name' first";
                self.problems.tell_with_help(&place, "no anchor of this name stands above", help);
                (0, Value::Scalar { text: format!("*{name}"), quoted: true })
            }
            _ => return Err(self.unexpected(span)),
        };
        let node = Node { place, label: Arc::clone(label), value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, label: &Arc<str>, depth: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(items)),
                (event, span) => items.push(self.node(event, span, label, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Node> = Vec::new();
        let mut seen: BTreeMap<Arc<str>, Place> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let place = self.place(span);
            let is_plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key: Arc<str> = match &self.node(event, span, &ROOT_LABEL.into(), depth + 1)?.value {
                Value::Scalar { text, .. } if text.chars().count() <= KEY_LENGTH_MAX => text.as_str().into(),
                Value::Scalar { .. } | Value::Sequence(_) | Value::Mapping(_) => {
                    let help = "write a word, a colon and the value; a value with {{ }} needs quotes";
                    self.problems.tell_with_help(&place, "this cannot be the name of a setting", help);
                    return Err(Stop::Told);
                }
            };
            let (event, span) = self.next()?;
            let mut node = self.node(event, span, &key, depth + 1)?;
            if matches!(node.value, Value::Sequence(_) | Value::Mapping(_)) || node.is_nothing() {
                node.place = place.clone();
            }
            if is_plain && &*key == "<<" {
                merged.push(node);
            } else if let Some(first) = seen.get(&key) {
                self.problems.push(Problem {
                    message: format!("'{}' is set twice", units::printable(&key, 60)),
                    place,
                    help: Some("keep one of the two".to_owned()),
                    related: Some((first.clone(), "first set here".to_owned())),
                });
            } else {
                seen.insert(Arc::clone(&key), place.clone());
                entries.push(Entry { key, place, node });
            }
        }
        for node in merged {
            self.merge(&node, &mut entries);
        }
        Ok(Value::Mapping(entries))
    }

    /// Adds the settings of a merge key (`<<: *name`) that the group does not set itself.
    fn merge(&mut self, node: &Node, entries: &mut Vec<Entry>) {
        for source in node.one_or_more() {
            let Value::Mapping(others) = &source.value else {
                let message = format!("'<<' takes in a group of settings, not {}", source.describe());
                self.problems.tell(&source.place, message);
                continue;
            };
            for other in others {
                if entries.iter().all(|entry| entry.key != other.key) {
                    entries.push(other.clone());
                }
            }
        }
    }

    fn alias(&mut self, anchor: usize, place: &Place, label: &Arc<str>, depth: usize) -> Result<Node, Stop> {
        self.aliases += 1;
        if self.aliases > ALIASES_MAX {
            self.problems.tell(place, format!("the file uses more than the {ALIASES_MAX} aliases that are read"));
            return Err(Stop::Told);
        }
        let Some(node) = self.anchors.get(&anchor) else {
            self.problems.tell(place, "this alias stands within the value that it repeats");
            return Err(Stop::Told);
        };
        let (nodes, levels) = measure(node);
        let node = node.clone();
        self.count_nodes(nodes, place)?;
        if depth + levels > DEPTH_MAX {
            self.problems.tell(place, syntax::too_deep());
            return Err(Stop::Told);
        }
        // The place stays that of the repeated value: its text is what a problem with it has to show.
        Ok(Node { label: Arc::clone(label), ..node })
    }

    fn count_nodes(&mut self, more: usize, place: &Place) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > NODES_MAX {
            let message = format!("the file holds more than the {NODES_MAX} values that are read");
            self.problems.tell_with_help(place, message, "split the file, or repeat less by aliases");
            return Err(Stop::Told);
        }
        Ok(())
    }

    /// Tells a tag that means nothing here, and returns whether there was one.
    ///
    /// Without it `when: !item.active && ...` would lose its first half without a word. The text is not repeated, as
    /// it may be a password that begins with an exclamation mark.
    fn is_tagged(&mut self, tag: Option<&granit_parser::Tag>, span: Span) -> bool {
        let Some(tag) = tag else { return false };
        if !["str", "map", "seq"].iter().any(|known| tag.is_yaml_core_schema_tag(known)) {
            let place = self.place(span.tag_span().unwrap_or(span));
            let message = "YAML takes a value that begins with '!' for a tag, and there are no tags here";
            self.problems.tell_with_help(&place, message, "put the whole value in quotes");
        }
        true
    }

    fn unexpected(&mut self, span: Span) -> Stop {
        debug_assert!(false, "the parser never sends this event here");
        self.problems.tell(&self.place(span), "this cannot be read as YAML");
        Stop::Told
    }

    fn place(&self, span: Span) -> Place {
        place_of(self.file, self.text, span.start, span.end)
    }
}

/// Returns the place of a span, ended at the end of its first line.
pub(super) fn place_of(file: &Arc<str>, text: &str, start: Marker, end: Marker) -> Place {
    let begins = start.byte_offset().unwrap_or(0);
    let ends = end.byte_offset().unwrap_or(begins).max(begins);
    let line = text.get(begins..ends).unwrap_or("").lines().next().unwrap_or("");
    let length = line.trim_end().chars().count().max(1);
    Place { file: Arc::clone(file), line: start.line(), column: start.col() + 1, length }
}

/// Returns the place right behind `before`, the beginning of a file.
pub(super) fn place_of_end(file: &Arc<str>, before: &str) -> Place {
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Place { file: Arc::clone(file), line, column, length: 1 }
}

/// Returns how many nodes a tree holds and how deep it is.
fn measure(node: &Node) -> (usize, usize) {
    let children = match &node.value {
        Value::Scalar { .. } => Vec::new(),
        Value::Sequence(items) => items.iter().collect(),
        Value::Mapping(entries) => entries.iter().map(|entry| &entry.node).collect(),
    };
    children.into_iter().map(measure).fold((1, 1), |(nodes, levels), (more, deep)| (nodes + more, levels.max(deep + 1)))
}
