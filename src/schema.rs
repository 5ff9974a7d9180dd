//! What published payloads say of themselves: the types their fields have, and their JSON Schema, drawn from the types.
//!
//! A schema is derived from the very type that is serialised, its words from the table that the code uses, and its
//! sentences from the comments, so that it cannot say anything else. Never forbids a field that it does not know: fields
//! are added to a contract. Pure; invariant: the same types give the same text.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::units::Timestamp;

/// The version of every contract of today, in its topics, its `$id`s and the types of its events.
pub const VERSION: u32 = 1;

/// An instant as it is published: RFC 3339 in UTC, with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(pub Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// What has a word of its own for each of its values.
pub trait Words: Copy + 'static {
    /// Every value.
    const VALUES: &'static [Self];

    /// Returns the word of the contract.
    fn word(self) -> &'static str;
}

/// A value that is published as its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<T>(pub T);

impl<T: Words> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<T: Words> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        one_of(T::VALUES.iter().map(|value| value.word()))
    }
}

/// Takes one of these words.
pub fn one_of(words: impl IntoIterator<Item = impl Into<Value>>) -> Schema {
    json_schema!({ "type": "string", "enum": words.into_iter().map(Into::into).collect::<Vec<Value>>() })
}

/// The number that says by which version of its contract a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl JsonSchema for Version {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "const": VERSION })
    }
}

/// One kind of payload, and how it is described.
#[derive(Clone, Copy, Debug)]
pub struct Payload {
    /// What `eightysix schema` and the file call it, such as `feed-list`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    is_read: bool,
    whole: fn(SchemaGenerator) -> Schema,
    part: fn(&mut SchemaGenerator) -> Schema,
}

impl Payload {
    /// Describes what eightysix writes.
    pub const fn written<T: JsonSchema>(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            is_read: false,
            whole: SchemaGenerator::into_root_schema_for::<T>,
            part: SchemaGenerator::subschema_for::<T>,
        }
    }

    /// Describes what eightysix reads.
    pub const fn read<T: JsonSchema>(name: &'static str, title: &'static str) -> Self {
        Self { is_read: true, ..Self::written::<T>(name, title) }
    }

    /// Returns the name by which the schema is known everywhere and for ever.
    pub fn id(&self) -> String {
        format!("urn:eightysix:schema:{}:v{VERSION}", self.name)
    }

    /// Returns the whole schema, in JSON Schema 2020-12.
    pub fn schema(&self) -> Value {
        let settings = SchemaSettings::draft2020_12();
        let settings = if self.is_read { settings.for_deserialize() } else { settings.for_serialize() };
        let mut schema = (self.whole)(generator(settings));
        schema.insert("$id".to_owned(), self.id().into());
        schema.insert("title".to_owned(), self.title.into());
        schema.to_value()
    }
}

/// Parts of a document that describes several payloads.
#[derive(Debug)]
pub struct Parts(SchemaGenerator);

impl Parts {
    /// Prepares parts for a document that is written in draft 7, which most tools read, and keeps them at a JSON pointer.
    pub fn at(pointer: &'static str) -> Self {
        let settings = SchemaSettings::draft07().for_serialize();
        Self(generator(settings.with(|settings| {
            settings.definitions_path = pointer.into();
            settings.meta_schema = None;
        })))
    }

    /// Returns a reference to the part that describes a payload.
    pub fn refer_to(&mut self, payload: &Payload) -> Value {
        (payload.part)(&mut self.0).to_value()
    }

    /// Returns every part that was referred to, by its name.
    pub fn all(mut self) -> Map<String, Value> {
        self.0.take_definitions(true)
    }
}

fn generator(mut settings: SchemaSettings) -> SchemaGenerator {
    // First, as older drafts allow nothing beside a reference.
    settings.transforms.insert(0, Box::new(RecursiveTransform(plain as fn(&mut Schema))));
    settings.into_generator()
}

/// Writes a schema for readers who know nothing of Rust.
fn plain(schema: &mut Schema) {
    // Sentences are wrapped in the source only.
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    // The width of a number in memory is no promise, and strict validators refuse formats that they do not know.
    let is_of_numbers = |format: &Value| matches!(format.as_str(), Some("uint" | "uint32" | "uint64" | "double"));
    if schema.get("format").is_some_and(is_of_numbers) {
        schema.remove("format");
    }
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &String| required.as_array().is_some_and(|names| names.iter().any(|it| it == name));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.iter_mut().filter(|(name, _)| !is_required(name)).for_each(|(_, form)| never_null(form));
    }
}

/// Takes `null` out of what a property may be. One that need not be there is left out instead.
fn never_null(form: &mut Value) {
    let Some(keywords) = form.as_object_mut() else { return };
    if let Some(Value::Array(types)) = keywords.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            keywords.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(words)) = keywords.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(forms)) = keywords.get_mut("anyOf") {
        forms.retain(|it| it["type"] != "null");
        if let [Value::Object(only)] = &forms[..] {
            let only = only.clone();
            keywords.remove("anyOf");
            keywords.extend(only);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Clone, Copy)]
    enum Light {
        Green,
        Red,
    }

    impl Words for Light {
        const VALUES: &'static [Self] = &[Self::Green, Self::Red];

        fn word(self) -> &'static str {
            match self {
                Self::Green => "green",
                Self::Red => "red",
            }
        }
    }

    /// What is known of a crossing,
    /// and of no other.
    #[derive(Serialize, JsonSchema)]
    struct Crossing<'a> {
        /// Its version.
        v: Version,
        /// Its name.
        name: &'a str,
        /// What it shows now; null while it is dark.
        now: Option<Word<Light>>,
        /// What it showed before.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Word<Light>>,
        /// Since when.
        since: Instant,
        /// Until when; null for ever.
        until: Option<Instant>,
        /// How many wait.
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting: Option<u64>,
        /// The one before it.
        #[serde(skip_serializing_if = "Option::is_none")]
        neighbour: Option<Street>,
    }

    /// A street.
    #[derive(Serialize, JsonSchema)]
    struct Street {
        /// How long it is, in metres.
        length: f64,
    }

    const CROSSING: Payload = Payload::written::<Crossing<'_>>("crossing", "A crossing");

    #[test]
    fn a_schema_says_what_is_written() {
        let at = Timestamp::from_unix_ms(1_778_250_120_500);
        let crossing = Crossing {
            v: Version,
            name: "a \"b\"",
            now: Some(Word(Light::Red)),
            before: None,
            since: Instant(at),
            until: None,
            waiting: None,
            neighbour: None,
        };
        let written = serde_json::to_string(&crossing).expect("JSON");
        let expected = r#"{"v":1,"name":"a \"b\"","now":"red","since":"2026-05-08T14:22:00.500Z","until":null}"#;
        assert_eq!(written, expected);
        let schema = CROSSING.schema();
        assert_eq!(schema["$id"], "urn:eightysix:schema:crossing:v1");
        assert_eq!(schema["description"], "What is known of a crossing, and of no other.");
        // What need not be there is never null.
        assert_eq!(schema["required"], json!(["v", "name", "now", "since", "until"]));
        let form = |name: &str| {
            let mut form = schema["properties"][name].clone();
            assert!(form.as_object_mut().is_some_and(|keywords| keywords.remove("description").is_some()), "{name}");
            form
        };
        for (name, expected) in [
            ("v", json!({ "type": "integer", "const": 1 })),
            ("name", json!({ "type": "string" })),
            ("now", json!({ "type": ["string", "null"], "enum": ["green", "red", null] })),
            ("before", json!({ "type": "string", "enum": ["green", "red"] })),
            ("since", json!({ "type": "string", "format": "date-time" })),
            ("until", json!({ "type": ["string", "null"], "format": "date-time" })),
            ("waiting", json!({ "type": "integer", "minimum": 0 })),
            ("neighbour", json!({ "$ref": "#/$defs/Street" })),
        ] {
            assert_eq!(form(name), expected, "{name}");
        }
        assert_eq!(schema["$defs"]["Street"]["properties"]["length"]["type"], "number");
    }

    #[test]
    fn a_part_refers_to_its_place_in_the_document() {
        let mut parts = Parts::at("/components/schemas");
        assert_eq!(parts.refer_to(&CROSSING)["$ref"], "#/components/schemas/Crossing");
        let all = parts.all();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["Crossing", "Street"]);
        let neighbour =
            json!({ "allOf": [{ "$ref": "#/components/schemas/Street" }], "description": "The one before it." });
        assert_eq!(all["Crossing"]["properties"]["neighbour"], neighbour);
    }
}
