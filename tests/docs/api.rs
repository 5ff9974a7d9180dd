//! The description of the API is that of the code, and its own examples fit it.

use std::fs;
use std::process::Command;

use eightysix::document::schema::printed;
use eightysix::http;
use serde_json::{Value, json};

use super::api_document::ApiDocument;
use super::contract::{from_npm, holds};
use super::markdown::root;

const FILE: &str = "docs/openapi.json";

#[test]
fn the_description_of_the_api_is_that_of_the_code() {
    let made = printed(&http::api_description());
    #[expect(clippy::disallowed_methods, reason = "a person asks for the description to be written")]
    if std::env::var("UPDATE_DOCS").is_ok() {
        fs::write(root().join(FILE), &made).expect("written");
    }
    let printed =
        Command::new(env!("CARGO_BIN_EXE_eightysix")).args(["schema", "openapi"]).output().expect("it starts");
    assert!(printed.status.success() && printed.stdout == made.as_bytes(), "eightysix schema openapi");
    let is_current = fs::read_to_string(root().join(FILE)).is_ok_and(|written| written == made);
    assert!(is_current, "{FILE} is behind; write it by UPDATE_DOCS=1 cargo test --test docs");
}

/// Its schemas as well, which the schema of OpenAPI leaves to the dialect that a document chooses: ours is 2020-12.
/// The package has the official schema with its dynamic references made plain, so that the place of a dialect is one.
#[test]
fn the_description_of_the_api_is_what_openapi_asks_for() {
    let mut standard = from_npm("@seriousme/openapi-schema-validator/schemas/v3.1/schema.json");
    let schemas = standard.pointer_mut("/$defs/schema").expect("what is a schema");
    *schemas = json!({ "$ref": "https://json-schema.org/draft/2020-12/schema" });
    let brands = "/paths/~1api~1v1~1brands/get";
    let broken = [
        ("/openapi".to_owned(), json!("3.0.3")),
        ("/info".to_owned(), json!({ "title": "eightysix" })),
        ("/paths/~1api~1v1~1brands".to_owned(), json!({ "fetch": {} })),
        (format!("{brands}/parameters/0/in"), json!("body")),
        (format!("{brands}/parameters/0/required"), json!("no")),
        (format!("{brands}/parameters/0/schema/type"), json!("whole")),
        (format!("{brands}/responses"), json!({ "fine": { "description": "Brands." } })),
        (format!("{brands}/responses/200/description"), Value::Null),
        (format!("{brands}/responses/200/content/application~1json/schema/$ref"), json!(7)),
        ("/components/schemas/Brand/properties/brand/type".to_owned(), json!("text")),
        ("/components/securitySchemes/token/type".to_owned(), json!("bearer")),
    ];
    let broken: Vec<(&str, Value)> = broken.iter().map(|(at, value)| (at.as_str(), value.clone())).collect();
    holds(standard, &http::api_description(), &broken);
}

#[test]
fn every_answer_has_an_example_that_fits_its_schema() {
    let description = http::api_description();
    let document = ApiDocument::of(&description);
    let mut examples = 0;
    for (path, method, operation) in document.operations() {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let response = document.resolved(response);
            let Some(content) = response["content"].as_object() else {
                assert_eq!(status, "204", "{method} {path} {status} has no content");
                continue;
            };
            for (kind, content) in content {
                if kind == "text/event-stream" || kind == "text/csv" {
                    assert!(content["example"].is_string(), "{method} {path} {status}");
                } else {
                    assert_ne!(content["example"], Value::Null, "{method} {path} {status} has no example");
                    let status = status.parse().expect("a status");
                    document.check(method, path, status, kind, &content["example"]);
                }
                examples += 1;
            }
        }
        if let Some(body) = operation.get("requestBody") {
            let content = &body["content"]["application/json"];
            assert_ne!(content["example"], Value::Null, "{method} {path} has no example of its body");
            document.check_body(method, path, &content["example"]);
        }
    }
    assert!(examples > 5);
}

/// Returns whether a schema, which may be one of several, says so.
fn says(schema: &Value, key: &str, value: &str) -> bool {
    let of_it = schema[key] == value || schema[key].as_array().is_some_and(|all| all.contains(&value.into()));
    of_it || schema["oneOf"].as_array().is_some_and(|all| all.iter().any(|one| says(one, key, value)))
}

#[test]
fn one_thing_has_one_word_and_one_unit() {
    let description = http::api_description();
    let schemas = description["components"]["schemas"].as_object().expect("schemas");
    let mut seen = 0;
    for (name, schema) in schemas.iter().filter(|(name, _)| !name.ends_with("Body")) {
        let parts = schema["allOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
        let fields = parts.iter().filter_map(|part| part["properties"].as_object()).flatten();
        for (field, of) in fields {
            let word = field.rsplit('_').next().expect("a word");
            let is_right = match word {
                // A number of pieces, called so on MQTT.
                "at" if field == "low_at" => says(of, "type", "number"),
                "ms" | "id" if field != "id" => false,
                "s" => says(of, "$ref", "#/components/schemas/Seconds"),
                "at" | "of" | "since" | "from" | "until" => says(of, "format", "date-time"),
                "venue" | "product" | "station" | "category" if field == word => says(of, "type", "integer"),
                "freshness" => says(of, "$ref", "#/components/schemas/Freshness"),
                "access" => says(of, "$ref", "#/components/schemas/BrandAccess"),
                _ => !field.starts_with("is_"),
            };
            assert!(is_right, "{name}.{field} is named as something else: {of}");
            seen += usize::from(is_right);
        }
    }
    assert!(seen > 100, "{seen} fields");
}
