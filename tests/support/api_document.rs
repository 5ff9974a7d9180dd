//! The description of the API, asked by a validator that is not ours whether an answer is what it promises.
#![allow(dead_code, reason = "each test takes the questions that it needs")]

use boon::{Compiler, Draft, Schemas};
use serde_json::Value;

const HOME: &str = "https://schema.invalid/openapi.json";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// A description that can be asked.
pub(crate) struct ApiDocument {
    document: Value,
}

impl ApiDocument {
    pub(crate) fn of(document: &Value) -> Self {
        assert_eq!(document["openapi"], "3.1.0");
        Self { document: document.clone() }
    }

    /// Returns every path with its method and description.
    pub(crate) fn operations(&self) -> Vec<(&str, &'static str, &Value)> {
        let paths = self.document["paths"].as_object().expect("paths").iter();
        paths
            .flat_map(|(path, item): (&String, &Value)| {
                METHODS.into_iter().filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
            })
            .collect()
    }

    /// Follows a reference.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(to) = value.get("$ref").and_then(Value::as_str) else { return value };
        self.document.pointer(to.trim_start_matches('#')).unwrap_or_else(|| panic!("nothing is at {to}"))
    }

    /// Panics when an answer is none that is promised: of a route of this path, method and status.
    #[track_caller]
    pub(crate) fn check(&self, method: &str, path: &str, status: u16, kind: &str, answer: &Value) {
        let place = format!("/paths/{}/{method}/responses/{status}", escaped(path));
        let promised = self.document.pointer(&place);
        let promised = promised.unwrap_or_else(|| panic!("{method} {path} does not promise {status}: {answer}"));
        let place =
            promised.get("$ref").and_then(Value::as_str).map_or(place, |to| to.trim_start_matches('#').to_owned());
        self.validate(&format!("{place}/content/{}/schema", escaped(kind)), answer);
    }

    /// Panics when a body is none that is asked for.
    #[track_caller]
    pub(crate) fn check_body(&self, method: &str, path: &str, body: &Value) {
        self.validate(&format!("/paths/{}/{method}/requestBody/content/application~1json/schema", escaped(path)), body);
    }

    /// Panics when something is none of the part of this name.
    #[track_caller]
    pub(crate) fn check_part(&self, name: &str, value: &Value) {
        self.validate(&format!("/components/schemas/{name}"), value);
    }

    #[track_caller]
    fn validate(&self, place: &str, value: &Value) {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource(HOME, self.document.clone()).expect("a document");
        let fragment = place.replace('{', "%7B").replace('}', "%7D");
        let index = compiler.compile(&format!("{HOME}#{fragment}"), &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("no schema is at {place}: {error:#}"));
        if let Err(error) = schemas.validate(value, index) {
            panic!("{place}: {error:#}\n{value:#}");
        }
    }
}

fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}
