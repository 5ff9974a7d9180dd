//! Reads queries, paths and bodies, and answers what cannot be read with problem details.
//!
//! Invariant: a handler behind these sees only what it described.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;
use crate::units::printable;

/// Characters of what a parser says.
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
        read_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads a query, or a part of one.
pub(super) fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let failed = |why: String| unreadable(StatusCode::BAD_REQUEST, "the query cannot be read", &why);
    let uri = Uri::try_from(format!("/?{query}")).map_err(|why| failed(why.to_string()))?;
    let query = axum::extract::Query::try_from_uri(&uri);
    query.map(|axum::extract::Query(query)| query).map_err(|why| failed(why.body_text()))
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        let failed = |why: PathRejection| unreadable(why.status(), "the path cannot be read", &why.body_text());
        path.map(|axum::extract::Path(path)| Self(path)).map_err(failed)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Json::from_request(request, state).await;
        let failed = |why: JsonRejection| unreadable(why.status(), "the body cannot be read", &why.body_text());
        body.map(|Json(body)| Self(body)).map_err(failed)
    }
}

/// Says what cannot be read, as its parser says it. Nobody's names are in it: only what was sent.
fn unreadable(status: StatusCode, title: &str, why: &str) -> Problem {
    // A body that is JSON, yet not ours, is as wrong as one that is none.
    let status = if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status };
    Problem::new(status, title).with_detail(printable(why, WHY_LENGTH_MAX))
}
