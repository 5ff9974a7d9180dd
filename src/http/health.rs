//! `/livez` and `/readyz`: whether the process answers, and whether it does its job.
//!
//! For machines that look often and have no token: counts are shown and no names. Invariant: to look changes nothing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::clock;
use crate::vitals::{Check, Vitals};

/// A look of a minute ago says nothing of now.
const UNCACHED: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

pub(super) fn router(vitals: Arc<Vitals>) -> Router {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(vitals)
}

async fn livez() -> Response {
    ([UNCACHED], "alive\n").into_response()
}

async fn readyz(State(vitals): State<Arc<Vitals>>) -> Response {
    let health = vitals.health(clock::now(), clock::uptime());
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let check = |check: &Check| json!({ "name": check.name, "ok": check.is_ok, "says": check.says });
    let body = json!({ "ready": health.is_ready(), "checks": health.checks().map(check) });
    (status, [UNCACHED], Json(body)).into_response()
}
