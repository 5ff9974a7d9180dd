//! What the readers of `fields` take, as JSON Schema: an editor then completes, explains and refuses while one types.
//!
//! One function for each reader, under its name. A schema may take more than its reader, which knows names, ranges and
//! files, but never less: what `eightysix check` accepts has no red line in the editor. Invariant: the same calls give
//! the same text.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::document::fields::DURATION;
use crate::units::human_duration;

/// The draft that yaml-language-server and with it most editors know best.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// A schema, or a part of one.
pub type Schema = Value;

/// Makes a whole schema of what stands at the top of a file, and of what is referred to by [`reference()`].
pub fn document(title: &str, description: &str, top: Schema, definitions: Vec<(String, Schema)>) -> Schema {
    let mut schema = with(described(top, description), "definitions", definitions.into_iter().collect());
    schema = with(schema, "title", title.into());
    with(schema, "$schema", DRAFT.into())
}

/// Writes a schema as it is checked in and printed.
pub fn printed(schema: &Schema) -> String {
    format!("{schema:#}\n")
}

/// Adds what an editor shows of it.
pub fn described(schema: Schema, description: &str) -> Schema {
    // What stands beside a `$ref` counts for nothing.
    let schema = if schema.get("$ref").is_some() { json!({ "allOf": [schema] }) } else { schema };
    with(schema, "description", description.into())
}

/// Adds what counts when the setting is not there, which editors fill in.
pub fn defaulting(schema: Schema, default: impl Into<Value>) -> Schema {
    with(schema, "default", default.into())
}

/// Says what to write instead of what does not fit. Editors show it in place of the pattern or the type; the keyword is
/// none of the draft's, and validators pass it over.
pub fn wanting(schema: Schema, wanted: &str) -> Schema {
    with(schema, "errorMessage", format!("Write {wanted}.").into())
}

/// Refers to a definition of the document.
pub fn reference(name: &str) -> Schema {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// Takes what `Node::text` does: numbers and flags are texts as they are written.
pub fn text() -> Schema {
    text_like("\\S", "a text")
}

/// Takes times of the day with two digits each. Only as texts: some readers of YAML take `12:30` for a number.
pub fn time_of_day(wanted: &str) -> Schema {
    with(text_like("^([01][0-9]|2[0-3]):[0-5][0-9]$", wanted), "type", "string".into())
}

/// Takes texts in which the pattern is found; a number that is meant as a text cannot be looked at.
pub fn text_like(pattern: &str, wanted: &str) -> Schema {
    wanting(json!({ "type": ["string", "number", "boolean"], "pattern": pattern }), wanted)
}

/// Takes what `Node::integer` does.
pub fn integer(range: &RangeInclusive<i64>) -> Schema {
    let integer = with(json!({ "type": "integer" }), "minimum", (*range.start()).into());
    if *range.end() == i64::MAX { integer } else { with(integer, "maximum", (*range.end()).into()) }
}

/// Takes a number in quotes or without, as readers of amounts do.
pub fn number() -> Schema {
    let pattern = "^[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?$";
    wanting(json!({ "type": ["number", "string"], "pattern": pattern }), "a number such as 3 or 2.5")
}

/// Takes what `Node::flag` does.
pub fn flag() -> Schema {
    json!({ "type": "boolean" })
}

/// Takes what `Node::duration` does, whatever its length.
pub fn duration() -> Schema {
    wanting(json!({ "type": "string", "pattern": "^\\s*([0-9]+(ms|s|m|h|d))+\\s*$" }), DURATION)
}

/// Says in a sentence which durations `Node::duration` takes within `range`.
pub fn from_to(range: &RangeInclusive<Duration>) -> String {
    format!("From {} to {}.", human_duration(*range.start()), human_duration(*range.end()))
}

/// Takes what `Node::word` does.
pub fn word<'w>(words: impl IntoIterator<Item = &'w str>) -> Schema {
    json!({ "enum": words.into_iter().collect::<Vec<_>>() })
}

/// Takes what `Node::list` does, with so many items.
pub fn list(item: &Schema, length: &RangeInclusive<usize>) -> Schema {
    let list = json!({ "type": "array", "items": item });
    let list = if *length.start() == 0 { list } else { with(list, "minItems", (*length.start()).into()) };
    if *length.end() == usize::MAX { list } else { with(list, "maxItems", (*length.end()).into()) }
}

/// Takes what `Node::one_or_more` does: an item, or a list of so many.
pub fn one_or_more(item: &Schema, length: &RangeInclusive<usize>) -> Schema {
    json!({ "anyOf": [item, list(item, length)] })
}

/// Takes what `Node::fields` and `Fields::finish` do: these settings and no others.
pub fn group(required: &[&str], settings: Vec<(&str, Schema)>) -> Schema {
    let properties: Map<String, Value> = settings.into_iter().map(|(key, form)| (key.to_owned(), form)).collect();
    let group = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if required.is_empty() { group } else { with(group, "required", required.into()) }
}

/// Takes what `Node::entries` does: names that the operator chose, of the form that `names` takes.
pub fn entries(names: Option<Schema>, entry: &Schema) -> Schema {
    let entries = json!({ "type": "object", "additionalProperties": entry });
    names.map_or(entries.clone(), |names| with(entries, "propertyNames", names))
}

/// Takes the first of these groups whose own key is there. Without any of the keys, all settings are offered and the
/// first key is missing.
pub fn by_key(groups: &[(&str, Schema)]) -> Schema {
    let settings = groups.iter().flat_map(|(_, group)| group["properties"].as_object().into_iter().flatten());
    // What one of the groups refuses by name is offered for another.
    let offered = settings.filter(|(_, form)| **form != false);
    let offered: Map<String, Value> = offered.map(|(key, form)| (key.clone(), form.clone())).collect();
    let required: Vec<&str> = groups.iter().take(1).map(|(key, _)| *key).collect();
    let none = json!({ "type": "object", "properties": offered, "additionalProperties": false, "required": required });
    groups.iter().rev().fold(none, |otherwise, (key, group)| {
        json!({ "if": { "type": "object", "required": [key] }, "then": group, "else": otherwise })
    })
}

/// Adds a keyword to a schema.
pub fn with(mut schema: Schema, keyword: &str, value: Value) -> Schema {
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert(keyword.to_owned(), value);
    }
    schema
}
