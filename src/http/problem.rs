//! What went wrong, for programs: problem details of RFC 9457.
//!
//! Says what, where and what to do. Invariant: never a word about how it came to be inside.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::limit::MINUTE;

/// The content type.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request was refused: problem details of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Problem {
    /// `about:blank`: the status and the title tell all of its kind.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What it is.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
    /// What is wrong with each field of the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<WrongField>,
    /// Whether the same request may be answered otherwise a minute later.
    #[serde(skip)]
    is_for_now: bool,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct WrongField {
    /// The field, as a JSON Pointer in a fragment: `#/until`.
    pub(super) pointer: String,
    /// What to send instead.
    pub(super) detail: String,
}

impl Problem {
    /// Makes one.
    pub(super) fn new(status: StatusCode, title: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            errors: Vec::new(),
            is_for_now: false,
        }
    }

    /// Says what to do about it.
    pub(super) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Says that it may pass within a minute.
    pub(super) fn for_now(self) -> Self {
        Self { is_for_now: true, ..self }
    }

    /// Says what is wrong with each field.
    pub(super) fn with_errors(self, errors: Vec<WrongField>) -> Self {
        Self { errors, ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // It holds texts and a number alone, which JSON can hold.
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM)], body).into_response();
        if self.is_for_now {
            response.headers_mut().insert(header::RETRY_AFTER, MINUTE.as_secs().into());
        }
        response
    }
}
