//! The description of the API, OpenAPI 3.1: what all routes have in common, and the route that serves it.
//!
//! What a route answers of its own stands beside the route. Invariant: each description names every status with which a
//! request may be refused.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, SecurityRequirement};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use crate::http::page::Reader;
use crate::http::problem::{Problem, WrongField};
use crate::http::view::history::HistoryLine;

/// A refusal: its status, its name among the components, when it comes, and an example: its title and what to do.
type Refusal = (&'static str, &'static str, &'static str, [&'static str; 2]);

/// What stands before every route.
const OF_ALL: [Refusal; 4] = [
    (
        "401",
        "Unknown",
        "nobody was named, or by a token that does not fit",
        ["a token is needed", "send it as 'Authorization: Bearer <token>'"],
    ),
    (
        "403",
        "NotAllowed",
        "this token does not allow it, or the request comes from a page of another origin",
        ["this token does not allow it", "use one whose 'may' is act"],
    ),
    (
        "421",
        "ForeignHost",
        "nobody is asked who he is, and the request is meant for another host",
        ["the request is meant for another host", "without tokens only this machine is served, by the name localhost"],
    ),
    (
        "429",
        "TooOften",
        "too many wrong tokens from this address, or too many orders or live streams; the header `Retry-After` says when to try again",
        ["too many wrong tokens came from this address", "wait a minute"],
    ),
];
/// What cannot be read of a request that says something.
const OF_INPUT: [Refusal; 1] = [(
    "400",
    "Unreadable",
    "the path, the query or the body cannot be read, or the cursor is none of ours",
    ["this is no cursor of this list", "send the next_cursor of the page before, unchanged, or none to begin"],
)];
/// What cannot be taken of a body.
const OF_BODY: [Refusal; 2] = [
    ("413", "TooLarge", "the body is larger than 16 KiB", ["the body cannot be read", "send at most 16 KiB"]),
    (
        "415",
        "NotJson",
        "the body is not sent as `application/json`",
        ["the body cannot be read", "send JSON, with the header 'Content-Type: application/json'"],
    ),
];
/// What routes may answer that look into the store, or reckon something long.
const OF_LOOKS: Refusal = (
    "503",
    "Unread",
    "the database cannot be read now, or what is asked for would take too long; the header `Retry-After` says when to try again",
    [
        "the database cannot be read now",
        "ask for less, such as one venue or a shorter time; if it stays so, see the log of eightysix",
    ],
);
/// What routes answer that take a brand.
const OF_BRANDS: Refusal =
    ("404", "NoBrand", "there is no such brand", ["there is no such brand", "the brands are: sahil, nar"]);
const PROBLEM_JSON: &str = "application/problem+json";

/// Among the responses of a route: [`OF_LOOKS`].
pub(super) struct Unread;

impl IntoResponses for Unread {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        referred(&OF_LOOKS)
    }
}

/// Among the responses of a route: [`OF_BRANDS`].
pub(super) struct NoBrand;

impl IntoResponses for NoBrand {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        referred(&OF_BRANDS)
    }
}

fn referred((status, name, ..): &Refusal) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    [((*status).to_owned(), RefOr::Ref(Ref::from_response_name(*name)))].into()
}

/// Returns what is known before the routes are.
pub(super) fn begun() -> OpenApi {
    let about = "What eightysix knows of stop lists and what can be done about alerts. Fields are added, never renamed or \
        removed: ignore those that you do not know. Times are RFC 3339 in UTC. Every refusal is problem details of RFC 9457.";
    let info = InfoBuilder::new().title("eightysix").version("1").description(Some(about)).build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer
        .description(Some(
            "A token of `http.tokens`; `may: read` for GET, `may: admin` to reload, `may: act` for the rest.",
        ))
        .build();
    let cookie = ApiKeyValue::with_description(
        "eightysix",
        "The cookie of a browser that signed in at `/login`; on another port than 8686 its name ends with it.",
    );
    let components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .schema(WrongField::name(), WrongField::schema())
        // Events are texts to OpenAPI: what they hold is described beside them.
        .schema(HistoryLine::name(), HistoryLine::schema())
        .security_scheme("token", SecurityScheme::Http(bearer))
        .security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
        .build();
    let none: [&str; 0] = [];
    let security = ["token", "cookie"].map(|scheme| SecurityRequirement::new(scheme, none));
    OpenApiBuilder::new().info(info).components(Some(components)).security(Some(security)).build()
}

/// Adds to each route with what it may be refused.
pub(super) fn finished(api: OpenApi) -> Value {
    // A description of ours holds texts and numbers, which JSON can hold.
    let mut document = serde_json::to_value(api).unwrap_or_default();
    let all = [&OF_ALL[..], &OF_INPUT, &OF_BODY, &[OF_LOOKS, OF_BRANDS]].concat();
    document["components"]["responses"] =
        all.iter().map(|refusal| (refusal.1.to_owned(), described(refusal))).collect();
    let items = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in items.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        let (has_body, has_parameters) =
            (operation.get("requestBody").is_some(), operation.get("parameters").is_some());
        let input = if has_body || has_parameters { &OF_INPUT[..] } else { &[] };
        let body = if has_body { &OF_BODY[..] } else { &[] };
        for (status, name, ..) in OF_ALL.iter().chain(input).chain(body) {
            let responses = &mut operation["responses"];
            if responses.get(status).is_none() {
                responses[status] = json!({ "$ref": format!("#/components/responses/{name}") });
            }
        }
    }
    document
}

fn described((status, _, when, [title, detail]): &Refusal) -> Value {
    let status: u16 = status.parse().unwrap_or_default();
    let example = json!({ "type": "about:blank", "title": title, "status": status, "detail": detail });
    let content = json!({ "schema": { "$ref": "#/components/schemas/Problem" }, "example": example });
    json!({ "description": when, "content": { PROBLEM_JSON: content } })
}

/// Describes the API
///
/// This document, OpenAPI 3.1.
#[utoipa::path(
    get, path = "/openapi.json", tag = "description", operation_id = "describe",
    responses((status = 200, description = "the description", body = serde_json::Value, example = json!({ "openapi": "3.1.0" })))
)]
pub(super) async fn serve(Extension(reader): Extension<Reader>) -> Response {
    let mut document = super::description();
    if !reader.base.is_empty() {
        document["servers"] = json!([{ "url": *reader.base }]);
    }
    Json(document).into_response()
}
