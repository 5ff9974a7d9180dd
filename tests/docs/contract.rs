//! The documents for machines in `docs/`: made from the code, held against the standards they claim, and against the words
//! for people.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use boon::{Compiler, Schemas};
use eightysix::contract;
use eightysix::document::schema::printed;
use serde_json::{Value, json};

use super::machines::{CONTRACT, Message};
use super::markdown::{document, first_cells, root, section};

const ASYNCAPI: &str = "docs/asyncapi.json";

/// What `eightysix schema` calls it, where it is checked in, and what it is.
fn made() -> Vec<(String, String, Value)> {
    let schemas = contract::payloads().map(|payload| {
        (payload.name.to_owned(), format!("docs/schemas/{}.schema.json", payload.name), payload.schema())
    });
    schemas.chain([("asyncapi".to_owned(), ASYNCAPI.to_owned(), contract::asyncapi())]).collect()
}

#[test]
fn the_documents_are_those_of_the_code() {
    #[expect(clippy::disallowed_methods, reason = "a person asks for the documents to be written")]
    let is_to_be_written = std::env::var("UPDATE_DOCS").is_ok();
    let mut known = BTreeSet::new();
    for (word, file, made) in made() {
        let made = printed(&made);
        if is_to_be_written {
            fs::create_dir_all(root().join("docs/schemas")).expect("a folder");
            fs::write(root().join(&file), &made).expect("written");
        }
        let is_current = fs::read_to_string(root().join(&file)).is_ok_and(|written| written == made);
        assert!(is_current, "{file} is behind; write it by UPDATE_DOCS=1 cargo test --test docs");
        let output = Command::new(env!("CARGO_BIN_EXE_eightysix")).args(["schema", &word]).output().expect("it starts");
        assert!(output.status.success() && output.stdout == made.as_bytes(), "eightysix schema {word}");
        known.insert(root().join(file));
    }
    let folder = fs::read_dir(root().join("docs/schemas")).expect("docs/schemas");
    let strange: Vec<PathBuf> = folder.flatten().map(|file| file.path()).filter(|file| !known.contains(file)).collect();
    assert_eq!(strange, Vec::<PathBuf>::new(), "of no payload any more");
}

/// Compiling holds a schema against the meta-schema that it names.
#[test]
fn every_schema_is_one_of_2020_12_and_explains_every_property() {
    for payload in contract::payloads() {
        let schema = payload.schema();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{}", payload.name);
        assert_eq!(schema["$id"], format!("urn:eightysix:schema:{}:v1", payload.name).as_str());
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(&payload.id(), schema.clone()).expect("a schema of its own");
        compiler.compile(&payload.id(), &mut schemas).unwrap_or_else(|error| panic!("{}: {error:#}", payload.name));
        let mut count = 0;
        explained(payload.name, &schema, &mut count);
        assert!(count > 0, "{} has no properties", payload.name);
        let is_read = payload.name == "ack-request";
        assert_eq!(schema.get("additionalProperties"), is_read.then_some(&Value::Bool(false)), "{}", payload.name);
    }
    let broken = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "texts" });
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("urn:broken", broken).expect("a schema of its own");
    assert!(compiler.compile("urn:broken", &mut schemas).is_err(), "what is no schema is not taken for one");
}

/// Every property is described in a sentence, and every object says what must be there.
fn explained(name: &str, schema: &Value, count: &mut u32) {
    match schema {
        Value::Object(keywords) => {
            for (key, form) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let about = form["description"].as_str().unwrap_or_default();
                assert!(about.len() > 5 && about.ends_with('.'), "{name}: {key} is not described: {form}");
                assert!(!about.contains('\n') && !about.contains("[`"), "{name}: {key}: {about}");
                *count += 1;
            }
            if keywords.contains_key("properties") {
                assert!(keywords["required"].as_array().is_some_and(|it| !it.is_empty()), "{name}: {schema}");
                assert!(keywords.contains_key("description"), "{name}: {schema}");
            }
            keywords.values().for_each(|value| explained(name, value, count));
        }
        Value::Array(values) => values.iter().for_each(|value| explained(name, value, count)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Where a file of a package of npm is, which `tests/run tools` puts below target/.
pub(crate) fn npm(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the folder of cargo");
    target.join("tools/npm/node_modules").join(path)
}

/// A JSON Schema of a package of npm.
pub(crate) fn from_npm(path: &str) -> Value {
    let file = npm(path);
    let text = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; install it by tests/run tools", file.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Holds a document against the schema of its standard, which must refuse it with any of these values at their pointers.
#[track_caller]
pub(crate) fn holds(standard: Value, document: &Value, broken: &[(&str, Value)]) {
    let id = standard["$id"].as_str().expect("an id").to_owned();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    compiler.add_resource(&id, standard).expect("a schema of its own");
    let index = compiler.compile(&id, &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
    if let Err(error) = schemas.validate(document, index) {
        panic!("{error:#}");
    }
    for (pointer, value) in broken {
        let mut broken = document.clone();
        *broken.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there")) = value.clone();
        assert!(schemas.validate(&broken, index).is_err(), "{pointer} may be {value}");
    }
}

#[test]
fn the_document_of_the_feed_is_what_asyncapi_asks_for() {
    let broken = [
        ("/asyncapi", json!("2.6.0")),
        ("/servers/broker", json!({ "url": "mqtts://broker.local" })),
        ("/channels/stop/address", json!(7)),
        ("/operations/send-stop/action", json!("publish")),
        ("/operations/send-stop/bindings/mqtt/qos", json!(3)),
        ("/components/schemas/List/properties/v", json!({ "type": "whole" })),
        ("/components/messages/feed-list/bindings/mqtt/payloadFormatIndicator", json!("yes")),
    ];
    holds(from_npm("@asyncapi/specs/schemas/3.0.0.json"), &contract::asyncapi(), &broken);
}

#[test]
fn whatever_is_referred_to_is_there_and_is_used() {
    let document = contract::asyncapi();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.len() > 30, "{references:?}");
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads elsewhere"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for (kind, components) in document["components"].as_object().expect("components") {
        for name in components.as_object().expect(kind).keys() {
            assert!(references.contains(&format!("#/components/{kind}/{name}")), "nothing refers to {kind}/{name}");
        }
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            references.extend(entries.get("$ref").and_then(Value::as_str).map(str::to_owned));
            entries.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_example_fits_its_schemas() {
    let mut count = 0;
    for (name, message) in CONTRACT.document["components"]["messages"].as_object().expect("messages") {
        for example in message["examples"].as_array().expect("examples") {
            assert_eq!(CONTRACT.told_of(name, &example["payload"]), None, "{name}");
            count += 1;
        }
    }
    assert!(count > 12, "{count} examples");
}

/// One way to break each kind of promise: none of them may pass, and what is only new must.
#[test]
fn a_broken_payload_is_refused_and_a_new_field_is_not() {
    let examples = |name: &str| {
        let message = &CONTRACT.document["components"]["messages"][name];
        (message["contentType"].clone(), message["examples"][0].clone())
    };
    let told = |name: &str, topic: &str, change: &dyn Fn(&mut Value)| {
        let (content_type, mut example) = examples(name);
        change(&mut example["payload"]);
        let mut properties = json!({ "content-type": content_type, "user-properties": example["headers"] });
        if !topic.contains("bridge") {
            properties["message-expiry-interval"] = json!(60);
        }
        CONTRACT.told(&Message { topic, body: &example["payload"], properties: &properties })
    };
    let (stop, status, event) =
        ("eightysix/v1/sahil/1/stop", "eightysix/v1/sahil/1/status", "eightysix/v1/sahil/1/event");
    let product = "eightysix/v1/sahil/1/product/101";
    let fine: &dyn Fn(&mut Value) = &|_| {};
    let newer: &dyn Fn(&mut Value) = &|payload| payload["eta_out"] = json!("soon");
    for (name, topic) in [
        ("feed-list", stop),
        ("feed-status", status),
        ("event", event),
        ("feed-product", product),
        ("bridge-info", "eightysix/v1/bridge/info"),
    ] {
        assert_eq!(told(name, topic, fine), None);
        assert_eq!(told(name, topic, newer), None, "fields are added, and readers of today must read on");
    }
    let without = |name: &'static str| {
        move |payload: &mut Value| drop(payload.as_object_mut().expect("an object").remove(name).expect(name))
    };
    for (name, topic, change) in [
        ("feed-list", stop, &without("seq") as &dyn Fn(&mut Value)),
        ("feed-list", stop, &|payload| payload["v"] = json!(2)),
        ("feed-list", stop, &|payload| payload["venue"] = json!("1")),
        ("feed-list", stop, &|payload| payload["changed_at"] = json!("18:22")),
        ("feed-list", stop, &|payload| payload["business_day"] = json!("8 May")),
        ("feed-list", stop, &|payload| payload["counts"]["low"] = json!(-1)),
        ("feed-list", stop, &|payload| payload["items"][0]["state"] = json!("gone")),
        ("feed-list", stop, &|payload| payload["items"][0]["since_local"] = json!("6 pm")),
        ("feed-list", stop, &|payload| without("others_on")(&mut payload["items"][0])),
        ("feed-product", product, &without("short")),
        ("feed-product", product, &without("boot")),
        ("feed-status", status, &|payload| payload["state"] = json!("fine")),
        ("event", event, &|payload| payload["type"] = json!("dev.eightysix.alert.hidden.v1")),
        ("event", event, &|payload| payload["id"] = json!("1")),
        ("event", event, &|payload| payload["data"]["item"] = Value::Null),
        ("event", event, &|payload| payload["specversion"] = json!("0.3")),
        // Of another kind, where it has no place.
        ("feed-status", stop, fine),
        ("feed-list", "eightysix/v1/sahil/1/cmd/ack", fine),
    ] {
        assert!(told(name, topic, change).is_some(), "{name} at {topic} may be wrong");
    }
    let (_, example) = examples("event");
    let properties = json!({ "content-type": "application/json", "message-expiry-interval": 60 });
    let told = CONTRACT.told(&Message { topic: event, body: &example["payload"], properties: &properties });
    let told = told.expect("neither its content type nor its properties are right");
    assert!(told.contains("content type") && told.contains("object"), "{told}");
}

/// A field that is not in the table of people is not in the schema of machines, and the other way round.
#[test]
fn the_words_for_people_know_the_same_topics_and_fields() {
    let text = document("docs/mqtt.md");
    let topics = first_cells(section(&text, "## Topics"));
    let channels = CONTRACT.document["channels"].as_object().expect("channels");
    let addresses: BTreeSet<String> = channels
        .values()
        .map(|channel| channel["address"].as_str().expect("an address").replace("{base}", "eightysix"))
        .collect();
    assert_eq!(topics, addresses, "docs/mqtt.md and the AsyncAPI document");
    for channel in channels.values() {
        let address = channel["address"].as_str().expect("an address").replace("{base}", "eightysix");
        let heading = format!("### `{address}`\n");
        // Events of a brand look like those of a venue, and those of the bridge stand in docs/webhooks.md.
        if !text.contains(&heading) {
            continue;
        }
        let message = channel["messages"].as_object().and_then(|it| it.keys().next()).expect("a message");
        let payload = contract::payloads().find(|payload| payload.name == message).expect("a payload");
        let (schema, mut fields) = (payload.schema(), BTreeSet::new());
        paths(&schema, &schema, "", &mut fields);
        // The table of an alert says it of these as a whole.
        let whole = if message == "feed-alert" { &["ack.", "set."][..] } else { &[] };
        let fields = fields.into_iter().map(|path| match whole.iter().find(|start| path.starts_with(**start)) {
            Some(start) => start.trim_end_matches('.').to_owned(),
            None => path,
        });
        assert_eq!(first_cells(section(&text, heading.trim_end())), fields.collect(), "{address}");
    }
}

#[test]
fn the_words_for_people_lead_to_every_document_for_programs() {
    let text = document("docs/mqtt.md") + &document("docs/webhooks.md");
    for (word, file, _) in made() {
        let file = file.strip_prefix("docs/").expect("a document");
        assert!(text.contains(&format!("]({file})")) && text.contains(&format!("`eightysix schema {word}`")), "{word}");
    }
}

/// The paths of everything in a payload that is no object or list of objects.
fn paths(schema: &Value, whole: &Value, at: &str, found: &mut BTreeSet<String>) {
    let target = |form: &Value| form["$ref"].as_str().and_then(|to| whole.pointer(to.trim_start_matches('#')).cloned());
    let one_of_any = || schema["anyOf"].as_array().into_iter().flatten().find_map(target);
    if let Some(target) = target(schema).or_else(one_of_any) {
        paths(&target, whole, at, found);
    } else if schema["items"].is_object() && target(&schema["items"]).is_some() {
        paths(&schema["items"], whole, &format!("{at}[]"), found);
    } else if let Some(properties) = schema["properties"].as_object() {
        for (name, form) in properties {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            paths(form, whole, &path, found);
        }
    } else {
        found.insert(at.to_owned());
    }
}
