//! Reads the queries, paths and forms of pages, and answers what cannot be read with a page that says what to do.
//!
//! Says nothing in the words of a parser: whoever reads a page did not write what it reads. Invariant: whatever is sent to the
//! address of a page, the answer is a page in the language of its reader.

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::http::access::Visitor;
use crate::http::page::{Reader, message, refusal};
use crate::http::words::refusal as words;
use crate::language::Language;

/// A query.
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

/// The variable parts of a path.
pub(in crate::http) struct Path<T>(pub(in crate::http) T);

/// The fields of a form.
pub(in crate::http) struct Fields(pub(in crate::http) Vec<(String, String)>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        let failed = |why: QueryRejection| answer(parts, why.status(), words::address);
        query.map(|axum::extract::Query(query)| Self(query)).map_err(failed)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        // A path that cannot be one of ours leads to nothing, as one of a venue that is not there.
        path.map(|axum::extract::Path(path)| Self(path)).map_err(|_| nothing_here(parts))
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        match Form::from_request(Request::from_parts(parts.clone(), body), state).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(why) => {
                let status = status(&why);
                let says = if status == StatusCode::PAYLOAD_TOO_LARGE { words::too_large } else { words::form };
                Err(answer(&parts, status, says))
            }
        }
    }
}

impl Fields {
    /// Takes the first of each field; a browser may send others with them.
    pub(in crate::http) fn first(&self, name: &str) -> String {
        self.0.iter().find(|(of, _)| of == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// A form that is one, yet not ours, is as wrong as what is none.
fn status(why: &FormRejection) -> StatusCode {
    if why.status() == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { why.status() }
}

/// Answers a method that a page has no use for.
pub(in crate::http) async fn wrong_method(request: Request) -> Response {
    answer(&request.into_parts().0, StatusCode::METHOD_NOT_ALLOWED, words::method)
}

/// Answers an address at which there is no page.
pub(in crate::http) fn nothing_here(parts: &Parts) -> Response {
    answer(parts, StatusCode::NOT_FOUND, words::nothing_here)
}

/// Lists the sections for whoever was let in; others are told nothing but what is wrong.
fn answer(parts: &Parts, status: StatusCode, says: fn(Language) -> &'static str) -> Response {
    let reader = Reader::of(parts);
    let text = says(reader.language);
    let is_let_in = parts.extensions.get::<Visitor>().is_some();
    if is_let_in { refusal(&reader, status, text) } else { message(&reader, status, text) }
}
