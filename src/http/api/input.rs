//! Reads queries, paths and bodies, and answers what cannot be read with problem details.
//!
//! What serde says is put into our words, since it speaks of types in Rust. Invariant: a handler behind these sees only what it
//! described.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use serde::de::DeserializeOwned;

use crate::http::problem::{Problem, WrongField};
use crate::units::printable;

/// Characters of what is said of it.
const WHY_LENGTH_MAX: usize = 300;

/// A query, each of its fields described.
pub(super) struct Query<T>(pub(super) T);

/// The variable parts of a path.
pub(super) struct Path<T>(pub(super) T);

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read_query(parts.uri.query().unwrap_or_default(), "").map(Self)
    }
}

/// Reads a query, or a part of one, where `others` names in backticks the fields of the other part.
pub(super) fn read_query<T: DeserializeOwned>(query: &str, others: &str) -> Result<T, Problem> {
    let uri = Uri::try_from(format!("/?{query}")).map_err(|why| of_query(&why.to_string(), others))?;
    let query = axum::extract::Query::try_from_uri(&uri);
    query.map(|axum::extract::Query(query)| query).map_err(|why| of_query(&why.body_text(), others))
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(path)| Self(path)).map_err(|why: PathRejection| of_path(&why.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Json::from_request(request, state).await.map(|Json(body)| Self(body)).map_err(|why| of_body(&why))
    }
}

fn of_query(why: &str, others: &str) -> Problem {
    let why = why.strip_prefix("Failed to deserialize query string: ").unwrap_or(why);
    let why = if why.contains("unknown field `") { format!("{why}{others}") } else { why.to_owned() };
    let detail = match misfit(&why) {
        Some(Misfit { field, instead }) => format!("'{}': {instead}", field.join(".")),
        None => "a parameter cannot be read; see /api/v1/openapi.json".to_owned(),
    };
    unreadable(StatusCode::BAD_REQUEST, "the query cannot be read", &detail)
}

fn of_path(why: &str) -> Problem {
    let number = why.rsplit_once("` to a `").and_then(|(head, _)| Some(head.rsplit_once('`')?.1));
    let detail = match number {
        Some(said) => format!("'{said}' stands where a whole number must be"),
        None => "a part of it cannot be read; see /api/v1/openapi.json".to_owned(),
    };
    unreadable(StatusCode::BAD_REQUEST, "the path cannot be read", &detail)
}

fn of_body(why: &JsonRejection) -> Problem {
    let title = "the body cannot be read";
    let said = why.body_text();
    match why {
        // A body that is JSON, yet not ours, is as wrong as one that is none.
        JsonRejection::JsonDataError(_) => {
            let said = said.strip_prefix("Failed to deserialize the JSON body into the target type: ").unwrap_or(&said);
            let Some(Misfit { field, instead }) = misfit(said) else {
                return unreadable(
                    StatusCode::BAD_REQUEST,
                    title,
                    "a field of it cannot be read; see /api/v1/openapi.json",
                );
            };
            let detail = if field.is_empty() { instead.clone() } else { format!("'{}': {instead}", field.join(".")) };
            let escaped = field.iter().map(|part| part.replace('~', "~0").replace('/', "~1"));
            let pointer: Vec<String> = std::iter::once("#".to_owned()).chain(escaped).collect();
            let pointer = printable(&pointer.join("/"), WHY_LENGTH_MAX);
            let wrong = WrongField { pointer, detail: printable(&instead, WHY_LENGTH_MAX) };
            unreadable(StatusCode::BAD_REQUEST, title, &detail).with_errors(vec![wrong])
        }
        JsonRejection::JsonSyntaxError(_) => {
            let place = said.rsplit_once(" at line ").map(|(_, place)| place.replace(" column ", ", column "));
            let place = place.map(|place| format!(", see line {place}")).unwrap_or_default();
            unreadable(StatusCode::BAD_REQUEST, title, &format!("it is no JSON{place}"))
        }
        JsonRejection::MissingJsonContentType(_) => {
            unreadable(why.status(), title, "send JSON, with the header 'Content-Type: application/json'")
        }
        _ if why.status() == StatusCode::PAYLOAD_TOO_LARGE => unreadable(why.status(), title, "send at most 16 KiB"),
        JsonRejection::BytesRejection(_) | _ => unreadable(StatusCode::BAD_REQUEST, title, "it did not arrive whole"),
    }
}

/// Nobody's names are in what is said: only what was sent.
fn unreadable(status: StatusCode, title: &str, detail: &str) -> Problem {
    Problem::new(status, title).with_detail(printable(detail, WHY_LENGTH_MAX))
}

/// A field that does not fit.
#[derive(Debug, PartialEq, Eq)]
struct Misfit {
    /// Where it is: its name, behind those in which it stands.
    field: Vec<String>,
    /// What to send instead.
    instead: String,
}

/// Says in our words what serde says; `None` where it says something that is not known here.
fn misfit(said: &str) -> Option<Misfit> {
    let said = said.rsplit_once(" at line ").map_or(said, |(said, _)| said);
    // Where it is stands before, unless it is the whole.
    let (place, said) = if why_of(said).is_some() { ("", said) } else { said.split_once(": ")? };
    let (name, instead) = why_of(said)?;
    // One that is known nowhere is the end of its place, whatever is in its name; one that is missing is in none.
    let outer = match name.and_then(|name| place.strip_suffix(name)) {
        Some("") => "",
        Some(outer) => outer.strip_suffix('.').unwrap_or(place),
        None => place,
    };
    let parts = outer.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let field = parts.chain(name).map(str::to_owned).collect();
    Some(Misfit { field, instead })
}

/// Returns the field that is named, and what to send instead.
fn why_of(said: &str) -> Option<(Option<&str>, String)> {
    let named = |rest: &'_ str| rest.split('`').next().map(str::len);
    let field = |prefix: &str| {
        let rest = said.strip_prefix(prefix)?;
        Some(rest.split_at(named(rest)?))
    };
    let choice = |rest: &str| rest.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(", ");
    if let Some((name, _)) = field("missing field `") {
        return Some((Some(name), "send it: it must be there".to_owned()));
    }
    if let Some((name, _)) = field("duplicate field `") {
        return Some((Some(name), "send it once".to_owned()));
    }
    if let Some((name, rest)) = field("unknown field `") {
        let fields = choice(rest.strip_prefix('`')?);
        return Some((Some(name), format!("leave it out: there are {fields}")));
    }
    if let Some((_, rest)) = field("unknown variant `") {
        return Some((None, format!("send one of {}", choice(rest.strip_prefix('`')?))));
    }
    if said.starts_with("invalid type: ") || said.starts_with("invalid value: ") {
        let (_, expected) = said.rsplit_once(", expected ")?;
        return Some((None, format!("send {}", in_words(expected))));
    }
    let instead = match said {
        "invalid digit found in string" | "cannot parse integer from empty string" => "send a whole number",
        "number too large to fit in target type" => "send a smaller number",
        "number too small to fit in target type" => "send a larger number",
        "provided string was not `true` or `false`" => "send true or false",
        _ => return None,
    };
    Some((None, instead.to_owned()))
}

/// Says what serde expects.
fn in_words(expected: &str) -> &'static str {
    match expected {
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "i64" | "i32" => "a whole number",
        "u64" | "u32" | "usize" => "a whole number, 0 or more",
        _ if expected.starts_with("struct ") => "an object",
        _ => "a value of another type",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as Bytes;
    use axum::http::header::CONTENT_TYPE;
    use axum::response::IntoResponse;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "they are read from what is sent and looked at by nobody")]
    struct Wanted {
        brand: String,
        venue: Option<u64>,
        #[serde(default)]
        ids: Vec<i64>,
        #[serde(default)]
        all: bool,
        #[serde(default)]
        how: Option<How>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum How {
        Soon,
        Later,
    }

    async fn said(problem: Problem) -> String {
        let body = axum::body::to_bytes(problem.into_response().into_body(), 10_000).await.expect("a body");
        let told: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", told["status"], text(&told["errors"][0]["pointer"]), text(&told["detail"]))
    }

    /// What serde says changes with its version; what we say does not.
    #[tokio::test]
    async fn what_cannot_be_read_of_a_body_is_named_with_what_to_send() {
        for (body, expected) in [
            ("{}", "400 #/brand 'brand': send it: it must be there"),
            (r#"{"brand":"a","who":1}"#, "400 #/who 'who': leave it out: there are brand, venue, ids, all, how"),
            (r#"{"brand":"a","brand":"b"}"#, "400 #/brand 'brand': send it once"),
            (r#"{"brand":1}"#, "400 #/brand 'brand': send a text"),
            (r#"{"brand":"a","venue":"1"}"#, "400 #/venue 'venue': send a whole number, 0 or more"),
            (r#"{"brand":"a","venue":-1}"#, "400 #/venue 'venue': send a whole number, 0 or more"),
            (r#"{"brand":"a","ids":[1,"x, expected y"]}"#, "400 #/ids/1 'ids.1': send a whole number"),
            (r#"{"brand":"a","ids":{}}"#, "400 #/ids 'ids': send a list"),
            (r#"{"brand":"a","all":null}"#, "400 #/all 'all': send true or false"),
            (r#"{"brand":"a","how":"never"}"#, "400 #/how 'how': send one of soon, later"),
            (r#"{"a.b":1}"#, "400 #/a.b 'a.b': leave it out: there are brand, venue, ids, all, how"),
            (r#"{"a/b~":1}"#, "400 #/a~1b~0 'a/b~': leave it out: there are brand, venue, ids, all, how"),
            (r#""x""#, "400 # send an object"),
            ("{\n ?", "400  it is no JSON, see line 2, column 2"),
            ("", "400  it is no JSON, see line 1, column 0"),
        ] {
            let request = Request::builder().header(CONTENT_TYPE, "application/json").body(Bytes::from(body));
            let found = Body::<Wanted>::from_request(request.expect("a request"), &()).await;
            assert_eq!(said(found.map(|_| ()).expect_err(body)).await, expected, "{body}");
        }
        let plain = Request::builder().body(Bytes::from("{}")).expect("a request");
        let found = Body::<Wanted>::from_request(plain, &()).await.map(|_| ()).expect_err("not called JSON");
        assert_eq!(said(found).await, "415  send JSON, with the header 'Content-Type: application/json'");
    }

    #[tokio::test]
    async fn what_cannot_be_read_of_a_query_is_named_with_what_to_send() {
        for (query, expected) in [
            ("", "'brand': send it: it must be there"),
            ("brand=a&who=x", "'who': leave it out: there are brand, venue, ids, all, how"),
            ("brand=a&brand=b", "'brand': send it once"),
            ("brand=a&venue=x", "'venue': send a whole number"),
            ("brand=a&venue=", "'venue': send a whole number"),
            ("brand=a&venue=99999999999999999999", "'venue': send a smaller number"),
            ("brand=a&all=maybe", "'all': send true or false"),
            ("brand=a&how=never", "'how': send one of soon, later"),
        ] {
            let request = Request::builder().uri(format!("/?{query}")).body(()).expect("a request");
            let found = Query::<Wanted>::from_request_parts(&mut request.into_parts().0, &()).await;
            assert_eq!(said(found.map(|_| ()).expect_err(query)).await, format!("400  {expected}"), "{query}");
        }
    }
}
